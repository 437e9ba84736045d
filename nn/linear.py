"""The affine layer."""

from __future__ import annotations

from ..autograd.arguments import whole
from ..autograd.ops.creation import zeros
from ..autograd.ops.linalg import affine, matmul
from ..autograd.typing import MaybeNone
from .init import Initializer, initial
from .module import Module, Parameter


class Linear(Module):
    """An affine layer x W + b.

    Shape: x (…, n_in) → (…, n_out).
    Fields:
        weight: (n_in, n_out).
        bias: (n_out,), zeros at first; it shifts each output, which without it would be 0 wherever x is 0. None if
            bias=False.

    Raises: ShapeError if the last axis of x is not n_in long; ArgumentError for bad sizes or an unknown initialiser.
    Example:
        >>> import chainrule as cr
        >>> cr.nn.Linear(3, 2)(cr.zeros((5, 3))).shape
        (5, 2)
    """

    def __init__(self, n_in: int, n_out: int, bias: bool = True, init: Initializer = "xavier_uniform"):
        n_in, n_out = whole("Linear", "n_in", n_in), whole("Linear", "n_out", n_out)
        self.weight = Parameter(initial(init, (n_in, n_out), n_in, n_out))
        self.bias: Parameter | MaybeNone = Parameter(zeros(n_out)) if bias else None

    def forward(self, x):
        return matmul(x, self.weight) if self.bias is None else affine(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]} → {self.weight.shape[1]}" + ("" if self.bias is not None else ", no bias")
