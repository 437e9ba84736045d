"""Checkpoints: the whole state of a run in one file, to resume it after it was killed."""

from __future__ import annotations

import os
from pathlib import Path

from ..autograd.arguments import whole
from ..autograd.errors import ArgumentError
from ..autograd.serialize import load, save
from ..autograd.typing import FilePath
from .callback import Callback


class Checkpoint(Callback):
    """Writes the whole state of a run to `path` after each epoch, at Ctrl-C, and after every `every` steps if given.

    Of a run on several processes worker 0 writes it, also where an error on any of them ends the run.

    The file is a safetensors file with the rest as JSON in its header: model, optimiser, schedule, random generators,
    position in the data, history, callbacks. It is replaced as a whole or not at all. fit(..., checkpoint=path,
    resume=True) goes on from it and ends with the very weights that the uninterrupted run would have had, to the bit
    (on the same machine, with data that comes in the same order: Batches does).

    Raises: ArgumentError, before the training starts, if the file exists and fit was not told to resume, or if its folder
        does not exist.
    """

    def __init__(self, path: FilePath, every: int | None = None):
        self.path = Path(path)
        self.every = whole("Checkpoint", "every", every, none="the ends of epochs only")

    def check_path(self, resume):
        """Raise if the file cannot be written, or if it exists and would be lost."""
        folder = Path(os.path.realpath(self.path)).parent  # of what it leads to, if it is a link
        if not folder.is_dir():
            raise ArgumentError(f"fit: the checkpoint's folder {folder} does not exist; make it first")
        if self.path.exists() and not self.path.is_file():
            raise ArgumentError(f"fit: the checkpoint {self.path} is a folder or a device; give the name of a file")
        if self.path.exists() and not resume:
            raise ArgumentError(
                f"fit: there is a checkpoint at {self.path}; pass resume=True to go on from it, or delete it"
            )

    def read(self, run, resume):
        """The state of the run that the file holds, which fits this run; None if there is no file.

        Raises: ArgumentError for a bad path, CheckpointError if the file is damaged or of another run; nothing has changed then.
        """
        self.check_path(resume)
        if not self.path.exists():
            return None
        state = load(self.path)
        run.check_state_dict(state)
        return state

    def on_step(self, run):
        if self.every and run.optimizer.steps % self.every == 0:
            save(run.state_dict(), self.path)

    def on_epoch(self, run):
        save(run.state_dict(), self.path)

    def on_end(self, run):
        if (run.interrupted or run.failed) and run.epoch and not run.mid_step:
            save(run.state_dict(), self.path)
