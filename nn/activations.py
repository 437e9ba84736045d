"""Activation functions, by name. Those with a rule of their own are primitives; the others are made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..autograd.arguments import choose
from ..autograd.errors import ArgumentError
from ..autograd.ops import special
from ..autograd.ops.arithmetic import square
from ..autograd.ops.choose import relu, where, within
from ..autograd.ops.exponential import expm1
from ..autograd.ops.logistic import erf, normal_density, sigmoid, sigmoid_slope, softplus
from ..autograd.ops.rounding import no_slope
from ..autograd.ops.softmax import softmax
from ..autograd.ops.trigonometric import tanh
from ..autograd.primitive import ELEMENTWISE, composed, primitive
from ..autograd.samples import reals
from ..autograd.tensor import Tensor

Activation: TypeAlias = str | Callable[..., Any]  # a name, a module or a function


@primitive(internal=True, floats=True, jvp=ELEMENTWISE, samples=reals, vjp=dict(x=no_slope))
def step(xp, x):
    """Threshold: 1 where x ≥ 0, else 0.

    Gradient: 0 also at the jump; a network of steps cannot learn by gradient descent.
    Source: Rosenblatt, "The perceptron" (1958).
    """
    return xp.ceil((xp.sign(x) + 1) / 2)


@composed(numbers=True, floats=True)
def leaky_relu(x, slope: float = 0.01) -> Tensor:
    """x where x > 0, else slope · x.

    Gradient: slope · g at the kink x = 0.
    Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models" (2013).
    """
    return where(x > 0, x, slope * x)


@composed(numbers=True, floats=True)
def elu(x, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha · (eˣ - 1).

    Gradient: alpha · g at 0.
    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear units" (2016).
    """
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x)))


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x: g * (2 - square(within(x, 50))) * normal_density(x)),
    means=lambda x: (1 + erf(x / 2**0.5)) / 2 + x * normal_density(x),
)
def gelu_slope(xp, x):
    """Slope of gelu, Φ(x) + x φ(x) with the normal distribution function Φ and its density φ, with all its digits."""
    return special.in_double(special.gelu_slope, xp, x)


@primitive(
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x: g * gelu_slope(x)),
    means=lambda x: x * (1 + erf(x / 2**0.5)) / 2,
)
def gelu(xp, x):
    """Gaussian error linear unit x · Φ(x), with the exact distribution function Φ.

    Source: Hendrycks and Gimpel, "Gaussian error linear units" (2016).
    """
    return special.in_double(special.gelu, xp, x)


@primitive(
    internal=True,
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x: g * sigmoid_slope(x) * (2 - within(x, 1000) * tanh(x / 2))),
    means=lambda x: sigmoid(x) * (1 + x * sigmoid(-x)),
)
def silu_slope(xp, x):
    """Slope of silu, σ(x) (1 + x σ(-x)), with all its digits."""
    return special.in_double(special.silu_slope, xp, x)


@primitive(
    floats=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, x: g * silu_slope(x)),
    means=lambda x: x * sigmoid(x),
)
def silu(xp, x):
    """Sigmoid linear unit x · sigmoid(x), also known as swish.

    Source: Ramachandran et al., "Searching for activation functions" (2017).
    """
    return special.in_double(special.silu, xp, x)


def identity(x: Any) -> Any:
    """x itself: a linear output."""
    return x


ACTIVATIONS = {
    f.__name__: f for f in (identity, step, sigmoid, tanh, relu, leaky_relu, elu, softplus, gelu, silu, softmax)
}


def activation(name: Activation | None) -> Callable[..., Any]:
    """The activation function of that name; functions pass through, and None is the identity.

    Raises: ArgumentError, naming those that exist, if there is none; ArgumentError for a class in place of an instance.
    """
    if name is None:
        return identity
    check_instance("activation", name)
    return name if callable(name) else choose("activation", name, ACTIVATIONS)


def check_instance(what, layer):
    """Raise if a layer's class stands where one of its instances was meant."""
    if isinstance(layer, type):
        raise ArgumentError(f"{what}: {layer.__name__} is a class, not a layer; make one, e.g. {layer.__name__}(...)")


def name_of(function):
    """What a model calls a function, or a layer, when it is shown."""
    return getattr(function, "__name__", type(function).__name__)
