"""A model for one shard: the same Parameters, own copies of all other tensors."""

from __future__ import annotations

from copy import copy
from typing import Any

from ..autograd.tensor import Tensor
from ..nn.module import Module, Parameter


def replica(model: Module) -> Module:
    """The model with its modules, lists and tensors copied, and everything else shared, its Parameters above all.

    So a thread may write to what layers keep for themselves while others compute with the same Parameters.
    """
    return _copied(model, {})


def _copied(x: Any, made: dict[int, Any]) -> Any:
    """A copy of x, or what was made of it before: a part that a model holds twice is one in the replica, too."""
    if isinstance(x, Parameter) or not isinstance(x, (Module, Tensor, list, tuple, dict)):
        return x
    if id(x) in made:
        return made[id(x)]
    if isinstance(x, Tensor):
        new = x.detach() if x.is_leaf and not x.requires_grad else x
        made[id(x)] = new
    elif isinstance(x, Module):
        made[id(x)] = new = copy(x)
        vars(new).update({name: _copied(value, made) for name, value in vars(x).items()})
    elif isinstance(x, dict):
        made[id(x)] = new = copy(x)
        for key, value in x.items():
            new[key] = _copied(value, made)
    elif isinstance(x, list):
        made[id(x)] = new = copy(x)
        new[:] = [_copied(value, made) for value in x]
    else:
        parts = [_copied(value, made) for value in x]
        same = all(a is b for a, b in zip(parts, x, strict=True))
        made[id(x)] = new = x if same else x._make(parts) if hasattr(x, "_make") else type(x)(parts)
    return new
