"""Saving and loading tensors by name: safetensors files, written all at once or not at all."""

import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as render

from .errors import CheckpointError
from .ops.creation import tensor
from .tensor import Tensor


def save(state, path):
    """Write a dict of tensors (such as `model.state_dict()`) to a safetensors file.

    The file appears whole or not at all: it is written beside `path` and then renamed.

    Raises: CheckpointError if something in the dict is not a tensor or an array of numbers, or if the file cannot be
        written, for instance because its folder does not exist.
    Example:
        >>> import chainrule as cr, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> cr.save({"w": cr.ones(2)}, path)
        >>> cr.load(path)["w"].tolist()
        [1.0, 1.0]
    """
    path = Path(path)
    if not isinstance(state, dict):
        raise CheckpointError(
            f"save: needs a dict of tensors such as model.state_dict(), was given {type(state).__name__}"
        )
    arrays = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, (Tensor, np.ndarray)):
            raise CheckpointError(f"save: every entry must be a name and a tensor, {name!r} is {type(value).__name__}")
        array = value.numpy() if isinstance(value, Tensor) else value
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or name == "__metadata__":
            raise CheckpointError(f"save: the file format cannot hold {name!r} of {array.dtype}")
        # safetensors writes the memory of an array as it lies, so a transposed one must be laid out anew
        arrays[name] = np.asarray(array, order="C")
    if not path.parent.is_dir():
        raise CheckpointError(f"save: the folder {path.parent} does not exist; make it first")
    try:
        write_atomically(path, render(arrays))
    except OSError as error:
        raise CheckpointError(f"save: {path} cannot be written: {error}") from error


def write_atomically(path, data):
    """Write bytes beside `path`, then rename: a reader finds the old file or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp keeps files to their owner
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path, device=None):
    """The dict of tensors in a safetensors file, on `device` (default: the CPU).

    Raises: CheckpointError if the file is missing, truncated, or no safetensors file.
    """
    path = Path(path)
    try:
        arrays = parse(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"load: there is no file {path}") from None
    except OSError as error:
        raise CheckpointError(f"load: {path} cannot be read: {error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"load: {path} is not a whole safetensors file ({error})") from error
    return {name: tensor(array, device=device or "cpu") for name, array in arrays.items()}
