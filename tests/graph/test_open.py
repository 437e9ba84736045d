"""Graph.open: one array operation as a graph of scalars, whose sums are those of the arrays."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.errors import ArgumentError
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases
from chainrule.graph.elements import jacobian
from chainrule.graph.views import Graph

A = [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]]
B = [[2.0, -1.0, 0.5, 4.0], [1.5, 3.0, -2.0, 0.75]]

# operation, the shapes of its operands as values, and the call
OPERATIONS = {
    "matmul": ([A, B], lambda x, y: x @ y),
    "matrix and vector": ([A, [2.0, -1.0]], lambda x, y: x @ y),
    "vectors": ([[1.0, 2.0, -3.0], [0.5, 4.0, 2.0]], lambda x, y: x @ y),
    "affine": ([A, B, [1.0, 2.0, 3.0, 4.0]], lambda x, w, b: cr.nn.linear.affine(x, w, b)),
    "sum": ([A], lambda x: x.sum()),
    "sum of an axis": ([A], lambda x: x.sum(axis=0)),
    "mean": ([A], lambda x: x.mean(axis=1)),
    "max": ([A], lambda x: x.max(axis=1)),
    "max at a tie": ([[3.0, 1.0, 3.0]], lambda x: x.max()),
    "logsumexp": ([A], lambda x: cr.logsumexp(x, axis=1)),
    "tril": ([A], lambda x: cr.tril(x)),
    "cumsum": ([A], lambda x: x.cumsum(axis=0)),
    "broadcasting add": ([A, [10.0, 20.0]], lambda x, b: x + b),
    "product with a number": ([A], lambda x: 3 * x),
    "product of row and column": ([[[1.0], [2.0], [3.0]], [4.0, 5.0]], lambda x, y: x * y),
    "getitem": ([A], lambda x: x[1:]),
    "getitem with repeats": ([[5.0, 6.0, 7.0]], lambda x: x[[0, 2, 0]]),
    "where": ([A, [7.0, 8.0]], lambda x, y: cr.where(np.array([[True], [False], [True]]), x, y)),
    "sort": ([[3.0, 1.0, 2.0]], lambda x: cr.sort(x)),
    "concatenate": ([A, [[8.0, 9.0]]], lambda x, y: cr.concatenate([x, y])),
    "einsum": ([A, B], lambda x, y: cr.einsum("ij,jk->k", x, y)),
    "norm": ([A], lambda x: cr.norm(x, axis=1)),
    "transpose": ([A], lambda x: x.T),
}


def traced(case):
    """(the operands as leaves with their gradients, the Graph of Σ weights · operation, the operation's node)."""
    values, call = OPERATIONS[case]
    leaves = [cr.tensor(v, dtype="float64", requires_grad=True) for v in values]
    z = call(*leaves)
    weights = np.linspace(1.0, 2.0, z.size).reshape(z.shape)
    loss = (z * weights).sum()
    graph = cr.trace(loss, {"z": z, **{f"x{i}": x for i, x in enumerate(leaves)}})
    loss.backward()
    return leaves, graph, graph.node("z")


def elements(opened, name):
    return [node for node in opened.nodes if node.label.split("[")[0] == name]


def link(opened, source, target):
    """The edges from the node labelled `source` to the one labelled `target`."""
    return [e for e in opened.edges if (opened.nodes[e.source].label, opened.nodes[e.target].label) == (source, target)]


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


# ---- the sums


@pytest.mark.parametrize("case", OPERATIONS)
def test_the_totals_of_the_elements_are_the_gradients_of_the_arrays(case):
    leaves, graph, z = traced(case)
    opened = graph.open("z")
    for i, leaf in enumerate(leaves):
        close([node.total.items for node in elements(opened, f"x{i}")], leaf.grad.numpy().ravel())


@pytest.mark.parametrize(
    ("p", "case"),
    [
        pytest.param(p, case, id=f"{p.name}-{i}")
        for p in REGISTRY.values()
        if p.vjp and p.module.startswith("chainrule.")
        for i, case in enumerate(cases(p))
        if all(np.prod(shape) for shape in case.shapes)
    ],
)
def test_every_operation_opens_into_the_gradients_that_backward_leaves(p, case):
    drawn = case.draw(np.random.default_rng(0))
    names = [f"x{i}" for i in range(len(drawn))] if p.variadic else p.inputs
    leaves = {
        name: cr.tensor(a, dtype="float64", requires_grad=True)
        for name, a in zip(names, drawn, strict=True)
        if p.variadic or name in p.vjp
    }
    z = p.call(*(leaves.get(name, cr.tensor(a)) for name, a in zip(names, drawn, strict=True)), **case.options)
    loss = (z * np.linspace(1.0, 2.0, z.size).reshape(z.shape)).sum()
    graph = cr.trace(loss, {"z": z, **leaves})
    if p.jvp != ELEMENTWISE and sum(map(np.size, drawn)) + z.size > 64:
        with pytest.raises(ArgumentError, match="were not kept"):
            graph.open("z")
        return
    opened = graph.open("z")
    loss.backward()
    for name, x in leaves.items():
        close([node.total.items for node in elements(opened, name)], x.grad.numpy().ravel())


@pytest.mark.parametrize("case", OPERATIONS)
def test_the_derivatives_are_central_differences_of_the_operation(case):
    values, call = OPERATIONS[case]
    _, graph, z = traced(case)
    opened = graph.open("z")
    outputs = {node.id: i for i, node in enumerate(elements(opened, "z"))}
    h = 1e-6
    for slot, x in enumerate(values):
        found = np.zeros((len(outputs), np.size(x)))
        inputs = {node.id: j for j, node in enumerate(elements(opened, f"x{slot}"))}
        for edge in opened.edges:
            if edge.source in inputs and edge.target in outputs:
                found[outputs[edge.target], inputs[edge.source]] += edge.local.items
        for j in range(np.size(x)):
            both = []
            for sign in (1, -1):
                moved = [np.array(v, dtype="float64") for v in values]
                moved[slot].reshape(-1)[j] += sign * h
                both.append(np.asarray(call(*map(cr.tensor, moved)).numpy()).ravel())
            if case != "max at a tie":  # a kink: no central difference
                np.testing.assert_allclose(found[:, j], (both[0] - both[1]) / (2 * h), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", OPERATIONS)
def test_each_contribution_is_upstream_times_local(case):
    _, graph, _ = traced(case)
    opened = graph.open("z")
    for edge in (opened.edges[i] for i in opened.order):
        assert edge.contribution.items == opened.nodes[edge.target].total.items * edge.local.items


@pytest.mark.parametrize("case", OPERATIONS)
def test_running_sums_end_in_the_total(case):
    _, graph, _ = traced(case)
    opened = graph.open("z")
    last = {opened.edges[i].source: opened.edges[i].running for i in opened.order}
    assert all(opened.nodes[i].total == running for i, running in last.items())


@pytest.mark.parametrize("case", OPERATIONS)
def test_in_backward_order_every_gradient_is_complete_before_it_is_used(case):
    _, graph, _ = traced(case)
    opened = graph.open("z")
    used = set()
    for i in opened.order:
        used.add(opened.edges[i].target)
        assert opened.edges[i].source not in used


@pytest.mark.parametrize("case", OPERATIONS)
def test_nodes_stand_after_their_operands(case):
    _, graph, _ = traced(case)
    assert all(edge.source < edge.target for edge in graph.open("z").edges)


def test_an_operand_that_is_used_elsewhere_too_keeps_its_whole_gradient():
    x = cr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    z = x.cumsum()
    loss = (z * x).sum()
    graph = cr.trace(loss, {"x": x, "z": z, "loss": loss})
    loss.backward()
    opened = graph.open("z")
    assert x.grad.tolist() == [4.0, 5.0]
    assert [node.total.items for node in elements(opened, "x")] == [4.0, 5.0]
    assert [edge.contribution.items for edge in link(opened, "x[0]", "loss")] == [1.0]  # z[0] of the other factor


def test_totals_are_right_where_an_operand_also_reaches_the_operation_itself_by_another_path():
    x = cr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    loss = cr.matmul(x, cr.exp(x))
    graph = cr.trace(loss, {"x": x, "loss": loss})
    loss.backward()
    opened = graph.open("loss")
    close([node.total.items for node in elements(opened, "x")], x.grad.numpy())
    assert (opened.nodes[-2].label, opened.root.label) == ("loss", "Σ seed · loss")


def test_float32_is_multiplied_and_added_in_float32():
    x = cr.tensor([0.1, 0.7], requires_grad=True)
    k = cr.tensor([1 / 3, 3.3], requires_grad=True)
    z = x * k
    loss = (z * z).sum()
    graph = cr.trace(loss, {"x": x, "z": z})
    loss.backward()
    assert [node.total.items for node in elements(graph.open("z"), "x")] == x.grad.tolist()


def test_an_unknown_gradient_stays_unknown():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    z = x.cumsum()
    graph = cr.trace(z.sum(), {"x": x, "z": z})
    graph.node("z").total = None
    opened = graph.open("z")
    assert {node.total for node in elements(opened, "x")} == {None}
    assert {opened.edges[i].note for i in opened.order if opened.nodes[opened.edges[i].source].label[0] == "x"} == {
        "the gradient of z[0] is unknown",
        "the gradient of z[1] is unknown",
    }


def test_a_gradient_with_an_unknown_part_is_unknown():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    z = x.cumsum()
    graph = cr.trace((z * x).sum(), {"x": x, "z": z})
    graph.node("x").total = None
    opened = graph.open("z")
    first = elements(opened, "x")[0]
    arriving = [opened.edges[i] for i in opened.order if opened.edges[i].source == first.id]
    assert [(e.contribution and e.contribution.items, e.running) for e in arriving] == [
        (None, None),
        (1.0, None),
        (2.0, None),
    ]
    assert first.total is None


def test_a_single_number_on_the_way_has_its_own_gradient_and_not_the_seed():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    z = x.sum()
    opened = cr.trace(z * z, {"x": x, "z": z}).open("z")
    assert [node.total.items for node in elements(opened, "x")] == [6.0, 6.0]


def test_arrays_of_every_device_open(device):
    x = cr.tensor(A, requires_grad=True, device=device)
    z = x @ cr.tensor(B, device=device)
    opened = cr.trace(z.sum(), {"x": x, "z": z}).open("z")
    assert [node.total.items for node in elements(opened, "x")] == np.tile(np.sum(B, axis=1), 3).tolist()


# ---- what it stands for in the graph


@pytest.mark.parametrize("case", OPERATIONS)
def test_the_contributions_along_an_edge_add_up_to_that_of_the_graph(case):
    _, graph, _ = traced(case)
    opened = graph.open("z")
    places = {i: (table.of, k) for table in opened.opened.tables for k, i in enumerate(table.ids)}
    for edge in graph.edges:
        parts = np.zeros(graph.nodes[edge.source].shape)
        inner = [e for e, at in zip(opened.edges, opened.opened.elements, strict=True) if at]
        inner = [e for e in inner if opened.opened.stands[e.id] == [edge.id]]
        for e in inner:
            parts.flat[places[e.source][1]] += e.contribution.items if e.contribution else 0.0
        if inner and edge.flows:
            close(parts, edge.contribution.array())


@pytest.mark.parametrize("case", OPERATIONS)
def test_contributions_come_in_the_order_of_those_of_the_graph(case):
    _, graph, _ = traced(case)
    opened = graph.open("z")
    stands = [graph.order.index(opened.opened.stands[i][-1]) for i in opened.order]
    assert stands == sorted(stands)


def test_what_comes_from_elsewhere_before_and_after_is_told_apart():
    x = cr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    early = cr.exp(x)
    z = x.cumsum()
    graph = cr.trace((z * early * x).sum(), {"x": x, "z": z})
    opened = graph.open("z")
    first = [opened.edges[i] for i in opened.order if opened.edges[i].source == 0]
    assert [opened.nodes[edge.target].operation == "rest" for edge in first] == [True, False, False, True]
    last = {e.id: e.running.array() for e in graph.edges if e.source == graph.node("x").id}
    assert first[-1].running.items == pytest.approx(last[graph.order[-1]][0], rel=1e-14)


# ---- which elements depend on which


def test_an_element_of_a_matrix_product_depends_on_its_row_and_its_column():
    _, graph, _ = traced("matmul")
    opened = graph.open("z")
    target = elements(opened, "z")[0].id
    sources = [opened.nodes[edge.source].label for edge in opened.edges if edge.target == target]
    assert sources == ["x0[0, 0]", "x0[0, 1]", "x1[0, 0]", "x1[1, 0]"]


def test_a_weight_of_zero_still_is_an_edge():
    x, w = (cr.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [0.0, 3.0]))
    loss = x @ w
    opened = cr.trace(loss, {"x": x, "w": w, "loss": loss}).open("loss")
    (edge,) = link(opened, "x[0]", "loss")
    assert edge.local.items == 0.0


def test_the_losers_of_a_max_are_edges_with_derivative_0():
    x = cr.tensor([1.0, 5.0, 2.0], requires_grad=True)
    loss = x.max()
    opened = cr.trace(loss, {"x": x, "loss": loss}).open("loss")
    assert [edge.local.items for edge in opened.edges] == [0.0, 1.0, 0.0]


def test_an_element_that_is_not_read_has_no_edge_and_the_gradient_0():
    x = cr.tensor([1.0, 5.0, 2.0], requires_grad=True)
    z = x[[0, 0]]
    loss = z.sum()
    opened = cr.trace(loss, {"x": x, "z": z, "loss": loss}).open("z")
    unread = elements(opened, "x")[1]
    assert unread.id not in {edge.source for edge in opened.edges}
    assert unread.total.items == 0.0


def test_an_element_that_is_read_twice_has_two_edges():
    _, graph, _ = traced("getitem with repeats")
    opened = graph.open("z")
    assert [len(link(opened, "x0[0]", f"z[{i}]")) for i in range(3)] == [1, 0, 1]


def test_a_bias_has_one_edge_for_each_row():
    _, graph, _ = traced("broadcasting add")
    opened = graph.open("z")
    assert [len(link(opened, "x1[0]", f"z[{i}, 0]")) for i in range(3)] == [1, 1, 1]
    assert not link(opened, "x1[0]", "z[0, 1]")


def test_constant_operands_have_edges_without_gradient():
    w = cr.tensor([[1.0], [2.0]], requires_grad=True)
    z = cr.tensor(A) @ w
    graph = cr.trace(z.sum(), {"w": w, "z": z})
    data = graph.nodes[next(e.source for e in graph.edges if not e.flows)]
    opened = graph.open("z")
    edges = link(opened, f"{data.label}[2, 1]", "z[2, 0]")
    assert [(edge.flows, edge.local, edge.contribution) for edge in edges] == [(False, None, None)]


def test_the_same_operand_twice_is_one_set_of_elements_with_two_edges_each():
    x = cr.tensor([3.0, 4.0], requires_grad=True)
    z = x * x
    opened = cr.trace(z.sum(), {"x": x, "z": z}).open("z")
    assert len(elements(opened, "x")) == 2
    assert [edge.local.items for edge in link(opened, "x[1]", "z[1]")] == [4.0, 4.0]


def test_an_infinity_does_not_reach_what_does_not_depend_on_it():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    z = x @ cr.tensor([[np.inf], [2.0]])
    opened = cr.trace(z.sum(), {"x": x, "z": z}).open("z")
    assert [edge.local.items for edge in link(opened, "x[0, 0]", "z[0, 0]")] == [np.inf]
    assert not link(opened, "x[0, 0]", "z[1, 0]")  # where the rule alone says 0 · inf


# ---- what is shown


def test_the_elements_have_the_names_of_the_arrays_and_their_places():
    _, graph, _ = traced("matrix and vector")
    labels = [node.label for node in graph.open("z").nodes]
    rows = [f"x0[{i}, {j}]" for i in range(3) for j in range(2)]
    assert labels[:-1] == [*rows, "x1[0]", "x1[1]", "z[0]", "z[1]", "z[2]"]


def test_the_elements_have_the_values_of_the_arrays():
    _, graph, _ = traced("matrix and vector")
    opened = graph.open("z")
    assert [node.value.items for node in elements(opened, "x0")] == np.ravel(A).tolist()
    assert [node.value.items for node in elements(opened, "z")] == (np.array(A) @ [2.0, -1.0]).tolist()


def test_the_operand_of_an_edge_is_named_by_the_operation_and_the_place():
    _, graph, _ = traced("matrix and vector")
    (edge,) = link(graph.open("z"), "x1[1]", "z[2]")
    assert (edge.input, edge.rule) == ("y[1]", "")  # the rule is one for whole arrays


def test_the_rest_of_the_graph_stands_at_the_end_with_the_loss_as_its_value():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    z = x.cumsum()
    loss = (z * z).sum()
    rest = cr.trace(loss, {"loss": loss, "z": z}).open("z").root
    assert (rest.label, rest.operation, rest.value.items, rest.total.items) == ("loss", "rest", 10.0, 1.0)


def test_the_traced_value_itself_has_no_rest():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    loss = x.sum()
    opened = cr.trace(loss, {"x": x, "loss": loss}).open("loss")
    assert [node.label for node in opened.nodes] == ["x[0]", "x[1]", "loss"]
    assert opened.seed.items == 1.0


def test_elements_keep_the_gradient_that_was_there_when_traced():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    z = x.cumsum()
    loss = z.sum()
    before = cr.trace(loss, {"x": x, "z": z}).open("z")
    loss.backward()
    after = cr.trace(loss, {"x": x, "z": z}).open("z")
    assert [node.grad for node in elements(before, "x")] == [None, None]
    assert [node.grad.items for node in elements(after, "x")] == [2.0, 1.0]


def test_a_graph_that_was_read_from_json_opens_to_the_same():
    _, graph, _ = traced("affine")
    assert Graph.from_json(graph.to_json()).open("z").to_json() == graph.open("z").to_json()


@pytest.mark.parametrize("view", ["explain", "to_svg", "to_dot", "__str__", "steps"])
def test_all_views_show_it(view):
    _, graph, _ = traced("matmul")
    assert getattr(graph.open("z"), view)()


def test_the_page_shows_it(tmp_path):
    _, graph, _ = traced("matmul")
    assert "x0[0, 1]" in graph.open("z").save(tmp_path / "z.html").read_text(encoding="utf-8")


def test_the_derivation_of_one_element_is_the_sum_over_its_row():
    _, graph, _ = traced("matrix and vector")
    assert "x1[0]" in str(graph.open("z").derivation("x1[0]"))


def test_an_elementwise_operation_opens_into_itself_once_for_each_element():
    x = cr.tensor([-1.0, 5.0], requires_grad=True)
    z = x * 3
    opened = cr.trace(z.sum(), {"x": x, "z": z}).open("z")
    assert [(e.input, e.rule) for e in opened.edges if e.flows][:2] == [("x", "dx = g · y")] * 2


def test_each_scalar_says_why_its_derivative_is_0_or_1():
    x = cr.tensor([-1.0, 5.0], requires_grad=True)
    z = cr.relu(x)
    opened = cr.trace(z.sum(), {"x": x, "z": z}).open("z")
    off, on = (link(opened, f"x[{i}]", f"z[{i}]")[0].why for i in range(2))
    assert off.startswith("0 because the unit is off")
    assert on.startswith("1 because")


def test_elements_of_a_product_with_a_bias_say_why_their_derivative_is_0_or_1():
    x = cr.tensor([[2.0, 3.0]], requires_grad=True)
    w, b = cr.tensor([[0.0], [1.0]], requires_grad=True), cr.tensor([0.5], requires_grad=True)
    z = cr.nn.linear.affine(x, w, b)
    opened = cr.trace(z.sum(), {"x": x, "w": w, "b": b, "z": z}).open("z")
    whys = {label: link(opened, label, "z[0, 0]")[0].why for label in ("x[0, 0]", "x[0, 1]", "w[0, 0]", "b[0]")}
    assert whys == {
        "x[0, 0]": "0: the element that it is multiplied by is 0",
        "x[0, 1]": "1: it is added, or multiplied by an element that is 1",
        "w[0, 0]": "",
        "b[0]": "1: it is added, or multiplied by an element that is 1",
    }


def test_an_element_of_a_product_is_called_a_sum_of_products():
    _, graph, _ = traced("affine")
    line = next(line for line in graph.open("z").explain().splitlines() if "z[0, 0] " in line)
    assert "= x0[0, 0] * x1[0, 0] + x0[0, 1] * x1[1, 0] + x2[0] = 1 * 2 + (−2) * 1.5 + 1 " in line


def test_a_long_sum_of_products_is_shortened():
    x, w = (cr.tensor(np.ones(6), requires_grad=True) for _ in range(2))
    loss = x @ w
    words = cr.trace(loss, {"x": x, "w": w, "loss": loss}).open("loss").explain()
    assert "loss = x[0] * w[0] + x[1] * w[1] + … 3 more … + x[5] * w[5]" in words


def test_elements_that_were_computed_before_say_so():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = x - 1.0
    z = y.cumsum()
    opened = cr.trace(z.sum(), {"x": x, "y": y, "z": z}).open("z")
    assert [node.options for node in elements(opened, "y")] == [["computed before"]] * 2
    assert all("computed before" in text for text in (str(opened), opened.to_svg(), opened.to_dot()))


def test_the_rest_says_what_it_stands_for():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    opened = cr.trace((x * x).sum(), {"x": x}).open(1)
    assert opened.root.badges == ["the rest of the graph"]


def test_the_rest_says_no_why():
    x = cr.tensor([-1.0, 5.0], requires_grad=True)
    z = cr.relu(x)
    loss = z.sum()
    opened = cr.trace(loss, {"x": x, "z": z, "loss": loss}).open("z")
    assert [edge.why for edge in link(opened, "z[1]", "loss")] == [""]


# ---- refusals


def test_a_leaf_cannot_be_opened():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ArgumentError, match="open: needs an operation, but x is a leaf"):
        cr.trace(x.sum(), {"x": x}).open("x")


@pytest.mark.parametrize("call", [lambda x: x.sum(axis=0), lambda x: x * 2])
def test_a_large_operation_cannot_be_opened(call):
    x = cr.tensor(np.ones((20, 4)), requires_grad=True)
    z = call(x)
    with pytest.raises(ArgumentError, match=r"open: the derivatives of the elements of z were not kept.*\(20, 4\)"):
        cr.trace(z.sum(), {"z": z}).open("z")


# ---- the derivatives of single elements


def test_jacobian_has_an_entry_for_each_pair_that_depends():
    x, w = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    assert jacobian(np.matmul, [x, w], 0, lambda g: g @ w.T) == [(0, 0, 3.0), (0, 1, 4.0)]


def test_jacobian_without_a_rule_has_the_pairs_alone():
    x, w = np.eye(2), np.array([[3.0], [4.0]])
    assert jacobian(np.matmul, [x, w], 0) == [(0, 0, None), (0, 1, None), (1, 2, None), (1, 3, None)]


def test_jacobian_has_what_a_tie_hides_from_a_probe():
    assert (0, 0, 1.0) in jacobian(np.sort, [np.array([1.0, 1.0])], 0, lambda g: g)


def test_jacobian_tells_what_depends_beside_a_nan():
    x, w = np.array([[np.nan, 1.0], [2.0, 3.0]]), np.array([[1.0], [2.0]])
    assert jacobian(np.matmul, [x, w], 0) == [(0, 0, None), (0, 1, None), (1, 2, None), (1, 3, None)]


def test_jacobian_of_whole_numbers_has_the_pairs():
    assert jacobian(np.matmul, [np.array([1, 0]), np.array([1.5, 2.5])], 0) == [(0, 0, None), (0, 1, None)]


def test_jacobian_of_an_index_has_the_pairs():
    read = lambda x, index: x[index]
    assert jacobian(read, [np.array([1.5, 2.5]), np.array([1, 0, 1])], 1) == [(0, 0, None), (1, 1, None), (2, 2, None)]


def test_a_loss_opens_with_its_classes():
    logits = cr.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True)
    loss = cr.nn.cross_entropy(logits, cr.tensor([1, 0]))
    graph = cr.trace(loss, {"logits": logits})
    for node in graph.nodes:
        if node.kind == "operation":
            assert len(graph.open(node.id)) > 1
