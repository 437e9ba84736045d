"""Recognises wrong results: each usual mistake is made on purpose and compared with what the learner returned."""

import numpy as np

from ..autograd.formula import evaluate, formula, leaves
from ..autograd.ops.shape import unbroadcast
from ..autograd.plan import asked
from ..autograd.primitive import ELEMENTWISE, REGISTRY
from ..graph.values import number


def same(a, b):
    """Where two arrays of one shape agree, element by element."""
    return np.isclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)


def of_shape(name, expected, got):
    """A result of the wrong shape."""
    if got == expected[::-1]:
        return f"{name} is transposed: its shape must be {expected}, it is {got}."
    if np.prod(expected) == np.prod(got):
        return f"{name} has as many numbers as it should, but in shape {got}; it must be {expected}."
    return f"{name} must have shape {expected}; it has {got}."


def of_value(task, arrays, expected, got):
    """A wrong result of forward."""
    counted = ~np.isnan(expected)
    wrong = counted & ~same(got, expected)
    broken = wrong & np.isfinite(expected) & ~np.isfinite(got)
    if broken.any():
        return _overflow(task.inputs, arrays, got, broken) + " Rewrite the formula so that no exponent is large."
    reason = _recognise(_other_values(task, arrays, expected), got, counted) or _factor(expected, got)
    return _sentences(reason, _part(task, arrays, wrong)) or "The values differ where they are marked."


def of_gradient_shape(task, g, position, right, given):
    """A gradient of the wrong shape."""
    name, x = task.gradients[position], task.wanted[position]
    if task.elementwise and given.shape == g.shape:
        return (
            f"{x} has shape {right.shape} and was stretched to {g.shape}: each of its elements was used "
            f"{g.size // right.size} times, and gets the sum of as many contributions. Add up {name} along the "
            f"stretched axes, e.g. cr.unbroadcast({name}, shape={x}.shape)."
        )
    if not task.elementwise and len(task.inputs) == 1 and given.shape == g.shape:
        return (
            f"{name} has one number for each result; it needs one for each element of {x}, shape {right.shape}. "
            "Every element of a row gets a contribution from the row's g: start from g[..., None]."
        )
    return of_shape(name, right.shape, given.shape) + f" A gradient has the shape of what it belongs to, {x}."


def of_gradient(task, position, arrays, g, out, right, given, wrong, otherwise=None):
    """A wrong gradient of the right shape; `wrong` masks the elements that count as wrong.

    `otherwise` is said where no usual mistake explains it, in place of how to read the table.
    """
    name, x = task.gradients[position], task.wanted[position]
    broken = wrong & ~np.isfinite(given)
    if broken.any():
        found = _overflow(task.inputs, arrays, given, broken)
        return f"{found} The slope is finite there: try to write {name} with out."
    if not given.any():
        return f"{name} is 0 everywhere, as if {x} had no influence on out; but out changes with {x}."
    counted = wrong | same(given, right)
    mistakes = _other_gradients(task, position, arrays, g, out, right)
    reason = _recognise(mistakes, given, counted) or _factor(right, given)
    reason = _sentences(reason, _part(task, arrays, wrong)) or otherwise
    return reason or (
        f"Compare with “measured”: {x} was moved a little to either side, and the change of out multiplied by g. "
        f"{name} must be that."
    )


def of_kink(task, position, arrays, least, largest, wrong):
    """A gradient outside the range that a kink allows, from `least` to `largest`."""
    name = task.gradients[position]
    ends = f"{number(least[wrong][0])} and {number(largest[wrong][0])}"
    return (
        f"The slope jumps {_where(task.inputs, arrays, wrong)}. {name} may be what comes from the left, from the right, "
        f"or anything in between: here, with this g, it must be between {ends}."
    )


def of_tie(task):
    """Gradients at a tie, each of them allowed, but not their sum."""
    total = " + ".join(task.gradients)
    return (
        f"Where {' = '.join(task.wanted)} the operands share g: moved together they change out once, so {total} "
        "must be g there. Give all of g to one of them, or half to each."
    )


# ---- mistakes, as (what would come out, what to say about it)


def _other_values(task, arrays, expected):
    yield -expected, "The sign is wrong."
    if expected.ndim == 2:
        yield expected.T, "out is transposed."
    if len(arrays) == 2 and arrays[0].shape == arrays[1].shape:
        yield task.value(arrays[::-1]), "The operands are swapped: the first comes first."
    if task.elementwise and len(arrays) == 1:
        for p in _functions_of_one(task.name):
            yield p.call(arrays[0]), f"These are the values of {p.name}."


def _other_gradients(task, position, arrays, g, out, right):
    name, x = task.gradients[position], task.wanted[position]
    yield (
        task.gradient(np.ones_like(g), arrays)[position],
        "g is missing: this is the local derivative alone. The chain rule multiplies it by the upstream gradient g, "
        "which is 1 only at the end of a graph.",
    )
    yield -right, "The sign is wrong."
    yield task.gradient(g * g, arrays)[position], "g is in it twice; it belongs there once."
    yield _fitted(g, right), f"This is g itself: multiply it by the local derivative, how out changes with {x}."
    if right.ndim == 2:
        yield right.T, f"{name} is transposed."
    for other, gradient in enumerate(task.gradient(g, arrays)):
        if other != position:
            yield gradient, f"This is {task.gradients[other]}: the two gradients are swapped."
    yield from _wrong_powers(task, arrays, name, right)
    yield from _misread_rules(task, arrays, g, out, x, right)
    if task.elementwise and len(arrays) == 1:
        yield g * out, "This is g times out: the function stands where its derivative belongs."
        for p in _functions_of_one(task.name):
            value = p.call(arrays[0])
            gradient = _apply(p.vjp["x"], g, {"x": arrays[0], "out": value})
            yield gradient, f"This is the gradient of {p.name}, not of {task.name}."
            if asked(p.vjp["x"]) != ("g",):
                yield g * value, f"The local derivative in it is {p.name}(x); that is not how {task.name} changes."
    if task.name == "matmul":
        factors = {"g": g, "gᵀ": g.T, "x": arrays[0], "xᵀ": arrays[0].T, "y": arrays[1], "yᵀ": arrays[1].T}
        for a, first in factors.items():
            for b, second in factors.items():
                if first.shape[1] == second.shape[0]:
                    reason = f"This is {a} @ {b}: one of the two has to be transposed, or their order changed."
                    yield first @ second, reason


def _wrong_powers(task, arrays, name, right):
    """An operand that is a factor or divisor one time too many or too few."""
    for x, a in zip(task.inputs, arrays, strict=True):
        if task.elementwise and len(arrays) > 1 and a.shape == right.shape and a.dtype != bool:
            yield right * a, f"This is {x} times what {name} should be: divide it by {x} once more."
            yield right / a, f"This is what {name} should be, divided by {x}: multiply it by {x} once more."


def _misread_rules(task, arrays, g, out, x, right):
    """The right formula with one of its variables taken for another: 1 - x² for 1 - out²."""
    values = {**dict(zip(task.inputs, arrays, strict=True)), "out": out}
    rule = formula(task.function).gradients.get(x) if x in task.rules else None
    letters = set(leaves(rule)) - {"g"}
    if not task.elementwise or not letters <= values.keys() or any(a.shape != right.shape for a in arrays):
        return
    for meant in sorted(letters):
        for taken in values:
            why = _WHY.get((taken, meant), ".")
            guess = evaluate(rule, {**values, "g": g, meant: values[taken]})
            yield guess, f"This is the right formula with {taken} in the place of {meant}{why}"


_WHY = {("x", "out"): ": the slope is written with the result of forward, not with its input."}


def _functions_of_one(name):
    """The elementwise operations of one operand but the one called `name`."""
    found = [p for p in REGISTRY.values() if p.jvp == ELEMENTWISE and p.inputs == ["x"] and "x" in p.vjp]
    return [
        p
        for p in found
        if p.name != name and not (p.options or p.internal) and {*asked(p.vjp["x"])} <= {"g", "x", "out"}
    ]


def _apply(rule, g, values):
    """What one of the engine's rules gives for plain arrays."""
    values = {**values, "g": g}
    return rule(**{name: values[name] for name in asked(rule)})


def _fitted(g, right):
    """g in the shape of an operand's gradient, where that is a matter of broadcasting."""
    try:
        if right.ndim > g.ndim:
            return np.broadcast_to(g[..., None], right.shape)
        return unbroadcast(g, shape=right.shape)
    except ValueError:
        return None


def _factor(right, given):
    """One number that all elements are too large by, if there are enough of them to tell."""
    used = (right != 0) & np.isfinite(right) & np.isfinite(given)
    if used.sum() < 3 or (given[right == 0] != 0).any():
        return None
    ratios = given[used] / right[used]
    factor = ratios.mean()
    if factor and np.allclose(ratios, factor, rtol=1e-6, atol=0):
        return f"Everything is {number(factor)} times what it should be."
    return None


def _part(task, arrays, wrong):
    """On which side of 0, or of the other operand, the mistake is, if it is on one."""
    if not task.elementwise or any(a.shape != wrong.shape or a.dtype == bool for a in arrays):
        return None
    a, b = (arrays[0], 0.0) if len(arrays) == 1 else arrays[:2]
    x, y = ("x", "0") if len(arrays) == 1 else task.inputs[:2]
    for side, sign in ((a > b, ">"), (a < b, "<")):
        if (wrong == side).all() and side.any() and not side.all():
            return f"It is wrong only where {x} {sign} {y}."
    return None


def _overflow(names, arrays, got, broken):
    """Where inf or nan came out that should not."""
    came = f"{number(got[broken][0])} came out {_where(names, arrays, broken)}".rstrip()
    return f"{came}: something on the way overflows, as exp(1000) does, or is divided by 0."


def _where(names, arrays, chosen):
    """The operands of the first chosen element: `at x = 0, y = 1`; "" if they are not of its shape."""
    at = [f"{x} = {number(a[chosen][0])}" for x, a in zip(names, arrays, strict=True) if a.shape == chosen.shape]
    return f"at {', '.join(at)}" if at else ""


def _recognise(mistakes, given, counted):
    """What the first mistake says that explains every element that counts; None if none does."""
    for guess, reason in mistakes:
        if guess is not None and np.shape(guess) == given.shape and same(guess, given)[counted].all():
            return reason
    return None


def _sentences(*parts):
    return " ".join(part for part in parts if part)
