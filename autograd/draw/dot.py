"""The boxes of a graph as graphviz DOT source, and laid out by the `dot` program."""

import html
import shutil
import subprocess
from dataclasses import replace

from ..errors import GraphError
from .capture import text

# Okabe and Ito's colours, which stay apart for every kind of colour vision; kinds also differ by their words.
BLUE, ORANGE, VERMILLION, GREY = "#0072B2", "#E69F00", "#D55E00", "#BFBFBF"
GRAD_INK = "#A84300"  # vermillion, darkened until it reads well as text on white
INK, SOFT, LINE = "#1A1A1A", "#6B6B6B", "#8C8C8C"
BORDER = {"operation": ORANGE, "leaf": BLUE, "constant": GREY}
HEADER = {"operation": "#FCEFD2", "leaf": "#D6E8F3", "constant": "#F2F2F2"}  # the same, as pale ground for text


def source(boxes):
    """DOT source for a list of Boxes: one node each, one edge for each operand. The same boxes give the same bytes."""
    import graphviz  # here, because it takes longer to import than the rest of draw

    dot = graphviz.Digraph(
        "chainrule",
        graph_attr={"rankdir": "LR", "bgcolor": "white", "nodesep": "0.22", "ranksep": "0.45", "pad": "0.15"},
        node_attr={"shape": "plain", "fontname": "Helvetica", "fontsize": "11", "fontcolor": INK},
        edge_attr={"color": LINE, "arrowsize": "0.6", "penwidth": "1.1", "edgetooltip": " "},
    )
    for i, box in enumerate(boxes):
        dot.node(f"n{i}", label=_label(box), tooltip=graphviz.escape(_tooltip(box)))
        for slot, (operand, name, flows) in enumerate(box.operands):
            dot.edge(
                f"n{operand}",
                f"n{i}:s{slot}:w" if len(box.operands) > 1 else f"n{i}:w",
                style=None if flows else "dashed",
                edgetooltip=f"operand {name}" + ("" if flows else ", no gradient flows back"),
            )
    return dot.source


def layout(dot_source, form):
    """The picture as bytes; `form` is "svg", "png" or "pdf".

    Raises: GraphError if the `dot` program is missing, or fails.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphError(
            "draw: laying out a picture needs the `dot` program of Graphviz, which is not on PATH. Install it with "
            "`apt-get install graphviz`, `brew install graphviz` or `conda install graphviz`, "
            "or save the DOT source, e.g. .save('graph.dot')"
        )
    command = [program, f"-T{form}", *(["-Gdpi=160"] if form == "png" else [])]
    done = subprocess.run(command, input=dot_source.encode(), capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise GraphError(f"draw: the `dot` program could not lay out this graph as {form}: {reason}")
    return done.stdout


# ---- one box


def _label(box):
    """An HTML-like label: a column with a slot for each operand, then header, shape and options, data and gradient."""
    if box.is_number:
        box = replace(box, symbol=text(box.value), value=[])
    grid = [("data", row) for row in box.value] + [("grad", row) for row in box.grad]
    columns = 1 + max((len(row) for _, row in grid), default=1)
    span = f'COLSPAN="{columns}" ALIGN="LEFT"'
    title = f"<B>{_safe(box.symbol)}</B>" + (f"   {_safe(box.name)}" if box.name else "")
    rows = [f'<TR><TD {span} BGCOLOR="{HEADER[box.kind]}" CELLPADDING="4">{_font(title, INK, 12)}</TD></TR>']
    facts = "   ".join(map(_safe, [box.array, *box.options] if box.array else box.options))
    if facts:
        rows.append(f"<TR><TD {span}>{_font(facts, SOFT, 9)}</TD></TR>")
    for i, (word, row) in enumerate(grid):
        word_cell = "" if i and grid[i - 1][0] == word else _font(word, SOFT, 9)
        cells = map(_safe, row) if word == "data" else [_font(_safe(cell), GRAD_INK, 11) for cell in row]
        numbers = "".join(f'<TD ALIGN="RIGHT">{cell}</TD>' for cell in cells)
        rows.append(f'<TR><TD COLSPAN="{columns - len(row)}" ALIGN="LEFT">{word_cell}</TD>{numbers}</TR>')
    slots = [
        f'<TR><TD PORT="s{i}">{_font(_safe(name), SOFT, 9)}</TD></TR>' for i, (_, name, _) in enumerate(box.operands)
    ]
    column = f"<TD>{_table(slots)}</TD>" if len(slots) > 1 else ""
    colour, width = (VERMILLION, 3) if box.broken else (BORDER[box.kind], 1)
    return (
        f'<<TABLE BORDER="{width}" COLOR="{colour}" BGCOLOR="white" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f"<TR>{column}<TD>{_table(rows)}</TD></TR></TABLE>>"
    )


def _table(rows):
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{"".join(rows)}</TABLE>'


def _font(markup, colour, size):
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{markup}</FONT>'


def _safe(content):
    """Text for an HTML-like label, in which dot also reads \\N and the like."""
    return html.escape(readable(content)).replace("\\", "\\\\")


def _tooltip(box):
    """What a browser shows when the mouse rests on a box: the call and its line."""
    call = f"{readable(box.name, 200)} = {box.operation}" if box.name else box.operation
    line = f"{call} at {readable(box.where, 200)}" if box.where else call
    return html.escape(line, quote=False)


def readable(content, limit=48):
    """Text of at most `limit` characters, in one line, without characters that cannot be shown."""
    if not content.isprintable():
        content = "".join(c if c.isprintable() or c == "\u200d" else " " if c.isspace() else "\ufffd" for c in content)
    return content if len(content) <= limit else f"{content[: limit // 2]}…{content[1 - limit // 2 :]}"
