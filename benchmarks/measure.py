"""Timing side by side: each contestant in a process of its own, taking turns in blocks of calls.

Processes of their own, because libraries in one process disturb each other: PyTorch's and OpenBLAS's idle threads spin
on the same cores, and one library's garbage is collected on the other's time. Turns, so that whatever else the machine
does falls on all of them.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter


@dataclass
class Row:
    """One comparison: what was measured, ours and the peer's figure, and the ratio aimed at."""

    name: str
    unit: str
    ours: float
    peer: str
    theirs: float
    target: float

    @property
    def ratio(self):
        return self.ours / self.theirs

    def __str__(self):
        verdict = "met" if self.ratio <= self.target else "MISSED"
        return (
            f"{self.name:<40} {self.ours:>10,.1f} {self.unit:<3} {self.peer:>10} {self.theirs:>10,.1f} {self.unit:<3}"
            f"  ratio {self.ratio:5.2f}  target ≤ {self.target:.2f}  {verdict}"
        )


def contest(makers, rounds, size=1, warmup=3):
    """Median seconds of a call of the step that each maker makes: a picklable (function, *arguments).

    Each of the `rounds` gives every contestant a turn of `size` calls, each of them timed.
    """
    context = get_context("spawn")
    workers = []
    for maker, *arguments in makers:
        pipe, far = context.Pipe()
        process = context.Process(target=_serve, args=(far, maker, arguments, size, warmup), daemon=True)
        process.start()
        far.close()
        workers.append((process, pipe))
    for _, pipe in workers:
        pipe.recv()
    times = [[] for _ in workers]
    for _ in range(rounds):
        for (_, pipe), record in zip(workers, times, strict=True):
            pipe.send("go")
            record += pipe.recv()
    for process, pipe in workers:
        pipe.send("end")
        process.join()
    return [median(record) for record in times]


def _serve(pipe, maker, arguments, size, warmup):
    """A contestant's process: make the step, warm up, then a turn of timed calls whenever asked."""
    step = maker(*arguments)
    for _ in range(warmup):
        step()
    pipe.send("ready")
    while pipe.recv() == "go":
        times = []
        step()  # wakes up threads and caches
        for _ in range(size):
            start = perf_counter()
            step()
            times.append(perf_counter() - start)
        pipe.send(times)


def in_fresh_process(code):
    """What `code` prints as JSON when run by a new interpreter, which keeps compiled modules as usual."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory():
    """The most resident memory this process ever had, in MiB. (ru_maxrss would include the parent's.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not report peak memory in /proc/self/status")
