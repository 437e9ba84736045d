"""Backpropagation by hand: the chain rule, one factor at a time.

A network with one hidden neuron is a chain: w₁ → z₁ → a₁ → z₂ → ŷ → loss. How the loss depends on w₁ is the product of the
derivatives along it. Backpropagation starts at the loss: at each link it multiplies what arrives by the local derivative
and passes the product on. Here each factor is worked out by hand and compared with the engine.
"""

from math import exp
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/06_backprop_by_hand")
W1, B1, W2, B2 = 0.8, -0.4, -1.5, 0.3
X = 2.0  # one example; its truth is 1, so that the cross-entropy is -log ŷ


def network(w1, b1, w2, b2):
    """All values on the way to the loss. Numbers give numbers; Values also remember how they were computed."""
    z1 = w1 * X + b1
    a1 = cr.sigmoid(z1)
    z2 = w2 * a1 + b2
    y_hat = cr.sigmoid(z2)
    return z1, a1, z2, y_hat, -cr.log(y_hat)


def loss_at(**changed):
    """The loss as a number, with some of the parameters changed."""
    return network(**{"w1": W1, "b1": B1, "w2": W2, "b2": B2} | changed)[-1]


def draw_chain(names, values, factors, products):
    """The chain from w₁ to the loss: values going right, and below them the gradient coming back, link by link."""
    blue, red = style.COLORS["blue"], style.COLORS["vermillion"]
    figure, ax = plt.subplots(figsize=(13, 2.8), layout="constrained")
    ball = {"boxstyle": "circle,pad=0.4", "facecolor": style.LOW_TO_HIGH[1], "edgecolor": blue, "linewidth": 1.5}
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        ax.text(i, 0, f"{name}\n{value:.3f}", ha="center", va="center", fontsize=11, bbox=ball)
        product = f"∂loss/∂{name}\n= {products[i]:.4f}" if i < len(products) else "∂loss/∂loss\n= 1"
        ax.text(i, -1, product, ha="center", va="center", fontsize=11, color=red)
    for i, (operation, factor) in enumerate(
        zip(("·x + b₁", "sigmoid", "·w₂ + b₂", "sigmoid", "-log"), factors, strict=True)
    ):
        ax.annotate("", (i + 0.75, 0), (i + 0.25, 0), arrowprops={"arrowstyle": "->", "color": blue, "lw": 1.8})
        ax.text(i + 0.5, 0.1, operation, ha="center", fontsize=11, color=blue)
        ax.annotate("", (i + 0.3, -1), (i + 0.7, -1), arrowprops={"arrowstyle": "->", "color": red, "lw": 1.8})
        ax.text(i + 0.5, -0.86, factor, ha="center", fontsize=11, color=red)
    ax.set_title("Forward: each value from the one before. Backward: what arrives, times the local derivative")
    ax.set(xlim=(-0.4, 5.4), ylim=(-1.25, 0.4))
    ax.axis("off")
    figure.savefig(OUT / "chain.png", dpi=120)


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)

    w1, b1, w2, b2 = cr.Value(W1, "w1"), cr.Value(B1, "b1"), cr.Value(W2, "w2"), cr.Value(B2, "b2")
    z1, a1, z2, y_hat, loss = network(w1, b1, w2, b2)
    loss.backward()
    print(
        f"Forward: z₁ = {z1.data:.4f}, a₁ = {a1.data:.4f}, z₂ = {z2.data:.4f}, ŷ = {y_hat.data:.4f}, loss = {loss.data:.4f}\n"
    )

    # by hand, without the library
    z = W1 * X + B1
    a = 1 / (1 + exp(-z))
    y = 1 / (1 + exp(-(W2 * a + B2)))
    links = [  # from the loss back to w1: the factor, its formula, its value by hand, and by the engine on this link alone
        ("∂loss/∂ŷ", "-1/ŷ", -1 / y, cr.grad(lambda y: -cr.log(y))(y), y_hat),
        ("∂ŷ/∂z₂", "ŷ·(1 - ŷ)", y * (1 - y), cr.grad(cr.sigmoid)(W2 * a + B2), z2),
        ("∂z₂/∂a₁", "w₂", W2, cr.grad(lambda a: W2 * a + B2)(a), a1),
        ("∂a₁/∂z₁", "a₁·(1 - a₁)", a * (1 - a), cr.grad(cr.sigmoid)(z), z1),
        ("∂z₁/∂w₁", "x", X, cr.grad(lambda w: w * X + B1)(W1), w1),
    ]
    print("factor    formula       by hand      engine   product so far   engine's grad")
    product, products = 1.0, []
    for symbol, formula, by_hand, engine, node in links:
        product *= by_hand
        products.append(product)
        print(f"{symbol:9} {formula:11}{by_hand:10.6f}{engine.item():12.6f}{product:17.6f}{node.grad:16.6f}")
        assert abs(by_hand - engine.item()) < 1e-12, f"{symbol}: by hand {by_hand}, the engine says {engine.item()}"
        assert abs(product - node.grad) < 1e-12, f"{symbol}: the product is {product}, backward left {node.grad}"
    assert abs(products[1] - (y - 1)) < 1e-12, "the first two factors should be prediction minus truth, as in example 4"

    print("\nThe other parameters share all factors but the last. Central differences confirm each:\n")
    print("             by hand      engine   difference quotient")
    to_z2, to_z1, h = products[1], products[3], 1e-6
    for name, node, by_hand in (("w1", w1, to_z1 * X), ("b1", b1, to_z1), ("w2", w2, to_z2 * a), ("b2", b2, to_z2)):
        quotient = (loss_at(**{name: node.data + h}) - loss_at(**{name: node.data - h})) / (2 * h)
        print(f"∂loss/∂{name}{by_hand:12.6f}{node.grad:12.6f}{quotient:22.6f}")
        assert abs(by_hand - node.grad) < 1e-12, f"{name}: by hand {by_hand}, the engine says {node.grad}"
        assert abs(quotient - node.grad) < 1e-8, f"{name}: the quotient is {quotient}, the engine says {node.grad}"

    after = loss_at(w1=W1 - w1.grad, b1=B1 - b1.grad, w2=W2 - w2.grad, b2=B2 - b2.grad)
    print(f"\nOne step of rate 1 against the gradient: the loss falls from {loss.data:.4f} to {after:.4f}.")
    assert after < loss.data, "a step downhill should lower the loss"

    names, values = ["w₁", "z₁", "a₁", "z₂", "ŷ", "loss"], [v.data for v in (w1, z1, a1, z2, y_hat, loss)]
    factors = [f"× {symbol}\n= {by_hand:.4f}" for symbol, _, by_hand, *_ in reversed(links)]
    draw_chain(names, values, factors, products[::-1])

    picture = cr.draw(loss, names={"z1": z1, "a1": a1, "z2": z2, "y_hat": y_hat, "loss": loss})
    try:
        picture.save(OUT / "graph.svg")
    except cr.GraphError:  # the `dot` program is missing
        picture.save(OUT / "graph.dot")
        print("Graphviz is not installed, so graph.dot was written instead of graph.svg.")

    steps = np.logspace(-14, 0, 57)
    errors = [abs((loss_at(w1=W1 + h) - loss_at(w1=W1 - h)) / (2 * h) - w1.grad) for h in steps]
    print(
        f"The best of {len(steps)} central differences is off by {min(errors):.0e}; the engine by {abs(products[-1] - w1.grad):.0e}."
    )
    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    style.dress(ax, "step h", "error of ∂loss/∂w₁", "Too small a step: rounding. Too large: curvature")
    ax.loglog(steps, errors, ".-", color=style.COLORS["blue"], label="central difference")
    ax.axhline(
        2e-16, color=style.COLORS["vermillion"], linestyle="--", label="backpropagation: the last digit of a float"
    )
    style.legend(ax)
    figure.savefig(OUT / "differences.png", dpi=120)


if __name__ == "__main__":
    main()
