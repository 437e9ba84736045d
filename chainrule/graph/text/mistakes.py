"""What a learner gets who makes one mistake in a rule, such as p for p − y: each is the rule with one part left out or turned.

The rule is read as it is stated, in words or recorded: a formula of sums, products, functions, ᵀ and Σ. It is worked out with
the arrays of its call, and only where that gives the recorded contribution are its mistakes worked out, too.
"""

import re
from dataclasses import dataclass

import numpy as np

from ...autograd.node import SMALL
from ...autograd.primitive import REGISTRY
from ...backends import get
from ...pages.words import t
from .phrases import holds

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*|\d+(?:\.\d+)?|[·@/+−()ᵀ²Σ])")
_REMARK = re.compile(r"(?<!\w\w), (?=\D)| at the | with ")  # what stands behind a formula


@dataclass(frozen=True)
class Part:
    """A part of a formula: a sign with its operands, a function with its arguments (its name is `head`), or a name alone."""

    head: str
    operands: tuple = ()

    def __str__(self):
        texts = [
            f"({p})" if len(p.operands) > 1 and p.head in "+−" and self.head not in "+" else str(p)
            for p in self.operands
        ]
        if self.head in ("ᵀ", "²"):
            return texts[0] + self.head
        if self.head in ("Σ", "−") and len(texts) == 1:
            return f"{self.head} {texts[0]}".replace("− ", "−")
        if self.head in ("·", "@", "/", "+", "−"):
            return f" {self.head} ".join(texts)
        return self.head + f"({', '.join(map(str, self.operands))})" * bool(texts)


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
        rule = _read(_REMARK.split(edge.rule.partition(" = ")[2])[0])
        wide = _worked_out(rule, names)
        if not holds(_summed(wide, part.shape), part, scale=float(np.abs(wide).max(initial=0)) * wide.size):
            return []
    except Exception:  # it is in words, or not of arrays like these
        return []
    found = [(says, _tried(changed, names, part.shape)) for says, changed in _changes(rule)]
    found += _of_sums(wide, part.shape)
    if "@" in edge.rule and len(part.shape) == 2 and part.shape[0] == part.shape[1]:
        found.append((t("That is the transpose of {0}.", rule), part.array().T))
    right, told = part.array(), []
    for says, array in found:
        if array is not None and not np.allclose(array, right, equal_nan=True):
            told.append((says, np.ravel(array).tolist()))
    return told


def _small(values):
    return values is not None and values.items is not None and np.size(values.items) <= SMALL


# ---- reading


def _read(text):
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text)
        tokens.append(match[1])
        at = match.end()
    tree = _sum(tokens)
    if tokens:
        raise ValueError(text)
    return tree


def _sum(tokens):
    tree = _product(tokens)
    while tokens and tokens[0] in "+−":
        tree = Part(tokens.pop(0), (tree, _product(tokens)))
    return tree


def _product(tokens):
    if tokens[0] in "−Σ":
        return Part(tokens.pop(0), (_product(tokens),))
    tree = _factor(tokens)
    while tokens and tokens[0] in "·@/":
        tree = Part(tokens.pop(0), (tree, _factor(tokens)))
    return tree


def _factor(tokens):
    if tokens[0] in "−Σ":
        return Part(tokens.pop(0), (_factor(tokens),))
    head = tokens.pop(0)
    if head == "(":
        tree = _sum(tokens)
        _close(tokens)
    elif tokens[:1] == ["("]:
        tokens.pop(0)
        tree = Part(head, (_sum(tokens),))
        _close(tokens)
    else:
        tree = Part(head)
    while tokens and tokens[0] in "ᵀ²":
        tree = Part(tokens.pop(0), (tree,))
    return tree


def _close(tokens):
    if tokens.pop(0) != ")":
        raise ValueError


# ---- working out


def _worked_out(part, names):
    if not part.operands:
        return names[part.head] if part.head in names else np.float64(part.head)
    if part.head == "one_hot":
        length = next(a.shape[-1] for a in names.values() if np.ndim(a) > np.ndim(names[part.operands[0].head]))
        return np.eye(length)[_worked_out(part.operands[0], names)]
    given = [_worked_out(p, names) for p in part.operands]
    if part.head == "·" and 0 < np.ndim(given[0]) < np.ndim(given[1]):
        given[0] = given[0][..., None]  # one gradient for each row
    with np.errstate(all="ignore"):
        if part.head == "−":
            return -given[0] if len(given) == 1 else given[0] - given[1]
        if part.head in _SIGNS:
            return _SIGNS[part.head](*given)
        primitive = REGISTRY[part.head]
        return primitive.fn(get("cpu").xp, *given, **primitive.defaults)


_SIGNS = {
    "·": np.multiply,
    "/": np.divide,
    "+": np.add,
    "@": np.matmul,
    "²": np.square,
    "ᵀ": lambda x: np.swapaxes(x, -1, -2) if np.ndim(x) > 1 else x,
    "Σ": lambda x: np.sum(x, axis=-1, keepdims=True),
}


def _summed(array, shape):
    """An array brought to the shape of the operand: the sum over what was repeated, or repeated itself."""
    if np.ndim(array) > len(shape):
        array = array.sum(axis=tuple(range(np.ndim(array) - len(shape))))
    axes = tuple(
        i
        for i, (n, m) in enumerate(zip(np.shape(array), shape[-np.ndim(array) or len(shape) :], strict=False))
        if m == 1 < n
    )
    array = array.sum(axis=axes, keepdims=True) if axes else array
    return np.broadcast_to(array, shape)


def _tried(rule, names, shape):
    try:
        return _summed(_worked_out(rule, names), shape)
    except Exception:  # the shapes do not fit, which a learner would notice
        return None


# ---- mistakes


def _changes(part, put=lambda part: part):
    """(what was done wrong, the rule with that mistake) for each part of a formula; `put` puts a part into the whole."""
    for i, operand in enumerate(part.operands):
        back = lambda changed, i=i: put(Part(part.head, (*part.operands[:i], changed, *part.operands[i + 1 :])))
        yield from _changes(operand, back)
    if len(part.operands) == 2:
        one, other = part.operands
        yield t("You left out “{0}”: that is {1}.", f"{part.head} {_inner(other)}", put(one)), put(one)
        if part.head != "/":
            yield t("You left out “{0}”: that is {1}.", _inner(one), put(other)), put(other)
    if part.head == "@":
        times = put(Part("·", part.operands))
        yield t("That is multiplied element by element. @ takes a row times a column, and adds up."), times
        yield t("The factors stand the other way round: {0}.", put(part)), put(Part("@", (other, one)))
    if part.head == "ᵀ":
        yield t("The transpose is missing: {0}.", part), put(part.operands[0])
    if part.head == "Σ":
        yield t("You left out the sum: {0}.", part), put(part.operands[0])
    if part.head == "−" and len(part.operands) == 1:
        yield t("Right size, wrong sign."), put(part.operands[0])


def _inner(part):
    return f"({part})" if len(part.operands) > 1 and part.head in "+−" else str(part)


def _of_sums(wide, shape):
    """Mistakes in the sum over what was repeated: none, a mean, the other axis."""
    if np.shape(wide) == shape or np.size(wide) <= np.prod(shape, initial=1):
        return
    extra = np.ndim(wide) - len(shape)
    for row in wide.reshape(-1, *shape) if np.shape(wide)[extra:] == shape else ():
        yield t("That is the share of one row alone. Add up over the batch: every row used it."), row
    yield (
        t("That is the mean. What was repeated gets the sum of what comes back."),
        _summed(wide, shape) * np.prod(shape) / np.size(wide),
    )
    for axis in range(np.ndim(wide)):
        other = wide.sum(axis=axis)
        if np.shape(other) == shape and np.shape(wide)[extra:] == shape and axis >= extra:
            yield t("That is summed over axis {0}, the wrong one.", axis), other
