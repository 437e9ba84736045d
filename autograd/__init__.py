"""The engine: tensors, primitives, the tape, and the reverse and forward passes over it."""

from . import deliver, methods, numpy_protocol, transforms  # noqa: F401  (the first three complete Tensor)
