"""What a node kept, and whether an array among it was changed since."""

from ..backends import owner
from .callsite import describe
from .errors import GraphError
from .node import Node
from .tensor import Tensor


def saved_values(node, create_graph=False):
    """What the rules asked to keep; with `create_graph`, arrays come back as Tensors in their place in the graph."""
    if node.saved is None:
        raise used_up(node)
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
        if origin in leaves if isinstance(origin, Node) else False:
            return leaves[origin]
        return Tensor._wrap(value, origin) if isinstance(origin, Node) else value

    return [linked(value, link) for value, link in zip(node.saved, node.plan.links, strict=True)]


def used_up(node):
    """The error of a pass that comes to a call for the second time."""
    return GraphError(
        f"backward: the arrays kept for {node.label} (called at {node.where}) were already used and freed. "
        "Call backward once on the sum of the losses, or pass retain_graph=True to the first call"
    )


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
