"""The picture in Graphviz's DOT language."""

import html

from graphviz import escape

from ...pages.palette import COLOURS
from ...pages.words import t, translated
from ..lettering import readable
from ..values import NOT_COMPUTED
from .box import is_broken, node_badges
from .graphviz import digraph
from .view import view

LIGHT = {name: light for name, (light, _) in COLOURS.items()}


def to_dot(graph, depth=None):
    """DOT source: one node for each box, one edge for each operand. The same graph gives the same bytes.

    `depth`: see view().

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> to_dot(cr.trace(x * x)).count("->")
        2
    """
    shown, operands = view(graph, depth), graph.operands()
    nodes, edges, clusters = [], [], []
    for i, box in enumerate(shown.boxes):
        label, tooltip = _group(box) if box.is_group else _node(graph.nodes[box.members[0]], operands[box.members[0]])
        name = f"g{i}" if box.is_group else f"n{box.members[0]}"
        nodes.append((name, box.frame, {"label": label, "tooltip": escape(tooltip)}))
    for frame in shown.frames:
        title = escape(html.escape(readable(frame.title), quote=False))
        colours = {"color": LIGHT["cluster"], "fillcolor": LIGHT["cluster-ground"]}
        clusters.append((frame.parent, {"label": title, "style": "rounded,filled", **colours}))
    for arrow in shown.arrows:
        first = graph.edges[arrow.edges[0]]
        what = f"operand {readable(first.input)}" if len(arrow.edges) == 1 else f"{len(arrow.edges):,} edges"
        port = f":s{arrow.slot}:w" if arrow.slots > 1 else ":w"
        attributes = {"edgetooltip": escape(what + ("" if arrow.flows else ", no gradient flows back"))}
        attributes |= {"label": arrow.label} if arrow.label else {}
        attributes |= {} if arrow.flows else {"style": "dashed"}
        edges.append((nodes[arrow.source][0], nodes[arrow.target][0] + port, attributes))
    return digraph(
        nodes,
        edges,
        clusters,
        name="chainrule",
        graph_attr={
            "rankdir": "LR", "bgcolor": LIGHT["ground"], "nodesep": "0.22", "ranksep": "0.45", "pad": "0.15",
            "fontname": "Helvetica", "fontsize": "11", "fontcolor": LIGHT["soft"],
            **({"label": _safe(shown.caption), "labeljust": "l"} if shown.caption else {}),
        },
        node_attr={"shape": "plain", "fontname": "Helvetica", "fontsize": "11", "fontcolor": LIGHT["ink"]},
        edge_attr={
            "color": LIGHT["line"], "arrowsize": "0.6", "penwidth": "1.1", "edgetooltip": " ", "fontname": "Helvetica",
            "fontsize": "9", "fontcolor": LIGHT["flow"],
        },
    )  # fmt: skip


# ---- one box


def _node(node, edges):
    """(HTML-like label, tooltip) of a Node: a column with a slot for each operand, then header, facts, value, gradient."""
    number = node.is_number
    grid = [("value", row) for row in (node.value.rows() if node.value and not number else [])]
    if node.kind != "constant":
        grid += [("grad", row) for row in (node.grad.rows() if node.grad else [[NOT_COMPUTED]])]
    columns = 1 + max((len(row) for _, row in grid), default=1)
    rows = [
        _header(node.label if number else node.symbol, "" if number else node.name or node.label, node.kind, columns)
    ]
    facts = [f"{node.shape} {node.dtype}"] if node.dtype else []
    if facts or node.options:
        rows.append(_wide("   ".join(map(_safe, [*facts, *node.options])), columns))
    for i, (word, row) in enumerate(grid):
        first = "" if i and grid[i - 1][0] == word else _font(word, "soft", 9)
        cells = map(_safe, row) if word == "value" else [_font(_safe(cell), "grad", 11) for cell in row]
        numbers = "".join(f'<TD ALIGN="RIGHT">{cell}</TD>' for cell in cells)
        rows.append(f'<TR><TD COLSPAN="{columns - len(row)}" ALIGN="LEFT">{first}</TD>{numbers}</TR>')
    rows += [_wide(_safe(translated(badge)), columns, "badge") for badge in node_badges(node)]
    slots = [f'<TR><TD PORT="s{edge.slot}">{_font(_safe(edge.input), "soft", 9)}</TD></TR>' for edge in edges]
    column = f"<TD>{_table(slots)}</TD>" if len(slots) > 1 else ""
    colour, width = ("broken", 3) if is_broken(node) else (node.kind, 1)
    call = f"{readable(node.name, 200)} = {node.operation}" if node.name else node.operation
    tooltip = t("{0} at {1}", call, readable(node.line, 200)) if node.line else call
    return _label(f"{column}<TD>{_table(rows)}</TD>", colour, width), html.escape(tooltip, quote=False)


def _group(box):
    """(HTML-like label, tooltip) of a box that stands for several nodes."""
    rows = [_header("", box.title, "group", 1), *(_wide(_safe(fact), 1) for fact in box.facts)]
    rows += [_wide(_safe(translated(badge)), 1, "badge") for badge in box.badges]
    return _label(f"<TD>{_table(rows)}</TD>", "group", 2), html.escape(readable(box.title, 200), quote=False)


def _header(symbol, name, kind, columns):
    bold = f"<B>{_safe(symbol)}</B>" if symbol else ""
    title = "   ".join(part for part in (bold, _safe(name)) if part)
    span = f'COLSPAN="{columns}" ALIGN="LEFT"'
    return f'<TR><TD {span} BGCOLOR="{LIGHT[kind + "-ground"]}" CELLPADDING="4">{_font(title, "ink", 12)}</TD></TR>'


def _wide(markup, columns, ink="soft"):
    """A row of one cell of small text."""
    return f'<TR><TD COLSPAN="{columns}" ALIGN="LEFT">{_font(markup, ink, 9)}</TD></TR>'


def _label(cells, colour, width):
    return (
        f'<<TABLE BORDER="{width}" COLOR="{LIGHT[colour]}" BGCOLOR="{LIGHT["paper"]}" CELLBORDER="0" CELLSPACING="0" '
        f'CELLPADDING="0"><TR>{cells}</TR></TABLE>>'
    )


def _table(rows):
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{"".join(rows)}</TABLE>'


def _font(markup, ink, size):
    return f'<FONT COLOR="{LIGHT[ink]}" POINT-SIZE="{size}">{markup}</FONT>'


def _safe(content):
    """Text for an HTML-like label, in which dot also reads \\N and the like."""
    return html.escape(readable(content)).replace("\\", "\\\\")
