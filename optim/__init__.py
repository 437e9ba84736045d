"""Optimisers, learning rates, and what is done to gradients between backward and the step.

A learning rate is a number or a function of the step; the module schedule has the usual ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.arguments import choose
from . import schedule
from .adagrad import Adadelta, Adagrad, RMSprop
from .adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from .clip import clip_grad_norm, clip_grad_value, grad_norm
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .penalty import l1_penalty, l2_penalty, max_norm
from .sgd import SGD

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "grad_norm",
    "l1_penalty",
    "l2_penalty",
    "max_norm",
    "optimizer",
    "schedule",
]

OPTIMIZERS = {
    cls.__name__.lower(): cls
    for cls in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, NAdam, RAdam, Lion, LBFGS)
}


def optimizer(name: str | Callable[..., Any]) -> Callable[..., Any]:
    """The optimiser class of that name, in lower case; classes and functions pass through.

    Raises: ArgumentError, naming those that exist, if there is none.
    Example:
        >>> import chainrule as cr
        >>> cr.optim.optimizer("adamw").__name__
        'AdamW'
    """
    return name if callable(name) else choose("optimiser", name, OPTIMIZERS)
