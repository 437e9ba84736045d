"""The graph as one SVG file, written here; a layout engine only says where things stand."""

import re
from bisect import bisect_left
from copy import copy
from dataclasses import replace
from html import escape
from itertools import accumulate, pairwise
from math import dist

from ...pages.palette import COLOURS, custom_properties
from ..lettering import readable, width
from ..values import written
from .box import BOLDER, group_picture, is_broken, node_picture, safe, tag_picture
from .geometry import TITLE, Frame, Link
from .layout import lay_out
from .view import view

MARGIN = 16.0
GAP = 44.0  # between columns, if no label needs more
STRIP = 100.0  # how wide the strips are in which overlaps are looked for
FLOW, CAPTION = 11.0, 11.0  # font sizes
OWN = "gradients in italics: what one backward pass gives; .grad has none yet"
LEGEND = (
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
& .word,& .facts,& .slot{fill:soft;font-size:10px}
& .grad{fill:grad}
& .own .grad{font-style:italic;fill:soft}
& .badge rect{fill:badge-ground}
& .badge text{fill:badge;font-size:10px}
& .cluster rect{fill:cluster-ground;stroke:cluster}
& .cluster text{fill:soft;font-size:11px;font-weight:600}
& .edge path{fill:none;stroke:line;stroke-width:1.4}
& .edge .tip{fill:line;stroke:none}
& .noflow path{stroke-dasharray:4 3}
& .flow,& .count{font-size:11px;paint-order:stroke;stroke:ground;stroke-width:7px;stroke-linejoin:round}
& .flow{fill:flow}
& .count,& .caption{fill:soft}
& .caption{font-size:11px}
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
    shown = view(graph, depth, focus)
    if own:
        shown.caption = "; ".join(filter(None, [shown.caption, OWN]))
    mark = lambda m: m[0] + " own" * (int(m[1]) in own)
    return re.sub(rf'id="{re.escape(prefix)}n(\d+)" class="[^"]*', mark, drawn(graph, shown, engine, prefix))


def _with_own(graph):
    """(the graph with the gradients of its own pass where `.grad` has none and no backward ran, the ids of these nodes)."""
    own = set() if graph.ran else {node.id for node in graph.nodes if node.grad is None and node.total is not None}
    if not own:
        return graph, own
    graph = copy(graph)
    graph.nodes = [replace(node, grad=node.total) if node.id in own else node for node in graph.nodes]
    return graph, own


def drawn(graph, shown, engine=None, prefix="", styled=True):
    """The picture of a View. One that stands on a page beside another needs no style sheet of its own: styled=False."""
    pictures = _pictures(graph, shown)
    gap = max([GAP, *(width(arrow.label, FLOW) + 36 for arrow in shown.arrows if arrow.label)])
    layout = lay_out(
        [(picture.width, picture.height) for picture in pictures],
        [Link(arrow.source, arrow.target, arrow.slot, arrow.slots) for arrow in shown.arrows],
        _frames(shown),
        engine,
        gap,
    )
    below = CAPTION + 9 if shown.caption else 0.0
    wide = max(layout.width, width(shown.caption, CAPTION)) + 2 * MARGIN
    high = layout.height + below + 2 * MARGIN
    caption = f'<text class="caption" x="0" y="{layout.height + below:.1f}">{escape(shown.caption)}</text>'
    name = safe(graph.root.name or graph.root.label)
    return "\n".join(
        [
            f'<svg class="chainrule" xmlns="http://www.w3.org/2000/svg" role="img" width="{wide:.0f}" height="{high:.0f}"'
            f' viewBox="0 0 {wide:.1f} {high:.1f}" aria-labelledby="{prefix}title {prefix}desc">',
            f'<title id="{prefix}title">The graph of {name}</title>',
            f'<desc id="{prefix}desc">{_summary(graph, shown)} {LEGEND}</desc>',
            *[f"<style>{style()}</style>"] * styled,
            f'<rect class="ground" width="{wide:.1f}" height="{high:.1f}"/>',
            f'<g transform="translate({MARGIN:g},{MARGIN:g})">',
            *_clusters(shown, layout, prefix),
            *_boxes(graph, shown, pictures, layout, prefix),
            *_edges(graph, shown, pictures, layout, prefix),
            *([caption] if shown.caption else []),
            "</g>",
            "</svg>",
            "",
        ]
    )


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


# ---- boxes


def _pictures(graph, shown):
    """The Picture of each box."""
    operands, pictures = graph.operands(), []
    for box in shown.boxes:
        node = graph.nodes[box.members[0]]
        if box.stub:
            title = box.title or node.name or node.label
            pictures.append(tag_picture(title, safe(title)))
        else:
            pictures.append(group_picture(box) if box.is_group else node_picture(node, operands[node.id]))
    return pictures


def _boxes(graph, shown, pictures, layout, prefix):
    """A <g> for each box, moved to its place."""
    count = 0
    for box, picture, (x, y) in zip(shown.boxes, pictures, layout.centres, strict=True):
        node = graph.nodes[box.members[0]]
        nodes = [graph.nodes[i] for i in box.members]
        broken = " broken" * any(map(is_broken, nodes))
        members = f' data-members="{_ranges(box.members)}"'
        if not box.is_group and not box.stub:
            kind = f"node {node.kind}{' number' * node.is_number}{' auto' * (not node.name)}"
            attributes = f'id="{prefix}n{node.id}" class="{kind}{broken}"'
        else:
            focus = f' data-focus="{safe(box.focus, 1000)}"' if box.focus else ""
            attributes = f'id="{prefix}g{count}" class="{"stub" if box.stub else "group"}{broken}"{members}{focus}'
            count += 1
        corner = f"{x - picture.width / 2:.1f},{y - picture.height / 2:.1f}"
        yield f'<g {attributes} transform="translate({corner})">{picture.markup}</g>'


def _ranges(ids):
    """`3-41 57` for sorted ids."""
    runs = []
    for i in ids:
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


# ---- frames


def _frames(shown):
    """The frames as the layout needs them."""
    frames = [Frame([], f.parent, width(readable(f.title), CAPTION) * BOLDER) for f in shown.frames]
    for i, box in enumerate(shown.boxes):
        if box.frame is not None:
            frames[box.frame].members.append(i)
    return frames


def _clusters(shown, layout, prefix):
    """A <g> for each frame, behind what is in it."""
    for i, (frame, (x, y, wide, high)) in enumerate(zip(shown.frames, layout.frames, strict=True)):
        yield (
            f'<g id="{prefix}c{i}" class="cluster" data-module="{safe(frame.path, 200)}">'
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="10"/>'
            f'<text x="{x + 12:.1f}" y="{y + TITLE - 5:.1f}">{safe(frame.title)}</text></g>'
        )


# ---- edges


def _edges(graph, shown, pictures, layout, prefix):
    """A <g> for each arrow: its curve, its tip and its label."""
    taken = _Taken()
    for picture, (x, y) in zip(pictures, layout.centres, strict=True):
        taken.add(x, y, picture.width / 2, picture.height / 2)
    for arrow, curve, parts in zip(shown.arrows, layout.curves, layout.parts, strict=True):
        if arrow.label:
            half = width(arrow.label, FLOW) / 2
            x, y = _label_place(curve[parts:], half, taken)
            taken.add(x, y, half, 6.0)
        else:
            x, y = _middle(curve[parts:])
        edges = [graph.edges[i] for i in arrow.edges]
        tag = f'id="{prefix}e{edges[0].id}"'
        if len(edges) > 1:
            tag += f' data-edges="{" ".join(map(str, arrow.edges))}"'
        kind, (end_x, end_y) = "flow" if len(edges) == 1 else "count", curve[-1]
        yield (
            f'<g {tag} class="edge{"" if arrow.flows else " noflow"}"><title>{_edge_tooltip(graph, edges)}</title>'
            f'<path d="{_path(curve)}"/>'
            f'<path class="tip" d="M{end_x:.1f},{end_y:.1f}l-7,-3.2v6.4z"/>'
            f'<text class="{kind}" x="{x:.1f}" y="{y + 3.8:.1f}" text-anchor="middle">{arrow.label}</text></g>'
        )


def _path(curve):
    """A Bézier curve as SVG writes it; a level piece as a line."""
    parts, height = [f"M{curve[0][0]:.1f},{curve[0][1]:.1f}"], curve[0][1]
    for (ax, ay), (bx, by), (x, y) in zip(curve[1::3], curve[2::3], curve[3::3], strict=True):
        level = height == ay == by == y
        parts.append(f"H{x:.1f}" if level else f"C{ax:.1f},{ay:.1f} {bx:.1f},{by:.1f} {x:.1f},{y:.1f}")
        height = y
    return "".join(parts)


def _middle(curve):
    """The middle of the middle piece of a curve."""
    k = (len(curve) - 1) // 6 * 3
    return _point(curve[k : k + 4], 0.5)


def _label_place(curve, half, taken):
    """A point on the curve, in its middle if the label does not cover another there or a box, else near by."""
    fine = 8 if len(curve) < 13 else 1  # points of each piece; a curve of many pieces has enough of them
    points = [_point(curve[k : k + 4], t / fine) for k in range(0, len(curve) - 1, 3) for t in range(fine)] + curve[-1:]
    lengths = [0.0, *accumulate(dist(a, b) for a, b in pairwise(points))]
    for part in (0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2):
        x, y = points[bisect_left(lengths, part * lengths[-1])]
        if not taken.at(x, y, half, 6.0):
            return x, y
    return points[len(points) // 2]


class _Taken:
    """The places of boxes and labels, in strips from top to bottom, so that few of them have to be looked at."""

    def __init__(self):
        self.strips = {}

    def add(self, x, y, half, high):
        for strip in self._strips(x, half):
            self.strips.setdefault(strip, []).append((x, y, half, high))

    def at(self, x, y, half, high):
        """Whether something there overlaps what reaches `half` to both sides, and `high` up and down."""
        near = (other for strip in self._strips(x, half) for other in self.strips.get(strip, ()))
        return any(abs(x - a) < half + wide and abs(y - b) < high + tall for a, b, wide, tall in near)

    def _strips(self, x, half):
        return range(int((x - half) // STRIP), int((x + half) // STRIP) + 1)


def _point(piece, t):
    """A point of a cubic Bézier curve."""
    s = 1 - t
    a, b, c, d = s**3, 3 * s * s * t, 3 * s * t * t, t**3
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = piece
    return a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy


def _edge_tooltip(graph, edges):
    """What a browser shows when the mouse rests on an edge."""
    if len(edges) > 1:
        return f"{len(edges):,} edges"
    (edge,) = edges
    source, target = (safe(graph.nodes[i].name or graph.nodes[i].label) for i in (edge.source, edge.target))
    parts = [f"{source} is {safe(edge.input)} of {target}"]
    if edge.local is not None and edge.local.shape == ():
        parts.append(f"local derivative {written(edge.local.items)}")
    parts += [safe(part, 300) for part in (edge.rule, edge.summed, edge.why, edge.note) if part]
    return ", ".join(parts) + ("" if edge.flows else ", no gradient flows back")


def _summary(graph, shown):
    """What the picture shows, in one sentence."""
    operations = sum(node.kind == "operation" for node in graph.nodes)
    leaves = [node for node in graph.nodes if node.kind == "leaf"]
    names = ", ".join(safe(node.name or node.label) for node in leaves[:8]) + (", …" if len(leaves) > 8 else "")
    shown = f" Shown: {escape(shown.caption)}." if shown.caption else ""
    return f"{operations} operations compute {safe(graph.root.name or graph.root.label)} from {names or 'constants'}.{shown}"
