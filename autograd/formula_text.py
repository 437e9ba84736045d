"""Formulas written as text or LaTeX: each name by its row of the table in backends/record.py."""

import math
from itertools import groupby
from string import Formatter
from typing import NamedTuple

import numpy as np

from ..backends.program import Call, Symbol
from ..backends.record import CALL, CHOICE, LOGIC, NAMES, POWER, PRODUCT, SIGN, SUM, Number

_CONSTANTS = {
    math.log(2): ("ln 2", r"\ln 2"),
    math.log(10): ("ln 10", r"\ln 10"),
    math.pi: ("π", r"\pi"),
    2 / math.pi**0.5: ("(2 / √π)", r"\frac{2}{\sqrt{\pi}}"),
    2**0.5: ("√2", r"\sqrt{2}"),
    (2 * math.pi) ** 0.5: ("√(2 · π)", r"\sqrt{2 \pi}"),
    math.inf: ("∞", r"\infty"),
}
_TWICE = {"multiply": "square", "not_equal": "isnan"}  # how a call is written whose operands are the same


class Written(NamedTuple):
    """Something written already, to stand in a formula: a name, a number, a fraction."""

    text: str
    latex: str
    binds: int = CALL


def write(tree, column="text"):
    r"""A formula as "text" or "latex".

    Example:
        >>> x = Symbol("x")
        >>> root = Call("sqrt", (Call("subtract", (1, x)),))
        >>> print(write(root), write(root, "latex"))
        √(1 − x) \sqrt{1 - x}
    """
    return _written(tree, column)[0]


def operands_of(tree, column="text"):
    """The operands of a call as they stand in it: in brackets, where they would be torn apart otherwise."""
    row = NAMES[tree.name]
    return [_part(tree.name, row, i, operand, column) for i, operand in enumerate(tree.operands)]


def _written(x, column):
    """(how it is written, how closely that binds)."""
    if isinstance(x, Written):
        return getattr(x, column), x.binds
    if isinstance(x, Symbol) or isinstance(x, Number) and x.operands is None:
        return (x.name if column == "text" else name(x.name)), CALL
    if not isinstance(x, (Call, Number)):
        return _constant(x, column)
    if "{" in x.name:
        prefix = x.name.endswith(" {0}") and x.name.count("{") == 1  # such as "Σ {0}"
        return _sentence(x, column), SIGN if prefix else CHOICE if "," in x.name else PRODUCT
    called, operands = x.name, [o for o in x.operands if o is not None]
    if called in _TWICE and operands[0] is operands[1] and not isinstance(operands[0], (int, float)):
        called, operands = _TWICE[called], operands[:1]
    row = NAMES.get(called)
    template = "" if row is None else getattr(row, column)
    arguments = [*operands, *x.options.values()]
    if template and "{all}" not in template and row.text.count("{") == len(arguments):
        parts = [_part(called, row, i, o, column) for i, o in enumerate(arguments)]
        return template.format(*parts), POWER if column == "latex" and called == "divide" else row.binds
    if "{all}" not in template:  # it is no name of the table, or was given more than that has a place for
        template = (called if column == "text" else rf"\operatorname{{{{{called}}}}}".replace("_", r"\_")) + "({all})"
    parts = [_written(o, column)[0] for o in operands] + [_option(k, v, column) for k, v in x.options.items()]
    return template.format(all=", ".join(parts)), CALL


def _sentence(x, column):
    """Words around operands."""
    parts = []
    for around, place, _, _ in Formatter().parse(x.name):
        parts.append(around if column == "text" else _in_latex(around))
        if place:
            text, binds = _written(x.operands[int(place)], column)
            parts.append(f"({text})" if binds in (SUM, SIGN) and parts != [""] else text)
    return "".join(parts)


_SIGNS = {
    "·": r" \cdot ", "−": "-", "→": r" \to ", "√": r"\surd ", "Σ": r"\textstyle\sum ", "…": r"\dots ", "=": " = ", "/": " / ",
    "×": r"\times ", "ᵀ": r"^{\top}", "∂": r"\partial ", "∞": r"\infty ",
}  # fmt: skip
_SPECIAL = {c: "\\" + c for c in "#$%&_{}"} | {
    "\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}", "<": r"\lt{}", ">": r"\gt{}"
}  # fmt: skip


def words(content):
    """Plain words to stand in a formula: as text, and the signs among them as signs."""
    return Written(content, _in_latex(content), CHOICE)


def _in_latex(content):
    parts = []
    for plain, characters in groupby(content, lambda c: c not in _SIGNS and c not in _SPECIAL and c not in "()[]|+*"):
        part = "".join(characters)
        if plain:
            parts.append(rf"\text{{{part}}}" if part.strip() else part)
        else:
            parts += [_SIGNS.get(c) or _SPECIAL.get(c, c) for c in part]
    return "".join(parts)


def name(content):
    r"""A name as LaTeX that KaTeX and MathJax read, whatever characters it has.

    Example:
        >>> print(name("w1"), name("layers.0.weight"), name("a_b"))
        w_{1} \mathrm{layers.0.weight} \mathrm{a\_b}
    """
    letter, index = content[:1], content[1:].removeprefix("_")
    if letter.isascii() and letter.isalpha() and (not index or index.isascii() and index.isdigit()):
        return letter + (f"_{{{index}}}" if index else "")
    kind = lambda c: c if c in _SPECIAL or c == " " else c.isascii() and c.isalnum() or c == "."
    parts = []
    for plain, characters in groupby(content, kind):
        part = "".join(characters)
        if plain is True:
            parts.append(part)
        else:
            parts += [rf"\text{{{part}}}"] if plain is False else [_SPECIAL.get(c, r"\ ") for c in part]
    return r"\mathrm{" + "".join(parts) + "}"


def _part(called, row, i, operand, column):
    """An argument as it stands in a call: in brackets, where it would be torn apart otherwise."""
    text, binds = _written(operand, column)
    if row.binds == CALL or column == "latex" and (called in ("divide", "sqrt") or called == "power" and i):
        return text
    inner = getattr(operand, "name", "")
    if called == "where":
        loose = binds == CHOICE and i < 2
    elif called in ("power", "square", "sqrt", "transpose"):
        loose = binds <= POWER or called == "sqrt" and isinstance(operand, Call)
    elif row.binds == SIGN:
        loose = binds < PRODUCT or binds == SIGN
    elif row.binds == LOGIC:
        loose = binds <= LOGIC and inner != called
    elif i == 0:
        loose = binds < row.binds or called == "multiply" and inner == "divide" and column == "text"
    else:
        associative = called in ("add", "multiply") and inner == called
        loose = binds < row.binds or binds == row.binds and not associative
        loose = loose or row.binds in (SUM, PRODUCT) and text[:1] in "−-"
    return f"({text})" if loose else text


def _constant(x, column):
    """A number, or an option of another kind."""
    if isinstance(x, np.generic):
        x = x.item()
    if type(x) in (tuple, list):
        inside = ", ".join(_written(v, column)[0] for v in x)
        return (f"({inside}{',' if len(x) == 1 else ''})" if type(x) is tuple else f"[{inside}]"), CALL
    if type(x) is slice:
        ends = (x.start, x.stop) if x.step is None else (x.start, x.stop, x.step)
        return ":".join("" if v is None else _written(v, column)[0] for v in ends), CALL
    if x is Ellipsis:
        return "…" if column == "text" else r"\dots", CALL
    if isinstance(x, bool) or not isinstance(x, (int, float)) or x != x:
        return str(x) if column == "text" else rf"\mathrm{{{x}}}".replace("_", r"\_"), CALL
    binds = CALL
    if abs(x) in _CONSTANTS:
        text = _CONSTANTS[abs(x)][column == "latex"]
    else:
        text = repr(abs(x)).removesuffix(".0")
        digits, e, exponent = text.partition("e")
        if e and column == "text":
            text = f"{digits}e{exponent.replace('-', '−')}"
        elif e:
            text, binds = rf"{digits} \cdot 10^{{{int(exponent)}}}", POWER
    if x < 0:
        return ("−" if column == "text" else "-") + text, SIGN
    return text, binds


def _option(name, value, column):
    if isinstance(value, (Symbol, Call, Number)):
        return _written(value, column)[0]
    return f"{name}={_constant(value, column)[0]}"
