"""Badges: what a learner should notice, on the nodes where it is true and on no others."""

import numpy as np
import pytest
from counting import growth

import chainrule as cr
from chainrule.graph.badges import badge
from chainrule.graph.graph import OUTDATED

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, for each nan that is made on purpose


def badges(loss, /, **names):
    """{label: its badges} of the traced graph, without those that have none."""
    graph = cr.trace(loss, names)
    return {node.label: node.badges for node in graph.nodes if node.badges}


def leaf(data, **kwargs):
    return cr.tensor(data, requires_grad=True, **kwargs)


# ---- broken values


def test_a_nan_is_marked_where_it_is_born_and_not_after():
    x = leaf([-1.0, 4.0])
    y = cr.sqrt(x)
    loss = y.sum()
    assert badges(loss, x=x, y=y, loss=loss)["y"] == ["NaN first here: sqrt(−1) at [0]"]
    assert "loss" not in badges(loss, x=x, y=y, loss=loss)


def test_an_infinity_is_marked_where_it_is_born_and_not_after():
    x = leaf([1000.0, 4.0])
    y = cr.exp(x)
    loss = y.sum()
    found = badges(loss, x=x, y=y, loss=loss)
    assert found["y"] == ["inf first here: exp(1000) at [0]"]
    assert "loss" not in found


def test_a_nan_made_of_infinities_is_born_there():
    x = leaf([1000.0, 4.0])
    y = cr.exp(x)
    z = y - y
    found = badges(z.sum(), x=x, y=y, z=z)
    assert (found["y"][0], found["z"][0]) == ("inf first here: exp(1000) at [0]", "NaN first here")


def test_each_kind_of_broken_element_says_what_it_was_computed_from():
    x = leaf([4.0, 0.0, -1.0])
    y = cr.log(x)
    with np.errstate(all="ignore"):
        found = badges(y.sum(), x=x, y=y)["y"]
    assert found == ["NaN first here: log(−1) at [2]", "inf first here: log(0) at [1]"]


def test_an_infinity_is_born_beside_one_that_came():
    x = leaf([np.inf, 0.0])
    y = cr.log(x)
    with np.errstate(all="ignore"):
        assert badges(y.sum(), x=x, y=y)["y"] == ["inf first here: log(0) at [1]"]


def test_a_second_backward_without_zero_grad_is_marked():
    w = cr.Value(0.0, "w")
    ((w - 10) ** 2).backward()
    loss = (w - 10) ** 2
    words = ["no zero_grad? gradient −20 + (−20) = −40"]
    assert badges(loss)["w"] == words
    loss.backward()
    assert badges(loss)["w"] == words


def test_a_second_backward_is_marked_on_an_array():
    w = leaf([1.0, 2.0])
    (w * w).sum().backward()
    assert badges((w * w).sum(), w=w)["w"] == ["no zero_grad? .grad held another gradient before"]


def test_one_backward_after_zero_grad_has_no_badge():
    w = cr.Value(0.0, "w")
    ((w - 10) ** 2).backward()
    w.grad = None
    loss = (w - 10) ** 2
    loss.backward()
    assert badges(loss) == {}


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ((3, 1), (3,), ["(3, 1) and (3,) made (3, 3): meant?"]),
        ((3, 1), (1, 3), []),
        ((3, 1), (3, 1), []),
        ((3, 2), (2,), []),
        ((3, 1), (1,), []),
    ],
    ids=str,
)
def test_a_difference_whose_operands_are_both_repeated_is_marked(one, other, words):
    p, t = leaf(np.ones(one)), cr.zeros(other)
    d = p - t
    assert badges((d**2).sum(), d=d).get("d", []) == words


def test_a_nan_in_the_data_is_marked_on_the_data():
    data, w = cr.tensor([np.nan, 4.0]), leaf([1.0, 2.0])
    assert badges((data * w).sum(), data=data, w=w)["data"] == ["NaN first here"]


def test_a_nan_in_a_large_array_is_marked_too():
    x = leaf(np.r_[-1.0, np.ones(99)])
    y = cr.log(x)
    assert badges(y.sum(), x=x, y=y)["y"] == ["NaN first here"]


def test_a_nan_is_not_marked_where_an_operand_is_unknown():
    x = leaf(np.r_[-1.0, np.ones(99)])
    hidden = cr.log(x).sum(keepdims=True) + cr.zeros((100,))  # nobody keeps the large results in between
    loss = hidden.sum()
    graph = cr.trace(loss, {"loss": loss})
    unknown = [node for node in graph.nodes if node.kind == "operation" and node.value is None]
    assert unknown
    assert "NaN first here" not in graph.root.badges


def test_an_infinity_written_into_the_formula_is_no_surprise():
    x = leaf([1.0, 2.0])
    assert "inf" not in badges((x + np.inf).sum(), x=x)


def test_a_nan_written_into_the_formula_is_marked_on_the_result():
    x = leaf([1.0, 2.0])
    y = x * float("nan")
    assert badges(y.sum(), x=x, y=y)["y"] == ["NaN first here"]


def test_a_result_is_not_blamed_for_what_its_operand_was():
    x = leaf([np.nan, 4.0])
    y = x * 2
    loss = y.sum()
    x.assign([1.0, 4.0])
    assert badges(loss, x=x, y=y)["y"] == [OUTDATED]


def test_finite_values_have_no_badge():
    x = leaf([1.0, 4.0])
    assert badges(cr.sqrt(x).sum(), x=x) == {}


# ---- broken gradients


def test_an_infinite_gradient_is_marked_where_it_arises():
    x = leaf([0.0, 4.0])
    shifted = x + 0
    found = badges(cr.sqrt(shifted).sum(), x=x, shifted=shifted)
    assert found == {"shifted": ["inf gradient first here"]}


def test_a_nan_gradient_of_an_untaken_branch_is_marked_though_the_value_is_fine():
    x = leaf([0.0, 4.0])
    slope = cr.sqrt(x)
    safe = cr.where(slope > 0, slope, 0 * slope)
    assert badges((safe * 0).sum(), x=x)["x"] == ["NaN gradient first here"]


def test_finite_gradients_have_no_badge():
    x = leaf([1.0, 4.0])
    assert badges(cr.sqrt(x + 0).sum(), x=x) == {}


# ---- dead and saturated units


@pytest.mark.parametrize("examples", [2, 40])  # 40 × 8 is more than a Graph keeps element by element
def test_units_that_are_off_for_every_example_are_dead(examples, device):
    x = np.ones((examples, 8))
    x[:, 1:] = -1.0
    x[1, 1] = 0.0
    x = leaf(x, device=device)
    y = cr.relu(x)
    assert badges(y.sum(), y=y)["y"] == ["dead: 7 of 8 units"]


def test_units_that_are_on_for_one_example_are_not_dead():
    x = leaf([[1.0, -1.0], [-1.0, 1.0]])
    assert badges(cr.relu(x).sum()) == {}


def test_with_a_single_example_units_are_off():
    x = leaf([[1.0, -1.0, 0.0]])
    y = cr.relu(x)
    assert badges(y.sum(), y=y)["y"] == ["off: 2 of 3 units"]


def test_elements_of_a_vector_may_be_units_or_examples():
    x = leaf([1.0, -1.0, -2.0])
    y = cr.relu(x)
    assert badges(y.sum(), y=y)["y"] == ["off: 2 of 3 elements"]


@pytest.mark.parametrize("examples", [2, 40])
def test_units_that_are_not_numbers_are_not_dead(examples):
    x = np.ones((examples, 2))
    x[:, 0] = np.nan
    y = cr.relu(leaf(x))
    assert "y" not in badges(y.sum(), y=y)


def test_a_single_number_is_off():
    y = cr.Value(-2.0).relu()
    assert badges(y, y=y)["y"] == ["off"]


def test_a_single_number_above_0_has_no_badge():
    assert badges(cr.Value(2.0).relu()) == {}


def test_the_only_unit_of_a_layer_is_dead_without_a_count():
    y = cr.relu(leaf([[-1.0], [-2.0]]))
    assert badges(y.sum(), y=y)["y"] == ["dead"]


def test_a_maximum_with_a_number_is_a_relu():
    y = cr.maximum(leaf([[1.0, -1.0], [2.0, -2.0]]), 0)
    assert badges(y.sum(), y=y)["y"] == ["dead: 1 of 2 units"]


def test_a_maximum_of_two_arrays_is_not():
    x, other = leaf([[1.0, -1.0], [2.0, -2.0]]), cr.tensor([0.0, 0.0])
    y = cr.maximum(x, other)
    assert "y" not in badges(y.sum(), y=y)


def test_a_leaky_relu_is_never_dead():
    y = cr.nn.leaky_relu(leaf([[1.0, -1.0], [2.0, -2.0]]))
    assert badges(y.sum(), y=y) == {}


@pytest.mark.parametrize("function", [cr.sigmoid, cr.tanh])
def test_units_far_from_0_are_saturated(function):
    x = leaf([[20.0, -20.0, 9.0, 0.1]])
    y = function(x)
    assert badges(y.sum(), y=y)["y"] == ["saturated 75 %"]


def test_the_share_of_a_large_array_is_counted_and_rounded_down(device):
    x = np.zeros(1000)
    x[:949] = -30.0
    y = cr.sigmoid(leaf(x, device=device))
    assert badges(y.sum(), y=y)["y"] == ["saturated 94 %"]


@pytest.mark.parametrize(("x", "saturated"), [(4.35, False), (4.40, True)])
def test_saturated_is_a_slope_below_a_twentieth_of_the_largest(x, saturated):
    y = cr.Value(x).sigmoid()  # its slope is 0.0125 at 4.357
    assert badges(y, y=y).get("y") == (["saturated"] if saturated else None)


def test_fewer_than_half_of_the_units_are_not_worth_a_badge():
    assert badges(cr.tanh(leaf([20.0, 0.0, 0.1])).sum()) == {}


# ---- small gradients


def deep(activation, layers=8):
    """A network whose early layers get next to nothing through sigmoids, and its loss."""
    cr.random.seed(0)
    model = cr.nn.MLP([3] * layers + [1], activation=activation)
    x = cr.tensor([[0.1, 0.5, -0.3], [1.0, -1.0, 0.2], [0.3, 0.3, 0.3], [-0.5, 0.9, 0.0]])
    return model, (model(x) ** 2).mean()


def test_a_layer_that_hardly_gets_a_gradient_is_marked_with_its_share():
    model, loss = deep("sigmoid")
    found = badges(loss)
    loss.backward()
    weights = [p.grad.numpy() for name, p in model.named_parameters() if name.endswith("weight")]
    first, last = (np.sqrt(np.mean(np.square(w, dtype="float64"))) for w in (weights[0], weights[-1]))
    share = f"{first / last:.0e}".replace("e-0", "e−")
    assert found["layers.0.weight"] == [f"gradient {share} of layers.7.weight's"]


def test_the_last_layer_and_biases_have_no_such_badge():
    _, loss = deep("sigmoid")
    assert not [label for label in badges(loss) if label.endswith("bias") or label == "layers.7.weight"]


def test_a_layer_with_a_fair_share_has_no_badge():
    _, loss = deep("identity", layers=3)
    assert badges(loss) == {}


def test_large_weights_are_compared_by_their_summaries():
    x, w, v = cr.tensor(np.ones((2, 9))), leaf(np.full((9, 9), 1e-6)), leaf(np.full((9, 9), 1e-6))
    assert badges((x @ w * 1e-6 @ v).sum(), w=w, v=v) == {}
    assert badges((1e-6 * (x @ w) @ (v * 1e-3) + 1e6 * x @ v).sum(), w=w, v=v)["w"][0].endswith("of v's")


def test_a_penalty_on_the_weights_does_not_change_which_layer_is_last():
    model, loss = deep("sigmoid")
    penalty = sum((p * 1e-9).sum() for p in reversed(list(model.parameters())))
    assert "layers.0.weight" in badges(loss + penalty)


def test_matrices_outside_modules_are_weights_as_well():
    x, w, v = cr.tensor([[1.0, 2.0]]), leaf([[1e-9], [1e-9]]), leaf([[1e-5]])
    assert badges(((x @ w) @ v).sum(), w=w, v=v) == {}
    assert badges((1e-5 * (x @ w) + v).sum(), w=w, v=v)["w"] == ["gradient 2e−5 of v's"]


def test_an_input_is_no_layer_of_the_model():
    cr.random.seed(0)
    model, x = cr.nn.MLP([2, 3, 1], activation="tanh"), leaf([[1.0, 2.0]])
    assert badges((model(1e-9 * x) ** 2).sum(), x=x).get("x") is None


def test_the_last_weights_are_those_that_are_used_last_wherever_they_stand():
    x, w, v = cr.tensor([[1.0], [2.0]]), leaf([[1.0, 1.0]]), leaf([[1e-5]])
    loss = (v @ (w @ x)).sum()  # dv = 3, dw = 1e-5 · [1, 2]
    assert badges(loss, w=w, v=v) == {"w": ["gradient 5e−6 of v's"]}


def test_nothing_is_compared_with_a_broken_gradient():
    x, w, v = cr.tensor([[1.0, 2.0]]), leaf([[1e-9], [1e-9]]), leaf([[0.0], [1.0]])
    loss = (1e-9 * (x @ w)).sum() + (cr.sqrt(v)).sum()
    assert badges(loss, w=w, v=v) == {"v": ["inf gradient first here"]}


def test_a_broken_gradient_is_not_compared():
    x, w, v = cr.tensor([[1.0, 2.0]]), leaf([[0.0], [1e-9]]), leaf([[1.0], [1.0]])
    loss = (1e-20 * cr.sqrt(w)).sum() + (x @ v).sum()
    assert badges(loss, w=w, v=v)["w"] == ["inf gradient first here"]


@pytest.mark.parametrize("size", [2, 100])
def test_a_leaf_whose_gradient_is_all_0_is_marked(size):
    x = leaf(np.full(size, -1.0))
    assert badges(cr.relu(x).sum(), x=x)["x"] == ["gradient all 0"]


def test_a_single_gradient_of_0_says_so_itself():
    x = cr.Value(-1.0)
    assert "x" not in badges(x.relu(), x=x)


def test_a_gradient_so_small_that_its_square_is_0_is_not_all_0():
    x = leaf([1.0, 2.0], dtype="float64")
    assert badges((x * 1e-200).sum(), x=x) == {}


def test_a_leaf_with_one_gradient_that_is_not_0_is_not_marked():
    x = leaf([-1.0, 2.0])
    assert "x" not in badges(cr.relu(x).sum(), x=x)


# ---- no path


def test_a_leaf_that_was_asked_for_and_is_not_used_has_no_path():
    x, unused = leaf([1.0]), leaf([2.0])
    assert badges((x * 2).sum(), x=x, unused=unused) == {"unused": ["no path"]}


def test_a_leaf_that_is_reached_has_a_path():
    x, used = leaf([1.0]), leaf([2.0])
    assert badges((x * used).sum(), x=x, used=used) == {}


@pytest.mark.parametrize("condition", [lambda w: w, cr.sin], ids=["itself", "computed"])
def test_a_leaf_that_only_decides_has_no_path(condition):
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert badges(cr.where(condition(w), x, 0.0).sum(), x=x, w=w) == {"w": ["no path"]}


def test_a_parameter_of_the_model_that_is_left_out_has_no_path():
    class Forgetful(cr.nn.Module):
        def __init__(self):
            self.used, self.forgotten = cr.nn.Linear(2, 1), cr.nn.Linear(2, 1)

        def forward(self, x):
            return self.used(x)

    found = badges(Forgetful()(cr.tensor([[1.0, 2.0]])).sum())
    assert found == {"forgotten.weight": ["no path"], "forgotten.bias": ["no path"]}


# ---- the cost


def test_twice_the_nodes_are_twice_the_work():
    def graph(n):
        x = cr.Value(0.5)
        for _ in range(n):
            x = (x * 0.999).relu()
        return cr.trace(x)

    assert growth(badge, graph, 200) < 2.2
