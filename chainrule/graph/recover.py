"""What each rule contributes along each operand, from a watched backward pass, and what can be told of a freed graph."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..autograd.backward import backward, conform, pull
from ..autograd.callsite import short_line
from ..autograd.guards import changed
from ..autograd.node import Node
from ..autograd.order import topological
from ..autograd.primitive import ELEMENTWISE
from ..autograd.watch import Watch, watching
from ..backends import owner
from ..pages.words import english

NO_GRADIENT = english("no gradient arrives here")  # what a Contribution notes that is not unknown, but absent


@dataclass(slots=True)
class Contribution:
    """What arrives at one operand of one call.

    Fields:
        node, slot: the call, and the position of the operand.
        pull: turns a gradient of the call into what it contributes to the operand; None where that is unknown.
        local: the local derivative of an elementwise operation, in the shape of its output; else None.
        part: the contribution; None where it is unknown, and then `note` says why.
        running: the operand's gradient after this contribution.
    """

    node: Node
    slot: int
    pull: Any = None
    local: Any = None
    part: Any = None
    running: Any = None
    note: str = ""


class _Record(Watch):
    """Notes a pass over a graph of which parts may have been freed: calls whose arrays no longer exist are skipped."""

    def __init__(self, known):
        self.known, self.arrived, self.totals, self.faults = known, {}, {}, {}

    def saved(self, node, create_graph):
        return saved_or_restored(node, self.known)[0]

    def contribution(self, node, slot, part, total):
        self.arrived[node, slot] = part, total

    def gradient(self, node, g):
        self.totals[node] = g

    def failed(self, node, slot, error):  # a picture of a graph whose rule fails is worth having
        self.faults[node, slot] = english("its rule raised {0}: {1}", type(error).__name__, error)
        return True


def contributions(root, seed, known):
    """({node: the gradient that `seed` at `root` sends there}, every Contribution in the order of the backward pass).

    Nothing is freed, and what an earlier pass freed is restored from `known`, {node: its array}. What stands
    below a contribution that is unknown is unknown too.
    """
    record, unknown, found = _Record(known), set(), []
    with watching(record):
        backward(root, seed, retain_graph=True)
    for node in reversed(topological(root)):
        saved, note = saved_or_restored(node, known)
        g = None if node in unknown else record.totals.get(node)
        if node in unknown:
            note = note or english("the gradient of this {0} is unknown", node.label)
        elif g is None:
            note = NO_GRADIENT
        form = known.get(node) if g is None else g
        for slot, _, _ in node.plan.vjps:
            parent, c = node.parents[slot], Contribution(node, slot, note=record.faults.get((node, slot), note))
            found.append(c)
            if saved is not None:
                rule = pull(node, slot, saved)
                c.pull = _fitted(rule, parent, node)
                if elementwise(node) and form is not None:
                    ones = 1.0 if node.dtype is None else owner(form).xp.ones_like(form)
                    with suppress(Exception):  # a rule that raises was noted, or is not asked for more
                        c.local = rule(ones)
            if g is not None:
                c.part, c.running = record.arrived.get((node, slot), (None, None))
            if c.note and c.note != NO_GRADIENT:
                unknown.add(parent)
            if parent in unknown:
                c.running = None
    return {node: g for node, g in record.totals.items() if node not in unknown}, found


def elementwise(node):
    """Whether each element of the result depends on the matching elements of the operands alone."""
    return node.primitive.jvp == ELEMENTWISE


def _fitted(rule, parent, node):
    return lambda g: conform(rule(g), parent, node)


def saved_or_restored(node, known):
    """(what the rules of `node` ask for, "") as it was kept, or restored from `known`; (None, why) if it cannot be."""
    line = changed(node)
    if line is not None:
        return None, english("an array that it needs was changed at {0}", short_line(*line))
    saved = values_of(node)
    if saved is not None:
        return saved, ""
    guarded = {leaf._node for leaf, _ in node.guards}
    for slot in node.plan.arrays:
        parent = node.parents[slot]
        if isinstance(parent, Node) and parent.plan is None and parent not in guarded:
            why = english(
                "backward has freed its own copy of an operand that others could change; trace before backward"
            )
            return None, why
    shapes = [p.shape if isinstance(p, Node) else p[0] if type(p) is tuple else () for p in node.parents]
    arrays = [_Gone(shape) if a is None else a for a, shape in zip(operands(node, known), shapes, strict=True)]
    saved = node.plan.save(arrays, known.get(node, _Gone(node.shape)), node.options)
    if any(isinstance(part, _Gone) for entry in saved for part in (entry if isinstance(entry, tuple) else (entry,))):
        why = english("backward has freed what it needs; trace before backward, or call backward(retain_graph=True)")
        return None, why
    return saved, ""


def values_of(node):
    """What the call has kept for its rules; None if backward has freed it."""
    return node.saved if node.saved is not None else getattr(node, "used", None)


class _Gone:
    """Stands for an array that no longer exists: only its shape is known."""

    def __init__(self, shape):
        self.shape = shape


def operands(node, known):
    """The operands' arrays and numbers; None for those that no longer exist."""
    saved = values_of(node)
    links = node.plan.links if saved is not None else ()
    arrays = []
    for slot, parent in enumerate(node.parents):
        array = known.get(parent) if isinstance(parent, Node) else parent[2]() if type(parent) is tuple else parent
        if array is None and slot in links:
            array = saved[links.index(slot)]
        elif array is None and "all" in links:
            array = saved[links.index("all")][slot]
        arrays.append(array)
    return arrays
