"""Training: optimisers, mini-batches, and fit."""

from .adam import Adam
from .data import Batches
from .fit import accuracy, evaluate, fit
from .history import History
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "Batches", "History", "Optimizer", "accuracy", "evaluate", "fit"]
