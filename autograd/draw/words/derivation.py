"""The chain rule worked out for one value: symbols → numbers put in → result, as text and as LaTeX."""

import math
from dataclasses import dataclass

from ..values import Values
from .notation import Marks, factor, filled, product, prose, shown, total

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


@dataclass(slots=True)
class Derivation:
    """A derivative, worked out. `print` shows the text, a notebook the LaTeX.

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

    def __str__(self):
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
              = 0.3333
    """
    work = _Work(graph, graph.node(name))
    lines = work.lines()
    return Derivation(
        work.count, work.paths, work.node.total, _as_text(work.marks, lines), _as_latex(work.marks, lines)
    )


class _Work:
    """What lies between one value and the result, and the equations that lead from one to the other.

    An equation is (left side, [right sides]), a remark ("", [words]); names stand in them as Marks.

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
            return [
                (
                    "",
                    [
                        f"no gradient flows from {self.marks.of(root)} back to {self.marks.of(node)}: no path connects them"
                    ],
                )
            ]
        lines = []
        if math.prod(root.shape) > 1:
            lines.append(("", [f"{self.marks.of(root)} has several elements; this is the derivative of their sum"]))
        if self.count > 1:
            count = f"more than {MANY:.0e}" if self.count == MANY else f"{self.count:,}"
            words = (
                f"{count} paths lead from {self.marks.of(node)} to {self.marks.of(root)}; what comes along them adds up"
            )
            lines.append(("", [words]))
        if not self.paths or any(path.value is None for path in self.paths) or self.graph.seed.items != 1:
            return lines + self._values_on_the_way()
        if self.count == 1:
            return [*lines, (self._by(node), [*self._product(self.paths[0]), shown(node.total)])]
        names = [f"path {i}" for i in range(1, self.count + 1)]
        for name, path in zip(names, self.paths, strict=True):
            lines.append(("", [f"{name}: {self._route(path)}"]))
            lines.append((name, [*self._product(path), _number(path.value)]))
        terms = total([_number(path.value) for path in self.paths])
        return [*lines, (self._by(node), [" + ".join(names), terms, shown(node.total)])]

    def _by(self, node, of=None):
        """∂result/∂node, or that of another value."""
        return f"∂{self.marks.of(of or self.graph.root)}/∂{self.marks.of(node)}"

    def _route(self, path):
        """`x → h → y`, and which operand it is where a value is used twice by one operation."""
        route = self.marks.of(self.node)
        edges = _few([self.graph.edges[i] for i in path.edges])
        for edge in edges:
            route += " → …" if edge is None else f" → {self.marks.of(self.graph.nodes[edge.target])}"
            route += f" (operand {edge.slot + 1})" if edge and self._twice(edge) else ""
        return route

    def _twice(self, edge):
        """Whether the operation uses the same value as another operand too."""
        return sum(e.target == edge.target for e in self.users[edge.source]) > 1

    def _product(self, path):
        """The local derivatives along a path, from the result back: as symbols, as formulas, with numbers, as numbers."""
        edges = _few([self.graph.edges[i] for i in reversed(path.edges)])
        symbol = lambda edge: self._formula(edge) if self._twice(edge) else self._symbol(edge)
        ways = symbol, self._formula, self._substituted, lambda edge: shown(edge.local)
        return [product([way(edge) if edge else "…" for edge in edges]) for way in ways] if edges else []

    def _symbol(self, edge):
        return self._by(self.graph.nodes[edge.source], self.graph.nodes[edge.target])

    def _formula(self, edge):
        formula = factor(edge.rule)
        return self._symbol(edge) if formula is None else filled(formula, self._names(edge))

    def _substituted(self, edge):
        formula = factor(edge.rule)
        given = {e.input: self.graph.nodes[e.source] for e in self.operands[edge.target]} | {
            "out": self.graph.nodes[edge.target]
        }
        if formula is None or any(node.value is None for node in given.values()):
            return shown(edge.local)
        return filled(formula, {x: shown(node.value) for x, node in given.items()})

    def _names(self, edge):
        """What stands for each input of an operation, and for its result."""
        target = self.graph.nodes[edge.target]
        inputs = {e.input: self.marks.of(self.graph.nodes[e.source]) for e in self.operands[edge.target]}
        return inputs | {"out": self.marks.of(target)}

    def _values_on_the_way(self):
        """An equation for each value between the result and the one asked for: its derivative from those before."""
        root, lines = self.graph.root, []
        lines.append((self._by(root), [shown(self.graph.seed)]))
        for i in _few(sorted(self.users, reverse=True)):
            if i is None:
                lines.append(("", [f"… {len(self.users) - FEW:,} more"]))
                continue
            node, edges = self.graph.nodes[i], _few(self.users[i])
            rights = [" + ".join(self._share(edge, len(edges) > 1) if edge else "…" for edge in edges)]
            if None not in edges and all(e.local and not e.local.shape for e in edges) and node.total:
                rights.append(
                    total([product([shown(self.graph.nodes[e.target].total), shown(e.local)]) for e in edges])
                )
            note = next((edge.note for edge in self.users[i] if edge.note), "no gradient arrives here")
            rights.append(shown(node.total) if node.total else f"unknown: {note}")
            lines.append((self._by(node), rights))
        return lines

    def _share(self, edge, one_of_several):
        """What one use of a value contributes to its derivative, by the rule: `xᵀ @ ∂loss/∂z`."""
        g, rule = self._by(self.graph.nodes[edge.target]), prose(edge.rule).partition(" = ")[2]
        formula = factor(edge.rule) if edge.local is not None else None
        if formula is not None:
            local = filled(formula, self._names(edge))
            share = g if local == "1" else f"−{g}" if local == "−1" else product([g, local])
        elif edge.local is not None or not rule:
            share = f"{g} · {self._symbol(edge)}"
        else:
            share = filled(rule, self._names(edge) | {"g": g})
        share += f", {edge.summed.partition(':')[0]}" if edge.summed else ""
        return f"({share})" if one_of_several and ("," in share or share[0] == "−") else share


def _number(x):
    return shown(Values((), "", x))


def _few(things):
    """The things, or the first and last of many with None between."""
    return things if len(things) <= FEW else [*things[: FEW // 2], None, *things[-FEW // 2 :]]


def _steps(left, rights):
    """The right sides that say something new."""
    return [right for before, right in zip([left, *rights], rights, strict=False) if right != before]


def _as_text(marks, lines):
    found = []
    for left, rights in lines:
        left, rights = marks.text(left), [marks.text(right) for right in _steps(left, rights)]
        found.append(f"{left} = {rights[0]}" if left else rights[0])
        found += [f"{' ' * len(left)} = {right}" for right in rights[1:]]
    return "\n".join(found)


def _as_latex(marks, lines):
    rows = []
    for left, rights in lines:
        first, *others = [marks.latex(right) for right in _steps(left, rights)]
        rows += [f"{marks.latex(left)} &= {first}" if left else f"& {first}", *(f"&= {right}" for right in others)]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
