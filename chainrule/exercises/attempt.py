"""Runs a learner's forward and backward: whatever they raise becomes Wrong, and arguments that they change are noticed."""

import linecache
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from textwrap import shorten

import numpy as np

from ..autograd.convert import raw, to_host
from . import diagnosis
from .report import Wrong
from .task import Task


@dataclass
class Attempt:
    """A learner's two functions, called safely.

    Fields:
        given: the functions as "forward" and "backward"; None for one that is missing.
        sharing: whether they get the arrays themselves, so that writing into them has consequences; else copies.
        keeping: whether the arrays that they return are kept, so that writing into them later has consequences; else copies.
        changed: what they have written into their arguments, in a sentence; "" if nothing.
        evidence_of_change: the argument before and after, as rows of a table.
    """

    task: Task
    given: dict[str, Callable | None]
    sharing: bool = False
    keeping: bool = False
    changed: str = ""
    evidence_of_change: list = field(default_factory=list)

    def forward(self, arrays, case):
        """The learner's result as an array, which has the right shape; the engine's if only backward is tried."""
        right, before = self.task.value(arrays), [a.copy() for a in arrays]
        if self.given["forward"] is None:
            return right
        out = self._as_array("forward", "out", self._call("forward", arrays, case), case)
        if out.shape != right.shape:
            rows = [*zip(self.task.inputs, before, strict=True), ("expected out", right), ("got out", out)]
            raise Wrong(diagnosis.of_shape("out", right.shape, out.shape), case, rows)
        return out

    def backward(self, g, arrays, out, case):
        """The learner's gradients as a list of arrays, one for each wanted operand."""
        result = self._call("backward", [g, *arrays, out], case)
        wanted = self.task.gradients
        if len(wanted) == 1 and isinstance(result, tuple) and len(result) != 1:
            raise Wrong(f"backward must return one gradient, {wanted[0]}; it returned {len(result)} of them.", case)
        if len(wanted) == 1:
            result = result if isinstance(result, tuple) else (result,)
        elif not isinstance(result, (tuple, list)) or len(result) != len(wanted):
            came = f"{len(result)} of them" if isinstance(result, (tuple, list)) else _kind(result)
            must = f"backward must return a tuple ({', '.join(wanted)}), one gradient for each operand"
            raise Wrong(f"{must}; it returned {came}.", case)
        return [self._as_array("backward", name, d, case) for name, d in zip(wanted, result, strict=True)]

    def misordered(self, part):
        """The message for a function that names its parameters in another order; None if it does not."""
        names, function = self.task.arguments(part), self.given[part]
        own = _parameters(function) if callable(function) else None
        if own is None or len(own.parameters) != len(names):
            return None
        for name, arrives in zip(own.parameters, names, strict=True):
            if name in names and name != arrives:
                called = f"{part} is called with ({', '.join(names)}), in this order"
                return f"{called}; yours takes {own}, so that what it calls {name} is {arrives}."
        return None

    def _call(self, part, arguments, case):
        """What a function of the learner's returns for `arguments`, with the mistakes in it turned into Wrong."""
        function, names = self.given[part], self.task.arguments(part)
        if not callable(function):
            raise Wrong(f"{part} must be a function of ({', '.join(names)}), not {_kind(function)}.", case)
        _check_signature(part, function, names)
        before = [a.copy() for a in arguments]
        passed = arguments if self.sharing else [a.copy() for a in arguments]
        try:
            result = function(*passed)
        except KeyboardInterrupt:  # the user's Ctrl-C
            raise
        except BaseException as error:  # exit() too
            raise Wrong(_raised(part, function, error), case, list(zip(names, before, strict=True))) from None
        for name, a, copy in zip(names, passed, before, strict=True):
            if not self.changed and not np.array_equal(a, copy, equal_nan=a.dtype != bool):
                self.changed = (
                    f"{part} changed {name} in place (with something like {name} *= …). Others still need it: "
                    "make a new array."
                )
                self.evidence_of_change = [(f"{name} before", copy), (f"{name} after", a.copy())]
        return result

    def _as_array(self, part, name, value, case):
        """What the learner returned, as an array of float64."""
        if value is None:
            raise Wrong(f"{part} returned None: is a return missing?", case)
        if value is ...:
            raise Wrong(f"{part} still returns the … of the template: write {name} there.", case)
        try:
            array = np.asarray(to_host(part, raw(value), None))
            if array.dtype.kind not in "biuf":
                raise TypeError
            return array.astype(np.float64, copy=not self.keeping)
        except Exception:
            must = f"{part} must return an array of real numbers for {name}"
            raise Wrong(f"{must}; it returned {_kind(value)}.", case) from None


def _kind(value):
    dtype = getattr(value, "dtype", None)
    return f"an array of {dtype}" if dtype is not None else f"a {type(value).__name__}"


def _parameters(function):
    """The signature of a function; None for one that was made in C, such as np.tanh."""
    try:
        return signature(function)
    except (ValueError, TypeError):
        return None


def _check_signature(part, function, names):
    """Raise Wrong if a function cannot take these arguments."""
    own = _parameters(function)
    try:
        if own is not None:
            own.bind(*names)
    except TypeError:
        raise Wrong(f"{part} is called with ({', '.join(names)}); yours takes {own}.") from None


def _raised(part, function, error):
    """What the learner's code raised, and on which of its lines."""
    what = traceback.format_exception_only(error)[-1].strip()
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)[1:]
    frame = next((f for f in reversed(frames) if f.filename == file), frames[0] if frames else None)
    place = ""
    if frame is not None:
        line = linecache.getline(frame.filename, frame.lineno or 0).strip()
        place = f"\nat line {frame.lineno} of {frame.filename}" + (f":  {shorten(line, 60)}" if line else "")
    hint = ""
    if isinstance(error, TypeError) and "scalar" in what:
        hint = "\nThe functions of `math` take one number; use those of NumPy, such as np.exp."
    elif isinstance(error, ValueError) and "truth value" in what:
        hint = "\n`if` and `max` ask one number; for arrays use np.where or np.maximum."
    return f"{part} raised {what}{place}{hint}"
