"""The calls of a graph made again and recorded: a program in which the values, contributions and gradients of the graph are known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd.errors import ChainruleError, GraphError
from ..autograd.grad_mode import enable_grad
from ..autograd.tensor import Tensor
from ..backends import owner
from ..backends.passes import planned
from ..backends.program import Instruction, Program
from ..backends.recording import Recording
from ..backends.trace import recording_into
from ..backends.traced import Traced
from ..pages.words import english
from .calls import Given, Place
from .graph import GraphData
from .recover import contributions
from .text.reading import worked_out
from .values import Values, values


class Again(NamedTuple):
    """A graph as a program, which computes all that the graph shows.

    Fields:
        program: its kept values are named ("value", id of a node), ("total", id), ("local", id of an edge), ("contribution", id)
            and ("running", id), where they are known, and ("term", place) for each of the terms.
        given: [(id of a node, Instruction of the input, its array)]: what the graph begins with; a constant may be there twice.
    """

    program: Program
    given: list[tuple[int, Instruction, np.ndarray]]


def again(graph: GraphData, terms=()) -> Again:
    """The Again of a graph that `trace` gave, and of `terms`, page/equations.py's Terms of it.

    Raises: GraphError, saying why, if it cannot be computed again, or does not come to the numbers that the graph shows.
    """
    calls = getattr(graph, "calls", None)
    if calls is None:
        raise GraphError(english("this graph was read or opened, so its calls are not known"))
    if not calls:
        raise GraphError(english("it has no operation"))
    recording = Recording()
    with np.errstate(all="ignore"), recording_into(recording), enable_grad():
        try:
            given, kept = _recorded(graph, calls, recording, terms)
        except GraphError:
            raise
        except (ChainruleError, AttributeError, TypeError, ValueError) as error:  # a user's primitive may do anything
            raise GraphError(str(error) or type(error).__name__) from error
        program = planned(recording.program([], [], kept))
    return Again(program, [entry for entry in given if entry[1] in set(program.inputs)])


def _recorded(graph, calls, recording, terms):
    """(given as in Again, {name: Traced array}), with the calls noted in `recording`."""
    operands, made = graph.operands(), iter([n for n in graph.nodes if n.kind == "operation"])
    begins = sources(calls, operands)
    results: list[Tensor] = []
    nodes: dict[Any, int] = {}  # {a node on the new tape: the id of a node of the graph}
    given, made_of = [], {}  # {id of a node: its Tensor}
    for place, entry in enumerate(calls):
        if isinstance(entry, Given):
            node = graph.nodes[begins[place]]
            array = array_of(node, entry)
            traced = recording.array(node.label, array)
            given.append((node.id, traced.made, array))
            results.append(Tensor._wrap(traced))
            results[-1].requires_grad = entry.flows
        else:
            node = next(made)
            inputs = [results[x] if isinstance(x, Place) else x for x in entry.operands]
            results.append(entry.primitive.call(*inputs, **entry.options))
        if results[-1]._node is not None:
            nodes[results[-1]._node] = node.id
        made_of[node.id] = results[-1]
        _compare(node, results[-1]._data)
    root = results[-1]._data
    known = {x._node: x._data for x in results if x._node is not None}
    totals, found = contributions(results[-1]._node, owner(root).xp.ones_like(root), known)
    kept = {("value", nodes[node]): array for node, array in known.items()}
    kept |= {("total", nodes[node]): array for node, array in totals.items()}
    slots = {(edge.target, edge.slot): edge.id for edge in graph.edges}
    for c in found:
        edge = slots[nodes[c.node], c.slot]
        parts = {"local": c.local, "contribution": c.part, "running": c.running}
        kept |= {(name, edge): array for name, array in parts.items() if isinstance(array, Traced)}
    for place, term in enumerate(terms):
        names = {edge.input: edge.source for edge in operands[term.target]} | {"out": term.target}
        array = worked_out(term.part, {x: _changing(graph.nodes[i], made_of) for x, i in names.items()})
        kept |= {("term", place): array} if isinstance(array, Traced) else {}
    return given, kept


def _changing(node, made_of):
    """The recorded array of a node; of whole numbers, which nobody changes, the array itself."""
    if node.id in made_of and (node.dtype or "float").startswith("float"):
        return made_of[node.id]._data
    return node.value and node.value.array()


def sources(calls, operands):
    """{place of a Given among the calls: the id of its node}."""
    found, called = {}, iter([edges for edges in operands if edges])
    for entry in calls:
        if not isinstance(entry, Given):
            for x, edge in zip(entry.operands, next(called), strict=True):
                if isinstance(x, Place):
                    found.setdefault(x, edge.source)
    return found


def array_of(node, entry):
    """The array of a Given on the host, as the graph shows it."""
    if node.value is not None and node.value.items is not None:
        return np.asarray(node.value.array(), node.dtype or None)
    array = entry.array()
    if array is None:
        raise GraphError(english("nobody holds {0} any more", f"{node.label} {node.shape}"))
    return owner(array).to_numpy(array)


def _compare(node, array):
    """Raise unless the value is the one that the graph shows, but for rounding."""
    shown, now = node.value, values(array.value)
    if shown is not None and not _close(shown, now):
        raise GraphError(
            english("{0} would not be computed to the value that is shown; an array was changed since", node.label)
        )


def _close(shown: Values, now: Values):
    one, other = _numbers(shown), _numbers(now)
    dtype = np.dtype(shown.dtype or float)
    rounding = 4096 * np.finfo(dtype if dtype.kind == "f" else float).eps
    largest = np.abs(one[np.isfinite(one)]).max(initial=0)
    return one.shape == other.shape and np.allclose(one, other, rtol=rounding, atol=rounding * largest, equal_nan=True)


def _numbers(x: Values):
    """All elements, or the facts of a summary."""
    facts = [x.summary[name] or 0.0 for name in ("min", "max", "rms")] if x.summary else x.items
    return np.asarray(facts, float)
