"""Exponentials summed without overflow: softmax, its logarithm, and the logarithm of the sum."""

from __future__ import annotations

from math import inf

from ...backends import FUSING
from ..primitive import primitive
from ..samples import on
from ..typing import Axis
from . import special
from .choose import where
from .reduce import kept, reduced, sum_

_SUMMED = [on((3, 4), axis=-1), on((3, 4), axis=None), on((2, 3, 2), axis=(0, 2))]


@primitive(
    jvp=dict(x=lambda t, x, axis, keepdims: sum_(t * softmax(x, axis=axis), axis=axis, keepdims=keepdims)),
    samples=[on((3, 4), axis=-1), on((3, 4)), on((2, 3, 2), axis=(0, 2), keepdims=True)],
    needs="at least one element along axes that exist",
    vjp=dict(x=lambda g, x, axis, keepdims: kept(g, x.shape, axis, keepdims) * softmax(x, axis=axis)),
    words=dict(x="{g} · softmax({x})"),
    floats=True,
    accumulates=True,
)
def logsumexp(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """log Σ eˣ along `axis`, without overflow.

    Gradient: 0 where all are -inf; shared evenly by those that are inf.
    """
    top, hit, _, e = special.below_top(xp, x, axis)
    rest = e.sum(axis=axis, keepdims=True) + (xp.sum(hit, axis=axis, keepdims=True) - 1)
    out = (xp.log1p(rest) + top).astype(x.dtype)
    return reduced(out, axis, keepdims)


def softmax_kernels(axis, *arrays):
    """Those of the device for float32 arrays along the last axis; None where there are none."""
    x = arrays[0]
    backend = FUSING.get(type(x))
    if backend is None or any(type(a) is not type(x) or a.dtype.char != "f" or a.shape != x.shape for a in arrays):
        return None
    return backend.softmax if x.ndim and x.shape[-1] and axis in (-1, x.ndim - 1) else None


def _softmax_slope(g, out, axis):
    """out · (g - Σ g · out), counted from the g of an element that takes more than half: then nothing cancels."""
    if kernels := softmax_kernels(axis, g, out):
        return kernels.slope(g, out)
    g = g - sum_(where(out > 0.5, g, 0), axis=axis, keepdims=True)
    return out * (g - sum_(g * out, axis=axis, keepdims=True))


@primitive(
    floats=True,
    accumulates=True,
    jvp=dict(x=lambda t, out, axis: _softmax_slope(t, out, axis)),
    samples=_SUMMED,
    needs="at least one element along axes that exist",
    vjp=dict(x=_softmax_slope),
    words=dict(x="out · ({g} − Σ {g} · out)"),
)
def softmax(xp, x, *, axis: Axis = -1):
    """Softmax eˣ / Σ eˣ: positive numbers that add up to 1 along `axis`; all 0 where there is nothing but -inf.

    Example:
        >>> import chainrule as cr
        >>> cr.softmax(cr.zeros(4)).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    if kernels := softmax_kernels(axis, x):
        return kernels.output(x)
    top, hit, _, e = special.below_top(xp, x, axis)
    total = e.sum(axis=axis, keepdims=True) + xp.sum(hit, axis=axis, keepdims=True)
    return (xp.where(hit, top > -inf, e) / total).astype(x.dtype)


def less_share(g, p, axis):
    """g - p · Σ g for probabilities p; where p is more than half, 1 - p is the sum of the others, so that nothing cancels."""
    sure = p > 0.5
    others = [sum_(where(sure, 0, a), axis=axis, keepdims=True) for a in (p, g)]
    return where(sure, g * others[0] - p * others[1], g - p * sum_(g, axis=axis, keepdims=True))


def _log_softmax_slope(g, x, axis):
    if kernels := softmax_kernels(axis, g, x):
        return kernels.logarithm_slope(g, x)
    return less_share(g, softmax(x, axis=axis), axis)


def _less_mean(t, x, axis):
    p = softmax(x, axis=axis)
    t = t - sum_(where(p > 0.5, t, 0), axis=axis, keepdims=True)
    return t - sum_(t * p, axis=axis, keepdims=True)


@primitive(
    floats=True,
    accumulates=True,
    jvp=dict(x=_less_mean),
    samples=_SUMMED,
    needs="at least one element along axes that exist",
    vjp=dict(x=_log_softmax_slope),
    words=dict(x="{g} − softmax({x}) · Σ {g}"),
)
def log_softmax(xp, x, *, axis: Axis = -1):
    """Logarithm of softmax, x - log Σ eˣ, without overflow or log 0; all -inf where there is nothing but -inf."""
    if kernels := softmax_kernels(axis, x):
        return kernels.logarithm(x)
    top, hit, below, e = special.below_top(xp, x, axis)
    rest = e.sum(axis=axis, keepdims=True) + (xp.sum(hit, axis=axis, keepdims=True) - 1)
    return (xp.where(hit & (top == -inf), top, below) - xp.log1p(rest)).astype(x.dtype)
