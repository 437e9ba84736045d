"""The graph of one example's loss, as snapshots show it: one picture, whose numbers change."""

from math import prod

import numpy as np

from ..autograd.errors import ArgumentError
from ..autograd.grad_mode import enable_grad
from ..graph.capture import capture
from ..graph.json import to_json
from ..graph.picture.view import view
from ..pages.words import english

WIDE = 0.0123456  # a number that takes as much room as most do


class Example:
    """The graph of one example's loss, traced anew for each snapshot.

    Fields:
        facts: "index" of the example; "template", the graph that the page draws, as JSON; "nodes", {"id", "label", "operation"} for each value in it;
            "edges", the ids of those whose local derivative is a number.
    """

    def __init__(self, run, sample, follow):
        if follow is None:
            raise ArgumentError(english("no example is followed: Replay(follow=None)"))
        self.run, self.x, self.y = run, sample.x[follow : follow + 1], sample.y[follow : follow + 1]
        graph = self._graph()
        self.form, shown = _form(graph), view(_template(graph))
        nodes = [graph.nodes[box.members[0]] for box in shown.boxes if not box.is_group]
        self.nodes = sorted(node.id for node in nodes if not node.is_number)
        edges = [graph.edges[arrow.edges[0]] for arrow in shown.arrows if len(arrow.edges) == 1]
        self.edges = [edge.id for edge in edges if edge.local is not None and edge.local.shape == ()]
        labels = [{"id": i, "label": graph.nodes[i].label, "operation": graph.nodes[i].operation} for i in self.nodes]
        self.facts = {"index": follow, "template": to_json(graph), "nodes": labels, "edges": self.edges}

    def snapshot(self):
        """The numbers now: of each node "value" and "grad", that of one backward pass, as cells of text, None where unknown,
        and a list of "badges"; of each edge "local"."""
        graph = self._graph()
        if _form(graph) != self.form:
            raise ArgumentError(
                english("the model computed another graph than at the start, which does not fit the picture")
            )
        nodes = [graph.nodes[i] for i in self.nodes]
        return {
            "value": [_cells(node.value) for node in nodes],
            "grad": [_cells(node.total) for node in nodes],
            "badges": [[*node.badges] for node in nodes],
            "local": [str(graph.edges[i].local) for i in self.edges],
        }

    def _graph(self):
        with enable_grad():
            loss = self.run.loss(self.run.model(self.x), self.y)
            return capture(loss, {"x": self.x, "y": self.y, "loss": loss}, elements=False)


def _form(graph):
    """What must not change, or the picture no longer fits."""
    return [(n.operation, n.shape) for n in graph.nodes], [(e.source, e.target) for e in graph.edges]


def _template(graph):
    """The graph without what changes from snapshot to snapshot: numbers are as wide as they may get, to leave room for all."""
    for node in graph.nodes:
        node.badges, node.line = [], ""  # the line would be one of this file
        node.value, node.grad = _wide(node.value), _wide(node.total)
    for edge in graph.edges:
        edge.local = _wide(edge.local)
    return graph


def _wide(values):
    """Values of that shape whose text is long; values that are not floating stay as they are."""
    if values is None or not values.dtype.startswith("float"):
        return values
    summary = values.summary and {**values.summary, "min": -WIDE, "max": WIDE, "mean": -WIDE}
    items = values.items and np.linspace(-WIDE, WIDE / 2, prod(values.shape)).reshape(values.shape).tolist()
    return type(values)(values.shape, values.dtype, items, summary)


def _cells(values):
    """The cells of Values, row by row; None if they are unknown."""
    return values and [cell for row in values.rows() for cell in row]
