"""The graph as an interactive page: one HTML file that steps through forward, seed, backward and update, without network.

The files in assets/ are the page's markup, style and script. Here they are put together with the finished pictures, the
graph as JSON and its steps; the script then only switches classes and writes texts.
"""

import base64
import hashlib
import html
import json
import math
import re
import sys
import tempfile
import webbrowser
from collections import deque
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ...errors import ArgumentError
from ..jsonform import to_dict
from ..picture.palette import custom_properties
from ..picture.svg import to_svg
from ..text import readable
from ..words.steps import steps

SCRIPTS = "numbers story picture inspector predict page".split()  # each needs those before it
INSIDES = 2_000_000  # characters that the pictures of what is inside groups may take
NUMBERS = 40_000  # and those of small arrays, number by number
FEW = 24  # elements of an operation and its operands that are worth a picture of their own


def page(graph, lr=0.1, title=None, predict=False):
    """The page as text. `lr` is the learning rate of its update, which the learner may change; `predict` starts it in
    predict mode, which asks for each contribution before it shows it.

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0, "x")
        >>> page(cr.trace(x * x))[:15]
        '<!doctype html>'
    """
    script = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    parts = {
        "title": html.escape(readable(title or _title(graph), limit=200)),
        "policy": f"sha256-{digest}",
        "style": _palette() + _asset("page.css"),
        "views": "\n".join(_figures(graph)),
        "story": _embedded({"graph": to_dict(graph), "steps": _told(graph, lr), "lr": lr, "predict": predict}),
        "script": script,
    }
    return re.sub(r"@(\w+)@", lambda slot: parts[slot[1]], _asset("page.html"))


def show(graph, lr=0.1):
    """Open the page in a browser, or return what a notebook shows below the cell."""
    shown = Shown(page(graph, lr))
    if "ipykernel" not in sys.modules:
        path = Path(tempfile.mkdtemp(prefix="chainrule-")) / "graph.html"
        path.write_text(shown.page, encoding="utf-8")
        webbrowser.open(path.as_uri())
    return shown


@dataclass(frozen=True, repr=False)
class Shown:
    """The page, as a notebook shows it: in a frame of its own, which nothing of the notebook's can reach."""

    page: str
    height: int = 720

    def _repr_html_(self):
        inside = html.escape(self.page)
        return f'<iframe srcdoc="{inside}" title="Backprop, step by step" width="100%" height="{self.height}" style="border:0"></iframe>'

    def __repr__(self):
        return f"<page of {len(self.page):,} characters>"


def _asset(name):
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _title(graph):
    name = graph.root.name
    return f"Backprop, step by step: {name}" if name else "Backprop, step by step"


def _palette():
    """The colours of light and dark, the same as the pictures'."""
    light, dark = custom_properties("light"), custom_properties("dark")
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _told(graph, lr):
    """The steps as dicts. What a step writes is left out: it stands in the graph, at its node or edge."""
    names = ("phase", "node", "edge", "arrived", "expected", "text")
    return [{name: getattr(step, name) for name in names} for step in steps(graph, lr)]


def _embedded(data):
    """JSON that is safe inside a <script> element, whatever the names in it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair becomes \udxxx, as JSON writes it


# ---- the pictures


def _figures(graph):
    """The pictures in figures: the whole graph, what is inside its groups, and small arrays number by number."""
    whole = to_svg(graph)
    more = (*_insides(graph, whole), *_numbers(graph))
    shared = re.compile("<style>.*?</style>", re.DOTALL)  # all pictures have the same style, and need it once
    return [_figure(whole, path="", title="whole graph"), *(shared.sub("", figure) for figure in more)]


def _figure(svg, path, title, parent=None, node=None):
    """One picture, and what the page needs to find it: its path, that of the view around it, the opened node's id."""
    data = {"path": path, "title": title, "parent": parent, "node": node}
    attributes = "".join(f' data-{k}="{html.escape(str(v))}"' for k, v in data.items() if v is not None)
    return f'<figure class="view"{attributes}{" hidden" if path else ""}>{svg}</figure>'


def _insides(graph, whole):
    """A figure for each group that can be opened, outermost first, as long as there is room."""
    room, waiting, seen = INSIDES, deque([("", whole)]), set()
    while waiting:
        around, picture = waiting.popleft()
        for focus in map(html.unescape, re.findall(r' data-focus="([^"]*)"', picture)):
            if focus in seen:
                continue
            seen.add(focus)
            svg = to_svg(graph, engine="built-in", prefix=f"v{len(seen)}-", focus=focus)  # `dot` costs 30 ms a picture
            room -= len(svg)
            if room < 0:
                return
            yield _figure(svg, f"module {focus}", readable(focus), around)
            waiting.append((f"module {focus}", svg))


def _numbers(graph):
    """A figure for each operation on a few numbers, in which each of them is a node, as long as there is room."""
    room = NUMBERS
    for node in _small(graph):
        try:
            opened = graph.open(node.id)
        except ArgumentError:  # its derivatives are not known
            continue
        for number in opened.nodes:
            number.grad = number.total  # as it is after the pass; the page covers it until then
        svg = to_svg(opened, prefix=f"s{node.id}-")
        room -= len(svg)
        if room < 0:
            return
        yield _figure(svg, f"node {node.id}", f"{readable(node.label)}, number by number", "", node.id)


def _small(graph):
    """The operations on a few numbers, but more than one; first those that are not elementwise, which need it most."""
    found = []
    for edges in filter(None, graph.operands()):
        node = graph.nodes[edges[0].target]
        sizes = [math.prod(array.shape) for array in (node, *(graph.nodes[edge.source] for edge in edges))]
        if max(sizes) > 1 and sum(sizes) <= FEW:
            found.append((any(edge.local for edge in edges), node.id))
    return [graph.nodes[i] for _, i in sorted(found)]
