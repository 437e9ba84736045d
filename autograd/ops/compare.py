"""Comparisons and tests, element by element: results are truth values, without gradients."""

from ..primitive import primitive
from ..samples import booleans, reals


@primitive(symbol="==", samples=reals, vjp={})
def equal(xp, x, y):
    """Whether x = y, element by element."""
    return xp.equal(x, y)


@primitive(symbol="!=", samples=reals, vjp={})
def not_equal(xp, x, y):
    """Whether x ≠ y, element by element."""
    return xp.not_equal(x, y)


@primitive(symbol="<", samples=reals, vjp={})
def less(xp, x, y):
    """Whether x < y, element by element."""
    return xp.less(x, y)


@primitive(symbol="<=", samples=reals, vjp={})
def less_equal(xp, x, y):
    """Whether x ≤ y, element by element."""
    return xp.less_equal(x, y)


@primitive(symbol=">", samples=reals, vjp={})
def greater(xp, x, y):
    """Whether x > y, element by element."""
    return xp.greater(x, y)


@primitive(symbol=">=", samples=reals, vjp={})
def greater_equal(xp, x, y):
    """Whether x ≥ y, element by element."""
    return xp.greater_equal(x, y)


@primitive(samples=booleans, vjp={})
def logical_and(xp, x, y):
    """Whether both hold."""
    return xp.logical_and(x, y)


@primitive(samples=booleans, vjp={})
def logical_or(xp, x, y):
    """Whether at least one holds."""
    return xp.logical_or(x, y)


@primitive(samples=booleans, vjp={})
def logical_not(xp, x):
    """Whether x does not hold."""
    return xp.logical_not(x)


@primitive(symbol="&", samples=booleans, needs="booleans or integers (bool, not floating)", vjp={})
def bitwise_and(xp, x, y):
    """x & y: both hold; bit by bit for integers."""
    return xp.bitwise_and(x, y)


@primitive(symbol="|", samples=booleans, needs="booleans or integers (bool, not floating)", vjp={})
def bitwise_or(xp, x, y):
    """x | y: at least one holds; bit by bit for integers."""
    return xp.bitwise_or(x, y)


@primitive(symbol="~", samples=booleans, needs="booleans or integers (bool, not floating)", vjp={})
def invert(xp, x):
    """~x: does not hold; every bit flipped for integers."""
    return xp.invert(x)


@primitive(samples=reals, vjp={})
def isnan(xp, x):
    """Whether x is not a number."""
    return xp.isnan(x)


@primitive(samples=reals, vjp={})
def isfinite(xp, x):
    """Whether x is neither nan nor infinite."""
    return xp.isfinite(x)
