"""What the tests of `cr.jit` share: a training step, run eagerly and under jit from the same start, and compared bit for bit."""

import numpy as np

import chainrule as cr
from chainrule import nn, optim


def data(width, classes, batch=8, seed=0, dtype="float32"):
    """(x, integer targets, real targets of the shape (batch, classes))."""
    r = np.random.default_rng(seed)
    x, real = r.normal(size=(batch, width)).astype(dtype), r.random(size=(batch, classes)).astype(dtype)
    return cr.tensor(x), cr.tensor(r.integers(0, classes, batch)), cr.tensor(real)


def model_of(*layers, width=5, classes=3):
    """A model of layers between two linear ones; `layers` are functions that make them."""
    cr.random.seed(3)
    return nn.Sequential(nn.Linear(width, 6), *(make() for make in layers), nn.Linear(6, classes))


def training_step(model, optimizer, loss):
    def step(x, y):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def state_of(model, optimizer):
    """All that a step changes, as bytes by name."""
    found = {name: t.numpy().tobytes() for name, t in model.named_tensors()}
    found |= {
        f"grad {name}": p.grad if p.grad is None else p.grad.numpy().tobytes() for name, p in model.named_parameters()
    }
    for i, flat in optimizer.buffers:
        found |= {f"{kind} {i}": s.tobytes() for kind, s in flat.state.items()} | {f"updates {i}": [*flat.updates]}
    norm = optimizer.grad_norm
    return found | {"steps": optimizer.steps, "lr": optimizer.last_lr, "norm": None if norm is None else norm.item()}


def alike(make, batches, check=lambda step: None):
    """Assert that `make()`, which gives (step, what it changes as a dict), does the same eagerly and under jit. Returns the Jit."""
    cr.random.seed(11)
    step, state = make()
    expected = []
    for batch in batches:
        value = step(*batch)
        expected.append((value.numpy().tobytes(), state()))
    drawn = cr.random.get_state()
    cr.random.seed(11)
    step, state = make()
    step = cr.jit(step)
    for i, (batch, (value, after)) in enumerate(zip(batches, expected, strict=True)):
        assert step(*batch).numpy().tobytes() == value, f"the loss at step {i}"
        now = state()
        assert now == after, f"at step {i}: {[name for name in after if now.get(name) != after[name]]}"
    assert cr.random.get_state() == drawn
    return step


def trained_alike(make_model, make_optimizer, loss, batches):
    def make():
        model = make_model()
        optimizer = make_optimizer(model.parameters())
        return training_step(model, optimizer, loss), lambda: state_of(model, optimizer)

    return alike(make, batches)


SGD = lambda params: optim.SGD(params, lr=0.1)
