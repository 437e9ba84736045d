"""python -m benchmarks.gpu (make bench-gpu): what a GPU shows of chainrule and of PyTorch, in at most three minutes.

The parts come in the order of their value, each with a limit; after each, the results are written anew. A part that fails
costs only itself, and what there is no time for says so. With --device cpu it is a dry run that tries the program itself.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from . import gpu_capture, gpu_steps
from .device import Results, machine, missing
from .measure import Worker

ROOT = Path(__file__).parents[1]
LIMIT_S = 165  # starting and ending take some seconds more
LEAST_S = 4  # with less than this left, no part begins
ROUNDS = 4  # of turns
EAGER = ["chainrule", "PyTorch", "PyTorch, CUDA graph"]
ONE_WORKER = ["chainrule", "chainrule, one worker"]
NO_GPU = {"left out": "needs a GPU"}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="make bench-gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: only try the program")
    parser.add_argument(
        "--seconds", type=float, default=LIMIT_S, help="when no further part begins (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.device == "cuda" and (reason := missing()):
        parser.exit(1, f"make bench-gpu: {reason}\n")
    run = Run(options.device, options.seconds)
    try:
        measure(run)
        run.data["state"] = "complete"
    finally:
        if run.data["state"] != "complete":
            run.data["state"] = "cut off"
        run.write()
        print(f"\n{run.results.path}.txt:\n\n{text(run.data)}", end="")
    return 1 if any("error" in part for part in run.data["parts"].values()) else 0


def measure(run):
    """All parts."""
    contests = [
        (net, tf32)
        for tf32 in (False, True)
        for net in (gpu_steps.NETS if run.device == "cuda" else gpu_steps.NETS[:1])
    ]
    run.part("capture", 30, capture)
    for contest in contests:  # the first compiles our kernels
        run.part(title(*contest), 60 if contest is contests[0] else 30, step, EAGER, *contest)
    run.part("examples/10_digits.py", 60, digits)
    run.part(f"{title(*contests[0])}, one worker", 30, step, ONE_WORKER, *contests[0])
    for contest in contests:  # compiling takes longest
        run.part(f"{title(*contest)}, compiled", 45, step, ["PyTorch, compiled"], *contest)


class Run:
    """What has been found so far, the time that is left, and the contestants' processes."""

    def __init__(self, device, seconds):
        self.device, self.start, self.limit = device, perf_counter(), seconds
        self.workers = {}
        command, folder = "make bench-gpu", None
        if device == "cpu":
            command += ": dry run, not a GPU"
            folder = Path(os.environ.get("RESULTS") or ROOT / "runs") / "dry run, not a GPU"
        self.data = {"command": command, "state": "running", **machine(), "parts": {}}
        self.results = Results("gpu", self.data, text, folder)
        self.write()

    def part(self, name, limit, function, *arguments):
        """Call function(self, the moment at which it must end, *arguments), which returns a dict, and write what it found."""
        start = perf_counter()
        left = self.limit - (start - self.start)
        if left < LEAST_S:
            found = {"left out": "no time"}
        else:
            try:
                found = function(self, start + min(limit, left), *arguments)
            except Exception as error:
                found = {"error": f"{type(error).__name__}: {error}"}
        found["seconds"] = round(perf_counter() - start, 1)
        self.data["parts"][name] = found
        self.write()
        print("\n".join(lines(name, found)), flush=True)

    def write(self):
        self.data["seconds"] = round(perf_counter() - self.start, 1)
        self.results.write()

    def ask(self, name, end, function, *arguments):
        """What a function returns in the process of that name. Raises: as Worker.answer, and the process is gone."""
        self.begin(name, function, *arguments)
        return self.answer(name, end)

    def begin(self, name, function, *arguments):
        if name not in self.workers:
            self.workers[name] = Worker()
        self.workers[name].begin(function, *arguments)

    def answer(self, name, end):
        try:
            return self.workers[name].answer(max(0.1, end - perf_counter()))
        except Exception:
            self.workers.pop(name).process.kill()  # whatever went wrong, the next part has a fresh one
            raise


# ---- the parts


def capture(run, end):
    if run.device == "cpu":
        return dict(NO_GPU)
    try:
        return run.ask("capture", end, gpu_capture.proof)
    finally:
        if "capture" in run.workers:
            run.workers.pop("capture").end()


def title(net, tf32):
    sizes, batch = net
    return f"step {'-'.join(map(str, sizes))}, batch {batch}, float32{' with TF32' * tf32}"


def step(run, end, names, net, tf32):
    """The contestants take turns; {name: its best median and so on}. One that fails costs only itself."""
    if run.device == "cpu" and (tf32 or "PyTorch, compiled" in names):
        return dict(NO_GPU)
    found = {}

    def all_do(how, *arguments):
        """{name: what it returned} of those that have not failed."""
        returned = {}
        for name in names:
            if name not in found:
                try:
                    returned[name] = how(name, *arguments)
                except Exception as error:
                    found[name] = {"error": f"{type(error).__name__}: {error}"}
        return returned

    for name in names:
        if name.startswith("PyTorch") and not find_spec("torch"):
            found[name] = {"left out": "PyTorch is not installed"}
        elif run.device == "cpu" and name == "PyTorch, CUDA graph":
            found[name] = dict(NO_GPU)
    all_do(lambda name: run.begin(name, gpu_steps.prepare, name, run.device, *net, tf32))
    all_do(run.answer, end)
    turns = {name: [] for name in names}
    for i in range(ROUNDS):
        if i and perf_counter() > end - 2:
            break
        for name, us in all_do(run.ask, end, gpu_steps.turn).items():
            turns[name].append(us)
    for name, rest in all_do(run.ask, end, gpu_steps.finish).items():
        found[name] = {"µs": min(turns[name]), "µs of each turn": turns[name]} | rest
    return {name: found[name] for name in names}


def digits(run, end):
    """The example as it stands, on the device: its accuracy on the test images, and the seconds that it trained."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, ROOT / "examples/10_digits.py"], cwd=folder, capture_output=True, text=True,
            timeout=end - perf_counter(), env=os.environ | {"DEVICE": run.device, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    found = re.search(r"test accuracy ([\d.]+)% after (\d+) epochs in ([\d.]+) s", done.stdout)
    if done.returncode or not found:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it printed no accuracy"])[-1])
    accuracy, epochs, seconds = map(float, found.groups())
    return {"test accuracy, %": accuracy, "epochs": int(epochs), "seconds of training": seconds}


# ---- what there is to read


def text(data):
    """The results as lines: the machine, then each part."""
    head = [f"{data['command']}: {data['state']} after {data['seconds']} s"]
    head += [f"{name} {value}" for name, value in data.items() if name not in ("command", "state", "seconds", "parts")]
    return "\n".join(head + [line for name, part in data["parts"].items() for line in lines(name, part)]) + "\n"


def lines(name, part):
    """A part as lines: those of a contest show our time divided by each other's."""
    if "left out" in part:
        yield f"\n{name}: left out, {part['left out']}"
        return
    yield f"\n{name} [{part['seconds']} s]"
    ours = part.get("chainrule", {}).get("µs")
    for what, value in part.items():
        if isinstance(value, dict) and "µs" in value:
            ratio = f"  chainrule / it {ours / value['µs']:5.2f}" if ours and what != "chainrule" else ""
            memory = f"{value['MiB']:>9,.1f} MiB" if value["MiB"] else ""
            yield f"  {what:<22} {value['µs']:>10,.1f} µs {memory}  product error {value['product error']:.0e}{ratio}"
        elif isinstance(value, dict):
            yield f"  {what:<22} {'; '.join(f'{key}: {reason}' for key, reason in value.items())}"
        elif what != "seconds":
            yield f"  {what}: {value:,.4g}" if isinstance(value, float) else f"  {what}: {value}"


if __name__ == "__main__":
    sys.exit(main())
