"""Many workers: can several share a step, and still compute the very same?

The gradient of a batch is the mean of those of its examples. So the batch is cut into parts, each worker computes the
gradients of some of them, and these are added up for one step that all of them take. The workers are threads here, which
share the weights, or processes, each with a copy of them, on one machine or on many.

Sums of rounded numbers depend on their order. With deterministic=True the parts, and the order in which they are added up,
are the same for any number of workers, and so is every bit of the result, dropout included.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import chainrule as cr

OUT = Path("runs/13_many_workers")
HIDDEN, BATCH, EPOCHS = 512, 512, 3
PROCESSES = 2


def train(workers, deterministic=True):
    """A network with dropout that learned the digits: (its weights as one vector, its history)."""
    pixels, digits = load_digits(return_X_y=True)
    x, y = cr.tensor(pixels / 16, dtype="float32"), cr.tensor(digits)
    cr.random.seed(0)
    model = cr.nn.MLP([64, HIDDEN, HIDDEN, 10], activation="tanh", dropout=0.2)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = cr.data.Batches(x, y, batch_size=BATCH, seed=0)
    with threadpool_limits(1):  # a product shall not take threads of its own: the workers are to be compared
        how = {"workers": workers, "deterministic": deterministic, "verbose": 0}
        history = cr.fit(model, cr.nn.cross_entropy, optimizer, batches, EPOCHS, **how)
    return np.concatenate([p.numpy().ravel() for p in model.parameters()]), history


def one_of_several(path):
    """What each process does that `processes` starts: the same run, with them all as workers. One of them writes it down."""
    workers = cr.parallel.init()
    if workers.size != PROCESSES:
        sys.exit(
            f"this mpiexec and mpi4py belong to different MPIs: {PROCESSES} processes were started, each of them alone"
        )
    found = train(workers)
    if workers.rank == 0:
        Path(path).write_bytes(pickle.dumps(found))


def processes():
    """(what `train` returns in several processes or None, why there are none)."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join(places))
    if not mpiexec or not find_spec("mpi4py"):
        return None, "this needs mpi4py and its mpiexec: pip install mpi4py mpich"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "found")
        command = [mpiexec, "-n", str(PROCESSES), sys.executable, __file__, path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            said = [f"code {done.returncode}", *(done.stdout + done.stderr).splitlines()]
            return None, f"{mpiexec} failed: {said[-1]}"
        return pickle.loads(path.read_bytes()), None


def draw(histories):
    """Who computed what when in the last three steps, all on one time axis."""
    heights = [1 + len({(event["worker"], event["thread"]) for event in h.timeline}) for h in histories.values()]
    figure, places = plt.subplots(
        len(histories), figsize=(11, 0.55 * sum(heights) + 0.5), layout="constrained", height_ratios=heights
    )
    longest = 1e3 * max(event["end"] for history in histories.values() for event in history.timeline)
    for (name, history), ax in zip(histories.items(), places, strict=True):
        cr.plot.timeline(history, ax).set_xlim(0, longest)
        ax.set_title(name, loc="left", fontsize=11)
        if ax is not places[-1]:
            ax.set_xlabel(None)
        if ax is not places[0]:
            ax.get_legend().remove()
    figure.savefig(OUT / "timeline.png", dpi=120)
    plt.close(figure)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    found = {"1 thread": train(1), "2 threads": train(2), "4 threads": train(4)}
    together, reason = processes()
    if together:
        found[f"{PROCESSES} processes"] = together
    alone, free = train(None), train(4, deterministic=False)
    first, history = found["1 thread"]
    print(
        f"A network of {first.size:,} weights, with dropout, learns the digits for {EPOCHS} epochs, in batches of {BATCH}"
    )
    print(f"that are cut into 8 parts. This machine has {os.cpu_count()} cores.\n")
    print("workers      seconds for the fastest epoch  loss of the last  weights that differ in any bit")
    for name, (weights, rows) in found.items():
        different = np.count_nonzero(weights.view("uint32") != first.view("uint32"))
        print(f"{name:13}{min(rows['seconds']):29.3f}{rows[-1]['loss']:18.8f}{different:32,}")
        assert not different, f"{name}: every bit should be the same"
        assert rows["loss"] == history["loss"], f"{name}: and so should the losses"
    if reason:
        print(f"No processes were tried: {reason}.")

    print("\nCut into other parts, only rounding differs:")
    for name, (weights, rows) in {"4 threads with 4 parts": free, "no workers, no parts": alone}.items():
        gap = np.abs(weights - first).max()
        print(f"{name:23}{min(rows['seconds']):19.3f}   the weights differ by {gap:.0e} at most")
        assert 0 < gap < 1e-3, f"{name}: should differ, but by rounding only"
    print(
        "\nMore workers than cores only take turns. Each part costs some work of Python's own, which threads do one after"
    )
    print(
        "the other: they pay where arrays are large, processes also where they are smaller; for short steps neither does."
    )
    draw({name: history for name, (_, history) in found.items()})


if __name__ == "__main__":
    one_of_several(sys.argv[1]) if len(sys.argv) > 1 else main()
