"""Kinks: where the slopes on the two sides of a value differ, so that its gradient is a choice. They are measured."""

import math

import numpy as np

from ..autograd.primitive import ELEMENTWISE
from ..pages.words import english
from .values import number

STEP = 1e-6  # how far each side is looked at, of what is moved, where that is larger than 1
SMOOTH = 1e-3  # slopes that differ by less, in proportion, are one
STEEP = 1e4  # what changes faster jumps
MORE = {"relu", "where", "sort"}  # operations that have kinks, besides those that say so


def kinks(primitive, call, arrays, slot, local):
    """Why the gradient along operand `slot` is a choice, in words; "" where it is none, or cannot be measured.

    call: computes the operation from arrays of the host; local: its local derivative if it is elementwise, else None.
    """
    if primitive.name == "sort":
        return _equal(call(*arrays), **call.keywords)
    if primitive.name == "where" and (count := int((np.asarray(arrays[1]) == arrays[2]).sum())):
        if np.ndim(arrays[1]) or np.ndim(arrays[2]):
            return english(
                "at a kink for {0} elements: both branches are equal; the condition says which one gets the gradient",
                count,
            )
        return english("at a kink: both branches are equal; the condition says which one gets the gradient")
    arrays = [np.asarray(a, "float64") if np.asarray(a).dtype.kind == "f" else a for a in arrays]
    x = arrays[slot]
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not np.isfinite(x).all():
        return ""
    step = STEP * np.maximum(1.0, np.abs(x))
    with np.errstate(all="ignore"):
        out = np.asarray(call(*arrays), "float64")
        if primitive.jvp == ELEMENTWISE:
            moved = lambda by: np.asarray(call(*arrays[:slot], x + by, *arrays[slot + 1 :]), "float64")
            left, right = (out - moved(-step)) / step, (moved(step) - out) / step
        else:
            left, right = _slopes(call, arrays, slot, out, step)
    known = np.isfinite(left) & np.isfinite(right) & (np.maximum(np.abs(left), np.abs(right)) < STEEP)
    bent = known & (np.abs(left - right) > SMOOTH * np.maximum(np.abs(left), np.abs(right)))
    count = int(bent.sum())
    if not count:
        return ""
    first = tuple(np.argwhere(bent)[0])
    where = english("at a kink")
    if not out.shape == () == x.shape:
        place = f"[{', '.join(map(str, first))}]"
        where = english("{0} kinks, the first at {1}", count, place) if count > 1 else english("a kink at {0}", place)
    given = where, _short(left[first]), _short(right[first])
    if local is None:
        return english("{0}: slope {1} below, {2} above", *given)
    taken = number(float(np.asarray(local)[first]))
    return english("{0}: slope {1} below, {2} above; the rule takes {3}", *given, taken)


def has_kinks(primitive):
    """Whether an operation can have a kink. Those that jump say so elsewhere: text/why.py."""
    return primitive.kink or primitive.name in MORE


def _equal(ordered, axis=-1):
    """Of what a sort returned: whether elements are equal, so that another order would be as good."""
    ties = int((np.diff(ordered, axis=axis) == 0).sum())
    if ties == 1:
        return english("at a kink: 2 elements are equal, and keep their order")
    return english("at a kink: some elements are equal, and keep their order") if ties else ""


def _slopes(call, arrays, slot, out, step):
    """(slopes to the left, to the right) of the sum of the results by each element of the operand."""
    x, sides = arrays[slot], []
    for sign in (-1, 1):
        slopes = np.empty(x.shape)
        for i in np.ndindex(x.shape):
            moved = x.copy()
            moved[i] += sign * step[i]
            change = np.asarray(call(*arrays[:slot], moved, *arrays[slot + 1 :]), "float64") - out
            slopes[i] = change.sum() / (sign * step[i])
        sides.append(slopes)
    return sides


def _short(slope):
    """A measured slope, without the noise of measuring."""
    return number(float(f"{slope:.3g}") + 0.0 if math.isfinite(slope) else slope)
