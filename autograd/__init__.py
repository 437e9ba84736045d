"""The engine: tensors, primitives, the tape, and the reverse and forward passes over it."""

from . import deliver, methods, micrograd, numpy_protocol, transforms, values  # noqa: F401  (all but the last complete Tensor)
