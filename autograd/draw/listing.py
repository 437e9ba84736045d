"""The boxes of a graph as lines of text."""

from .capture import text
from .dot import readable


def listing(boxes, limit=None):
    """One line for each value: its name, how it was computed, shape and dtype, value, gradient.

    Numbers stand where they are used. With `limit`, the middle of a longer list is left out.
    """
    labels = [_label(i, box) for i, box in enumerate(boxes)]
    lines = [
        (labels[i], _call(box, labels), box.array, text(box.value), f"grad {text(box.grad)}" if box.grad else "")
        for i, box in enumerate(boxes)
        if not box.is_number
    ]
    if limit is not None and len(lines) > limit:
        gap = (f"… {len(lines) - limit} more values; .save('graph.svg') shows all", "", "", "", "")
        lines[limit // 2 : len(lines) - limit // 2] = [gap]
    widths = [min(max(map(len, column)), 60) for column in zip(*lines, strict=True)]
    used = [i for i, width in enumerate(widths) if width]
    return "\n".join("  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines)


def _label(i, box):
    return readable(box.name) if box.name else text(box.value) if box.is_number else f"v{i}"


def _call(box, labels):
    """`multiply(x, y, axis=0)`"""
    if box.kind != "operation":
        return box.kind
    return f"{box.operation}({', '.join([*(labels[i] for i, _, _ in box.operands), *map(readable, box.options)])})"
