"""Where pictures are drawn: Axes, colour maps, pixels. matplotlib is imported where it is used."""

from ..autograd.errors import ArgumentError
from .style import INK, MUTED


def pyplot():
    """matplotlib.pyplot.

    Raises: ImportError that says how to install it.
    """
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError("plot: pictures need matplotlib; install it with: pip install matplotlib") from None
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
    """A white rim that keeps a line or text readable on any background."""
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
