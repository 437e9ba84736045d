"""On the GPU: the same program, the same random numbers, the same result.

Arrays live on a device, and every operation runs where its arrays are; the program does not change. The random numbers are
the same bits everywhere, so a CPU and a GPU start from the same weights and draw the same dropout: only rounding tells them
apart. How much that is, two runs on the CPU show: one in float32, one in float64.
"""

import os
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/12_gpu")
EPOCHS, SEED = 15, 0


def chosen_gpu():
    """(the GPU's name or None, why there is none); ends the program if DEVICE asks for what does not exist."""
    asked = os.environ.get("DEVICE")
    if asked not in (None, "cpu", "cuda"):
        sys.exit(f"DEVICE={asked}: this example compares the CPU with a GPU; use DEVICE=cuda or DEVICE=cpu")
    if asked == "cpu":
        return None, "DEVICE=cpu asks for none"
    try:
        cr.backends.get("cuda")
    except cr.DeviceError as error:
        if asked:
            sys.exit(f"DEVICE=cuda: {error}")
        return None, str(error)
    return "cuda", None


def train(device="cpu", dtype="float32"):
    """A network with dropout that learned the digits: (its weights as one vector, its history)."""
    pixels, digits = load_digits(return_X_y=True)
    x, y = cr.tensor(pixels / 16, dtype=dtype, device=device), cr.tensor(digits, device=device)
    cr.random.seed(SEED)
    model = cr.nn.MLP([64, 64, 10], activation="tanh", dropout=0.2).to(dtype).to(device)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = cr.data.Batches(x, y, batch_size=64, seed=SEED)
    history = cr.fit(model, cr.nn.cross_entropy, optimizer, batches, EPOCHS, verbose=0)
    return np.concatenate([p.numpy().ravel() for p in model.parameters()]), history


def difference(one, other):
    """The largest difference between two runs: of weights, and of the losses, epoch by epoch."""
    return np.abs(one[0] - other[0]).max(), np.abs(np.subtract(one[1]["loss"], other[1]["loss"]))


def main():
    matplotlib.use("Agg")
    gpu, reason = chosen_gpu()
    OUT.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):  # the products are too small to share
        first, again, double = train(), train(), train(dtype="float64")
    rounding, loss_rounding = difference(first, double)
    start, *_, end = first[1]["loss"]
    print(f"On the CPU, {EPOCHS} epochs with seed {SEED}: the loss falls from {start:.3f} to {end:.4f}.")
    print(f"The same again: {first[0].size:,} weights, and {(first[0] != again[0]).sum()} of them differ in any bit.")
    most = loss_rounding.max()
    print(f"In float64 instead of float32: the weights differ by {rounding:.1e} at most, the losses by {most:.1e}.")
    assert np.array_equal(first[0], again[0]), "the same seed should give the same bits"
    assert first[1]["loss"] == again[1]["loss"], "and the same losses"
    assert 0 < rounding < 1e-3, "float32 and float64 should differ, but by rounding only"
    assert most < 1e-4, "and so should their losses"
    curves = {"CPU, float64": double[1], "CPU, float32": first[1]}
    gaps = {"CPU, float32 against float64": loss_rounding}

    if gpu:
        bits = [cr.random.Generator(SEED).uniform(size=100_000, device=device).numpy() for device in ("cpu", gpu)]
        found = train(gpu)
        weights, losses = difference(found, first)
        print(f"\nOn the GPU: {(bits[0] != bits[1]).sum()} of 100,000 random numbers differ from those of the CPU.")
        print(f"The weights differ from those of the CPU by {weights:.1e} at most, the losses by {losses.max():.1e}.")
        cpu_seconds, gpu_seconds = (min(history["seconds"]) for _, history in (first, found))
        print(f"Seconds for the fastest epoch: {cpu_seconds:.3f} on the CPU, {gpu_seconds:.3f} on the GPU. (A network")
        print("as small as this one leaves a GPU idle most of the time: it pays where the products are large.)")
        assert np.array_equal(bits[0], bits[1]), "the random bits should be the same on both devices"
        assert weights < 1e-3, "the weights on CPU and GPU should differ by rounding only"
        assert losses.max() < 1e-4, "and so should their losses"
        curves["GPU, float32"], gaps["GPU against CPU, float32"] = found[1], losses
    else:
        print(f"\nNo GPU was used: {reason}.")
        print("This is what the CPU alone can show: the seed fixes every bit, precision changes only the rounding.")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    epochs = np.arange(1, EPOCHS + 1)
    style.dress(left, "epoch", "training loss", "The same run").set_yscale("log")
    style.dress(right, "epoch", "difference of the losses", "What rounding does to it").set_yscale("log")
    looks = {"color": "sky", "linewidth": 7}, {"color": "blue", "linewidth": 2}, {"color": "black", "linestyle": ":"}
    for (name, history), look in zip(curves.items(), looks, strict=False):  # over each other, the widest below
        left.plot(epochs, history["loss"], label=name, **look | {"color": style.COLORS[look["color"]]})
    for i, (name, gap) in enumerate(gaps.items()):
        right.plot(epochs, gap, label=name, **style.series(i))
    one = "rounding of one number near 1 to float32"
    right.axhline(2**-24, color=style.MUTED, linestyle=":", label=one)
    for ax in (left, right):
        style.count(ax.xaxis)
        style.legend(ax)
    figure.savefig(OUT / "same.png", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
