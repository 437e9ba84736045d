"""Adding gradients to those that nodes hold from earlier passes."""

from threading import Lock

import numpy as np

from ..backends import owner
from .convert import raw
from .tensor import Tensor

LOCK = Lock()  # held by who reads and writes a node's gradient: threads may run backward over the same nodes
HALF, SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def accumulate(gradients, seed):
    """Add each gradient to the `grad` of its leaf: what is done with them unless `delivering` says otherwise.

    `gradients` is {leaf's Node: an array of its shape, dtype and device, or a Tensor where the pass itself was recorded}.
    An array may be an array scalar, a view, `seed` itself, or the same for several leaves: so what is kept of it must be copied.
    """
    known = {id(seed)}
    with LOCK:
        for leaf, g in gradients.items():
            if leaf.grad is not None:
                add_to(leaf, g)
            elif isinstance(g, Tensor):
                leaf.grad = g.detach() if g._node is None else g
            else:
                leaf.grad = own(g, known)


def own(g, known):
    """The gradient itself, or a copy where it is a view, or one of those whose ids are `known`; its id is added to these."""
    if id(g) in known or getattr(g, "base", None) is not None:
        g = owner(g).copy(g)
    known.add(id(g))
    return g


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
