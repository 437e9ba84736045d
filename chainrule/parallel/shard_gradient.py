"""The gradient of one shard, as a function that can be recorded as a program: nothing behind it but the model, the objective, the layout."""

from __future__ import annotations

from contextlib import contextmanager

from ..autograd.convert import raw
from ..autograd.deliver import delivering
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.shard import Shard
from ..autograd.tensor import Tensor
from ..backends import deterministic as same_bits
from ..backends import owner
from .replica import Replica


def shard_gradient(model, objective, layout, mean, deterministic):
    """A function of (first, last, total, meeting, *arrays), which are examples [first, last) of a batch of `total`, that gives the
    fields of their Sums, as arrays, and as plain data apart from these. `mean` says whether the objective is the mean over its examples.
    """

    def gradient(first, last, total, meeting, *arrays):
        weight, found = (last - first) / total, {}
        factor = weight if mean else 1.0
        replica, shard = Replica(model), Shard(first, last, total, meeting, 1.0 if mean else weight)

        def add(gradients, seed):
            for leaf, g in gradients.items():
                found[leaf] = found[leaf] + g if leaf in found else g

        with shard, delivering(add), _hint(), same_bits(deterministic):
            value = objective(replica.model, *arrays)
            if not isinstance(value, Tensor):
                raise ArgumentError(f"DataParallel: the objective must return a Tensor, not {type(value).__name__}")
            if raw(value).size != 1:
                raise ShapeError(
                    f"DataParallel: the objective must return one number, the mean or the sum over its examples, not shape {value.shape}"
                )
            value.backward(owner(raw(value)).xp.full_like(raw(value), factor))
        sums = layout.sums(found, raw(value) * factor, replica, model, weight, shard.words)
        return sums.rows, tuple(sums.reached.tolist()), sums.changes, sums.words, sums.kept

    return gradient


@contextmanager
def _hint():
    """Where forward writes to an array of NumPy, say what would work."""
    try:
        yield
    except ValueError as error:
        if "read-only" in str(error):
            error.add_note(
                "in a shard: arrays of NumPy that a model holds are read-only; keep what forward changes as tensors"
            )
        raise
