"""A loss over two numbers, as contour lines or in three dimensions, with the paths of descents over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arguments import choose, finite, whole, whole_number
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import tensor
from . import canvas, style
from .inputs import bounds, host
from .style import COLORS, INK, LINES, LOW_TO_HIGH, MARKERS, MUTED, decades, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROJECTIONS = {"contour": None, "3d": "3d"}  # -> matplotlib's
FACES = 101  # along each side of a surface in three dimensions, at most
PATHS = [
    COLORS[name] for name in ("vermillion", "black", "green", "purple", "orange")
]  # stand out from the blue of the surface
LOWEST = 0.01  # a logarithmic picture clips this share of the losses, or a valley would look like a row of pits


def loss_surface(
    f: Callable[..., Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    ax: Axes | None = None,
    path: Any = None,
    projection: str = "contour",
    levels: int | list[float] = 12,
    log: bool = False,
    resolution: int = 101,
    colorbar: bool = True,
    legend: bool = True,
) -> Axes:
    """The loss f(w1, w2) of two weights over a rectangle, with the path of a descent over it, start and end marked.

    `f` takes two float64 Tensors of one shape and returns the loss of each pair. `path` is one descent, its points in
    order, or {label: points}. projection="contour" or "3d". `levels` is a number of contour lines, which lie closer
    where the loss is low, or the list of them. log=True is for losses over several decades; it clips the
    lowest hundredth of the losses. colorbar=False and legend=False leave those out, e.g. of pictures side by side;
    three dimensions need no bar.

    Shape: x_range, y_range (low, high); path (n, 2).
    Raises: ShapeError if f or a path has another shape; ArgumentError for an empty range, an unknown projection, levels
        that are no numbers, log=True with a negative loss, or a loss that is finite nowhere.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> bowl = lambda w1, w2: w1**2 + 4 * w2**2
        >>> ax = cr.plot.loss_surface(bowl, (-2, 2), (-1, 1), Figure().subplots(), path=[(2, 1), (1, 0.1), (0, 0)])
    """
    choose("projection", projection, PROJECTIONS)
    n = whole("loss_surface", "resolution", resolution, 2)
    across, up = (
        np.linspace(*bounds("loss_surface", what, pair), n)  # type: ignore[call-overload]
        for what, pair in (("x_range", x_range), ("y_range", y_range))
    )
    given = path if isinstance(path, dict) else {} if path is None else {"descent": path}
    paths = {label: _path(label, points) for label, points in given.items()}
    losses = _losses(f, *np.meshgrid(across, up))
    at = lambda points: _losses(f, *points.T)
    look = {"projection": projection, "levels": levels, "log": log, "colorbar": colorbar, "legend": legend}
    return draw("loss_surface", ax, (across, up, losses), ("$w_1$", "$w_2$"), paths, at, **look)


def draw(name, ax, surface, labels, paths, at, *, projection, levels, log, colorbar, legend):
    """The picture of a surface (across, up, losses) and of paths {label: points}; `at` gives the losses on points."""
    kind, scale = PROJECTIONS[projection], Scale(name, surface[-1], levels, log)
    heights = {label: scale.height(at(points)) for label, points in paths.items()} if kind else {}
    ax = canvas.axes(name, ax, size=(6.0, 4.9 if kind else 4.6), projection=kind)
    dress(ax, *labels, grid=False)
    if kind:
        _relief(ax, *surface, scale, paths, heights)
    else:
        _contours(ax, *surface, scale, paths, colorbar)
    ax.set(xlim=surface[0][[0, -1]], ylim=surface[1][[0, -1]])
    if legend and paths:
        _explain(ax, paths)
    return ax


class Scale:
    """How losses become heights, colours and contour lines.

    Fields:
        low, high: the range of finite losses; low is positive if log.
        levels: the losses on contour lines, increasing.
    """

    def __init__(self, name, losses, levels, log):
        finite_ones = losses[np.isfinite(losses)]
        if not finite_ones.size:
            raise ArgumentError(f"{name}: the loss is finite nowhere here; try a smaller range")
        self.log, self.low, self.high = log, float(finite_ones.min()), float(finite_ones.max())
        if log and (self.low < 0 or self.high <= 0):
            raise ArgumentError(f"{name}: log=True needs losses above 0, the lowest here is {self.low:g}")
        if log:
            positive = finite_ones[finite_ones > 0]
            self.low = float(np.quantile(positive, LOWEST))
        if whole_number(levels):
            shares = np.linspace(0, 1, whole(name, "levels", levels, 1) + 2)[1:-1]
            levels = (
                self.low * (self.high / self.low) ** shares if log else self.low + (self.high - self.low) * shares**2
            )
        self.levels = np.unique([finite(name, "a level", level) for level in host(levels).ravel()])

    def norm(self):
        """matplotlib's map from loss to colour, spread towards the low losses, where a descent ends."""
        from matplotlib.colors import LogNorm, PowerNorm

        high = self.high if self.high > self.low else self.low + 1
        return LogNorm(self.low, high) if self.log else PowerNorm(0.5, self.low, high)

    def inside(self):
        """The levels that the surface reaches."""
        return self.levels[(self.levels > self.low) & (self.levels < self.high)]

    def clip(self, losses):
        """The losses that are shown: infinite ones masked, and none below a logarithmic scale."""
        return np.ma.masked_invalid(np.maximum(losses, self.low) if self.log else losses)

    def height(self, losses):
        """Where losses stand on a vertical axis."""
        return np.log10(self.clip(losses)) if self.log else self.clip(losses)


def _contours(ax, across, up, losses, scale, paths, colorbar):
    """The surface from above: shaded, with contour lines."""
    colors = canvas.colormap(LOW_TO_HIGH).with_extremes(bad=MUTED)
    image = ax.imshow(scale.clip(losses), cmap=colors, norm=scale.norm(), **canvas.pixels(across, up))
    if colorbar:
        bar = canvas.colorbar(image, ax, "loss", extend="min" if scale.log else "neither")
        if scale.log:
            decades(bar.ax.yaxis)
    if scale.inside().size:
        look = {"colors": INK, "linewidths": 0.6, "linestyles": "solid", "alpha": 0.55}
        ax.contour(across, up, scale.clip(losses), levels=scale.inside(), **look)
    for i, (label, points) in enumerate(paths.items()):
        _trace(ax, i, label, points.T)


def _relief(ax, across, up, losses, scale, paths, heights):
    """The surface in three dimensions, its contour lines on the floor; paths are drawn over it, never hidden by it."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.computed_zorder = False
    z = scale.height(losses)
    floor = z.min() - 0.35 * (z.max() - z.min() or 1.0)
    colors = canvas.colormap(LOW_TO_HIGH[1:])
    grid = np.meshgrid(across, up)
    tints = colors(scale.norm()(scale.clip(losses).filled(scale.high)))
    ax.plot_surface(
        *grid, z.filled(np.nan), facecolors=tints, rcount=FACES, ccount=FACES, linewidth=0, shade=False, zorder=2
    )
    if scale.inside().size:
        lines = scale.height(scale.inside())
        look = {"colors": MUTED, "linewidths": 0.7, "linestyles": "solid", "zorder": 1}
        ax.contour(*grid, z, levels=lines, zdir="z", offset=floor, **look)
    for i, (label, points) in enumerate(paths.items()):
        seen = (points >= (across[0], up[0])).all(1) & (points <= (across[-1], up[-1])).all(1)
        line = [*points.T, heights[label].filled(np.nan)]
        _trace(ax, i, label, np.where(seen, line, np.nan))
    ax.set_zlim(floor, z.max())
    # above its axis: beside the numbers it would be cut off, since layouts ignore labels in three dimensions
    top = z.max() + 0.12 * (z.max() - floor)
    ax.text(across[-1], up[-1], top, "loss", fontsize=10, color=INK, ha="center", va="bottom", zorder=30)
    ticks = MaxNLocator(5, integer=scale.log).tick_values(z.min(), z.max())
    ax.set_zticks(ticks[(ticks >= z.min()) & (ticks <= z.max())])
    if scale.log:
        ax.zaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
    ax.view_init(elev=32, azim=-58)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, prune="both"))  # the ends of two axes meet in one corner
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color("white")
    ax.set_box_aspect((4, 4, 2.6), zoom=0.9)


def _trace(ax, i, label, line):
    """One path, `line` holding its coordinates, its start hollow and its end filled; of one point only the end."""
    color, marker, n = PATHS[i % len(PATHS)], MARKERS[i % len(MARKERS)], len(line[0])
    if n > 1:
        dots = {"marker": ".", "markersize": 5} if n <= 60 else {}
        ax.plot(
            *line, color=color, linestyle=LINES[i % len(LINES)], linewidth=1.8, label=label, zorder=10 + i,
            path_effects=canvas.outlined(), **dots,
        )  # fmt: skip
    for place, face, edge in ((0, "white", color), (-1, color, "white"))[n == 1 :]:
        ax.plot(
            *[[values[place]] for values in line], linestyle="none", marker=marker, markersize=8, zorder=20 + i,
            markerfacecolor=face, markeredgecolor=edge, markeredgewidth=1.5, label=label if n == 1 else None,
        )  # fmt: skip


def _explain(ax, paths):
    """The legend of the paths, and which end is which."""
    from matplotlib.lines import Line2D

    handles, _ = ax.get_legend_handles_labels()
    if any(len(points) > 1 for points in paths.values()):
        dot = {"linestyle": "none", "marker": "o", "markersize": 7, "markeredgecolor": MUTED, "markeredgewidth": 1.5}
        handles += [
            Line2D([], [], markerfacecolor=f, label=label, **dot) for f, label in (("white", "start"), (MUTED, "end"))
        ]
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.97), "ncols": 2} if ax.name == "3d" else {}
    style.legend(ax, handles=handles, **above)


def _path(label, points):
    """The points of a path as an array (n, 2)."""
    points = host(points).astype(float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(f"loss_surface: {label!r} must be points (w1, w2), shape (n, 2), not {points.shape}")
    return points


def _losses(f, w1, w2):
    """f at each pair of weights."""
    with no_grad():
        losses = host(f(tensor(w1), tensor(w2))).astype(float)
    if losses.shape != w1.shape:
        raise ShapeError(
            f"loss_surface: f must return one loss for each pair, shape {w1.shape}, it returned {losses.shape}; if it "
            "averages over data, give it an axis of its own: ((w1[..., None] * x + w2[..., None] - y) ** 2).mean(-1)"
        )
    return losses
