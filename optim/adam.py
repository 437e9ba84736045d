"""Adam and its relatives: steps along the mean gradient m, scaled by what v says of the gradient's size."""

from __future__ import annotations

from ..autograd.ops.choose import maximum
from ..autograd.ops.exponential import sqrt
from ..autograd.ops.length import absolute
from ..autograd.ops.rounding import sign
from .optimizer import Optimizer
from .options import Parameters, Rate


class Adam(Optimizer):
    """Adaptive moment estimation: each parameter's step is its mean gradient over the root of its mean squared one.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  p ← p - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)

    weight_decay is coupled: it is added to the gradient, as weight_decay · p. With amsgrad, the largest v so far takes
    the place of v.

    Raises: ArgumentError for rates outside their ranges.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1, in the order of the end of
        its section 2; Reddi et al., "On the convergence of Adam and beyond" (2018), for amsgrad.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    @staticmethod
    def state(amsgrad, **_):
        return {"m": 0.0, "v": 0.0} | ({"v_max": 0.0} if amsgrad else {})

    @staticmethod
    def update(p, g, m, v, v_max=None, *, t, lr, betas, eps, weight_decay):
        b1, b2 = betas
        if weight_decay:
            g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        c1, c2 = 1 - b1**t, (1 - b2**t) ** 0.5  # corrections as numbers, which saves two passes over the arrays
        if v_max is None:
            return p - (lr * c2 / c1) * m / (sqrt(v) + eps * c2), m, v
        v_max = maximum(v_max, v)
        return p - (lr * c2 / c1) * m / (sqrt(v_max) + eps * c2), m, v, v_max


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← (1 - lr · weight_decay) p, then Adam's step.

    Raises: ArgumentError for rates outside their ranges.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    @staticmethod
    def update(p, g, m, v, v_max=None, *, t, lr, betas, eps, weight_decay):
        shrunk = (1 - lr * weight_decay) * p
        return Adam.update(shrunk, g, m, v, v_max, t=t, lr=lr, betas=betas, eps=eps, weight_decay=0)


class Adamax(Optimizer):
    """Adam with the largest recent gradient u in place of the root of the mean squared one.

    m ← β₁ m + (1 - β₁) g;  u ← max(β₂ u, |g| + eps);  p ← p - lr / (1 - β₁ᵗ) · m / u

    Raises: ArgumentError for rates outside their ranges.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 2.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def state(**_):
        return {"m": 0.0, "u": 0.0}

    @staticmethod
    def update(p, g, m, u, *, t, lr, betas, eps, weight_decay):
        b1, b2 = betas
        if weight_decay:
            g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        u = maximum(b2 * u, absolute(g) + eps)
        return p - lr / (1 - b1**t) * m / u, m, u


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose weight μ rises towards β₁ as 0.96^(t · momentum_decay) fades.

    μₜ = β₁ (1 - ½ · 0.96^(t · momentum_decay));
    p ← p - lr · (μₜ₊₁ m / (1 - μ₁⋯μₜ₊₁) + (1 - μₜ) g / (1 - μ₁⋯μₜ)) / (√(v / (1 - β₂ᵗ)) + eps), m and v as in Adam

    Raises: ArgumentError for rates outside their ranges.
    Source: Dozat, "Incorporating Nesterov momentum into Adam" (2016).
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)

    @staticmethod
    def state(**_):
        return {"m": 0.0, "v": 0.0, "product": 1.0}  # the product of all μ so far, the same in every element

    @staticmethod
    def update(p, g, m, v, product, *, t, lr, betas, eps, weight_decay, momentum_decay):
        b1, b2 = betas
        if weight_decay:
            g = g + weight_decay * p
        mu, mu_next = (b1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
        product = mu * product
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        ahead = mu_next * m / (1 - mu_next * product) + (1 - mu) * g / (1 - product)
        return p - lr * ahead / (sqrt(v / (1 - b2**t)) + eps), m, v, product


class RAdam(Optimizer):
    """Rectified Adam: plain momentum until v rests on enough gradients, then Adam scaled by r.

    ρ∞ = 2 / (1 - β₂) - 1;  ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ);  r² = (ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ);
    p ← p - lr · m / (1 - β₁ᵗ) · (r √(1 - β₂ᵗ) / (√v + eps) if ρ > 5 else 1), m and v as in Adam

    Raises: ArgumentError for rates outside their ranges.
    Source: Liu et al., "On the variance of the adaptive learning rate and beyond" (2020), algorithm 2.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def state(**_):
        return {"m": 0.0, "v": 0.0}

    @staticmethod
    def update(p, g, m, v, *, t, lr, betas, eps, weight_decay):
        b1, b2 = betas
        if weight_decay:
            g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        top = 2 / (1 - b2) - 1
        rho = top - 2 * t * b2**t / (1 - b2**t)
        if rho <= 5:  # a number, like t
            return p - lr / (1 - b1**t) * m, m, v
        r = ((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho)) ** 0.5
        return p - lr / (1 - b1**t) * m * (r * (1 - b2**t) ** 0.5 / (sqrt(v) + eps)), m, v


class Lion(Optimizer):
    """Evolved sign momentum: every element moves by lr, in the direction of a mix of momentum and gradient.

    p ← p - lr · (sign(β₁ m + (1 - β₁) g) + weight_decay · p);  m ← β₂ m + (1 - β₂) g

    The step does not depend on the gradient's size: lr is usually 3 to 10 times smaller than Adam's, and weight_decay,
    which is decoupled, as many times larger.

    Raises: ArgumentError for rates outside their ranges.
    Source: Chen et al., "Symbolic discovery of optimization algorithms" (2023), algorithm 2.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)

    @staticmethod
    def state(**_):
        return {"m": 0.0}

    @staticmethod
    def update(p, g, m, *, lr, betas, weight_decay):
        b1, b2 = betas
        direction = sign(b1 * m + (1 - b1) * g)
        return p - lr * (direction + weight_decay * p), b2 * m + (1 - b2) * g
