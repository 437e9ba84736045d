"""Why a local derivative is 0 or 1, in words."""

import math

from ...autograd.formula import leaves, put
from ...autograd.formula_text import write
from ...backends.program import Symbol
from ...pages.words import english
from .notation import shown
from .phrases import as_used, label
from .rules import as_text, letters, product, slope

_UNCHANGED = english("× 1: adding passes the gradient to each input unchanged")
_STEP = (english("0: a step is flat, and passes no gradient at its jumps either"), "")
# Where plain words say more than the rule: operation → (why it is 0, why it is 1); {0} is the operand and its value.
_WORDS = {
    "add": ("", _UNCHANGED),
    "sum": ("", _UNCHANGED),
    "matmul": (
        english("0: the element that it is multiplied by is 0"),
        english("1: the element that it is multiplied by is 1"),
    ),
    "affine": (
        english("0: the element that it is multiplied by is 0"),
        english("1: it is added, or multiplied by an element that is 1"),
    ),
    "max": (english("0: the maximum is another element"), english("1: this element is the maximum")),
    "min": (english("0: the minimum is another element"), english("1: this element is the minimum")),
    "relu": (english("0 because the unit is off: {0} is not above 0"), english("1 because {0} is above 0")),
    "sigmoid": (english("0 because the unit is saturated: {0} is so far out that the curve is flat"), ""),
    "tanh": (english("0 because the unit is saturated: {0} is so far out that the curve is flat"), ""),
    "maximum": (english("0: the maximum took the other one"), english("1: the maximum took this one")),
    "minimum": (english("0: the minimum took the other one"), english("1: the minimum took this one")),
    **dict.fromkeys(("sign", "floor", "ceil", "rint", "floor_divide", "step"), _STEP),
    "where": (english("0: the condition chose the other one"), english("1: the condition chose this one")),
}
PASSED_ON = english("× 1: the gradient passes on unchanged")
GENERAL = {_UNCHANGED, PASSED_ON}  # said once in a story
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
                text = english("0 for {0} of {1} elements")
                if graph.nodes[edge.target].operation == "relu":
                    text = english("0 for {0} of {1} elements, where {2} is not above 0")
                edge.why = text.format(zeros, size, label(graph.nodes[edge.source]))


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
    if words and "{0}" not in words:
        return words
    formula = slope(graph, edge, operands)
    if isinstance(formula, int) and not words and target.operation != "power":
        return PASSED_ON if digit else english("0: the gradient does not pass")
    if not as_used(target, nodes):
        return ""
    if words:
        return words.format(_equation(source))
    if target.operation == "power" and not digit:
        zero = english("0 because the exponent is 0"), english("0 because the base is 0")
        for reason, node in list(zip(zero, nodes[::-1], strict=True))[edge.slot :]:
            if node.value is not None and _count(node.value)[0] == _count(node.value)[2]:
                return reason
    given = {e.input: node for e, node in zip(operands, nodes, strict=True)} | {"out": target}
    if isinstance(formula, Symbol) and formula.name in given:
        node = given[formula.name]
        what = english("the factor") if node.is_number else label(node)
        text = english("{0} because {1} is {0} everywhere") if edge.local.shape else english("{0} because {1} is {0}")
        return text.format(digit, what)
    if formula is not None:
        nodes = [given[x] for x in leaves(formula) if x in given]
        what = write(put(formula, letters(graph, edge, operands)))
        texts = english("{0} because {1} is {0}"), english("{0} because {1} is {0} at {2}")
    else:
        what, texts = target.operation, (english("{0} is the slope of {1}"), english("{0} is the slope of {1} at {2}"))
    here = list(dict.fromkeys(_equation(node) for node in nodes if not node.is_number))
    return texts[0 < len(here) <= _FEW].format(digit, what, ", ".join(here))


def _equation(node):
    """`x = −2`, or `x` alone where its value was not kept."""
    return label(node) if node.value is None else f"{label(node)} = {shown(node.value)}"
