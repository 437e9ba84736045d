"""The engine: tensors, primitives, the tape, and the passes over it. What is imported here declares all operations and completes Tensor."""

from . import deliver, methods, micrograd, numpy_protocol, transforms, value_backward  # noqa: F401
from .ops import (  # noqa: F401
    arithmetic,
    choose,
    compare,
    creation,
    exponential,
    index,
    length,
    linalg,
    logistic,
    norm,
    reduce,
    rounding,
    shape,
    softmax,
    trigonometric,
    variance,
)
