"""Why a local derivative is 0 or 1, in words."""

import math

from ...autograd.formula import leaves, put
from ...autograd.formula_text import write
from ...backends.program import Symbol
from .notation import shown
from .phrases import as_used, label
from .rules import as_text, letters, product, slope

_UNCHANGED = "× 1: adding passes the gradient to each input unchanged"
_STEP = ("0: a step is flat, and passes no gradient at its jumps either", "")
# Where plain words say more than the rule: operation → (why it is 0, why it is 1); {x} is the operand and its value.
_WORDS = {
    "add": ("", _UNCHANGED),
    "sum": ("", _UNCHANGED),
    "matmul": ("0: the element that it is multiplied by is 0", "1: the element that it is multiplied by is 1"),
    "affine": ("0: the element that it is multiplied by is 0", "1: it is added, or multiplied by an element that is 1"),
    "max": ("0: the maximum is another element", "1: this element is the maximum"),
    "min": ("0: the minimum is another element", "1: this element is the minimum"),
    "relu": ("0 because the unit is off: {x} is not above 0", "1 because {x} is above 0"),
    "sigmoid": ("0 because the unit is saturated: {x} is so far out that the curve is flat", ""),
    "tanh": ("0 because the unit is saturated: {x} is so far out that the curve is flat", ""),
    "maximum": ("0: the maximum took the other one", "1: the maximum took this one"),
    "minimum": ("0: the minimum took the other one", "1: the minimum took this one"),
    **dict.fromkeys(("sign", "floor", "ceil", "rint", "floor_divide", "step"), _STEP),
    "where": ("0: the condition chose the other one", "1: the condition chose this one"),
}
_ZERO_WHERE = {"relu": ", where {x} is not above 0"}  # for elements of an array
GENERAL = {_UNCHANGED, "× 1: the gradient passes on unchanged"}  # said once in a story
_FEW = 4  # so many operands are listed with their values


def why(graph):
    """Set `why` on the edges whose local derivative is 0 or 1, and count the zeros where only some elements are 0.

    The rules of products, which are stated for matrices, are fitted to vectors and batches.
    """
    operands = graph.operands()
    for edge in graph.edges:
        fitted = product(graph, edge, operands[edge.target]) if edge.rule else None
        if fitted is not None:
            edge.rule = as_text(edge, fitted)
        if edge.local is not None and not edge.why:
            zeros, ones, size = _count(edge.local)
            if size and size in (zeros, ones):
                edge.why = _reason(graph, edge, operands[edge.target], 0 if zeros else 1)
            elif zeros:
                where = _ZERO_WHERE.get(graph.nodes[edge.target].operation, "")
                edge.why = f"0 for {zeros} of {size} elements{where.format(x=label(graph.nodes[edge.source]))}"


def _count(local):
    """(how many elements are 0, how many are 1, how many there are)."""
    if not local.shape:
        return int(local.items == 0), int(local.items == 1), 1
    size, facts = math.prod(local.shape), local.summary
    if facts is None:
        array = local.array()
        return int((array == 0).sum()), int((array == 1).sum()), size
    all_one = facts["min"] == facts["max"] == 1 and not facts["nan"] and not facts["inf"]
    return facts["zero"], size if all_one else 0, size


def _reason(graph, edge, operands, digit):
    """Why the local derivative is the digit 0 or 1: in plain words where there are some, else from the rule.

    "" where that depends on a value that was changed since it was used.
    """
    target, source = graph.nodes[edge.target], graph.nodes[edge.source]
    nodes = [graph.nodes[e.source] for e in operands]
    words = _WORDS.get(target.operation, ("", ""))[digit]
    if words and "{x}" not in words:
        return words
    formula = slope(graph, edge, operands)
    if isinstance(formula, int) and not words and target.operation != "power":
        return "× 1: the gradient passes on unchanged" if digit else "0: the gradient does not pass"
    if not as_used(target, nodes):
        return ""
    if words:
        return words.format(x=_equation(source))
    if target.operation == "power" and not digit:
        for word, node in [("exponent", nodes[1]), ("base", nodes[0])][edge.slot :]:
            if node.value is not None and _count(node.value)[0] == _count(node.value)[2]:
                return f"0 because the {word} is 0"
    given = {e.input: node for e, node in zip(operands, nodes, strict=True)} | {"out": target}
    if isinstance(formula, Symbol) and formula.name in given:
        node = given[formula.name]
        what = "the factor" if node.is_number else label(node)
        return f"{digit} because {what} is {digit}{' everywhere' if edge.local.shape else ''}"
    reason = f"is the slope of {target.operation}"
    if formula is not None:
        nodes = [given[x] for x in leaves(formula) if x in given]
        reason = f"because {write(put(formula, letters(graph, edge, operands)))} is {digit}"
    here = list(dict.fromkeys(_equation(node) for node in nodes if not node.is_number))
    return f"{digit} {reason}" + (f" at {', '.join(here)}" if 0 < len(here) <= _FEW else "")


def _equation(node):
    """`x = −2`, or `x` alone where its value was not kept."""
    return label(node) if node.value is None else f"{label(node)} = {shown(node.value)}"
