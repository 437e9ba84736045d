"""What the ranks of tests/parallel/test_mpi.py run: python mpi_program.py CASE [CHECKPOINT], started by mpiexec."""

import os
import signal
import sys
from zlib import crc32

import numpy as np

import chainrule as cr
from chainrule import nn

BREAK_AT = 13  # step, in the second epoch
RNG = np.random.default_rng(0)
X = RNG.normal(size=(272, 8)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)


def train(workers, case="plain", checkpoint=None, epochs=3):
    """A checksum of the trained model, the reason to stop, and the number of steps."""

    class Breaks(cr.Callback):
        on_every_worker = True

        def on_step(self, run):
            if case not in ("plain", "sync") and run.optimizer.steps == BREAK_AT and workers.rank == workers.size - 1:
                if case == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                if case == "interrupted":
                    os.kill(os.getpid(), signal.SIGINT)
                if case == "exits":
                    sys.exit(3)
                if case == "raises":
                    raise ValueError("only here")

    cr.random.seed(1)
    model = nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm(16, sync=case == "sync"), nn.relu, nn.Dropout(0.2), nn.Linear(16, 3)
    )
    optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
    history = cr.fit(
        model, nn.cross_entropy, optimizer, (X, Y), epochs, validation=(X[:50], Y[:50]), metrics="accuracy", workers=workers,
        deterministic=True, callbacks=Breaks(), checkpoint=checkpoint, resume=checkpoint is not None, verbose=0,
    )  # fmt: skip
    bits = crc32(b"".join(t.numpy().tobytes() for _, t in model.named_tensors()))
    return bits, history.stop_reason, optimizer.steps


def numbers(workers):
    """What the workers' methods give, with a sum that shows in which order it was made."""
    powers = [1e16, 1.0, -1e16, 1.0]
    array = np.array([powers[workers.rank], workers.rank], np.float64)
    small = np.arange(6, dtype="float32")[::2] * workers.rank  # no array in one piece
    return {
        "gather": workers.gather(workers.rank),
        "broadcast": workers.broadcast({"from": workers.rank}),
        "max": workers.allreduce(array.copy(), "max").tolist(),
        "sum": workers.allreduce(array.copy())[1].tolist(),
        "tree": workers.tree(array.copy()).tolist(),
        "views": workers.allreduce(small[::-1]).tolist(),
    }


def on_doubles():
    """The workers, each on a device double of its own, and what they find there."""
    import device_double

    from chainrule.backends.gpu import Cuda

    cr.backends.register("strict", Cuda(device_double.cupy))
    workers = cr.parallel.init("strict")
    with cr.backends.use(workers.device):
        return workers, (workers.device, train(workers, epochs=1))


if __name__ == "__main__":
    case, *checkpoint = sys.argv[1:]
    workers = None if case == "nccl" else cr.parallel.init()
    if case == "early" and workers.rank == 1:
        raise ValueError("before anything else")
    if case == "nccl":
        workers, result = on_doubles()
    else:
        result = numbers(workers) if case == "numbers" else train(workers, case, *checkpoint)
    found = workers.gather(result)
    if workers.rank == 0:
        print(f"RESULT {found!r}", flush=True)
