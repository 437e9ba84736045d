"""Small graphs of every kind that a page must show, and the truth about their edges from central differences."""

import ast
import random
from functools import cache

import numpy as np

import chainrule as cr
from chainrule.graph.page import page

NASTY = [  # names that break out of markup, quotes and ports where they are not escaped
    "<script>alert(1)</script>",
    '"];',
    "ends in \\",
    "\\N\\G\\n",
    "&#1; &lt;b&gt;",
    "</TD></TABLE>>",
    "emoji 👩\u200d🔬",
    "n0:e",
    "}{|",
]


def _array(name, data):
    x = cr.tensor(data, requires_grad=True)
    x.name = name
    return x


def scalars():
    a, b, c, f = cr.Value(2.0, "a"), cr.Value(-3.0, "b"), cr.Value(10.0, "c"), cr.Value(-2.0, "f")
    return (a * b + c) * f


def karpathy():
    """The graph of L = (a·b + c)·f, the example of the video, with all its names."""
    a, b, c, f = cr.Value(2.0, "a"), cr.Value(-3.0, "b"), cr.Value(10.0, "c"), cr.Value(-2.0, "f")
    e = a * b
    d = e + c
    loss = d * f
    return cr.trace(loss, {"e": e, "d": d, "L": loss})


def square():
    x = cr.Value(3.0, "x")
    return x * x


def fan_out():
    x, w = cr.Value(0.5, "x"), cr.Value(-1.5, "w")
    s = (w * x).tanh()
    return s * s + s / x - cr.exp(s)


def bias():
    x = _array("x", [[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]])
    b = _array("b", [0.5, -0.25])
    return ((x + b) ** 2).mean()


def matmul():
    x = _array("x", [[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    w = _array("w", [[0.5, -1.0], [2.0, 1.5], [-0.5, 0.25]])
    return (x @ w).sum()


def maximum():
    x = _array("x", [[1.0, 4.0, 2.0], [7.0, -1.0, 3.0]])
    return (x.max(axis=1) * cr.tensor([2.0, -1.0])).sum() + cr.maximum(x, 2.5).sum()


def relu_off():
    w, x = cr.Value(-2.0, "w"), cr.Value(1.5, "x")
    return cr.nn.relu(w * x) + x


def cross_entropy():
    logits = _array("logits", [[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
    return cr.nn.cross_entropy(logits, cr.tensor([0, 2]))


def not_a_number():
    a, b = cr.Value(-1.0, "a"), cr.Value(2.0, "b")
    return cr.log(a) * b + b


def network_of_values():
    """2-2-1: hidden units h1 and h2, squared error against the target 1."""
    x1, x2 = cr.Value(1.0, "x1"), cr.Value(-2.0, "x2")
    w = [cr.Value(v, f"w{i}") for i, v in enumerate((0.5, -0.25, 0.75, 1.0, -1.5, 0.8), start=1)]
    b = [cr.Value(v, f"b{i}") for i, v in enumerate((0.1, -0.2, 0.05), start=1)]
    h1 = (w[0] * x1 + w[1] * x2 + b[0]).tanh()
    h2 = (w[2] * x1 + w[3] * x2 + b[1]).tanh()
    return (w[4] * h1 + w[5] * h2 + b[2] - 1.0) ** 2


def mlp():
    model = cr.nn.MLP([2, 2, 1], activation="tanh")
    x, y = cr.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([[0.0], [1.0], [1.0]])
    return cr.nn.bce_with_logits(model(x), y)


GRAPHS = {
    build.__name__: build
    for build in (
        scalars,
        square,
        fan_out,
        bias,
        matmul,
        maximum,
        relu_off,
        cross_entropy,
        not_a_number,
        network_of_values,
        mlp,
    )
}


# ---- larger ones


def recurrent(steps):
    """h = tanh(w·h + u·x + b), with an x for each step."""
    w, u, b, h = (cr.Value(x, name) for x, name in ((0.5, "w"), (0.8, "u"), (0.1, "b"), (0.0, "h0")))
    for t in range(steps):
        h = cr.tanh(w * h + u * (0.3 * (t % 5 - 2)) + b)
    return (h - 1.0) ** 2


def tangle(n=250):
    """Sums, products and tanhs of values from anywhere near, with 12 leaves."""
    draw = random.Random(0)
    pool = [cr.Value(draw.uniform(-1, 1), f"p{i}") for i in range(12)]
    for _ in range(n):
        a, b = draw.choice(pool[-14:]), draw.choice(pool[-30:])
        pool.append(draw.choice((lambda a, b: a * b, lambda a, b: a + b, lambda a, b: cr.tanh(a)))(a, b))
    return sum(pool[-30:-1], pool[-1])


def wide_mlp():
    """Layers of 64, 128, 64 and 10."""
    cr.random.seed(0)
    model = cr.nn.MLP([64, 128, 64, 10], activation="relu")
    x, y = cr.random.normal(size=(8, 64)), cr.tensor([i % 10 for i in range(8)])
    return cr.nn.cross_entropy(model(x), y)


@cache
def page_of(build):
    """The page of a graph, made once for all tests."""
    return page(cr.trace(build()))


# ---- the truth

FORWARD = {
    "absolute": np.abs,
    "add": np.add,
    "affine": lambda x, w, b: x @ w + b,
    "class_entropy": lambda z, labels: np.log(np.exp(z).sum(-1)) - z[np.arange(len(z)), labels],
    "divide": np.divide,
    "exp": np.exp,
    "log": np.log,
    "logit_entropy": lambda z, y: np.log1p(np.exp(z)) - y * z,
    "matmul": np.matmul,
    "max": np.max,
    "maximum": np.maximum,
    "mean": np.mean,
    "multiply": np.multiply,
    "negative": np.negative,
    "power": np.power,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "subtract": np.subtract,
    "sum": np.sum,
    "tanh": np.tanh,
}


def contributions(graph, step=1e-6):
    """For each edge that gradient flows along, the change of the result when the operand changes in that slot alone."""
    operands = graph.operands()
    base = [n.value.array() * (1 if n.kind == "constant" else 1.0) for n in graph.nodes]  # labels stay integers

    def result(edge, changed):
        values = list(base)
        for node in graph.nodes[edge.target :]:
            if node.kind == "operation":
                inputs = [changed if e is edge else values[e.source] for e in operands[node.id]]
                options = {k: ast.literal_eval(v) for k, v in (option.split("=") for option in node.options)}
                values[node.id] = FORWARD[node.operation](*inputs, **options)
        return values[-1]

    def slope(edge, index):
        x = np.asarray(base[edge.source], "float64")
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        return (result(edge, up) - result(edge, down)) / (2 * step)

    def slopes(edge):
        shape = graph.nodes[edge.source].shape
        return np.reshape([slope(edge, index) for index in np.ndindex(shape)], shape)

    return {edge.id: slopes(edge) for edge in graph.edges if edge.flows}
