"""Mini-batches."""

import numpy as np

from ..autograd import random
from ..autograd.errors import ArgumentError, DeviceError, ShapeError
from ..autograd.ops.creation import asarray
from ..autograd.ops.index import getitem
from ..autograd.tensor import raw


class Batches:
    """Mini-batches of arrays that belong together: each pass over it visits every example once, in a new random order.

    The order comes from `seed`, or from the global generator if that is None.

    Shape: each array (n, …); each batch is a tuple of Tensors (batch_size, …), the last one smaller unless drop_last.
    Raises: ShapeError if the arrays differ in length or are empty; DeviceError if they are on several devices;
        ArgumentError for a bad batch size.
    Example:
        >>> import chainrule as cr
        >>> batches = cr.optim.Batches(cr.arange(5), batch_size=2, shuffle=False)
        >>> [x.tolist() for (x,) in batches]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, *arrays, batch_size=32, shuffle=True, seed=None, drop_last=False):
        if not arrays:
            raise ArgumentError("Batches: needs at least one array")
        self.arrays = [asarray(a) for a in arrays]
        lengths = [a.shape[0] if a.ndim else None for a in self.arrays]
        if None in lengths or len(set(lengths)) > 1:
            raise ShapeError(
                "Batches: the arrays must have the same length along axis 0, "
                f"given shapes {[a.shape for a in self.arrays]}"
            )
        devices = dict.fromkeys(a.device for a in self.arrays)
        if len(devices) > 1:
            raise DeviceError(f"Batches: the arrays must be on one device, given {' and '.join(map(repr, devices))}")
        if lengths[0] == 0:
            raise ShapeError("Batches: there are no examples; the arrays have length 0")
        if batch_size is not None and (
            not isinstance(batch_size, (int, np.integer)) or isinstance(batch_size, bool) or batch_size < 1
        ):
            raise ArgumentError(
                f"Batches: batch_size must be a whole number of at least 1, or None for all, not {batch_size!r}"
            )
        self.n = lengths[0]
        self.batch_size = min(batch_size or self.n, self.n)
        self.shuffle, self.drop_last = shuffle, drop_last
        self.generator = None if seed is None else random.Generator(seed)

    def __len__(self):
        """The number of batches in a pass."""
        return self.n // self.batch_size if self.drop_last else -(-self.n // self.batch_size)

    def __iter__(self):
        device = self.arrays[0].device
        order = raw((self.generator or random).permutation(self.n, device=device)) if self.shuffle else None
        for i in range(len(self)):
            part = slice(i * self.batch_size, (i + 1) * self.batch_size)
            index = part if order is None else order[part]
            yield tuple(getitem(a, index=index) for a in self.arrays)


def refuse_nonfinite(name, array):
    """Temporary."""
