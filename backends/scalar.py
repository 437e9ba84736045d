"""Python floats through `math`: a graph with one node per number, for learning and for checking the rest.

`math` raises where IEEE arithmetic (and so NumPy) answers inf or nan; `ieee` restores the IEEE answer, so that the
same program gives the same numbers on every backend.
"""

import math
import operator
from types import SimpleNamespace

import numpy as np

from .base import Backend, philox


def ieee(function, *args):
    """`function(*args)` with float64 IEEE arithmetic: inf and nan instead of exceptions."""
    args = [np.float64(a) if type(a) is float else a for a in args]
    with np.errstate(all="ignore"):
        return function(*args)


def _total(fast, exact):
    """`fast` on floats, falling back to NumPy's `exact` where Python raises."""

    def call(*args):
        try:
            return fast(*args)
        except (ValueError, ArithmeticError):
            return float(ieee(exact, *args))

    call.__name__ = exact.__name__
    return call


def _power(x, y):
    if -math.inf < x < 0 and y != int(y):  # Python would answer with a complex number
        return math.nan
    return x**y


def _sign(x):
    return x if x != x else float((x > 0) - (x < 0))


def _maximum(x, y):
    return float(y if y > x or y != y else x)


def _minimum(x, y):
    return float(y if y < x or y != y else x)


def _rounded(function):
    """`function`, which gives whole numbers, as IEEE has it: the result is a float that keeps the sign of x at 0."""
    return lambda x: math.copysign(function(x), x)


def _identity(x, *args, **kwargs):
    return x


_MATH = ["exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"]
_RENAMED = dict(arcsin="asin", arccos="acos", arctan="atan", arcsinh="asinh", arccosh="acosh", arctanh="atanh")

xp = SimpleNamespace(
    **{name: _total(getattr(math, name), getattr(np, name)) for name in _MATH},
    **{name: _total(getattr(math, other), getattr(np, name)) for name, other in _RENAMED.items()},
    add=operator.add,
    subtract=operator.sub,
    multiply=operator.mul,
    negative=operator.neg,
    positive=operator.pos,
    divide=_total(operator.truediv, np.divide),
    floor_divide=_total(operator.floordiv, np.floor_divide),
    remainder=_total(operator.mod, np.remainder),
    power=_total(_power, np.power),
    square=lambda x: x * x,
    absolute=abs,
    sign=_sign,
    maximum=_maximum,
    minimum=_minimum,
    clip=lambda x, low, high: min(max(x, low), high),
    where=lambda condition, x, y: float(x if condition else y),
    equal=operator.eq,
    not_equal=operator.ne,
    less=operator.lt,
    less_equal=operator.le,
    greater=operator.gt,
    greater_equal=operator.ge,
    logical_and=lambda x, y: bool(x and y),
    logical_or=lambda x, y: bool(x or y),
    logical_not=operator.not_,
    isnan=math.isnan,
    isinf=math.isinf,
    isfinite=math.isfinite,
    floor=_total(_rounded(math.floor), np.floor),
    ceil=_total(_rounded(math.ceil), np.ceil),
    rint=_total(_rounded(round), np.rint),
    arctan2=math.atan2,
    hypot=math.hypot,
    logaddexp=lambda x, y: float(ieee(np.logaddexp, x, y)),
    erf=math.erf,
    asarray=_identity,
    sum=_identity,
    copy=_identity,
)


class Scalar(Backend):
    name = "scalar"
    xp = xp
    on_host = True
    array_type = float
    types = (float,)

    def asarray(self, data, dtype=None, copy=False):
        if dtype is not None and np.dtype(dtype) != np.float64:
            raise TypeError(f"a number on the scalar backend is a float64, not {np.dtype(dtype)}")
        if np.size(data) != 1:
            raise ValueError(f"the scalar backend holds one number, not an array of shape {np.shape(data)}")
        return float(np.asarray(data).reshape(()))

    def copy(self, array):
        return array

    frozen = copy

    def fits(self, squares):
        return True  # nobody squares one number to learn its length

    def overflowed(self, result):
        return not math.isfinite(result)

    def to_numpy(self, array):
        return np.asarray(array)

    def assign(self, array, value):
        return float(value)

    def random_bits(self, key, counter, n):
        return philox(key, counter, n)
