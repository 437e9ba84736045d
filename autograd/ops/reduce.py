"""Operations that combine the elements along axes."""

from __future__ import annotations

from math import inf

import numpy as np

from ...backends import FUSING, SINGLES, is_deterministic, owner
from ..arguments import number
from ..dtypes import wide
from ..errors import ArgumentError
from ..primitive import LINEAR, composed, primitive
from ..samples import distinct, on
from ..tensor import Tensor, raw
from ..typing import Axis
from . import special
from .arithmetic import power, square
from .choose import where
from .compare import isfinite, logical_or
from .kink import bend, curved, differentiable
from .length import absolute
from .rounding import sign
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


def _along(g, x, out, axis, keepdims):
    spread = lambda a: kept(a, x.shape, axis, keepdims)
    return curved(spread(g) * direction(x, out, axis, keepdims), g, out, x, spread)


@primitive(
    internal=True,
    jvp=dict(
        x=lambda t, x, out, axis, keepdims: sum_(t * direction(x, out, axis, keepdims), axis=axis, keepdims=keepdims),
    ),
    samples=[on((3, 4)), on((3, 4), axis=1), on((2, 3, 4), axis=(0, -1), keepdims=True)],
    needs="axes that exist",
    floats=True,
    accumulates=True,
    kink=True,
    vjp=dict(x=_along),
    words=dict(x="{g} · {x} / ‖{x}‖"),
)
def norm2(xp, x, *, axis: Axis = None, keepdims: bool = False):
    """Euclidean length √Σ x², of numbers of any size.

    Gradient: 0 at the kink x = 0.
    """
    if type(x) in SINGLES:
        return abs(x)
    with np.errstate(over="ignore"):
        squares = total(x * x, axis, keepdims)
    if not elements(x.shape, axis) or owner(x).fits(squares):
        return xp.sqrt(squares)
    factor = scale(x, axis)
    x = x * factor
    return xp.sqrt(total(x * x, axis, keepdims)) / reduced(factor, axis, keepdims)


def _beside_infinities(x, axis):
    """x, but where there are infinities along `axis`, their signs and 0 for all else: nothing else counts beside them."""
    endless = absolute(raw(x)) == inf
    return where(owner(endless).xp.max(endless, axis=axis, keepdims=True), where(endless, sign(x), 0), x)


def direction(x, out, axis, keepdims):
    """x / ‖x‖, 0 where x is 0; computed anew where the length has overflowed, or is so small that digits are missing."""
    length = kept(out, x.shape, axis, keepdims)
    if not owner(raw(length)).fits(raw(length)) and elements(x.shape, axis):
        x = _beside_infinities(x, axis)
        x = x * scale(raw(x), axis)
        length = norm2(x, axis=axis, keepdims=True)
    return x / where(length == 0, 1, length)


def _to_the(order, x, axis):
    """|x| / t and Σ (|x| / t)ᵒʳᵈᵉʳ, where t is the largest |x|; a power of larger numbers could overflow."""
    x = _beside_infinities(x, axis)
    top = max_(absolute(raw(x)), axis=axis, keepdims=True)
    size = absolute(x) / where(top == 0, 1, top)
    return size, sum_(power(size, order), axis=axis, keepdims=True)


def _order_slope(x, order, axis):
    size, total = _to_the(order, x, axis)
    return sign(x) * power(size / power(where(total == 0, 1, total), 1 / order), order - 1)


def _along_order(g, x, out, order, axis, keepdims):
    spread = lambda a: kept(a, x.shape, axis, keepdims)
    return curved(spread(g) * _order_slope(x, order, axis), g, out, x, spread, round=False)


@primitive(
    internal=True,
    jvp=dict(
        x=lambda t, x, order, axis, keepdims: sum_(t * _order_slope(x, order, axis), axis=axis, keepdims=keepdims)
    ),
    samples=[
        on((3, 4), order=3.0),
        on((3, 4), order=1.5, axis=1),
        on((2, 3, 4), order=4.0, axis=(0, -1), keepdims=True),
    ],
    needs="axes that exist",
    floats=True,
    accumulates=True,
    kink=True,
    vjp=dict(x=_along_order),
    words=dict(x="{g} · sign({x}) · (|{x}| / ‖{x}‖)^(order − 1)"),
)
def norm_of_order(xp, x, *, order: float, axis: Axis = None, keepdims: bool = False):
    """Length (Σ |x|ᵒʳᵈᵉʳ)^(1/order), of numbers of any size.

    Gradient: 0 at the kink x = 0.
    """
    top = xp.max(xp.absolute(x), axis=axis, keepdims=True)
    _, total = _to_the(order, x, axis)
    return reduced(xp.power(total, 1 / order) * top, axis, keepdims)


@composed(floats=True, accumulates=True)
def norm(x, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Vector norm (Σ |x|ᵒʳᵈ)^(1/ord) along `axis` (None: of all elements); ord = 1, 2, any p ≥ 1, or inf.

    Gradient: 0 at the kink x = 0; beside infinities finite numbers count as 0, and the infinities as equal.
    Raises: ArgumentError for an ord below 1.
    """
    elements(x.shape, axis, "norm")
    if ord in (2, None):
        return norm2(x, axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum_(absolute(x), axis=axis, keepdims=keepdims)
    if ord == inf:
        return max_(absolute(x), axis=axis, keepdims=keepdims)
    if not (number(ord) and ord > 1):
        raise ArgumentError(f"norm: ord must be at least 1 (or inf), not {ord!r}")
    return norm_of_order(x, order=ord, axis=axis, keepdims=keepdims)


@composed(floats=True, accumulates=True)
def var(x, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Variance along `axis`: mean squared distance from the mean; the sum is divided by n - ddof, or 0 if ddof is above n.

    Gradient: right where distances from the mean overflow, unless it overflows itself; on a device it is nan there.
    """
    n = max(elements(x.shape, axis, "var") - float(ddof), 0)
    middle = mean(x, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        result = sum_(square(x - middle), axis=axis, keepdims=keepdims) / n
    if not n or not owner(raw(result)).overflowed(raw(result)):
        return result
    half, again = (x / 2 - middle / 2 for _ in range(2))  # two, for the gradient of one could be twice that of x
    return sum_(half * (again * (4 / n)), axis=axis, keepdims=keepdims)


@composed(floats=True, accumulates=True)
def std(x, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation along `axis`, the root of the variance.

    Gradient: 0 where all elements are equal, a kink.
    """
    result = _root_mean_square(x, axis, ddof, keepdims)
    if not elements(x.shape, axis) or owner(raw(result)).fits(raw(result)):
        return result
    factor = scale(raw(x), axis, 1 / 4)  # the mean overflowed, or numbers are so small that it has but a few digits
    return _root_mean_square(x * factor, axis, ddof, keepdims) / reduced(factor, axis, keepdims)


def _root_mean_square(x, axis, ddof, keepdims):
    """The root of the mean squared distance from the mean."""
    n = max(elements(x.shape, axis, "std") - float(ddof), 0)
    centred = x - mean(x, axis=axis, keepdims=True)
    return norm2(centred, axis=axis, keepdims=keepdims) / n**0.5


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


# ---- exponentials summed without overflow

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
    return out if keepdims else xp.squeeze(out, axis=tuple(range(x.ndim)) if axis is None else axis)


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
