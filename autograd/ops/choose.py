"""Operations that choose among elements."""

from __future__ import annotations

from ..cast import beside
from ..convert import raw
from ..primitive import ELEMENTWISE, composed, primitive
from ..samples import booleans, reals
from ..tensor import Tensor
from ..typing import ArrayLike
from .compare import greater, isfinite, less, logical_and
from .kink import bend, differentiable


def within(x, bound):
    """x, at most `bound` away from 0: finite, for a factor that is 0 out there anyway."""
    return maximum(minimum(x, bound), -bound)


def _to_greater(g, x, y, out):
    return _to_chosen(x > y, g, x, y, out)


def _to_smaller(g, x, y, out):
    return _to_chosen(x < y, g, x, y, out)


def _to_chosen(chosen, g, x, y, out):
    """The part of g that goes to x: all where it was chosen, half at a tie, and there what a pass that is recorded adds."""
    part = where(chosen, g, where(x == y, g / 2, where(x != x, g, 0)))
    if not differentiable(g, out):
        return part
    equal = logical_and(raw(x) == raw(y), isfinite(raw(out)))
    more = bend(g, out, raw(equal), (x - y) / 4, tie=True)
    return part if more is None else part + more


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    kink=True,
    vjp=dict(x=_to_greater, y=lambda g, x, y, out: _to_greater(g, y, x, out)),
)
def maximum(xp, x, y):
    """The larger of x and y; nan if either is nan.

    Shape: x, y broadcast together.
    """
    return xp.maximum(x, y)


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    kink=True,
    vjp=dict(x=_to_smaller, y=lambda g, x, y, out: _to_smaller(g, y, x, out)),
)
def minimum(xp, x, y):
    """The smaller of x and y; nan if either is nan.

    Shape: x, y broadcast together.
    """
    return xp.minimum(x, y)


@primitive(
    jvp=ELEMENTWISE,
    samples=(booleans, reals, reals),
    vjp=dict(x=lambda g, condition: where(condition, g, 0), y=lambda g, condition: where(condition, 0, g)),
)
def where(xp, condition, x, y):
    """x where the condition holds, else y.

    Shape: condition, x, y broadcast together.
    Gradient: a branch that is not taken gets 0, but its own rule may turn that into nan (0 · inf): make the argument of the
        untaken branch harmless with a second `where`.
    Raises: DtypeError for a number that the dtype of the other branch cannot hold.
    """
    beside("where", x, y)
    beside("where", y, x)
    return xp.where(condition if hasattr(condition, "astype") else xp.asarray(condition), x, y)


@composed(numbers=True)
def clip(x, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """x kept between `min` and `max`; None leaves that side open.

    Shape: the bounds broadcast with x.
    Gradient: dx = g where min ≤ x ≤ max, else 0.
    Raises: DtypeError for a number that the dtype of x cannot hold.
    """
    beside("clip", min, x)
    beside("clip", max, x)
    if min is not None:
        x = where(less(x, min), min, x)
    return x if max is None else where(greater(x, max), max, x)


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, out: g * (out > 0)))
def relu(xp, x):
    """Rectified linear unit max(x, 0).

    Gradient: 0 at the kink x = 0. An infinite g gives nan where x ≤ 0; avoiding that with `where` would be 15 times slower.
    """
    return xp.maximum(x, 0)
