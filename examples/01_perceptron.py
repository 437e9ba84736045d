"""Perceptron: one neuron draws one line.

A perceptron multiplies each input by a weight, adds a bias, and squeezes the sum z through an activation; it says yes
where the result is above 0.5. Its border is the straight line z = 0, and gradient descent moves that line. AND, OR and
NOR have such a line, XOR has none; and without a bias every line is pinned to the origin.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/01_perceptron")
X = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NOR": [1, 0, 0, 0], "XOR": [0, 1, 1, 0]}
STEPS, MOMENTS = 300, [0, 5, 10, 20, 40]  # how long a neuron learns, and when its line is drawn


def learn(gate, bias=True):
    """The neuron after gradient descent; before each step its line (w1, w2, b) and its loss; the most it had right."""
    neuron, target = cr.nn.Perceptron(2, "sigmoid"), cr.tensor(GATES[gate], dtype="float32")
    neuron.load_state_dict({"weight": [-2.0, 4.0], "bias": -2.0 if bias else 0.0})  # start from a bad line
    optimizer = cr.optim.SGD(neuron.parameters() if bias else [neuron.weight], lr=1.0)  # what it may change
    lines, losses, best = [], [], 0
    for _ in range(STEPS):
        p = neuron(X)
        loss = cr.nn.bce(p, target)
        lines.append([*neuron.weight.tolist(), neuron.bias.item()])
        losses.append(loss.item())
        best = max(best, int(((p > 0.5) == (target > 0.5)).sum()))

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return neuron, lines, losses, best


def best_of_many(gate, bias=True, n=100_000):
    """The most right answers that any of n random lines gives."""
    w, b = cr.random.normal(size=(2, n)), cr.random.normal(size=n) * bias
    yes = (X @ w + b).numpy() > 0
    return int((yes == np.array(GATES[gate], dtype=bool)[:, None]).sum(axis=0).max())


def show(ax, gate, neuron, title, **options):
    """What the neuron says at each point of the plane."""
    look = {"scores": "probability", "labels": ["no", "yes"], "x_range": (-0.3, 1.3), "y_range": (-0.3, 1.3)} | options
    cr.plot.decision_boundary(neuron, X, GATES[gate], ax=ax, **look)
    ax.set(title=title, xticks=[0, 1], yticks=[0, 1])


def draw_lines(ax, lines):
    """Where the line stood at some moments of learning: pale at first, darker later."""
    x1 = np.array([-1.0, 2.0])
    for i, step in enumerate(MOMENTS):
        w1, w2, b = lines[step]
        ax.plot(x1, -(w1 * x1 + b) / w2, "--", color=str(0.7 - 0.13 * i), label=f"step {step}", zorder=2)
    ax.plot([], [], color=style.INK, label=f"the line at step {len(lines)}")


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    cr.random.seed(0)

    neuron = cr.nn.Perceptron(2, "sigmoid")
    neuron.load_state_dict({"weight": [3.0, -2.0], "bias": 1.0})
    x = cr.tensor([-1.0, 2.0])
    p = neuron(x)
    print(f"Weights 3 and -2, bias 1, inputs -1 and 2: z = 3·(-1) - 2·2 + 1 = -6, and sigmoid(-6) = {p.item():.4f}.")
    cr.nn.bce(p, 1.0).backward()
    gradient = neuron.weight.grad.numpy()
    print(f"If the truth is 1, the gradient by the weights is (p - y)·x = {gradient.round(4)}: a step against it adds")
    print("a little of the input to the weights. That is the perceptron's learning rule.")
    assert abs(p.item() - 1 / (1 + np.exp(6))) < 1e-6, "the neuron should say sigmoid(-6)"
    assert np.allclose(gradient, (p.item() - 1) * x.numpy(), atol=1e-5), "the gradient should be (p - y) x"

    print(f"\nRight answers out of 4: the most in {STEPS} steps of learning, and by any of 100,000 random lines\n")
    print("        with a bias          without\ngate  learned  any line  learned  any line")
    learned, tried = {}, {}
    for gate in GATES:
        for bias in (True, False):
            learned[gate, bias], tried[gate, bias] = learn(gate, bias), best_of_many(gate, bias)
        print(f"{gate:4}", *(f" {learned[gate, bias][-1]:>7}  {tried[gate, bias]:>8}" for bias in (True, False)))
    assert all(learned[gate, True][-1] == tried[gate, True] == 4 for gate in ("AND", "OR", "NOR")), "they have a line"
    for gate, bias in (("XOR", True), ("XOR", False), ("AND", False), ("NOR", False)):
        assert max(learned[gate, bias][-1], tried[gate, bias]) <= 3, f"{gate}, bias={bias}: no line does more than 3"

    p = learned["XOR", True][0](X).numpy()
    print("\nXOR needs b ≤ 0 for the input 00, w2 + b > 0 for 01 and w1 + b > 0 for 10. Then at 11 the sum is")
    print("w1 + w2 + b = (w1 + b) + (w2 + b) - b > 0, a yes, where XOR says no. So no weights can do it.")
    print(f"What it learns is to shrug: it says {', '.join(f'{v:.3f}' for v in p)}. Its loss stays at ln 2 = 0.693.")
    assert np.abs(p - 0.5).max() < 1e-3, "the loss of a line on XOR is lowest where it says 0.5 everywhere"
    assert min(learned["XOR", True][2]) > np.log(2) - 1e-6, "no line has a loss below ln 2 on XOR"
    print("\nWithout a bias, z = 0 at 00 whatever the weights: the line goes through the origin, where the neuron says")
    print("0.5, which is no yes, so NOR fails. AND fails as it needs z ≤ 0 at 01 and 10, but z > 0 at 11, their sum.")

    figure, places = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for ax, gate in zip(places, ("AND", "OR"), strict=True):
        show(
            ax, gate, learned[gate, True][0], f"{gate}: the line moves into place", colorbar=gate == "OR", legend=False
        )
        draw_lines(ax, learned[gate, True][1])
    handles, _ = places[0].get_legend_handles_labels()
    style.legend(figure, handles=handles, loc="outside lower center", ncols=8)
    figure.savefig(OUT / "learning.png", dpi=120)

    figure, places = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    show(places[0], "NOR", learned["NOR", True][0], "NOR with a bias: 4 of 4", colorbar=False)
    show(places[1], "NOR", learned["NOR", False][0], "NOR without: pinned to the origin, 3 of 4")
    figure.savefig(OUT / "bias.png", dpi=120)

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    style.dress(left, "step", "binary cross-entropy", "XOR: the loss cannot fall below ln 2").set_ylim(0, 1.5)
    for gate, color in (("AND", "blue"), ("OR", "green"), ("XOR", "vermillion")):
        left.plot(learned[gate, True][2], color=style.COLORS[color], linewidth=2, label=gate)
    left.axhline(np.log(2), color=style.MUTED, linestyle=":", label="ln 2: the loss of saying 0.5")
    style.legend(left)
    show(right, "XOR", lambda x: cr.sigmoid(6 * (x.sum(axis=1) - 0.5)), "XOR, one of the best lines: 3 of 4")
    figure.savefig(OUT / "xor.png", dpi=120)


if __name__ == "__main__":
    main()
