"""What the page of a graph lets one take away: a link that opens what is shown, LaTeX, and a program that gives the graph again."""

import numpy as np
import pytest
from browser import violations
from graphs import GRAPHS, cross_entropy, fan_out, karpathy, network_of_values

import chainrule as cr
from chainrule.graph.page import page


@pytest.fixture
def show(browse):
    return lambda graph, fragment="": browse(page(graph), fragment)


def taken(tab, id):
    tab.click("#open-take")
    text = tab.inner_text(f"#{id}")
    tab.keyboard.press("Escape")
    return text


def test_a_link_opens_the_page_as_it_is(show):
    tab = show(cr.trace(fan_out()))
    tab.evaluate("go(9); change(0, 0, 0.75); select(1)")
    tab.fill("#lr", "0.5")
    text = tab.inner_text("#stage"), tab.inner_text("#inspector")
    link = taken(tab, "take-link")
    assert "pick=1" in link
    assert "set=0" in link
    assert "lr=0.5" in link
    tab.goto("about:blank")
    tab.goto(link)
    assert (tab.inner_text("#stage"), tab.inner_text("#inspector")) == text
    assert (tab.input_value("#lr"), tab.evaluate("player.position")) == ("0.5", 9)


def test_a_link_keeps_predict_mode(show):
    tab = show(karpathy(), "#step=7")
    tab.click("#predict")
    tab.goto("about:blank")
    link = taken(show(karpathy(), "#step=7&predict=1"), "take-link")
    assert "predict=1" in link


@pytest.mark.parametrize(
    "fragment", ["#pick=999", "#set=0:99:1&step=2", "#set=x&lr=-1", "#view=none&predict=7", "#set=0:0:inf"]
)
def test_an_address_that_makes_no_sense_does_no_harm(fragment, show):
    tab = show(karpathy(), fragment)
    assert not tab.evaluate("live.changed || predict.on || player.picked !== null")


def test_the_derivation_is_that_of_python(show):
    graph = karpathy()
    tab = show(graph)
    tab.click("#open-take")
    for node in graph.nodes[:-1]:
        tab.select_option("#take-of", str(node.id))
        assert tab.text_content("#take-latex") == graph.derivation(node.id).latex


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_program_is_that_of_python(make, show):
    graph = cr.trace(make())
    names, wanted = {}, {}
    exec(taken(show(graph), "take-python").rpartition("cr.trace")[0], names)
    exec(graph.to_python().rpartition("cr.trace")[0], wanted)
    tensors = [name for name, x in wanted.items() if isinstance(x, cr.Tensor)]
    assert tensors
    for name in tensors:
        np.testing.assert_array_equal(names[name].numpy(), wanted[name].numpy())


def test_the_program_has_the_numbers_of_now(show):
    tab = show(cr.trace(cross_entropy()))
    tab.evaluate("change(nodes.find(isEditable).id, 1, 0.125)")
    names = {}
    text = taken(tab, "take-python")
    exec(text.rpartition("cr.trace")[0], names)
    loss = text.rpartition("cr.trace(")[2].partition(")")[0]
    assert names[loss].item() == pytest.approx(tab.evaluate("nodes.at(-1).value.items"), rel=1e-6)
    assert "0.125" in text
    assert "changed" in tab.text_content("#take-status")


def test_what_cannot_be_written_says_why(show):
    graph = cr.Graph.from_json(karpathy().to_json())
    assert "cannot be written as a program: this graph was read or opened" in taken(show(graph), "take-python")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_window_has_no_findings_of_axe_and_every_button_is_reached(theme, browse):
    tab = browse(page(cr.trace(network_of_values())), color_scheme=theme)
    tab.keyboard.press("c")
    assert violations(tab) == []
    reached = []
    for _ in range(14):  # some more than there are, because the browser has stops of its own
        reached.append(tab.evaluate("document.activeElement.id || document.activeElement.dataset.copy"))
        tab.keyboard.press("Tab")
    assert {
        *tab.evaluate("[...document.querySelectorAll('#take :is(button, select)')].map((e) => e.id || e.dataset.copy)")
    } <= {*reached}
