"""What a classifier of two inputs predicts at each point of the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arguments import whole
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.ops.creation import tensor
from ..autograd.tensor import Tensor
from ..autograd.typing import ArrayLike
from ..nn.module import Module
from . import canvas, style
from .inputs import bounds, host, inference
from .style import INK, MARKERS, PALETTE, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRENGTH = 0.42  # of a region's colour where the class is certain; it fades to white where it is not
NOISE = 32  # margins below so many units in the last place of the scores are rounding


def decision_boundary(
    predict: Callable[..., Any],
    x: ArrayLike,
    y: ArrayLike,
    ax: Axes | None = None,
    resolution: int = 200,
    scores: str | None = None,
    labels: list[str] | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    colorbar: bool = True,
    legend: bool = True,
) -> Axes:
    """The plane coloured by the predicted class, paler where it is less certain; the boundary; and the examples.

    `predict` is a model, which is called in eval mode, or a function of points that are of the type of `x` (Tensor or
    array). One column of scores is for class 1 against class 0, K columns are for K classes, whose largest wins.
    scores="logit" or "probability" says what they are; if None, they are taken for probabilities where all could be.
    `labels` are the names of the classes; `resolution` is the number of points along each axis. `x_range` and `y_range`,
    pairs (low, high), are the part of the plane that is drawn; if None, it is a little more than the examples take.
    colorbar=False and legend=False leave those out, e.g. of pictures side by side. Where scores differ by rounding only,
    there is no boundary.

    Shape: x (n, 2); y (n,) or (n, 1), class indices, or -1 and 1 for two classes; scores (m,), (m, 1) or (m, K).
    Raises: ShapeError if x, y or the scores have another shape; ArgumentError for classes without a score, an unknown
        kind of score, scores that are not finite, an empty range, or a wrong number of labels.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> x, y = cr.tensor([[0.0, 0.0], [1.0, 1.0]]), cr.tensor([0, 1])
        >>> ax = cr.plot.decision_boundary(lambda x: x[:, 0] - 0.5, x, y, ax=Figure().subplots())
    """
    points, truth = host(x), host(y)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(
            f"decision_boundary: x must be examples of two inputs, shape (n, 2), not {points.shape}; "
            "choose two columns, e.g. x[:, [0, 1]], and train on those"
        )
    if truth.shape not in ((len(points),), (len(points), 1)):
        raise ShapeError(
            f"decision_boundary: y must be ({len(points)},), one class for each row of x, not {truth.shape}"
        )
    if not callable(predict):
        raise ArgumentError(f"decision_boundary: predict must be a model or a function, not {predict!r}")
    if scores not in (None, "logit", "probability"):
        raise ArgumentError(f"decision_boundary: scores must be 'logit', 'probability' or None, not {scores!r}")
    n = whole("decision_boundary", "resolution", resolution, 2)
    across, up = (
        np.linspace(*(_around(values) if pair is None else bounds("decision_boundary", what, pair)), n)  # type: ignore[call-overload]
        for what, pair, values in (("x_range", x_range, points[:, 0]), ("y_range", y_range, points[:, 1]))
    )
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    outputs = _scores(predict, grid.reshape(-1, 2), x)
    probability, margin = _certainty(outputs.astype(float), scores)
    noise = NOISE * np.finfo(outputs.dtype).eps * max(1, np.abs(outputs).max()) if outputs.dtype.kind == "f" else 0
    n_classes = probability.shape[1]
    truth = _indices(truth.reshape(-1), n_classes)
    labels = [f"class {k}" for k in range(n_classes)] if labels is None else [str(label) for label in labels]
    if len(labels) != n_classes:
        raise ArgumentError(f"decision_boundary: needs {n_classes} labels, one for each class, was given {labels}")

    ax = canvas.axes("decision_boundary", ax)
    dress(ax, "$x_1$", "$x_2$", grid=False)
    probability = probability.reshape(*grid.shape[:2], n_classes)
    if n_classes == 2:
        colors = canvas.colormap([_pale(0, 1), "#ffffff", _pale(1, 1)])
        image = ax.imshow(probability[..., 1], cmap=colors, vmin=0, vmax=1, **canvas.pixels(across, up))
        if colorbar:
            bar = canvas.colorbar(image, ax, f"probability of {labels[1]}", ticks=[0, 0.25, 0.5, 0.75, 1])
            bar.ax.axhline(0.5, color=INK, linewidth=1.6)
    else:
        winner, certainty = probability.argmax(-1), (probability.max(-1) * n_classes - 1) / (n_classes - 1)
        ax.imshow(_pale(winner, 0.3 + 0.7 * certainty[..., None]), **canvas.pixels(across, up))
    for level in margin.T:
        if level.min() < -noise and level.max() > noise:
            ax.contour(across, up, level.reshape(grid.shape[:2]), levels=[0], colors=INK, linewidths=1.6)
    size = 30 * min(1, (300 / len(points)) ** 0.5)
    for k in np.unique(truth):
        ax.scatter(
            *points[truth == k].T, s=size, color=PALETTE[k % len(PALETTE)], marker=MARKERS[k % len(MARKERS)],
            edgecolors="white", linewidths=0.6, label=labels[k], zorder=3,
        )  # fmt: skip
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]])
    if legend:
        style.legend(ax)
    return ax


def _around(values):
    """(low, high) that cover the values with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


def _scores(predict, points, like):
    """The scores of the points, which are passed in the dtype and on the device of a model's parameters, else of x."""
    parameters = predict.parameters() if isinstance(predict, Module) else []
    like = parameters[0] if parameters else like
    if isinstance(like, Tensor):
        points = tensor(points, dtype=like.dtype if like.dtype.kind == "f" else None, device=like.device)
    with inference(predict):
        scores = host(predict(points))
    if scores.ndim not in (1, 2) or len(scores) != len(points) or not scores.size:
        raise ShapeError(
            f"decision_boundary: for {len(points)} points, predict must return scores of shape ({len(points)},) or "
            f"({len(points)}, K), not {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ArgumentError("decision_boundary: predict returned scores that are not finite; did training diverge?")
    return scores.reshape(len(points), -1)


def _certainty(scores, kind):
    """(n, K) probabilities of the classes, and (n, boundaries) margins, each 0 where one class gives way to another."""
    n_classes = scores.shape[1]
    if kind is None:
        possible = (
            scores.min() >= 0 and scores.max() <= 1 and (n_classes == 1 or np.allclose(scores.sum(1), 1, atol=1e-3))
        )
        kind = "probability" if possible else "logit"
    if n_classes == 1:
        p = scores if kind == "probability" else (1 + np.tanh(scores / 2)) / 2
        return np.hstack([1 - p, p]), scores - 0.5 if kind == "probability" else scores
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probability = scores if kind == "probability" else powers / powers.sum(1, keepdims=True)
    # of the K classes the last is left out: wherever it gives way, it is to one of the others
    margins = [scores[:, k] - np.delete(scores, k, axis=1).max(1) for k in range(n_classes - 1)]
    return probability, np.stack(margins, axis=1)


def _indices(truth, n_classes):
    """The classes as indices: -1 and 1 become 0 and 1."""
    if n_classes == 2 and np.isin(truth, (-1, 1)).all():
        truth = truth > 0
    if not np.isin(truth, np.arange(n_classes)).all():
        found = ", ".join(map(str, np.unique(truth)[:5]))
        raise ArgumentError(
            f"decision_boundary: predict gives scores for {n_classes} classes, so y must hold indices from 0 to "
            f"{n_classes - 1}; it holds {found}"
        )
    return truth.astype(int)


def _pale(k, certainty):
    """The colours of classes `k` on white, as red, green and blue in [0, 1]."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(color) for color in PALETTE])
    return 1 - STRENGTH * certainty * (1 - colors[np.asarray(k) % len(PALETTE)])
