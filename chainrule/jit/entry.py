"""The programs of one signature: which of them a call may run, and which one was recorded again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backends.record import RecordingError
from .reach import Reach
from .recorded import Recorded
from .replay import Replay


class Entry:
    """The programs of one signature, the last that ran first; `eager` says why there are no more, or None."""

    def __init__(self):
        self.replays: list[Replay] = []
        self.recordings, self.eager = 0, None
        self.given: Any = None  # what its signature names by id must stay
        self.shared: dict[Any, Shared] = {}

    def unchanged(self, args, options):
        """The programs to which nothing outside has changed."""
        same = lambda replay: replay not in self.shared or self.shared[replay].same(args, options)
        return [replay for replay in self.replays if replay.changed() is None and same(replay)]


class Shared:
    """Which arguments of a call are one tensor, or one that the function reaches by itself: with others, it is another program.

    Fields:
        matters: whether it must be looked at: where some are, where the program leaves something at an argument or writes to what may
            be one, or where one may get a gradient.
        outside: {id: a tensor that the function reaches by itself}; apart: whether no two are one, and none is of these.
    """

    def __init__(self, function: Any, args: tuple, options: dict[str, Any], recorded: Any):
        self.outside = {id(t): t for t in Reach(function).tensors}
        self._pattern = self._of(args, options)
        self.apart = self._pattern == [*range(len(self._pattern))]
        leaves_something = recorded.changes_arguments() or recorded.writes()
        self.matters = not self.apart or leaves_something or any(t.requires_grad for t in _tensors((args, options)))

    def _of(self, args, options):
        first: dict[int, int] = {}
        ids = [id(x) for x in _tensors((args, options))]
        return [(x,) if x in self.outside else first.setdefault(x, i) for i, x in enumerate(ids)]

    def same(self, args: tuple, options: dict[str, Any]) -> bool:
        return self._of(args, options) == self._pattern


def _tensors(x):
    """All Tensors in arguments."""
    if isinstance(x, Tensor):
        return [x]
    if type(x) in (tuple, list, dict):
        return [found for item in (x.values() if type(x) is dict else x) for found in _tensors(item)]
    return []


def alike(recorded: Recorded, holding: list[Replay]) -> list[Replay]:
    """Of programs to which nothing outside has changed, the one that was recorded again.

    Raises: RecordingError if they differ in a number or an array alone.
    """
    for replay in holding:
        apart = replay.apart(recorded) if type(replay.recorded) is type(recorded) else ()
        if apart is None:
            return [replay]
        if apart:
            first, second, name, where = apart
            what = (
                "a Python number"
                if not isinstance(first, np.ndarray)
                else "an array that is computed outside of the recording"
            )
            raise RecordingError(
                f"jit: {what} changes from call to call, so a program cannot keep it: {first!r:.60} before, {second!r:.60} now, in "
                f"{name} at {where}. Pass it to the function as a tensor"
            )
    return []
