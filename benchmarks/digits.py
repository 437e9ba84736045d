"""Reading digits: accuracy after training, and the time to 97 %, beside scikit-learn's MLP and PyTorch.

The same images, split, network (64-128-64-10, ReLU), optimiser (Adam, 1e-3), batches (64) and epochs for everybody, five
seeds, one thread each: these products are too small to share. Only training is timed, not the tests after each epoch.
"""

from statistics import mean, stdev
from time import perf_counter

import numpy as np

from .measure import Row, in_fresh_process

SIZES, BATCH, EPOCHS, SEEDS, GOAL = (64, 128, 64, 10), 64, 60, 5, 0.97


def data():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x = (digits.data / 16).astype(np.float32)
    return train_test_split(x, digits.target, test_size=0.2, stratify=digits.target, random_state=0)


def chainrule(seed, x, y):
    import chainrule as cr

    cr.random.seed(seed)
    model = cr.nn.MLP(SIZES)
    optimizer = cr.optim.Adam(model.parameters(), lr=1e-3)
    batches = cr.data.Batches(x, y, batch_size=BATCH)
    epoch = lambda: cr.optim.fit(model, cr.nn.cross_entropy, optimizer, batches, 1, verbose=0)
    return epoch, lambda x: model(x).argmax(axis=-1).numpy()


def pytorch(seed, x, y):
    import torch

    torch.manual_seed(seed)
    layers = [
        layer for n, m in zip(SIZES, SIZES[1:], strict=False) for layer in (torch.nn.Linear(n, m), torch.nn.ReLU())
    ]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.as_tensor(x), torch.as_tensor(y)

    def epoch():
        for part in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimizer.step()

    return epoch, lambda x: model(torch.as_tensor(x)).argmax(1).numpy()


def sklearn(seed, x, y):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(SIZES[1:-1], batch_size=BATCH, learning_rate_init=1e-3, random_state=seed)
    return lambda: model.partial_fit(x, y, classes=range(10)), model.predict


def run(library, seed):
    """(seconds of training until GOAL, test accuracy at the end) of one contestant."""
    x, x_test, y, y_test = data()
    epoch, predict = {"chainrule": chainrule, "PyTorch": pytorch, "scikit-learn": sklearn}[library](seed, x, y)
    seconds, reached = 0.0, None
    for _ in range(EPOCHS):
        start = perf_counter()
        epoch()
        seconds += perf_counter() - start
        accuracy = float((predict(x_test) == y_test).mean())
        if reached is None and accuracy >= GOAL:
            reached = seconds
    if reached is None:
        raise AssertionError(f"{library} with seed {seed} did not reach {GOAL:.0%}")
    return reached, accuracy


_RUN = """
import json, os
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
from benchmarks.digits import run
print(json.dumps(run({library!r}, {seed})))
"""


def rows():
    libraries = ("chainrule", "scikit-learn", "PyTorch")
    seen = {library: [] for library in libraries}
    for seed in range(SEEDS):  # in turns
        for library in libraries:
            seen[library].append(in_fresh_process(_RUN.format(library=library, seed=seed)))
    times = {library: 1e3 * mean(t for t, _ in found) for library, found in seen.items()}
    errors = {library: [100 * (1 - a) for _, a in found] for library, found in seen.items()}
    for peer, target in (("scikit-learn", 0.5), ("PyTorch", 0.6)):
        yield Row("digits: training until 97 %", "ms", times["chainrule"], peer, times[peer], target)
    ours = mean(errors["chainrule"])
    for peer in libraries[1:]:
        theirs = mean(errors[peer])
        spread = max(stdev(errors["chainrule"]), stdev(errors[peer]))
        yield Row(f"digits: error (spread of seeds {spread:.1f})", "%", ours, peer, theirs, 1 + spread / theirs)
