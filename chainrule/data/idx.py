"""The IDX format of the MNIST files: a header that says dtype and shape, then the numbers."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from ..autograd.errors import DataError
from ..autograd.typing import FilePath

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
    data = _content(Path(path))
    if not data:
        raise DataError(f"read_idx: {path} is empty")
    if data[:2] != b"\0\0":
        raise DataError(f"read_idx: {path} is no IDX file: those begin with two zero bytes, this one with {data[:4]!r}")
    if len(data) < 4 or len(data) < 4 + 4 * data[3]:
        wanted = 4 + 4 * data[3] if len(data) > 3 else 4
        raise DataError(f"read_idx: {path} ends within its header, which has {wanted} bytes; found {len(data)}")
    code, axes = data[2:4]
    if code not in DTYPES:
        known = ", ".join(f"0x{c:02X} ({np.dtype(d).name})" for c, d in DTYPES.items())
        raise DataError(f"read_idx: {path} holds numbers of the unknown type 0x{code:02X}; known are {known}")
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    dtype = np.dtype(DTYPES[code])
    expected, found = prod(shape) * dtype.itemsize, len(data) - start
    if found != expected:
        fault = "is truncated" if found < expected else f"goes on for {found - expected} bytes after its end"
        raise DataError(f"read_idx: {path} {fault}: {dtype.name} {shape} needs {expected} bytes, found {found}")
    try:
        return np.frombuffer(data, dtype, offset=start).astype(dtype.newbyteorder("=")).reshape(shape)
    except ValueError as error:
        raise DataError(f"read_idx: {path} has a shape that NumPy cannot hold, {shape}: {error}") from error


def _content(path):
    """The bytes of the file, decompressed."""
    try:
        data = path.read_bytes()
        if data[:2] != b"\x1f\x8b":
            return data
        import gzip
        import zlib

        try:
            return gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"read_idx: {path} is a damaged or truncated gzip file ({error}); fetch it again"
            ) from error
    except FileNotFoundError:
        raise DataError(f"read_idx: there is no file {path}") from None
    except OSError as error:
        raise DataError(f"read_idx: {path} cannot be read: {error}") from error
