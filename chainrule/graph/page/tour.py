"""The tour of half a minute: backprop on three values, told by the same story as every other graph."""

from functools import cache

from ...pages.html import asset
from ...pages.words import english, language, translated
from ..json import from_json
from ..picture.svg import drawn
from ..picture.view import view
from ..text.story import Story
from ..values import NOT_COMPUTED

SAID = {  # in plain words, before the step's own line
    "forward": english("First the result is computed, from left to right."),
    "seed": english(
        "Then we go backwards, and ask of each value: if it grows by 1, by how much does y grow? Of y itself: by 1."
    ),
    "backward": english(
        "A box sends its gradient back along each arrow, times a local slope. In a product that is the other factor."
    ),
    "update": english("A small step against the gradient makes y smaller. Training is this, again and again."),
}


def tour():
    """(the picture of y = w · x, its cards). Ids in the picture begin with "tour-".

    A card has what is "said", the "text" of the step, the texts of "value" and "grad" of each box, those on the edges
    ("flow"), and the lit "edge" or None.
    """
    return _tour(language())


@cache
def _tour(in_language):
    graph = from_json(asset(__package__, "tour.json"))  # what `trace` gives, which is above this room
    story, cards, said = Story(graph, 0.1), [], None
    value = {n.id: "·" if n.kind == "operation" else str(n.value) for n in graph.nodes}
    grad, flow = {n.id: NOT_COMPUTED for n in graph.nodes}, {e.id: "" for e in graph.edges}
    for step in story.steps:
        if step.phase in ("forward", "update"):
            value = value | {step.node: str(step.result)}
        else:
            grad = grad | {step.node: str(step.result)}
        if step.edge is not None:
            flow = flow | {step.edge: str(graph.edges[step.edge].contribution)}
        text = " ".join(filter(None, story.cells(step))).replace("->", "→")
        card = {"said": translated(SAID[step.phase]) if step.phase != said else "", "text": text}
        cards.append(card | {"value": value, "grad": grad, "flow": flow, "edge": step.edge})
        said = step.phase
        if said == "update":  # of the weight; x is data
            break
    return drawn(graph, view(graph), "built-in", "tour-", styled=False), cards
