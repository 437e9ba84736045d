"""Layers one after the other."""

from ..autograd.errors import ArgumentError
from .activation import activation as find
from .activation import name_of
from .dropout import Dropout
from .linear import Linear
from .module import Module

_RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}


class Sequential(Module):
    """Layers, or any functions, applied one after the other.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Sequential(cr.nn.Linear(2, 3), cr.tanh, cr.nn.Linear(3, 1))(cr.zeros((4, 2))).shape
        (4, 1)
    """

    def __init__(self, *layers):
        for layer in layers:
            if not callable(layer):
                raise ArgumentError(f"Sequential: a layer must be a module or a function, not {layer!r}")
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, index):
        return self.layers[index]


class MLP(Module):
    """A multi-layer perceptron: affine layers with an activation after each but the last.

    Shape: x (…, sizes[0]) → (…, sizes[-1]).
    Fields:
        layers: one Linear for each pair of neighbouring sizes. Weights start from He's initialiser under rectifiers
            and from Glorot's elsewhere.
        dropout: applied after each hidden activation.

    Raises: ArgumentError for fewer than two sizes, an unknown activation, or a bad dropout probability.
    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.MLP([64, 32, 10], activation="tanh", dropout=0.1)
        >>> sum(p.size for p in model.parameters())
        2410
    """

    def __init__(self, sizes, activation="relu", output=None, dropout=0.0):
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ArgumentError(f"MLP: sizes needs at least an input and an output size, was given {sizes}")
        self.activation, self.output = find(activation), find(output)
        hidden = "he_normal" if name_of(self.activation) in _RECTIFIERS else "xavier_normal"
        inits = [hidden] * (len(sizes) - 2) + ["xavier_normal"]
        self.layers = [Linear(n, m, init=init) for n, m, init in zip(sizes, sizes[1:], inits, strict=False)]
        self.dropout = Dropout(dropout)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.dropout(self.activation(layer(x)))
        return self.output(self.layers[-1](x))

    def extra_repr(self):
        return f"activation={name_of(self.activation)}, output={name_of(self.output)}"
