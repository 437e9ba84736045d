"""The calls of a graph, so that it can be computed again: they hold no large arrays, and notice when nobody else does either."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, NamedTuple
from weakref import ref

from ..autograd.convert import raw
from ..autograd.node import Node
from ..autograd.primitive import Primitive

KNOWN = "known"  # the option of a primitive that holds what was computed from its operands already


class Given(NamedTuple):
    """An array or number that a graph begins with.

    Fields:
        label: what the graph calls it; shape: its own.
        flows: whether it is a leaf, to which a gradient flows.
        array: a function that gives it; None once nobody holds it any more.
    """

    label: str
    shape: tuple[int, ...]
    flows: bool
    array: Callable[[], Any]


class Called(NamedTuple):
    """One call.

    Fields:
        label: what the graph calls its result.
        operands: the places among all Givens and Calleds, or plain numbers.
        code, instruction: the user's line, as autograd.callsite gives it.
    """

    label: str
    primitive: Primitive
    operands: list[Any]
    options: dict[str, Any]
    code: CodeType | None
    instruction: int | None


class Place(int):
    """A place among Givens and Calleds."""


def calls(order, held, label, constant):
    """The Givens and Calleds of the nodes in `order`: `held` has the tensors of nodes, `label` and `constant` their labels."""
    found: list[Given | Called] = []
    places: dict[Any, Place] = {}

    def place(key, entry):
        if key not in places:
            places[key] = Place(len(found))
            found.append(entry())
        return places[key]

    def operand(node, slot, parent):
        if isinstance(parent, Node):
            return place(parent, lambda: Given(label(parent), parent.shape, True, _leaf(parent, held)))
        if isinstance(parent, (bool, int, float)):
            return parent
        return place((node, slot), lambda: _constant(constant(node, slot), parent))

    for node in order:
        if node.plan is not None:
            operands = [operand(node, slot, parent) for slot, parent in enumerate(node.parents)]
            options = {name: option for name, option in node.options.items() if name != KNOWN}
            call = Called(label(node), node.primitive, operands, options, node.code, node.instruction)
            places[node] = Place(len(found))
            found.append(call)
    return found


def _leaf(node, held):
    """A function that gives the array of a leaf."""
    tensor = ref(held[node]) if node in held else node.result
    if type(tensor) is ref:
        return lambda: raw(tensor())
    return lambda: tensor


def _constant(label, parent):
    if type(parent) is tuple:
        shape, _, array = parent
        return Given(label, tuple(shape), False, array)
    return Given(label, getattr(parent, "shape", ()), False, lambda: parent)
