"""What all texts are made of: names, calls, notes, the ends of a long list, and the sign between numbers."""

import math
import re

import numpy as np

from ...pages.words import english, t, translated
from ..graph import CHANGED, OUTDATED, PERHAPS_CHANGED, RECOMPUTED
from ..lettering import readable
from ..values import Values, noise
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
    """The badges of a node as Notes, and behind them whether its value was recomputed."""
    again = [english("recomputed")] if node.note == RECOMPUTED else []
    return [Note(translated(badge)) for badge in [*node.badges, *again]]


def label(node):
    """What a node is called, in one short line."""
    return readable(node.label)


def form(node):
    """Shape and dtype of an array."""
    return f"{node.shape} {node.dtype}" if node.shape else ""


def call(node, names):
    """`a * b`, or `sum(a, axis=0)`, without options that are arrays."""
    if not node.shape and (node.operation == "affine" or node.operation == "matmul" and len(names) > 2):
        return _products(names)  # an element of an opened one
    if node.operation == "affine":
        return "{} @ {} + {}".format(*names)
    options = [readable(option) for option in node.options if not _ARRAYS.fullmatch(option)]
    if node.symbol in _OPERATORS and len(names) <= 2 and not options:
        symbol = "−" if node.symbol == "-" else node.symbol
        if len(names) == 1:
            return symbol + bracketed(names[0])
        base = bracketed(names[0]) if symbol == "**" else names[0]  # −2 ** 2 would be −(2 ** 2)
        return f"{base} {symbol} {bracketed(names[1])}"
    if len(names) > _OPERANDS:
        names = [*names[:2], t("… {0} more", f"{len(names) - 2:,}")]
    name = node.symbol if node.symbol.isidentifier() else node.operation
    return f"{name}({', '.join([*names, *options])})"


def _products(names):
    """`a * x + b * y + c` of the names a, b, x, y and c: the factors of a sum of products, and what is added if they are odd."""
    half = len(names) // 2
    pairs = zip(names[:half], names[half : 2 * half], strict=True)
    terms = [f"{bracketed(x) if i else x} * {bracketed(y)}" for i, (x, y) in enumerate(pairs)]
    terms += map(bracketed, names[2 * half :])
    if len(terms) > _OPERANDS // 2:
        terms[2:-1] = [f"… {len(terms) - 3} more …"]
    return " + ".join(terms)


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


PLAIN, MOST, MOST_OF_ARRAY = 4, 15, 7  # digits: where they are enough, and the most of a number and of an array
EXACT, FINE = 6, 1e-9  # numbers of a fine dtype that all need no more digits are shown in full
NEAR = 1e-3  # how far from a result, in proportion, what the shown numbers give may be, behind "≈"


def agreed(function, given, result):
    """(digits, sign): how many digits make an equation true, and "=", or "≈" if rounding shows in its last digit.

    It is true if `function` of the numbers as they are shown gives the result as it is shown, and no number that
    differs from the result looks like it. Without a function, "≈" if one of the numbers is shown rounded.

    Example:
        >>> from chainrule.graph.values import values
        >>> agreed(lambda w, g: w - 0.1 * g, [values(1.0), values(0.0001)], values(0.99999))
        (6, '=')
        >>> agreed(np.multiply, [values(1 / 3), values(2 / 3)], values(2 / 9))
        (4, '=')
    """
    if not all(v.listed for v in (*given, result)):
        return PLAIN, "="
    if not result.shape and not any(rounded(v, EXACT) or noise(v.dtype) > FINE for v in (*given, result)):
        return EXACT, "="
    unknown = PLAIN, "≈" if any(map(rounded, given)) else "="
    if function is None:
        return unknown
    exact = _exact(result)
    others = [_exact(v) for v in given if v.shape == result.shape]
    distinct = [np.abs(other - exact) > noise(result.dtype) * np.abs(exact) for other in others]
    for digits in range(PLAIN, 1 + (MOST_OF_ARRAY if result.shape else MOST)):
        shown, seen = [_printed(v, digits) for v in given], _printed(result, digits)
        try:
            with np.errstate(all="ignore"):
                again = np.asarray(function(*shown), "float64")
        except (TypeError, ValueError):  # the elements of an opened product are no matrices
            return unknown
        looks = [v for v in shown if v.shape == result.shape]
        if any((differ & (look == seen)).any() for differ, look in zip(distinct, looks, strict=True)):
            continue
        as_shown = _printed(Values(result.shape, result.dtype, again.tolist()), digits)
        if np.array_equal(as_shown, seen, equal_nan=True):
            return digits, "="
        if (np.abs(again - exact) <= NEAR * (np.abs(exact) + 0.01 * np.abs(exact).max(initial=0))).all():
            return digits, "≈"
    return PLAIN, "≈"


def holds(product, result, scale=0.0):
    """Whether a result equals the product of its factors, up to rounding in its dtype of terms as large as `scale`."""
    if not result.shape and product == result.items:
        return True
    exact = result.array()
    room = math.sqrt(np.finfo(exact.dtype if exact.dtype.kind == "f" else "float64").eps)
    slack = room * scale if math.isfinite(scale) else 0.0
    given = np.asarray(product, "float64"), exact.astype("float64")  # float16 would overflow in the comparison
    return np.allclose(*given, rtol=room, atol=slack, equal_nan=True)


def rounded(given, digits=PLAIN):
    """Whether Values are shown rounded by more than the noise of floating point."""
    if not given.listed:
        return False
    return not np.allclose(_printed(given, digits), _exact(given), rtol=noise(given.dtype), atol=0, equal_nan=True)


def operation(node):
    """NumPy's function of an operation, which has the same name; None where there is none."""
    function = getattr(np, node.operation, None)
    return function if isinstance(function, np.ufunc) and not node.options else None


def _exact(given):
    return given.array().astype("float64")


def _printed(given, digits=PLAIN):
    """The numbers that Values show."""
    cells = [[_read(cell) for cell in row] for row in given.rows(digits)]
    return np.asarray(cells, "float64").reshape(given.shape)


def _read(cell):
    return float(cell == "True") if cell in ("True", "False") else float(cell.replace("−", "-"))
