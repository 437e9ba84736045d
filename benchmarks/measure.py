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
    """One comparison: what was measured, ours and the peer's figure, and the ratio aimed at, if there is a goal."""

    name: str
    unit: str
    ours: float
    peer: str
    theirs: float
    target: float | None = None

    @property
    def ratio(self):
        return self.ours / self.theirs

    def __str__(self):
        verdict = "no goal"
        if self.target is not None:
            verdict = f"target ≤ {_said(self.target)}  {'met' if self.ratio <= self.target else 'MISSED'}"
        return (
            f"{self.name:<40} {self.ours:>10,.{1 if self.ours >= 1 else 3}f} {self.unit:<3} {self.peer:>13} {self.theirs:>10,.1f} {self.unit:<3}"
            f"  ratio {_said(self.ratio):>5}  {verdict}"
        )


def _said(ratio):
    return f"{ratio:.2f}" if ratio >= 0.01 else f"1/{1 / ratio:,.0f}"


class Worker:
    """A process of its own that calls functions: `begin` hands it one, `answer` waits for what it returned."""

    def __init__(self):
        context = get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=_serve, args=(far,), daemon=True)
        self.process.start()
        far.close()

    def begin(self, function, *arguments):
        self.pipe.send((function, arguments))

    def answer(self, seconds=None):
        """What the function returned, within so many seconds.

        Raises: RuntimeError with the words of whatever the function raised; TimeoutError and ChildProcessError if there
            is no answer, and then the process has ended.
        """
        if not self.pipe.poll(seconds):
            self.process.kill()
            raise TimeoutError(f"no answer within {seconds:.1f} s")
        try:
            good, value = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join(1)
            raise ChildProcessError(f"the process ended with status {self.process.exitcode}") from None
        if not good:
            raise RuntimeError(value)
        return value

    def end(self):
        """Let it come to its end, but not for long."""
        self.pipe.close()
        self.process.join(10)
        self.process.kill()


def _serve(pipe):
    """A worker's process: call what comes until nobody asks any more."""
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, f"{type(error).__name__}: {error}"
        pipe.send(answer)


def contest(makers, rounds, size=1, warmup=3, limit=None, of=median):
    """Seconds of a call of the step that each maker makes, a picklable (function, *arguments): the median of each turn, and `of` these.

    Each of the `rounds` gives every contestant a turn of `size` calls, each of them timed. With a limit, the last one is given so
    many seconds more when all others are ready, and contestants that fail or are late have their error instead of seconds.
    Raises: AssertionError if steps return numbers, and these differ after the warm-up.
    """
    workers, results = [Worker() for _ in makers], []
    for worker, maker in zip(workers, makers, strict=True):
        worker.begin(_prepare, warmup, *maker)
    for worker in workers:
        try:
            results.append(worker.answer(limit if worker is workers[-1] else None))
        except (OSError, RuntimeError) as error:
            if limit is None:
                raise
            results.append(error)
    losses = [loss for loss in results if isinstance(loss, float)]
    if losses and max(losses) - min(losses) > 1e-3 * abs(max(losses)):
        raise AssertionError(f"the contestants do not compute the same: {losses}")
    times = [None if isinstance(result, Exception) else [] for result in results]
    for _ in range(rounds):
        for worker, record in zip(workers, times, strict=True):
            if record is not None:
                worker.begin(_turn, size)
                record.append(median(worker.answer()))
    for worker in workers:
        worker.end()
    return [result if record is None else of(record) for result, record in zip(results, times, strict=True)]


def _prepare(warmup, maker, *arguments):
    """Make the step of this process, and warm up; what the last step returns."""
    global _step
    _step = maker(*arguments)
    for _ in range(warmup):
        result = _step()
    return result


def _turn(size):
    """The seconds of each of `size` calls."""
    times = []
    _step()  # wakes up threads and caches
    for _ in range(size):
        start = perf_counter()
        _step()
        times.append(perf_counter() - start)
    return times


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
