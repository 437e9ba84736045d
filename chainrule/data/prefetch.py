"""Loading ahead: the next batches are made in the background while this one is computed with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Any

from ..autograd.arguments import whole


class Prefetch:
    """The batches of any iterable, loaded by a background thread, up to `depth` of them ahead.

    The same batches in the same order, and the loader's errors raised where it would have raised them. Worth its while
    where batches are read or waited for; those of arrays in memory are made faster than they are handed over. However a
    pass ends, its thread ends with it, after the batch that it is loading; what was loaded ahead is dropped.

    Fields:
        arrays, generator, iterate, len(): those of what is wrapped, where it has them.
    Raises: ArgumentError unless depth is a whole number of at least 1.
    Example:
        >>> import chainrule as cr
        >>> batches = cr.data.Batches(cr.arange(4), batch_size=2, shuffle=False)
        >>> [x.tolist() for (x,) in cr.data.Prefetch(batches)]
        [[0, 1], [2, 3]]
    """

    def __init__(self, batches: Iterable[Any], depth: int = 2):
        self.batches: Any = batches
        self.depth = whole("Prefetch", "depth", depth)
        self._turn = threading.Lock()

    arrays = property(lambda self: self.batches.arrays)
    generator = property(lambda self: self.batches.generator)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        return self._pass(iter(self.batches))

    @property
    def iterate(self):
        iterate = self.batches.iterate
        return lambda start=0: self._pass(iterate(start))

    def _pass(self, source):
        """A pass over `source`, which is made by the caller: whatever is random about it is drawn by his thread."""
        from queue import SimpleQueue  # its put() never waits, not even for one that it interrupts

        ready, room, stopped = SimpleQueue(), SimpleQueue(), threading.Event()
        for _ in range(self.depth):
            room.put(None)
        turn = self._turn if source is self.batches else threading.Lock()  # two passes may meet in one iterator
        thread = threading.Thread(
            target=copy_context().run,  # with the caller's default device and the like
            args=(_load, source, turn, ready, room, stopped),
            name="chainrule.Prefetch",
            daemon=True,
        )
        return _hand_over(thread, ready, room, stopped)


def _load(source, turn, ready, room, stopped):
    """What the thread does: load a batch for each piece of room. It does not know the pass, or would keep it alive."""
    end = object()
    try:
        while True:
            room.get()
            with turn:
                if stopped.is_set():
                    return
                batch = next(source, end)
            if batch is end:
                break
            ready.put((True, batch))
            del batch
    except BaseException as error:
        ready.put((False, error))
    else:
        ready.put((False, None))


def _hand_over(thread, ready, room, stopped):
    """What the caller goes through. However he leaves, the thread is told to stop, and nothing is waited for: this may
    be the garbage collector, in any thread."""
    try:
        thread.start()
        while True:
            more, value = ready.get()
            if not more:
                break
            room.put(None)
            yield value
            del value
        if value is not None:
            raise value
    finally:
        stopped.set()
        room.put(None)
        value = None  # an error's traceback leads here, and must not lead in a circle
