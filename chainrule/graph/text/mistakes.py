"""What a learner gets who makes one mistake in a rule, such as p for p − y: each is the rule with one part left out or turned.

The rule is the formula that the edge states; where the declaration says it in words, it is read from those. It is worked out with
the arrays of its call, and only where that gives the recorded contribution are its mistakes worked out, too.
"""

import numpy as np

from ...autograd.formula import chosen
from ...autograd.formula_text import operands_of, write
from ...autograd.node import SMALL
from ...backends.program import Call
from ...backends.record import NAMES
from ...pages.words import t
from .phrases import holds
from .reading import SIGNS, TOTAL, summed, told, worked_out


def mistakes(graph, edge, operands):
    """[(what was done wrong, the elements that it gives)] for the contribution of an edge; [] where the rule says no formula."""
    target, part = graph.nodes[edge.target], edge.contribution
    nodes = [graph.nodes[e.source] for e in operands]
    if (
        not edge.rule
        or part is None
        or not part.shape
        or any(not _small(n.value) for n in nodes)
        or not _small(target.total)
    ):
        return []
    names = {e.input: n.value.array() for e, n in zip(operands, nodes, strict=True)} | {"g": target.total.array()}
    if _small(target.value):
        names["out"] = target.value.array()
    names["n"] = max(part.array().size, 1) / max(names["g"].size, 1)
    try:
        rule = told(graph, edge, operands)
        rule = chosen(rule, names) or rule
        wide = np.asarray(worked_out(rule, names))
        if not holds(summed(wide, part.shape), part, scale=float(np.abs(wide).max(initial=0)) * wide.size):
            return []
    except Exception:  # it is in words, or not of arrays like these
        return []
    found = [(says, _tried(changed, names, part.shape)) for says, changed in _changes(rule)]
    found += _of_sums(wide, part.shape)
    if "@" in edge.rule and len(part.shape) == 2 and part.shape[0] == part.shape[1]:
        found.append((t("That is the transpose of {0}.", write(rule)), part.array().T))
    right, wrong = part.array(), []
    for says, array in found:
        if array is not None and not np.allclose(array, right, equal_nan=True):
            wrong.append((says, np.ravel(array).tolist()))
    return wrong


def _small(values):
    return values is not None and values.items is not None and np.size(values.items) <= SMALL


def _tried(rule, names, shape):
    try:
        return summed(np.asarray(worked_out(rule, names)), shape)
    except Exception:  # the shapes do not fit, which a learner would notice
        return None


# ---- mistakes


def _changes(tree, put=lambda part: part):
    """(what was done wrong, the rule with that mistake) for each part of a formula; `put` puts a part into the whole."""
    row = NAMES.get(getattr(tree, "name", ""))
    if not isinstance(tree, Call) or row is not None and row.truth:
        return
    for i, operand in enumerate(tree.operands):
        back = lambda changed, i=i: put(Call(tree.name, (*tree.operands[:i], changed, *tree.operands[i + 1 :])))
        yield from _changes(operand, back)
    if tree.name in SIGNS.values():
        (one, other), (left, right) = tree.operands, operands_of(tree)
        yield t("You left out “{0}”: that is {1}.", f"{row.text[4:-4]} {right}", write(put(one))), put(one)
        if tree.name != "divide":
            yield t("You left out “{0}”: that is {1}.", left, write(put(other))), put(other)
    if tree.name == "matmul":
        times = put(Call("multiply", tree.operands))
        yield t("That is multiplied element by element. @ takes a row times a column, and adds up."), times
        yield t("The factors stand the other way round: {0}.", write(put(tree))), put(Call("matmul", (other, one)))
    if tree.name == "transpose":
        yield t("The transpose is missing: {0}.", write(tree)), put(tree.operands[0])
    if tree.name == "square":
        yield t("The square is missing: {0}.", write(tree)), put(tree.operands[0])
    if tree.name == TOTAL:
        yield t("You left out the sum: {0}.", write(tree)), put(tree.operands[0])
    if tree.name == "negative":
        yield t("Right size, wrong sign."), put(tree.operands[0])


def _of_sums(wide, shape):
    """Mistakes in the sum over what was repeated: none, a mean, the other axis."""
    if np.shape(wide) == shape or np.size(wide) <= np.prod(shape, initial=1):
        return
    extra = np.ndim(wide) - len(shape)
    for row in wide.reshape(-1, *shape) if np.shape(wide)[extra:] == shape else ():
        yield t("That is the share of one row alone. Add up over the batch: every row used it."), row
    yield (
        t("That is the mean. What was repeated gets the sum of what comes back."),
        summed(wide, shape) * np.prod(shape) / np.size(wide),
    )
    for axis in range(np.ndim(wide)):
        other = wide.sum(axis=axis)
        if np.shape(other) == shape and np.shape(wide)[extra:] == shape and axis >= extra:
            yield t("That is summed over axis {0}, the wrong one.", axis), other
