"""What a training step may be made of, for the tests of `cr.jit`: optimisers, schedules, layers and losses by name, with batches."""

from jit_steps import data

import chainrule as cr
from chainrule import nn, optim

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
