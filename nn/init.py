"""Initial weights by name. Each entry is a function (shape, fan_in, fan_out) -> Tensor in the default dtype."""

from math import sqrt

import numpy as np

from ..autograd import random
from ..autograd.errors import ShapeError, choose
from ..autograd.ops.creation import ones, zeros
from ..autograd.tensor import raw

INITIALIZERS = {
    "zeros": lambda shape, fan_in, fan_out: zeros(shape),
    "ones": lambda shape, fan_in, fan_out: ones(shape),
    # plain: standard deviation 0.01, or the interval ±0.05
    "normal": lambda shape, fan_in, fan_out: random.normal(0.0, 0.01, shape),
    "uniform": lambda shape, fan_in, fan_out: random.uniform(-0.05, 0.05, shape),
    # Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), eq. 12, 16
    "xavier_normal": lambda shape, fan_in, fan_out: random.normal(0.0, sqrt(2 / (fan_in + fan_out)), shape),
    "xavier_uniform": lambda shape, fan_in, fan_out: _uniform(sqrt(6 / (fan_in + fan_out)), shape),
    # He et al., "Delving deep into rectifiers" (2015), eq. 10
    "he_normal": lambda shape, fan_in, fan_out: random.normal(0.0, sqrt(2 / fan_in), shape),
    "he_uniform": lambda shape, fan_in, fan_out: _uniform(sqrt(6 / fan_in), shape),
    # LeCun et al., "Efficient BackProp" (1998), section 4.6
    "lecun_normal": lambda shape, fan_in, fan_out: random.normal(0.0, sqrt(1 / fan_in), shape),
    "lecun_uniform": lambda shape, fan_in, fan_out: _uniform(sqrt(3 / fan_in), shape),
}


def _uniform(bound, shape):
    return random.uniform(-bound, bound, shape)


def initial(init, shape, fan_in, fan_out):
    """Initial values: `init` is a name, or a function of (shape, fan_in, fan_out).

    Raises: ArgumentError, naming those that exist, if there is no initialiser of that name; ShapeError if a function
        returns another shape.
    """
    function = init if callable(init) else choose("initialiser", init, INITIALIZERS)
    values = function(shape, fan_in, fan_out)
    if np.shape(raw(values)) != shape:
        raise ShapeError(f"initialiser: must return the shape {shape} it was given, not {np.shape(raw(values))}")
    return values
