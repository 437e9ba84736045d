"""The values of a graph as lines of text."""

from ..text import readable
from ..values import NOT_COMPUTED


def listing(graph, limit=None):
    """One line for each value: its name, how it was computed, shape and dtype, value, gradient.

    Numbers stand where they are used. With `limit`, the middle of a longer list is left out.
    """
    nodes, operands = [node for node in graph.nodes if not node.is_number], graph.operands()
    missing = len(nodes) - limit if limit is not None else 0
    if missing > 0:
        nodes = nodes[: limit // 2] + nodes[len(nodes) - limit + limit // 2 :]
    labels = [readable(node.label) for node in graph.nodes]
    lines = [
        (
            labels[node.id],
            _call(node, [labels[edge.source] for edge in operands[node.id]]),
            f"{node.shape} {node.dtype}" if node.dtype else "",
            "" if node.value is None else str(node.value),
            "" if node.kind == "constant" else f"grad {NOT_COMPUTED if node.grad is None else node.grad}",
        )
        for node in nodes
    ]
    if missing > 0:
        lines.insert(limit // 2, (f"… {missing} more values; .save('graph.svg') shows all", "", "", "", ""))
    widths = [min(max(map(len, column)), 60) for column in zip(*lines, strict=True)]
    used = [i for i, width in enumerate(widths) if width]
    return "\n".join("  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines)


def _call(node, names):
    """`multiply(x, y, axis=0)`"""
    if node.kind != "operation":
        return node.kind
    return f"{node.operation}({', '.join([*names, *map(readable, node.options)])})"
