"""One quantity over another: learning curves, the learning-rate finder, schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arguments import choose, finite, whole
from ..autograd.errors import ArgumentError, ShapeError
from .canvas import axes
from .inputs import host
from .style import COLORS, INK, MUTED, count, decades, dress, legend, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 25  # up to so many points each gets a marker


def learning_curves(
    history: list[dict[str, Any]], ax: Axes | None = None, columns: str | list[str] | None = None, log: bool = False
) -> Axes:
    """Columns of a History over the epochs, with the best epoch marked if the history knows it.

    `history` is what `fit` returns, or any list with one dict for each epoch. `columns` are the names of those to draw,
    or one name; if None, every loss. An epoch that lacks a value leaves a gap. log=True gives a logarithmic axis.

    Raises: ArgumentError if the history is empty, or if a column does not exist or has no number in it.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> ax = cr.plot.learning_curves([{"loss": 0.9}, {"loss": 0.4}], ax=Figure().subplots())
        >>> ax.lines[0].get_ydata().tolist()
        [0.9, 0.4]
    """
    rows = list(history)
    if not rows:
        raise ArgumentError("learning_curves: the history is empty: no epoch was finished")
    if not all(isinstance(row, dict) for row in rows):
        raise ArgumentError("learning_curves: the history must be a list with one dict of numbers for each epoch")
    known = {name: name for row in rows for name in row}
    if columns is None:
        columns = [name for name in known if _meaning(name)[1] == "loss"] or [name for name in known if name != "epoch"]
    columns = [columns] if isinstance(columns, str) else list(columns)
    curves = {name: _column(rows, choose("column of the history", name, known)) for name in columns}
    if not curves:
        raise ArgumentError("learning_curves: columns must name at least one column, or be None for the losses")
    epochs = np.array([row.get("epoch", i) for i, row in enumerate(rows, start=1)], dtype=float)

    meanings = [_meaning(name) for name in curves]
    shared = meanings[0][1] if len({quantity for _, quantity in meanings}) == 1 else None
    ax = axes("learning_curves", ax)
    dress(ax, "epoch", shared or "")
    if log:
        ax.set_yscale("log")
        decades(ax.yaxis)
    for i, ((part, quantity), values) in enumerate(zip(meanings, curves.values(), strict=True)):
        label = part if shared else f"{part} {quantity}".strip()
        ax.plot(epochs, values, label=label or quantity, **_marked(series(i), len(rows)))
    best = getattr(history, "best_epoch", None)
    if best is not None and best in epochs:
        chosen: Any = next((name for name in ("val_loss", *reversed(columns)) if name in curves), None)
        _mark(ax, best, curves[chosen][epochs == best][-1], f"best: epoch {best}")
    if len(rows) == 1:
        ax.set_xlim(epochs[0] - 1, epochs[0] + 1)
    count(ax.xaxis)
    legend(ax)
    return ax


def lr_finder(result: Any, ax: Axes | None = None) -> Axes:
    """The loss against the learning rate, with the suggested rate marked.

    `result` is what `chainrule.lr_find` returns: the differences between batches are removed from its losses, which
    may therefore be below zero: where the smoothed ones are not, what is below is left out. Anything with `lrs`, `losses` and `suggestion` will do. The axis ends a little above the loss
    before the fall, so that the divergence after it does not flatten the curve.

    Shape: lrs, losses, smoothed (n,).
    Raises: ShapeError if they are empty or of different lengths; ArgumentError if no loss is finite.
    """
    lrs, losses = host(result.lrs).astype(float), host(result.losses).astype(float)
    found = hasattr(result, "smoothed")  # by lr_find
    smoothed = host(result.smoothed).astype(float) if found else losses
    if lrs.ndim != 1 or not lrs.shape == losses.shape == smoothed.shape or not lrs.size:
        raise ShapeError(f"lr_finder: needs as many learning rates as losses, given {lrs.shape} and {losses.shape}")
    if not np.isfinite(smoothed).any():
        raise ArgumentError("lr_finder: no loss is finite; start from a smaller learning rate")
    ax = axes("lr_finder", ax)
    dress(ax, "learning rate", "loss (batch differences removed)" if found else "loss")
    ax.set_xscale("log")
    if found:
        ax.plot(lrs, losses, color=COLORS["sky"], linewidth=1, label="of each batch")
    ax.plot(lrs, smoothed, color=COLORS["blue"], linewidth=2, label="smoothed" if found else None)
    lowest = int(np.nanargmin(np.where(np.isfinite(smoothed), smoothed, np.nan)))
    bottom, top = smoothed[lowest], np.nanmax(smoothed[: lowest + 1])
    room = (top - bottom) or abs(bottom) or 1.0
    low = min(bottom, losses[np.isfinite(losses)].min()) - 0.1 * room
    ax.set_ylim(low if bottom < 0 else max(low, 0), top + 0.5 * room)
    if result.suggestion is not None:
        rate = float(result.suggestion)
        _mark(ax, rate, np.interp(np.log(rate), np.log(lrs), smoothed), f"suggestion: {rate:.2g}")
    if ax.get_legend_handles_labels()[0]:
        legend(ax)
    return ax


def schedule(
    function: Callable[[int], float] | dict[str, Callable[[int], float]], steps: int, ax: Axes | None = None
) -> Axes:
    """The learning rate over `steps` steps of one schedule, or of several: {label: schedule}.

    A schedule is a function of the step, which counts from 0.

    Raises: ArgumentError if steps is no whole number ≥ 1, or if a schedule is no function or returns no finite number.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> ax = cr.plot.schedule(lambda step: 0.1 / (1 + step), 3, ax=Figure().subplots())
        >>> ax.lines[0].get_ydata().round(3).tolist()
        [0.1, 0.05, 0.033]
    """
    steps = whole("schedule", "steps", steps, 1)
    several = isinstance(function, dict)
    schedules = function if isinstance(function, dict) else {"learning rate": function}
    if not schedules:
        raise ArgumentError("schedule: the dict of schedules is empty")
    rates = {}
    for label, rate in schedules.items():
        if not callable(rate):
            raise ArgumentError(f"schedule: {label!r} must be a function of the step, not {rate!r}")
        rates[label] = np.array([finite("schedule", f"{label!r} at step {step}", rate(step)) for step in range(steps)])
    ax = axes("schedule", ax)
    dress(ax, "step", "learning rate")
    for i, (label, values) in enumerate(rates.items()):
        ax.plot(values, label=label, **_marked(series(i), steps))
    ax.set_ylim(bottom=min(0, min(values.min() for values in rates.values())))
    count(ax.xaxis)
    if several:
        legend(ax)
    return ax


def _meaning(column):
    """(part of the data, quantity) of a column's name: ("validation", "accuracy") of "val_accuracy"."""
    if column == "loss":
        return "training", "loss"
    if column.startswith("val_"):
        return "validation", column.removeprefix("val_").replace("_", " ")
    if column.endswith("_loss"):
        return column.removesuffix("_loss").replace("_", " "), "loss"
    return "", {"lr": "learning rate", "grad_norm": "norm of the gradient"}.get(column, column.replace("_", " "))


def _column(rows, name):
    """A column as floats, nan where an epoch has no value."""
    try:
        values = np.array([np.nan if row.get(name) is None else float(row[name]) for row in rows])
    except (TypeError, ValueError):
        raise ArgumentError(f"learning_curves: column {name!r} must hold numbers, not {rows[0].get(name)!r}") from None
    if not np.isfinite(values).any():
        raise ArgumentError(f"learning_curves: column {name!r} has no finite number in it")
    return values


def _mark(ax, x, y, label):
    """A white circle around the point that was chosen, and a dotted line through it."""
    ax.axvline(x, color=MUTED, linewidth=1, linestyle=":", zorder=1)
    circle = {"markersize": 9, "markerfacecolor": "white", "markeredgecolor": INK, "markeredgewidth": 2}
    ax.plot(x, y, label=label, linestyle="none", marker="o", zorder=5, **circle)


def _marked(style, n):
    """Markers on every point where there are few, on about ten where there are many."""
    return style | {"markevery": 1 if n <= FEW else (0, max(1, n // 10))}
