"""Whether a loss can be computed in shards, and how their gradients add up."""

from __future__ import annotations

from math import isfinite

import numpy as np

from ..autograd.deliver import delivering
from ..autograd.errors import ArgumentError, ChainruleError
from ..autograd.grad_mode import enable_grad, no_grad
from ..autograd.ops.creation import arange, asarray
from ..autograd.ops.shape import concatenate
from ..autograd.ops.trigonometric import cos
from ..autograd.tensor import Tensor
from ..backends import owner
from ..parallel.replica import Replica
from .inputs import one_to_minimise
from .restore import eval_mode


def reduction_of(loss, model, x, y):
    """Whether a loss is the "mean" or the "sum" over its examples, found out by its values and gradients for a batch and two parts of it.

    The outputs are those of the model, and then others beside them, for a loss may be both where they are alike. None where both hold,
    as for a loss of 0, and for nan and infinity.

    Raises: ArgumentError if it is neither: then it cannot be computed in shards.
    """
    if len(x) == 1:  # twice the same has the same mean
        x, y = (concatenate([a, a]) for a in map(asarray, (x, y)))
    n, few = len(x), max(1, len(x) // 3)
    parts = slice(None), slice(few), slice(few, n)
    with no_grad(), eval_mode(model):
        replica = Replica(model).model
        output = replica(x)
        if not isinstance(output, Tensor):  # several outputs: their values must do
            return _verdict(
                [(float(loss(replica(x[part]), y[part])), np.zeros(0)) for part in parts], few / n, np.float32
            )
    if output.dtype.kind != "f" or output.shape[:1] != (n,):
        return None
    found = _verdict([_tried(loss, output[part].detach(), y[part]) for part in parts], few / n, output.dtype)
    beside = (
        output.detach() + cos(arange(output.size, dtype=output.dtype, device=output.device).reshape(output.shape)) / 4
    )
    try:
        others = [_tried(loss, beside[part], y[part]) for part in parts]
    except ChainruleError:  # such as no probabilities
        return found
    return _verdict(others, few / n, output.dtype) or found


def _tried(loss, output, y):
    """(value, gradient) of a loss for an output, on the host."""
    output, slopes = asarray(output).detach(), {}
    output.requires_grad = True
    with enable_grad(), delivering(lambda gradients, seed: slopes.update(gradients)):
        value = one_to_minimise("fit", loss(output, y))
        if value.requires_grad:
            value.backward()
    g = slopes.get(output._node)
    return float(value), np.zeros(output.shape) if g is None else np.asarray(owner(g).to_numpy(g), np.float64)


def _verdict(tried, share, dtype):
    """What of (value, gradient) for a whole and two parts: "mean", "sum", or None where they cannot tell."""
    (whole, slope), (first, a), (second, b) = tried
    if not (isfinite(whole) and isfinite(first) and isfinite(second)):
        return None
    near = min(2000 * float(np.finfo(dtype).eps), 0.05)

    def holds(u, v):
        values = abs(u * first + v * second - whole) <= near * (abs(u * first) + abs(v * second))
        return values and np.abs(np.concatenate([u * a, v * b]) - slope).max(initial=0) <= near * np.abs(slope).max(
            initial=0
        )

    mean, total = holds(share, 1 - share), holds(1, 1)
    if mean or total:
        return None if mean and total else "mean" if mean else "sum"
    raise ArgumentError(
        f"fit: with workers, the loss must be the mean or the sum over its examples, so that its gradient can be computed in shards; it is "
        f"{whole:.6g} for some examples, {first:.6g} for the first {share:.0%} of them and {second:.6g} for the others, with gradients that are "
        "neither. Train without workers, or write it as such a mean or sum"
    )
