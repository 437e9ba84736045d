"""From the tape to plain data: `capture` walks what a tensor was computed from, and watches one backward pass over it."""

from contextlib import suppress
from functools import partial
from weakref import ref

import numpy as np

from ..autograd.callsite import short_line
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.formula import rules
from ..autograd.node import SMALL
from ..autograd.node import Node as TapeNode
from ..autograd.tensor import Tensor
from ..backends import get, owner
from ..pages.words import english
from .badges import badge
from .calls import calls
from .elements import jacobian
from .graph import CHANGED, GONE, OUTDATED, PERHAPS_CHANGED, Edge, Node
from .kinks import has_kinks, kinks
from .names import Names, free
from .recompute import out_of_date, recompute
from .recover import contributions, elementwise, operands, values_of
from .sourceline import source_line
from .text.why import why
from .values import number, values, written
from .views import Graph

OPENED = 300  # in graphs of up to this many calls each small call can be opened into its scalars


def capture(x, names=None, elements=True, variables=None):
    """The Graph of the values that `x` was computed from; `elements`: with what Graph.open needs, which costs the most.

    `variables` {name: value} name what has no other name.

    Raises: ArgumentError if `x` is not a Tensor or `names` is not a dict; GraphError if `x` has no graph.
    """
    if not isinstance(x, Tensor):
        raise ArgumentError(f"trace: needs a Tensor, such as a loss, was given {type(x).__name__}")
    if x._node is None:
        raise GraphError(
            "trace: this tensor has no graph, so there is nothing to show. Compute it from a tensor with "
            "requires_grad=True, outside no_grad(), and trace the result itself, not a detached copy"
            + ("; the trace of a matrix is x.trace()" if x.ndim == 2 else "")
        )
    order = list(_in_order(x._node))
    names = Names(names, order, variables)
    reached = set(order)
    order = [leaf for leaf in names.asked if leaf not in reached] + order
    known = _known(order, {**names.held, x._node: x})
    with np.errstate(all="ignore"):  # a nan is shown on the picture; a warning would not say where
        again = recompute(order, known, {**names.held, x._node: x})
        one = 1.0 if x._node.dtype is None else owner(x._data).xp.ones_like(x._data)
        totals, found = contributions(x._node, one, known)
        writer = _Writer(names, known, totals, again)
        for node in order:
            writer.recorded(node)
        _label(writer.nodes)
        slots = {(edge.target, edge.slot): edge for edge in writer.edges}
        backward = [slots[writer.ids[c.node], c.slot] for c in found]
        for c, edge in zip(found, backward, strict=True):
            writer.contributed(c, edge)
        if elements and len(order) <= OPENED:
            vjps = {(c.node, c.slot): c.pull for c in found}
            for node in order:
                if node.primitive and not elementwise(node):
                    writer.elements(node, slots, vjps)
        for node, text in _changes([n for n in order if n not in again], known, names.held):
            badges = writer.nodes[writer.ids[node]].badges
            badges += [text] if text not in badges else []
        graph = Graph(writer.nodes, writer.edges, [e.id for e in backward], values(one), _ran(x._node), names.modules)
        why(graph)
        badge(graph, writer.slopes)
    label = lambda node: graph.nodes[writer.ids[node]].label
    constants = {(edge.target, edge.slot): graph.nodes[edge.source].label for edge in graph.edges}
    graph.calls = calls(order, names.held, label, lambda node, slot: constants[writer.ids[node], slot])
    return graph


def _label(nodes):
    """Give each Node that has none a label of its own: its name, with a number if it is taken, else v1, v2, …"""
    labels = set()
    for node in (node for node in nodes if node.name):
        node.label = free(node.name, labels)
        labels.add(node.label)
    for count, node in enumerate((node for node in nodes if not node.label), 1):
        node.label = free(f"v{count}", labels)
        labels.add(node.label)


def _ran(root):
    """Whether a backward pass has gone through `root`: it freed what the call kept, or left a gradient."""
    return root.plan is not None and (root.saved is None or root.grad is not None)


def _in_order(root):
    """The nodes `root` was computed from, and root, each after its operands, left to right. Iterative."""
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        if node is None:  # a marker: all operands of the next node are done
            yield stack.pop()
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += [p for p in reversed(node.parents) if isinstance(p, TapeNode) and p not in seen]


def _known(order, held):
    """{node: its array} for all whose array somebody still holds: a tensor, the node itself, or a call that kept it."""
    known = {}
    for node in order:
        array = held[node]._data if node in held else raw(node.result() if type(node.result) is ref else node.result)
        if array is not None:
            known[node] = array
        saved = values_of(node) if node.plan else None
        for link, part in zip(node.plan.links, saved, strict=True) if saved else ():
            if link == "out":
                known.setdefault(node, part)
            elif isinstance(link, int) and isinstance(parent := node.parents[link], TapeNode):
                if parent.dtype is None:  # a number as it was used, whatever its leaf has become
                    known[parent] = part
                known.setdefault(parent, part)
    return known


def _changes(order, known, held):
    """(node, badge) for the results that changed operands have left behind, and for the leaves that changed them."""
    for node in order:
        if node.primitive is None:
            now, used = node.result, known.get(node)
            if node.dtype is None and now != used and now == now:
                yield node, english("changed since it was used, to {0}", number(now))
        elif out_of_date(node, known):
            yield node, OUTDATED
            leaves = {p for p in node.parents if isinstance(p, TapeNode) and p.plan is None}
            suspects = {leaf for leaf in leaves if leaf not in held or held[leaf]._version is not None}
            guilty = {leaf._node for leaf, version in node.guards if leaf._version is not version}
            for leaf in leaves:
                if leaf in guilty or suspects == {leaf}:
                    yield leaf, CHANGED
                elif leaf in suspects and not guilty:
                    yield leaf, PERHAPS_CHANGED


class _Writer:
    """Writes nodes and edges as plain data, numbering them as they come.

    Fields:
        nodes, edges: what is written so far.
        ids: {recorded node, or the id of a constant's array: the id of its Node}.
        slopes: {id of an Edge: its local derivative, on its own device}.
        notes: {recorded node: how its value is known, or why not, where the tape did not keep it}.
    """

    def __init__(self, names, known, totals, notes):
        self.names, self.known, self.totals, self.notes = names, known, totals, notes
        self.nodes, self.edges, self.ids, self.slopes = [], [], {}, {}

    def write(self, kind, primitive, data, name, **fields):
        """Add a Node with the value `data`. Returns its id."""
        i, is_number = len(self.nodes), kind == "constant" and isinstance(data, (int, float))
        self.nodes.append(
            Node(
                id=i,
                kind=kind,
                operation=primitive.name if primitive else kind,
                symbol=(primitive.symbol or primitive.name) if primitive else kind,
                name=name,
                label=written(data) if is_number and not name else "",
                device="" if data is None or is_number else owner(data).name,
                value=values(data),
                **fields,
            )
        )
        return i

    def recorded(self, node):
        """The Node of a recorded call or a leaf, and before it the constants that it uses."""
        constants = [
            None if isinstance(p, TapeNode) else self.constant(node, slot) for slot, p in enumerate(node.parents)
        ]
        module, calls = self.names.module(node)
        self.ids[node] = i = self.write(
            "operation" if node.primitive else "leaf",
            node.primitive,
            self.known.get(node),
            name=self.names.of(node),
            options=_options(node) if node.primitive else [],
            shape=node.shape,
            dtype="" if node.dtype is None else str(node.dtype),
            grad=values(raw(node.grad)),
            total=values(self.totals.get(node)),
            line=short_line(node.code, node.instruction) if node.primitive else "",
            source=source_line(node.code, node.instruction) if node.primitive else [],
            note=self.notes.get(node, "" if node in self.known else GONE),
            module=module,
            calls=calls,
        )
        texts = rules(node.primitive) if node.primitive else {}
        for slot, parent in enumerate(node.parents):
            source = self.ids[parent] if constants[slot] is None else constants[slot]
            name = _input(node, slot)
            flows = slot in node.plan.tracked
            rule = texts.get(node.primitive.inputs[0] if node.primitive.variadic else name, "") if flows else ""
            self.edges.append(Edge(len(self.edges), source, i, slot, name, flows, rule=rule))

    def constant(self, node, slot):
        """The id of the Node of an operand without gradient; a number has one for each use, an array one for all."""
        parent = node.parents[slot]
        value = operands(node, self.known)[slot]
        shared = not isinstance(value, (bool, int, float, np.generic)) and hasattr(value, "dtype")
        if shared and id(value) in self.ids:
            return self.ids[id(value)]
        shape, dtype = (
            parent[:2] if type(parent) is tuple else (getattr(value, "shape", ()), getattr(value, "dtype", None))
        )
        i = self.write(
            "constant",
            None,
            value,
            name=self.names.of_constant(value),
            options=[],
            shape=tuple(shape),
            dtype="" if dtype is None else str(np.dtype(dtype)),
            grad=None,
            total=None,
            line="",
            module=[],
            calls=[],
            note=GONE if value is None else "",
        )
        if shared:
            self.ids[id(value)] = i
        return i

    def elements(self, node, slots, vjps):
        """Write the derivatives of single elements onto the edges of a call whose arrays are known and small."""
        arrays, out = operands(node, self.known), self.known.get(node)
        if out is None or any(a is None for a in arrays):
            return
        sizes = [np.size(a) for a in (*arrays, out)]
        if not all(sizes) or sum(sizes) > SMALL:
            return
        call = partial(node.primitive.fn, owner(out).xp, **node.options)
        for slot in range(len(arrays)):
            with suppress(Exception):  # a rule that fails is noted on the edge already
                slots[self.ids[node], slot].jacobian = jacobian(call, arrays, slot, vjps.get((node, slot)))

    def contributed(self, contribution, edge):
        """Write what a Contribution says onto its Edge."""
        edge.local, edge.contribution = values(contribution.local), values(contribution.part)
        edge.running, edge.note = values(contribution.running), contribution.note
        if contribution.local is not None:
            self.slopes[edge.id] = contribution.local
        if has_kinks(contribution.node.primitive):
            edge.why = self.kinks(contribution)
        wide, narrow = self.nodes[edge.target].shape, self.nodes[edge.source].shape
        if contribution.local is not None and wide != narrow:
            edge.summed = english("summed over {0}: {1} → {2}", _axes(wide, narrow), wide, narrow)

    def kinks(self, contribution):
        """Why a contribution is a choice, in words, where the arrays are known and small; else ""."""
        node, out = contribution.node, self.known.get(contribution.node)
        arrays = operands(node, self.known)
        if any(a is None for a in (out, *arrays)) or sum(map(np.size, (*arrays, out))) > 2 * SMALL:
            return ""
        host = lambda a: owner(a).to_numpy(a) if hasattr(a, "dtype") and not isinstance(a, np.generic) else a
        call = partial(node.primitive.fn, get("cpu").xp, **node.options)
        with suppress(Exception):  # a note the less
            return kinks(node.primitive, call, list(map(host, arrays)), contribution.slot, host(contribution.local))
        return ""


def _axes(wide, narrow):
    """The axes along which an operand of shape `narrow` was repeated to `wide`, in words."""
    padded = (1,) * (len(wide) - len(narrow)) + narrow
    axes = [i for i, (w, n) in enumerate(zip(wide, padded, strict=True)) if w != n or i < len(wide) - len(narrow)]
    return english("axis {0}" if len(axes) == 1 else "axes {0}", ", ".join(map(str, axes)))


def _input(node, slot):
    """What the primitive calls its operand number `slot`."""
    return str(slot) if node.primitive.variadic else node.primitive.inputs[slot]


def _options(node):
    """The options of a call that are not the defaults, such as `axis=0`."""
    defaults = node.primitive.defaults
    given = ((k, _option(v)) for k, v in node.options.items())
    return [f"{k}={v}" for k, v in given if k not in defaults or v != _option(defaults[k])]


def _option(value):
    """An option as short text that is the same on every run."""
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else str(v) for v in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(_option, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.shape} {value.dtype}"
    if value is None or isinstance(value, (bool, int, float, str, np.dtype)):
        return str(value)
    return getattr(value, "__name__", type(value).__name__)
