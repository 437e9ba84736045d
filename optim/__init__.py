"""Training: optimisers, learning rates, data, and fit, which ties them together.

The names of the modules data (mini-batches, splits, files), metrics, schedule and plot are also chainrule's own.
"""

from . import data, metrics, schedule
from .adagrad import Adadelta, Adagrad, RMSprop
from .adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from .callback import Callback
from .checkpoint import Checkpoint
from .clip import clip_grad_norm, clip_grad_value, grad_norm
from .data import Batches
from .early_stopping import EarlyStopping
from .fit import fit
from .history import History
from .lr_find import lr_find
from .metrics import accuracy
from .optimizer import Optimizer
from .penalty import l1_penalty, l2_penalty, max_norm
from .run import Run, evaluate
from .sanity import sanity_check
from .schedule import ReduceOnPlateau
from .sgd import SGD

OPTIMIZERS = {
    cls.__name__.lower(): cls
    for cls in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, NAdam, RAdam, Lion)
}
