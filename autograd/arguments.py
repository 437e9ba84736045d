"""Checks of numbers, flags and names given as arguments: each returns the value, or raises and says what must hold.

`owner` is the operation that was called, `name` what the message calls the argument.
"""

import re
from difflib import get_close_matches
from functools import partial
from inspect import formatannotation
from math import inf, isfinite, nan
from operator import index

import numpy as np

from .errors import ArgumentError, DtypeError


def number(value):
    """Whether `value` is a real number of Python's or NumPy's, and finite."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and abs(value) < inf  # false of nan; and 10**400 is finite, unlike float(10**400)


def whole_number(value):
    """Whether `value` is a whole number of an integer type: Python's, NumPy's, or that of an array or a Tensor of one."""
    try:
        index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


SIMPLE = {int, bool, str, type(None)}  # what an option mostly is: then there is nothing to prepare
_COUNTS = set("int bool None tuple list Axis Shape Counts".split())  # the words of an annotation of whole numbers


def whole_options(owner, parameters):
    """{name: function} that prepares the options whose annotation says that they are whole numbers, or truth values.

    It gives Python's numbers for NumPy's, with which rules may then compare and count, also inside tuples and lists.
    """
    found = {}
    for q in parameters:
        words = re.findall(r"\w+", q.annotation if isinstance(q.annotation, str) else formatannotation(q.annotation))
        if q.annotation is not q.empty and words and _COUNTS.issuperset(words):
            found[q.name] = partial(_plain, owner, q.name)
    return found


def _plain(owner, name, value):
    kind = type(value)
    if kind in SIMPLE:
        return value
    if kind is tuple and SIMPLE.issuperset(map(type, value)):
        return value
    if kind is tuple or kind is list:
        return kind([_plain(owner, name, v) for v in value])
    if kind is np.bool_:
        return bool(value)
    if isinstance(value, (float, np.floating)) or getattr(getattr(value, "dtype", None), "kind", "i") not in "biu":
        raise DtypeError(f"{owner}: {name} must be a whole number, or several, not {value!r}")
    return index(value) if getattr(value, "ndim", 1) == 0 else value


def finite(owner, name, value):
    """`value` as a float if it is one finite number, also that of an array or a Tensor."""
    try:
        result = nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = nan
    if not isfinite(result):
        raise ArgumentError(f"{owner}: {name} must be a finite number, not {value!r}")
    return result


def positive(owner, name, value):
    """`value` if it is a finite number above 0."""
    if not number(value) or value <= 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number above 0, not {value!r}")
    return value


def not_negative(owner, name, value):
    """`value` if it is a finite number of at least 0."""
    if not number(value) or value < 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number of at least 0, not {value!r}")
    return value


def fraction(owner, name, value):
    """`value` if it lies in [0, 1)."""
    if not number(value) or not 0 <= value < 1:
        raise ArgumentError(f"{owner}: {name} must be at least 0 and below 1, not {value!r}")
    return value


def probability(owner, name, value):
    """`value` if it lies in [0, 1]."""
    if not number(value) or not 0 <= value <= 1:
        raise ArgumentError(f"{owner}: {name} must lie in [0, 1], not {value!r}")
    return value


def whole(owner, name, value, least=1, most=inf, none=None):
    """`value` as an int if it is a whole number from `least` to `most`.

    `none` says in words what None stands for, where it is allowed; then None is returned as it is.
    """
    if value is None and none:
        return None
    if not whole_number(value) or not least <= index(value) <= most:
        must = f" in [{least}, {most}]" if most < inf else f" of at least {least}" if least > -inf else ""
        also = f", or None for {none}" if none else ""
        raise ArgumentError(f"{owner}: {name} must be a whole number{must}{also}, not {value!r}")
    return index(value)


def flag(owner, name, value):
    """`value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{owner}: {name} must be True or False, not {value!r}")
    return bool(value)


def choose(kind, name, known):
    """Look `name` up in the mapping `known`, or raise an ArgumentError that lists what exists."""
    try:
        return known[name]
    except (KeyError, TypeError):
        names = ", ".join(sorted(map(repr, known)))
        raise ArgumentError(f"unknown {kind} {name!r}: choose one of {names}") from None


def meant(name, known):
    """A question that names those of `known` that are spelt much like `name`, at most two; "" if none is.

    Example:
        >>> meant("thanh", ["exp", "tanh"])
        "did you mean 'tanh'?"
    """
    close = get_close_matches(name, known, 2) if isinstance(name, str) else []
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""
