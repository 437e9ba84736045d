"""A recording: what is noted while a thread computes with traced arrays, and the program that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Instruction, Origin, Program, mapped
from .traced import Storage, Traced, TracedNumber


class Recording:
    """What is being recorded in this thread.

    Fields:
        inputs, instructions: as in a Program.
        counters: {random generator: [input, the first word that this recording took, how many it took]}.
        line: a function that gives the user's line, as something that can be printed.
        unmet: an error because of values, such as that of a check that failed, whose text lacks what they would say; else None.
    """

    def __init__(self, line: Callable[[], Any] = lambda: "an unknown line"):
        self.line = line
        self.unmet: Exception | None = None
        self.inputs: list[Instruction] = []
        self.instructions: list[Instruction] = []
        self.counters: dict[Any, list[Any]] = {}
        self._undo: list[tuple[np.ndarray, np.ndarray]] = []
        self._constants: dict[int, Instruction] = {}
        self._number = 0

    def add(self, name, operands, options=None, form=(None, None, None), strict=(), part=False):
        """Note an instruction."""
        made = Instruction(self._number, name, operands, options, form, Origin("", "", self.line()), strict, part)
        self._number += 1
        (self.inputs if name == "input" else self.instructions).append(made)
        return made

    def array(self, label: Any, value: np.ndarray, state: bool = False) -> Traced:
        """An array that is given at every run: as an argument, or as `state`, which may be written to."""
        made = self.add("input", (label,), None, form_of(value))
        return Traced(value, made, Storage(made if state else None))

    def number(self, label: Any, value: float | int) -> TracedNumber:
        """A number that is given at every run."""
        return TracedNumber(value, self.add("input", (label,)))

    def constant(self, value: np.ndarray, private: bool = False) -> Instruction:
        """An array that was there before. Unless it is `private`, somebody may write to it later, and the program sees it."""
        if id(value) not in self._constants:  # the instruction keeps it alive
            options = {"private": True} if private else None
            self._constants[id(value)] = self.add("constant", (value,), options, form_of(value))
        return self._constants[id(value)]

    def before_writing(self, storage: Storage) -> None:
        """State that is written to for the first time: note what it held."""
        if storage.state is not None and storage.whole is not None and storage.version == 0:
            self._undo.append((storage.whole.value, storage.whole.value.copy()))

    def undo(self) -> None:
        """Bring state back to what it was before this recording."""
        for array, before in reversed(self._undo):
            array[...] = before
        self._undo.clear()

    def program(self, results: Any, state: list[Traced], kept: dict[Any, Traced]) -> Program:
        """All that was noted, where the function returned `results` and these arrays are the outside's."""
        known = lambda x: x.made if isinstance(x, (Traced, TracedNumber)) else x
        stores = [(a.storage.state, a.made) for a in state if a.made is not a.storage.state]
        return Program(
            self.inputs, self.instructions, mapped(known, results), stores, {k: a.made for k, a in kept.items()}
        )


def form_of(value):
    return (value.shape, value.dtype, value.strides) if hasattr(value, "strides") else (None, None, None)
