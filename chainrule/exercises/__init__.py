"""Exercises: write the forward and the backward of an operation by hand, and have them checked."""

from __future__ import annotations

from typing import overload

from ..autograd.arguments import meant
from ..autograd.errors import ArgumentError
from .catalogue import Exercise, exercises

__all__ = ["Catalogue", "Exercise", "exercise"]

LEVELS = {
    1: "one number in, one out; the slope is a constant",
    2: "one number in, one out",
    3: "several operands, which broadcast",
    4: "along an axis",
    5: "each result depends on many inputs",
}


class Catalogue(dict[int, list[str]]):
    """The exercises by level of difficulty, {1: [names], …}. Printed, it is a list of them."""

    def __str__(self):
        lines = ['Exercises, from easy to hard; cr.exercise("tanh") sets one:']
        for level, names in self.items():
            lines += ["", f"{level}  {LEVELS[level]}", *_wrapped(names)]
        return "\n".join(lines)

    __repr__ = __str__


@overload
def exercise(name: str) -> Exercise: ...
@overload
def exercise(name: None = None) -> Catalogue: ...
def exercise(name=None):
    """Set the exercise of that name: write the operation's forward and backward, and let `check` try them.

    There is one for every differentiable elementwise operation, your own primitives too, for sums, extremes, softmax
    and matmul. `print` one to read what is asked. Without a name: a Catalogue of them all.

    Raises: ArgumentError, naming those that are spelt like it, if there is none of that name.
    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> ex = cr.exercise("tanh")
        >>> ex.check(forward=np.tanh, backward=lambda g, x, out: 1 - out**2)  # forgot the upstream gradient
        tanh: 2 of 4 checks passed
        <BLANKLINE>
          ✓ forward values
          ✓ output shape
          ✗ gradient, one number
          · used twice
        <BLANKLINE>
                      x    −1.6
                      g       3
                    out  −0.922
            expected dx   0.452
                 got dx   0.151
                          ^^^^^
               measured   0.452
        <BLANKLINE>
          g is missing: this is the local derivative alone. The chain rule multiplies it by the upstream
          gradient g, which is 1 only at the end of a graph.
        >>> bool(ex.check(forward=np.tanh, backward=lambda g, x, out: g * (1 - out**2)))
        True
    """
    found = exercises()
    if isinstance(name, str) and name in found:
        return found[name]
    if name is not None:
        hint = f"{meant(name, found)} print(cr.exercise()) lists all {len(found)}".lstrip()
        raise ArgumentError(f"unknown exercise {name!r}: {hint}")
    catalogue = Catalogue({level: [] for level in LEVELS})
    for each in found.values():
        catalogue[each.level].append(each.name)
    return catalogue


def _wrapped(names, width=100):
    """Names side by side in lines of at most `width` characters."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > width:
            lines.append("")
        lines[-1] += f"   {name}"
    return lines
