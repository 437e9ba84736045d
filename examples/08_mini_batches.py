"""Mini-batches: how many examples should speak before each step?

The gradient of a few examples is a guess at the gradient of all: right on average, with a variance that falls as one over
their number. All examples at once give exact steps, but few; single examples give many, but noisy ones, and leave most
of a processor idle. Mini-batches need far fewer examples than the one, and far fewer steps than the other.
"""

from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/08_mini_batches")
TARGET = 0.1  # the loss over all examples at which a run ends
WAYS = {  # batch size, a rate that suits it, how many steps between two looks at the loss
    "stochastic: single examples": (1, 0.05, 128),
    "mini-batches of 32": (32, 0.5, 8),
    "batch: all 1,797": (None, 1.0, 1),
}
HUES = [style.COLORS[name] for name in ("vermillion", "green", "blue")]


def data():
    x, y = load_digits(return_X_y=True)
    return cr.tensor(x / 16, dtype="float32"), cr.tensor(y)


def network():
    cr.random.seed(0)
    return cr.nn.MLP([64, 32, 10])


def gradient(model, x, y):
    """The gradient of the loss by all weights, as one vector."""
    model.zero_grad()
    cr.nn.cross_entropy(model(x), y).backward()
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


def noise(model, x, y, size, least=200):
    """What the gradients of random batches add to that of all examples: (at least `least`, weights)."""
    batches, exact, found = cr.data.Batches(x, y, batch_size=size, seed=1, drop_last=True), gradient(model, x, y), []
    while len(found) < least:
        found += [gradient(model, *batch) - exact for batch in batches]
    return np.array(found)


def measure_noise(x, y):
    """The variance of the gradient for several batch sizes, against the law."""
    model, n = network(), len(x)
    noises = {size: noise(model, x, y, size) for size in (1, 4, 16, 64, 256)}
    variance = {size: (found**2).sum(axis=1).mean() for size, found in noises.items()}
    law = lambda size: variance[1] / size * (n - size) / (n - 1)  # drawn without putting back
    exact = gradient(model, x, y)
    length = np.linalg.norm(exact)
    print(f"The gradient of all {n:,} examples has length {length:.2f}. A random batch adds noise to it:\n")
    print("batch size  variance  the law  noise / gradient")
    for size, value in variance.items():
        print(f"{size:10}{value:10.4f}{law(size):9.4f}{value**0.5 / length:18.2f}")
        assert abs(value / law(size) - 1) < 0.25, "the variance should fall as 1 / batch size"
    print("The variance falls as 1 / batch size, near the end a little faster, since no example is drawn twice.")
    print("So four times the work halves the noise.")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    sizes = np.geomspace(1, 700, 100)
    style.dress(left, "batch size b", "variance", "The noise falls as 1 / b").set(xscale="log", yscale="log")
    law_of_one = "variance of one example / batch size · $(n - b)/(n - 1)$"
    left.plot(sizes, law(sizes), color=style.MUTED, label=law_of_one)
    left.plot(variance.keys(), variance.values(), "o", color=style.COLORS["blue"], markersize=8, label="measured")
    left.set_xticks(list(variance), list(variance), minor=False)
    left.tick_params(which="minor", bottom=False)
    style.legend(left, loc="lower left")
    along, beside = exact / length, np.linalg.svd(noises[16], full_matrices=False)[2][0]  # where most of the noise is
    beside -= (beside @ along) * along
    beside /= np.linalg.norm(beside)
    style.dress(right, "along the gradient of all", "beside it", "Gradients of random batches")
    for size, name, color in zip((1, 16, 256), ("single examples", "batches of 16", "of 256"), HUES, strict=True):
        points = (noises[size] + exact)[:400] @ np.array([along, beside]).T
        right.plot(*points.T, ".", color=color, markersize=5, alpha=0.6, label=name)
    right.annotate("", (along @ exact, 0), (0, 0), arrowprops={"arrowstyle": "->", "linewidth": 2})
    right.plot([], [], color=style.COLORS["black"], label="all examples")
    style.legend(right)
    figure.savefig(OUT / "noise.png", dpi=120)


class Watch(cr.Callback):
    """Looks at the loss over all examples now and then, with the clock stopped; ends the run at the target."""

    def __init__(self, x, y, every):
        self.x, self.y, self.every = x, y, every
        self.steps, self.losses, self.seconds, self.spent = [], [], [], 0.0

    def on_start(self, run):
        self.look(run)

    def on_step(self, run):
        if run.optimizer.steps % self.every == 0:
            self.look(run)

    def look(self, run):
        if run.optimizer.steps:
            self.spent += perf_counter() - self.since
        self.steps.append(run.optimizer.steps)
        self.seconds.append(self.spent)
        self.losses.append(cr.evaluate(run.model, run.loss, self.x, self.y)["val_loss"])
        if self.losses[-1] < TARGET:
            run.stop_reason = "the target is reached"
        self.since = perf_counter()


def compare(x, y):
    """The same network from the same start, trained in three ways."""
    figure, places = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained", sharey=True)
    steps, examples = {}, {}
    print(f"\nThe same network from the same start, until its loss over all examples is below {TARGET}:\n")
    print(f"{'':28}  steps  examples  epochs  seconds here")
    for (name, (size, lr, every)), color in zip(WAYS.items(), HUES, strict=True):
        model, watch, count = network(), Watch(x, y, every), size or len(x)
        optimizer = cr.optim.SGD(model.parameters(), lr=lr)
        cr.fit(model, cr.nn.cross_entropy, optimizer, (x, y), 300, batch_size=size, callbacks=watch, verbose=0)
        steps[name], examples[name] = watch.steps[-1], watch.steps[-1] * count
        epochs = np.array(watch.steps) * count / len(x)
        print(f"{name:28}{steps[name]:7,}{examples[name]:10,}{epochs[-1]:8.1f}{watch.seconds[-1]:14.2f}")
        assert watch.losses[-1] < TARGET, f"{name}: should reach the target"
        for ax, along in zip(places, (epochs, watch.steps, watch.seconds), strict=True):
            ax.plot(along[1:], watch.losses[1:], color=color, linewidth=1.8, label=name)
    for ax, unit in zip(places, ("epochs", "steps", "seconds (on this machine)"), strict=True):
        style.dress(ax, unit, "loss over all examples").set(xscale="log", yscale="log")
        ax.axhline(TARGET, color=style.MUTED, linewidth=1, linestyle=":")
        ax.label_outer()
    style.legend(figure, handles=ax.get_legend_handles_labels()[0], loc="outside lower center", ncols=3)
    figure.savefig(OUT / "curves.png", dpi=120)
    single, mini, batch = WAYS
    assert steps[batch] < steps[mini] < steps[single], "the less noise, the fewer steps"
    assert examples[batch] > 5 * examples[mini], "mini-batches should get by with far fewer examples"
    print("The more exact the gradient, the fewer steps; but a step with all examples costs all examples. With ten")
    print("times as many it would cost ten times as much, one with 32 still the same. The seconds depend on the")
    print("machine: what a step takes is mostly the same overhead, whether for one example or for 32.")


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    x, y = data()
    with threadpool_limits(1):  # the products are too small to share
        measure_noise(x, y)
        compare(x, y)


if __name__ == "__main__":
    main()
