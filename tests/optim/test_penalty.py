"""Weight penalties and the max-norm projection: by hand, against central differences, and on devices."""

import math

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.penalty import l1_penalty, l2_penalty, max_norm

PENALTIES = [l1_penalty, l2_penalty]


def leaf(values, dtype="float32", device="cpu"):
    return cr.tensor(values, dtype=dtype, device=device, requires_grad=True)


# ---- penalties


def test_the_l1_penalty_is_the_sum_of_absolute_values(device):
    penalty = l1_penalty([leaf([[1.0, -2.0]], device=device), leaf(-4.0, device=device)])
    assert (penalty.shape, penalty.device, penalty.item()) == ((), device, 7.0)


def test_the_l2_penalty_is_half_the_sum_of_squares(device):
    penalty = l2_penalty([leaf([[1.0, -2.0]], device=device), leaf(-4.0, device=device)])
    assert (penalty.shape, penalty.device, penalty.item()) == ((), device, 10.5)


def test_the_gradient_of_the_l1_penalty_is_the_sign(device):
    p = leaf([2.0, -0.5, 0.0], device=device)
    l1_penalty([p]).backward()
    assert p.grad.tolist() == [1.0, -1.0, 0.0]


def test_the_gradient_of_the_l2_penalty_is_the_parameter(device):
    p = leaf([2.0, -0.5, 0.0], device=device)
    l2_penalty([p]).backward()
    assert p.grad.tolist() == [2.0, -0.5, 0.0]


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_gradient_is_that_of_central_differences(penalty):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3, 2)), rng.normal(size=4), rng.normal(size=())]
    params = [leaf(a, "float64") for a in arrays]
    (0.3 * penalty(params)).backward()
    for i, (p, a) in enumerate(zip(params, arrays, strict=True)):
        for at in np.ndindex(a.shape):
            sides = []
            for h in (1e-6, -1e-6):
                moved = [b.copy() for b in arrays]
                moved[i][at] += h
                sides.append(0.3 * penalty([cr.tensor(b) for b in moved]).item())
            assert p.grad.numpy()[at] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-8)


def test_penalties_have_second_derivatives():
    assert cr.hessian(lambda w: l2_penalty([w]))(cr.tensor([1.0, -2.0])).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("penalty", PENALTIES)
def test_biases_count_unless_they_are_left_out(penalty):
    model = nn.MLP([3, 2, 1])
    for p in model.parameters():
        p.assign(np.ones(p.shape))
    share = 1.0 if penalty is l1_penalty else 0.5
    assert penalty(model.parameters()).item() == share * (6 + 2 + 2 + 1)
    assert penalty(model.named_parameters(), biases=False).item() == share * (6 + 2)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_left_out_biases_get_no_gradient(penalty):
    model = nn.Linear(3, 2)
    penalty(model.parameters(), biases=False).backward()
    assert model.bias.grad is None
    assert np.abs(model.weight.grad.numpy()).min() > 0


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_frozen_parameter_counts_without_a_gradient(penalty):
    p, frozen = leaf([1.0]), cr.tensor([2.0])
    penalty([p, frozen]).backward()
    assert (p.grad.tolist(), frozen.grad) == ([1.0], None)


def test_values_are_penalised_as_arrays_are():
    a, b = cr.Value(3.0), cr.Value(-2.0)
    l2_penalty([a, b]).backward()
    assert (l1_penalty([a, b]).data, a.grad, b.grad) == (5.0, 3.0, -2.0)


def test_a_step_with_the_l2_penalty_is_one_with_weight_decay():
    x, y = cr.tensor([[1.0, 2.0], [3.0, -1.0]]), cr.tensor([[1.0], [0.0]])
    ends = []
    for decay in (0.0, 0.1):
        cr.random.seed(0)
        model = nn.Linear(2, 1)
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=decay)
        for _ in range(10):
            optimizer.zero_grad()
            loss = nn.mse(model(x), y)
            (loss if decay else loss + 0.1 * l2_penalty(model.parameters())).backward()
            optimizer.step()
        ends.append([p.numpy() for p in model.parameters()])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(("penalty", "name", "factor"), [(l1_penalty, "Lasso", 40), (l2_penalty, "Ridge", 1)])
def test_the_solution_of_scikit_learn_is_a_minimum_of_the_penalised_loss(penalty, name, factor):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6))
    y = x @ [2.0, 0.0, -1.0, 0.0, 0.0, 0.5] + 0.1 * rng.normal(size=40)
    solution = getattr(linear_model, name)(alpha=0.3, fit_intercept=False, tol=1e-14).fit(x, y).coef_
    w = leaf(solution, "float64")
    (0.5 * ((cr.tensor(x) @ w - cr.tensor(y)) ** 2).sum() + 0.3 * factor * penalty([w])).backward()
    slack = np.where(solution == 0, 0.3 * factor, 1e-9)  # at a kink, any slope that the penalty can balance
    assert (np.abs(w.grad.numpy()) < slack).all()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("params", [[], [("b", cr.ones(3))]], ids=["nothing", "a bias"])
def test_nothing_to_penalise_is_refused(penalty, params):
    with pytest.raises(cr.ArgumentError, match=f"{penalty.__name__}: .*(does the model have any|model.parameters)"):
        penalty(params, biases=False)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_wrong_choice_of_biases_is_refused(penalty):
    with pytest.raises(cr.ArgumentError, match="biases must be True or False, not 'no'"):
        penalty([cr.ones((2, 2))], biases="no")


# ---- the projection


def test_columns_beyond_the_limit_are_scaled_to_it(device):
    w = leaf([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]], device=device)
    max_norm([w], 1.0)
    np.testing.assert_allclose(w.numpy(), [[0.6, 0.3, 0.0], [0.8, 0.4, 0.0]], rtol=1e-6)


def test_columns_within_the_limit_stay_as_they_are_to_the_bit(device):
    values = np.random.default_rng(0).uniform(-0.1, 0.1, (20, 50)).astype(np.float32)
    w = leaf(values, device=device)
    max_norm([w], 1.0)
    np.testing.assert_array_equal(w.numpy(), values)


def test_the_axis_of_the_norm_can_be_chosen():
    w = leaf([[3.0, 4.0], [0.3, 0.4]])
    max_norm([w], 1.0, axis=1)
    np.testing.assert_allclose(w.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_norms_end_at_the_limit_and_the_dtype_stays(dtype, device):
    w = leaf(np.random.default_rng(0).normal(size=(30, 8)) * 100, dtype, device)  # squares that float16 cannot hold
    max_norm([w], 2)
    rtol = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(np.linalg.norm(w.numpy().astype("float64"), axis=0), 2, rtol=rtol)
    assert w.dtype == dtype


def test_biases_are_left_alone():
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": [[30.0, 0.0], [40.0, 0.0]], "bias": [100.0, 200.0]})
    max_norm(model.parameters(), 1.0)
    np.testing.assert_allclose(model.weight.numpy(), [[0.6, 0.0], [0.8, 0.0]], rtol=1e-6)
    assert model.bias.tolist() == [100.0, 200.0]


def test_training_goes_on_after_the_projection():
    w = leaf([[3.0], [4.0]])
    optimizer = optim.SGD([w], lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        (w * cr.tensor([[0.0], [-5.0]])).sum().backward()
        optimizer.step()
        max_norm([("w", w)], 1.0)
    assert np.linalg.norm(w.numpy()) == pytest.approx(1.0)
    first = np.array([3.0, 9.0]) / math.hypot(3, 9)
    second = first + [0.0, 5.0]
    np.testing.assert_allclose(w.numpy()[:, 0], second / np.linalg.norm(second), rtol=1e-6)


def test_the_projection_of_weights_that_a_graph_waits_for_is_noticed():
    w = leaf([[3.0], [4.0]])
    loss = (w * w).sum()
    max_norm([w], 1.0)
    with pytest.raises(cr.GraphError, match="was changed"):
        loss.backward()


def test_no_value_is_read_from_the_device(strict):
    w, b = leaf(np.ones((4, 3)), device=strict), leaf(np.ones(3), device=strict)
    with device_double.forbid("waits"):
        max_norm([w, b], 1.0)
        (l1_penalty([w, b]) + l2_penalty([w, b])).backward()


@pytest.mark.parametrize("limit", [0, -1.0, math.nan, math.inf, None])
def test_a_bad_limit_is_refused(limit):
    with pytest.raises(cr.ArgumentError, match=f"max_norm: limit must be a finite number above 0, not {limit!r}"):
        max_norm([cr.ones((2, 2))], limit)


def test_tensors_without_two_axes_alone_are_refused():
    with pytest.raises(cr.ArgumentError, match="max_norm: no tensor has at least two axes"):
        max_norm([cr.ones(2), cr.ones(())], 1.0)


def test_a_result_is_refused_before_anything_changes():
    w = leaf([[3.0], [4.0]])
    with pytest.raises(cr.GraphError, match=r"max_norm: 1 of shape \(2, 1\) is the result of a recorded call"):
        max_norm([w, w * 2], 1.0)
    assert w.tolist() == [[3.0], [4.0]]


@pytest.mark.parametrize("size", [1e20, 8e37, 1e-30])
def test_max_norm_holds_for_weights_whose_squares_overflow_or_vanish(size, device):
    w = cr.tensor(np.float32([[3 * size], [-4 * size]]), device=device)
    max_norm([w], size)
    np.testing.assert_allclose(w.numpy()[:, 0], [0.6 * size, -0.8 * size], rtol=1e-6)


def test_max_norm_holds_for_weights_whose_norm_overflows():
    w = cr.full((100, 1), 3e38)
    max_norm([w], 1.0)
    np.testing.assert_allclose(w.numpy(), 0.1, rtol=1e-6)


def test_penalties_of_integers_do_not_wrap():
    w = cr.tensor(np.array([[-128, 100]], "int8"))
    assert optim.l1_penalty([w]).item() == 228
    assert optim.l2_penalty([w]).item() == (128**2 + 100**2) / 2
