"""Indices as CuPy takes them: what they cost, and that integers in arrays wrap around where NumPy would refuse them."""

import numpy as np

from .crossing import host, is_on_device, quiet
from .events import note

ATOMIC = "ilqILQefd"  # the dtypes that CuPy adds up by atomics, by their characters


def get(x, index):
    """x[index] as a NumPy array, for a device array: a view where no arrays are among the indices."""
    index, arrays, masks = _resolved(x.shape, index)
    result = x._host[index]
    if arrays or masks:
        host(x)  # of this device
        _launch("getitem", result.size, arrays, masks)
        result = np.array(result)  # also of an array of shape (), for which NumPy gives a view
    return np.asarray(result)


def put(array, index, value):
    """array[index] = value."""
    index, arrays, masks = _resolved(array.shape, index)
    if arrays or masks:
        array[index] = _values("setitem", value, array.dtype)
        _launch("setitem", np.size(array[index]), arrays, masks)
        return
    place = array[index] if isinstance(array[index], np.ndarray) else array[(*index, ...)]
    if is_on_device(value):
        source = np.squeeze(
            host(value), tuple(i for i, n in enumerate(value.shape[: value.ndim - place.ndim]) if n == 1)
        )
        if _address(source) == _address(place):
            return  # as after x[i] += y
    elif np.ndim(value):
        if isinstance(value, np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        raise TypeError(f"Unsupported type {type(value)}")
    if place.size:
        note("launches", "setitem")
    quiet(np.copyto, place, host(value), casting="unsafe")


def add(array, index, value):
    """np.add.at(array, index, value) by atomics."""
    index, arrays, masks = _resolved(array.shape, index)
    if arrays and array.dtype.char not in ATOMIC:
        raise TypeError(
            f"cupy.add.at only supports int32, int64, float16, float32, float64, uint32, uint64, not {array.dtype}"
        )
    if not arrays and not masks:
        note("launches", "add")
        array[index] += host(value)
        return
    value = _values("add.at", value, array.dtype)
    _launch("add.at", np.size(array[index]), arrays, masks)
    quiet(np.add.at, array, index, value)


def wrapped(indices, size):
    """Indices taken modulo the size of their axis."""
    return indices % size if size and indices.dtype.kind in "iu" else indices


def _resolved(shape, index):
    """(the index for NumPy, how many arrays of integers are in it, how many masks)"""
    parts, axis, arrays, masks = list(index) if isinstance(index, tuple) else [index], 0, 0, 0
    for i, part in enumerate(parts):
        if part is None or part is Ellipsis or isinstance(part, slice):
            continue
        if is_on_device(part):
            parts[i] = host(part)
        elif isinstance(part, (bool, np.bool_, list, tuple, np.ndarray)):
            values = np.asarray(part)
            note("uploads" if values.ndim else "launches", "index")
            parts[i] = values if values.size else values.astype(np.int32)
    taken = sum(_axes(part) for part in parts if part is not Ellipsis)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            axis += len(shape) - taken
            continue
        if isinstance(part, np.ndarray):
            masks, arrays = masks + (part.dtype == bool), arrays + (part.dtype != bool)
            if axis < len(shape):
                parts[i] = wrapped(part, shape[axis])
        axis += _axes(part)
    return tuple(parts), arrays, masks


def _axes(part):
    """How many axes of the array an index takes up."""
    if part is None:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _values(what, value, dtype):
    """What is assigned to indices that are arrays, for NumPy."""
    if not is_on_device(value):
        note("uploads" if np.ndim(value) else "launches", what)
        return np.asarray(value)
    if value.dtype != dtype:
        note("launches", "astype")
    return host(value)


def _launch(what, size, arrays, masks):
    for _ in range(masks):
        note("waits", "mask")  # how many elements it selects decides on a shape
        note("launches", "mask", 2)  # a scan, and where it is set
    if size:
        several = arrays + masks > 1  # memset, one kernel for each array, and the one that moves values
        note("launches", what, 2 + arrays + masks if several else 1)


def _address(array):
    return array.__array_interface__["data"], array.shape, array.strides, array.dtype
