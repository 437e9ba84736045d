"""What a training step asks of a device, for five networks: at most so many launches, no upload, no wait.

The counts do not depend on the size of a batch, nor on what the device is: they are those of the device double.
"""

import device_double
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim


def classifier(*sizes, optimizer=optim.Adam):
    """A ReLU network, its loss, optimiser, and a batch of 8 examples, on the device double."""
    model = nn.MLP(sizes, activation="relu").to("strict")
    rng = np.random.default_rng(0)
    x = cr.tensor(rng.normal(size=(8, sizes[0])), dtype="float32", device="strict")
    y = cr.tensor(rng.integers(0, sizes[-1], 8), device="strict")
    return model, nn.cross_entropy, optimizer(model.parameters(), lr=1e-3), x, y


def regression():
    model = nn.MLP([8, 32, 32, 2], activation="tanh").to("strict")
    x, y = cr.random.normal(size=(8, 8), device="strict"), cr.random.normal(size=(8, 2), device="strict")
    return model, nn.mse, optim.SGD(model.parameters(), lr=1e-3, momentum=0.9), x, y


def normalized():
    layers = nn.Linear(20, 48), nn.LayerNorm(48), nn.activation("gelu"), nn.Linear(48, 24), nn.LayerNorm(24)
    model = nn.Sequential(*layers, nn.activation("gelu"), nn.Linear(24, 5)).to("strict")
    x, y = cr.random.normal(size=(8, 20), device="strict"), cr.random.integers(5, size=8, device="strict")
    return model, nn.cross_entropy, optim.AdamW(model.parameters(), lr=1e-3), x, y


NETS = {
    "64-128-64-10, Adam": lambda: classifier(64, 128, 64, 10),
    "784-512-256-10, Adam": lambda: classifier(784, 512, 256, 10),
    "784-2048-2048-10, Adam": lambda: classifier(784, 2048, 2048, 10),
    "8-32-32-2, tanh, MSE, momentum": regression,
    "20-48-24-5, GELU, LayerNorm, AdamW": normalized,
}
LAUNCHES = {  # at most so many: of a step; for each batch of fit
    "64-128-64-10, Adam": (31, 34),
    "784-512-256-10, Adam": (31, 34),
    "784-2048-2048-10, Adam": (31, None),
    "8-32-32-2, tanh, MSE, momentum": (31, 33),
    "20-48-24-5, GELU, LayerNorm, AdamW": (179, 182),
}


def step(model, loss, optimizer, x, y):
    """One step of training."""
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


def eager(net):
    """What one eager step asks of the device."""
    made = NETS[net]()
    step(*made)  # what is made once, such as a kernel, does not count
    with device_double.counting() as seen:
        step(*made)
    return seen


def fitted(net, batches):
    """What two epochs of fit ask of the device."""
    model, loss, optimizer, x, y = NETS[net]()
    data = [(x, y)] * batches
    with device_double.counting() as seen:
        cr.fit(model, loss, optimizer, data, 2, verbose=0)
    return seen


@pytest.mark.parametrize("net", NETS)
def test_a_step_keeps_to_its_budget(net, strict):
    seen = eager(net)
    launches = seen.launches.total()
    assert launches <= LAUNCHES[net][0], str(seen)
    assert not seen.uploads, str(seen)
    assert not seen.waits, str(seen)


@pytest.mark.parametrize("net", [net for net in NETS if net != "784-2048-2048-10, Adam"])  # which takes seconds
def test_fit_adds_little_to_the_steps(net, strict):
    few, many = fitted(net, 1), fitted(net, 3)
    each = (many.launches.total() - few.launches.total()) / 4
    assert each <= LAUNCHES[net][1], f"2 batches: {few}; 6 batches: {many}"
    assert many.uploads == few.uploads, f"2 batches: {few}; 6 batches: {many}"
    assert many.waits == few.waits, f"2 batches: {few}; 6 batches: {many}"
