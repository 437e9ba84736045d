"""Forward mode: tangents pushed along the recorded graph, from the inputs on."""

from ..backends import owner
from .backward import conform, topological
from .guards import saved_values
from .primitive import ELEMENTWISE, LINEAR, MULTILINEAR
from .watch import current_watch


def pushforward(root, tangents):
    """The tangent of node `root`, given those of some nodes it depends on: forward mode along the recorded graph."""
    tangents, watch = dict(tangents), current_watch()
    for node in topological(root):
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
