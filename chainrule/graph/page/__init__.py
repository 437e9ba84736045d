"""The graph as an interactive page: one HTML file that steps through forward, seed, backward and update, without network.

The files in assets/ are the page's markup, style and script. Here they are put together with the finished pictures, the
graph as JSON, its steps, and every text that does not depend on what the learner does. The script shows one snapshot
after the other: what is known then, in pictures and inspector. It computes numbers for two things only: updates, since the
learner may change the learning rate, and the answers to questions in predict mode.
"""

import html
import math
import sys
import tempfile
import webbrowser
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ...autograd.files import write_atomically
from ...autograd.formula import put
from ...autograd.formula_text import write
from ...pages.html import assembled, asset
from ...pages.words import t, translated
from ..badges import kind
from ..expand import scalars
from ..json import to_dict
from ..lettering import readable
from ..picture.blocks import flow
from ..picture.calls import said
from ..picture.svg import drawn
from ..picture.view import view
from ..roles import parameters
from ..text.mistakes import mistakes
from ..text.phrases import call, label
from ..text.rules import letters, stated
from ..text.story import Story
from .live import functions, live
from .rules import rules
from .tour import tour

# they share one scope; the last puts everything to work
SCRIPTS = [
    f"{name}.js"
    for name in "arrays replay story live train flow picture inspector predict hunt walk fields charts surface paths camera page tour".split()
]
INSIDES = 2_000_000  # characters that the pictures of what is inside groups may take
NUMBERS = 40_000  # and those of small arrays, number by number
ASKED = 300  # in graphs of so many values predict mode knows the mistakes in a rule
_MARK = "\uf8ff"  # stands for an operand while its call is written; no name has it
FLOATS = {"float16", "float32", "float64"}  # whose update rules a page has
SAID = "summed", "why", "note"  # what an edge says in words
FEW = 24  # an operation and its operands of at most so many elements get a picture of their own


def page(graph, lr=0.1, predict=False, depth=None):
    """The page as text, in the language of now. `lr` is the learning rate of its update, which the learner may change; `predict` starts it in
    predict mode, which asks for each contribution before it shows it; `depth` is how many levels of modules and repeats
    are shown open at first.

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0, "x")
        >>> page(cr.trace(x * x))[:15]
        '<!doctype html>'
    """
    story, trained = Story(graph, lr), parameters(graph)
    data = {
        "graph": to_dict(graph),
        "nodes": [_named(story, node) | {"trained": node.id in trained} for node in graph.nodes],
        "edges": _rules(graph),
        "steps": [_told(story, step) for step in story.steps],
        "lr": lr,
        "predict": predict,
        "tour": tour()[1],
        "live": live(graph),
        "rules": rules(sorted({node.dtype or "float64" for node in graph.nodes if node.kind == "leaf"} & FLOATS)),
    }
    return assembled(
        asset(__package__, "page.html"),
        style=asset(__package__, "page.css"),
        script=functions() + asset(__package__, *SCRIPTS),
        data=data,
        title=html.escape(_title(graph.root.name)),
        tour=tour()[0],
        views="\n".join(_figures(graph, depth)),
    )


def show(graph, lr=0.1, predict=False):
    """Open the page in a browser, or return what a notebook shows below the cell."""
    text = page(graph, lr, predict)
    if "ipykernel" in sys.modules:
        return Shown(text, _title())
    path = Path(tempfile.mkdtemp(prefix="chainrule-")) / "graph.html"
    write_atomically(path, text)
    webbrowser.open(path.as_uri())
    if not hasattr(sys, "ps1"):  # else Python shows what is returned, which says the same
        print(f"wrote {path}; open it in a browser", file=sys.stderr)
    return Shown(text, _title(), path)


@dataclass(frozen=True, repr=False)
class Shown:
    """The page, as a notebook shows it: in a frame of its own, which nothing of the notebook's can reach.

    Fields:
        page: its text; title: what it is, for those who hear it; path: the file that it was written to, None in a notebook; height: of the frame, in pixels.
    """

    page: str
    title: str
    path: Path | None = None
    height: int = 720

    def _repr_html_(self):
        inside = html.escape(self.page)
        return f'<iframe srcdoc="{inside}" title="{self.title}" width="100%" height="{self.height}" style="border:0"></iframe>'

    def __repr__(self):
        return f"<page of {len(self.page):,} characters{f' in {self.path}: open it in a browser' if self.path else ''}>"


def _title(name=None):
    return t("Backprop, step by step: {0}", readable(name, limit=150)) if name else t("Backprop, step by step")


# ---- the words


def _named(story, node):
    """What a node is called, how it was computed, and what its `.grad` holds besides the gradient of this pass."""
    operands = [label(story.graph.nodes[edge.source]) for edge in story.operands[node.id]]
    made = call(node, operands) if operands else translated(node.kind)
    named = {"label": label(node), "call": made, "held": story.held(node)}
    named["note"] = translated(node.note)
    named["badges"] = [{"kind": kind(badge), "text": translated(badge)} for badge in node.badges]
    if operands:  # with places for numbers, in brackets where a negative one has them
        named["pattern"] = call(node, [f"−{{{i}}}" for i in range(len(operands))])
    return named


def _rules(graph):
    """The rule of each edge as it is stated, with the call whose letters it has; and where the local derivative is no
    number or array that could be shown, in short and with the names of this graph."""
    operands, rules, asked = graph.operands(), [], len(graph.nodes) <= ASKED
    for edge in graph.edges:
        siblings, target = operands[edge.target], graph.nodes[edge.target]
        left = edge.rule.partition(" = ")[0]
        inputs = [left.removeprefix("d")] if edge.input.isdigit() else [e.input for e in siblings]
        tree, short = stated(graph, edge, siblings), ""
        if tree is not None and not edge.local:
            if getattr(tree, "name", "").startswith("{0}, "):
                tree = tree.operands[0]  # without the remark behind it
            short = write(put(tree, letters(graph, edge, siblings)))
        rules.append(
            {
                "rule": edge.rule and f"{call(target, inputs)}: {translated(edge.rule)}",
                "short": translated(short),
                "sends": _sends(graph, edge, siblings),
                "mistakes": [{"says": s, "items": x} for s, x in mistakes(graph, edge, siblings)] if asked else [],
                **{name: translated(text) for name in SAID if (text := getattr(edge, name)) != translated(text)},
            }
        )
    return rules


def _sends(graph, edge, siblings):
    """`v4 = v3 + v6`, the call that a contribution comes from, in three parts: before the operand that it goes to, that
    operand, and behind it."""
    target, operand = graph.nodes[edge.target], label(graph.nodes[edge.source])
    names = [label(graph.nodes[e.source]) for e in siblings]
    names[edge.slot] = _MARK
    before, found, after = f"{label(target)} = {call(target, names)}".partition(_MARK)
    return [before, found and operand, after]


def _told(story, step):
    """A step as a dict. What it writes is left out, since it stands in the graph, at its node or edge.

    Only an update is not there: it is by the gradient "left" after the pass, and the page writes it at the learner's rate.
    """
    told = {name: getattr(step, name) for name in ("phase", "node", "edge", "arrived", "expected")}
    told["text"] = " ".join(filter(None, story.cells(step)))
    if step.phase == "update" and step.result:
        left = story.left(story.graph.nodes[step.node])
        told["left"] = {"shape": left.shape, "dtype": left.dtype, "items": left.items}
    return told


# ---- the pictures


def _figures(graph, depth):
    """The pictures in figures: the whole graph, what is inside its groups, and small arrays number by number."""
    whole = flow(graph, depth, folding=True)
    groups = [box.focus for block in whole.blocks for box in block.states[()].boxes if box.focus]
    figure = _figure(drawn(graph, whole, "built-in"), path="", title=t("whole graph"))
    return [figure, *_insides(graph, groups), *_numbers(graph)]


def _figure(svg, path, title, parent=None, node=None):
    """One picture, and what the page needs to find it: its path, that of the view around it, the opened node's id."""
    data = {"path": path, "title": title, "parent": parent, "node": node}
    attributes = "".join(f' data-{k}="{html.escape(str(v))}"' for k, v in data.items() if v is not None)
    return f'<figure class="view"{attributes}{" hidden" if path else ""}>{svg}</figure>'


def _insides(graph, groups):
    """A figure for each group that can be opened, outermost first, as long as there is room. `groups`: those in the whole."""
    room, waiting, seen = INSIDES, deque([("", groups)]), set()
    while waiting:
        around, found = waiting.popleft()
        for focus in found:
            if focus in seen:
                continue
            seen.add(focus)
            inside, path = view(graph, focus=focus), f"module {readable(focus, 1000)}"
            svg = drawn(graph, inside, "built-in", f"v{len(seen)}-", styled=False)  # `dot` costs 30 ms a picture
            room -= len(svg)
            if room < 0:
                return
            yield _figure(svg, path, readable(said(focus)), around)
            waiting.append((path, [box.focus for box in inside.boxes if box.focus]))


def _numbers(graph):
    """A figure for each operation on a few numbers, in which each of them is a node, as long as there is room."""
    room = NUMBERS
    for node in _small(graph):
        opened = scalars(graph, node)
        for number in opened.nodes:
            number.grad = number.total  # as it is after the pass; the page covers it until then
        svg = drawn(opened, view(opened), prefix=f"s{node.id}-", styled=False)
        room -= len(svg)
        if room < 0:
            return
        yield _figure(svg, f"node {node.id}", t("{0}, number by number", readable(node.label)), "", node.id)


def _small(graph):
    """The operations on a few numbers, but more than one, whose derivatives are known; first those that are not
    elementwise, which need it most."""
    found = []
    for edges in filter(None, graph.operands()):
        node = graph.nodes[edges[0].target]
        sizes = [math.prod(array.shape) for array in (node, *(graph.nodes[edge.source] for edge in edges))]
        elementwise = any(edge.local for edge in edges)
        known = elementwise or all(edge.jacobian is not None for edge in edges)
        if known and max(sizes) > 1 and sum(sizes) <= FEW:
            found.append((elementwise, node.id))
    return [graph.nodes[i] for _, i in sorted(found)]
