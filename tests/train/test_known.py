"""Which code is known to do nothing but compute, so that it is recorded unasked."""

import math
from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.train.known import unknown

SEEN, SCALE, WEIGHTS = [], 2.0, [1.0, 2.0]


class Net(nn.Module):
    """Layers, a list of them, a helper, a property, and numbers."""

    def __init__(self):
        self.first, self.more, self.slope = nn.Linear(2, 4), [nn.Linear(4, 4), nn.Linear(4, 4)], 0.1
        self.shift = nn.Parameter(np.zeros(4, "f"))

    @property
    def half(self):
        return self.slope / 2

    def helper(self, h):
        return cr.where(h > 0, h, self.half * h) + self.shift

    def forward(self, x):
        h = self.first(x.reshape(-1, 2)).tanh()
        for layer in self.more:
            h = self.helper(layer(h)) if self.training else layer(h)
        return nn.softmax(h * math.sqrt(SCALE), axis=-1)


def with_forward(forward):
    class Other(Net):
        pass

    Other.forward = forward
    return Other()


class Own(optim.Optimizer):
    @staticmethod
    def update(p, g, *, lr):
        return (p - lr * cr.sign(g),)


class Stepping(Own):
    def step(self, closure=None):
        return super().step(closure)


def replaced(x, name):
    original = getattr(x, name)
    setattr(x, name, lambda *args: (print(args), original(*args))[1])
    return x


KNOWN = {
    "layers of ours": lambda: nn.MLP([2, 4, 2], dropout=0.5, norm="batch"),
    "functions of ours between layers": lambda: nn.Sequential(nn.Linear(2, 2), cr.tanh, nn.relu),
    "a loss with options": lambda: partial(nn.cross_entropy, label_smoothing=0.1),
    "a loss by name": lambda: nn.loss("mse"),
    "a network of the user's": Net,
    "a function": lambda: lambda p, y: SCALE * nn.mse(p, y) + (p * p).mean(),
    "a penalty": lambda: lambda model: 1e-3 * sum((p * p).sum() for p in model.parameters()),
    "a variable of an outer function": lambda: (lambda scale: lambda p, y: scale * nn.mse(p, y))(cr.tensor(2.0)),
    "an optimiser of ours": lambda: optim.Adam(Net().parameters()),
    "an update rule of the user's": lambda: Own(Net().parameters(), lr=0.1),
}
UNKNOWN = {
    "it appends": lambda: lambda p, y: (SEEN.append(1), nn.mse(p, y))[1],
    "it prints": lambda: lambda p, y: (print(p), nn.mse(p, y))[1],
    "it counts": lambda: with_forward(lambda self, x: setattr(self, "slope", 1)),
    "it appends to its own list": lambda: with_forward(lambda self, x: self.more.append(x)),
    "it reads a list": lambda: lambda p, y: WEIGHTS[0] * nn.mse(p, y),
    "it reads a list of an outer function": lambda: (lambda w: lambda p, y: w[0] * nn.mse(p, y))([1.0]),
    "it draws elsewhere": lambda: lambda p, y: np.random.random() * nn.mse(p, y),
    "it has a class of the user's": lambda: type("Loss", (), {"__call__": lambda self, p, y: nn.mse(p, y)})(),
    "it changes a parameter": lambda: with_forward(lambda self, x: self.shift.assign(x)),
    "a function inside does": lambda: lambda p, y: [SEEN.append(q) for q in (p, y)],
    "it calls what is not known": lambda: partial(lambda f, p, y: f(p), sorted),
    "a generator": lambda: lambda p, y: (yield p),
    "a layer of ours that is changed": lambda: type("Mine", (nn.Linear,), {"forward": lambda self, x: print(x)})(2, 2),
    "a method that is replaced in a module": lambda: replaced(nn.Linear(2, 2), "forward"),
    "a step that is replaced": lambda: replaced(optim.SGD(Net().parameters(), lr=0.1), "step"),
    "a step of the user's": lambda: Stepping(Net().parameters(), lr=0.1),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known(name):
    assert unknown(KNOWN[name]()) is None


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown(name):
    assert unknown(UNKNOWN[name]()) is not None


def count_up():
    global SCALE
    SCALE += 1


def test_a_global_variable_that_is_changed():
    assert unknown(count_up) == "count_up"
    assert unknown(lambda p, y: (count_up(), nn.mse(p, y))) == "count_up"
