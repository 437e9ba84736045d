"""chainrule: reverse-mode automatic differentiation, small enough to read, on Python floats, NumPy and CuPy.

>>> import chainrule as cr
>>> x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.], dtype=float32)
"""

from typing import TYPE_CHECKING

from . import backends, nn, optim
from .autograd import random
from .autograd.bind import bind as _bind
from .autograd.bind import functions as _functions
from .autograd.check import gradcheck
from .autograd.draw import draw, step_through, trace
from .autograd.errors import (
    ArgumentError,
    ChainruleError,
    CheckpointError,
    DataError,
    DeviceError,
    DtypeError,
    GradcheckError,
    GraphError,
    RuleError,
    ShapeError,
)
from .autograd.primitive import ELEMENTWISE, LINEAR, MULTILINEAR, primitive
from .autograd.serialize import load, save
from .autograd.tape import enable_grad, no_grad
from .autograd.tensor import Tensor, Value
from .autograd.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .optim import data, metrics

if TYPE_CHECKING:
    from typing import Any

    def __getattr__(name: str) -> Any: ...  # the operations, which are named where they are declared

else:

    def __getattr__(name):
        """What is loaded when it is first asked for."""
        from importlib import import_module

        if name in ("plot", "sklearn"):
            return import_module(f"{__name__}.{name}")
        if name == "exercise":
            return import_module(f"{__name__}.exercises").exercise
        if name == "Graph":
            return import_module(f"{__name__}.autograd.draw.graph").Graph
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__version__ = "0.1.0"

_bind()  # operators and methods of Tensor, from the declarations
# every operation under the name it was declared with: exp, sum, matmul, ...; but the trace of a matrix is x.trace()
_operations = {name: function for name, function in _functions().items() if name != "trace"}
globals().update(_operations)
abs = globals()["absolute"]

__all__ = [
    "ELEMENTWISE",
    "LINEAR",
    "MULTILINEAR",
    "ArgumentError",
    "ChainruleError",
    "CheckpointError",
    "DataError",
    "DeviceError",
    "DtypeError",
    "GradcheckError",
    "Graph",
    "GraphError",
    "RuleError",
    "ShapeError",
    "Tensor",
    "Value",
    "backends",
    "data",
    "draw",
    "enable_grad",
    "exercise",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "load",
    "metrics",
    "nn",
    "no_grad",
    "optim",
    "primitive",
    "random",
    "save",
    "step_through",
    "trace",
    "value_and_grad",
    "vjp",
    *_operations,
]
