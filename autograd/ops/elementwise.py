"""Operations that act on each element by itself."""

from __future__ import annotations

from math import inf, pi
from math import log as _ln

import numpy as np

from ...backends import owner
from ..backward import backward
from ..primitive import ELEMENTWISE, composed, primitive
from ..samples import above_one, above_zero, booleans, reals, unit_open
from ..tensor import Tensor, raw
from ..typing import ArrayLike
from ..watch import watching
from . import special
from .compare import greater, isfinite, less, logical_and, logical_or


def no_slope(g):
    """0, of an infinite g as well."""
    return sign(g) * 0


def within(x, bound):
    """x, at most `bound` away from 0: finite, for a factor that is 0 out there anyway."""
    return maximum(minimum(x, bound), -bound)


# ---- arithmetic


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


@primitive(symbol="//", jvp=ELEMENTWISE, samples=(unit_open, above_one), vjp=dict(x=no_slope, y=no_slope))
def floor_divide(xp, x, y):
    """Largest whole number ≤ x / y.

    Shape: x, y broadcast together.
    Domain: y ≠ 0.
    Gradient: 0 also at the jumps.
    """
    return xp.floor_divide(x, y)


@primitive(
    symbol="%",
    jvp=ELEMENTWISE,
    samples=(unit_open, above_one),
    vjp=dict(x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y)),
)
def remainder(xp, x, y):
    """Remainder x - y · ⌊x / y⌋, which has the sign of y.

    Shape: x, y broadcast together.
    Domain: y ≠ 0.
    Gradient: the same at the jumps.
    """
    return xp.remainder(x, y)


@primitive(symbol="+", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: g))
def positive(xp, x):
    """x itself: unary plus."""
    return xp.positive(x)


@primitive(symbol="-", jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g: -g))
def negative(xp, x):
    """Negation -x."""
    return xp.negative(x)


@primitive(
    symbol="abs",
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, out: smoothed(where(x == 0, 0, g * sign(x)), g, x, out)),
)
def absolute(xp, x):
    """Absolute value |x|.

    Gradient: 0 at the kink x = 0.
    """
    return xp.absolute(x)


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


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: 2 * (g * x)))
def square(xp, x):
    """Square x²."""
    return xp.square(x)


# ---- exponentials and logarithms


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
    return special.in_double(lambda xp, x, y: xp.logaddexp(x, y), xp, x, y)


@primitive(jvp=ELEMENTWISE, samples=above_zero, vjp=dict(x=lambda g, out: g / (2 * out)))
def sqrt(xp, x):
    """Square root √x.

    Domain: x ≥ 0, nan below.
    Gradient: inf at 0.
    """
    return xp.sqrt(x)


def _cosine(g, x, out):
    return smoothed(g * (x / where(out == 0, 1, out)), g, x, out)


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=_cosine, y=lambda g, y, out: _cosine(g, y, out)))
def hypot(xp, x, y):
    """Length √(x² + y²) of the vector (x, y), without overflow.

    Shape: x, y broadcast together.
    Gradient: 0 at the kink x = y = 0.
    """
    return xp.hypot(x, y)


# ---- trigonometric and hyperbolic


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


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: g / sqrt((1 - x) * (1 + x))))
def arcsin(xp, x):
    """Inverse sine, in radians.

    Domain: -1 ≤ x ≤ 1.
    Gradient: inf at ±1.
    """
    return xp.arcsin(x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: -g / sqrt((1 - x) * (1 + x))))
def arccos(xp, x):
    """Inverse cosine, in radians.

    Domain: -1 ≤ x ≤ 1.
    Gradient: inf at ±1.
    """
    return xp.arccos(x)


def _arctan_x(g, x):
    length = hypot(1, x)  # its square may overflow
    return g / length / length


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=_arctan_x))
def arctan(xp, x):
    """Inverse tangent, in radians."""
    return xp.arctan(x)


def _turn(g, leg, x, y):
    """g · leg / (x² + y²), where the squares may overflow or vanish."""
    length = hypot(x, y)
    return where(length == inf, g * 0, g * (leg / length) / length)


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, y: _turn(g, y, x, y), y=lambda g, x, y: _turn(-g, x, x, y)),
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
    vjp=dict(x=lambda g, x, out: -2 * g * out * tanh(x)),
    means=lambda x: 1 - square(tanh(x)),
)
def tanh_slope(xp, x):
    """Slope of tanh, 1 - tanh² x, with all its digits: 1 / cosh² x."""
    e = 1 / xp.cosh(xp.minimum(xp.absolute(x), _COSH.get(getattr(x, "dtype", None), 710.0)))
    return e * e


_COSH = {np.dtype("float16"): 11.0, np.dtype("float32"): 89.0}  # what cosh takes without overflow


@primitive(jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * tanh_slope(x)))
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


@primitive(jvp=ELEMENTWISE, samples=above_one, vjp=dict(x=lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1))))
def arccosh(xp, x):
    """Inverse hyperbolic cosine.

    Domain: x ≥ 1.
    Gradient: inf at 1.
    """
    return xp.arccosh(x)


@primitive(jvp=ELEMENTWISE, samples=unit_open, vjp=dict(x=lambda g, x: g / ((1 - x) * (1 + x))))
def arctanh(xp, x):
    """Inverse hyperbolic tangent.

    Domain: -1 < x < 1.
    """
    return xp.arctanh(x)


# ---- choosing


def _to_greater(g, x, y):
    return where(x > y, g, where(x == y, g / 2, where(x != x, g, 0)))


def _to_smaller(g, x, y):
    return where(x < y, g, where(x == y, g / 2, where(x != x, g, 0)))


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=_to_greater, y=lambda g, x, y: _to_greater(g, y, x)),
)
def maximum(xp, x, y):
    """The larger of x and y; nan if either is nan.

    Shape: x, y broadcast together.
    """
    return xp.maximum(x, y)


@primitive(
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=_to_smaller, y=lambda g, x, y: _to_smaller(g, y, x)),
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
    Raises: DtypeError for a whole number that the integers of the other branch cannot hold.
    """
    for number, array in ((x, y), (y, x)):
        if type(number) is int and hasattr(array, "dtype") and array.dtype.kind in "iu":
            array.dtype.type(number)  # raises where np.where would wrap it around
    return xp.where(condition if hasattr(condition, "astype") else xp.asarray(condition), x, y)


@composed(numbers=True)
def clip(x, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """x kept between `min` and `max`; None leaves that side open.

    Shape: the bounds broadcast with x.
    Gradient: dx = g where min ≤ x ≤ max, else 0.
    """
    if min is not None:
        x = where(less(x, min), min, x)
    return x if max is None else where(greater(x, max), max, x)


# ---- kinks, differentiated twice


def smoothed(part, g, x, out, spread=lambda a: a):
    """`part`, what g · x / out is to a length `out`, in a form whose derivative is right also where g and out are 0.

    There it is 0, and its derivative by x is the limit of g / out, the derivative of g by out: so |x|² is as smooth as x².
    First-order passes get `part` as it is.

    Shape: g and out have that of the length; `spread` gives what has it the axes of x.
    """
    if not isinstance(g, Tensor) or g._node is None or out._node is None:
        return part
    flat = logical_and(raw(g) == 0, raw(out) == 0)
    backend = owner(raw(out))
    if backend.on_host and not np.any(flat):
        return part

    def pulled(seed):
        with watching(None):  # it is no part of the pass that is watched
            return backward(g._node, seed, [out._node], retain_graph=True).get(out._node)

    if (limit := pulled(1.0 if backend.array_type is float else backend.xp.ones_like(raw(g)))) is None:
        return part
    if out.size > 1:  # each g may depend on its own length alone: what mixes |x| and |y| has no second derivatives at 0
        weights = backend.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, out.shape).astype(out.dtype))
        flat = logical_and(flat, absolute(pulled(weights) - weights * limit) <= 0.01 * absolute(limit))
    limit = where(logical_and(flat, isfinite(limit)), limit, 0)
    return part + spread(limit) * where(spread(flat), x, 0)


# ---- activation functions with a rule of their own


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, out: g * (out > 0)))
def relu(xp, x):
    """Rectified linear unit max(x, 0).

    Gradient: 0 at the kink x = 0. An infinite g gives nan where x ≤ 0; avoiding that with `where` would be 15 times slower.
    """
    return xp.maximum(x, 0)


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x, out: g * out * (1 - 2 * sigmoid(x))),
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


@primitive(floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=lambda g, x: g * (2 / pi**0.5) * gaussian(x)))
def erf(xp, x):
    """Error function 2/√π ∫₀ˣ exp(-t²) dt, to within a few units in the last place.

    Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969).
    """
    return xp.erf(x) if hasattr(xp, "erf") else special.in_double(special.erf, xp, x)
