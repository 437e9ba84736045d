"""Sums, differences, products, quotients and powers of elements."""

from __future__ import annotations

from ..primitive import ELEMENTWISE, primitive
from ..samples import above_zero, reals
from .choose import where
from .compare import isfinite, logical_and, logical_or
from .exponential import log
from .length import absolute
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
    if isinstance(y, (int, float)) and abs(y) <= 3e4 and (y >= 0.5 or y % 0.25 == 0):  # y - 1 is exact
        return g * (y * power(x, y - 1)) if y else no_slope(g)
    flat = logical_and(y == 0, absolute(x) > 0)  # there the slope is 0, and its derivative by y is 1 / x
    rounds = logical_and(logical_and(x != 0, isfinite(x)), logical_or(y < 0.5, y > 3e4))  # y - 1 loses digits of y
    slope = where(rounds, y * power(x, y) / where(rounds, x, 1), y * power(x, where(y == 0, 1, y - 1)))
    slope = where(y == 0, 0, slope)
    return g * where(flat, y / where(flat, x, 1), slope)


def _power_y(g, x, out):
    slope = out * log(where(x > 0, x, 1))
    return g * where(x >= 0, slope, float("nan"))


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
    Domain: x ≥ 0 where y is not a whole number.
    """
    return xp.power(x, y)
