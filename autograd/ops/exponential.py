"""Exponentials, logarithms and roots."""

from __future__ import annotations

from math import log as _ln

from ..primitive import ELEMENTWISE, primitive
from ..samples import above_zero, reals


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, out: g * out))
def exp(xp, x):
    """Exponential eˣ."""
    return xp.exp(x)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * exp(x)))
def expm1(xp, x):
    """eˣ - 1, accurate near 0."""
    return xp.expm1(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, x: g / x))
def log(xp, x):
    """Natural logarithm of x.

    Domain: x > 0; log 0 = -inf, and nan below.
    """
    return xp.log(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, x: g / _ln(2) / x))
def log2(xp, x):
    """Logarithm of x to base 2.

    Domain: x > 0.
    """
    return xp.log2(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, x: g / _ln(10) / x))
def log10(xp, x):
    """Logarithm of x to base 10.

    Domain: x > 0.
    """
    return xp.log10(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, x: g / (1 + x)))
def log1p(xp, x):
    """log(1 + x), accurate near 0.

    Domain: x > -1.
    """
    return xp.log1p(x)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, out: g / (2 * out)))
def sqrt(xp, x):
    """Square root √x.

    Domain: x ≥ 0, nan below.
    Gradient: inf at 0.
    """
    return xp.sqrt(x)
