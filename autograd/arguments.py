"""What numbers and flags given as arguments must be: each check returns the value, or says what must hold."""

from math import inf

import numpy as np

from .errors import ArgumentError


def number(value):
    """Whether `value` is a real number of Python's or NumPy's, and finite."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and abs(value) < inf  # false of nan; and 10**400 is finite, unlike float(10**400)


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


def whole(owner, name, value, least=1):
    """`value` as an int if it is a whole number of at least `least`."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ArgumentError(f"{owner}: {name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def flag(owner, name, value):
    """`value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{owner}: {name} must be True or False, not {value!r}")
    return bool(value)
