"""Indexing, and what follows from it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from ...backends import FUSING, check, owner
from ..call import Owned
from ..convert import raw, refuse_masked
from ..errors import ArgumentError, DeviceError, DtypeError, ShapeError
from ..primitive import LINEAR, composed, primitive
from ..samples import distinct, on
from ..tensor import Tensor
from ..typing import ArrayLike, DType, Shape
from .creation import default_dtype, home, tensor
from .reduce import max_, min_
from .shape import axis_index, reshape
from .sums import SHORT


def prepared(xp, index, shape):
    """An index of an array of `shape` in which lists and host arrays have become arrays of the namespace xp.

    On a device no position in it is out of range: those of the host raise now, those of the device when it is next read.
    """
    device = FUSING.get(id(xp))
    return _as_arrays(xp, index) if device is None else _located(device, index, shape)


def _as_arrays(xp, index):
    if isinstance(index, tuple):
        return tuple(_as_arrays(xp, i) for i in index)
    if isinstance(index, (list, np.ndarray)):
        refuse_masked("index", index)
        array = np.asarray(index)
        empty_list = isinstance(index, list) and array.size == 0 and array.dtype.kind == "f"
        return xp.asarray(array.astype(np.intp) if empty_list else array)
    return index


def _located(device, index, shape):
    """`prepared` for a device; Owned where nothing of it is the caller's.

    Raises: IndexError for what the host knows to be out of range, or a mask of another shape.
    """
    if type(index) is Owned:  # by an earlier look
        return index
    parts, located, axis = [*index] if isinstance(index, tuple) else [index], [], 0
    parts = [np.asarray(_as_arrays(np, i)) if isinstance(i, (list, np.ndarray)) else i for i in parts]
    rest, kind = len(shape) - sum(_axes(i) for i in parts), Owned
    for part in parts:
        if part is Ellipsis:
            axis += rest
        along, axis = shape[axis : axis + _axes(part)], axis + _axes(part)
        if not hasattr(part, "shape") or isinstance(part, np.generic) or len(along) < _axes(part):
            located.append(part)  # of too many indices the namespace complains
        elif not isinstance(part, np.ndarray) and part.dtype.kind in "iu":
            located.append(device.positions(part, *along, _outside(*along)))
        elif not isinstance(part, np.ndarray):
            located.append(part)
            kind = tuple  # it is the caller's
        elif part.dtype.kind == "b":
            if part.shape != along:
                raise IndexError(f"a mask of shape {part.shape} for axes of lengths {along}")
            located += map(device.constant, part.nonzero())
        else:
            if part.size and not -along[0] <= part.min() <= part.max() < along[0]:
                raise IndexError(f"{part.min()} to {part.max()} along an axis of length {along[0]}")
            located.append(device.constant(part % along[0] if part.size and part.dtype.kind in "iu" else part))
    return kind(located)


def _axes(part):
    """How many axes of the array a part of an index takes up."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if hasattr(part, "ndim") and part.dtype.kind == "b" else 1


def _outside(n):
    return lambda given: ShapeError(f"index: needs integers in [-{n}, {n}) along an axis of length {n}{given}")


def _is_basic(index):
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        i is None or i is Ellipsis or isinstance(i, (slice, int, np.integer)) and not isinstance(i, bool) for i in parts
    )


_INDICES = [
    on((3, 4), index=1),
    on((3, 4), index=(slice(None), slice(None, None, -2))),
    on((3, 4), index=(Ellipsis, None, 2)),
    on((3, 4), index=([0, 2, 0], [1, 1, 1])),
    on((3, 4), index=np.array([True, False, True])),
    on((2, 3, 4), index=(slice(None), [2, 2], slice(1, 3))),
]


@primitive(
    internal=True,
    symbol="[]",
    jvp=LINEAR,
    samples=_INDICES,
    needs="an index inside the array",
    vjp=dict(x=lambda g, index, x_shape: scatter_add(g, index=index, shape=x_shape)),
    words=dict(x="{g} at the elements that were read, 0 elsewhere"),
)
def getitem(xp, x, *, index: Any):
    """x[index], basic or advanced, with NumPy's meaning. Advanced indexing and every recorded result copy.

    On a GPU, a position out of range in an array raises when a value is next read, and a mask there makes the host wait,
    for the shape of the result depends on it.

    Gradient: an element that was read twice gets both contributions.
    """
    return x[_as_arrays(xp, index) if xp is np else prepared(xp, index, x.shape)]


@primitive(
    internal=True,
    jvp=LINEAR,
    samples=[
        on((2, 4), index=[2, 0], shape=(3, 4)),
        on((2,), index=([1, 1], [2, 2]), shape=(3, 4)),
        on((4,), index=1, shape=(3, 4)),
    ],
    vjp=dict(x=lambda g, index: getitem(g, index=index)),
    accumulates=True,
    words=dict(x="{g} at the index"),
)
def scatter_add(xp, x, *, index: Any, shape: Shape):
    """An array of zeros of `shape` with x added at `index`: the transpose of getitem."""
    index = prepared(xp, index, shape)
    if _is_basic(index):
        out = xp.zeros(shape, dtype=x.dtype)
        out[index] = x
        return out
    if x.dtype.char == "f" and x.size > SHORT:  # one by one: only more digits help
        return _scattered(xp, x.astype(xp.float64), index, shape).astype(x.dtype)
    return _scattered(xp, x, index, shape)


def _scattered(xp, x, index, shape):
    out, device = xp.zeros(shape, dtype=x.dtype), FUSING.get(id(xp))
    if device is None:
        xp.add.at(out, index, x)
    else:
        device.add_at(out, index, x)
    return out


def unwrapped(index, array, listed=False):
    """An index of `array` in which Tensors have become their arrays.

    Raises: DtypeError for floating ones; DeviceError for those of another device.
    """
    if isinstance(index, tuple):
        return tuple(unwrapped(i, array) for i in index)
    if isinstance(index, list):
        return [unwrapped(i, array, listed=True) for i in index]
    if isinstance(index, Tensor):
        if index.dtype.kind not in "biu":
            raise DtypeError(f"index: needs integers or booleans, was given a tensor of {index.dtype}")
        own, given = owner(array), owner(index._data)
        if own is not given:
            raise DeviceError(
                f"index: must be on the device of the array, {own.name!r}, is on {given.name!r}; "
                f"move it there, e.g. index.to({own.name!r})"
            )
        number = not index.ndim and index.dtype.kind != "b" and (own.on_host or listed)
        return int(index) if number else raw(index)
    return index


def read(x, index):
    """x[index] of a Tensor or an array; on a device the index is looked at once, also for the gradient."""
    array = raw(x)
    if type(array) in FUSING:
        with suppress(ValueError, TypeError, IndexError):  # which the call below turns into an error of ours
            index = prepared(owner(array).xp, index, array.shape)
    return getitem(x, index=index)


def put(array, index, value):
    """array[index] = value. On a device, a mask of the array's shape and a single value do not make the host wait."""
    xp, mask = owner(array).xp, getattr(getattr(index, "dtype", None), "kind", "") == "b" and index.shape == array.shape
    if mask and not value.ndim and type(array) in FUSING:
        xp.copyto(array, value, where=xp.asarray(index))  # for which the host need not know how many there are
    else:
        array[prepared(xp, index, array.shape)] = value


@composed
def take(x, indices: ArrayLike, axis: int | None = None) -> Tensor:
    """The elements of x at `indices` along `axis` (None: of the flattened array).

    Shape: the axis is replaced by the shape of indices.
    """
    indices = unwrapped(indices, raw(x))
    if (indices if hasattr(indices, "dtype") else np.asarray(indices)).dtype.kind == "b":
        raise DtypeError("take: indices must be integers, not booleans; use x[mask] for the elements under a mask")
    if axis is None:
        return read(reshape(x, shape=(-1,)), indices)
    return read(x, (*(slice(None),) * axis_index("take", axis, len(x.shape)), indices))


@composed
def take_along_axis(x, indices: ArrayLike, axis: int | None = -1) -> Tensor:
    """For each position, the element of x that `indices` names along `axis` (None: of the flattened array); undoes and
    applies sorts.

    Shape: indices (integers) have as many axes as x, and broadcast with it but for `axis`.
    """
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
    indices = unwrapped(indices if hasattr(indices, "shape") else np.asarray(indices), raw(x))
    ndim = len(x.shape)
    if len(indices.shape) != ndim:
        raise ShapeError(f"take_along_axis: indices need {ndim} axes like x, were given shape {indices.shape}")
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"take_along_axis: indices must be integers, not {indices.dtype}")
    axis = axis_index("take_along_axis", axis, ndim)
    xp = np if type(indices) in FUSING else owner(indices).xp  # a device keeps what comes from the host
    grid = [xp.arange(n).reshape((-1,) + (1,) * (ndim - i - 1)) for i, n in enumerate(x.shape)]
    grid[axis] = indices
    return read(x, tuple(grid))


@primitive(samples=[on((3, 4), domain=distinct), on((3, 4), domain=distinct, axis=0)], vjp={})
def argsort(xp, x, *, axis: int | None = -1):
    """The positions that sort x along `axis`; equal elements keep their order."""
    return xp.argsort(x, axis=axis, kind="stable")


def _unsort(g, x, axis):
    return take_along_axis(g, argsort(argsort(raw(x), axis=axis), axis=axis), axis)


@primitive(
    jvp=dict(x=lambda t, x, axis: take_along_axis(t, argsort(raw(x), axis=axis), axis)),
    samples=[on((3, 4), domain=distinct), on((3, 4), domain=distinct, axis=0)],
    needs="an axis that exists",
    vjp=dict(x=_unsort),
    words=dict(x="{g} sent back to where each element came from"),
)
def sort(xp, x, *, axis: int = -1):
    """x in ascending order along `axis`.

    Gradient: equal elements keep their order.
    """
    return xp.sort(x, axis=axis)


@composed
def one_hot(indices: ArrayLike, num_classes: int, dtype: DType | None = None) -> Tensor:
    """Rows of zeros with a single 1 at each index.

    Shape: indices (…) of integers in [0, num_classes) → (…, num_classes).
    Raises: DtypeError if indices are not integers; ArgumentError if one is out of range.
    Example:
        >>> import chainrule as cr
        >>> cr.one_hot(cr.tensor([0, 2]), 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    indices = raw(tensor(indices, device=home().name) if isinstance(indices, (int, list, tuple)) else indices)
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"one_hot: indices must be integers, not {indices.dtype}")
    backend = owner(indices)
    if indices.size:
        low, high = min_(indices), max_(indices)
        check(
            (low >= 0) & (high < num_classes),
            lambda given: ArgumentError(f"one_hot: indices must lie in [0, {num_classes}){given}"),
            lambda: f", given {low} to {high}",
        )
    hits = indices[..., None] == backend.xp.arange(num_classes)
    return Tensor._wrap(hits.astype(np.dtype(dtype) if dtype is not None else default_dtype()))
