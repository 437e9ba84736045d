"""Names, numbers and arrays of a graph, ready to stand in a line or in a formula."""

from ...autograd.formula_text import CALL, POWER, SIGN, Written, name
from ..lettering import readable


def shown(values, digits=4):
    """Values in one line: the number, the elements of a small array, or the shape and a summary of a larger one."""
    content = values.line(digits)
    return content if not values.shape or content[0] == "[" else f"[{values.shape}: {content}]"


def bracketed(content, operators=(" + ", " − ")):
    """A number or a call as it stands after an operator: in brackets if it is negative, or a sum.

    Example:
        >>> bracketed("−2"), bracketed("1 − y"), bracketed("(1 − y)")
        ('(−2)', '(1 − y)', '(1 − y)')
    """
    depth, loose = 0, content[:1] == "−"
    for i, c in enumerate(content):
        depth += (c in "([") - (c in ")]")
        loose = loose or depth == 0 and content[i : i + 3] in operators
    return f"({content})" if loose else content


def total(terms):
    """`4 + (−10)`, given the terms."""
    return " + ".join(f"({t})" if i and t[:1] == "−" else t for i, t in enumerate(terms))


def named(node):
    """A node in a formula: its name, or the number that it is."""
    if node.is_number:
        return _number(node.label)
    content = readable(node.label)
    return Written(f"({content})" if " " in content else content, name(content))


def numbers(values, digits=4):
    """Values in a formula: a number, a matrix, or a summary of a larger array."""
    text = shown(values, digits)
    if not values.shape:
        return _number(text)
    if not values.listed:
        return Written(text, rf"\text{{{text}}}")
    rows = [" & ".join(_number(cell).latex for cell in row) for row in values.rows(digits)]
    return Written(text, r"\begin{bmatrix}" + r" \\ ".join(rows) + r"\end{bmatrix}")


def _number(content):
    digits, e, exponent = content.replace("−", "-").partition("e")
    if e and exponent[1:].isdigit():
        return Written(content, rf"{digits} \cdot 10^{{{int(exponent)}}}", SIGN if digits[0] == "-" else POWER)
    latex = content.replace("−", "-")
    if latex.lstrip("-").isalpha():
        latex = rf"\mathrm{{{latex}}}"
    return Written(content, latex, SIGN if content[:1] == "−" else CALL)
