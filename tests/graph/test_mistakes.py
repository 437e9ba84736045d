"""What a learner gets who makes one mistake in a rule: worked out from the rule itself, for any operation."""

import numpy as np
import pytest
from graphs import GRAPHS

import chainrule as cr
from chainrule.graph.text.mistakes import mistakes


def told(result, x):
    """{what was done wrong: what it gives} for the contributions to x."""
    graph = cr.trace(result, {"asked": x})
    operands = graph.operands()
    edges = [e for e in graph.edges if graph.nodes[e.source].label == "asked" and e.flows]
    return {says: items for e in edges for says, items in mistakes(graph, e, operands[e.target])}


def given(*shape, seed=0):
    return cr.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def test_p_without_y():
    z = given(1, 3)
    found = told(cr.nn.cross_entropy(z, cr.tensor([0])), z)
    p = cr.softmax(z.detach()).numpy().ravel()
    np.testing.assert_allclose(found["You left out “− one_hot(index)”: that is g · softmax(logits)."], p)


def test_p_without_y_for_a_batch():
    z = given(2, 3)
    found = told(cr.nn.cross_entropy(z, cr.tensor([0, 2])), z)
    p = cr.softmax(z.detach()).numpy().ravel() / 2
    np.testing.assert_allclose(found["You left out “− one_hot(index)”: that is g · softmax(logits)."], p)


def test_a_missing_share_of_a_mean():
    x = given(2, 3)
    assert told(x.mean(), x)["You left out “/ n”: that is g."] == [1.0] * 6


@pytest.mark.parametrize(
    ("function", "says", "slope"),
    [
        (cr.relu, "You left out “· (out > 0)”: that is g.", lambda x: np.ones_like(x)),
        (cr.tanh, "The square is missing: out².", lambda x: 1 - np.tanh(x)),
        (lambda x: cr.sqrt(x * x), "You left out “/ (2 · out)”: that is g.", None),
        (lambda x: x**3, "You left out “y”: that is g · x^(y − 1).", lambda x: x**2),
        (cr.softmax, "You left out “− Σ g · out”: that is out · g.", None),
    ],
    ids=["relu", "tanh", "sqrt", "power", "softmax"],
)
def test_parts_of_recorded_and_stated_rules(function, says, slope):
    x, w = given(2, 3), given(2, 3, seed=1).detach()
    graph = cr.trace((function(x) * w).sum())
    operands = graph.operands()
    found = {s: items for e in graph.edges for s, items in mistakes(graph, e, operands[e.target])}
    assert says in found
    if slope is not None:
        np.testing.assert_allclose(found[says], np.ravel(w.numpy() * slope(x.detach().numpy())), rtol=1e-5)


def test_a_product_of_matrices():
    x, w = given(2, 2), given(2, 2, seed=1)
    y = x @ w
    found = told((y * y).sum(), w)
    g, a = 2 * y.detach().numpy(), x.detach().numpy()
    for says, right in {
        "The transpose is missing: xᵀ.": a @ g,
        "That is the transpose of xᵀ @ g.": (a.T @ g).T,
        "The factors stand the other way round: xᵀ @ g.": g @ a.T,
        "That is multiplied element by element. @ takes a row times a column, and adds up.": a.T * g,
    }.items():
        np.testing.assert_allclose(found[says], np.ravel(right), err_msg=says)


def test_a_batch_that_is_not_added_up():
    x, b = given(3, 3), given(3, seed=1)
    found = told(((x + b) ** 2).sum(), b)
    g = 2 * (x.detach() + b.detach()).numpy()
    assert "That is the share of one row alone. Add up over the batch: every row used it." in found
    np.testing.assert_allclose(found["That is summed over axis 1, the wrong one."], g.sum(1))
    mean = "That is the mean. What was repeated gets the sum of what comes back."
    np.testing.assert_allclose(found[mean], g.mean(0))


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_no_mistake_gives_the_right_numbers(build):
    graph = cr.trace(build())
    operands = graph.operands()
    for edge in graph.edges:
        for says, items in mistakes(graph, edge, operands[edge.target]):
            right = edge.contribution.array()
            assert np.shape(items) == (right.size,), says
            assert not np.allclose(items, np.ravel(right)), says
