"""Gradient descent: walk downhill on the loss.

The gradient points uphill, so each step goes the other way: w ← w - rate · gradient. Too low a rate hardly moves, too high
a rate jumps over the valley and climbs; the curvature of the loss says where that begins. On a loss with several valleys
the start decides which one is found, and it need not be the deepest.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/05_gradient_descent")
X = cr.linspace(0, 2, 21, dtype="float64")
LINE = 1.5 * X - 1
WAVE_X = cr.linspace(-2, 2, 41, dtype="float64")
WAVE = cr.sin(2 * WAVE_X + 0.5)


def line_loss(w1, w2):
    """The mean squared error of w1·x + w2. The weights may be arrays: the data is on an axis of its own, the last."""
    return ((w1[..., None] * X + w2[..., None] - LINE) ** 2).mean(axis=-1)


def wave_loss(w1, w2):
    """The mean squared error of sin(w1·x + w2), a neuron whose activation is a sine."""
    return ((cr.sin(w1[..., None] * WAVE_X + w2[..., None]) - WAVE) ** 2).mean(axis=-1)


def descend(loss, start, lr, steps):
    """Gradient descent by hand: the points it visits, (steps + 1, 2)."""
    gradient, (w1, w2), path = cr.grad(loss, argnums=(0, 1)), start, [start]
    for _ in range(steps):
        g1, g2 = gradient(w1, w2)
        w1, w2 = w1 - lr * g1, w2 - lr * g2
        path.append((w1.item(), w2.item()))
    return np.array(path)


def along(loss, path):
    """The loss at each point of a path."""
    return loss(*cr.tensor(path.T)).numpy()


def curvatures(loss, point):
    """The least and the largest second derivative of the loss, over all directions."""
    return np.linalg.eigvalsh(cr.hessian(lambda w: loss(w[0], w[1]))(cr.tensor(point, dtype="float64")).numpy())


def with_sgd(loss, start, lr, steps):
    """The same descent with the optimiser that the other examples use: where it ends."""
    w = cr.tensor(start, dtype="float64", requires_grad=True)
    optimizer = cr.optim.SGD([w], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w[0], w[1]).backward()
        optimizer.step()
    return w.numpy()


def rates():
    """One bowl, three learning rates."""
    start, steps = (-1.5, 2.0), 24
    flat, steep = curvatures(line_loss, start)
    limit = 2 / steep
    print(
        f"The loss of the line w1·x + w2 is a bowl, of curvature {flat:.2f} along its valley and {steep:.2f} across it. A step"
    )
    print("multiplies the distance from the bottom by 1 - rate · curvature, in each of the two directions. So")
    print(f"descent diverges where rate · {steep:.2f} > 2, that is above a rate of {limit:.3f}.\n")
    print("rate            loss at step 0        12        24")
    figure, places = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained", sharey=True)
    for ax, (name, lr) in zip(places, {"too low": 0.01, "right": 0.4, "too high": 0.48}.items(), strict=True):
        path = descend(line_loss, start, lr, steps)
        losses = along(line_loss, path)
        print(f"{lr:<5}{name:10}{losses[0]:15.4f}{losses[12]:10.4f}{losses[24]:10.4f}")
        shared = ax is places[-1]  # the colours are the same for all three
        cr.plot.loss_surface(line_loss, (-3, 5), (-4, 4), ax=ax, path={f"rate {lr}": path}, colorbar=shared)
        ax.set_title(f"{name}: loss {losses[-1]:.2g} after {steps} steps")
        assert np.allclose(with_sgd(line_loss, start, lr, steps), path[-1]), "SGD should take the same steps"
    figure.savefig(OUT / "rates.png", dpi=120)
    print("cr.optim.SGD takes the same steps.")
    below, above = (along(line_loss, descend(line_loss, start, share * limit, 200)) for share in (0.98, 1.02))
    assert below[-1] < 0.1 * below[0], "just below the limit, descent should converge"
    assert above[-1] > 10 * above[0], "just above the limit, descent should diverge"


def valleys():
    """A surface with several valleys, and where descents from random starts end."""
    starts = np.random.default_rng(0).uniform((-1, -3), (6, 3.5), size=(5, 2))
    print("\nThe loss of sin(w1·x + w2) has many valleys. Five descents from random starts:\n")
    print("  start            end              loss    curvatures there")
    paths, ends = {}, []
    for i, start in enumerate(starts, start=1):
        path = descend(wave_loss, tuple(start), lr=0.5, steps=200)
        loss, (least, most) = along(wave_loss, path)[-1], curvatures(wave_loss, path[-1])
        place = "{:5.2f}, {:5.2f}".format
        print(f"{i} {place(*path[0])}  →  {place(*path[-1])}  {loss:8.4f}    {least:.2f} and {most:.2f}")
        paths[f"{i}: loss {loss:.2f}"] = path
        ends.append(loss)
        assert least > 0.05, "every descent should end where the loss curves up in all directions: in a minimum"
    print("Each end is a true minimum, the loss curves up around it; but only those of loss 0 fit the data.")
    assert min(ends) < 1e-6, "some start should find the deepest valley"
    assert max(ends) > 0.5, "some start should end in a shallow one"

    figure = plt.figure(figsize=(14, 6.4), layout="constrained")
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
    for ax, projection in ((left, "contour"), (right, "3d")):
        cr.plot.loss_surface(wave_loss, (-1.5, 6.5), (-4, 4.5), ax=ax, path=paths, projection=projection)
    right.set_box_aspect((4, 4, 2.6), zoom=1.15)  # pyright: ignore[reportArgumentType]  (it need not be whole)
    legends = [legend for ax in (left, right) if (legend := ax.get_legend())]
    for legend in legends:
        legend.remove()
    style.legend(figure, handles=legends[0].legend_handles, loc="outside lower center", ncols=7)
    figure.suptitle("One loss, five starts: which minimum is found depends on the start")
    figure.savefig(OUT / "valleys.png", dpi=120)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    rates()
    valleys()


if __name__ == "__main__":
    main()
