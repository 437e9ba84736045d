"""Losses: against their formulas in NumPy, against PyTorch, at the ends of the number range, and with bad input."""

import re
import warnings
from functools import partial

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.losses import binary_entropy, class_entropy, soft_entropy

REDUCTIONS = ["mean", "sum", "none"]
REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def rng():
    return np.random.default_rng(0)


def logits(*shape):
    return rng().normal(size=shape) * 3


def probabilities(*shape):
    p = rng().uniform(0.1, 1.0, shape)
    return p / p.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_softmax(z):
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def np_huber(p, y, delta=1.0):
    d = np.abs(p - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def np_bce(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


# name -> (loss, its losses one by one in NumPy, prediction, target, the same in PyTorch)
CASES = {
    "mse": (nn.mse, lambda p, y: (p - y) ** 2, logits(4, 3), rng().normal(size=(4, 3)), "mse_loss"),
    "l1": (nn.l1, lambda p, y: np.abs(p - y), logits(4, 3), rng().normal(size=(4, 3)) + 0.1, "l1_loss"),
    "huber": (nn.huber, np_huber, logits(4, 3), rng().normal(size=(4, 3)), "huber_loss"),
    "huber 2.5": (
        lambda p, y, reduction: nn.huber(p, y, delta=2.5, reduction=reduction),
        lambda p, y: np_huber(p, y, 2.5),
        logits(4, 3),
        rng().normal(size=(4, 3)),
        lambda F: lambda p, y, reduction: F.huber_loss(p, y, delta=2.5, reduction=reduction),
    ),
    "bce": (nn.bce, np_bce, rng().uniform(0.05, 0.95, (4, 3)), rng().uniform(0, 1, (4, 3)), "binary_cross_entropy"),
    "bce_with_logits": (
        nn.bce_with_logits,
        lambda z, y: np_bce(sigmoid(z), y),
        logits(4, 3),
        rng().uniform(0, 1, (4, 3)),
        "binary_cross_entropy_with_logits",
    ),
    "cross_entropy of classes": (
        nn.cross_entropy,
        lambda z, y: -np.take_along_axis(log_softmax(z), y[..., None], -1)[..., 0],
        logits(5, 4),
        np.array([0, 3, 1, 1, 2]),
        "cross_entropy",
    ),
    "cross_entropy of probabilities": (
        nn.cross_entropy,
        lambda z, y: -(y * log_softmax(z)).sum(axis=-1),
        logits(5, 4),
        probabilities(5, 4),
        "cross_entropy",
    ),
    "bce_with_logits smoothed": (
        partial(nn.bce_with_logits, label_smoothing=0.2),
        lambda z, y: np_bce(sigmoid(z), 0.8 * y + 0.1),
        logits(4, 3),
        rng().uniform(0, 1, (4, 3)),
        lambda F: lambda z, y, reduction: F.binary_cross_entropy_with_logits(z, 0.8 * y + 0.1, reduction=reduction),
    ),
    "cross_entropy of classes, smoothed": (
        partial(nn.cross_entropy, label_smoothing=0.2),
        lambda z, y: -((0.8 * np.eye(4)[y] + 0.05) * log_softmax(z)).sum(axis=-1),
        logits(5, 4),
        np.array([0, 3, 1, 1, 2]),
        lambda F: partial(F.cross_entropy, label_smoothing=0.2),
    ),
    "cross_entropy of probabilities, smoothed": (
        partial(nn.cross_entropy, label_smoothing=0.2),
        lambda z, y: -((0.8 * y + 0.05) * log_softmax(z)).sum(axis=-1),
        logits(5, 4),
        probabilities(5, 4),
        lambda F: partial(F.cross_entropy, label_smoothing=0.2),
    ),
}


def scalar(loss, p, reduction):
    """The gradient of the loss, summed up if it is not one number."""
    p = cr.tensor(p, requires_grad=True)
    loss(p, reduction).sum().backward()
    return p.grad.numpy()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CASES)
def test_a_loss_is_its_formula(name, reduction):
    loss, formula, p, y, _ = CASES[name]
    expected = REDUCE[reduction](formula(p, y))
    result = loss(cr.tensor(p), cr.tensor(y), reduction=reduction)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_loss_is_a_mean_unless_told_otherwise(name):
    loss, formula, p, y, _ = CASES[name]
    if name == "huber 2.5":
        loss, formula = nn.huber, np_huber
    assert loss(cr.tensor(p), cr.tensor(y)).item() == pytest.approx(formula(p, y).mean(), rel=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CASES)
def test_a_loss_agrees_with_pytorch(name, reduction):
    torch = pytest.importorskip("torch")
    loss, _, p, y, theirs = CASES[name]
    F = torch.nn.functional
    theirs = getattr(F, theirs) if isinstance(theirs, str) else theirs(F)
    t = torch.tensor(p, requires_grad=True)
    expected = theirs(t, torch.tensor(y), reduction=reduction)
    expected.sum().backward()
    x = cr.tensor(p, requires_grad=True)
    result = loss(x, cr.tensor(y), reduction=reduction)
    result.sum().backward()
    np.testing.assert_allclose(result.numpy(), expected.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_the_gradients_of_a_loss_by_the_prediction_are_right_to_second_order(name):
    loss, _, p, y, _ = CASES[name]
    assert cr.gradcheck(lambda p: loss(p, cr.tensor(y), reduction="none"), p)


@pytest.mark.parametrize("name", [n for n in CASES if "classes" not in n])
def test_the_gradients_of_a_loss_by_the_target_are_right_to_second_order(name):
    loss, _, p, y, _ = CASES[name]
    assert cr.gradcheck(lambda p, y: loss(p, y, reduction="none"), p, y)


@pytest.mark.parametrize("name", CASES)
def test_a_mean_divides_the_gradients_of_the_sum(name):
    loss, formula, p, y, _ = CASES[name]
    mean, total = (scalar(lambda x, r: loss(x, cr.tensor(y), reduction=r), p, r) for r in ("mean", "sum"))
    np.testing.assert_allclose(mean * formula(p, y).size, total, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_a_loss_and_its_gradient_keep_the_dtype(name, dtype):
    loss, formula, p, y, _ = CASES[name]
    x = cr.tensor(p, dtype=dtype, requires_grad=True)
    target = cr.tensor(y, dtype=dtype if y.dtype.kind == "f" else None)
    result = loss(x, target, reduction="mean")
    result.backward()
    assert (result.dtype, x.grad.dtype) == (dtype, dtype)
    tolerance = {"float16": 5e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    assert result.item() == pytest.approx(formula(p, y).mean(), rel=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_targets_may_be_numpy_arrays_or_lists(name):
    loss, _, p, y, _ = CASES[name]
    x = cr.tensor(p, dtype="float32", requires_grad=True)
    expected = loss(x, cr.tensor(y), reduction="sum").item()
    for target in (y, y.tolist()):
        result = loss(x, target, reduction="sum")
        result.backward()
        assert result.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_predictions_may_be_numpy_arrays_or_lists(name):
    loss, formula, p, y, _ = CASES[name]
    for prediction in (p, p.tolist()):
        assert float(loss(prediction, cr.tensor(y), reduction="sum")) == pytest.approx(formula(p, y).sum(), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in nn.LOSSES if name != "cross_entropy"])
def test_targets_may_be_a_series(name):
    pandas = pytest.importorskip("pandas")
    prediction, target = np.array([0.2, 0.9]), np.array([0.0, 1.0])
    given = getattr(nn, name)(cr.tensor(prediction), pandas.Series(target))
    assert given.item() == getattr(nn, name)(cr.tensor(prediction), target).item()


@pytest.mark.parametrize("name", CASES)
def test_a_loss_leaves_its_inputs_alone(name):
    loss, _, p, y, _ = CASES[name]
    p, y = p.copy(), y.copy()
    before = p.copy(), y.copy()
    x = cr.asarray(p, requires_grad=True)
    loss(x, cr.asarray(y), reduction="sum").backward()
    assert (p == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse", "l1", "huber", "bce", "bce_with_logits"])
def test_losses_take_numbers_and_values(name, reduction):
    expected = CASES[name][1](0.25, 1.0)
    p = cr.Value(0.25)
    result = getattr(nn, name)(p, 1.0, reduction=reduction)
    result.backward()
    assert result.data == getattr(nn, name)(0.25, 1.0, reduction=reduction) == pytest.approx(float(expected), rel=1e-12)
    array = cr.tensor(0.25, dtype="float64", requires_grad=True)
    getattr(nn, name)(array, 1.0).backward()
    assert p.grad == pytest.approx(array.grad.item(), rel=1e-12)


# ---- mean squared error, mean absolute error, Huber


def test_l1_has_no_gradient_where_prediction_and_target_are_equal():
    assert scalar(lambda p, r: nn.l1(p, cr.ones(3), r), np.array([0.0, 1.0, 2.0], "f"), "sum").tolist() == [-1, 0, 1]


def test_huber_has_the_slope_delta_far_out():
    g = scalar(lambda p, r: nn.huber(p, cr.zeros(4), 0.5, r), np.array([-9.0, -0.25, 0.25, 9.0], "f"), "sum")
    assert g.tolist() == [-0.5, -0.25, 0.25, 0.5]


def test_huber_has_the_slope_delta_also_where_its_pieces_meet():
    g = scalar(lambda p, r: nn.huber(p, cr.zeros(2), 0.5, r), np.array([-0.5, 0.5], "f"), "sum")
    assert g.tolist() == [-0.5, 0.5]


def test_huber_curves_like_a_parabola_at_the_target():
    curve = cr.hessian(lambda p: nn.huber(p, cr.zeros(2), reduction="sum"))(cr.zeros(2))
    assert curve.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_huber_with_an_infinite_delta_is_half_the_squared_error():
    p, y = cr.tensor([1.0, -3.0], requires_grad=True), cr.zeros(2)
    loss = nn.huber(p, y, delta=np.inf, reduction="sum")
    loss.backward()
    assert (loss.item(), p.grad.tolist()) == (5.0, [1.0, -3.0])


def test_huber_does_not_square_what_would_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nn.huber(cr.tensor([1e4], dtype="float16"), cr.zeros(1, dtype="float16"), 2.0).item() == 2e4


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_huber_of_float16_multiplies_in_float32(reduction):
    error = np.array([600, 0, 0, 0], "e") if reduction == "mean" else np.full(1000, 1e-3, "e")
    x = cr.tensor(error, requires_grad=True)
    loss = nn.huber(x, cr.zeros(error.shape, dtype="float16"), 1000.0, reduction)
    loss.backward()
    wide = error.astype(float)
    assert loss.dtype == x.grad.dtype == np.float16
    np.testing.assert_allclose(loss.item(), REDUCE[reduction](wide**2 / 2), rtol=1e-3)
    np.testing.assert_allclose(x.grad.numpy(), wide / (4 if reduction == "mean" else 1), rtol=1e-3)


@pytest.mark.parametrize("delta", [0, -1.0, np.nan])
def test_huber_refuses_a_delta_that_is_not_positive(delta):
    with pytest.raises(cr.ArgumentError, match="huber: delta must be positive"):
        nn.huber(cr.ones(2), cr.zeros(2), delta=delta)


# ---- binary cross-entropy


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bce_of_certain_probabilities_is_at_most_100_and_finite_in_its_gradients(dtype):
    p = cr.tensor([0.0, 1.0, 0.0, 1.0], dtype=dtype, requires_grad=True)
    y = cr.tensor([0.0, 1.0, 1.0, 0.0], dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = nn.bce(p, y, reduction="none")
        losses.sum().backward()
    assert losses.tolist() == [0, 0, 100, 100]
    assert p.grad.tolist()[:2] == [1, -1]  # 1 / (1 - p) and -1 / p
    assert np.sign(p.grad.numpy()).tolist()[2:] == [-1, 1]
    assert np.isfinite(p.grad.numpy()).all()
    assert y.grad.tolist() == [100, -100, 100, -100]


def test_bce_agrees_with_pytorch_at_certain_probabilities():
    torch = pytest.importorskip("torch")
    p, y = np.array([0.0, 1.0, 0.0, 1.0, 1e-30, 0.5]), np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    t = torch.tensor(p, requires_grad=True)
    losses = torch.nn.functional.binary_cross_entropy(t, torch.tensor(y), reduction="none")
    losses.sum().backward()
    x = cr.tensor(p, requires_grad=True)
    ours = nn.bce(x, y, reduction="none")
    ours.sum().backward()
    np.testing.assert_allclose(ours.numpy(), losses.detach().numpy(), rtol=1e-12)
    # where the prediction is right, PyTorch answers 0
    np.testing.assert_allclose(x.grad.numpy()[2:], t.grad.numpy()[2:], rtol=1e-8)


def test_bce_passes_nan_on():
    assert np.isnan(nn.bce(cr.tensor([np.nan]), cr.ones(1)).item())


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_bce_refuses_what_is_no_probability(p):
    with pytest.raises(cr.ArgumentError, match=f"bce: probabilities must lie in .0, 1., given .*{p}.*bce_with_logits"):
        nn.bce(cr.tensor([0.5, p]), cr.ones(2))


def test_bce_refuses_a_value_that_is_no_probability():
    with pytest.raises(cr.ArgumentError, match="bce: probabilities"):
        nn.bce(cr.Value(1.5), 1.0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bce_with_logits_is_exact_far_out(dtype):
    z = cr.tensor([-1e4, 1e4, -1e4, 1e4], dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = nn.bce_with_logits(z, cr.tensor([0.0, 1.0, 1.0, 0.0], dtype=dtype), reduction="none")
        losses.sum().backward()
    assert losses.tolist() == [0, 0, 1e4, 1e4]
    assert z.grad.tolist() == [0, 0, -1, 1]


@pytest.mark.parametrize("size", [8.0, 15.0, 40.0])
def test_bce_with_logits_keeps_the_digits_of_a_small_loss(size):
    z = cr.tensor([-size, size], dtype="float32", requires_grad=True)
    losses = nn.bce_with_logits(z, cr.tensor([0.0, 1.0]), reduction="none")
    losses.sum().backward()
    expected = np.log1p(np.exp(-size))
    assert losses.tolist() == pytest.approx([expected] * 2, rel=1e-5)
    assert z.grad.tolist() == pytest.approx([sigmoid(-size), -sigmoid(-size)], rel=1e-5)


def test_bce_with_logits_is_bce_of_the_sigmoid():
    z, y = cr.tensor(logits(20)), cr.tensor(rng().uniform(0, 1, 20))
    np.testing.assert_allclose(
        nn.bce_with_logits(z, y, "none").numpy(), nn.bce(cr.sigmoid(z), y, "none").numpy(), rtol=1e-9
    )


def test_bce_with_logits_takes_truth_values():
    z, y = cr.tensor([1.0, -2.0]), np.array([True, False])
    assert nn.bce_with_logits(z, y).item() == nn.bce_with_logits(z, y.astype("f")).item()


def test_binary_entropy_has_the_right_gradients():
    assert cr.gradcheck(binary_entropy, rng().uniform(0.1, 0.9, (3, 4)), rng().uniform(0, 1, (4,)))


# ---- cross-entropy


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    assert nn.cross_entropy(cr.zeros((3, 7), dtype="float64"), [0, 3, 6]).item() == pytest.approx(np.log(7), rel=1e-15)


def test_cross_entropy_of_classes_is_that_of_their_one_hot_probabilities():
    z, index = logits(6, 4), [3, 0, 1, 1, 2, 3]
    a, b = (cr.tensor(z, requires_grad=True) for _ in range(2))
    of_classes = nn.cross_entropy(a, index)
    of_probabilities = nn.cross_entropy(b, cr.one_hot(cr.tensor(index), 4, dtype="float64"))
    of_classes.backward()
    of_probabilities.backward()
    assert of_classes.item() == pytest.approx(of_probabilities.item(), rel=1e-13)
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-15)


def test_class_entropy_is_logsumexp_less_the_chosen_logit():
    z, index = cr.tensor(logits(2, 5, 3), requires_grad=True), rng().integers(0, 3, (2, 5))
    plain = cr.logsumexp(z, axis=-1) - cr.take_along_axis(z, index[..., None], -1)[..., 0]
    np.testing.assert_allclose(class_entropy(z, index).numpy(), plain.numpy(), rtol=1e-13)


def test_the_gradient_of_class_entropy_is_that_of_its_composition():
    z, index, weights = logits(2, 5, 3), rng().integers(0, 3, (2, 5)), cr.tensor(rng().normal(size=(2, 5)))
    plain = lambda z: cr.logsumexp(z, axis=-1) - cr.take_along_axis(z, index[..., None], -1)[..., 0]
    ours, theirs = (
        cr.grad(lambda z, f=f: (f(z) * weights).sum())(z) for f in (lambda z: class_entropy(z, index), plain)
    )
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-14)


def test_the_gradient_of_cross_entropy_is_softmax_less_one_hot():
    z, index = logits(5, 4), np.array([0, 3, 1, 1, 2])
    expected = np.exp(log_softmax(z)) - np.eye(4)[index]
    np.testing.assert_allclose(scalar(lambda x, r: nn.cross_entropy(x, index, r), z, "sum"), expected, atol=1e-15)


@pytest.mark.parametrize("batch", [(), (5,), (2, 5), (2, 1, 3)])
def test_cross_entropy_without_reduction_has_the_shape_of_the_batch(batch):
    z = logits(*batch, 4)
    assert nn.cross_entropy(cr.tensor(z), np.ones(batch, dtype=int), "none").shape == batch
    if batch:
        assert nn.cross_entropy(cr.tensor(z), probabilities(*batch, 4), "none").shape == batch


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
def test_class_indices_may_be_of_any_integer_dtype(dtype):
    z, index = cr.tensor(logits(5, 4)), [0, 3, 1, 1, 2]
    assert nn.cross_entropy(z, np.array(index, dtype)).item() == nn.cross_entropy(z, index).item()


@pytest.mark.parametrize("target", ["classes", "probabilities"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cross_entropy_is_exact_far_out(dtype, target):
    z = cr.tensor([[-1e4, 1e4], [1e4, -1e4], [1e4, 1e4]], dtype=dtype, requires_grad=True)
    y = [1, 1, 0] if target == "classes" else cr.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = nn.cross_entropy(z, y, reduction="none")
        losses.sum().backward()
    assert losses.tolist() == pytest.approx([0, 2e4, np.log(2)], rel=1e-3)
    np.testing.assert_allclose(z.grad.numpy(), [[0, 0], [1, -1], [-0.5, 0.5]], rtol=1e-3)


@pytest.mark.parametrize("target", [[0, 2], [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]], ids=["classes", "probabilities"])
def test_a_masked_class_takes_no_part(target):
    z = cr.tensor([[0.3, -np.inf, 1.0], [0.5, -np.inf, -2.0]], requires_grad=True)
    short = cr.tensor(z.detach().numpy()[:, [0, 2]], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = nn.cross_entropy(z, target)
        loss.backward()
    kept = [0, 1] if target == [0, 2] else np.array(target, dtype="f")[:, [0, 2]]
    expected = nn.cross_entropy(short, kept)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    np.testing.assert_allclose(z.grad.numpy()[:, [0, 2]], short.grad.numpy(), atol=1e-7)
    assert z.grad.numpy()[:, 1].tolist() == [0, 0]


def test_the_loss_of_a_masked_class_is_infinite():
    assert nn.cross_entropy(cr.tensor([[0.3, -np.inf]]), [1]).item() == np.inf


NO_PROBABILITIES = {
    "a sum of 1.5": ([[0.5, 0.5], [0.5, 1.0]], "a row with the sum 1.5"),
    "a sum of 0": ([[0.5, 0.5], [0.0, 0.0]], "a row with the sum 0"),
    "below 0": ([[0.5, 0.5], [-0.5, 1.5]], "given -0.5"),
    "nan": ([[0.5, 0.5], [float("nan"), 0.5]], "a row with the sum nan"),
}


@pytest.mark.parametrize("case", NO_PROBABILITIES)
def test_probabilities_below_0_or_that_do_not_add_up_to_1_are_refused(case):
    target, message = NO_PROBABILITIES[case]
    with pytest.raises(cr.ArgumentError, match=f"cross_entropy: the probabilities of each row must .* {message}"):
        nn.cross_entropy(cr.tensor(logits(2, 2)), cr.tensor(target))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rounded_probabilities_pass(dtype):
    target = probabilities(50, 1000).astype(dtype)
    losses = nn.cross_entropy(cr.tensor(logits(50, 1000)), target, "none").numpy()
    exact = -(probabilities(50, 1000) * log_softmax(logits(50, 1000))).sum(axis=-1)
    np.testing.assert_allclose(losses, exact, rtol=8 * np.finfo(dtype).eps)


def test_wrong_probabilities_on_a_device_raise_when_a_value_is_read(strict):
    target = cr.tensor([[0.5, 1.5]], device=strict)
    with device_double.forbid("waits"):
        loss = nn.cross_entropy(cr.zeros((1, 2), device=strict), target)
    with pytest.raises(cr.ArgumentError, match="add up to 1; found when device 'strict' was next read"):
        loss.item()
    assert loss.item() == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize("shape", [(3,), (3, 1)], ids=str)
def test_floating_labels_of_one_logit_for_each_example_are_sent_to_bce_with_logits(shape):
    with pytest.raises(cr.ShapeError, match="use bce_with_logits"):
        nn.cross_entropy(cr.tensor(logits(*shape)), np.array([0.0, 1.0, 0.0]).reshape(shape))


@pytest.mark.parametrize(("shape", "column"), [((3, 4), "target[:, 0]"), ((2, 3, 4), "target[:, :, 0]")], ids=str)
@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_a_column_of_class_indices_is_refused_with_how_to_flatten_it(shape, column, dtype):
    with pytest.raises(cr.ShapeError, match=re.escape(f"; use {column}")):
        nn.cross_entropy(cr.tensor(logits(*shape)), np.zeros((*shape[:-1], 1), dtype))


@pytest.mark.parametrize("index", [-1, 4, 100])
def test_a_class_index_out_of_range_is_refused_with_the_range(index):
    with pytest.raises(cr.ArgumentError, match=rf"class indices must lie in \[0, 4\), given {min(index, 1)} to"):
        nn.cross_entropy(cr.tensor(logits(3, 4)), [1, 2, index])


def test_class_indices_that_are_floats_are_refused_with_a_way_out():
    with pytest.raises(cr.DtypeError, match="class indices must be integers, not float64; use target.to"):
        nn.cross_entropy(cr.tensor(logits(3, 4)), np.array([0.0, 1.0, 2.0]))


def test_class_indices_that_are_truth_values_are_refused():
    with pytest.raises(cr.DtypeError, match="class indices must be integers, not bool"):
        nn.cross_entropy(cr.tensor(logits(3, 2)), np.array([True, False, True]))


@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 3), (3, 5), ()])
def test_a_target_of_another_shape_is_refused_and_both_forms_are_named(shape):
    with pytest.raises(cr.ShapeError, match=r"class indices \(3,\) or floating probabilities \(3, 4\), given int64"):
        nn.cross_entropy(cr.tensor(logits(3, 4)), np.zeros(shape, dtype=int))


def test_a_one_hot_target_of_integers_is_refused():
    with pytest.raises(cr.ShapeError, match=r"floating probabilities \(3, 3\), given int64 \(3, 3\)"):
        nn.cross_entropy(cr.tensor(logits(3, 3)), np.eye(3, dtype=int))


@pytest.mark.parametrize("shape", [(4,), (6, 4), (2, 5, 3)], ids=str)
def test_soft_entropy_and_its_gradients_are_those_of_its_composition(shape):
    inputs, weights = [cr.tensor(logits(*shape)), cr.tensor(probabilities(*shape))], cr.tensor(logits(*shape[:-1]))
    composed = lambda z, y: -(y * cr.log_softmax(z)).sum(-1)
    for derive in (lambda f: lambda *xs: [f(*xs)], lambda f: cr.grad(lambda *xs: (f(*xs) * weights).sum(), (0, 1))):
        for ours, theirs in zip(derive(soft_entropy)(*inputs), derive(composed)(*inputs), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12, atol=1e-14)


# ---- label smoothing


@pytest.mark.parametrize("batch", [(5,), (2, 3)], ids=str)
def test_smoothed_class_indices_are_smoothed_one_hot_probabilities(batch):
    z, index = cr.tensor(logits(*batch, 4)), cr.tensor(np.full(batch, 2))
    of_classes = nn.cross_entropy(z, index, "none", label_smoothing=0.3)
    of_probabilities = nn.cross_entropy(z, cr.one_hot(index, 4, dtype="float64"), "none", label_smoothing=0.3)
    assert of_classes.shape == batch
    np.testing.assert_allclose(of_classes.numpy(), of_probabilities.numpy(), rtol=1e-13)


def test_smoothing_asks_a_model_to_be_less_than_certain():
    """The smoothed loss of two classes is least where the probability of the right one is 1 - ε/2."""
    best = cr.tensor([[0.0, np.log(0.9 / 0.1)]], dtype="float64", requires_grad=True)
    nn.cross_entropy(best, [1], label_smoothing=0.2).backward()
    np.testing.assert_allclose(best.grad.numpy(), 0, atol=1e-15)


def test_smoothing_of_two_classes_is_the_same_for_logits_and_their_difference():
    z, y = logits(8), np.arange(8) % 2
    pairs = np.stack([np.zeros(8), z], axis=-1)
    two = nn.cross_entropy(pairs, y, "none", label_smoothing=0.3)
    one = nn.bce_with_logits(cr.tensor(z), y.astype(float), "none", label_smoothing=0.3)
    np.testing.assert_allclose(two.numpy(), one.numpy(), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, np.nan, "0.1", None])
@pytest.mark.parametrize("name", ["cross_entropy", "bce_with_logits"])
def test_a_smoothing_outside_its_range_is_refused(name, smoothing):
    p = cr.full((2, 2), 0.5)
    with pytest.raises(
        cr.ArgumentError, match=f"{name}: label_smoothing must be at least 0 and below 1, not {smoothing!r}"
    ):
        getattr(nn, name)(p, p, label_smoothing=smoothing)


@pytest.mark.parametrize("name", [name for name in CASES if "smoothed" in name])
def test_a_smoothed_loss_on_a_device_is_that_of_the_cpu_and_never_makes_the_host_wait(name, device):
    loss, _, p, y, _ = CASES[name]
    there, here = (cr.tensor(p, device=place, requires_grad=True) for place in (device, "cpu"))
    with device_double.forbid("waits"):
        result = loss(there, cr.tensor(y, device=device))
        result.backward()
    loss(here, y).backward()
    assert result.item() == pytest.approx(loss(p, y).item(), rel=1e-13)
    np.testing.assert_allclose(there.grad.numpy(), here.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_class_out_of_range_on_a_device_raises_when_a_value_is_read(strict, smoothing):
    z, index = cr.tensor(logits(3, 4), device=strict), cr.tensor([0, 4, -1], device=strict)
    with device_double.forbid("waits"):
        nn.cross_entropy(z, index, label_smoothing=smoothing)
        nn.cross_entropy(z, cr.zeros(3, "int64", strict), label_smoothing=smoothing)  # the next batch is all right
    with pytest.raises(cr.ArgumentError, match=r"class indices must lie in \[0, 4\); found when device 'strict'"):
        z.numpy()


# ---- bad input to every loss

PAIRS = ["mse", "l1", "huber", "bce", "bce_with_logits"]


def test_every_loss_is_tested_here():
    assert {*PAIRS, "cross_entropy"} == set(nn.LOSSES)


@pytest.mark.parametrize(
    "shapes", [((100, 1), (100,)), ((100,), (100, 1)), ((1, 4), (4,)), ((3, 4), (3, 1)), ((2,), ())]
)
@pytest.mark.parametrize("name", PAIRS)
def test_shapes_that_would_only_broadcast_are_refused(name, shapes):
    p, y = (cr.full(shape, 0.5) for shape in shapes)
    both = f"{name}: prediction and target must have the same shape, given {shapes[0]} and {shapes[1]}"
    with pytest.raises(cr.ShapeError, match=re.escape(both)):
        getattr(nn, name)(p, y)


@pytest.mark.parametrize("name", PAIRS)
def test_a_number_does_not_stand_for_a_batch(name):
    with pytest.raises(cr.ShapeError, match="must have the same shape"):
        getattr(nn, name)(cr.full(3, 0.5), 1.0)


def test_the_way_out_is_a_reshape_where_one_would_do():
    with pytest.raises(cr.ShapeError, match=r"e\.g\. target\.reshape\(100, 1\)$"):
        nn.mse(cr.zeros((100, 1)), cr.zeros(100))


def test_no_reshape_is_offered_where_none_would_do():
    with pytest.raises(cr.ShapeError, match=r"given \(3,\) and \(4,\)$"):
        nn.mse(cr.zeros(3), cr.zeros(4))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", PAIRS)
def test_an_empty_batch_is_refused(name, shape):
    with pytest.raises(cr.ShapeError, match=f"{name}: the batch is empty"):
        getattr(nn, name)(cr.zeros(shape), cr.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), ()])
def test_cross_entropy_refuses_an_empty_batch_no_classes_and_no_axes(shape):
    with pytest.raises(cr.ShapeError, match="cross_entropy: logits need the shape"):
        nn.cross_entropy(cr.zeros(shape), np.zeros(shape[:1], dtype=int))


@pytest.mark.parametrize("reduction", ["avg", None, "Mean"])
@pytest.mark.parametrize("name", [*PAIRS, "cross_entropy"])
def test_an_unknown_reduction_lists_those_that_exist(name, reduction):
    p = cr.full((2, 2), 0.5)
    with pytest.raises(cr.ArgumentError, match=f"unknown reduction {reduction!r}: choose one of 'mean', 'none', 'sum'"):
        getattr(nn, name)(p, p, reduction=reduction)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.usefixtures("strict")
def test_prediction_and_target_on_two_devices_are_refused(name):
    with pytest.raises(cr.DeviceError, match="all inputs must be on one device"):
        getattr(nn, name)(cr.full(3, 0.5, device="strict"), cr.full(3, 0.5))


@pytest.mark.parametrize("name", [*PAIRS, "cross_entropy"])
def test_a_loss_is_found_by_its_name(name):
    assert nn.loss(name) is getattr(nn, name)


def test_a_function_passes_as_a_loss():
    assert nn.loss(max) is max


@pytest.mark.parametrize("loss", [nn.bce, nn.bce_with_logits])
@pytest.mark.parametrize("target", [[0.0, 2.0], [-1.0, 1.0]])
def test_a_target_outside_0_and_1_is_refused(loss, target):
    with pytest.raises(cr.ArgumentError, match=r"targets must lie in \[0, 1\], given"):
        loss(cr.tensor([0.5, 0.5]), cr.tensor(target))


def test_the_slope_of_cross_entropy_by_a_target_of_zero_is_that_of_any_other():
    logits = np.array([[1.0, 2.0, 0.5]])
    slope = cr.grad(lambda y: nn.cross_entropy(cr.tensor(logits), y))(np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(slope.numpy(), np.log(np.exp(logits).sum()) - logits, rtol=1e-14)


def test_the_slope_of_cross_entropy_by_a_target_of_zero_of_an_impossible_class_is_zero():
    slope = cr.grad(lambda y: nn.cross_entropy(cr.tensor([[1.0, 1.0, -np.inf]]), y))(np.array([[0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(slope.numpy(), [[np.log(2), np.log(2), 0]], rtol=1e-7)


@pytest.mark.parametrize("total", [0.991, 1.009])
def test_probabilities_may_miss_a_sum_of_1_by_a_hundredth(total):
    assert np.isfinite(nn.cross_entropy(cr.tensor([[0.0, 1.0]]), cr.tensor([[total / 2, total / 2]])).item())


@pytest.mark.parametrize("total", [0.989, 1.011])
def test_probabilities_that_miss_a_sum_of_1_by_more_are_refused(total):
    with pytest.raises(cr.ArgumentError, match="add up to 1"):
        nn.cross_entropy(cr.tensor([[0.0, 1.0]]), cr.tensor([[total / 2, total / 2]]))


# ---- the second derivative of bce where the probability counts as a larger one


@pytest.mark.parametrize(("p", "y"), [(0.0, 1.0), (0.0, 0.0), (1e-13, 1.0), (1.0, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_a_probability_that_is_held_bce_has_the_second_derivative_of_the_other_term(p, y, dtype):
    curve = cr.grad(cr.grad(lambda p: nn.bce(p, cr.tensor(y, dtype=dtype))))(cr.tensor(p, dtype=dtype))
    np.testing.assert_allclose(curve.item(), 1 - y if p < 0.5 else y, atol=1e-3)


@pytest.mark.parametrize(("p", "y"), [(0.3, 1.0), (1e-9, 1.0), (0.5, 0.25), (0.9, 0.0), (1e-9, 0.25), (0.75, 0.75)])
def test_the_second_derivative_of_bce_is_that_of_its_formula(p, y):
    curve = cr.grad(cr.grad(lambda p: nn.bce(p, np.float64(y))))(cr.tensor(p, dtype="float64"))
    np.testing.assert_allclose(curve.item(), y / p**2 + (1 - y) / (1 - p) ** 2, rtol=1e-12)


# ---- rows without a possible class


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("soft", [False, True])
def test_a_wholly_masked_row_has_an_infinite_loss_and_the_slope_of_probabilities_0(soft, dtype, device):
    rows = np.array([[-np.inf] * 3, [0, 1, 2]], dtype)
    target = np.eye(3, dtype=dtype)[[0, 1]] if soft else np.array([0, 1])
    z = cr.tensor(rows, device=device, requires_grad=True)
    loss = nn.cross_entropy(z, cr.tensor(target, device=device), "none")
    share = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    np.testing.assert_allclose(loss.numpy(), [np.inf, -np.log(share[1])], rtol=1e-2 if dtype == "float16" else 1e-5)
    for create_graph in (False, True):
        z.grad = None
        loss.sum().backward(retain_graph=True, create_graph=create_graph)
        np.testing.assert_allclose(z.grad.detach().numpy(), [[-1, 0, 0], share - [0, 1, 0]], rtol=1e-2, atol=1e-3)


def test_class_indices_that_were_changed_before_backward_are_noticed(device):
    z, y = cr.zeros((2, 3), device=device, requires_grad=True), cr.tensor([0, 1], device=device)
    loss = nn.cross_entropy(z, y)
    y[0] = 2
    with pytest.raises(cr.GraphError, match="changed"):
        loss.backward()


def test_class_indices_in_an_array_of_numpys_are_those_of_the_call():
    z, y = cr.zeros((2, 3), requires_grad=True), np.array([0, 1])
    loss = nn.cross_entropy(z, y)
    y[0] = 2
    loss.backward()
    assert (z.grad.numpy() < 0).tolist() == [[True, False, False], [False, True, False]]
