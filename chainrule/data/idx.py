"""The IDX format of the MNIST files: a header that says dtype and shape, then the numbers."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np

from ..autograd.errors import DataError
from ..autograd.files import refuse_device
from ..autograd.typing import FilePath

PIECE = 1 << 20  # bytes read at once
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: FilePath) -> np.ndarray:
    """The array in an IDX file, compressed by gzip or not, which is detected.

    The header is 0, 0, the code of the dtype, the number of axes, and the length of each as four bytes, big-endian;
    the numbers follow, big-endian too.

    Shape: that of the header; the result is a NumPy array in native byte order.
    Raises: DataError if the file is missing, not an IDX file, shorter or longer than its header says, or damaged.
    Example:
        >>> import chainrule as cr, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels"
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        >>> cr.data.read_idx(path)
        array([7, 2, 1], dtype=uint8)

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    with _opened(Path(path)) as file:
        data = _read(file, 4)
        if not data:
            raise DataError(f"read_idx: {path} is empty")
        if data[:2] != b"\0\0":
            raise DataError(
                f"read_idx: {path} is no IDX file: those begin with two zero bytes, this one with {bytes(data)!r}"
            )
        axes = data[3] if len(data) > 3 else 0
        data += _read(file, 4 * axes)
        if len(data) < 4 + 4 * axes:
            raise DataError(
                f"read_idx: {path} ends within its header, which has {4 + 4 * axes} bytes; found {len(data)}"
            )
        if data[2] not in DTYPES:
            known = ", ".join(f"0x{c:02X} ({np.dtype(d).name})" for c, d in DTYPES.items())
            raise DataError(f"read_idx: {path} holds numbers of the unknown type 0x{data[2]:02X}; known are {known}")
        dtype = np.dtype(DTYPES[data[2]])
        shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, 4 + 4 * axes, 4))
        expected = prod(shape) * dtype.itemsize
        numbers = _read(file, expected + PIECE)  # what follows shows whether it ends there
    if found := len(numbers) - expected:
        surplus = f"{found if found < PIECE else f'at least {PIECE}'} bytes"
        fault = "is truncated" if found < 0 else f"goes on for {surplus} after its end"
        raise DataError(f"read_idx: {path} {fault}: {dtype.name} {shape} needs {expected} bytes, found {len(numbers)}")
    try:
        return np.frombuffer(numbers, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)
    except ValueError as error:
        raise DataError(f"read_idx: {path} has a shape that NumPy cannot hold, {shape}: {error}") from error


@contextmanager
def _opened(path):
    """The file, decompressed as it is read; whatever goes wrong in the with-block becomes a DataError."""
    import gzip
    import zlib

    try:
        refuse_device(path)
        with path.open("rb") as file:
            if file.peek(2)[:2] != b"\x1f\x8b":
                yield file
            else:
                with gzip.GzipFile(fileobj=file) as content:
                    yield content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"read_idx: {path} is a damaged or truncated gzip file ({error}); fetch it again") from error
    except FileNotFoundError:
        raise DataError(f"read_idx: there is no file {path}") from None
    except OSError as error:
        raise DataError(f"read_idx: {path} cannot be read: {error}") from error


def _read(file, length):
    """Up to `length` bytes, as a bytearray: memory grows with what is there, not with what a header says."""
    data = bytearray()
    while piece := file.read(min(length - len(data), PIECE)):
        data += piece
    return data
