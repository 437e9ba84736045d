"""The formulas of a graph's edges: how an operation turns its gradient g into the contribution to one operand."""

import math
import re
from functools import lru_cache

import numpy as np

from ...autograd.formula import chosen, formula, put, rules
from ...autograd.formula_text import write
from ...autograd.primitive import REGISTRY
from ...backends.program import Call, Symbol
from ...pages.words import english
from .notation import Written, named
from .phrases import as_used


def stated(graph, edge, operands):
    """The formula that `edge.rule` states, in the letters of the operation; None where no formula is known.

    `operands` are the edges of all operands of edge.target, as in what follows.
    """
    target = graph.nodes[edge.target]
    primitive = REGISTRY.get(target.operation)
    if not edge.rule or primitive is None:
        return None
    fitted = product(graph, edge, operands)
    if fitted is not None and edge.rule == as_text(edge, fitted):
        return fitted
    x = primitive.inputs[0] if primitive.variadic else edge.input
    if rules(primitive).get(x) != edge.rule:
        return None
    tree = formula(primitive).gradients[x]
    n = math.prod(graph.nodes[edge.source].shape) // max(1, math.prod(target.shape))
    if primitive.name == "mean" and n > 1:  # its words speak of n
        tree = Call(re.sub(r"\bn\b", str(n), tree.name), tree.operands)
    return tree


def product(graph, edge, operands):
    """The formula of an operand of a product, as it is for vectors and batches; None for other operations."""
    if graph.nodes[edge.target].operation not in ("matmul", "affine"):
        return None
    (x, left), (y, right) = ((Symbol(e.input), graph.nodes[e.source].shape) for e in operands[:2])
    g, slot = Symbol("g"), edge.slot
    if edge.input == "bias":
        return g if len(left) == 1 else None
    vectors, batch = (len(left) == 1, len(right) == 1), np.broadcast_shapes(left[:-2], right[:-2])
    if all(vectors):
        part = Call("multiply", (g, (y, x)[slot]))
    elif vectors[1 - slot]:
        part = Call("outer", ((g, y), (x, g))[slot])
    else:
        part = Call("matmul", ((g, Call("transpose", (y,))), (Call("transpose", (x,)), g))[slot])
    return part if (left, right)[slot][:-2] == batch else Call(english("{0}, summed over the batch"), (part,))


def as_text(edge, tree):
    return f"d{edge.input} = {write(tree)}"


def letters(graph, edge, operands):
    """{letter of the operation: what it stands for here}: the operands, the result, shapes, options."""
    target = graph.nodes[edge.target]
    numbered = operands[0].input.isdigit()  # any number of operands: then they have no letters
    sources = {} if numbered else {e.input: graph.nodes[e.source] for e in operands}
    found = {x: named(node) for x, node in sources.items()} | {"out": named(target)}
    found |= {f"{x}.shape": Written(str(node.shape), str(node.shape)) for x, node in sources.items()}
    for option in target.options:
        key, _, value = option.partition("=")
        found.setdefault(key, Written(value, rf"\mathrm{{{value}}}" if value.isalnum() else value))
    return found


def slope(graph, edge, operands):
    """The formula of the local derivative of an elementwise operation, as it is at the values here; else None."""
    primitive, x = REGISTRY.get(graph.nodes[edge.target].operation), edge.input
    if not edge.rule or primitive is None or rules(primitive).get(x) != edge.rule:
        return None
    tree, conditional = _factor(primitive, x)
    if not conditional:
        return tree
    nodes = {e.input: graph.nodes[e.source] for e in operands} | {"out": graph.nodes[edge.target]}
    arrays = {}
    if as_used(nodes["out"], nodes.values()):
        arrays = {x: n.value.array() for x, n in nodes.items() if n.value is not None and n.value.items is not None}
    return chosen(tree, arrays)


@lru_cache(maxsize=512)
def _factor(primitive, x):
    """What a rule multiplies g by, None for words; and whether it has conditions."""
    tree = formula(primitive).gradients[x]
    if x in primitive.words:
        return None, False
    tree = put(tree, {"g": 1})
    return tree, chosen(tree, {}) is None
