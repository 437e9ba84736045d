"""The values of a graph as lines of text."""

from ..values import NOT_COMPUTED
from .phrases import call, few, label, notes


def listing(graph, limit=None):
    """One line for each value: its name, how it was computed, shape and dtype, value, gradient, badges.

    Numbers stand where they are used. With `limit`, the middle of a longer list is left out.
    """
    nodes, operands = [node for node in graph.nodes if not node.is_number], graph.operands()
    labels = [label(node) for node in graph.nodes]
    more = (f"… {len(nodes) - (limit or 0):,} more values; .save('graph.svg') shows all", *[""] * 5)
    lines = [
        (
            labels[node.id],
            call(node, [labels[edge.source] for edge in operands[node.id]]) if operands[node.id] else _given(node),
            f"{node.shape} {node.dtype}" if node.dtype else "",
            "" if node.value is None else str(node.value),
            "" if node.kind == "constant" else f"grad {NOT_COMPUTED if node.grad is None else node.grad}",
            " ".join(notes(node)),
        )
        if node
        else more
        for node in few(nodes, limit)
    ]
    widths = [min(max(map(len, column)), 60) for column in zip(*lines, strict=True)]
    used = [i for i, width in enumerate(widths) if width]
    return "\n".join("  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines)


def _given(node):
    """What a node without operands is: "leaf" or "constant", and in an opened graph "computed before"."""
    return ", ".join(node.options) or node.kind
