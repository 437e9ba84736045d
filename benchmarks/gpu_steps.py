"""Training steps on a GPU: what one contestant does in a process of its own, when benchmarks/gpu.py asks it.

A figure is the time of a window of steps, the wait for the device at its end included, divided by the steps.
"""

import gc
from statistics import median
from time import perf_counter

from . import steps

NETS = [
    ((64, 128, 64, 10), 64),
    ((784, 512, 256, 10), 128),
    ((784, 2048, 2048, 10), 1024),
    ((1024, 4096, 4096, 1000), 4096),
]
WINDOW_S, WINDOWS = 0.03, 5  # of a window, and how many there are in a turn


class Chainrule:
    """chainrule, one operation after another."""

    def __init__(self, device):
        import chainrule as cr

        self.device, self.backend = device, cr.backends.get(device)
        self.synchronize = self.backend.synchronize

    def tf32(self, on):
        if self.device != "cuda":
            raise RuntimeError("TF32 needs a GPU")
        from cupy import _core
        from cupy._core import _routines_linalg as kinds

        _core.set_compute_type("float32", kinds.COMPUTE_TYPE_TF32 if on else kinds.COMPUTE_TYPE_DEFAULT)

    def step(self, sizes, batch):
        if self.device == "cuda":
            self.backend.xp.get_default_memory_pool().free_all_blocks()  # so that its size tells of this step alone
        return steps.ours(sizes, batch, self.device, self.workers())

    def workers(self):
        return None

    def product(self, x, w):
        xp = self.backend.xp
        return self.backend.to_numpy(xp.asarray(x) @ xp.asarray(w))

    def memory(self):
        return self.backend.memory().get("reserved")


class OneWorker(Chainrule):
    """The same, its gradient added up over one process by NCCL: what many workers cost where there is one."""

    def workers(self):
        from chainrule.parallel import Alone, Nccl

        return Nccl(Alone(), self.device) if self.device == "cuda" else Alone()


class PyTorch:
    """PyTorch with its fused Adam: eager, the whole step in one CUDA graph, or compiled."""

    def __init__(self, device, form="eager"):
        import torch

        self.torch, self.device, self.form = torch, device, form
        self.synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None

    def tf32(self, on):
        self.torch.set_float32_matmul_precision("high" if on else "highest")

    def step(self, sizes, batch):
        torch = self.torch
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        step = steps.pytorch(sizes, batch, self.device, fused=True, capturable=self.form == "graph")
        if self.form == "compiled":
            torch.compiler.reset()  # the same function with other shapes is compiled eight times only
            return torch.compile(step, mode="reduce-overhead")
        return self._captured(step) if self.form == "graph" else step

    def _captured(self, step):
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def product(self, x, w):
        torch = self.torch
        return (torch.as_tensor(x, device=self.device) @ torch.as_tensor(w, device=self.device)).cpu().numpy()

    def memory(self):
        return self.torch.cuda.max_memory_reserved() if self.device == "cuda" else None


CONTESTANTS = {
    "chainrule": (Chainrule,),
    "PyTorch": (PyTorch,),
    "PyTorch, CUDA graph": (PyTorch, "graph"),
    "PyTorch, compiled": (PyTorch, "compiled"),
    "chainrule, one worker": (OneWorker,),
}
_held = {}  # in a contestant's process: itself, its step, and how many of them make a window


def prepare(name, device, sizes, batch, tf32):
    """Make the step and warm up."""
    if "contestant" not in _held:
        kind, *options = CONTESTANTS[name]
        _held["contestant"] = kind(device, *options)
    contestant = _held["contestant"]
    _held.pop("step", None)
    gc.collect()  # its memory is free before there is another
    if tf32 or device == "cuda":
        contestant.tf32(tf32)
    _held["step"] = contestant.step(sizes, batch)
    _held["size"] = 3
    for _ in range(3):
        seconds = window()
    _held["size"] = max(1, min(1000, round(WINDOW_S / seconds)))


def window():
    """Seconds for each step of a window."""
    step, synchronize, size = _held["step"], _held["contestant"].synchronize, _held["size"]
    synchronize()
    start = perf_counter()
    for _ in range(size):
        step()
    synchronize()
    return (perf_counter() - start) / size


def turn():
    """The median of a turn, in µs for each step."""
    return median(window() for _ in range(WINDOWS)) * 1e6


def finish():
    """What the step needs of its library's memory pool, in MiB, and how exact a product of 1024 × 1024 numbers is."""
    import numpy as np

    reserved = _held["contestant"].memory()
    x, w = np.random.default_rng(0).standard_normal((2, 1024, 1024), dtype=np.float32)
    right = x.astype(np.float64) @ w.astype(np.float64)
    error = np.linalg.norm(_held["contestant"].product(x, w) - right) / np.linalg.norm(right)
    return {"MiB": reserved and round(reserved / 2**20, 1), "product error": float(error)}
