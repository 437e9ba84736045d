"""Forward mode: tangents pushed along the recorded graph, from the inputs on."""

from math import nan

from ..backends import owner
from .backward import backward, conform
from .convert import raw
from .guards import saved_values
from .ops.kink import added_up, generic, strong_product
from .order import topological
from .primitive import ELEMENTWISE, LINEAR, MULTILINEAR
from .tensor import Tensor
from .watch import current_watch


def pushforward(root, tangents, again=False):
    """The tangent of node `root`, given those of some nodes it depends on: forward mode along the recorded graph.

    `again`: the tangent can be differentiated. Only reverse passes know how kinks bend (ops/kink.py). Where one has bent before,
    the derivatives of this tangent, which are of third order, are nan.
    """
    order = topological(root)
    if not again or not any(node.primitive.kink for node in order):
        return _pushed(root, order, tangents)
    if all(node.primitive is not strong_product.primitive for node in order):
        return pulled_twice(root, tangents)
    moved = (strong_product(nan, Tensor._wrap(raw(t) * 0, node)) for node, t in tangents.items())
    tangent = _pushed(root, order, tangents)
    return None if tangent is None else sum(map(added_up, moved), tangent)


def _pushed(root, order, tangents):
    tangents, watch = dict(tangents), current_watch()
    for node in order:
        if node in tangents:
            continue
        incoming = {i: tangents[node.parents[i]] for i in node.plan.tracked if node.parents[i] in tangents}
        if incoming:
            t = push(node, incoming)
            tangents[node] = t = conform(t, node, node)
            if watch is not None:
                watch.tangent(node, incoming, t)
    return tangents.get(root)


def push(node, incoming):
    """The output tangent of one recorded call, given the tangents of some inputs as {position: tangent}."""
    p, values = node.primitive, saved_values(node, create_graph=True)
    if p.jvp == LINEAR and not p.variadic:
        return p.call(*incoming.values(), **node.options)
    if p.jvp == LINEAR:
        shapes = values[node.plan.slots[f"{p.inputs[0]}_shape"] - 1]
        like = next(iter(incoming.values()))
        zeros = owner(like._data).xp.zeros
        parts = (incoming[i] if i in incoming else zeros(shape, like.dtype) for i, shape in enumerate(shapes))
        return p.call(*parts, **node.options)
    kept = dict(zip(node.plan.links, values, strict=True))
    total = None
    for i, rule, select in node.plan.vjps if p.jvp == ELEMENTWISE else node.plan.jvps:
        if i not in incoming:
            continue
        if p.jvp == MULTILINEAR:
            term = p.call(*(incoming[i] if j == i else kept[j] for j in range(len(node.parents))), **node.options)
        else:
            arguments = (incoming[i], *values)
            term = rule(*(select(arguments) if select else arguments))
        total = term if total is None else total + term
    return total


def pulled_twice(root, tangents):
    """The tangent of `root` from reverse passes: their gradients, which are linear in what they start from, pulled back to it."""
    backend = owner(raw(next(iter(tangents.values()))))
    start = Tensor._wrap(generic(root.shape, root.dtype, backend))
    start.requires_grad = True
    found = backward(root, start, set(tangents), retain_graph=True, create_graph=True)
    total = None
    for node, g in found.items():
        if node in tangents:
            pulled = backward(g._node, tangents[node], {start._node}, retain_graph=True, create_graph=True)
            term = pulled.get(start._node)
            if term is not None:
                total = term if total is None else total + term
    return total
