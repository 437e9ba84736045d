"""What only shows in many runs: damaged files, threads that share a leaf, and memory over many steps."""

import gc
import tempfile
import threading
from pathlib import Path

import numpy as np
from damage import silent

import chainrule as cr
from chainrule import nn, optim


def files(quick):
    """Damaged checkpoints."""
    count = 300 if quick else 4500
    model = nn.MLP([8, 16, 3])
    optimizer = optim.Adam(model.parameters())
    x = cr.random.normal(size=(20, 8))
    nn.cross_entropy(model(x), np.arange(20) % 3).backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "note": "made by proof"}
        cr.save(state, path)
        faults, refused, same = silent(path, count)
        size = path.stat().st_size
    return "\n".join(
        [
            f"A checkpoint of {size:,} bytes, damaged {count:,} times: bits flipped, bytes overwritten, zeroed, cut off, deleted,",
            f"inserted, repeated, swapped. {refused:,} were refused with a CheckpointError, {same:,} gave the same content (padding and",
            f"the like), **{len(faults)} gave other content or another error**.",
            *[f"- {fault}" for fault in faults[:20]],
        ]
    )


def threads(quick):
    """Backward into one leaf from several threads at once."""
    workers, passes = 8, 200 if quick else 2000
    w = cr.tensor(np.zeros(100), requires_grad=True)
    barrier = threading.Barrier(workers)

    def work():
        barrier.wait()
        for _ in range(passes):
            (w * 1.0).sum().backward()

    running = [threading.Thread(target=work) for _ in range(workers)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    lost = workers * passes - w.grad.numpy()
    return (
        f"{workers} threads, each {passes:,} × `(w * 1.0).sum().backward()` into the same leaf: "
        f"**{int(np.abs(lost).max())} of {workers * passes:,} contributions lost**."
    )


def _resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not report memory in /proc/self/status")


def memory(quick):
    """Resident memory over many training steps: the slope of a line through it."""
    steps = 1000 if quick else 20_000
    model = nn.MLP([4, 8, 3])
    optimizer = optim.Adam(model.parameters())
    rng = np.random.default_rng(0)
    taken, used = [], []
    for step in range(steps):
        n = int(rng.integers(1, 40))  # shapes change, as at the end of an epoch
        loss = nn.cross_entropy(model(rng.normal(size=(n, 4)).astype("float32")), rng.integers(0, 3, n))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step >= steps // 5 and step % (steps // 100) == 0:
            gc.collect()
            taken.append(step)
            used.append(_resident())
    slope = np.polyfit(taken, used, 1)[0]
    return (
        f"{steps:,} steps of a small net with batches of changing size. After a fifth of them, resident memory grows by "
        f"**{slope:+.2f} bytes a step** (from {used[0] / 2**20:.1f} to {used[-1] / 2**20:.1f} MiB)."
    )
