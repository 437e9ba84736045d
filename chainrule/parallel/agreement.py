"""What the processes tell one another before they exchange anything else: whether all go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import numpy as np

from ..autograd.errors import WorkerError

STOP, FAILED = 1, 2


class Agreement:
    """One small message before everything that all processes do together.

    A process that fails sends it as well, so the others, who wait for it there, learn of it and stop at the same point.

    Fields:
        marks: how many truth values a message carries.
        over: whether some process has failed: nobody listens any more.
    """

    def __init__(self, workers, marks):
        self.workers, self.marks, self.over = workers, marks, False

    def agree(self, place: str, marks: Any = None, status: int = 0) -> Any:
        """Tell that this process has come to `place` in the program; returns what any process has marked, and the status.

        Raises: WorkerError if another one has failed, or has come to another place.
        """
        if self.workers.size == 1:
            return marks, status
        status, most, least, *found = self._exchange(status, crc32(place.encode()), marks)
        if status == FAILED:
            self.over = True
            rank, text = next((rank, text) for rank, text in enumerate(self.workers.gather(None)) if text)
            raise WorkerError(f"parallel: stopped, for worker {rank} failed: {text}")
        if most != -least:  # the largest and the smallest number of a place
            self.over = True
            places = ", ".join(f"worker {rank} at {place!r}" for rank, place in enumerate(self.workers.gather(place)))
            raise WorkerError(
                f"parallel: all workers must run the same program on the same data, but they have come to different points: {places}"
            )
        return np.array(found, bool), status

    def stop(self, reason: str | None) -> str | None:
        """The reason for which the first process that has one wants to stop; None if nobody does."""
        _, status = self.agree("the end of a step", status=STOP if reason else 0)
        if self.workers.size == 1 or not status:
            return reason
        return next(filter(None, self.workers.gather(reason)))

    def fail(self, error: BaseException) -> None:
        """Tell the others, who have come to any place, that this process has failed."""
        if self.workers.size > 1 and not self.over:
            self.over = True
            self._exchange(FAILED, 0, None)
            self.workers.gather(f"{type(error).__name__}: {error}")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Inside this with-block an error is told to the others before it goes on."""
        try:
            yield
        except Exception as error:
            self.fail(error)
            raise

    def same(self, what: str, value: Any) -> None:
        """Raise a WorkerError on all processes unless all have the same `value`."""
        values = self.workers.gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                self.over = True
                raise WorkerError(
                    f"parallel: all workers must have the same {what}, but worker 0 has {_excerpt(values[0], other)}, "
                    f"and worker {rank} has {_excerpt(other, values[0])}"
                )

    def _exchange(self, status, place, marks):
        marks = np.zeros(self.marks, bool) if marks is None else marks
        return self.workers.allreduce(np.array([status, place, -place, *marks], np.int64), "max").tolist()


def _excerpt(value, other):
    """What of a value differs from the other one: of lists, the first item that does."""
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(value) != len(other):
            return f"{len(value)} of them"
        return next(repr(a) for a, b in zip(value, other, strict=True) if a != b)
    return repr(value)
