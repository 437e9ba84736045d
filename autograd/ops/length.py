"""Lengths: |x| and √(x² + y²), and the kink they have at 0."""

from __future__ import annotations

from math import inf

import numpy as np

from ...backends import owner
from ..convert import raw
from ..primitive import ELEMENTWISE, primitive
from ..samples import reals
from .arithmetic import square
from .choose import where
from .kink import curved, differentiable
from .rounding import sign


@primitive(
    symbol="abs",
    jvp=ELEMENTWISE,
    samples=reals,
    kink=True,
    vjp=dict(x=lambda g, x, out: curved(where(x == 0, 0, g * sign(x)), g, out, x, corner=False)),
)
def absolute(xp, x):
    """Absolute value |x|.

    Gradient: 0 at the kink x = 0.
    """
    return xp.absolute(x)


def _along_leg(g, x, y, out):
    flat, backend = out == 0, owner(raw(out))
    if backend.on_host and not (differentiable(g, out) or backend.overflowed(raw(out))):
        slope = x / where(flat, 1, out)  # a length is never computed twice: few functions take as long
    else:
        slope = cosine(x, where(flat, 1, y))
    return curved(g * slope, g, out, x)


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    kink=True,
    vjp=dict(x=_along_leg, y=lambda g, x, y, out: _along_leg(g, y, x, out)),
)
def hypot(xp, x, y):
    """Length √(x² + y²) of the vector (x, y), without overflow.

    Shape: x, y broadcast together.
    Gradient: 0 at the kink x = y = 0; beside an infinite leg a finite one counts as 0, and two infinite ones as equal.
    """
    return xp.hypot(x, y)


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(
        x=lambda g, x, y: g * (cosine(y, x) * inverted(y, x)),
        y=lambda g, x, y: -g * (cosine(x, y) * inverted(y, x)),
    ),
    means=lambda x, y: x / hypot(x, y),
    floats=True,
)
def cosine(xp, x, y):
    """x / √(x² + y²), where the length may overflow, or be infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = xp.hypot(x, y)
        ratio, backend = xp.divide(x, length), owner(length)
        if backend.on_host and not backend.overflowed(length):
            return ratio
        finite, x, y = type(x) is int, x * 0.25, y * 0.25  # a number is never ∞
        beyond = xp.divide(x, xp.hypot(x, y))
        if not finite:
            side = xp.sign(x)
            beyond = xp.where(abs(x) == inf, side - side * (abs(y) == inf) * (1 - 0.5**0.5), beyond)
        return xp.where(length == inf, beyond, ratio)


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(
        x=lambda g, x, y, out: g * ((inverted(y, x) - out) * (inverted(y, x) + out)),
        y=lambda g, x, y, out: -2 * (g * (out * inverted(y, x))),
    ),
    means=lambda x, y: x / (square(x) + square(y)),
)
def inverted(xp, x, y):
    """x / (x² + y²), where the squares may overflow or vanish."""
    length = xp.hypot(x, y)
    ratio = xp.divide(xp.divide(x, length), length)
    return ratio if type(x) is int else xp.where(length == inf, 0, ratio)  # a number is never ∞ / ∞
