"""Adding to the gradients that nodes hold from earlier passes."""

from threading import Lock

import numpy as np

from ..backends import owner
from .tensor import Tensor, raw

LOCK = Lock()  # held by who reads and writes a node's gradient: threads may run backward over the same nodes
HALF, SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def add_to(node, g):
    """Add `g` to the gradient that a node has already. Of float16, the sum is kept in float32 beside what is rounded."""
    if isinstance(g, Tensor):
        node.grad = node.grad + g
    elif node.dtype is not HALF:
        node.grad = raw(node.grad) + g
    else:
        total = _sum(node) + g
        rounded = owner(total).asarray(total.astype(HALF))
        node.grad, node.total = rounded, (rounded, total)


def leave(pairs):
    """Leave copies of the gradients in a list of (result's node, gradient), or add them to what is there; the list is emptied.

    On a device, where a copy is a launch, the gradients themselves are left. Returns the ids of these.
    """
    lent = set()
    with LOCK:
        while pairs:
            node, g = pairs.pop()
            if node.grad is not None:
                add_to(node, g)
            elif node.dtype is None or isinstance(g, Tensor):
                node.grad = g
            elif owner(g).on_host:
                node.grad = owner(g).copy(g)
            else:
                node.grad = g
                lent.add(id(g))
    return lent


def _sum(node):
    """The gradient of a node in float32: as it was before it was rounded, if it is still what this module left."""
    held, array = node.grad, raw(node.grad)
    rounded, total = getattr(node, "total", None) or (None, None)
    untouched = not isinstance(held, Tensor) or held._version is held._access is None
    return total if array is rounded and untouched else array.astype(SINGLE)
