"""How arrays come about, number by number: calls and rules as they are stated, read, as data that a page works out with its numbers.

A formula is a number, [sign, formula, …], or a leaf: {"of": "g", "out" or the place of an operand} or {"term": its place among the
terms, "says": how it is written}, each with the shape that it is seen "as" if that is another. Behind the sides of a difference that is
to be seen, of a prediction and the truth, stand short names for them.
"""

import ast
import math
from dataclasses import dataclass

import numpy as np

from ...autograd.formula import leaves, put
from ...autograd.formula_text import write
from ...autograd.ops.reduce import kept
from ...autograd.primitive import ELEMENTWISE, LINEAR, REGISTRY
from ...backends.program import Call, Symbol
from ..graph import OUTDATED
from ..text.phrases import call, holds
from ..text.reading import SIGNS, TOTAL, read, summed, told, worked_out
from ..text.rules import letters
from ..values import Values, values

_SIGNS = {name: sign for sign, name in SIGNS.items()} | {"negative": "−", "transpose": "ᵀ", "square": "²", TOTAL: "Σ"}
_PRODUCTS = "matmul", "outer"
LIMIT = 300  # in graphs of so many values; a page of more is for finding one's way


@dataclass
class Term:
    """A part of a rule that has no sign for itself, such as softmax(logits).

    Fields:
        target: the id of the node whose rule it is in.
        part: what it is, in the letters of that operation.
        term: its Values.
    """

    target: int
    part: Call
    term: Values


class Equations:
    """How the nodes and the contributions of a graph come about.

    Fields:
        nodes: for each node "each" (element by element), "sums" (a weighted sum of elements), the formula of its call, or None.
        edges: for each edge the formula of its rule, which gives its contribution with the numbers of the graph; or None. That of an
            elementwise operation stands there only if it is the difference of two arrays.
        short: for each edge its rule with "p − y" in place of such a difference; "" if there is none.
        terms: Terms.
    """

    def __init__(self, graph):
        self.graph, self.operands, self.terms = graph, graph.operands(), []
        few = len(graph.nodes) <= LIMIT
        self.nodes = [self._called(node) if few else None for node in graph.nodes]
        ruled = [self._ruled(edge) if few else None for edge in graph.edges]
        self.edges = [entry and entry[0] for entry in ruled]
        self.short = [entry[1] if entry else "" for entry in ruled]

    def _called(self, node):
        operands = self.operands[node.id]
        primitive = REGISTRY.get(node.operation)
        sizes = [math.prod(x.shape) for x in (node, *(self.graph.nodes[edge.source] for edge in operands))]
        if not operands or primitive is None or max(sizes) < 2 or OUTDATED in node.badges:
            return None
        if primitive.jvp in (ELEMENTWISE, LINEAR):
            return "each" if primitive.jvp == ELEMENTWISE else "sums"
        text = call(node, [edge.input for edge in operands])
        return _Formula(self, operands, node, node.shape, {}).written(read(text)) if "@" in text else None

    def _ruled(self, edge):
        target, part, operands = self.graph.nodes[edge.target], edge.contribution, self.operands[edge.target]
        if not edge.rule or part is None or max(map(math.prod, (part.shape, target.shape))) < 2:
            return None
        try:
            rule = told(self.graph, edge, operands)
        except (ValueError, IndexError):  # it is in words
            return None
        found = difference(rule)
        if edge.local and not found:
            return None
        written = _Formula(self, operands, target, part.shape, letters(self.graph, edge, operands)).written(rule, part)
        brief = write(_with(rule, found, Call("subtract", tuple(map(Symbol, named(found)))))) if found else ""
        return written and (written, brief)


class _Formula:
    """What the letters of one operation stand for.

    Fields:
        shapes, arrays: {letter: its shape}, {letter: its array}, of those whose elements the graph has.
        leaves: {letter: how it is written}.
        shape: that of what the formula gives.
    """

    def __init__(self, equations, operands, target, shape, names):
        nodes = equations.graph.nodes
        self.equations, self.target, self.shape, self.names = equations, target, shape, names
        given = {edge.input: (edge.slot, nodes[edge.source].shape, nodes[edge.source].value) for edge in operands}
        given |= {"g": ("g", target.shape, target.total), "out": ("out", target.shape, target.value)}
        self.leaves = {x: {"of": of} for x, (of, _, _) in given.items()}
        self.shapes = {x: tuple(shape) for x, (_, shape, _) in given.items()}
        self.arrays = {x: v.array() for x, (_, _, v) in given.items() if v is not None and v.items is not None}
        if "n" not in given:  # what words call the number of averaged elements
            self.leaves["n"] = n = math.prod(shape) / max(math.prod(target.shape), 1)
            self.arrays["n"] = np.float64(n)
        self._put_back(target, shape)

    def _put_back(self, target, shape):
        """Of a reduction along an axis g and the result have that axis with length 1."""
        axis = next((ast.literal_eval(o[5:]) for o in target.options if o.startswith("axis=")), None)
        if axis is None or len(target.shape) >= len(shape):
            return
        for x in "g", "out":
            if x in self.arrays:
                self.see(x, kept(self.arrays[x], shape, axis).shape)

    def see(self, x, shape):
        if tuple(shape) != self.shapes[x]:
            self.leaves[x] = self.leaves[x] | {"as": list(shape)}
            self.shapes[x] = tuple(shape)
            if x in self.arrays:
                self.arrays[x] = self.arrays[x].reshape(shape)

    def written(self, part, result=None):
        """A formula as data; None if it does not give `result`, or cannot be told from the numbers that the graph has."""
        if _name(part) in _PRODUCTS:
            part = self._of_matrices(part, backward=result is not None)
        try:
            self._see_rows(part)
            array = np.asarray(worked_out(part, self.arrays))
            if result is not None and (result.items is None or not self._gives(array, part, result)):
                array = None
            return self._data(part) if array is not None else None
        except (
            KeyError,
            ValueError,
            TypeError,
        ):  # an array too large, of another shape than the rule was stated for, or words
            return self._data(part) if _name(part) == "matmul" and all(map(_is_factor, part.operands)) else None

    def _gives(self, array, part, result):
        if _name(part) == "matmul":
            shape = array.shape[-2:] if len(self.shape) == 1 else (*self.shape[:-2], *array.shape[-2:])
        else:
            shape = self.shape
        scale = float(np.abs(array).max(initial=0)) * max(array.size, 1)
        return holds(summed(array, shape).reshape(self.shape), result, scale=scale)

    def _of_matrices(self, part, backward):
        """A product in which vectors are rows or columns. Where an operand is a vector, g has an axis less than the product that it is in."""
        outer = part.name == "outer"
        for x, axis in zip(part.operands, (-1, -2) if outer else (-2, -1), strict=True):
            if isinstance(x, Symbol) and (outer or len(self.shapes[x.name]) == 1 or backward and len(self.shape) == 1):
                shape = list(self.shapes[x.name])
                shape.insert(len(shape) + 1 + axis, 1)
                self.see(x.name, shape)
        return Call("matmul", part.operands)

    def _see_rows(self, part):
        """A factor with one number for each row stands in a column."""
        if not isinstance(part, Call):
            return
        for x in part.operands:
            self._see_rows(x)
        if part.name == "multiply" and isinstance(part.operands[0], Symbol):
            x = part.operands[0].name
            if 0 < len(self.shapes[x]) < np.ndim(worked_out(part.operands[1], self.arrays)):
                self.see(x, (*self.shapes[x], 1))

    def _data(self, part):
        if isinstance(part, Symbol):
            return self.leaves[part.name]
        if not isinstance(part, Call):
            return float(part)
        if part.name in _SIGNS:
            found = named(part) if difference(part) is part else ()
            return [_SIGNS[part.name], *map(self._data, part.operands), *found]
        if "g" in leaves(part):
            raise ValueError
        key, terms = (self.target.id, write(part)), self.equations.terms
        place = next((i for i, term in enumerate(terms) if (term.target, write(term.part)) == key), len(terms))
        if place == len(terms):
            terms.append(Term(self.target.id, part, values(np.asarray(worked_out(part, self.arrays)))))
        return {"term": place, "says": write(put(part, self.names))}


def difference(part):
    """The difference of two arrays, one of them that of a function, in which no g is: that of a prediction and the truth. Else None."""
    if not isinstance(part, Call):
        return None
    if part.name == "subtract":
        sides = [leaves(x) for x in part.operands]
        if all(sides) and not any("g" in side for side in sides) and any(map(_calls, part.operands)):
            return part
    return next(filter(None, map(difference, part.operands)), None)


def named(part):
    """What the sides of a difference are called in short: p, which a function gives, and y, the truth."""
    first = part.operands[0]
    while _name(first) == "multiply":
        first = first.operands[0]
    return ("p", "y") if _calls(first) else ("a", "b")


def _calls(part):
    """Whether a function stands in a formula."""
    return isinstance(part, Call) and (part.name not in _SIGNS or any(map(_calls, part.operands)))


def _with(part, old, new):
    if part is old or not isinstance(part, Call):
        return new if part is old else part
    return Call(part.name, tuple(_with(x, old, new) for x in part.operands), part.options)


def _is_factor(part):
    return isinstance(part, Symbol) or _name(part) == "transpose" and isinstance(part.operands[0], Symbol)


def _name(part):
    return part.name if isinstance(part, Call) else ""
