"""How large the gradients of a model's parameters are, from the first layer to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..autograd.errors import ArgumentError, GraphError
from ..nn.module import Module
from .canvas import axes
from .style import COLORS, MUTED, dress, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = "#f0f0f0"
VANISHING, EXPLODING = 1e-6, 1e2  # where a mean gradient is usually too small to learn from, or too large
ROOM = 30  # a band in view spans at least this factor, so that its name fits


def gradient_flow(model: Module, ax: Axes | None = None) -> Axes:
    """The mean and the largest absolute gradient of each parameter after a backward pass, in the order of the model.

    A parameter that backward did not reach is marked "none", one whose gradient is 0 everywhere "0", one with a nan or an
    infinity in it "not finite". Grey bands, where the axis reaches them, are means below 1e-6 and above 100.

    Raises: GraphError if no parameter has a gradient; ArgumentError if `model` is not a Module with parameters.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> model = cr.nn.Linear(2, 1)
        >>> model(cr.ones((3, 2))).sum().backward()
        >>> ax = cr.plot.gradient_flow(model, ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['weight', 'bias']
    """
    named = list(model.named_parameters()) if isinstance(model, Module) else []
    if not named:
        raise ArgumentError(f"gradient_flow: needs a Module with parameters, not {type(model).__name__}")
    sizes = [_size(p) for _, p in named]
    if all(size == "none" for size in sizes):
        raise GraphError("gradient_flow: no parameter has a gradient; call loss.backward() first")

    ax = axes("gradient_flow", ax, size=(6.4, 1.3 + 0.3 * len(named)))
    dress(ax, "absolute gradient")
    ax.set_xscale("log")
    drawn = {row: size for row, size in enumerate(sizes) if not isinstance(size, str)}
    rows, (means, peaks) = list(drawn), np.array(list(drawn.values())).T if drawn else ([], [])
    ax.hlines(rows, means, peaks, color=MUTED, linewidth=1.5, zorder=2)
    points = {"linestyle": "none", "markersize": 8, "markeredgecolor": "white", "zorder": 6}  # over the legend's edge
    ax.plot(means, rows, marker="o", color=COLORS["blue"], label="mean", **points)
    ax.plot(peaks, rows, marker="D", color=COLORS["vermillion"], label="largest", **points)
    low, high = (min(means) / 4, max(peaks) * 4) if drawn else (VANISHING, EXPLODING)
    for edge, end, word, side in ((VANISHING, 1e-200, "vanishing", "right"), (EXPLODING, 1e200, "exploding", "left")):
        ax.axvspan(edge, end, color=BAND, zorder=0, linewidth=0)  # visible where the axis reaches it, also after a zoom
        ax.annotate(word, (edge, 1), (-4 if side == "right" else 4, -4), ax.get_xaxis_transform(), "offset points",
                    fontsize=9, color=MUTED, ha=side, va="top", clip_on=True)  # fmt: skip
    low = min(low, VANISHING / ROOM) if low < VANISHING else low
    high = max(high, EXPLODING * ROOM) if high > EXPLODING else high
    for row, size in enumerate(sizes):
        if isinstance(size, str):
            ax.text(
                0.02, row, size, transform=ax.get_yaxis_transform(), fontsize=9, color=COLORS["vermillion"], va="center"
            )
    ax.set_yticks(range(len(named)), [name for name, _ in named])
    ax.set(xlim=(low, high), ylim=(len(named) - 0.5, -1))
    legend(ax, borderpad=0.9)  # it keeps clear of points' centres, its words of the points
    return ax


def _size(parameter):
    """(mean, largest) absolute value of the gradient, or the word for one that has no place on a logarithmic axis."""
    if parameter.grad is None:
        return "none"
    gradient = np.abs(parameter.grad.numpy().astype(float))
    if not np.isfinite(gradient).all():
        return "not finite"
    return (gradient.mean(), gradient.max()) if gradient.any() else "0"
