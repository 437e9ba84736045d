"""micrograd's two-moons demo, one full-batch forward and backward on Python floats: one program for both."""

import random
import sys

from sklearn.datasets import make_moons

from .measure import Row, contest


def demo(library):
    """The demo notebook's network and loss with a library's Value; a function that runs it once."""
    sys.setrecursionlimit(1_000_000)  # micrograd's backward is recursive
    if library == "chainrule":
        from chainrule import Value
    else:
        from micrograd.engine import Value

    def neuron(n_inputs):
        return [Value(random.uniform(-1, 1)) for _ in range(n_inputs)], Value(0)

    random.seed(1337)
    x, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    x, y = x.tolist(), (y * 2.0 - 1.0).tolist()
    layers = [[neuron(n) for _ in range(m)] for n, m in ((2, 16), (16, 16), (16, 1))]
    parameters = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]

    def model(values):
        for i, layer in enumerate(layers):
            values = [sum((w * v for w, v in zip(weights, values, strict=True)), bias) for weights, bias in layer]
            if i < len(layers) - 1:
                values = [v.relu() for v in values]
        return values[0]

    def step():
        for p in parameters:
            p.grad = 0.0
        scores = [model([Value(v) for v in row]) for row in x]
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        loss.backward()
        return loss.data

    return step


def rows():
    if abs(demo("chainrule")() - demo("micrograd")()) > 1e-9:
        raise AssertionError("the two programs do not compute the same loss")
    a, b = contest([(demo, "chainrule"), (demo, "micrograd")], 4, 2, warmup=1)
    yield Row("micrograd's two-moons demo", "ms", a * 1e3, "micrograd", b * 1e3, 0.50)
