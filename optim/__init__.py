"""Training: optimisers, learning rates, data, and fit, which ties them together.

The modules data (mini-batches, splits, files) and metrics are also chainrule.data and chainrule.metrics; learning rates
that change with the step are in schedule.
"""

from . import data, metrics, schedule
from .adagrad import Adadelta, Adagrad, RMSprop
from .adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from .callback import Callback
from .checkpoint import Checkpoint
from .clip import clip_grad_norm, clip_grad_value, grad_norm
from .data import Batches
from .early_stopping import EarlyStopping
from .evaluate import evaluate, predict
from .fit import fit
from .history import History
from .lbfgs import LBFGS
from .lr_find import lr_find
from .metrics import accuracy
from .optimizer import Optimizer
from .penalty import l1_penalty, l2_penalty, max_norm
from .plateau import ReduceOnPlateau
from .registry import OPTIMIZERS, optimizer
from .replay import Replay
from .run import Run
from .sanity import sanity_check
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
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Replay",
    "Run",
    "accuracy",
    "clip_grad_norm",
    "clip_grad_value",
    "data",
    "evaluate",
    "fit",
    "grad_norm",
    "l1_penalty",
    "l2_penalty",
    "lr_find",
    "max_norm",
    "metrics",
    "optimizer",
    "predict",
    "sanity_check",
    "schedule",
]
