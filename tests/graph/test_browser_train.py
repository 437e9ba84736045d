"""Taking steps in the page: the same parameters and losses as chainrule's optimisers give, and what the panel shows."""

import numpy as np
import pytest
from browser import stop_clock, violations
from graphs import mlp, network_of_values, page_of, scalars, square

import chainrule as cr
from chainrule.graph.page import page
from chainrule.graph.page.rules import OFFERED
from chainrule.graph.roles import parameters

STEPS = 7


def line():
    """A loss, its leaves by name, and what training changes: data are x and y."""
    w, b = cr.Value(0.5, "w"), cr.Value(-0.25, "b")
    return lambda: (w * cr.Value(2.0, "x") + b - cr.Value(3.0, "y")) ** 2, [w, b]


def rows():
    w = cr.tensor([[0.5, -0.25], [1.0, 0.75]], requires_grad=True)
    b = cr.tensor([0.1, 0.2], requires_grad=True)
    x = cr.tensor([[1.0, 2.0], [-1.0, 0.5], [0.25, 0.0]])
    return lambda: (cr.tanh(x @ w + b) ** 2).mean(), [w, b]


def long():
    cr.random.seed(0)
    model = cr.nn.MLP([8, 12, 3], activation="tanh")
    x, labels = cr.tensor(np.linspace(-1, 1, 96).reshape(12, 8), dtype="float32"), cr.tensor(np.arange(12) % 3)
    return lambda: cr.nn.cross_entropy(model(x), labels), list(model.parameters())


@pytest.fixture
def show(browse):
    def show(build, fragment="", **options):
        return browse(build if isinstance(build, str) else page_of(build), fragment, **options)

    return show


def trained(f, leaves, rule, clears, lr=0.1):
    """(losses, numbers of the leaves at the end) of some steps in Python."""
    optimizer, options = OFFERED[rule]
    optimizer = optimizer([leaf if isinstance(leaf, cr.Tensor) else leaf for leaf in leaves], lr=lr, **options)
    losses = [f().item()]
    for _ in range(STEPS):
        f().backward()
        optimizer.step()
        if clears:
            optimizer.zero_grad()
        losses.append(f().item())
    return losses, np.concatenate([np.ravel(np.asarray(leaf.tolist())) for leaf in leaves])


TAKE = """([rule, clears, count]) => {
  byId("rule").value = rule;
  byId("rule").dispatchEvent(new Event("change"));
  if (byId("clears").checked !== clears) byId("clears").click();
  for (let i = 0; i < count; i++) byId("once").click();
  return [train.losses, trained().flatMap(({ id }) => [...valueOf(id).data])];
}"""


@pytest.mark.parametrize("clears", [True, False])
@pytest.mark.parametrize("rule", OFFERED)
@pytest.mark.parametrize("build", [line, rows, long])
def test_steps_in_the_page_are_those_of_the_optimiser(build, rule, clears, show):
    f, leaves = build()
    loss = f()
    tab = show(page(cr.trace(loss, names=None)))
    tab.evaluate("byId('train').open = true")
    losses, numbers = tab.evaluate(TAKE, [rule, clears, STEPS])
    right, ends = trained(f, leaves, rule, clears)
    exact = isinstance(leaves[0], cr.Value)
    np.testing.assert_allclose(losses, right, rtol=1e-12 if exact else 2e-4)
    order = {round(float(x), 5) for x in ends}
    assert {round(float(x), 5) for x in numbers} == order if exact else len(numbers) == len(ends)
    if not exact:
        np.testing.assert_allclose(np.sort(numbers), np.sort(ends), rtol=1e-3, atol=1e-5)


def test_the_check_says_what_the_update_makes_of_the_loss(show):
    tab = show(square)  # x = 3, and 3 − 0.1 · 6 = 2.4
    tab.click("[data-jump=check]")
    assert tab.inner_text("#text").startswith("Check: v1: 9 → 5.76 ▼")
    assert "predict a change of −3.6" in tab.inner_text("#text")
    assert tab.text_content("#n1 .value") == "5.76"
    tab.fill("#lr", "1.5")
    assert "▲" in tab.inner_text("#text")


def test_only_parameters_are_updated_and_the_learner_decides_which(show):
    tab = show(network_of_values, "#step=99")
    assert tab.locator(".node.data .name").all_text_contents() == ["x1", "x2"]
    updates = "steps.filter((step) => step.phase === 'update').map((step) => nodes[step.node].label)"
    assert not {"x1", "x2"} & set(tab.evaluate(updates))
    tab.click(".node.data .name >> nth=0")
    tab.click(".role input")
    assert "x1" in tab.evaluate(updates)


def test_data_are_what_modules_do_not_hold():
    model = cr.nn.Linear(2, 1)
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    graph = cr.trace(model(x).sum(), names={"h": x})
    assert {graph.nodes[i].name for i in parameters(graph)} == {"weight", "bias"}


def test_ten_steps_go_on_from_where_one_led(show):
    tab = show(mlp)
    tab.evaluate("byId('train').open = true")
    tab.click("#once")
    tab.click("#ten")
    losses = tab.evaluate("train.losses")
    assert len(losses) == 12
    assert losses == sorted(losses, reverse=True)
    assert tab.inner_text("#text").startswith("Step 11: ")


def test_steps_run_until_they_are_stopped(show):
    tab = show(square)
    tab.evaluate("byId('train').open = true")
    stop_clock(tab)
    tab.click("#run")
    tab.evaluate("tick(), tick(), tick()")
    tab.click("#run")
    tab.evaluate("tick()")
    assert tab.evaluate("train.losses.length") == 4
    assert tab.inner_text("#run") == "Run"


def test_reset_forgets_the_steps(show):
    tab = show(square)
    tab.evaluate("byId('train').open = true")
    tab.click("#ten")
    tab.click("#reset")
    assert tab.evaluate("[train.losses.length, train.states.size, nodes[0].value.items]") == [0, 0, 3]


def test_the_rate_is_set_on_a_logarithmic_slider(show):
    tab = show(square)
    tab.evaluate("byId('train').open = true")
    tab.fill("#rate", "-2")
    assert tab.input_value("#lr") == "0.01"


def pixels(tab, canvas):
    return tab.evaluate(f"byId('{canvas}').toDataURL()")


def test_curves_and_surface_are_drawn_and_the_surface_turns(show):
    tab = show(scalars)
    tab.evaluate("byId('train').open = true")
    tab.wait_for_function("byId('landscape').width > 300 || byId('landscape').ariaLabel.includes('slope')")
    curve, losses = pixels(tab, "landscape"), pixels(tab, "losses")
    assert "the tangent has slope 6" in tab.get_attribute("#landscape", "aria-label")
    tab.click("#once")
    assert pixels(tab, "losses") != losses
    tab.select_option("#across", "1")
    surface = pixels(tab, "landscape")
    tab.focus("#landscape")
    tab.keyboard.press("ArrowLeft")
    assert len({curve, surface, pixels(tab, "landscape")}) == 3


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_panel_is_accessible(show, color_scheme):
    tab = show(network_of_values, color_scheme=color_scheme)
    tab.click("#train summary")
    tab.click("#once")
    tab.select_option("#across", "1")
    assert violations(tab) == []
