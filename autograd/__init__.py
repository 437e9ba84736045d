"""The engine: tensors, primitives, the tape, and the reverse and forward passes over it."""

from . import backward, bind, transforms  # noqa: F401  (backward and bind complete Tensor)
