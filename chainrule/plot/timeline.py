"""Who computed what when, of a run with workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.errors import ArgumentError
from .canvas import axes
from .style import COLORS, GRID, INK, MUTED, dress, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {  # in the order of the legend; anything else is grey
    "shard": COLORS["sky"],
    "wait": GRID,
    "sum": COLORS["vermillion"],
    "update": COLORS["green"],
}
THICK = 0.8  # of the height of a row
DIGIT = 7  # points that a bar must have for each digit in it


def timeline(history: Any, ax: Axes | None = None) -> Axes:
    """What each worker did in the last steps of a run: a row for each thread or process, a bar for each shard with its number,
    for the waiting until all have finished theirs, for the sum over all of them, and for the optimiser's update.

    `history` is what `fit` returned, given workers; or its `timeline`, or what DataParallel.timeline() returned. The axis is
    in milliseconds from the first bar. On a GPU, which works behind the program's back, a bar is the time to give it the work.

    Raises: ArgumentError if nothing was recorded, as without workers.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> model = cr.nn.Linear(2, 1)
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> history = cr.fit(model, cr.nn.mse, optimizer, (cr.ones((8, 2)), cr.ones((8, 1))), 1, workers=2, verbose=0)
        >>> ax = cr.plot.timeline(history, ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['thread 0', 'thread 1']
    """
    events = getattr(history, "timeline", history)
    if not events:
        raise ArgumentError(
            "timeline: nothing was recorded, for no workers took a step; train with some, as in fit(..., workers=2), or give the "
            "timeline() of a DataParallel that has computed a gradient"
        )
    if not isinstance(events, list) or not all(isinstance(event, dict) and "what" in event for event in events):
        raise ArgumentError(
            f"timeline: needs what fit returned, or its timeline, not {type(history).__name__}: {history!r:.60}"
        )
    places = sorted({(event["worker"], event["thread"]) for event in events})
    ax = axes("timeline", ax, size=(9.0, 1.4 + 0.45 * len(places)))
    dress(ax, "milliseconds")
    ax.grid(visible=False, axis="y")
    bars: dict[str, list[tuple[int, float, float]]] = {kind: [] for kind in KINDS}  # row, start, length
    last = 1e3 * max(event["end"] for event in events)
    room = 72 / ax.figure.dpi * ax.bbox.width / last  # points for a millisecond
    for event in events:
        kind, _, number = event["what"].partition(" ")
        row, start = places.index((event["worker"], event["thread"])), 1e3 * event["start"]
        length = 1e3 * event["end"] - start
        bars.setdefault(kind, []).append((row, start, length))
        if number and len(number) * DIGIT < length * room:
            ax.text(start + length / 2, row, number, ha="center", va="center", fontsize=8, color=INK, clip_on=True)
    for kind, found in bars.items():
        if found:
            rows, starts, lengths = zip(*found, strict=True)
            look = {"color": KINDS.get(kind, MUTED), "edgecolor": "white", "linewidth": 0.4}
            ax.barh(rows, lengths, THICK, starts, label=kind, **look)
    ax.set(xlim=(0, last), ylim=(len(places) - 0.5, -0.5))
    ax.set_yticks(range(len(places)), _names(places))
    ax.tick_params(axis="y", length=0)
    legend(ax, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(bars), borderaxespad=0.1)
    return ax


def _names(places):
    """Of the rows: of threads where there is one process, of processes where each has one thread, else both."""
    workers, threads = ({place[i] for place in places} for i in (0, 1))
    if len(workers) == 1:
        return [f"thread {thread}" for _, thread in places]
    return [f"worker {worker}" + f", thread {thread}" * (len(threads) > 1) for worker, thread in places]
