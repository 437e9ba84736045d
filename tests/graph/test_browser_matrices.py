"""Array steps in numbers: tables that line up, and what is written for the entry that one points at."""

import re

import numpy as np
import pytest
from browser import violations
from graphs import bias, cross_entropy, matmul, page_of, wide_mlp

import chainrule as cr
from chainrule.autograd.ops.linalg import affine
from chainrule.graph.page import page
from chainrule.graph.values import number

DRAWN = np.random.default_rng(5)
LABELS = np.array([0, 2])


def drawn(*shape, dtype="float64"):
    return DRAWN.uniform(-2, 2, shape).round(2).astype(dtype)


# {name: (function of leaves, their numbers)}; each result is squared, so that the gradients are not all 1
GRAPHS = {
    "matrices": (lambda a, b: a @ b, drawn(2, 3), drawn(3, 2)),
    "row and matrix": (lambda a, b: a @ b, drawn(3), drawn(3, 2)),
    "matrix and column": (lambda a, b: a @ b, drawn(2, 3), drawn(3)),
    "two vectors": (lambda a, b: a @ b, drawn(3), drawn(3)),
    "stack and matrix": (lambda a, b: a @ b, drawn(2, 2, 3), drawn(3, 2)),
    "stack and column": (lambda a, b: a @ b, drawn(2, 2, 3), drawn(3)),
    "row and stack": (lambda a, b: a @ b, drawn(3), drawn(2, 3, 2)),
    "stacks that are repeated": (lambda a, b: a @ b, drawn(2, 1, 2, 2), drawn(3, 2, 1)),
    "layer": (lambda x, w, b: affine(x, w, b), drawn(3, 2), drawn(2, 2), drawn(2)),
    "layer on a stack": (lambda x, w, b: affine(x, w, b), drawn(2, 2, 2), drawn(2, 2), drawn(2)),
    "bias": (lambda x, b: x + b, drawn(3, 2), drawn(2)),
    "column times row": (lambda x, y: x * y, drawn(3, 1), drawn(1, 2)),
    "float32": (lambda x, y: x @ y / 3, drawn(2, 2, dtype="float32"), drawn(2, 2, dtype="float32")),
    "curve": (lambda x: cr.tanh(x) / (x * x + 2), drawn(2, 2)),
    "classes": (lambda z: cr.nn.cross_entropy(z, cr.tensor(LABELS)), drawn(2, 3)),
    "shares of classes": (lambda z: cr.nn.cross_entropy(z, cr.tensor([[0.2, 0.8], [1.0, 0.0]])), drawn(2, 2)),
    "yes or no": (lambda z: cr.nn.bce_with_logits(z, cr.tensor([0.0, 1.0, 1.0])), drawn(3)),
    "softmax": (lambda x: cr.softmax(x), drawn(2, 3)),
    "sums": (lambda x: x.sum(axis=0) + x.mean(axis=1), drawn(2, 2)),
    "moved": (lambda x: x.T[0] * x.reshape(4)[1:3], drawn(2, 2)),
    "largest": (lambda x: x.max(axis=1), drawn(2, 3)),
    "einsum": (lambda x, y: cr.einsum("ij,kj->ik", x, y), drawn(2, 2), drawn(2, 2)),
}  # fmt: skip


def traced(change=False):
    """One graph of all, each in leaves of its own; with `change` the last element of each leaf is 0.75."""
    names, total = {}, 0
    for i, (f, *given) in enumerate(GRAPHS.values()):
        leaves = []
        for k, array in enumerate(given):
            array = array.copy()
            if change:
                array.flat[-1] = 0.75
            leaves.append(cr.tensor(array, requires_grad=True))
            names[f"x{i}_{k}"] = leaves[-1]
        total = total + (f(*leaves) ** 2).sum()
    return cr.trace(total, names), names  # the leaves must live on


# points at each entry of each result: ["node" or "edge", its id, what is written for each entry; none without tables]
READ = """() => [["node", nodes.filter((node) => node.made), callTables], ["edge", story.graph.order.map((i) => edges[i]), stepTables]].flatMap(
  ([kind, all, tables]) => all.map((item) => {
    const sheet = tables(item);
    const cells = [...(sheet?.querySelectorAll(".result [role=grid] td") ?? [])];
    return [kind, item.id, cells.map((cell) => {
      cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      return sheet.querySelector(".entry").textContent;
    })];
  }))"""
EQUATION = re.compile(r"\w+(?:\[.*\])?: (?:(.*) ([=≈]) )?(\S+)")


def value(text):
    """What the left side of an equation comes to; None for one that is shortened, or that calls a function."""
    if "more)" in text or re.search(r"[a-z_]{2,}", text.replace("inf", "")):
        return None
    for sign, other in {"−": "-", "·": "*", "×": "*", "÷": "/", "²": "**2"}.items():
        text = text.replace(sign, other)
    return eval(text)


def read(text):
    return float(text.replace("−", "-"))


def compare(found, graph):
    """That what is written is true, and that the entries are Python's."""
    for kind, i, texts in found:
        right = graph.nodes[i].value if kind == "node" else graph.edges[i].contribution
        if right.shape and texts:
            assert len(texts) == np.size(right.items)
        for text, exact in zip(texts, np.ravel(right.items).tolist(), strict=True) if texts else ():
            if text.endswith(": 0, nothing comes here"):
                assert exact == 0
                continue
            left, sign, result = EQUATION.fullmatch(text).groups()
            digits = max(4, len(re.sub(r"\D", "", result.partition("e")[0]).lstrip("0")))
            assert read(result) == pytest.approx(read(number(exact, right.dtype, digits)), rel=1e-5), text
            if left is not None and (computed := value(left)) is not None:
                if sign == "=":
                    assert read(number(computed, right.dtype, digits)) == read(result), text
                else:
                    assert computed == pytest.approx(exact, rel=2e-3, abs=1e-3), text


@pytest.fixture(scope="module")
def readings(chromium, tmp_path_factory):
    """[(the graph, what the page shows for it)]: as the program ran, and with a number of each leaf changed in the page."""
    chromium.folder = tmp_path_factory.mktemp("matrices")
    graph, _leaves = traced()
    tab = chromium(page(graph))
    before = tab.evaluate(READ)
    tab.evaluate(
        """for (const id of live.leaves.keys()) if (isEditable(nodes[id]) && nodes[id].label.startsWith("x")) setElement(id, size(nodes[id].shape) - 1, 0.75)"""
    )
    return [(graph, before), (traced(change=True)[0], tab.evaluate(READ))]


@pytest.mark.parametrize("place", [0, 1], ids=["as it ran", "changed in the page"])
def test_what_is_written_for_each_entry_is_true_and_python_s(place, readings):
    graph, found = readings[place]
    compare(found, graph)


def test_each_step_of_the_backward_pass_with_arrays_has_tables(readings):
    """But where the derivatives of single elements are known for the program's own numbers alone."""
    for (graph, found), unknown in zip(readings, ([], ["einsum"]), strict=True):
        lacking = [graph.edges[i] for kind, i, texts in found if kind == "edge" and not texts]
        targets = [
            graph.nodes[e.target]
            for e in lacking
            if max(map(np.prod, (e.contribution.shape, graph.nodes[e.target].shape))) > 1
        ]
        assert sorted({node.operation for node in targets}) == unknown


# ---- in the page


@pytest.fixture
def show(browse):
    def show(build, step, **options):
        return browse(page_of(build), f"#step={step}", **options)

    return show


def boxes(tab, part):
    """The left and upper edges of the cells of a table, row by row."""
    return tab.eval_on_selector_all(
        f".crossing .{part} td",
        "all => all.map((cell) => { const r = cell.getBoundingClientRect(); return [Math.round(r.x), Math.round(r.y)]; })",
    )


def test_rows_and_columns_of_a_product_line_up(show):
    tab = show(matmul, 5)  # g (2×2) @ wᵀ (2×3) = dx (2×3)
    assert tab.inner_text(".sheet .rule") == "g (2×2) @ wᵀ (2×3) = dx (2×3)"
    left, right, result = (boxes(tab, part) for part in ("left", "right", "result"))
    assert [x for x, _ in right[:3]] == [x for x, _ in result[:3]]
    assert [y for _, y in left[::2]] == [y for _, y in result[::3]]


def test_an_entry_lights_its_row_and_its_column(show):
    tab = show(matmul, 5)
    tab.hover(".crossing .result tr:nth-child(2) td:nth-child(3)")
    lit = {
        part: tab.eval_on_selector_all(
            f".crossing .{part} td", "all => all.map((cell) => cell.classList.contains('lit'))"
        )
        for part in ("left", "right")
    }
    assert lit == {"left": [False] * 2 + [True] * 2, "right": [False, False, True] * 2}
    assert tab.inner_text(".sheet .entry") == "dx[1, 2]: 1·(−0.5) + 1·0.25 = −0.25"
    assert tab.inner_text(".crossing .at") == "−0.25"


def test_arrow_keys_move_among_the_entries_and_take_no_step(show):
    tab = show(matmul, 5)
    tab.focus(".crossing .result td")
    said = []
    for key in "ArrowRight ArrowDown ArrowRight ArrowRight ArrowUp ArrowLeft".split():
        tab.keyboard.press(key)
        said.append(tab.inner_text(".sheet .entry").partition(":")[0])
    assert said == ["dx[0, 1]", "dx[1, 1]", "dx[1, 2]", "dx[1, 2]", "dx[0, 2]", "dx[0, 1]"]
    assert tab.inner_text("#counter").startswith("5 / ")
    assert tab.locator(".result td[tabindex='0']").count() == 1


def test_the_entry_stays_when_a_number_is_changed(show):
    tab = show(matmul, 5)
    tab.hover(".crossing .result td >> nth=1")
    tab.evaluate("setElement(1, 2, 7); show()")  # w[1, 0] from 2
    assert tab.inner_text(".sheet .entry") == "dx[0, 1]: 1·7 + 1·1.5 = 8.5"
    assert tab.locator(".crossing .right td >> nth=1").inner_text() == "7"


def test_the_prediction_less_the_truth_is_seen_as_bars(show):
    tab = show(cross_entropy, 5)
    assert tab.text_content(".lit .flow") == "g · (p − y)"
    heights = tab.eval_on_selector_all(
        ".bars .bar", "all => all.map((bar) => Number(bar.style.getPropertyValue('--height')))"
    )
    logits = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]], "float32")
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.eye(3)[[0, 2]]
    np.testing.assert_allclose(
        np.reshape(heights, (2, 3, 3)), np.stack([p, y, abs(p - y)], axis=1), rtol=1e-5, atol=1e-6
    )
    assert tab.locator(".bars .less").count() == 2  # below 0 where the class is the true one
    tab.hover(".result td >> nth=5")
    assert tab.inner_text(".sheet .entry") == "dlogits[1, 2]: 0.5 × (0.3672 − 1) = −0.3164"


@pytest.mark.parametrize(("build", "step"), [(matmul, 5), (cross_entropy, 5), (bias, 8)])
def test_tables_stand_above_the_line_that_is_said_and_below_the_title(build, step, show):
    tab = show(build, step)
    edges = """(selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect()).map((r) => [r.top, r.bottom])"""
    [(title, _)], [(said, _)] = (tab.evaluate(edges, selector) for selector in ("h3:has(+ .sheet)", ".sheet .entry"))
    tables = tab.evaluate(edges, ".sheet table")
    assert tables
    assert all(title < top and bottom <= said for top, bottom in tables)


def test_what_is_repeated_is_pale(show):
    tab = show(cross_entropy, 5)
    pale = tab.eval_on_selector_all(
        ".beside .titled:first-child td", "all => all.map((cell) => cell.classList.contains('copy'))"
    )
    assert pale == [False, True, True] * 2


def test_arrays_that_are_too_large_say_so(show):
    tab = show(wide_mlp, 12)
    assert tab.inner_text(".sheet").split("\n\n") == [
        "v5ᵀ (64×8) @ g (8×10) = dlayers.2.weight (64×10)",
        "No tables: dlayers.2.weight has 640 numbers, and a page has those of arrays of up to 64.",
    ]


def test_what_does_not_come_to_the_number_is_not_shown(show):
    tab = show(matmul, 5)
    assert (
        tab.evaluate("(edges[0].jacobian = null, edges[0].made[2] = edges[0].made[2][1], stepTables(edges[0]))") is None
    )


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_tables_and_bars_are_accessible(show, color_scheme):
    tab = show(cross_entropy, 5, color_scheme=color_scheme)
    assert violations(tab) == []


def test_on_a_phone_tables_scroll_in_their_own_box(show):
    tab = show(matmul, 6, viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.click(".result td >> nth=3")
    assert tab.inner_text(".sheet .entry").startswith("dw[1, 1]: 2·1 + 0·1 = 2")
