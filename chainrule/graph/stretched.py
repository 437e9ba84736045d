"""Operands that only broadcast: what a badge says of a picture, and `lint` of a loss."""

from math import prod


def stretched(shapes, out):
    """Whether an elementwise operation repeats both operands, of which one has more axes: (3, 1) − (3,) is (3, 3)."""
    if len(shapes) != 2 or len(shapes[0]) == len(shapes[1]):
        return False
    return out not in shapes and all(prod(shape) > 1 for shape in shapes)
