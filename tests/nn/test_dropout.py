"""Dropout: what it drops, when, and that every device drops the same."""

import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

N = 100_000
SHARES = pytest.mark.parametrize("p", [0.1, 0.5, 0.9])


def dropped(p, size, seed=4, **options):
    """What Dropout(p) makes of ones, from the start of the stream of a seed."""
    cr.random.seed(seed)
    return nn.Dropout(p)(cr.ones(size, **options))


# ---- the mask


def test_dropout_keeps_the_shape():
    assert nn.Dropout()(cr.ones((3, 4))).shape == (3, 4)


def test_an_element_is_kept_and_scaled_or_becomes_zero():
    assert set(dropped(0.75, 1000).tolist()) == {0.0, 4.0}


@SHARES
def test_dropout_drops_the_share_it_is_told_to(p):
    share = (dropped(p, N).numpy() == 0).mean()
    assert share == pytest.approx(p, abs=5 * (p * (1 - p) / N) ** 0.5)  # five standard errors


@SHARES
def test_dropout_keeps_the_expected_value_of_every_element(p):
    x = cr.tensor([-2.0, 0.5, 3.0])
    mean = nn.Dropout(p)(cr.ones((N, 1)) * x).numpy().mean(axis=0, dtype=float)
    error = np.abs(x.numpy()) * (p / (1 - p) / N) ** 0.5
    assert (np.abs(mean - x.numpy()) < 5 * error).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
def test_the_mask_is_that_of_bernoulli_divided_by_the_share_that_is_kept(dtype, device):
    cr.random.seed(4)
    mask = cr.random.bernoulli(0.7, (30, 20), dtype) / 0.7
    np.testing.assert_array_equal(dropped(0.3, (30, 20), dtype=dtype, device=device).numpy(), mask.numpy(), strict=True)


def test_neighbouring_elements_are_dropped_independently():
    mask = dropped(0.5, N).numpy() > 0
    for lag in (1, 2, 3, 4):
        assert abs(np.corrcoef(mask[lag:], mask[:-lag])[0, 1]) < 5 / N**0.5


def test_dropout_draws_a_new_mask_at_each_call():
    layer, x = nn.Dropout(0.5), cr.ones(50)
    assert layer(x).tolist() != layer(x).tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_keeps_the_dtype_and_drops_the_same_in_each(dtype):
    y = dropped(0.5, 100, dtype=dtype)
    assert y.dtype == dtype
    assert y.tolist() == dropped(0.5, 100).tolist()


# ---- the same everywhere


def test_the_same_seed_gives_the_same_mask_on_every_device(device):
    assert dropped(0.5, (30, 20), device=device).tolist() == dropped(0.5, (30, 20)).tolist()


def test_numbers_one_by_one_are_dropped_as_those_of_an_array():
    array = dropped(0.5, 50).tolist()
    cr.random.seed(4)
    assert [nn.Dropout(0.5)(cr.Value(1.0)).item() for _ in range(50)] == array


def test_a_generator_of_its_own_gives_the_same_mask_and_leaves_the_global_one_alone():
    x, state = cr.ones(50), cr.random.get_state()
    a, b = (nn.Dropout(0.5, cr.random.Generator(2))(x) for _ in range(2))
    assert a.tolist() == b.tolist()
    assert cr.random.get_state() == state


# ---- gradients


@SHARES
def test_gradients_pass_through_kept_elements_with_the_same_scale(p, device):
    x = cr.ones(50, requires_grad=True, device=device)
    y = nn.Dropout(p)(x)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()


def test_the_derivative_of_dropout_is_its_mask_in_forward_mode_too():
    cr.random.seed(3)
    y, dy = cr.jvp(nn.Dropout(0.5), (cr.ones(50),), (cr.ones(50),))
    assert dy.tolist() == y.tolist()


# ---- when it does nothing


def test_dropout_in_evaluation_is_the_identity():
    x = cr.ones(50)
    assert nn.Dropout(0.5).eval()(x) is x


def test_dropout_of_nothing_is_the_identity():
    x = cr.ones(50)
    assert nn.Dropout(0)(x) is x


@pytest.mark.parametrize("layer", [nn.Dropout(0.5).eval(), nn.Dropout(0.0)], ids=["evaluation", "p = 0"])
def test_dropout_that_does_nothing_draws_nothing(layer):
    state = cr.random.get_state()
    layer(cr.ones(50))
    assert cr.random.get_state() == state


def test_dropout_does_not_change_its_input():
    x = np.ones(50)
    nn.Dropout(0.5)(x)
    assert (x == 1).all()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan, "0.5", None])
def test_dropout_refuses_what_is_no_probability_below_one(p):
    with pytest.raises(cr.ArgumentError, match="Dropout: p must be at least 0 and below 1, not " + re.escape(repr(p))):
        nn.Dropout(p)


# ---- in a multi-layer perceptron


def watch(layer):
    """The arguments that the layer is called with from now on; it gives them back unchanged."""
    seen = []
    layer.forward = lambda x: seen.append(x) or x
    return seen


def test_an_mlp_drops_after_each_hidden_activation_only():
    model = nn.MLP([4, 100, 50, 3], activation=lambda x: x * 0 + 1, dropout=0.5)
    seen = watch(model.dropout)
    model(cr.ones((2, 4)))
    assert [x.tolist() for x in seen] == [np.ones((2, 100)).tolist(), np.ones((2, 50)).tolist()]


def test_an_mlp_drops_its_inputs_if_told_to():
    model, x = nn.MLP([4, 100, 3], input_dropout=0.5), cr.ones((2, 4))
    seen = watch(model.input_dropout)
    model(x)
    assert len(seen) == 1
    assert seen[0] is x
    assert model.input_dropout.p == 0.5


def test_an_input_that_was_dropped_reaches_no_output():
    model, x = nn.MLP([50, 8, 3], input_dropout=0.5), cr.ones((1, 50), requires_grad=True)
    state = cr.random.get_state()
    model(x).sum().backward()
    cr.random.set_state(state)
    kept = nn.Dropout(0.5)(cr.ones((1, 50))).numpy() > 0
    assert ((x.grad.numpy() != 0) == kept).all()


@pytest.mark.parametrize("which", ["dropout", "input_dropout"])
def test_an_mlp_refuses_a_bad_probability(which):
    with pytest.raises(cr.ArgumentError, match="Dropout: p must be at least 0 and below 1, not 1.5"):
        nn.MLP([2, 3, 1], **{which: 1.5})


def test_an_mlp_in_evaluation_drops_nothing():
    model, x = nn.MLP([4, 8, 3], dropout=0.5, input_dropout=0.5).eval(), cr.ones((2, 4))
    assert model(x).tolist() == nn.MLP([4, 8, 3]).load_state_dict(model.state_dict())(x).tolist()
