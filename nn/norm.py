"""Normalisation: activations brought to mean 0 and variance 1, then scaled and shifted by what is learned."""

from __future__ import annotations

from math import floor, log2, prod
from typing import Any

import numpy as np

from ..autograd.arguments import choose, positive, probability, whole
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.ops.arithmetic import square
from ..autograd.ops.creation import asarray, ones, ones_like, zeros, zeros_like
from ..autograd.ops.exponential import sqrt
from ..autograd.ops.reduce import mean, scale
from ..autograd.ops.sums import rows
from ..autograd.primitive import primitive
from ..autograd.samples import on
from ..autograd.tensor import Tensor
from ..backends import FUSING, check, owner
from .module import Module, Parameter
from .sync import meets, normalized

# ---- z = (x - mean) / s with s = √(variance + eps), in formulas: for forward mode and derivatives of derivatives

_AXES = {"examples": lambda ndim: tuple(range(ndim - 1)), "features": lambda ndim: -1}


def _mean(x, over):
    return mean(x, axis=choose("over", over, _AXES)(x.ndim), keepdims=True)


def _standard(x, over, eps):
    """z, s and f, where s is that of x · f: powers of two with which no square overflows (None: 1)."""
    factor = moments(raw(x), over, eps).factor
    if factor is not None:
        x = x * factor
    centred = x - _mean(x, over)
    s = sqrt(_mean(square(centred), over) + _scaled(eps, factor))
    return centred / s, s, factor


def _slope(t, x, over, eps):
    """The derivative of z along t, (t - mean t - z · mean(t z)) / s: a linear map of t that is its own transpose."""
    z, s, factor = _standard(x, over, eps)
    slope = (t - _mean(t, over) - z * _mean(t * z, over)) / s
    return slope if factor is None else slope * factor


def _scaled(eps, factor):
    """eps for x · factor; not so small that constant features are divided by 0."""
    if factor is None:
        return eps
    return owner(factor).xp.maximum(eps * factor * factor, float(np.finfo(factor.dtype).tiny))


# ---- the same for arrays, in half the time: sums are matrix products, and few new arrays are made; or kernels of a device


def _kernels(*arrays):
    """Those of the device, where all arrays are float32; None where there are none."""
    backend = FUSING.get(type(arrays[0]))
    return None if backend is None or any(a.dtype.char != "f" for a in arrays) else backend.norm


def _fast_mean(x, weight, over):
    """Mean of x · weight over the examples, shape (n,), or over the features, shape (…, 1)."""
    if over == "features":
        return x @ weight[:, None] / weight.size
    flat = x.reshape(-1, x.shape[-1]).astype(weight.dtype, copy=False)
    return rows(flat) * weight / len(flat)


class Moments:
    """Mean and variance over "examples", shape (n,), or over "features", shape (…, 1); no tuple, whose arrays a tape copies.

    With a factor they are those of x · factor.
    """

    __slots__ = "centre", "factor", "variance"

    def __init__(self, centre, variance, factor=None):
        self.centre, self.variance, self.factor = centre, variance, factor

    # so graphs show it as they show any array
    shape = property(lambda self: self.centre.shape)
    dtype = property(lambda self: self.centre.dtype)


def moments(x, over, eps=1e-5):
    """The Moments of the array x.

    Where squares overflow, or are so small that they matter beside eps, with a factor: powers of two of the same shape with
    which they do not.
    """
    if kernels := _kernels(x):
        return Moments(*kernels.moments(x, over))
    xp = owner(x).xp
    one = xp.ones(x.shape[-1], xp.result_type(x.dtype, "float32"))  # halves are summed as singles
    with np.errstate(over="ignore", invalid="ignore"):
        centre, variance = _moments(x, one, over)
    if owner(x).fits(variance.sum() + eps):
        return Moments(centre, variance)
    x = x.astype(one.dtype, copy=False)
    factor = scale(x, _AXES[over](x.ndim)).reshape(centre.shape)
    factor = xp.minimum(factor, 2.0 ** floor(-log2(max(eps, np.finfo(x.dtype).tiny)) / 2))
    return Moments(*_moments(x * factor, one, over), factor)


def _moments(x, one, over):
    centre = _fast_mean(x, one, over)
    centred = x - centre
    centred *= centred
    return centre, _fast_mean(centred, one, over)


def _centred(x, over, eps, known):
    """x · f - mean, 1 / s, and f as in `moments`."""
    known = known or moments(x, over, eps)
    factor = known.factor
    if factor is not None:
        x = x * factor
    return x - known.centre, 1 / owner(x).xp.sqrt(known.variance + _scaled(eps, factor)), factor


def _to_x(g, x, weight, over, eps, known):
    if isinstance(g, Tensor):
        return _slope(g * weight, x, over, eps)
    if kernels := _kernels(g, x, weight):
        return kernels.slope(g, x, weight, over, eps, known or moments(x, over))
    centred, inverse, factor = _centred(x, over, eps, known)
    weight = weight.astype(centred.dtype, copy=False)
    slope = g * centred
    centred *= _fast_mean(slope, weight, over) * (inverse * inverse)
    centred += _fast_mean(g, weight, over)
    slope = owner(g).xp.multiply(g, weight, out=slope)
    slope -= centred
    slope *= inverse
    if factor is not None:
        slope *= factor
    return slope


def _to_weight(g, x, over, eps, known):
    if isinstance(g, Tensor):
        return g * _standard(x, over, eps)[0]
    if kernels := _kernels(g, x):
        return kernels.weight_slope(g, x, over, eps, known or moments(x, over))
    centred, inverse, _ = _centred(x, over, eps, known)
    centred *= g
    if over == "features":
        centred *= inverse
        return rows(centred.reshape(-1, x.shape[-1]))
    return rows(centred.reshape(-1, x.shape[-1])) * inverse


@primitive(
    internal=True,
    jvp=dict(
        x=lambda t, x, weight, over, eps: weight * _slope(t, x, over, eps),
        weight=lambda t, x, over, eps: t * _standard(x, over, eps)[0],
        bias=lambda t: t,
    ),
    floats=True,
    samples=[
        on((5, 3), (3,), (3,), over="examples"),
        on((2, 3, 2), (2,), (2,), over="examples", eps=0.1),
        on((3, 4), (4,), (4,), over="features"),
        on((2, 1, 3), (3,), (3,), over="features", eps=0.1),
    ],
    needs='x (…, n), weight (n,), bias (n,); over="examples" or over="features"',
    vjp=dict(x=_to_x, weight=_to_weight, bias=lambda g: g),
    words=dict(
        x="(h − mean h − z · mean(h z)) / √(variance + eps) with h = {g} · {weight}",
        weight="{g} · z, summed over the other axes",
        bias="{g}, summed over the other axes",
    ),
)
def normalize(xp, x, weight, bias, *, over: str, eps: float = 1e-5, known: Any = None):
    """weight · z + bias with z = (x - mean) / √(variance + eps), in one node: mean and variance are those of x itself.

    They are taken over="examples" (all axes but the last) or over="features" (the last axis).

    Shape: x (…, n), weight (n,), bias (n,) → (…, n); `known` is moments(x, over, eps), if they were computed already.
    Raises: ShapeError if the lengths differ; ArgumentError if `over` is none of the two.
    """
    choose("over", over, _AXES)
    if not x.shape[-1:] == weight.shape == bias.shape:
        raise ShapeError(
            f"normalize: x (…, n) needs weight and bias (n,); given {x.shape}, {weight.shape}, {bias.shape}"
        )
    if kernels := _kernels(x, weight, bias):
        return kernels.output(x, weight, bias, over, eps, known or moments(x, over))
    z, inverse, _ = _centred(x, over, eps, known)
    z *= inverse
    z = z.astype(xp.result_type(x, weight, bias, "float16"), copy=False)
    z *= weight
    z += bias
    return z


# ---- layers


class BatchNorm(Module):
    """weight · (x - mean) / √(variance + eps) + bias, feature by feature.

    In training, mean and variance are those of the batch: of all axes of x but the last. In evaluation they are the
    running ones, which each batch in training brings nearer to its own: (1 - momentum) · old + momentum · batch, with
    the unbiased variance (divided by n - 1).

    Where many workers share a batch, its mean and variance are those of each worker's shard; with sync=True, of all shards, whose
    threads and processes wait for one another in the layer, on the way back, too.

    Shape: x (…, features) → (…, features).
    Fields:
        weight, bias: (features,), ones and zeros at first; None without `affine`.
        running_mean, running_var: (features,), zeros and ones at first; they are part of the state.

    Raises: ShapeError if x has another width, or in training fewer than two examples; ArgumentError for bad sizes,
        unless 0 ≤ momentum ≤ 1, or unless eps > 0.
    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
        shift" (2015), algorithms 1 and 2.
    Example:
        >>> import chainrule as cr
        >>> layer = cr.nn.BatchNorm(1)
        >>> layer(cr.tensor([[1.0], [4.0]])).numpy().round(3).tolist(), layer.running_mean.tolist()
        ([[-1.0], [1.0]], [0.25])
    """

    least_batch = 2  # one example has no variance; of a shard, where it is not `sync`. Read by cr.fit

    def __init__(
        self, features: int, momentum: float = 0.1, eps: float = 1e-5, affine: bool = True, sync: bool = False
    ):
        self.features, self.sync = whole("BatchNorm", "features", features), sync
        self.momentum, self.eps = probability("BatchNorm", "momentum", momentum), positive("BatchNorm", "eps", eps)
        self.weight = Parameter(ones(features)) if affine else None
        self.bias = Parameter(zeros(features)) if affine else None
        self.running_mean, self.running_var = zeros(features), ones(features)

    def forward(self, x):
        x = _checked("BatchNorm", x, self.features)
        weight, bias = self.weight, self.bias
        if weight is None:
            weight, bias = ones_like(self.running_var), zeros_like(self.running_var)
        if not self.training:
            check(
                owner(raw(self.running_var)).xp.isfinite(raw(self.running_var)).all(),
                lambda text: ArgumentError(
                    "BatchNorm: a running variance is not finite, for that of a batch in training was beyond its dtype; "
                    f"scale the inputs down, or use float64{text}"
                ),
            )
            return (x - self.running_mean) * (weight / sqrt(self.running_var + self.eps)) + bias
        if self.sync and meets():
            y, centre, variance = normalized(x, weight, bias, self.eps)
            unbiased = 1.0
        else:
            y, centre, variance, unbiased = self._alone(x, weight, bias)
        old, keep, add = (self.running_mean, self.running_var), 1 - self.momentum, self.momentum
        for running in old:
            running.mark_changed()
        with np.errstate(over="ignore"):
            step = lambda m, v, c, s: (keep * m + add * c, keep * v + add * (s * unbiased))
            owner(centre).fused(step, *map(raw, old), centre, variance, out=[*map(raw, old)])
        return y

    def _alone(self, x, weight, bias):
        """x normalised by itself, its mean and variance, and what makes the variance unbiased."""
        n = prod(x.shape[:-1])
        if n < 2:
            raise ShapeError(
                f"BatchNorm: training needs at least two examples, given shape {x.shape}; use larger batches "
                "(Batches(..., drop_last=True) leaves a last small one out), or model.eval() to predict"
            )
        known = moments(raw(x), "examples", self.eps)
        y = normalize(x, weight, bias, over="examples", eps=self.eps, known=known)
        centre, variance, factor = known.centre, known.variance, known.factor
        if factor is not None:
            with np.errstate(over="ignore"):  # in training a variance beyond the dtype does no harm
                centre, variance = centre / factor, variance / factor / factor
        return y, centre, variance, n / (n - 1)

    def extra_repr(self) -> str:
        more = ("" if self.weight is not None else ", affine=False") + (", sync=True" if self.sync else "")
        return f"{self.features}, momentum={self.momentum:g}, eps={self.eps:g}{more}"


class LayerNorm(Module):
    """weight · (x - mean) / √(variance + eps) + bias, with mean and variance of each example's own features.

    It does the same in training and eval mode, and for any number of examples.

    Shape: x (…, features) → (…, features).
    Fields:
        weight, bias: (features,), ones and zeros at first.

    Raises: ShapeError if x has another width; ArgumentError for bad sizes, or unless eps > 0.
    Source: Ba, Kiros and Hinton, "Layer normalization" (2016), section 3.
    Example:
        >>> import chainrule as cr
        >>> cr.nn.LayerNorm(2)(cr.tensor([[1.0, 3.0]])).numpy().round(3).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, features: int, eps: float = 1e-5):
        self.features = whole("LayerNorm", "features", features)
        self.eps = positive("LayerNorm", "eps", eps)
        self.weight, self.bias = Parameter(ones(features)), Parameter(zeros(features))

    def forward(self, x):
        x = _checked("LayerNorm", x, self.features)
        return normalize(
            x, self.weight, self.bias, over="features", eps=self.eps, known=moments(raw(x), "features", self.eps)
        )

    def extra_repr(self) -> str:
        return f"{self.features}, eps={self.eps:g}"


def _checked(layer, x, features):
    """x as a Tensor, if its last axis is `features` long."""
    x = asarray(x)
    if x.shape[-1:] != (features,):
        raise ShapeError(f"{layer}: needs x (…, {features}), given {x.shape}")
    return x
