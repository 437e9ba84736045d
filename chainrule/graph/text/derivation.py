"""The chain rule worked out for one value: symbols → numbers put in → result, as text and as LaTeX."""

import math
import re
from dataclasses import dataclass

from ..recover import NO_GRADIENT
from ..values import Values
from .notation import Marks, factor, filled, mentioned, product, prose, shown, total
from .phrases import as_used, few, holds, rounded, sign

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
        result: the gradient that one backward pass brings; None where it is unknown, or none arrives.
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
    lines = work.lines()
    return Derivation(
        work.count, work.paths, work.node.total, _as_text(work.marks, lines), _as_latex(work.marks, lines)
    )


class _Work:
    """What lies between one value and the result, and the equations that lead from one to the other.

    An equation is (left side, [right sides]), a remark ("", [words]); names stand in them as Marks. A right side begins
    with "≈ " where numbers that are shown rounded do not give it.

    Fields:
        users: {id of a value on the way: the edges from it along which gradient comes back}.
        count, paths: as in Derivation.
    """

    def __init__(self, graph, node):
        self.graph, self.node, self.marks, self.operands = graph, node, Marks(), graph.operands()
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
        """All paths. A path under way is (edge, the path to it), so that those with a common start share it."""
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
            reason = f"{self.marks.of(node)} is a constant" if node.kind == "constant" else "no path connects them"
            return [("", [f"no gradient flows from {self.marks.of(root)} back to {self.marks.of(node)}: {reason}"])]
        lines = []
        if math.prod(root.shape) > 1:
            lines.append(("", [f"{self.marks.of(root)} has several elements; this is the derivative of their sum"]))
        if self.count > 1:
            count = f"more than {MANY:.0e}" if self.count == MANY else f"{self.count:,}"
            words = (
                f"{count} paths lead from {self.marks.of(node)} to {self.marks.of(root)}; what comes along them adds up"
            )
            lines.append(("", [words]))
        if not self._add_up():
            return lines + self._values_on_the_way()
        if self.count == 1:
            return [*lines, (self._by(node), self._product(self.paths[0], node.total))]
        names = [f"path {i}" for i in range(1, self.count + 1)]
        for name, path in zip(names, self.paths, strict=True):
            lines.append(("", [f"{name}: {self._route(path)}"]))
            lines.append((name, self._product(path, Values((), "", path.value))))
        found = [Values((), "", path.value) for path in self.paths]
        terms, result = total(list(map(shown, found))), _related(lambda *terms: sum(terms), found, node.total)
        return [*lines, (self._by(node), [" + ".join(names), terms, result])]

    def _add_up(self):
        """Whether the numbers along the paths are known, few, and add up to the gradient that the rules bring."""
        found = [path.value for path in self.paths]
        if not found or None in found or not self.node.total or self.graph.seed.items != 1:
            return False
        return holds(sum(found), self.node.total, scale=max(map(abs, found)))

    def _by(self, node, of=None):
        """∂result/∂node, or that of another value."""
        return f"∂{self.marks.of(of or self.graph.root)}/∂{self.marks.of(node)}"

    def _route(self, path):
        """`x → h → y`, and which operand it is where a value is used twice by one operation."""
        route = self.marks.of(self.node)
        edges = few([self.graph.edges[i] for i in path.edges], FEW)
        for edge in edges:
            route += " → …" if edge is None else f" → {self.marks.of(self.graph.nodes[edge.target])}"
            route += f" (operand {edge.slot + 1})" if edge and self._twice(edge) else ""
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
            return [shown(result)]
        symbol = lambda edge: self._formula(edge) if self._twice(edge) else self._symbol(edge)
        ways = symbol, self._formula, self._substituted, lambda edge: shown(edge.local)
        rights = [product([way(edge) if edge else "…" for edge in few(edges, FEW)]) for way in ways]
        if any(rounded(node.value) for edge in filter(None, few(edges, FEW)) for node in self._put_in(edge).values()):
            rights[-1] = f"≈ {rights[-1]}"
        locals_ = [edge.local for edge in edges]
        return [*rights, _related(lambda *factors: math.prod(factors), locals_, result)]

    def _symbol(self, edge):
        return self._by(self.graph.nodes[edge.source], self.graph.nodes[edge.target])

    def _formula(self, edge):
        formula = self._factor(edge)
        return self._symbol(edge) if formula is None else filled(formula, self._names(edge))

    def _factor(self, edge):
        """The formula of the local derivative; None where there is none, or it does not hold for these operands."""
        exception = re.search(r", 0 where (\w+) = 0", edge.rule)
        values = [
            self.graph.nodes[e.source].value
            for e in self.operands[edge.target]
            if exception and e.input == exception[1]
        ]
        if any(v is None or v.items is None or not v.array().all() for v in values):
            return None
        return factor(edge.rule)

    def _substituted(self, edge):
        numbers = {x: shown(node.value) for x, node in self._put_in(edge).items()}
        return filled(self._factor(edge), numbers) if numbers else shown(edge.local)

    def _put_in(self, edge):
        """{input: the node whose number is put into the formula}; empty where there is no formula, or one is unknown."""
        target, operands = self.graph.nodes[edge.target], self.operands[edge.target]
        nodes = {e.input: self.graph.nodes[e.source] for e in operands} | {"out": target}
        formula = self._factor(edge) or ""
        given = {x: nodes[x] for x in mentioned(formula, nodes)}
        known = all(node.value is not None for node in given.values()) and as_used(target, given.values())
        return given if known else {}

    def _names(self, edge):
        """What stands for each input of an operation, and for its result."""
        target = self.graph.nodes[edge.target]
        inputs = {e.input: self.marks.of(self.graph.nodes[e.source]) for e in self.operands[edge.target]}
        return {x: mark for x, mark in inputs.items() if not x.isdigit()} | {"out": self.marks.of(target)}

    def _values_on_the_way(self):
        """An equation for each value between the result and the one asked for: its derivative from those before."""
        root, lines = self.graph.root, []
        lines.append((self._by(root), [shown(self.graph.seed)]))
        for i in few(sorted(self.users, reverse=True), FEW):
            if i is None:
                lines.append(("", [f"… {len(self.users) - FEW:,} more"]))
                continue
            node, edges = self.graph.nodes[i], few(self.users[i], FEW)
            rights = [" + ".join(self._share(edge, len(edges) > 1) if edge else "…" for edge in edges)]
            note = next((edge.note for edge in self.users[i] if edge.note), NO_GRADIENT)
            result = shown(node.total) if node.total else f"unknown: {note}"
            if None not in edges and all(e.local and not e.local.shape for e in edges) and node.total:
                factors = [(self.graph.nodes[e.target].total, e.local) for e in edges]
                terms = [g.items * local.items for g, local in factors]
                if holds(sum(terms), node.total, scale=max(map(abs, terms))):
                    rights.append(total([product([shown(g), shown(local)]) for g, local in factors]))
                    result = _related(_sum_of_products, [v for pair in factors for v in pair], node.total)
                else:
                    result += f" by the rules; multiplied out, it would be {shown(Values((), '', sum(terms)))}"
            lines.append((self._by(node), [*rights, result]))
        return lines

    def _share(self, edge, one_of_several):
        """What one use of a value contributes to its derivative, by the rule: `xᵀ @ ∂loss/∂z`."""
        g, rule = self._by(self.graph.nodes[edge.target]), prose(edge.rule).partition(" = ")[2]
        formula = self._factor(edge) if edge.local is not None else None
        if formula is not None:
            local = filled(formula, self._names(edge))
            share = g if local == "1" else f"−{g}" if local == "−1" else product([g, local])
        elif edge.local is not None or not rule:
            share = f"{g} · {self._symbol(edge)}"
        else:
            share = filled(rule, self._names(edge) | {"g": g})
        share += f", {edge.summed.partition(':')[0]}" if edge.summed else ""
        return f"({share})" if one_of_several and ("," in share or share[0] == "−") else share


def _related(function, numbers, result):
    """The result as a right side after that of the numbers which `function` makes it from."""
    return f"≈ {shown(result)}" if sign(function, numbers, result) == "≈" else shown(result)


def _sum_of_products(*factors):
    return sum(one * other for one, other in zip(factors[::2], factors[1::2], strict=True))


def _steps(left, rights):
    """The right sides that say something new."""
    plain = [right.removeprefix("≈ ") for right in rights]
    return [right for before, now, right in zip([left, *plain], plain, rights, strict=False) if now != before]


def _as_text(marks, lines):
    found = []
    for left, rights in lines:
        rights = [marks.text(right if right[0] == "≈" else f"= {right}") for right in _steps(left, rights)]
        left = marks.text(left)
        found.append(f"{left} {rights[0]}" if left else rights[0].removeprefix("= "))
        found += [f"{' ' * len(left)} {right}" for right in rights[1:]]
    return "\n".join(found)


def _as_latex(marks, lines):
    rows = []
    for left, rights in lines:
        first, *others = [
            rf"&\approx {marks.latex(right[2:])}" if right[0] == "≈" else f"&= {marks.latex(right)}"
            for right in _steps(left, rights)
        ]
        rows += [f"{marks.latex(left)} {first}" if left else first.replace("&=", "&", 1), *others]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
