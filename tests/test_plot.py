"""Pictures: that what is drawn is what was given or computed, and that nothing else is changed by drawing it."""

import io
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.collections import PathCollection  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import chainrule.plot as plot  # noqa: E402


class History(list):
    best_epoch = None


def history(best=None, epochs=30):
    rows = History(
        {"epoch": e, "loss": 1 / e, "val_loss": 1 / e + e / 100, "val_accuracy": 1 - 1 / e, "lr": 0.1}
        for e in range(1, epochs + 1)
    )
    rows.best_epoch = best
    return rows


def bowl(w1, w2):
    return w1**2 + 4 * w2**2


def net():
    """A small classifier of two inputs, in training mode."""
    return cr.nn.MLP([2, 5, 1], activation="tanh", dropout=0.5)


def data(n=12):
    x = cr.random.normal(size=(n, 2))
    return x, (x[:, :1] > 0).to("float32")


def after_backward():
    model, (x, y) = net(), data()
    cr.nn.bce_with_logits(model(x), y).backward()
    return model


def states(model, x, y, steps=8):
    """The trajectory of a few steps of gradient descent, the model's last state included."""
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    kept = [model.state_dict()]
    for _ in range(steps):
        optimizer.zero_grad()
        cr.nn.mse(model(x), y).backward()
        optimizer.step()
        kept.append(model.state_dict())
    return kept


def axes(projection=None):
    return Figure().subplots(subplot_kw={"projection": projection})


@pytest.fixture
def ax():
    """Axes that pyplot does not know, so that nothing has to be closed."""
    return axes()


@pytest.fixture(autouse=True)
def nothing_left_changed():
    """No test changes matplotlib's settings or leaves a figure open."""
    before = dict(matplotlib.rcParams)
    yield
    open_figures = plt.get_fignums()
    plt.close("all")
    assert open_figures == []
    assert dict(matplotlib.rcParams) == before


# ---- what all of them do

FOUND = SimpleNamespace(lrs=[1e-3, 1e-2, 1e-1, 1.0], losses=[2.0, 1.0, 0.5, 9.0], suggestion=1e-2)
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
}
everything = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def test_every_picture_is_tried():
    assert set(CALLS) | {"landscape"} == set(plot.__all__)


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
    with pytest.raises(ImportError, match=r"need matplotlib.*pip install 'chainrule\[plot\]'"):
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


# ---- learning curves


def lines(ax):
    """The labelled lines of a picture, by their label."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


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


# ---- decision boundaries

X, Y = np.array([[-1.0, -1], [1, 1], [1, -1], [-1, 1], [0, 2]]), np.array([0, 1, 1, 0, 1])


def vertices(ax):
    """The points of all contour lines."""
    return np.concatenate([p.vertices for c in ax.collections if hasattr(c, "levels") for p in c.get_paths()])


def test_the_boundary_passes_where_the_logit_is_0(ax):
    plot.decision_boundary(lambda x: 2 * x[:, 0] - x[:, 1] + 0.3, X, Y, ax)
    x1, x2 = vertices(ax).T
    np.testing.assert_allclose(2 * x1 - x2 + 0.3, 0, atol=1e-12)


def test_the_boundary_passes_where_the_probability_is_one_half(ax):
    plot.decision_boundary(lambda x: 1 / (1 + np.exp(-x[:, :1] + 0.2)), X, Y, ax)
    np.testing.assert_allclose(vertices(ax)[:, 0], 0.2, atol=1e-4)


def test_scores_between_0_and_1_can_be_said_to_be_logits(ax):
    predict = lambda x: (np.tanh(x[:, 0] - 0.3) + 1) / 2  # at x₁ = 0.3 the score is 0.5, nowhere 0
    plot.decision_boundary(predict, X, Y, ax, scores="logit")
    assert not [c for c in ax.collections if hasattr(c, "levels")]


def test_boundaries_of_three_classes_pass_where_the_two_largest_scores_are_equal(ax):
    weights = np.array([[1.0, -0.5, -0.5], [0.0, 1.0, -1.0]])
    plot.decision_boundary(lambda x: x @ weights, X, [0, 1, 2, 0, 1], ax)
    scores = np.sort(vertices(ax) @ weights, axis=1)
    gap = scores[:, -1] - scores[:, -2]
    assert np.median(gap) < 1e-12
    assert gap.max() < 0.03  # within a pixel, around the point where three meet


def scattered(ax):
    """The points of each class."""
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def shaded(ax):
    """What the picture's image shows."""
    return np.asarray(ax.images[0].get_array())


def test_the_shade_is_the_probability_of_class_1(ax):
    plot.decision_boundary(lambda x: x[:, 0] - x[:, 1], X, Y, ax, resolution=7)
    across, up = np.linspace(-1.16, 1.16, 7), np.linspace(-1.24, 2.24, 7)
    np.testing.assert_allclose(shaded(ax), 1 / (1 + np.exp(up[:, None] - across)))


def test_two_columns_of_scores_are_shaded_as_their_softmax(ax):
    plot.decision_boundary(lambda x: np.stack([x[:, 1], x[:, 0]], axis=1), X, Y, ax, resolution=7)
    across, up = np.linspace(-1.16, 1.16, 7), np.linspace(-1.24, 2.24, 7)
    np.testing.assert_allclose(shaded(ax), 1 / (1 + np.exp(up[:, None] - across)))


def test_regions_of_several_classes_have_the_colour_of_the_winner(ax):
    plot.decision_boundary(lambda x: 50 * np.eye(4)[(x[:, 0] > 0) + 2 * (x[:, 1] > 0)], X, [0, 1, 2, 3, 0], ax, 20)
    corners = shaded(ax)[[0, 0, -1, -1], [0, -1, 0, -1]]
    for corner, points in zip(corners, scattered(ax), strict=True):
        full = points.get_facecolor()[0][:3]
        paleness = (1 - corner)[full < 1] / (1 - full[full < 1])
        np.testing.assert_allclose(paleness, paleness[0])
        assert 0.2 < paleness[0] < 0.8


def test_each_class_has_its_points_and_a_marker_of_its_own(ax):
    plot.decision_boundary(lambda x: x[:, 0], X, Y, ax)
    first, second = scattered(ax)
    assert first.get_offsets().tolist() == X[Y == 0].tolist()
    assert second.get_offsets().tolist() == X[Y == 1].tolist()
    assert first.get_paths()[0].vertices.shape != second.get_paths()[0].vertices.shape


@pytest.mark.parametrize("y", [Y, Y[:, None], Y.astype("float32"), 2 * Y - 1, cr.tensor(Y), Y.tolist()])
def test_classes_may_be_columns_floats_tensors_lists_or_plus_and_minus_one(y, ax):
    plot.decision_boundary(lambda x: x[:, 0], X, y, ax)
    assert [len(points.get_offsets()) for points in scattered(ax)] == [2, 3]


def test_a_model_is_asked_in_eval_mode_and_each_layer_gets_its_own_mode_back(ax):
    model = net()
    model.dropout.eval()
    modes = []
    forward = model.forward
    model.forward = lambda x: (modes.append((model.training, model.layers[0].training)), forward(x))[1]
    plot.decision_boundary(model, *data(), ax)
    assert modes == [(False, False)]
    assert (model.training, model.layers[0].training, model.dropout.training) == (True, True, False)


def test_the_mode_comes_back_after_an_error(ax):
    model = cr.nn.MLP([3, 1])
    with pytest.raises(cr.ShapeError):
        plot.decision_boundary(model, *data(), ax)
    assert model.training


def test_no_graph_is_recorded(ax):
    model, results = net(), []
    plot.decision_boundary(lambda x: results.append(model(cr.tensor(x))) or results[0], *data(), ax)
    assert not results[0].requires_grad


def test_a_function_is_given_points_of_the_kind_of_x(ax):
    kinds = []
    predict = lambda x: (kinds.append(type(x)), x[:, 0])[1]
    plot.decision_boundary(predict, X, Y, ax)
    plot.decision_boundary(predict, cr.tensor(X), Y, axes())
    assert kinds == [np.ndarray, cr.Tensor]


def test_a_model_on_another_device_is_asked_there(strict, ax):
    model, (x, y) = net().to(strict), data()
    plot.decision_boundary(model, x.to(strict), y.to(strict), ax, resolution=5)
    here = net()
    here.load_state_dict(model.state_dict())
    plot.decision_boundary(here, x, y, other := axes(), resolution=5)
    np.testing.assert_allclose(shaded(ax), shaded(other), rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "predict", "options", "error", "message"),
    [
        (np.ones((5, 3)), Y, lambda x: x[:, 0], {}, cr.ShapeError, r"shape \(n, 2\), not \(5, 3\).*x\[:, \[0, 1\]\]"),
        (np.ones(5), Y, lambda x: x, {}, cr.ShapeError, r"not \(5,\)"),
        (X, Y[:3], lambda x: x[:, 0], {}, cr.ShapeError, r"y must be \(5,\), one class for each row of x, not \(3,\)"),
        (X, Y, "model", {}, cr.ArgumentError, "predict must be a model or a function, not 'model'"),
        (X, Y, lambda x: x[:5, 0], {}, cr.ShapeError, r"must return scores of shape \(40000,\)"),
        (X, Y, lambda x: x[:, 0] * np.nan, {}, cr.ArgumentError, "scores that are not finite"),
        (X, Y + 1, lambda x: x[:, 0], {}, cr.ArgumentError, "scores for 2 classes, so y must hold indices from 0 to 1"),
        (X, Y, lambda x: x[:, 0], {"scores": "logits"}, cr.ArgumentError, "scores must be 'logit', 'probability'"),
        (X, Y, lambda x: x[:, 0], {"labels": ["a"]}, cr.ArgumentError, r"needs 2 labels.*was given \['a'\]"),
        (X, Y, lambda x: x[:, 0], {"resolution": 1}, cr.ArgumentError, "resolution must be a whole number of at least"),
    ],
)  # fmt: skip
def test_what_has_no_boundary_to_draw_is_refused(x, y, predict, options, error, message):
    with pytest.raises(error, match=message):
        plot.decision_boundary(predict, x, y, **options)


# ---- confusion matrices


def cells(ax):
    """The texts of the cells as a matrix, read off their positions."""
    n = len(ax.get_xticks())
    found = np.full((n, n), None)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        found[row, column] = text.get_text()
    return found.tolist()


def test_the_cells_say_the_counts_of_truth_by_row(ax):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, prediction = np.array([0, 0, 1, 2, 2, 2, 1]), np.array([0, 1, 1, 2, 2, 0, 1])
    plot.confusion_matrix(prediction, truth, ax)
    assert cells(ax) == metrics.confusion_matrix(truth, prediction).astype(str).tolist()
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true class", "predicted class")


def test_scores_and_a_threshold_are_passed_on_to_the_metric(ax):
    plot.confusion_matrix(cr.tensor([-1.0, 2.0, 3.0]), cr.tensor([0, 0, 1]), ax, threshold=0)
    assert cells(ax) == [["1", "1"], ["0", "1"]]


def test_labels_say_how_many_classes_there_are(ax):
    plot.confusion_matrix([0, 1], [0, 1], ax, labels=["a", "b", "c"])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert cells(ax)[2] == ["0", "0", "0"]


def test_a_ready_matrix_is_drawn_as_it_is(ax):
    plot.confusion_matrix(np.array([[5, 2], [1, 7]]), ax=ax)
    assert cells(ax) == [["5", "2"], ["1", "7"]]


def test_normalised_cells_are_shares_of_the_true_class(ax):
    plot.confusion_matrix([[3, 1], [0, 0]], ax=ax, normalize=True)
    assert cells(ax) == [["75%", "25%"], ["", ""]]


def contrast(a, b):
    """The contrast of two colours as WCAG 2 defines it."""

    def luminance(color):
        return sum(
            w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
            for w, c in zip((0.2126, 0.7152, 0.0722), to_rgba(color), strict=False)
        )

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_number_stands_out_from_its_cell(ax):
    shares = np.linspace(0, 100, 12)
    matrix = np.zeros((13, 13))
    matrix[range(12), range(12)] = shares
    matrix[range(12), 12] = 100 - shares
    plot.confusion_matrix(matrix, ax=ax)
    image = shaded(ax)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        assert contrast(text.get_color(), image[row, column]) > 3.8


@pytest.mark.parametrize(
    ("matrix", "labels", "error", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], None, cr.ShapeError, r"must be square, not \(2, 3\)"),
        ([1, 0, 1], None, cr.ShapeError, r"must be square, not \(3,\); to have it counted, give a target too"),
        ([[1, -1], [0, 1]], None, cr.ArgumentError, "must hold counts"),
        ([[0, 0], [0, 0]], None, cr.ArgumentError, "must hold counts, at least one of them above 0"),
        ([[1, 0], [0, 1]], ["a"], cr.ArgumentError, "needs 2 labels, one for each class"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, labels, error, message):
    with pytest.raises(error, match=message):
        plot.confusion_matrix(matrix, labels=labels)


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
        ("relu", {"low": 2, "high": 2}, "low must be below high, given 2.0 and 2.0"),
        (["relu", "tanh"], {"ax": Figure().subplots()}, "2 functions need 2 Axes, was given 1"),
    ],
)
def test_what_is_no_activation_is_refused(names, options, message):
    with pytest.raises(cr.ArgumentError, match=message):
        plot.activations(names, **options)


# ---- loss surfaces


def test_the_surface_is_the_loss_of_each_pair(ax):
    plot.loss_surface(bowl, (-2, 2), (0, 3), ax, resolution=4)
    np.testing.assert_allclose(shaded(ax), np.linspace(-2, 2, 4) ** 2 + 4 * np.linspace(0, 3, 4)[:, None] ** 2)


@pytest.mark.parametrize("picture", ["loss_surface", "loss_landscape", "decision_boundary"])
def test_each_pixel_stands_around_its_point_and_the_first_is_at_the_lower_left(picture, ax):
    image = CALLS[picture](ax).images[0]
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape
    width, height = (right - left) / columns, (top - bottom) / rows
    assert image.origin == "lower"
    np.testing.assert_allclose(ax.get_xlim(), (left + width / 2, right - width / 2))
    np.testing.assert_allclose(ax.get_ylim(), (bottom + height / 2, top - height / 2))


def test_the_axes_are_those_of_the_two_weights(ax):
    plot.loss_surface(bowl, (-2, 2), (0, 3), ax, resolution=4)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 2), (0, 3))


def test_contour_lines_run_along_their_levels(ax):
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, levels=[1.0], resolution=201)
    x, y = vertices(ax).T
    np.testing.assert_allclose(x**2 + 4 * y**2, 1, atol=1e-3)


@pytest.mark.parametrize("log", [False, True])
def test_levels_lie_within_the_losses_and_closer_where_they_are_low(log, ax):
    plot.loss_surface(lambda a, b: bowl(a, b) + 0.1, (-2, 2), (-1, 1), ax, levels=7, log=log)
    levels = next(c.levels for c in ax.collections if hasattr(c, "levels"))
    assert len(levels) == 7
    assert 0.1 < levels[0] < levels[-1] < 8.1
    assert (np.diff(levels, 2) > 0).all()


PATH = np.array([[-1.5, 0.5], [-0.5, 0.2], [0.0, 0.0]])


def test_the_path_is_drawn_as_given_with_its_start_hollow_and_its_end_filled(ax):
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, path=PATH)
    line, start, end = ax.lines
    assert line.get_xydata().tolist() == PATH.tolist()
    assert (start.get_xydata().tolist(), start.get_markerfacecolor()) == ([PATH[0].tolist()], "white")
    assert end.get_xydata().tolist() == [PATH[-1].tolist()]
    assert end.get_markerfacecolor() == line.get_color()


@pytest.mark.parametrize("path", [PATH.tolist(), [cr.tensor(p) for p in PATH], cr.tensor(PATH)])
def test_a_path_may_be_lists_or_tensors(path, ax):
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, path=path)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), PATH)


def test_several_paths_are_told_apart_by_label_line_and_marker(ax):
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, path={"slow": PATH, "fast": PATH / 2})
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["slow", "fast", "start", "end"]
    slow, fast = lines(ax).values()
    assert slow.get_linestyle() != fast.get_linestyle()
    assert ax.lines[1].get_marker() != ax.lines[4].get_marker()


def test_in_three_dimensions_the_path_lies_on_the_surface():
    ax = plot.loss_surface(bowl, (-2, 2), (-1, 1), axes("3d"), path=PATH, projection="3d", resolution=9)
    x, y, z = ax.lines[0].get_data_3d()
    np.testing.assert_allclose(z, x**2 + 4 * y**2)


def test_in_three_dimensions_a_path_outside_the_range_is_cut_off():
    ax = plot.loss_surface(bowl, (-1, 1), (-1, 1), axes("3d"), path=PATH, projection="3d", resolution=9)
    assert np.isnan(ax.lines[0].get_data_3d()[2]).tolist() == [True, False, False]


def test_a_logarithmic_surface_stands_at_the_logarithm_of_the_loss():
    path = [(1, 0), (1, 1)]
    ax = plot.loss_surface(bowl, (-1, 1), (-1, 1), axes("3d"), path=path, projection="3d", log=True)
    np.testing.assert_allclose(ax.lines[0].get_data_3d()[2], np.log10([1, 5]))


@pytest.mark.parametrize("projection", [None, "3d"])
def test_a_loss_that_is_infinite_in_places_is_drawn(projection):
    hole = lambda a, b: cr.where(a > 0.5, np.inf, a + b + 2)
    ax = plot.loss_surface(hole, (-1, 1), (-1, 1), axes(projection), projection=projection or "contour", resolution=9)
    ax.figure.savefig(io.BytesIO(), dpi=30)


@pytest.mark.parametrize("log", [False, True])
def test_a_loss_that_is_the_same_everywhere_is_drawn_without_contours(log, ax):
    plot.loss_surface(lambda a, b: a * 0 + 3, (-1, 1), (-1, 1), ax, resolution=5, log=log)
    ax.figure.savefig(io.BytesIO(), dpi=30)
    assert not [c for c in ax.collections if hasattr(c, "levels")]


@pytest.mark.parametrize(
    ("f", "options", "error", "message"),
    [
        (
            lambda a, b: (a + b).mean(),
            {},
            cr.ShapeError,
            r"one loss for each pair, shape \(101, 101\), it returned \(\)",
        ),
        (bowl, {"path": [1, 2]}, cr.ShapeError, r"'descent' must be points \(w1, w2\), shape \(n, 2\), not \(2,\)"),
        (bowl, {"path": [[1, 2], [3]]}, cr.ShapeError, "nested lists must be rectangular"),
        (bowl, {"x_range": (1, 1)}, cr.ArgumentError, r"x_range must have low below high, given \(1, 1\)"),
        (bowl, {"y_range": 3}, cr.ArgumentError, r"y_range must be a pair \(low, high\), not 3"),
        (bowl, {"projection": "2d"}, cr.ArgumentError, "unknown projection '2d': choose one of '3d', 'contour'"),
        (bowl, {"levels": 0}, cr.ArgumentError, "levels must be a whole number of at least 1, not 0"),
        (lambda a, b: a + b, {"log": True}, cr.ArgumentError, "log=True needs losses above 0, the lowest here is -2"),
        (lambda a, b: a * np.nan, {}, cr.ArgumentError, "the loss is finite nowhere here"),
    ],
)
def test_what_has_no_surface_is_refused(f, options, error, message):
    with pytest.raises(error, match=message):
        plot.loss_surface(f, **({"x_range": (-1, 1), "y_range": (-1, 1)} | options))


# ---- landscapes


def frobenius():
    """A model and data whose loss is the sum of the squares of its weights."""
    model = cr.nn.Linear(4, 3, bias=False).to("float64")
    return model, lambda prediction, _: (prediction**2).sum(), cr.eye(4, dtype="float64"), None


def test_the_middle_of_the_landscape_is_the_loss_of_the_model():
    model, (x, y) = net().eval(), data()
    alphas, betas, losses = plot.landscape(model, cr.nn.bce_with_logits, x, y, resolution=5)
    assert alphas[2] == betas[2] == 0
    assert losses[2, 2] == cr.nn.bce_with_logits(model(x), y).item()


@pytest.mark.parametrize("resolution", [3, 25, 99])
def test_the_grid_of_a_landscape_goes_through_0(resolution):
    model, loss, x, _ = frobenius()
    alphas, _, _ = plot.landscape(model, lambda *_: 0.0, x, None, span=0.7, resolution=resolution)
    assert alphas[resolution // 2] == 0
    assert (alphas[0], alphas[-1]) == (-0.7, 0.7)


def test_a_direction_is_as_long_as_the_weights():
    model, loss, x, y = frobenius()
    alphas, betas, losses = plot.landscape(model, loss, x, y, resolution=5, span=2)
    square = (model.weight.detach() ** 2).sum().item()  # |W + a d|² + |W - a d|² - 2 |W|² = 2 a² |d|²
    np.testing.assert_allclose(losses[2] + losses[2, ::-1] - 2 * losses[2, 2], 2 * alphas**2 * square)
    np.testing.assert_allclose(losses[:, 2] + losses[::-1, 2] - 2 * losses[2, 2], 2 * betas**2 * square)


def test_each_column_of_a_direction_is_as_long_as_that_of_the_weights():
    model, loss, x, y = frobenius()
    for k in range(3):  # the loss of one unit alone
        one = lambda prediction, _, k=k: (prediction[:, k] ** 2).sum()
        alphas, _, losses = plot.landscape(model, one, x, y, resolution=5)
        square = (model.weight.detach()[:, k] ** 2).sum().item()
        np.testing.assert_allclose(losses[2] + losses[2, ::-1] - 2 * losses[2, 2], 2 * alphas**2 * square)


def test_scaling_a_network_scales_its_directions():
    """ReLU networks with one layer twice and the next half as large are the same function, and look the same."""
    model, (x, y) = cr.nn.MLP([2, 8, 1]), data()
    before = plot.landscape(model, cr.nn.mse, x, y, resolution=5)[2]
    model.layers[0].weight.assign(model.layers[0].weight * 2)
    model.layers[1].weight.assign(model.layers[1].weight / 2)
    np.testing.assert_allclose(plot.landscape(model, cr.nn.mse, x, y, resolution=5)[2], before, rtol=1e-4)


def test_biases_do_not_move_in_a_random_landscape():
    model, (x, y) = net(), data()
    model.layers[1].weight.assign(cr.zeros((5, 1)))  # what is left of the output is its bias
    model.layers[1].bias.assign([3.0])
    assert np.ptp(plot.landscape(model, cr.nn.mse, x, y, resolution=3)[2]) == 0


def test_rows_of_the_landscape_are_betas_and_columns_alphas():
    model, loss, x, y = frobenius()
    weight, generator = model.weight.numpy(), cr.random.Generator(1)
    first, second = (generator.normal(size=(4, 3), dtype="float64").numpy() for _ in range(2))
    first, second = (d * np.linalg.norm(weight, axis=0) / np.linalg.norm(d, axis=0) for d in (first, second))
    alphas, betas, losses = plot.landscape(model, loss, x, y, resolution=4, seed=1)
    expected = [[((weight + a * first + b * second) ** 2).sum() for a in alphas] for b in betas]
    np.testing.assert_allclose(losses, expected)


def test_the_picture_of_a_landscape_shows_its_numbers(ax):
    model, loss, x, y = frobenius()
    plot.loss_landscape(model, loss, x, y, resolution=4, seed=1, ax=ax)
    np.testing.assert_array_equal(shaded(ax), plot.landscape(model, loss, x, y, resolution=4, seed=1)[2])


def test_the_same_seed_gives_the_same_landscape_and_another_another():
    model, loss, x, y = frobenius()
    a, b, c = (plot.landscape(model, loss, x, y, resolution=3, seed=seed)[2] for seed in (4, 4, 5))
    assert (a == b).all()
    assert not np.allclose(a, c)


def test_a_landscape_leaves_the_global_random_numbers_alone():
    model, loss, x, y = frobenius()
    before = cr.random.get_state()
    plot.landscape(model, loss, x, y, resolution=3)
    assert cr.random.get_state() == before


def stop(error, after):
    """A loss that raises `error` at its call number `after`."""
    calls = []

    def loss(prediction, y):
        calls.append(None)
        if len(calls) == after:
            raise error
        return cr.nn.mse(prediction, y)

    return loss


@pytest.mark.parametrize("error", [None, ValueError("bad"), KeyboardInterrupt()], ids=["no", "error", "Ctrl-C"])
@pytest.mark.parametrize("with_trajectory", [False, True])
def test_the_weights_are_the_same_to_the_bit_afterwards(error, with_trajectory):
    model, (x, y) = net(), data()
    trajectory = states(model, x, y) if with_trajectory else None
    before = {name: p.numpy().tobytes() for name, p in model.named_parameters()}
    try:
        plot.landscape(model, stop(error, 4 if error else -1), x, y, trajectory, resolution=3)
    except (ValueError, KeyboardInterrupt):
        assert error
    assert {name: p.numpy().tobytes() for name, p in model.named_parameters()} == before
    assert model.training


def test_a_landscape_leaves_the_gradients_alone():
    model, (x, y) = after_backward(), data()
    before = [p.grad.tolist() for p in model.parameters()]
    plot.landscape(model, cr.nn.mse, x, y, resolution=3)
    assert [p.grad.tolist() for p in model.parameters()] == before


def test_a_landscape_on_another_device_is_the_same(strict):
    model, (x, y) = net(), data()
    here = plot.landscape(model, cr.nn.mse, x, y, resolution=3)[2]
    there = plot.landscape(model.to(strict), cr.nn.mse, x.to(strict), y.to(strict), resolution=3)[2]
    np.testing.assert_allclose(there, here, rtol=1e-5)


def test_the_path_of_the_training_ends_at_the_model(ax):
    model, (x, y) = net(), data()
    trajectory = states(model, x, y)
    plot.loss_landscape(model, cr.nn.mse, x, y, trajectory, resolution=3, ax=ax)
    path = ax.lines[0].get_xydata()
    assert path.shape == (9, 2)
    assert path[-1].tolist() == [0, 0]


def test_the_plane_covers_the_path(ax):
    model, (x, y) = net(), data()
    trajectory = states(model, x, y)
    plot.loss_landscape(model, cr.nn.mse, x, y, trajectory, resolution=3, ax=ax)
    low, high = ax.lines[0].get_xydata().min(axis=0), ax.lines[0].get_xydata().max(axis=0)
    assert ax.get_xlim()[0] < low[0] < high[0] < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < low[1] < high[1] < ax.get_ylim()[1]


def test_the_path_is_the_projection_on_the_principal_components(ax):
    decomposition = pytest.importorskip("sklearn.decomposition")
    model, (x, y) = net(), data()
    trajectory = states(model, x, y)
    plot.loss_landscape(model, cr.nn.mse, x, y, trajectory, resolution=3, ax=ax)
    flat = np.array([np.concatenate([t.numpy().ravel() for t in state.values()]) for state in trajectory], dtype=float)
    pca = decomposition.PCA(2).fit(flat)
    expected = pca.transform(flat) - pca.transform(flat[-1:])
    np.testing.assert_allclose(np.abs(ax.lines[0].get_xydata()), np.abs(expected), atol=1e-6)
    shares = [f"component {i} ({share:.0%})" for i, share in enumerate(pca.explained_variance_ratio_, 1)]
    assert [ax.get_xlabel(), ax.get_ylabel()] == shares


def test_states_in_the_plane_have_their_own_losses():
    """A model of two weights has no other plane, so each state's loss is known."""
    model, x = cr.nn.Linear(2, 1, bias=False), cr.tensor([[1.0, 0.0], [0.0, 3.0]])
    trajectory = states(model, x, cr.ones((2, 1)))
    losses = [cr.nn.mse(x @ state["weight"], cr.ones((2, 1))).item() for state in trajectory]
    place = axes("3d")
    plot.loss_landscape(model, cr.nn.mse, x, cr.ones((2, 1)), trajectory, resolution=5, ax=place, projection="3d")
    np.testing.assert_allclose(place.lines[0].get_data_3d()[2], losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": lambda x: x}, cr.ArgumentError, "needs a Module with weights"),
        ({"model": cr.nn.Perceptron(2)}, cr.ArgumentError, "parameters of two or more axes"),
        ({"span": 0}, cr.ArgumentError, "span must be above 0, not 0"),
        ({"resolution": 1}, cr.ArgumentError, "resolution must be a whole number of at least 2, not 1"),
        ({"trajectory": [{}, {}]}, cr.ArgumentError, "needs three or more states, was given 2"),
        ({"trajectory": [{"weight": 1}] * 3}, cr.CheckpointError, r"state 0.*does not fit.*layers.0.weight"),
        ({"loss": lambda p, y: p - y}, cr.ShapeError, r"the loss must be one number, not shape \(12, 1\)"),
    ],
)
def test_what_has_no_landscape_is_refused(change, error, message):
    x, y = data()
    with pytest.raises(error, match=message):
        plot.landscape(**({"model": net(), "loss": cr.nn.mse, "x": x, "y": y, "resolution": 3} | change))


def test_a_trajectory_that_stands_still_is_refused():
    model, (x, y) = net(), data()
    with pytest.raises(cr.ArgumentError, match=r"the states of the trajectory are all the same"):
        plot.landscape(model, cr.nn.mse, x, y, [model.state_dict()] * 3)


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


@pytest.mark.parametrize(("factor", "word"), [(1e-12, "vanishing"), (1e12, "exploding")])
def test_gradients_that_vanish_or_explode_are_said_to(factor, word, ax):
    model = after_backward()
    assert word not in [t.get_text() for t in plot.gradient_flow(model, axes()).texts]
    model.layers[0].bias.grad = model.layers[0].bias.grad * factor
    assert word in [t.get_text() for t in plot.gradient_flow(model, ax).texts]


def test_gradients_before_backward_are_refused_with_what_to_call():
    with pytest.raises(cr.GraphError, match=r"no parameter has a gradient; call loss.backward\(\) first"):
        plot.gradient_flow(net())


def test_gradients_of_what_is_no_model_are_refused():
    with pytest.raises(cr.ArgumentError, match="needs a Module with parameters, not list"):
        plot.gradient_flow([1])
