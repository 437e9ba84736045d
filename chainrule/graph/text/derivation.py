"""The chain rule worked out for one value: symbols → numbers put in → result, as text and as LaTeX."""

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

from ...autograd.formula import leaves, put
from ...autograd.formula_text import CALL, Written, words, write
from ...backends.program import Call
from ...pages.words import t, translated
from ..recover import NO_GRADIENT
from ..values import Values, in_full
from .notation import named, numbers
from .phrases import agreed, as_used, few, holds, rounded
from .rules import letters, slope, stated

FEW = 20  # so many paths, factors and lines are written out
MANY = 10**15  # paths are counted up to here: a chain of n squares x · x has 2ⁿ


@dataclass(slots=True)
class Path:
    """One way from a value to the result.

    Fields:
        nodes: the ids of the values on it, from the one that is differentiated by to the result.
        edges: the ids of the edges between them.
        value: the product of the local derivatives; None unless all of them are known numbers.
    """

    nodes: list[int]
    edges: list[int]
    value: float | None


@dataclass(slots=True, repr=False)
class Derivation:
    """A derivative, worked out. The prompt and `print` show the text, a notebook the LaTeX.

    Fields:
        count: how many paths lead from the value to the result, counted up to 10¹⁵.
        paths: all of them where there are at most 20; else none.
        result: the gradient of one backward pass; None where it is unknown, or none arrives.
        text, latex: the derivation, written out.
    """

    count: int
    paths: list[Path]
    result: Values | None
    text: str
    latex: str

    def __repr__(self):
        return self.text

    def _repr_latex_(self):
        return f"$${self.latex}$$"


def derivation(graph, name):
    """How the derivative of the result by one value comes about.

    Of numbers, the local derivatives are multiplied along each path, and the paths added up. For arrays, and where there
    are more than 20 paths, there is one line for each value on the way, from the result back.

    Raises: ArgumentError, naming those that exist, if there is no value of that name.
    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0, "x")
        >>> h = 2 * x
        >>> y = cr.log(h)
        >>> print(derivation(cr.trace(y, {"h": h, "y": y}), "x"))
        ∂y/∂x = ∂y/∂h · ∂h/∂x
              = (1 / h) · 2
              = (1 / 6) · 2
              = 0.1667 · 2
              ≈ 0.3333
    """
    work = _Work(graph, graph.node(name))
    lines = [(left, _new(left, rights)) for left, rights in work.lines()]
    return Derivation(work.count, work.paths, work.node.total, _as_text(lines), _as_latex(lines))


class _Is(NamedTuple):
    """A right side, and the sign before it: "≈" where numbers that are shown rounded do not give it."""

    formula: Any
    sign: str = "="


def _says(template, *operands):
    """A remark: a line without a left side."""
    return None, [_Is(Call(template, operands) if operands else words(template))]


class _Work:
    """What lies between one value and the result, and the equations that lead from one to the other.

    An equation is (left side, [right sides as _Is]); a remark has the left side None.

    Fields:
        users: {id of a value on the way: the edges from it along which gradient comes back}.
        count, paths: as in Derivation.
    """

    def __init__(self, graph, node):
        self.graph, self.node, self.operands = graph, node, graph.operands()
        reached = {node.id}
        for edge in graph.edges:
            if edge.flows and edge.source in reached:
                reached.add(edge.target)
        self.users, ways = {}, {graph.root.id: 1}
        for edge in (graph.edges[i] for i in graph.order):  # each target's count is complete when it is used
            if edge.source in reached and edge.target in ways:
                self.users.setdefault(edge.source, []).append(edge)
                ways[edge.source] = min(ways.get(edge.source, 0) + ways[edge.target], MANY)
        self.count = ways.get(node.id, 0) if node.id in reached else 0
        self.paths = list(self._walk()) if self.count <= FEW else []

    def _walk(self):
        """All paths. A path under way is (edge, the path to it), so that a common start is stored once."""
        stack = [(self.node.id, None)] if self.count else []
        while stack:
            i, way = stack.pop()
            if i == self.graph.root.id:
                yield self._path(way)
            stack += [(edge.target, (edge, way)) for edge in reversed(self.users.get(i, ()))]

    def _path(self, way):
        edges = []
        while way:
            edge, way = way
            edges.append(edge)
        numbers = [edge.local.items for edge in edges if edge.local is not None and not edge.local.shape]
        value = math.prod(numbers, start=1.0) if len(numbers) == len(edges) else None
        edges.reverse()
        return Path([self.node.id, *(e.target for e in edges)], [e.id for e in edges], value)

    # ---- equations

    def lines(self):
        root, node = self.graph.root, self.node
        if not self.count:
            why = t("no gradient flows from {0} back to {1}: no path connects them")
            if node.kind == "constant":
                why = t("no gradient flows from {0} back to {1}: {1} is a constant")
            return [_says(why, named(root), named(node))]
        lines = []
        if math.prod(root.shape) > 1:
            lines.append(_says(t("{0} has several elements; this is the derivative of their sum"), named(root)))
        if self.count > 1:
            count = words(t("more than {0}", f"{MANY:.0e}") if self.count == MANY else f"{self.count:,}")
            remark = t("{0} paths lead from {1} to {2}; what comes along them adds up")
            lines.append(_says(remark, count, named(node), named(root)))
        if not self._add_up():
            return lines + self._values_on_the_way()
        if self.count == 1:
            return [*lines, (self._by(node), self._product(self.paths[0], node.total))]
        names = [words(t("path {0}", i))._replace(binds=CALL) for i in range(1, self.count + 1)]
        for name, path in zip(names, self.paths, strict=True):
            lines.append(_says("{0}: {1}", name, self._route(path)))
            lines.append((name, self._product(path, Values((), "", path.value))))
        found = [Values((), "", path.value) for path in self.paths]
        digits, result = _related(lambda *terms: sum(terms), found, node.total)
        terms = _sum([numbers(one, digits) for one in found])
        return [*lines, (self._by(node), [_Is(_sum(names)), _Is(terms), result])]

    def _add_up(self):
        """Whether the numbers along the paths are known, few, and add up to the gradient that the rules bring."""
        found = [path.value for path in self.paths]
        if not found or None in found or not self.node.total or self.graph.seed.items != 1:
            return False
        return holds(sum(found), self.node.total, scale=max(map(abs, found)))

    def _by(self, node, of=None):
        """∂result/∂node, or that of another value."""
        above, below = named(of or self.graph.root), named(node)
        latex = rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}"
        return Written(f"∂{above.text}/∂{below.text}", latex)

    def _route(self, path):
        """`x → h → y`, and which operand it is where a value is used twice by one operation."""
        route = named(self.node)
        for edge in few([self.graph.edges[i] for i in path.edges], FEW):
            operand = f" ({t('operand')} {edge.slot + 1})" if edge and self._twice(edge) else ""
            route = Call("{0} → {1}" + operand, (route, named(self.graph.nodes[edge.target]) if edge else _DOTS))
        return route

    def _twice(self, edge):
        """Whether the operation uses the same value as another operand too."""
        return sum(e.target == edge.target for e in self.users[edge.source]) > 1

    def _product(self, path, result):
        """The local derivatives along a path, from the result back: as symbols, as formulas, with numbers, as numbers.

        The last right side is their product.
        """
        edges = [self.graph.edges[i] for i in reversed(path.edges)]
        if not edges:
            return [_Is(numbers(result))]
        symbol = lambda edge: self._formula(edge) if self._twice(edge) else self._symbol(edge)
        locals_ = [edge.local for edge in edges]
        digits, product = _related(lambda *factors: math.prod(factors), locals_, result)
        ways = symbol, self._formula, self._substituted, lambda edge: numbers(edge.local, digits)
        rights = [_Is(_times([way(edge) if edge else _DOTS for edge in few(edges, FEW)])) for way in ways]
        put_in = [node.value for edge in filter(None, few(edges, FEW)) for node in self._put_in(edge).values()]
        if any(rounded(value, _full(value)) for value in put_in):
            rights[-1] = _Is(rights[-1].formula, "≈")
        return [*rights, product]

    def _symbol(self, edge):
        return self._by(self.graph.nodes[edge.source], self.graph.nodes[edge.target])

    def _formula(self, edge):
        formula = self._slope(edge)
        return self._symbol(edge) if formula is None else put(formula, self._letters(edge))

    def _slope(self, edge):
        return slope(self.graph, edge, self.operands[edge.target])

    def _letters(self, edge):
        return letters(self.graph, edge, self.operands[edge.target])

    def _substituted(self, edge):
        given = {x: numbers(node.value, _full(node.value)) for x, node in self._put_in(edge).items()}
        return put(self._slope(edge), given) if given else numbers(edge.local)

    def _put_in(self, edge):
        """{input: the node whose number is put into the formula}; empty where there is no formula, or one is unknown."""
        target, operands = self.graph.nodes[edge.target], self.operands[edge.target]
        nodes = {e.input: self.graph.nodes[e.source] for e in operands} | {"out": target}
        given = {x: nodes[x] for x in leaves(self._slope(edge)) if x in nodes}
        known = all(node.value is not None for node in given.values()) and as_used(target, given.values())
        return given if known else {}

    def _values_on_the_way(self):
        """An equation for each value between the result and the one asked for: its derivative from those before."""
        root, lines = self.graph.root, []
        lines.append((self._by(root), [_Is(numbers(self.graph.seed))]))
        for i in few(sorted(self.users, reverse=True), FEW):
            if i is None:
                lines.append(_says(t("… {0} more", f"{len(self.users) - FEW:,}")))
                continue
            node, edges = self.graph.nodes[i], few(self.users[i], FEW)
            rights = [_Is(_sum([self._contribution(edge) if edge else _DOTS for edge in edges]))]
            note = next((edge.note for edge in self.users[i] if edge.note), NO_GRADIENT)
            result = _Is(numbers(node.total) if node.total else words(t("unknown: {0}", translated(note))))
            if None not in edges and all(e.local and not e.local.shape for e in edges) and node.total:
                factors = [(self.graph.nodes[e.target].total, e.local) for e in edges]
                terms = [g.items * local.items for g, local in factors]
                if holds(sum(terms), node.total, scale=max(map(abs, terms))):
                    digits, result = _related(_sum_of_products, [v for pair in factors for v in pair], node.total)
                    products = [_times([numbers(v, digits) for v in pair]) for pair in factors]
                    rights.append(_Is(_sum(products)))
                else:
                    would = t("{0} by the rules; multiplied out, it would be {1}")
                    result = _Is(Call(would, (result.formula, numbers(Values((), "", sum(terms))))))
            lines.append((self._by(node), [*rights, result]))
        return lines

    def _contribution(self, edge):
        """What one use of a value contributes to its derivative, by the rule: `xᵀ @ ∂loss/∂z`."""
        g, tree = self._by(self.graph.nodes[edge.target]), stated(self.graph, edge, self.operands[edge.target])
        formula = self._slope(edge) if edge.local is not None else None
        if formula is not None:
            local = put(formula, self._letters(edge))
            part = g if local == 1 else Call("negative", (g,)) if local == -1 else _times([g, local])
        elif edge.local is not None or tree is None:
            part = _times([g, self._symbol(edge)])
        else:
            part = put(tree, self._letters(edge) | {"g": g})
        return Call("{0}, " + translated(edge.summed).partition(":")[0], (part,)) if edge.summed else part


def _full(values):
    """In how many digits Values are put into a formula: a number in full, where that is possible."""
    return 4 if values.shape else in_full(values.items)


_DOTS = Written("…", r"\dots")


def _times(factors):
    return reduce(lambda x, y: Call("multiply", (x, y)), factors)


def _sum(terms):
    return reduce(lambda x, y: Call("add", (x, y)), terms)


def _related(function, given, result):
    """(digits, the result as a right side after that of the numbers, in so many digits, which `function` makes it from)."""
    digits, sign = agreed(function, given, result)
    return digits, _Is(numbers(result, digits), sign)


def _sum_of_products(*factors):
    return sum(one * other for one, other in zip(factors[::2], factors[1::2], strict=True))


def _new(left, rights):
    """The right sides that say something new."""
    texts = [left and write(left), *(write(right.formula) for right in rights)]
    return [right for before, now, right in zip(texts, texts[1:], rights, strict=False) if now != before]


def _as_text(lines):
    found = []
    for left, rights in lines:
        left = "" if left is None else write(left)
        for i, (formula, relation) in enumerate(rights):
            before = left if i == 0 else " " * len(left)
            found.append(f"{before} {relation} {write(formula)}" if left else write(formula))
    return "\n".join(found)


def _as_latex(lines):
    rows = []
    for left, rights in lines:
        for i, (formula, relation) in enumerate(rights):
            before = write(left, "latex") + " " if left is not None and i == 0 else ""
            relation = {"=": "= ", "≈": r"\approx "}[relation] if left is not None else " "
            rows.append(f"{before}&{relation}{write(formula, 'latex')}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
