"""The graph as data: that its numbers are the engine's, at every operation, and that it says so where it cannot know."""

import threading

import numpy as np
import pytest
from device_double import counting

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases
from chainrule.graph.graph import CHANGED, OUTDATED, PERHAPS_CHANGED

DIFFERENTIABLE = {p.name: p for p in REGISTRY.values() if p.vjp and p.module.startswith("chainrule.")}
every_case = pytest.mark.parametrize(
    ("p", "case"),
    [pytest.param(p, c, id=f"{name}-{i}") for name, p in DIFFERENTIABLE.items() for i, c in enumerate(cases(p))],
)


def called(p, case, dtype="float32"):
    """The result of a call and its differentiable inputs, by name; a weighted one, so that upstream gradients differ."""
    drawn = case.draw(np.random.default_rng(0))
    names = [f"x{i}" for i in range(len(drawn))] if p.variadic else p.inputs
    real = [p.variadic or name in p.vjp for name in names]
    args = [cr.tensor(a, dtype=dtype if r else None, requires_grad=r) for a, r in zip(drawn, real, strict=True)]
    out = p.call(*args, **case.options)
    weights = np.random.default_rng(1).normal(size=out.shape).astype(out.dtype)
    return (out * weights).sum(), {name: a for name, a, r in zip(names, args, real, strict=True) if r}


def same(values, tensor):
    """Whether Values are those of a tensor, bit by bit."""
    return values.items == tensor.tolist() and (values.dtype or "float64") == str(tensor.dtype)


@pytest.fixture
def network():
    """A model, inputs and targets, small enough that nothing is forgotten."""
    cr.random.seed(1)
    model = cr.nn.MLP([2, 3, 1], activation="tanh")
    return model, cr.tensor([[1.0, 2.0], [-1.0, 0.5]]), cr.tensor([[1.0], [0.0]])


# ---- the numbers are the engine's


@every_case
def test_the_gradients_are_those_that_backward_leaves(p, case):
    loss, inputs = called(p, case)
    graph = cr.trace(loss, inputs)
    loss.backward()
    for name, x in inputs.items():
        if x.size <= 64 and x.grad is not None:
            assert same(graph.node(name).total, x.grad)


@every_case
def test_the_last_running_sum_is_the_gradient(p, case):
    graph = cr.trace(*called(p, case))
    last = {graph.edges[i].source: graph.edges[i] for i in graph.order}
    assert [(e.source, e.running) for e in last.values()] == [(i, graph.nodes[i].total) for i in last]


@pytest.mark.parametrize("p", [p for p in DIFFERENTIABLE.values() if p.jvp == ELEMENTWISE], ids=lambda p: p.name)
def test_upstream_times_local_is_the_contribution(p):
    for case in cases(p):
        loss, inputs = called(p, case, "float64")
        graph = cr.trace(loss, inputs)
        for name in inputs:
            for e in (e for e in graph.edges if e.source == graph.node(name).id):
                product = graph.nodes[e.target].total.array() * e.local.array()
                wide = (1,) * (product.ndim - len(graph.nodes[e.source].shape)) + graph.nodes[e.source].shape
                axes = tuple(i for i, n in enumerate(wide) if n != product.shape[i])
                summed = product.sum(axis=axes, keepdims=True).reshape(e.contribution.shape)
                np.testing.assert_allclose(summed, e.contribution.array(), rtol=1e-12)


def test_a_sum_over_a_broadcast_axis_is_named():
    bias, x = cr.ones(3, requires_grad=True), cr.ones((4, 3))
    graph = cr.trace((x + bias).sum(), {"bias": bias})
    assert [e.summed for e in graph.edges if e.source == graph.node("bias").id] == ["summed over axis 0: (4, 3) → (3,)"]


def test_a_sum_over_several_axes_is_named():
    x, y = cr.ones((1, 3), requires_grad=True), cr.ones((2, 4, 3))
    graph = cr.trace((x * y).sum(), {"x": x})
    assert [e.summed for e in graph.edges][:1] == ["summed over axes 0, 1: (2, 4, 3) → (1, 3)"]


def test_no_sum_is_named_where_shapes_agree():
    x = cr.ones(3, requires_grad=True)
    assert [e.summed for e in cr.trace((x * x).sum()).edges] == ["", "", ""]


def test_a_value_used_twice_gets_two_contributions_that_add_up():
    x = cr.Value(3.0)
    graph = cr.trace(x * x, {"x": x})
    assert [(e.contribution.items, e.running.items) for e in graph.edges] == [(3.0, 3.0), (3.0, 6.0)]


def test_contributions_come_in_the_order_of_the_backward_pass():
    x = cr.Value(2.0)
    h = x.exp()
    graph = cr.trace(h * x, {"x": x, "h": h})
    assert [(graph.edges[i].source, graph.edges[i].target) for i in graph.order] == [(1, 2), (0, 2), (0, 1)]


def test_a_result_of_several_elements_starts_with_ones():
    x = cr.ones((2, 2), requires_grad=True)
    assert cr.trace(x * 3).seed.items == [[1.0, 1.0], [1.0, 1.0]]


def test_a_rule_that_fails_is_noted_and_not_raised():
    @cr.primitive(samples=[], jvp=ELEMENTWISE, vjp=dict(x=lambda g, x: g / np.zeros(())[3]))
    def broken(xp, x):
        return xp.add(x, 1)

    x = cr.ones(2, requires_grad=True)
    graph = cr.trace(broken(x).sum(), {"x": x})
    assert "IndexError" in graph.edges[0].note
    assert graph.node("x").total is None


# ---- before and after backward


def test_a_trace_before_and_after_backward_shows_the_same_pass(network):
    model, x, y = network
    loss = cr.nn.mse(model(x), y)
    before = cr.trace(loss)
    loss.backward()
    after = cr.trace(loss)
    assert [n.total for n in after.nodes] == [n.total for n in before.nodes]
    assert [(e.local, e.contribution) for e in after.edges] == [(e.local, e.contribution) for e in before.edges]


def test_gradients_are_none_before_backward_and_numbers_after(network):
    model, x, y = network
    loss = cr.nn.mse(model(x), y)
    before = cr.trace(loss).node("layers.0.bias").grad
    loss.backward()
    assert before is None
    assert same(cr.trace(loss).node("layers.0.bias").grad, model.layers[0].bias.grad)


def test_whether_backward_has_run_is_told():
    y = cr.Value(2.0) * 3
    before = cr.trace(y).ran
    y.backward()
    assert (before, cr.trace(y).ran) == (False, True)


def test_tracing_changes_nothing(network):
    model, x, y = network
    loss = cr.nn.mse(model(x), y)
    cr.trace(loss)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    again = cr.nn.mse(model(x), y)
    expected = [p.grad.tolist() for p in model.parameters()]
    model.zero_grad()
    again.backward()
    assert [p.grad.tolist() for p in model.parameters()] == expected


def test_the_graph_holds_what_it_saw_when_it_was_made():
    x = cr.ones(2, requires_grad=True)
    graph = cr.trace((x * x).sum(), {"x": x})
    x.assign([5.0, 5.0])
    assert graph.node("x").value.items == [1.0, 1.0]


def test_gradients_with_a_graph_of_their_own_are_shown():
    x = cr.Value(3.0)
    y = x**3
    y.backward(create_graph=True)
    assert cr.trace(y, {"x": x}).node("x").grad.items == 27.0


def test_what_follows_from_large_arrays_that_are_gone_is_unknown_and_says_so():
    x = cr.ones((10, 10), requires_grad=True)
    loss = (x * np.full((10, 10), 2.0, "float32") * x.exp()).sum()
    loss.backward()
    graph = cr.trace(loss, {"x": x})
    assert graph.node("x").total is None
    assert any("retain_graph=True" in e.note for e in graph.edges)


def test_what_does_not_need_the_freed_arrays_is_still_known():
    x = cr.ones((10, 10), requires_grad=True)
    loss = (x + 1).sum()
    loss.backward()
    assert cr.trace(loss, {"x": x}).node("x").total.summary["mean"] == 1.0


def test_a_number_that_was_changed_since_is_shown_as_it_was_used():
    w = cr.Value(2.0)
    loss = w * w
    w.assign(3.0)
    node = cr.trace(loss, {"w": w}).node("w")
    assert (node.value.items, node.total.items) == (2.0, 4.0)
    assert node.badges == ["changed since it was used, to 3"]


def test_a_leaf_that_was_changed_after_backward_makes_its_contributions_unknown():
    w = cr.tensor([2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    w.assign([-2.0])
    graph = cr.trace(loss, {"w": w})
    assert (graph.node("w").total, graph.node("w").value.items) == (None, [-2.0])
    assert "was changed at" in graph.edges[0].note


def test_numbers_are_shown_as_they_were_used_after_backward_too():
    x = cr.Value(3.0)
    y = x * x
    y.backward()
    x.assign(-3.0)  # the product is the same
    node = cr.trace(y, {"x": x}).node("x")
    assert (node.value.items, node.total.items, x.grad) == (3.0, 6.0, 6.0)


def test_what_backward_has_freed_of_data_that_was_handed_out_is_unknown():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    view = x.data
    y = (x * x).sum()
    y.backward()
    view[:] = -view
    assert cr.trace(y, {"x": x}).node("x").total is None


def test_a_result_that_a_changed_operand_has_left_behind_is_marked_and_so_is_the_operand():
    w = cr.tensor([2.0], requires_grad=True)
    loss = (w + 1).exp()
    loss.backward()
    w.assign([3.0])
    graph = cr.trace(loss, {"w": w})
    assert (graph.node("w").badges, graph.nodes[2].badges) == ([CHANGED], [OUTDATED])


def test_of_two_leaves_only_the_changed_one_is_marked():
    w, b = cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True)
    loss = (w + b).sum()
    loss.backward()
    b.assign([5.0, 5.0])
    graph = cr.trace(loss, {"w": w, "b": b})
    assert (graph.node("w").badges, graph.node("b").badges) == ([], [CHANGED])


def test_where_it_is_not_known_which_leaf_was_changed_both_are_doubted():
    def loss():
        w, b = cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True)
        out = (w + b).sum()
        out.backward()
        b.assign([5.0, 5.0])
        return out

    assert [n.badges for n in cr.trace(loss()).nodes[:2]] == [[PERHAPS_CHANGED]] * 2


def test_a_constant_that_was_changed_since_marks_the_result():
    w, x = cr.ones(2, requires_grad=True), cr.ones(2)
    loss = (w + x).sum()
    x[0] = 5.0
    assert OUTDATED in cr.trace(loss).nodes[2].badges


def test_a_large_constant_is_known_while_somebody_holds_it():
    w, x = cr.ones((2, 1), requires_grad=True), cr.ones((40, 2))
    loss = (x @ w).sum()
    loss.backward()
    assert cr.trace(loss, {"x": x}).node("x").value.summary["mean"] == 1.0


def test_a_large_constant_that_nobody_holds_is_unknown():
    w = cr.ones((2, 1), requires_grad=True)
    loss = cr.matmul(np.ones((40, 2), "float32"), w).sum()
    loss.backward()
    assert [n.value for n in cr.trace(loss).nodes if n.kind == "constant"] == [None]


def test_a_leaf_that_was_changed_while_backward_waits_is_noted_with_the_line():
    w = cr.tensor([2.0], requires_grad=True)
    loss = (w * w).sum()
    w.assign([3.0])
    assert "test_trace.py" in cr.trace(loss).edges[0].note


# ---- names and modules


def test_parameters_are_named_by_their_place_in_the_model(network):
    model, x, y = network
    graph = cr.trace(cr.nn.mse(model(x), y))
    assert [n.name for n in graph.nodes if n.kind == "leaf"] == [name for name, _ in model.named_parameters()]


def test_the_users_names_win(network):
    model, x, y = network
    graph = cr.trace(cr.nn.mse(model(x), y), {"w": model.layers[0].weight})
    assert graph.node("w").shape == (2, 3)


def test_operations_know_their_modules_outermost_first(network):
    model, x, y = network
    graph = cr.trace(cr.nn.mse(model(x), y))
    assert [n.module for n in graph.nodes if n.kind == "operation"] == [
        ["model", "layers.0"], ["model"], ["model", "layers.1"], [], [], [],
    ]  # fmt: skip
    assert graph.modules["layers.1"] == "Linear"


def test_a_model_is_called_as_its_variable(network):
    model, x, y = network
    assert cr.trace(cr.nn.mse(model(x), y), {"model": model}).node("layers.0.bias").module == ["model", "layers.0"]


def test_the_modules_of_two_models_are_told_apart():
    encoder, decoder = cr.nn.Linear(2, 1), cr.nn.Linear(1, 2)
    x = cr.ones((1, 2))
    graph = cr.trace(decoder(encoder(x)).sum(), {"encoder": encoder, "decoder": decoder, "x": x})
    assert [n.module for n in graph.nodes if n.operation == "affine"] == [["encoder"], ["decoder"]]
    assert graph.node("decoder.weight").shape == (1, 2)


def test_two_models_of_one_class_without_names_are_told_apart():
    graph = cr.trace(cr.nn.Linear(1, 2)(cr.nn.Linear(2, 1)(cr.ones((1, 2)))).sum())
    assert graph.modules == {"Linear": "Linear", "Linear#2": "Linear"}


def test_a_module_that_raises_is_left():
    class Fails(cr.nn.Module):
        def forward(self, x):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  the module's own
        Fails()(1)
    assert cr.trace(cr.Value(2.0) * 3).root.module == []


def test_a_module_made_inside_forward_has_a_place():
    class Outer(cr.nn.Module):
        def forward(self, x):
            return cr.nn.Linear(2, 1)(x)

    graph = cr.trace(Outer()(cr.ones((1, 2))).sum())
    assert [n.module for n in graph.nodes if n.operation == "affine"] == [["Outer", "Outer.Linear"]]


def module_calls(graph):
    """The module calls of each operation, outermost first."""
    return [list(zip(n.module, n.calls, strict=True)) for n in graph.nodes if n.kind == "operation"]


def test_three_calls_of_one_layer_have_three_numbers():
    layer = cr.nn.Linear(2, 2)
    graph = cr.trace(layer(layer(layer(cr.ones((1, 2))))), {"layer": layer})
    assert module_calls(graph) == [[("layer", 1)], [("layer", 2)], [("layer", 3)]]


def test_calls_are_numbered_in_the_order_of_time():
    layer = cr.nn.Linear(2, 2)
    first, second = layer(cr.ones((1, 2))), layer(cr.zeros((1, 2)))
    assert module_calls(cr.trace(second + first, {"layer": layer})) == [[("layer", 2)], [("layer", 1)], []]


def test_what_one_call_computes_has_one_number():
    model = cr.nn.MLP([2, 2, 1], activation="tanh")
    graph = cr.trace(model(cr.ones((1, 2))) + model(cr.ones((1, 2))), {"model": model})
    assert [chain[:1] for chain in module_calls(graph)] == [[("model", 1)]] * 3 + [[("model", 2)]] * 3 + [[]]


def test_a_call_inside_a_call_of_the_same_module_has_a_number_of_its_own():
    class Twice(cr.nn.Module):
        def forward(self, x, times=2):
            return self(x * 2.0, times - 1) if times else x * 3.0

    graph = cr.trace(Twice()(cr.Value(1.0)))
    chain = [("Twice", 1), ("Twice", 2), ("Twice", 3)]
    assert module_calls(graph) == [chain[:1], chain[:2], chain]


def test_a_parameter_belongs_to_no_single_call(network):
    model, x, y = network
    graph = cr.trace(cr.nn.mse(model(x), y))
    assert [n.calls for n in graph.nodes if n.kind == "leaf"] == [[]] * 4


def test_a_call_in_another_thread_has_a_number_of_its_own():
    layer, results = cr.nn.Linear(2, 2), []
    threads = [threading.Thread(target=lambda: results.append(layer(cr.ones((1, 2))))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = module_calls(cr.trace(results[0] + results[1], {"layer": layer}))
    assert sorted(calls) == [[], [("layer", 1)], [("layer", 2)]]  # whichever thread was first


def test_threads_do_not_see_each_others_modules():
    inside, go_on = threading.Event(), threading.Event()

    class Waits(cr.nn.Module):
        def forward(self, x):
            inside.set()
            go_on.wait(10)
            return x

    thread = threading.Thread(target=Waits(), args=(1,))
    thread.start()
    inside.wait(10)
    graph = cr.trace(cr.Value(2.0) * 3)
    go_on.set()
    thread.join()
    assert graph.root.module == []


def test_a_parameter_that_the_loss_does_not_reach_is_shown():
    model = cr.nn.MLP([1, 1, 1])
    graph = cr.trace(model.layers[0](cr.ones((1, 1))).sum(), {"model": model, "spare": cr.Value(1.0)})
    assert "spare" not in [n.name for n in graph.nodes]

    class Forgets(cr.nn.Module):
        def __init__(self):
            self.used, self.spare = cr.nn.Linear(1, 1), cr.nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    graph = cr.trace(Forgets()(cr.ones((1, 1))).sum())
    assert graph.node("spare.weight").total is None


def test_a_leaf_that_was_asked_for_is_shown_even_if_nothing_reaches_it():
    x, w = cr.Value(1.0), cr.Value(2.0)
    assert cr.trace(x * 2, {"w": w}).node("w").value.items == 2.0


@pytest.mark.parametrize("wrong", ["v99", "", 7])
def test_a_node_that_does_not_exist_is_refused_naming_those_that_do(wrong):
    x = cr.Value(1.0)
    with pytest.raises(cr.ArgumentError, match="no node.*it has x, v1"):
        cr.trace(x * 2, {"x": x}).node(wrong)


@pytest.mark.parametrize("wrong", [None, True, cr.Value(1.0)], ids=["None", "True", "a tensor"])
def test_a_node_is_not_looked_up_by_other_things(wrong):
    x = cr.Value(1.0)
    with pytest.raises(cr.ArgumentError, match="by its name or id|no node"):
        cr.trace(x * x).node(wrong)


def test_the_callers_variables_name_what_has_no_name():
    w, x = cr.Value(2.0, "weight"), cr.Value(3.0)
    score = w * x
    loss = score * score + 1
    assert [n.label for n in cr.trace(loss).nodes] == ["weight", "x", "score", "v1", "1", "loss"]


def test_variables_of_the_caller_give_way_to_names_that_are_passed():
    x = cr.Value(3.0)
    y = x * x
    assert [n.label for n in cr.trace(y, {}).nodes] == ["v1", "v2"]
    assert [n.label for n in cr.trace(y, {"a": x}).nodes] == ["a", "v1"]


def test_the_first_variable_names_a_value_and_hidden_ones_none():
    first = cr.Value(3.0)
    second, _hidden = first, first * first  # noqa: F841
    assert [n.label for n in cr.draw(_hidden).nodes] == ["first", "v1"]


def marked(result):
    """The user's line of the last call of a graph, its operator in brackets."""
    before, operator, after = cr.trace(result).root.source
    return f"{before}[{operator}]{after}"


def test_a_node_knows_its_line_and_where_the_operator_stands():
    w, x = cr.Value(2.0), cr.Value(3.0)
    y = (w * x) + cr.tanh(w)
    assert marked(y) == "y = (w * x) [+] cr.tanh(w)"
    z = cr.tanh(w)
    assert marked(z) == "z = cr.[tanh](w)"
    z = w.exp() ** 2
    assert marked(z) == "z = w.exp() [**] 2"
    ä, z = "ä", -(w * x)
    assert marked(z) == f'ä, z = "{ä}", [-](w * x)'
    z += w
    assert marked(z) == "z [+]= w".replace("+]=", "+=]")


def test_a_call_over_several_lines_has_its_first_one():
    w = cr.Value(2.0)
    y = cr.tanh(
        w,
    )
    assert cr.trace(y).root.source == ["y = cr.tanh(", "", ""]


def test_code_without_a_file_has_no_line():
    names = {"w": cr.Value(2.0)}
    exec("y = w * w", names)
    assert cr.trace(names["y"]).root.source == []


def test_values_of_one_name_have_labels_of_their_own():
    x, y = cr.Value(1.0, "same"), cr.Value(2.0, "same")
    graph = cr.trace(x * y)
    assert [n.label for n in graph.nodes] == ["same", "same#2", "v1"]
    assert graph.node("same#2").value.items == 2.0


def test_a_users_name_is_not_taken_for_an_automatic_one():
    x = cr.Value(3.0, "v1")
    assert [n.label for n in cr.trace(x * x).nodes] == ["v1", "v1#2"]


def test_equal_numbers_are_not_given_each_others_names():
    x, k = cr.Value(3.0), cr.Value(2.0).detach()
    assert [n.name for n in cr.trace(x * 2.0, {"x": x, "k": k}).nodes] == ["x", None, None]


def test_a_model_called_as_a_part_of_it_is_told_apart():
    class Wrap(cr.nn.Module):
        def __init__(self):
            self.model = cr.nn.Linear(2, 1)

        def forward(self, x):
            return self.model(x)

    model = Wrap()
    graph = cr.trace(model(cr.ones((1, 2))).sum(), {"model": model})
    assert graph.modules == {"model": "Wrap", "model.model": "Linear"}


# ---- size, determinism, devices


def test_a_long_chain_needs_no_recursion():
    y = cr.Value(0.5)
    for _ in range(10_000):
        y = -y
    graph = cr.trace(y)
    assert (len(graph), graph.nodes[0].total.items) == (10_001, 1.0)


def test_large_arrays_of_a_device_are_read_in_one_transfer_each(strict):
    x = cr.tensor(np.arange(1000.0), device=strict, requires_grad=True)
    loss = (x * 2).sum()
    with counting() as few:
        cr.trace(loss, {"x": x})
    y = cr.tensor(np.arange(100_000.0), device=strict, requires_grad=True)
    loss = (y * 2).sum()
    with counting() as many:
        cr.trace(loss, {"y": y})
    assert few.waits.total() == many.waits.total() < 20


def test_a_trace_on_a_device_is_that_of_the_cpu(device, network):
    model, x, y = network
    expected = cr.trace(cr.nn.mse(model(x), y))
    model.to(device)
    graph = cr.trace(cr.nn.mse(model(x.to(device)), y.to(device)))
    for ours, theirs in zip(graph.nodes, expected.nodes, strict=True):
        if theirs.total is not None:
            np.testing.assert_allclose(ours.total.array(), theirs.total.array(), rtol=1e-5)
