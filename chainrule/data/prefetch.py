"""Loading ahead: the next batches are made in the background while the current one is used."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ..autograd.arguments import whole
from ..backends import carried


class Prefetch:
    """The batches of any iterable, loaded by a background thread, up to `depth` of them ahead.

    The same batches in the same order, and the loader's errors raised where it would have raised them. Useful
    where batches are read from disk or waited for; batches of arrays in memory take less time to make than to pass between
    threads. However a pass ends, its thread ends with it, after the batch that it is loading; what was loaded ahead is
    dropped.

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
        """A pass over `source`, which the caller's thread has made, so that a random order is drawn there."""
        # its put() is reentrant: it may run in a destructor, at any point of another put()
        from queue import SimpleQueue

        ready, room, stopped = SimpleQueue(), SimpleQueue(), threading.Event()
        for _ in range(self.depth):
            room.put(None)
        turn = self._turn if source is self.batches else threading.Lock()  # two passes may share one iterator
        thread = threading.Thread(
            target=carried(_load),  # with the caller's default device, stream and the like
            args=(source, turn, ready, room, stopped),
            name="chainrule.Prefetch",
            daemon=True,
        )
        return _received(thread, ready, room, stopped)


def _load(source, turn, ready, room, stopped):
    """What the thread does: load a batch for each free place. It has no reference to the pass, which it would keep alive."""
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


def _received(thread, ready, room, stopped):
    """The batches, as they arrive. However the loop ends, the thread is told to stop, without waiting for it: this may run
    in the garbage collector, in any thread."""
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
        value = None  # an error's traceback refers to this frame, which must not refer to the error
