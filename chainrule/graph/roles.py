"""Which leaves of a graph are parameters, which an optimiser updates, and which are data."""

import re

DATA = re.compile(r"(x|y|t|input|target|label|data|image|feature)s?[\d_₀-₉]*", re.IGNORECASE)  # what data are called


def parameters(graph):
    """The ids of the leaves that training would change.

    Those that belong to modules; where none does, all but those with a name as data have, such as x1 or target; where
    no leaf is left so, all.

    Example:
        >>> import chainrule as cr
        >>> w, x = cr.Value(3.0, "w"), cr.Value(2.0, "x")
        >>> [graph.nodes[i].name for graph in [cr.trace(w * x)] for i in parameters(graph)]
        ['w']
    """
    leaves = [node for node in graph.nodes if node.kind == "leaf"]
    chosen = [node for node in leaves if node.module] or [
        node for node in leaves if not DATA.fullmatch(node.name or "")
    ]
    return {node.id for node in chosen or leaves}
