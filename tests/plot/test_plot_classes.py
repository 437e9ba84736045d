"""Classes: decision boundaries and confusion matrices."""

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import plotting
from contrast import contrast
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from plotting import axes, data, net, shaded, vertices

import chainrule.plot as plot

ax, nothing_left_changed = plotting.ax, plotting.nothing_left_changed  # fixtures

# ---- decision boundaries

X, Y = np.array([[-1.0, -1], [1, 1], [1, -1], [-1, 1], [0, 2]]), np.array([0, 1, 1, 0, 1])


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
    assert not boundaries(ax)


def test_boundaries_of_three_classes_pass_where_the_two_largest_scores_are_equal(ax):
    weights = np.array([[1.0, -0.5, -0.5], [0.0, 1.0, -1.0]])
    plot.decision_boundary(lambda x: x @ weights, X, [0, 1, 2, 0, 1], ax)
    scores = np.sort(vertices(ax) @ weights, axis=1)
    gap = scores[:, -1] - scores[:, -2]
    assert np.median(gap) < 1e-12
    assert gap.max() < 0.03  # within a pixel, around the point where three meet


def boundaries(ax):
    """The contour lines of the picture."""
    return [c for c in ax.collections if hasattr(c, "levels")]


def least(value, toward, dtype):
    """The next number after `value` in the direction of `toward`, as both kinds of it fill a plane at random."""
    near = np.nextafter(np.array(value, dtype), np.array(toward, dtype))
    return lambda x: np.where(np.random.default_rng(0).random(len(x)) < 0.5, near, 2 * np.array(value, dtype) - near)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("value", "toward"), [(0.5, 1), (0.0, 1e-9)], ids=["probability", "logit"])
def test_rounding_is_no_boundary(value, toward, dtype, ax):
    plot.decision_boundary(least(value, toward, dtype), X, Y, ax, resolution=20)
    assert not boundaries(ax)


def test_rounding_of_large_scores_is_no_boundary(ax):
    noisy = least(1e4, 2e4, "float32")
    plot.decision_boundary(lambda x: np.stack([noisy(x), np.full(len(x), 1e4, "float32")], axis=1), X, Y, ax)
    assert not boundaries(ax)


def test_a_neuron_that_learned_to_shrug_at_xor_has_no_boundary(ax):
    neuron = cr.nn.Perceptron(2, "sigmoid")
    neuron.load_state_dict({"weight": [7e-8, -6e-8], "bias": -1e-8})  # where gradient descent ends
    plot.decision_boundary(neuron, X, Y, ax)
    assert not boundaries(ax)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e-4), ("float64", 1e-9)])
def test_a_small_margin_that_is_no_rounding_is_a_boundary(dtype, size, ax):
    plot.decision_boundary(lambda x: (0.5 + size * x[:, 0]).astype(dtype), X, Y, ax)
    np.testing.assert_allclose(vertices(ax)[:, 0], 0, atol=1e-3)


def test_classes_instead_of_scores_have_a_boundary(ax):
    plot.decision_boundary(lambda x: np.where(x[:, 0] > 0, 1, -1), X, Y, ax)
    assert boundaries(ax)


def scattered(ax):
    """The points of each class."""
    return [c for c in ax.collections if isinstance(c, PathCollection)]


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


def test_the_plane_covers_the_examples_with_a_margin(ax):
    plot.decision_boundary(lambda x: x[:, 0], X, Y, ax)
    assert ax.get_xlim() == pytest.approx((-1.16, 1.16))
    assert ax.get_ylim() == pytest.approx((-1.24, 2.24))


def test_the_part_of_the_plane_may_be_chosen(ax):
    asked = []
    predict = lambda x: (asked.append(x), x[:, 0])[1]
    plot.decision_boundary(predict, X, Y, ax, x_range=(-3, 2), y_range=(0, 5))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 2), (0, 5))
    assert (asked[0].min(axis=0).tolist(), asked[0].max(axis=0).tolist()) == ([-3, 0], [2, 5])


def test_the_range_of_one_axis_leaves_the_other_to_the_examples(ax):
    plot.decision_boundary(lambda x: x[:, 0], X, Y, ax, y_range=(0, 5))
    assert ax.get_xlim() == pytest.approx((-1.16, 1.16))


@pytest.mark.parametrize("wanted", [True, False])
def test_the_bar_of_colours_can_be_left_out(wanted, ax):
    plot.decision_boundary(lambda x: x[:, 0], X, Y, ax, colorbar=wanted)
    assert len(ax.figure.axes) == 1 + wanted


@pytest.mark.parametrize("wanted", [True, False])
def test_the_legend_can_be_left_out(wanted, ax):
    plot.decision_boundary(lambda x: x[:, 0], X, Y, ax, legend=wanted)
    assert (ax.get_legend() is not None) == wanted


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
        (X, Y, lambda x: x[:, 0], {"x_range": (1, 1)}, cr.ArgumentError, r"decision_boundary: x_range must have low below"),
        (X, Y, lambda x: x[:, 0], {"y_range": 2}, cr.ArgumentError, r"y_range must be a pair \(low, high\), not 2"),
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


def test_every_number_stands_out_from_its_cell(ax):
    shares = np.linspace(0, 100, 12)
    matrix = np.zeros((13, 13))
    matrix[range(12), range(12)] = shares
    matrix[range(12), 12] = 100 - shares
    plot.confusion_matrix(matrix, ax=ax)
    image = shaded(ax)
    for text in ax.texts:
        column, row = map(int, text.get_position())
        assert contrast(to_rgba(text.get_color()), image[row, column]) > 3.8


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
