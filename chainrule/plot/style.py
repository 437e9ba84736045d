"""The look of all pictures, for those that you draw beside cr.plot: colours, markers, lines, and a few functions.

COLORS are the colours of series by name, in the order in which series take them, told apart with any colour vision;
MARKERS and LINES are their shapes, in that order. INK is for text, MUTED for frames and lines of reference, GRID for a
grid, and LOW_TO_HIGH goes from pale to dark. `dress` an Axes, draw with `series(i)` or a colour, and end with `legend`.
"""

from ..autograd.arguments import whole

__all__ = [
    "COLORS",
    "GRID",
    "INK",
    "LINES",
    "LOW_TO_HIGH",
    "MARKERS",
    "MUTED",
    "count",
    "decades",
    "dress",
    "legend",
    "series",
]

# Okabe and Ito, "Color universal design" (2008). Their yellow is too pale on white
COLORS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}
PALETTE = list(COLORS.values())
# as many as make each pair of colour and marker new for 56 series, and each wide enough to be seen as hollow
MARKERS = ["o", "s", "^", "D", "v", "<", "p", ">"]
LINES = ["-", "--", "-.", ":", (0, (7, 1.5)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 2.5))]
INK, MUTED, GRID = "#262626", "#6b6b6b", "#e3e3e3"
LOW_TO_HIGH = ["#fcfdff", "#dceaf6", "#b3d3ea", "#7fb6dc", "#4a93c6", "#2370ab"]


def dress(ax, xlabel=None, ylabel=None, title=None, grid=True):
    """Labels, a light grid behind the data, and no frame on the sides without an axis. Returns `ax`.

    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> ax = cr.plot.style.dress(Figure().subplots(), "step", "loss")
        >>> [line] = ax.plot([3, 2, 1], color=cr.plot.style.COLORS["blue"])
    """
    ax.set_axisbelow(True)
    ax.grid(grid, **({"color": GRID, "linewidth": 0.8} if grid else {}))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(which="both", labelsize=9, colors=MUTED, labelcolor=INK)
    for write, text, size in ((ax.set_xlabel, xlabel, 10), (ax.set_ylabel, ylabel, 10), (ax.set_title, title, 12)):
        if text is not None:
            write(text, fontsize=size, color=INK)
    return ax


def count(axis):
    """Ticks at whole numbers only; `axis` is ax.xaxis or ax.yaxis."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def decades(axis):
    """Ticks of a logarithmic axis as plain numbers, also between the powers of ten where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def series(i):
    """Options of ax.plot for series number i, counted from 0: its colour, line and marker.

    Raises: ArgumentError if i is no whole number ≥ 0.
    """
    i = whole("series", "i", i, 0)
    return {
        "color": PALETTE[i % len(PALETTE)],
        "linestyle": LINES[i % len(LINES)],
        "marker": MARKERS[i % len(MARKERS)],
        "linewidth": 2,
        "markersize": 5,
    }


def legend(ax, **options):
    """A half-transparent legend of an Axes or a figure. The options are those of ax.legend."""
    options = {"loc": "best", "fontsize": 9, "labelcolor": INK, "framealpha": 0.85, "edgecolor": "none"} | options
    return ax.legend(**options)
