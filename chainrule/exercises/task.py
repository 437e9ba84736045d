"""What there is to practise: each operation with its inputs, its worked cases, and the engine as the judge."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from ..autograd import samples
from ..autograd.methods import functions
from ..autograd.ops.creation import tensor
from ..autograd.plan import asked
from ..autograd.primitive import COMPOSED, ELEMENTWISE, REGISTRY
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

_COMPOSED = "silu gelu elu leaky_relu"  # elementwise functions made of primitives
_ALONG = {  # operations along the last axis: (what is asked, level)
    "sum": ("The sum along the last axis: outᵢ = Σⱼ xᵢⱼ.", 4),
    "mean": ("The mean along the last axis of length n: outᵢ = Σⱼ xᵢⱼ / n.", 4),
    "max": ("The largest element along the last axis. No two elements are equal where gradients are checked.", 4),
    "min": ("The smallest element along the last axis. No two elements are equal where gradients are checked.", 4),
    "cumsum": ("The running sum along the last axis: outᵢⱼ = xᵢ₀ + … + xᵢⱼ.", 4),
    "logsumexp": ("outᵢ = log Σⱼ exp xᵢⱼ along the last axis, without overflow.", 5),
    "softmax": ("outᵢⱼ = exp xᵢⱼ / Σₖ exp xᵢₖ along the last axis, without overflow.", 5),
    "log_softmax": ("outᵢⱼ = xᵢⱼ - log Σₖ exp xᵢₖ along the last axis, without overflow.", 5),
}
_PRODUCT = "The matrix product out = x @ y of x (n, k) and y (k, m): outᵢⱼ = Σₖ xᵢₖ yₖⱼ."
_RULES = {  # for what is composed, or written in terms of an axis
    "silu": "dx = g · (s + out · (1 - s)) with s = sigmoid(x)",
    "gelu": "dx = g · (Φ(x) + x · φ(x)), with the normal distribution Φ and its density φ(x) = exp(-x²/2) / √(2π)",
    "softmax": "dx = out · (g - Σₖ gₖ outₖ), the sum along the last axis",
    "log_softmax": "dx = g - softmax(x) · Σₖ gₖ, the sum along the last axis",
}


@dataclass(frozen=True)
class Exercise:
    """An operation to be written by hand. `print` it to read the task, `check` your solution, read `solution`.

    Fields:
        name: the operation.
        title: what it computes.
        level: 1 (easy) to 5.
        inputs: the names of its operands; wanted: those that have a gradient.
        function: chainrule's own.
        domains: where each operand is drawn from (autograd/samples.py).
        shapes: shapes to be tried, from simple to hard, one for each operand.
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

    # ---- for the learner

    def check(self, forward=None, backward=None):
        """Try a solution; the Result is true if it is right, and its text shows the first case that fails.

        `forward(x)` (or `forward(x, y)`) takes NumPy arrays and returns out; `backward(g, x, out)` (or
        `(g, x, y, out)`) returns dx (or a tuple of one gradient for each operand). A class or an object that has both
        as functions will do, as the only argument. One of them alone is checked by itself, and the Result is about it.

        Never raises because of what the functions do; Ctrl-C stops them.
        """
        from .check import check

        if backward is None and hasattr(forward, "forward") and hasattr(forward, "backward"):
            forward, backward = forward.forward, forward.backward
        return check(self, forward, backward)

    @property
    def solution(self):
        """The gradient in one line, from the operation's documentation."""
        documented = _section(self.function.__doc__, "Gradient")
        return _RULES.get(self.name) or documented or "the documentation does not say; see the function's source"

    def __str__(self):
        given, call = ", ".join(self.arguments("forward")), ", ".join(self.arguments("backward"))
        returned = ", ".join(self.gradients)
        also = f"({returned})" if len(self.wanted) > 1 else returned
        width = len(f"backward({call})")
        lines = [
            f"Exercise {self.name} (level {self.level})",
            "",
            f"  {self.title}",
            "",
            f"  {f'forward({given})':{width}}  returns out",
            f"  backward({call})  returns {also}: how the loss L changes with {' and '.join(self.wanted)}",
            "",
            f"  {given} and out are NumPy arrays of float64; a single number is an array of shape ().",
            "  g is the upstream gradient dL/dout, which has the shape of out. By the chain rule,",
            "  {0} = g · (how out changes with {1}), and it has the shape of {1}.".format(
                self.gradients[0], self.wanted[0]
            ),
        ]
        if self.elementwise and len(self.inputs) > 1:
            lines += [
                "  The operands broadcast: an element that was used several times gets the sum of its contributions;",
                f"  cr.unbroadcast({self.gradients[0]}, shape={self.wanted[0]}.shape) adds them up.",
            ]
        lines += [
            "",
            f"  ex.check(forward=lambda {given}: ..., backward=lambda {call}: ...)",
            "  ex.solution has the rule.",
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def arguments(self, part):
        """The names of what "forward" or "backward" is called with, in their order."""
        return list(self.inputs) if part == "forward" else ["g", *self.inputs, "out"]

    @property
    def gradients(self):
        """The names of what backward returns: dx, dy."""
        return [f"d{x}" for x in self.wanted]

    # ---- for the judge

    def value(self, arrays):
        """The right result, as a NumPy array."""
        return np.asarray(self.function(*map(tensor64, arrays), **self.options).numpy())

    def gradient(self, g, arrays):
        """The right gradients of the wanted operands for the upstream gradient g, as NumPy arrays."""
        operands = dict(zip(self.inputs, map(tensor64, arrays), strict=True))

        def function(*wanted):
            chosen = {**operands, **dict(zip(self.wanted, wanted, strict=True))}
            return self.function(*chosen.values(), **self.options)

        _, pull = vjp(function, *(operands[x] for x in self.wanted))
        pulled = pull(tensor64(g))
        return [np.asarray(d.numpy()) for d in (pulled if isinstance(pulled, tuple) else (pulled,))]

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
        """Operands of these shapes from the operation's domain: numbers of two digits, as they are read easily."""
        rng = np.random.default_rng(seed)
        drawn = [domain(rng, shape) for domain, shape in zip(self.domains, shapes, strict=True)]
        return [_readable(a) for a in drawn]

    def extremes(self):
        """Operands at the ends of the domain, each with each; None where the domain is not one of ours."""
        if any(domain not in EXTREMES for domain in self.domains):
            return None
        ends = [np.array(EXTREMES[domain]) for domain in self.domains]
        if not self.elementwise:  # a second row far below the first: what is taken of a row may not come from all
            return [np.stack([ends[0], ends[0] - 5000])] if len(ends) == 1 else None
        return [grid.ravel() for grid in np.meshgrid(*ends, indexing="ij")]


def upstream(shape, size=1):
    """An upstream gradient of that shape, `size` times as large as usual."""
    return np.resize(size * np.array(UPSTREAM), shape)


def tensor64(a):
    return tensor(a, dtype=None if a.dtype == bool else "float64")


def tasks():
    """All exercises by name, from easy to hard."""
    found = [_elementwise(p) for p in REGISTRY.values() if p.jvp == ELEMENTWISE and p.vjp and not p.options]
    found += [_composed(name) for name in _COMPOSED.split() if name in COMPOSED]
    public = functions()
    for name, (title, level) in _ALONG.items():
        domain = samples.distinct if name in ("max", "min") else samples.reals
        shapes = [((4,),), ((3, 4),), ((2, 2, 3),)]
        found.append(_task(name, title, level, ("x",), public[name], (domain,), shapes, {"axis": -1}))
    shapes = [((1, 1), (1, 1)), ((2, 3), (3, 2)), ((2, 3), (3, 4)), ((3, 3), (3, 3))]
    found.append(_task("matmul", _PRODUCT, 5, ("x", "y"), public["matmul"], (samples.reals,) * 2, shapes, {}))
    return {task.name: task for task in sorted(found, key=lambda task: task.level)}


def _task(name, title, level, inputs, function, domains, shapes, options):
    return Exercise(name, title, level, inputs, inputs, function, domains, shapes, options, False, {})


def _elementwise(p):
    constant = all(asked(rule) == {"g"} for rule in p.vjp.values())
    level = 3 if len(p.inputs) > 1 else 1 if constant else 2
    domains = p.samples if isinstance(p.samples, tuple) else (p.samples,) * len(p.inputs)
    wanted = tuple(x for x in p.inputs if x in p.vjp)
    title = _title(p.fn.__doc__, p.name)
    shapes = _shapes(len(p.inputs))
    return Exercise(p.name, title, level, tuple(p.inputs), wanted, p.call, domains, shapes, {}, True, p.vjp)


def _composed(name):
    function = COMPOSED[name]
    options = {p.name: p.default for p in signature(function).parameters.values() if p.default is not p.empty}
    title = _title(function.__doc__, name)
    if options:
        title += f" Here {', '.join(f'{k} = {v}' for k, v in options.items())}."
    return Exercise(name, title, 2, ("x",), ("x",), function, (samples.reals,), _shapes(1), {}, True, {})


def _shapes(count):
    """Shapes for `count` operands of an elementwise operation."""
    return [((),) * count, ((4,),) * count, ((2, 3),) * count]


def _title(doc, name):
    return (doc or name).strip().split("\n")[0]


def _section(doc, title):
    """One section of a docstring, such as `Gradient: …`, as one line; None if there is none."""
    found = []
    for line in (doc or "").split("\n"):
        if found and not line.startswith(" " * 8):
            break
        if found or line.strip().startswith(f"{title}:"):
            found.append(line.strip().removeprefix(f"{title}:").strip())
    return " ".join(found).rstrip(".") or None


def _readable(a):
    return np.asarray(a if a.dtype == bool else np.round(a, 2))
