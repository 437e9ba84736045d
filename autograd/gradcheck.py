"""gradcheck: compare the derivatives of a function or module with differences along random directions, for tests and users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends import owner
from . import random
from .convert import raw
from .errors import ArgumentError, GradcheckError
from .ops.creation import asarray
from .tensor import Tensor
from .transforms import jvp, vjp
from .value import Value

STEP = 1e-5  # relative to an element, or to 1 where it is smaller
DIRECTIONS = 2  # along which each input is moved; a mistake that cancels along both is very unlikely


def gradcheck(
    f: Callable[..., Any], *inputs: Any, order: int = 2, rtol: float = 1e-6, atol: float = 1e-8, seed: int = 0
) -> bool:
    """Check that f's derivatives are right at `inputs`: reverse mode, forward mode, and second order.

    Everything runs in float64. Each input is moved a little along random directions, to either side; the slope of f must
    agree with what forward and reverse mode say to |difference| ≤ atol + rtol · size, where size is that of the slope.
    For order=2 the same is asked of the gradient as a function. So the cost depends on how many inputs there are, not on
    how large they are; only where a check fails, the element that is wrong is searched for.

    f may be a Module: its parameters are checked too. Integer arrays are passed on as they are. Random numbers that f
    draws are the same at every call.

    Shape: f takes the inputs as Tensors and returns a Tensor of any shape. Keep inputs away from kinks.
    Raises: GradcheckError that says which derivative of which element is off, and by how much, or that f has a kink there.
    Example:
        >>> import chainrule as cr
        >>> cr.gradcheck(lambda x, y: cr.sin(x) * y, [0.3, 0.5], [1.0, 2.0])
        True
        >>> cr.gradcheck(cr.nn.Linear(3, 2), [[0.1, 0.2, 0.3]])
        True
    """
    if order not in (1, 2):
        raise ArgumentError(f"gradcheck: order must be 1 or 2, not {order!r}")
    f, names, xs = _as_a_function(f, inputs)
    rng = np.random.default_rng(seed)
    output = f(*xs)
    if not isinstance(output, Tensor):
        raise ArgumentError(f"gradcheck: f must return a Tensor, it returned {type(output).__name__}")
    first = _Check(lambda *xs: [f(*xs)], [output], names, rtol, atol, rng)
    first.run(("reverse mode", "forward mode"), xs)
    if order == 2:
        second = _Check(first.pull, xs, names, rtol * 10, atol * 10, rng)
        second.run(("second order", "second order (forward over reverse)"), xs)
    return True


def _as_a_function(f, inputs):
    """(function, what its arguments are called, their values as float64): a module's parameters become arguments, too."""
    given = [asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
    real = [i for i, x in enumerate(given) if not isinstance(x, Tensor) or np.dtype(x.dtype).kind == "f"]
    tensors = dict(f.named_tensors()) if hasattr(f, "named_tensors") else {}
    parameters = {name: p for name, p in f.named_parameters() if p.requires_grad} if tensors else {}
    names = [f"input {i}" for i in real] + [f"parameter {name}" for name in parameters]
    if not names:
        raise ArgumentError(
            "gradcheck: nothing is differentiable here; give floats (integer arrays are passed on as they are)"
        )
    xs = [_double(x) for x in [*(given[i] for i in real), *parameters.values()]]
    state = random.get_state()

    def call(*xs):
        arguments = list(given)
        for i, x in zip(real, xs, strict=False):
            arguments[i] = x
        after = random.get_state()
        before = [(t, t._data, t._node, t._version, t._access) for t in tensors.values()]
        random.set_state(state)
        try:
            for t, data, *_ in before:  # what the call changes in place, such as running statistics, is a copy
                t._data = owner(data).copy(data)
            for p, x in zip(parameters.values(), xs[len(real) :], strict=True):
                p._data, p._node = x._data, x._node
            return f(*arguments)
        finally:
            for t, *was in before:
                t._data, t._node, t._version, t._access = was
            random.set_state(after)

    return call, names, xs


def _double(x):
    if isinstance(x, Value):
        return x
    return asarray(raw(x), dtype="float64").detach()


def _like(x, values):
    return Value(float(values)) if isinstance(x, Value) else asarray(values).to(x.device)


class _Check:
    """The derivatives of Σ w · outputs(*xs) with fixed random w, which makes one number without hiding any element.

    One output is multiplied by w only outside the graph: no operation is checked with the help of its own rule.
    """

    def __init__(self, outputs, like, names, rtol, atol, rng):
        self.outputs, self.names, self.rtol, self.atol, self.rng = outputs, names, rtol, atol, rng
        self.weights = [rng.uniform(0.5, 1.5, y.shape) for y in like]

    def single(self, *xs):
        """One Tensor, to be weighed by `seed`."""
        parts = self.outputs(*xs)
        if len(parts) == 1:
            return parts[0]
        parts = [y * _like(y, w) for y, w in zip(parts, self.weights, strict=True)]
        return sum(part if isinstance(part, Value) else part.sum() for part in parts)

    @property
    def seed(self):
        return self.weights[0] if len(self.weights) == 1 else np.ones(())

    def run(self, modes, xs):
        """Along random directions of each input: what reverse and forward mode say, beside differences."""
        gradients = [g.numpy() for g in self.pull(*xs)]
        probes = []
        for i, (x, g) in enumerate(zip(xs, gradients, strict=True)):
            for _ in range(DIRECTIONS):
                sizes = self.rng.uniform(0.5, 1.5, x.shape) * self.rng.choice([-1.0, 1.0], x.shape)
                v = sizes * np.maximum(1.0, np.abs(x.numpy()))
                slope = self.slope(xs, i, v)
                probes.append((i, v, slope, self.atol + self.rtol * max(abs(slope), np.linalg.norm(g * v))))
        claims = (lambda i, v: float((gradients[i] * v).sum())), (lambda i, v: self.push(xs, i, v))
        for mode, claim in zip(modes, claims, strict=True):
            for i, v, slope, tolerance in probes:
                if not abs(claim(i, v) - slope) <= tolerance < np.inf:
                    self.fail(mode, lambda v, i=i, claim=claim: claim(i, v), xs, i, v, tolerance)

    def pull(self, *xs):
        """The gradients by all inputs, which can be differentiated again."""
        y, pull = vjp(self.single, *xs)
        gradients = pull(_like(y, self.seed))
        return gradients if isinstance(gradients, tuple) else (gradients,)

    def push(self, xs, i, v):
        """The slope along v as forward mode has it."""
        tangents = [_like(x, v if j == i else np.zeros(x.shape)) for j, x in enumerate(xs)]
        return float((jvp(self.single, xs, tangents)[1].numpy() * self.seed).sum())

    def slope(self, xs, i, v, ahead=STEP, behind=-STEP):
        """The slope along v between two points, from differences of each output."""
        ends = [self.moved(xs, i, ahead * v), self.moved(xs, i, behind * v)]
        return sum(float((w * (a - b)).sum()) for w, a, b in zip(self.weights, *ends, strict=True)) / (ahead - behind)

    def moved(self, xs, i, step):
        x = _like(xs[i], xs[i].numpy() + step)
        return [y.numpy() for y in self.outputs(*xs[:i], x, *xs[i + 1 :])]

    def fail(self, mode, claim, xs, i, v, tolerance):
        """Search for the element that is wrong, in halves, and say what is wrong with it."""

        def error(part):
            e = abs(claim(v * part) - self.slope(xs, i, v * part))
            return e if e == e else np.inf

        part = np.ones(v.shape)
        while np.count_nonzero(part) > 1:
            at = np.flatnonzero(part)
            halves = [np.zeros(v.shape), np.zeros(v.shape)]
            halves[0].flat[at[: len(at) // 2]] = 1
            halves[1].flat[at[len(at) // 2 :]] = 1
            errors = [error(half) for half in halves]
            part = halves[0] if errors[0] > tolerance or errors[0] >= errors[1] else halves[1]
        at = tuple(int(k) for k in np.argwhere(part)[0])
        unit, size = np.abs(v) * part, abs(v[at])
        one = sum(w.size for w in self.weights) == 1  # a single number is reported without its weight
        size *= self.weights[0].item() if one else 1
        given, slope = float(claim(unit) / size), float(self.slope(xs, i, unit) / size)
        where, of = f"for {self.names[i]} at {at}", "" if one else " (of Σ w · f, w random)"
        if not (np.isfinite(given) and np.isfinite(slope)):
            raise GradcheckError(
                f"gradcheck: {mode} cannot be checked {where}: it gives {given:.6g}, differences give {slope:.6g}{of}, and "
                "both must be finite; give an input that is further inside the domain, or see where it comes from with cr.debug()"
            )
        if (broken := self.not_smooth(xs, i, unit, size, tolerance)) is not None:
            raise GradcheckError(
                f"gradcheck: {mode} cannot be checked {where}: f {broken}, {mode} gives {given:.6g}{of}; "
                "give an input that is further away from there"
            )
        raise GradcheckError(
            f"gradcheck: {mode} is wrong {where}: got {given!r}, differences give {slope!r}{of}, "
            f"an error of {error(part) / tolerance:.3g} times the tolerance"
        )

    def not_smooth(self, xs, i, unit, size, tolerance):
        """What f does at the element that `unit` moves, in words, if it jumps or has a kink there; else None.

        The slopes of the two sides come closer together in proportion to the distance unless there is a kink.
        """

        def sides(h):
            return self.slope(xs, i, unit, -h, -2 * h), self.slope(xs, i, unit, 2 * h, h)

        at = f"within {STEP * np.abs(unit).max():.0e} of {xs[i].numpy()[unit != 0].item():.6g}"
        left, right = sides(STEP)
        near, far = (abs(b - a) for a, b in (sides(STEP), sides(4 * STEP)))
        if abs(self.slope(xs, i, unit) - (left + right) / 2) > 10 * tolerance + near:
            return f"jumps {at}"
        if near > max(10 * tolerance, far / 2):
            return f"has a kink {at}, with slope {left / size:.6g} below and {right / size:.6g} above it"
        return None
