"""Gradients at kinks and jumps: measured to both sides, since every choice between the two slopes is right there."""

import numpy as np

STEP = 1e-6  # of what is moved, where that is larger than 1


def choices(task, arrays, g, position, right):
    """(least, largest) right gradient of an operand of an elementwise operation; both are `right` where the slope is one.

    All arrays have one shape; `right` is the engine's gradient, and position says of which wanted operand.
    """
    left, ahead = _both_sides(task, arrays, g, [task.wanted[position]])
    room = _room(g, right)
    smooth = (np.abs(left - ahead) <= room) & (np.abs((left + ahead) / 2 - right) <= room)
    least, largest = np.fmin(np.fmin(left, ahead), right), np.fmax(np.fmax(left, ahead), right)
    return np.where(smooth, right, least), np.where(smooth, right, largest)


def within(given, least, largest):
    """Where a gradient is one of the choices, as exactly as their ends can be measured."""
    room = 1e-3 * (largest - least)
    return np.isfinite(given) & (given >= least - room) & (given <= largest + room)


def add_up(task, arrays, g, rights, gradients):
    """Where the gradients of several operands add up to what moving all of them together brings, as at a tie they must."""
    left, ahead = _both_sides(task, arrays, g, task.wanted)
    total, room = sum(rights), _room(g, sum(map(np.abs, rights)))
    straight = np.isfinite(total) & (np.abs(left - ahead) <= room) & (np.abs(ahead - total) <= room)
    return ~straight | (np.abs(sum(gradients) - total) <= room)


def _both_sides(task, arrays, g, moving):
    """g times the slope of an elementwise operation to the left and to the right, when these operands move together."""
    operands = dict(zip(task.inputs, arrays, strict=True))
    step = STEP * np.maximum(1.0, np.max([np.abs(operands[x]) for x in moving], axis=0))
    moved = lambda by: task.value([a + by if x in moving else a for x, a in operands.items()])
    middle = task.value(arrays)
    return g * (middle - moved(-step)) / step, g * (moved(step) - middle) / step


def _room(g, slope):
    return 1e-3 * (np.abs(g) + np.abs(slope))
