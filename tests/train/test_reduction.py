"""Whether a loss is a mean or a sum over examples, found out by trying."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.train.reduction import reduction_of

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)
WEIGHTS = cr.tensor([1.0, 2.0, 3.0])


def model(dtype, zero=False):
    cr.random.seed(0)
    layer = nn.Linear(4, 3).to(dtype)
    if zero:
        layer.weight.assign(0)
        layer.bias.assign(0)
    return layer


def weighted(p, y):
    weight = WEIGHTS.to(p.dtype)[y]
    return (nn.cross_entropy(p, y, reduction="none") * weight).sum() / weight.sum()


def masked(p, y):
    mask = cr.tensor((y.numpy() != 2).astype(str(p.dtype)))
    return (nn.cross_entropy(p, y, reduction="none") * mask).sum() / mask.sum()


def total(p, y):
    return nn.cross_entropy(p, y, reduction="sum")


LOSSES = {
    "mean": nn.cross_entropy,
    "smooth": lambda p, y: nn.cross_entropy(p, y, label_smoothing=0.1),
    "no loss": lambda p, y: (p * 0).sum(),
    "sum": total,
    "negative sum": lambda p, y: -(cr.nn.softmax(p) * cr.one_hot(y, 3).astype(p.dtype)).sum(),
    "linear sum": lambda p, y: -(p * cr.one_hot(y, 3).astype(p.dtype)).sum(),
    "linear mean": lambda p, y: -(p * cr.one_hot(y, 3).astype(p.dtype)).sum() / len(y),
}
EXPECTED = {"mean": "mean", "smooth": "mean", "no loss": None, "linear mean": "mean"}
NEITHER = {
    "weighted": weighted,
    "masked": masked,
    "of all": lambda p, y: cr.exp(nn.cross_entropy(p, y)),
    "root": lambda p, y: cr.sqrt(nn.mse(p, cr.one_hot(y, 3).astype(p.dtype))),
    "sum and penalty": lambda p, y: total(p, y) + 0.1 * len(CLASSES),
    "mean of a sum": lambda p, y: total(p, y) / len(y) ** 2,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_means_and_sums_are_told_apart(name, zero, dtype):
    found = reduction_of(LOSSES[name], model(dtype, zero), cr.tensor(X, dtype=dtype), cr.tensor(CLASSES))
    assert found == EXPECTED.get(name, "sum")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", NEITHER)
def test_what_is_neither_is_refused(name, zero, dtype):
    with pytest.raises(cr.ArgumentError, match="must be the mean or the sum over its examples"):
        reduction_of(NEITHER[name], model(dtype, zero), cr.tensor(X, dtype=dtype), cr.tensor(CLASSES))


@pytest.mark.parametrize("loss", [nn.cross_entropy, total])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_examples_are_enough(n, loss):
    found = reduction_of(loss, model("float32"), cr.tensor(X[:n], dtype="float32"), cr.tensor(CLASSES[:n]))
    assert found == ("sum" if loss is total else "mean")


def test_float16_tells_them_apart():
    x = cr.tensor(X, dtype="float16")
    assert reduction_of(nn.cross_entropy, model("float16"), x, cr.tensor(CLASSES)) == "mean"
    assert reduction_of(total, model("float16"), x, cr.tensor(CLASSES)) == "sum"


def test_probabilities_stay_probabilities():
    y = cr.tensor((CLASSES > 1).astype("float32").reshape(-1, 1))
    net = nn.Sequential(nn.Linear(4, 1), nn.sigmoid)
    assert reduction_of(nn.bce, net, cr.tensor(X, dtype="float32"), y) == "mean"


def test_a_loss_that_is_nan_tells_nothing():
    assert (
        reduction_of(nn.cross_entropy, model("float32"), cr.tensor(X * np.nan, dtype="float32"), cr.tensor(CLASSES))
        is None
    )


def test_several_outputs_are_told_by_their_values():
    class Two(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return y, (y**2).sum(axis=1)

    loss = lambda out, y: nn.cross_entropy(out[0], y) + out[1].mean()
    assert reduction_of(loss, Two(4, 3), cr.tensor(X, dtype="float32"), cr.tensor(CLASSES)) == "mean"


def test_nothing_is_left_in_the_model():
    net = model("float32")
    loss = lambda p, y: nn.cross_entropy(p, y) + cr.optim.l2_penalty(net.parameters())
    reduction_of(loss, net, cr.tensor(X, dtype="float32"), cr.tensor(CLASSES))
    assert [p.grad for p in net.parameters()] == [None, None]
