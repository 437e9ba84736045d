"""Two moons: points of two classes that no straight line separates."""

from __future__ import annotations

import numpy as np

from ..autograd.ops.creation import tensor
from ..autograd.tensor import Tensor

NOISE = 0.15


def moons(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two interleaved half circles, with noise: points (n, 2) and their class (n, 1).

    Example:
        >>> import chainrule as cr
        >>> x, y = cr.data.moons(4, seed=0)
        >>> x.shape, y.reshape(-1).tolist()
        ((4, 2), [0.0, 1.0, 0.0, 1.0])
    """
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, np.pi, n), np.arange(n) % 2
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(y[:, None], [1.0, 0.5] - upper, upper) + rng.normal(0, NOISE, (n, 2))
    return tensor(x, dtype="float32"), tensor(y[:, None], dtype="float32")
