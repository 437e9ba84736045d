"""Splitting examples into training, validation and test parts."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, isfinite
from typing import Any

import numpy as np

from ..autograd import random
from ..autograd.arguments import whole_number
from ..autograd.convert import owner_or_none, raw
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.foreign import explaining
from ..autograd.ops.creation import asarray
from ..autograd.ops.index import getitem
from ..autograd.tensor import Tensor
from ..backends import owner
from .batches import common_length


@explaining
def split(
    *arrays: Any, parts: Iterable[float] = (0.8, 0.2), stratify: Any = None, seed: int | None = None
) -> tuple[tuple[Any, ...], ...]:
    """Split arrays that belong together into parts, at random: training and test, or training, validation and test.

    `parts` are fractions that sum to 1, or whole numbers of examples that sum to n. With `stratify`, the class of each
    example, every part gets each class's share of examples to within one, and every class that has as many examples as
    there are parts is in all of them. (Where a part is too small for both, the second takes precedence.)

    Shape: each array (n, …); the result has one tuple of arrays for each part. Lists stay lists, NumPy arrays, Tensors,
        DataFrames and Series keep their type and device. `stratify` is (n,) or (n, 1).
    Raises: ArgumentError for parts that do not add up, a part without examples, or one too small for the classes;
        ShapeError if the arrays differ in length or are empty.
    Example:
        >>> import chainrule as cr
        >>> x, y = list(range(10)), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
        >>> (x_train, y_train), (x_test, y_test) = cr.data.split(x, y, parts=(0.8, 0.2), stratify=y, seed=0)
        >>> sorted(y_train), sorted(y_test)
        ([0, 0, 0, 0, 1, 1, 1, 1], [0, 1])
    """
    if not arrays:
        raise ArgumentError("split: needs at least one array")
    arrays = [a if isinstance(a, (list, tuple, Tensor)) or _is_array(a) or _is_frame(a) else asarray(a) for a in arrays]
    n = common_length("split", [(len(a),) if isinstance(a, (list, tuple)) else a.shape for a in arrays])
    sizes = _sizes(parts, n)
    classes = None if stratify is None else _classes(stratify, n)
    order = raw((random if seed is None else random.Generator(seed)).permutation(n, device="cpu"))
    if classes is None:
        chosen = np.split(order, np.cumsum(sizes)[:-1])
    else:
        labels, codes, counts = classes
        table = _apportion(counts, sizes, labels)
        by_class = order[np.argsort(codes[order], kind="stable")]
        part = np.empty(n, int)
        part[by_class] = np.repeat(np.tile(np.arange(len(sizes)), len(counts)), table.ravel())
        chosen = [order[part[order] == p] for p in range(len(sizes))]
    return tuple(tuple(_take(a, index) for a in arrays) for index in chosen)


def _is_array(value):
    return hasattr(value, "shape") and owner_or_none(value) is not None


def _is_frame(value):
    """Whether it is a DataFrame or a Series: its rows may hold text, and have labels."""
    return hasattr(value, "iloc")


def _take(array, index):
    if _is_frame(array):
        return array.iloc[index]
    if isinstance(array, (list, tuple)):
        return [array[i] for i in index] if isinstance(array, list) else tuple(array[i] for i in index)
    return getitem(array, index=index) if isinstance(array, Tensor) else array[owner(array).xp.asarray(index)]


def _sizes(parts, n):
    """The number of examples in each part."""
    try:
        parts = [p.item() if isinstance(p, (np.generic, np.ndarray)) else p for p in parts]
    except TypeError:
        parts = [parts]
    whole = all(map(whole_number, parts))
    if len(parts) < 2 or not whole and not all(isinstance(p, float) and isfinite(p) for p in parts):
        raise ArgumentError(
            f"split: parts must be at least two fractions such as (0.8, 0.2), or whole numbers of examples, not {parts}"
        )
    total, wanted = (sum(parts), n) if whole else (fsum(parts), 1)
    if abs(total - wanted) > 1e-9:
        raise ArgumentError(
            f"split: the parts must sum to {f'the {n} examples' if whole else 1}, {parts} sum to {total:.12g}"
        )
    if whole:
        sizes = parts
    else:  # largest remainders
        exact = np.array(parts) * n
        sizes = np.floor(exact).astype(int)
        sizes[np.argsort(sizes - exact, kind="stable")[: n - sizes.sum()]] += 1
    for p, size in enumerate(sizes):
        if size < 1:
            raise ArgumentError(f"split: part {p} ({parts[p]}) of {n} examples has {size}; it needs at least one")
    return np.array(sizes)


def _classes(stratify, n):
    """(labels, the position among them of each example's label, how many examples each has)."""
    labels = raw(stratify)
    labels = owner(labels).to_numpy(labels) if _is_array(labels) else np.asarray(labels)
    if labels.shape not in ((n,), (n, 1)):
        raise ShapeError(f"split: stratify needs the class of each of the {n} examples, not the shape {labels.shape}")
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise ArgumentError("split: stratify needs classes, not measurements; give bins, e.g. np.digitize(y, edges)")
    return np.unique(labels.ravel(), return_inverse=True, return_counts=True)


def _apportion(counts, sizes, labels):
    """How many examples of each class go to each part: (classes, parts), with the counts and sizes as its sums."""
    share = np.outer(counts, sizes)  # times n
    n = counts.sum()
    table = share // n
    need = sizes - table.sum(axis=0)
    # what is left over goes to the parts that still need most: the sums always come out right
    for c, left in enumerate(counts - table.sum(axis=1)):
        chosen = np.lexsort((-(share[c] % n), -need))[:left]
        table[c, chosen] += 1
        need[chosen] -= 1
    must = counts >= len(sizes)
    while (gaps := np.argwhere((table == 0) & must[:, None])).size:
        c, p = gaps[0]  # swap one of class c, from part q, for one of class d, from part p
        q = np.argmax(table[c])
        free = np.where(must, table[:, p] > 1, table[:, p] > 0)
        if not free.any():
            raise ArgumentError(
                f"split: part {p} has {sizes[p]} examples, too few for one of each of the {must.sum()} classes: "
                f"class {labels[c]} ({counts[c]} examples) finds no place; make the part larger, or leave stratify out"
            )
        d = np.argmax(np.where(free, table[:, p] * n - share[:, p], -np.inf))
        table[[c, d, c, d], [p, q, q, p]] += [1, 1, -1, -1]
    return table
