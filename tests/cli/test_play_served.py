"""The playground as it is served, in a browser that may reach this machine alone."""

import pytest

from chainrule.cli.play.examples import EXAMPLES


@pytest.fixture
def served(server, chromium):
    """The served playground in a tab; at its end nothing may be wrong in the console."""
    context = chromium.tab.context.browser.new_context()
    said = []
    context.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning", "assert") else None)
    context.on("weberror", lambda error: said.append(str(error.error)))
    tab = context.new_page()
    tab.goto(server.address)
    yield tab
    context.close()
    assert said == []


def test_a_formula_that_is_typed_is_drawn(served):
    served.fill("#formula", "q = a * a; q + b")
    served.frame_locator("#graph").locator("#stage .name >> text=q").first.wait_for()
    assert "b" in served.inner_text("#sliders")


def test_a_formula_that_cannot_be_read_is_marked_and_the_graph_stays(served):
    served.frame_locator("#graph").locator("#stage svg").first.wait_for()
    served.fill("#formula", "a ^ 2")
    served.locator("#error").wait_for()
    assert "power is written **" in served.inner_text("#error")
    assert served.frame_locator("#graph").locator("#stage svg").first.is_visible()
    assert served.input_value("#formula") != EXAMPLES[0].formula


@pytest.fixture
def network(served):
    """The frame of the second tab, whose network was drawn."""
    served.click("#networks")
    frame = served.frame_locator("#network")
    frame.locator("#train-loss", has_text="0.").wait_for()
    return frame


def test_the_network_is_made_anew_where_a_setting_changes(network):
    network.locator("[name=layers]").fill("2")
    network.locator("#wires .neuron").nth(4).wait_for()
    network.locator("#wires .neuron").nth(5).wait_for(state="detached")


def test_a_neuron_opens_the_graph_of_the_chosen_point(network):
    network.locator("#map").press("ArrowDown")
    point = network.locator("#chosen").inner_text().partition(",")[0]
    network.locator("#wires .neuron").nth(3).click()
    network.frame_locator("#example").locator("#stage svg").first.wait_for()
    assert network.locator("#window-title").inner_text().startswith(point)
    assert not point.startswith("Point 1 at")
