"""The perceptron: a weighted sum of inputs, a bias, and an activation."""

from __future__ import annotations

from ..autograd.arguments import whole
from ..autograd.ops.creation import zeros
from ..autograd.ops.linalg import matmul
from ..autograd.typing import MaybeNone
from .activations import Activation, name_of
from .activations import activation as find
from .init import Initializer, initial
from .module import Module, Parameter


class Perceptron(Module):
    """One neuron: activation(x · weight + bias).

    Shape: x (…, n_inputs) → (…).
    Fields:
        weight: (n_inputs,).
        bias: (), 0 at first; it moves the boundary x · weight + bias = 0, which without it would pass through 0. None
            with bias=False.

    Raises: ShapeError if x has another width; ArgumentError for an unknown activation or initialiser.
    Source: Rosenblatt, "The perceptron: a probabilistic model for information storage and organization" (1958).
    Example:
        >>> import chainrule as cr
        >>> neuron = cr.nn.Perceptron(2, "step")
        >>> _ = neuron.load_state_dict({"weight": cr.tensor([1.0, 1.0]), "bias": cr.tensor(-1.5)})
        >>> neuron(cr.tensor([[0.0, 1.0], [1.0, 1.0]])).tolist()  # AND
        [0.0, 1.0]
    """

    def __init__(
        self,
        n_inputs: int,
        activation: Activation | None = "sigmoid",
        init: Initializer = "xavier_normal",
        bias: bool = True,
    ):
        n_inputs = whole("Perceptron", "n_inputs", n_inputs)
        self.activation = find(activation)
        self.weight = Parameter(initial(init, (n_inputs,), n_inputs, 1))
        self.bias: Parameter | MaybeNone = Parameter(zeros(())) if bias else None

    def forward(self, x):
        z = matmul(x, self.weight)
        return self.activation(z if self.bias is None else z + self.bias)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]} inputs, {name_of(self.activation)}"
