"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from ..autograd.arguments import choose
from ..autograd.errors import ArgumentError
from .activations import Activation, identity, name_of
from .activations import activation as find
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import BatchNorm, LayerNorm

RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}
NORMS = {None: None, "batch": BatchNorm, "layer": LayerNorm}


class MLP(Module):
    """A multi-layer perceptron: affine layers with an activation after each but the last.

    Shape: x (…, sizes[0]) → (…, sizes[-1]).
    Fields:
        layers: one Linear for each pair of neighbouring sizes. Weights start from He's initialiser under rectifiers
            and from Glorot's elsewhere. Where a BatchNorm follows, which would undo a bias, there is none.
        norms: with norm="batch" or "layer", the BatchNorm or LayerNorm before each hidden activation; else empty.
        input_dropout: applied to the inputs.
        dropout: applied after each hidden activation.

    Raises: ArgumentError unless sizes is a list of at least two, or for an unknown activation or norm, or a bad dropout
        probability.
    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.MLP([64, 32, 10], activation="tanh", dropout=0.1)
        >>> sum(p.size for p in model.parameters())
        2410
    """

    def __init__(
        self,
        sizes: Iterable[int],
        activation: Activation | None = "relu",
        output: Activation | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        norm: str | None = None,
    ):
        if not hasattr(sizes, "__iter__"):
            raise ArgumentError(f"MLP: sizes must be a list such as [2, 8, 1], not {sizes!r}")
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ArgumentError(f"MLP: sizes needs at least an input and an output size, was given {sizes}")
        self.activation, self.output, make_norm = find(activation), find(output), choose("norm", norm, NORMS)
        self.input_dropout, after_hidden = Dropout(input_dropout), Dropout(dropout)
        init = "he_normal" if name_of(self.activation) in RECTIFIERS else "xavier_normal"
        *hidden, last = zip(sizes, sizes[1:], strict=False)
        self.layers = [Linear(n, m, bias=norm != "batch", init=init) for n, m in hidden]
        self.layers.append(Linear(*last, init="xavier_normal"))
        self.norms = [make_norm(m) for _, m in hidden] if make_norm else []
        self.dropout = after_hidden

    def forward(self, x):
        x = self.input_dropout(x)
        for layer, norm in zip(self.layers[:-1], self.norms or repeat(identity), strict=False):
            x = self.dropout(self.activation(norm(layer(x))))
        return self.output(self.layers[-1](x))

    def extra_repr(self) -> str:
        return f"activation={name_of(self.activation)}, output={name_of(self.output)}"
