"""Every step of the page, in a browser: its numbers are those of the engine and of central differences."""

from collections import Counter

import numpy as np
import pytest
from graphs import GRAPHS, contributions

import chainrule as cr
from chainrule.autograd.draw.page import page
from chainrule.autograd.draw.values import number, values

LR = 0.1
UNDEFINED = {"not_a_number"}  # central differences of a result that is nan are all nan

# presses Next until the end and returns what the page shows before and after each step
WALK = """() => { const read = () => {
  const text = (selector) => document.querySelector(selector)?.textContent;
  const cells = (element) => element && (element.querySelector("tspan")
    ? [...element.querySelectorAll("tspan")].map((cell) => cell.textContent).filter(Boolean) : [element.textContent]);
  const view = document.querySelector(".view:not([hidden])");
  const nodes = Object.fromEntries([...view.querySelectorAll(".node")].map((node) => [node.id.slice(1), {
    value: cells(node.querySelector(".value")), grad: cells(node.querySelector(".grad")),
    waits: node.querySelector(".waits")?.textContent ?? "" }]));
  return { nodes, phase: document.body.dataset.phase, counter: text("#counter"), said: text("#text"),
    lit: [...view.querySelectorAll(".edge.lit")].map((edge) => [edge.id, edge.querySelector(".flow").textContent]),
    term: text(".terms .here code"), sum: text("#inspector .sum"),
    tables: Object.fromEntries([...document.querySelectorAll(".here .part")].map((part) =>
      [part.querySelector("small").textContent, [...part.querySelectorAll("td, .number")].map((cell) => cell.textContent)])) };
  };
  const readings = [read()], next = document.getElementById("next");
  while (!next.disabled) { next.click(); readings.push(read()); }
  return readings;
}"""


@pytest.fixture(scope="module", params=GRAPHS)
def case(request):
    """(name, graph before backward, graph after it): the first is shown, the second holds the engine's `.grad`."""
    cr.random.seed(0)
    loss = GRAPHS[request.param]()
    before = cr.trace(loss)
    loss.backward()
    return request.param, before, cr.trace(loss)


def cells(values):
    return [cell for row in values.rows() for cell in row]


def elements(array):
    """All elements as text, row by row."""
    return [number(x) for x in np.ravel(array).tolist()]


def plain(text):
    """With hyphens for minus signs, as numbers stand in the data."""
    return text.replace("−", "-")


def test_every_step_shows_the_engines_numbers(case, browse):
    name, graph, after = case
    readings = browse(page(graph, lr=LR)).evaluate(WALK)
    operations = [n.id for n in graph.nodes if n.kind == "operation"]
    leaves = [n.id for n in graph.nodes if n.kind == "leaf"]
    assert len(readings) == 1 + len(operations) + 1 + len(graph.order) + len(leaves)
    shown = iter(readings)
    forward(graph, operations, next(shown), shown)
    seed(graph, next(shown))
    backward(graph, after, shown, {} if name in UNDEFINED else contributions(graph))
    update(after, leaves, shown)


def forward(graph, operations, start, shown):
    """Values appear one by one; no gradient is there."""
    for i in operations:
        assert start["nodes"][str(i)]["value"] == ["·"]
    for i in operations:
        reading = next(shown)
        assert reading["phase"] == "forward"
        assert reading["nodes"][str(i)]["value"] == cells(graph.nodes[i].value)
        assert {node["grad"][0] for node in reading["nodes"].values() if node["grad"]} <= {"—"}


def seed(graph, reading):
    """Only the result has a gradient: 1."""
    gradients = {int(i): node["grad"] for i, node in reading["nodes"].items() if node["grad"]}
    assert gradients.pop(graph.root.id) == ["1"]
    assert all(gradient == ["—"] for gradient in gradients.values())


def backward(graph, after, shown, truth):
    """Contribution by contribution: the lit edge, what comes along it, the sum so far, and who waits."""
    expected = Counter(graph.edges[i].source for i in graph.order)
    sums, arrived = {}, Counter()
    for edge in (graph.edges[i] for i in graph.order):
        reading, x = next(shown), edge.source
        share, before = edge.contribution.array(), sums.get(x)
        if truth:
            np.testing.assert_allclose(share, truth[edge.id], rtol=1e-4, atol=1e-6)
        sums[x] = share if before is None else before + share
        arrived[x] += 1
        assert reading["phase"] == "backward"
        assert contribution(reading, edge) == (
            f"e{edge.id}",
            elements(after.nodes[edge.target].grad.array()),
            elements(share),
        )
        assert reading["nodes"][str(x)]["grad"] == cells(values(sums[x]))
        waits = f"{arrived[x]} of {expected[x]} contributions" if arrived[x] < expected[x] else ""
        assert reading["nodes"][str(x)]["waits"] == waits
        if before is not None:
            assert plain(reading["sum"]).endswith(f"= {values(sums[x])}")
        untouched = [i for i in expected if not arrived[i]]
        assert all(reading["nodes"][str(i)]["grad"] == ["—"] for i in untouched)
    for i, total in sums.items():
        assert reading["nodes"][str(i)]["grad"] == cells(after.nodes[i].grad)
        np.testing.assert_array_equal(total, after.nodes[i].grad.array())  # to the bit


def contribution(reading, edge):
    """(the lit edge, the upstream gradient, the contribution) as the page shows them: numbers in line, arrays in tables."""
    [(lit, flow)] = reading["lit"]
    if reading["tables"]:
        return lit, *(list(map(plain, reading["tables"][part])) for part in ("upstream", "= contribution"))
    assert flow == reading["term"]
    upstream, _, share = plain(flow).partition(" × ")
    return lit, [upstream], [share.partition(" = ")[2]]


def update(after, leaves, shown):
    """Each leaf steps against the engine's gradient."""
    for i in leaves:
        value, grad = after.nodes[i].value.array(), after.nodes[i].grad.array()
        reading = next(shown)
        assert reading["phase"] == "update"
        assert reading["nodes"][str(i)]["value"] == cells(values(value - LR * grad))
