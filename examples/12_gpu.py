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

OUT = Path("runs/12_gpu")
EPOCHS, SEED = 15, 0


def chosen_gpu():
    """(the GPU's name or None, why there is none); ends the program if DEVICE asks for what does not exist."""
    asked = os.environ.get("DEVICE")
    if asked not in (None, "cpu", "cuda"):
        sys.exit(
            f"DEVICE={asked}: this lesson compares the CPU with a GPU; use DEVICE=cuda, DEVICE=cpu, or leave it out"
        )
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
    digits = load_digits()
    x, y = cr.tensor(digits.data / 16, dtype=dtype, device=device), cr.tensor(digits.target, device=device)
    cr.random.seed(SEED)
    model = cr.nn.MLP([64, 64, 10], activation="tanh", dropout=0.2).to(dtype).to(device)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = cr.data.Batches(x, y, batch_size=64, seed=SEED)
    history = cr.optim.fit(model, cr.nn.cross_entropy, optimizer, batches, EPOCHS, verbose=0)
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
    print(
        f"On the CPU, {EPOCHS} epochs with seed {SEED}: the loss falls from {first[1][0]['loss']:.3f} to {first[1][-1]['loss']:.4f}."
    )
    print(f"The same again: {first[0].size:,} weights, and {(first[0] != again[0]).sum()} of them differ in any bit.")
    print(
        f"In float64 instead of float32: the weights differ by {rounding:.1e} at most, the losses by {loss_rounding.max():.1e}."
    )
    assert np.array_equal(first[0], again[0]), "the same seed should give the same bits"
    assert first[1]["loss"] == again[1]["loss"], "and the same losses"
    assert 0 < rounding < 1e-3, "float32 and float64 should differ, but by rounding only"
    assert loss_rounding.max() < 1e-4, "and so should their losses"
    curves = {"CPU, float64": double[1], "CPU, float32": first[1]}
    gaps = {"CPU, float32 against float64": loss_rounding}

    if gpu:
        bits = [cr.random.Generator(SEED).uniform(size=100_000, device=device).numpy() for device in ("cpu", gpu)]
        found = train(gpu)
        weights, losses = difference(found, first)
        print(f"\nOn the GPU: {(bits[0] != bits[1]).sum()} of 100,000 random numbers differ from those of the CPU.")
        print(f"The weights differ from those of the CPU by {weights:.1e} at most, the losses by {losses.max():.1e}.")
        seconds = {name: min(run[1]["seconds"]) for name, run in (("CPU", first), ("GPU", found))}
        print(
            f"Seconds for the fastest epoch: {seconds['CPU']:.3f} on the CPU, {seconds['GPU']:.3f} on the GPU. (A network as small as"
        )
        print("this one leaves a GPU idle most of the time: it pays where the products are large.)")
        assert np.array_equal(*bits), "the random bits should be the same on both devices"
        assert weights < 1e-3, "the weights on CPU and GPU should differ by rounding only"
        assert losses.max() < 1e-4, "and so should their losses"
        curves["GPU, float32"], gaps["GPU against CPU, float32"] = found[1], losses
    else:
        print(f"\nNo GPU was used: {reason}.")
        print(
            "So this is what the CPU alone can show: the seed fixes every bit, and precision changes only the rounding."
        )

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    epochs = np.arange(1, EPOCHS + 1)
    for (name, history), style in zip(
        curves.items(), ({"linewidth": 6, "alpha": 0.3}, {}, {"linestyle": ":"}), strict=False
    ):
        left.plot(epochs, history["loss"], label=name, **style)
    for (name, gap), marker in zip(gaps.items(), "os", strict=False):
        right.plot(epochs, gap, f"-{marker}", label=name)
    right.axhline(2**-24, color="grey", linestyle=":", label="rounding of one number near 1 to float32")
    left.set(xlabel="epoch", ylabel="training loss", yscale="log", title="The same run")
    right.set(xlabel="epoch", ylabel="difference of the losses", yscale="log", title="What rounding does to it")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
    figure.savefig(OUT / "same.png", dpi=120)


if __name__ == "__main__":
    main()
