"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.errors import ArgumentError
from .activations import check_instance
from .module import Module


class Sequential(Module):
    """Layers, or any functions, applied one after the other.

    Raises: ArgumentError for what is neither, such as a layer's class.
    Example:
        >>> import chainrule as cr
        >>> cr.nn.Sequential(cr.nn.Linear(2, 3), cr.tanh, cr.nn.Linear(3, 1))(cr.zeros((4, 2))).shape
        (4, 1)
    """

    def __init__(self, *layers: Callable[..., Any]):
        for layer in layers:
            check_instance("Sequential", layer)
            if not callable(layer):
                raise ArgumentError(f"Sequential: a layer must be a module or a function, not {layer!r}")
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: Any) -> Any:
        """A layer; of a slice, a Sequential of the same layers."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def _parts(self):
        """(path, part) for its layers, functions too, and for whatever modules a subclass has beside them."""
        layers = {f"layers.{i}": layer for i, layer in enumerate(self.layers)}
        return (layers | dict(super()._parts())).items()
