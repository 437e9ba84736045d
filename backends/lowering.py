"""Which lowering runs a program: C where it can, else NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .numpy_lowering import Lowered
from .program import Instruction, Program

LOWERINGS = None, "c", "numpy"


def pays(program: Program, runs: int) -> bool:
    """Whether there is a C compiler, and so many runs make up for the time that it takes.

    By estimates, so that the answer is the same whenever it is asked for: C saves what NumPy needs to be called, and to bring results
    from and to memory.
    """
    from .compiler import compilers

    size, moved = len(program.instructions), sum(made.nbytes for made in program.instructions if not made.part)
    return runs * (0.7e-6 * size + 2e-11 * moved) > 0.2 + 1.5e-3 * size and bool(compilers())  # seconds


def lowered(program: Program, state: dict[Instruction, np.ndarray], lowering: str | None) -> tuple[Any, str]:
    """The program, ready to run, and by what: "c", "numpy", or "numpy: " and why there is no C of it."""
    if lowering == "numpy":
        return Lowered(program, state), "numpy"
    from . import c_lowering  # what looks for a compiler takes longer to import than all else here
    from .c_graph import NoC
    from .compiler import NoCompiler

    try:
        return c_lowering.Lowered(program, state), "c"
    except (NoC, NoCompiler) as reason:
        return Lowered(program, state), f"numpy: {reason}"
