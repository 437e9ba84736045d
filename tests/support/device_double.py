"""A stand-in for CuPy on machines without a GPU: NumPy inside, CuPy's manners outside.

`cupy` is a namespace to hand to `chainrule.backends.gpu.Cuda` in place of the real module, so that the code for the GPU
runs in every test. It is strict where CuPy is:

- Nothing is converted implicitly: NumPy asking for a device array, or a device operation given a NumPy array, raises.
- Reductions and indices give arrays of shape (), never scalars, and such an array is neither an index nor a container.
- Reading values on the host makes it wait for the device. `count_syncs` counts that, `forbid_syncs` refuses it.
- CuPy's names only; and where the real CuPy is installed (it imports without a GPU) also its arguments and dtypes.

What CuPy does silently is not imitated: its rounding, and that it wraps indices around instead of refusing them.
"""

import inspect
from collections import Counter
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace

import numpy as np

from chainrule.backends.base import philox

try:
    import cupy as real
except ImportError:
    real = None

# NumPy's functions and array attributes that CuPy 14 lacks, for where it is not installed
LACKING = frozenset(
    """busday_count busday_offset datetime_as_string datetime_data einsum_path frompyfunc geomspace histogram_bin_edges
    insert is_busday isnat matvec nanpercentile nanquantile ndenumerate nditer nested_iters polyder polydiv polyint
    spacing unstack vecdot vecmat""".split()
)
LACKING_ATTRIBUTES = frozenset("ctypes getfield resize setfield setflags to_device".split())


# ---- host synchronisation


class HostSyncError(RuntimeError):
    """The host read a value from the device where it must not."""


_watchers = []


def _sync(what):
    for watch in _watchers:
        watch(what)


@contextmanager
def _watched_by(watch):
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)


@contextmanager
def count_syncs():
    """Inside the with-block, count how often the host waits for the device: a Counter of reasons."""
    counts = Counter()
    with _watched_by(lambda what: counts.update([what])):
        yield counts


def forbid_syncs():
    """Inside the with-block, a host that waits for the device gets a HostSyncError."""

    def refuse(what):
        raise HostSyncError(f"{what} makes the host wait for the device")

    return _watched_by(refuse)


# ---- crossing over


def device(value):
    """What NumPy answered, as CuPy would have: every number and array is a device array."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(device, value))
    return value


def host(value):
    """The arrays inside the device arrays of an argument, for NumPy to work on."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, (tuple, list)):
        return type(value)(map(host, value))
    return value


def refuse_host_arrays(value):
    """CuPy's TypeError if an argument is, or holds, a NumPy array."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        for item in value:
            refuse_host_arrays(item)


def _on_device(value):
    """Whether an operand is a device array, or a sequence of nothing else."""
    return isinstance(value, ndarray) or isinstance(value, (tuple, list)) and value and all(map(_on_device, value))


def quiet(function, *args, **kwargs):
    """Call a NumPy function as a GPU computes: without warnings about nan and inf."""
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


# ---- the array

_METHODS = frozenset(  # methods that are the function of the same name, and so take its arguments
    """all any argmax argmin argsort clip cumprod cumsum dot max mean min nonzero prod repeat round squeeze std sum
    swapaxes take trace var""".split()
)


class ndarray:
    """A device array: what `cupy.ndarray` allows, and no more."""

    __slots__ = ("_host", "__weakref__")
    __array_priority__ = 100

    def __init__(self, array):
        self._host = array

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)

    @property
    def flags(self):
        return SimpleNamespace(**{f: getattr(self._host.flags, f) for f in ("c_contiguous", "f_contiguous", "owndata")})

    def __getattr__(self, name):
        missing = name in LACKING_ATTRIBUTES if real is None else not hasattr(real.ndarray, name)
        if missing or name.startswith("_") or name == "data":  # `data` would be a pointer to device memory
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        if name in _METHODS:
            return lambda *args, **kwargs: getattr(cupy, name)(self, *args, **kwargs)
        value = getattr(self._host, name)
        if not callable(value):
            return device(value)

        def method(*args, **kwargs):
            refuse_host_arrays([args, list(kwargs.values())])
            return device(quiet(value, *host(args), **{k: host(v) for k, v in kwargs.items()}))

        return method

    # -- reading on the host

    def get(self, stream=None, order="C", out=None, blocking=True):
        _sync("get")
        return np.array(self._host, order=order)

    def item(self, *index):
        _sync("item")
        return self._host.item(*index)

    def tolist(self):
        _sync("tolist")
        return self._host.tolist()

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # -- indexing

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        if any(getattr(part, "dtype", None) is np.dtype(bool) for part in parts):
            _sync("mask")  # the shape of the result depends on the mask's values
        return device(self._host[host(index)])

    def __setitem__(self, index, value):
        parts = index if isinstance(index, tuple) else (index,)
        advanced = any(isinstance(part, (list, np.ndarray, ndarray)) for part in parts)
        if np.ndim(host(value)) and not isinstance(value, ndarray) and not advanced:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._host[host(index)] = host(value)

    # -- NumPy's protocols: np.exp(x) and np.shape(x) answer with CuPy's functions

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        known = (ndarray, np.ndarray, np.generic, bool, int, float, complex)
        if method != "__call__" or not all(isinstance(x, known) for x in inputs):
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return getattr(cupy, ufunc.__name__)(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function.__module__ != "numpy" or not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        return getattr(cupy, function.__name__)(*args, **kwargs)


def _reader(convert):
    def read(self, *args):
        _sync(convert.__name__)
        return convert(self._host, *args)

    return read


def _operator(ufunc, kind):
    """A binary operator: NumPy's ufunc, which asks both operands for their say."""
    if kind == "reflected":
        return lambda self, other: ufunc(other, self)
    if kind == "in place":
        return lambda self, other: ufunc(self, other, out=self)
    return lambda self, other: ufunc(self, other)


for _convert in (float, int, complex, bool, repr, str, format):
    setattr(ndarray, f"__{_convert.__name__}__", _reader(_convert))
for _name, _ufunc in dict(
    add=np.add, sub=np.subtract, mul=np.multiply, truediv=np.divide, floordiv=np.floor_divide, mod=np.remainder,
    pow=np.power, lshift=np.left_shift, rshift=np.right_shift, and_=np.bitwise_and, or_=np.bitwise_or,
    xor=np.bitwise_xor,
).items():  # fmt: skip
    for _prefix, _kind in {"": "", "r": "reflected", "i": "in place"}.items():
        setattr(ndarray, f"__{_prefix}{_name.rstrip('_')}__", _operator(_ufunc, _kind))
for _name, _ufunc in dict(
    eq=np.equal, ne=np.not_equal, lt=np.less, le=np.less_equal, gt=np.greater, ge=np.greater_equal, matmul=np.matmul
).items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc, ""))
for _name, _ufunc in dict(neg=np.negative, pos=np.positive, abs=np.absolute, invert=np.invert).items():
    setattr(ndarray, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
ndarray.__rmatmul__ = _operator(np.matmul, "reflected")
ndarray.__hash__ = None


# ---- the namespace

_FROM_HOST = frozenset("array asarray asanyarray ascontiguousarray asfortranarray".split())
_FROM_NOTHING = _FROM_HOST | frozenset(  # functions that need no device array among their arguments
    """arange broadcast_shapes can_cast empty eye full hamming identity indices isscalar issubdtype linspace logspace
    ones promote_types result_type tri zeros""".split()
)
_SYNCING = frozenset("argwhere bincount compress extract flatnonzero nonzero unique".split())


class Ufunc:
    """A function of each element: of device arrays and scalars, with the dtypes that CuPy has loops for."""

    def __init__(self, ufunc, theirs):
        self.ufunc, self.theirs = ufunc, theirs
        self.__name__ = ufunc.__name__

    def __call__(self, *operands, out=None, dtype=None, casting="same_kind"):
        refuse_host_arrays(operands)
        if any(isinstance(operand, (list, tuple)) for operand in operands):
            raise TypeError("Unsupported type <class 'list'>")
        operands = host(operands)
        results = quiet(self.ufunc, *operands, dtype=dtype, casting=casting)
        if dtype is None and self.theirs is not None:
            results = results if isinstance(results, tuple) else (results,)
            results = tuple(np.asarray(r).astype(t) for r, t in zip(results, self._dtypes(operands), strict=True))
            results = results if len(results) > 1 else results[0]
        if out is None:
            return device(results)
        np.copyto(out._host, results, casting=casting)
        return out

    def _dtypes(self, operands):
        """The dtypes of CuPy's results: those of its first loop that takes the operands."""
        kinds = "biufc"
        strong = [x.dtype for x in operands if hasattr(x, "dtype")]
        rank = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 2}
        highest = max((rank[d.kind] for d in strong), default=-1)
        for loop in self.theirs.types:
            wanted, given = loop.split("->")
            for x, char in zip(operands, wanted, strict=True):
                weak = type(x) in (int, float, complex) and 0 <= rank[np.dtype(type(x)).kind] <= highest
                own = x.dtype if hasattr(x, "dtype") else np.dtype(type(x))
                if own.kind not in kinds:
                    break
                fits = np.can_cast(own, char) or weak and np.result_type(np.dtype(char), type(x)(0)) == np.dtype(char)
                if not fits:
                    break
            else:
                return given
        raise TypeError(
            f"Wrong type {[getattr(x, 'dtype', type(x)) for x in operands]} of arguments for {self.__name__}"
        )

    def at(self, array, indices, values):
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        if array.dtype.char not in "iIlLqQefd":
            raise TypeError(f"cupy.add.at does not support {array.dtype}")
        np.add.at(array._host, host(indices), host(values))


def _function(name, numpys, theirs):
    """A function of whole arrays, with CuPy's arguments."""
    signature = None if theirs is None else _signature(theirs)

    def call(*args, **kwargs):
        if signature is not None:
            signature.bind(*args, **kwargs)
        operands = [*args, *kwargs.values()]
        if name in _FROM_HOST:
            args = [a.copy() if isinstance(a, np.ndarray) else a for a in args]  # the device has its own memory
        else:
            refuse_host_arrays(operands)
        if name not in _FROM_NOTHING:
            first = next((x for x in operands if not isinstance(x, str)), None)
            if not _on_device(first) and not (name == "where" and isinstance(first, np.generic)):
                raise TypeError(f"{name}: needs a device array, was given {type(first)}")
        if name in _SYNCING or name == "where" and len(operands) == 1:
            _sync(name)
        out = kwargs.get("out")
        result = quiet(numpys, *host(args), **{k: host(v) for k, v in kwargs.items()})
        if out is not None:
            return out
        if args and isinstance(args[0], ndarray) and result is args[0]._host:
            return args[0]  # as asarray does
        return device(result)

    call.__name__ = name
    return call


def _signature(function):
    try:
        return inspect.signature(function)
    except ValueError:  # written in C
        return None


class ElementwiseKernel:
    """A kernel from CUDA text. Only the one for random words is known here; a test compiles its text."""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="", no_return=False,
                 return_tuple=False, **options):  # fmt: skip
        if not name.startswith("chainrule_philox"):
            raise NotImplementedError(f"the device double cannot run the kernel {name!r}")

    def __call__(self, key, first, *, size):
        first = first._host if isinstance(first, ndarray) else first
        return ndarray(philox(int(np.uint64(key)), int(np.uint64(first)), size))


class Namespace:
    """The module `cupy`."""

    ndarray = ndarray
    ElementwiseKernel = ElementwiseKernel
    cuda = SimpleNamespace(
        is_available=lambda: True,
        get_current_stream=lambda: SimpleNamespace(synchronize=lambda: _sync("synchronize")),
    )

    @staticmethod
    def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
        return a.get(order=order) if isinstance(a, ndarray) else np.asarray(a, order=order)

    @staticmethod
    def get_default_memory_pool():
        return SimpleNamespace(used_bytes=lambda: 0, total_bytes=lambda: 0)

    @cache  # noqa: B019  there is one namespace, for good
    def __getattr__(self, name):
        if name.startswith("__") or (name in LACKING if real is None else not hasattr(real, name)):
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        value, theirs = getattr(np, name), getattr(real, name, None)
        if isinstance(value, type) or not callable(value):
            return value
        if isinstance(value, np.ufunc) and value.signature is None:
            return Ufunc(value, theirs)
        return _function(name, value, theirs)


cupy = Namespace()
