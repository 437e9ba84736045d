"""Training steps (forward, loss, backward, update) as chainrule, PyTorch and JAX write them, and what the smallest and the largest cost."""

from functools import partial
from itertools import pairwise

from .measure import Row, contest, in_fresh_process

LARGEST = (1024, 4096, 4096, 1000), 512  # sizes, batch
OPTIMIZERS = {
    "Adam": dict(lr=1e-3),
    "AdamW": dict(lr=1e-3, weight_decay=0.01),
    "SGD": dict(lr=0.01, momentum=0.9),
}


def arrays(sizes, batch):
    """The same inputs and targets for every contestant: classes, or numbers where there are at most two outputs."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, sizes[0]), dtype=np.float32)
    if sizes[-1] <= 2:
        return x, rng.random((batch, sizes[-1]), dtype=np.float32)
    return x, rng.integers(0, sizes[-1], batch)


def weights(sizes):
    """The same first weights for every contestant, of shape (inputs, outputs) for each layer."""
    import numpy as np

    rng = np.random.default_rng(1)
    for n, m in pairwise(sizes):
        yield rng.standard_normal((n, m), dtype=np.float32) * np.float32((2 / n) ** 0.5)


def ours(
    sizes, batch, device="cpu", workers=None, activation="relu", norm=None, dropout=0.0, optimizer="Adam", lowering=None
):
    """A step of chainrule, under cr.jit if a lowering is named."""
    import chainrule as cr

    x, y = (cr.tensor(a, device=device) for a in arrays(sizes, batch))
    model = cr.nn.MLP(sizes, activation, norm=norm, dropout=dropout)
    for layer, w in zip(model.layers, weights(sizes), strict=True):
        layer.weight.assign(w)
    model.to(device)
    optimizer = getattr(cr.optim, optimizer)(model.parameters(), **OPTIMIZERS[optimizer])
    objective = cr.nn.mse if sizes[-1] <= 2 else cr.nn.cross_entropy
    parallel = workers and cr.parallel.DataParallel(model, optimizer, workers)

    def step(x, y):
        optimizer.zero_grad()
        if parallel:
            loss = parallel.backward(lambda model, x, y: objective(model(x), y), x, y)
        else:
            loss = objective(model(x), y)
            loss.backward()
        optimizer.step()
        return loss

    return partial(cr.jit(step, lowering=lowering) if lowering else step, x, y)


def pytorch(
    sizes, batch, device="cpu", activation="relu", norm=None, dropout=0.0, optimizer="Adam", compiled=False, **options
):
    """A step of PyTorch; options: more of the optimiser's. compiled: as one graph, which takes a gradient by torch.func and
    the update in formulas, since backward() and the optimiser break a graph."""
    import torch

    x, y = (torch.as_tensor(a, device=device) for a in arrays(sizes, batch))
    activations = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU}
    layers = []
    for w in weights(sizes):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data.copy_(torch.as_tensor(w.T))
        linear.bias.data.zero_()
        layers += [linear, *([torch.nn.LayerNorm(w.shape[1])] if norm else []), activations[activation]()]
        layers += [torch.nn.Dropout(dropout)] if dropout else []
    model = torch.nn.Sequential(*layers[: -1 - bool(norm) - bool(dropout)]).to(device)
    objective = torch.nn.functional.mse_loss if sizes[-1] <= 2 else torch.nn.functional.cross_entropy
    if compiled:
        update = torch_update(optimizer)
        parameters = {name: p.detach() for name, p in model.named_parameters()}
        state = [[torch.zeros_like(p) for p in parameters.values()] for _ in range(2)]
        loss = lambda parameters, x, y: objective(torch.func.functional_call(model, parameters, x), y)

        @partial(torch.compile, fullgraph=True)
        def whole(parameters, t, state, x, y):
            gradient, value = torch.func.grad_and_value(loss)(parameters, x, y)
            t += 1
            for p, g, *moments in zip(parameters.values(), gradient.values(), *state, strict=True):
                update(t, p, g, *moments)
            return value

        return partial(whole, parameters, torch.zeros(()), state, x, y)
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), **OPTIMIZERS[optimizer], **options)

    def step(x, y):
        optimizer.zero_grad()
        loss = objective(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return partial(step, x, y)


def torch_update(optimizer):
    """The update of one parameter by that optimiser, for torch.compile."""
    options = OPTIMIZERS[optimizer]

    def adam(t, p, g, m, v):
        m.mul_(0.9).add_(0.1 * g)
        v.mul_(0.999).add_(0.001 * g * g)
        p.mul_(1 - options["lr"] * options.get("weight_decay", 0))
        p.sub_(options["lr"] / (1 - 0.9**t) * m / ((v / (1 - 0.999**t)).sqrt() + 1e-8))

    def momentum(t, p, g, m, _):
        m.mul_(options["momentum"]).add_(g)
        p.sub_(options["lr"] * m)

    return momentum if optimizer == "SGD" else adam


def jax(sizes, batch, activation="relu", norm=None, dropout=0.0, optimizer="Adam"):
    """A step of JAX as one compiled function, which writes over its parameters and its optimiser's state."""
    import jax
    import jax.numpy as jnp

    x, y = map(jnp.asarray, arrays(sizes, batch))
    activate = {"relu": jax.nn.relu, "tanh": jnp.tanh, "gelu": partial(jax.nn.gelu, approximate=False)}[activation]
    parameters = [[jnp.asarray(w), jnp.zeros(w.shape[1])] for w in weights(sizes)]
    for layer in parameters[:-1] if norm else []:
        layer += [jnp.ones_like(layer[1]), jnp.zeros_like(layer[1])]
    options = OPTIMIZERS[optimizer]
    each = jax.tree_util.tree_map

    def objective(parameters, h, y, key):
        *hidden, (w, b) = parameters
        for v, c, *scale in hidden:
            h = h @ v + c
            if scale:
                h = jax.nn.standardize(h, epsilon=1e-5) * scale[0] + scale[1]
            h = activate(h)
            if dropout:
                key, own = jax.random.split(key)
                h = jnp.where(jax.random.bernoulli(own, 1 - dropout, h.shape), h / (1 - dropout), 0)
        h = h @ w + b
        if sizes[-1] <= 2:
            return jnp.mean((h - y) ** 2)
        return jnp.mean(jax.nn.logsumexp(h, axis=1) - jnp.take_along_axis(h, y[:, None], axis=1)[:, 0])

    def adam(t, p, g, m, v):
        m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, scale, decay = options["lr"] / (1 - 0.9**t), 1 - 0.999**t, options["lr"] * options.get("weight_decay", 0)
        p = each(lambda p, m, v: p - decay * p - rate * m / (jnp.sqrt(v / scale) + 1e-8), p, m, v)
        return p, m, v

    def momentum(t, p, g, m):
        m = each(lambda m, g: options["momentum"] * m + g, m, g)
        return each(lambda p, m: p - options["lr"] * m, p, m), m

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(t, state, x, y):
        t = t + 1
        loss, gradient = jax.value_and_grad(objective)(state[0], x, y, jax.random.key(t.astype(int)))
        return loss, t, (momentum if optimizer == "SGD" else adam)(t, state[0], gradient, *state[1:])

    zeros = lambda: each(jnp.zeros_like, parameters)
    held = [jnp.zeros(()), (parameters, zeros()) if optimizer == "SGD" else (parameters, zeros(), zeros())]

    def run():
        loss, *held[:] = step(*held, x, y)
        return loss

    return run


def chain(library):
    """50 × (tanh, add) on a 32×16 array, forward and backward."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, c = (rng.standard_normal((32, 16), dtype=np.float32) for _ in range(2))
    if library == "chainrule":
        import chainrule as lib
    else:
        import torch as lib
    tanh, x, c = lib.tanh, lib.tensor(x, requires_grad=True), lib.tensor(c)

    def step():
        y = x
        for _ in range(50):
            y = tanh(y) + c
        y.sum().backward()

    return step


def rows():
    a, b = contest([(chain, "chainrule"), (chain, "torch")], 20, 100)
    yield Row("50 × (tanh, add) on 32×16", "µs", a * 1e6, "PyTorch", b * 1e6, 0.70)
    contestants = dict(library="chainrule", maker="ours"), dict(library="torch", maker="pytorch")
    a, b = (in_fresh_process(_PEAK.format(**contestant)) for contestant in contestants)
    yield Row("peak memory of the largest step", "MiB", a, "PyTorch", b, 1.0)


# what the largest step adds to the libraries that it imports, its model and optimiser included
_PEAK = """
import json
import {library}
from benchmarks.measure import peak_memory
from benchmarks.steps import LARGEST, {maker}
before = peak_memory()
step = {maker}(*LARGEST)
for _ in range(3):
    step()
print(json.dumps(peak_memory() - before))
"""
