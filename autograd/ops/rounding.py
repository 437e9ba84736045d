"""Operations whose slope is 0 almost everywhere: signs, whole numbers, and what remains."""

from __future__ import annotations

from ..primitive import ELEMENTWISE, primitive
from ..samples import above_one, above_zero, reals, unit_open
from .choose import where


def no_slope(g):
    """0, of an infinite g as well."""
    return sign(g) * 0


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=no_slope))
def sign(xp, x):
    """Sign of x: -1, 0 or 1.

    Gradient: 0 also at the jump x = 0.
    """
    return xp.sign(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=no_slope))
def floor(xp, x):
    """Largest whole number ≤ x.

    Gradient: 0 also at the jumps.
    """
    return xp.floor(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=no_slope))
def ceil(xp, x):
    """Smallest whole number ≥ x.

    Gradient: 0 also at the jumps.
    """
    return xp.ceil(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=no_slope))
def rint(xp, x):
    """Nearest whole number; halves go to the even one.

    Gradient: 0 also at the jumps.
    """
    return xp.rint(x)


@primitive(symbol="//", jvp=ELEMENTWISE, samples=(unit_open, above_one), vjp=dict(x=no_slope, y=no_slope))
def floor_divide(xp, x, y):
    """Largest whole number ≤ x / y.

    Shape: x, y broadcast together.
    Domain: y ≠ 0.
    Gradient: 0 also at the jumps.
    """
    return xp.floor_divide(x, y)


def _less_whole(g, x, y):
    whole = floor_divide(x, y)
    return where(whole == 0, 0, -g * whole)  # of an infinite g as well


@primitive(
    symbol="%",
    jvp=ELEMENTWISE,
    samples=(unit_open, above_one),
    vjp=dict(x=lambda g: g, y=_less_whole),
)
def remainder(xp, x, y):
    """Remainder x - y · ⌊x / y⌋, which has the sign of y.

    Shape: x, y broadcast together.
    Domain: y ≠ 0.
    Gradient: the same at the jumps.
    """
    return xp.remainder(x, y)
