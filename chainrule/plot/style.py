"""How pictures look: colours, markers, lines, and what every plot does. matplotlib is imported where it is used."""

from chainrule.autograd.errors import ArgumentError

# Okabe and Ito, "Color universal design" (2008): told apart with any colour vision. Yellow is too pale on white
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
BLUE, VERMILLION = COLORS[:2]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]  # as many as make each pair of colour and marker new for 56 series
LINES = ["-", "--", "-.", ":", (0, (7, 1.5)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 2.5))]
INK, MUTED, GRID = "#262626", "#6b6b6b", "#e3e3e3"
LOW_TO_HIGH = ["#fcfdff", "#dceaf6", "#b3d3ea", "#7fb6dc", "#4a93c6", "#2370ab"]  # pale where the loss is low


def pyplot():
    """matplotlib.pyplot.

    Raises: ImportError that says how to install it.
    """
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError("plot: pictures need matplotlib; install it with: pip install 'chainrule[plot]'") from None
    return pyplot


def axes(name, ax, size=(6.0, 4.0), projection=None):
    """`ax` itself, or the Axes of a new figure.

    Raises: ArgumentError if `ax` is something else, or not three-dimensional where it must be.
    """
    plt = pyplot()
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained", subplot_kw={"projection": projection})[1]
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise ArgumentError(
            f"{name}: ax must be one matplotlib Axes, not {type(ax).__name__}; "
            "take one out of an array, e.g. axes[0], or make one with plt.subplots()"
        )
    if (ax.name == "3d") != (projection == "3d"):
        wanted, other = (
            ("3d", "plt.subplots(subplot_kw={'projection': '3d'})") if projection else ("flat", "plt.subplots()")
        )
        raise ArgumentError(f"{name}: this picture needs a {wanted} Axes, not a {ax.name} one; make one with {other}")
    return ax


def dress(ax, xlabel=None, ylabel=None, title=None, grid=True):
    """Labels, a light grid behind the data, and no frame where it carries nothing."""
    ax.set_axisbelow(True)
    ax.grid(grid, **({"color": GRID, "linewidth": 0.8} if grid else {}))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(which="both", labelsize=9, colors=MUTED, labelcolor=INK)
    ax.set_xlabel(xlabel or "", fontsize=10, color=INK)
    ax.set_ylabel(ylabel or "", fontsize=10, color=INK)
    if title:
        ax.set_title(title, fontsize=11, color=INK)
    return ax


def count(axis):
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def decades(axis):
    """Ticks of a logarithmic axis as plain numbers, also between the powers of ten where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def series(i):
    """Colour, line and marker of the i-th series: two of the three are enough to tell it from the others."""
    return {
        "color": COLORS[i % len(COLORS)],
        "linestyle": LINES[i % len(LINES)],
        "marker": MARKERS[i % len(MARKERS)],
        "linewidth": 2,
        "markersize": 5,
    }


def legend(ax, **options):
    """A legend that lets the data shine through."""
    options = {"loc": "best", "fontsize": 9, "labelcolor": INK, "framealpha": 0.85, "edgecolor": "none"} | options
    return ax.legend(**options)


def colormap(colors):
    """A continuous colour map through `colors`; not entered in matplotlib's registry."""
    pyplot()
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("chainrule", colors)


def pixels(across, up):
    """Options of imshow that put the middle of each pixel at the point it was computed for, under everything else."""
    x, y = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2
    return {
        "extent": (across[0] - x, across[-1] + x, up[0] - y, up[-1] + y),
        "origin": "lower", "aspect": "auto", "interpolation": "bilinear", "zorder": 0,
    }  # fmt: skip


def outlined():
    """A white rim that keeps a line or text readable on any ground."""
    pyplot()
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=4, foreground="white"), Normal()]


def colorbar(mappable, ax, label, **options):
    """A slim colour bar beside `ax`."""
    bar = ax.figure.colorbar(mappable, ax=ax, **{"pad": 0.02, "fraction": 0.06, "aspect": 28} | options)
    bar.set_label(label, fontsize=10, color=INK)
    bar.ax.tick_params(labelsize=9, colors=MUTED, labelcolor=INK)
    bar.outline.set_visible(False)
    return bar
