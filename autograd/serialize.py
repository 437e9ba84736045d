"""Saving and loading tensors by name, and nested state: safetensors files, written all at once or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as render

from .errors import CheckpointError
from .ops.creation import tensor
from .tensor import Tensor
from .typing import FilePath

_TREE, _LEAF = "chainrule", "$tensor"  # the metadata entry with the nesting, and what stands in it for a tensor


def save(state: dict[str, Any], path: FilePath) -> None:
    """Write a dict of tensors (such as `model.state_dict()`) to a safetensors file.

    The dict may also hold dicts, lists, strings, numbers, truth values and None, nested in any way (such as
    `optimizer.state_dict()`): they are kept as JSON in the same file. Tuples come back as lists.

    The file appears whole or not at all: it is written beside `path` and then renamed.

    Raises: CheckpointError if something in the dict is none of these, or if the file cannot be written, for instance
        because its folder does not exist.
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
    tree = _plain(state, "", arrays)
    flat = all(isinstance(value, dict) and value == {_LEAF: name} for name, value in tree.items())
    if not path.parent.is_dir():
        raise CheckpointError(f"save: the folder {path.parent} does not exist; make it first")
    try:
        write_atomically(path, render(arrays, None if flat else {_TREE: json.dumps(tree)}))
    except OSError as error:
        raise CheckpointError(f"save: {path} cannot be written: {error}") from error


def _plain(value, path, arrays):
    """`value` as JSON can hold it; its tensors go into `arrays`, each under its path."""
    if isinstance(value, (Tensor, np.ndarray)):
        array = value.numpy() if isinstance(value, Tensor) else value
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or path == "__metadata__":
            raise CheckpointError(f"save: the file format cannot hold {path!r} of {array.dtype}")
        while path in arrays:  # {"a.b": …, "a": {"b": …}}
            path += "'"
        # safetensors writes the memory of an array as it lies, so a transposed one must be laid out anew
        arrays[path] = np.asarray(array, order="C")
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


def write_atomically(path, data):
    """Write bytes beside `path`, then rename: a reader finds the old file or the new one, never a part."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp keeps files to their owner
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)  # Ctrl-C may come right after the renaming
        if isinstance(error, OSError) and error.errno:  # the user has not asked for the temporary file
            raise type(error)(error.errno, error.strerror, str(path)) from None
        raise


def load(path: FilePath, device: str | None = None) -> dict[str, Any]:
    """What `save` wrote to a file: the dict of its tensors, on `device` (default: the CPU), and the rest of the state.

    Raises: CheckpointError if the file is missing, truncated, or no safetensors file.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        arrays = parse(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        tree = json.loads(header.get("__metadata__", {}).get(_TREE, "null"))
    except FileNotFoundError:
        raise CheckpointError(f"load: there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"load: {path} cannot be read: {error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"load: {path} is not a whole safetensors file ({error})") from error
    tensors = {name: tensor(array, device=device or "cpu") for name, array in arrays.items()}
    try:
        state = tensors if tree is None else _nested(tree, tensors)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"load: {path} names a tensor {error} that it does not hold") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"load: {path} is damaged: its header describes no dict")
    return state


def _nested(value, tensors):
    if isinstance(value, list):
        return [_nested(v, tensors) for v in value]
    if isinstance(value, dict):
        return tensors[value[_LEAF]] if _LEAF in value else {k: _nested(v, tensors) for k, v in value.items()}
    return value
