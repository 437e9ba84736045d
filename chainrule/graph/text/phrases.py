"""What all texts are made of: names, calls, notes, the ends of a long list, and the sign between numbers."""

import math
import re

import numpy as np

from ..graph import CHANGED, OUTDATED, PERHAPS_CHANGED
from ..lettering import readable
from ..values import values
from .notation import bracketed

_OPERATORS = {"+", "-", "*", "/", "**", "//", "%", "@", "==", "!=", "<", "<=", ">", ">=", "&", "|", "~"}
_OPERANDS = 8  # calls of more operands are shortened
_ARRAY = r"\([\d, ]*\) [a-z]+\d*"  # the form of an array among the options
_ARRAYS = re.compile(rf"(?!index=)\w+=(?:{_ARRAY}|[(\[]{_ARRAY}(?:, (?:{_ARRAY}|None))*[)\]])")


class Note(str):
    """A remark, in the brackets in which it stands behind a line."""

    def __new__(cls, content):
        return super().__new__(cls, f"[{content}]")


def notes(node):
    """The badges of a node as Notes."""
    return [Note(badge) for badge in node.badges]


def label(node):
    """What a node is called, in one short line."""
    return readable(node.label)


def form(node):
    """Shape and dtype of an array."""
    return f"{node.shape} {node.dtype}" if node.shape else ""


def call(node, names):
    """`a * b`, or `sum(a, axis=0)`, without options that are arrays."""
    options = [readable(option) for option in node.options if not _ARRAYS.fullmatch(option)]
    if node.symbol in _OPERATORS and len(names) <= 2 and not options:
        symbol = "−" if node.symbol == "-" else node.symbol
        if len(names) == 1:
            return symbol + bracketed(names[0])
        base = bracketed(names[0]) if symbol == "**" else names[0]  # −2 ** 2 would be −(2 ** 2)
        return f"{base} {symbol} {bracketed(names[1])}"
    if len(names) > _OPERANDS:
        names = [*names[:2], f"… {len(names) - 2:,} more"]
    return f"{node.operation}({', '.join([*names, *options])})"


def few(things, limit):
    """The things, or of more than `limit` the first and the last, and None between; all if limit is None."""
    if limit is None or len(things) <= limit:
        return things
    return [*things[: limit // 2], None, *things[len(things) - limit + limit // 2 :]]


# ---- what was changed


def change(leaf):
    """How a leaf was changed since it was used, as its badge says; "" if it was not."""
    return next((badge for badge in leaf.badges if badge.startswith((CHANGED, PERHAPS_CHANGED))), "")


def as_used(target, operands):
    """Whether the values of the operands are those that `target` was computed from."""
    return OUTDATED not in target.badges and not any(
        badge in (CHANGED, PERHAPS_CHANGED) for node in operands for badge in node.badges
    )


# ---- rounded numbers


def sign(function, given, result):
    """What stands between numbers and a result: "=", or "≈" if `function` of the numbers as shown gives another one.

    Without a function, "≈" if one of them is shown rounded.

    Example:
        >>> sign(np.subtract, [values(1.00001), values(1.0)], values(1.00001 - 1))
        '≈'
        >>> sign(np.subtract, [values(0.3), values(0.1)], values(0.3 - 0.1))
        '='
    """
    if not all(v.listed for v in (*given, result)):
        return "="
    if all(map(_in_full, given)):
        return "="
    if function is None:
        return "≈" if any(map(rounded, given)) else "="
    try:
        with np.errstate(all="ignore"):
            again = values(np.asarray(function(*map(_printed, given))))
    except (TypeError, ValueError):  # the elements of an opened product are no matrices
        return "≈"
    return "=" if again.rows() == result.rows() else "≈"


def holds(product, result, scale=0.0):
    """Whether a result equals the product of its factors, up to rounding in its dtype of terms as large as `scale`."""
    if not result.shape and product == result.items:
        return True
    exact = result.array()
    noise = math.sqrt(np.finfo(exact.dtype if exact.dtype.kind == "f" else "float64").eps)
    slack = noise * scale if math.isfinite(scale) else 0.0
    given = np.asarray(product, "float64"), exact.astype("float64")  # float16 would overflow in the comparison
    return np.allclose(*given, rtol=noise, atol=slack, equal_nan=True)


def rounded(given):
    """Whether Values are shown rounded by more than the noise of floating point."""
    if not given.listed:
        return False
    exact, printed = given.array(), _printed(given)
    noise = 64 * np.finfo(exact.dtype).eps if exact.dtype.kind == "f" else 0
    return not np.allclose(printed, exact, rtol=noise, atol=0, equal_nan=True)


def operation(node):
    """NumPy's function of an operation, which has the same name; None where there is none."""
    function = getattr(np, node.operation, None)
    return function if isinstance(function, np.ufunc) and not node.options else None


def _in_full(given):
    """Whether the numbers that Values show are the numbers, to the last bit."""
    if not given.dtype:
        read = _read(str(given))
        return read == given.items or read != read
    return np.array_equal(_printed(given), given.array(), equal_nan=True)


def _printed(given):
    """The numbers that Values show, in their own dtype."""
    return np.asarray([[_read(cell) for cell in row] for row in given.rows()], given.dtype or None).reshape(given.shape)


def _read(cell):
    return cell == "True" if cell in ("True", "False") else float(cell.replace("−", "-"))
