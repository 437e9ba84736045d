"""The reverse pass: order the nodes, pull the gradient through each once, add up what arrives."""

from ..backends import FUSING, SINGLES, owner
from ..backends.scalar import ieee
from .accumulate import HALF, SINGLE, leave
from .errors import RuleError
from .guards import saved_values
from .ops.shape import astype, broadcast_to, unbroadcast
from .order import topological
from .primitive import ELEMENTWISE
from .tensor import Tensor
from .watch import current_watch


def backward(root, seed, sources=None, retain_graph=False, create_graph=False, leave_grads=False):
    """The gradients that `seed` at node `root` sends to its leaves and to the nodes in `sources`, as {node: gradient}.

    Each node is visited once, after everything that depends on it, so its gradient is complete when it is used. With
    `sources`, only what lies between them and the root is visited. The pass can be watched (watch.py).

    retain_graph keeps what the calls have kept for their rules, which is else freed on the way; create_graph runs the rules on
    Tensors, so that the gradients are recorded; leave_grads also leaves the gradients of results on their nodes, where those
    ask for it (`result`).
    """
    order, grads, found, watch = topological(root, sources), {root: seed}, {}, current_watch()
    left = []  # the results that ask for their gradient, with it
    fusing = FUSING.get(seed.__class__)
    halves = set()  # the nodes of float16 whose gradient is being added up, in float32
    while order:
        node = order.pop()
        g = grads.pop(node, None)
        if g is None:
            continue
        if halves and node in halves:
            g = astype(g, dtype=HALF)
        if watch is not None:
            watch.gradient(node, g)
        if sources and node in sources:
            found[node] = g
            continue
        if leave_grads and node.result is not None:
            left.append((node, g))
        saved = node.saved
        if saved is None or node.guards or create_graph:
            saved = saved_values(node, create_graph) if watch is None else watch.saved(node, create_graph)
            if saved is None:  # the watch does without this node
                continue
        values, parents = (g, *saved), node.parents
        for i, rule, select in node.plan.vjps:
            parent = parents[i]
            try:
                if fusing is not None and node.primitive.jvp is ELEMENTWISE:
                    part = fusing.rule(rule, values if select is None else select(values))
                else:
                    part = rule(*values) if select is None else rule(*select(values))
                if part.__class__ is not g.__class__ or (
                    parent.dtype is not None and (part.dtype is not parent.dtype or part.shape != parent.shape)
                ):
                    part = conform(part, parent, node)
            except Exception as error:
                part = rescue(error, rule, select(values) if select else values, node)
                if part is None:
                    if watch is None or not watch.failed(node, i, error):
                        raise
                    continue
            known = grads.get(parent)
            if known is not None and parent.dtype is HALF:
                halves.add(parent)
                known = astype(known, dtype=SINGLE)
            grads[parent] = total = part if known is None else known + part
            if watch is not None:
                watch.contribution(node, i, part, total)
        if not retain_graph:
            if node.dtype is None:
                node.used = saved
            node.saved = None
    lent = leave(left)
    for leaf in halves & grads.keys():
        grads[leaf] = astype(grads[leaf], dtype=HALF)
    if lent:
        grads = {leaf: owner(g).copy(g) if id(g) in lent else g for leaf, g in grads.items()}
    if watch is not None:
        for leaf, g in grads.items():
            if not sources or leaf in sources:  # of others, with sources, only a part has arrived
                watch.gradient(leaf, g)
    return grads | found  # what is left in grads belongs to leaves


def pull(node, slot, saved):
    """One rule of one call as a function: a gradient of the call to its contribution to the operand at `slot`."""
    rule, select = next((rule, select) for i, rule, select in node.plan.vjps if i == slot)

    def contribution(g):
        values = (g, *saved) if select is None else select((g, *saved))
        try:
            return rule(*values)
        except Exception as error:
            if (part := rescue(error, rule, values, node)) is None:
                raise
            return part

    return contribution


def rescue(error, rule, values, node):
    """Second chances for a rule that raised: IEEE arithmetic for Python floats; else None, and the error has the user's line.

    Nobody may hold on to the error: with its traceback it holds whoever does, and the arrays would stay until a collection.
    """
    if node.dtype is None and isinstance(error, ArithmeticError):
        return float(ieee(rule, *values))
    error.add_note(f"in the backward pass of {node.label}, called at {node.where}")
    return None


def conform(part, parent, node):
    """A contribution in its operand's shape and dtype: the one place where broadcasting and promotion are undone.

    A tangent, which goes to the output of `node` itself, is repeated as the operand was.
    """
    if parent.dtype is None and isinstance(part, (*SINGLES, int, Tensor)):
        return float(part) if isinstance(part, int) else part
    if not hasattr(part, "shape"):
        raise RuleError(f"{node.label}: the rule returned {part!r}, not an array; called at {node.where}")
    if part.shape != parent.shape:
        try:
            # a tangent grows to the shape of the output
            fit = broadcast_to if part.ndim < len(parent.shape) or parent is node else unbroadcast
            if isinstance(part, Tensor):
                part = fit(part, shape=parent.shape)
            else:
                part = fit.primitive.fn(owner(part).xp, part, shape=parent.shape)
        except ValueError:
            raise RuleError(
                f"{node.label}: the rule returned a gradient of shape {part.shape} for an input of shape {parent.shape}; "
                f"called at {node.where}"
            ) from None
    return part if part.dtype == parent.dtype else astype(part, dtype=parent.dtype)
