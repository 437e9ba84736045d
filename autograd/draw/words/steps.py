"""The story of a graph: forward, seed, backward contribution by contribution, update, each step in words."""

from collections import Counter

import numpy as np

from ..graph import Step
from ..text import readable
from ..values import Values, values
from .notation import bracketed, prose, shown, total

_OPERATORS = {"+", "-", "*", "/", "**", "//", "%", "@", "==", "!=", "<", "<=", ">", ">=", "&", "|", "~"}
_OPERANDS = 8  # calls of more operands are shortened
_REST = "rest"  # what an opened graph calls all that comes after its operation


def steps(graph, lr=0.1):
    """The story as a list of Steps, with an update of each leaf by gradient descent at the rate `lr`."""
    story = Story(graph, lr)
    for step in story.steps:
        step.text = " ".join(filter(None, story.cells(step)))
    return story.steps


class Story:
    """The steps of a graph, told one by one, so that who leaves some out does not pay for their words.

    Fields:
        steps: all Steps, their text still empty.
        given: the nodes that are there from the start: leaves, constants but for plain numbers, and in an opened
            graph what was computed before.
    """

    def __init__(self, graph, lr):
        self.graph, self.lr, self.operands = graph, lr, graph.operands()
        computed = [n for n in graph.nodes if self.operands[n.id]]
        self.given = [n for n in graph.nodes if not self.operands[n.id] and not n.is_number]
        self.before = {}  # {edge: the gradient of its source before its contribution}
        self.expected = expected = Counter(graph.edges[i].source for i in graph.order)
        self.steps = [Step("forward", n.id, None, 0, expected[n.id], n.value, "") for n in computed]
        self.steps.append(Step("seed", graph.root.id, None, 0, 0, graph.seed, ""))
        arrived, running = Counter(), {}
        for i in graph.order:
            edge = graph.edges[i]
            x = edge.source
            arrived[x] += 1
            self.before[i], running[x] = running.get(x), edge.running
            self.steps.append(Step("backward", x, i, arrived[x], expected[x], edge.running, ""))
        for n in graph.nodes:
            if n.kind == "leaf" and (n.total or n.grad or expected[n.id]):
                self.steps.append(Step("update", n.id, None, expected[n.id], expected[n.id], self._updated(n), ""))

    def cells(self, step):
        """The words of a step, column by column."""
        return getattr(self, "_" + step.phase)(step)

    def start(self, node):
        """The words for a node that is there from the start."""
        return label(node), _result(node), _form(node)

    # ---- the phases

    def _forward(self, step):
        node = self.graph.nodes[step.node]
        sources = [self.graph.nodes[e.source] for e in self.operands[node.id]]
        call, numbers = _call(node, list(map(label, sources))), ""
        if all(n.value is not None and not n.shape for n in (node, *sources)):
            numbers = _call(node, [shown(n.value) for n in sources])
        return label(node), f"= {call}", f"= {numbers}" if numbers not in ("", call) else "", _result(node), _form(node)

    def _seed(self, step):
        root = self.graph.root
        reason = "given from outside"
        if step.result.items == 1:
            reason = f"as ∂{label(root)}/∂{label(root)} = 1"
        return label(root), f"-> grad = {shown(step.result)},", reason, self._held(root)

    def _backward(self, step):
        edge, node = self.graph.edges[step.edge], self.graph.nodes[step.node]
        target = self.graph.nodes[edge.target]
        count = f"({step.arrived} of {step.expected})" if step.expected > 1 else ""
        call = _call(target, [label(self.graph.nodes[e.source]) for e in self.operands[target.id]])
        use = f"from {label(target)} = {call}" if target.operation != _REST else "from the rest of the graph"
        if edge.contribution is None:
            return label(node), f"-> unknown: {edge.note}", "", count, use
        why = f"[{edge.why}]" if edge.why else ""
        last = self._held(node) if step.arrived == step.expected else ""
        share, sum_ = self._share(edge, target), self._sum(edge)
        return label(node), f"-> {share};" if sum_ else f"-> {share}", sum_, count, use, why, last

    def _update(self, step):
        node = self.graph.nodes[step.node]
        left = self._left(node)
        grads = [left] if left else self._grads(node)
        if node.value is None or not grads:
            return f"{label(node)}:", "unknown, as its value or its gradient is"
        grad = bracketed(total([shown(g) for g in grads]))
        change = f"{shown(node.value)} − {prose(self.lr)} × {grad}"
        return f"{label(node)}:", change, f"= {shown(step.result)}" if step.result else ""

    # ---- their parts

    def _share(self, edge, target):
        """How a contribution comes about: `upstream 5 × local −2 = −10`, or by the rule, with its shapes."""
        g = shown(target.total)
        if edge.local is not None:
            way = f"upstream {g} × local {shown(edge.local)}" + (f", {edge.summed}" if edge.summed else "")
        else:
            way = f"upstream g = {g}, {prose(edge.rule) or 'by its rule'}: {self._shapes(edge, target)}"
        return f"{way} = {shown(edge.contribution)}"

    def _shapes(self, edge, target):
        """`(2, 4) @ (4, 3) → (2, 3)` for a product of matrices, else the shapes of g and of the share."""
        shapes = {e.input: self.graph.nodes[e.source].shape for e in self.operands[target.id]} | {"g": target.shape}
        shapes |= {f"{x}ᵀ": shape[::-1] for x, shape in shapes.items()}
        factors = [shapes.get(part, ()) for part in edge.rule.partition(" = ")[2].split(" @ ")]
        matrices = len(factors) == 2 and all(len(shape) == 2 for shape in factors)
        start = f"{factors[0]} @ {factors[1]}" if matrices else target.shape
        return f"{start} → {self.graph.nodes[edge.source].shape}"

    def _sum(self, edge):
        """The gradient after a contribution: `grad = 4 + (−10) = −6`. The first array stands there already."""
        before = self.before[edge.id]
        if edge.running is None:
            return "grad is unknown"
        if before is None:
            return "" if edge.running.shape else f"grad = {shown(edge.running)}"
        return f"grad = {total([shown(before), shown(edge.contribution)])} = {shown(edge.running)}"

    def _held(self, node):
        """What `.grad` holds besides what this pass brings, if anything."""
        held, brought = node.grad, node.total
        if held is None or brought is None or self.graph.ran and _same(held, brought):
            return ""
        if not self.graph.ran:
            both = self._left(node)
            now = f": {total([shown(held), shown(brought)])} = {shown(both)}" if both else ""
            return f"[.grad held {shown(held)} from an earlier pass (zero_grad forgets it){now}]"
        rest = _computed(np.subtract, held, brought)
        if rest is None:
            return f"[.grad holds {shown(held)}, not of this pass alone]"
        return f"[.grad holds {shown(held)} = {shown(brought)} of this pass + {bracketed(shown(rest))} of others]"

    def _grads(self, node):
        """The gradients that `.grad` is the sum of after the pass; none where one is unknown."""
        if self.graph.ran or node.grad is None:
            return [g for g in (node.grad or node.total,) if g]
        if node.total is None:
            return [] if self.expected[node.id] else [node.grad]
        return [node.grad, node.total]

    def _left(self, node):
        """The gradient that `.grad` holds after the pass; None where not all of its elements are known."""
        grads = self._grads(node)
        return _computed(lambda *terms: sum(terms[1:], terms[0]), *grads) if grads else None

    def _updated(self, node):
        """The value of a leaf after a step against its gradient, in its own dtype; None where it is unknown."""
        return _computed(lambda x, g: x - self.lr * g, node.value, self._left(node))


def label(node):
    """What a node is called, in one short line."""
    return prose(node.label) if node.is_number else readable(node.label)


def _call(node, names):
    """`a * b`, or `sum(a, axis=0)`."""
    if node.symbol in _OPERATORS and len(names) <= 2 and not node.options:
        symbol = prose(node.symbol)
        if len(names) == 1:
            return symbol + bracketed(names[0])
        base = bracketed(names[0]) if symbol == "**" else names[0]  # −2 ** 2 would be −(2 ** 2)
        return f"{base} {symbol} {bracketed(names[1])}"
    if len(names) > _OPERANDS:
        names = [*names[: _OPERANDS - 1], "…", names[-1]]
    return f"{node.operation}({', '.join([*names, *map(readable, node.options)])})"


def _result(node):
    return f"= {prose(node.value)}" if node.value else "= unknown: nobody holds the array any more"


def _form(node):
    """Shape and dtype of an array."""
    return f"{node.shape} {node.dtype}" if node.shape else ""


def _same(one, other):
    if one.items is None or other.items is None:
        return one == other
    return np.array_equal(one.array(), other.array(), equal_nan=True)


def _computed(function, *given):
    """Values of a function of Values, in their own dtype; None where not all elements are known."""
    if any(v is None or v.items is None for v in given):
        return None
    with np.errstate(all="ignore"):
        result = np.asarray(function(*(v.array() for v in given)))
    return values(result) if given[0].dtype else Values((), "", result.item())
