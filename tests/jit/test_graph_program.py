"""Graph.program(): an existing graph as a program, recorded anew from what it began with."""

import gc

import numpy as np
import pytest
from jit_steps import data, model_of

import chainrule as cr
from chainrule import nn
from chainrule.autograd.errors import GraphError
from chainrule.backends.numpy_lowering import Lowered


def computed(program, **given):
    """Run a program on arrays by name: (its result, {name of a leaf: its gradient})."""
    lowered = Lowered(program, {})
    for made in program.inputs:
        lowered.arrays[made][...] = given[made.operands[0]]
    assert lowered.run() is None
    return lowered.arrays[program.results[0]], {k[1]: lowered.arrays[made] for k, made in program.kept.items()}


def test_it_computes_the_value_and_the_gradients_of_the_graph():
    model = model_of(lambda: cr.tanh)
    x, y, _ = data(5, 3)
    loss = nn.cross_entropy(model(x), y)
    program = cr.trace(loss, names={"x": x, "y": y}).program()
    loss.backward()
    parameters = dict(model.named_parameters())
    value, gradients = computed(program, x=x.numpy(), y=y.numpy(), **{k: p.numpy() for k, p in parameters.items()})
    assert value == loss.numpy()
    assert gradients.keys() == parameters.keys()
    for name, p in parameters.items():
        assert gradients[name].tobytes() == p.grad.numpy().tobytes()


def test_values_are_arrays_of_one_number():
    a, b = cr.Value(2.0, "a"), cr.Value(3.0, "b")
    value, gradients = computed(cr.trace(a * b + a**2).program(), a=5.0, b=7.0)
    assert (value, gradients) == (60, {"a": 17, "b": 5})


def test_what_a_call_was_handed_beside_its_operands_is_computed_again():
    """LayerNorm computes mean and variance before the call."""
    norm = nn.LayerNorm(2)
    f = lambda x: (norm(x) ** 3).sum()
    x, other = (cr.tensor(data, requires_grad=True) for data in ([[1.0, 3.0], [2.0, -1.0]], [[0.5, 9.0], [4.0, 5.0]]))
    program = cr.trace(f(x), names={"x": x}).program()
    given = {made.operands[0]: cr.ones(2).numpy() * (made.operands[0] == "weight") for made in program.inputs}
    value, _ = computed(program, **given | {"x": other.numpy()})
    assert value == f(other).numpy()


def test_it_is_that_of_the_values_now():
    x = cr.ones(3, requires_grad=True)
    graph = cr.trace((x * 2).sum(), names={"x": x})
    x.assign(np.full(3, 5, "f"))
    assert graph.program().inputs[0].shape == (3,)


def test_inputs_that_nobody_holds_any_more_are_named():
    x, w = cr.ones((100, 3)), cr.ones((3, 100), requires_grad=True)
    graph = cr.trace((x @ w).sum(), names={"x": x, "w": w})
    graph.program()
    del x, w
    gc.collect()
    with pytest.raises(GraphError, match=r"nobody holds x \(100, 3\), w \(3, 100\) any more; keep it in a variable"):
        graph.program()


def test_a_graph_that_was_read_says_that_it_has_none():
    x = cr.ones(3, requires_grad=True)
    graph = cr.trace((x * 2).sum())
    with pytest.raises(GraphError, match="was read or opened"):
        cr.Graph.from_json(graph.to_json()).program()


def test_instructions_have_the_lines_of_the_graph():
    x = cr.ones(3, requires_grad=True)
    y = (x * 2).sum()
    program = cr.trace(y).program()
    lines = {str(made.origin.line).rpartition(",")[0] for made in program.instructions if made.origin.call}
    assert len(lines) == 1
    assert "test_graph_program.py" in lines.pop()


def test_nothing_of_the_graph_changes():
    x = cr.ones(3, requires_grad=True)
    y = (x * 2).sum()
    cr.trace(y).program()
    assert x.grad is None
    y.backward()
    assert x.grad.tolist() == [2, 2, 2]
