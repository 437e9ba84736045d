"""What programs and notebooks written for micrograd use: `v._prev`, `v._op`, `v.label`, `v._backward()`."""

from .backward import pull
from .guards import saved_values
from .node import Node
from .value import Value


def _operands(self):
    """The Values it was computed from, as a set; each is the same object whenever it is met."""
    return {_value(parent) for parent in self._node.parents if isinstance(parent, Node)} if self._node else set()


def _operation(self):
    """How pictures show the operation that made it; "" for a leaf."""
    return "" if self.is_leaf else self._node.label


def _label(self):
    return self.name or ""


def _set_label(self, text):
    self.name = text


def _value(node):
    """A Value for a node that is met on the way down. (Whoever computed it may hold another object for the same node.)"""
    if not hasattr(node, "met"):
        node.met = Value._wrap(node.result, node)
    node.met._data = node.result  # a leaf may have changed
    return node.met


def _backward(self):
    """Add to the gradient of each operand what this one call contributes; of a leaf, nothing."""
    node = self._node
    if self.is_leaf:
        return
    saved = saved_values(node)
    for slot, _, _ in node.plan.vjps:
        parent = node.parents[slot]
        parent.grad = (parent.grad or 0.0) + pull(node, slot, saved)(node.grad or 0.0)


Value._backward = _backward
Value._prev = property(_operands)
Value._op = property(_operation)
Value.label = property(_label, _set_label, doc="What pictures call it: its name.")
