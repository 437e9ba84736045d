"""What a training run leaves behind."""

import csv
from pathlib import Path


class History(list):
    """One dict for each epoch: `epoch`, `loss`, and what was measured on the validation data.

    Example:
        >>> import chainrule as cr
        >>> history = cr.optim.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history["loss"]
        [0.5, 0.25]
    """

    def __getitem__(self, key):
        """A column by its name, or an epoch by its position."""
        return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)

    @property
    def columns(self):
        return list(dict.fromkeys(name for row in self for name in row))

    def to_csv(self, path):
        """Write one line for each epoch under a line of names; an existing file is replaced."""
        with Path(path).open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self)

    def __repr__(self):
        rows = [self.columns] + [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
        return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=False)) for row in rows)
