"""The tracer of single numbers: floats that know where they stand on a Tape, so that code which runs on Values is written down.

What is asked of a number that only decides between two ways (`if a > b`) is noted as a guard. The number itself cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from . import OWNERS, SINGLES, STANDING_IN
from .base import Backend
from .record import OPERATORS, RecordingError
from .scalar import xp as floats

INPUT, CONSTANT = "input", "constant"
SAME = frozenset(("asarray", "sum", "copy"))  # give what they are given


class Tape:
    """What was computed, as one list: an entry is (INPUT, label), (CONSTANT, value) or (name, places of the operands …).

    Fields:
        entries: the list; values, lines: for each entry its value at the recording, and the user's line.
        guards: [(place, whether what stands there was true)].
        unmet: the error of a check that failed, whose text lacks the numbers; else None.
    """

    def __init__(self, line: Callable[[], Any]):
        self.line = line
        self.entries: list[tuple] = []
        self.values: list[float] = []
        self.lines: list[Any] = []
        self.guards: list[tuple[int, bool]] = []
        self.unmet: Exception | None = None
        self._places: dict[Any, int] = {}
        self._constant: set[int] = set()
        self._lines: dict[Any, Any] = {}  # each once

    def _add(self, entry, value, line=None):
        self.entries.append(entry)
        self.values.append(value)
        self.lines.append(line)
        return len(self.entries) - 1

    def input(self, label: Any, value: float) -> Single:
        """A number that is given at every run."""
        return Single(self, self._add((INPUT, label), value))

    def constant(self, value: float) -> int:
        """The place of a number that stays."""
        key = value.hex()
        if key not in self._places:
            self._places[key] = place = self._add((CONSTANT, value), value)
            self._constant.add(place)
        return self._places[key]

    def place(self, x: Any) -> int:
        """Where an operand stands."""
        if type(x) is Single:
            if x.tape is not self:
                raise RecordingError(
                    "a number of a recording that is over is used: it was kept outside the recorded function; return it instead"
                )
            return x.place
        return self.constant(float(x))

    def note(self, name: str, *operands: Any) -> Single:
        """The number that an operation gives; what was computed before from the same is not computed again."""
        places = [x.place if x.__class__ is Single and x.tape is self else self.place(x) for x in operands]
        entry = (name, *places)
        if (place := self._places.get(entry)) is None:
            values = self.values
            value = float(getattr(floats, name)(*[values[i] for i in places]))
            if self._constant.issuperset(places):
                place = self.constant(value)
            else:
                line = self.line()
                place = self._add(entry, value, self._lines.setdefault(line, line))
            self._places[entry] = place
        return Single(self, place)


class Single:
    """A number on a Tape."""

    __slots__ = ("tape", "place")
    shape, dtype, size, ndim, base = (), np.dtype(float), 1, 0, None
    __hash__ = object.__hash__
    __array_ufunc__ = None

    def __init__(self, tape, place):
        self.tape, self.place = tape, place

    def __bool__(self):
        truth = bool(self.tape.values[self.place])
        if self.tape.entries[self.place][0] is not CONSTANT and (self.place, truth) not in self.tape.guards[-8:]:
            self.tape.guards.append((self.place, truth))
        return truth

    def _read(self, *_):
        raise RecordingError(
            f"jit: the function reads the number of a Value, which a recorded program cannot do, at {self.tape.line()}; compute with the "
            "Value itself or with its .data, or return it and read it outside"
        )

    __float__ = __int__ = __index__ = __round__ = __trunc__ = __floor__ = __ceil__ = __format__ = __array__ = _read

    def __repr__(self):
        return f"recorded({self.tape.values[self.place]!r})"


def _operators():
    """Give Single the operators of numbers."""

    def binary(name, swap):
        def apply(self, other):
            if type(other) is not Single and not isinstance(other, (int, float, np.generic)):
                return NotImplemented
            return self.tape.note(name, other, self) if swap else self.tape.note(name, self, other)

        return apply

    truths = {"and": "logical_and", "or": "logical_or"}
    for short, name in (OPERATORS | truths).items():
        if hasattr(floats, name):
            setattr(Single, f"__{short}__", binary(name, False))
            if hasattr(float, f"__r{short}__"):
                setattr(Single, f"__r{short}__", binary(name, True))
    for short, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "logical_not"}.items():
        setattr(Single, f"__{short}__", lambda self, name=name: self.tape.note(name, self))


_operators()


class _Names:
    """`xp` for numbers on a Tape."""

    def __getattr__(self, name):
        if name in SAME:
            return lambda x, *_, **__: x
        if not hasattr(floats, name):
            raise RecordingError(f"jit: {name} is no operation on single numbers, which this function is recorded with")
        return partial(_noted, name)

    def ones_like(self, x):
        return 1.0

    def zeros_like(self, x):
        return 0.0


def _noted(name, *operands):
    return _tape.get().note(name, *operands)


class Singles(Backend):
    """The owner of numbers on a Tape, in its recording also of all others."""

    name, xp, array_type, types, on_host = "scalar", _Names(), Single, (Single,), False

    def asarray(self, data, dtype=None, copy=False):
        if type(data) is Single:
            return data
        if np.size(data) != 1:
            raise RecordingError(
                f"jit: an array of shape {np.shape(data)} stands beside Values; record one or the other"
            )
        tape = _tape.get()
        return Single(tape, tape.constant(float(np.asarray(data).reshape(()))))

    def copy(self, array):
        return array

    frozen = copy

    def fits(self, squares):
        return True

    def overflowed(self, result):
        return False

    def check(self, ok, error, given=str):
        if not ok:  # a guard
            tape = _tape.get()
            tape.unmet = error("")  # run eagerly, the function raises it with the numbers
            raise tape.unmet
        return True

    def to_numpy(self, array):
        return array._read()

    read = to_numpy

    def assign(self, array, value):
        return self.asarray(value)


OWNERS[Single] = TRACER = Singles()
_tape: ContextVar[Tape | None] = ContextVar("chainrule_tape", default=None)
SINGLES.add(Single)


@contextmanager
def recording_on(tape: Tape):
    """Inside the with-block, in this thread, numbers beside those on the tape are constants on it."""
    tokens = _tape.set(tape), STANDING_IN.set(TRACER)
    try:
        yield tape
    finally:
        _tape.reset(tokens[0])
        STANDING_IN.reset(tokens[1])
