"""Aims of cr.jit beside its training steps: a recurrent net, inference, what recording and compiling cost, and memory."""

from . import steps
from .measure import Row, contest, in_fresh_process

THIRD = (784, 512, 256, 10), 128  # sizes, batch
STEPS, INPUTS, HIDDEN, BATCH = 20, 64, 128, 64  # of the recurrent net


def sequence():
    """(x, y, weights of the inputs, of the hidden state), of shapes (STEPS, BATCH, INPUTS), (BATCH, HIDDEN), and (from, to)."""
    import numpy as np

    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    shapes = (STEPS, BATCH, INPUTS), (BATCH, HIDDEN), (INPUTS, HIDDEN), (HIDDEN, HIDDEN)
    x, y, w, u = (draw(*shape) for shape in shapes)
    return x, y, w * np.float32(INPUTS**-0.5), u * np.float32(HIDDEN**-0.5)


def recurrent_ours(lowering="c"):
    import chainrule as cr

    x, y, *start = map(cr.tensor, sequence())
    w, u, b = (cr.nn.Parameter(p) for p in (*start, cr.zeros(HIDDEN)))
    optimizer = cr.optim.Adam([w, u, b], lr=1e-3)

    def step(x, y):
        optimizer.zero_grad()
        h = cr.zeros((BATCH, HIDDEN))
        for i in range(STEPS):
            h = cr.tanh(x[i] @ w + h @ u + b)
        loss = cr.nn.mse(h, y)
        loss.backward()
        optimizer.step()
        return loss

    step = cr.jit(step, lowering=lowering)
    return lambda: step(x, y).item()


def recurrent_pytorch(compiled=False):
    import torch

    x, y, w, u = map(torch.as_tensor, sequence())
    model = torch.nn.RNN(INPUTS, HIDDEN)
    for name, value in (("weight_ih_l0", w.T), ("weight_hh_l0", u.T), ("bias_ih_l0", 0), ("bias_hh_l0", 0)):
        p = getattr(model, name)
        p.data.copy_(torch.as_tensor(value).expand(p.shape))
    model.bias_hh_l0.requires_grad = False  # the two are one for all others
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x)[0][-1], y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def recurrent_jax():
    from functools import partial

    import jax
    import jax.numpy as jnp

    x, y, w, u = map(jnp.asarray, sequence())
    each = jax.tree_util.tree_map

    def objective(parameters):
        w, u, b = parameters
        follow = lambda h, x: (jnp.tanh(x @ w + h @ u + b), None)
        h, _ = jax.lax.scan(follow, jnp.zeros((BATCH, HIDDEN)), x)
        return jnp.mean((h - y) ** 2)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(t, state):
        p, m, v = state
        t = t + 1
        loss, g = jax.value_and_grad(objective)(p)
        m = each(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, scale = 1e-3 / (1 - 0.9**t), 1 - 0.999**t
        p = each(lambda p, m, v: p - rate * m / (jnp.sqrt(v / scale) + 1e-8), p, m, v)
        return loss, t, (p, m, v)

    start = (w, u, jnp.zeros(HIDDEN))
    zeros = lambda: each(jnp.zeros_like, start)
    held = [jnp.zeros(()), (start, zeros(), zeros())]

    def run():
        loss, *held[:] = step(*held)
        return loss.item()

    return run


def inference(library, sizes, batch):
    """The outputs of a net, of which the first is read; the mean of all, once, says that they agree."""
    from itertools import pairwise

    x, _ = steps.arrays(sizes, batch)
    weights = [*steps.weights(sizes)]
    if library == "ours":
        import chainrule as cr

        model = cr.nn.MLP(sizes)
        for layer, w in zip(model.layers, weights, strict=True):
            layer.weight.assign(w)
        model.eval()
        x = cr.tensor(x)
        program = cr.jit(lambda x: model(x), lowering="c")

        def run():
            with cr.no_grad():
                return program(x)
    elif library == "JAX":
        import jax
        import jax.numpy as jnp

        def net(weights, h):
            for w in weights[:-1]:
                h = jax.nn.relu(h @ w + jnp.zeros(w.shape[1]))
            return h @ weights[-1]

        net, weights, x = jax.jit(net), [*map(jnp.asarray, weights)], jnp.asarray(x)
        run = lambda: net(weights, x)
    else:
        import torch

        layers = []
        for (n, m), w in zip(pairwise(sizes), weights, strict=True):
            layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
            layers[-2].weight.data.copy_(torch.as_tensor(w.T))
            layers[-2].bias.data.zero_()
        model, x = torch.nn.Sequential(*layers[:-1]).eval(), torch.as_tensor(x)

        def run():
            with torch.inference_mode():
                return model(x)

    import numpy as np

    agreed = float(np.abs(np.asarray(run())).mean())
    return lambda: (run()[0, 0].item(), agreed)[1]


def rows():
    makers = {
        "jit, C": (recurrent_ours,),
        "PyTorch": (recurrent_pytorch,),
        "JAX": (recurrent_jax,),
    }
    yield from _against(f"RNN of {STEPS} steps {INPUTS}-{HIDDEN} ({BATCH})", makers, 8, 20)
    for sizes, batch in (((64, 128, 64, 10), 64), THIRD):
        makers = {name: (inference, name, sizes, batch) for name in ("ours", "PyTorch", "JAX")}
        yield from _against(f"inference {'-'.join(map(str, sizes))} ({batch})", makers, 8, 50)
    ours, theirs = (in_fresh_process(_PEAK.format(library=library)) for library in ("chainrule", "torch"))
    yield Row("peak memory of net 3, jit in C", "MiB", ours, "PyTorch", theirs, 1.0)
    found = in_fresh_process(_COSTS)
    for what, seconds, goal in (
        ("record net 3 twice, run and plan it", found["record"], 0.050),
        ("compile it, cold", found["cold"], 0.5),
        ("compile it, from the cache", found["cached"], 0.020),
    ):
        yield Row(what, "ms", seconds * 1e3, "goal", goal * 1e3, 1.0)


def _against(name, makers, turns, size):
    ours, *peers = contest([*makers.values()], turns, size, warmup=4, of=min)
    peer, theirs = min(zip([*makers][1:], peers, strict=True), key=lambda found: found[1])
    yield Row(name, "µs", ours * 1e6, peer, theirs * 1e6, 0.60)


# the same as for the largest step in steps.py
_PEAK = """
import json
import {library}
from benchmarks import steps
from benchmarks.aims import THIRD
from benchmarks.measure import peak_memory
before = peak_memory()
step = steps.ours(*THIRD, lowering="c") if "{library}" == "chainrule" else steps.pytorch(*THIRD, fused=True)
for _ in range(4):
    step().item()
print(json.dumps(peak_memory() - before))
"""

# a program is recorded twice, and planned and compiled at the second call; the library that all programs share is there before
_COSTS = """
import json, os, tempfile
from time import perf_counter
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
from benchmarks import steps
from benchmarks.aims import THIRD
from chainrule.backends import c_library, c_lowering, compiler
c_library.library()
spent, load = [], compiler.load
def timed(*arguments):
    start = perf_counter()
    made = load(*arguments)
    spent.append(perf_counter() - start)
    return made
c_lowering.load = timed
def first_two(lowering):
    step = steps.ours(*THIRD, lowering=lowering)
    start = perf_counter()
    step().item(), step().item()
    return perf_counter() - start
first_two("numpy")
recorded = min(first_two("numpy") for _ in range(3))
for _ in range(2):
    first_two("c")
    compiler._loaded.clear()
print(json.dumps(dict(record=recorded, cold=spent[0], cached=spent[1])))
"""
