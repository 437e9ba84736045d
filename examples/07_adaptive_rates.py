"""Adaptive rates: thirteen optimisers race down the same four surfaces.

Plain gradient descent has one learning rate for all directions; the steepest one limits it, and along the others it crawls.
Momentum adds up what the steps agree on, adaptive methods give each weight a rate of its own, and L-BFGS learns the
curvature. Each has its strength: a ravine along the axes is made for adaptive rates, the same ravine turned is not.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr

OUT = Path("runs/07_adaptive_rates")
GRADIENTS = 200  # the length of a race
SETTLED = GRADIENTS - 20  # who arrives later than this has not been seen to stay
R = 0.5**0.5


def ravine(w1, w2):
    """Fifty times steeper across than along."""
    return ((w1 - 1) ** 2 + 50 * (w2 - 1) ** 2) / 2


def turned(w1, w2):
    """The same ravine, turned by 45 degrees around (0, 0)."""
    return ravine(R * (w1 + w2), R * (w2 - w1))


def saddle(w1, w2):
    """A saddle at (0, 0), almost flat, between minima at (0, 1) and (0, -1)."""
    return w1**2 + (w2**2 - 1) ** 2 / 20


def beale(w1, w2):
    """Beale's function: steep walls, and a flat valley that leads to the minimum at (3, 0.5)."""
    return (1.5 - w1 + w1 * w2) ** 2 + (2.25 - w1 + w1 * w2**2) ** 2 + (2.625 - w1 + w1 * w2**3) ** 2


SURFACES = {  # the loss, where to start, and the part of the plane to draw
    "ravine": (ravine, (-3.0, 2.0), (-3.6, 2.4), (-0.6, 2.6)),
    "turned ravine": (turned, (R * -5, R * -1), (-4.3, 1.7), (-1.9, 2.6)),
    "saddle": (saddle, (-1.5, 0.01), (-1.8, 1.2), (-0.9, 1.6)),
    "Beale": (beale, (1.0, 1.0), (-0.3, 3.9), (-0.7, 1.5)),
}
SGD = cr.optim.SGD
RACERS = {  # options, and the best rate on each surface: tried were 1, 2 and 5 times 0.001, 0.01, 0.1 and 1
    "SGD": (SGD, {}, (0.02, 0.02, 0.5, 0.05)),
    "momentum": (SGD, {"momentum": 0.9}, (0.005, 0.005, 0.2, 0.005)),
    "Nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, (0.02, 0.02, 0.5, 0.01)),
    "Adagrad": (cr.optim.Adagrad, {}, (5, 2, 1, 1)),
    "Adadelta": (cr.optim.Adadelta, {}, (5, 5, 5, 5)),
    "RMSprop": (cr.optim.RMSprop, {}, (0.5, 0.5, 0.1, 0.05)),
    "Adam": (cr.optim.Adam, {}, (0.5, 0.5, 0.5, 0.2)),
    "AdamW": (cr.optim.AdamW, {}, (0.5, 1, 0.2, 1)),
    "Adamax": (cr.optim.Adamax, {}, (0.2, 1, 0.5, 0.5)),
    "NAdam": (cr.optim.NAdam, {}, (0.2, 0.5, 0.1, 0.2)),
    "RAdam": (cr.optim.RAdam, {}, (0.05, 0.1, 0.5, 0.05)),
    "Lion": (cr.optim.Lion, {}, (0.02, 0.1, 0.02, 0.05)),
    "LBFGS": (cr.optim.LBFGS, {"line_search": "strong_wolfe"}, (1, 1, 1, 1)),
}
SHOWN = ["SGD", "momentum", "RMSprop", "Adam", "LBFGS"]  # whose paths are drawn
FAMILIES = {"#0072B2": 3, "#E69F00": 3, "#009E73": 5, "#CC79A7": 1, "#000000": 1}  # of how many racers, in their order


def race(loss, start, make, options, lr):
    """The points where a racer asked for a gradient, and the losses there."""
    w = cr.tensor(start, dtype="float64", requires_grad=True)
    optimizer, points, losses = make([w], lr=lr, **options), [], []

    def closure():
        optimizer.zero_grad()
        value = loss(w[0], w[1])
        value.backward()
        points.append(w.tolist())
        losses.append(value.item())
        return value

    while len(losses) < GRADIENTS:  # L-BFGS may ask for several in a step
        optimizer.step(closure)
    return np.array(points[:GRADIENTS]), np.array(losses[:GRADIENTS])


def arrival(losses):
    """After how many gradients the loss stays below a thousandth of what it was; None if it does not."""
    above = np.flatnonzero(losses >= 1e-3 * losses[0])
    return above[-1] + 1 if above[-1] < SETTLED else None


def draw(runs):
    """The paths of a few on the surfaces, and the losses of all."""
    figure, places = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
    for ax, (surface, (loss, _, *ranges)) in zip(places.flat, SURFACES.items(), strict=True):
        cr.plot.loss_surface(loss, *ranges, ax=ax, path={name: runs[name, surface][0] for name in SHOWN}, log=True)
        ax.set_title(surface)
        handles = ax.get_legend().legend_handles
        ax.get_legend().remove()
    figure.legend(handles=handles, loc="outside lower center", ncols=7, frameon=False)
    figure.savefig(OUT / "paths.png", dpi=120)

    figure, places = plt.subplots(2, 2, figsize=(12, 8), layout="constrained", sharex=True)
    for ax, (surface, _) in zip(places.flat, SURFACES.items(), strict=True):
        names = iter(RACERS)
        for color, n in FAMILIES.items():
            for name, line in zip((next(names) for _ in range(n)), ("-", "--", ":", "-.", (0, (1, 3))), strict=False):
                losses = runs[name, surface][1]
                ax.plot(losses / losses[0], linestyle=line, color=color, linewidth=1.8, label=name)
        ax.axhline(1e-3, color="grey", linewidth=1)
        ax.set(title=surface, yscale="log", ylim=(1e-6, 3), xlim=(0, GRADIENTS), xlabel="gradients", ylabel="loss / first")
        ax.label_outer()
    figure.legend(*places[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.savefig(OUT / "losses.png", dpi=120)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    print("How many gradients until the loss stays below a thousandth of the first, of at most 200 (and the best rate)?\n")
    print(f"{'':10}", *(f"{surface:>15}" for surface in SURFACES))
    runs, when = {}, {}
    for name, (make, options, rates) in RACERS.items():
        cells = []
        for (surface, (loss, start, *_)), lr in zip(SURFACES.items(), rates, strict=True):
            runs[name, surface] = race(loss, start, make, options, lr)
            when[name, surface] = arrival(runs[name, surface][1])
            cells.append(f"{when[name, surface] or 'never':>7} {f'({lr:g})':>7}")
        print(f"{name:10}", *cells)
    draw(runs)


if __name__ == "__main__":
    main()
