"""Who works together: the contract that every kind of workers keeps, and the two kinds of a single process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..autograd.arguments import whole
from ..autograd.typing import MaybeNone
from ..backends import carried


class Workers:
    """The processes that train a model together, as one of them sees them.

    A new kind defines `rank`, `size` and `gather`; the rest follows from these, and may be done faster. Each method is called
    by all workers, in the same order.

    Fields:
        rank: the number of this process among them, from 0.
        size: how many processes there are.
        threads: on how many threads this process computes.
        device: the device that this process computes on, for backends.use(...); None if any will do.

    Example:
        >>> import chainrule as cr
        >>> workers = cr.parallel.init()
        >>> workers.rank, workers.size, workers.gather("here")
        (0, 1, ['here'])
    """

    rank, size, threads = 0, 1, 1
    device: str | MaybeNone = None

    def gather(self, value: Any) -> list[Any]:
        """What each worker gave, in order of rank, on every worker; anything that can be pickled."""
        raise NotImplementedError(f"{type(self).__name__} must define gather(value)")

    def allreduce(self, array: Any, operation: str = "sum") -> Any:
        """The sum, or the "max", of the arrays of all workers, element by element: the same bits on all.

        Shape: the same on all workers. The array may be overwritten.
        """
        combine = np.add if operation == "sum" else np.maximum
        total, *others = self.gather(array)
        for other in others:
            total = combine(total, other)
        return total

    def tree(self, array: Any) -> Any:
        """The sum of the arrays of all workers, added up in the order of `halved`.

        Shape: the same on all workers. The array may be overwritten.
        """
        return halved(self.gather(array), lambda a, b: a + b)

    def broadcast(self, value: Any) -> Any:
        """What worker 0 gave."""
        return self.gather(value if self.rank == 0 else None)[0]

    def barrier(self) -> None:
        """Return when all workers have called it."""
        self.gather(None)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """function(item) for each item, on the threads of this process."""
        return [function(item) for item in items]

    def __repr__(self):
        return f"{type(self).__name__}(rank={self.rank}, size={self.size})"


class Alone(Workers):
    """One process, with nobody to talk to."""

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def allreduce(self, array: Any, operation: str = "sum") -> Any:
        return array

    tree = allreduce

    def __repr__(self):
        return f"{type(self).__name__}()"


class Threads(Alone):
    """n threads of this process, which share the model and compute the gradients of their shards at the same time.

    NumPy's array code runs without the interpreter's lock, Python's own steps do not: large arrays gain, small ones lose. BLAS has
    threads of its own, which get in the way; set OPENBLAS_NUM_THREADS=1 (or what your BLAS reads) before NumPy is imported.

    Raises: ArgumentError unless n is a whole number of at least 1.
    """

    def __init__(self, n: int):
        self.threads = whole("Threads", "n", n)
        self._pool: Any = None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], release: Callable[[], Any] = int) -> list[Any]:
        """As all workers do; `release()` lets threads go on that wait for one another, when Ctrl-C ends the work."""
        items = list(items)
        if self.threads == 1 or len(items) < 2:
            return super().map(function, items)
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self.threads, "chainrule-worker")
        try:
            # each in a copy of what is current in this thread: whether calls are recorded, devices and streams, NumPy's error state
            calls = [self._pool.submit(carried(function), item) for item in items]
            # waits for all: none may go on while somebody handles an error
            errors = [call.exception() for call in calls]
        except BaseException:
            pool, self._pool = self._pool, None  # first: Ctrl-C may come again
            release()
            pool.shutdown()
            raise
        for error in errors:
            if error is not None:
                raise error
        return [call.result() for call in calls]

    def __repr__(self):
        return f"Threads({self.threads})"

    def __reduce__(self):
        return Threads, (self.threads,)


def halved(parts: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    """The sum of the parts as that of the first half plus that of the second, each added up likewise.

    A fixed binary tree: whoever adds up a part of the halves, the result has the same bits.
    """
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return add(halved(parts[:middle], add), halved(parts[middle:], add))


def share(rank: int, size: int, first: int, last: int) -> tuple[int, int]:
    """Which of the parts [first, last) are those of a worker, if each half of the workers takes half of them, and so on.

    It is a branch of the tree of `halved`, wherever there are at least as many parts as workers.
    """
    low, high = 0, size
    while high - low > 1:
        middle, half = (low + high) // 2, (first + last) // 2
        if rank < middle:
            high, last = middle, half
        else:
            low, first = middle, half
    return first, last
