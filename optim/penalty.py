"""Penalties on large parameters: terms to add to a loss, and a bound to project on after a step."""

from __future__ import annotations

import numpy as np

from ..autograd.arguments import flag, positive
from ..autograd.convert import raw
from ..autograd.dtypes import floating
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.ops.arithmetic import square
from ..autograd.ops.length import absolute
from ..autograd.ops.norm import direction, norm2
from ..autograd.ops.reduce import sum_
from ..autograd.tensor import Tensor
from ..backends import owner
from .clip import named
from .options import Parameters


def l1_penalty(params: Parameters, biases: bool = True) -> Tensor:
    """The sum of absolute values Σ |p|, to be added to a loss with a factor: it makes parameters exactly 0.

    Shape: params are tensors or (name, tensor) pairs, of any shapes; biases=False leaves out those with fewer than two
        axes, that is biases and the gains of norms. The result has shape ().
    Gradient: sign(p), and 0 at the kink p = 0.
    Raises: ArgumentError if there is nothing to sum.
    Source: Tibshirani, "Regression shrinkage and selection via the lasso" (1996).
    Example:
        >>> import chainrule as cr
        >>> cr.optim.l1_penalty([cr.tensor([1.0, -2.0]), cr.tensor([[3.0]])]).item()
        6.0
    """
    return _total("l1_penalty", params, biases, absolute)


def l2_penalty(params: Parameters, biases: bool = True) -> Tensor:
    """Half the sum of squares ½ Σ p², to be added to a loss with a factor: weight decay.

    Its gradient is p, so λ · l2_penalty(params) does in SGD what weight_decay=λ does, on the same parameters. It overflows where
    Σ p² does, in float32 from 3.4e38 on.

    Shape: as in l1_penalty.
    Gradient: p.
    Raises: ArgumentError if there is nothing to sum.
    Source: Krogh and Hertz, "A simple weight decay can improve generalization" (1991), equation 2.
    Example:
        >>> import chainrule as cr
        >>> cr.optim.l2_penalty([cr.tensor([1.0, -2.0]), cr.tensor([[3.0]])]).item()
        7.0
    """
    return 0.5 * _total("l2_penalty", params, biases, square)


def max_norm(params: Parameters, limit: float, axis: int = 0) -> None:
    """Scale each neuron's incoming weights down to the norm `limit` if theirs is larger, in place: after each step.

    w ← w · min(1, limit / ‖w‖), with the norm along `axis`: of the columns of a layer's weight (n_in, n_out).

    Shape: params are tensors or (name, tensor) pairs; those with fewer than two axes are left as they are.
    Raises: ArgumentError if limit is no finite number above 0, or if no tensor has two axes; GraphError if one is not
        a leaf. Nothing has changed then.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014), section 5.1.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([[3.0, 0.5], [4.0, 0.5]])
        >>> cr.optim.max_norm([w], limit=2.5)
        >>> w.tolist()
        [[1.5, 0.5], [2.0, 0.5]]
    """
    positive("max_norm", "limit", limit)
    found = _weights("max_norm", params)
    for label, w in found:
        if not w.is_leaf:
            raise GraphError(f"max_norm: {label} is the result of a recorded call; only leaves can be changed in place")
    for _, w in found:
        xp, wide = owner(raw(w)).xp, raw(w).astype(np.promote_types(w.dtype, np.float32), copy=False)
        with np.errstate(over="ignore"):
            norms = norm2(wide, axis=axis, keepdims=True)
        w.assign(xp.where(norms > limit, direction(wide, norms, axis, True) * limit, wide))


def _weights(operation, params):
    """The tensors with at least two axes."""
    found = [(label, p) for label, p in named(operation, params) if p.ndim >= 2]
    if not found:
        raise ArgumentError(f"{operation}: no tensor has at least two axes, as weights have; pass model.parameters()")
    return found


def _total(operation, params, biases, size):
    found = list(named(operation, params)) if flag(operation, "biases", biases) else _weights(operation, params)
    if not found:
        raise ArgumentError(f"{operation}: needs at least one parameter; does the model have any?")
    first, *rest = [sum_(size(p)) if p.ndim else size(p) for _, p in ((label, *floating(p)) for label, p in found)]
    return sum(rest, start=first)
