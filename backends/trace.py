"""The tracer: arrays with a value and the instruction that gives it, so that code which runs is written down as it runs.

A Traced array computes with NumPy, call by call as the CPU does, and each call is noted in the Recording of this thread. While
there is one, the tracer is the device "cpu": arrays that are made belong to it.

What the code asks about values is noted as a guard: a program holds for those values for which all guards come out as they
did. The value itself cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from . import NUMBERS, OWNERS, STANDING_IN, STRIDED
from .base import Backend
from .functions import CPU, FUNCTIONS, GUARDS, VIEWS, outside
from .program import Instruction, Origin, Program, mapped
from .record import COMPARISON, NAMES, OPERATORS, Namespace, Recorded, RecordingError

ASKED = np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory  # of the form of arrays
_recording: ContextVar[Recording | None] = ContextVar("chainrule_tracing", default=None)
current = _recording.get
LIVE: set[Recording] = set()  # those of all threads


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
        made = self.add("input", (label,), None, _form(value))
        return Traced(value, made, Storage(made if state else None))

    def number(self, label: Any, value: float | int) -> TracedNumber:
        """A number that is given at every run."""
        return TracedNumber(value, self.add("input", (label,)))

    def constant(self, value: np.ndarray, private: bool = False) -> Instruction:
        """An array that was there before. Unless it is `private`, somebody may write to it later, and the program sees it."""
        if id(value) not in self._constants:  # the instruction keeps it alive
            options = {"private": True} if private else None
            self._constants[id(value)] = self.add("constant", (value,), options, _form(value))
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


@contextmanager
def recording_into(recording: Recording):
    """Inside the with-block, in this thread, Traced arrays note their calls in `recording`."""
    tokens = _recording.set(recording), STANDING_IN.set(TRACE)
    LIVE.add(recording)
    try:
        yield recording
    finally:
        LIVE.discard(recording)
        _recording.reset(tokens[0])
        STANDING_IN.reset(tokens[1])


class Storage:
    """The memory of an array and of all that are parts of it.

    Fields:
        state: the input that it is, if it belongs to the outside and may be written to; else None.
        whole: the array that is no part of another.
        version: how often it was written to.
    """

    __slots__ = ("state", "whole", "version")

    def __init__(self, state=None):
        self.state, self.whole, self.version = state, None, 0


class Traced(Recorded):
    """An array of NumPy's that knows the instruction which gives it.

    Fields:
        value: the array, or the array scalar.
        storage: its Storage.
        of, by: the Traced array that it is a part of, and the instruction that gave it; None for a whole one.
    """

    __slots__ = ("value", "storage", "of", "by", "_made", "_seen")

    def __init__(self, value, made, storage=None, of=None):
        self.value, self.storage, self.of = value, storage or Storage(), of
        self.by, self._made, self._seen = made, made, self.storage.version
        if of is None:
            self.storage.whole = self

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    base = property(lambda self: self.value.base)
    strides = property(lambda self: self.value.strides)
    flags = property(lambda self: self.value.flags)
    itemsize = property(lambda self: self.value.itemsize)
    nbytes = property(lambda self: self.value.nbytes)

    @property
    def made(self):
        """The instruction that gives what it holds now: where the whole was written to, it is read off that again."""
        if self._seen != self.storage.version and self.of is not None:
            by = self.by
            self._made = _current().add(by.name, (self.of.made, *by.operands[1:]), by.options, by.form, part=True)
            self._seen = self.storage.version
        return self._made

    def astype(self, dtype, order="K", copy=True):
        if not copy and self.dtype == dtype:
            return self
        return note("astype", self, np.dtype(dtype), **({} if order == "K" else {"order": order}))

    def copy(self, order="C"):
        return note("copy", self)

    def transpose(self, *axes):
        return note(
            "transpose", self, axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes or None
        )

    def nonzero(self):
        if _elsewhere(self):
            return self.value.nonzero()
        raise RecordingError(
            f"recording: how many elements are not 0 depends on values; use where(condition, x, 0){_at()}"
        )

    def __setitem__(self, index, value):
        if _elsewhere(self, index, value):
            self.value[_value(index)] = _value(value)
            return
        if isinstance(value, (list, tuple)):
            value = np.asarray(value)
        self._write(_current().add("setitem", (self.made, *_given((index, value))), None, self._made.form))
        self.value[_value(index)] = _value(value)

    def _write(self, new):
        """`new` is the instruction that gives what this array holds from now on, and so what the whole does."""
        recording, array, changes = _current(), self, []
        recording.before_writing(self.storage)
        while True:
            changes.append((array, new))
            if array.of is None:
                break
            new, array = _put(recording, array, new), array.of
        if self.storage.state is None and (array.by.name == "input" or outside(array.by)):
            raise RecordingError(f"recording: an array from outside is written to; make a copy of it first{_at()}")
        self.storage.version += 1
        for array, new in changes:
            array._made, array._seen = new, self.storage.version

    def __bool__(self):
        return _guard("guard", self)

    def __array__(self, *args, **options):
        return np.asarray(TRACE.to_numpy(self), *args)

    def __array_ufunc__(self, function, method, *inputs, **options):
        if any(map(_foreign, inputs)):
            return NotImplemented
        name = (
            function.__name__
            if method == "__call__"
            else {"at": "add_at", "reduce": _REDUCED.get(function)}.get(method)
        )
        if name not in NAMES or method == "at" and function is not np.add:
            raise RecordingError(f"recording: np.{function.__name__}.{method} has no row in the table of names{_at()}")
        if method == "at":
            return note(name, *inputs, out=inputs[0])
        (out,) = options.pop("out", (None,))
        return note(name, *inputs, out=out, **options)

    def __array_function__(self, function, types, args, options):
        if any(_foreign(x) for x in args):
            return NotImplemented
        if function in ASKED:
            return function(*_value(args), **options)
        return note(function.__name__, *args, **options)

    def __repr__(self):
        return f"traced({self._made!r}, {self.dtype}{list(self.shape)})"


def _foreign(x):
    """Whether it is an array of another kind, such as a Tensor, which computes for itself."""
    return hasattr(x, "__array_function__") and not isinstance(x, (np.ndarray, Recorded))


_REDUCED = {np.add: "sum", np.maximum: "max", np.minimum: "min", np.logical_and: "all", np.logical_or: "any"}


def _current() -> Recording:
    recording = current()
    if recording is None:
        raise RecordingError(
            "an array of a recording is used outside of it: by another thread, which must wait until the function is recorded; or it was "
            "kept outside the recorded function: return it instead"
        )
    return recording


def _elsewhere(*operands):
    """Whether this thread does not record, and may compute with the values of operands: of all arrays while another thread records,
    and afterwards of those that stood in for arrays of the outside, which it may have met in a model.
    """
    return current() is None and (bool(LIVE) or _standing_in(operands))


def _standing_in(x):
    if isinstance(x, Traced):
        return x.storage.whole.by.name in ("input", "constant")
    return all(map(_standing_in, x)) if isinstance(x, (tuple, list)) else True


def _refuse_reading():
    _current()
    raise RecordingError(
        f"recording: the code reads a value, which a recorded program cannot do{_at()}; return it from the recorded function "
        "and read it outside, or choose with where(condition, x, y)"
    )


def _at():
    """Where the user's code is, for messages."""
    recording = current()
    return "" if recording is None else f", at {recording.line()}"


def _form(value):
    return (value.shape, value.dtype, value.strides) if hasattr(value, "strides") else (None, None, None)


def _given(x):
    """What an instruction says of operands or options."""

    def given(x):
        if isinstance(x, (Traced, TracedNumber)):
            return x.made
        return _current().constant(x) if isinstance(x, np.ndarray) else x

    return mapped(given, x)


def _value(x):
    return mapped(lambda x: x.value if isinstance(x, (Traced, TracedNumber)) else x, x)


def _guard(name, array):
    """Note what comes out of a test of an array's values."""
    value = bool(GUARDS[name](array.value))
    if _elsewhere(array):
        return value
    _current().add(name, (array.made, value))
    return value


def _first(x):
    """The first Traced array in operands."""
    if isinstance(x, Traced):
        return x
    for item in x if type(x) in (tuple, list) else ():
        if (first := _first(item)) is not None:
            return first
    return None


def note(name, *operands, out=None, **options):
    """The array that a call of `name` gives: a new one, or `out`."""
    if _elsewhere(operands, out, [*options.values()]):
        return _plainly(name, operands, out, options)
    recording = _current()
    if name not in NAMES:
        raise RecordingError(f"recording: the table of backends/record.py has no row for {name!r}{_at()}")
    if name == "copyto":
        (target, source), mask = operands, options.get("where", True)
        target[...] = source if mask is True else note("where", mask, source, target)
        return None
    if name == "add_at":
        made = recording.add(name, (out.made, *_given(operands[1:])), None, out.made.form)
        out._write(made)
        np.add.at(out.value, _value(operands[1]), _value(operands[2]))
        return None
    if name == "asarray":
        return TRACE.asarray(*operands, **options)
    if name == "getitem" and any(_varies(i) and i.dtype.kind == "b" for i in _parts(operands[1])):
        raise RecordingError(
            f"recording: the shape of x[condition] depends on values; use where(condition, x, 0){_at()}"
        )
    if name == "power" and all(_whole(x) for x in operands) and isinstance(operands[1], Traced):
        bool(note("any", note("less", operands[1], 0)))  # a guard: NumPy raises there
    given, others = _value(operands), _value(options)
    function = FUNCTIONS.get(name) or getattr(np, name)
    try:
        result = function(*given, **others)
    except (FloatingPointError, IndexError) as error:
        if not isinstance(error, IndexError) or any(_varies(i) for x in operands[1:] for i in _parts(x)):
            recording.unmet = error  # values are the cause
        raise
    strict = tuple([kind for kind, what in np.geterr().items() if what == "raise"])
    if isinstance(result, tuple):
        made = recording.add(name, _given(operands), _given(options), strict=strict)
        return tuple([Traced(r, recording.add("item", (made, i), None, _form(r))) for i, r in enumerate(result)])
    first = _first(operands)
    if first is not None and result is first.value and out is None:
        return first
    part = name in VIEWS and first is not None and out is None and np.may_share_memory(result, first.value)
    made = recording.add(name, _given(operands), _given(options), _form(result), strict, part)
    if out is not None:
        if made.dtype != out.dtype:
            made = recording.add("astype", (made, out.dtype), None, (out.shape, out.dtype, out.strides))
        if made.shape != out.shape:
            raise ValueError(f"{name}: a result of shape {made.shape} in place of {out.shape}")
        out._write(made)
        out.value[...] = result
        return out
    return Traced(result, made, first.storage, first) if part else Traced(result, made)


def _whole(x):
    """Whether it is of whole numbers."""
    return isinstance(x, int) or hasattr(x, "dtype") and x.dtype.kind in "biu"


def _plainly(name, operands, out, options):
    """What a call gives outside of a recording."""
    given, others = _value(operands), _value(options)
    if name == "add_at":
        np.add.at(*given)
    elif out is not None:
        _value(out)[...] = (FUNCTIONS.get(name) or getattr(np, name))(*given, **others)
    else:
        return (FUNCTIONS.get(name) or getattr(np, name))(*given, **others)
    return out


def _parts(index):
    return index if isinstance(index, tuple) else (index,)


def _varies(x):
    """Whether it is an array whose values are not known."""
    return isinstance(x, Traced) and x.by.name != "constant"


def _put(recording, part, new):
    """The instruction that gives the whole `part.of`, where `part`, a part of it, is what `new` gives."""
    whole, call = part.of.made, part.by
    if call.name == "getitem":
        return recording.add("setitem", (whole, call.operands[1], new), None, whole.form)
    if call.name in ("reshape", "ravel", "squeeze", "expand_dims"):
        return recording.add("reshape", (new, whole.shape), None, whole.form, part=True)
    if call.name == "transpose":
        axes = call.operands[1] if len(call.operands) > 1 else None
        return recording.add("transpose", (new, axes and tuple(np.argsort(axes).tolist())), None, whole.form, part=True)
    if call.name == "swapaxes":
        return recording.add("swapaxes", (new, *call.operands[1:]), None, whole.form, part=True)
    raise RecordingError(f"recording: a part that {call.name} gives is written to; write to the array itself{_at()}")


class TracedNumber:
    """A number that is given at every run, or computed from such: a learning rate, a count. Comparisons become guards.

    Fields:
        value: a float or int.
        made: the instruction that gives it.
    """

    __slots__ = ("value", "made")
    __array_ufunc__ = None
    shape, ndim, size, base = (), 0, 1, None

    def __init__(self, value, made):
        self.value, self.made = value, made

    def __bool__(self):
        return _guard("guard", self)

    __hash__ = object.__hash__

    def __repr__(self):
        return f"traced({self.value!r})"


def _number(name, method, operands):
    recording = _current()
    try:
        value = method(*_value(operands))
    except ArithmeticError as error:
        recording.unmet = error
        raise
    return TracedNumber(value, recording.add(name, _given(operands)))


def _bind():
    """Give Traced the operators that work in place, and TracedNumber all operators."""
    import operator as operators

    def in_place(name):
        def apply(self, other):  # an array scalar cannot be changed: there, Python makes another
            if _foreign(other):
                return NotImplemented
            return note(name, self, other, out=None if isinstance(self.value, np.generic) else self)

        return apply

    def arithmetic(name, method, swap):
        def apply(self, other):
            if isinstance(other, Traced):
                return NotImplemented
            operands = (other, self) if swap else (self, other)
            if isinstance(other, np.ndarray):
                return note(name, *operands)
            return _number(name, method, operands) if isinstance(other, (int, float, TracedNumber)) else NotImplemented

        return apply

    for short, name in OPERATORS.items():
        word = {"and": "and_", "or": "or_"}.get(short, short)
        method = getattr(operators, word)
        if NAMES[name].binds != COMPARISON:
            setattr(Traced, f"__i{short}__", in_place(name))
            setattr(TracedNumber, f"__r{short}__", arithmetic(name, method, True))
        setattr(TracedNumber, f"__{short}__", arithmetic(name, method, False))
    TracedNumber.__neg__ = lambda self: _number("negative", operators.neg, (self,))
    TracedNumber.__abs__ = lambda self: _number("absolute", operators.abs, (self,))

    def reading(name):
        def read(self, *args):
            return getattr(self.value, name)(*args) if _elsewhere(self) else _refuse_reading()

        return read

    for name in ("__float__", "__int__", "__index__", "__format__"):
        setattr(Traced, name, reading(name))
        setattr(TracedNumber, name, reading(name))
    for name in ("__iter__", "item", "tolist"):
        setattr(Traced, name, reading(name))
    TracedNumber.__round__ = reading("__round__")


_bind()
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
            given = Traced(data, _current().constant(data))
            return given.astype(np.dtype(dtype or data.dtype), copy=copy) if copy or dtype is not None else given
        value = np.array(data, dtype=dtype) if copy else np.asarray(data, dtype=dtype)
        private = value is not data and value.base is None
        return Traced(value.copy() if private else value, _current().constant(value, private))

    def from_numpy(self, array):
        return self.asarray(array, copy=True)

    def frozen(self, array):
        return array

    def to_numpy(self, array):
        return CPU.to_numpy(array.value) if _elsewhere(array) else _refuse_reading()

    def fits(self, squares):
        return _guard("guard_fits", squares)

    def overflowed(self, result):
        return _guard("guard_overflowed", result)

    def check(self, ok, error, given=str):
        if not ok:
            if current() is None:
                raise error(given())
            recording = _current()
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
            recording.unmet = RecordingError(f"recording: another thread draws from the same random generator{_at()}")
            raise recording.unmet
        recording.counters[generator][2] += n
        return given + drawn if drawn else given


TRACE = Trace()
OWNERS.update(dict.fromkeys(TRACE.types, TRACE))
STRIDED.add(Traced)
NUMBERS.add(TracedNumber)
