"""Normalisation over all shards of a batch, which are computed at the same time."""

from __future__ import annotations

from math import prod

import numpy as np

from ..autograd.convert import raw
from ..autograd.errors import ShapeError
from ..autograd.ops.arithmetic import square
from ..autograd.ops.creation import full
from ..autograd.ops.exponential import sqrt
from ..autograd.ops.reduce import sum_
from ..autograd.ops.shape import astype, concatenate
from ..autograd.primitive import LINEAR, primitive
from ..autograd.samples import on
from ..autograd.shard import current_shard
from ..backends import check, owner


def meets():
    """Whether this thread computes a shard that can add up arrays with the others."""
    return current_shard() is not None and current_shard().meeting is not None


@primitive(
    internal=True,
    jvp=LINEAR,
    samples=[on((3,))],
    vjp=dict(x=lambda g: over_shards(g)),
    words=dict(x="{g}, summed over all shards"),
)
def over_shards(xp, x):
    """The sum of x over all shards of the batch; x itself where there are none.

    Gradient: the sum of theirs, since their losses are added up, too.
    """
    return current_shard().meeting(x) if meets() else x


def normalized(x, weight, bias, eps, factor=None):
    """weight · (x - mean) / √(variance + eps) + bias, and the arrays mean and unbiased variance: those of all shards.

    Shape: x (…, n), weight (n,), bias (n,) → (…, n), (n,) and (n,). With a factor (n,), x · factor is normalised.
    Raises: ShapeError if all shards together have one row.
    """
    dtype = x.dtype if x.dtype.kind == "f" else weight.dtype
    work = np.promote_types(dtype, np.float32)  # halves are summed as singles
    wide = x if x.dtype == work else astype(x, dtype=work)
    if factor is not None:
        wide = wide * factor
    axes = tuple(range(x.ndim - 1))
    here = full((1,), prod(x.shape[:-1]), dtype=work, device=x.device)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = over_shards(concatenate([sum_(wide, axis=axes), here]))
        rows = sums[-1:].detach()  # shards may have different numbers of them for an example
        mean = sums[:-1] / rows
        centred = wide - mean
        variance = over_shards(sum_(square(centred), axis=axes)) / rows
    centre, spread, n = map(raw, (mean, variance, rows))
    check(
        (n > 1).all(),
        lambda text: ShapeError(
            f"BatchNorm: training needs at least two examples in all shards together{text}; use larger batches"
        ),
    )
    xp = owner(spread).xp
    if factor is None and owner(spread).overflowed(spread):  # in all shards, for it is the same
        small = 2.0 ** -(np.finfo(work).maxexp // 2 + 8)
        return normalized(x, weight, bias, eps, xp.where(xp.isfinite(spread), 1, small).astype(work))
    spread = spread * (n / (n - 1))
    if factor is not None:
        eps = eps * factor * factor
        with np.errstate(over="ignore"):  # in training a variance beyond the dtype does no harm
            centre, spread = centre / factor, spread / factor / factor
    y = centred * (weight / sqrt(variance + eps)) + bias
    dtype = np.result_type(dtype, weight.dtype)
    return y if y.dtype == dtype else astype(y, dtype=dtype), centre, spread
