"""A loss over two numbers, as contour lines or in three dimensions, with the paths of descents over it."""

import numpy as np

import chainrule as cr
from chainrule.autograd.errors import choose

from .inputs import finite, host, whole
from .style import (
    COLORS,
    GRID,
    INK,
    LINES,
    LOW_TO_HIGH,
    MARKERS,
    MUTED,
    axes,
    colorbar,
    colormap,
    dress,
    legend,
    outlined,
)

PROJECTIONS = {"contour": None, "3d": "3d"}  # -> matplotlib's
PATHS = [COLORS[1], COLORS[6], COLORS[2], COLORS[3]]  # those that stand out from the blue of the surface
DECADES = 1e-6  # a logarithmic picture goes down to this share of the highest loss; lower ones look the same


def loss_surface(f, x_range, y_range, ax=None, path=None, projection="contour", levels=12, log=False, resolution=101):
    """The loss f(w1, w2) of two weights over a rectangle, with the path of a descent over it, start and end marked.

    `f` takes two float64 Tensors of one shape and returns the loss of each pair. `path` is one descent, its points in
    order, or {label: points}. projection="contour" or "3d". `levels` is a number of contour lines, which lie closer where
    the loss is low, or the list of them. log=True is for losses over several decades.

    Shape: x_range, y_range (low, high); path (n, 2).
    Raises: ShapeError if f or a path has another shape; ArgumentError for an empty range, an unknown projection, levels
        that are no numbers, log=True with a negative loss, or a loss that is finite nowhere.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> bowl = lambda w1, w2: w1**2 + 4 * w2**2
        >>> ax = cr.plot.loss_surface(bowl, (-2, 2), (-1, 1), Figure().subplots(), path=[(2, 1), (1, 0.1), (0, 0)])
    """
    kind = choose("projection", projection, PROJECTIONS)
    n = whole("loss_surface", "resolution", resolution, 2)
    across, up = np.linspace(*_bounds("x_range", x_range), n), np.linspace(*_bounds("y_range", y_range), n)
    given = path if isinstance(path, dict) else {} if path is None else {"descent": path}
    paths = {label: _path(label, points) for label, points in given.items()}
    losses = _losses(f, *np.meshgrid(across, up))
    heights = {label: _losses(f, *points.T) for label, points in paths.items()} if kind else {}
    scale = Scale("loss_surface", losses, levels, log)
    ax = axes("loss_surface", ax, size=(6.0, 4.6), projection=kind)
    dress(ax, "$w_1$", "$w_2$", grid=False)
    return (relief if kind else contours)(ax, across, up, losses, scale, paths, heights)


class Scale:
    """How losses become heights, colours and contour lines.

    Fields:
        low, high: the range of finite losses; low is positive if log.
        levels: the losses on contour lines, increasing.
        norm: matplotlib's map from loss to colour; spread towards the low losses, where a descent ends.
    """

    def __init__(self, name, losses, levels, log):
        finite_ones = losses[np.isfinite(losses)]
        if not finite_ones.size:
            raise cr.ArgumentError(f"{name}: the loss is finite nowhere here; try a smaller range")
        self.log, self.low, self.high = log, float(finite_ones.min()), float(finite_ones.max())
        if log and (self.low < 0 or self.high <= 0):
            raise cr.ArgumentError(f"{name}: log=True needs losses above 0, the lowest here is {self.low:g}")
        if log:
            positive = finite_ones[finite_ones > 0]
            self.low = max(float(positive.min()), self.high * DECADES)
        if isinstance(levels, (int, np.integer)):
            shares = np.linspace(0, 1, whole(name, "levels", levels, 1) + 2)[1:-1]
            levels = (
                self.low * (self.high / self.low) ** shares if log else self.low + (self.high - self.low) * shares**2
            )
        self.levels = np.unique([finite(name, "a level", level) for level in host(levels).ravel()])

    @property
    def norm(self):
        from matplotlib.colors import LogNorm, PowerNorm

        high = self.high if self.high > self.low else self.low + 1
        return LogNorm(self.low, high) if self.log else PowerNorm(0.5, self.low, high)

    def height(self, losses):
        """Where a loss stands on the vertical axis."""
        return np.log10(np.maximum(losses, self.low)) if self.log else losses


def contours(ax, across, up, losses, scale, paths, heights=None):
    """The surface from above: shaded, with contour lines."""
    half = [(axis[1] - axis[0]) / 2 for axis in (across, up)]  # a pixel's middle is at the point it was computed for
    colors = colormap(LOW_TO_HIGH)
    colors.set_bad(MUTED)
    shown = np.ma.masked_invalid(np.maximum(losses, scale.low) if scale.log else losses)
    image = ax.imshow(
        shown, cmap=colors, norm=scale.norm, origin="lower", aspect="auto", interpolation="bilinear", zorder=0,
        extent=(across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1]),
    )  # fmt: skip
    bar = colorbar(image, ax, "loss")
    inside = scale.levels[(scale.levels > scale.low) & (scale.levels < scale.high)]
    if inside.size:
        lines = ax.contour(across, up, shown, levels=inside, colors=INK, linewidths=0.6, alpha=0.6)
        bar.add_lines(lines)
    for i, (label, points) in enumerate(paths.items()):
        _trace(ax, i, label, points)
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]])
    if paths:
        legend(ax)
    return ax


def relief(ax, across, up, losses, scale, paths, heights):
    """The surface in three dimensions, its contour lines on the floor; paths are drawn over it, never hidden by it."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.computed_zorder = False
    z = np.ma.masked_invalid(scale.height(losses))
    floor = z.min() - 0.35 * (np.ptp(z) or 1.0)
    colors = colormap(LOW_TO_HIGH[1:])
    grid = np.meshgrid(across, up)
    tints = colors(scale.norm(np.clip(np.nan_to_num(losses, nan=scale.high, posinf=scale.high), scale.low, scale.high)))
    ax.plot_surface(*grid, z.filled(np.nan), facecolors=tints, rcount=60, ccount=60, linewidth=0, shade=False, zorder=2)
    inside = scale.levels[(scale.levels > scale.low) & (scale.levels < scale.high)]
    if inside.size:
        ax.contour(
            *grid, z, levels=scale.height(inside), zdir="z", offset=floor, colors=MUTED, linewidths=0.7, zorder=1
        )
    for i, (label, points) in enumerate(paths.items()):
        seen = (points >= (across[0], up[0])).all(1) & (points <= (across[-1], up[-1])).all(1)
        _trace(ax, i, label, np.where(seen[:, None], points, np.nan), scale.height(heights[label]))
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]], zlim=(floor, z.max()))
    ax.set_zlabel("loss", fontsize=10, color=INK)
    ax.zaxis.set_major_locator(MaxNLocator(5, integer=scale.log))
    if scale.log:
        ax.zaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
    ax.view_init(elev=32, azim=-58)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color("white")
        axis._axinfo["grid"]["color"] = GRID
    if paths:
        legend(ax)
    return ax


def _trace(ax, i, label, points, heights=None):
    """One path with its start (hollow) and its end (filled)."""
    color, marker = PATHS[i % len(PATHS)], MARKERS[i % len(MARKERS)]
    line = [*points.T] if heights is None else [*points.T, heights]
    dots = {"marker": ".", "markersize": 5} if len(points) <= 60 else {}
    ax.plot(
        *line, color=color, linestyle=LINES[i % len(LINES)], linewidth=1.8, label=label, zorder=10 + i,
        path_effects=outlined(), **dots,
    )  # fmt: skip
    for place, face in ((0, "white"), (-1, color)):
        ax.plot(
            *[[values[place]] for values in line], linestyle="none", marker=marker, markersize=8, zorder=20 + i,
            color=color, markerfacecolor=face, markeredgecolor=color if place == 0 else "white", markeredgewidth=1.5,
        )  # fmt: skip


def _bounds(name, bounds):
    """(low, high) of a range."""
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise cr.ArgumentError(f"loss_surface: {name} must be a pair (low, high), not {bounds!r}") from None
    low, high = finite("loss_surface", name, low), finite("loss_surface", name, high)
    if not low < high:
        raise cr.ArgumentError(f"loss_surface: {name} must have low below high, given ({low:g}, {high:g})")
    return low, high


def _path(label, points):
    """The points of a path as an array (n, 2)."""
    points = host(points).astype(float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise cr.ShapeError(f"loss_surface: {label!r} must be points (w1, w2), shape (n, 2), not {points.shape}")
    return points


def _losses(f, w1, w2):
    """f at each pair of weights."""
    with cr.no_grad():
        losses = host(f(cr.tensor(w1), cr.tensor(w2))).astype(float)
    if losses.shape != w1.shape:
        raise cr.ShapeError(
            f"loss_surface: f must return one loss for each pair, shape {w1.shape}, it returned {losses.shape}; if it "
            "averages over data, put the data on an axis of its own: ((w1[..., None] * x + w2[..., None] - y) ** 2).mean(-1)"
        )
    return losses
