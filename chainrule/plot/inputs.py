"""The inputs of plots: arrays of any kind as NumPy arrays, and models in eval mode."""

from contextlib import contextmanager, nullcontext

import numpy as np

from ..autograd.arguments import finite
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import asarray
from ..nn.module import Module
from ..train.restore import eval_mode


def host(data):
    """Tensors, arrays, numbers and lists of them as one NumPy array."""
    if isinstance(data, (list, tuple)):
        parts = [host(item) for item in data]
        if len({part.shape for part in parts}) > 1:
            raise ShapeError(
                f"plot: nested lists must be rectangular, given parts of shapes {[p.shape for p in parts]}"
            )
        return np.array(parts)
    if isinstance(data, (bool, int, float, np.generic, np.ndarray)):
        return np.asarray(data)
    return asarray(data).numpy()


@contextmanager
def inference(model):
    """No graph is recorded within, and `model`, if it is a Module, is in eval mode; then each layer has its own mode again."""
    with no_grad(), eval_mode(model) if isinstance(model, Module) else nullcontext():
        yield


def bounds(name, what, pair):
    """(low, high) of a range.

    Raises: ArgumentError unless it is two finite numbers, the lower one first.
    """
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: {what} must be a pair (low, high), not {pair!r}") from None
    low, high = finite(name, what, low), finite(name, what, high)
    if not low < high:
        raise ArgumentError(f"{name}: {what} must have low below high, given ({low:g}, {high:g})")
    return low, high
