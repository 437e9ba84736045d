"""The confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import metrics
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.typing import ArrayLike
from .canvas import axes
from .inputs import host
from .style import COLORS, INK, MUTED, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEPTH = 0.8  # a factor that darkens the blue, so that white text stands out
TURN = 0.22  # the luminance at which white and ink have the same contrast
SMALLEST = 4  # points; cells without room for that stay without a number


def confusion_matrix(
    prediction: ArrayLike,
    target: ArrayLike | None = None,
    ax: Axes | None = None,
    labels: list[str] | None = None,
    normalize: bool = False,
    threshold: float | None = None,
) -> Axes:
    """How often each true class (row) was predicted as each class (column): right in blue, wrong in red.

    `prediction`, `target` and `threshold` are what chainrule.metrics.confusion_matrix takes; without a target,
    `prediction` is the ready matrix. The stronger the colour, the larger the share of the row. normalize=True writes
    the shares, in percent; rows of classes that do not occur stay empty. `labels` are the names of all classes.

    Raises: as chainrule.metrics.confusion_matrix; ShapeError if the ready matrix is not square; ArgumentError if it has
        negative or no counts, or for a wrong number of labels.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> ax = cr.plot.confusion_matrix([[8, 2], [1, 9]], ax=Figure().subplots(), labels=["cat", "dog"])
        >>> [text.get_text() for text in ax.texts]
        ['8', '2', '1', '9']
    """
    labels = None if labels is None else [str(label) for label in labels]
    if target is None:
        counts = host(prediction)
    else:
        classes = None if labels is None else len(labels)
        counts = metrics.confusion_matrix(prediction, target, classes, threshold)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(
            f"confusion_matrix: the matrix must be square, not {counts.shape}; to have it counted, give a target too"
        )
    if not (counts >= 0).all() or not counts.sum() > 0:
        raise ArgumentError("confusion_matrix: the matrix must hold counts, at least one of them above 0, none below")
    n = len(counts)
    labels = [str(k) for k in range(n)] if labels is None else labels
    if len(labels) != n:
        raise ArgumentError(f"confusion_matrix: needs {n} labels, one for each class, was given {labels}")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    side = min(max(3.2, 1.4 + 0.42 * n), 9)
    ax = axes("confusion_matrix", ax, size=(side + 0.07 * max(map(len, labels)), side))
    dress(ax, "predicted class", "true class", grid=False)
    image = _tint(shares)
    ax.imshow(image, aspect="equal")
    ax.set_xticks(range(n), labels, rotation=0 if max(map(len, labels)) * n < 50 else 90)
    ax.set_yticks(range(n), labels)
    ax.tick_params(length=0)
    for edge in np.arange(n + 1) - 0.5:
        ax.axhline(edge, color="white", linewidth=1.2)
        ax.axvline(edge, color="white", linewidth=1.2)
    for spine in ax.spines.values():
        spine.set_visible(False)
    texts = [[_number(counts[i, j], shares[i, j], totals[i, 0], normalize) for j in range(n)] for i in range(n)]
    cell = 72 / ax.figure.dpi * min(ax.bbox.width, ax.bbox.height) / n  # in points
    size = min(11, 0.5 * cell, 1.3 * cell / max(len(text) for row in texts for text in row))
    for (i, j), count in np.ndenumerate(counts if size >= SMALLEST else np.empty((0, 0))):
        color = MUTED if not count else "white" if _luminance(image[i, j]) < TURN else INK
        ax.text(j, i, texts[i][j], ha="center", va="center", fontsize=size, color=color)
    return ax


def _number(count, share, total, normalize):
    """The text of a cell."""
    if normalize:
        return f"{100 * share:.0f}%" if total else ""
    return f"{count:.0f}" if float(count).is_integer() else f"{count:.2g}"


def _tint(shares):
    """The cells' colours: from nearly white at 0 to the full colour at 1; small shares are raised to be seen."""
    from matplotlib.colors import to_rgb

    right = np.eye(len(shares), dtype=bool)[..., None]
    full = np.where(right, DEPTH * np.array(to_rgb(COLORS["blue"])), to_rgb(COLORS["vermillion"]))
    return 1 - (0.04 + 0.96 * shares[..., None] ** 0.7) * (1 - full)


def _luminance(rgb):
    """Relative luminance of an sRGB colour, 0 to 1, as contrast is defined by (WCAG 2)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]
