"""A model as a table: its layers, what they give, and how many parameters they hold."""

from dataclasses import dataclass

from ..autograd import random
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.ops.creation import zeros
from ..autograd.tape import no_grad
from ..autograd.tensor import Tensor
from .module import Module, Parameter

_BATCH = 2  # examples in the pass that finds the shapes
_COLUMNS = {"path": "layer", "type": "type", "output": "output", "parameters": "parameters", "trainable": "trainable"}


@dataclass(repr=False)
class Summary:
    """What `summary` found; shown as a table.

    Fields:
        rows: a dict for each module, in the order in which they are first called: its path, type, output shape(s) as
            text, and how many parameters it holds itself (not in modules below), trainable ones among them.
        total_parameters, trainable_parameters: numbers of elements; a shared parameter counts once.
        parameter_bytes: their memory.
    """

    rows: list
    total_parameters: int
    trainable_parameters: int
    parameter_bytes: int

    def __repr__(self):
        cells = [list(_COLUMNS.values())]
        for row in self.rows:
            cells.append([f"{row[key]:,}" if isinstance(row[key], int) else row[key] for key in _COLUMNS])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(_fit(*cell) for cell in zip(line, widths, range(5), strict=True)).rstrip() for line in cells]
        frozen = self.total_parameters - self.trainable_parameters
        return "\n".join(
            [lines[0], "─" * (sum(widths) + 8), *lines[1:], "─" * (sum(widths) + 8)]
            + [f"{self.total_parameters:,} parameters ({self.trainable_parameters:,} trainable, {frozen:,} frozen), "
               f"{_bytes(self.parameter_bytes)}"]
        )  # fmt: skip
