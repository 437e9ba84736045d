"""Random tensors from a counter-based generator: the same seed gives the same bits on every backend.

Word i of the stream depends only on the seed and on i (Philox4x64-10), and numbers are made from words with correctly
rounded arithmetic alone. So results do not depend on the device, and saving `get_state()` is enough to go on later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from math import inf, prod
from operator import index

import numpy as np

from ..backends import default, get, owner
from .arguments import probability, whole, whole_number
from .cast import cast
from .errors import ArgumentError, DeviceError, DtypeError, ShapeError
from .foreign import explaining
from .ops.creation import default_dtype, dtype_of
from .ops.special import normal_quantile
from .shard import current_shard
from .tensor import Tensor
from .typing import DType, Shape

__all__ = ["Generator", "bernoulli", "get_state", "integers", "normal", "permutation", "seed", "set_state", "uniform"]

PIECE, DEVICE_PIECE = 1 << 18, 1 << 26  # words made at once: where temporary arrays should fit a cache, and on a device


class Generator:
    """A stream of random words: a key, and a counter that each draw advances. Safe to share between threads.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.random.Generator(7), cr.random.Generator(7)
        >>> bool((a.uniform(size=3) == b.uniform(size=3)).all())
        True
    """

    def __init__(self, seed: int | None = None):
        self._lock = threading.Lock()
        self.seed(seed)

    def seed(self, seed: int | None = None) -> None:
        """Start the stream anew from a whole number ≥ 0; from the system's entropy if None."""
        if seed is None:
            seed = int.from_bytes(os.urandom(8), "little")
        if not whole_number(seed) or not 0 <= seed < 2**64:
            raise ArgumentError(f"seed: must be a whole number in [0, 2^64), not {seed!r}")
        self.set_state((int(seed), 0))

    def get_state(self) -> tuple[int, int]:
        """(key, counter): all there is to know."""
        return self.key, self.counter

    def set_state(self, state: Iterable[int]) -> None:
        """Go on from a state that get_state() returned."""
        try:
            key, counter = map(index, state)
            if not (0 <= key < 2**64 and 0 <= counter < 2**64):
                raise ValueError
        except (TypeError, ValueError):
            raise ArgumentError(f"set_state: needs (key, counter) as get_state() gives it, not {state!r}") from None
        with self._lock:
            self.key, self.counter = key, counter

    __getstate__ = get_state

    def __setstate__(self, state):  # a copy has a lock of its own
        self._lock = threading.Lock()
        self.set_state(state)

    def _reserve(self, n, backend):
        """(key, counter) of the next n words, which nobody else will get, as `backend` takes them."""
        if (shard := current_shard()) is not None:
            key, counter, offset = shard.reserve(self, n)
            return key, backend.counter(self, counter, 0) + offset
        with self._lock:
            key, counter = self.key, self.counter
            self.counter += n
        return key, backend.counter(self, counter, n)

    def _draw(self, size, backend, bits, make, dtype, requires_grad=False):
        """A Tensor of make(unit numbers) in `dtype`, the unit numbers being on a grid of 2^bits points in [0, 1).

        Exact, so the same everywhere. Large arrays are made piece by piece, which keeps temporary arrays small.
        """
        shape = _shape(size, backend)
        n, pieces, piece = prod(shape), [], PIECE if backend.on_host else DEVICE_PIECE
        key, counter = self._reserve(n, backend)

        def values(words):
            made = make((words >> (64 - bits)).astype(np.float64) * 2.0**-bits)
            return made if backend.array_type is float else made.astype(dtype, copy=False)

        with backend.active():
            for start in range(0, max(n, 1), piece):
                pieces.append(backend.drawn(values, key, counter + start, min(piece, n - start)))
            drawn = pieces[0] if len(pieces) == 1 else backend.xp.concatenate(pieces)
            result = Tensor._wrap(backend.asarray(drawn.reshape(shape)))
        result.requires_grad = requires_grad
        return result

    @explaining
    def uniform(
        self,
        low: float = 0.0,
        high: float = 1.0,
        size: Shape | None = None,
        dtype: DType | None = None,
        device: str | None = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Numbers spread evenly over [low, high).

        Shape: size, or one number if None.
        Raises: ArgumentError if low > high, or if either is not finite; DtypeError if dtype is not floating.
        """
        _check_numbers("uniform", low=low, high=high)
        if not 0 <= high - low < inf:
            raise ArgumentError(f"uniform: needs low ≤ high, both finite, not {low} and {high}")
        backend, dtype = _where("uniform", device, dtype, low, high)
        bits = {2: 11, 4: 24}.get(dtype.itemsize, 53)  # as many as the dtype can hold
        last = float(np.nextafter(dtype.type(high), dtype.type(low)))  # rounding to the dtype must not reach high
        make = lambda unit: owner(unit).xp.minimum(unit * (high - low) + low, last)
        return self._draw(size, backend, bits, make, dtype, requires_grad)

    @explaining
    def normal(
        self,
        loc: float = 0.0,
        scale: float = 1.0,
        size: Shape | None = None,
        dtype: DType | None = None,
        device: str | None = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Normally distributed numbers with mean `loc` and standard deviation `scale`.

        Shape: size, or one number if None.
        Raises: ArgumentError if scale is negative or nan; DtypeError if dtype is not floating.
        Source: inverse of the distribution function by Wichura's AS 241; one word gives one number.
        """
        _check_numbers("normal", loc=loc, scale=scale)
        if not scale >= 0:
            raise ArgumentError(f"normal: scale must be ≥ 0, not {scale}")
        backend, dtype = _where("normal", device, dtype, loc, scale)
        quantile = lambda share: normal_quantile(owner(share).xp, share) * scale + loc
        make = lambda unit: quantile(unit + 2.0**-53)  # the middle of a cell: never 0 or 1
        return self._draw(size, backend, 52, make, dtype, requires_grad)

    @explaining
    def bernoulli(
        self, p: float, size: Shape | None = None, dtype: DType | None = None, device: str | None = None
    ) -> Tensor:
        """1 with probability p, else 0; in any dtype.

        Raises: ArgumentError unless 0 ≤ p ≤ 1.
        """
        probability("bernoulli", "p", p)
        backend, dtype = _where("bernoulli", device, dtype, kinds="biuf")
        return self._draw(size, backend, 53, lambda unit: unit < p, dtype)

    def _mask(self, p, like):
        """1/p with probability p, else 0, of the shape and dtype of a Tensor, and on its device: what Dropout multiplies by."""
        make = lambda unit: (unit < p).astype(like.dtype) / p
        return self._draw(like.shape, get(like.device), 53, make, like.dtype)

    @explaining
    def integers(
        self, low: int, high: int | None = None, size: Shape | None = None, device: str | None = None
    ) -> Tensor:
        """Whole numbers in [low, high), or [0, low) if only one bound is given; int64.

        Shape: size, or one number if None.
        Raises: ArgumentError if a bound is not a whole number that int64 holds, or if the range is empty or
            longer than 2^53.
        """
        low, high = (0, low) if high is None else (low, high)
        low, high = (whole("integers", "a bound", bound, least=-inf) for bound in (low, high))
        if not -(2**63) <= low < high <= min(low + 2**53, 2**63):
            raise ArgumentError(f"integers: [{low}, {high}) must hold 1 to 2^53 numbers of int64")
        backend = _arrays("integers", device)
        make = lambda unit: (unit * (high - low)).astype(np.int64) + low
        return self._draw(size, backend, 53, make, np.int64)

    def permutation(self, n: int, device: str | None = None) -> Tensor:
        """The whole numbers below n in random order; int64.

        Shape: (n,).
        Raises: ArgumentError if n is not a whole number ≥ 0.
        """
        n = whole("permutation", "n", n, least=0)
        backend = _arrays("permutation", device)
        with backend.active():
            order = backend.xp.argsort(backend.random_bits(*self._reserve(n, backend), n), kind="stable")
            return Tensor._wrap(order.astype(np.int64))


def _check_numbers(operation, **given):
    for name, value in given.items():
        if isinstance(value, (tuple, list)):
            raise ArgumentError(
                f"{operation}: {name} must be a number, not {value!r}; for a shape write size={value!r}"
            )
        if isinstance(value, Tensor) or getattr(value, "shape", ()):
            raise ArgumentError(
                f"{operation}: {name} must be a number, not an array of shape {value.shape}; for a number of a tensor write "
                f"x.item(), for many compute with numbers that were drawn, e.g. mean + chainrule.random.{operation}(size=mean.shape)"
            )


def _where(operation, device, dtype, *numbers, kinds="f"):
    dtype = default_dtype() if dtype is None else dtype_of(dtype)
    if dtype.kind not in kinds:
        raise DtypeError(f"{operation}: cannot give numbers of dtype {dtype}; use a floating one, or integers()")
    backend = get(device) if device is not None else default()
    for number in numbers if backend.array_type is not float else ():
        cast(operation, np.asarray(number), dtype)
    return backend, dtype


def _arrays(operation, device):
    """The backend to draw whole numbers on."""
    backend = get(device) if device is not None else default()
    if backend.array_type is float:
        raise DeviceError(f"{operation}: device {backend.name!r} holds floats only; use device='cpu'")
    return backend


def _shape(size, backend):
    """`size` as a shape: one length, several, or None for a single number."""
    lengths = () if size is None else size if hasattr(size, "__iter__") else (size,)
    shape = tuple(whole("size", "each length", length, least=-inf) for length in lengths)
    if min(shape, default=0) < 0:
        raise ShapeError(f"size: lengths must be ≥ 0, not {size}")
    if shape and backend.array_type is float:
        raise ShapeError(f"size: device {backend.name!r} holds single numbers; leave size out, or use device='cpu'")
    return shape


_generator = Generator()
seed = _generator.seed
get_state = _generator.get_state
set_state = _generator.set_state
uniform = _generator.uniform
normal = _generator.normal
bernoulli = _generator.bernoulli
integers = _generator.integers
permutation = _generator.permutation
