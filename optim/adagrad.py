"""Adagrad, Adadelta and RMSprop: each parameter has a learning rate of its own, from the gradients it has seen."""

from __future__ import annotations

from ..autograd.ops.choose import maximum
from ..autograd.ops.exponential import sqrt
from .optimizer import Optimizer
from .options import Parameters, Rate


class Adagrad(Optimizer):
    """Steps that shrink with the sum s of all squared gradients so far.

    s ← s + g²;  p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)

    Raises: ArgumentError for rates outside their ranges.
    Source: Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-2,
        lr_decay: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
    ):
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
        )

    @staticmethod
    def state(initial_accumulator_value, **_):
        return {"sum": initial_accumulator_value}

    @staticmethod
    def update(p, g, s, *, t, lr, lr_decay, eps, weight_decay):
        if weight_decay:
            g = g + weight_decay * p
        s = s + g * g
        return p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps), s


class Adadelta(Optimizer):
    """Steps in units of the parameters: the mean size u of recent steps over the mean size v of recent gradients.

    v ← ρ v + (1 - ρ) g²;  d = √(u + eps) / √(v + eps) · g;  u ← ρ u + (1 - ρ) d²;  p ← p - lr · d

    Raises: ArgumentError for rates outside their ranges.
    Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm 1.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def state(**_):
        return {"v": 0.0, "u": 0.0}

    @staticmethod
    def update(p, g, v, u, *, lr, rho, eps, weight_decay):
        if weight_decay:
            g = g + weight_decay * p
        v = rho * v + (1 - rho) * (g * g)
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * (d * d)
        return p - lr * d, v, u


class RMSprop(Optimizer):
    """The gradient over the root of its recent mean square v; centred, over its recent standard deviation.

    v ← α v + (1 - α) g²;  centred: a ← α a + (1 - α) g, v - a² in place of v;  d = g / (√v + eps);
    p ← p - lr · d, or with momentum: b ← momentum · b + d;  p ← p - lr · b

    Raises: ArgumentError for rates outside their ranges.
    Source: Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5 (2012); centred: Graves,
        "Generating sequences with recurrent neural networks" (2013), equations 38 to 45.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    @staticmethod
    def state(momentum, centered, **_):
        return {"v": 0.0} | ({"mean": 0.0} if centered else {}) | ({"velocity": 0.0} if momentum else {})

    @staticmethod
    def update(p, g, v, *rest, lr, alpha, eps, weight_decay, momentum, centered):
        if weight_decay:
            g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * (g * g)
        new, spread = [v], v
        if centered:
            mean = alpha * rest[0] + (1 - alpha) * g
            new, spread = [v, mean], maximum(v - mean * mean, 0)  # rounding may leave less
        d = g / (sqrt(spread) + eps)
        if momentum:
            d = momentum * rest[-1] + d
            new.append(d)
        return p - lr * d, *new
