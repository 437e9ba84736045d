"""Adam."""

from ..autograd.errors import ArgumentError
from ..autograd.ops.elementwise import sqrt
from .optimizer import Optimizer, fraction, not_negative, positive


class Adam(Optimizer):
    """Adaptive moment estimation: each parameter's step is its mean gradient over the root of its mean squared one.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  p ← p - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)

    weight_decay is coupled: it is added to the gradient, as weight_decay · p.

    Raises: ArgumentError for rates outside their ranges.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.
    """

    state = ("m", "v")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"Adam: betas must be two numbers, not {betas!r}")
        self.betas = tuple(fraction("Adam", f"betas[{i}]", b) for i, b in enumerate(betas))
        self.eps = not_negative("Adam", "eps", eps)
        self.weight_decay = not_negative("Adam", "weight_decay", weight_decay)
        super().__init__(params, positive("Adam", "lr", lr))

    def update(self, t, p, g, m, v):
        b1, b2 = self.betas
        if self.weight_decay:
            g = g + self.weight_decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        c1, c2 = (
            1 - b1**t,
            (1 - b2**t) ** 0.5,
        )  # both corrections as numbers: two passes over the arrays less (section 2)
        return p - (self.lr * c2 / c1) * m / (sqrt(v) + self.eps * c2), m, v
