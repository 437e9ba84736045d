"""Programs on single numbers: micrograd's two-moons demo against micrograd, and a small attention model against the least
that can be written. One program for both contestants of each."""

import math
import random
import sys

from sklearn.datasets import make_moons

from .measure import Row, contest


class Bare:
    """A number with its gradient, what it was computed from, and the slopes by these: no lines, no checks, nothing to draw."""

    __slots__ = ("data", "grad", "parents", "slopes")

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self.slopes = data, 0.0, parents, slopes

    def __add__(self, other):
        other = other if isinstance(other, Bare) else Bare(other)
        return Bare(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Bare) else Bare(other)
        return Bare(self.data * other.data, (self, other), (other.data, self.data))

    def __truediv__(self, other):
        quotient = self.data / other.data
        return Bare(quotient, (self, other), (1 / other.data, -quotient / other.data))

    def __neg__(self):
        return Bare(-self.data, (self,), (-1.0,))

    def exp(self):
        result = math.exp(self.data)
        return Bare(result, (self,), (result,))

    def log(self):
        return Bare(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Bare(max(self.data, 0.0), (self,), (float(self.data > 0),))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen, stack = [], set(), [self]
        while stack:
            v = stack.pop()
            if v is None:
                order.append(stack.pop())
            elif v not in seen:
                seen.add(v)
                stack += (v, None)
                stack += [p for p in v.parents if p not in seen]
        self.grad = 1.0
        for v in reversed(order):
            for p, slope in zip(v.parents, v.slopes, strict=True):
                p.grad += slope * v.grad


def kind(library):
    """The class of numbers of a contestant."""
    if library == "chainrule":
        from chainrule import Value
    elif library == "micrograd":
        from micrograd.engine import Value
    else:
        Value = Bare
    return Value


def demo(library):
    """The demo notebook's network and loss with a library's Value; a function that runs it once."""
    sys.setrecursionlimit(1_000_000)  # micrograd's backward is recursive
    Value = kind(library)

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


def attention(library, width=8, letters=12):
    """A model of the next letter: embeddings, one head of causal attention, a layer with ReLU, cross-entropy, and a step of
    gradient descent. A function that takes one step over one text; it returns the loss."""
    Value = kind(library)
    rng = random.Random(0)

    def matrix(rows, columns):
        return [[Value(rng.gauss(0, 0.3)) for _ in range(columns)] for _ in range(rows)]

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    def softmax(scores):
        powers = [s.exp() for s in scores]
        total = sum(powers)
        return [p / total for p in powers]

    embedding, places = matrix(letters, width), matrix(16, width)
    query, key, value, hidden = (matrix(width, width) for _ in range(4))
    last = matrix(letters, width)
    parameters = [p for m in (embedding, places, query, key, value, hidden, last) for row in m for p in row]
    text = [rng.randrange(letters) for _ in range(17)]

    def step():
        keys, values, losses = [], [], []
        for i in range(16):
            x = [a + b for a, b in zip(embedding[text[i]], places[i], strict=True)]
            q = [dot(row, x) for row in query]
            keys.append([dot(row, x) for row in key])
            values.append([dot(row, x) for row in value])
            weights = softmax([dot(q, k) * width**-0.5 for k in keys])
            x = [a + dot(weights, column) for a, column in zip(x, zip(*values, strict=True), strict=True)]
            x = [a + dot(row, x).relu() for a, row in zip(x, hidden, strict=True)]
            losses.append(-softmax([dot(row, x) for row in last])[text[i + 1]].log())
        loss = sum(losses) * (1 / len(losses))
        loss.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad
            p.grad = 0.0
        return loss.data

    return step


def recorded(task, lowering):
    """The step of a task under cr.jit, recorded already."""
    import chainrule as cr

    step = cr.jit(task("chainrule"), lowering=lowering)
    for _ in range(3):
        step()
    if step.lowering != lowering:
        raise AssertionError(f"the program was to run by {lowering}, it runs by {step.lowering}")
    return step


def rows():
    for task, peer in ((demo, "micrograd"), (attention, "bare class")):
        if abs(task("chainrule")() - task(peer)()) > 1e-9:
            raise AssertionError(f"{task.__name__}: the two programs do not compute the same loss")
    contestants = [(demo, "chainrule"), (recorded, demo, "c"), (recorded, demo, "numpy"), (demo, "micrograd")]
    *ours, peer = contest(contestants, 3, 2, warmup=1)
    for how, seconds, goal in zip(("", ", jit", ", jit, NumPy"), ours, (0.50, 1 / 2000, 1 / 400), strict=True):
        yield Row("micrograd's two-moons demo" + how, "ms", seconds * 1e3, "micrograd", peer * 1e3, goal)
    a, b = contest([(attention, "chainrule"), (attention, "bare class")], 6, 4, warmup=1)
    yield Row("attention of single numbers", "ms", a * 1e3, "bare class", b * 1e3, 1.0)
