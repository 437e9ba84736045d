"""Sums, differences, products, quotients and powers of elements."""

from __future__ import annotations

from math import inf, nan

from ...backends import SINGLES
from ..primitive import ELEMENTWISE, primitive
from ..samples import above_zero, reals
from .choose import where, within
from .compare import isfinite, logical_and, logical_or
from .exponential import log
from .kink import differentiable
from .rounding import no_slope


@primitive(symbol="+", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: g, y=lambda g: g))
def add(xp, x, y):
    """Sum x + y.

    Shape: x, y broadcast together.
    """
    return xp.add(x, y)


@primitive(symbol="-", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: g, y=lambda g: -g))
def subtract(xp, x, y):
    """Difference x - y.

    Shape: x, y broadcast together.
    """
    return xp.subtract(x, y)


@primitive(symbol="*", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, y: g * y, y=lambda g, x: g * x))
def multiply(xp, x, y):
    """Product x · y, element by element.

    Shape: x, y broadcast together.
    """
    return xp.multiply(x, y)


@primitive(symbol="/", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, y: g / y, y=lambda g, y, out: -g * out / y))
def divide(xp, x, y):
    """Quotient x / y.

    Shape: x, y broadcast together.
    Domain: y ≠ 0; at 0 the result is inf or nan, as IEEE arithmetic says.
    """
    return xp.divide(x, y)


@primitive(symbol="+", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: g))
def positive(xp, x):
    """x itself: unary plus."""
    return xp.positive(x)


@primitive(symbol="-", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: -g))
def negative(xp, x):
    """Negation -x."""
    return xp.negative(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: 2 * (g * x)))
def square(xp, x):
    """Square x²."""
    return xp.square(x)


def _power_x(g, x, y):
    if (isinstance(y, int) or type(y) in SINGLES) and abs(y) <= 3e4 and (y >= 0.5 or y % 0.25 == 0):  # y - 1 is exact
        return g * (y * power(x, y - 1)) if y else no_slope(g)
    return g * power_slope(x, y)


def _times_log(out, x, y):
    """out · log x for a power xʸ, with its limits at x = 0 and ∞; 0 for 0⁰."""
    still = logical_or(logical_and(x == 0, y >= 0), logical_and(x == inf, y < 0))
    return out * log(where(still, 1, where(x < 0, nan, x)))


def _power_y(g, x, y, out):
    return g * (power_log(x, y) if differentiable(g, out) else _times_log(out, x, y))


def _splits(x, y):
    """Where y - 1 rounds, so that x^(y - 1) must be found as xʸ / x."""
    return logical_and(logical_and(x != 0, isfinite(x)), logical_or(y < 0.5, y > 3e4))


def _times_less_one(a, x, y):
    """a · x^(y - 1) with all its digits; a for a y of 0 at x = 0 or ∞."""
    splits = _splits(x, y)
    whole = a * power(where(splits, 1, x), where(y == 0, 0, y - 1))
    return where(splits, a * power(x, y) / where(splits, x, 1), whole)


def _power_slope_x(g, x, y, out):
    splits = _splits(x, y)
    whole = y * power_slope(where(logical_or(splits, y == 0), 1, x), y - 1)
    quotient = where(logical_or(out != 0, isfinite(y)), (y - 1) * out / where(splits, x, 1), 0)
    return g * where(splits, quotient, whole)


def _power_mixed(g, x, y):
    """The slope of x^(y - 1) (1 + y log x), with its limits at x = 0 and ∞."""
    inside = logical_and(x > 0, isfinite(x))
    exponent = y * log(where(inside, x, 1))
    slope = _times_less_one(1 + within(exponent, 3e4), x, y)  # with a larger one, the power is 0 or ∞
    at_0 = where(y > 1, 0, where(y > 0, -inf, inf))
    at_end = where(x == 0, at_0, where(x == inf, where(y < 1, 0, inf), nan))
    return g * where(inside, slope, where(y == y, at_end, nan))


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=(above_zero, reals),
    vjp=dict(x=_power_slope_x, y=_power_mixed),
    means=lambda x, y: where(y == 0, 0, y * power(x, y - 1)),
)
def power_slope(xp, x, y):
    """Slope of a power y · x^(y - 1) with all its digits; 0 for y = 0."""
    if hasattr(x, "dtype") and not hasattr(y, "dtype"):
        y = xp.asarray(y, dtype=x.dtype)
    return _times_less_one(xp.where(xp.isfinite(y), y, xp.sign(y)), x, y)  # y = ∞: the slope is 0 or ∞


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=(above_zero, reals),
    vjp=dict(x=_power_mixed, y=lambda g, x, y, out: g * _times_log(out, x, y)),
    means=lambda x, y: power(x, y) * log(x),
)
def power_log(xp, x, y):
    """Slope of a power by its exponent xʸ · log x, with its limits at x = 0 and ∞."""
    return _times_log(xp.power(x, y), x, y)


@primitive(
    symbol="**",
    jvp=ELEMENTWISE,
    samples=(above_zero, reals),
    needs="shapes that broadcast, and a floating x for a negative power",
    vjp=dict(x=_power_x, y=_power_y),
)
def power(xp, x, y):
    """Power xʸ.

    Shape: x, y broadcast together.
    Domain: x ≥ 0 where y is not a whole number, and x ≠ 0 where it is negative.
    Gradient: dy has its limits at x = 0 and ∞, but is 0 for 0⁰; it is nan for x < 0.
    """
    return xp.power(x, y)
