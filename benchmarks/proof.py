"""python -m benchmarks.proof: measure how right chainrule is, and write it to docs/proof.md. At most ten minutes on two cores.

Each section runs in a process of its own, so one that fails costs only itself. QUICK=1 tries everything in about a minute
and prints the page instead of writing it.
"""

import os
import platform
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

PAGE = Path(__file__).parents[1] / "docs" / "proof.md"
SECTIONS = {  # title: (module, function); the longest first, two run at a time
    "Mutation score": ("mutants", "section"),
    "Random programs": ("programs", "section"),
    "Every operation, backend, dtype and order": ("errors", "section"),
    "Damaged files": ("runs", "files"),
    "Memory": ("runs", "memory"),
    "Units in the last place": ("ulps", "section"),
    "Threads": ("runs", "threads"),
}
ORDER = ["Every operation, backend, dtype and order", "Units in the last place", "Random programs", "Mutation score", "Damaged files",
         "Threads", "Memory"]  # fmt: skip
HEAD = """# Proof

How right chainrule is, measured by `make proof`; every number below was printed by a program, on the day and machine that stand
beside it. The truth never comes from chainrule's own gradient rules: it is 80-bit or 50-digit arithmetic, differences, PyTorch, or
JAX.
"""


def quick():
    return os.environ.get("QUICK", "") not in ("", "0")


def measure(title):
    """One section's text, from a process of its own."""
    module, function = SECTIONS[title]
    start = perf_counter()
    command = [sys.executable, "-m", "benchmarks.proof", module, function]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PAGE.parents[1], timeout=900)
    seconds = perf_counter() - start
    print(f"{title}: {seconds:.0f} s{'' if done.returncode == 0 else ', FAILED'}", file=sys.stderr, flush=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return False, f"This section could not be measured: {reason}"
    return True, f"{done.stdout.strip()}\n\n*{date.today()}, {machine()}, {seconds:.0f} s.*"


def machine():
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {version('numpy')}"


def _measure(title):
    try:
        return measure(title)
    except subprocess.TimeoutExpired:
        return False, "This section could not be measured: it took too long."


def main():
    print(
        f"Measuring {len(SECTIONS)} sections, two at a time: about nine minutes on two free cores",
        file=sys.stderr,
        flush=True,
    )
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(SECTIONS, pool.map(_measure, SECTIONS), strict=True))
    page = HEAD + "".join(f"\n## {title}\n\n{results[title][1]}\n" for title in ORDER)
    if quick():
        print(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
    return 0 if all(good for good, _ in results.values()) else 1


if __name__ == "__main__":
    if len(sys.argv) == 3:
        warnings.simplefilter("ignore")
        print(getattr(import_module(f"benchmarks.proving.{sys.argv[1]}"), sys.argv[2])(quick()))
    else:
        sys.exit(main())
