"""The words of a page that do not depend on what the learner does: of nodes, edges and steps, as Python's other views write them."""

from ...autograd.formula import put
from ...autograd.formula_text import write
from ...pages.words import translated
from ..badges import kind
from ..text.mistakes import mistakes
from ..text.phrases import call, label
from ..text.rules import letters, stated

SAID = "summed", "why", "note"  # what an edge says in words
ASKED = 300  # in graphs of so many values predict mode knows the mistakes in a rule


def node_words(story, node):
    """What a node is called, how it was computed, and what its `.grad` holds besides the gradient of this pass."""
    operands = [label(story.graph.nodes[edge.source]) for edge in story.operands[node.id]]
    made = call(node, operands) if operands else translated(node.kind)
    named = {"label": label(node), "call": made, "held": story.held(node)}
    named["badges"] = [{"kind": kind(badge), "text": translated(badge)} for badge in node.badges]
    named["note"] = translated(node.note)
    if operands:  # with places for numbers, in brackets where a negative one has them
        named["pattern"] = call(node, [f"−{{{i}}}" for i in range(len(operands))])
    return named


def edge_words(graph):
    """The rule of each edge as it is stated, with the call whose letters it has; and where the local derivative is no
    number or array that could be shown, in short and with the names of this graph."""
    operands, found, asked = graph.operands(), [], len(graph.nodes) <= ASKED
    for edge in graph.edges:
        siblings, target = operands[edge.target], graph.nodes[edge.target]
        left = edge.rule.partition(" = ")[0]
        inputs = [left.removeprefix("d")] if edge.input.isdigit() else [e.input for e in siblings]
        tree, short = stated(graph, edge, siblings), ""
        if tree is not None and not edge.local:
            if getattr(tree, "name", "").startswith("{0}, "):
                tree = tree.operands[0]  # without the remark behind it
            short = write(put(tree, letters(graph, edge, siblings)))
        found.append(
            {
                "rule": edge.rule and f"{call(target, inputs)}: {translated(edge.rule)}",
                "short": translated(short),
                **{name: translated(text) for name in SAID if (text := getattr(edge, name)) != translated(text)},
                "mistakes": [{"says": s, "items": x} for s, x in mistakes(graph, edge, siblings)] if asked else [],
            }
        )
    return found


def step_words(story, step):
    """A step as a dict. What it writes is left out, since it stands in the graph, at its node or edge.

    Only an update is not there: it is by the gradient "left" after the pass, and the page writes it at the learner's rate.
    """
    written = {name: getattr(step, name) for name in ("phase", "node", "edge", "arrived", "expected")}
    written["text"] = " ".join(filter(None, story.cells(step)))
    if step.phase == "update" and step.result:
        written["left"] = plain(story.left(story.graph.nodes[step.node]))
    return written


def plain(values):
    """Values as a dict."""
    return {"shape": values.shape, "dtype": values.dtype, "items": values.items}
