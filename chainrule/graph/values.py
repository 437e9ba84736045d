"""Numbers ready to be shown: all of them where they are few, and a summary where they are many."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..autograd.node import SMALL
from ..autograd.ops.norm import norm2
from ..backends import owner
from ..pages.words import english, translated

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

    def rows(self, digits=4):
        """Rows of cells of text: the elements of a small array in so many digits, else one cell that sums it up."""
        if not self.shape:
            return [[number(self.items, self.dtype, digits)]]
        if self.listed:
            rows = self.items if len(self.shape) == 2 else [self.items]
            return [[number(v, self.dtype, digits) for v in row] for row in rows]
        return [[_in_words(self.shape, self.dtype, self.summary or summary(self.array()))]]

    def line(self, digits=4):
        """The same on one line, as `[[1, 2], [3, 4]]`."""
        rows = self.rows(digits)
        if not self.shape or not self.listed:
            return rows[0][0]
        lines = ["[" + ", ".join(row) + "]" for row in rows]
        return "[" + ", ".join(lines) + "]" if len(self.shape) == 2 else lines[0]

    def __str__(self):
        return self.line()


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


def number(value, dtype="", digits=4):
    """A number in `digits` significant digits, below a million with all before the point. It has a true minus sign.

    Zeros at its end say that it is rounded; without them it is exact, but for the noise of its dtype.

    Example:
        >>> number(-3.14159), number(12345.0), number(1e-7), number(-0.0)
        ('−3.142', '12345', '1e−07', '0')
        >>> number(0.5), number(0.50001), number(0.1 + 0.2)
        ('0.5', '0.5000', '0.3')
    """
    if isinstance(value, bool):
        return str(value)
    if abs(value) < 10**6 and (abs(value) >= 10 ** (digits - 1) or value == int(value)):
        text = f"{value:.0f}"
    else:
        text = f"{value:.{digits}g}"
        if abs(float(text) - value) > noise(dtype) * abs(value):
            text = f"{value:#.{digits}g}".removesuffix(".")
    return "0" if text == "-0" else text.replace("-", "−")


def written(value, most=10):
    """A number as it is written in a program, if that takes at most so many digits; else rounded.

    Example:
        >>> written(1.0001), written(0.1), written(2 / 3)
        ('1.0001', '0.1', '0.6667')
    """
    return number(value, digits=in_full(value, most))


def in_full(value, most=10):
    """`most` if so many digits show a number in full, else the 4 in which others are shown."""
    text = number(value, digits=most)
    if isinstance(value, bool):
        return 4
    return most if abs(float(text.replace("−", "-")) - value) <= noise("") * abs(value) else 4


@lru_cache
def noise(dtype):
    """How far numbers of a dtype may be apart, in proportion, and still be the same but for rounding."""
    return 64 * float(np.finfo(dtype if dtype.startswith("float") else "float64").eps)


def _in_words(shape, dtype, facts):
    """A summary in a few words: range and mean, and what is not finite."""
    size = math.prod(shape)
    if size == 0:
        return translated(english("no elements"))
    if dtype == "bool":
        return translated(english("{0} of {1} true", size - facts["zero"], size))
    parts = []
    if facts["min"] is not None:
        low, high, mean = (number(facts[key], digits=3) for key in ("min", "max", "mean"))
        parts = [english("all {0}", low) if low == high else english("{0} … {1}, mean {2}", low, high, mean)]
    parts += [f"{facts[word]} {word}" for word in ("nan", "inf") if facts[word]]
    return translated(", ".join(parts))
