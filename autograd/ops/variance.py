"""How far numbers are from their mean: variance and standard deviation."""

from __future__ import annotations

import numpy as np

from ...backends import owner
from ..convert import raw
from ..primitive import composed
from ..tensor import Tensor
from ..typing import Axis
from .arithmetic import square
from .norm import norm2
from .reduce import mean, reduced, scale, sum_
from .shape import elements


@composed(floats=True, accumulates=True)
def var(x, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Variance along `axis`: mean squared distance from the mean; the sum is divided by n - ddof, or 0 if ddof is above n.

    Gradient: right where distances from the mean overflow, unless it overflows itself; on a device it is nan there.
    """
    n = max(elements(x.shape, axis, "var") - float(ddof), 0)
    middle = mean(x, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        result = sum_(square(x - middle), axis=axis, keepdims=keepdims) / n
    if not n or not owner(raw(result)).overflowed(raw(result)):
        return result
    half, again = (x / 2 - middle / 2 for _ in range(2))  # two, for the gradient of one could be twice that of x
    return sum_(half * (again * (4 / n)), axis=axis, keepdims=keepdims)


@composed(floats=True, accumulates=True)
def std(x, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation along `axis`, the root of the variance.

    Gradient: 0 where all elements are equal, a kink.
    """
    result = _root_mean_square(x, axis, ddof, keepdims)
    if not elements(x.shape, axis) or owner(raw(result)).fits(raw(result)):
        return result
    factor = scale(raw(x), axis, 1 / 4)  # the mean overflowed, or numbers are so small that it has but a few digits
    return _root_mean_square(x * factor, axis, ddof, keepdims) / reduced(factor, axis, keepdims)


def _root_mean_square(x, axis, ddof, keepdims):
    """The root of the mean squared distance from the mean."""
    n = max(elements(x.shape, axis, "std") - float(ddof), 0)
    centred = x - mean(x, axis=axis, keepdims=True)
    return norm2(centred, axis=axis, keepdims=keepdims) / n**0.5
