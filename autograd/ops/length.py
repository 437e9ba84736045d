"""Lengths: |x| and √(x² + y²), and the kink they have at 0."""

from __future__ import annotations

from ..primitive import ELEMENTWISE, primitive
from ..samples import reals
from .choose import where
from .kink import curved
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


def _cosine(g, x, out):
    return curved(g * (x / where(out == 0, 1, out)), g, out, x)


@primitive(jvp=ELEMENTWISE, samples=reals, kink=True, vjp=dict(x=_cosine, y=lambda g, y, out: _cosine(g, y, out)))
def hypot(xp, x, y):
    """Length √(x² + y²) of the vector (x, y), without overflow.

    Shape: x, y broadcast together.
    Gradient: 0 at the kink x = y = 0.
    """
    return xp.hypot(x, y)
