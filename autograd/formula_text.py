"""Formulas written as text or LaTeX: each name by its row of the table in backends/record.py."""

import math
from typing import NamedTuple

from ..backends.program import Call, Leaf
from ..backends.record import CALL, CHOICE, LOGIC, NAMES, POWER, PRODUCT, SIGN, SUM, Number

_CONSTANTS = {
    math.log(2): ("ln 2", r"\ln 2"),
    math.log(10): ("ln 10", r"\ln 10"),
    math.pi: ("π", r"\pi"),
    2 / math.pi**0.5: ("(2 / √π)", r"\frac{2}{\sqrt{\pi}}"),
    math.inf: ("∞", r"\infty"),
}


class Written(NamedTuple):
    """Something written already, to stand in a formula: a name, a number, a fraction."""

    text: str
    latex: str
    binds: int = CALL


def write(tree, column="text"):
    r"""A formula as "text" or "latex".

    Example:
        >>> x = Leaf("x")
        >>> root = Call("sqrt", (Call("subtract", (1, x)),))
        >>> print(write(root), write(root, "latex"))
        √(1 − x) \sqrt{1 - x}
    """
    return _written(tree, column)[0]


def _written(x, column):
    """(how it is written, how closely that binds)."""
    if isinstance(x, Written):
        return getattr(x, column), x.binds
    if isinstance(x, Leaf) or isinstance(x, Number) and x.operands is None:
        return (x.name if column == "text" else _letter(x.name)), CALL
    if not isinstance(x, (Call, Number)):
        return _constant(x, column)
    name, operands = x.name, [o for o in x.operands if o is not None]
    if name == "multiply" and operands[0] is operands[1]:
        name, operands = "square", operands[:1]
    if name == "not_equal" and operands[0] is operands[1]:
        name, operands = "isnan", operands[:1]
    row = NAMES.get(name)
    template = "" if row is None else getattr(row, column)
    arguments = [*operands, *x.options.values()]
    if template and "{all}" not in template and row.text.count("{") == len(arguments):
        parts = [_part(name, row, i, o, column) for i, o in enumerate(arguments)]
        return template.format(*parts), POWER if column == "latex" and name == "divide" else row.binds
    if "{all}" not in template:  # it is no name of the table, or was given more than that has a place for
        template = (name if column == "text" else rf"\operatorname{{{{{name}}}}}".replace("_", r"\_")) + "({all})"
    parts = [_written(o, column)[0] for o in operands] + [_option(k, v, column) for k, v in x.options.items()]
    return template.format(all=", ".join(parts)), CALL


def _part(name, row, i, operand, column):
    """An argument as it stands in a call: in brackets, where it would be torn apart otherwise."""
    text, binds = _written(operand, column)
    if row.binds == CALL or column == "latex" and (name in ("divide", "sqrt") or name == "power" and i):
        return text
    inner = getattr(operand, "name", "")
    if name == "where":
        loose = binds == CHOICE and i < 2
    elif name in ("power", "square", "sqrt", "transpose"):
        loose = binds <= POWER or name == "sqrt" and isinstance(operand, Call)
    elif row.binds == SIGN:
        loose = binds < PRODUCT or binds == SIGN
    elif row.binds == LOGIC:
        loose = binds <= LOGIC and inner != name
    elif i == 0:
        loose = binds < row.binds
    else:
        associative = name in ("add", "multiply") and inner == name
        loose = binds < row.binds or binds == row.binds and not associative
        loose = loose or row.binds in (SUM, PRODUCT) and text[:1] in "−-"
    return f"({text})" if loose else text


def _constant(x, column):
    """A number, or an option of another kind."""
    if type(x) in (tuple, list):
        inside = ", ".join(_written(v, column)[0] for v in x)
        return (f"({inside}{',' if len(x) == 1 else ''})" if type(x) is tuple else f"[{inside}]"), CALL
    if type(x) is slice:
        return ":".join("" if v is None else _written(v, column)[0] for v in (x.start, x.stop)), CALL
    if x is Ellipsis:
        return "…" if column == "text" else r"\dots", CALL
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        return str(x), CALL
    if abs(x) in _CONSTANTS:
        text = _CONSTANTS[abs(x)][column == "latex"]
    else:
        text = repr(abs(x)).removesuffix(".0")
        digits, e, exponent = text.partition("e")
        if e:
            text = (
                f"{digits}e{exponent.replace('-', '−')}"
                if column == "text"
                else rf"{digits} \cdot 10^{{{int(exponent)}}}"
            )
    if x < 0:
        return ("−" if column == "text" else "-") + text, SIGN
    return text, CALL


def _letter(name):
    """The name of a leaf in LaTeX."""
    return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")


def _option(name, value, column):
    if isinstance(value, (Leaf, Call, Number)):
        return _written(value, column)[0]
    return f"{name}={_constant(value, column)[0]}"
