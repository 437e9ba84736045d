"""A training step in C comes out as with NumPy, but for last digits: layers, activations, losses, optimisers, schedules."""

from functools import cache, partial

import numpy as np
import pytest
from jit_c import compiled, differences, needs_compiler
from jit_settings import BATCHES, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES
from jit_steps import SGD, model_of, training_step

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn.activations import ACTIVATIONS

pytestmark = needs_compiler
RELU = partial(model_of, lambda: nn.relu)
SETTINGS = {
    **{f"optimizer {n}": (RELU, o, nn.cross_entropy, BATCHES) for n, o in OPTIMIZERS.items()},
    **{
        f"schedule {n}": (model_of, lambda p, s=s: optim.SGD(p, lr=s()), nn.cross_entropy, BATCHES)
        for n, s in SCHEDULES.items()
    },
    **{f"layer {n}": (partial(model_of, *layers), SGD, nn.cross_entropy, BATCHES) for n, layers in LAYERS.items()},
    **{
        f"activation {n}": (partial(model_of, lambda f=f: f), SGD, nn.cross_entropy, BATCHES)
        for n, f in ACTIVATIONS.items()
    },
    **{f"loss {n}": (model_of, SGD, loss, batches) for n, (loss, batches) in LOSSES.items()},
}


@cache
def programs():
    """{setting: (Jit, its program in C)}."""
    steps = {}
    for name, (make, optimizer, loss, batches) in SETTINGS.items():
        model = make()
        steps[name] = cr.jit(training_step(model, optimizer(model.parameters()), loss), lowering="numpy")
        for batch in batches[:2] * (5 if "RAdam" in name else 1):
            steps[name](*batch)
    lowered = compiled([(step.program, step._last.recorded.state) for step in steps.values()])
    return {name: (step, c) for (name, step), c in zip(steps.items(), lowered, strict=True)}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step(name):
    step, lowered = programs()[name]
    # a bias before a BatchNorm has a gradient of 0, of which only rounding is left
    least = 0.125 if "BatchNorm" in name else 0.0
    assert max(differences(step._last, lowered, SETTINGS[name][3], least)) <= 16


@pytest.mark.parametrize("lowering", ["c", None])
def test_two_hundred_steps_with_dropout(lowering, monkeypatch):
    monkeypatch.undo()  # None is what users get
    losses = {}
    for kind in ("numpy", lowering):
        cr.random.seed(5)
        model = model_of(lambda: nn.gelu, lambda: nn.LayerNorm(6), lambda: nn.Dropout(0.2))
        step = cr.jit(training_step(model, optim.AdamW(model.parameters(), lr=0.01), nn.cross_entropy), lowering=kind)
        losses[kind] = np.array([step(*BATCHES[i % 5]).item() for i in range(200)])
        assert step.cache.replayed == 198
    assert step.lowering == "c"
    assert np.abs(losses[lowering] - losses["numpy"]).max() < 1e-4


def test_deterministic_takes_numpy():
    model = model_of()
    step = cr.jit(training_step(model, SGD(model.parameters()), nn.cross_entropy), lowering="c")
    with cr.deterministic():
        for _ in range(3):
            step(*BATCHES[0])
    assert step.lowering == "numpy"
