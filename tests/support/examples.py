"""How the examples are run by the tests: each in a process and a folder of its own, as a user runs it."""

import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(FOLDER.glob("[0-9]*.py"))
NEEDS = ["sklearn", "matplotlib", "threadpoolctl"]  # what the examples import beside chainrule's own dependencies


def environment(**more):
    """That of a program which opens no window, and whose lines come at once."""
    quiet = {"MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}
    return {name: v for name, v in os.environ.items() if name != "DEVICE"} | quiet | more


def run(path, folder, **more):
    for library in NEEDS:
        pytest.importorskip(library)
    return subprocess.run(
        [sys.executable, path], cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=300
    )


@cache
def example(name):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(text, start):
    """The numbers in the line of `text` that starts with `start`, after it."""
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d+(?:[\d,]*\d)?(?:\.\d+)?", line.removeprefix(start))]
