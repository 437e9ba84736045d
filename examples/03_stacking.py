"""Stacking neurons: hidden layers fold the plane, so that one line is enough.

Each hidden neuron draws a line of its own; together they move the examples into a new space, and there the last neuron
needs only one line. Two hidden neurons can solve XOR, one cannot. More neurons in a layer (width) or more layers (depth)
give borders with more bends, and make it likelier that training finds a good one.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/03_stacking")
XOR = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([[0.0], [1.0], [1.0], [0.0]])
SHAPES = [[2, 1], [2, 2, 1], [2, 4, 1], [2, 16, 1], [2, 4, 4, 1], [2, 16, 16, 1]]  # inputs, hidden layers, output


def trained(sizes, data, steps, lr, seed):
    """A network with tanh between its layers, after training on all the data at once."""
    cr.random.seed(seed)
    model = cr.nn.MLP(sizes, activation="tanh")
    optimizer = cr.optim.Adam(model.parameters(), lr=lr)
    cr.fit(model, cr.nn.bce_with_logits, optimizer, data, steps, batch_size=None, verbose=0)
    return model


def accuracy(model, data):
    x, y = data
    return cr.metrics.accuracy(model(x), y, threshold=0)  # the model gives logits: class 1 begins at 0


def moons(n, noise, seed):
    """Two interleaved half circles, with noise: points (n, 2) and their class (n, 1)."""
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, np.pi, n), np.arange(n) % 2
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(y[:, None], [1.0, 0.5] - upper, upper) + rng.normal(0, noise, (n, 2))
    return cr.tensor(x, dtype="float32"), cr.tensor(y[:, None], dtype="float32")


def draw_folding(model):
    """XOR with two hidden neurons: their two lines in the plane, and the space behind them."""
    (x, y), (first, last) = XOR, model.layers
    hidden = cr.tanh(first(x)).detach()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    cr.plot.decision_boundary(model, x, y, ax=left, scores="logit", colorbar=False)
    cr.plot.decision_boundary(last, hidden, y, ax=right, scores="logit")
    line = np.array([-1.0, 2.0])
    for (w1, w2), b in zip(first.weight.numpy().T, first.bias.numpy(), strict=True):
        left.plot(line, -(w1 * line + b) / w2, "--", color=style.MUTED, label="a hidden neuron's line")
    style.legend(left, handles=left.get_legend_handles_labels()[0][:3], loc="center")
    for ax, points in ((left, x.tolist()), (right, hidden.tolist())):
        for name, point in zip(("input 00", "01", "10", "11"), points, strict=True):
            below = ax is right and name == "input 00"  # there 11 is beside it
            toward = "left" if point[0] < sum(ax.get_xlim()) / 2 else "right"
            ax.annotate(
                name, point, (9 if toward == "left" else -9, -14 if below else 4), ha=toward, textcoords="offset points"
            )
    left.set(title="XOR in the plane: two lines")
    right.set(title="Behind the hidden layer: one line", xlabel="$a_1$", ylabel="$a_2$")
    figure.savefig(OUT / "xor.png", dpi=120)
    return np.abs(hidden[0].numpy() - hidden[3].numpy()).max()


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)

    print("XOR: how many of 6 random starts end with all four answers right?")
    solved = {}
    for width in (1, 2, 8):
        models = [trained([2, width, 1], XOR, steps=120, lr=0.1, seed=seed) for seed in range(6)]
        solved[width] = [model for model in models if accuracy(model, XOR) == 1]
        print(f"  {width} hidden neuron{'s'[: width > 1]}: {len(solved[width])}")
    assert not solved[1], "one hidden neuron is still one line: it cannot solve XOR"
    assert solved[2], "two hidden neurons can solve it"
    assert len(solved[8]) == 6, "eight should do so from every start"
    distance = draw_folding(solved[2][0])
    print("Two are enough, but some starts get stuck; with more than needed, nearly every start succeeds.")
    print(f"The hidden layer folds the plane: behind it, 00 and 11 are only {distance:.2f} apart.")
    assert distance < 0.5, "the two inputs of one class should come close"

    print("\nTwo moons: accuracy on the 200 points it learned from, and on 2,000 new ones\n")
    print("layers          parameters  learned from  new")
    data, new = moons(200, 0.15, seed=0), moons(2000, 0.15, seed=1)
    figure, places = plt.subplots(2, 3, figsize=(11, 7), layout="constrained", sharex=True, sharey=True)
    found = {}
    for ax, sizes in zip(places.flat, SHAPES, strict=True):
        model = trained(sizes, data, steps=200, lr=0.08, seed=0)
        found[len(sizes), sizes[1]] = reached = accuracy(model, new)
        name, count = " → ".join(map(str, sizes)), sum(p.size for p in model.parameters())
        print(f"{name:16}{count:10}{accuracy(model, data):14.1%}{reached:7.1%}")
        cr.plot.decision_boundary(model, *data, ax=ax, scores="logit", colorbar=False, legend=False)
        ax.set_title(f"{name}: {reached:.1%} of new points")
        ax.label_outer()
    figure.savefig(OUT / "moons.png", dpi=120)
    print("A line gets the tips of both moons wrong; from four hidden neurons on, the border bends around them. More")
    print("hardly helps here: the moons overlap, and what is left is noise.")
    assert found[2, 1] < 0.9, "one line cannot separate the moons"
    assert min(found[3, 16], found[4, 4], found[4, 16]) > 0.95, "hidden layers should separate them"


if __name__ == "__main__":
    main()
