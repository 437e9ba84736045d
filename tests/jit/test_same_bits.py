"""Under jit a step gives the bits of the eager one: every layer, activation, loss, optimiser and schedule."""

import pytest
from jit_settings import BATCHES, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES
from jit_steps import SGD, alike, model_of, trained_alike

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn.activations import ACTIVATIONS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    batches = BATCHES * 2 if name == "RAdam" else BATCHES
    step = trained_alike(lambda: model_of(lambda: nn.relu), OPTIMIZERS[name], nn.cross_entropy, batches)
    assert step.cache.replayed >= 2


@pytest.mark.parametrize(
    "name", ["SGD nesterov", "Adam amsgrad", "RAdam", "NAdam", "Lion", "RMSprop centred", "two groups"]
)
def test_two_hundred_steps(name):
    layers = [lambda: nn.BatchNorm(6), lambda: nn.gelu, lambda: nn.Dropout(0.3)]
    step = trained_alike(lambda: model_of(*layers), OPTIMIZERS[name], nn.cross_entropy, BATCHES * 40)
    assert step.cache.replayed >= 190


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    trained_alike(model_of, lambda p: optim.SGD(p, lr=SCHEDULES[name]()), nn.cross_entropy, BATCHES)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    step = trained_alike(lambda: model_of(*LAYERS[name]), SGD, nn.cross_entropy, BATCHES)
    assert step.cache.replayed >= 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    step = trained_alike(lambda: model_of(lambda: ACTIVATIONS[name]), SGD, nn.cross_entropy, BATCHES)
    assert step.cache.replayed >= 2


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss, batches = LOSSES[name]
    step = trained_alike(model_of, SGD, loss, batches)
    assert step.cache.replayed >= 2


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_dtypes(dtype):
    batches = [(x.to(dtype), y) for x, y in BATCHES]
    trained_alike(lambda: model_of(lambda: nn.relu).to(dtype), lambda p: optim.Adam(p), nn.cross_entropy, batches)


def test_arrays_of_numpy_as_arguments():
    batches = [(x.numpy(), y.numpy()) for x, y in BATCHES]
    trained_alike(model_of, SGD, nn.cross_entropy, batches)


def test_clipping_takes_both_ways():
    def make():
        cr.random.seed(3)
        model = model_of()
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            value = nn.cross_entropy(model(x), y)
            value.backward()
            optim.clip_grad_norm(model.parameters(), 1.0)
            optimizer.step()
            return value

        return step, lambda: {name: t.numpy().tobytes() for name, t in model.named_tensors()}

    x, y = BATCHES[0]
    alike(make, [(x * s, y) for s in (1, 0.01, 1, 0.01, 1, 0.01, 1)])
