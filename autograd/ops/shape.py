"""Operations that move elements about without changing them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from ...backends import STRIDED, get, move
from ..cast import cast
from ..convert import owner_or_none, raw, refuse_masked
from ..doors import refuse_leaving
from ..errors import ShapeError
from ..primitive import LINEAR, composed, primitive
from ..samples import on
from ..tensor import Tensor
from ..typing import Axis, Counts, DType, Shape
from .creation import asarray
from .sums import rows, total


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), shape=(2, 6)), on((2, 3, 2), shape=(-1,)), on((), shape=(1, 1))],
    needs="a new shape with as many elements",
    vjp=dict(x=lambda g, x_shape: reshape(g, shape=x_shape)),
)
def reshape(xp, x, *, shape: Shape):
    """The same elements in row-major order under another shape; one length may be -1.

    Example:
        >>> import chainrule as cr
        >>> cr.arange(6).reshape(2, 3).shape
        (2, 3)
    """
    return xp.reshape(x, shape)


def _transpose_back(g, axes):
    return transpose(g, axes=None if axes is None else tuple(int(i) for i in np.argsort([a % g.ndim for a in axes])))


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4)), on((2, 3, 4), axes=(1, 2, 0)), on((2, 3, 4), axes=(-1, 0, 1))],
    needs="axes that name each axis once",
    vjp=dict(x=_transpose_back),
    words=dict(x="{g} with the axes permuted back"),
)
def transpose(xp, x, *, axes: tuple[int, ...] | None = None):
    """Axes permuted to the order `axes`; reversed when it is None."""
    return xp.transpose(x, axes)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), axis1=0, axis2=1), on((2, 3, 4), axis1=0, axis2=-1)],
    needs="two axes that exist",
    vjp=dict(x=lambda g, axis1, axis2: swapaxes(g, axis1=axis1, axis2=axis2)),
)
def swapaxes(xp, x, *, axis1: int, axis2: int):
    """Two axes exchanged."""
    return xp.swapaxes(x, axis1, axis2)


@primitive(
    jvp=LINEAR,
    samples=[on((2, 3, 4), source=0, destination=-1), on((2, 3, 4), source=(0, 1), destination=(-1, 0))],
    needs="as many destinations as sources, each axis once",
    vjp=dict(x=lambda g, source, destination: moveaxis(g, source=destination, destination=source)),
)
def moveaxis(xp, x, *, source: int | tuple[int, ...], destination: int | tuple[int, ...]):
    """Axes `source` moved to the places `destination`, the others kept in order."""
    return xp.moveaxis(x, source, destination)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 1), shape=(3, 4)), on((4,), shape=(2, 3, 4)), on((), shape=(2, 2))],
    needs="a shape that x broadcasts to",
    vjp=dict(x=lambda g, x_shape: unbroadcast(g, shape=x_shape)),
)
def broadcast_to(xp, x, *, shape: Shape):
    """x repeated along axes of length 1 and new leading axes until it has `shape`."""
    out = xp.empty(shape, x.dtype)  # an array of its own: quicker to use than a view with strides of 0
    out[...] = x
    return out


def summed(x, shape):
    """The array x summed to `shape`; backward calls it directly, for it does so for every bias."""
    extra = x.ndim - len(shape)
    if extra == 1 and x.shape[1:] == shape:
        return rows(x) if type(x) in STRIDED and x.ndim == 2 and x.dtype.char in "fd" else total(x, 0)
    axes = tuple(i for i, n in enumerate(x.shape) if i < extra or shape[i - extra] == 1 != n)
    return total(x, axes).reshape(shape)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), shape=(3, 1)), on((2, 3, 4), shape=(4,)), on((2, 2), shape=())],
    needs="a shape that broadcasts to that of x",
    vjp=dict(x=lambda g, x_shape: broadcast_to(g, shape=x_shape)),
)
def unbroadcast(xp, x, *, shape: tuple[int, ...]):
    """x summed to `shape` along the axes that broadcasting would repeat: the transpose of broadcast_to."""
    return summed(x, shape)


@primitive(
    jvp=LINEAR,
    samples=[on((1, 3, 1)), on((1, 3, 1), axis=0), on((1, 3, 1), axis=(0, 2))],
    needs="axes of length 1",
    vjp=dict(x=lambda g, x_shape: reshape(g, shape=x_shape)),
)
def squeeze(xp, x, *, axis: Axis = None):
    """Axes of length 1 removed: those in `axis`, or all."""
    return xp.squeeze(x, axis)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), axis=0), on((3, 4), axis=-1), on((3,), axis=(0, 2))],
    needs="an axis of the result",
    vjp=dict(x=lambda g, x_shape: reshape(g, shape=x_shape)),
)
def expand_dims(xp, x, *, axis: int | tuple[int, ...]):
    """New axes of length 1 at the places `axis` of the result."""
    return xp.expand_dims(x, axis)


def _piece(g, xs_shape, position, axis):
    slices = [slice(None)] * g.ndim
    slices[axis] = slice(*xs_shape.starts(axis)[position : position + 2])
    return g[tuple(slices)]


@primitive(
    jvp=LINEAR,
    samples=[on((2, 3), (4, 3)), on((2, 3), (2, 1), (2, 2), axis=1), on((3,), axis=-1)],
    needs="arrays with the same shape but for `axis`",
    vjp=dict(xs=_piece),
    words=dict(xs="the piece of {g} at this array's place"),
)
def concatenate(xp, *xs, axis: int = 0):
    """Arrays joined along an existing axis. The arrays may be given as one list.

    Raises: ShapeError if they differ in another axis, or there are none.
    """
    return xp.concatenate(xs, axis=axis)


@composed
def stack(tensors: Iterable[Any], axis: int = 0) -> Tensor:
    """Arrays of one shape joined along a new axis. Numbers and Values go to the device of the arrays beside them.

    Raises: ShapeError if the shapes differ.
    """
    tensors = list(tensors)
    owners = [owner_or_none(raw(t)) for t in tensors if hasattr(t, "shape")]
    home = next((backend.name for backend in owners if backend and backend.name != "scalar"), "cpu" if owners else None)
    tensors = [t if hasattr(t, "shape") else asarray(t, device=home) for t in tensors]
    tensors = [t.to(home or "cpu") if isinstance(t, Tensor) and t.device == "scalar" else t for t in tensors]
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) != 1:
        raise ShapeError(f"stack: needs at least one array, all of one shape; given {sorted(shapes)}")
    return concatenate([expand_dims(t, axis=axis) for t in tensors], axis=axis)


@composed
def split(x, sections: int | list[int] | tuple[int, ...], axis: int = 0) -> list[Tensor]:
    """x cut along `axis` into a list: into `sections` equal parts, or before each index in a list.

    Raises: ShapeError if the axis cannot be divided equally.
    """
    axis = axis_index("split", axis, len(x.shape))
    length = x.shape[axis]
    if isinstance(sections, int):
        if sections < 1 or length % sections:
            raise ShapeError(f"split: an axis of length {length} cannot be divided into {sections} equal parts")
        cuts = [length // sections * i for i in range(sections + 1)]
    else:
        cuts = [0, *sections, length]
    before = (slice(None),) * axis
    return [x[(*before, slice(a, b))] for a, b in zip(cuts, cuts[1:], strict=False)]


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4)), on((3, 4), axis=0), on((2, 3, 2), axis=(0, -1))],
    needs="axes that exist",
    vjp=dict(x=lambda g, axis: flip(g, axis=axis)),
)
def flip(xp, x, *, axis: Axis = None):
    """The order of the elements reversed along `axis` (None: along all)."""
    return xp.flip(x, axis)


def _back(shift):
    return -shift if isinstance(shift, int) else tuple(-s for s in shift)


@primitive(
    jvp=LINEAR,
    samples=[on((3, 4), shift=2), on((3, 4), shift=-1, axis=1), on((3, 4), shift=(1, 2), axis=(0, 1))],
    needs="axes that exist, one shift for each",
    vjp=dict(x=lambda g, shift, axis: roll(g, shift=_back(shift), axis=axis)),
    words=dict(x="{g} shifted back"),
)
def roll(xp, x, *, shift: int | tuple[int, ...], axis: Axis = None):
    """Elements shifted cyclically along `axis` (None: in the flattened array)."""
    return xp.roll(x, shift, axis)


def _width(pad_width, ndim):
    """np.pad's short forms written out: one (before, after) pair for each axis."""
    refuse_masked("pad", pad_width)
    pairs = np.broadcast_to(np.asarray(pad_width), (ndim, 2))
    return [(int(a), int(b)) for a, b in pairs]


def _unpad(g, pad_width, x_shape):
    pairs = _width(pad_width, len(x_shape))
    return g[tuple(slice(a, a + n) for (a, _), n in zip(pairs, x_shape, strict=True))]


@primitive(
    jvp=dict(x=lambda t, pad_width: pad(t, pad_width=pad_width)),
    samples=[
        on((3, 4), pad_width=1),
        on((3, 4), pad_width=((1, 0), (0, 2)), constant_values=1.5),
        on((3,), pad_width=(0, 2)),
    ],
    needs="pad_width as a number, a pair, or one (before, after) pair for each axis",
    vjp=dict(x=_unpad),
    words=dict(x="{g} without the border"),
)
def pad(xp, x, *, pad_width: Counts, constant_values: float = 0):
    """A border of `constant_values` around x.

    Raises: DtypeError for values that the dtype of x cannot hold.
    """
    refuse_masked("pad", constant_values)
    refuse_leaving("pad", constant_values, "use chainrule.concatenate")
    border = raw(constant_values)
    if not isinstance(border, (bool, int, float)) or border:
        border = cast("pad", np.asarray(border), x.dtype).tolist()
    return xp.pad(x, _width(pad_width, x.ndim), constant_values=border)


@composed
def tile(x, reps: Shape) -> Tensor:
    """x laid out repeatedly, `reps` times along each axis.

    Example:
        >>> import chainrule as cr
        >>> cr.tile(cr.tensor([1, 2]), 2).tolist()
        [1, 2, 1, 2]
    """
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(len(reps), len(x.shape))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - len(x.shape)) + tuple(x.shape)
    pairs = reshape(x, shape=tuple(n for length in shape for n in (1, length)))
    pairs = broadcast_to(pairs, shape=tuple(n for pair in zip(reps, shape, strict=True) for n in pair))
    return reshape(pairs, shape=tuple(r * n for r, n in zip(reps, shape, strict=True)))


@composed
def repeat(x, repeats: Counts, axis: int | None = None) -> Tensor:
    """Each element repeated `repeats` times along `axis` (None: of the flattened array).

    Shape: repeats a number, or one number for each element along the axis.
    Example:
        >>> import chainrule as cr
        >>> cr.repeat(cr.tensor([1, 2]), 2).tolist()
        [1, 1, 2, 2]
    """
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
    axis = axis_index("repeat", axis, len(x.shape))
    refuse_masked("repeat", repeats)
    try:
        positions = np.repeat(np.arange(x.shape[axis]), repeats)
    except ValueError as error:
        raise ShapeError(f"repeat: {error}; axis {axis} has length {x.shape[axis]}, repeats is {repeats}") from None
    return x[(*(slice(None),) * axis, positions)]


@composed
def flatten(x) -> Tensor:
    """All elements in one axis, in row-major order."""
    return reshape(x, shape=(-1,))


@primitive(jvp=LINEAR, samples=[on((3, 4), dtype=np.float64)], vjp=dict(x=lambda g: g))
def astype(xp, x, *, dtype: DType):
    """x converted to a floating dtype.

    Gradient: converted to the dtype of x.
    """
    return x.astype(dtype, copy=True)


@primitive(
    internal=True,
    jvp=LINEAR,
    samples=[on((3, 4), source="cpu", target="cpu")],
    vjp=dict(x=lambda g, source, target: to_device(g, source=target, target=source)),
    words=dict(x="{g} copied back"),
)
def to_device(xp, x, *, source: str, target: str):
    """x copied from device `source` to device `target`."""
    return move(x, get(source), get(target))


def axis_index(operation, axis, ndim):
    """`axis` counted from the front, if an array with `ndim` axes has it."""
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{operation}: axis {axis} does not exist in an array with {ndim} axes")
    return axis % ndim


def elements(shape, axis, operation="reduction"):
    """How many elements of an array of `shape` one sum along `axis` adds up. Errors begin with `operation`."""
    if axis is None:
        return prod(shape)
    axes = (axis,) if isinstance(axis, int) else axis
    return prod(shape[axis_index(operation, a, len(shape))] for a in axes)
