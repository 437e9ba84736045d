"""Gradients that a program has left in its memory: copied when somebody reads them, and not before."""

from __future__ import annotations

from ..autograd.node import Node

_held = Node.__dict__["grad"]  # the slot itself


class Pending:
    """What stands in a node's `grad` until it is read.

    Fields:
        owner: has a field `disturbed`, which becomes True when one of its gradients is read, changed or replaced.
        array: holds the gradient of the last run.
    """

    __slots__ = ("owner", "array")

    def __init__(self, owner, array):
        self.owner, self.array = owner, array


class LeafNode(Node):
    """The Node of a leaf whose gradient programs compute."""

    __slots__ = ()

    @property
    def grad(self):
        held = _held.__get__(self)
        if type(held) is Pending:
            held.owner.disturbed = True
            held = held.array.copy()
            _held.__set__(self, held)
        return held

    @grad.setter
    def grad(self, value):
        held = _held.__get__(self)
        if type(held) is Pending:
            held.owner.disturbed = True
        _held.__set__(self, value)


def leave(node: Node, pending: Pending) -> None:
    """Let a leaf's gradient be what `pending` says."""
    if type(node) is not LeafNode:
        node.__class__ = LeafNode
    held = _held.__get__(node)
    if type(held) is Pending and held is not pending:
        held.owner.disturbed = True
    _held.__set__(node, pending)


def is_none(node: Node) -> bool:
    """Whether a leaf has no gradient; nothing is copied to find out."""
    return _held.__get__(node) is None


def unwrap(node: Node) -> None:
    """Let a leaf be a plain Node again, with a gradient of its own."""
    if type(node) is LeafNode:
        node.grad = node.grad
        node.__class__ = Node  # type: ignore[assignment]
