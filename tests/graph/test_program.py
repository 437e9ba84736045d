"""A graph as a Python program: run, it gives the same values and gradients."""

import numpy as np
import pytest
from graphs import GRAPHS

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases

# a graph that is recorded has no such call, or one that needs a second device or worker
WITHOUT = {"variable", "to_device", "over_shards"}
CALLED = sorted(name for name, p in REGISTRY.items() if p.samples and p.vjp and name not in WITHOUT)


def run(graph):
    """The names of the program of a graph, run but for the page that it opens."""
    text = graph.to_python()
    names = {}
    exec(text.rpartition("cr.trace")[0], names)
    return names, cr.trace(names[text.rpartition("cr.trace(")[2].partition(")")[0]])


def same(one, other):
    assert [n.operation for n in one.nodes] == [n.operation for n in other.nodes]
    for a, b in zip(one.nodes, other.nodes, strict=True):
        for x, y in ((a.value, b.value), (a.total, b.total)):
            assert (x is None) == (y is None)
            if x is not None:
                np.testing.assert_array_equal(x.array() if x.items is not None else x.summary["rms"],
                                              y.array() if y.items is not None else y.summary["rms"])  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_the_program_of_a_call_gives_its_value_and_gradients(name):
    primitive, rng = REGISTRY[name], np.random.default_rng(0)
    for case in cases(primitive)[:3]:
        given = [cr.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.draw(rng)]
        result = primitive.call(*given, **case.options)
        if result._node is None:
            continue
        graph = cr.trace(result, {})
        same(graph, run(graph)[1])


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_program_of_a_graph_gives_the_graph_again(make):
    graph = cr.trace(make())
    same(graph, run(graph)[1])
