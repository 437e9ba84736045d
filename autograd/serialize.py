"""Saving and loading tensors by name, and nested state: safetensors files, written all at once or not at all."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as render

from .convert import UNMASK, masked
from .errors import ChainruleError, CheckpointError
from .files import parse_json, refuse_device, write_atomically
from .ops.creation import tensor
from .tensor import Tensor
from .typing import FilePath

_TREE, _LEAF = "chainrule", "$tensor"  # the metadata entry with the nesting, and what stands in it for a tensor
_CHECKSUM = (
    "chainrule.crc32"  # the metadata entry with the checksum of the nesting; of a tensor: the same, ":", its name
)
_METADATA = "__metadata__"  # what the format calls it in the header: no tensor may have this name
_LONGEST_HEADER = 100_000_000  # bytes: what the readers of the format accept


def save(state: dict[str, Any], path: FilePath) -> None:
    """Write a dict of tensors (such as `model.state_dict()`) to a safetensors file.

    The dict may also hold dicts, lists, strings, numbers, truth values and None, nested in any way (such as
    `optimizer.state_dict()`): they are kept as JSON in the same file. Tuples come back as lists.

    The file appears whole or not at all: it is written beside `path` and then renamed. If `path` is a link, the file
    that it leads to is replaced; the mode stays. `load` knows by checksums whether the file was damaged since.

    Raises: CheckpointError if something in the dict is none of these (nor are masked arrays), or if the file cannot be
        written, for instance because its folder does not exist, or because `path` is a folder or a device.
    Example:
        >>> import chainrule as cr, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> cr.save({"w": cr.ones(2), "epoch": 3}, path)
        >>> state = cr.load(path)
        >>> state["w"].tolist(), state["epoch"]
        ([1.0, 1.0], 3)
    """
    path = Path(path)
    if not isinstance(state, dict):
        raise CheckpointError(
            f"save: needs a dict of tensors such as model.state_dict(), was given {type(state).__name__}"
        )
    arrays: dict[str, Any] = {}
    try:
        tree = _plain(state, "", arrays)
        flat = all(isinstance(value, dict) and value == {_LEAF: name} for name, value in tree.items())
        nesting = {} if flat else {_TREE: json.dumps(tree)}
        data = render(arrays, nesting | _checksums(arrays, nesting.get(_TREE, "")))
    except RecursionError:
        raise CheckpointError("save: the state is nested too deeply, or holds itself; flatten it") from None
    except ValueError as error:  # a whole number of thousands of digits, half a surrogate pair in a tensor's name
        if isinstance(error, ChainruleError):  # also what a device tells when it is read
            raise
        raise CheckpointError(f"save: a file cannot hold this state: {error}") from None
    if _header_length(data) > _LONGEST_HEADER:
        raise CheckpointError(
            f"save: names, numbers and text of the state take {_header_length(data)} bytes, a file can hold "
            f"{_LONGEST_HEADER} beside its tensors; put long lists of numbers into arrays"
        )
    if not path.parent.is_dir():
        raise CheckpointError(f"save: the folder {path.parent} does not exist; make it first")
    try:
        write_atomically(path, data)
    except (OSError, ValueError) as error:  # a name that no file can have, with a zero in it
        raise CheckpointError(f"save: {path} cannot be written: {error}") from error


def _header_length(data):
    return int.from_bytes(data[:8], "little")


def _checksums(arrays, nesting):
    """The metadata entries with the checksums of the tensors, dtype and shape included, and of the JSON that nests them."""
    found = {_CHECKSUM: f"{crc32(nesting.encode()):08x}"}
    for name, array in arrays.items():
        form = crc32(f"{array.dtype.name}{list(array.shape)}".encode())
        found[f"{_CHECKSUM}:{name}"] = f"{crc32(array.reshape(-1).view(np.uint8), form):08x}"
    return found


def _plain(value, path, arrays):
    """`value` as JSON can hold it; its tensors go into `arrays`, each under its path."""
    if isinstance(value, (Tensor, np.ndarray)):
        array = value.numpy() if isinstance(value, Tensor) else value
        if masked(array):
            raise CheckpointError(f"save: {path!r}: {UNMASK}")
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or path == _METADATA:
            raise CheckpointError(f"save: the file format cannot hold {path!r} of {array.dtype}")
        while path in arrays:  # {"a.b": …, "a": {"b": …}}
            path += "'"
        # safetensors writes the memory of an array as it lies, so a transposed one must be laid out anew
        arrays[path] = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        return {_LEAF: path}
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str) or name == _LEAF:
                raise CheckpointError(f"save: every entry must have a name, not {name!r}, in {path or 'the state'}")
        return {name: _plain(v, f"{path}.{name}" if path else name, arrays) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, f"{path}.{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise CheckpointError(
        f"save: {path!r} is of type {type(value).__name__}; a file can hold tensors, numbers, strings, lists and dicts"
    )


def load(path: FilePath, device: str | None = None) -> dict[str, Any]:
    """What `save` wrote to a file: the dict of its tensors, on `device` (default: the CPU), and the rest of the state.

    A file without checksums, which others wrote, is loaded with a warning that damage cannot be noticed.

    Raises: CheckpointError if the file is missing, truncated, damaged, or no safetensors file.
    """
    path = Path(path)
    try:
        refuse_device(path)
        data = path.read_bytes()
        arrays = parse(data)
        metadata = parse_json(data[8 : 8 + _header_length(data)]).get(_METADATA, {})
        if not isinstance(metadata, dict):
            raise ValueError(f"{_METADATA} must be an object of text, it is {metadata!r}")
    except FileNotFoundError:
        raise CheckpointError(f"load: there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"load: {path} cannot be read: {error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"load: {path} is not a whole safetensors file ({error})") from error
    checksums = {name: text for name, text in metadata.items() if name.startswith(_CHECKSUM)}
    if not checksums:
        warnings.warn(
            f"load: {path} has no checksums, so that nobody can tell whether it is damaged; chainrule.save writes them",
            stacklevel=2,
        )
    elif faults := checksums.items() ^ _checksums(arrays, metadata.get(_TREE, "")).items():
        names = sorted({name.removeprefix(_CHECKSUM)[1:] or "the nesting" for name, _ in faults})
        raise CheckpointError(
            f"load: {path} is damaged: the checksum does not fit {', '.join(names[:5])}; take another copy"
        )
    tensors = {name: tensor(array, device=device or "cpu") for name, array in arrays.items()}
    try:
        state = _nested(parse_json(metadata[_TREE]), tensors) if _TREE in metadata else tensors
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"load: {path} names a tensor {error} that it does not hold") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"load: {path} is damaged: its header describes no state ({error})") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"load: {path} is damaged: its header describes no dict")
    return state


def _nested(value, tensors):
    if isinstance(value, list):
        return [_nested(v, tensors) for v in value]
    if isinstance(value, dict):
        if _LEAF not in value:
            return {k: _nested(v, tensors) for k, v in value.items()}
        (name,) = value.values()  # ValueError if there is something beside it
        return tensors[name]
    return value


def fitted(owner, name, value, shape, dtype):
    """A value of a loaded state as a NumPy array of the shape and dtype that `owner` needs.

    Raises: CheckpointError, saying in words what does not fit: it is of another shape, no numbers (truth values where
        the dtype is bool), or the dtype would change it. Whole numbers must stay the same, others are rounded.
    """
    try:
        array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    except ValueError:
        raise CheckpointError(f"no numbers: {name} is a ragged list") from None
    if array.shape != shape:
        raise CheckpointError(f"of another shape: {name} is {array.shape}, {owner} needs {shape}")
    if array.dtype.kind not in ("b" if np.dtype(dtype).kind == "b" else "iuf") or masked(value):
        raise CheckpointError(f"no numbers: {name} is {'masked' if masked(value) else array.dtype}")
    with np.errstate(all="ignore"):
        result = array.astype(dtype, copy=False)
    same = np.isfinite(result) == np.isfinite(array) if result.dtype.kind == "f" else result == array
    if not same.all():
        raise CheckpointError(f"out of range: {name} has {array[~same][0]}, {owner} holds {result.dtype}")
    return result
