"""How a check went, as text: a line for each check, a small table of the first case that fails, and a diagnosis."""

from dataclasses import dataclass, field
from math import prod
from textwrap import wrap

import numpy as np

from ..graph.values import number
from .task import Task

WIDTH = 100  # characters
COLUMNS = ROWS = 6  # of a table
_MARKS = {"passed": "✓", "failed": "✗", "waiting": "·"}


class Wrong(Exception):
    """A check failed.

    Fields:
        reason: what is wrong, in sentences.
        case: what was tried, in a word or two.
        rows: (label, array) of the case that shows it.
        marks: for the label of a row, a mask of its wrong elements.
    """

    def __init__(self, reason, case="", rows=(), marks=None):
        super().__init__(reason)
        self.reason, self.case, self.rows, self.marks = reason, case, list(rows), marks or {}


@dataclass(repr=False)
class Result:
    """True if what was given is right, be it forward, backward or both. Its text is the report.

    Fields:
        exercise: what was tried.
        checks: (title, "passed", "failed" or "waiting") in the order in which they ran.
        failure: what stopped it, with reason, case and rows; None if nothing failed.
    """

    exercise: Task
    checks: list[tuple[str, str]] = field(default_factory=list)
    failure: Wrong | None = None

    def __bool__(self):
        return self.failure is None and any(state == "passed" for _, state in self.checks)

    @property
    def complete(self):
        """Whether every check passed: neither forward nor backward is missing."""
        return all(state == "passed" for _, state in self.checks)

    def __str__(self):
        lines = [f"{self.exercise.name}: {self._verdict()}", ""]
        lines += [f"  {_MARKS[state]} {title}" for title, state in self.checks]
        if self.failure:
            shown = table(self.failure.rows, self.failure.marks)
            lines += ["", *shown] if shown else []
            lines += ["", *_indented(self.failure.reason)]
        elif self.complete:
            lines += ["", *_indented(f"chainrule's own rule: {self.exercise.solution}.")]
        return "\n".join(lines)

    __repr__ = __str__

    def _verdict(self):
        passed = sum(state == "passed" for _, state in self.checks)
        if self.complete:
            return f"all {passed} checks passed"
        if self.failure or not passed:
            return f"{passed} of {len(self.checks)} checks passed"
        missing = "backward" if self.checks[0][1] == "passed" else "forward"
        return f"{'forward' if missing == 'backward' else 'backward'} is right; {missing} is still to be written"


def table(rows, marks):
    """Lines that show arrays below each other; `marks` holds, by label, masks of elements that get carets."""
    if not rows:
        return []
    digits = _digits(rows, marks)
    columns = _columns([a for _, a in rows], marks)
    grids = [(label, _grid(a, columns), _grid(marks[label], columns) if label in marks else None) for label, a in rows]
    cells = [[[_cell(v, digits) for v in row] for row in grid] for _, grid, _ in grids]
    width = max((len(cell) for grid in cells for row in grid for cell in row), default=1)
    left = max(len(label) for label, _ in rows) + 4
    mixed = len({a.shape for _, a in rows}) > 1
    lines = []
    for (label, _, mask), grid, (_, a) in zip(grids, cells, rows, strict=True):
        for i, row in enumerate(grid):
            text = f"{label if i == 0 else '':>{left}}" + "".join(f"  {cell:>{width}}" for cell in row)
            lines.append(text + (f"   shape {a.shape}" if mixed and i == 0 else ""))
            if mask is not None and mask[i].any():
                carets = ["^" * len(cell) * bool(bad) for cell, bad in zip(row, mask[i], strict=True)]
                lines.append((" " * left + "".join(f"  {caret:>{width}}" for caret in carets)).rstrip())
    return lines


def _columns(arrays, marks):
    """Which columns are shown: the first ones, or of long rows those with marks."""
    length = max(a.shape[-1] if a.ndim else 1 for a in arrays)
    if length <= COLUMNS or len({a.shape for a in arrays}) > 1:
        return range(min(length, COLUMNS))
    wrong = np.concatenate([np.zeros((1, length), bool), *(m.reshape(-1, length) for m in marks.values())]).any(axis=0)
    return sorted(np.argsort(~wrong, kind="stable")[:COLUMNS].tolist())


def _grid(a, columns):
    """An array as a matrix of at most ROWS rows and the chosen columns."""
    a = a.reshape(prod(a.shape[:-1]), a.shape[-1]) if a.ndim else a.reshape(1, 1)
    return a[:ROWS, [c for c in columns if c < a.shape[1]]]


def _digits(rows, marks):
    """The fewest digits that distinguish wrong numbers from right ones."""
    arrays = dict(rows)
    for label, mask in marks.items():
        pairs = list(zip(arrays[label][mask], arrays[label.replace("got", "expected")][mask], strict=True))
        for digits in (3, 5, 8):
            if all(number(given, digits=digits) != number(right, digits=digits) for given, right in pairs):
                return digits
        return 12
    return 4


def _cell(value, digits):
    if value.dtype == bool:
        return str(bool(value))
    whole = np.isfinite(value) and value == int(value)
    return number(int(value) if whole else float(value), str(value.dtype), digits)


def _indented(text):
    return [f"  {part}" for line in text.split("\n") for part in wrap(line, WIDTH - 2) or [""]]
