"""Calls made again: what they give now, and the results that nobody holds any more, where these are known to come out the same."""

from math import prod
from weakref import ref

import numpy as np

from ..autograd.callsite import short_line
from ..autograd.guards import changed
from ..autograd.node import Node
from ..autograd.tensor import KEPT, Tensor
from ..backends import NUMBERS, owner
from ..pages.words import english
from .graph import GONE, RECOMPUTED
from .recover import elementwise, operands, values_of

ROOM = 2**28  # bytes that all results computed again may have
WAITING = {"over_shards"}  # calls that wait for other threads, so they are not made again


def out_of_date(node, known):
    """Whether the call would give another result now: an operand was changed since. False if that cannot be told."""
    if node not in known or not any(
        p.plan is None if isinstance(p, Node) else hasattr(p, "shape") for p in node.parents
    ):
        return False
    arrays = operands(node, known)
    if any(a is None for a in arrays):
        return False
    try:
        return not _same(node, known[node], _result(node, arrays))
    except Exception:  # what cannot be computed again cannot be compared
        return False


def recompute(order, known, held):
    """Add to `known`, {node: its array}, the results that nobody holds any more but that can be computed again.

    Nothing is drawn anew: a call whose operand is gone, such as the mask of a dropout, stays as it is. A result counts only if
    all operands are certain to be what they were, or if a result that is known follows from it. `held`: the tensors of nodes.

    Returns {node: in words, how its value is known, or why it is not}.
    """
    if all(node in known or node.plan is None for node in order):
        return {}
    again = _Again(order, known, held)
    for node in order:
        if node in known:
            again.confirm(node)
        elif node.plan is not None:
            again.make(node)
    known |= again.trusted()
    return {
        node: RECOMPUTED if node in known else english("{0}, and {1}", GONE, why) for node, why in again.why.items()
    }


class _Again:
    """Results while they are computed again.

    Fields:
        arrays: {node: its array}: those that are known and those that are made; doubted: the nodes made of what may have changed.
        why: {node: why its value stays unknown, if it does}.
        leaves: {leaf: its Tensor}, as far as they can be found.
        room: bytes that are left.
    """

    def __init__(self, order, known, held):
        self.arrays, self.doubted, self.why, self.room = dict(known), set(), {}, ROOM
        self.leaves = {leaf._node: leaf for node in order for leaf, _ in node.guards} | held

    def make(self, node):
        """Compute a result again, if its operands are there."""
        arrays, line, size = self._operands(node), changed(node), prod(node.shape) * node.dtype.itemsize
        self.why[node] = english("what it was computed from may have changed since")
        if line is not None:
            self.why[node] = english("what it was computed from was changed at {0}", short_line(*line))
        elif any(a is None for a in arrays) or node.primitive.name in WAITING:
            self.why[node] = english("what is needed to compute it again")
        elif size > self.room:
            self.why[node] = english("with {0} MiB it is too large to be computed again", f"{size / 2**20:,.1f}")
        else:
            try:
                out = _result(node, arrays)
            except Exception as error:  # a user's primitive may do anything, and memory may be short
                self.why[node] = english("computing it again raised {0}: {1}", type(error).__name__, error)
                return
            if (out.shape, out.dtype) == (node.shape, node.dtype):
                self.arrays[node], self.room = out, self.room - size
                if not self._certain(node):
                    self.doubted.add(node)

    def confirm(self, node):
        """Doubt no longer those results that lead to one that is known."""
        if not self._doubted(node) or changed(node) is not None or node.primitive.name in WAITING:
            return
        arrays = self._operands(node)
        try:
            if any(a is None for a in arrays) or not _same(node, self.arrays[node], _result(node, arrays)):
                return
        except Exception:  # what cannot be computed again cannot be compared
            return
        confirmed = [node]
        while confirmed:
            found = self._doubted(confirmed.pop())
            self.doubted.difference_update(found)
            confirmed += found

    def trusted(self):
        """{node: its array} of those that are made and not doubted."""
        made = [node for node in self.why if node in self.arrays]
        for node in made:  # what was confirmed later makes others certain
            if node in self.doubted and self._certain(node):
                self.doubted.remove(node)
        return {node: self.arrays[node] for node in made if node not in self.doubted}

    def _doubted(self, node):
        """The operands of a call that are doubted."""
        return [p for p in node.parents if isinstance(p, Node) and p in self.doubted]

    def _operands(self, node):
        """The operands as they were used, where the call has kept them; others as they are; None for those that are gone."""
        arrays, saved = operands(node, self.arrays), values_of(node)
        for link, part in zip(node.plan.links, saved or (), strict=False):
            if link == "all":
                arrays = list(part)
            elif isinstance(link, int):
                arrays[link] = part
        return arrays

    def _certain(self, node):
        """Whether a call has the operands that it had, and does nothing but compute."""
        kept = node.plan.arrays if values_of(node) is not None else ()
        return node.primitive.module.startswith("chainrule.") and all(
            slot in kept or self._unchanged(parent) for slot, parent in enumerate(node.parents)
        )

    def _unchanged(self, parent):
        """Whether an operand is what it was: a number, a result, or a leaf that nobody has changed or could have."""
        if not isinstance(parent, Node):
            return type(parent) in NUMBERS
        if parent.plan is not None:
            return parent not in self.doubted
        leaf = self.leaves.get(parent, parent.result() if type(parent.result) is ref else None)
        return isinstance(leaf, Tensor) and leaf._version is None and (leaf._access is None or leaf._access is KEPT)


def _result(node, arrays):
    """What the call gives for these operands."""
    backend = owner(next((a for a in arrays if hasattr(a, "dtype")), arrays[0]))
    return backend.asarray(node.primitive.fn(backend.xp, *arrays, **node.options))


def _same(node, before, again):
    """Whether two results are the same; sums but for rounding: another thread or alignment may add up in another order."""
    before, again = owner(before).to_numpy(before), owner(again).to_numpy(again)
    rounding = 64 * np.finfo(before.dtype).eps
    absolute = 0 if elementwise(node) else rounding * np.abs(before).max(initial=0)
    return np.allclose(again, before, rtol=rounding, atol=absolute, equal_nan=True)
