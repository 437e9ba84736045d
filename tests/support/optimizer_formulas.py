"""The optimisers once more, in NumPy and as their papers write them, to hold chainrule's against.

Each formula is a generator: `formula.send((p, g))` takes a parameter and its gradient and gives the new parameter.
"""

from functools import cache
from itertools import count

import numpy as np

import chainrule as cr
from chainrule import optim


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Sutskever et al. (2013), with the learning rate outside of the velocity."""
    new, v = None, 0
    while True:
        p, g = yield new
        g = g + weight_decay * p
        v = momentum * v + g
        new = p - lr * (g + momentum * v) if nesterov else p - lr * v


def adagrad(lr=1e-2, lr_decay=0.0, eps=1e-10, weight_decay=0.0, initial_accumulator_value=0.0):
    """Duchi et al. (2011), with the diagonal of G."""
    new, total = None, initial_accumulator_value
    for t in count():
        p, g = yield new
        g = g + weight_decay * p
        total = total + g**2
        new = p - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)


def adadelta(lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    """Zeiler (2012), algorithm 1, where RMS[x] is the root of E[x²] + eps."""
    new, of_gradients, of_steps = None, 0, 0
    while True:
        p, g = yield new
        g = g + weight_decay * p
        of_gradients = rho * of_gradients + (1 - rho) * g**2
        step = -np.sqrt(of_steps + eps) / np.sqrt(of_gradients + eps) * g
        of_steps = rho * of_steps + (1 - rho) * step**2
        new = p + lr * step


def rmsprop(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    """Tieleman and Hinton (2012); centred as in Graves (2013)."""
    new, n, mean, velocity = None, 0, 0, 0
    while True:
        p, g = yield new
        g = g + weight_decay * p
        n = alpha * n + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        velocity = momentum * velocity + g / (np.sqrt(n - mean**2 if centered else n) + eps)
        new = p - lr * velocity


def adam(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    """Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2, if the decay is decoupled.

    For amsgrad the largest v so far (Reddi et al., 2018, algorithm 2) is corrected for the bias of the current step.
    """
    new, m, v, largest = None, 0, 0, 0
    for t in count(1):
        p, g = yield new
        if not decoupled:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        new = p - lr * m_hat / (np.sqrt(v_hat) + eps) - (lr * weight_decay * p if decoupled else 0)


def adamw(weight_decay=1e-2, **options):
    return adam(weight_decay=weight_decay, decoupled=True, **options)


def adamax(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Kingma and Ba (2015), algorithm 2; eps, which it lacks, keeps the denominator above 0."""
    new, m, u = None, 0, 0
    for t in count(1):
        p, g = yield new
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        new = p - lr / (1 - betas[0] ** t) * m / u


def nadam(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3):
    """Dozat (2016), algorithm 2, with momenta that rise as its author proposes."""
    new, m, n, product = None, 0, 0, 1.0

    def mu(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    for t in count(1):
        p, g = yield new
        g = g + weight_decay * p
        product *= mu(t)
        m = betas[0] * m + (1 - betas[0]) * g
        n = betas[1] * n + (1 - betas[1]) * g**2
        g_hat = g / (1 - product)
        m_hat = m / (1 - product * mu(t + 1))
        n_hat = n / (1 - betas[1] ** t)
        new = p - lr * ((1 - mu(t)) * g_hat + mu(t + 1) * m_hat) / (np.sqrt(n_hat) + eps)


def radam(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Liu et al. (2020), algorithm 2, with the threshold 5 of its authors' code, and eps outside of the root."""
    new, m, v, longest = None, 0, 0, 2 / (1 - betas[1]) - 1
    for t in count(1):
        p, g = yield new
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = m / (1 - betas[0] ** t)
        length = longest - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if length > 5:
            r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            new = p - lr * m_hat * r * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)
        else:
            new = p - lr * m_hat


def lion(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    """Chen et al. (2023), algorithm 2."""
    new, m = None, 0
    while True:
        p, g = yield new
        c = betas[0] * m + (1 - betas[0]) * g
        new = p - lr * (np.sign(c) + weight_decay * p)
        m = betas[1] * m + (1 - betas[1]) * g


# name -> (optimiser, formula, options); every option of every optimiser is in it, which a test makes sure of
CASES = {
    "SGD": (optim.SGD, sgd, dict(lr=0.05)),
    "SGD with decay": (optim.SGD, sgd, dict(lr=0.05, weight_decay=0.1)),
    "momentum": (optim.SGD, sgd, dict(lr=0.01, momentum=0.9)),
    "momentum with decay": (optim.SGD, sgd, dict(lr=0.01, momentum=0.9, weight_decay=0.1)),
    "Nesterov": (optim.SGD, sgd, dict(lr=0.01, momentum=0.9, nesterov=True)),
    "Nesterov with decay": (optim.SGD, sgd, dict(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "Adagrad": (optim.Adagrad, adagrad, dict()),
    "Adagrad with decay": (optim.Adagrad, adagrad, dict(lr=0.1, weight_decay=0.1)),
    "Adagrad with falling rate": (optim.Adagrad, adagrad, dict(lr=0.1, lr_decay=0.01, eps=1e-3)),
    "Adagrad with head start": (optim.Adagrad, adagrad, dict(lr=0.1, initial_accumulator_value=0.5)),
    "Adadelta": (optim.Adadelta, adadelta, dict()),
    "Adadelta with options": (optim.Adadelta, adadelta, dict(lr=0.5, rho=0.5, eps=1e-3, weight_decay=0.1)),
    "RMSprop": (optim.RMSprop, rmsprop, dict()),
    "RMSprop with options": (optim.RMSprop, rmsprop, dict(lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1)),
    "RMSprop with momentum": (optim.RMSprop, rmsprop, dict(lr=0.01, momentum=0.9)),
    "centred RMSprop": (optim.RMSprop, rmsprop, dict(lr=0.01, centered=True)),
    "centred RMSprop with momentum": (optim.RMSprop, rmsprop, dict(lr=0.01, centered=True, momentum=0.5)),
    "Adam": (optim.Adam, adam, dict()),
    "Adam with decay": (optim.Adam, adam, dict(lr=0.01, weight_decay=0.1)),
    "Adam with options": (optim.Adam, adam, dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3)),
    "Adam without memory": (optim.Adam, adam, dict(lr=0.01, betas=(0.0, 0.0))),
    "amsgrad": (optim.Adam, adam, dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True)),
    "amsgrad with decay": (optim.Adam, adam, dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True, weight_decay=0.1)),
    "AdamW": (optim.AdamW, adamw, dict()),
    "AdamW with options": (optim.AdamW, adamw, dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.3)),
    "AdamW with amsgrad": (optim.AdamW, adamw, dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True, weight_decay=0.3)),
    "Adamax": (optim.Adamax, adamax, dict()),
    "Adamax with options": (optim.Adamax, adamax, dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1)),
    "NAdam": (optim.NAdam, nadam, dict()),
    "NAdam with options": (
        optim.NAdam, nadam, dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1, momentum_decay=0.1),
    ),
    "RAdam": (optim.RAdam, radam, dict()),
    "RAdam with options": (optim.RAdam, radam, dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1)),
    "RAdam never rectified": (optim.RAdam, radam, dict(lr=0.01, betas=(0.9, 0.5))),
    "RAdam at the edge": (optim.RAdam, radam, dict(lr=0.01, betas=(0.9, 0.6))),
    "Lion": (optim.Lion, lion, dict()),
    "Lion with options": (optim.Lion, lion, dict(lr=0.01, betas=(0.5, 0.9), weight_decay=0.1)),
}  # fmt: skip


RULES = {  # the optimisers that have a rule, by name
    name: value
    for name, value in vars(optim).items()
    if isinstance(value, type) and issubclass(value, optim.Optimizer) and value.update is not optim.Optimizer.update
}


# ---- what they are run on

SHAPES = ((3, 4), (4,), (), (0, 2), (2, 1, 5))


def start(shapes=SHAPES):
    """The arrays that the parameters start from."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@cache
def gradients(step, shapes=SHAPES):
    """What the parameters get at a step: numbers of very different sizes."""
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 1) for shape in shapes]


def leaves(arrays, dtype="float64", device="cpu"):
    return [cr.tensor(a, dtype=dtype, device=device, requires_grad=True) for a in arrays]


def train(optimizer, steps=200, first=0, shapes=SHAPES):
    """Let an optimiser take steps along `gradients`, from step `first` on; its parameters as arrays afterwards."""
    for step in range(first, first + steps):
        for p, g in zip(optimizer.params, gradients(step, shapes), strict=True):
            p.grad = float(g) if p.device == "scalar" else g
        optimizer.step()
    return [p.numpy() for p in optimizer.params]


@cache
def expected(name, steps=200, shapes=SHAPES, dtype="float64"):
    """Where the formula leads: computed in float64, with parameters and gradients that are rounded to `dtype`."""
    _, formula, options = CASES[name]
    ends = []
    for i, p in enumerate(start(shapes)):
        rule, p = formula(**options), p.astype(dtype)
        next(rule)
        for step in range(steps):
            g = gradients(step, shapes)[i].astype(dtype)
            p = rule.send((p.astype("float64"), g.astype("float64"))).astype(dtype)
        ends.append(p)
    return ends


def made(name, params, **more):
    """The optimiser of a case, with some options changed."""
    make, _, options = CASES[name]
    return make(params, **options | more)


def snapshot(optimizer):
    """Everything that a step may change, as plain numbers."""
    state = optimizer.state_dict()
    state["state"] = [{k: getattr(v, "tolist", lambda v=v: v)() for k, v in entry.items()} for entry in state["state"]]
    norm = optimizer.grad_norm
    return [p.tolist() for p in optimizer.params], state, optimizer.steps, None if norm is None else norm.item()


def one(value=0.0, **options):
    """An SGD with one parameter, whose gradient is 1."""
    (p,) = leaves([np.array([value])])
    p.grad = [1.0]
    return p, optim.SGD([p], **{"lr": 1.0, **options})


class Halving:
    """A schedule with a state, which results change."""

    def __init__(self):
        self.rate, self.seen = 1.0, []

    def __call__(self, step):
        return self.rate

    def observe(self, row):
        self.seen.append(row)
        self.rate /= 2

    def state_dict(self):
        return {"rate": self.rate}

    def load_state_dict(self, state):
        self.rate = state["rate"]
