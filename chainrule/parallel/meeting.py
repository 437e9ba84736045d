"""Shards that add up arrays while they are computed: all at the same time, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Barrier
from typing import Any

from ..autograd.errors import ArgumentError
from ..backends import owner
from .workers import Threads, halved


class Meeting:
    """Where the shards of this process wait for one another, and then for those of the other processes.

    All shards must come to the same sums, in the same order.

    Fields:
        shards: how many this process has.
        add: a function of an array that returns its sum over all processes.
        xp: the namespace of the arrays that shards without examples stand for.
    """

    def __init__(self, shards, agreement, add, xp):
        self._threads, self._agreement, self._add, self._xp = Threads(shards), agreement, add, xp

    def map(self, function: Callable[..., Any], examples: list[int], everywhere: bool) -> list[Any]:
        """function(i, sum) for the shards 0, 1, … of this process; sum(array) returns the sum of what all shards have given it.

        `examples` are theirs; where there are none, sum is None. `everywhere`: whether all shards of all processes have some.
        """
        shards = [i for i, n in enumerate(examples) if n]
        self._given: list[Any] = [None] * len(examples)
        self._errors: list[BaseException] = []
        self._shards, self._everywhere = shards, everywhere
        self._barrier = Barrier(len(shards) or 1, self._add_up)
        if shards:
            results = self._threads.map(partial(self._one, function), shards, self._barrier.abort)
            results = dict(zip(shards, results, strict=True))
        else:
            results = {}
            while self._add_up():  # as often as the others do
                pass
        errors, self._errors = self._errors, []  # with its traceback, an error holds arrays
        if errors:
            raise errors[0]
        return [results[i] if i in results else function(i, None) for i in range(len(examples))]

    def _one(self, function, i):
        try:
            result = function(i, partial(self._sum, i))
            self._given[i] = None  # nothing more
            self._barrier.wait()
            return result
        except BaseException as error:
            self._errors.append(error)  # the first is the cause, others find the barrier broken
            self._barrier.abort()

    def _sum(self, i, array):
        self._given[i] = owner(array).copy(array.reshape(-1))
        self._barrier.wait()
        out = owner(array).xp.empty_like(array)  # its own: whoever gets it may write to it
        out[...] = self._total.reshape(array.shape)
        return out

    def _add_up(self):
        """Add up what the shards have given, when all are here; returns whether there was something."""
        try:
            kind = self._agreed({_kind(self._given[i]) for i in self._shards})
            if kind:
                # zeros are not left out, so that the sum has the same bits for any number of processes
                parts = [self._xp.zeros(*kind) if part is None else part for part in self._given]
                self._total = self._add(halved(parts, lambda a, b: a + b))
            return bool(kind)
        except BaseException as error:
            self._errors.append(error)
            raise

    def _agreed(self, kinds):
        """The (length, dtype) of what all shards of all processes have given; () if they are through."""
        if len(kinds) < 2 and self._agreement.workers.size > 1:
            if self._everywhere:
                if kinds != {()}:
                    self._agreement.agree(f"a sum over shards of {kinds}")
            else:
                self._agreement.agree("a sum over shards")
                kinds = set.union(*self._agreement.workers.gather(kinds))
        if len(kinds) > 1:
            raise ArgumentError(
                "DataParallel: all shards must come to the same layers with sync=True, in the same order, but some gave "
                f"{' and others '.join(sorted(map(_words, kinds)))}; let the model's path not depend on the examples, or leave sync out"
            )
        return kinds.pop()


def _kind(array):
    return () if array is None else (array.size, array.dtype.str)


def _words(kind):
    return f"{kind[0]} numbers of {kind[1]}" if kind else "nothing"
