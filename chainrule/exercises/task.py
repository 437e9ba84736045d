"""What is to be computed: an operation with its inputs, and the engine as the judge of a solution."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd import samples
from ..autograd.formula import rules
from ..autograd.ops.creation import tensor
from ..autograd.transforms import vjp

# upstream gradients: round numbers, none of them 0, 1 or -1, so that leaving g out is noticed
UPSTREAM = (3.0, -2.0, 0.5, 4.0, -0.25, 2.0, -3.0, 1.5)

# inputs at the ends of each domain, where a formula may overflow, divide by 0 or meet a kink
EXTREMES = {
    samples.reals: (-1000.0, -30.0, -1.0, 0.0, 0.5, 1.0, 30.0, 1000.0),
    samples.distinct: (-1000.0, 0.0, 1000.0),
    samples.above_zero: (1e-6, 0.5, 1.0, 30.0, 1000.0),
    samples.above_one: (1.001, 30.0, 1000.0),
    samples.unit_open: (-0.999, 0.0, 0.999),
    samples.unit: (0.001, 0.5, 0.999),
    samples.booleans: (False, True),
}

_RULES = {  # of functions that are made of primitives
    "leaky_relu": "dx = g where x > 0, else slope · g",
    "elu": "dx = g where x > 0, else g · alpha · exp(x)",
}


@dataclass(frozen=True)
class Task:
    """An operation to be written by hand.

    Fields:
        name: the operation.
        title: what it computes.
        level: 1 (easy) to 5.
        inputs: the names of its operands; wanted: those that have a gradient.
        function: chainrule's own.
        domains: where each operand is drawn from (autograd/samples.py).
        shapes: the shapes to try, from simple to hard: one for each operand.
        options: keyword arguments of `function` that the exercise fixes.
        elementwise: whether each element of the result depends on one element of each operand.
        rules: the primitive's own rules by operand, {} for what is composed.
    """

    name: str
    title: str
    level: int
    inputs: tuple[str, ...]
    wanted: tuple[str, ...]
    function: Callable
    domains: tuple[Callable, ...]
    shapes: list[tuple[tuple[int, ...], ...]]
    options: dict[str, Any]
    elementwise: bool
    rules: dict[str, Callable]

    @property
    def solution(self):
        """The gradient in one line."""
        primitive = getattr(self.function, "primitive", None)
        said = [rule for rule in rules(primitive).values() if rule] if primitive else []
        return _RULES.get(self.name) or "; ".join(said) or "its rule is no formula; see the function's source"

    def arguments(self, part):
        """The names of what "forward" or "backward" is called with, in their order."""
        return list(self.inputs) if part == "forward" else ["g", *self.inputs, "out"]

    @property
    def gradients(self):
        """The names of what backward returns: dx, dy."""
        return [f"d{x}" for x in self.wanted]

    def value(self, arrays):
        """The right result, as a NumPy array."""
        return np.asarray(self.function(*map(tensor64, arrays), **self.options).numpy())

    def gradient(self, g, arrays):
        """The right gradients of the wanted operands for the upstream gradient g, as NumPy arrays."""
        operands = dict(zip(self.inputs, map(tensor64, arrays), strict=True))

        def function(*wanted):
            chosen = {**operands, **dict(zip(self.wanted, wanted, strict=True))}
            return self.function(*chosen.values(), **self.options)

        _, backward = vjp(function, *(operands[x] for x in self.wanted))
        gradients = backward(tensor64(g))
        return [np.asarray(d.numpy()) for d in (gradients if isinstance(gradients, tuple) else (gradients,))]

    def slopes(self, g, arrays, position, side=0):
        """The gradient of operand `position`, measured: Σ g · (f(x + h) - f(x - h)) / 2h, element by element.

        side=1 and side=-1 measure to one side only.
        """
        x = arrays[position]
        slopes = np.empty(x.shape)
        for at in np.ndindex(x.shape):
            h = 1e-6 * max(1.0, abs(x[at]))
            ends = []
            for step in (h if side >= 0 else 0.0, -h if side <= 0 else 0.0):
                moved = x.copy()
                moved[at] += step
                ends.append((moved[at], self.value([*arrays[:position], moved, *arrays[position + 1 :]])))
            (above, high), (below, low) = ends
            slopes[at] = (g * (high - low)).sum() / (above - below)
        return slopes

    def draw(self, shapes, seed=0):
        """Operands of these shapes from the operation's domain: numbers of two decimals, which are easy to read."""
        rng = np.random.default_rng(seed)
        drawn = [domain(rng, shape) for domain, shape in zip(self.domains, shapes, strict=True)]
        return [_readable(a) for a in drawn]

    def extremes(self):
        """Operands at the ends of the domain, each with each; None where the domain is not one of ours."""
        if any(domain not in EXTREMES for domain in self.domains):
            return None
        ends = [np.array(EXTREMES[domain]) for domain in self.domains]
        if not self.elementwise:
            # a second row far below the first, to catch what is computed over all rows in place of each row
            return [np.stack([ends[0], ends[0] - 5000])] if len(ends) == 1 else None
        return [grid.ravel() for grid in np.meshgrid(*ends, indexing="ij")]


def upstream(shape, size=1):
    """An upstream gradient of that shape, `size` times as large as usual."""
    return np.resize(size * np.array(UPSTREAM), shape)


def tensor64(a):
    return tensor(a, dtype=None if a.dtype == bool else "float64")


def _readable(a):
    return np.asarray(a if a.dtype == bool else np.round(a, 2))
