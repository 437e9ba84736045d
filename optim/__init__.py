"""Optimisers, learning rates, and what is done to gradients between backward and the step.

A learning rate is a number or a function of the step; the module schedule has the usual ones.
"""

from . import schedule
from .adagrad import Adadelta, Adagrad, RMSprop
from .adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from .clip import clip_grad_norm, clip_grad_value, grad_norm
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .penalty import l1_penalty, l2_penalty, max_norm
from .plateau import ReduceOnPlateau
from .registry import OPTIMIZERS, optimizer
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
    "ReduceOnPlateau",
    "clip_grad_norm",
    "clip_grad_value",
    "grad_norm",
    "l1_penalty",
    "l2_penalty",
    "max_norm",
    "optimizer",
    "schedule",
]
