"""What a training step asks of a device, for seven networks: at most so many launches, no upload, no wait.

The counts do not depend on the size of a batch, nor on what the device is: they are those of the device double.
"""

from functools import partial

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


def normalized(norm):
    layers = nn.Linear(20, 48), norm(48), nn.activation("gelu"), nn.Linear(48, 24), norm(24)
    model = nn.Sequential(*layers, nn.activation("gelu"), nn.Linear(24, 5)).to("strict")
    x, y = cr.random.normal(size=(8, 20), device="strict"), cr.random.integers(5, size=8, device="strict")
    return model, nn.cross_entropy, optim.AdamW(model.parameters(), lr=1e-3), x, y


def smoothed():
    model, _, optimizer, x, y = classifier(64, 128, 64, 10)
    return model, partial(nn.cross_entropy, label_smoothing=0.1), optimizer, x, y


NETS = {
    "64-128-64-10, Adam": lambda: classifier(64, 128, 64, 10),
    "64-128-64-10, label smoothing, Adam": smoothed,
    "784-512-256-10, Adam": lambda: classifier(784, 512, 256, 10),
    "784-2048-2048-10, Adam": lambda: classifier(784, 2048, 2048, 10),
    "8-32-32-2, tanh, MSE, momentum": regression,
    "20-48-24-5, GELU, LayerNorm, AdamW": lambda: normalized(nn.LayerNorm),
    "20-48-24-5, GELU, BatchNorm, AdamW": lambda: normalized(nn.BatchNorm),
}
LAUNCHES = {  # at most so many: of a step; for each batch of fit
    "64-128-64-10, Adam": (29, 32),
    "64-128-64-10, label smoothing, Adam": (31, 34),
    "784-512-256-10, Adam": (29, 32),
    "784-2048-2048-10, Adam": (29, None),  # whose fit takes seconds
    "8-32-32-2, tanh, MSE, momentum": (30, 33),
    "20-48-24-5, GELU, LayerNorm, AdamW": (41, 44),
    "20-48-24-5, GELU, BatchNorm, AdamW": (47, 50),
}


def step(model, loss, optimizer, x, y):
    """One step of training."""
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


def asked(made):
    """What one step asks of the device."""
    step(*made)  # what is made once, such as a kernel, does not count
    with device_double.counting() as seen:
        step(*made)
    return seen


def overdrawn(seen, net):
    """Of what more was asked than the network's budget allows."""
    most = {"launches": LAUNCHES[net][0], "uploads": 0, "waits": 0}
    return {kind for kind in most if getattr(seen, kind).total() > most[kind]}


def fitted(net, batches):
    """What two epochs of fit ask of the device."""
    model, loss, optimizer, x, y = NETS[net]()
    with device_double.counting() as seen:
        cr.fit(model, loss, optimizer, [(x, y)] * batches, 2, verbose=0)
    return seen


@pytest.mark.parametrize("net", NETS)
def test_a_step_keeps_to_its_budget(net, strict):
    seen = asked(NETS[net]())
    assert not overdrawn(seen, net), str(seen)


@pytest.mark.parametrize("net", [net for net, (_, most) in LAUNCHES.items() if most])
def test_fit_adds_little_to_the_steps(net, strict):
    few, many = fitted(net, 1), fitted(net, 3)
    text = f"2 batches: {few}; 6 batches: {many}"
    assert many.launches.total() - few.launches.total() <= 4 * LAUNCHES[net][1], text
    assert many.uploads == few.uploads, text
    assert many.waits == few.waits, text


# ---- what the budgets are for: mistakes that were made on purpose


def mask_assignment(xp, y):
    y[xp.isnan(y)] = 0
    return y


def an_upload(xp, y):
    return y * xp.asarray(np.ones(y.shape[-1], y.dtype))


def a_list_of_indices(xp, y):
    return y[list(range(len(y)))]


def asking_allclose(xp, y):
    return xp.zeros_like(y) if xp.allclose(y, 0 * y) else y


def asking_any(xp, y):
    return xp.nan_to_num(y) if xp.isnan(y).any() else y


def the_first_element(xp, y):
    return -y if y.flat[0] == 12345 else y


def the_bytes(xp, y):
    hash(y.tobytes())
    return y


def a_round_trip(xp, y):
    return xp.asarray(y.get())


def waiting_for_the_stream(xp, y):
    xp.cuda.get_current_stream().synchronize()
    return y


def row_by_row(xp, y):
    return xp.stack(list(y))


MISTAKES = {
    mask_assignment: {"waits"},
    an_upload: {"uploads"},
    a_list_of_indices: {"uploads"},
    asking_allclose: {"waits"},
    asking_any: {"waits"},
    the_first_element: {"waits"},
    the_bytes: {"waits"},
    a_round_trip: {"waits", "uploads"},
    waiting_for_the_stream: {"waits"},
    row_by_row: {"launches"},
}


class Mistaken:
    """The device double, with a mistake in each product of matrices."""

    def __init__(self, mistake):
        self._mistake = mistake

    def dot(self, x, y, **options):
        product = device_double.cupy.dot(x, y, **options)
        return self._mistake(device_double.cupy, product) if product.ndim == 2 else product

    matmul = dot

    def __getattr__(self, name):
        return getattr(device_double.cupy, name)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_at_every_product_is_noticed(mistake, strict, monkeypatch):
    monkeypatch.setattr(cr.backends.get(strict), "xp", Mistaken(mistake))
    monkeypatch.setattr(device_double.cupy.ndarray, "namespace", Mistaken(mistake))
    net = "64-128-64-10, Adam"
    assert MISTAKES[mistake] <= overdrawn(asked(NETS[net]()), net)


class InPieces(optim.SGD):
    """An update of 32,768 elements at a time, which is for the caches of a CPU."""

    @staticmethod
    def update(p, g, *, lr):
        for a in range(0, p.size, 32768):
            p[a : a + 32768] -= lr * g[a : a + 32768]
        return (p,)


def test_an_update_in_pieces_is_noticed(strict):
    assert overdrawn(asked(classifier(784, 512, 256, 10, optimizer=InPieces)), "784-512-256-10, Adam") == {"launches"}


def test_dropout_is_two_launches_forward_and_one_backward(strict):
    layer, x = nn.Dropout(0.3), cr.ones((600, 500), device=strict, requires_grad=True)
    g = layer(x).detach()
    with device_double.counting() as forward:
        y = layer(x)
    with device_double.counting() as backward:
        y.backward(g)
    assert forward.launches.total() == 2, str(forward)
    assert backward.launches == {"copy": 1, "multiply": 1}  # the copy is of the gradient that is given


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_clipping_adds_eight_launches_at_most(clip, strict):
    model, loss, optimizer, x, y = NETS["64-128-64-10, Adam"]()

    def clipped():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        clip(model.parameters(), 1.0)
        optimizer.step()

    clipped()
    with device_double.counting() as seen:
        clipped()
    assert seen.launches.total() <= LAUNCHES["64-128-64-10, Adam"][0] + 8, str(seen)
    assert not seen.waits + seen.uploads, str(seen)
