"""Small operations number by number, as stories of their own: the picture of each, and what the page steps through in it."""

import math

from ..expand import scalars
from ..picture.blocks import flow
from ..picture.svg import drawn
from ..text.story import Story
from .words import edge_words, node_words

ROOM = 90_000  # characters that they may take together
FEW = 32  # an operation and its operands of at most so many elements are opened


def opened(graph, story):
    """(node, its picture, its story as plain data) for each operation on a few numbers, as long as there is room.

    The story has no numbers: the page makes them from those of the whole graph. In it are nodes: their words, and of
    which element they are, as [id of an array, place]; edges: their words, `stands`: for which edges of the graph,
    and `at`: [i, j], from element j of an operand to element i of the result; the order of backward; and steps: each
    with `outer`, the number of the step of the graph that it is a part of.
    """
    room = ROOM
    place = {(s.phase, s.node if s.phase == "forward" else s.edge): k for k, s in enumerate(story.steps, 1)}
    for node in _small(graph):
        numbers = scalars(graph, node)
        told = _told(numbers, graph, node, place)
        for number in numbers.nodes:
            number.grad = number.total  # as after the pass; the page covers it until then
        svg = drawn(numbers, flow(numbers), "built-in", prefix=f"s{node.id}-", styled=False)
        room -= len(svg) + len(str(told))
        if room < 0:
            return
        yield node, svg, told


def _small(graph):
    """The operations on a few numbers, but more than one, whose derivatives are known; first those that are not
    elementwise, which need it most."""
    found = []
    for edges in filter(None, graph.operands()):
        node = graph.nodes[edges[0].target]
        sizes = [math.prod(array.shape) for array in (node, *(graph.nodes[edge.source] for edge in edges))]
        elementwise = any(edge.local for edge in edges)
        known = elementwise or all(edge.jacobian is not None for edge in edges)
        if known and max(sizes) > 1 and sum(sizes) <= FEW:
            found.append((elementwise, node.id))
    return [graph.nodes[i] for _, i in sorted(found)]


def _told(numbers, graph, node, place):
    """The story of an opened node as plain data; what is empty is left out. `place`: the numbers of the graph's steps."""
    own, last = Story(numbers, 0), numbers.root.id
    of = {i: [table.of, k] for table in numbers.opened.tables for k, i in enumerate(table.ids)}
    nodes = [node_words(own, n) | {"of": of.get(n.id)} for n in numbers.nodes]
    if last not in of:  # the rest of the graph, which is one number if the result is
        nodes[last] |= {"of": [graph.root.id, None if numbers.root.value is None else 0]}
        nodes[last] |= {"kind": "operation", "operation": numbers.root.operation}
    parts = zip(numbers.edges, edge_words(numbers), numbers.opened.stands, numbers.opened.elements, strict=True)
    edges = [
        {
            "source": e.source,
            "target": e.target,
            "input": e.input,
            "flows": None if e.flows else False,
            "why": e.why,
            **words,
        }
        | {"stands": stands, "at": at}
        for e, words, stands, at in parts
    ]
    steps = [
        {"phase": step.phase, "node": step.node, "edge": step.edge, "outer": _outer(step, numbers, graph, node, place)}
        | {"text": " ".join(filter(None, own.cells(step))) if step.phase == "seed" else ""}
        for step in own.steps
        if step.phase != "update" and (step.phase, step.node, step.result) != ("forward", last, None)
    ]
    kept = lambda fields: {key: x for key, x in fields.items() if x not in ("", [], None)}
    return {
        "nodes": list(map(kept, nodes)),
        "edges": list(map(kept, edges)),
        "order": numbers.order,
        "steps": list(map(kept, steps)),
    }


def _outer(step, numbers, graph, node, place):
    """The number of the step of the graph that a step of an opened node is a part of."""
    if step.phase == "forward":
        return place["forward", graph.root.id if numbers.nodes[step.node].operation == "rest" else node.id]
    stands = numbers.opened.stands[step.edge] if step.phase == "backward" else []
    return max((place["backward", i] for i in stands), default=place["seed", None])
