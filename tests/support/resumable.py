"""Training runs of every kind that must end the same whether or not they were broken off on the way."""

import hashlib

import numpy as np
from training import bits, data, plain, rows

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import Prefetch
from chainrule.optim import schedule

EPOCHS, STEPS = 3, 9  # three steps in each epoch


def mlp(dropout=0.3):
    return nn.MLP([2, 8, 2], dropout=dropout)


def adam(model, lr=0.02):
    return optim.Adam(model.parameters(), lr=lr)


def pairs(batch_size=16, **options):
    return cr.data.Batches(*data(), batch_size=batch_size, **options)


class Noise(nn.Module):
    """Noise from a generator of its own, and a count of its calls in a tensor that is no parameter."""

    def __init__(self, seed):
        self.generator = cr.random.Generator(seed)
        self.count = cr.zeros(())

    def forward(self, x):
        if not self.training:
            return x
        self.count.assign(self.count + 1)
        return x + 0.1 * self.generator.normal(size=x.shape)


class Stream:
    """Batches that draw from the global generator one by one, between the steps."""

    def __iter__(self):
        x, y = data()
        for _ in range(3):
            index = cr.random.permutation(40)[:16].numpy()
            yield x[index], y[index]


def validated(**options):
    """The options of a run with validation data, which training makes worse after a while."""
    x, y = data()
    return {"validation": (x[:20], 1 - y[:20]), "metrics": "accuracy", **options}


# what a run is made of, from a seed: (model, optimiser, data, further options of fit)
SCENARIOS = {
    "a generator for the data": lambda seed: (m := mlp(), adam(m), pairs(seed=seed), {}),
    "the global generator for all": lambda seed: (m := mlp(), adam(m), data(), {"batch_size": 16}),
    "without shuffling": lambda seed: (m := mlp(), adam(m), pairs(shuffle=False), {}),
    "a list of batches": lambda seed: (m := mlp(), adam(m), [data(16), data(20), data(7)], {}),
    "a stream that draws as it goes": lambda seed: (m := mlp(), adam(m), Stream(), {}),
    "batches loaded ahead": lambda seed: (m := mlp(), adam(m), Prefetch(pairs(seed=seed)), {}),
    "dropout from a generator of its own": lambda seed: (
        m := nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5, cr.random.Generator(seed)), nn.Linear(8, 2)),
        adam(m),
        pairs(seed=seed),
        {},
    ),
    "tensors that are no parameters": lambda seed: (m := nn.Sequential(Noise(seed), mlp()), adam(m), pairs(), {}),
    "batch normalisation": lambda seed: (
        m := nn.Sequential(nn.Linear(2, 8), nn.BatchNorm(8), cr.tanh, nn.Linear(8, 2)),
        adam(m),
        pairs(),
        validated(),
    ),
    "momentum": lambda seed: (
        m := mlp(),
        optim.SGD(m.parameters(), lr=0.1, momentum=0.9, nesterov=True),
        pairs(),
        {},
    ),
    "two groups": lambda seed: (
        m := mlp(),
        optim.AdamW([{"params": m.layers[0].parameters(), "lr": 0.1}, {"params": m.layers[1].parameters()}]),
        pairs(),
        {},
    ),
    "a schedule": lambda seed: (m := mlp(), adam(m, schedule.cosine(0.1, STEPS)), pairs(), {}),
    "a rate that depends on results": lambda seed: (
        m := mlp(),
        adam(m, schedule.warmup(schedule.ReduceOnPlateau(0.1, patience=0), 2)),
        pairs(),
        validated(),
    ),
    "validation and metrics": lambda seed: (m := mlp(), adam(m), pairs(), validated()),
    "early stopping": lambda seed: (m := mlp(), adam(m), pairs(seed=seed), validated(early_stopping=2)),
    "early stopping that strikes": lambda seed: (m := mlp(), adam(m, 0.05), pairs(), validated(early_stopping=1)),
    "clipping and a penalty": lambda seed: (
        m := mlp(),
        adam(m),
        pairs(),
        {"clip_norm": 0.1, "clip_value": 0.05, "penalty": lambda model: 0.1 * optim.l2_penalty(model.parameters())},
    ),
    "float16": lambda seed: (m := mlp().to("float16"), adam(m), pairs(), {}),
}


class Outcome:
    """What a run leaves behind.

    Fields:
        history: as fit returned it.
        all: everything, in a form in which equal means equal to the bit.
    """

    def __init__(self, model, optimizer, history):
        best = None if history.best_weights is None else plain(history.best_weights)
        self.history = history
        self.all = {
            "weights": bits(model),
            "optimiser": plain(optimizer.state_dict()),
            "rows": rows(history),
            "end": (history.best_epoch, history.stop_reason, best),
            "random": cr.random.get_state(),
        }

    def digest(self):
        """`all` as a short text, the same in every process."""
        return hashlib.sha256(repr(self.all).encode()).hexdigest()


class Quiet(cr.Callback):
    """Passes on what it is told; a checkpoint cannot tell what is inside."""

    def __init__(self, inner):
        self.on_step, self.on_epoch = inner.on_step, inner.on_epoch


def run(scenario, *, seed=0, callback=None, loss=nn.cross_entropy, epochs=EPOCHS, errors="raise", **options):
    """One call of fit, as a process of its own would make it: the Outcome.

    `errors` is what NumPy does about them; where it raises, steps are not compiled.
    Where a run is taken up again the seed makes no difference, since nothing comes from it any more.
    """
    cr.random.seed(seed)
    model, optimizer, batches, own = SCENARIOS[scenario](seed)
    callbacks = [Quiet(callback or cr.Callback())]
    options = {"callbacks": callbacks, "verbose": 0, **own, **options}
    with np.errstate(all=errors, under="ignore"):
        history = cr.fit(model, loss, optimizer, batches, epochs, **options)
    return Outcome(model, optimizer, history)
