"""A model for one shard, and what its forward has left in it."""

from __future__ import annotations

from copy import copy
from types import MethodType
from typing import Any

import numpy as np

from ..autograd.errors import ArgumentError
from ..autograd.tensor import Tensor
from ..nn.module import Module, Parameter

PLAIN = bool, int, float, complex, str, type(None)


class Replica:
    """A model with the modules, lists and tensors of another one copied, and everything else shared, its Parameters above all.

    So a thread may write to what layers keep for themselves while others compute with the same Parameters.

    Fields:
        model: the copy.
    """

    def __init__(self, model: Module):
        self._made: dict[
            int, tuple[Any, Any, Any]
        ] = {}  # by id: what was copied, the copy, and what that held at first
        self.model = self._copied(model)

    def copy_of(self, x: Any) -> Any:
        """What stands in the replica for a part of the model."""
        return self._made[id(x)][1]

    def kept(self) -> dict[tuple[Module, str], Any]:
        """What forward has set: {(module of the original model, attribute): a number, text or None}.

        Tensors are not among them: those that were there before are counted by who looks at them, new ones are lost.

        Raises: ArgumentError for what would be lost although it may matter: results with a history, arrays of NumPy, lists and dicts that
            were changed, new modules.
        """
        kept = {}
        for original, new, before in self._made.values():
            if isinstance(new, Module):
                for name, value in vars(new).items():
                    earlier = before.get(name, self)
                    if value is not earlier and _matters(type(original).__name__, name, value, earlier):
                        kept[original, name] = value
            elif isinstance(new, (list, dict)) and not _same_items(new, before):
                raise ArgumentError(
                    f"DataParallel: forward changes a {type(new).__name__} of the model, which each shard does on a copy of its own; "
                    "keep tensors and numbers as attributes of a module, and what is to be collected outside of the model"
                )
        return kept

    def _copied(self, x):
        """A copy of x, or what was made of it before: a part that a model holds twice is one in the replica, too."""
        if isinstance(x, np.ndarray) and x.flags.writeable:
            x = x.view()
            x.flags.writeable = False  # what is written to it would be written by all shards
            return x
        if isinstance(x, MethodType) and isinstance(x.__self__, Module):
            return MethodType(x.__func__, self._copied(x.__self__))
        if isinstance(x, Parameter) or not isinstance(x, (Module, Tensor, list, tuple, dict)):
            return x
        if id(x) in self._made:
            return self._made[id(x)][1]
        if isinstance(x, Tensor):
            new = x.detach() if x.is_leaf and not x.requires_grad else x
            self._made[id(x)] = x, new, None
        elif isinstance(x, tuple):
            parts = [self._copied(value) for value in x]
            same = all(a is b for a, b in zip(parts, x, strict=True))
            new = x if same else x._make(parts) if hasattr(x, "_make") else type(x)(parts)
            self._made[id(x)] = x, new, None
        elif isinstance(x, list):
            new = copy(x)
            self._made[id(x)] = x, new, (before := [])
            new[:] = [self._copied(value) for value in x]
            before += new
        else:
            new = _bare(x) if isinstance(x, Module) else copy(x)
            self._made[id(x)] = x, new, (before := {})
            held = vars(new) if isinstance(x, Module) else new
            held.update(
                {name: self._copied(value) for name, value in (vars(x) if isinstance(x, Module) else x).items()}
            )
            before.update(held)
        return new


def _bare(module):
    """A module of the same class, with what its slots hold; copy() would ask a __getattr__ that is not ready."""
    new = object.__new__(type(module))
    for kind in type(module).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(module, name):
                setattr(new, name, getattr(module, name))
    return new


def _matters(module, name, value, earlier):
    """Whether what forward has set is kept: numbers and the like are, tensors without history are not."""
    if type(value) in PLAIN:
        return True
    history = isinstance(value, Tensor) and not (value.is_leaf and not value.requires_grad)
    if history or isinstance(value, (Module, Parameter)):
        what = "a result with its history" if history else "a new part of the model"
        advice = (
            "return it from forward, so that the loss can use it, or keep value.detach()"
            if history
            else "make it in __init__"
        )
        raise ArgumentError(
            f"DataParallel: forward sets {module}.{name} to {what}, which the loss and other shards do not see; {advice}"
        )
    if isinstance(value, (np.ndarray, np.generic)) and getattr(earlier, "shape", None) == value.shape:
        raise ArgumentError(
            f"DataParallel: forward changes {module}.{name}, an array of NumPy, which each shard does by itself; keep it as a tensor: then "
            "it becomes the mean over all examples"
        )
    return False


def _same_items(new, before):
    if isinstance(new, dict):
        return new.keys() == before.keys() and all(value is before[key] for key, value in new.items())
    return len(new) == len(before) and all(a is b for a, b in zip(new, before, strict=True))
