"""Every step of the page, in a browser: its numbers are those of the engine and of central differences."""

import math
import re
from collections import Counter
from dataclasses import asdict
from itertools import product

import numpy as np
import pytest
from graphs import GRAPHS, contributions, page_of, square

import chainrule as cr
from chainrule.graph.page import page
from chainrule.graph.roles import parameters
from chainrule.graph.text.notation import shown
from chainrule.graph.text.phrases import agreed
from chainrule.graph.values import number, values
from chainrule.pages.html import asset

LR = 0.1
UNDEFINED = {"not_a_number"}  # central differences of a result that is nan are all nan

# presses Next until the end and returns what the page shows before and after each step
WALK = """() => { const read = () => {
  const text = (selector) => document.querySelector(selector)?.textContent;
  const cells = (element) => element && (element.querySelector("tspan")
    ? [...element.querySelectorAll("tspan")].map((cell) => cell.textContent).filter(Boolean) : [element.textContent]);
  const view = document.querySelector(".view:not([hidden])");
  const nodes = Object.fromEntries([...view.querySelectorAll(".node[id]")].map((node) => [node.id.slice(1), {
    value: cells(node.querySelector(".value")), grad: cells(node.querySelector(".grad")),
    waits: node.querySelector(".waits")?.textContent ?? "" }]));
  return { nodes, phase: document.body.dataset.phase, counter: text("#counter"), said: text("#text"),
    lit: [...view.querySelectorAll(".edge.lit")].map((edge) => [edge.id, edge.querySelector(".flow").textContent]),
    term: text(".terms .here code"), sum: text("#inspector .sum"),
    tables: document.body.dataset.phase === "backward" ? [...document.querySelectorAll("#inspector .titled")].map((part) =>
      [part.querySelector("small").textContent, [...part.querySelectorAll("td:not(.copy), .number")].map((cell) => cell.textContent)]) : [] };
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


def test_every_step_shows_the_engines_numbers(case, browse):
    name, graph, after = case
    readings = browse(page(graph, lr=LR)).evaluate(WALK)
    operations = [n.id for n in graph.nodes if n.kind == "operation"]
    leaves = sorted(parameters(graph))
    assert len(readings) == 1 + len(operations) + 1 + len(graph.order) + len(leaves) + 1
    shown = iter(readings)
    forward(graph, operations, next(shown), shown)
    seed(graph, next(shown))
    backward(graph, after, shown, {} if name in UNDEFINED else contributions(graph))
    update(after, leaves, shown)
    assert next(shown)["phase"] == "check"


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
        assert contribution(reading, edge, graph.nodes[x].label) == (
            f"e{edge.id}",
            elements(after.nodes[edge.target].grad.array()),
            elements(share),
        )
        assert reading["nodes"][str(x)]["grad"] == cells(values(sums[x]))
        waits = f"{arrived[x]} of {expected[x]} contributions" if arrived[x] < expected[x] else ""
        assert reading["nodes"][str(x)]["waits"] == waits
        if before is not None:
            assert reading["sum"].endswith(f" {values(sums[x])}")
        untouched = [i for i in expected if not arrived[i]]
        assert all(reading["nodes"][str(i)]["grad"] == ["—"] for i in untouched)
    for i, total in sums.items():
        assert reading["nodes"][str(i)]["grad"] == cells(after.nodes[i].grad)
        np.testing.assert_array_equal(total, after.nodes[i].grad.array())  # to the bit


def contribution(reading, edge, label):
    """(the lit edge, the upstream gradient, the contribution) as the page shows them: numbers in line, arrays in tables."""
    [(lit, flow)] = reading["lit"]
    if tables := dict(reading["tables"]):
        return lit, tables.get("g") or tables["upstream"], tables.get(f"d{label}") or tables[f"= d{label}"]
    assert flow == reading["term"]
    upstream, local, share = re.fullmatch(r"(.*) × (.*) [=≈] (.*)", flow).groups()
    return lit, [upstream], [share]


def update(after, leaves, shown):
    """Each leaf steps against the engine's gradient."""
    for i in leaves:
        value, grad = after.nodes[i].value.array(), after.nodes[i].grad.array()
        reading = next(shown)
        assert reading["phase"] == "update"
        assert reading["nodes"][str(i)]["value"] == cells(values(value - LR * grad))


# ---- numbers as text, in JavaScript as in Python


def assorted():
    """Numbers of all sizes and signs, whole ones, ties, and those at the ends of each way to write them."""
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=2000) * 10.0 ** rng.integers(-12, 14, 2000)
    ties = np.arange(-4000, 4000, 7) / 2**13
    edges = [
        10.0**k * f
        for k in range(-6, 8)
        for f in (1, 1.00001, 1 + 1e-14, 1 + 2e-14, 0.99994, 0.99995, 0.99996, 9.9995, 0.5, 0.12345)
    ]
    whole = [0, 1, -1, 999, 1000, 9999.5, 12345, 999_999, 1e6, -1e6, 123456.5, 1e20, -0.0, 1e300, 5e-324]
    return [*sizes.tolist(), *ties.tolist(), *edges, *(-x for x in edges), *whole, math.inf, -math.inf, math.nan]


@pytest.fixture(scope="module")
def numbers():
    return assorted()


@pytest.mark.parametrize("digits", [4, 3, 10])
def test_numbers_are_written_as_in_python(browse, numbers, digits):
    written = browse(page_of(square)).evaluate(
        "([all, digits]) => all.map((x) => number(x, '', digits))", [numbers, digits]
    )
    differ = [(x, text) for x, text in zip(numbers, written, strict=True) if text != number(x, digits=digits)]
    assert differ == []


ARRAYS = {
    "number": 2.5,
    "one element": np.array([[-0.25]]),
    "list": np.array([1.0, -2.5, 1e-7]),
    "matrix": np.arange(8).reshape(2, 4) / 7,
    "long": np.linspace(-3, 5, 40),
    "the same": np.ones((5, 6)),
    "three axes": np.arange(8.0).reshape(2, 2, 2),
    "whole": np.arange(30),
    "truth": np.arange(30) % 3 == 0,
    "broken": np.array([np.nan, np.inf, -np.inf, *range(27)]),
    "large": np.arange(100.0),
    "empty": np.ones((0, 3)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_written_as_in_python(browse, name):
    given = values(ARRAYS[name])
    tab = browse(page_of(square))
    assert tab.evaluate("(given) => line(given)", asdict(given)) == shown(given)


OPERATIONS = {
    "product": (np.multiply, "(x, y) => x.map((v, i) => v * y[i])"),
    "sum": (np.add, "(x, y) => x.map((v, i) => v + y[i])"),
    "step": (lambda w, g: w - LR * g, f"(w, g) => w.map((v, i) => v - {LR} * g[i])"),
}


def equations(function):
    """[two operands and the result, as Values]: numbers and small arrays of each dtype, of one size and of several."""
    rng, found = np.random.default_rng(0), []
    for dtype, shape in [("", ()), *product(("float16", "float32", "float64"), ((), (3,), (2, 2)))] * 40:
        sizes = 10.0 ** rng.integers(-5, 4, 2)
        drawn = [rng.normal(size=shape) * s if rng.random() < 0.7 else rng.integers(-9, 9, shape) / 8 for s in sizes]
        with np.errstate(all="ignore"):
            x, y = (np.asarray(a, dtype or None) for a in drawn)
            parts = x, y, np.asarray(function(x, y), dtype or None)
        found.append([values(p if dtype else p.item()) for p in parts])
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_equation_has_the_digits_and_the_sign_of_python(browse, name):
    function, script = OPERATIONS[name]
    cases = equations(function)
    page = f"<!doctype html><title>t</title><script>{asset('chainrule.pages', 'numbers.js')}</script>"
    told = browse(page).evaluate(
        f"(cases) => cases.map(([x, y, z]) => agreed({script}, [x, y], z)).map(({{ digits, sign }}) => [digits, sign])",
        [[asdict(v) for v in case] for case in cases],
    )
    ours = [list(agreed(function, given, result)) for *given, result in cases]
    assert [pair for pair in zip(cases, told, ours, strict=True) if pair[1] != pair[2]] == []
    assert {sign for _, sign in ours} == {"=", "≈"}
