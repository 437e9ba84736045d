"""The tracer: code that runs on traced arrays is written down as it runs.

A Traced array computes with NumPy, call by call as the CPU does, and each call is noted in the Recording of this thread. While
there is one, the tracer is the device "cpu": arrays that are made belong to it.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from . import NUMBERS, OWNERS, STANDING_IN, STRIDED
from .base import Backend
from .functions import CPU, VIEWS, function_of
from .record import NAMES, Namespace, RecordingError
from .recording import Recording, form_of
from .traced import (
    LIVE,
    RECORDING,
    Traced,
    TracedNumber,
    at,
    current,
    elsewhere,
    guard,
    instructions_of,
    recording_here,
    values_of,
)


@contextmanager
def recording_into(recording: Recording):
    """Inside the with-block, in this thread, Traced arrays note their calls in `recording`."""
    tokens = RECORDING.set(recording), STANDING_IN.set(TRACE)
    LIVE.add(recording)
    try:
        yield recording
    finally:
        LIVE.discard(recording)
        RECORDING.reset(tokens[0])
        STANDING_IN.reset(tokens[1])


def note(name, *operands, out=None, **options):
    """The array that a call of `name` gives: a new one, or `out`."""
    if elsewhere(operands, out, [*options.values()]):
        return _plainly(name, operands, out, options)
    recording = recording_here()
    if name not in NAMES:
        raise RecordingError(f"recording: the table of backends/record.py has no row for {name!r}{at()}")
    if name == "copyto":
        (target, source), mask = operands, options.get("where", True)
        target[...] = source if mask is True else note("where", mask, source, target)
        return None
    if name == "add_at":
        made = recording.add(name, (out.made, *instructions_of(operands[1:])), None, out.made.form)
        out._write(made)
        np.add.at(out.value, values_of(operands[1]), values_of(operands[2]))
        return None
    if name == "where" and len(operands) == 1:
        return operands[0].nonzero()
    if name == "asarray":
        return TRACE.asarray(*operands, **options)
    if name == "getitem" and any(_varies(i) and i.dtype.kind == "b" for i in _parts(operands[1])):
        raise RecordingError(
            f"recording: the shape of x[condition] depends on values; use where(condition, x, 0){at()}"
        )
    if name == "power" and all(_whole(x) for x in operands) and isinstance(operands[1], Traced):
        bool(note("any", note("less", operands[1], 0)))  # a guard: NumPy raises there
    given, others = values_of(operands), values_of(options)
    try:
        result = function_of(name)(*given, **others)
    except (FloatingPointError, IndexError) as error:
        if not isinstance(error, IndexError) or any(_varies(i) for x in operands[1:] for i in _parts(x)):
            recording.unmet = error  # values are the cause
        raise
    strict = tuple([kind for kind, what in np.geterr().items() if what == "raise"])
    if isinstance(result, tuple):
        made = recording.add(name, instructions_of(operands), instructions_of(options), strict=strict)
        return tuple([Traced(r, recording.add("item", (made, i), None, form_of(r))) for i, r in enumerate(result)])
    first = _first(operands)
    if first is not None and result is first.value and out is None:
        return first
    part = name in VIEWS and first is not None and out is None and np.may_share_memory(result, first.value)
    made = recording.add(name, instructions_of(operands), instructions_of(options), form_of(result), strict, part)
    if out is not None:
        if made.dtype != out.dtype:
            made = recording.add("astype", (made, out.dtype), None, (out.shape, out.dtype, out.strides))
        if made.shape != out.shape:
            raise ValueError(f"{name}: a result of shape {made.shape} in place of {out.shape}")
        out._write(made)
        out.value[...] = result
        return out
    return Traced(result, made, first.storage, first) if part else Traced(result, made)


def _first(x):
    """The first Traced array in operands."""
    if isinstance(x, Traced):
        return x
    for item in x if type(x) in (tuple, list) else ():
        if (first := _first(item)) is not None:
            return first
    return None


def _whole(x):
    """Whether it is of whole numbers."""
    return isinstance(x, int) or hasattr(x, "dtype") and x.dtype.kind in "biu"


def _plainly(name, operands, out, options):
    """What a call gives outside of a recording."""
    given, others = values_of(operands), values_of(options)
    if name == "add_at":
        np.add.at(*given)
    elif out is not None:
        values_of(out)[...] = function_of(name)(*given, **others)
    else:
        return function_of(name)(*given, **others)
    return out


def _parts(index):
    return index if isinstance(index, tuple) else (index,)


def _varies(x):
    """Whether it is an array whose values are not known."""
    return isinstance(x, Traced) and x.by.name != "constant"


Traced.note = staticmethod(note)


class Trace(Backend):
    """The owner of Traced arrays: the CPU, as it looks while a program is recorded."""

    name, xp, array_type, types, on_host = "cpu", Namespace(note), Traced, (Traced,), True

    def asarray(self, data, dtype=None, copy=False):
        if current() is None and not isinstance(data, Traced):
            return CPU.asarray(data, dtype, copy)
        if isinstance(data, Traced):
            return data.astype(dtype, copy=copy) if dtype is not None else data.copy() if copy else data
        if type(data) is np.ndarray and data.dtype.kind in "biuf":  # which somebody may write to later
            given = Traced(data, recording_here().constant(data))
            return given.astype(np.dtype(dtype or data.dtype), copy=copy) if copy or dtype is not None else given
        value = np.array(data, dtype=dtype) if copy else np.asarray(data, dtype=dtype)
        private = value is not data and value.base is None
        return Traced(value.copy() if private else value, recording_here().constant(value, private))

    def from_numpy(self, array):
        return self.asarray(array, copy=True)

    def frozen(self, array):
        return array

    def to_numpy(self, array):
        return array._read()

    def fits(self, squares):
        return guard("guard_fits", squares)

    def overflowed(self, result):
        return guard("guard_overflowed", result)

    def check(self, ok, error, given=str):
        if not ok:
            if current() is None:
                raise error(given())
            recording = recording_here()
            recording.unmet = error("")
            raise recording.unmet
        return True

    def random_bits(self, key, counter, n):
        return note("philox", key, counter, n)

    def counter(self, generator, first, n):
        recording = current()
        if recording is None:
            return first
        if generator not in recording.counters:
            recording.counters[generator] = [recording.number(("counter", generator), first), first, 0]
        given, start, drawn = recording.counters[generator]
        if first != start + drawn:
            recording.unmet = RecordingError(f"recording: another thread draws from the same random generator{at()}")
            raise recording.unmet
        recording.counters[generator][2] += n
        return given + drawn if drawn else given


TRACE = Trace()
OWNERS.update(dict.fromkeys(TRACE.types, TRACE))
STRIDED.add(Traced)
NUMBERS.add(TracedNumber)
