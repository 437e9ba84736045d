"""Initialisers: the numbers they draw are distributed as their papers say."""

from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

FAN_IN, FAN_OUT = 300, 200
SIZE = FAN_IN * FAN_OUT
VARIANCES = {
    "zeros": 0, "ones": 0, "normal": 0.01**2, "uniform": 0.1**2 / 12,
    "xavier_normal": 2 / (FAN_IN + FAN_OUT), "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "he_normal": 2 / FAN_IN, "he_uniform": 2 / FAN_IN, "lecun_normal": 1 / FAN_IN, "lecun_uniform": 1 / FAN_IN,
    "orthogonal": 1 / FAN_IN,
}  # fmt: skip
NORMAL, UNIFORM = ([name for name in VARIANCES if kind in name] for kind in ("normal", "uniform"))


def weights(name):
    return nn.Linear(FAN_IN, FAN_OUT, init=name).weight.numpy().astype(float)


def test_every_initialiser_is_in_the_table_of_this_file():
    assert set(VARIANCES) == set(nn.INITIALIZERS)


# ---- distributions: within five standard errors, which chance exceeds once in two million


@pytest.mark.parametrize("name", [*NORMAL, *UNIFORM])
def test_an_initialiser_has_its_variance(name):
    kurtosis = 1.8 if name in UNIFORM else 3
    assert weights(name).var() == pytest.approx(VARIANCES[name], rel=5 * ((kurtosis - 1) / SIZE) ** 0.5)


@pytest.mark.parametrize("name", VARIANCES)
def test_an_initialiser_has_its_mean(name):
    expected = 1 if name == "ones" else 0
    assert weights(name).mean() == pytest.approx(expected, abs=5 * (VARIANCES[name] / SIZE) ** 0.5)


@pytest.mark.parametrize("name", UNIFORM)
def test_a_uniform_initialiser_fills_its_interval_and_no_more(name):
    bound = (3 * VARIANCES[name]) ** 0.5
    w = weights(name)
    assert np.abs(w).max() <= bound * (1 + 1e-6)
    assert [w.min(), w.max()] == pytest.approx([-bound, bound], rel=1e-3)  # missed by chance once in e^30


@pytest.mark.parametrize("name", NORMAL)
def test_a_normal_initialiser_has_the_kurtosis_of_a_normal_variable(name):
    w = weights(name)
    assert (w**4).mean() / (w**2).mean() ** 2 == pytest.approx(3, abs=5 * (24 / SIZE) ** 0.5)


@pytest.mark.parametrize("name", VARIANCES)
def test_the_same_seed_gives_the_same_weights(name):
    drawn = []
    for _ in range(2):
        cr.random.seed(5)
        drawn.append(weights(name))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("name", [n for n in VARIANCES if n not in ("zeros", "ones")])
def test_every_layer_starts_with_weights_of_its_own(name):
    assert not np.array_equal(weights(name), weights(name))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("name", VARIANCES)
def test_weights_have_the_default_dtype(name, dtype):
    cr.set_default_dtype(dtype)
    try:
        assert nn.Linear(3, 2, init=name).weight.dtype == dtype
    finally:
        cr.set_default_dtype("float32")


@pytest.mark.parametrize("name", VARIANCES)
def test_a_perceptron_takes_every_initialiser(name):
    assert nn.Perceptron(5, init=name).weight.shape == (5,)


# ---- orthogonal


def drawn(shape, **options):
    return nn.INITIALIZERS["orthogonal"](shape, None, None, **options).numpy().astype(float)


@pytest.mark.parametrize("shape", [(60, 60), (80, 30), (1, 1), (40, 1), (2, 20, 10)], ids=str)
def test_the_columns_of_a_tall_or_square_matrix_are_orthonormal(shape):
    w = drawn(shape).reshape(-1, shape[-1])
    np.testing.assert_allclose(w.T @ w, np.eye(shape[-1]), atol=1e-6)


@pytest.mark.parametrize("shape", [(30, 80), (1, 40)], ids=str)
def test_the_rows_of_a_wide_matrix_are_orthonormal(shape):
    w = drawn(shape)
    np.testing.assert_allclose(w @ w.T, np.eye(shape[0]), atol=1e-6)


def test_an_orthogonal_vector_has_length_one():
    assert np.linalg.norm(drawn((7,))) == pytest.approx(1, rel=1e-6)


def test_an_orthogonal_matrix_keeps_lengths_through_many_layers():
    model, x = nn.Sequential(*(nn.Linear(50, 50, init="orthogonal") for _ in range(50))), cr.random.normal(size=50)
    assert np.linalg.norm(model(x).detach().numpy()) == pytest.approx(np.linalg.norm(x.numpy()), rel=1e-4)


def test_an_orthogonal_matrix_can_have_a_gain():
    w = drawn((20, 10), gain=2.0)
    np.testing.assert_allclose(w.T @ w, 4 * np.eye(10), atol=1e-5)


def test_orthogonal_matrices_turn_in_all_directions_alike():
    """The first column of a random rotation of the plane has an angle spread evenly over the whole circle."""
    n = 1000
    angles = np.sort([np.arctan2(*drawn((2, 2))[:, 0]) for _ in range(n)])
    gap = np.abs((angles + np.pi) / (2 * np.pi) - (np.arange(n) + 0.5) / n).max()
    assert gap * n**0.5 < 2  # Kolmogorov: chance exceeds it once in 1500


def test_orthogonal_matrices_are_reflections_as_often_as_rotations():
    rotations = sum(np.linalg.det(drawn((3, 3))) > 0 for _ in range(400))
    assert abs(rotations - 200) < 5 * 10  # the standard deviation is 10


# ---- functions in place of names


def test_an_initialiser_can_be_a_function():
    seen = []

    def init(shape, fan_in, fan_out):
        seen.append((shape, fan_in, fan_out))
        return np.full(shape, 7.0)

    assert nn.Linear(2, 3, init=init).weight.tolist() == [[7.0] * 3] * 2
    assert seen == [((2, 3), 2, 3)]


@pytest.mark.parametrize(
    ("init", "std"), [(partial(nn.init.normal, std=0.5), 0.5), (partial(nn.init.uniform, bound=3.0), 3**0.5)]
)
def test_an_initialiser_takes_options_through_partial(init, std):
    assert weights(init).std() == pytest.approx(std, rel=0.02)


def test_an_initialiser_that_returns_another_shape_is_refused():
    with pytest.raises(cr.ShapeError, match=r"initialiser: must return the shape \(2, 3\).*not \(4,\)"):
        nn.Linear(2, 3, init=lambda shape, fan_in, fan_out: cr.zeros(4))


@pytest.mark.parametrize("name", nn.INITIALIZERS)
def test_an_initialiser_follows_the_default_device(name, strict):
    with cr.backends.use(strict):
        assert nn.INITIALIZERS[name]((4, 3), 4, 3).device == strict


@pytest.mark.parametrize(
    ("activation", "scale"),
    [("relu", 2 / FAN_IN), ("leaky_relu", 2 / FAN_IN), ("elu", 2 / FAN_IN), ("gelu", 2 / FAN_IN), ("silu", 2 / FAN_IN),
     ("tanh", 2 / (FAN_IN + FAN_OUT)), ("sigmoid", 2 / (FAN_IN + FAN_OUT)), ("softplus", 2 / FAN_IN)],
)  # fmt: skip
def test_the_weights_of_an_mlp_suit_its_activation(activation, scale):
    model = nn.MLP([FAN_IN, FAN_OUT, 2], activation=activation)
    assert model.parameters()[0].numpy().var() == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("layer", [lambda n: nn.Linear(n, n), lambda n: nn.MLP([n, n, n]).layers[0]])
def test_sizes_in_small_numpy_numbers_give_the_same_weights(layer):
    cr.random.seed(0)
    expected = layer(200).weight.tolist()
    cr.random.seed(0)
    assert layer(np.uint8(200)).weight.tolist() == expected


def test_a_perceptron_counts_its_inputs_beyond_a_small_numpy_number():
    cr.random.seed(0)
    expected = nn.Perceptron(255).weight.tolist()
    cr.random.seed(0)
    assert nn.Perceptron(np.uint8(255)).weight.tolist() == expected
