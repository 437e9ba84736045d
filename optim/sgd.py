"""Stochastic gradient descent."""

from ..autograd.errors import ArgumentError
from .optimizer import Optimizer, fraction, not_negative, positive


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

    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.momentum = fraction("SGD", "momentum", momentum)
        self.weight_decay = not_negative("SGD", "weight_decay", weight_decay)
        if nesterov and not momentum:
            raise ArgumentError("SGD: nesterov=True needs a momentum above 0")
        self.nesterov = nesterov
        self.state = ("velocity",) if momentum else ()
        super().__init__(params, positive("SGD", "lr", lr))

    def update(self, t, p, g, v=None):
        if self.weight_decay:
            g = g + self.weight_decay * p
        if v is None:
            return (p - self.lr * g,)
        v = self.momentum * v + g
        return p - self.lr * (g + self.momentum * v if self.nesterov else v), v
