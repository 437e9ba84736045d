"""The boxes of a graph as graphviz DOT source, and laid out by the `dot` program."""

import html
import shutil
import subprocess

import graphviz

from ..errors import GraphError

# Okabe and Ito's colours, which stay apart for every kind of colour vision; kinds also differ by their words.
BLUE, ORANGE, VERMILLION = "#0072B2", "#E69F00", "#D55E00"
GRAD_INK = "#A84300"  # vermillion, darkened until it reads well as text on white
INK, SOFT, LINE = "#1A1A1A", "#6B6B6B", "#8C8C8C"
GROUND = {"operation": (ORANGE, INK), "leaf": (BLUE, "white"), "constant": ("#E6E6E6", INK)}  # of the header, its text
BORDER = {"operation": LINE, "leaf": BLUE, "constant": "#BFBFBF"}


def source(boxes):
    """DOT source for a list of Boxes: one node each, one edge for each operand. The same boxes give the same bytes."""
    dot = graphviz.Digraph(
        "chainrule",
        graph_attr={"rankdir": "LR", "bgcolor": "white", "nodesep": "0.22", "ranksep": "0.45", "pad": "0.15"},
        node_attr={"shape": "plain", "fontname": "Helvetica", "fontsize": "11", "fontcolor": INK},
        edge_attr={"color": LINE, "arrowsize": "0.6", "penwidth": "1.1", "edgetooltip": " "},
    )
    for i, box in enumerate(boxes):
        dot.node(f"n{i}", label=_label(box), tooltip=graphviz.escape(_tooltip(box)), id=f"n{i}")
        for slot, (operand, name, flows) in enumerate(box.operands):
            dot.edge(
                f"n{operand}",
                f"n{i}:s{slot}:w",
                style=None if flows else "dashed",
                edgetooltip=graphviz.escape(f"operand {name}" + ("" if flows else ", no gradient flows back")),
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
    grid = [("data", row) for row in box.value] + [("grad", row) for row in box.grad]
    columns = 1 + max((len(row) for _, row in grid), default=1)
    span = f'COLSPAN="{columns}" ALIGN="LEFT"'
    ground, ink = GROUND[box.kind]
    title = _font(box.symbol, ink, 12, "B") + (_font("   " + box.name, ink, 12) if box.name else "")
    rows = [f'<TR><TD {span} BGCOLOR="{ground}" CELLPADDING="4">{title}</TD></TR>']
    if box.array or box.options:
        facts = "   ".join([*([box.array] if box.array else []), *box.options])
        rows.append(f"<TR><TD {span}>{_font(facts, SOFT, 9)}</TD></TR>")
    for i, (word, row) in enumerate(grid):
        first = i == 0 or grid[i - 1][0] != word
        rows.append(f"<TR>{_cells(word if first else '', row, columns, INK if word == 'data' else GRAD_INK)}</TR>")
    slots = "".join(
        f'<TR><TD PORT="s{i}">{_font(name, SOFT, 9)}</TD></TR>' for i, (_, name, _) in enumerate(box.operands)
    )
    slots = f"<TD>{_table(slots)}</TD><VR/>" if slots else ""
    colour, width = (VERMILLION, 3) if box.broken else (BORDER[box.kind], 1)
    return (
        f'<<TABLE BORDER="{width}" COLOR="{colour}" BGCOLOR="white" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f"<TR>{slots}<TD>{_table(''.join(rows))}</TD></TR></TABLE>>"
    )


def _cells(word, row, columns, ink):
    """A word and the numbers beside it; a short row leaves the columns at its left empty."""
    gap = f'<TD COLSPAN="{columns - len(row)}" ALIGN="LEFT">{_font(word, SOFT, 9)}</TD>'
    return gap + "".join(f'<TD ALIGN="RIGHT">{_font(cell, ink, 11)}</TD>' for cell in row)


def _table(rows):
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">{rows}</TABLE>'


def _font(content, colour, size, style=""):
    content = _safe(content)
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{f"<{style}>{content}</{style}>" if style else content}</FONT>'


def _safe(content):
    """Text for an HTML-like label, in which dot also reads \\N and the like."""
    return html.escape(readable(content)).replace("\\", "\\\\")


def _tooltip(box):
    lines = [f"{box.name} = {box.operation}" if box.name else box.operation, *([box.where] if box.where else [])]
    return " at ".join(readable(line, 200) for line in lines)


def readable(content, limit=48):
    """Text of at most `limit` characters, in one line, without characters that cannot be shown."""
    kept = "".join(c if c.isprintable() or c == "\u200d" else " " if c.isspace() else "\ufffd" for c in str(content))
    return kept if len(kept) <= limit else f"{kept[: limit // 2]}…{kept[1 - limit // 2 :]}"
