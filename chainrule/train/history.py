"""What a training run leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from ..autograd.files import write_atomically

if TYPE_CHECKING:
    from ..autograd.typing import FilePath, MaybeNone

SHOWN = 60  # rows that are printed of a long run


class History(list[dict[str, Any]]):
    """One dict for each epoch: `epoch`, `loss`, what was measured on the validation data, `lr`, `grad_norm`, `seconds`.

    Fields:
        best_epoch: the epoch with the best monitored value; None without validation data.
        best_weights: the model's state dict after that epoch.
        stop_reason: why the run ended early, in words; None if it did not.
        snapshots: what a Replay recorded, as plain data: "epoch", "step" in it of "epoch_steps", "steps" in all, and the
            state of "layers", "outputs", "plane" and "graph". Empty without a Replay.
        timeline: what the workers did in the last three steps, as plain data: "worker" (the process), "thread" in it, "what" ("shard 0",
            …, "wait", "sum", "update"), "start" and "end" in seconds from the first. Empty without workers, or if an error ended the run.
        lowering: what the steps ran on: "c" or "numpy" (with the reason why not "c", where that was wanted) where cr.jit recorded them,
            else "eager"; why_eager: then the reason, in words.
        snapshot_info: what the snapshots share, such as the names of the layers; None without a Replay.

    Example:
        >>> import chainrule as cr
        >>> history = cr.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history["loss"]
        [0.5, 0.25]
        >>> history
        epoch  loss
            1   0.5
            2  0.25
    """

    best_epoch: int | MaybeNone
    best_weights: dict[str, Any] | MaybeNone
    stop_reason: str | None
    lowering: str
    why_eager: str | None
    snapshots: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    snapshot_info: dict[str, Any] | None

    if TYPE_CHECKING:  # attached where the views of a run are known, in chainrule/__init__.py

        def plot(self, ax: Any = None, **options: Any) -> Any: ...
        def save(
            self,
            path: FilePath,
            title: str | None = None,
            language: str = "en",
            others: dict[str, History] | None = None,
        ) -> Path: ...

    def __init__(self, rows: Iterable[dict[str, Any]] = ()):
        super().__init__(rows)
        self.best_epoch = self.best_weights = self.stop_reason = self.why_eager = self.snapshot_info = None
        self.lowering = "eager"
        self.snapshots, self.timeline = [], []

    @overload
    def __getitem__(self, key: SupportsIndex) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    def __getitem__(self, key):
        """A column by its name, an epoch by its position, or several epochs as a History."""
        if isinstance(key, str):
            if self and key not in self.columns:
                raise KeyError(f"there is no column {key!r}; choose among {', '.join(self.columns) or 'none'}")
            return [row[key] for row in self]
        rows = super().__getitem__(key)
        return History(rows) if isinstance(key, slice) else rows

    @property
    def best(self) -> dict[str, Any] | None:
        """The row of the best epoch; None without one."""
        return next((row for row in self if row.get("epoch") == self.best_epoch), None)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self for name in row))

    def to_csv(self, path: FilePath) -> None:
        """Write one line for each epoch under a line of names; an existing file is replaced, as a whole."""
        import csv
        import io

        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self)
        write_atomically(Path(path), text.getvalue())

    def _cells(self):
        """The table as text: the names, and a row for each epoch."""
        show = lambda v: f"{v:.4g}" if isinstance(v, float) else str(v)
        return [self.columns, *([show(row.get(name, "")) for name in self.columns] for row in self)]

    def __repr__(self):
        if not self:
            return "no epoch was finished"
        cells = self._cells()
        if len(cells) > 1 + SHOWN:
            cells[1 + SHOWN // 2 : -SHOWN // 2] = [["…"] * len(cells[0])]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in cells)

    def _repr_html_(self):
        """A table for notebooks, the best epoch in bold."""
        from html import escape

        names, *rows = self._cells()
        style = "text-align:right;padding:.1rem .6rem"
        head = "".join(f"<th style='{style}'>{escape(name)}</th>" for name in names)
        body = []
        for epoch, row in zip(self, rows, strict=True):
            best = self.best_epoch is not None and epoch.get("epoch") == self.best_epoch
            cells = "".join(f"<td style='{style}'>{escape(cell)}</td>" for cell in row)
            body.append(
                f"<tr style='font-weight:bold' title='best epoch'>{cells}</tr>" if best else f"<tr>{cells}</tr>"
            )
        facts = [f"best: epoch {self.best_epoch}"] if self.best_epoch is not None else []
        facts += [f"stopped: {self.stop_reason}"] if self.stop_reason else []
        caption = f"<p>{escape(' · '.join(facts))}</p>" if facts else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{caption}"
