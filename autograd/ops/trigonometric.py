"""Circular and hyperbolic functions, and their inverses."""

from __future__ import annotations

import numpy as np

from ..primitive import ELEMENTWISE, primitive
from ..samples import above_one, reals, unit_open
from .arithmetic import square
from .exponential import sqrt
from .length import hypot, inverted


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * cos(x)))
def sin(xp, x):
    """Sine of x.

    Unit: x in radians.
    """
    return xp.sin(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: -g * sin(x)))
def cos(xp, x):
    """Cosine of x.

    Unit: x in radians.
    """
    return xp.cos(x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, out: g * (1 + out * out)))
def tan(xp, x):
    """Tangent of x.

    Unit: x in radians.
    """
    return xp.tan(x)


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=unit_open,
    vjp=dict(x=lambda g, x: -2 * (g * x)),
    means=lambda x: 1 - square(x),
)
def one_minus_square(xp, x):
    """1 - x² with all its digits, also near x = ±1; and so has its slope, near 0."""
    return (1 - x) * (1 + x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: g / sqrt(one_minus_square(x))))
def arcsin(xp, x):
    """Inverse sine, in radians.

    Domain: -1 ≤ x ≤ 1.
    Gradient: inf at ±1.
    """
    return xp.arcsin(x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: -g / sqrt(one_minus_square(x))))
def arccos(xp, x):
    """Inverse cosine, in radians.

    Domain: -1 ≤ x ≤ 1.
    Gradient: inf at ±1.
    """
    return xp.arccos(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * inverted(1, x)))
def arctan(xp, x):
    """Inverse tangent, in radians."""
    return xp.arctan(x)


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, y: g * inverted(y, x), y=lambda g, x, y: -g * inverted(x, y)),
)
def arctan2(xp, x, y):
    """Angle of the point (y, x): arctan(x / y) in the right quadrant, in radians. The first argument is the ordinate.

    Shape: x, y broadcast together.
    Gradient: nan at the origin.
    """
    return xp.arctan2(x, y)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * cosh(x)))
def sinh(xp, x):
    """Hyperbolic sine of x."""
    return xp.sinh(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * sinh(x)))
def cosh(xp, x):
    """Hyperbolic cosine of x."""
    return xp.cosh(x)


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, y: tanh_back(g, y), y=lambda g, y, out: -2 * g * out * tanh(y)),
    means=lambda x, y: x * (1 - square(tanh(y))),
)
def tanh_back(xp, x, y):
    """x · tanh′(y) with all its digits: x / cosh² y, 0 where cosh y overflows."""
    c = xp.cosh(y) if type(y) is float else _quiet_cosh(xp, y)
    return x / c / c


_quiet_cosh = np.errstate(over="ignore")(lambda xp, x: xp.cosh(x))  # in half the time of a with-block


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: tanh_back(g, x)))
def tanh(xp, x):
    """Hyperbolic tangent (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), between -1 and 1.

    Example:
        >>> import chainrule as cr
        >>> cr.tanh(0.0)
        0.0
    """
    return xp.tanh(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g / hypot(1, x)))
def arcsinh(xp, x):
    """Inverse hyperbolic sine."""
    return xp.arcsinh(x)


@primitive(jvp=ELEMENTWISE, samples=above_one, vjp=dict(x=lambda g, x: g / sqrt(x - 1) / sqrt(x + 1)))
def arccosh(xp, x):
    """Inverse hyperbolic cosine.

    Domain: x ≥ 1.
    Gradient: inf at 1.
    """
    return xp.arccosh(x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: g / one_minus_square(x)))
def arctanh(xp, x):
    """Inverse hyperbolic tangent.

    Domain: -1 < x < 1.
    """
    return xp.arctanh(x)
