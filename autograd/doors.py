"""The doors through which numbers leave the recorded graph: what warns there, and what is refused there."""

import sys
from opcode import opmap

from .callsite import warn_once
from .errors import GraphError, GraphWarning
from .grad_mode import recording
from .node import Node

_FORMATS = {(opmap["BINARY_OP"], operator) for operator in (6, 19)}  # "%g" % x, and with %=: CPython's numbers of them


def warn_leaving(name, tensor):
    """Warn that a plain number is made of a tensor whose gradient could still be wanted.

    `name` is the conversion. Nothing is said where it is printed, under no_grad, or after backward. Once for each line.
    """
    if not recording():
        return
    frame = sys._getframe(2)
    if (*frame.f_code.co_code[frame.f_lasti :][:2],) in _FORMATS:
        return
    warn_once(
        lambda: (
            waiting(tensor._node)
            and f"{name}() of a tensor that requires grad: the number leaves the graph, and no gradient flows through what is "
            "computed from it. Use the chainrule function, e.g. chainrule.exp(x) for math.exp(x), or say that the number is "
            "what you want: x.item()"
        ),
        GraphWarning,
    )


def waiting(node):
    """Whether no backward pass has come through `node` yet, nor through anything that it depends on."""
    if node.plan is None:
        return node.grad is None
    seen, stack = {node}, [node]
    while stack:
        node = stack.pop()
        if node.saved is None or node.grad is not None:
            return False
        above = [p for p in node.parents if p.__class__ is Node and p.plan is not None and p not in seen]
        seen.update(above)
        stack += above
    return True


def refuse_leaving(operation, value, instead="use the tensor itself"):
    """Raise a GraphError if the gradient of `value` would be lost because `operation` takes only its numbers."""
    if getattr(value, "_node", None) is not None and recording():
        raise GraphError(
            f"{operation}: the value is a tensor that requires grad, and its gradient would be lost; {instead}, "
            "or x.detach() (or no_grad()) if only the numbers are wanted"
        )
