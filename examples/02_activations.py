"""Activation functions: what makes a network more than one line.

Layers without an activation between them collapse into a single layer, however many there are. An activation bends the
line; its derivative is a factor of every gradient that passes through it. Where that factor is small, as in a saturated
sigmoid, gradients vanish layer by layer; where it is 0, as in a dead ReLU, nothing is learned at all.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

import chainrule as cr
from chainrule.plot import style

OUT = Path("runs/02_activations")
NAMES = [name for name in cr.nn.ACTIVATIONS if name != "softmax"]  # softmax looks at a whole row, so it has no curve
HUES = {"identity": "black", "sigmoid": "vermillion", "tanh": "green", "relu": "blue"}


def table():
    """Each activation and its derivative, which the engine computes and central differences confirm."""
    print("activation    f(-2)     f(2)   f'(-2)    f'(2)  f' at most")
    x, h = cr.linspace(-8, 8, 1600).to("float64"), 1e-5  # 0, where some have a kink, lies between two of the points
    for name in NAMES:
        f = cr.nn.activation(name)
        _, pull = cr.vjp(f, x)
        slope = pull(cr.ones_like(x))
        differences = (f(x + h) - f(x - h)) / (2 * h)
        assert np.allclose(slope.numpy(), differences.numpy(), atol=1e-8), f"the derivative of {name} is wrong"
        print(f"{name:10}", *(f"{float(g(v)):8.3f}" for g in (f, cr.grad(f)) for v in (-2.0, 2.0)), end="")
        print(f"{slope.max().item():12.3f}")


def fit_a_wave(activation):
    """Three layers trained to follow sin(2x): the model, and its final loss."""
    cr.random.seed(3)
    x = cr.linspace(-3, 3, 61).reshape(61, 1)
    model = cr.nn.MLP([1, 32, 32, 1], activation=activation)
    optimizer = cr.optim.Adam(model.parameters(), lr=0.01)
    history = cr.fit(model, cr.nn.mse, optimizer, (x, cr.sin(2 * x)), 400, batch_size=None, verbose=0)
    return model, history[-1]["loss"]


def one_layer(model):
    """The weight and bias of the single layer that the model would be without its activations."""
    weight, bias = model.layers[0].weight, model.layers[0].bias
    for layer in model.layers[1:]:
        weight, bias = weight @ layer.weight, bias @ layer.weight + layer.bias
    return weight, bias


def slope_after(depth, f):
    """The derivative of f(f(…f(x))) at x = 1: a product of `depth` factors."""

    def chain(x):
        for _ in range(depth):
            x = f(x)
        return x

    return cr.grad(chain)(1.0).item()


def deep(activation):
    """Nine layers after one backward pass, and the mean gradient of the first weight relative to the last's."""
    cr.random.seed(0)
    layers = [part for _ in range(8) for part in (cr.nn.Linear(16, 16, bias=False), cr.nn.activation(activation))]
    model = cr.nn.Sequential(*layers, cr.nn.Linear(16, 1, bias=False))
    cr.nn.mse(model(cr.random.normal(size=(64, 16))), cr.random.normal(size=(64, 1))).backward()
    first, *_, last = (np.abs(p.grad.numpy()).mean() for p in model.parameters())
    return model, first / last


def revive(activation):
    """The losses of a neuron whose sum is negative on all data at first."""
    neuron, x = cr.nn.Perceptron(1, activation), cr.linspace(-1, 1, 21).reshape(21, 1)
    neuron.load_state_dict({"weight": [1.0], "bias": -3.0})
    optimizer = cr.optim.SGD(neuron.parameters(), lr=0.3)
    return cr.fit(neuron, cr.nn.mse, optimizer, (x, x[:, 0] + 1), 300, batch_size=None, verbose=0)["loss"]


def main():
    matplotlib.use("Agg")
    OUT.mkdir(parents=True, exist_ok=True)
    table()
    cr.plot.activations(NAMES)[0].figure.savefig(OUT / "activations.png", dpi=120)

    x = cr.linspace(-3, 3, 61).reshape(61, 1)
    wave = cr.sin(2 * x).numpy()
    best = float(np.polyfit(x.numpy()[:, 0], wave[:, 0], 1, full=True)[1][0]) / len(wave)  # by least squares
    print(f"\nThree layers follow a wave. The best straight line has a mean squared error of {best:.3f};")
    size = {"figsize": (7, 4), "layout": "constrained"}
    figure, ax = plt.subplots(**size)
    style.dress(ax, "x", "ŷ", "The same three layers: only an activation bends the line")
    ax.plot(x.numpy(), wave, ".", color=style.MUTED, label="data: sin(2x)")
    for name in ("identity", "tanh", "relu"):
        model, loss = fit_a_wave(name)
        print(f"  with {name:8} between the layers: {loss:.3f}")
        ax.plot(x.numpy(), model(x).numpy(), color=style.COLORS[HUES[name]], linewidth=2, label=f"{name}: {loss:.3f}")
        if name == "identity":
            weight, bias = one_layer(model)
            assert np.allclose((x @ weight + bias).numpy(), model(x).numpy(), atol=1e-5), "this should be one layer"
            assert loss > best - 1e-5, "without activations no network beats the best line"
        else:
            assert loss < best / 3, f"with {name} the network should bend to the data"
    print(f"Without activations the three layers are the one layer {weight.item():.3f}·x + {bias.item():.3f}.")
    style.legend(ax, loc="upper left", bbox_to_anchor=(1, 1), title="mean squared error")
    figure.savefig(OUT / "bending.png", dpi=120)

    print("\nThe derivative after   1        2        5        10       20 layers")
    figure, ax = plt.subplots(**size)
    style.dress(ax, "layers n", "derivative", "A product of derivatives: sigmoid's vanishes")
    depths = np.arange(1, 21)
    slopes = {name: [slope_after(n, cr.nn.activation(name)) for n in depths] for name in ("relu", "tanh", "sigmoid")}
    for name, values in slopes.items():
        print(f"  {name:16}", *(f"{values[n - 1]:8.1e}" for n in (1, 2, 5, 10, 20)))
        ax.semilogy(depths, values, ".-", color=style.COLORS[HUES[name]], label=name)
    assert (slopes["sigmoid"] <= 0.25**depths).all(), "each factor of sigmoid is at most 1/4"
    assert set(slopes["relu"]) == {1.0}, "each factor of relu is 1 where its input is positive"
    ax.semilogy(depths, 0.25**depths, ":", color=style.MUTED, label="(1/4)ⁿ, sigmoid's bound")
    ax.set_xticks([1, 5, 10, 15, 20])
    style.legend(ax)
    figure.savefig(OUT / "vanishing.png", dpi=120)

    figure, places = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharex=True, sharey=True)
    for ax, name in zip(places, ("sigmoid", "relu"), strict=True):
        model, share = deep(name)
        cr.plot.gradient_flow(model, ax=ax).set_title(f"{name}: first gradient / last = {share:.1g}")
        print(f"Nine layers with {name}: the first weight gets {share:.1g} times the gradient of the last.")
        assert share < 1e-3 if name == "sigmoid" else share > 1e-2, f"{name}: the first gradient is {share} of the last"
    places[0].set_xlim(1e-8, 10)
    figure.savefig(OUT / "gradients.png", dpi=120)

    dead, alive = revive("relu"), revive("leaky_relu")
    print("\nA neuron whose sum is negative on all data:")
    print(f"  relu        loss {dead[0]:.3f} → {dead[-1]:.3f}    its gradient is 0: it is dead")
    print(f"  leaky_relu  loss {alive[0]:.3f} → {alive[-1]:.3f}    a slope of 0.01 brings it back")
    assert np.ptp(dead) < 1e-6, "a dead neuron should not change"
    assert alive[-1] < 0.01, "a leaky one should come back"


if __name__ == "__main__":
    main()
