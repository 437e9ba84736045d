"""What the options of optimisers must be, by name: one place for all of them, since the same name means the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..autograd.arguments import flag, fraction, not_negative, positive
from ..autograd.errors import ArgumentError
from ..autograd.tensor import Tensor

Parameters: TypeAlias = Iterable[Tensor | tuple[str, Tensor] | dict[str, Any]]  # plain, with names, or in groups
Rate: TypeAlias = float | Callable[[int], float]  # a learning rate: a number, or a function of the step


LARGEST = 1e100  # of a number: products of two do not overflow; what overflows in arrays is noticed there


def rate(owner, name, value):
    """`value` if it is a learning rate: a number above 0, or a function of the step."""
    return value if callable(value) else _moderate(owner, name, positive(owner, name, value))


def at_least_0(owner, name, value):
    return _moderate(owner, name, not_negative(owner, name, value))


def _moderate(owner, name, value):
    if (value if isinstance(value, int) else float(value)) > LARGEST:
        raise ArgumentError(f"{owner}: {name} must be at most {LARGEST:g}, not {value!r}")
    return value


def betas(owner, name, value):
    """Two numbers in [0, 1), as a tuple."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{owner}: betas must be two numbers, not {value!r}")
    return tuple(fraction(owner, f"betas[{i}]", b) for i, b in enumerate(value))


CHECKS = {
    "lr": rate,
    "betas": betas,
    **dict.fromkeys(("momentum", "alpha", "rho"), fraction),
    **dict.fromkeys(("eps", "weight_decay", "lr_decay", "momentum_decay", "initial_accumulator_value"), at_least_0),
    **dict.fromkeys(("nesterov", "amsgrad", "centered"), flag),
}


def checked(owner, options):
    """The options, each as its name demands. Names that are not in CHECKS are the optimiser's own affair.

    Raises: ArgumentError for the first that is not.
    """
    return {name: CHECKS[name](owner, name, value) if name in CHECKS else value for name, value in options.items()}
