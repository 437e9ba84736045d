"""Two workers, as processes with one BLAS thread each, and as threads, beside one with two; and what MPI costs through chainrule.

Each contestant is started anew for each of its turns: MPI's processes compute while they wait.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from .measure import Row
from .steps import LARGEST, arrays

SIZES, BATCH = LARGEST
ROUNDS, STEPS = 2, 2
FLOATS = {1_000_000: 30, 25_000_000: 5}  # how many are added up, and how often

CONTESTANTS = {  # name: (how many processes, BLAS threads of each, workers for DataParallel, deterministic)
    "1 worker": (1, 2, None, False),
    "2 ranks": (2, 1, "Mpi", False),
    "2 ranks, deterministic": (2, 1, "Mpi", True),
    "2 threads": (1, 1, 2, False),
    "2 threads, deterministic": (1, 1, 2, True),
}


def step(workers, deterministic):
    """Milliseconds of a few steps."""
    import chainrule as cr

    x, y = map(cr.tensor, arrays(SIZES, BATCH))
    layers = [
        (cr.nn.Linear(n, m, init="he_uniform"), cr.nn.relu) for n, m in pairwise(SIZES)
    ]  # sooner drawn than normal ones
    model = cr.nn.Sequential(*list(chain(*layers))[:-1])
    optimizer = cr.optim.Adam(model.parameters(), lr=1e-3)
    objective = lambda model, x, y: cr.nn.cross_entropy(model(x), y)
    backward = lambda: objective(model, x, y).backward()
    if workers:
        workers = cr.parallel.Mpi() if workers == "Mpi" else workers
        parallel = cr.parallel.DataParallel(model, optimizer, workers, deterministic)
        backward = lambda: parallel.backward(objective, x, y)
    times = []
    for _ in range(1 + STEPS):
        start = perf_counter()
        optimizer.zero_grad()
        backward()
        optimizer.step()
        times.append(1e3 * (perf_counter() - start))
    return times[1:]


def sums():
    """{floats: milliseconds of mpi4py's bare Allreduce, of ours, and of the tree of a deterministic run}, taking turns."""
    import numpy as np
    from mpi4py import MPI

    import chainrule as cr

    workers, found = cr.parallel.Mpi(), {}
    for n, rounds in FLOATS.items():
        array = np.zeros(n, np.float32)
        bare = lambda array: MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, array, MPI.SUM)
        calls = bare, workers.allreduce, workers.tree
        times = [[] for _ in calls]
        for _ in range(rounds):
            for call, record in zip(calls, times, strict=True):
                workers.barrier()
                start = perf_counter()
                call(array)
                record.append(1e3 * (perf_counter() - start))
        found[n] = [median(record[1:]) for record in times]
    return found


def launched(processes, blas, function, *arguments):
    """What function(*arguments) of this module returns in the first of so many new processes, with so many BLAS threads each."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(blas))
    start = [] if processes == 1 else [mpiexec(), "-n", str(processes)]
    code = [sys.executable, "-m", __name__, function, json.dumps(arguments)]
    done = subprocess.run(start + code, capture_output=True, text=True, env=os.environ | threads, timeout=120)
    if done.returncode:
        raise ChildProcessError(f"{' '.join(start + code)} ended with status {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def mpiexec():
    """The mpiexec beside this Python, or on the path; None if there is none."""
    here = Path(sys.executable).with_name("mpiexec")
    return str(here) if here.exists() else shutil.which("mpiexec")


def rows():
    mpi = find_spec("mpi4py") and mpiexec()
    if not mpi:
        yield "two ranks: skipped, mpi4py or mpiexec is missing (pip install mpi4py mpich)"
    times = {name: [] for name, (processes, *_) in CONTESTANTS.items() if mpi or processes == 1}
    for _ in range(ROUNDS):
        for name, record in times.items():
            processes, blas, *arguments = CONTESTANTS[name]
            record += launched(processes, blas, "step", *arguments)
    for name in list(times)[1:]:
        plain, _, deterministic = name.partition(", ")
        peer = plain if deterministic else "1 worker"
        yield Row(f"largest step, {name}", "ms", median(times[name]), peer, median(times[peer]))
    if mpi:
        for n, (bare, ours, tree) in launched(2, 1, "sums").items():
            what = f"of {int(n) // 1_000_000} M floats, 2 ranks"
            yield Row(f"allreduce {what}", "ms", ours, "mpi4py", bare, 1.1)
            yield Row(f"deterministic sum {what}", "ms", tree, "mpi4py", bare)


if __name__ == "__main__":
    name, arguments = sys.argv[1:]
    result = {"step": step, "sums": sums}[name](*json.loads(arguments))
    if "mpi4py.MPI" not in sys.modules or sys.modules["mpi4py.MPI"].COMM_WORLD.rank == 0:
        print(json.dumps(result))
