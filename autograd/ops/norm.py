"""Vector norms, of numbers of any size: no square overflows or vanishes."""

from __future__ import annotations

from math import inf

import numpy as np

from ...backends import SINGLES, owner
from ..arguments import number
from ..convert import raw
from ..errors import ArgumentError
from ..primitive import composed, primitive
from ..samples import on
from ..tensor import Tensor
from ..typing import Axis
from .arithmetic import power
from .choose import where
from .kink import curved
from .length import absolute
from .reduce import kept, max_, reduced, scale, sum_
from .rounding import sign
from .shape import elements
from .sums import total


def _along(g, x, out, axis, keepdims):
    spread = lambda a: kept(a, x.shape, axis, keepdims)
    return curved(spread(g) * direction(x, out, axis, keepdims), g, out, x, spread)


@primitive(
    internal=True,
    jvp=dict(
        x=lambda t, x, out, axis, keepdims: sum_(t * direction(x, out, axis, keepdims), axis=axis, keepdims=keepdims),
    ),
    samples=[on((3, 4)), on((3, 4), axis=1), on((2, 3, 4), axis=(0, -1), keepdims=True)],
    needs="axes that exist",
    floats=True,
    accumulates=True,
    kink=True,
    vjp=dict(x=_along),
    words=dict(x="{g} · {x} / ‖{x}‖"),
)
def norm2(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Euclidean length √Σ x², of numbers of any size.

    Gradient: 0 at the kink x = 0.
    """
    if type(x) in SINGLES:
        return abs(x)
    with np.errstate(over="ignore"):
        squares = total(x * x, axis, keepdims)
    if not elements(x.shape, axis) or owner(x).fits(squares):
        return xp.sqrt(squares)
    factor = scale(x, axis)
    x = x * factor
    return xp.sqrt(total(x * x, axis, keepdims)) / reduced(factor, axis, keepdims)


def _beside_infinities(x, axis):
    """x, but where there are infinities along `axis`, their signs and 0 for all else: nothing else counts beside them."""
    endless = absolute(raw(x)) == inf
    return where(owner(endless).xp.max(endless, axis=axis, keepdims=True), where(endless, sign(x), 0), x)


def direction(x, out, axis, keepdims):
    """x / ‖x‖, 0 where x is 0; computed anew where the length has overflowed, or is so small that digits are missing."""
    length = kept(out, x.shape, axis, keepdims)
    if not owner(raw(length)).fits(raw(length)) and elements(x.shape, axis):
        x = _beside_infinities(x, axis)
        x = x * scale(raw(x), axis)
        length = norm2(x, axis=axis, keepdims=True)
    return x / where(length == 0, 1, length)


def _to_the(order, x, axis):
    """|x| / t and Σ (|x| / t)ᵒʳᵈᵉʳ, where t is the largest |x|; a power of larger numbers could overflow."""
    x = _beside_infinities(x, axis)
    top = max_(absolute(raw(x)), axis=axis, keepdims=True)
    size = absolute(x) / where(top == 0, 1, top)
    return size, sum_(power(size, order), axis=axis, keepdims=True)


def _order_slope(x, order, axis):
    size, total = _to_the(order, x, axis)
    return sign(x) * power(size / power(where(total == 0, 1, total), 1 / order), order - 1)


def _along_order(g, x, out, order, axis, keepdims):
    spread = lambda a: kept(a, x.shape, axis, keepdims)
    return curved(spread(g) * _order_slope(x, order, axis), g, out, x, spread, round=False)


@primitive(
    internal=True,
    jvp=dict(
        x=lambda t, x, order, axis, keepdims: sum_(t * _order_slope(x, order, axis), axis=axis, keepdims=keepdims)
    ),
    samples=[
        on((3, 4), order=3.0),
        on((3, 4), order=1.5, axis=1),
        on((2, 3, 4), order=4.0, axis=(0, -1), keepdims=True),
    ],
    needs="axes that exist",
    floats=True,
    accumulates=True,
    kink=True,
    vjp=dict(x=_along_order),
    words=dict(x="{g} · sign({x}) · (|{x}| / ‖{x}‖)^(order − 1)"),
)
def norm_of_order(xp, x, *, order: float, axis: Axis = None, keepdims: bool = False):
    """Length (Σ |x|ᵒʳᵈᵉʳ)^(1/order), of numbers of any size.

    Gradient: 0 at the kink x = 0.
    """
    top = xp.max(xp.absolute(x), axis=axis, keepdims=True)
    _, total = _to_the(order, x, axis)
    return reduced(xp.power(total, 1 / order) * top, axis, keepdims)


@composed(floats=True, accumulates=True)
def norm(x, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Vector norm (Σ |x|ᵒʳᵈ)^(1/ord) along `axis` (None: of all elements); ord = 1, 2, any p ≥ 1, or inf.

    Gradient: 0 at the kink x = 0; beside infinities finite numbers count as 0, and the infinities as equal.
    Raises: ArgumentError for an ord below 1.
    """
    elements(x.shape, axis, "norm")
    if ord in (2, None):
        return norm2(x, axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum_(absolute(x), axis=axis, keepdims=keepdims)
    if ord == inf:
        return max_(absolute(x), axis=axis, keepdims=keepdims)
    if not (number(ord) and ord > 1):
        raise ArgumentError(f"norm: ord must be at least 1 (or inf), not {ord!r}")
    return norm_of_order(x, order=ord, axis=axis, keepdims=keepdims)
