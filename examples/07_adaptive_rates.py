"""Adaptive rates: thirteen optimisers race down the same four surfaces.

Plain gradient descent has one learning rate for all directions; the steepest one limits it, and along the others it crawls.
Momentum adds up what the steps agree on, adaptive methods give each weight a rate of its own, and L-BFGS learns the
curvature. Each has its strength: a ravine along an axis is made for rates of one's own, the same ravine turned is not.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/07_adaptive_rates")
GRADIENTS, SETTLED = 200, 180  # the length of a race; who arrives after 180 has not been seen to stay
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
    "ravine": (ravine, (-3.0, 2.0), (-3.9, 2.4), (-1.2, 3.2)),
    "turned ravine": (turned, (R * -5, R * -1), (-4.6, 1.7), (-1.9, 2.5)),
    "saddle": (saddle, (-1.5, 0.01), (-1.7, 1.7), (-0.8, 1.5)),
    "Beale": (beale, (1.0, 1.0), (-0.2, 3.8), (-1.2, 1.4)),
}
SGD = cr.optim.SGD
RACERS = {  # options, and the rate on each surface: the best of 1, 2 and 5 times 0.001, 0.01, 0.1 and 1 among those
    "SGD": (SGD, {}, (0.02, 0.02, 0.5, 0.05)),  # with which the loss never rises above that of the start
    "momentum": (SGD, {"momentum": 0.9}, (0.005, 0.005, 0.2, 0.005)),
    "Nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, (0.02, 0.02, 0.5, 0.01)),
    "Adagrad": (cr.optim.Adagrad, {}, (2, 1, 1, 1)),
    "Adadelta": (cr.optim.Adadelta, {}, (5, 5, 5, 5)),
    "RMSprop": (cr.optim.RMSprop, {}, (0.1, 0.05, 0.1, 0.05)),
    "Adam": (cr.optim.Adam, {}, (0.5, 0.5, 0.5, 0.2)),
    "AdamW": (cr.optim.AdamW, {}, (0.5, 1, 0.2, 1)),
    "Adamax": (cr.optim.Adamax, {}, (0.2, 1, 0.5, 0.5)),
    "NAdam": (cr.optim.NAdam, {}, (0.2, 0.2, 0.1, 0.2)),
    "RAdam": (cr.optim.RAdam, {}, (0.02, 0.02, 0.5, 0.05)),
    "Lion": (cr.optim.Lion, {}, (0.02, 0.1, 0.02, 0.05)),
    "LBFGS": (cr.optim.LBFGS, {"line_search": "strong_wolfe"}, (1, 1, 1, 1)),
}
FAMILIES = {
    "one rate": ["SGD", "momentum", "Nesterov"],
    "a rate for each weight": ["Adagrad", "Adadelta", "RMSprop"],
    "Adam and its relatives": ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"],
    "signs only; curvature": ["Lion", "LBFGS"],
}
HUES = ["blue", "vermillion", "green", "purple", "black"]  # of the members of a family


def race(loss, start, make, options, lr):
    """The points where an optimiser asked for a gradient, and the losses there."""
    w = cr.tensor(start, dtype="float64", requires_grad=True)
    optimizer, points, losses = make([w], lr=lr, **options), [], []

    def closure():
        optimizer.zero_grad()
        value = loss(w[0], w[1])
        value.backward()
        points.append(w.tolist())
        losses.append(value.item())
        return value

    while len(losses) < GRADIENTS:  # L-BFGS asks for several in a step
        optimizer.step(closure)
    return np.array(points[:GRADIENTS]), np.array(losses[:GRADIENTS])


def arrival(losses):
    """After how many gradients the loss stays below a thousandth of the first; infinity if it was not seen to."""
    last = np.flatnonzero(losses >= 1e-3 * losses[0])[-1]
    return last + 1 if last < SETTLED else np.inf


def draw(runs):
    """The paths of four on the surfaces, and the losses of all."""
    figure, places = plt.subplots(2, 2, figsize=(12, 8.6), layout="constrained")
    for ax, (surface, (loss, _, *ranges)) in zip(places.flat, SURFACES.items(), strict=True):
        paths = {name: runs[name, surface][0] for name in ("SGD", "momentum", "Adagrad", "Adam")}
        cr.plot.loss_surface(loss, *ranges, ax=ax, path=paths, log=True, legend=False)
        ax.set_title(surface)
    style.legend(figure, handles=ax.get_legend_handles_labels()[0], loc="outside lower center", ncols=4)
    figure.suptitle(f"{GRADIENTS} gradients each, from the hollow mark to the filled one")
    figure.savefig(OUT / "paths.png", dpi=120)

    figure, places = plt.subplots(4, 4, figsize=(13, 10), layout="constrained", sharex=True, sharey=True)
    for (i, j), ax in np.ndenumerate(places):
        surface, (family, members) = list(SURFACES)[i], list(FAMILIES.items())[j]
        style.dress(ax, "gradients", f"{surface}\nloss / first", family if i == 0 else None)
        for name, color in zip(members, HUES, strict=False):
            losses = runs[name, surface][1]
            ax.plot(losses / losses[0], color=style.COLORS[color], linewidth=1.5, label=name)
        ax.axhline(1e-3, color=style.MUTED, linewidth=1, linestyle=":")
        ax.set(yscale="log", ylim=(1e-6, 2), xlim=(0, GRADIENTS))
        ax.minorticks_off()
        ax.label_outer()
        if i == 0:
            style.legend(ax, loc="lower right")
    figure.savefig(OUT / "losses.png", dpi=120)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    print("How many gradients until the loss stays below a thousandth of the first, of 200 (and with which rate)?\n")
    print(f"{'':10}", *(f"{surface:>15}" for surface in SURFACES))
    runs, when = {}, {}
    for name, (make, options, rates) in RACERS.items():
        for (surface, (loss, start, *_)), lr in zip(SURFACES.items(), rates, strict=True):
            runs[name, surface] = race(loss, start, make, options, lr)
            when[name, surface] = arrival(runs[name, surface][1])
        numbers = ("never" if when[name, surface] == np.inf else when[name, surface] for surface in SURFACES)
        print(f"{name:10}", *(f"{n:>7} {f'({lr:g})':>7}" for n, lr in zip(numbers, rates, strict=True)))

    print("\nTurning the ravine changes nothing for the methods with one rate, and next to nothing for L-BFGS; but")
    print("to a rate for each weight only slopes along an axis are easy: Adagrad and RMSprop lose their lead.")
    for name in ("SGD", "momentum", "Nesterov"):
        here, there = (runs[name, surface][1] for surface in ("ravine", "turned ravine"))
        assert np.allclose(here, there, rtol=1e-6, atol=1e-12), f"{name} should not notice that the ravine was turned"
    for name in ("Adagrad", "RMSprop"):
        assert when[name, "turned ravine"] > 3 * when[name, "ravine"], f"{name} should lose when the ravine is turned"
        assert when[name, "saddle"] < when["SGD", "saddle"] / 3, f"{name} should leave the flat saddle sooner than SGD"
    assert when["momentum", "ravine"] < 0.6 * when["SGD", "ravine"], "momentum should be faster along a ravine"
    assert all(when["LBFGS", surface] <= 12 for surface in SURFACES), "L-BFGS should need a dozen gradients at most"
    print("Near a saddle the gradient is small. Adagrad and RMSprop divide by its size, so they leave it soon; Adam")
    print("does, too, but then its momentum carries it to and fro around the minimum.")
    print("Lion's steps always have the size of the rate: with a constant one it circles around the minimum for ever.")
    print("RAdam begins with plain momentum, so the steepest direction limits its rate, too.")

    start, steep = SURFACES["ravine"][1], lambda w1, w2: 100 * ravine(w1, w2)
    adam, sgd = race(steep, start, cr.optim.Adam, {}, 0.5)[0], race(steep, start, SGD, {}, 0.02 / 100)[0]
    print("\nMultiply the loss by 100: Adam goes the same way with the same rate; SGD needs a rate 100 times smaller.")
    assert np.allclose(adam, runs["Adam", "ravine"][0], atol=1e-4), "Adam's steps should not depend on the loss's scale"
    assert np.allclose(sgd, runs["SGD", "ravine"][0]), "SGD should go the same way with a hundredth of the rate"
    draw(runs)


if __name__ == "__main__":
    main()
