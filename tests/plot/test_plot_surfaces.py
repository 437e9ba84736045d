"""Losses over two numbers: surfaces with paths of descents, and landscapes of networks."""

import io

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import plotting
from mpl_toolkits.mplot3d.proj3d import proj_transform
from plotting import after_backward, axes, bowl, data, lines, net, shaded, vertices

import chainrule.plot as plot

ax, nothing_left_changed = plotting.ax, plotting.nothing_left_changed  # fixtures


# ---- loss surfaces


def test_the_surface_is_the_loss_of_each_pair(ax):
    plot.loss_surface(bowl, (-2, 2), (0, 3), ax, resolution=4)
    np.testing.assert_allclose(shaded(ax), np.linspace(-2, 2, 4) ** 2 + 4 * np.linspace(0, 3, 4)[:, None] ** 2)


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


@pytest.mark.parametrize("wanted", [True, False])
def test_the_bar_of_colours_can_be_left_out(wanted, ax):
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, colorbar=wanted)
    assert len(ax.figure.axes) == 1 + wanted


def test_three_dimensions_need_no_bar():
    ax = axes("3d")
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, projection="3d", resolution=9)
    assert ax.figure.axes == [ax]


@pytest.mark.parametrize("projection", ["contour", "3d"])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_legend_can_be_left_out(wanted, projection):
    ax = axes("3d" if projection == "3d" else None)
    plot.loss_surface(bowl, (-2, 2), (-1, 1), ax, path=PATH, projection=projection, resolution=9, legend=wanted)
    assert (ax.get_legend() is not None) == wanted


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("size", [(6, 4.9), (4, 4), (3, 3)])
def test_in_three_dimensions_the_names_of_the_axes_are_on_the_picture(size, log):
    ax = axes("3d", figsize=size, layout="constrained")
    plot.loss_surface(lambda a, b: bowl(a, b) + 1, (-2, 2), (-1, 1), ax, projection="3d", log=log, resolution=9)
    ax.figure.canvas.draw()
    (loss,) = ax.texts
    x, y, _ = proj_transform(*loss.get_position_3d(), ax.get_proj())
    boxes = [axis.label.get_window_extent().get_points() for axis in (ax.xaxis, ax.yaxis)]
    boxes.append(ax.transData.transform((x, y)) + [(-20, 0), (20, 15)])
    assert loss.get_text() == "loss"
    for box in boxes:
        assert (box >= 0).all()
        assert (box <= ax.figure.bbox.size).all()


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
    model.layers[0].weight.assign(model.layers[0].weight.numpy() * 2)
    model.layers[1].weight.assign(model.layers[1].weight.numpy() / 2)
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


def test_a_landscape_may_stand_without_bar_and_legend(ax):
    model, loss, x, y = frobenius()
    plot.loss_landscape(model, loss, x, y, resolution=4, ax=ax, colorbar=False, legend=False)
    assert ax.figure.axes == [ax]
    assert ax.get_legend() is None


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
        ({"span": 0}, cr.ArgumentError, "span must be a finite number above 0, not 0"),
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
