"""The program of a graph that exists already: its calls are made again, and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..autograd.errors import GraphError
from ..autograd.ops.creation import ones_like
from ..autograd.tensor import Tensor
from ..backends.passes import planned
from ..backends.program import Program
from ..backends.record import ONE_AT_A_TIME
from ..backends.traced import current
from ..graph.calls import Called, Given, Place
from .origin import Line
from .reach import Reach
from .record import record
from .recorded import Argument

if TYPE_CHECKING:
    from ..graph.views import Graph


def program(graph: Graph) -> Program:
    """The graph as a Program, forward and backward, recorded anew from what it began with, as that is now.

    Its inputs are called what the graph calls them; it results in the value that was traced, and keeps {("gradient", name):
    that of a leaf}, for a seed of ones. A Value is an array of shape () in it.

    Raises: GraphError that names the inputs which nobody holds any more, and for a graph that was not traced in this process;
        RecordingError for arrays that are not on the CPU.
    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> graph = cr.trace((x * x).sum(), names={"x": x})
        >>> program = graph.program()
        >>> [given.operands[0] for given in program.inputs], list(program.kept)
        (['x'], [('gradient', 'x')])
    """
    if graph.calls is None:
        raise GraphError(
            "program: this graph was read or opened, so its calls are not known; call program() of what trace gave"
        )
    given = [entry for entry in graph.calls if isinstance(entry, Given)]
    arrays = [entry.array() for entry in given]
    if gone := [f"{g.label} {g.shape}" for g, a in zip(given, arrays, strict=True) if a is None]:
        raise GraphError(
            f"program: the graph cannot be computed again, since nobody holds {', '.join(gone)} any more; keep it in a variable"
        )
    leaves = [Tensor._wrap(np.asarray(a) if isinstance(a, (bool, int, float, np.generic)) else a) for a in arrays]
    for leaf, entry in zip(leaves, given, strict=True):
        leaf.requires_grad = entry.flows
    with ONE_AT_A_TIME:
        recorded = record(_again, (graph.calls, leaves), {}, Reach(leaves), lambda _: None)
    label = lambda path: given[path[2]].label
    for made, source in recorded.sources.items():
        made.operands = (label(source[1]),)
    gradients = {key: target.path for target, key in recorded.effects.gradients.items() if isinstance(target, Argument)}
    kept = {("gradient", label(gradients[key])): made for key, made in recorded.program.kept.items()}
    return planned(recorded.program._replace(kept=kept))


def _again(calls, leaves):
    """The value of the last call, after a backward pass from it."""
    values, waiting, recording = [], iter(leaves), current()
    for entry in calls:
        if isinstance(entry, Given):
            values.append(next(waiting))
            continue
        assert isinstance(entry, Called)
        assert recording is not None
        first = len(recording.instructions)
        operands = [values[x] if isinstance(x, Place) else x for x in entry.operands]
        value = entry.primitive.call(*operands, **entry.options)
        values.append(value)
        if entry.code is not None and value._node is not None:
            value._node.code, value._node.instruction = entry.code, entry.instruction
            for made in recording.instructions[first:]:
                made.origin = made.origin._replace(line=Line(entry.code, entry.instruction))
    if not values or values[-1]._node is None:
        return None
    values[-1].backward(ones_like(values[-1].detach()))
    return values[-1]
