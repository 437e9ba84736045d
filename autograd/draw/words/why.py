"""Why a local derivative is 0 or 1, in words, and the rules that the operations state."""

import inspect
import math
import re
from functools import lru_cache

from ..text import readable
from .notation import factor, prose, shown

# Where plain words say more than the rule: operation → (why it is 0, why it is 1); {x} is the operand and its value.
_WORDS = {
    "add": ("", "1: a sum passes the gradient on unchanged"),
    "sum": ("", "1: a sum passes the gradient on unchanged"),
    "matmul": ("0: the element that it is multiplied by is 0", "1: the element that it is multiplied by is 1"),
    "max": ("0: the maximum is another element", "1: this element is the maximum"),
    "min": ("0: the minimum is another element", "1: this element is the minimum"),
    "relu": ("0 because the unit is off: {x} is not above 0", "1 because {x} is above 0"),
    "sigmoid": ("0 because the unit is saturated: {x} is so far out that the curve is flat", ""),
    "tanh": ("0 because the unit is saturated: {x} is so far out that the curve is flat", ""),
    "maximum": ("0: the maximum took the other one", "1: the maximum took this one"),
    "minimum": ("0: the minimum took the other one", "1: the minimum took this one"),
    "where": ("0: the condition chose the other one", "1: the condition chose this one"),
}
_FEW = 4  # so many operands are listed with their values


@lru_cache(maxsize=512)
def rules(primitive):
    """{input: how its share comes from the gradient g of the result}, for the differentiable inputs of a primitive.

    Read from the `Gradient:` of its docstring, where each input has a piece `d<input> = …`; "" if it has none.

    Example:
        >>> from chainrule.autograd.primitive import REGISTRY
        >>> rules(REGISTRY["multiply"])
        {'x': 'dx = g · y', 'y': 'dy = g · x'}
    """
    found = dict.fromkeys(primitive.vjp, "")
    section = re.search(
        r"^Gradient:(.*?)(?=^\w+:|\Z)", inspect.cleandoc(primitive.fn.__doc__ or ""), re.DOTALL | re.MULTILINE
    )
    line = " ".join(section[1].split()) if section else ""
    inputs = "|".join(map(re.escape, found)) or "(?!)"
    _, *pieces = re.split(rf"(?:^|(?<=[,;.] ))d({inputs}) = ", line)
    for x, piece in zip(pieces[::2], pieces[1::2], strict=True):
        found[x] = f"d{x} = " + re.split(r";|\.(?: |$)", piece)[0].rstrip(", ")
    return found


def why(graph):
    """Set `why` on the edges whose local derivative is 0 or 1, and count the zeros where only some elements are 0."""
    operands = graph.operands()
    for edge in graph.edges:
        if edge.local is not None:
            zeros, ones, size = _count(edge.local)
            if size and size in (zeros, ones):
                edge.why = _reason(graph, edge, operands[edge.target], 0 if zeros else 1)
            elif zeros:
                edge.why = f"0 for {zeros} of {size} elements"


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
    """Why the local derivative is the digit 0 or 1: in plain words where there are some, else from the rule."""
    target, source = graph.nodes[edge.target], graph.nodes[edge.source]
    words, formula = _WORDS.get(target.operation, ("", ""))[digit], factor(edge.rule)
    if words:
        return words.format(x=_equation(readable(source.label), source.value))
    if formula == "1":
        return "1: the gradient passes on unchanged"
    given = {e.input: graph.nodes[e.source] for e in operands} | {"out": target}
    if formula in given and not given[formula].is_number:
        return f"{digit} because {readable(given[formula].label)} is {digit}{' everywhere' if edge.local.shape else ''}"
    if not edge.rule:
        here = [_equation(e.input, graph.nodes[e.source].value) for e in operands]
        return f"{digit} is the slope of {target.operation} " + (
            f"at {', '.join(here)}" if len(here) <= _FEW else "here"
        )
    used = re.findall(r"[A-Za-z_]\w*", formula or " ".join(e.input for e in operands))
    here = [_equation(x, node.value) for x, node in given.items() if x in used]
    return f"{digit} because {prose(edge.rule)}" + (f"; here {', '.join(here)}" if here else "")


def _equation(name, value):
    """`x = −2`, or `x` alone where nobody holds its value."""
    return name if value is None else f"{name} = {shown(value)}"
