"""Dropout."""

from __future__ import annotations

from ..autograd import random
from ..autograd.arguments import fraction
from ..autograd.dtypes import floating
from ..autograd.ops.creation import asarray
from .module import Module


class Dropout(Module):
    """Sets each element to 0 with probability p while training, and divides the others by 1 - p; else does nothing.

    The mask comes from `generator` (chainrule.random.Generator), by default from the global one: the same seed gives
    the same mask on every backend.

    Raises: ArgumentError unless 0 ≤ p < 1.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).
    """

    def __init__(self, p: float = 0.5, generator: random.Generator | None = None):
        self.p = fraction("Dropout", "p", p)
        self.generator = generator

    def __call__(self, x):
        # where it does nothing, nothing is recorded that would have to belong to it
        return super().__call__(x) if self.training and self.p else self.forward(x)

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        (x,) = floating(asarray(x))
        return x * (self.generator or random._generator)._mask(1 - self.p, x)

    def extra_repr(self) -> str:
        return f"p={self.p}"
