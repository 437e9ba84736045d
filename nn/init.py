"""Initial weights: functions of (shape, fan_in, fan_out) that give a Tensor in the default dtype, also by name."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import TypeAlias

import numpy as np

from ..autograd import random
from ..autograd.arguments import choose
from ..autograd.convert import raw
from ..autograd.errors import ShapeError
from ..autograd.ops import creation
from ..autograd.ops.creation import default_dtype, tensor
from ..autograd.tensor import Tensor
from ..backends import default

Initializer: TypeAlias = str | Callable[[tuple[int, ...], int, int], Tensor]  # a name, or a function like those below


def zeros(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """All 0: for biases; units whose weights all start equal stay equal."""
    return creation.zeros(shape)


def ones(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """All 1."""
    return creation.ones(shape)


def normal(shape: tuple[int, ...], fan_in: int, fan_out: int, std: float = 0.01) -> Tensor:
    """Normal numbers with mean 0 and standard deviation `std`, whatever the size of the layer."""
    return random.normal(0.0, std, shape)


def uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, bound: float = 0.05) -> Tensor:
    """Numbers spread evenly over [-bound, bound), whatever the size of the layer."""
    return random.uniform(-bound, bound, shape)


def xavier_normal(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Normal numbers of variance 2 / (fan_in + fan_out): outputs and gradients keep their size from layer to layer.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), eq. 12.
    """
    return normal(shape, fan_in, fan_out, sqrt(2 / (fan_in + fan_out)))


def xavier_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Uniform numbers of variance 2 / (fan_in + fan_out), so in ±√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio (2010), eq. 16.
    """
    return uniform(shape, fan_in, fan_out, sqrt(6 / (fan_in + fan_out)))


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Normal numbers of variance 2 / fan_in: as LeCun's, and twice as much because a rectifier stops half.

    Source: He et al., "Delving deep into rectifiers" (2015), eq. 10.
    """
    return normal(shape, fan_in, fan_out, sqrt(2 / fan_in))


def he_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Uniform numbers of variance 2 / fan_in, so in ±√(6 / fan_in).

    Source: He et al. (2015), eq. 10.
    """
    return uniform(shape, fan_in, fan_out, sqrt(6 / fan_in))


def lecun_normal(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Normal numbers of variance 1 / fan_in: outputs are as large as inputs.

    Source: LeCun et al., "Efficient BackProp" (1998), section 4.6.
    """
    return normal(shape, fan_in, fan_out, sqrt(1 / fan_in))


def lecun_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Uniform numbers of variance 1 / fan_in, so in ±√(3 / fan_in).

    Source: LeCun et al. (1998), section 4.6.
    """
    return uniform(shape, fan_in, fan_out, sqrt(3 / fan_in))


def orthogonal(shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float = 1.0) -> Tensor:
    """A random matrix W with orthonormal columns, Wᵀ W = gain² I; orthonormal rows if it has more columns than rows.

    Every such matrix is as likely as any other. Further leading axes count as rows, and a vector is one column.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2014);
        Mezzadri, "How to generate random matrices from the classical compact groups" (2007), section 5.
    """
    columns = shape[-1] if len(shape) > 1 else 1
    size = (prod(shape) // columns, columns)
    q, r = np.linalg.qr(random.normal(size=(max(size), min(size)), dtype="float64", device="cpu").numpy())
    q *= np.where(np.diagonal(r) < 0, -gain, gain)  # QR favours some matrices; undoing R's signs removes the bias
    return tensor((q if size[0] >= columns else q.T).reshape(shape), default_dtype(), default().name)


INITIALIZERS = {
    f.__name__: f
    for f in (zeros, ones, normal, uniform, xavier_normal, xavier_uniform, he_normal, he_uniform, lecun_normal,
              lecun_uniform, orthogonal)
}  # fmt: skip


def initial(init: Initializer, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Tensor:
    """Initial values: `init` is a name, or a function of (shape, fan_in, fan_out).

    Raises: ArgumentError, naming those that exist, if there is no initialiser of that name; ShapeError if a function
        returns another shape.
    Example:
        >>> import chainrule as cr
        >>> from functools import partial
        >>> weight = cr.nn.Linear(200, 100, init=partial(cr.nn.init.normal, std=0.5)).weight
        >>> round(weight.std().item(), 1)
        0.5
    """
    function = init if callable(init) else choose("initialiser", init, INITIALIZERS)
    values = function(shape, fan_in, fan_out)
    if np.shape(raw(values)) != shape:
        raise ShapeError(f"initialiser: must return the shape {shape} it was given, not {np.shape(raw(values))}")
    return values
