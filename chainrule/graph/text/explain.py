"""The story of a graph as a table of text: for the terminal, for screen readers, for doctests."""

import html
from itertools import groupby

from ...autograd.arguments import whole
from ...pages.words import t
from .phrases import Note, few
from .story import Story

_WIDEST = 60  # columns are no wider
_PAGE = 98  # characters that a line with a note may have


class Explanation(str):
    """Text that a prompt and a notebook show line by line; in all else a str."""

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        style = "line-height:1.35;overflow-x:auto;white-space:pre"
        lines = [f"<b>{line}</b>" if line[:1] != " " else line for line in html.escape(self, quote=False).split("\n")]
        return f'<pre style="{style}">' + "\n".join(lines) + "</pre>"


def explain(graph, lr=0.1, limit=1000):
    """What is given, then forward, seed, backward and update: a line for each step, numbered as in `steps` from 1 on.

    A part of more than `limit` lines is shortened in the middle; None shows all. Graph.explain has an example.

    Raises: ArgumentError if `limit` is no whole number of at least 1.
    """
    limit = whole("explain", "limit", limit, none="all lines")
    story = Story(graph, lr)
    parts = [(t("given"), [("", node) for node in story.given], story.start)]
    titles = {"forward": t("forward"), "seed": t("seed"), "backward": t("backward")}
    titles["update"] = t("update: value − {0} × grad", story.rate)
    for phase, numbered in groupby(enumerate(story.steps, start=1), key=lambda pair: pair[1].phase):
        parts.append(
            (titles[phase], [(f"{i:>{len(str(len(story.steps)))}} ", step) for i, step in numbered], story.cells)
        )
    return Explanation(
        "\n".join(line for title, rows, tell in parts if rows for line in _table(title, rows, tell, limit))
    )


def _table(title, rows, tell, limit):
    """The lines of one part, its columns aligned."""
    lines = [_noted([row[0], *tell(row[1])]) if row else None for row in few(rows, limit)]
    found = [cells for cells, _ in filter(None, lines)]
    widths = [
        max((len(cells[i]) for cells in found if i < len(cells) and len(cells[i]) <= _WIDEST), default=0)
        for i in range(max(map(len, found)))
    ]
    more = t("… {0} more", f"{len(rows) - (limit or 0):,}")
    return [title, *("  " + (_row(line[0], widths, line[1]) if line else more) for line in lines)]


def _noted(cells):
    """(the cells of a line, the Notes that stand behind them)."""
    notes = [cell for cell in cells if isinstance(cell, Note)]
    return [cell for cell in cells if not isinstance(cell, Note)], notes


def _row(cells, widths, notes):
    """Cells in their columns; after one that is too wide for its column, the rest as it comes; then the notes.

    Notes that would end beyond the width of a page have lines of their own.
    """
    content, aligned = "", True
    for cell, width in zip(cells, widths, strict=False):
        aligned = aligned and len(cell) <= width
        if cell or aligned and width:
            content += cell.ljust(width if aligned else 0) + " "
    line = (content + " ".join(notes)).rstrip()
    if notes and len(line) > _PAGE:
        indent = content.find("-> ") + 5 if "-> " in content else widths[0] + 4
        return f"\n{'':{indent}}".join([content.rstrip(), *notes])
    return line
