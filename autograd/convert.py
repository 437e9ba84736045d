"""What holds an array, and what else may be given in the place of one: numbers, lists, whatever NumPy takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import owner
from .cast import cast
from .doors import refuse_leaving
from .errors import DtypeError, ShapeError

UNMASK = "a masked array would lose its mask; use x.filled(value), or chainrule.where with the mask"
KEPT, SHARED = "kept by a pending backward", "reachable from outside"


class Holder:
    """The state of a Tensor: an array, and its place in the graph."""

    __slots__ = ("_data", "_node", "_version", "_access", "_frozen", "__weakref__")
    _data: Any
    _node: Any
    _version: Any
    _access: Any
    _frozen: Any  # the Node that it had before requires_grad was set to False; not set otherwise

    def _set(self, data, node):
        self._data = data
        self._node = node
        self._version = None  # the user's line that last changed the data
        self._access = None  # None, KEPT, SHARED, or (copy, line): taken at that line while the tape needed it


def raw(value):
    """The array under a Tensor; anything else unchanged."""
    return value._data if isinstance(value, Holder) else value


def convert(operation, data, dtype, backend):
    """`data` (Tensor, array, number, nested list, whatever NumPy takes) as an array of `backend` with `dtype` (None: the
    natural one).

    Raises: DtypeError for masked arrays, text, objects, ragged lists, and numbers that `dtype` cannot hold; DeviceError for
        a Tensor of another device.
    """
    data = raw(data)
    refuse_masked(operation, data)
    if not isinstance(data, (bool, int, float, list, tuple)) and owner_or_none(data) is backend:
        if np.dtype(data.dtype if hasattr(data, "dtype") else float).kind not in "biuf":
            raise DtypeError(f"{operation}: needs numbers, was given {data.dtype} data")
        data = backend.asarray(data)
        return data if dtype is None or data.dtype == dtype else cast(operation, data, dtype)
    try:
        host = np.asarray(to_host(operation, data, backend))
    except ValueError as error:
        raise ShapeError(f"{operation}: nested lists must be rectangular ({error})") from None
    if host.dtype.kind not in "biuf":
        real = (bool, int, float, np.bool_, np.integer, np.floating)
        odd = next((x for x in host.flat if not isinstance(x, real)), None)
        advice = "; convert it first, e.g. with x.astype('float32')" if odd is None and hasattr(data, "astype") else ""
        example = (host.flat[0] if odd is None else odd) if host.size else host
        raise DtypeError(f"{operation}: needs numbers, was given {host.dtype} data such as {example}{advice}")
    try:
        # converted by the backend, so that a recording sees it; Python floats are no arrays
        if backend.on_host and backend.array_type is not float and type(data) is np.ndarray:
            same = dtype is None or host.dtype == dtype
            array = backend.asarray(host, copy=same)
            return array if same else cast(operation, array, dtype)
        array = host if dtype is None else cast(operation, host, dtype)
        return backend.asarray(array, copy=array is host)
    except (TypeError, ValueError) as error:
        if isinstance(error, (DtypeError, ShapeError)):
            raise
        raise DtypeError(f"{operation}: device {backend.name!r} cannot hold this: {error}") from None


def masked(data):
    """Whether it is a NumPy array with a mask. (Other libraries' tables have a mask too, a method of theirs.)"""
    return isinstance(data, np.ndarray) and hasattr(data, "mask")


def refuse_masked(operation, *values):
    """Raise a DtypeError if one of the values is a masked array, or a list that holds one."""
    waiting, seen = [*values], set()
    for value in waiting:
        if isinstance(value, (list, tuple)):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += value
        elif masked(value):
            raise DtypeError(f"{operation}: {UNMASK}")


def owner_or_none(data: Any):
    try:
        return owner(data)
    except ValueError:
        return None


def to_host(operation, data, backend, depth=0):
    """`data` as something NumPy understands; lists may hold Tensors of any device."""
    if isinstance(data, (list, tuple)):
        if depth > 64:
            raise ValueError("nested more than 64 deep, the most axes that an array can have")
        return [to_host(operation, item, backend, depth + 1) for item in data]
    if isinstance(data, Holder):
        refuse_leaving(operation, data, "use chainrule.stack(...)")
        data = data._data
        return owner(data).read(data)
    owning = owner_or_none(data)
    return data if owning is None or owning.on_host else owning.read(data)
