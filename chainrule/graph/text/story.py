"""The story of a graph: forward, seed, backward contribution by contribution, update, each step in words."""

import math
from collections import Counter

import numpy as np

from ...autograd.formula import put
from ...autograd.formula_text import Written, write
from ...backends.program import Call, Symbol
from ...pages.words import t, translated
from ..graph import NO_ZERO_GRAD, Step
from ..roles import parameters
from ..values import Values, in_full, values
from .notation import bracketed, shown, total
from .phrases import PLAIN, Note, agreed, as_used, call, change, form, holds, label, notes, operation
from .rules import letters, stated
from .why import GENERAL

_MARK = "\uf8ff"  # stands for the upstream gradient while a rule is written out; no name has it
_REST = "rest"  # what an opened graph calls all that comes after its operation


def steps(graph, lr=0.1):
    """The story as a list of Steps, with an update of each parameter (roles.py) by gradient descent at the rate `lr`."""
    story = Story(graph, lr)
    for step in story.steps:
        step.text = " ".join(filter(None, story.cells(step)))
    return story.steps


class Story:
    """The steps of a graph. The words of each are made when they are asked for, so a shortened listing costs no more than it shows.

    Fields:
        steps: all Steps, their text still empty.
        given: the nodes that are there from the start: leaves, constants except plain numbers, and in an opened
            graph what was computed before.
        rate: the learning rate as it is written.
    """

    def __init__(self, graph, lr):
        self.graph, self.lr, self.operands = graph, lr, graph.operands()
        self.rate = bracketed(str(lr).replace("-", "−"))
        self.calls = {}  # {id of a node: its call in words}
        computed = [n for n in graph.nodes if self.operands[n.id]]
        self.given = [n for n in graph.nodes if not self.operands[n.id] and not n.is_number]
        self.first = {}  # {a reason that many edges have: the edge that says it}
        for i in graph.order:
            self.first.setdefault(graph.edges[i].why, i)
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
        trained = parameters(graph)
        for n in graph.nodes:
            if n.id in trained and (n.total or n.grad or expected[n.id]):
                self.steps.append(Step("update", n.id, None, expected[n.id], expected[n.id], self._updated(n), ""))

    def cells(self, step):
        """The words of a step, column by column."""
        return getattr(self, "_" + step.phase)(step)

    def start(self, node):
        """The words for a node that is there from the start."""
        digits = PLAIN if node.value is None or node.shape else in_full(node.value.items)
        remarks = [
            Note(translated(badge)) for badge in node.badges if not badge.startswith(NO_ZERO_GRAD)
        ]  # which `held` says later
        return label(node), _result(node, digits=digits), form(node), *remarks

    # ---- the phases

    def _forward(self, step):
        node = self.graph.nodes[step.node]
        sources = [self.graph.nodes[e.source] for e in self.operands[node.id]]
        words, put_in, digits, equals = f"= {self._call(node)}", "", PLAIN, "="
        if as_used(node, sources) and all(n.value is not None and not n.shape for n in (node, *sources)):
            digits, equals = agreed(operation(node), [n.value for n in sources], node.value)
            given = [label(n) if n.is_number else shown(n.value, digits) for n in sources]
            put_in = f"= {call(node, given)}"
        if put_in == words:
            put_in, equals = "", "="
        return label(node), words, put_in, _result(node, equals, digits), form(node), *notes(node)

    def _seed(self, step):
        root = self.graph.root
        reason = t("as {0} = 1", f"∂{label(root)}/∂{label(root)}")
        if math.prod(root.shape) != 1:
            reason = t("ones: the gradient of {0}", f"{label(root)}.sum()")
        return label(root), f"-> grad = {shown(step.result)},", reason, *_noted(self.held(root))

    def _backward(self, step):
        edge, node = self.graph.edges[step.edge], self.graph.nodes[step.node]
        target = self.graph.nodes[edge.target]
        count = t("({0} of {1})", step.arrived, step.expected) if step.expected > 1 else ""
        use = t("from {0} = {1}", label(target), self._call(target))
        if target.operation == _REST:
            use = t("from the rest of the graph")
        if edge.contribution is None:
            return label(node), "-> " + t("unknown: {0}", translated(edge.note)), "", count, use
        held = self.held(node) if step.arrived == step.expected else ""
        why = "" if edge.why in GENERAL and edge.id != self.first[edge.why] else edge.why
        words, digits = self._contribution(edge, target)
        sum_ = self._sum(edge, digits)
        return label(node), f"-> {words};" if sum_ else f"-> {words}", sum_, count, use, *_noted(translated(why), held)

    def _update(self, step):
        node = self.graph.nodes[step.node]
        if changed := change(node):
            return f"{label(node)}:", t("not shown, because it was {0}", translated(changed))
        if self.graph.ran and node.grad is None:
            return f"{label(node)}:", t("no update: .grad is None, as after zero_grad")
        left = self.left(node)
        grads = [left] if left else self._grads(node)
        if node.value is None or not grads:
            return f"{label(node)}:", t("unknown, because its value or its gradient is unknown")
        digits, equals = agreed(self._descended, [node.value, left], step.result) if step.result else (PLAIN, "")
        by = bracketed(total([shown(g, digits) for g in grads]))
        words = f"{shown(node.value, digits)} − {self.rate} × {by}"
        return f"{label(node)}:", words, f"{equals} {shown(step.result, digits)}" if step.result else ""

    # ---- their parts

    def _call(self, node):
        """How a node was computed: `a * b`."""
        if node.id not in self.calls:
            self.calls[node.id] = call(node, [label(self.graph.nodes[e.source]) for e in self.operands[node.id]])
        return self.calls[node.id]

    def _contribution(self, edge, target):
        """How a contribution comes about: `upstream 5 × local −2 = −10`, or by the rule, with its shapes; and in how many digits."""
        g, local, part = target.total, edge.local, edge.contribution
        if local is None:
            return f"{self._ruled(edge, target)}: {self._shapes(edge, target)} = {shown(part)}", PLAIN
        summed = f", {translated(edge.summed)}" if edge.summed else ""
        terms = _computed(np.multiply, g, local)
        if terms and part.items is not None:
            product = _summed(terms.array(), part.shape)
            if not holds(product, part, scale=np.abs(terms.array()).max(initial=0)):
                factors = t("upstream {0} × local {1}", shown(g), shown(local)) + summed
                given = shown(part), factors, shown(values(product))
                return t("the rule gives {0} ({1} would be {2})", *given), PLAIN
        digits, equals = agreed(lambda *factors: _summed(np.multiply(*factors), part.shape), [g, local], part)
        factors = t("upstream {0} × local {1}", shown(g, digits), shown(local, digits))
        return f"{factors}{summed} {equals} {shown(part, digits)}", digits

    def _ruled(self, edge, target):
        """The rule of an operation, written with the upstream gradient and the names of the operands: `xᵀ @ upstream 2`."""
        operands = self.operands[target.id]
        tree, rule = stated(self.graph, edge, operands), ""
        if tree is not None:
            rule = write(put(tree, letters(self.graph, edge, operands) | {"g": Written(_MARK, _MARK)}))
        if _MARK not in rule:
            rule = t("{0}, by the rule of {1}", _MARK, target.symbol)
        return translated(rule).replace(_MARK, t("upstream {0}", shown(target.total)), 1).replace(_MARK, t("upstream"))

    def _shapes(self, edge, target):
        """`(2, 4) @ (4, 3) → (2, 3)` for a product of matrices, else the shapes of g and of the contribution."""
        start, tree = target.shape, stated(self.graph, edge, self.operands[target.id])
        if isinstance(tree, Call) and tree.name.startswith("{0}, "):
            tree = tree.operands[0]
        if isinstance(tree, Call) and tree.name == "matmul":
            shapes = {e.input: self.graph.nodes[e.source].shape for e in self.operands[target.id]} | {"g": target.shape}
            one, other = (
                shapes[x.name] if isinstance(x, Symbol) else shapes[x.operands[0].name][::-1] for x in tree.operands
            )
            if len(one) == len(other) == 2:
                start = f"{one} @ {other}"
        return f"{start} → {self.graph.nodes[edge.source].shape}"

    def _sum(self, edge, digits):
        """The gradient after a contribution: `grad = 4 + (−10) = −6`; the first in so many digits, an array stands there already."""
        before, part = self.before[edge.id], edge.contribution
        if edge.running is None:
            return t("grad is unknown")
        if before is None:
            return "" if edge.running.shape else f"grad = {shown(edge.running, digits)}"
        return f"grad = {_added(before, part, edge.running)}"

    def held(self, node):
        """What `.grad` holds besides the gradient of this pass, in words; "" if it is the same. The reason for a difference is not known here."""
        held, brought = node.grad, node.total
        if held is None or brought is None or self.graph.ran and _same(held, brought):
            return ""
        if not self.graph.ran:
            both = self.left(node)
            now = f": {_added(held, brought, both)}" if both else ""
            return t(".grad already holds {0} (no zero_grad?); this pass adds to it", shown(held)) + now
        return t(
            ".grad is {0}, but this pass contributes {1}. Was zero_grad skipped, the seed changed, or the gradient clipped?",
            *(shown(held), shown(brought)),
        )

    def _grads(self, node):
        """The gradients that `.grad` is the sum of after the pass; none where there is none, or one is unknown."""
        brought = [] if self.graph.ran else [node.total]
        if None in brought and self.expected[node.id]:
            return []
        return [g for g in (node.grad, *brought) if g]

    def left(self, node):
        """The gradient that `.grad` holds after the pass; None where not all of its elements are known."""
        grads = self._grads(node)
        return _computed(lambda *terms: sum(terms[1:], terms[0]), *grads) if grads else None

    def _updated(self, node):
        """The value of a leaf after a step against its gradient, in its own dtype; None where it is unknown.

        Also None for a leaf that was changed since: the step was taken, or the gradient is that of another value.
        """
        return None if change(node) else _computed(self._descended, node.value, self.left(node))

    def _descended(self, x, g):
        return x - self.lr * g


def _noted(*remarks):
    return [Note(remark) for remark in remarks if remark]


def _summed(array, shape):
    """The sum over the axes along which an array of that shape was repeated."""
    if array.shape == shape:
        return array
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    return array.sum(axis=tuple(i for i, size in enumerate(shape) if array.shape[i] != size), keepdims=True)


def _result(node, equals="=", digits=PLAIN):
    return f"{equals} {node.value.line(digits)}" if node.value else f"= {translated(node.note) or t('unknown')}"


def _added(one, other, both):
    """`4 + (−10) = −6`"""
    digits, equals = agreed(np.add, [one, other], both)
    return f"{total([shown(one, digits), shown(other, digits)])} {equals} {shown(both, digits)}"


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
