"""German pages in a browser: gone through with keys and buttons, they show no English."""

import re

import numpy as np
import pytest
from recording import recorded

import chainrule as cr
from chainrule.cli.play import page
from chainrule.cli.play.examples import EXAMPLES
from chainrule.pages.words import catalogue, speaking
from chainrule.replay.page import page as run_page

ENGLISH = re.compile(
    r"\b(the|of|is|are|be|with|and|to|from|this|that|by|no|not|yet|each|has|have|you|your|it|its|at|on|for|what|which|as)\b",
    re.I,
)
# all texts within an element, shown or not, but for code
TEXTS = """(root) => {
  const found = new Set();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("script, style, pre, .source, kbd")) found.add(walker.currentNode.nodeValue.trim());
  }
  for (const name of ["aria-label", "title", "aria-valuetext", "placeholder"]) {
    for (const element of root.querySelectorAll(`[${name}]:not(.source)`)) found.add(element.getAttribute(name).trim());
  }
  return [...found];
}"""
BESIDE = "#side, #player, #spoken, #tour, #take"  # what a graph's page says beside its picture


def left(texts):
    """Those of some texts that are English: with its small words, or as a text of the catalogue that is another in German."""
    german = catalogue("de")
    known = {text for text, other in german.items() if text != other} - set(german.values())
    return sorted(text for text in set(texts) if ENGLISH.search(text) or text in known)


def test_what_is_left_of_english_is_noticed():
    assert left(["Der Wert von x", "the value", "Shape", "Form", "Update"]) == ["Shape", "the value"]


def seen(tab, *actions):
    """All texts of a page, at first and after each of some actions in JavaScript; look() takes those beside the picture meanwhile."""
    start = f"const [texts, all] = [{TEXTS}, []]; const take = (root) => all.push(...texts(root)); take(document.documentElement);"
    start += f"const look = () => document.querySelectorAll('{BESIDE}').forEach(take);"
    acts = "".join(f"{{ {act} }} take(document.documentElement);" for act in actions)
    return set(tab.evaluate(f"() => {{ {start} {acts} return all; }}"))


def faulty():
    """A loss with what badges speak of: a unit that is off, an older gradient, a number that is none."""
    w, x, b, v = cr.Value(2.0, "w"), cr.Value(-3.0, "x"), cr.Value(1.0, "b"), cr.Value(0.5, "v")
    (w * v).backward()
    return cr.relu(w * x + b) * v + cr.log(x) + v * v


def network():
    """The loss of a small network, with modules, repeats of a layer, and a product that can be opened."""
    cr.random.seed(1)
    model = cr.nn.Sequential(cr.nn.Linear(2, 3), cr.nn.activation("relu"), cr.nn.Linear(3, 2))
    x = cr.tensor(np.linspace(-1, 1, 6).reshape(3, 2))
    return cr.nn.cross_entropy(model(x), cr.tensor(np.array([0, 1, 0])))


EACH_STEP = "for (let i = 0; i <= steps.length; i++) { go(i); look(); }"
EACH_BOX = "for (const { id } of nodes) { select(id); look(); }"
QUESTIONS = """go(0); togglePredict(); for (const answer of ["", "77", "0", "1", "-1", "1/3"]) {
  if (predict.question) { judge(answer, "5"); look(); }
} if (predict.question) togglePredict()"""
TRAINED = "byId('train').open = true; takeSteps(1); takeSteps(3)"
WALKED = "go(steps.length); walkAlong(true); look(); walkAlong(false); look(); walkBeside(1)"
TOUR = "openTour(); for (const _ of story.tour) { look(); turnCard(1); }"
HUNT = "if (guilty.length) { toggleHunt(); look(); accuse(0); look(); accuse(guilty[0].node.id); }"
CHANGED = "const leaf = nodes.find(isEditable); change(leaf.id, 0, 0.7); look(); measure(leaf.id, 0); select(leaf.id); look(); resetLeaves(); show()"
PATHS = "showPathsOf(nodes.find((node) => incoming[node.id].length)); look(); choosePath(0); look(); leavePaths()"
TAKEN = "openTake(); look(); byId('take').close(); change(nodes.find(isEditable).id, 0, 0.5); openTake(); look(); byId('take').close()"
VIEWS = "for (const { dataset } of figures) { openView(dataset.path); look(); go(3); look(); } openView('')"


@pytest.mark.parametrize("build", [faulty, network], ids=lambda build: build.__name__)
def test_a_graph_page_in_german_shows_no_english(browse, tmp_path, build):
    path = cr.trace(build()).save(tmp_path / "graph.html", language="de")
    tab = browse(path)
    assert tab.get_attribute("html", "lang") == "de"
    actions = EACH_STEP, EACH_BOX, QUESTIONS, TRAINED, CHANGED, WALKED, PATHS, VIEWS, TAKEN, HUNT, TOUR
    assert left(seen(tab, *actions)) == []


def test_the_playground_in_german_shows_no_english(browse, monkeypatch):
    monkeypatch.setattr(page, "EXAMPLES", EXAMPLES[:1])  # a static playground has the pages of all
    with speaking("de"):
        tab = browse(page._shell.__wrapped__(True, "de"))
    tab.frame_locator("#graph").locator("#stage svg").first.wait_for()
    found = seen(tab, "$('python').click();", "$('close').click();")
    tab.click("#networks")
    frame = tab.frame_locator("#network")
    frame.locator("#train-loss", has_text="0.").wait_for()
    frame.locator("#step").click()
    frame.locator("#wires .neuron").first.hover()
    frame.locator("#python").click()
    assert left({*found, *frame.locator(":root").evaluate(TEXTS)}) == []


def test_the_page_of_a_run_in_german_shows_no_english(browse):
    with speaking("de"):
        tab = browse(run_page(recorded(2)[1]))
    found = seen(tab, "show(1); look();", "show(last);")
    with speaking("de"):
        tab = browse(run_page(cr.History([{"epoch": 1, "loss": 0.5, "grad_norm": 2.0}])))
    assert left(found | seen(tab)) == []
