"""Losses: how wrong is an answer, and how hard does it pull?

A loss turns predictions and truth into one number; its gradient is what a network learns from. Cross-entropy punishes a
confident mistake without limit, and its gradient by the logits is simply prediction minus truth. The squared error lets
a confidently wrong sigmoid rest, and lets single outliers pull hard; Huber's loss does not.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/04_losses")
HUES = {"cross-entropy": "blue", "squared": "vermillion", "absolute": "green", "Huber": "blue"}
LINES = {"squared": "--", "absolute": "-."}


def squared(logit, target):
    """The mean squared error of a sigmoid neuron, as a function of its logit."""
    return cr.nn.mse(cr.sigmoid(logit), target)


def repent(loss, steps=50):
    """What a neuron says that starts sure of the wrong answer (z = -6, the truth is 1), step by step."""
    z = cr.tensor(-6.0, requires_grad=True)
    optimizer, says = cr.optim.SGD([z], lr=1.0), []
    for _ in range(steps + 1):
        says.append(cr.sigmoid(z).item())
        optimizer.zero_grad()
        loss(z, 1.0).backward()
        optimizer.step()
    return says


def line_through(x, y, loss):
    """Slope and offset of the line with the lowest loss."""
    model = cr.nn.Linear(1, 1, init="zeros")
    optimizer = cr.optim.Adam(model.parameters(), lr=0.1)
    cr.fit(model, loss, optimizer, (x, y), 400, batch_size=None, verbose=0)
    return model.weight.item(), model.bias.item()


def curves(ax, x, ys, *labels):
    """One line for each loss in `ys`, with its name and style."""
    style.dress(ax, *labels)
    for name, y in ys.items():
        ax.plot(x, y, LINES.get(name, "-"), color=style.COLORS[HUES[name]], linewidth=2, label=name)
    style.legend(ax)


def classification():
    """Cross-entropy against squared error where the truth is 1."""
    losses = {"cross-entropy": cr.nn.bce_with_logits, "squared": squared}
    z = np.arange(-10, 10.1, 0.25)
    pulls = {name: np.array([cr.grad(loss)(v, 1.0).item() for v in z]) for name, loss in losses.items()}
    print("The truth is 1. How hard does each loss pull at the logit z of a sigmoid neuron?\n")
    print("     z  it says  cross-entropy  squared error")
    for where in (-8, -4, 0, 4):
        by_entropy, by_square = (float(values[z == where][0]) for values in pulls.values())
        print(f"{where:6}{1 / (1 + np.exp(-where)):9.4f}{by_entropy:15.4f}{by_square:15.4f}")
    assert np.allclose(pulls["cross-entropy"], 1 / (1 + np.exp(-z)) - 1, atol=1e-6), "it should be p - y"
    assert pulls["cross-entropy"][z == -8] < -0.99, "cross-entropy should pull at a confident mistake"
    assert abs(pulls["squared"][z == -8]) < 1e-3, "the squared error should not"

    says = {name: repent(loss) for name, loss in losses.items()}
    last = {name: values[-1] for name, values in says.items()}
    print("\nA neuron that starts at z = -6 is sure, and wrong. What it says after 50 steps of rate 1 with each loss:")
    print(f"  cross-entropy {last['cross-entropy']:.3f}\n  squared error {last['squared']:.3f}")
    assert last["cross-entropy"] > 0.9, "cross-entropy should correct the mistake"
    assert last["squared"] < 0.01, "the squared error should hardly move"

    p = cr.linspace(0.002, 0.998, 400)
    shown = {"cross-entropy": cr.nn.bce, "squared": cr.nn.mse, "absolute": cr.nn.l1}
    heights = {name: loss(p, cr.ones_like(p), reduction="none").numpy() for name, loss in shown.items()}
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    curves(left, p.numpy(), heights, "prediction p", "loss", "The loss where the truth is 1")
    curves(middle, z, pulls, "logit z", "gradient by z", "Who pulls at a confident mistake?")
    curves(right, range(51), says, "step", "prediction p", "Learning from a confident mistake")
    figure.savefig(OUT / "classification.png", dpi=120)


def softmax_gradient():
    """The gradient of softmax and cross-entropy: by formula, by the engine, by central differences."""
    logits, truth = cr.tensor([2.0, 1.0, -1.0, 0.5], dtype="float64"), 2
    loss = lambda logits: cr.nn.cross_entropy(logits, cr.tensor(truth))
    rows = {"prediction p": cr.nn.softmax(logits).numpy(), "truth y": np.eye(4)[truth]}
    rows["p - y"] = rows["prediction p"] - rows["truth y"]
    rows["the engine"] = cr.grad(loss)(logits).numpy()
    steps = cr.eye(4, dtype="float64") * 1e-5
    rows["differences"] = [(loss(logits + h) - loss(logits - h)).item() / 2e-5 for h in steps]
    print("\nSoftmax and cross-entropy of four logits, where the truth is class 2:")
    for name, row in rows.items():
        print(f"  {name:14}", *(f"{v:9.5f}" for v in row))
    assert np.allclose(rows["the engine"], rows["p - y"], atol=1e-12), "the engine should give p - y"
    assert np.allclose(rows["differences"], rows["p - y"], atol=1e-8), "central differences should give p - y"


def outliers():
    """A line through points of which a few are far off."""
    cr.random.seed(0)
    x = cr.linspace(-2, 2, 40).reshape(40, 1)
    y = 2 * x + 1 + cr.random.normal(scale=0.2, size=(40, 1)) - 12 * (x > 1.75)
    print("\nThe line 2·x + 1 with noise, and the last 3 of its 40 points moved down by 12, as each loss sees it:")
    losses = {"squared": cr.nn.mse, "absolute": cr.nn.l1, "Huber": cr.nn.huber}
    lines, error, heights, slopes = {}, cr.linspace(-3, 3, 301), {}, {}
    for name, loss in losses.items():
        slopes[name], offset = line_through(x, y, loss)
        lines[name] = (slopes[name] * x + offset).numpy()
        heights[name] = loss(error, cr.zeros_like(error), reduction="none").numpy()
        print(f"  {name:8} error: {slopes[name]:.2f}·x {offset:+.2f}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    left.plot(x.numpy(), y.numpy(), ".", color=style.MUTED, label="data")
    curves(left, x.numpy(), lines, "x", "y", "Three outliers turn the line of the squared error")
    curves(right, error.numpy(), heights, "prediction - truth", "loss", "Huber: straight far out")
    right.set_ylim(0, 5)
    figure.savefig(OUT / "outliers.png", dpi=120)
    assert abs(slopes["squared"] - 2) > 1, "the outliers should turn the line of the squared error"
    assert abs(slopes["absolute"] - 2) < 0.3, "the absolute error should resist them"
    assert abs(slopes["Huber"] - 2) < 0.3, "Huber's loss should resist them"


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    classification()
    softmax_gradient()
    outliers()


if __name__ == "__main__":
    main()
