"""The signature of a call: what must be the same of its arguments for a program to fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from .record import array_of

PLAIN = (int, float, str, bytes, np.generic)


def signature(x: Any) -> Any:
    """That of an argument."""
    if isinstance(x, Tensor):
        a = array_of(x)
        if type(a) is float:
            return Tensor, float, x.requires_grad
        if type(a) is np.ndarray:
            return Tensor, a.shape, a.dtype, a.strides, x._node is not None, x.is_leaf
        return Tensor, type(a), x
    if type(x) is np.ndarray:
        return np.ndarray, x.shape, x.dtype, x.strides
    if type(x) in (tuple, list):
        return (type(x), *map(signature, x))
    if type(x) is dict:
        return (dict, *((key, signature(value)) for key, value in x.items()))
    if x is None or isinstance(x, PLAIN):
        return type(x), x, str(x) if x == 0 else ""  # 0.0 is not -0.0
    return type(x), id(x)


def objects(x: Any) -> list[Any]:
    """What the signature of arguments names by its id."""
    if type(x) in (tuple, list, dict):
        return [found for item in (x.values() if type(x) is dict else x) for found in objects(item)]
    return [] if x is None or isinstance(x, (Tensor, np.ndarray, *PLAIN)) else [x]


def crowded(function: Callable[..., Any], key: Any, before: Any) -> str:
    """The warning that a function has more signatures than are kept; these are two of them: arguments, options, modes."""
    where, now, then = next(
        (_apart(x, y, "") for x, y in (((tuple, *key[:-2]), (tuple, *before[:-2])), (key[-2], before[-2])) if x != y),
        ("", None, None),
    )
    if not (type(now) is type(then) is tuple) or now[0] is not then[0]:
        what = "the kinds and the number of its arguments change; call one function under jit for each"
    elif issubclass(now[0], (Tensor, np.ndarray)):
        what = f"{where} is {list(then[1])}, {list(now[1])} …; make them of one shape, dtype and layout, by padding or in batches of one size"
    elif issubclass(now[0], PLAIN):
        what = f"{where} is {then[1]!r:.30}, {now[1]!r:.30} …; a program keeps such values: pass a tensor"
    else:
        what = f"{where} is a new {now[0].__name__} in each; make it once and keep it, or pass the tensors in it"
    return f"jit: {function.__name__} is recorded again and again, and the first programs are forgotten: {what}"


def _apart(x, y, where):
    """(where, x, y) of the first of two signatures' parts that differ."""
    kind = x[0] if type(x) is type(y) is tuple and x and y and x[0] is y[0] and len(x) == len(y) else None
    if kind is dict:
        parts = [(k, a, b) for (k, a), (j, b) in zip(x[1:], y[1:], strict=True) if j == k]
    elif kind in (tuple, list):
        parts = [(i, a, b) for i, (a, b) in enumerate(zip(x[1:], y[1:], strict=True))]
    else:
        return where, x, y
    named = lambda k: f"{where}[{k!r}]" if where else f"argument {k!r}"
    return next((_apart(a, b, named(k)) for k, a, b in parts if a != b), (where, None, None))
