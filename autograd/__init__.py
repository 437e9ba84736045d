"""The engine: tensors, primitives, the tape, and the reverse and forward passes over it."""

from . import backward, methods, transforms  # noqa: F401  (backward and methods complete Tensor)
