"""backward() as users call it: the gradient to start from, and the delivery of gradients to the leaves."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

from ..backends import owner
from .accumulate import accumulate
from .backward import backward
from .convert import convert
from .errors import GraphError, ShapeError
from .tensor import Tensor
from .typing import ArrayLike

_delivery = ContextVar("chainrule_delivery", default=accumulate)
delivery = _delivery.get


@contextmanager
def delivering(function):
    """Inside the with-block, in this thread, backward hands the gradients of leaves to `function`, which is called as
    accumulate is: once, after the pass.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.autograd.deliver import delivering
        >>> w, collected = cr.tensor([1.0, 2.0], requires_grad=True), {}
        >>> with delivering(lambda gradients, seed: collected.update({leaf: g.copy() for leaf, g in gradients.items()})):
        ...     (w * w).sum().backward()
        >>> w.grad, [g.tolist() for g in collected.values()]
        (None, [[2.0, 4.0]])
    """
    token = _delivery.set(function)
    try:
        yield
    finally:
        _delivery.reset(token)


def tensor_backward(
    self, gradient: ArrayLike | None = None, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Add the gradient of this tensor to `grad` of every leaf it was computed from, and of every result still held.

    The graph's arrays are freed on the way, unless `retain_graph` or `create_graph` (gradients that can themselves be
    differentiated) is set.

    Shape: gradient as this tensor's; it may be left out where the tensor has one element, and is then 1.
    Raises: GraphError if nothing here requires grad, if the graph was freed by an earlier call, or if an array that it
        needs was changed; ShapeError if `gradient` is missing or has another shape.
    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad.tolist()
        [2.0, 4.0, 6.0]
    """
    node = self._node
    if node is None:
        raise GraphError(
            "backward: this tensor has no history, so there is nothing to differentiate. Create an input with "
            "requires_grad=True, and check that the computation does not run under no_grad()"
        )
    seed = seed_for(self, gradient, create_graph)
    found = backward(node, seed, None, retain_graph or create_graph, create_graph, leave_grads=True)
    delivery()(found, seed)


def seed_for(tensor, gradient, create_graph=False):
    """The gradient to start from: given, or 1 for a tensor of one element."""
    data = tensor._data
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                f"backward: the tensor has shape {tensor.shape}, and only a single number can start a backward pass "
                "without a gradient; reduce it first, e.g. loss.mean().backward(), or pass gradient= of that shape"
            )
        seed = 1.0 if type(data) is float else owner(data).xp.ones_like(data)
    else:
        backend = owner(data)
        seed = backend.copy(convert("backward", gradient, tensor.dtype, backend))
        if getattr(seed, "shape", ()) != tensor.shape:
            raise ShapeError(f"backward: gradient must have the tensor's shape {tensor.shape}, not {seed.shape}")
        if isinstance(gradient, Tensor) and gradient.requires_grad and create_graph:
            return gradient
    return Tensor._wrap(seed) if create_graph else seed


Tensor.backward = tensor_backward
tensor_backward.__name__ = tensor_backward.__qualname__ = "backward"  # for help()
