"""Curves: learning curves, learning rates, activations, gradients."""

from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import plotting
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from plotting import FOUND, after_backward, axes, history, lines, net

import chainrule.plot as plot

ax, nothing_left_changed = plotting.ax, plotting.nothing_left_changed  # fixtures

# ---- learning curves


def test_the_curves_are_the_losses_over_the_epochs(ax):
    rows = history()
    found = lines(plot.learning_curves(rows, ax))
    assert list(found) == ["training", "validation"]
    assert found["training"].get_xdata().tolist() == [row["epoch"] for row in rows]
    assert found["training"].get_ydata().tolist() == [row["loss"] for row in rows]
    assert found["validation"].get_ydata().tolist() == [row["val_loss"] for row in rows]


def test_the_best_epoch_is_marked_on_the_validation_loss(ax):
    rows = history(best=17)
    mark = lines(plot.learning_curves(rows, ax))["best: epoch 17"]
    assert (mark.get_xdata(), mark.get_ydata()) == ([17], [rows[16]["val_loss"]])


def test_a_vertical_line_stands_at_the_best_epoch(ax):
    plot.learning_curves(history(best=17), ax)
    assert [17, 17] in [list(line.get_xdata()) for line in ax.lines]


@pytest.mark.parametrize("rows", [history(), list(history()), history(best=99)], ids=["none", "a list", "not a row"])
def test_without_a_best_epoch_nothing_is_marked(rows, ax):
    assert not [label for label in lines(plot.learning_curves(rows, ax)) if "best" in label]


def test_other_columns_are_drawn_on_demand(ax):
    rows = history(best=5)
    found = lines(plot.learning_curves(rows, ax, columns=["val_accuracy"]))
    assert found["validation"].get_ydata().tolist() == [row["val_accuracy"] for row in rows]
    assert found["best: epoch 5"].get_ydata() == [rows[4]["val_accuracy"]]
    assert ax.get_ylabel() == "accuracy"


def test_a_column_may_be_given_by_its_name_alone(ax):
    plot.learning_curves(history(), ax, columns="lr")
    assert (list(lines(ax)), ax.get_ylabel()) == (["learning rate"], "learning rate")


def test_columns_of_several_quantities_say_which_they_are(ax):
    plot.learning_curves(history(), ax, columns=["loss", "val_accuracy"])
    assert list(lines(ax)) == ["training loss", "validation accuracy"]


def test_the_losses_of_named_validation_sets_are_all_drawn(ax):
    plot.learning_curves([{"epoch": 1, "loss": 3.0, "easy_loss": 1.0, "hard_loss": 2.0, "hard_accuracy": 0.5}], ax)
    assert list(lines(ax)) == ["training", "easy", "hard"]


def test_epochs_are_counted_where_the_history_does_not(ax):
    assert lines(plot.learning_curves([{"loss": 1.0}, {"loss": 0.5}], ax))["training"].get_xdata().tolist() == [1, 2]


def test_an_epoch_without_a_value_leaves_a_gap(ax):
    found = lines(plot.learning_curves([{"loss": 1.0}, {"loss": 0.5, "val_loss": 2.0}, {"loss": None}], ax))
    assert np.isnan(found["training"].get_ydata()).tolist() == [False, False, True]
    assert np.isnan(found["validation"].get_ydata()).tolist() == [True, False, True]


def test_the_axis_of_the_loss_may_be_logarithmic(ax):
    assert plot.learning_curves(history(), ax, log=True).get_yscale() == "log"


def test_curves_differ_in_more_than_their_colour(ax):
    plot.learning_curves(history(), ax)
    looks = {(line.get_linestyle(), line.get_marker()) for line in lines(ax).values()}
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], None, "the history is empty"),
        ([0.5, 0.4], None, "must be a list with one dict of numbers for each epoch"),
        (history(), ["vall_loss"], r"unknown column of the history 'vall_loss': choose one of 'epoch', 'loss', 'lr'"),
        (history(), [], "columns must name at least one column"),
        ([{"loss": "low"}], None, "column 'loss' must hold numbers, not 'low'"),
        ([{"loss": np.nan}], None, "column 'loss' has no finite number in it"),
    ],
)
def test_a_history_that_cannot_be_drawn_is_refused(rows, columns, message):
    with pytest.raises(cr.ArgumentError, match=message):
        plot.learning_curves(rows, columns=columns)


# ---- learning rates


def test_the_finders_curve_is_its_losses(ax):
    plot.lr_finder(FOUND, ax)
    assert ax.get_xscale() == "log"
    assert ax.lines[0].get_xdata().tolist() == FOUND.lrs
    assert ax.lines[0].get_ydata().tolist() == FOUND.losses


def test_the_suggestion_is_marked_on_the_curve(ax):
    mark = lines(plot.lr_finder(FOUND, ax))["suggestion: 0.01"]
    assert mark.get_xdata() == [0.01]
    assert mark.get_ydata() == [1.0]


def test_the_suggestion_is_marked_on_the_smoothed_curve_where_there_is_one(ax):
    found = lines(plot.lr_finder(SimpleNamespace(**vars(FOUND), smoothed=[1.9, 1.2, 0.9, 5.0]), ax))
    assert found["smoothed"].get_ydata().tolist() == [1.9, 1.2, 0.9, 5.0]
    assert found["suggestion: 0.01"].get_ydata() == pytest.approx([1.2])


def test_divergence_does_not_flatten_the_finders_curve(ax):
    plot.lr_finder(SimpleNamespace(lrs=[1e-3, 1e-2, 1e-1, 1.0], losses=[2.0, 1.0, np.inf, 1e9], suggestion=None), ax)
    assert ax.get_ylim()[1] < 4


def test_rates_and_losses_of_different_lengths_are_refused():
    with pytest.raises(cr.ShapeError, match=r"as many learning rates as losses, given \(2,\) and \(1,\)"):
        plot.lr_finder(SimpleNamespace(lrs=[1, 2], losses=[1], suggestion=None))


def test_a_schedule_is_drawn_step_by_step(ax):
    line = plot.schedule(lambda step: 0.5**step, 5, ax).lines[0]
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4]
    assert line.get_ydata().tolist() == [1, 0.5, 0.25, 0.125, 0.0625]


def test_several_schedules_are_named(ax):
    plot.schedule({"flat": lambda step: 0.1, "rising": lambda step: 0.1 * step}, 3, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["flat", "rising"]


@pytest.mark.parametrize(
    ("function", "steps", "message"),
    [
        (lambda step: 1.0, 0, "steps must be a whole number of at least 1, not 0"),
        (0.1, 3, "must be a function of the step, not 0.1"),
        ({}, 3, "the dict of schedules is empty"),
        (lambda step: np.nan, 3, "'learning rate' at step 0 must be a finite number, not nan"),
    ],
)
def test_a_bad_schedule_is_refused(function, steps, message):
    with pytest.raises(cr.ArgumentError, match=message):
        plot.schedule(function, steps)


# ---- activations

SMOOTH = ["identity", "sigmoid", "tanh", "softplus", "gelu", "silu"]


@pytest.mark.parametrize("name", [n for n in cr.nn.ACTIVATIONS if n != "softmax"])
def test_the_dashed_curve_is_the_slope_of_the_solid_one(name, ax):
    function, slope = plot.activations(name, ax, low=-3.1, high=3.3).lines[:2]
    x = slope.get_xdata()
    smooth = np.isfinite(x) & ((np.abs(x) > 0.1) | (name in SMOOTH))
    f, h = cr.nn.ACTIVATIONS[name], 1e-5
    central = (f(cr.tensor(x[smooth] + h)) - f(cr.tensor(x[smooth] - h))).numpy() / (2 * h)
    np.testing.assert_allclose(slope.get_ydata()[smooth], central, atol=1e-8)
    assert smooth.sum() > 700


def test_the_solid_curve_is_the_function(ax):
    line = plot.activations("tanh", ax, low=-2, high=2).lines[0]
    np.testing.assert_allclose(line.get_ydata(), np.tanh(line.get_xdata()))


@pytest.mark.parametrize(("name", "function", "slope"), [("relu", 0, 1), ("step", 1, 0), ("tanh", 0, 0)])
def test_a_jump_is_a_gap_and_nothing_else_is(name, function, slope, ax):
    solid, dashed = plot.activations(name, ax).lines[:2]
    assert (np.isnan(solid.get_ydata()).sum(), np.isnan(dashed.get_ydata()).sum()) == (function, slope)
    for line in (solid, dashed):
        assert np.nanmax(np.abs(np.diff(line.get_ydata()))) < 0.02


def test_several_activations_stand_in_a_grid_with_their_names():
    grid = plot.activations(["relu", cr.tanh, "gelu", "silu"])
    assert [place.get_title() for place in grid] == ["relu", "tanh", "gelu", "silu"]
    plt.close(grid[0].figure)


@pytest.mark.parametrize(("n", "columns"), {1: 1, 2: 2, 4: 4, 5: 5, 6: 3, 7: 4, 8: 4, 9: 3, 10: 5, 11: 4}.items())
def test_the_last_row_of_the_grid_is_as_full_as_can_be(n, columns):
    grid = plot.activations(["tanh"] * n)
    assert grid[0].get_gridspec().ncols == columns
    plt.close(grid[0].figure)


def test_all_elementwise_activations_are_drawn_if_none_is_named():
    grid = plot.activations()
    assert {place.get_title() for place in grid} == set(cr.nn.ACTIVATIONS) - {"softmax"}
    plt.close(grid[0].figure)


def test_several_activations_can_be_drawn_on_given_axes():
    given = Figure().subplots(1, 2)
    assert plot.activations(["relu", "tanh"], given).tolist() == given.tolist()


def test_a_function_of_ones_own_can_be_drawn(ax):
    plot.activations(lambda x: x * x, ax, low=0, high=1)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 2 * ax.lines[1].get_xdata())


def test_drawing_a_layer_leaves_the_gradients_of_its_parameters_alone(ax):
    scale = cr.nn.Parameter([2.0])
    plot.activations(lambda x: scale * x, ax)
    assert scale.grad is None


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ("reluu", {}, "unknown activation 'reluu': choose one of 'elu'"),
        ("softmax", {}, "softmax does not work element by element"),
        ([], {}, "the list of names is empty"),
        ("relu", {"low": 2, "high": 2}, "range \\(low, high\\) must have low below high, given \\(2, 2\\)"),
        (["relu", "tanh"], {"ax": Figure().subplots()}, "2 functions need 2 Axes, was given 1"),
    ],
)
def test_what_is_no_activation_is_refused(names, options, message):
    with pytest.raises(cr.ArgumentError, match=message):
        plot.activations(names, **options)


# ---- gradients


def test_the_points_are_the_mean_and_the_largest_gradient_of_each_parameter(ax):
    model = after_backward()
    found = lines(plot.gradient_flow(model, ax))
    sizes = [np.abs(p.grad.numpy()) for p in model.parameters()]
    np.testing.assert_allclose(found["mean"].get_xdata(), [size.mean() for size in sizes], rtol=1e-6)
    np.testing.assert_allclose(found["largest"].get_xdata(), [size.max() for size in sizes])
    assert list(found["mean"].get_ydata()) == [0, 1, 2, 3]
    assert ax.get_xscale() == "log"


def test_parameters_are_named_from_the_first_layer_down(ax):
    plot.gradient_flow(after_backward(), ax)
    names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    assert [t.get_text() for t in ax.get_yticklabels()] == names
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


@pytest.mark.parametrize(
    ("change", "word"), [(lambda g: None, "none"), (lambda g: g * 0, "0"), (lambda g: g * np.inf, "not finite")]
)
def test_a_gradient_without_a_place_on_the_axis_is_said_in_a_word(change, word, ax):
    model = after_backward()
    model.layers[0].bias.grad = change(model.layers[0].bias.grad)
    plot.gradient_flow(model, ax)
    (text,) = [t for t in ax.texts if t.get_text() == word]
    assert text.get_position()[1] == 1
    assert list(lines(ax)["mean"].get_ydata()) == [0, 2, 3]


def seen(ax):
    """The names of the bands that the axis reaches, each with its box; a name that is cut off is none."""
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.draw(renderer)
    boxes = {text.get_text(): text.get_window_extent(renderer) for text in ax.texts}
    return {
        name: box
        for name, box in boxes.items()
        if ax.bbox.fully_containsx(box.x0 + 1) and ax.bbox.fully_containsx(box.x1 - 1)
    }


@pytest.mark.parametrize(
    ("factor", "word"), [(1e-12, "vanishing"), (1e-5, "vanishing"), (1e12, "exploding"), (1e5, "exploding")]
)
def test_gradients_that_vanish_or_explode_are_said_to(factor, word, ax):
    model = after_backward()
    assert word not in seen(plot.gradient_flow(model, axes()))
    model.layers[0].bias.grad = model.layers[0].bias.grad * factor
    assert word in seen(plot.gradient_flow(model, ax))


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_the_name_of_a_band_stands_inside_the_axes_where_no_title_is(factor, ax):
    model = after_backward()
    model.layers[0].bias.grad = model.layers[0].bias.grad * factor
    ((_, box),) = seen(plot.gradient_flow(model, ax)).items()
    assert box.y1 < ax.bbox.y1
    first_row = ax.transData.transform((1, 0))[1]
    assert box.y0 > first_row


def test_a_band_that_comes_into_sight_later_has_its_name(ax):
    plot.gradient_flow(after_backward(), ax)
    assert not seen(ax)
    ax.set_xlim(1e-10, 1e6)
    assert set(seen(ax)) == {"vanishing", "exploding"}


def test_gradients_before_backward_are_refused_with_what_to_call():
    with pytest.raises(cr.GraphError, match=r"no parameter has a gradient; call loss.backward\(\) first"):
        plot.gradient_flow(net())


def test_gradients_of_what_is_no_model_are_refused():
    with pytest.raises(cr.ArgumentError, match="needs a Module with parameters, not list"):
        plot.gradient_flow([1])
