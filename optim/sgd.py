"""Stochastic gradient descent."""

from __future__ import annotations

from ..autograd.errors import ArgumentError
from .optimizer import Optimizer
from .options import Parameters, Rate


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    g ← g + weight_decay · p;  v ← momentum · v + g;  p ← p - lr · v   (Nesterov: p ← p - lr · (g + momentum · v))

    Raises: ArgumentError for a bad rate, or Nesterov without momentum.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0], requires_grad=True)
        >>> sgd = cr.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> sgd.step()
        >>> round(w.item(), 6)
        0.8
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    @staticmethod
    def check_options(momentum, nesterov, **_):
        if nesterov and not momentum:
            raise ArgumentError("SGD: nesterov=True needs a momentum above 0")

    @staticmethod
    def state(momentum, **_):
        return {"velocity": 0.0} if momentum else {}

    @staticmethod
    def update(p, g, v=None, *, lr, momentum, nesterov, weight_decay):
        if weight_decay:
            g = g + weight_decay * p
        if v is None:
            return (p - lr * g,)
        v = momentum * v + g
        return p - lr * (g + momentum * v if nesterov else v), v
