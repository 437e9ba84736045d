"""The pieces of a picture: Views that are laid out and written as SVG, each with its origin at its top left corner."""

from dataclasses import dataclass

from ...pages.words import t, translated
from ..values import written
from .blocks import COLUMNS, frames, label_width, links, title_width
from .box import is_broken, picture_of, safe
from .calls import said
from .crossing import columns, cross, pictures_of
from .geometry import TITLE
from .labels import Taken, middle, path
from .layout import lay_out

DENSE = 1.5  # edges for each box of an opened operation: of more, a page shows the labels one by one


@dataclass(slots=True)
class Piece:
    """A View as SVG: its size, and its markup."""

    width: float
    height: float
    markup: str


class Pieces:
    """Draws the Views of one picture of a graph.

    Fields:
        operands: for each node the edges that lead into it.
        prefix: before each id; groups, frames: how many of them have one so far.
    """

    def __init__(self, graph, engine, prefix):
        self.graph, self.engine, self.prefix = graph, engine, prefix
        self.operands, self.groups, self.frames = graph.operands(), 0, 0

    def draw(self, shown, first=True):
        """The Piece of a View; its boxes and edges have ids if it is shown at first."""
        whole = (picture_of(box, self.graph, self.operands) for box in shown.boxes)
        pictures = pictures_of(shown, self.graph) if shown.opened else list(whole)
        sizes = [(picture.width, picture.height) for picture in pictures]
        engine = self.engine if first else "built-in"  # `dot` costs 30 ms a picture
        if shown.crossing:
            layout = cross(shown, sizes, frames(shown))
        elif shown.opened:
            layout = columns(sizes, links(shown), frames(shown))
        else:
            layout = lay_out(sizes, links(shown), frames(shown), engine, COLUMNS)
        parts = self._clusters(shown, layout), self._boxes(shown, pictures, layout, first)
        edges = self._edges(shown, pictures, layout, first)
        return Piece(layout.width, layout.height, "\n".join([*parts[0], *parts[1], *edges]))

    def _boxes(self, shown, pictures, layout, first):
        """A <g> for each box, moved to its place."""
        for box, picture, (x, y) in zip(shown.boxes, pictures, layout.centres, strict=True):
            corner = f"{x - picture.width / 2:.1f},{y - picture.height / 2:.1f}"
            yield f'<g {self._attributes(box, first)} transform="translate({corner})">{picture.markup}</g>'

    def _attributes(self, box, first):
        """What the <g> of a box says about it."""
        node = self.graph.nodes[box.members[0]]
        broken = " broken" * any(is_broken(self.graph.nodes[i]) for i in box.members)
        if not box.is_group and not box.stub:
            name = f'id="{self.prefix}n{node.id}"' if first and not box.copy else f'data-of="{node.id}"'
            kind = (
                f"{'copy' if box.copy else 'node'} {node.kind}{' number' * node.is_number}{' auto' * (not node.name)}"
            )
            return f'{name} class="{kind}{broken}"'
        focus = " " + _focus(box.focus) if box.focus else ""
        result = f' data-of="{box.result}"' if box.result is not None else ""
        self.groups += 1
        name, kind = f"{self.prefix}g{self.groups - 1}", "stub" if box.stub else "group"
        return f'id="{name}" class="{kind}{broken}" data-members="{_ranges(box.members)}"{focus}{result}'

    def _clusters(self, shown, layout):
        """A <g> for each frame, behind what is in it."""
        for frame, (x, y, wide, high) in zip(shown.frames, layout.frames, strict=True):
            ground = f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="10"/>'
            for one in (*frame.outer, frame):
                yield (
                    f'<g id="{self.prefix}c{self.frames}" class="cluster" data-module="{safe(one.path, 200)}" '
                    f"{_focus(one.focus)}>{ground}"
                    f'<text x="{x + 12:.1f}" y="{y + TITLE - 5:.1f}">{safe(one.title)}</text></g>'
                )
                x, ground = x + title_width(one), ""
                self.frames += 1

    def _edges(self, shown, pictures, layout, first):
        """A <g> for each arrow: its curve, its tip and its label."""
        taken, many = Taken(layout.curves), shown.opened and len(shown.arrows) > DENSE * len(shown.boxes)
        among = " quiet" if shown.crossing else " dense" if many else ""
        for picture, (x, y) in zip(pictures, layout.centres, strict=True):
            taken.add(x, y, picture.width / 2, picture.height / 2)
        for i, (arrow, curve, parts) in enumerate(zip(shown.arrows, layout.curves, layout.parts, strict=True)):
            if arrow.label and not shown.crossing:  # which shows one at a time
                x, y = taken.place(i, curve[parts], label_width(arrow) / 2)
            else:
                x, y = middle(curve[parts:])
            edges = [self.graph.edges[k] for k in arrow.edges]
            tag = f'id="{self.prefix}e{edges[0].id}"' if first else ""
            if len(edges) > 1 or not first:
                tag += f' data-edges="{" ".join(map(str, arrow.edges))}"'
            kind, (end_x, end_y) = "flow" if len(edges) == 1 else "count", curve[-1]
            yield (
                f'<g {tag} class="edge{"" if arrow.flows else " noflow"}{among}"><title>{_tooltip(self.graph, edges)}</title>'
                f'<path d="{path(curve)}"/>'
                f'<path class="tip" d="M{end_x:.1f},{end_y:.1f}l-7,-3.2v6.4z"/>'
                f'<text class="{kind}" x="{x:.1f}" y="{y + 3.8:.1f}" text-anchor="middle">{arrow.label}</text></g>'
            )


def _focus(name):
    """What leads to the inside of a group or frame, and what that is called, if not so."""
    other = f' data-said="{safe(said(name), 1000)}"' * (said(name) != name)
    return f'data-focus="{safe(name, 1000)}"{other}'


def _ranges(ids):
    """`3-41 57` for sorted ids."""
    runs = []
    for i in ids:
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _tooltip(graph, edges):
    """What a browser shows when the mouse rests on an edge."""
    if len(edges) > 1:
        return t("{0} edges", f"{len(edges):,}")
    (edge,) = edges
    source, target = (safe(graph.nodes[i].name or graph.nodes[i].label) for i in (edge.source, edge.target))
    parts = [t("{0} is {1} of {2}", source, safe(edge.input), target)]
    if edge.local is not None and edge.local.shape == ():
        parts.append(t("local derivative {0}", written(edge.local.items)))
    parts += [safe(translated(part), 300) for part in (edge.rule, edge.summed, edge.why, edge.note) if part]
    return ", ".join(parts if edge.flows else [*parts, t("no gradient flows back")])
