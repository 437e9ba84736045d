"""gradcheck: compare the gradients of a function with central differences, for tests and for users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import ArgumentError, GradcheckError
from .ops.creation import asarray
from .tensor import Tensor, Value, raw
from .transforms import grad, jvp


def gradcheck(
    f: Callable[..., Any], *inputs: Any, order: int = 2, rtol: float = 1e-6, atol: float = 1e-8, seed: int = 0
) -> bool:
    """Check that f's derivatives are right at `inputs`: reverse mode, forward mode, and second order.

    Everything runs in float64. Each input element is moved by a small step to either side; the slopes must agree with
    reverse mode to |difference| ≤ atol + rtol · size, where size is the largest slope. Forward mode must then agree with
    reverse mode, and for order=2 the same is asked of the gradient as a function.

    Shape: f takes the inputs as Tensors and returns a Tensor of any shape. Keep inputs away from kinks.
    Raises: GradcheckError that says which derivative of which input element is off, and by how much.
    Example:
        >>> import chainrule as cr
        >>> cr.gradcheck(lambda x, y: cr.sin(x) * y, [0.3, 0.5], [1.0, 2.0])
        True
    """
    if order not in (1, 2):
        raise ArgumentError(f"gradcheck: order must be 1 or 2, not {order!r}")
    inputs = tuple(_double(x) for x in inputs)
    rng = np.random.default_rng(seed)
    weights = {}

    def weighted(key, y):
        """Σ y · w with fixed random w: makes one number of f without hiding any element."""
        if key not in weights:
            weights[key] = rng.uniform(0.5, 1.5, y.shape)
        return y * float(weights[key]) if y.device == "scalar" else (y * asarray(weights[key]).to(y.device)).sum()

    def first(*xs):
        return weighted("out", f(*xs))

    every = tuple(range(len(inputs)))
    gradient = grad(first, every)
    _compare("reverse mode", gradient(*inputs), _differences(first, inputs), rtol, atol)
    tangents = tuple(_like(x, rng.uniform(0.5, 1.5, x.shape)) for x in inputs)
    forward = jvp(first, inputs, tangents)[1].item()
    reverse = sum(float((g.numpy() * t.numpy()).sum()) for g, t in zip(gradient(*inputs), tangents, strict=True))
    _compare("forward mode", [forward], [np.asarray(reverse)], rtol, atol)
    if order == 2:

        def second(*xs):
            return sum(weighted(i, g) for i, g in enumerate(gradient(*xs)))

        _compare("second order", grad(second, every)(*inputs), _differences(second, inputs), rtol * 10, atol * 10)
    return True


def _double(x):
    if isinstance(x, Value):
        return x
    return asarray(x, dtype="float64").detach()


def _like(x, values):
    return Value(float(values)) if isinstance(x, Value) else asarray(values).to(x.device)


def _differences(f, inputs):
    """Central differences of the number f(*inputs) by every element of every input, as NumPy arrays."""
    slopes = []
    for i, x in enumerate(inputs):
        values = x.numpy()
        slope = np.zeros(values.shape)
        for at in np.ndindex(values.shape):
            step = 1e-6 * max(1.0, abs(values[at])) * 10
            ends = []
            for moved in (values[at] + step, values[at] - step):
                shifted = values.copy()
                shifted[at] = moved
                ends.append(f(*inputs[:i], _like(x, shifted), *inputs[i + 1 :]).item())
            slope[at] = (ends[0] - ends[1]) / (2 * step)
        slopes.append(slope)
    return slopes


def _compare(what, given, expected, rtol, atol):
    for i, (a, b) in enumerate(zip(given, expected, strict=True)):
        a = a.numpy() if isinstance(a, Tensor) else np.asarray(raw(a))
        size = np.abs(b).max(initial=0.0)
        wrong = ~(np.abs(a - b) <= atol + rtol * size)
        if wrong.any():
            at = tuple(int(k) for k in np.argwhere(wrong)[0])
            raise GradcheckError(
                f"gradcheck: {what} is wrong for input {i} at {at}: got {float(a[at])!r}, differences give {float(b[at])!r} "
                f"({int(wrong.sum())} of {wrong.size} elements differ by more than {atol:g} + {rtol:g} · {size:.3g})"
            )
