"""Losses. Every loss refuses a prediction and a target that only broadcast: that is nearly always a mistake."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, prod
from typing import Any

import numpy as np

from ..autograd.arguments import choose, fraction
from ..autograd.convert import owner_or_none, raw
from ..autograd.dtypes import floating, settled, unsettled
from ..autograd.errors import ArgumentError, DtypeError, ShapeError
from ..autograd.foreign import explaining
from ..autograd.ops import special
from ..autograd.ops.arithmetic import square
from ..autograd.ops.choose import clip, maximum, where
from ..autograd.ops.compare import logical_and
from ..autograd.ops.creation import asarray
from ..autograd.ops.exponential import log, log1p
from ..autograd.ops.length import absolute
from ..autograd.ops.logistic import sigmoid, softplus
from ..autograd.ops.reduce import mean, sum_
from ..autograd.ops.softmax import less_share, log_softmax, softmax, softmax_kernels
from ..autograd.primitive import ELEMENTWISE, primitive
from ..autograd.samples import indices, on, reals, unit
from ..autograd.tensor import Tensor
from ..autograd.typing import ArrayLike
from ..backends import FUSING, SINGLES, check, owner

_ROUNDING = 0.01  # by how much a sum of probabilities may miss 1: float16 keeps three digits of each
_REDUCTIONS = {"mean": mean, "sum": sum_, "none": lambda values: values}


def _pair(name, prediction, target):
    """Both as they are used in arithmetic, if their shapes are the same."""
    prediction, target = _usable(prediction), _usable(target)
    a, b = raw(prediction), raw(target)
    shape, other = getattr(a, "shape", ()), getattr(b, "shape", ())
    if shape != other:
        advice = f"; reshape one, e.g. target.reshape{shape}" if prod(shape) == prod(other) else ""
        raise ShapeError(f"{name}: prediction and target must have the same shape, given {shape} and {other}{advice}")
    if 0 in shape:
        raise ShapeError(f"{name}: the batch is empty, shape {shape}")
    return floating(prediction, target) if unsettled(a) or unsettled(b) else (prediction, target)


def _usable(x):
    """Tensors, arrays and numbers as they are; lists as Tensors."""
    return x if isinstance(x, (Tensor, int, float)) or owner_or_none(x) else asarray(x)


def _reduced(values, reduction):
    reduce = choose("reduction", reduction, _REDUCTIONS)
    return values if isinstance(raw(values), (int, *SINGLES)) else reduce(values)


@explaining
def mse(prediction: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Tensor:
    """Mean squared error: mean of (prediction - target)².

    Shape: both the same; the result is one number, or elementwise with reduction="none" ("sum" adds up).
    Raises: ShapeError if the shapes differ or the batch is empty; ArgumentError for an unknown reduction.
    Example:
        >>> import chainrule as cr
        >>> cr.nn.mse(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0])).item()
        2.0
    """
    prediction, target = _pair("mse", prediction, target)
    error = prediction - target
    if unsettled(raw(error)):  # float16 is too small for squares
        return settled(mse, (prediction, target, reduction), {}, (prediction, target), floats=True, accumulates=True)
    return _reduced(square(error), reduction)


@explaining
def l1(prediction: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Tensor:
    """Mean absolute error: mean of |prediction - target|.

    Shape, Raises: as `mse`.
    Gradient: 0 where prediction and target are equal, the kink.
    """
    prediction, target = _pair("l1", prediction, target)
    return _reduced(absolute(prediction - target), reduction)


@explaining
def huber(prediction: ArrayLike, target: ArrayLike, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Squared error / 2 up to a distance of delta, linear beyond: outliers count less.

    Shape, Raises: as `mse`; ArgumentError unless delta > 0.
    Source: Huber, "Robust estimation of a location parameter" (1964).
    """
    if not delta > 0:
        raise ArgumentError(f"huber: delta must be positive, not {delta!r}")
    prediction, target = _pair("huber", prediction, target)
    error = prediction - target
    if unsettled(raw(error)):  # float16 is too small for products
        given = prediction, target, delta, reduction
        return settled(huber, given, {}, (prediction, target), floats=True, accumulates=True)
    inner = clip(error, -delta, delta)  # the error itself up to delta; so nothing is squared that could overflow
    return _reduced(inner * (error - inner / 2), reduction)


def _bounded_logs(p):
    """log p and log(1 - p), each at least -100."""
    inside = where(p == 0, 1, p), where(p == 1, 0, p)
    return maximum(where(p == 0, -100, log(inside[0])), -100), maximum(where(p == 1, -100, log1p(-inside[1])), -100)


def _entropy_slope(p, y):
    """(p - y) / (p (1 - p)), that is (1 - y) / (1 - p) - y / p, with p and 1 - p at least 1e-12 (float16: 6.1e-5)."""
    least = 1e-12 if getattr(p, "dtype", None) != "float16" else 6.104e-5
    p = clip(p, 0, 1)
    low = p < 0.5
    less, more = maximum(where(low, p, 1 - p), least), where(low, 1 - p, p)
    total = less + more  # exactly 1, but where `less` is held; and there only the slope of `more` is left
    return where(low, less - y * total, (1 - y) * total - less) / less / more


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    floats=True,
    samples=(unit, reals),
    vjp=dict(p=lambda g, p, y: g * _entropy_slope(p, y), y=lambda g, p: g * _log_odds(p)),
)
def binary_entropy(xp, p, y):
    """Cross-entropy -(y log p + (1 - y) log(1 - p)) of a probability p and a truth y, each logarithm at least -100."""
    yes, no = _bounded_logs(p)
    return -(y * yes + (1 - y) * no)


def _log_odds(p):
    """log((1 - p) / p), with the logarithms of the loss."""
    yes, no = _bounded_logs(p)
    return no - yes


@explaining
def bce(probability: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy: mean of -(y log p + (1 - y) log(1 - p)).

    Prefer `bce_with_logits`, which is exact also where the probability rounds to 0 or 1; here each logarithm is kept
    above -100.

    Shape: both the same.
    Domain: probabilities and targets in [0, 1].
    Gradient: p and 1 - p count as at least 1e-12 in it (float16: 6.1e-5).
    Raises: as `mse`; ArgumentError if one is outside [0, 1] (on a GPU when a value is next read).
    """
    probability, target = _pair("bce", probability, target)
    _check_in_unit("bce: probabilities", probability, "for raw scores use bce_with_logits")
    _check_in_unit("bce: targets", target, "0 and 1 say no and yes")
    return _reduced(binary_entropy(probability, target), reduction)


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    floats=True,
    samples=(reals, unit),
    vjp=dict(x=lambda g, x, y: g * ((1 - y) * sigmoid(x) - y * sigmoid(-x)), y=lambda g, x: -g * x),
    means=lambda x, y: y * softplus(-x) + (1 - y) * softplus(x),
)
def logit_entropy(xp, x, y):
    """binary_entropy of sigmoid(x) and a truth y, without overflow; 0 for an x of ±∞ that is right."""
    # softplus(x) - y x would be shorter, and for y = 1 lose all digits of a small loss
    rest = xp.log1p(xp.exp(-xp.absolute(x)))
    if_one, if_zero = xp.maximum(-x, 0) + rest, xp.maximum(x, 0) + rest
    return y * xp.where(xp.asarray(y == 0), 0, if_one) + (1 - y) * xp.where(xp.asarray(y == 1), 0, if_zero)


@explaining
def bce_with_logits(
    logit: ArrayLike, target: ArrayLike, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """Binary cross-entropy of sigmoid(logit), without overflow: mean of y softplus(-z) + (1 - y) softplus(z).

    With label smoothing ε, y (1 - ε) + ε / 2 takes the place of the target y.

    Shape: both the same.
    Domain: targets in [0, 1].
    Raises: as `mse`; ArgumentError unless 0 ≤ label_smoothing < 1, or if a target is outside [0, 1] (on a GPU
        when a value is next read).
    """
    logit, target = _pair("bce_with_logits", logit, target)
    _check_in_unit("bce_with_logits: targets", target, "0 and 1 say no and yes")
    smoothing = fraction("bce_with_logits", "label_smoothing", label_smoothing)
    losses = logit_entropy(logit, target)
    if smoothing:
        losses = (1 - smoothing) * losses + smoothing / 2 * (softplus(-logit) + softplus(logit))
    return _reduced(losses, reduction)


def _check_in_unit(what, values, advice):
    """Every one of `values` must lie in [0, 1]; nan passes."""
    values = raw(values)
    error = lambda given: ArgumentError(f"{what} must lie in [0, 1]{given}; {advice}")
    if not isinstance(values, (int, *SINGLES)) and not owner(values).on_host:
        check(owner(values).all(lambda v: (v >= 0) & (v <= 1) | (v != v), values), error)
        return
    low, high = (values, values) if isinstance(values, (int, *SINGLES)) else (values.min(), values.max())
    check((low >= 0) & (high <= 1) | (low != low), error, lambda: f", given {low:.6g} to {high:.6g}")


@explaining
def cross_entropy(
    logits: ArrayLike, target: ArrayLike, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy of softmax(logits), without overflow: mean of log Σ eᶻ - z[target].

    With label smoothing ε, the target is (1 - ε) · one-hot (or the probabilities) + ε / K: a model that is right is not
    pushed to be certain as well.

    Shape: logits (…, K); target (…) of class indices, or (…, K) of probabilities, then with K > 1 and an axis of
        examples; without reduction (…).
    Raises: ShapeError if the shapes do not fit or the batch is empty; DtypeError for class indices that are not
        integers; ArgumentError for an index outside [0, K), for probabilities below 0 or whose sum is not 1 (on a GPU both
        when a value is next read), or unless 0 ≤ label_smoothing < 1.
    Source: label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016), section 7.
    Example:
        >>> import chainrule as cr
        >>> round(cr.nn.cross_entropy(cr.zeros((1, 4)), cr.tensor([2])).item(), 6)
        1.386294
    """
    logits, target = asarray(logits), asarray(target)
    smoothing = fraction("cross_entropy", "label_smoothing", label_smoothing)
    shape, given, kind = logits.shape, target.shape, target.dtype.kind
    if not shape or 0 in shape:
        raise ShapeError(f"cross_entropy: logits need the shape (…, K) with at least one row, given {shape}")
    classes = shape[-1]
    if given == shape and kind == "f":
        if len(shape) == 1 or classes == 1:
            raise ShapeError(
                f"cross_entropy: probabilities need logits (n, K), a score for each class, given {shape}; for a yes "
                "or no for each example use bce_with_logits"
            )
        _check_probabilities(target)
        target = target * (1 - smoothing) + smoothing / classes if smoothing else target
        return _reduced(soft_entropy(logits, target), reduction)
    if given != shape[:-1]:
        column = given == (*shape[:-1], 1)
        raise ShapeError(
            f"cross_entropy: for logits {shape} the target must be class indices {shape[:-1]} or "
            f"floating probabilities {shape}, given {target.dtype} {given}"
            + (f"; use target[{':, ' * (len(given) - 1)}0]" if column else "")
        )
    if kind not in "iu":
        raise DtypeError(f"cross_entropy: class indices must be integers, not {target.dtype}; use target.to('int64')")
    index = raw(target)
    entropy = partial(_smooth_class_entropy, smoothing=smoothing) if smoothing else class_entropy
    if not _kernels(raw(logits), index):  # else the kernel looks
        ok = index.astype(np.uint64).max() < classes  # one below 0 is more than any as a number without sign
        if not check(ok, _index_error(classes), lambda: f", given {index.min()} to {index.max()}"):
            # until that is read, no row reads another's memory
            target = asarray(index * ((index >= 0) & (index < classes)))
    return _reduced(entropy(logits, target), reduction)


def _index_error(classes):
    return lambda given: ArgumentError(f"cross_entropy: class indices must lie in [0, {classes}){given}")


def _check_probabilities(target):
    """Every row must be at least 0 and add up to 1, give or take what rounding does."""
    target = raw(target)
    low, sums = target.min(), target.sum(axis=-1, dtype=np.promote_types(target.dtype, "float32"))
    off = abs(sums - 1)
    check(
        (low >= 0) & (off.max() <= _ROUNDING),
        lambda given: ArgumentError(
            f"cross_entropy: the probabilities of each row must be at least 0 and add up to 1{given}; "
            "give class indices, or for one yes or no for each class use bce_with_logits"
        ),
        lambda: f", given {low:.6g}" if low < 0 else f", given a row with the sum {sums.flat[off.argmax()]:.6g}",
    )


def _kernels(logits, index):
    """Those of the device for cross-entropy, which also look at the indices; None where there are none."""
    backend = FUSING.get(type(logits))
    return None if backend is None else backend.entropy(logits, index)


def _of_classes(g, logits, index):
    """g · (softmax(logits) - one_hot(index))."""
    if kernels := _kernels(logits, index):
        return kernels.slope(g, logits, index)
    return _softmax_less_truth(g[..., None], logits, index)


def _by_classes(xp, logits, index):
    """(z - max z, e to that, as float64 of shape (K, n); where the classes `index` are in them, flattened).

    Along the first axis, NumPy takes maxima and sums of few classes several times as fast as along the last.
    """
    columns, n = xp.array(logits.reshape(-1, logits.shape[-1]).T, dtype=np.float64, order="C"), index.size
    place = index.reshape(-1).astype(np.int64, copy=False) * n + xp.arange(n)
    if logits.dtype.char == "d":
        top, hit, below, powers = special.below_top(xp, columns, 0)
        return below + xp.where(top == -inf, top, 0), powers + (hit & (top > -inf)), place
    columns -= xp.maximum(columns.max(axis=0), -1e308)  # of a row of -inf no nan is made
    return columns, xp.exp(columns), place


def _softmax_less_truth(a, logits, index):
    """a · (softmax(logits) - one_hot(index)): the famous gradient p - y; at the class, 1 - p is the sum of the others.

    Shape: a (…, K), or (…, 1) for a factor of each row.
    """
    if not isinstance(logits, Tensor):  # an array: in place, in half the time
        _, slope, place = _by_classes(owner(logits).xp, logits, index)
        flat = slope.reshape(-1)
        chosen = flat[place]
        flat[place] = 0
        others = slope.sum(axis=0)
        total = others + chosen
        impossible = total == 0  # all classes are: their probabilities are 0
        others += impossible
        total += impossible
        flat[place] = -others
        slope *= a.reshape(-1, a.shape[-1]).T / total
        return slope.T.astype(logits.dtype, order="C").reshape(logits.shape)
    truth = index[..., None] == owner(index).xp.arange(logits.shape[-1])
    share = softmax(logits)
    others, possible = where(truth, 0, share), sum_(share, axis=-1, keepdims=True) != 0
    return a * (others - truth * where(possible, sum_(others, axis=-1, keepdims=True), 1))


@primitive(
    internal=True,
    symbol="cross_entropy",
    jvp=dict(logits=lambda t, logits, index: sum_(_softmax_less_truth(t, logits, index), axis=-1)),
    samples=[on((5, 3), (5,), domain=(reals, indices)), on((2, 5, 3), (2, 5), domain=(reals, indices))],
    needs="logits (…, K) and class indices (…)",
    floats=True,
    accumulates=True,
    vjp=dict(logits=_of_classes),
    words=dict(logits="{g} · (softmax({logits}) − one_hot({index}))"),
)
def class_entropy(xp, logits, index):
    """log Σ eᶻ - z[index] along the last axis, in one node: half the time of logsumexp and take_along_axis."""
    if kernels := _kernels(logits, index):
        return kernels.loss(logits, index, owner(logits).flag(_index_error(logits.shape[-1])))
    below, powers, place = _by_classes(xp, logits, index)
    chosen = below.reshape(-1)[place]
    # one less at the class: so log1p sees every digit of what is left, where the class is the largest
    powers.reshape(-1)[place] = xp.expm1(chosen)
    rest = xp.maximum(powers.sum(axis=0), 0)  # below 0 only where no class is possible: the loss is inf there
    return (xp.log1p(rest) - chosen).reshape(index.shape).astype(logits.dtype)


def _surprise(logits, target):
    """-log softmax(logits), and 0 where that is infinite and the target 0."""
    surprise = -log_softmax(logits)
    return where(logical_and(target == 0, surprise == inf), 0, surprise)


def _of_probabilities(g, logits, target):
    """g · (softmax(logits) · Σ target - target)."""
    if not isinstance(g, Tensor) and (kernels := softmax_kernels(-1, logits, target)):
        return kernels.loss_slope(g, logits, target)
    return -g[..., None] * less_share(target, softmax(logits), -1)


@primitive(
    internal=True,
    symbol="cross_entropy",
    jvp=dict(
        logits=lambda t, logits, target: -sum_(t * less_share(target, softmax(logits), -1), axis=-1),
        target=lambda t, logits, target: sum_(t * _surprise(logits, target), axis=-1),
    ),
    samples=[on((5, 3), (5, 3), domain=(reals, unit)), on((2, 5, 3), (2, 5, 3), domain=(reals, unit))],
    needs="logits and probabilities (…, K)",
    floats=True,
    accumulates=True,
    vjp=dict(
        logits=_of_probabilities,
        target=lambda g, logits, target: g[..., None] * _surprise(logits, target),
    ),
    words=dict(logits="{g} · (softmax({logits}) · Σ {target} − {target})", target="−{g} · log softmax({logits})"),
)
def soft_entropy(xp, logits, target):
    """-Σ y log softmax(logits) along the last axis, with 0 · log 0 = 0, in one node: half the time of the composition.

    Gradient: that of a target of 0 is 0 where its class is impossible.
    """
    if kernels := softmax_kernels(-1, logits, target):
        return kernels.loss(logits, target)
    surprise = log_softmax.primitive.fn(xp, logits, axis=-1)
    return -(target * xp.where(target == 0, 0, surprise)).sum(axis=-1)


def _smooth_class_entropy(logits, index, smoothing):
    return soft_entropy(logits, _smooth_target(raw(logits), raw(index), smoothing))


def _smooth_target(logits, index, smoothing):
    """(1 - smoothing) · one-hot + smoothing / K."""
    classes = logits.shape[-1]
    if kernels := _kernels(logits, index):
        return kernels.target(logits, index, smoothing, owner(index).flag(_index_error(classes)))
    truth = (index[..., None] == owner(index).xp.arange(classes)).astype(logits.dtype)
    return truth * (1 - smoothing) + smoothing / classes


LOSSES = {f.__name__: f for f in (mse, l1, huber, bce, bce_with_logits, cross_entropy)}

# what a loss says about itself, see `loss`
vars(mse).update(expects="values")
vars(l1).update(expects="values")
vars(huber).update(expects="values")
vars(bce).update(expects="probabilities", target_range=(0, 1))
vars(bce_with_logits).update(expects="logits", target_range=(0, 1))
vars(cross_entropy).update(expects="logits")


def loss(name: str | Callable[..., Any]) -> Callable[..., Any]:
    """The loss function of that name; functions pass through.

    A loss of your own may have two attributes that fit and Replay read: `expects`, what the model's outputs are, one of
    "logits", "probabilities" and "values"; and `target_range`, the lowest and the highest target.

    Raises: ArgumentError, naming those that exist, if there is none.
    """
    return name if callable(name) else choose("loss", name, LOSSES)


def without_partial(loss):
    """The loss that a functools.partial was made of; any other itself."""
    return loss.func if isinstance(loss, partial) else loss
