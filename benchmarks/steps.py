"""Training steps (forward, loss, backward, Adam) and a chain of small operations, in float32, against PyTorch eager."""

from .measure import Row, contest, in_fresh_process

NETS = [  # sizes, batch, target ratio, rounds, calls in a turn
    ((2, 16, 16, 1), 32, 0.60, 20, 100),
    ((64, 128, 64, 10), 64, 0.60, 20, 100),
    ((784, 512, 256, 10), 128, 0.80, 15, 20),
    ((1024, 4096, 4096, 1000), 512, 0.75, 4, 2),
]


def arrays(sizes, batch):
    """The same inputs and targets for every contestant: classes, or numbers where there is one output."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, sizes[0]), dtype=np.float32)
    if sizes[-1] == 1:
        return x, rng.random((batch, 1), dtype=np.float32)
    return x, rng.integers(0, sizes[-1], batch)


def ours(sizes, batch, device="cpu", workers=None):
    import chainrule as cr

    x, y = (cr.tensor(a, device=device) for a in arrays(sizes, batch))
    model = cr.nn.MLP(sizes).to(device)
    optimizer = cr.optim.Adam(model.parameters(), lr=1e-3)
    loss = cr.nn.mse if sizes[-1] == 1 else cr.nn.cross_entropy
    parallel = workers and cr.parallel.DataParallel(model, optimizer, workers)

    def step():
        optimizer.zero_grad()
        if parallel:
            parallel.backward(lambda model, x, y: loss(model(x), y), x, y)
        else:
            loss(model(x), y).backward()
        optimizer.step()

    return step


def pytorch(sizes, batch, device="cpu", **options):
    import torch

    x, y = (torch.as_tensor(a, device=device) for a in arrays(sizes, batch))
    layers = []
    for n, m in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    loss = torch.nn.functional.mse_loss if sizes[-1] == 1 else torch.nn.functional.cross_entropy

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return step


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
    for sizes, batch, target, rounds, size in NETS:
        a, b = contest([(ours, sizes, batch), (pytorch, sizes, batch)], rounds, size)
        yield Row(f"step {'-'.join(map(str, sizes))} (batch {batch})", "µs", a * 1e6, "PyTorch", b * 1e6, target)
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
from benchmarks.steps import {maker}
before = peak_memory()
step = {maker}((1024, 4096, 4096, 1000), 512)
for _ in range(3):
    step()
print(json.dumps(peak_memory() - before))
"""
