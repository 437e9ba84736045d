"""The formula of a rule, also where a declaration says it in words; and what it comes to."""

import re

import numpy as np

from ...autograd.formula import evaluate
from ...backends.program import Call, Symbol
from ...backends.record import NAMES, PRODUCT, SUM
from .rules import stated

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*|\d+(?:\.\d+)?|[·@/+−()ᵀ²Σ])")
_REMARK = re.compile(r"(?<!\w\w), (?=\D)| at the | with ")  # what stands behind a formula
SIGNS = {row.text[4:-4]: name for name, row in NAMES.items() if row.binds in (SUM, PRODUCT) and row.arity == 2}
_BEHIND = {"ᵀ": "transpose", "²": "square"}
TOTAL = "Σ {0}"  # along the last axis


def told(graph, edge, operands):
    """The formula that a contribution has before it is summed over what was repeated, in the letters of the operation.

    Raises: ValueError or IndexError for what is said in words that are no formula.
    """
    rule = stated(graph, edge, operands)
    name = getattr(rule, "name", "")
    if name.startswith("{0}, "):
        return rule.operands[0]  # without the remark behind it
    return read(_REMARK.split(edge.rule.partition(" = ")[2])[0]) if rule is None or "{" in name else rule


# ---- reading words


def read(text):
    """The formula that words begin with, of sums, products, functions of one argument, ᵀ, ² and Σ; ValueError for other words."""
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
        tree = Call(SIGNS[tokens.pop(0)], (tree, _product(tokens)))
    return tree


def _product(tokens):
    if tokens[0] in "−Σ":
        return _before(tokens.pop(0), _product(tokens))
    tree = _factor(tokens)
    while tokens and tokens[0] in "·@/":
        tree = Call(SIGNS[tokens.pop(0)], (tree, _factor(tokens)))
    return tree


def _factor(tokens):
    if tokens[0] in "−Σ":
        return _before(tokens.pop(0), _factor(tokens))
    head = tokens.pop(0)
    if head == "(":
        tree = _sum(tokens)
        _close(tokens)
    elif tokens[:1] == ["("]:
        tokens.pop(0)
        tree = Call(head, (_sum(tokens),))
        _close(tokens)
    else:
        tree = float(head) if head[0].isdigit() else Symbol(head)
    while tokens and tokens[0] in "ᵀ²":
        tree = Call(_BEHIND[tokens.pop(0)], (tree,))
    return tree


def _before(sign, tree):
    return Call("negative" if sign == "−" else TOTAL, (tree,))


def _close(tokens):
    if tokens.pop(0) != ")":
        raise ValueError


# ---- working out


def worked_out(rule, names):
    """The array that a formula comes to, given {name: array}; KeyError where a name is missing."""

    def one_hot(index):
        return np.eye(next(a.shape[-1] for a in names.values() if np.ndim(a) > np.ndim(index)))[index]

    own = {
        "multiply": lambda x, y: (x[..., None] if 0 < np.ndim(x) < np.ndim(y) else x) * y,  # one gradient for each row
        "transpose": lambda x: np.swapaxes(x, -1, -2) if np.ndim(x) > 1 else x,
        "one_hot": one_hot,
        "outer": lambda x, y: x[..., None] * y[..., None, :],
        TOTAL: lambda x: np.sum(x, axis=-1, keepdims=True),
    }
    return evaluate(rule, names, own)


def summed(array, shape):
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
