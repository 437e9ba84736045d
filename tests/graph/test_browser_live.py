"""Live values: a leaf is changed in the page, and all else comes out as Python computes it from that number."""

from html import escape

import numpy as np
import pytest
from browser import violations
from graphs import fan_out, matmul, network_of_values, page_of, relu_off, scalars, square

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.graph.page import page
from chainrule.graph.page.live import live
from chainrule.pages.html import embedded

DATA = np.random.default_rng(3)


def matrix(*shape, low=-1.0, high=1.0, dtype="float64"):
    return DATA.uniform(low, high, shape).astype(dtype)


def module(build):
    """A function of the inputs of a module that is made by `build`, always with the same parameters."""

    def f(*inputs):
        cr.random.seed(1)
        return (build()(*inputs) ** 2).mean()

    return f


LABELS = np.array([0, 2, 1])
GRAPHS = {
    "product": (lambda a, b: a * b, 2.0, -3.0),
    "one name, two uses": (lambda x: x * x + x, 3.0),
    "karpathy": (lambda a, b, c, f: (a * b + c) * f, 2.0, -3.0, 10.0, -2.0),
    "quotient": (lambda a, b: (a - b) / (a + b) - 1 / b, 0.3, 1.7),
    "powers": (lambda x, n: x**3 + x**n + x**-2, 1.3, 2.5),
    "waves": (lambda x: cr.sin(x) * cr.cos(2 * x) + cr.tan(x), 0.7),
    "neuron": (lambda w, x, b: cr.tanh(w * x + b), 0.5, -1.2, 0.3),
    "relu": (lambda w, x: cr.relu(w * x) + x, 1.5, 0.5),
    "sigmoid and log": (lambda x: -cr.log(cr.sigmoid(x)), -0.4),
    "hypotenuse": (lambda x, y: cr.sqrt(x * x + y * y), 3.0, 4.0),
    "larger and smaller": (lambda x, y: cr.maximum(x, y) - cr.minimum(x, 0.5) + cr.absolute(y), 0.2, -0.9),
    "where": (lambda x, y: cr.where(x > 0, x * y, x - y), 0.2, -0.9),
    "mean square": (lambda x, y: ((x - y) ** 2).mean(), matrix(4), matrix(4)),
    "float32": (lambda x: (x * x / 3 + cr.exp(x)).sum(), matrix(3, 2, dtype="float32")),
    "mixed dtypes": (lambda x, y: (x * y + x).sum(), matrix(3, dtype="float32"), matrix(3)),
    "bias": (lambda x, b: ((x + b) ** 2).sum(), matrix(3, 2), matrix(2)),
    "outer sum": (lambda x, y: (x * y).sum(), matrix(3, 1), matrix(1, 4)),
    "matrices": (lambda x, w: cr.tanh(x @ w).sum(), matrix(2, 3), matrix(3, 2)),
    "stacks of matrices": (lambda x, w: (x @ w).mean(), matrix(2, 2, 3), matrix(3, 2)),
    "transposed": (lambda x: (x @ x.T).sum(), matrix(3, 2)),
    "einsum": (lambda x, y: (cr.einsum("ij,kj->ik", x, y) ** 2).sum(), matrix(2, 3), matrix(2, 3)),
    "rows and columns": (lambda x: (x[1] * x[:, 0][:2] + x[0, ::-1]).sum(), matrix(3, 2)),
    "chosen rows": (lambda x: (x[cr.tensor([2, 0, 2])] ** 2).sum(), matrix(3, 2)),
    "joined": (lambda x, y: (cr.concatenate([x, y], axis=1) * cr.stack([x, x], axis=1).reshape(2, 4)).sum(), matrix(2, 2), matrix(2, 2)),
    "reshaped": (lambda x: (x.reshape(3, 2) @ x.reshape(2, 3)).sum(), matrix(6)),
    "largest of a row": (lambda x: (x.max(axis=1) - x.min()).sum(), matrix(3, 4)),
    "softmax": (lambda x: (cr.softmax(x, axis=-1) ** 2).sum(), matrix(2, 3)),
    "log-sum-exp": (lambda x: cr.logsumexp(x), matrix(5)),
    "cross-entropy": (lambda x: cr.nn.cross_entropy(x, cr.tensor(LABELS)), matrix(3, 3)),
    "binary cross-entropy": (lambda x: cr.nn.bce_with_logits(x, cr.tensor([0.0, 1.0, 1.0])), matrix(3)),
    "variance": (lambda x: x.var(axis=0).sum() + x.std(), matrix(4, 2)),
    "norm": (lambda x: cr.norm(x) + cr.norm(x, axis=1).sum(), matrix(3, 2)),
    "cumulative": (lambda x: (cr.cumsum(x) ** 2).sum(), matrix(5)),
    "linear layer": (module(lambda: cr.nn.Linear(3, 2)), matrix(2, 3, dtype="float32")),
    "MLP": (module(lambda: cr.nn.MLP([3, 4, 2], activation="tanh")), matrix(2, 3, dtype="float32")),
    "GELU net": (module(lambda: cr.nn.MLP([3, 4, 1], activation="gelu")), matrix(2, 3, dtype="float32")),
    "layer norm": (module(lambda: cr.nn.LayerNorm(4)), matrix(3, 4, dtype="float32")),
    "wide": (lambda x: (x @ x.T).mean(), matrix(9, 12)),
}  # fmt: skip


def traced(f, given):
    """The graph of f of leaves with these numbers, and what must live on for it to be computed again."""
    leaves = [
        cr.Value(x, f"x{i}") if isinstance(x, float) else cr.tensor(x, requires_grad=True) for i, x in enumerate(given)
    ]
    return cr.trace(f(*leaves), names={f"x{i}": leaf for i, leaf in enumerate(leaves)}), leaves


def changed(given):
    """The numbers with another one in each leaf."""
    for i, x in enumerate(given):
        other = x + 0.375 if isinstance(x, float) else x.copy()
        if not isinstance(x, float):
            other.flat[-1] = x.dtype.type(x.flat[-1] + 0.375)
        yield i, given[:i] + (other,) + given[i + 1 :]


# goes through each program with one leaf changed, and returns what is kept: [kind, id of a node or edge, elements]
REPLAY = """(text) => JSON.parse(text).map(({ live, values, id, place, number }) => {
  const inputs = new Map(Object.entries(live.arrays).map(([i, data]) => [Number(i), decoded(live.forms[live.code[i][1]], data)]));
  for (const [node, i] of live.given) {
    if (!inputs.has(i)) inputs.set(i, arrayOf(values[node]));
    if (node === id) inputs.set(i, replaced(inputs.get(i), place, number));
  }
  const results = replay(live, inputs);
  return Object.entries(live.kept).map(([kind, pairs]) => [kind, pairs.map(([k, i]) => [k, [...results[i].data].map(String)])]);
})"""


@pytest.fixture(scope="module")
def replayed(chromium, tmp_path_factory):
    """{name: [(graph that Python traces with the changed leaf, what the page computes)]}; all in one go."""
    chromium.folder = tmp_path_factory.mktemp("live")
    asked, expected = [], []
    for name, (f, *given) in GRAPHS.items():
        graph, _leaves = traced(f, given)
        program = live(graph)
        assert isinstance(program, dict), (name, program)
        values = [
            node.value and {"shape": node.shape, "dtype": node.dtype, "items": node.value.items} for node in graph.nodes
        ]
        for i, numbers in changed(tuple(given)):
            place, number = np.size(numbers[i]) - 1, float(np.ravel(numbers[i])[-1])
            asked.append(
                {"live": program, "values": values, "id": graph.node(f"x{i}").id, "place": place, "number": number}
            )
            expected.append((name, traced(f, numbers)[0]))
    results = chromium(page_of(square)).evaluate(REPLAY, embedded(asked))
    found = {name: [] for name in GRAPHS}
    for (name, graph), result in zip(expected, results, strict=True):
        found[name].append((graph, dict(result)))
    return found


def of(graph, kind):
    return graph.nodes if kind in ("value", "total") else graph.edges


@pytest.mark.parametrize("name", GRAPHS)
def test_a_changed_leaf_changes_all_that_python_would_change(name, replayed):
    for graph, computed in replayed[name]:
        for kind, items in computed.items():
            for place, texts in items:
                right = getattr(of(graph, kind)[place], kind)
                if right is not None and right.items is not None:
                    compare(np.array(texts, float), right, f"{kind} of {place}")
        known = {(kind, item.id) for kind in computed for item in of(graph, kind) if getattr(item, kind) is not None}
        assert known - {("value", n.id) for n in graph.nodes if n.kind == "constant"} <= {
            (kind, i) for kind, items in computed.items() for i, _ in items
        }


def compare(page, right, what):
    right, exact = np.ravel(right.items).astype(float), right.dtype in ("", "float64")
    eps = 1e-13 if exact else 2e-6
    np.testing.assert_allclose(page, right, rtol=eps, atol=eps * max(1, np.abs(right).max(initial=0)), err_msg=what)


def test_thirty_graphs_are_tried():
    assert len(GRAPHS) >= 30


# ---- in the page


@pytest.fixture
def show(browse):
    def show(build, fragment="", **options):
        return browse(build if isinstance(build, str) else page_of(build), fragment, **options)

    return show


def drag(tab, selector, across):
    tab.locator(selector).scroll_into_view_if_needed()
    box = tab.locator(selector).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + across, y, steps=3)
    tab.mouse.up()


def test_a_leaf_is_dragged_in_its_box_and_all_follows(show):
    tab = show(scalars)
    drag(tab, "#n0 .value", 30)  # a from 2, ten tenths
    assert tab.text_content("#n0 .value") == "3"
    assert tab.text_content("#n6 .value") == "−2"  # (3 · −3 + 10) · −2
    assert tab.text_content("#n5 .grad") == "1"  # f's gradient is a·b + c
    assert tab.text_content("#n1 .grad") == "−6"  # b's is a · f


def test_arrow_keys_on_a_box_nudge_it(show):
    tab = show(scalars, "#step=3")
    tab.focus("#n0")
    tab.keyboard.press("ArrowUp")
    assert tab.text_content("#n0 .value") == "2.1"
    tab.focus("#n0")
    tab.keyboard.press("Shift+ArrowDown")
    assert tab.text_content("#n0 .value") == "1.1"
    assert tab.text_content("#n6 .value") == "−13.4"


def test_a_number_is_typed_in_the_picture(show):
    tab = show(scalars, "#step=3")
    tab.click("#n0 .value")
    tab.keyboard.type("−0,5")
    tab.keyboard.press("Enter")
    assert tab.text_content("#n0 .value") == "−0.5"
    assert tab.evaluate("document.activeElement.id") == "n0"
    tab.click("#n0 .value")
    tab.keyboard.type("77")
    tab.keyboard.press("Escape")
    assert tab.text_content("#n0 .value") == "−0.5"


def test_elements_of_an_array_are_fields_of_the_inspector(show):
    tab = show(matmul, "#step=9")
    tab.click("#n0 .name")
    tab.fill("[aria-label='x[0, 1]']", "10")
    tab.keyboard.press("Tab")
    tab.wait_for_function("live.changed")
    assert tab.evaluate("nodes.at(-1).value.items") == pytest.approx(33.75)
    assert tab.evaluate("document.activeElement.ariaLabel") == "x[0, 2]"


def test_reset_brings_back_every_number_of_the_program(show):
    tab = show(network_of_values, reduced_motion="reduce")  # else the picture still glides
    tab.keyboard.press("End")
    before = tab.inner_text("#stage")
    drag(tab, "#n0 .value", 40)
    assert tab.inner_text("#stage") != before
    tab.click("#reset")
    assert tab.evaluate(
        "[nodes, edges].every((all) => all.every((x) => Object.keys(PUT).every((k) => !(k in x) || x[k] === whole.recorded[k][x.id])))"
    )
    tab.keyboard.press("End")
    assert tab.inner_text("#stage") == before
    assert not tab.is_visible("#reset")


def test_steps_say_the_numbers_as_they_are_now(show):
    tab = show(square, "#step=1")
    tab.focus("#n0")
    tab.keyboard.press("ArrowUp")
    assert tab.inner_text("#text") == "v1 = x * x = 3.1 * 3.1 = 9.61"
    tab.evaluate("go(4)")
    assert "1 × 3.1 = 3.1; grad = 6.2 (2 of 2)" in tab.inner_text("#text")
    tab.evaluate("go(5)")
    assert tab.inner_text("#text").endswith("3.1 − 0.1 × 6.2 = 2.48")


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        (lambda w, x: w * x, (1.0, 1.0), (1.00004, 1.0001)),
        (lambda w, g: w - 0.1 * g, (2.0, 1.0), (1.0, 0.0001)),
        (lambda x, n: x**3 + x**n + x**-2 + 0.1000001 * x, (1.3, 2.5), (1.30001, 2.0001)),
        (lambda a, b: (a - b) / (a + b), (0.3, 1.7), (1e6 + 1 / 3, 1.7)),
        (lambda w, x, b: cr.tanh(w * x + b), (0.5, -1.2, 0.3), (0.51234567, -1.2000001, 1 / 3)),
    ],
)
def test_forward_steps_say_the_equations_that_python_would_say(function, old, new, show):
    def graph(numbers):
        return cr.trace(function(*[cr.Value(x, f"x{i}") for i, x in enumerate(numbers)]))

    tab = show(page(graph(old)))
    for i, x in enumerate(new):
        tab.evaluate("([name, x]) => setElement(nodes.find((node) => node.label === name).id, 0, x)", [f"x{i}", x])
    said = tab.evaluate("steps.filter((step) => step.phase === 'forward').map(stepText)")
    expected = show(page(graph(new))).evaluate("steps.filter((step) => step.phase === 'forward').map(stepText)")
    assert len(said) > 0
    assert said == expected


def test_a_nudge_measures_the_gradient(show):
    tab = show(network_of_values, "#step=40")
    tab.click("#n0 .name")
    tab.click("text=± h")
    measured, said = tab.inner_text("#inspector .sum >> nth=0"), tab.inner_text("#inspector .state >> nth=0")
    assert said.endswith(f"The gradient is {measured.split(' = ')[1]}.")


def test_what_fed_a_comparison_and_is_a_tie_is_said(show):
    tab = show(relu_off, "#step=3")
    assert not tab.is_visible("#live")
    tab.click("#n0 .value")
    tab.keyboard.type("0")
    tab.keyboard.press("Enter")
    assert "as at a kink" in tab.inner_text("#live")


def test_a_box_flashes_only_where_motion_is_welcome(show):
    flashes = {}
    for motion in "no-preference", "reduce":
        tab = show(fan_out, "#step=9", reduced_motion=motion)
        tab.evaluate("""() => {
          window.flashed = new Set();
          Element.prototype.animate = function () { if (this.closest(".node")) flashed.add(this.closest(".node").id); };
        }""")
        tab.focus("#n0")
        tab.keyboard.press("ArrowUp")
        flashes[motion] = tab.evaluate("flashed.size")
    assert flashes["reduce"] == 0
    assert flashes["no-preference"] > 3


@pytest.mark.parametrize(("w", "badges"), [("1", []), ("-3", ["off"])])
def test_a_badge_goes_when_what_it_is_about_has_changed_and_only_then(w, badges, show):
    tab = show(relu_off, "#step=9")
    shown = tab.locator(".badge:not(.early)")
    assert shown.all_text_contents() == ["off"]
    tab.click("#n0 .value")
    tab.keyboard.type(w)
    tab.keyboard.press("Enter")
    assert shown.all_text_contents() == badges
    python = cr.trace(cr.relu(cr.Value(float(w)) * cr.Value(1.5)) + 1.5)
    assert [badge for node in python.nodes for badge in map(str, node.badges)] == badges


def own_operation():
    """An operation of one's own, by a function of NumPy's that has no row in the table."""

    @cr.primitive(
        samples=lambda rng, shape: rng.uniform(0.1, 1, shape), vjp={"x": lambda g, x: g * x}, jvp=cr.ELEMENTWISE
    )
    def gamma_like(xp, x):
        return xp.i0(x)

    REGISTRY.pop("gamma_like")
    return cr.trace(gamma_like(cr.tensor([0.5], requires_grad=True)).sum())


def read_again():
    return cr.Graph.from_json(cr.trace(square()).to_json())


@pytest.mark.parametrize("build", [own_operation, read_again])
def test_what_cannot_be_computed_again_says_so_and_stays(build, show):
    tab = show(page(build()), "#step=2")
    before = tab.inner_text("#stage")
    assert "cannot be changed here" in tab.inner_text("#live")
    tab.focus("#n0")
    tab.keyboard.press("ArrowUp")
    assert tab.inner_text("#stage") == before


def test_a_page_around_it_gives_numbers_and_hears_of_changes(show):
    tab = show(f"""<!doctype html><title>t</title><iframe srcdoc="{escape(page_of(scalars))}"></iframe><script>
        window.heard = []; addEventListener("message", (event) => heard.push(event.data));</script>""")
    tab.wait_for_function("heard.some((data) => data.chainrule === 'ready')")
    tab.evaluate("frames[0].postMessage({ chainrule: 'set', name: 'a', value: 4 }, '*')")
    tab.wait_for_function("heard.at(-1).values?.a === 4")
    assert tab.frames[1].evaluate("nodes.at(-1).value.items") == 4


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_fields_and_notes_are_accessible(show, color_scheme):
    tab = show(matmul, "#step=9", color_scheme=color_scheme)
    tab.click("#n0 .name")
    tab.click("text=± h")
    assert violations(tab) == []
