"""Programs that were written for micrograd run when their import is changed."""

import math
import random

import pytest

import chainrule as cr
from chainrule import Value


def test_a_gradient_is_zero_before_it_arrives_and_after_it_is_set_to_zero():
    x = Value(3.0)
    assert x.grad == 0.0
    (x * x).backward()
    assert x.grad == 6.0
    x.grad = 0
    assert x.grad == 0.0


def test_optimisers_still_tell_a_gradient_of_zero_from_one_that_never_came():
    x, y = Value(3.0), Value(2.0)
    (x * 0.0).backward()
    with pytest.warns(UserWarning, match="no gradient has reached 1"):
        cr.optim.SGD([x, y], lr=0.1).step()


def test_a_leaf_is_updated_through_its_data():
    x = Value(3.0)
    for _ in range(100):
        x.grad = 0
        loss = (x - 1) ** 2
        loss.backward()
        x.data -= 0.1 * x.grad
    assert x.data == pytest.approx(1.0)
    assert (x * 2).data == pytest.approx(2.0)


def test_the_result_of_a_call_cannot_be_updated():
    y = Value(3.0) * 2
    with pytest.raises(cr.GraphError, match="only leaves can be assigned"):
        y.data -= 0.1


# ---- a notebook: the graph is walked, drawn, and gone through by hand


@pytest.fixture
def neuron():
    """(o, {label: Value}) of o = tanh(x1·w1 + x2·w2 + b)."""
    x1, x2, w1, w2, b = (Value(v) for v in (2.0, 0.0, -3.0, 1.0, 6.8813735870195432))
    x1w1, x2w2 = x1 * w1, x2 * w2
    n = x1w1 + x2w2 + b
    o = n.tanh()
    named = dict(x1=x1, x2=x2, w1=w1, w2=w2, b=b, x1w1=x1w1, n=n, o=o)
    for label, value in named.items():
        value.label = label
    return o, named


def walk(root):
    """Nodes and edges, as the notebook's drawing collects them."""
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_the_graph_can_be_walked_from_the_result_to_its_leaves(neuron):
    o, _ = neuron
    nodes, edges = walk(o)
    assert (len(nodes), len(edges)) == (10, 9)
    assert {v.label for v in nodes} == {"x1", "x2", "w1", "w2", "b", "x1w1", "n", "o", ""}
    assert sorted(v._op for v in nodes if v._op) == ["*", "*", "+", "+", "tanh"]


def test_a_value_of_zero_that_is_used_twice_is_met_as_one():
    x = Value(0.0)
    nodes, edges = walk(x * 2.0 + x * 3.0)
    assert (len(nodes), len(edges)) == (4, 4)


def test_what_is_walked_shows_data_and_gradients_as_they_are_now(neuron):
    o, named = neuron
    nodes, _ = walk(o)
    o.backward()
    named["b"].data += 1
    seen = {v.label: (v.data, v.grad) for v in nodes | walk(o)[0] if v.label in ("b", "w1")}
    assert seen["w1"] == (-3.0, pytest.approx(1.0))
    assert seen["b"] == (pytest.approx(7.8813735870195432), pytest.approx(0.5))


def test_backward_can_be_done_call_by_call(neuron):
    o, named = neuron
    order, visited = [], set()

    def sort(v):
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                sort(child)
            order.append(v)

    sort(o)
    o.grad = 1.0
    for v in reversed(order):
        v._backward()
    assert {k: named[k].grad for k in ("x1", "w1", "x2", "w2")} == pytest.approx(dict(x1=-1.5, w1=1.0, x2=0.5, w2=0.0))


# ---- a language model on single numbers


class Letters:
    """A transformer of one block that guesses the next letter, number by number, in the manner of a short script."""

    size, width, heads, length = 5, 4, 2, 4

    def __init__(self, seed=1):
        rng = random.Random(seed)
        make = lambda rows, columns: [[Value(rng.gauss(0, 0.3)) for _ in range(columns)] for _ in range(rows)]
        w = self.width
        self.state = {
            "token": make(self.size, w), "place": make(self.length, w), "head": make(self.size, w), "q": make(w, w),
            "k": make(w, w), "v": make(w, w), "o": make(w, w), "up": make(4 * w, w), "down": make(w, 4 * w),
        }  # fmt: skip
        self.params = [p for matrix in self.state.values() for row in matrix for p in row]

    def linear(self, x, name):
        return [sum(wi * xi for wi, xi in zip(row, x, strict=True)) for row in self.state[name]]

    def softmax(self, logits):
        top = max(value.data for value in logits)
        powers = [(value - top).exp() for value in logits]
        total = sum(powers)
        return [e / total for e in powers]

    def norm(self, x):
        scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def __call__(self, token, place, keys, values):
        x = [t + p for t, p in zip(self.state["token"][token], self.state["place"][place], strict=True)]
        before, x = x, self.norm(x)
        q, k, v = (self.linear(x, name) for name in "qkv")
        keys.append(k)
        values.append(v)
        part, found = self.width // self.heads, []
        for h in range(0, self.width, part):
            scores = [sum(q[h + j] * key[h + j] for j in range(part)) / part**0.5 for key in keys]
            weights = self.softmax(scores)
            found += [sum(w * value[h + j] for w, value in zip(weights, values, strict=True)) for j in range(part)]
        x = [a + b for a, b in zip(self.linear(found, "o"), before, strict=True)]
        before = x
        x = [xi.relu() for xi in self.linear(self.norm(x), "up")]
        x = [a + b for a, b in zip(self.linear(x, "down"), before, strict=True)]
        return self.linear(x, "head")

    def loss(self, word):
        keys, values, losses = [], [], []
        for place, (token, target) in enumerate(zip(word, word[1:], strict=False)):
            probabilities = self.softmax(self(token, place, keys, values))
            losses.append(-probabilities[target].log())
        return (1 / len(losses)) * sum(losses)


def test_a_language_model_on_single_numbers_has_the_gradients_of_central_differences():
    model, word = Letters(), [0, 3, 1, 4, 0]
    model.loss(word).backward()
    for p in model.params[::29]:
        given, middle = p.grad, p.data
        ends = []
        for step in (1e-5, -1e-5):
            p.data = middle + step
            ends.append(model.loss(word).data)
        p.data = middle
        assert given == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-9)


def test_a_language_model_on_single_numbers_learns_a_word_with_adam_by_hand():
    model, word = Letters(), [0, 3, 1, 4, 0]
    m, v = [0.0] * len(model.params), [0.0] * len(model.params)
    first = model.loss(word).data
    for step in range(12):
        loss = model.loss(word)
        loss.backward()
        for i, p in enumerate(model.params):
            m[i] = 0.9 * m[i] + (1 - 0.9) * p.grad
            v[i] = 0.95 * v[i] + (1 - 0.95) * p.grad**2
            m_hat, v_hat = m[i] / (1 - 0.9 ** (step + 1)), v[i] / (1 - 0.95 ** (step + 1))
            p.data -= 0.05 * m_hat / (v_hat**0.5 + 1e-8)
            p.grad = 0
    assert first == pytest.approx(math.log(5), rel=0.2)
    assert model.loss(word).data < 0.5 * first


def test_a_value_takes_its_name_as_a_label_too():
    assert (cr.Value(2.0, label="a").name, cr.Value(2.0, "b").label) == ("a", "b")
