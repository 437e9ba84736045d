"""The graph as one SVG file, written here; a layout engine only says where things stand."""

import json
import re
from copy import copy
from dataclasses import replace
from html import escape

from ...pages.palette import COLOURS, custom_properties
from ...pages.words import english, t, translated
from ..lettering import width
from .blocks import Block, Flow, flow, rows
from .box import safe
from .piece import Pieces
from .view import View

MARGIN, CAPTION = 16.0, 11.0  # around the picture; the font size of its caption
OWN = english("gradients in italics: what one backward pass gives; .grad has none yet")
LEGEND = english(
    "Values flow along the arrows, gradients against them. A number on an edge is its local derivative, which the "
    "gradient is multiplied by; along dashed edges no gradient flows. A gradient that is not computed yet is shown as —."
)

STYLE = """
&{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
& text{fill:ink;font-size:12px;font-variant-numeric:tabular-nums}
& .ground{fill:ground}
& .box{fill:paper}
& .edging{fill:none;stroke:line;stroke-width:1.2}
& .operation .head{fill:operation-ground}
& .operation .edging{stroke:operation}
& .operation .chip{fill:operation}
& .leaf .head{fill:leaf-ground}
& .leaf .edging{stroke:leaf}
& .leaf .side{fill:leaf}
& .constant .head{fill:constant-ground}
& .constant .edging,& .number .box,& .stub .box{stroke:constant;stroke-dasharray:3 2.5}
& .number .box,& .stub .box{fill:constant-ground;stroke-width:1}
& .group .head{fill:group-ground}
& .group .edging,& .group .behind{stroke:group}
& .group .behind{fill:group-ground;stroke-width:1}
& .broken .edging{stroke:broken;stroke-width:3.5}
& .rule{stroke:line;stroke-width:.5}
& .name{font-weight:600;font-size:13px}
& .symbol{fill:chip-ink;font-weight:700;font-size:13px}
& .auto .name{fill:soft;font-weight:400}
& .word,& .facts,& .slot{fill:soft;font-size:10.5px}
& .grad{fill:grad}
& .own .grad{font-style:italic;fill:soft}
& .badge rect{fill:badge-ground}
& .badge text{fill:badge;font-size:10.5px}
& .cluster rect{fill:cluster-ground;stroke:cluster}
& .cluster text{fill:soft;font-size:11px;font-weight:600}
& .edge path{fill:none;stroke:line;stroke-width:1.4}
& .edge .tip{fill:line;stroke:none}
& .quiet:not(.lit) text{display:none}
& .noflow path{stroke-dasharray:4 3}
& .flow,& .count{font-size:11px;paint-order:stroke;stroke:ground;stroke-width:7px;stroke-linejoin:round}
& .flow{fill:flow}
& .count,& .caption{fill:soft}
& .caption{font-size:11px}
& .off{display:none}
"""


def to_svg(graph, depth=None, engine=None, prefix="", focus=None):
    """The picture of a Graph as SVG text. The same graph and engine give the same text.

    depth, focus: what is shown; see view(). engine: what lays it out; see lay_out().
    prefix: before each id, so that several pictures can stand on one page. Ids are n3 for node 3, e5 for edge 5, c0 for
    a frame and g0 for a group; `data-members` and `data-edges` say what a group or a merged edge stands for.

    Raises: ArgumentError for another depth, focus or engine.
    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> to_svg(cr.trace(x * x))[:22]
        '<svg class="chainrule"'
    """
    graph, own = _with_own(graph)
    shown = flow(graph, depth, focus)
    if own:
        shown.caption = "; ".join(filter(None, [shown.caption, translated(OWN)]))
    mark = lambda m: m[0] + " own" * (int(m[1]) in own)
    pattern = rf'(?:id="{re.escape(prefix)}n|data-of=")(\d+)" class="[^"]*'
    return re.sub(pattern, mark, drawn(graph, shown, engine, prefix))


def _with_own(graph):
    """(the graph with the gradients of its own pass where `.grad` has none and no backward ran, the ids of these nodes)."""
    own = set() if graph.ran else {node.id for node in graph.nodes if node.grad is None and node.total is not None}
    if not own:
        return graph, own
    graph = copy(graph)
    graph.nodes = [replace(node, grad=node.total) if node.id in own else node for node in graph.nodes]
    return graph, own


def drawn(graph, shown, engine=None, prefix="", styled=True):
    """The picture of a Flow or a View. One that stands on a page beside another needs no style sheet of its own:
    styled=False.

    Each block is a <g> with one <g> for each of its states, of which the first is shown. What is drawn in other states
    and what is drawn again has no id of its own: `data-of` and `data-edges` say what it is.
    """
    if isinstance(shown, View):
        shown = Flow([Block({(): shown})], shown.caption)
    pieces = Pieces(graph, engine if len(shown.blocks) == 1 else "built-in", prefix)
    drawings = [
        {folded: view and pieces.draw(view, not folded) for folded, view in b.states.items()} for b in shown.blocks
    ]
    places, width_, height = rows([(states[()].width, states[()].height) for states in drawings])
    below = CAPTION + 9 if shown.caption else 0.0
    wide = max(width_, width(shown.caption, CAPTION)) + 2 * MARGIN
    high = height + below + 2 * MARGIN
    caption = f'<text class="caption" x="0" y="{height + below:.1f}">{escape(shown.caption)}</text>'
    name = safe(graph.root.name or graph.root.label)
    return "\n".join(
        [
            f'<svg class="chainrule" xmlns="http://www.w3.org/2000/svg" role="img" width="{wide:.0f}" height="{high:.0f}"'
            f' viewBox="0 0 {wide:.1f} {high:.1f}" aria-labelledby="{prefix}title {prefix}desc"{_names(shown)}>',
            f'<title id="{prefix}title">{t("The graph of {0}", name)}</title>',
            f'<desc id="{prefix}desc">{_summary(graph, shown)} {translated(LEGEND)}</desc>',
            *[f"<style>{style()}</style>"] * styled,
            f'<rect class="ground" width="{wide:.1f}" height="{high:.1f}"/>',
            f'<g transform="translate({MARGIN:g},{MARGIN:g})">',
            *[_block(states, *place) for states, place in zip(drawings, places, strict=True)],
            *([caption] if shown.caption else []),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _names(shown):
    """What the <svg> of a Flow says about its frames, as attributes."""
    both = {"folded": shown.folded, "units": shown.units or None}
    return "".join(f' data-{key}="{_json(names)}"' for key, names in both.items() if names is not None)


def _json(data):
    return escape(json.dumps(data, ensure_ascii=False))


def _block(states, x, y):
    """A <g> for a block, with one for each state."""
    inside = []
    for folded, piece in states.items():
        size, markup = (f"{piece.width:.1f} {piece.height:.1f}", piece.markup) if piece else ("0 0", "")
        names = f' data-folded="{_json(folded)}"' if folded else ""
        inside.append(f'<g class="state{" off" * bool(folded)}" data-size="{size}"{names}>{markup}</g>')
    return f'<g class="block" transform="translate({x:.1f},{y:.1f})">{"".join(inside)}</g>'


def style():
    """The style sheet of a picture, for light and dark.

    A reader of SVG that knows no custom properties takes the light colour that stands before each.
    """
    sheet = re.sub(
        r"(fill|stroke):([a-z-]+)(?=[;}])",
        lambda m: f"{m[1]}:{COLOURS[m[2]][0]};{m[1]}:var(--cr-{m[2]})" if m[2] in COLOURS else m[0],
        STYLE,
    )
    themes = f"&{{{custom_properties('light')}}}@media (prefers-color-scheme:dark){{&{{{custom_properties('dark')}}}}}"
    return (themes + sheet).replace("&", ".chainrule")


def _summary(graph, shown):
    """What the picture shows, in one sentence."""
    operations = sum(node.kind == "operation" for node in graph.nodes)
    leaves = [node for node in graph.nodes if node.kind == "leaf"]
    names = ", ".join(safe(node.name or node.label) for node in leaves[:8]) + (", …" if len(leaves) > 8 else "")
    root = safe(graph.root.name or graph.root.label)
    said = t("{0} operations compute {1} from {2}.", operations, root, names or t("constants"))
    return said + (" " + t("Shown: {0}.", escape(shown.caption)) if shown.caption else "")
