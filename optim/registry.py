"""Optimisers by name."""

from ..autograd.errors import choose
from .adagrad import Adadelta, Adagrad, RMSprop
from .adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from .lbfgs import LBFGS
from .sgd import SGD

OPTIMIZERS = {
    cls.__name__.lower(): cls
    for cls in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, NAdam, RAdam, Lion, LBFGS)
}


def optimizer(name):
    """The optimiser class of that name, in lower case; classes and functions pass through.

    Raises: ArgumentError, naming those that exist, if there is none.
    Example:
        >>> import chainrule as cr
        >>> cr.optim.optimizer("adamw").__name__
        'AdamW'
    """
    return name if callable(name) else choose("optimiser", name, OPTIMIZERS)
