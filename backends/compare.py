"""Whether two recordings of the same code are one program."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from .program import Instruction, Program


class Difference(NamedTuple):
    """Where two programs part.

    Fields:
        first, second: the instructions; None where a program has ended.
        values: the numbers or arrays that differ, if nothing else does; else None.
    """

    first: Instruction | None
    second: Instruction | None
    values: tuple[Any, Any] | None


def difference(a: Program, b: Program) -> Difference | None:
    """Where b differs from a; None if they compute the same from the same inputs."""
    same: dict[Instruction, Instruction] = {}
    for x, y in zip_longest([*a.inputs, *a.instructions], [*b.inputs, *b.instructions]):
        if x is None or y is None:
            return Difference(x, y, None)
        if x.name != y.name or x.form != y.form or x.strict != y.strict or x.part != y.part:
            return Difference(x, y, None)
        for given, other in ((x.operands, y.operands), (x.options, y.options)):
            if (apart := _apart(given, other, same)) is not None:
                return Difference(x, y, apart or None)
        same[x] = y
    first, second = ([p.results, p.stores, list(p.kept.items())] for p in (a, b))
    return None if _apart(first, second, same) is None else Difference(None, None, None)


def _apart(x, y, same):
    """None if two operands are the same; else the two numbers that differ, or () for what is no number."""
    if isinstance(x, Instruction):
        return None if same.get(x, x) is y else ()
    if type(x) is not type(y):
        return ()
    if isinstance(x, (tuple, list)):
        if len(x) != len(y):
            return ()
        return next((d for d in (_apart(i, j, same) for i, j in zip(x, y, strict=True)) if d is not None), None)
    if isinstance(x, dict):
        return _apart(list(x.items()), list(y.items()), same)
    if isinstance(x, slice):
        return _apart((x.start, x.stop, x.step), (y.start, y.stop, y.step), same)
    if isinstance(x, np.ndarray):
        return None if x is y or x.shape == y.shape and x.tobytes() == y.tobytes() else (x, y)
    if x == y or x != x and y != y:
        return None
    return (x, y) if isinstance(x, (int, float, np.generic)) and not isinstance(x, bool) else ()
