"""Examples 1 to 6 print and draw what they promise; test_examples.py sees to it that they end well."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from examples import FOLDER, example, numbers

pytest.importorskip("matplotlib")

ACTIVATIONS = ["identity", "step", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu"]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are not here: this is no source tree")


# ---- 1: one neuron


@pytest.mark.parametrize(("gate", "answers"), {"AND": [4, 4, 3, 3], "NOR": [4, 4, 3, 3], "OR": [4, 4, 4, 4]}.items())
def test_a_neuron_learns_what_a_line_can_do(gate, answers, run):
    assert numbers(run("01_perceptron")[0], f"{gate:4} ") == answers


def test_a_neuron_never_gets_more_than_three_of_four_right_on_xor(run):
    assert max(numbers(run("01_perceptron")[0], "XOR  ")) == 3


def test_the_lines_of_a_neuron_without_bias_go_through_the_origin():
    _, lines, _, _ = example("01_perceptron").learn("NOR", bias=False)
    assert {b for _, _, b in lines} == {0.0}


# ---- 2: activations


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_table_shows_an_activation_and_its_slopes(name, run):
    low, high, slope_low, slope_high, _ = numbers(run("02_activations")[0], f"{name:10} ")
    f, h = cr.nn.ACTIVATIONS[name], 1e-6
    at = lambda x: cr.asarray(f(cr.tensor(x, dtype="float64"))).item()
    assert (low, high) == (pytest.approx(at(-2.0), abs=6e-4), pytest.approx(at(2.0), abs=6e-4))
    assert slope_low == pytest.approx((at(-2 + h) - at(-2 - h)) / (2 * h), abs=6e-4)
    assert slope_high == pytest.approx((at(2 + h) - at(2 - h)) / (2 * h), abs=6e-4)


def test_the_slope_of_a_sigmoid_is_at_most_a_quarter(run):
    assert numbers(run("02_activations")[0], f"{'sigmoid':10} ")[-1] == 0.25


def test_the_slope_through_two_sigmoids_is_the_product_of_theirs():
    s = lambda x: 1 / (1 + np.exp(-x))
    expected = s(1) * (1 - s(1)) * s(s(1)) * (1 - s(s(1)))
    assert example("02_activations").slope_after(2, cr.sigmoid) == pytest.approx(expected, rel=1e-12)


# ---- 3: hidden layers


def test_hidden_layers_separate_the_moons_and_a_line_does_not(run):
    new = dict(re.findall(r"^(2 → [\d →]+?) +\d+ +[\d.]+% +([\d.]+)%$", run("03_stacking")[0], flags=re.MULTILINE))
    assert len(new) == 6
    assert float(new["2 → 1"]) < 90 < 95 < float(new["2 → 16 → 1"])


def test_one_hidden_neuron_cannot_solve_xor_and_eight_can(run):
    text = run("03_stacking")[0]
    assert numbers(text, "  1 hidden neuron:") == [0]
    assert numbers(text, "  8 hidden neurons:") == [6]


def test_the_moons_are_half_circles():
    x, y = (part.numpy() for part in example("03_stacking").moons(100, 0.0, seed=0))
    upper, lower = x[y[:, 0] == 0], x[y[:, 0] == 1]
    assert len(upper) == len(lower) == 50
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-6)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5


# ---- 4: losses


def test_the_gradient_of_softmax_and_cross_entropy_is_p_minus_y(run):
    text = run("04_losses")[0]
    power = np.exp([2.0, 1.0, -1.0, 0.5])
    expected = power / power.sum() - [0, 0, 1, 0]
    for row in ("p - y", "the engine", "differences"):
        np.testing.assert_allclose(numbers(text, f"  {row} "), expected, atol=6e-6)


def test_only_cross_entropy_pulls_at_a_confident_mistake(run):
    p, by_entropy, by_square = numbers(run("04_losses")[0], "    -8 ")
    exact = 1 / (1 + np.exp(8))
    assert (p, by_entropy) == (pytest.approx(exact, abs=6e-5), pytest.approx(exact - 1, abs=6e-5))
    assert by_square == pytest.approx(2 * (exact - 1) * exact * (1 - exact), abs=6e-5)


def test_the_line_of_the_squared_error_is_that_of_least_squares():
    x = cr.linspace(-2, 2, 40).reshape(40, 1)
    y = 2 * x + 1 - 12 * (x > 1.75)
    slope, offset = np.polyfit(x.numpy()[:, 0], y.numpy()[:, 0], 1)
    assert example("04_losses").line_through(x, y, cr.nn.mse) == pytest.approx((slope, offset), abs=1e-3)


# ---- 5: gradient descent


def test_descent_on_a_bowl_converges_at_the_right_rate_only(run):
    text = run("05_gradient_descent")[0]
    low, right, high = (numbers(text, name) for name in ("0.01 too low", "0.4  right", "0.48 too high"))
    assert low[0] > low[1] > low[2] > 0.5 * low[0]
    assert right[2] < 0.01 * right[0]
    assert high[0] < high[1] < high[2]


def test_the_curvatures_of_the_bowl_are_the_eigenvalues_of_its_hessian():
    x = np.linspace(0, 2, 21)
    hessian = 2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1]])
    module = example("05_gradient_descent")
    np.testing.assert_allclose(module.curvatures(module.line_loss, (0.3, -2.0)), np.linalg.eigvalsh(hessian), rtol=1e-9)


def test_a_step_of_descent_goes_against_the_gradient():
    bowl = lambda w1, w2: w1 * w1 + 3 * w2 * w2
    path = example("05_gradient_descent").descend(bowl, (1.0, -1.0), lr=0.1, steps=2)
    np.testing.assert_allclose(path, [(1, -1), (0.8, -0.4), (0.64, -0.16)], rtol=1e-12)


def test_descents_from_different_starts_end_in_different_minima(run):
    losses = [float(n) for n in re.findall(r"→ .* (\d\.\d{4}) +\d\.\d+ and", run("05_gradient_descent")[0])]
    assert len(losses) == 5
    assert min(losses) == 0.0
    assert len(set(losses)) == 3


# ---- 6: backpropagation


def test_every_factor_by_hand_is_that_of_the_engine(run):
    text = run("06_backprop_by_hand")[0]
    rows = [numbers(text, f"{factor} ")[-4:] for factor in ("∂loss/∂ŷ", "∂ŷ/∂z₂", "∂z₂/∂a₁", "∂a₁/∂z₁", "∂z₁/∂w₁")]
    by_hand, engine, product, grad = np.array(rows).T
    np.testing.assert_array_equal(by_hand, engine)
    np.testing.assert_array_equal(product, grad)
    np.testing.assert_allclose(product, np.cumprod(by_hand), rtol=1e-5)


def test_the_gradient_of_the_first_weight_is_that_of_its_formula(run):
    s = lambda x: 1 / (1 + np.exp(-x))
    a1 = s(0.8 * 2 - 0.4)
    expected = (s(-1.5 * a1 + 0.3) - 1) * -1.5 * a1 * (1 - a1) * 2
    np.testing.assert_allclose(numbers(run("06_backprop_by_hand")[0], "∂loss/∂w1 "), expected, atol=6e-7)


def test_the_graph_of_the_backward_pass_names_every_value(run):
    (path,) = run("06_backprop_by_hand")[1].glob("graph.*")
    text = path.read_text()
    if path.suffix == ".svg":
        ElementTree.fromstring(text)
    assert [name for name in ("w1", "b1", "w2", "b2", "z1", "a1", "z2", "y_hat", "loss") if name not in text] == []
