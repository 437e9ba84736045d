"""The device array: what `cupy.ndarray` allows, and no more."""

from types import SimpleNamespace

import numpy as np

from . import indexing
from .crossing import host, refuse_host_arrays
from .events import note
from .streams import Device

# what NumPy's arrays have, CuPy's not
LACKING = frozenset("ctypes getfield resize setfield setflags to_device".split())
_FUNCTIONS = frozenset(  # methods that are the function of the same name
    """all any argmax argmin argsort clip compress cumprod cumsum dot max mean min nonzero prod ptp ravel repeat
    round squeeze std sum swapaxes take trace var""".split()
)


class ndarray:
    """A device array, of which `_host` is the NumPy array that holds the values."""

    __slots__ = ("_host", "device", "__weakref__")
    __array_priority__ = 100
    namespace = None  # whose functions are behind the operators; set by namespace.py

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None:
            raise NotImplementedError("the device double makes no arrays of pointers")
        self._host, self.device = np.empty(shape, dtype, order), Device()

    @classmethod
    def of(cls, array):
        """The device array, on the current device, that holds this NumPy array."""
        self = object.__new__(cls)
        self._host, self.device = array, Device()
        return self

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: self._view(self._host.T))
    mT = property(lambda self: self._view(self._host.mT))
    real = property(lambda self: self._view(self._host.real))
    flat = property(lambda self: FlatIter(self))
    base = property(lambda self: None if self._host.base is None else self._view(self._host.base))

    @property
    def flags(self):
        return SimpleNamespace(**{f: getattr(self._host.flags, f) for f in ("c_contiguous", "f_contiguous", "owndata")})

    @property
    def data(self):
        """A pointer, as kernels take it."""
        return SimpleNamespace(ptr=self._host.ctypes.data, device=self.device, device_id=self.device.id)

    def __getattr__(self, name):
        if name in _FUNCTIONS:
            return lambda *args, **kwargs: getattr(self.namespace, name)(self, *args, **kwargs)
        if name in _NOT_MODELLED:
            raise NotImplementedError(f"the device double does not model ndarray.{name}: add it in array.py")
        raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

    def _view(self, array):
        view = ndarray.of(array)
        view.device = self.device
        return view

    # -- reading on the host

    def get(self, stream=None, order="C", out=None, blocking=True):
        return self._read("get", order)

    def _read(self, what, order="C"):
        if self.size:
            note("waits", what)
        if order == "C" and not self._host.flags.c_contiguous:
            note("launches", "copy")
        return np.array(self._host, order=order)

    def item(self):
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._read("item").item()

    def tolist(self):
        return self._read("tolist").tolist()

    def tobytes(self, order="C"):
        return self._read("tobytes").tobytes(order)

    def tofile(self, fid, sep="", format="%s"):
        return self._read("tofile").tofile(fid, sep, format)

    def dump(self, file):
        return self._read("dump").dump(file)

    def dumps(self):
        return self._read("dumps").dumps()

    def __reduce__(self):
        return _sent, (self._read("pickle"),)

    def __bool__(self):
        if self.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
            )
        return bool(self._read("bool")) if self.size else False

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # -- writing and copying

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        note("uploads", "set")
        self._host[...] = arr

    def fill(self, value):
        if np.ndim(host(value)):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if self.size:
            note("launches", "fill")
        self._host.fill(host(value))

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        result = self._host.astype(dtype, order, copy=copy)
        if result is self._host:
            return self
        if self.size:
            note("launches", "astype")
        return ndarray.of(result)

    def copy(self, order="C"):
        if self.size:
            note("launches", "copy")
        return ndarray.of(self._host.copy(order))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def flatten(self, order="C"):
        if self.size:
            note("launches", "copy")
        return ndarray.of(self._host.flatten(order))

    def view(self, dtype=None):
        return self._view(self._host.view() if dtype is None else self._host.view(dtype))

    def diagonal(self, offset=0, axis1=0, axis2=1):
        view = self._host.diagonal(offset, axis1, axis2)
        view.flags.writeable = self._host.flags.writeable
        return self._view(view)

    def reshape(self, *shape, order="C"):
        return self.namespace.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes):
        return self._view(self._host.transpose(*axes))

    def conj(self):
        return np.conjugate(self) if self.dtype.kind == "c" else self

    conjugate = conj

    # -- indexing

    def __getitem__(self, index):
        return self._view(indexing.get(self, index))

    def __setitem__(self, index, value):
        indexing.put(host(self), index, value)

    def scatter_add(self, slices, value):
        indexing.add(host(self), slices, value)

    # -- NumPy's protocols: np.exp(x) and np.shape(x) answer with CuPy's functions

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        known = (ndarray, np.ndarray, np.generic, bool, int, float, complex)
        if method != "__call__" or not all(isinstance(x, known) for x in inputs):
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return getattr(self.namespace, ufunc.__name__)(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function.__module__ != "numpy" or not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        return getattr(self.namespace, function.__name__)(*args, **kwargs)


_NOT_MODELLED = frozenset(
    """argpartition byteswap choose cstruct imag mdspan partition put reduced_view scatter_max scatter_min searchsorted sort
    toDlpack""".split()
)


def _sent(array):
    note("uploads", "pickle")
    return ndarray.of(array)


class FlatIter:
    """`x.flat`: its elements are device arrays."""

    def __init__(self, array):
        self.base, self._next = array, 0

    def __len__(self):
        return self.base.size

    def __getitem__(self, index):
        if isinstance(index, (tuple, bool)) or not isinstance(index, (int, np.integer, slice)):
            raise IndexError("unsupported iterator index")
        note("launches", "flat")
        return self.base._view(np.asarray(self.base._host.flat[index]))

    def __setitem__(self, index, value):
        if isinstance(index, (tuple, bool)) or not isinstance(index, (int, np.integer, slice)):
            raise IndexError("unsupported iterator index")
        refuse_host_arrays(value)
        note("launches", "flat")
        self.base._host.flat[index] = host(value)

    def __iter__(self):
        return self

    def __next__(self):
        if self._next == len(self):
            raise StopIteration
        self._next += 1
        return self[self._next - 1]


# ---- operators


def _reader(convert):
    return lambda self, *args: convert(self._read(convert.__name__)[()], *args)


def _operator(ufunc, kind=""):
    """A binary operator: NumPy's ufunc, which asks both operands for their say."""
    if kind == "reflected":
        return lambda self, other: ufunc(other, self)
    if kind == "in place":
        return lambda self, other: ufunc(self, other, out=self)
    return lambda self, other: ufunc(self, other)


for _convert in (float, int, complex, repr, str, format, bytes):
    setattr(ndarray, f"__{_convert.__name__}__", _reader(_convert))
for _name, _ufunc in dict(
    add=np.add, sub=np.subtract, mul=np.multiply, truediv=np.divide, floordiv=np.floor_divide, mod=np.remainder,
    pow=np.power, lshift=np.left_shift, rshift=np.right_shift, and_=np.bitwise_and, or_=np.bitwise_or,
    xor=np.bitwise_xor, matmul=np.matmul, divmod=np.divmod,
).items():  # fmt: skip
    for _prefix, _kind in {"": "", "r": "reflected", "i": "in place"}.items():
        setattr(ndarray, f"__{_prefix}{_name.rstrip('_')}__", _operator(_ufunc, _kind))
del ndarray.__imatmul__, ndarray.__idivmod__  # which CuPy lacks
for _name, _ufunc in dict(
    eq=np.equal, ne=np.not_equal, lt=np.less, le=np.less_equal, gt=np.greater, ge=np.greater_equal
).items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in dict(neg=np.negative, pos=np.positive, abs=np.absolute, invert=np.invert).items():
    setattr(ndarray, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
ndarray.__hash__ = None
