"""The graph as an interactive page: one HTML file that steps through forward, seed, backward and update, without network.

The files in assets/ are the page's markup, style and script. Here they are put together with the finished pictures, the
graph as JSON, its steps, and every text that does not depend on what the learner does. The script shows one snapshot
after the other: what is known then, in pictures and inspector. What the learner changes it computes by recorded programs.
"""

import html
import sys
import tempfile
import webbrowser
from collections import deque
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from ...autograd.errors import GraphError
from ...autograd.files import write_atomically
from ...pages.html import assembled, asset
from ...pages.words import t, translated
from ..json import to_dict
from ..lettering import readable
from ..picture.blocks import flow
from ..picture.calls import said
from ..picture.svg import drawn
from ..picture.view import view
from ..roles import parameters
from ..text.derivation import derivation
from ..text.program import pieces
from ..text.story import Story
from .equations import Equations
from .live import functions, live
from .numbers import opened
from .rules import rules
from .tour import tour
from .words import edge_words, node_words, plain, step_words

# they share one scope; the last puts everything to work
SCRIPTS = [
    f"{name}.js"
    for name in "arrays replay story live train opened flow picture equations tables elements matrices inspector predict hunt walk fields charts surface paths camera address page take tour".split()
]
INSIDES = 2_000_000  # characters that the pictures of what is inside groups may take
ASKED = 120  # in graphs of so many values each has its derivation
LATEX = 40_000  # characters that they may take
FLOATS = {"float16", "float32", "float64"}  # whose update rules a page has


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
    story, trained, equations = Story(graph, lr), parameters(graph), Equations(graph)
    recorded = live(graph, equations.terms)
    inside = list(opened(graph, story))
    data = {
        "graph": to_dict(graph),
        "nodes": [
            node_words(story, node) | {"trained": node.id in trained} | ({"made": made} if made else {})
            for node, made in zip(graph.nodes, equations.nodes, strict=True)
        ],
        "edges": [
            words | ({"made": made, "brief": brief} if made else {})
            for words, made, brief in zip(edge_words(graph), equations.edges, equations.short, strict=True)
        ],
        "terms": [plain(term.term) for term in equations.terms],
        "steps": [step_words(story, step) for step in story.steps],
        "opened": {node.id: told for node, _, told in inside},
        "lr": lr,
        "predict": predict,
        "tour": tour()[1],
        "live": recorded,
        "program": recorded if isinstance(recorded, str) else _program(graph),
        "latex": _latex(graph),
        "rules": rules(sorted({node.dtype or "float64" for node in graph.nodes if node.kind == "leaf"} & FLOATS)),
    }
    return assembled(
        asset(__package__, "page.html"),
        style=asset(__package__, "page.css"),
        script=functions() + asset(__package__, *SCRIPTS),
        data=data,
        title=html.escape(_title(graph.root.name)),
        tour=tour()[0],
        views="\n".join([*_figures(graph, depth), *starmap(_numbers, inside)]),
    )


def _program(graph):
    """The pieces of the graph's program, in which the id of a node stands for its numbers; or why there is none, as text."""
    try:
        return [part if isinstance(part, str) else part[0] for part in pieces(graph)]
    except GraphError as error:
        return translated(str(error))


def _latex(graph):
    """The derivation of each value that a gradient reaches, as far as there is room: {"lines": all lines, "of": {id: places of its own}}."""
    lines, of, room = {}, {}, LATEX
    reached = [node for node in graph.nodes if node.total is not None and node is not graph.root]
    for node in sorted(reached, key=lambda node: node.kind != "leaf") if len(graph.nodes) <= ASKED else []:
        _, *rows, _ = derivation(graph, node.id).latex.split("\n")
        rows = [row.removesuffix(r" \\") for row in rows]
        room -= sum(len(row) for row in rows if row not in lines)
        if room < 0:
            break
        of[node.id] = [lines.setdefault(row, len(lines)) for row in rows]
    return {"lines": list(lines), "of": of}


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


# ---- the pictures


def _figures(graph, depth):
    """The pictures in figures: the whole graph, and what is inside its groups."""
    whole = flow(graph, depth, folding=True)
    groups = [box.focus for block in whole.blocks for box in block.states[()].boxes if box.focus]
    figure = _figure(drawn(graph, whole, "built-in"), path="", title=t("whole graph"))
    return [figure, *_insides(graph, groups)]


def _figure(svg, path, title, parent=None, node=None):
    """One picture, and what the page needs to find it: its path, that of the view around it, the opened node's id."""
    data = {"path": path, "title": title, "parent": parent, "node": node}
    attributes = "".join(f' data-{k}="{html.escape(str(v))}"' for k, v in data.items() if v is not None)
    return f'<figure class="view"{attributes}{" hidden" if path else ""}>{svg}</figure>'


def _numbers(node, svg, _):
    """The figure of an operation that is opened into its numbers."""
    return _figure(svg, f"node {node.id}", t("{0}, number by number", readable(node.label)), "", node.id)


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
