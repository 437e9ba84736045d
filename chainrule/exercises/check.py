"""Tries a learner's forward and backward case by case, in the order in which one would look for a mistake."""

import linecache
import traceback
import warnings
from dataclasses import dataclass, field
from inspect import signature
from textwrap import shorten

import numpy as np

from ..autograd.tensor import raw, to_host
from . import diagnosis
from .diagnosis import same
from .report import Result
from .task import upstream

_BROADCASTS = {  # shapes of operands that stretch each other
    2: [((3, 1), (1, 4)), ((2, 3), (3,)), ((), (4,))],
    3: [((4,), (3, 1), (1, 4)), ((2, 3), (3,), ())],
}


class Wrong(Exception):
    """A check failed.

    Fields:
        reason: what is wrong, in sentences.
        case: what was tried, in a word or two.
        rows: (label, array) of the case that shows it.
        marks: for the label of a row, a mask of its wrong elements.
    """

    def __init__(self, reason, case="", rows=(), marks=None):
        super().__init__(reason)
        self.reason, self.case, self.rows, self.marks = reason, case, list(rows), marks or {}


def check(task, forward, backward):
    """The Result of all checks of a task; those that a missing part, or an earlier failure, keeps from running wait."""
    attempt = Attempt(task, forward, backward)
    checks = [("forward values", forward, forward_values), ("output shape", forward, output_shape)]
    checks += [("gradient", backward, gradient)]
    if task.elementwise and len(task.inputs) > 1:
        checks += [("broadcasting", backward, broadcasting)]
    checks += [("used twice", backward, used_twice)]
    result = Result(task)
    for title, part, run in checks:
        if part is None or result.failure:
            result.checks.append((title, "waiting"))
            continue
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(attempt)
            result.checks.append((title, "passed"))
        except Wrong as wrong:
            result.checks.append((f"{title}, {wrong.case}" if wrong.case else title, "failed"))
            result.failure = wrong
    return result


# ---- the checks


def forward_values(attempt):
    """The result on one number, on an array, and at the ends of the domain."""
    task = attempt.task
    for shapes in task.shapes[:2]:
        attempt.compare_value(task.draw(shapes), _shape_text(shapes))
    extremes = task.extremes()
    if extremes is not None:
        attempt.compare_value(extremes, "extreme inputs")


def output_shape(attempt):
    """The result on larger arrays, and on operands that broadcast."""
    task = attempt.task
    for shapes in task.shapes[2:] + (_BROADCASTS.get(len(task.inputs), []) if task.elementwise else []):
        attempt.compare_value(task.draw(shapes), _shape_text(shapes))


def gradient(attempt):
    """The gradient of one number, of arrays and at the ends of the domain, for upstream gradients that are not 1."""
    task = attempt.task
    for shapes in task.shapes:
        attempt.compare_gradient(task.draw(shapes), _shape_text(shapes))
    extremes = task.extremes()
    if extremes is not None:
        attempt.compare_gradient(extremes, "extreme inputs", smooth_only=True)


def broadcasting(attempt):
    """The gradient of operands that were stretched."""
    task = attempt.task
    for shapes in _BROADCASTS[len(task.inputs)]:
        attempt.compare_gradient(task.draw(shapes), _shape_text(shapes))


def used_twice(attempt):
    """op(x) + op(x) on a small tape: both uses get the same g, and their contributions add up."""
    task = attempt.task
    attempt.sharing = True
    arrays = task.draw(task.shapes[1])
    outs = [attempt.forward(arrays, "") for _ in range(2)]
    g = upstream(task.value(arrays).shape)
    before, expected = g.copy(), [2 * d for d in task.gradient(g, arrays)]
    shares = [attempt.backward(g, arrays, out, "") for out in outs]
    for position, name in enumerate(task.gradients):
        first, second = (share[position] for share in shares)
        total, right = first + second, expected[position]
        if not same(total, right).all():
            rows = [*zip(task.inputs, arrays, strict=True), ("g", before), (f"first {name}", first)]
            rows += [(f"second {name}", second), ("expected sum", right), ("got sum", total)]
            raise Wrong(attempt.changed or _FORGETFUL, "", rows, {"got sum": ~same(total, right)})
    if attempt.changed:
        raise Wrong(attempt.changed, "", attempt.evidence_of_change)


_FORGETFUL = "The second use gave another gradient than the first: backward must depend on nothing but its arguments."


# ---- running the learner's code


@dataclass
class Attempt:
    """A learner's two functions, called safely.

    Fields:
        sharing: whether they get the arrays themselves, so that what they write there is felt later; else copies.
        changed: what they have written into their arguments, in a sentence; "" if nothing.
        evidence_of_change: the argument before and after, as rows of a table.
    """

    task: object
    given_forward: object
    given_backward: object
    sharing: bool = False
    changed: str = ""
    evidence_of_change: list = field(default_factory=list)

    def forward(self, arrays, case):
        """The learner's result as an array; the engine's if only backward is tried."""
        if self.given_forward is None:
            return self.task.value(arrays)
        names = list(self.task.inputs)
        result = self._call("forward", self.given_forward, names, arrays, case)
        return _as_array("forward", "out", result, case)

    def backward(self, g, arrays, out, case):
        """The learner's gradients as a list of arrays, one for each wanted operand."""
        names = ["g", *self.task.inputs, "out"]
        result = self._call("backward", self.given_backward, names, [g, *arrays, out], case)
        wanted = self.task.gradients
        if len(wanted) == 1 and isinstance(result, tuple) and len(result) != 1:
            raise Wrong(f"backward must return one gradient, {wanted[0]}; it returned {len(result)} of them.", case)
        if len(wanted) == 1:
            result = result if isinstance(result, tuple) else (result,)
        elif not isinstance(result, (tuple, list)) or len(result) != len(wanted):
            came = f"{len(result)} of them" if isinstance(result, (tuple, list)) else _kind(result)
            must = f"backward must return a tuple ({', '.join(wanted)}), one gradient for each operand"
            raise Wrong(f"{must}; it returned {came}.", case)
        return [_as_array("backward", name, d, case) for name, d in zip(wanted, result, strict=True)]

    def compare_value(self, arrays, case):
        """Raise Wrong if the result differs from the right one in shape or value."""
        expected, got = self.task.value(arrays), self.forward(arrays, case)
        rows = [*zip(self.task.inputs, arrays, strict=True), ("expected out", expected), ("got out", got)]
        if got.shape != expected.shape:
            raise Wrong(diagnosis.of_shape("out", expected.shape, got.shape), case, rows)
        wrong = ~same(got, expected) & ~np.isnan(expected)  # nan: outside the domain
        if wrong.any():
            reason = diagnosis.of_value(self.task, *self._telling_values(arrays))
            raise Wrong(reason, case, rows, {"got out": wrong})

    def compare_gradient(self, arrays, case, smooth_only=False):
        """Raise Wrong if a gradient differs from the right one. smooth_only: leave out kinks and what is not finite."""
        task = self.task
        out, g, expected, got = self._pass(arrays, case)
        for position, (name, right, given) in enumerate(zip(task.gradients, expected, got, strict=True)):
            rows = [*zip(task.inputs, arrays, strict=True), ("g", g), ("out", out)]
            rows += [(f"expected {name}", right), (f"got {name}", given)]
            if given.shape != right.shape:
                raise Wrong(diagnosis.of_gradient_shape(task, g, position, right, given), case, rows)
            wrong = ~same(given, right)
            if smooth_only:
                wrong &= _smooth(task, arrays, g, position, right)
            if wrong.any():
                if not smooth_only and right.size <= 12:
                    rows.append(("measured", task.slopes(g, arrays, task.inputs.index(task.wanted[position]))))
                telling = self._telling_gradients(position) if not right.ndim else None
                reason = diagnosis.of_gradient(task, position, *(telling or (arrays, g, out, right, given, wrong)))
                raise Wrong(reason, case, rows, {f"got {name}": wrong})

    def _telling_values(self, arrays):
        """(arrays, expected, got) for the diagnosis: of an array in place of one number, if that fails as well."""
        shapes = self.task.shapes[-1]
        for candidate in [arrays] if arrays[0].ndim else [self.task.draw(shapes), arrays]:
            expected, got = self.task.value(candidate), self.forward(candidate, _shape_text(shapes))
            if got.shape == expected.shape and not same(got, expected).all():
                break
        return candidate, expected, got

    def _telling_gradients(self, position):
        """The same for a gradient: what diagnosis.of_gradient asks for, or None if an array does not fail."""
        shapes = self.task.shapes[-1]
        arrays = self.task.draw(shapes)
        out, g, expected, got = self._pass(arrays, _shape_text(shapes))
        right, given = expected[position], got[position]
        if given.shape != right.shape or same(given, right).all():
            return None
        return arrays, g, out, right, given, ~same(given, right)

    def _pass(self, arrays, case):
        """(out, upstream gradient, right gradients, the learner's gradients) for these operands."""
        out = self.forward(arrays, case)
        g = upstream(out.shape)
        return out, g, self.task.gradient(g, arrays), self.backward(g, arrays, out, case)

    def _call(self, part, function, names, arguments, case):
        """function(*arguments), with the learner's mistakes turned into Wrong."""
        if not callable(function):
            raise Wrong(f"{part} must be a function of ({', '.join(names)}), not {_kind(function)}.", case)
        _refuse_signature(part, function, names)
        before = [a.copy() for a in arguments]
        passed = arguments if self.sharing else [a.copy() for a in arguments]
        try:
            result = function(*passed)
        except (Exception, SystemExit) as error:
            raise Wrong(_raised(part, function, error), case, list(zip(names, before, strict=True))) from None
        for name, a, copy in zip(names, passed, before, strict=True):
            if not self.changed and not np.array_equal(a, copy, equal_nan=a.dtype != bool):
                self.changed = (
                    f"{part} changed {name} in place (with something like {name} *= …). Others still need it: "
                    "make a new array."
                )
                self.evidence_of_change = [(f"{name} before", copy), (f"{name} after", a.copy())]
        return result


def _smooth(task, arrays, g, position, right):
    """Where an operation has one finite slope: it is the same to both sides, and is what the engine says."""
    finite = np.isfinite(right)
    if not task.elementwise:
        return finite
    operand = task.inputs.index(task.wanted[position])
    left, central, ahead = (task.slopes(g, arrays, operand, side) for side in (-1, 0, 1))
    room = 1e-3 * (np.abs(g) + np.abs(right))
    return finite & (np.abs(left - ahead) <= room) & (np.abs(central - right) <= room)


def _as_array(part, name, value, case):
    """What the learner returned, as an array of float64."""
    if value is None:
        raise Wrong(f"{part} returned None: is a return missing?", case)
    if value is ...:
        raise Wrong(f"{part} still returns the … of the template: write {name} there.", case)
    try:
        array = np.asarray(to_host(part, raw(value), None))
        if array.dtype.kind not in "biuf":
            raise TypeError
        return array.astype(np.float64)
    except Exception:
        must = f"{part} must return an array of real numbers for {name}"
        raise Wrong(f"{must}; it returned {_kind(value)}.", case) from None


def _kind(value):
    dtype = getattr(value, "dtype", None)
    return f"an array of {dtype}" if dtype is not None else f"a {type(value).__name__}"


def _refuse_signature(part, function, names):
    """Raise Wrong if a function cannot take these arguments."""
    try:
        parameters = signature(function)
    except (ValueError, TypeError):  # made in C, such as np.tanh
        return
    try:
        parameters.bind(*names)
    except TypeError:
        raise Wrong(f"{part} is called with ({', '.join(names)}); yours takes {parameters}.") from None


def _raised(part, function, error):
    """What the learner's code raised, and on which of its lines."""
    what = traceback.format_exception_only(error)[-1].strip()
    home = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)[1:]
    frame = next((f for f in reversed(frames) if f.filename == home), frames[0] if frames else None)
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


def _shape_text(shapes):
    """A case in words."""
    if all(shape == () for shape in shapes):
        return "one number" if len(shapes) == 1 else "single numbers"
    distinct = list(dict.fromkeys(shapes))
    return "shape " + " and ".join(map(str, distinct)) if len(distinct) > 1 else f"shape {distinct[0]}"
