"""Pictures: what all of them do, and that nothing else is changed by drawing them."""

import io
import sys
import warnings

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import matplotlib
import plotting
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from plotting import FOUND, after_backward, axes, bowl, data, history, net, worked

import chainrule.plot as plot
from chainrule.plot import style

ax, nothing_left_changed = plotting.ax, plotting.nothing_left_changed  # fixtures

CALLS = {
    "learning_curves": lambda ax: plot.learning_curves(history(17), ax),
    "lr_finder": lambda ax: plot.lr_finder(FOUND, ax),
    "schedule": lambda ax: plot.schedule(lambda step: 0.1 / (1 + step), 10, ax),
    "decision_boundary": lambda ax: plot.decision_boundary(net(), *data(), ax=ax, resolution=5),
    "confusion_matrix": lambda ax: plot.confusion_matrix([[3, 1], [0, 4]], ax=ax),
    "activations": lambda ax: plot.activations("tanh", ax),
    "loss_surface": lambda ax: plot.loss_surface(bowl, (-1, 1), (-1, 1), ax, resolution=5, path=[(1, 1), (0, 0)]),
    "loss_landscape": lambda ax: plot.loss_landscape(net(), cr.nn.mse, *data(), resolution=3, ax=ax),
    "gradient_flow": lambda ax: plot.gradient_flow(after_backward(), ax),
    "timeline": lambda ax: plot.timeline(worked([(0, 0, "shard 0", 0.0, 1.0), (0, 0, "sum", 1.0, 2.0)]), ax),
}
everything = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def test_every_picture_is_tried():
    assert set(CALLS) | {"landscape", "style"} == set(plot.__all__)


@everything
def test_the_axes_given_are_the_axes_returned(call, ax):
    assert call(ax) is ax


@everything
def test_axes_given_are_drawn_on_without_opening_a_figure(call, ax):
    call(ax)
    assert plt.get_fignums() == []
    assert ax.has_data() or ax.texts


@everything
def test_without_axes_one_figure_is_opened(call):
    figure = call(None).figure
    assert plt.get_fignums() == [figure.number]
    plt.close(figure)


@everything
def test_a_picture_is_rendered_without_a_warning(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = call(None).figure
        figure.savefig(io.BytesIO(), dpi=50)
    plt.close(figure)


@everything
def test_without_matplotlib_the_error_says_how_to_get_it(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"need matplotlib.*pip install matplotlib"):
        call(None)


def test_an_import_that_fails_inside_matplotlib_is_not_hidden(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    monkeypatch.delattr(matplotlib, "pyplot")
    monkeypatch.setitem(sys.modules, "cycler", None)  # which pyplot needs
    with pytest.raises(ModuleNotFoundError, match="cycler"):
        plot.schedule(lambda step: 1.0, 2)


@everything
def test_an_array_of_axes_is_refused(call):
    with pytest.raises(
        cr.ArgumentError, match=r"ax must be one matplotlib Axes, not ndarray; take one out of an array"
    ):
        call(Figure().subplots(2))


@everything
def test_three_dimensional_axes_are_refused_for_a_flat_picture(call):
    with pytest.raises(cr.ArgumentError, match=r"needs a flat Axes, not a 3d one"):
        call(axes("3d"))


def test_flat_axes_are_refused_for_a_picture_in_three_dimensions(ax):
    with pytest.raises(cr.ArgumentError, match=r"needs a 3d Axes, not a rectilinear one.*'projection': '3d'"):
        plot.loss_surface(bowl, (-1, 1), (-1, 1), ax, projection="3d", resolution=5)


@pytest.mark.parametrize("picture", ["loss_surface", "loss_landscape", "decision_boundary"])
def test_each_pixel_stands_around_its_point_and_the_first_is_at_the_lower_left(picture, ax):
    image = CALLS[picture](ax).images[0]
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape
    width, height = (right - left) / columns, (top - bottom) / rows
    assert image.origin == "lower"
    np.testing.assert_allclose(ax.get_xlim(), (left + width / 2, right - width / 2))
    np.testing.assert_allclose(ax.get_ylim(), (bottom + height / 2, top - height / 2))


# ---- the style


def test_the_public_names_of_the_style_are_there():
    assert [name for name in style.__all__ if not hasattr(style, name)] == []


def test_the_first_series_differ_in_colour_line_and_marker():
    looks = [style.series(i) for i in range(7)]
    for part in ("color", "linestyle", "marker"):
        assert len({look[part] for look in looks}) == 7


def test_colour_and_marker_together_tell_56_series_apart():
    assert len({(style.series(i)["color"], style.series(i)["marker"]) for i in range(56)}) == 56


@pytest.mark.parametrize("marker", style.MARKERS)
def test_a_marker_is_convex_so_that_it_looks_hollow_where_it_is(marker):
    (corners,) = MarkerStyle(marker).get_path().to_polygons()
    edges = np.diff([*corners, corners[1]], axis=0)
    turns = edges[:-1, 0] * edges[1:, 1] - edges[:-1, 1] * edges[1:, 0]
    assert turns.min() >= -1e-9 or turns.max() <= 1e-9


def test_series_take_the_colours_in_their_order():
    assert [style.series(i)["color"] for i in range(7)] == list(style.COLORS.values())


@pytest.mark.parametrize("i", [-1, 0.5, True, None])
def test_what_counts_no_series_is_refused(i):
    with pytest.raises(cr.ArgumentError, match="series: i must be a whole number of at least 0"):
        style.series(i)


def test_pictures_and_the_style_have_the_same_colours(ax):
    assert plot.learning_curves(history(), ax).lines[0].get_color() == style.COLORS["blue"]


def test_dressing_writes_what_it_is_given_and_leaves_the_rest(ax):
    ax.set(xlabel="x", title="before")
    assert style.dress(ax, ylabel="y", title="after") is ax
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("x", "y", "after")


def test_dressing_takes_the_frame_off_where_it_carries_nothing(ax):
    style.dress(ax)
    assert [side for side, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]


def test_a_legend_stands_on_axes_or_on_a_figure(ax):
    (line,) = ax.plot([1, 2], label="a line")
    beside = style.legend(ax.figure, handles=[line], loc="lower center", ncols=2)
    for found in (style.legend(ax), beside):
        assert [text.get_text() for text in found.get_texts()] == ["a line"]
    assert ax.figure.legends == [beside]


def test_ticks_that_count_are_whole(ax):
    ax.plot([0, 1, 2], [0, 1, 2])
    style.count(ax.xaxis)
    assert all(tick == round(tick) for tick in ax.get_xticks())


def test_ticks_of_decades_are_plain_numbers(ax):
    ax.plot([1, 2], [0.01, 100])
    ax.set_yscale("log")
    style.decades(ax.yaxis)
    assert {"0.01", "1", "100"} <= {label.get_text() for label in ax.get_yticklabels()}
