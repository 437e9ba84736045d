"""The story of a graph as a table of text: for the terminal, for screen readers, for doctests."""

from itertools import groupby

from .steps import Story

_WIDEST = 60  # columns are no wider
_PAGE = 98  # characters that a line with a note may have


def explain(graph, lr=0.1, limit=1000):
    """What is given, then forward, seed, backward and update: a line for each step, numbered as in `steps` from 1 on.

    A part of more than `limit` lines is shortened in the middle; None shows all.

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0, "x")
        >>> y = x * x
        >>> print(explain(cr.trace(y, {"y": y})))
        given
          x = 3
        forward
          1  y = x * x = 3 * 3 = 9
        seed
          2  y -> grad = 1, as ∂y/∂y = 1
        backward
          3  x -> upstream 1 × local 3 = 3; grad = 3         (1 of 2) from y = x * x
          4  x -> upstream 1 × local 3 = 3; grad = 3 + 3 = 6 (2 of 2) from y = x * x
        update: value − 0.1 × grad
          5  x: 3 − 0.1 × 6 = 2.4
    """
    story = Story(graph, lr)
    parts = [("given", [("", node) for node in story.given], story.start)]
    for phase, numbered in groupby(enumerate(story.steps, start=1), key=lambda pair: pair[1].phase):
        title = f"update: value − {lr} × grad" if phase == "update" else phase
        parts.append((title, [(f"{i:>{len(str(len(story.steps)))}} ", step) for i, step in numbered], story.cells))
    return "\n".join(line for title, rows, tell in parts if rows for line in _table(title, rows, tell, limit))


def _table(title, rows, tell, limit):
    """The lines of one part, its columns aligned."""
    missing = len(rows) - limit if limit is not None else 0
    if missing > 0:
        head, tail = rows[: limit // 2], rows[len(rows) - limit + limit // 2 :]
    else:
        head, tail = rows, []
    lines = [_noted([number, *tell(thing)]) for number, thing in (*head, *tail)]
    columns = range(max(len(cells) for cells, _ in lines))
    widths = [
        max((len(cells[i]) for cells, _ in lines if i < len(cells) and len(cells[i]) <= _WIDEST), default=0)
        for i in columns
    ]
    texts = ["  " + _row(cells, widths, notes) for cells, notes in lines]
    if missing > 0:
        texts.insert(len(head), f"  … {missing:,} more")
    return [title, *texts]


def _noted(cells):
    """(the cells of a line, the notes in brackets that stand behind them)."""
    is_note = lambda cell: cell.startswith("[")
    return [c for c in cells if not is_note(c)], list(filter(is_note, cells))


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
        return f"\n{'':{content.find('-> ') + 5}}".join([content.rstrip(), *notes])
    return line
