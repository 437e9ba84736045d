"""Metrics: how good predictions are, as plain numbers, computed on the host.

Wherever classes are predicted, a prediction is one of three things, told apart by its shape and dtype: scores (…, K),
of which the largest counts; class indices, as integers of the target's shape; or one score for each example, as
floats, where only the caller knows what makes class 1: give `threshold=0` for logits, `threshold=0.5` for probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .autograd.arguments import choose, whole
from .autograd.convert import convert
from .autograd.errors import ArgumentError, DtypeError, ShapeError
from .autograd.ops.reduce import mean, scale
from .autograd.typing import ArrayLike
from .backends import get
from .data.check import check_finite, places

__all__ = [
    "METRICS",
    "accuracy",
    "confusion_matrix",
    "f1",
    "mae",
    "metric",
    "mse",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "top_k",
]

Metric: TypeAlias = str | Callable[..., Any]  # a name, or a function of (prediction, target)


def accuracy(prediction: ArrayLike, target: ArrayLike, threshold: float | None = None) -> float:
    """The fraction of examples whose class was predicted.

    Shape: prediction (n, K) of scores, target (n,) of class indices; or both (n,), see above.
    Raises: ShapeError if the target has another shape; ArgumentError for NaN, for targets that are no classes, or if
        one score for each example comes without threshold.
    Example:
        >>> import chainrule as cr
        >>> cr.metrics.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), cr.tensor([1, 1]))
        0.5
        >>> cr.metrics.accuracy(cr.tensor([-2.0, 3.0]), [0, 1], threshold=0)
        1.0
    """
    predicted, target, _ = _classes("accuracy", prediction, target, threshold)
    return float((predicted == target).mean())


def top_k(prediction: ArrayLike, target: ArrayLike, k: int = 5) -> float:
    """The fraction of examples whose class is among the k with the largest scores. Among equal scores, later classes win.

    Shape: prediction (n, K), target (n,) of class indices.
    Raises: as `accuracy`; ArgumentError unless 1 ≤ k < K: all classes always hold the right one.
    """
    scores, target = _host("top_k: prediction", prediction), _host("top_k: target", target)
    if scores.ndim < 2 or scores.ndim != target.ndim + 1:
        raise ShapeError(
            f"top_k: needs scores (n, K) and class indices (n,), given the shapes {scores.shape} and {target.shape}"
        )
    k = whole("top_k", f"k (fewer than the {scores.shape[-1]} classes)", k, 1, scores.shape[-1] - 1)
    _, target, _ = _classes("top_k", scores, target, None)
    best = np.argsort(scores, axis=-1, kind="stable")[..., -k:]
    return float((best == target[..., None]).any(axis=-1).mean())


def precision(
    prediction: ArrayLike, target: ArrayLike, average: str | None = "binary", threshold: float | None = None
) -> Any:
    """Of the examples predicted as a class, the fraction that belong to it: TP / (TP + FP), 0 where none was predicted.

    average="binary" looks at class 1 of two; "macro" is the mean over the classes that occur, "weighted" the same with
    the classes' numbers of examples as weights, "micro" counts all classes together; None gives one number for each
    class, as an array.

    Shape, Raises: as `accuracy`; ArgumentError for average="binary" of more than two classes.
    """
    return _averaged("precision", prediction, target, average, threshold, lambda tp, fp, fn: (tp, tp + fp))


def recall(
    prediction: ArrayLike, target: ArrayLike, average: str | None = "binary", threshold: float | None = None
) -> Any:
    """Of the examples of a class, the fraction that were predicted as it: TP / (TP + FN), 0 where there are none.

    Average, Shape, Raises: as `precision`.
    """
    return _averaged("recall", prediction, target, average, threshold, lambda tp, fp, fn: (tp, tp + fn))


def f1(prediction: ArrayLike, target: ArrayLike, average: str | None = "binary", threshold: float | None = None) -> Any:
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN), 0 where a class does not occur.

    Average, Shape, Raises: as `precision`.
    """
    return _averaged("f1", prediction, target, average, threshold, lambda tp, fp, fn: (2 * tp, 2 * tp + fp + fn))


def confusion_matrix(
    prediction: ArrayLike, target: ArrayLike, classes: int | None = None, threshold: float | None = None
) -> np.ndarray:
    """How many examples of each class (rows) were predicted as each class (columns).

    Shape: (K, K) of int64; K is `classes`, else the number of scores, else one more than the largest index, at least 2.
    Raises: as `accuracy`; ArgumentError if an index is not below `classes`.
    Example:
        >>> import chainrule as cr
        >>> cr.metrics.confusion_matrix([0, 1, 1, 1], [0, 0, 1, 1]).tolist()
        [[1, 1], [0, 2]]
    """
    predicted, target, found = _classes("confusion_matrix", prediction, target, threshold)
    least = int(max(predicted.max(), target.max())) + 1
    classes = whole(
        "confusion_matrix", "classes (more than the largest class index)", found if classes is None else classes, least
    )
    return np.bincount((target * classes + predicted).ravel(), minlength=classes**2).reshape(classes, classes)


def roc_auc(prediction: ArrayLike, target: ArrayLike) -> float:
    """The chance that an example of class 1 scores higher than one of class 0; equal scores count half.

    For K > 2 classes, the mean over the classes, each against the rest, of their probabilities. Scores that are no
    probabilities (negative, or not adding up to 1) become such by softmax.

    Shape: prediction (n,), (n, 1) or (n, K) of scores, target (n,) of class indices, or for (n, 1) also (n, 1).
    Raises: ShapeError if the shapes do not fit; ArgumentError for NaN or infinity, targets that are no classes, or if a
        class does not occur: then it is undefined.
    Source: Hanley, McNeil, "The meaning and use of the area under a receiver operating characteristic curve" (1982).
    """
    scores = _host("roc_auc: prediction", prediction).astype(np.float64)
    target = _host("roc_auc: target", target)
    check_finite("roc_auc: prediction", scores)
    single = scores.ndim == 1 or scores.ndim == 2 and scores.shape[1] == 1
    if not single and (scores.ndim != 2 or target.ndim != 1):
        raise ShapeError(
            f"roc_auc: needs scores (n,) or (n, K) and class indices (n,), given the shapes {scores.shape} and "
            f"{target.shape}"
        )
    _, target, classes = _classes("roc_auc", scores, target, 0.0 if single else None)
    if classes > 2 and single:
        raise ArgumentError(f"roc_auc: one score for each example is for the classes 0 and 1, not {target.max()}")
    for k in range(classes):
        if not (target == k).any() or (target == k).all():
            raise ArgumentError(
                f"roc_auc: undefined, for the target holds {'only' if (target == k).any() else 'no'} class {k}; "
                "measure on more examples"
            )
    if single:
        return _area(scores.ravel(), target.ravel())
    if (scores < 0).any() or np.abs(scores.sum(axis=1) - 1).max() > 0.01:
        scores = _log_softmax(scores)  # has the order of the probabilities, and is exact where those round to 1
    if classes == 2:
        return _area(scores[:, 1], target)
    return float(np.mean([_area(scores[:, k], target == k) for k in range(classes)]))


def r2(prediction: ArrayLike, target: ArrayLike) -> float:
    """The fraction of the target's variance that was predicted: 1 - Σ (target - prediction)² / Σ (target - mean)².

    Of several columns, the mean. A column without variance counts 1 if it was predicted exactly, else 0.

    Shape: both the same, (n,) or (n, d).
    Raises: ShapeError if the shapes differ; ArgumentError for NaN or infinity, or fewer than two examples.
    """
    prediction, target, _ = _measurements("r2", prediction, target)
    if len(target) < 2:
        raise ArgumentError("r2: undefined for one example; measure on more")
    prediction, target = (a.reshape(len(a), -1) for a in (prediction, target))
    unexplained, factor = _mean_square(target - prediction, 0)
    variance, other = _mean_square(target - mean(target, axis=0), 0)
    unexplained = unexplained * (other / factor) * (other / factor)
    variance[(target == target[0]).all(axis=0)] = 0  # also where the mean of equal numbers is rounded
    ratio = np.divide(unexplained, variance, out=(unexplained != 0).astype(np.float64), where=variance != 0)
    return float(np.mean(1 - ratio))


def mse(prediction: ArrayLike, target: ArrayLike) -> float:
    """The mean squared error: mean of (prediction - target)². Lower is better.

    Shape: both the same, (n,) or (n, d).
    Raises: ShapeError if the shapes differ or there are no examples; ArgumentError for NaN or infinity.
    Example:
        >>> import chainrule as cr
        >>> cr.metrics.mse([1.0, 2.0], [1.0, 4.0])
        2.0
    """
    prediction, target, scaled = _measurements("mse", prediction, target)
    square, factor = _mean_square(prediction - target)
    return float(square / factor / factor / scaled / scaled)


def rmse(prediction: ArrayLike, target: ArrayLike) -> float:
    """The root of the mean squared error, in the unit of the target. Lower is better.

    Shape, Raises: as `mse`.
    """
    prediction, target, scaled = _measurements("rmse", prediction, target)
    square, factor = _mean_square(prediction - target)
    return float(np.sqrt(square) / factor / scaled)


def mae(prediction: ArrayLike, target: ArrayLike) -> float:
    """The mean absolute error: mean of |prediction - target|. Lower is better.

    Shape, Raises: as `mse`.
    """
    prediction, target, scaled = _measurements("mae", prediction, target)
    return float(mean(np.abs(prediction - target)) / scaled)


# ---- what they share


def _host(name, values):
    """The values as a NumPy array, after one transfer; NaN raises."""
    array = convert(name, values, None, get("cpu"))
    if array.dtype.kind == "f" and (bad := np.isnan(array)).any():
        raise ArgumentError(f"{name}: {bad.sum()} of {bad.size} values are NaN{places(bad)}; see where they come from")
    return array


def _measurements(name, prediction, target):
    """Both as float64, if they are finite and of one shape, (n,) or (n, d); times a factor, which comes third, with which
    their differences are finite, too.
    """
    prediction, target = _host(f"{name}: prediction", prediction), _host(f"{name}: target", target)
    if prediction.shape != target.shape or prediction.ndim not in (1, 2) or not prediction.size:
        raise ShapeError(
            f"{name}: prediction and target must have the same shape, (n,) or (n, d), given {prediction.shape} and "
            f"{target.shape}"
        )
    check_finite(f"{name}: prediction", prediction)
    check_finite(f"{name}: target", target)
    prediction, target = prediction.astype(np.float64), target.astype(np.float64)
    factor = 1.0 if max(np.abs(prediction).max(), np.abs(target).max()) < 2.0**1020 else 0.25
    return prediction * factor, target * factor, factor


def _mean_square(values, axis=None):
    """The mean square of values · f, and f: powers of two with which no square overflows or vanishes."""
    factor = scale(values, axis)
    return np.square(values * factor).mean(axis=axis), np.squeeze(factor, axis)


def _classes(name, prediction, target, threshold):
    """(predicted classes, target, number of classes), the first two as integers of one shape."""
    prediction, target = _host(f"{name}: prediction", prediction), _host(f"{name}: target", target)
    scores = prediction.ndim > 1 and prediction.shape[-1] > 1 and prediction.shape != target.shape
    if prediction.shape[-1:] == (1,) and prediction.shape[:-1] == target.shape:
        prediction = prediction[..., 0]
    wanted = prediction.shape[:-1] if scores else prediction.shape
    if wanted != target.shape:
        raise ShapeError(f"{name}: needs one class index for each row, {wanted}, not {target.shape}")
    if not target.size:
        raise ShapeError(f"{name}: there are no examples, the shape is {target.shape}")
    target = _indices(f"{name}: target", target)
    if scores:
        classes = prediction.shape[-1]
        if threshold is not None:
            raise ArgumentError(
                f"{name}: threshold is for one score for each example, not for scores of {classes} classes"
            )
        if target.max() >= classes:
            raise ArgumentError(f"{name}: target holds class {target.max()}, but there are scores for {classes} only")
        return prediction.argmax(axis=-1), target, classes
    if threshold is not None:
        predicted = (prediction > threshold).astype(np.int64)
    elif prediction.dtype.kind != "f":
        predicted = _indices(f"{name}: prediction", prediction)
    else:
        raise ArgumentError(
            f"{name}: one score for each example does not say where class 1 begins; give threshold=0 for logits, "
            "threshold=0.5 for probabilities, or class indices as integers"
        )
    return predicted, target, max(int(predicted.max()), int(target.max()), 1) + 1


def _indices(name, values):
    """Class indices as int64, also if they were whole floats."""
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise DtypeError(f"{name}: class indices are whole numbers, given {values.dtype} such as {values.flat[0]}")
    if values.min() < 0:
        raise ArgumentError(f"{name}: class indices begin at 0, given {values.min()}")
    return values.astype(np.int64)


def _averaged(name, prediction, target, average, threshold, ratio):
    """The average over classes of a ratio (numerator, denominator) of their true and false positives and negatives."""
    choose("average", average, dict.fromkeys(("binary", "macro", "micro", "weighted", None)))
    predicted, target, classes = _classes(name, prediction, target, threshold)
    count = lambda values: np.bincount(values.ravel(), minlength=classes)
    tp, support = count(target[predicted == target]), count(target)
    fp, fn = count(predicted) - tp, support - tp
    if average == "binary":
        if classes > 2:
            raise ArgumentError(
                f"{name}: average='binary' is for the classes 0 and 1, there are {classes}; "
                "choose 'macro', 'micro', 'weighted' or None"
            )
        tp, fp, fn = tp[1], fp[1], fn[1]
    elif average == "micro":
        tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
    above, below = ratio(tp, fp, fn)
    result = above / np.maximum(below, 1)
    if average is None:
        return result
    weights = support if average == "weighted" else (tp + fp + fn > 0) if average == "macro" else None
    return float(np.average(result, weights=weights))


def _log_softmax(scores):
    """The logarithms of the rows' probabilities: the largest element is left out of the sum, so that log1p is exact."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    rest = np.exp(np.sort(shifted, axis=1)[:, :-1]).sum(axis=1, keepdims=True)
    return shifted - np.log1p(rest)


def _area(scores, positive):
    """The area under the ROC curve, from the ranks: equal scores share the mean of theirs."""
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    positive = positive.astype(bool)
    n = int(positive.sum())
    return float((ranks[place][positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))


METRICS = {f.__name__: f for f in (accuracy, top_k, precision, recall, f1, roc_auc, r2, mse, rmse, mae)}


def metric(name: Metric) -> Callable[..., Any]:
    """The metric of that name; functions pass through.

    Raises: ArgumentError, naming those that exist, if there is none.
    """
    return name if callable(name) else choose("metric", name, METRICS)
