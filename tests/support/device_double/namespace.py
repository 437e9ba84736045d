"""The module `cupy`: NumPy's functions of the names that CuPy has, with what CuPy takes and what it gives."""

import inspect
from functools import cache
from types import SimpleNamespace

import numpy as np

from chainrule.autograd.ops.sums import total

from . import costs, indexing, loops
from .array import ndarray
from .crossing import host, is_on_device, quiet, refuse_host_arrays
from .events import note
from .kernels import ElementwiseKernel, RawKernel, RawModule, ReductionKernel
from .streams import cuda

try:
    import cupy as real
except ImportError:
    real = None

# NumPy's functions that CuPy 14 lacks, for where it is not installed
LACKING = frozenset(
    """busday_count busday_offset datetime_as_string datetime_data einsum_path frompyfunc geomspace histogram_bin_edges
    insert is_busday isnat matvec nanpercentile nanquantile ndenumerate nditer nested_iters polyder polydiv polyint
    spacing unstack vecdot vecmat""".split()
)
_FROM_HOST = frozenset("array asarray asanyarray ascontiguousarray asfortranarray".split())
_FROM_NOTHING = _FROM_HOST | frozenset(  # functions that need no device array among their arguments
    """arange broadcast_shapes can_cast empty eye full hamming identity indices isscalar issubdtype linspace logspace
    ones promote_types result_type tri zeros""".split()
)
_WRAPPING = frozenset("take take_along_axis".split())


def device(value):
    """What NumPy answered, as CuPy would have: every number and array is a device array."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray.of(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(device, value))
    return value


def _on_device(value):
    """Whether an operand is a device array, or a sequence of nothing else."""
    return is_on_device(value) or isinstance(value, (tuple, list)) and value and all(map(_on_device, value))


class Ufunc:
    """A function of each element: of device arrays and scalars, with the dtypes of CuPy's results."""

    def __init__(self, ufunc):
        self.ufunc, self.__name__ = ufunc, ufunc.__name__

    def __call__(self, *operands, out=None, dtype=None, casting="same_kind"):
        refuse_host_arrays(operands)
        if any(isinstance(operand, (list, tuple)) for operand in operands):
            raise TypeError("Unsupported type <class 'list'>")
        inside = host(operands)
        dtypes = loops.results(self.__name__, inside) if dtype is None else [dtype] * self.ufunc.nout
        results = quiet(self.ufunc, *inside, dtype=dtype, casting=casting)
        results = results if isinstance(results, tuple) else (results,)
        results = [np.asarray(r).astype(t, copy=False) for r, t in zip(results, dtypes, strict=True)]
        if out is not None:
            overlaps = sum(
                is_on_device(x) and x is not out and np.may_share_memory(x._host, out._host) for x in operands
            )
            note("launches", "copy", results[0].size and overlaps)
        note("launches", self.__name__, results[0].size and 1)
        if out is None:
            return device(results[0] if len(results) == 1 else tuple(results))
        np.copyto(host(out), *results, casting=casting)
        return out

    def at(self, array, indices, values):
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        array.scatter_add(indices, values)


def _function(name, numpys, theirs):
    """A function of whole arrays, with CuPy's arguments."""
    signature = None if theirs is None else _signature(theirs)

    @cache  # a function is called often, and in few ways
    def check(number, *names):
        if signature is not None:
            signature.bind(*[None] * number, **dict.fromkeys(names))

    def call(*args, **kwargs):
        check(len(args), *kwargs)
        operands = [*args, *kwargs.values()]
        if name in _FROM_HOST:
            if not _on_device(args[0]):
                return _from_host(name, *args, **kwargs)
        else:
            refuse_host_arrays(operands)
        if name not in _FROM_NOTHING:
            first = next((x for x in operands if not isinstance(x, str)), None)
            if not _on_device(first) and not (name == "where" and isinstance(first, np.generic)):
                raise TypeError(f"{name}: needs a device array, was given {type(first)}")
        out = kwargs.get("out")
        inside, named = host(args), {k: host(v) for k, v in kwargs.items()}
        if name in _WRAPPING:
            inside, named = _wrapped(*inside, **named), {}
        result = quiet(numpys, *inside, **named)
        costs.pay(name, args, kwargs, result)
        if out is not None:
            return out
        if args and is_on_device(args[0]) and result is args[0]._host:
            return args[0]  # as asarray does
        return result if name in costs.NOTHING else device(np.asarray(result) if isinstance(result, bool) else result)

    call.__name__ = name
    return call


def _from_host(name, data, *args, **kwargs):
    """An array of the device with memory of its own; a single number travels with the kernel that fills it."""
    result = np.array(getattr(np, name)(data, *args, **kwargs))
    note("uploads" if result.ndim else "launches", name, result.size and 1)
    return ndarray.of(result)


def _wrapped(a, indices, axis=None, *rest):
    """The arguments of take, with indices that wrap around."""
    return a, indexing.wrapped(np.asarray(indices), a.size if axis is None else a.shape[axis]), axis, *rest


def _sum(x, axis=None, dtype=None, out=None, keepdims=False):
    """np.sum, with the digits that are kept where many threads add up: as those of the CPU's code."""
    return total(x, axis, keepdims) if dtype is None and out is None else np.sum(x, axis, dtype, out, keepdims)


def _signature(function):
    try:
        return inspect.signature(function)
    except ValueError:  # written in C
        return None


def _random(name):
    """A function of `cupy.random`: numbers of another generator, so only their shape and dtype tell."""

    def draw(*args, **kwargs):
        note("launches", f"random.{name}")
        return device(getattr(np.random, name)(*args, **kwargs))

    return draw


_RANDOM = (
    "beta choice exponential gamma normal permutation poisson rand randint randn random shuffle standard_normal uniform"
)


class Namespace:
    """The module `cupy`."""

    ndarray = ndarray
    ElementwiseKernel, ReductionKernel = ElementwiseKernel, ReductionKernel
    RawKernel, RawModule = RawKernel, RawModule
    cuda = cuda
    random = SimpleNamespace(seed=lambda seed=None: None, **{name: _random(name) for name in _RANDOM.split()})

    @staticmethod
    def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
        return a.get(order=order) if is_on_device(a) else np.asarray(a, order=order)

    @staticmethod
    def get_default_memory_pool():
        return SimpleNamespace(
            used_bytes=lambda: 0, total_bytes=lambda: 0, free_bytes=lambda: 0, free_all_blocks=lambda: None
        )

    @staticmethod
    def get_array_module(*args):
        return cupy if any(map(is_on_device, args)) else np

    @cache  # noqa: B019  there is one namespace, for good
    def __getattr__(self, name):
        if name.startswith("__") or (name in LACKING if real is None else not hasattr(real, name)):
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        value, theirs = getattr(np, name), getattr(real, name, None)
        if isinstance(value, (type, int, float)) or value is None:
            return value
        if isinstance(value, np.ufunc) and name in loops.LOOPS:
            return Ufunc(value)
        if not costs.modelled(name):
            raise NotImplementedError(f"the device double does not model cupy.{name}: add what it costs to costs.py")
        return _function(name, _sum if name == "sum" else value, theirs)


cupy = Namespace()
ndarray.namespace = cupy
