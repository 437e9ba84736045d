"""An operation opened into its numbers, in the page: its steps are parts of the graph's, its numbers those of Graph.open."""

import re

import numpy as np
import pytest
from browser import violations
from graphs import cross_entropy, matmul, maximum, mlp, page_of

import chainrule as cr
from chainrule.graph.page import page

SHOWN = ".view:not([hidden])"


def leaf(name, data, dtype="float64"):
    x = cr.tensor(data, dtype=dtype, requires_grad=True)
    x.name = name
    return x


def squared(f):
    """The sum of the squares of f of the leaves x and y, which have other numbers with each call."""

    def build(x, y):
        z = f(leaf("x", x), leaf("y", y))
        z.name = "z"
        return (z * z).sum()

    return build


X, Y = [[1.0, 2.0, -1.0], [0.5, 0.25, 3.0]], [[0.5, -1.0], [2.0, 1.5], [-0.5, 0.25]]
OPERATIONS = {  # of x and y
    "product": lambda x, y: x @ y,
    "affine": lambda x, y: cr.nn.linear.affine(x, y, y[0]),
    "used twice": lambda x, y: cr.tanh(x @ y) * (x @ y),
    "largest": lambda x, y: x.max(axis=1) + y[:2, 0],
    "log-sum-exp": lambda x, y: cr.logsumexp(x, axis=1) + y[:2, 0],
    "running sums": lambda x, y: cr.cumsum(x, axis=1) * y[0, 0],
    "broadcast": lambda x, y: x * y[:, 0],
}

# the numbers of every opened node: {id: [of nodes, of edges]}
NUMBERS = """() => Object.fromEntries(Object.keys(story.opened).map((id) => {
  const told = taleOf({ dataset: { node: id } });
  told.refresh();
  const number = (values) => values ? String(values.items) : null;
  return [id, [
    told.nodes.map((node) => [node.label, number(node.value), number(node.total)]),
    told.edges.map((edge) => [edge.source, edge.target, ...["local", "contribution", "running"].map((kind) => number(edge[kind]))]),
    told.kept, told.order]];
}))"""


def items(values):
    return None if values is None else float(values.items)


def floats(rows, words):
    """Rows of which all but the first `words` are numbers as text."""
    return [[*row[:words], *(None if x is None else float(x) for x in row[words:])] for row in rows]


def opened(graph):
    """What NUMBERS says, by Graph.open."""
    for i in (node.id for node in graph.nodes if node.kind == "operation"):
        try:
            told = graph.open(i)
        except cr.ArgumentError:
            continue
        nodes = [[n.label, items(n.value), items(n.total)] for n in told.nodes]
        parts = ("local", "contribution", "running")
        yield str(i), nodes, [[e.source, e.target, *(items(getattr(e, p)) for p in parts)] for e in told.edges], told


@pytest.fixture(scope="module")
def computed(chromium, tmp_path_factory):
    """{name: (graph, what the page says of its opened nodes, the graph after a change, what the page says then)}"""
    chromium.folder = tmp_path_factory.mktemp("opened")
    found = {}
    for name, f in OPERATIONS.items():
        build = squared(f)
        loss, again = build(X, Y), build([X[0], [0.5, -0.75, 3.0]], Y)
        graph = cr.trace(loss)
        tab = chromium(page(graph))
        first = tab.evaluate(NUMBERS)
        tab.evaluate("id => setElement(id, 4, -0.75)", graph.node("x").id)
        found[name] = graph, first, cr.trace(again), tab.evaluate(NUMBERS)
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_page_has_the_numbers_of_the_opened_graph_to_the_bit(name, computed):
    graph, found, *_ = computed[name]
    assert found
    for i, nodes, edges, told in opened(graph):
        if i in found:
            assert floats(found[i][0], 1) == nodes
            assert floats(found[i][1], 2) == edges
            assert found[i][3] == told.order


@pytest.mark.parametrize("name", OPERATIONS)
def test_after_a_change_it_has_those_of_a_fresh_trace(name, computed):
    *_, graph, found = computed[name]
    for i, nodes, edges, _ in opened(graph):
        if i in found:
            assert not found[i][2]
            for ours, right in ((floats(found[i][0], 1), nodes), (floats(found[i][1], 2), edges)):
                assert [[x is None for x in row] for row in ours] == [[x is None for x in row] for row in right]
                numbers = [[x for row in rows for x in row[1:] if x is not None] for rows in (ours, right)]
                np.testing.assert_allclose(*numbers, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("build", [maximum, cross_entropy, mlp])
def test_so_it_has_in_float32(build, browse):
    cr.random.seed(0)
    graph = cr.trace(build())
    found = browse(page(graph)).evaluate(NUMBERS)
    assert found
    for i, nodes, edges, _ in opened(graph):
        if i in found:
            assert (floats(found[i][0], 1), floats(found[i][1], 2)) == (nodes, edges)


def test_where_other_elements_depend_on_each_other_it_says_that_the_numbers_are_the_programs_own(browse):
    x = leaf("x", [1.0, 2.0, 3.0])
    z = cr.sort(x)
    z.name = "z"
    loss = (z * [1.0, 2.0, 3.0]).sum()
    graph = cr.trace(loss)
    tab = browse(page(graph), f"#step=1&node={graph.node('z').id}")
    tab.evaluate("change(nodes[0].of[0], 0, 5)")
    assert "the program's own numbers" in tab.inner_text("#live")
    assert tab.text_content(f"{SHOWN} .node >> nth=0") is not None
    assert tab.evaluate("nodes[0].value.items") == 1.0
    tab.click("#reset")
    assert not tab.is_visible("#live")


# ---- the steps

# presses Next to the end: [the number of the step, [id, label] of each lit edge, the gradient in the current box]
WALK = """() => {
  const [seen, shown] = [[], document.querySelector(".view:not([hidden])")];
  while (!byId("next").disabled) {
    byId("next").click();
    const lit = [...shown.querySelectorAll(".edge.lit")].map((edge) => [edge.id, edge.querySelector(".flow").textContent]);
    seen.push([byId("counter").textContent.split(" ")[0], lit, shown.querySelector(".node.current .grad")?.textContent]);
  }
  return seen;
}"""


@pytest.fixture
def tab(browse):
    """The product of `matmul` opened, at the first contribution to x."""
    return enter(browse(page_of(matmul), "#step=4"))


def enter(tab):
    tab.click("#n2")
    tab.click("text=Open as a graph of numbers")
    return tab


def counter(tab):
    return tab.inner_text("#counter").partition(" ")[0]


def lit(tab):
    """(the lit edge, what it says)."""
    edges = tab.locator(f"{SHOWN} .edge.lit")
    return [(e.get_attribute("id"), e.locator(".flow").text_content()) for e in edges.all()]


def test_the_step_keys_walk_through_the_parts_of_the_steps(tab):
    graph = cr.trace(matmul())
    told = graph.open(2)
    tab.keyboard.press("Home")
    seen = tab.evaluate(WALK)
    forward = ["1.1", "1.2", "1.3", "1.4", "2.1", "3.1"]
    arriving = [f"4.{i}" for i in range(1, 5)]
    parts = [f"{k}.{i}" for k in (5, 6) for i in range(1, 13)]
    assert [name for name, *_ in seen] == [*forward, *arriving, *parts]
    for (_, found, grad), i in zip(seen[6:], told.order, strict=True):
        edge = told.edges[i]
        [(lit_id, says)] = found
        assert lit_id == f"s2-e{i}"
        g, local, part = (x.replace("(", "").replace(")", "").replace("−", "-") for x in re.split(" [×=≈] ", says))
        assert (float(g), float(local), float(part)) == pytest.approx(
            (told.nodes[edge.target].total.items, edge.local.items, edge.contribution.items), rel=1e-3
        )
        assert float(grad.replace("−", "-")) == pytest.approx(edge.running.items, rel=1e-3)


def test_it_opens_at_the_first_part_of_the_step_and_gives_the_step_back(browse):
    tab = enter(browse(page_of(matmul), "#step=5"))
    assert (counter(tab), lit(tab)[0][1]) == ("5.1", "1 × 0.5 = 0.5")
    for _ in range(12):
        tab.keyboard.press("ArrowRight")
    assert counter(tab) == "6.1"
    tab.click("text=whole graph")
    assert counter(tab) == "6"
    assert tab.locator(f"{SHOWN} .node.current").get_attribute("id") == "n1"


def test_a_step_that_is_elsewhere_is_given_back_if_nothing_was_pressed(browse):
    tab = enter(browse(page_of(matmul), "#step=8"))
    assert counter(tab) == "6.12"
    tab.click("text=whole graph")
    assert counter(tab) == "8"


def test_keys_and_slider_work_as_outside(tab):
    for key, place in (("b", "4.1"), ("f", "1.1"), ("End", "6.12"), ("ArrowLeft", "6.11"), ("Home", "0")):
        tab.keyboard.press(key)
        assert (key, counter(tab)) == (key, place)
    assert tab.get_attribute("#scrubber", "max") == "34"
    tab.evaluate("byId('scrubber').value = 11; byId('scrubber').dispatchEvent(new Event('input'))")
    assert counter(tab) == "5.1"
    assert tab.is_disabled("[data-jump=update]")
    tab.click("text=whole graph")
    assert tab.get_attribute("#scrubber", "max") == str(tab.evaluate("whole.steps.length"))
    assert tab.is_enabled("[data-jump=update]")


def test_an_address_holds_the_part(browse):
    tab = browse(page_of(matmul), "#step=5.7&node=2")
    assert (counter(tab), tab.locator(SHOWN).get_attribute("data-path")) == ("5.7", "node 2")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == "#step=5.8&node=2"
    tab.click("text=whole graph")
    assert tab.evaluate("location.hash") == "#step=5"
    tab.evaluate("location.hash = '#step=6.2&node=2'")
    tab.wait_for_selector("#counter:has-text('6.2')")
    tab.evaluate("location.hash = '#step=3'")
    tab.wait_for_selector("#counter:has-text('3 /')")
    assert tab.locator(SHOWN).get_attribute("data-path") == ""


@pytest.mark.parametrize("fragment", ["#step=5.99&node=2", "#step=99&node=2", "#step=5.1&node=77", "#step=0.0&node=2"])
def test_an_address_of_nothing_opens_something(fragment, browse):
    assert browse(page_of(matmul), fragment).locator(f"{SHOWN} .node").count() > 3


def test_a_sentence_says_the_numbers_of_an_entry(tab):
    tab.keyboard.press("f")
    assert tab.inner_text("#text") == (
        "v1[0, 0] = x[0, 0] * w[0, 0] + x[0, 1] * w[1, 0] + x[0, 2] * w[2, 0] = 1 * 0.5 + 2 * 2 + (−1) * (−0.5) = 5"
    )


def test_a_sentence_has_as_many_digits_as_it_needs(browse):
    x, y = leaf("x", [[1.0, 2.0], [0.5, 1 / 3]]), leaf("y", [[0.5, -1.0], [2.0, 1.4999]])
    graph = cr.trace(x @ y, {"x": x, "y": y})
    tab = browse(page(graph), f"#step=1.4&node={graph.root.id}")
    assert tab.inner_text("#text").endswith("= 0.5 * (−1) + 0.33333333 * 1.4999 ≈ −3.3333333e−05")


def test_an_array_at_the_end_of_the_graph_is_walked_through(browse):
    x = leaf("x", X)
    tab = browse(page(cr.trace(cr.cumsum(x, axis=1), {"x": x})), "#step=1&node=1")
    seen = [counter(tab), *(number for number, *_ in tab.evaluate(WALK))]
    assert seen == [f"{k}.{i}" for k, parts in ((1, 6), (2, 7), (3, 12)) for i in range(1, parts + 1)]


def test_one_entrys_edges_are_dark_and_the_others_pale(tab):
    opacity = "(edges) => edges.map((edge) => getComputedStyle(edge.querySelector('path')).opacity)"
    tab.keyboard.press("f")
    tab.keyboard.press("ArrowRight")
    found = dict(
        zip(*[tab.locator(f"{SHOWN} .edge").evaluate_all(f) for f in ("e => e.map((x) => x.id)", opacity)], strict=True)
    )
    told = cr.trace(matmul()).open(2)
    entry = {f"s2-e{e.id}" for e in told.edges if e.target == told.opened.tables[-1].ids[1]}
    assert {name for name, x in found.items() if x == "1"} == entry


def test_a_number_is_changed_in_the_opened_picture_and_all_follows(tab):
    tab.focus(f"{SHOWN} .node >> nth=0")
    tab.keyboard.press("ArrowUp")
    assert tab.text_content(f"{SHOWN} .node >> nth=0 >> .value") == "1.1"
    assert tab.evaluate("whole.nodes[0].value.items[0][0]") == np.float32(1.1)
    tab.keyboard.press("f")
    assert tab.inner_text("#text").endswith("= 1.1 * 0.5 + 2 * 2 + (−1) * (−0.5) = 5.05")
    assert tab.inner_text("#inspected") == "v1[0, 0]"


def test_steps_of_training_reach_the_opened_picture(tab):
    before = tab.evaluate("nodes.map((node) => node.value?.items)")
    tab.evaluate("takeSteps(1)")
    after = tab.evaluate("nodes.map((node) => node.value?.items)")
    right = tab.evaluate("nodes.map(({ of: [id, place] }) => flat(whole.nodes[id].value)[place])")
    assert after == right
    assert after != before


def test_predict_mode_asks_for_single_products(tab):
    tab.keyboard.press("b")
    tab.keyboard.press("p")
    assert tab.inner_text("#text") == "Your turn: what is v1[0, 1]'s gradient after this step?"
    tab.fill("#answer", "2")
    tab.keyboard.press("Enter")
    assert counter(tab) == "4.1"
    tab.fill("#answer", "1")
    tab.keyboard.press("Enter")
    assert counter(tab) == "4.2"


def test_what_was_inspected_and_asked_outside_does_not_come_along(browse):
    tab = browse(page_of(matmul), "#step=4")
    tab.evaluate("showPathsOf(nodes[0])")
    tab.click("#n2")
    tab.click("text=Open as a graph of numbers")
    assert tab.evaluate("[paths.id, player.picked, predict.question]") == [None, None, None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_opened_product(browse, scheme):
    tab = browse(page_of(matmul), "#step=5.7&node=2", color_scheme=scheme, reduced_motion="reduce")
    assert violations(tab) == []


def test_the_number_that_is_multiplied_by_is_marked(browse):
    tab = browse(page_of(matmul), "#step=6.5&node=2")
    told = cr.trace(matmul()).open(2)
    edge = told.edges[told.order[4 + 12 + 4]]  # after four that arrive and twelve to x
    [marked] = tab.locator(f"{SHOWN} .factor").all()
    factor = told.nodes[int(marked.get_attribute("id").rpartition("n")[2])]
    assert factor.value.items == edge.local.items
    assert (factor.label, told.nodes[edge.source].label) == ("x[0, 1]", "w[1, 1]")


def test_predict_mode_does_not_mark_it(browse):
    tab = browse(page_of(matmul), "#step=5.1&node=2")
    tab.keyboard.press("p")
    assert tab.is_visible("#question")
    assert tab.locator(f"{SHOWN} .factor").count() == 0


def test_an_opened_graph_has_a_page_of_its_own(browse, tmp_path):
    told = cr.trace(matmul()).open(2)
    tab = browse(told.save(tmp_path / "x.html"), "#step=11")
    assert lit(tab) == [(f"e{told.order[4]}", "1 × 0.5 = 0.5")]
    assert tab.locator(f"{SHOWN} .cluster").all_text_contents() == ["x (2, 3)", "w (3, 2)", "v1 = x @ w (2, 2)"]


def test_of_many_edges_only_the_lit_one_has_a_label(browse):
    x = leaf("x", [1.0, 2.0, 3.0])
    z = cr.softmax(x)
    graph = cr.trace((z * z).sum(), {"x": x, "z": z})
    tab = browse(page(graph), f"#step=1&node={graph.node('z').id}")
    tab.keyboard.press("End")
    labels = tab.locator(f"{SHOWN} .edge .flow")
    assert (labels.count(), sum(label.is_visible() for label in labels.all())) == (12, 1)
