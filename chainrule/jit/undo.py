"""What a recording or a run that fails brings back: attributes, Python's state, and words that were drawn."""

from __future__ import annotations

from typing import Any

from .reach import Reach


class Swaps:
    """Attributes that are changed for a while."""

    def __init__(self):
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, x, name, value):
        self._before.append((x, name, getattr(x, name)))
        setattr(x, name, value)

    def shadow(self, x, name, value):
        """Let an attribute of the instance stand before a method."""
        self._before.append((x, name, Swaps))
        setattr(x, name, value)

    def undo(self):
        while self._before:
            x, name, value = self._before.pop()
            if value is Swaps:
                delattr(x, name)
            else:
                setattr(x, name, value)


def undraw(generator: Any, first: int, count: int) -> None:
    """Give back `count` words, of which this was the first, unless another thread has drawn since."""
    with generator._lock:
        if generator.counter == first + count:
            generator.counter = first


class Before:
    """The Python state of what a function can reach, before it runs."""

    def __init__(self, reach: Reach):
        self.optimizers = [(o, o.steps, o.last_lr, o._squares, o._warned) for o in reach.optimizers]
        self.flats = [(f, f.updates[:], f.gradient, f.due, f._spread) for f in reach.flats]
        self.tensors = [(t, t._version, t._access) for t in reach.tensors]
        self.nodes = [(t._node, t._node.grad, t._node.result) for t in reach.tensors if t._node is not None]

    def restore(self):
        for o, *values in self.optimizers:
            o.steps, o.last_lr, o._squares, o._warned = values
        for f, *values in self.flats:
            f.updates, f.gradient, f.due, f._spread = values
        for t, version, access in self.tensors:
            t._version, t._access = version, access
        for node, grad, result in self.nodes:
            node.grad, node.result = grad, result
