"""How many launches each function of CuPy 14.2 costs, read from its source: a function not named here is not modelled.

One call of cuBLAS, of CUB or of Thrust counts as one, whatever it does inside. `dot` of two vectors is a product and a sum;
`concatenate` copies array by array up to eight, and with more uploads their addresses for one kernel; `repeat` along an
axis copies element by element.
"""

from math import prod

import numpy as np

from .crossing import host, is_on_device
from .events import note
from .streams import refuse_while_capturing

NOTHING = frozenset(  # they look at shapes and dtypes
    """broadcast_shapes can_cast iscomplexobj isrealobj isscalar issubdtype may_share_memory ndim promote_types result_type
    shape shares_memory size""".split()
)
VIEWS = frozenset(  # no launch where the result is a view of its argument, otherwise a copy
    """array asanyarray asarray ascontiguousarray asfortranarray astype atleast_1d atleast_2d atleast_3d broadcast_arrays
    broadcast_to diagonal expand_dims flip fliplr flipud matrix_transpose moveaxis permute_dims ravel real reshape rollaxis
    rot90 split squeeze swapaxes transpose array_split hsplit vsplit""".split()
)
ONE = frozenset(  # a kernel, a memset or a reduction
    """all amax amin any arange argmax argmin around bincount clip copy copyto count_nonzero fabs full full_like max mean min
    nanargmax nanargmin nanmax nanmin nanprod nansum nan_to_num ones ones_like prod round sum take tri trace zeros
    zeros_like""".split()
)
SEVERAL = dict(
    allclose=2, array_equal=2, array_equiv=2, argsort=3, cumprod=2, cumsum=2, diag=2, diff=1, einsum=3, eye=2, hamming=1,
    identity=2, isclose=1, linspace=2, logspace=3, median=5, nanmean=3, nanstd=6, nanvar=5, outer=1, percentile=8,
    quantile=8, searchsorted=1, sort=2, std=3, tril=2, triu=2, var=2,
)  # fmt: skip
EMPTY = frozenset("empty empty_like".split())  # memory from the pool
WAITING = dict(argwhere=4, compress=5, extract=5, flatnonzero=4, nonzero=4, unique=6)
BY_ARGUMENTS = {}  # filled below

_CONCATENATE_SINGLE_KERNEL = 2 * 2**20  # bytes for each array, up to which more than eight are copied at once


def _costs(function):
    BY_ARGUMENTS[function.__name__] = function
    return function


def pay(name, args, kwargs, result):
    """Note what a call has cost."""
    if name in NOTHING or name in EMPTY:
        return
    if name in BY_ARGUMENTS:
        BY_ARGUMENTS[name](result, *args, **kwargs)
        return
    results = result if isinstance(result, (tuple, list)) else [result]
    size = sum(np.size(r) for r in results)
    if name in WAITING:
        note("waits", name)
        note("launches", name, WAITING[name])
    elif name in ("array", "asarray", "asanyarray") and isinstance(args[0], (list, tuple)):
        concatenate(result, args[0])
    elif name in VIEWS:
        sources = [host(a) for a in args[:1] if is_on_device(a)] or [host(a) for a in args if is_on_device(a)]
        if size and not all(any(np.may_share_memory(r, s) for s in sources) for r in results):
            note("launches", name)
    elif size:
        note("launches", name, 1 if name in ONE else SEVERAL[name])


def modelled(name):
    """Whether the cost of a function is known."""
    return any(name in group for group in (NOTHING, VIEWS, ONE, SEVERAL, EMPTY, WAITING, BY_ARGUMENTS))


def _copied(array, wanted):
    """A copy where an operand of a product is not laid out as cuBLAS takes it."""
    if not wanted:
        note("launches", "copy")


@_costs
def concatenate(result, arrays, axis=0, out=None, **_):
    arrays = [host(a) for a in arrays if a.size]
    same = all(a.dtype == result.dtype for a in arrays)
    if len(arrays) > 8 and same and result.nbytes < _CONCATENATE_SINGLE_KERNEL * len(arrays):
        alike = all(a.flags.c_contiguous and a.shape == arrays[0].shape for a in arrays)
        note("uploads", "concatenate", 1 if alike else 3)
        note("launches", "concatenate")
    else:
        note("launches", "concatenate", len(arrays))


@_costs
def stack(result, arrays, axis=0, **_):
    concatenate(result, arrays)


for _name in ("hstack", "vstack", "dstack", "column_stack", "concat", "append"):
    BY_ARGUMENTS[_name] = lambda result, *arrays, **_: concatenate(
        result, arrays[0] if len(arrays) == 1 else arrays[:2]
    )


@_costs
def where(result, condition, x=None, y=None):
    if x is None:
        note("waits", "where")
        note("launches", "where", WAITING["nonzero"])
    elif result.size:
        note("launches", "where", 1 + (np.asarray(host(condition)).dtype != bool))


@_costs
def dot(result, a, b, out=None):
    a, b = host(a), host(b)
    if not a.ndim or not b.ndim:
        note("launches", "multiply")
    elif not a.size or not b.size:
        note("launches", "fill")
    elif np.size(result) == 1:
        note("launches", "multiply")
        note("launches", "sum")
    else:
        for x in (a, b):
            _copied(x, x.dtype == result.dtype)
            _copied(x, x.flags.forc or min(x.shape) == 1)
        if result.dtype.kind in "fc":
            refuse_while_capturing("cuBLAS")
        note("launches", "matmul")


@_costs
def matmul(result, a, b, out=None):
    a, b = host(a), host(b)
    if max(a.ndim, b.ndim) <= 2:
        dot(result, a, b)
        return
    for x in (a, b):
        _copied(x, x.flags.c_contiguous and x.dtype == result.dtype and result.dtype != np.float16)
    _copied(result, result.dtype != np.float16)
    if a.shape[:-2] != b.shape[:-2] and prod(result.shape[:-2]) > 1:
        note("launches", "pointers of matrices", 3)
    if result.dtype.kind in "fc":
        refuse_while_capturing("cuBLAS")
    note("launches", "matmul")


@_costs
def repeat(result, a, repeats, axis=None):
    if is_on_device(repeats):
        raise ValueError("cupy.ndaray cannot be specified as `repeats` argument.")
    single = np.size(repeats) == 1
    entries = a.size if axis is None else a.shape[axis]
    note("launches", "repeat", 1 if axis is None and single else entries if single else np.count_nonzero(repeats))


@_costs
def roll(result, a, shift, axis=None):
    axes, shifts = np.atleast_1d(0 if axis is None else axis), np.atleast_1d(shift)
    lengths = [a.size] if axis is None else [a.shape[i] for i in axes]
    note("launches", "roll", prod(2 if s % (n or 1) else 1 for s, n in np.broadcast(shifts, lengths)))


@_costs
def pad(result, array, pad_width, mode="constant", **kwargs):
    plain = mode == "constant" and not kwargs
    widths = np.broadcast_to(pad_width, (array.ndim, 2))
    note("launches", "pad", 2 if plain else 1 + np.count_nonzero(widths))


@_costs
def tile(result, a, reps):
    note("launches", "tile")


@_costs
def take_along_axis(result, a, indices, axis):
    note("launches", "take_along_axis", (a.ndim - 1) + 2 + a.ndim if a.ndim > 1 else 1)


@_costs
def meshgrid(result, *arrays, **_):
    note("launches", "meshgrid", len(arrays))
