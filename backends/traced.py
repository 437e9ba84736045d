"""Traced arrays and numbers: a value, and the instruction that gives it in the recording of this thread.

What is computed with them is noted (trace.py). What the code asks about values is noted as a guard: a program holds for those
values for which all guards come out as they did. The value itself cannot be read.
"""

from __future__ import annotations

import operator
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from .functions import CPU, GUARDS, outside
from .program import mapped
from .record import COMPARISON, NAMES, OPERATORS, Recorded, RecordingError

if TYPE_CHECKING:
    from .recording import Recording

ASKED = np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory  # of the form of arrays
RECORDING: ContextVar[Recording | None] = ContextVar("chainrule_tracing", default=None)
current = RECORDING.get
LIVE: set[Recording] = set()  # those of all threads
_REDUCED = {np.add: "sum", np.maximum: "max", np.minimum: "min", np.logical_and: "all", np.logical_or: "any"}


def recording_here() -> Recording:
    """The recording of this thread. Raises: RecordingError if there is none."""
    recording = current()
    if recording is None:
        raise RecordingError(
            "an array of a recording is used outside of it: by another thread, which must wait until the function is recorded; or it was "
            "kept outside the recorded function: return it instead"
        )
    return recording


def at():
    """Where the user's code is, for messages."""
    recording = current()
    return "" if recording is None else f", at {recording.line()}"


def refuse_reading():
    """Raise the RecordingError of code that asks for a value."""
    recording_here()
    raise RecordingError(
        f"recording: the code reads a value, which a recorded program cannot do{at()}; return it from the recorded function "
        "and read it outside, or choose with where(condition, x, y)"
    )


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
            self._made = recording_here().add(by.name, (self.of.made, *by.operands[1:]), by.options, by.form, part=True)
            self._seen = self.storage.version
        return self._made

    def astype(self, dtype, order="K", copy=True):
        if not copy and self.dtype == dtype:
            return self
        return self.note("astype", self, np.dtype(dtype), **({} if order == "K" else {"order": order}))

    def copy(self, order="C"):
        return self.note("copy", self)

    def transpose(self, *axes):
        return self.note(
            "transpose", self, axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes or None
        )

    def nonzero(self):
        if elsewhere(self):
            return self.value.nonzero()
        raise RecordingError(
            f"recording: how many elements are not 0 depends on values; use where(condition, x, 0){at()}"
        )

    def __setitem__(self, index, value):
        if elsewhere(self, index, value):
            self.value[values_of(index)] = values_of(value)
            return
        if isinstance(value, (list, tuple)):
            value = np.asarray(value)
        self._write(
            recording_here().add("setitem", (self.made, *instructions_of((index, value))), None, self._made.form)
        )
        self.value[values_of(index)] = values_of(value)

    def _write(self, new):
        """`new` is the instruction that gives what this array holds from now on, and so what the whole does."""
        recording, array, changes = recording_here(), self, []
        recording.before_writing(self.storage)
        while True:
            changes.append((array, new))
            if array.of is None:
                break
            new, array = _put(recording, array, new), array.of
        if self.storage.state is None and (array.by.name == "input" or outside(array.by)):
            raise RecordingError(f"recording: an array from outside is written to; make a copy of it first{at()}")
        self.storage.version += 1
        for array, new in changes:
            array._made, array._seen = new, self.storage.version

    def __bool__(self):
        return guard("guard", self)

    def _read(self):
        return CPU.to_numpy(self.value) if elsewhere(self) else refuse_reading()

    def __array__(self, *args, **options):
        return np.asarray(self._read(), *args)

    def __array_ufunc__(self, function, method, *inputs, **options):
        if any(map(_foreign, inputs)):
            return NotImplemented
        name = (
            function.__name__
            if method == "__call__"
            else {"at": "add_at", "reduce": _REDUCED.get(function)}.get(method)
        )
        if name not in NAMES or method == "at" and function is not np.add:
            raise RecordingError(f"recording: np.{function.__name__}.{method} has no row in the table of names{at()}")
        if method == "at":
            return self.note(name, *inputs, out=inputs[0])
        (out,) = options.pop("out", (None,))
        return self.note(name, *inputs, out=out, **options)

    def __array_function__(self, function, types, args, options):
        if any(_foreign(x) for x in args):
            return NotImplemented
        if function in ASKED:
            return function(*values_of(args), **options)
        return self.note(function.__name__, *args, **options)

    def __repr__(self):
        return f"traced({self._made!r}, {self.dtype}{list(self.shape)})"


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
        return guard("guard", self)

    __hash__ = object.__hash__

    def __repr__(self):
        return f"traced({self.value!r})"


def elsewhere(*operands):
    """Whether this thread does not record, and may compute with the values of operands: of all arrays while another thread records,
    and afterwards of those that stood in for arrays of the outside, which it may have met in a model.
    """
    return current() is None and (bool(LIVE) or _standing_in(operands))


def _standing_in(x):
    if isinstance(x, Traced):
        return x.storage.whole.by.name in ("input", "constant")
    return all(map(_standing_in, x)) if isinstance(x, (tuple, list)) else True


def instructions_of(x):
    """What an instruction says of operands or options."""

    def given(x):
        if isinstance(x, (Traced, TracedNumber)):
            return x.made
        return recording_here().constant(x) if isinstance(x, np.ndarray) else x

    return mapped(given, x)


def values_of(x):
    """The values of operands or options."""
    return mapped(lambda x: x.value if isinstance(x, (Traced, TracedNumber)) else x, x)


def guard(name, array):
    """Note what comes out of a test of an array's values."""
    value = bool(GUARDS[name](array.value))
    if elsewhere(array):
        return value
    recording_here().add(name, (array.made, value))
    return value


def _foreign(x):
    """Whether it is an array of another kind, such as a Tensor, which computes for itself."""
    return hasattr(x, "__array_function__") and not isinstance(x, (np.ndarray, Recorded))


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
    raise RecordingError(f"recording: a part that {call.name} gives is written to; write to the array itself{at()}")


def _computed(name, method, operands):
    recording = recording_here()
    try:
        value = method(*values_of(operands))
    except ArithmeticError as error:
        recording.unmet = error
        raise
    return TracedNumber(value, recording.add(name, instructions_of(operands)))


def _bind():
    """Give Traced the operators that work in place, and TracedNumber all operator."""

    def in_place(name):
        def apply(self, other):  # an array scalar cannot be changed: there, Python makes another
            if _foreign(other):
                return NotImplemented
            return self.note(name, self, other, out=None if isinstance(self.value, np.generic) else self)

        return apply

    def arithmetic(name, method, swap):
        def apply(self, other):
            if isinstance(other, Traced):
                return NotImplemented
            operands = (other, self) if swap else (self, other)
            if isinstance(other, np.ndarray):
                return Traced.note(name, *operands)
            return (
                _computed(name, method, operands) if isinstance(other, (int, float, TracedNumber)) else NotImplemented
            )

        return apply

    for short, name in OPERATORS.items():
        word = {"and": "and_", "or": "or_"}.get(short, short)
        method = getattr(operator, word)
        if NAMES[name].binds != COMPARISON:
            setattr(Traced, f"__i{short}__", in_place(name))
            setattr(TracedNumber, f"__r{short}__", arithmetic(name, method, True))
        setattr(TracedNumber, f"__{short}__", arithmetic(name, method, False))
    TracedNumber.__neg__ = lambda self: _computed("negative", operator.neg, (self,))
    TracedNumber.__abs__ = lambda self: _computed("absolute", operator.abs, (self,))

    def reading(name):
        def read(self, *args):
            return getattr(self.value, name)(*args) if elsewhere(self) else refuse_reading()

        return read

    for name in ("__float__", "__int__", "__index__", "__format__"):
        setattr(Traced, name, reading(name))
        setattr(TracedNumber, name, reading(name))
    for name in ("__iter__", "item", "tolist"):
        setattr(Traced, name, reading(name))
    TracedNumber.__round__ = reading("__round__")


_bind()
