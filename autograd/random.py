"""Random tensors from a counter-based generator: the same seed gives the same bits on every backend.

Word i of the stream depends only on the seed and on i (Philox4x64-10), and numbers are made from words with correctly
rounded arithmetic alone. So results do not depend on the device, and saving `get_state()` is enough to go on later.
"""

import threading

import numpy as np

from ..backends import default, get
from .errors import ArgumentError
from .ops.creation import default_dtype, dtype_of
from .ops.special import normal_quantile
from .tensor import Tensor

__all__ = ["Generator", "bernoulli", "get_state", "integers", "normal", "permutation", "seed", "set_state", "uniform"]


class Generator:
    """A stream of random words: a key, and a counter that each draw advances. Safe to share between threads.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.random.Generator(7), cr.random.Generator(7)
        >>> bool((a.uniform(size=3) == b.uniform(size=3)).all())
        True
    """

    def __init__(self, seed=None):
        self._lock = threading.Lock()
        self.seed(seed)

    def seed(self, seed=None):
        """Start the stream anew from a whole number ≥ 0; from the system's entropy if None."""
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ArgumentError(f"seed: must be a whole number in [0, 2^64), not {seed!r}")
        self.key, self.counter = int(seed), 0

    def get_state(self):
        """(key, counter): all there is to know."""
        return self.key, self.counter

    def set_state(self, state):
        self.key, self.counter = state

    def _words(self, n, backend):
        with self._lock:
            counter, self.counter = self.counter, self.counter + n
        return backend.random_bits(self.key, counter, n)

    def _unit(self, size, backend, bits):
        """Numbers on a grid of 2^bits points in [0, 1): exact, so the same everywhere."""
        shape = () if size is None else (size,) if isinstance(size, (int, np.integer)) else tuple(size)
        words = self._words(int(np.prod(shape, dtype=np.int64)), backend)
        return ((words >> (64 - bits)).astype(np.float64) * 2.0**-bits).reshape(shape)

    def _give(self, backend, values, dtype, requires_grad):
        if backend.array_type is float:
            result = Tensor._wrap(backend.asarray(values))
        else:
            result = Tensor._wrap(values.astype(dtype))
        result.requires_grad = requires_grad
        return result

    def uniform(self, low=0.0, high=1.0, size=None, dtype=None, device=None, requires_grad=False):
        """Numbers spread evenly over [low, high).

        Shape: size, or one number if None.
        """
        backend, dtype = _where(device, dtype)
        values = self._unit(size, backend, {2: 11, 4: 24}.get(dtype.itemsize, 53))  # as many as the dtype can hold
        return self._give(backend, values * (high - low) + low, dtype, requires_grad)

    def normal(self, loc=0.0, scale=1.0, size=None, dtype=None, device=None, requires_grad=False):
        """Normally distributed numbers with mean `loc` and standard deviation `scale`.

        Shape: size, or one number if None.
        Raises: ArgumentError if scale is negative or nan.
        Source: inverse of the distribution function by Wichura's AS 241; one word gives one number.
        """
        if not scale >= 0:
            raise ArgumentError(f"normal: scale must be ≥ 0, not {scale}")
        backend, dtype = _where(device, dtype)
        p = self._unit(size, backend, 52) + 2.0**-53  # the middle of each cell: never 0 or 1
        xp = np if backend.array_type is float else backend.xp
        return self._give(backend, normal_quantile(xp, p) * scale + loc, dtype, requires_grad)

    def bernoulli(self, p, size=None, dtype=None, device=None):
        """1 with probability p, else 0."""
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: p must lie in [0, 1], not {p}")
        backend, dtype = _where(device, dtype)
        return self._give(backend, self._unit(size, backend, 53) < p, dtype, False)

    def integers(self, low, high=None, size=None, device=None):
        """Whole numbers in [low, high), or [0, low) if only one bound is given; int64."""
        low, high = (0, low) if high is None else (low, high)
        if high <= low:
            raise ArgumentError(f"integers: the range [{low}, {high}) is empty")
        if high - low > 2**53:
            raise ArgumentError("integers: the range may span at most 2^53 numbers")
        backend = get(device) if device is not None else default()
        values = self._unit(size, backend, 53) * (high - low)
        return Tensor(values.astype(np.int64) + low)

    def permutation(self, n, device=None):
        """The whole numbers below n in random order; int64."""
        backend = get(device) if device is not None else default()
        order = backend.xp.argsort(self._words(int(n), backend), kind="stable")
        return Tensor(order.astype(np.int64))


def _where(device, dtype):
    return (get(device) if device is not None else default()), (default_dtype() if dtype is None else dtype_of(dtype))


_generator = Generator()
seed = _generator.seed
get_state = _generator.get_state
set_state = _generator.set_state
uniform = _generator.uniform
normal = _generator.normal
bernoulli = _generator.bernoulli
integers = _generator.integers
permutation = _generator.permutation
