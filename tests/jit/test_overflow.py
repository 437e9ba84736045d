"""Where an update overflows under jit, the error is the eager one, and so is everything that it leaves."""

import numpy as np
import pytest
from jit_steps import data, state_of

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.flat import CHUNK

LARGE = CHUNK // 4 + 1  # outputs of a layer of five inputs: more elements than are updated at once


def failing(wrap, width, change, make=lambda p: optim.SGD(p, lr=0.01, momentum=0.9)):
    """What is there after `change` has made the fifth step overflow: (error, state, random counter)."""
    cr.random.seed(3)
    model = nn.Sequential(nn.Linear(5, width), nn.BatchNorm(width), nn.Dropout(0.5), nn.Linear(width, 3))
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.mse(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = wrap(step)
    x, _, y = data(5, 3)
    for _ in range(4):
        step(x, y)
    change(model, optimizer)
    try:
        with np.errstate(all="ignore"):
            step(x, y)
        error = None
    except Exception as found:
        error = type(found), str(found)
    return error, state_of(model, optimizer), cr.random.get_state()


def huge_state(model, optimizer):
    """A momentum that overflows when it is applied, in the last parameter."""
    optimizer.lr = 10
    optimizer.buffers[-1][1].state["velocity"][-1:] = 3e38


def huge_rate(model, optimizer):
    optimizer.lr = 3e38
    optimizer.buffers[-1][1].state["velocity"][-1:] = 5


@pytest.mark.parametrize("width", [6, LARGE], ids=["few", "many"])
@pytest.mark.parametrize("change", [huge_state, huge_rate])
def test_an_update_that_overflows(width, change):
    eager, fast = (failing(wrap, width, change) for wrap in (lambda f: f, cr.jit))
    assert eager[0] is not None
    assert eager[0] == fast[0]
    assert [k for k in eager[1] if eager[1][k] != fast[1].get(k)] == []
    assert eager[2] == fast[2]


def test_a_norm_that_overflows_is_added_up_in_wider_numbers():
    def huge_loss(model, optimizer):
        model[3].weight.assign(np.full((6, 3), 1e20, "f"))

    eager, fast = (failing(wrap, 6, huge_loss) for wrap in (lambda f: f, cr.jit))
    assert eager == fast
