"""Badges: what a learner should notice on a node, in a few words. Each states a fact that the Graph itself shows."""

import math
import re

import numpy as np

from ..autograd.ops.norm import norm2
from ..autograd.primitive import ELEMENTWISE, REGISTRY
from ..backends import owner
from ..pages.words import english
from .graph import NO_ZERO_GRAD, OUTDATED
from .lettering import readable
from .stretched import stretched
from .text.notation import total
from .text.phrases import call
from .values import number

LARGEST = {"sigmoid": 0.25, "tanh": 1.0, "arctan": 1.0}  # the largest slope of functions that flatten out
GATES = ("relu", "maximum")  # let gradient through, or not
WATCHED = {*LARGEST, *GATES}  # operations whose local derivatives badge() looks at

FLAT = 0.05  # of the largest slope: below it, a unit is saturated
SATURATED = 0.5  # a badge says so from this fraction of the elements on
SMALL_RATIO = 1e-3  # of the last layer's gradient: below it, a layer hardly learns


VALUE = english("NaN first here"), english("inf first here")
GRADIENT = english("NaN gradient first here"), english("inf gradient first here")
DEAD = english("dead"), english("dead: {0} of {1} units"), english("dead: {0} of {1} elements")
OFF = english("off"), english("off: {0} of {1} units"), english("off: {0} of {1} elements")
_KINDS = {  # how a badge begins or reads -> its kind
    re.escape(NO_ZERO_GRAD): "zero_grad",
    "(?:NaN|inf) first here": "born",
    "(?:NaN|inf) gradient first here": "born gradient",
    "gradient": "gradient",
    "(?:dead|off)$|(?:dead|off): ": "off",
    "saturated": "saturated",
    r"\(.* made .*: meant\?$": "stretched",
}


def kind(text):
    """What a badge is about, in one word, which is the same in all languages; "" where nothing depends on it."""
    return next((kind for form, kind in _KINDS.items() if re.match(form, text)), "")


def badge(graph, slopes=None):
    """Fill in Node.badges.

    "NaN first here: sqrt(−1) at [2]", "inf first here": the value is broken though all operands, which are known, are not;
    of an elementwise operation whose arrays are known also where other elements were broken before.
    "NaN gradient first here", "inf gradient first here": the same for the gradient, and the gradients it came from.
    "dead: 7 of 8 units": for each example of the batch, the slope of these units is 0. A unit is a place on the last axis.
    "off: 7 of 8 units", "off": the same where there is only one example; "elements" where there is only one axis, which
    may be the units or the batch.
    "saturated 94 %", "saturated": this percentage of the slopes is below 5 % of the function's largest, rounded down.
    "gradient 1e−5 of layers.1.weight's": root mean squares of the gradients of weights, below 1e-3; the other is the one
    that is used last.
    "gradient all 0": of a leaf of several elements.
    "no zero_grad? gradient −20 + (−20) = −40": a leaf whose `.grad` held another pass already.
    "(3, 1) and (3,) made (3, 3): meant?": operands of different rank that are both repeated.
    "no path": no gradient can reach this leaf.

    `slopes` has the local derivatives {edge id: array on any device} of WATCHED operations; small ones stand on the edge.
    """
    operands, users = graph.operands(), [[] for _ in graph.nodes]
    for edge in graph.edges:
        if edge.flows:
            users[edge.source].append(edge.target)
    reached = _reached(graph, operands)
    lasting = _weights(graph, users, reached)
    for node in graph.nodes:
        if not node.is_number and OUTDATED not in node.badges:  # whose operands were others
            sources = [graph.nodes[e.source] for e in operands[node.id]]
            before = [n.value for n in sources if not (n.is_number and math.isnan(n.value.items))]
            node.badges += _born(node, sources) or _first_here(VALUE, node.value, before)
            node.badges += _stretched(node, sources)
        node.badges += _first_here(GRADIENT, node.total, [graph.nodes[i].total for i in users[node.id]])
        if node.operation in WATCHED:
            node.badges += _slopes(graph, node, operands[node.id], slopes or {})
        if node.kind == "leaf":
            node.badges += _small(node, lasting) if node.id in reached else [english("no path")]
            node.badges += _left_over(node, graph.ran)


def _reached(graph, operands):
    """The ids of the nodes that gradient flows to."""
    reached = {graph.root.id}
    for node in reversed(graph.nodes):
        if node.id in reached:
            reached.update(edge.source for edge in operands[node.id] if edge.flows)
    return reached


# ---- broken values


def _first_here(what, values, before):
    """The badge, of `what` one for nan and one for infinities, of the place where a nan or an infinity was born; none where one of `before` is not known."""
    if values is None or not values.broken or any(v is None for v in before):
        return []
    if _has_nan(values):
        return [] if any(map(_has_nan, before)) else [what[0]]
    return [] if any(v.broken for v in before) else [what[1]]


def _has_nan(values):
    if values.items is None:
        return values.summary["nan"] > 0
    return bool(np.isnan(values.array()).any())


def _born(node, sources):
    """The badges of an elementwise operation that breaks elements whose operands are finite: `NaN first here: sqrt(−1) at [2]`."""
    primitive = REGISTRY.get(node.operation)
    if primitive is None or primitive.jvp != ELEMENTWISE or node.value is None or not node.value.broken:
        return []
    if any(v is None or v.items is None for v in (node.value, *(n.value for n in sources))):
        return []
    out = node.value.array()
    given = [np.broadcast_to(n.value.array(), out.shape) for n in sources]
    finite, badges = np.all([np.isfinite(a) for a in given], axis=0), []
    for word, broken in ("NaN", np.isnan(out)), ("inf", np.isinf(out)):
        if (broken & finite).any():
            place = tuple(np.argwhere(broken & finite)[0])
            numbers = [number(a[place].item(), n.dtype) for a, n in zip(given, sources, strict=True)]
            told = word, call(node, numbers)
            at = f"[{', '.join(map(str, place))}]"
            badges.append(
                english("{0} first here: {1} at {2}", *told, at) if place else english("{0} first here: {1}", *told)
            )
    return badges


# ---- what is easily meant otherwise


def _stretched(node, sources):
    """The badge of an elementwise operation that repeats both operands, of which one has more axes: (3, 1) − (3,)."""
    primitive, shapes = REGISTRY.get(node.operation), [n.shape for n in sources]
    if primitive is None or primitive.jvp != ELEMENTWISE or not stretched(shapes, node.shape):
        return []
    return [english("{0} and {1} made {2}: meant?", *shapes, node.shape)]


def _left_over(leaf, ran):
    """The badge of a leaf that a second backward reaches without zero_grad between."""
    if leaf.grad is None or leaf.total is None or leaf.grad.items is None or leaf.total.items is None:
        return []
    held, brought = leaf.grad.array(), leaf.total.array()
    earlier = held - brought if ran else held
    if not np.any(earlier) or not np.isfinite(earlier).all():
        return []
    if leaf.shape:
        return [english("no zero_grad? .grad held another gradient before")]
    terms = total([number(x.item(), leaf.dtype) for x in (earlier, brought)])
    return [english("no zero_grad? gradient {0} = {1}", terms, number((earlier + brought).item(), leaf.dtype))]


# ---- activations


def _slopes(graph, node, edges, slopes):
    """The badge of an activation from its local derivatives, as far as they are known."""
    flowing = [edge for edge in edges if edge.flows]
    if len(flowing) != 1 or not all(edge.flows or graph.nodes[edge.source].is_number for edge in edges):
        return []  # the larger of two arrays is no gate
    (edge,) = flowing
    local = slopes.get(edge.id)
    if local is None and edge.local is not None:
        local = edge.local.array()
    if local is None or not math.prod(node.shape):
        return []
    local = local if hasattr(local, "shape") else np.asarray(local)
    if node.operation in LARGEST:
        return _saturated(local, LARGEST[node.operation])
    return [] if node.value is None or _has_nan(node.value) else _off(local)  # a nan is neither on nor off


def _off(local):
    """Of a gate: which units pass no gradient for any example."""
    units = local.shape[-1] if local.ndim else 1
    one, some, elements = DEAD if local.size > units else OFF
    off = _count((local.reshape(-1, units) == 0).all(axis=0))
    if not off:
        return []
    return [one if units == 1 else (some if local.ndim > 1 else elements).format(off, units)]


def _saturated(local, largest):
    """Of a function that flattens out: how many of its elements stand where it is flat."""
    flat = _count(abs(local) < FLAT * largest)
    if flat < SATURATED * local.size:
        return []
    return [english("saturated") if local.size == 1 else english("saturated {0} %", 100 * flat // local.size)]


def _count(hits):
    """How many are true, read from their device as one number."""
    return int(owner(hits).to_numpy(hits.sum()))


# ---- gradients of leaves


def _weights(graph, users, reached):
    """The weights whose gradients can be compared: in the order of their first use, so that the last layer's is last.

    These are the matrices among the parameters of modules, or all parameters of modules if none is a matrix; without
    modules, the leaves that are matrices.
    """
    leaves = [node for node in graph.nodes if node.kind == "leaf" and node.id in reached and node.total is not None]
    leaves = [node for node in leaves if node.module] or leaves
    matrices = [node for node in leaves if len(node.shape) >= 2]
    return sorted(matrices or [n for n in leaves if n.module], key=lambda n: (min(users[n.id], default=0), n.id))


def _small(leaf, weights):
    """The badge of a leaf whose gradient is nothing, or next to nothing beside that of the last weights."""
    if leaf.total is None or leaf.total.broken or not math.prod(leaf.shape):
        return []
    size = _rms(leaf.total)
    if size == 0:
        return [english("gradient all 0")] if leaf.shape and not _nonzero(leaf) else []
    if not any(leaf is weight for weight in weights):
        return []
    last = weights[-1]
    ratio = 1.0 if last.total.broken else size / (_rms(last.total) or size)
    if ratio >= SMALL_RATIO:
        return []
    digit, exponent = f"{ratio:.0e}".split("e")
    return [english("gradient {0} of {1}'s", f"{digit}e−{-int(exponent)}", readable(last.label, limit=24))]


def _rms(values):
    """The root mean square of values that are all finite."""
    if values.items is None:
        return values.summary["rms"]
    array = np.asarray(values.array(), "float64")
    return float(norm2(array)) / math.sqrt(array.size)


def _nonzero(leaf):
    """How many elements of the gradient are not exactly 0."""
    if leaf.total.items is None:
        return math.prod(leaf.shape) - leaf.total.summary["zero"]
    return np.count_nonzero(leaf.total.array())
