"""One small operation opened into its graph of scalars: each element a node, each derivative a number on an edge."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..autograd.errors import ArgumentError
from ..autograd.node import SMALL
from ..pages.words import english
from .graph import Edge, Node
from .text.phrases import call
from .text.why import why
from .values import Values


@dataclass(slots=True)
class Table:
    """The elements of one array in an opened graph.

    Fields:
        of: the id of the array in the graph that was opened.
        label, shape: of the array; ids: of the nodes of its elements, row by row.
    """

    of: int
    label: str
    shape: tuple[int, ...]
    ids: list[int]


@dataclass(slots=True)
class Opened:
    """What the nodes and edges of an opened graph are in the graph that was opened.

    Fields:
        operation, call: what was opened, and how it was called, such as "A @ B".
        tables: of the operands, slot by slot, and last of the result.
        stands: for each edge the ids of the edges that it stands for.
        elements: for each edge (i, j): it leads from element j of an operand to element i of the result; None for one
            that leads to the rest of the graph.
    """

    operation: str
    call: str
    tables: list[Table]
    stands: list[list[int]]
    elements: list[tuple[int, int] | None]


def scalars(graph, node):
    """The operation `node` of `graph` as a Graph of its own, in which every element is a node; `opened` says of what.

    An edge leads from each element of an operand to each element of the result that depends on it, with their
    derivative. What the rest of the graph does is one more node at the end, whose derivatives are the gradients that
    arrive: by the result and, where an operand is also used elsewhere, by other paths. Contributions come in the order
    of those of `graph`, so all sums are the same.

    Raises: ArgumentError if `node` is no operation, or if the derivatives of its elements were not kept.
    """
    if node.kind != "operation":
        raise ArgumentError(
            f"open: needs an operation, but {node.label} is a {node.kind}; open a value computed from it"
        )
    incoming = graph.operands()[node.id]
    derivatives = [_rows(_derivatives(graph, edge, incoming), _size(node)) for edge in incoming]
    opened = _Writer(graph, node, incoming)
    for i, result in enumerate(opened.places[node.id]):
        for edge, rows in zip(incoming, derivatives, strict=True):
            elementwise = edge.jacobian is None  # then names and rule of the operation hold for its elements too
            for j, derivative in rows[i]:
                name = edge.input + ("" if elementwise else _index(graph.nodes[edge.source], j))
                new = opened.connect(opened.places[edge.source][j], result, name, derivative, [edge.id], (i, j))
                new.flows, new.rule = edge.flows, edge.rule if elementwise else ""
    return opened.graph_of_scalars()


def _derivatives(graph, edge, incoming):
    """(i, j, derivative) for each element i of the target and element j of the source that it depends on."""
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    if edge.jacobian is not None:
        return edge.jacobian
    small = max(_size(source), _size(target)) <= SMALL
    if not small or not any(e.local for e in incoming):
        raise ArgumentError(
            f"open: the derivatives of the elements of {target.label} were not kept, because there are too many of them, or of nodes; "
            f"given {target.operation} {source.shape} → {target.shape}. Trace a smaller example, such as 3 rows of the batch"
        )
    places = np.broadcast_to(np.arange(_size(source)).reshape(source.shape), target.shape)
    local = _flat(edge.local) or [None] * _size(target)
    return list(zip(range(_size(target)), places.ravel().tolist(), local, strict=True))


def _rows(pairs, count):
    """For each of `count` elements of the result, its (j, derivative)."""
    rows = [[] for _ in range(count)]
    for i, j, derivative in pairs:
        rows[i].append((j, derivative))
    return rows


class _Writer:
    """The graph of scalars of `node` while it is written.

    Fields:
        graph, node, incoming: what is opened, and the edges that lead into it.
        nodes, edges: what is written so far; derivatives: of each edge, None where unknown.
        stands, elements: see Opened.
        places: {id of a node in graph: the ids of its elements here}.
        fan_in: how many edges lead into each node.
    """

    def __init__(self, graph, node, incoming):
        self.graph, self.node, self.incoming = graph, node, incoming
        self.nodes, self.edges, self.derivatives, self.stands, self.elements = [], [], [], [], []
        self.places, self.fan_in = {}, Counter()
        for array in (*(graph.nodes[edge.source] for edge in incoming), node):
            self.add_elements(array)

    def add(self, **fields):
        """The id of a new node."""
        self.nodes.append(Node(id=len(self.nodes), shape=(), total=None, **fields))
        return len(self.nodes) - 1

    def add_elements(self, array):
        """Write the nodes of the elements of `array`, if they are not there."""
        if array.id in self.places:
            return
        values, grads = _elements(array.value, array), _elements(array.grad, array)
        given = array.kind == "operation" and array is not self.node
        self.places[array.id] = [
            self.add(
                kind=array.kind,
                operation=array.operation,
                symbol=array.symbol,
                name=array.name and array.name + _index(array, j),
                label=array.label + _index(array, j),
                options=[english("computed before")] if given else array.options,
                dtype=array.dtype,
                device=array.device,
                value=value,
                grad=grad,
                line=array.line,
                module=array.module,
                calls=array.calls,
                note=array.note,
            )
            for j, (value, grad) in enumerate(zip(values, grads, strict=True))
        ]

    def add_rest(self):
        """The id of a new node for all that lies between this operation and the traced value."""
        root, seed = self.graph.root, self.graph.seed
        scalar = _size(root) == 1 and root is not self.node
        value = _elements(root.value, root)[0] if scalar else None
        rest = self.add(
            kind="operation",
            operation="rest",
            symbol="…",
            name=root.name if scalar else None,
            label=root.label if scalar else f"Σ seed · {root.label}",
            options=[],
            dtype=root.dtype,
            device=root.device,
            value=value,
            grad=None,
            line=root.line,
            module=[],
            calls=[],
            badges=[english("the rest of the graph")],
        )
        self.nodes[rest].total = Values((), seed.dtype, 1.0)
        return rest

    def connect(self, source, target, name, derivative, stands, elements=None):
        """A new edge."""
        edge = Edge(len(self.edges), source, target, self.fan_in[target], name, flows=True)
        self.edges.append(edge)
        self.derivatives.append(derivative)
        self.stands.append(stands)
        self.elements.append(elements)
        self.fan_in[target] += 1
        return edge

    def gradients(self):
        """The ids of the edges in the order of backward, once those are written along which gradient comes from outside.

        Contributions that come to an array from elsewhere one after the other are one edge for each of its elements.
        """
        order, outside = [], {i: [] for i in self.places}
        results = self.places[self.node.id]
        alone = self.node is self.graph.root and len(results) == 1
        if alone and not any(edge.source in self.places for edge in self.elsewhere()):
            self.nodes[results[0]].total = _elements(self.graph.seed, self.node)[0]
            rest = None
        else:
            rest = self.add_rest()
            if self.node is self.graph.root:
                order += self.arrive(rest, self.node, [])
        for edge in (self.graph.edges[i] for i in self.graph.order):
            if edge.target == self.node.id:
                order += self.arrive_all(rest, outside)
                order += [i for i, stands in enumerate(self.stands) if stands == [edge.id] and self.elements[i]]
            elif edge.source in self.places:
                outside[edge.source].append(edge)
        return order + self.arrive_all(rest, outside)

    def elsewhere(self):
        """The edges along which gradient comes past the operation."""
        return [e for e in map(self.graph.edges.__getitem__, self.graph.order) if e.target != self.node.id]

    def arrive_all(self, rest, outside):
        """The ids of new edges for what waits: {id of an array: edges of the graph}."""
        last = lambda i: self.graph.order.index(outside[i][-1].id)  # they come in the order of their last
        waiting = {i: outside[i] for i in sorted((i for i, edges in outside.items() if edges), key=last)}
        outside.update((i, []) for i in waiting)
        return [new for i, edges in waiting.items() for new in self.arrive(rest, self.graph.nodes[i], edges)]

    def arrive(self, rest, array, edges):
        """The ids of new edges along which the contributions of `edges` come to the elements of an array."""
        if array is self.node:
            parts = _flat(array.total) or [None] * _size(array)
        elif array.total is None or not all(edge.contribution for edge in edges):
            parts = [None] * _size(array)
        else:
            parts = sum(edge.contribution.array() for edge in edges).ravel().tolist()
        stands = [edge.id for edge in edges]
        places = zip(self.places[array.id], parts, strict=True)
        return [self.connect(i, rest, self.nodes[i].label, part, stands).id for i, part in places]

    def contribute(self, order):
        """Send the gradients along the edges: a target's total is complete when it is used."""
        unknown = set()
        for edge in (self.edges[i] for i in order):
            x, z, derivative = self.nodes[edge.source], self.nodes[edge.target], self.derivatives[edge.id]
            if derivative is not None:
                edge.local = Values((), z.dtype, derivative)
            if derivative is None or z.total is None:
                edge.note = english("the gradient of {0} is unknown", z.label if z.total is None else x.label)
                unknown.add(x.id)
                continue
            part = _exact(x.dtype, _exact(z.dtype, z.total.items) * _exact(z.dtype, derivative))
            edge.contribution = Values((), x.dtype, part.item())
            if x.id not in unknown:
                before = [] if x.total is None else [_exact(x.dtype, x.total.items)]
                edge.running = x.total = Values((), x.dtype, sum(before, part).item())

    def graph_of_scalars(self):
        """The finished Graph."""
        order = self.gradients()
        self.contribute(order)
        used = {self.edges[i].source for i in order}
        for array in (self.graph.nodes[edge.source] for edge in self.incoming if edge.flows):
            for place, total in zip(self.places[array.id], _elements(array.total, array), strict=True):
                if place not in used:  # the result does not depend on it
                    self.nodes[place].total = total
        modules = {path: self.graph.modules[path] for path in sorted({p for n in self.nodes for p in n.module})}
        graph = type(self.graph)(self.nodes, self.edges, order, self.nodes[-1].total, self.graph.ran, modules)
        why(graph)
        for edge in self.edges:
            if self.nodes[edge.target].operation == "rest":  # whose derivatives have other reasons
                edge.why = ""
        arrays = [self.graph.nodes[i] for i in (*(edge.source for edge in self.incoming), self.node.id)]
        tables = [Table(array.id, array.label, array.shape, self.places[array.id]) for array in arrays]
        made = call(self.node, [array.label for array in arrays[:-1]])
        graph.opened = Opened(self.node.operation, made, tables, self.stands, self.elements)
        return graph


def _exact(dtype, x):
    """A number in its own dtype, so that products and sums round as the engine's do."""
    return np.asarray(x, dtype or "float64")


def _size(node):
    return math.prod(node.shape)


def _flat(values):
    """The elements row by row; None where they are not known."""
    return None if values is None or values.items is None else values.array().ravel().tolist()


def _elements(values, node):
    """The Values of each element of a node; None for each where they are not known."""
    known = _flat(values)
    return [None] * _size(node) if known is None else [Values((), values.dtype, x) for x in known]


def _index(node, j):
    """Where element j stands, such as "[0, 1]"; "" for a single number."""
    return f"[{', '.join(map(str, np.unravel_index(j, node.shape)))}]" if node.shape else ""
