"""A part of a batch, when the gradient of a step is computed part by part.

Layers compute on a shard as on a batch. What must know better asks here: random generators, which give a shard the words
that its examples have in the whole batch, and layers that look at all examples of it.
"""

from __future__ import annotations

from contextvars import ContextVar

_current: ContextVar[Shard | None] = ContextVar("chainrule_shard", default=None)
current_shard = _current.get  # that on which this thread works, or None


class Shard:
    """Inside its with-block this thread works on examples [first, last) of a batch of `total`.

    Fields:
        share: the part of it in what is added to the loss but is no sum over examples, such as a penalty.
        words: {generator: the words that all shards together have drawn from it}.
        meeting: a function of an array that returns its sum over all shards; None where they are computed one after the other.
    """

    def __init__(self, first, last, total, meeting=None, share=1.0):
        self.first, self.last, self.total, self.meeting, self.share = first, last, total, meeting, share
        self.words = {}

    def reserve(self, generator, n):
        """(key, counter, offset): of the n words that these examples have among those that the whole batch draws.

        The generator does not move, for other shards draw at the same time: who gave out the shards moves it.
        """
        each = -(-n // (self.last - self.first))  # words for an example
        before = self.words.get(generator, 0)
        self.words[generator] = before + each * self.total
        key, counter = generator.get_state()
        return key, counter, before + each * self.first

    def __enter__(self):
        self._token = _current.set(self)
        return self

    def __exit__(self, *error):
        _current.reset(self._token)


def cut(total, shards):
    """Where a batch of `total` examples is cut: shards + 1 positions. Sizes differ by at most one; the first is one of the larger."""
    return [-(-total * k // shards) for k in range(shards + 1)]
