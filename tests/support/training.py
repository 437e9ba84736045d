"""What the tests of training share: small data, short runs, and ways in which a run is broken off."""

import os
import signal

import numpy as np

import chainrule as cr
from chainrule import nn, optim


def data(n=40):
    """(x, y): points, and whether both their coordinates have the same sign."""
    x = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def train(epochs=2, *, seed=0, batches=None, loss=nn.cross_entropy, verbose=0, dropout=0.2, **options):
    """A short training run of three steps an epoch: (model, history)."""
    cr.random.seed(seed)
    model = nn.MLP([2, 8, 2], dropout=dropout)
    if batches is None:
        batches = cr.data.Batches(*data(), batch_size=16, seed=seed)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    return model, cr.fit(model, loss, optimizer, batches, epochs, verbose=verbose, **options)


class Line(nn.Module):
    """slope · x."""

    def __init__(self, slope=1.0):
        self.slope = nn.Parameter([slope])

    def forward(self, x):
        return x * self.slope


def scripted(values, **options):
    """A run whose val_loss after epoch i is values[i - 1], and whose weight is then i: (model, history)."""
    model = Line(0.0)
    one = np.ones(1, "f"), np.ones(1, "f")

    def loss(prediction, y):
        if model.training:
            return -prediction.sum()  # each step adds 1 to the slope
        return values[round(model.slope.item()) - 1]

    options = {"verbose": 0, "validation": one} | options
    return model, cr.fit(model, loss, optim.SGD(model.parameters(), lr=1.0), one, len(values), **options)


def bits(model):
    """All weights and other tensors of a model, to be compared to the bit."""
    return {name: x.numpy().tobytes() for name, x in model.named_tensors()}


def plain(state):
    """A state dict with bytes in place of arrays, to be compared to the bit."""
    if isinstance(state, dict):
        return {name: plain(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [plain(value) for value in state]
    if isinstance(state, (cr.Tensor, np.ndarray)):
        array = state.numpy() if isinstance(state, cr.Tensor) else state
        return str(array.dtype), array.shape, array.tobytes()
    return repr(state)


def rows(history):
    """What a history holds but for the time, which is never the same."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


class Clock:
    """A clock for the seconds of a run that goes on only by wait()."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("chainrule.train.run.perf_counter", lambda: self.now)

    def wait(self, seconds):
        self.now += seconds


def press_ctrl_c():
    """What the terminal does: the handler runs before the next line does."""
    os.kill(os.getpid(), signal.SIGINT)


class At(cr.Callback):
    """Does something at one moment of a run: after step `step` (counted over all epochs) or epoch `epoch`."""

    def __init__(self, do, *, step=None, epoch=None):
        self.do, self.step, self.epoch = do, step, epoch

    def on_step(self, run):
        if run.optimizer.steps == self.step:
            self.do()

    def on_epoch(self, run):
        if run.epoch == self.epoch:
            self.do()


def calls(loss, do, at):
    """A loss that does something in its call number `at`."""
    count = 0

    def counted(prediction, y):
        nonlocal count
        count += 1
        if count == at:
            do()
        return loss(prediction, y)

    return counted


def raises(error):
    """A function that raises."""

    def fail():
        raise error

    return fail
