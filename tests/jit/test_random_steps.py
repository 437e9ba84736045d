"""Random training steps, with random changes between them, do the same eagerly and under jit."""

import numpy as np
import pytest
from jit_steps import state_of

import chainrule as cr
from chainrule import nn, optim

LAYERS = [
    lambda n: cr.tanh,
    lambda n: cr.relu,
    lambda n: nn.Dropout(0.3),
    nn.BatchNorm,
    nn.LayerNorm,
    lambda n: nn.Linear(n, n),
]
OPTIMIZERS = [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: optim.AdamW(p, lr=0.01),
    lambda p: optim.RMSprop(p, lr=0.01),
    lambda p: optim.Lion(p, lr=0.01),
]


class Program:
    """A step, `changes` that somebody makes between steps, and the `state` of all that it touches."""

    def __init__(self, seed):
        r = np.random.default_rng(seed)
        cr.random.seed(seed)
        n = int(r.integers(2, 6))
        middle = [LAYERS[i](n) for i in r.integers(len(LAYERS), size=r.integers(4))]
        self.model = model = nn.Sequential(nn.Linear(4, n), *middle, nn.Linear(n, 3))
        self.optimizer = optimizer = OPTIMIZERS[r.integers(len(OPTIMIZERS))](model.parameters())
        self.mean, self.options, self.generator = cr.zeros(3), {"scale": 1.0}, cr.random.Generator(3)
        fresh, noisy, parted, caught = r.random(4) < (0.7, 0.4, 0.4, 0.4)
        mean, options, generator = self.mean, self.options, self.generator

        def parts(x):
            yield x[::2]
            yield x[1::2]

        def step(x, y):
            if fresh:
                optimizer.zero_grad()
            out = cr.concatenate([model(part) for part in parts(x)]) if parted else model(x)
            if caught:
                try:
                    out = out.reshape(-1, 7)
                except cr.ChainruleError:
                    out = out * 1.5
            loss = nn.cross_entropy(out, y) * options["scale"]
            if noisy:
                loss = loss + (out * generator.normal(size=out.shape)).mean()
            loss.backward()
            optimizer.step()
            mean.assign(mean * 0.9 + out.detach().mean(axis=0) * 0.1)
            return {"loss": loss, "right": [(out.argmax(axis=1) == y).mean()]}

        self.step = step
        first = model.parameters()[0]
        self.changes = [
            lambda: setattr(optimizer, "lr", optimizer.lr / 2),
            lambda: options.update(scale=options["scale"] + 0.5),
            model.eval,
            model.train,
            optimizer.zero_grad,
            lambda: first.assign(first.numpy() / 2),
            lambda: cr.random.seed(5),
            lambda: cr.random.normal(size=2),
        ] + [lambda: None] * 4

    def state(self):
        drawn = cr.random.get_state(), self.generator.get_state()
        return state_of(self.model, self.optimizer) | {"mean": self.mean.numpy().tobytes(), "drawn": drawn}


def outcomes(seed, wrap):
    """What each step gives, or its error, and leaves behind."""
    left, program, r = [], Program(seed), np.random.default_rng(seed)
    step = wrap(program.step)
    for _ in range(10):
        x, y = r.normal(size=(8, 4)).astype("f4"), r.integers(3, size=8) + 5 * (r.random() < 0.05)
        try:
            found = step(cr.tensor(x), cr.tensor(y))
            found = found["loss"].item(), found["right"][0].item()
        except cr.ChainruleError as error:
            found = str(error)
        program.changes[r.integers(len(program.changes))]()
        left.append((found, program.state()))
    return left


@pytest.mark.parametrize("seed", range(20, 28))
def test_a_random_step(seed):
    for i, (eager, fast) in enumerate(zip(outcomes(seed, lambda f: f), outcomes(seed, cr.jit), strict=True)):
        assert eager == fast, f"at step {i}"
