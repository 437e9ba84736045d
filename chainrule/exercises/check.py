"""Tries a learner's forward and backward case by case, in the order in which one would look for a mistake."""

import numpy as np

from . import diagnosis, kinks
from .attempt import Attempt
from .diagnosis import same
from .report import Result, Wrong
from .task import upstream

_BROADCASTS = {  # shapes of operands that stretch each other: each of them by axes of length 1, by new ones, and by both
    2: [
        ((3, 1), (1, 4)),
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 3), ()),
        ((), (4,)),
        ((4, 2, 3), (3,)),
        ((2, 1), (4, 2, 3)),
    ],
    3: [((4,), (3, 1), (1, 4)), ((2, 3), (3,), ()), ((2, 3), (), (3,)), ((4, 2, 3), (3,), (2, 1))],
}


def run_checks(task, forward, backward):
    """The Result of all checks of a task; after a failure, or where a function is missing, checks are left waiting."""
    attempt = Attempt(task, {"forward": forward, "backward": backward})
    checks = [("forward values", "forward", forward_values), ("output shape", "forward", output_shape)]
    checks += [("gradient", "backward", gradient)]
    if task.elementwise and len(task.inputs) > 1:
        checks += [("broadcasting", "backward", broadcasting)]
    checks += [("used twice", "backward", used_twice)]
    result = Result(task)
    for title, part, run in checks:
        if attempt.given[part] is None or result.failure:
            result.checks.append((title, "waiting"))
            continue
        try:
            with np.errstate(all="ignore"):
                run(attempt)
            result.checks.append((title, "passed"))
        except Wrong as wrong:
            wrong.reason = attempt.misordered(part) or wrong.reason
            result.checks.append((f"{title}, {wrong.case}" if wrong.case else title, "failed"))
            result.failure = wrong
    return result


# ---- the checks


def forward_values(attempt):
    """The result on one number, on an array, and at the ends of the domain."""
    task = attempt.task
    for shapes in task.shapes[:2]:
        compare_value(attempt, task.draw(shapes), _shape_text(shapes))
    extremes = task.extremes()
    if extremes is not None:
        compare_value(attempt, extremes, "extreme inputs")


def output_shape(attempt):
    """The result on larger arrays, and on operands that broadcast."""
    task = attempt.task
    for shapes in task.shapes[2:] + (_BROADCASTS.get(len(task.inputs), []) if task.elementwise else []):
        compare_value(attempt, task.draw(shapes), _shape_text(shapes))


def gradient(attempt):
    """The gradient of one number, of arrays and at the ends of the domain, for upstream gradients that are not 1."""
    task = attempt.task
    for shapes in task.shapes:
        compare_gradient(attempt, task.draw(shapes), _shape_text(shapes))
    extremes = task.extremes()
    if extremes is not None:
        compare_extremes(attempt, extremes, 100)
        compare_extremes(attempt, extremes, -1)  # a number that is right at a kink for one g may not be for another


def broadcasting(attempt):
    """The gradient of operands that were stretched."""
    task = attempt.task
    for shapes in _BROADCASTS[len(task.inputs)]:
        compare_gradient(attempt, task.draw(shapes), _shape_text(shapes))


def used_twice(attempt):
    """op(x) + op(x) on a small tape: both uses get the same g, and their contributions add up. Then op(a) and op(b)."""
    task = attempt.task
    attempt.sharing = True
    arrays = task.draw(task.shapes[1])
    outs = [attempt.forward(arrays, "") for _ in range(2)]
    g = upstream(task.value(arrays).shape)
    before, expected = g.copy(), [2 * d for d in task.gradient(g, arrays)]
    contributions = [attempt.backward(g, arrays, out, "") for out in outs]
    for position, name in enumerate(task.gradients):
        first, second = (each[position] for each in contributions)
        for contribution in first, second:
            _check_shape(task, g, position, expected[position], contribution, "", [])
        total, right = first + second, expected[position]
        if not same(total, right).all():
            rows = [*zip(task.inputs, arrays, strict=True), ("g", before), (f"first {name}", first)]
            rows += [(f"second {name}", second), ("expected sum", right), ("got sum", total)]
            raise Wrong(attempt.changed or _FORGETFUL, "", rows, {"got sum": ~same(total, right)})
    if attempt.changed:
        raise Wrong(attempt.changed, "", attempt.evidence_of_change)
    _used_on_two_inputs(attempt)


def _used_on_two_inputs(attempt):
    """Both forward calls, then both backward, as on a tape: the arrays of the first call must still be intact."""
    task, attempt.keeping = attempt.task, True
    cases = [task.draw(task.shapes[1], seed) for seed in (1, 2)]
    outs = [attempt.forward(arrays, "") for arrays in cases]
    g = upstream(outs[0].shape)
    got = [attempt.backward(g.copy(), arrays, out, "") for arrays, out in zip(cases, outs, strict=True)]
    given, value = [*zip(task.inputs, cases[0], strict=True)], task.value(cases[0])
    if not (same(outs[0], value) | np.isnan(value)).all():
        rows = [*given, ("expected out", value), ("got out", outs[0])]
        raise Wrong(_REUSED, "", rows)
    for name, right, first in zip(task.gradients, task.gradient(g, cases[0]), got[0], strict=True):
        if first.shape != right.shape or not same(first, right).all():
            rows = [*given, ("g", g), (f"expected {name}", right), (f"got {name}", first)]
            raise Wrong(_MIXED_UP, "", rows)


_FORGETFUL = "The second use gave another gradient than the first: backward must depend on nothing but its arguments."
_REUSED = "The second call of forward overwrote what the first had returned: make a new array each time."
_MIXED_UP = (
    "forward was called on this input and on another one, then backward for each, and this gradient got lost: backward "
    "must depend on nothing but its arguments, and make a new array each time."
)


# ---- one case


def compare_value(attempt, arrays, case):
    """Raise Wrong if the result differs from the right one in shape or value."""
    task = attempt.task
    expected, got = task.value(arrays), attempt.forward(arrays, case)
    wrong = ~same(got, expected) & ~np.isnan(expected)  # nan: outside the domain
    if wrong.any():
        rows = [*zip(task.inputs, arrays, strict=True), ("expected out", expected), ("got out", got)]
        raise Wrong(diagnosis.of_value(task, *_telling_values(attempt, arrays)), case, rows, {"got out": wrong})


def compare_gradient(attempt, arrays, case):
    """Raise Wrong if a gradient differs from the right one in shape or value."""
    task = attempt.task
    out, g, expected, got = _pass(attempt, arrays, case)
    for position, (name, right, given) in enumerate(zip(task.gradients, expected, got, strict=True)):
        rows = [*zip(task.inputs, arrays, strict=True), ("g", g), ("out", out)]
        rows += [(f"expected {name}", right), (f"got {name}", given)]
        _check_shape(task, g, position, right, given, case, rows)
        wrong = ~same(given, right)
        if wrong.any():
            if right.size <= 12:
                rows.append(("measured", task.slopes(g, arrays, task.inputs.index(task.wanted[position]))))
            telling = _telling_gradients(attempt, position) if not right.ndim else None
            reason = diagnosis.of_gradient(task, position, *(telling or (arrays, g, out, right, given, wrong)))
            raise Wrong(reason, case, rows, {f"got {name}": wrong})


def compare_extremes(attempt, arrays, size):
    """The same at the ends of the domain, where values that are not finite are ignored, and a kink allows several gradients."""
    task, case = attempt.task, "extreme inputs"
    out, g, expected, got = _pass(attempt, arrays, case, size)
    rows = [*zip(task.inputs, arrays, strict=True), ("g", g), ("out", out)]
    for position, (name, right, given) in enumerate(zip(task.gradients, expected, got, strict=True)):
        _check_shape(task, g, position, right, given, case, rows)
        least, largest = kinks.choices(task, arrays, g, position, right) if task.elementwise else (right, right)
        wrong = np.isfinite(right) & ~same(given, right) & ~kinks.within(given, least, largest)
        if wrong.any():
            otherwise = f"{name} was right before: now inputs are at the ends of what they can be, or g is large."
            reason = diagnosis.of_gradient(task, position, arrays, g, out, right, given, wrong, otherwise)
            if (least < largest)[wrong].all() and np.isfinite(given[wrong]).all():
                reason = diagnosis.of_kink(task, position, arrays, least, largest, wrong)
            raise Wrong(
                reason, case, [*rows, (f"expected {name}", right), (f"got {name}", given)], {f"got {name}": wrong}
            )
    if task.elementwise and len(expected) > 1:
        wrong = ~kinks.add_up(task, arrays, g, expected, got)
        if wrong.any():
            shown = [(f"got {name}", given) for name, given in zip(task.gradients, got, strict=True)]
            raise Wrong(diagnosis.of_tie(task), case, [*rows, *shown], {})


def _check_shape(task, g, position, right, given, case, rows):
    """Raise Wrong if a gradient does not have the right shape."""
    if given.shape != right.shape:
        raise Wrong(diagnosis.of_gradient_shape(task, g, position, right, given), case, rows)


def _telling_values(attempt, arrays):
    """(arrays, expected, got) for the diagnosis: those of an array rather than of one number, if it fails too."""
    task = attempt.task
    shapes = task.shapes[-1]
    for candidate in [arrays] if arrays[0].ndim else [task.draw(shapes), arrays]:
        expected, got = task.value(candidate), attempt.forward(candidate, _shape_text(shapes))
        if not same(got, expected).all():
            break
    return candidate, expected, got


def _telling_gradients(attempt, position):
    """The same for a gradient: what diagnosis.of_gradient asks for, or None if an array does not fail."""
    shapes = attempt.task.shapes[-1]
    arrays = attempt.task.draw(shapes)
    out, g, expected, got = _pass(attempt, arrays, _shape_text(shapes))
    right, given = expected[position], got[position]
    if given.shape != right.shape or same(given, right).all():
        return None
    return arrays, g, out, right, given, ~same(given, right)


def _pass(attempt, arrays, case, size=1):
    """(out, upstream gradient, right gradients, the learner's gradients) for these operands."""
    out = attempt.forward(arrays, case)
    g = upstream(out.shape, size)
    return out, g, attempt.task.gradient(g, arrays), attempt.backward(g, arrays, out, case)


def _shape_text(shapes):
    """A case in words."""
    if all(shape == () for shape in shapes):
        return "one number" if len(shapes) == 1 else "single numbers"
    distinct = list(dict.fromkeys(shapes))
    return "shape " + " and ".join(map(str, distinct)) if len(distinct) > 1 else f"shape {distinct[0]}"
