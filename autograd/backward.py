"""The reverse pass, on one screen: order the nodes, pull the gradient through each once, add up what arrives."""

from __future__ import annotations

from ..backends import owner
from ..backends.scalar import ieee
from .callsite import describe
from .errors import GraphError, RuleError, ShapeError
from .node import Node
from .ops.shape import astype, broadcast_to, summed, unbroadcast
from .tensor import Tensor, convert, raw
from .typing import ArrayLike


def backward(root, seed, sources=None, retain_graph=False, create_graph=False, leave_grads=False):
    """The gradients that `seed` at node `root` sends to its leaves and to the nodes in `sources`, as {node: gradient}.

    Each node is visited once, after everything that depends on it, so its gradient is complete when it is used. With
    `sources`, only what lies between them and the root is visited.
    """
    order, grads, found = topological(root, sources), {root: seed}, {}
    while order:
        node = order.pop()
        g = grads.pop(node, None)
        if g is None:
            continue
        if sources and node in sources:
            found[node] = g
            continue
        if leave_grads and node.result is not None:
            left = g if node.grad is None else node.grad + g
            node.grad = left if node.dtype is None or isinstance(left, Tensor) else owner(left).copy(left)
        saved = node.saved
        if saved is None or node.guards or create_graph:
            saved = saved_values(node, create_graph)
        values, parents = (g, *saved), node.parents
        for i, rule, select in node.plan.pulls:
            parent = parents[i]
            try:
                share = rule(*values) if select is None else rule(*select(values))
            except Exception as error:
                share = rescue(error, rule, select(values) if select else values, node)
            if share.__class__ is not g.__class__ or (
                parent.dtype is not None and (share.dtype is not parent.dtype or share.shape != parent.shape)
            ):
                share = conform(share, parent, node)
            known = grads.get(parent)
            grads[parent] = share if known is None else known + share
        if not retain_graph:
            if node.dtype is None:
                node.used = saved
            node.saved = None
    return grads | found  # what is left in grads belongs to leaves


def topological(root, sources=None):
    """The recorded calls that `root` depends on and root, each after its inputs. Iterative: a chain may be of any length.

    With `sources`, only those that depend on one of them, and they themselves.
    """
    order, seen, stack = [], set(), [root] if root.plan else []
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything below the next node is in `order`
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            if sources and node in sources:
                continue
            for parent in node.parents:
                if parent.__class__ is Node and parent.plan is not None and parent not in seen:
                    stack.append(parent)
    return leading_to(sources, order) if sources else order


def leading_to(sources, order):
    """Those of the ordered calls that are in `sources` or depend on one."""
    between = set(sources)
    for node in order:
        if any(parent in between for parent in node.parents if parent.__class__ is Node):
            between.add(node)
    return [node for node in order if node in between]


# ---- what keeps it truthful


def rescue(error, rule, values, node):
    """Second chances for a rule that raised: IEEE arithmetic for Python floats; else the error, with the user's line."""
    if node.dtype is None and isinstance(error, ArithmeticError):
        return float(ieee(rule, *values))
    error.add_note(f"in the backward pass of {node.label}, called at {node.where}")
    raise error


def conform(share, parent, node):
    """A share in its input's own shape and dtype: the one place where broadcasting and promotion are undone."""
    if parent.dtype is None and isinstance(share, (float, int, Tensor)):
        return float(share) if isinstance(share, int) else share
    if not hasattr(share, "shape"):
        raise RuleError(f"{node.label}: the rule returned {share!r}, not an array; called at {node.where}")
    if share.shape != parent.shape:
        try:
            if share.ndim < len(parent.shape):
                fitted = broadcast_to(share, shape=parent.shape)
            else:
                fitted = (unbroadcast if isinstance(share, Tensor) else summed)(share, shape=parent.shape)
        except ValueError:
            raise RuleError(
                f"{node.label}: the rule returned a gradient of shape {share.shape} for an input of shape {parent.shape}; "
                f"called at {node.where}"
            ) from None
        share = fitted
    return share if share.dtype == parent.dtype else astype(share, dtype=parent.dtype)


def saved_values(node, create_graph=False):
    """What the rules asked to keep; with `create_graph`, arrays come back as Tensors in their place in the graph."""
    if node.saved is None:
        raise GraphError(
            f"backward: the arrays kept for {node.label} (called at {node.where}) were already used and freed. "
            "Call backward once on the sum of the losses, or pass retain_graph=True to the first call"
        )
    if (line := changed(node)) is not None:
        raise GraphError(
            f"backward: an array that {node.label} (called at {node.where}) needs was changed "
            f"at {describe(*line)}. Change it after backward, or use a copy"
        )
    if not create_graph or node.saved == ():
        return node.saved

    leaves = {leaf._node: leaf for leaf, _ in node.guards}  # in the new graph too, a leaf stands under its own guard

    def linked(value, link):
        if link is None:
            return value
        if link == "all":
            return tuple(linked(v, i) for i, v in enumerate(value))
        origin = node if link == "out" else node.parents[link]
        if origin in leaves if type(origin) is Node else False:
            return leaves[origin]
        return Tensor._wrap(value, origin) if type(origin) is Node else value

    return [linked(value, link) for value, link in zip(node.saved, node.plan.links, strict=True)]


def changed(node):
    """The line at which an array that `node` keeps was changed since, or None."""
    for leaf, version in node.guards:
        line = leaf._version if leaf._version is not version else written(leaf)
        if line is not None:
            return line
    return None


def written(leaf):
    """The line at which the data of `leaf` was taken and then written through, or None."""
    if not isinstance(leaf._access, tuple):
        return None
    copy, line = leaf._access
    backend = owner(copy)
    before, now = backend.to_numpy(copy), backend.to_numpy(leaf._data)
    return None if before.tobytes() == now.tobytes() else line


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
    owned = {id(seed)}
    for leaf, g in found.items():
        if leaf.grad is not None:
            g = (leaf.grad if create_graph else raw(leaf.grad)) + g
        if not create_graph:
            backend = owner(g)
            g = backend.asarray(g)
            if id(g) in owned or getattr(g, "base", None) is not None:
                g = backend.copy(g)  # a view, or shared with another leaf: make it this leaf's own
            owned.add(id(g))
        elif g._node is None:
            g = g.detach()
        leaf.grad = g


def seed_for(tensor, gradient, create_graph=False):
    """The gradient to start from: given, or 1 for a tensor of one element."""
    data = tensor._data
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                f"backward: the tensor has shape {tensor.shape}, and only a single number has a gradient without more; "
                "reduce it first, e.g. loss.mean().backward(), or pass gradient= of that shape"
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
