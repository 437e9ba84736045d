"""In what dtype a function works: one rule, applied to every function by what its declaration says.

- Integers (and booleans) beside floating operands become what NumPy's promotion makes of them all.
- `floats`: the result is floating by nature (exp, a mean, an activation, a loss). Integers become the default dtype first,
  or float64 where that could not hold them: 32 bits and more.
- `accumulates`: the result adds up or multiplies many numbers. float16 works in float32, and the result, rounded once, is
  float16 again; integers work in 64 bits and stay so.

How sums of float32 keep their digits stands in ops/sums.py.

Example:
    >>> import chainrule as cr
    >>> whole, half = cr.tensor([1, 2, 3], dtype="int32"), cr.ones(3000, dtype="float16")
    >>> [str(y.dtype) for y in (whole * half[:3], cr.exp(whole), whole.sum(), half.sum())]
    ['float64', 'float64', 'int64', 'float16']
    >>> half.sum().item()  # one by one in float16, 1 would be added to 2048 in vain
    3000.0
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .tensor import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT = [np.dtype(np.float32)]  # of floating data that does not bring its own; set_default_dtype changes it
SETTLED = "fdg"  # the dtypes that no function converts: float32, float64, long double
_FLOAT = np.dtype(np.float64)


def wide(dtype):
    """The dtype in which numbers of `dtype` are added up."""
    if dtype.kind in "bi":
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if dtype.kind == "u" else np.promote_types(dtype, np.float32)


def unsettled(a):
    """Whether `a` is an array of a dtype that a function may have to convert."""
    return getattr(a, "dtype", _FLOAT).char not in SETTLED


def settled(function, args, options, arrays, floats, accumulates):
    """`function` called in the dtype that the rule gives `arrays`, its numeric operands; None if they have it already."""
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype")]
    if not dtypes or any(dtype.kind not in "biuf" for dtype in dtypes):
        return None
    result = np.result_type(*dtypes)
    if floats and result.kind != "f":
        result = np.result_type(result, DEFAULT[0])
    work = wide(result) if accumulates else result
    odd = "biuf" if accumulates else "biu"
    changing = {id(a) for a in arrays if unsettled(a) and a.dtype.kind in odd and a.dtype != work}
    if not changing:
        return None
    convert = lambda a: a.astype(work) if id(a) in changing else a
    out = function(*map(convert, args), **{name: convert(a) for name, a in options.items()})
    return out.astype(result) if result.kind == "f" and work != result else out


def floating(*arrays):
    """The arrays (or numbers) with integers converted as where `floats` is declared."""
    alike = lambda *arrays: arrays
    return settled(alike, arrays, {}, arrays, floats=True, accumulates=False) or arrays


def settling(inputs: Sequence[str], floats: bool = False, accumulates: bool = False) -> Callable[[Function], Function]:
    """A decorator: brings `inputs`, names of a function's first parameters, to the dtype that the rule gives them."""
    count, names = len(inputs), set(inputs)

    def decorate(function):
        def call(*args, **options):
            arrays = args[:count]
            if not names.isdisjoint(options):
                arrays = [*arrays, *(options[name] for name in inputs if name in options)]
            for a in arrays:
                dtype = getattr(a._data if isinstance(a, Tensor) else a, "dtype", None)
                if dtype is not None and dtype.char not in SETTLED:
                    out = settled(function, args, options, arrays, floats, accumulates)
                    return function(*args, **options) if out is None else out
            return function(*args, **options)

        return wraps(function)(call)

    return decorate
