"""Paths in the page: which there are, what their products are, and that these add up to the gradient."""

import numpy as np
import pytest
from browser import stop_clock, violations
from graphs import fan_out, matmul, maximum, mlp, network_of_values, page_of, square

import chainrule as cr
from chainrule.graph.page import page


@pytest.fixture
def show(browse):
    def show(build, fragment="", **options):
        return browse(page_of(build), fragment, **options)

    return show


def recurrent():
    w, u, b, h = (cr.Value(x, name) for x, name in ((0.5, "w"), (0.8, "u"), (0.1, "b"), (0.0, "h0")))
    for t in range(20):
        h = cr.tanh(w * h + u * (0.1 * t) + b)
    return (h - 1.0) ** 2


def doubled():
    """2^60 paths in 60 calls."""
    x = cr.Value(1.0, "x")
    y = x
    for _ in range(60):
        y = y + y
    return y


WORKED = """() => nodes.filter((node) => incoming[node.id].length).map((node) => {
  const all = listed(node.id);
  paths.list = all;
  const sum = sumOf(all.length);
  return [node.id, all.length, all.reduce((n, path) => n + path.edges.length, 0), counted()[node.id].paths, counted()[node.id].factors, sum && [...sum.data]];
})"""


@pytest.mark.parametrize("build", [square, fan_out, network_of_values, recurrent, matmul, maximum, mlp])
def test_the_products_of_all_paths_add_up_to_each_gradient(build, browse):
    cr.random.seed(0)
    graph = cr.trace(build())
    found = browse(page(graph)).evaluate(WORKED)
    assert len(found) == sum(any(graph.edges[i].source == n.id for i in graph.order) for n in graph.nodes)
    for i, listed, factors, counted, counted_factors, total in found:
        assert (listed, factors) == (counted, counted_factors)
        right = np.ravel(graph.nodes[i].total.items)
        np.testing.assert_allclose(total, right, rtol=1e-5, atol=1e-6 * max(1, np.abs(right).max()))


def test_a_weight_of_a_recurrent_net_has_20_paths_and_880_factors(show):
    tab = show(recurrent)
    tab.evaluate("showPathsOf(nodes.find(({ label }) => label === 'w'))")
    assert tab.inner_text("#inspector .state").startswith("20 paths with 880 factors together")
    assert f"each of the {tab.evaluate('story.graph.order.length')} edges once" in tab.inner_text("#inspector .state")


def test_paths_too_many_to_list_are_counted(show):
    tab = show(doubled)
    tab.evaluate("showPathsOf(nodes[0])")
    assert tab.inner_text("#inspector .state").startswith("1.15e+18 paths")
    assert "the first 200 of 1.15e+18" in tab.inner_text("#inspector .sum >> nth=0")


LIT = "[...document.querySelectorAll('.view:not([hidden]) .edge.onpath')].map((edge) => edge.id)"
WIDTHS = """paths.list[paths.chosen].edges.map(({ id }) =>
    Number.parseFloat(document.querySelector(`.view:not([hidden]) [id$="e${id}"].onpath`).style.getPropertyValue("--strand")))"""


def test_each_path_lights_up_with_its_product_while_the_sum_builds(show):
    tab = show(square)
    tab.click("#n0 .name")
    tab.click("text=Show the paths")
    assert sorted(tab.evaluate(LIT)) == ["e0", "e1"]  # all at once
    seen = []
    for _ in range(2):
        tab.click("#inspector >> text=›")
        seen.append((tab.evaluate(LIT), tab.inner_text("#text")))
    assert [lit for lit, _ in seen] == [["e0"], ["e1"]]
    assert seen[0][1] == "Path 1 of 2: x → v1: 3 = 3. The sum so far: 3."
    assert seen[1][1].endswith("The sum so far: 6.")


def test_vanishing_is_seen_as_width(show):
    tab = show(recurrent)
    tab.evaluate("showPathsOf(nodes.find(({ label }) => label === 'w')), choosePath(9)")
    widths = tab.evaluate(WIDTHS)
    assert widths[0] > widths[3] > widths[10]
    assert min(widths) >= 0.75


def test_the_next_step_leaves_the_paths(show):
    tab = show(fan_out)
    tab.evaluate("showPathsOf(nodes[0])")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(LIT) == []
    assert tab.evaluate("document.body.classList.contains('paths')") is False


def test_paths_play(show):
    tab = show(square)
    stop_clock(tab)
    tab.evaluate("showPathsOf(nodes[0])")
    tab.click("text=Play paths")
    assert tab.evaluate(LIT) == ["e0"]
    tab.evaluate("tick()")
    assert tab.evaluate(LIT) == ["e1"]
    assert tab.locator("text=Play paths").count() == 1  # at the end


def test_paths_follow_a_changed_number(show):
    tab = show(square)
    tab.evaluate("change(0, 0, 5), showPathsOf(nodes[0])")
    assert tab.inner_text("#inspector .sum >> nth=0") == "sum = 10"


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_paths_are_accessible(show, color_scheme):
    tab = show(network_of_values, color_scheme=color_scheme)
    tab.evaluate("showPathsOf(nodes[0]), choosePath(0)")
    assert violations(tab) == []


def test_a_path_through_folded_frames_lights_their_boxes_and_says_their_factors(show):
    tab = show(recurrent)
    tab.evaluate("(showPathsOf(nodes.find(({ label }) => label === 'w')), choosePath(6))")
    lit = "[...player.figure.querySelectorAll('.state:not(.off) > .onpath.group, .state:not(.off) .onpath.group')]"
    said = tab.evaluate(f"{lit}.map((box) => box.querySelector('.waits').textContent)")
    assert len(said) == 6  # the path passes seven repeats, and in the last of them the step happens
    factors = [read(text.removesuffix(" inside").removeprefix("× ").strip("()")) for text in said]
    path = tab.evaluate("paths.list[6].edges.map((edge) => [edge.target, edge.local.items])")
    folded = tab.evaluate(f"{lit}.flatMap((box) => [...members(box.dataset.members)])")
    inside = [slope for node, slope in path if node in folded]
    assert 6 < len(inside) < len(path)
    assert np.prod(factors) == pytest.approx(np.prod(inside), rel=1e-3)


def test_boxes_are_plain_again_when_the_paths_are_closed(show):
    tab = show(recurrent)
    tab.evaluate("(showPathsOf(nodes.find(({ label }) => label === 'w')), leavePaths())")
    assert tab.locator(".onpath").count() == 0
    assert set(tab.locator(".group[data-focus] .waits").all_text_contents()) == {""}


def read(text):
    return float(text.replace("−", "-"))
