"""Under jit a step gives the bits of the eager one: every layer, activation, loss, optimiser and schedule."""

import pytest
from jit_steps import SGD, alike, data, model_of, trained_alike

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn.activations import ACTIVATIONS

X, CLASSES, REAL = data(5, 3)
BATCHES = [(x, y) for x, y, _ in (data(5, 3, seed=i) for i in range(5))]
REALS = [(x, y) for x, _, y in (data(5, 3, seed=i) for i in range(5))]
SHARES = [(x, cr.softmax(y)) for x, y in REALS]

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "SGD nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p),
    "Adam amsgrad": lambda p: optim.Adam(p, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p),
    "Adamax": lambda p: optim.Adamax(p),
    "NAdam": lambda p: optim.NAdam(p),
    "RAdam": lambda p: optim.RAdam(p),
    "Lion": lambda p: optim.Lion(p),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1),
    "Adadelta": lambda p: optim.Adadelta(p),
    "RMSprop": lambda p: optim.RMSprop(p),
    "RMSprop centred": lambda p: optim.RMSprop(p, centered=True, momentum=0.9),
    "two groups": lambda p: optim.Adam([{"params": p[:2], "lr": 0.1}, {"params": p[2:], "weight_decay": 0.1}]),
}
SCHEDULES = {
    "step": lambda: optim.schedule.step_decay(0.1, 2),
    "cosine": lambda: optim.schedule.cosine(0.1, 10),
    "a function": lambda: lambda step: 0.1 / (1 + step),
}
LAYERS = {
    "LayerNorm": [lambda: nn.LayerNorm(6)],
    "BatchNorm": [lambda: nn.BatchNorm(6)],
    "BatchNorm without affine": [lambda: nn.BatchNorm(6, affine=False)],
    "Dropout": [lambda: nn.Dropout(0.3)],
    "Dropout with a generator": [lambda: nn.Dropout(0.3, generator=cr.random.Generator(5))],
}
LOSSES = {
    "cross_entropy": (nn.cross_entropy, BATCHES),
    "cross_entropy smoothed": (lambda x, y: nn.cross_entropy(x, y, label_smoothing=0.1), BATCHES),
    "cross_entropy of shares": (nn.cross_entropy, SHARES),
    "cross_entropy added up": (lambda x, y: nn.cross_entropy(x, y, reduction="sum"), BATCHES),
    "mse": (nn.mse, REALS),
    "l1": (nn.l1, REALS),
    "huber": (nn.huber, REALS),
    "bce": (lambda x, y: nn.bce(cr.sigmoid(x), y), REALS),
    "bce_with_logits": (nn.bce_with_logits, REALS),
    "bce_with_logits smoothed": (lambda x, y: nn.bce_with_logits(x, y, label_smoothing=0.1), REALS),
}


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
