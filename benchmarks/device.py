"""The machine that something is measured on with a GPU, and the files that the results go to."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).parent / "results"
PACKAGES = (
    "numpy cupy-cuda13x cupy-cuda12x torch triton jax ml-dtypes cuda-bindings cuda-core cuda-pathfinder nvidia-cublas "
    "nvidia-cuda-nvrtc pytest pytest-xdist pytest-timeout scikit-learn matplotlib graphviz mpmath"
).split()


def missing(libraries=()):
    """Why nothing can run on a GPU here with this interpreter, in one line; None if it can."""
    if sys.version_info < (3, 11):  # noqa: UP036  # whatever interpreter is there runs this file
        return f"it needs Python 3.11 or newer, not {platform.python_version()} ({sys.executable}); name another: make PYTHON=..."
    try:
        from chainrule import backends

        for library in ("cupy", *libraries):
            __import__(library)
        backends.get("cuda")
    except ImportError as error:
        return f"{error} for {sys.executable}; name an interpreter that has it: make PYTHON=..."
    except backends.DeviceError as error:
        try:
            sys.modules["cupy"].cuda.runtime.getDeviceCount()
        except Exception as reason:  # whatever the driver says
            return f"{error} ({reason})"
        return str(error)
    return None


def machine():
    """What a figure is worth nothing without: the day, the commit, the GPU and the versions of what is installed."""
    from chainrule.cli import info

    found = {"date": str(date.today()), "commit": commit(), "GPU": info.known(info.gpu), "CPU": info.known(info.cpu)}
    found |= {"Python": platform.python_version(), "chainrule": info.__version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit():
    """What is checked out here, "-dirty" if it was changed since; or what COMMIT says, for a copy without its history."""
    if "COMMIT" in os.environ:
        return os.environ["COMMIT"]
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"


class Results:
    """Two files of one name, DATE-NAME.json and .txt in the folder RESULTS, which are written anew whenever there is more.

    data: what the JSON file holds; text: a function of it, for the other file.
    """

    def __init__(self, name, data, text, folder=None):
        self.data, self.text = data, text
        self.folder = Path(folder or os.environ.get("RESULTS") or FOLDER)
        self.path = self.folder / f"{date.today()}-{name}"

    def write(self):
        from chainrule.autograd.files import write_atomically

        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(f"{self.path}.json", json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")
        write_atomically(f"{self.path}.txt", self.text(self.data))
