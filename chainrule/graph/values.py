"""Numbers ready to be shown: all of them where they are few, and a summary where they are many."""

import math
from dataclasses import dataclass

import numpy as np

from ..autograd.node import SMALL
from ..autograd.ops.reduce import norm2
from ..backends import owner

NOT_COMPUTED = "—"  # a gradient that no backward pass has left; never 0
ROWS, COLUMNS = 4, 5  # arrays of up to this many rows and columns are shown element by element


@dataclass(slots=True)
class Values:
    """An array or a number as plain data.

    Fields:
        shape: of the array, () for a number.
        dtype: its name; "" for a Python number.
        items: all elements as nested lists, or the number, where there are at most 64; else None.
        summary: of a larger array: "min", "max", "mean" and "rms" (root mean square) of the finite elements, None without
            any, and how many are "nan", "inf" and "zero"; else None.
    """

    shape: tuple[int, ...]
    dtype: str
    items: float | list | None
    summary: dict | None = None

    @property
    def broken(self):
        """Whether a nan or an infinity is among them."""
        if self.items is None:
            return bool(self.summary["nan"] or self.summary["inf"])
        return not (np.isfinite(self.array()).all() if self.shape else math.isfinite(self.items))

    def array(self):
        """The elements as an array of their own dtype; None where there is only a summary."""
        return None if self.items is None else np.asarray(self.items, self.dtype or None).reshape(self.shape)

    @property
    def listed(self):
        """Whether the view of it lists each element, rather than a summary."""
        if not self.shape or len(self.shape) > 2 or not self.items:
            return not self.shape
        return math.prod(self.shape[:-1]) <= ROWS and 0 < self.shape[-1] <= COLUMNS

    def rows(self):
        """Rows of cells of text: the elements of a small array, else one cell that sums it up."""
        if not self.shape:
            return [[number(self.items)]]
        if self.listed:
            return [[number(v) for v in row] for row in (self.items if len(self.shape) == 2 else [self.items])]
        return [[_in_words(self.shape, self.dtype, self.summary or summary(self.array()))]]

    def __str__(self):
        rows = self.rows()
        if not self.shape or not self.listed:
            return rows[0][0]
        lines = ["[" + ", ".join(row) + "]" for row in rows]
        return "[" + ", ".join(lines) + "]" if len(self.shape) == 2 else lines[0]


def values(data):
    """Values of a number or an array of any device; None for None, and for what is not numbers."""
    if data is None:
        return None
    if isinstance(data, (bool, int, float)):
        return Values((), "", data)
    dtype = str(data.dtype)
    if np.dtype(data.dtype).kind not in "biuf":
        return None
    if isinstance(data, np.generic) or data.size <= SMALL:
        host = data if isinstance(data, np.generic) else owner(data).to_numpy(data)
        return Values(host.shape, dtype, host.tolist())
    return Values(data.shape, dtype, None, summary(data))


def summary(data):
    """An array in a few numbers, computed on its own device and read in one transfer."""
    backend = owner(data)
    xp, x = backend.xp, data
    if not x.size:
        return dict.fromkeys(("min", "max", "mean", "rms")) | dict.fromkeys(("nan", "inf", "zero"), 0)
    if x.dtype.kind != "f":
        x = x.astype("float64")
    finite = xp.isfinite(x)
    count = finite.sum()
    kept = xp.where(finite, x, 0).astype("float64")
    some = xp.maximum(count, 1)
    facts = {
        "min": xp.where(finite, x, math.inf).min(),
        "max": xp.where(finite, x, -math.inf).max(),
        "mean": kept.sum() / some,
        "rms": norm2(kept) / xp.sqrt(some),
        "nan": xp.isnan(x).sum(),
        "inf": xp.isinf(x).sum(),
        "zero": (x == 0).sum(),
        "finite": count,
    }
    read = backend.to_numpy(xp.stack([xp.asarray(fact, dtype="float64") for fact in facts.values()])).tolist()
    *ranges, nan, inf, zero, finite = read
    numbers = dict(zip(facts, ranges if finite else [None] * 4, strict=False))
    return {**numbers, "nan": int(nan), "inf": int(inf), "zero": int(zero)}


def number(value, digits=4):
    """A number in `digits` significant digits, below a million with all before the point. It has a true minus sign.

    Example:
        >>> number(-3.14159), number(12345.0), number(1e-7), number(-0.0)
        ('−3.142', '12345', '1e−07', '0')
    """
    if isinstance(value, bool):
        return str(value)
    large = abs(value) < 10**6 and (abs(value) >= 10 ** (digits - 1) or value == int(value))
    text = f"{value:.0f}" if large else f"{value:.{digits}g}"
    return "0" if text == "-0" else text.replace("-", "−")


def _in_words(shape, dtype, facts):
    """A summary in a few words: range and mean, and what is not finite."""
    size = math.prod(shape)
    if size == 0:
        return "no elements"
    if dtype == "bool":
        return f"{size - facts['zero']} of {size} true"
    parts = []
    if facts["min"] is not None:
        low, high, mean = (number(facts[key], 3) for key in ("min", "max", "mean"))
        parts = [f"all {low}"] if low == high else [f"{low} … {high}", f"mean {mean}"]
    parts += [f"{facts[word]} {word}" for word in ("nan", "inf") if facts[word]]
    return ", ".join(parts)
