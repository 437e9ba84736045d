"""chainrule: reverse-mode automatic differentiation, small enough to read, on Python floats, NumPy and CuPy.

>>> import chainrule as cr
>>> x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.], dtype=float32)
"""

from sys import modules as _modules
from typing import TYPE_CHECKING

from . import backends, data, metrics, nn, optim, parallel
from .autograd import random
from .autograd.errors import (
    ArgumentError,
    ChainruleError,
    CheckpointError,
    DataError,
    DeviceError,
    DtypeError,
    GradcheckError,
    GraphError,
    GraphWarning,
    NonFiniteError,
    RuleError,
    ShapeError,
    WorkerError,
)
from .autograd.foreign import answering as _answering
from .autograd.foreign import answering_instances as _answering_instances
from .autograd.foreign import no_such as _no_such
from .autograd.grad_mode import enable_grad, no_grad
from .autograd.gradcheck import gradcheck
from .autograd.methods import bind as _bind
from .autograd.methods import functions as _functions
from .autograd.primitive import ELEMENTWISE, LINEAR, MULTILINEAR, primitive
from .autograd.serialize import load, save
from .autograd.tensor import Tensor
from .autograd.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .autograd.value import Value
from .backends import deterministic
from .graph import draw, step_through, trace
from .graph.attached import attached as _attached
from .jit import jit
from .train.callback import Callback
from .train.checkpoint import Checkpoint
from .train.early_stopping import EarlyStopping
from .train.evaluate import evaluate, predict
from .train.fit import fit
from .train.history import History
from .train.lr_find import LRFind as _LRFind
from .train.lr_find import lr_find
from .train.run import Run
from .train.sanity_check import sanity_check

if TYPE_CHECKING:  # what __getattr__ finds, and the operations
    from . import plot as plot
    from . import sklearn as sklearn
    from .autograd import operations as _stub
    from .autograd.formula import formula
    from .autograd.operations import *
    from .exercises import exercise
    from .graph.views import Graph
    from .mistakes.lint import lint
    from .nonfinite.debug import debug
    from .replay.recorder import Replay
else:
    _LATER = {
        "Graph": ".graph.views",
        "Replay": ".replay.recorder",
        "debug": ".nonfinite.debug",
        "exercise": ".exercises",
        "formula": ".autograd.formula",
        "lint": ".mistakes.lint",
    }

    def __getattr__(name):
        """What is loaded when it is first asked for."""
        from importlib import import_module

        if name in ("plot", "sklearn"):
            return import_module(f"{__name__}.{name}")
        if name in _LATER:
            return getattr(import_module(_LATER[name], __name__), name)
        raise _no_such("cr", name)

    def __dir__():
        from importlib.util import find_spec  # help() reads every name, and sklearn cannot be read where it is missing

        return [*__all__, "plot", *(["sklearn"] if find_spec("sklearn") else []), "__version__"]


__version__ = "0.1.0"

_bind()  # operators and methods of Tensor, from the declarations
# every operation under the name it was declared with: exp, sum, matmul, ...; but the trace of a matrix is x.trace()
_operations = {name: function for name, function in _functions().items() if name != "trace"}
globals().update(_operations)
abs = absolute

# names of other libraries, asked of modules and of instances, are answered with ours
_places = {"cr.nn": nn, "cr.nn.init": nn.init, "cr.optim": optim, "cr.optim.schedule": optim.schedule, "cr.data": data}
_places |= {"cr.metrics": metrics, "cr.random": random, "cr.parallel": parallel, "cr.backends": backends}
for _place, _module in {"cr": _modules[__name__], **_places}.items():
    _answering(_place, _module)
for _kind, _called in {
    Tensor: "x",
    nn.Module: "model",
    optim.Optimizer: "optimizer",
    optim.schedule.Schedule: "scheduler",
    optim.schedule.ReduceOnPlateau: "scheduler",
    History: "history",
}.items():
    _answering_instances(_kind, _called)


# ---- methods whose code stands above their classes


class _Method:
    """A function of a higher layer as a method, imported when the attribute is read: so help() shows its documentation."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __get__(self, instance, owner):
        from importlib import import_module

        function = getattr(import_module(self.module, __name__), self.name)
        return function if instance is None else function.__get__(instance)


_attached["program"] = _Method(".jit.of_graph", "program")
History.save = _Method(".replay.page", "save")  # type: ignore[assignment, method-assign]
History.plot = _Method(".plot", "learning_curves")  # type: ignore[assignment, method-assign]
_LRFind.plot = _Method(".plot", "lr_finder")  # type: ignore[assignment, method-assign]

__all__ = [
    "ELEMENTWISE",
    "LINEAR",
    "MULTILINEAR",
    "ArgumentError",
    "Callback",
    "ChainruleError",
    "Checkpoint",
    "CheckpointError",
    "DataError",
    "DeviceError",
    "DtypeError",
    "EarlyStopping",
    "GradcheckError",
    "Graph",
    "GraphError",
    "GraphWarning",
    "History",
    "NonFiniteError",
    "Replay",
    "RuleError",
    "Run",
    "ShapeError",
    "Tensor",
    "Value",
    "WorkerError",
    "abs",
    "backends",
    "data",
    "debug",
    "deterministic",
    "draw",
    "enable_grad",
    "evaluate",
    "exercise",
    "fit",
    "formula",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "lint",
    "load",
    "lr_find",
    "metrics",
    "nn",
    "no_grad",
    "optim",
    "parallel",
    "predict",
    "primitive",
    "random",
    "sanity_check",
    "save",
    "step_through",
    "trace",
    "value_and_grad",
    "vjp",
]
if TYPE_CHECKING:
    __all__ += _stub.__all__
else:
    __all__ += _operations
