"""make test-gpu: the tests marked `gpu`, in several processes, with the interpreter and the libraries that are there.

As a program it checks that there is a GPU, and starts pytest with this file as a plugin, which writes what is known so far
into the folder RESULTS every second: a run that is cut off loses nothing but that second.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]
from benchmarks.device import Results, machine, missing  # noqa: E402  # the line above makes it importable

LIMIT_S = 140  # of the whole run; what has not run by then is left out
TEST_LIMIT_S = 60  # of one test
PROCESSES = 12  # most of the time goes into compiling kernels, which CuPy does once for each, and keeps on disk


# ---- the program


def main():
    reason = missing(["pytest"])
    if reason:
        sys.exit(f"make test-gpu: {reason}")
    command = [sys.executable, "-m", "pytest", *options(find_spec, os.cpu_count()), *sys.argv[1:]]
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    environment = os.environ | {"CHAINRULE_REQUIRE_GPU": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        return process.wait(LIMIT_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as reason:
        by_hand = isinstance(reason, KeyboardInterrupt)
        print("make test-gpu: stopped", "by Ctrl-C" if by_hand else f"after {LIMIT_S} s", file=sys.stderr)
        process.send_signal(signal.SIGINT)  # pytest's own end, with its summary
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        return 1
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def options(found, cores):
    """What to tell pytest, by which of its plugins are found."""
    chosen = ["-m", "gpu", "-p", "gpu_tests", "-p", "no:cacheprovider", "--tb", "short", "-rfE"]
    several = found("xdist")
    if several:
        chosen += ["-n", str(max(1, min(PROCESSES, cores - 1))), "--dist", "worksteal", "--max-worker-restart", "50"]
    if found("pytest_timeout"):
        # a thread can end a process that waits for the device; the only process stays
        chosen += ["--timeout", str(TEST_LIMIT_S), "--timeout-method", "thread" if several else "signal"]
    return chosen


# ---- the plugin


def pytest_configure(config):
    config.pluginmanager.register(Worker() if hasattr(config, "workerinput") else Record(), "gpu results")


class Worker:
    """In a process of pytest-xdist: after a failed test, one that has lost the device ends, and a new one goes on."""

    failed = False

    def pytest_runtest_logreport(self, report):
        self.failed = report.failed

    def pytest_runtest_teardown(self):
        if self.failed and lost():
            os._exit(1)


def lost():
    """Whether the device answers everything with an error, as it does to a process after an illegal access."""
    import cupy

    try:
        cupy.cuda.runtime.deviceSynchronize()
    except cupy.cuda.runtime.CUDARuntimeError:
        return True
    return False


class Record:
    """What happened to each test, written to the results every second and at the end."""

    def __init__(self):
        self.start = self.written = perf_counter()
        self.outcomes, self.seconds, self.failures = {}, Counter(), {}
        self.results = Results("gpu-tests", {"command": "make test-gpu", "state": "running"} | machine(), text)

    def pytest_runtest_logreport(self, report):
        test = report.nodeid
        self.seconds[test] += report.duration
        if report.failed or self.outcomes.get(test, "passed") == "passed":
            self.outcomes[test] = report.outcome
        if report.failed:
            self.failures[test] = f"{self.failures.get(test, '')}\n{report.longreprtext}".strip()[-2000:]
        if perf_counter() - self.written > 1:
            self.write()

    def pytest_sessionfinish(self, exitstatus):
        self.results.data["state"] = {0: "complete", 1: "complete", 2: "cut off"}.get(
            int(exitstatus), f"pytest ended with status {int(exitstatus)}"
        )
        self.write()

    def write(self):
        files = {}
        for test, outcome in self.outcomes.items():
            counts = files.setdefault(test.partition("::")[0], Counter(seconds=0))
            counts[outcome] += 1
            counts["seconds"] += self.seconds[test]
        for counts in files.values():
            counts["seconds"] = round(counts["seconds"], 1)
        self.results.data |= {
            "seconds": round(perf_counter() - self.start, 1),
            "tests": Counter(self.outcomes.values()),
            "files": files,
            "slowest": {test: round(seconds, 1) for test, seconds in self.seconds.most_common(10)},
            "failures": self.failures,
        }
        self.results.write()
        self.written = perf_counter()


def text(data):
    """The results to read: totals, the machine, one line for each file and each failure."""
    known = {"command", "state", "seconds", "tests", "files", "slowest", "failures"}
    lines = [f"{data['command']}: {data['state']} after {data['seconds']} s; {counted(data['tests'])}"]
    lines += [f"{name} {value}" for name, value in data.items() if name not in known]
    lines += [f"{file:<44} {counts['seconds']:>7.1f} s  {counted(counts)}" for file, counts in data["files"].items()]
    lines += [f"{seconds:>7.1f} s  {test}" for test, seconds in data["slowest"].items()]
    lines += [f"FAILED {test}: {why(message)}" for test, message in data["failures"].items()]
    return "\n".join(lines) + "\n"


def why(message):
    """The line of a failure that says most: the first that pytest marks, else the last."""
    lines = message.splitlines() or [""]
    return next((line.removeprefix("E").strip() for line in lines if line.startswith("E ")), lines[-1])


def counted(counts):
    return ", ".join(
        f"{counts[outcome]:,} {outcome}" for outcome in ("passed", "failed", "skipped") if counts.get(outcome)
    )


if __name__ == "__main__":
    sys.exit(main())
