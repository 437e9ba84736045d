"""Layers, losses, optimisers and a whole training run on devices: the strict stand-in for CuPy, and the GPU."""

import device_double
import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 40)
DEVICES = ["strict", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def away(request):
    """A device that is not the host."""
    return request.getfixturevalue("strict") if request.param == "strict" else request.param


def trained(device, name, **options):
    """Weights and history after a few epochs from the same seed."""
    cr.random.seed(0)
    model = cr.nn.MLP([4, 16, 8, 3], dropout=0.2).to(device)
    optimizer = getattr(cr.optim, name)(model.parameters(), **options)
    batches = cr.optim.Batches(cr.tensor(X, device=device), cr.tensor(LABELS, device=device), batch_size=16, seed=0)
    history = cr.optim.fit(
        model, cr.nn.cross_entropy, optimizer, batches, 5, validation=batches.arrays, metrics={"accuracy": cr.optim.accuracy},
        progress=False,
    )  # fmt: skip
    return [p.numpy() for p in model.parameters()], history


@pytest.mark.parametrize(
    ("name", "options"), [("Adam", {"lr": 0.01}), ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True})]
)
def test_a_training_run_gives_what_the_cpu_gives(away, name, options):
    (weights, history), (expected, reference) = trained(away, name, **options), trained("cpu", name, **options)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(history["loss"], reference["loss"], rtol=1e-4)


def data(device, *shape):
    return cr.tensor(np.random.default_rng(2).uniform(0.1, 0.9, shape), device=device)


@pytest.mark.parametrize("name", cr.nn.LOSSES)
def test_a_loss_and_its_gradient_are_those_of_the_cpu(away, name):
    def both(device):
        p = data(device, 5, 3)
        p.requires_grad = True
        y = cr.tensor([0, 1, 2, 0, 1], device=device) if name == "cross_entropy" else data(device, 5, 3) * 0.5
        loss = cr.nn.loss(name)(p, y)
        loss.backward()
        return loss.item(), p.grad.numpy()

    (loss, g), (expected, reference) = both(away), both("cpu")
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(g, reference, rtol=1e-12)


LAYERS = {
    "Linear": lambda: cr.nn.Linear(4, 3), "Linear without bias": lambda: cr.nn.Linear(4, 3, bias=False),
    "Perceptron": lambda: cr.nn.Perceptron(4), "MLP": lambda: cr.nn.MLP([4, 5, 2], activation="gelu", output="softmax"),
    "Sequential": lambda: cr.nn.Sequential(cr.nn.Linear(4, 2), cr.nn.elu, cr.nn.Dropout(0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_the_cpu_gives(away, name):
    def outputs(device):
        cr.random.seed(3)
        model = LAYERS[name]().to(device)
        y = model(cr.tensor(X, device=device))
        (y * y).sum().backward()
        return [y.numpy(), *(p.grad.numpy() for p in model.parameters())]

    for a, b in zip(outputs(away), outputs("cpu"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_class_out_of_range_gives_nan_where_looking_would_cost_a_transfer(away):
    loss = cr.nn.cross_entropy(data(away, 2, 3), cr.tensor([0, 3], device=away))
    assert np.isnan(loss.item())


def test_a_training_step_never_makes_the_host_wait(strict):
    model = cr.nn.MLP([4, 16, 3], dropout=0.2).to(strict)
    optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
    batches = cr.optim.Batches(cr.tensor(X, device=strict), cr.tensor(LABELS, device=strict), batch_size=16, seed=0)
    with device_double.forbid_syncs():
        for x, y in batches:
            optimizer.zero_grad()
            cr.nn.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert optimizer.steps == 3
