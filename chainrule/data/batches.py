"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from ..autograd import random
from ..autograd.arguments import whole
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, DeviceError, ShapeError
from ..autograd.foreign import Explaining
from ..autograd.ops.creation import asarray
from ..autograd.ops.index import getitem
from ..autograd.shard import cut
from ..autograd.tensor import Tensor
from ..autograd.typing import ArrayLike


class Batches(Explaining):
    """Mini-batches of arrays that belong together: each pass over it visits every example once, in a new random order.

    batch_size=None gives all examples in one batch, batch_size=1 one after the other. The order comes from `seed`, or
    from the global generator if that is None, and is drawn when a pass is made, not at its first batch.

    With shard=(rank, size) each batch has only the examples of one of `size` workers, who go through the same order: nothing else is
    read from the arrays, which may be mapped from a file (numpy.load(..., mmap_mode="r")) that no worker could hold.

    Shape: each array (n, …); each batch is a tuple of Tensors (batch_size, …), the last one smaller unless drop_last.
        Fewer examples than batch_size make one batch of them all.
    Fields:
        arrays: the data, as a list of Tensors.
        generator: the random generator made from `seed`; None without one.
    Raises: ShapeError if the arrays differ in length or are empty; DeviceError if they are on several devices;
        ArgumentError for a bad batch size.
    Example:
        >>> import chainrule as cr
        >>> batches = cr.data.Batches(cr.arange(5), batch_size=2, shuffle=False)
        >>> [x.tolist() for (x,) in batches]
        [[0, 1], [2, 3], [4]]
        >>> [x.tolist() for (x,) in batches.iterate(start=2)]
        [[4]]
    """

    def __init__(
        self,
        *arrays: ArrayLike,
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int | None = None,
        drop_last: bool = False,
        shard: tuple[int, int] | None = None,
    ):
        if not arrays:
            raise ArgumentError("Batches: needs at least one array")
        self.arrays = [asarray(a) for a in arrays]
        self.n = common_length("Batches", [a.shape for a in self.arrays])
        devices = dict.fromkeys(a.device for a in self.arrays)
        if len(devices) > 1:
            raise DeviceError(f"Batches: the arrays must be on one device, given {' and '.join(map(repr, devices))}")
        batch_size = whole("Batches", "batch_size", batch_size, none="all")
        self.batch_size = min(batch_size or self.n, self.n)
        self.shuffle, self.drop_last = shuffle, drop_last
        self.generator = None if seed is None else random.Generator(seed)
        rank, size = _shard(shard)
        self._share = rank, rank + 1, size

    def part(self, first: int, last: int, shards: int) -> Batches:
        """The same batches, of which a pass gives the examples of shards [first, last) only."""
        batches = copy(self)
        batches._share = first, last, shards
        return batches

    def examples(self, i: int) -> int:
        """The number of examples in batch i, those of other shards included."""
        return min(self.batch_size, self.n - i * self.batch_size)

    def __len__(self) -> int:
        """The number of batches in a pass."""
        return self.n // self.batch_size if self.drop_last else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        return self.iterate()

    def iterate(self, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """A pass without its first `start` batches: what is left of one that was interrupted, in the same order.

        Raises: ArgumentError unless start is a whole number in [0, len(self)].
        """
        start = whole("iterate", "start", start, 0, len(self))
        device = self.arrays[0].device
        order = raw((self.generator or random).permutation(self.n, device=device)) if self.shuffle else None
        return self._pass(order, start)

    def _pass(self, order, start):
        for i in range(start, len(self)):
            first, last, shards = self._share
            bounds = cut(self.examples(i), shards)
            part = slice(i * self.batch_size + bounds[first], i * self.batch_size + bounds[last])
            index = part if order is None else order[part]
            yield tuple([_rows(a, index) for a in self.arrays])


def _shard(shard):
    """(rank, size), if it says which part of each batch is wanted."""
    if shard is None:
        return 0, 1
    if not isinstance(shard, (tuple, list)) or len(shard) != 2:
        raise ArgumentError(f"Batches: shard must be (rank, size), not {shard!r:.80}")
    size = whole("Batches", "the size in shard", shard[1])
    return whole("Batches", "the rank in shard", shard[0], 0, size - 1), size


def _rows(tensor, index):
    """A copy of the rows at a slice, or at an array of positions: getitem without the cost of its call path."""
    if tensor.requires_grad:
        return getitem(tensor, index=index)
    array = raw(tensor)
    if isinstance(index, slice):
        return Tensor._wrap(array[index].copy())
    # `take` is faster, but first copies the whole of an array that is not contiguous
    return Tensor._wrap(array.take(index, axis=0) if array.flags.c_contiguous else array[index])


def common_length(operation, shapes):
    """The length along axis 0 that arrays of these shapes share.

    Raises: ShapeError if they do not share one, or if it is 0.
    """
    lengths = {shape[0] if shape else None for shape in shapes}
    if None in lengths or len(lengths) > 1:
        raise ShapeError(
            f"{operation}: the arrays must have the same length along axis 0, given shapes {list(map(tuple, shapes))}"
        )
    if lengths == {0}:
        raise ShapeError(f"{operation}: there are no examples; the arrays have length 0")
    return lengths.pop()
