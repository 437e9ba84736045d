"""Reading digits: accuracy after training, and the time to 97 %, beside scikit-learn's MLP and PyTorch.

The same images, split, network (64-128-64-10, ReLU), optimiser (Adam, 1e-3), batches (64) and epochs for everybody, five
seeds, one thread each: these products are too small to share. Only training is timed, not the tests after each epoch.
"""

from functools import partial
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


def chainrule(seed, x, y, check, jit=None):
    import chainrule as cr

    cr.random.seed(seed)
    model = cr.nn.MLP(SIZES)
    optimizer = cr.optim.Adam(model.parameters(), lr=1e-3)
    predict = lambda x: cr.predict(model, x).argmax(axis=-1).numpy()
    watch = lambda run: check(sum(run.history["seconds"]), predict)  # they are those of training alone
    cr.fit(
        model, cr.nn.cross_entropy, optimizer, (x, y), EPOCHS, batch_size=BATCH, callbacks=[watch], verbose=0, jit=jit
    )


def pytorch(seed, x, y, check):
    import torch

    torch.manual_seed(seed)
    layers = [
        layer for n, m in zip(SIZES, SIZES[1:], strict=False) for layer in (torch.nn.Linear(n, m), torch.nn.ReLU())
    ]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, y = torch.as_tensor(x), torch.as_tensor(y)

    def epoch():
        for part in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimizer.step()

    timed(epoch, lambda x: model(torch.as_tensor(x)).argmax(1).numpy(), check)


def sklearn(seed, x, y, check):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(SIZES[1:-1], batch_size=BATCH, learning_rate_init=1e-3, random_state=seed)
    timed(lambda: model.partial_fit(x, y, classes=range(10)), model.predict, check)


def timed(epoch, predict, check):
    """Train for EPOCHS epochs; after each, hand the seconds so far to `check`."""
    seconds = 0.0
    for _ in range(EPOCHS):
        start = perf_counter()
        epoch()
        seconds += perf_counter() - start
        check(seconds, predict)


def run(library, seed):
    """(seconds of training until GOAL, test accuracy at the end) of one contestant."""
    x, x_test, y, y_test = data()
    seen = []
    check = lambda seconds, predict: seen.append((seconds, float((predict(x_test) == y_test).mean())))
    {"chainrule": chainrule, "jit C": partial(chainrule, jit="c"), "PyTorch": pytorch, "scikit-learn": sklearn}[
        library
    ](seed, x, y, check)
    reached = [seconds for seconds, accuracy in seen if accuracy >= GOAL]
    if not reached:
        raise AssertionError(f"{library} with seed {seed} did not reach {GOAL:.0%}")
    return reached[0], seen[-1][1]


_RUN = """
import json, os
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
from benchmarks.digits import run
print(json.dumps(run({library!r}, {seed})))
"""


def rows():
    libraries = ("chainrule", "jit C", "scikit-learn", "PyTorch")
    seen = {library: [] for library in libraries}
    for seed in range(SEEDS):  # in turns
        for library in libraries:
            seen[library].append(in_fresh_process(_RUN.format(library=library, seed=seed)))
    times = {library: 1e3 * mean(t for t, _ in found) for library, found in seen.items()}
    errors = {library: [100 * (1 - a) for _, a in found] for library, found in seen.items()}
    for peer, target in (("scikit-learn", 0.5), ("PyTorch", 0.6)):
        yield Row("digits: training until 97 %", "ms", times["chainrule"], peer, times[peer], target)
    yield Row("digits: training until 97 %, jit C", "ms", times["jit C"], "scikit-learn", times["scikit-learn"], 0.25)
    ours = mean(errors["chainrule"])
    for peer in libraries[2:]:
        theirs = mean(errors[peer])
        spread = max(stdev(errors["chainrule"]), stdev(errors[peer]))
        yield Row(f"digits: error (spread of seeds {spread:.1f})", "%", ours, peer, theirs, 1 + spread / theirs)
