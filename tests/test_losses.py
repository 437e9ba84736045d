"""Losses: their formulas, their gradients, their edges, and what they refuse."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.loss import class_entropy

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
P, Y = RNG.uniform(0.05, 0.95, (4, 3)), (RNG.random((4, 3)) < 0.5) * 1.0
LABELS = np.array([0, 2, 1, 2])


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


CASES = {
    "mse": (A, B, (A - B) ** 2),
    "l1": (A, B, abs(A - B)),
    "huber": (A, B, np.where(abs(A - B) <= 1, (A - B) ** 2 / 2, abs(A - B) - 0.5)),
    "bce": (P, Y, -(Y * np.log(P) + (1 - Y) * np.log(1 - P))),
    "bce_with_logits": (A, Y, np.log1p(np.exp(A)) - A * Y),
    "cross_entropy": (A, LABELS, -log_softmax(A)[np.arange(4), LABELS]),
}


def test_every_loss_has_a_formula_here():
    assert CASES.keys() == cr.nn.LOSSES.keys()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("reduction", "reduced"), [("mean", np.mean), ("sum", np.sum), ("none", lambda a: a)])
def test_a_loss_is_its_formula(name, reduction, reduced):
    prediction, target, expected = CASES[name]
    given = cr.nn.loss(name)(cr.tensor(prediction), target, reduction=reduction)
    np.testing.assert_allclose(given.numpy(), reduced(expected), rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_loss_passes_gradcheck(name):
    prediction, target, _ = CASES[name]
    assert cr.gradcheck(lambda p: cr.nn.loss(name)(p, target), prediction)


@pytest.mark.parametrize("name", CASES)
def test_a_loss_and_its_gradient_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs = {"mse": "mse_loss", "l1": "l1_loss", "huber": "huber_loss", "bce": "binary_cross_entropy",
              "bce_with_logits": "binary_cross_entropy_with_logits", "cross_entropy": "cross_entropy"}[name]  # fmt: skip
    prediction, target, _ = CASES[name]
    x, z = cr.tensor(prediction, requires_grad=True), torch.tensor(prediction, requires_grad=True)
    cr.nn.loss(name)(x, target).backward()
    getattr(functional, theirs)(z, torch.tensor(target)).backward()
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "bce", "bce_with_logits"])
@pytest.mark.parametrize(("a", "b"), [((100, 1), (100,)), ((3,), (1, 3)), ((2, 3), ()), ((2, 3), (3, 2))])
def test_a_loss_refuses_shapes_that_would_only_broadcast(name, a, b):
    with pytest.raises(cr.ShapeError, match=rf"{name}: prediction and target must have the same shape"):
        cr.nn.loss(name)(cr.full(a, 0.5), cr.full(b, 0.5))


@pytest.mark.parametrize("name", CASES)
def test_a_loss_refuses_an_empty_batch(name):
    target = cr.zeros((0,), dtype="int64") if name == "cross_entropy" else cr.zeros((0, 3))
    with pytest.raises(cr.ShapeError, match="empty|at least one row"):
        cr.nn.loss(name)(cr.zeros((0, 3)), target)


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_reduction_lists_those_that_exist(name):
    prediction, target, _ = CASES[name]
    with pytest.raises(cr.ArgumentError, match=r"unknown reduction 'avg': choose one of 'mean', 'none', 'sum'"):
        cr.nn.loss(name)(prediction, target, reduction="avg")


@pytest.mark.parametrize("labels", [[0, 3, 1, 2], [0, -1, 1, 2]])
def test_a_class_out_of_range_is_refused_with_the_range(labels):
    with pytest.raises(cr.ArgumentError, match=r"\[0, 3\)"):
        cr.nn.cross_entropy(A, np.array(labels))


def test_floating_class_indices_are_refused_with_a_way_out():
    with pytest.raises(cr.DtypeError, match="must be integers.*int64"):
        cr.nn.cross_entropy(A, LABELS.astype(float))


def test_labels_of_another_length_are_refused():
    with pytest.raises(cr.ShapeError, match=r"\(4, 3\).*\(3,\)"):
        cr.nn.cross_entropy(A, LABELS[:3])


def test_probabilities_and_indices_agree_in_cross_entropy():
    hot = np.eye(3)[LABELS]
    assert cr.nn.cross_entropy(cr.tensor(A), hot).item() == pytest.approx(
        cr.nn.cross_entropy(cr.tensor(A), LABELS).item()
    )


def test_cross_entropy_in_one_node_is_its_composition():
    z = cr.tensor(A)
    plain = cr.logsumexp(z, axis=-1) - cr.take_along_axis(z, LABELS[:, None], -1)[:, 0]
    np.testing.assert_allclose(class_entropy(z, LABELS).numpy(), plain.numpy(), rtol=1e-14)


@pytest.mark.filterwarnings("error")
def test_cross_entropy_is_exact_for_huge_logits():
    z = cr.tensor(np.array([[1e4, -1e4]], np.float32), requires_grad=True)
    loss = cr.nn.cross_entropy(z, np.array([1]))
    loss.backward()
    assert (loss.item(), z.grad.tolist()) == (2e4, [[1.0, -1.0]])


def test_a_class_masked_by_minus_infinity_gets_no_gradient():
    z = cr.tensor(np.array([[0.0, -np.inf, 0.0]]), requires_grad=True)
    loss = cr.nn.cross_entropy(z, np.array([0]))
    loss.backward()
    assert (round(loss.item(), 12), z.grad.tolist()) == (round(np.log(2), 12), [[-0.5, 0.0, 0.5]])


@pytest.mark.filterwarnings("error")
def test_bce_with_logits_is_exact_for_huge_logits():
    z = cr.tensor(np.array([1e4, -1e4]), requires_grad=True)
    cr.nn.bce_with_logits(z, np.array([0.0, 0.0]), reduction="sum").backward()
    assert z.grad.tolist() == [1.0, 0.0]


@pytest.mark.filterwarnings("error")
def test_bce_is_finite_at_certain_probabilities():
    p = cr.tensor(np.array([0.0, 1.0, 0.0], np.float32), requires_grad=True)
    loss = cr.nn.bce(p, np.array([0.0, 1.0, 1.0], np.float32), reduction="none")
    loss.sum().backward()
    assert (loss.tolist()[:2], np.isfinite(loss.numpy()).all(), np.isfinite(p.grad.numpy()).all()) == (
        [0, 0],
        True,
        True,
    )


def test_bce_refuses_scores_that_are_no_probabilities():
    with pytest.raises(cr.ArgumentError, match="bce_with_logits"):
        cr.nn.bce(cr.tensor([1.5]), cr.tensor([1.0]))


@pytest.mark.parametrize("delta", [0, -1, float("nan")])
def test_huber_needs_a_positive_delta(delta):
    with pytest.raises(cr.ArgumentError, match="delta must be positive"):
        cr.nn.huber(A, B, delta=delta)


def test_losses_take_values():
    v = cr.Value(3.0)
    loss = cr.nn.mse(v, 1.0, reduction="none")
    loss.backward()
    assert (loss.data, v.grad) == (4.0, 4.0)
