"""Operations that combine the elements along axes."""

from __future__ import annotations

import numpy as np

from ...backends import FUSING, is_deterministic, owner
from ..convert import raw
from ..dtypes import wide
from ..primitive import LINEAR, composed, primitive
from ..samples import distinct, on
from ..tensor import Tensor
from ..typing import Axis
from .choose import where
from .compare import isfinite, logical_or
from .kink import bend, differentiable
from .shape import astype, axis_index, broadcast_to, concatenate, elements, flip, reshape, squeeze, transpose
from .sums import SHORT, quiet_total, total

_AXES = [on((3, 4)), on((3, 4), axis=1), on((2, 3, 4), axis=(0, -1)), on((3, 4), axis=0, keepdims=True), on(())]
_ORDERED = [on(*case.shapes, domain=distinct, **case.options) for case in _AXES]


def kept(a, shape, axis, keepdims=False):
    """The result `a` of reducing an array of `shape`, with the reduced axes back at length 1."""
    if keepdims or axis is None or not shape:  # a single number broadcasts as it is
        return a
    axes = {i % len(shape) for i in ((axis,) if isinstance(axis, int) else axis)}
    return reshape(a, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _spread(g, x_shape, axis, keepdims):
    """g repeated along the reduced axes; a single number the engine repeats, as it is."""
    return g if axis is None and not keepdims else broadcast_to(kept(g, x_shape, axis, keepdims), shape=x_shape)


@primitive(
    jvp=LINEAR,
    samples=_AXES,
    needs="axes that exist",
    vjp=dict(x=lambda g, x_shape, axis, keepdims: _spread(g, x_shape, axis, keepdims)),
    words=dict(x="{g}, repeated along the summed axes"),
)
def sum_(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Sum along `axis` (an axis, several, or None for all).

    Example:
        >>> import chainrule as cr
        >>> cr.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0).tolist()
        [4.0, 6.0]
    """
    return total(x, axis, keepdims)


def _spread_mean(g, x_shape, axis, keepdims):
    return _spread(g / elements(x_shape, axis), x_shape, axis, keepdims)


@primitive(
    jvp=LINEAR,
    samples=_AXES,
    needs="axes that exist",
    vjp=dict(x=_spread_mean),
    floats=True,
    accumulates=True,
    words=dict(x="{g} / n, the same for each of the n averaged elements"),
)
def mean(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Arithmetic mean along `axis`."""
    out, n = quiet_total(x, axis, keepdims), elements(x.shape, axis)
    if not n or not owner(x).overflowed(out):
        return out / n
    factor = scale(x, axis)
    return total(x * factor, axis, keepdims) / n / reduced(factor, axis, keepdims)


def scale(x, axis, exponents=1):
    """Powers of two that bring the largest |x| along `axis`, which stays as length 1, to near 1; 1 for 0, inf and nan.

    They and their inverses are normal numbers of the dtype of x; exponents=1/4 leaves that share of the dtype's range to them.
    """
    xp, most = owner(x).xp, int((np.finfo(x.dtype).maxexp - 2) * exponents)
    top = xp.max(xp.absolute(x), axis=axis, keepdims=True)
    _, exponent = xp.frexp(xp.where(xp.isfinite(top), top, 1))
    return xp.ldexp(xp.ones_like(top), xp.clip(-exponent, -most, most))


def reduced(a, axis, keepdims):
    """An array with the reduced axes at length 1, without them unless `keepdims`."""
    return a if keepdims else squeeze(a, axis=tuple(range(a.ndim)) if axis is None else axis)


def _winners(x, out, axis, keepdims, dtype):
    """Weights that share 1 evenly among the elements that equal the extreme value (or are nan, if it is)."""
    hits = astype(logical_or(x == kept(out, x.shape, axis, keepdims), x != x), dtype=wide(dtype))
    return hits / sum_(hits, axis=axis, keepdims=True)


def _to_winners(g, x, out, axis, keepdims):
    share = _winners(x, out, axis, keepdims, g.dtype)
    part = where(share == 0, 0, kept(g, x.shape, axis, keepdims) * share)
    if not differentiable(g, out):
        return part
    spread = lambda a: kept(a, x.shape, axis, keepdims)
    middle = sum_(share * where(share == 0, 0, x), axis=axis, keepdims=keepdims)
    arm = share * (where(share == 0, 0, x) - spread(middle))
    more = bend(g, out, raw(isfinite(out)), arm, spread, tie=True)
    return part if more is None else part + more


def _from_winners(t, x, out, axis, keepdims):
    return sum_(t * _winners(x, out, axis, keepdims, t.dtype), axis=axis, keepdims=keepdims)


@primitive(
    jvp=dict(x=_from_winners),
    samples=_ORDERED,
    needs="at least one element along axes that exist",
    kink=True,
    vjp=dict(x=_to_winners),
    words=dict(x="{g} at the largest element, shared evenly among ties, 0 elsewhere"),
)
def max_(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Largest element along `axis`; nan if there is one.

    Raises: ShapeError if there is no element to choose from.
    """
    return xp.max(x, axis=axis, keepdims=keepdims)


@primitive(
    jvp=dict(x=_from_winners),
    samples=_ORDERED,
    needs="at least one element along axes that exist",
    kink=True,
    vjp=dict(x=_to_winners),
    words=dict(x="{g} at the smallest element, shared evenly among ties, 0 elsewhere"),
)
def min_(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Smallest element along `axis`; nan if there is one.

    Raises: ShapeError if there is no element to choose from.
    """
    return xp.min(x, axis=axis, keepdims=keepdims)


@composed(accumulates=True)
def prod(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Product along `axis`.

    Gradient: dx = g · (product of the others), exact to any order, also where elements are 0: the elements are
        multiplied pair by pair, in a tree, so nothing is ever divided.
    """
    shape = x.shape
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(axis_index("prod", a, len(shape)) for a in axes)
    others = tuple(i for i in range(len(shape)) if i not in axes)
    x = reshape(transpose(x, axes=(*others, *axes)), shape=(*(shape[i] for i in others), elements(shape, axes)))
    with np.errstate(over="ignore", invalid="ignore"):
        result = _by_pairs(x) if x.shape[-1] else x.sum(-1) + 1  # the product of nothing is 1
    if x.dtype.kind == "f" and _left_range(raw(result), raw(x)):
        result = _by_pairs(x, scaled=True)
    return reshape(result, shape=tuple(1 if i in axes else n for i, n in enumerate(shape))) if keepdims else result


def _left_range(result, x):
    """Whether a product of numbers that are finite and not 0 is neither: then a part of it may have been too large or too small."""
    backend = owner(result)
    if not backend.on_host:
        return False
    lost = ~np.isfinite(result) | (result == 0)
    return lost.any() and (lost & (np.isfinite(x) & (x != 0)).all(axis=-1)).any()


def _by_pairs(x, scaled=False):
    """The product along the last axis, in a tree; `scaled`: of numbers brought to near 1 by powers of two before each level."""
    xp, most, power = owner(raw(x)).xp, int(np.finfo(x.dtype).maxexp - 1) if scaled else 0, 0
    while x.shape[-1] > 1:
        if scaled:
            _, e = xp.frexp(xp.where(xp.isfinite(raw(x)), raw(x), 1))
            e = xp.clip(e, 1 - most, most)
            x, power = x * xp.ldexp(xp.ones_like(raw(x)), -e), power + e.sum(axis=-1)
        half = x.shape[-1] // 2
        product = x[..., :half] * x[..., half : 2 * half]
        x = concatenate(product, x[..., 2 * half :], axis=-1) if x.shape[-1] % 2 else product
    result = x[..., 0]
    if scaled:
        power, one = xp.clip(power, -2 * most, 2 * most), xp.ones_like(raw(result))
        result = result * xp.ldexp(one, power // 2) * xp.ldexp(one, power - power // 2)
    return result


def _cumsum_back(g, axis, x_shape):
    if axis is None:
        return reshape(flip(cumsum(flip(g))), shape=x_shape)
    return flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), axis=1), on((3, 4)), on((2, 3, 2), axis=-2)],
    vjp=dict(x=_cumsum_back),
    words=dict(x="{g} summed from each element to the end"),
    accumulates=True,
)
def cumsum(xp, x, *, axis: int | None = None):
    """Running sum along `axis` (None: of the flattened array)."""
    if id(xp) in FUSING and (axis is None or x.ndim == 1) and is_deterministic():  # CuPy's of a flat array is not
        return cumsum(x.reshape(1, -1), axis=1).reshape(-1)
    if x.dtype.char == "f" and x.size > SHORT:  # one by one: only more digits help
        return xp.cumsum(x, axis=axis, dtype=xp.float64).astype(x.dtype)
    return xp.cumsum(x, axis=axis)


@primitive(samples=_ORDERED[:2], needs="at least one element, along one axis", vjp={})
def argmax(xp, x, *, axis: int | None = None, keepdims: bool = False):
    """Position of the (first) largest element along `axis`."""
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@primitive(samples=_ORDERED[:2], needs="at least one element, along one axis", vjp={})
def argmin(xp, x, *, axis: int | None = None, keepdims: bool = False):
    """Position of the (first) smallest element along `axis`."""
    return xp.argmin(x, axis=axis, keepdims=keepdims)


@primitive(samples=_AXES[:2], vjp={})
def all_(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Whether all elements along `axis` are true (not 0)."""
    return xp.all(x, axis=axis, keepdims=keepdims)


@primitive(samples=_AXES[:2], vjp={})
def any_(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Whether any element along `axis` is true (not 0)."""
    return xp.any(x, axis=axis, keepdims=keepdims)
