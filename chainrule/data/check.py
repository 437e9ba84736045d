"""Checking data before it is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.convert import raw
from ..autograd.errors import ArgumentError
from ..autograd.ops.creation import asarray
from ..backends import owner

SHOWN = 5  # rows or columns that a message names


def check_finite(name: str, array: Any) -> None:
    """Raise if an array holds NaN or infinity, which would turn every weight into NaN in one training step.

    Shape: any; `name` is what the message calls the array. Whole numbers are finite and cost nothing to check.
    Raises: ArgumentError that says how many values it is, and in which rows and columns.
    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 2.0], [float("nan"), 3.0]])
        >>> try:
        ...     cr.data.check_finite("x", x)
        ... except cr.ArgumentError as error:
        ...     print(error)
        x: 1 value is not finite: row 1 (column 0); remove such rows, or fill in the values
    """
    array = raw(asarray(array))
    if getattr(array, "dtype", np.dtype(float)).kind != "f":
        return
    backend = owner(array)
    finite = np.isfinite(array) if isinstance(array, float) else backend.xp.isfinite(array)
    if not bool(finite.all()):
        bad = ~backend.to_numpy(finite)
        count = "1 value is" if bad.sum() == 1 else f"{bad.sum()} values are"
        raise ArgumentError(f"{name}: {count} not finite{places(bad)}; remove such rows, or fill in the values")


def places(bad):
    """Where a mask is set, in words that follow a statement: the first few rows, and the columns of a matrix."""
    if bad.ndim == 0:
        return ""
    axes = zip(("row", "column") if bad.ndim == 2 else ("row",), np.nonzero(bad), strict=False)
    rows, *columns = [_listed(kind, np.unique(positions)) for kind, positions in axes]
    return f": {rows}" + "".join(f" ({text})" for text in columns)


def _listed(kind, positions):
    more = f" and {len(positions) - SHOWN} more" if len(positions) > SHOWN else ""
    return f"{kind}{'s' * (len(positions) > 1)} {', '.join(map(str, positions[:SHOWN]))}{more}"
