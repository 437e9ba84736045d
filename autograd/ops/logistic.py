"""The logistic function, the normal distribution, and what is made of them."""

from __future__ import annotations

from math import pi

from ..primitive import ELEMENTWISE, primitive
from ..samples import reals
from . import special
from .choose import within
from .exponential import exp
from .trigonometric import tanh


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, y, out: g * out * share(y, x), y=lambda g, x, y, out: -g * out * share(y, x)),
    means=lambda x, y: sigmoid(x - y),
)
def share(xp, x, y):
    """eˣ / (eˣ + eʸ) with all its digits; of two -inf 0, of two inf one half."""
    return special.in_double(special.share, xp, x, y)


@primitive(
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, y: g * share(x, y), y=lambda g, x, y: g * share(y, x)),
)
def logaddexp(xp, x, y):
    """log(eˣ + eʸ), without overflow.

    Shape: x, y broadcast together.
    Gradient: 0 where both are -inf; shared evenly where both are inf.
    """
    return special.in_double(lambda xp, x, y, short: xp.logaddexp(x, y), xp, x, y)


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, out: -g * out * tanh(x / 2)),
    means=lambda x: sigmoid(x) * (1 - sigmoid(x)),
)
def sigmoid_slope(xp, x):
    """Slope of the logistic function, σ(x) (1 - σ(x)), with all its digits: e⁻ˣ / (1 + e⁻ˣ)²."""
    e = xp.exp(-xp.absolute(x))
    return e / xp.square(1 + e)


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * sigmoid_slope(x)))
def sigmoid(xp, x):
    """Logistic function 1 / (1 + e⁻ˣ), without overflow at either end."""
    e = xp.exp(xp.minimum(x, 11.0 if getattr(x, "dtype", None) == "float16" else 60.0))  # of more, it is 1
    return e / (1 + e)


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * sigmoid(x)))
def softplus(xp, x):
    """Smooth ramp log(1 + eˣ), without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.absolute(x)))


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, out: -2 * g * out * within(x, 50)),
    means=lambda x: exp(-(x * x)),
)
def gaussian(xp, x):
    """Bell curve exp(-x²), with all its digits also where x² rounds."""
    return special.in_double(special.gaussian, xp, x)


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, out: -g * out * within(x, 50)),
    means=lambda x: exp(-(x * x) / 2) / (2 * pi) ** 0.5,
)
def normal_density(xp, x):
    """Density of the standard normal distribution φ(x) = exp(-x²/2) / √(2π), with all its digits."""
    return special.in_double(special.normal_density, xp, x)


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * (2 / pi**0.5) * gaussian(x)))
def erf(xp, x):
    """Error function 2/√π ∫₀ˣ exp(-t²) dt, to within a few units in the last place.

    Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969).
    """
    return xp.erf(x) if hasattr(xp, "erf") else special.in_double(special.erf, xp, x)
