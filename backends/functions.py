"""How a call that was noted is computed, by its name: what the tracer does, and the lowerings do again."""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any

import numpy as np

from . import get
from .base import philox
from .program import Instruction

CPU = get("cpu")
# where that is no function of NumPy's of this name
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "getitem": getitem,
    "astype": lambda x, dtype, order="K": x.astype(dtype, order),
    "copy": lambda x: x.copy(),
    "philox": philox,
    "item": getitem,
}
# what may give a part of its operand's memory in another form
VIEWS = frozenset("broadcast_to expand_dims flip getitem moveaxis ravel reshape squeeze swapaxes transpose".split())
GUARDS = {"guard": bool, "guard_fits": CPU.fits, "guard_overflowed": CPU.overflowed}


def function_of(name: str) -> Callable[..., Any] | None:
    """How a call of `name` is computed; None where that is no function of operands, as of "setitem"."""
    return FUNCTIONS.get(name) or getattr(np, name, None)


def outside(made: Instruction) -> bool:
    """Whether an instruction gives an array that others can write to."""
    return made.name == "constant" and "private" not in made.options
