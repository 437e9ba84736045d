"""What the options of optimisers must be, by name: one place for all of them, since the same name means the same."""

from math import inf

import numpy as np

from ..autograd.errors import ArgumentError


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


def rate(owner, name, value):
    """`value` if it is a learning rate: a number above 0, or a function of the step."""
    return value if callable(value) else positive(owner, name, value)


def betas(owner, name, value):
    """Two numbers in [0, 1), as a tuple."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{owner}: betas must be two numbers, not {value!r}")
    return tuple(fraction(owner, f"betas[{i}]", b) for i, b in enumerate(value))


def flag(owner, name, value):
    """`value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{owner}: {name} must be True or False, not {value!r}")
    return bool(value)


CHECKS = {
    "lr": rate,
    "betas": betas,
    **dict.fromkeys(("momentum", "alpha", "rho"), fraction),
    **dict.fromkeys(("eps", "weight_decay", "lr_decay", "momentum_decay", "initial_accumulator_value"), not_negative),
    **dict.fromkeys(("nesterov", "amsgrad", "centered"), flag),
}


def checked(owner, options):
    """The options, each as its name demands. Names that are not in CHECKS are the optimiser's own affair.

    Raises: ArgumentError for the first that is not.
    """
    return {name: CHECKS[name](owner, name, value) if name in CHECKS else value for name, value in options.items()}
