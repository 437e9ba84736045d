"""The user's line of a call as it is written, and where in it the operation stands."""

import ast
import linecache
from functools import lru_cache

LONGEST = 200  # characters that a line may have to be shown


@lru_cache(maxsize=4096)
def source_line(code, instruction):
    """The line without indentation in three parts: before the operator or function name, that, and behind it.

    Where the place is not known, as in a call over several lines, all stands in the first; [] where there is no line.
    """
    positions = next((p for i, p in enumerate(code.co_positions()) if i == instruction // 2), None) if code else None
    if not positions or positions[0] is None:
        return []
    first, last, start, end = positions
    line = linecache.getline(code.co_filename, first).rstrip()
    if not line or len(line) > LONGEST:
        return []
    found = None
    if last == first and start is not None:
        encoded = line.encode()
        before = len(encoded[:start].decode(errors="replace"))
        found = _operator(encoded[start:end].decode(errors="replace"))
    if found is None:
        return [line.lstrip(), "", ""]
    start, end = before + found[0], before + found[1]
    return [line[:start].lstrip(), line[start:end], line[end:]]


def _operator(expression):
    """(start, end) of the operator of an expression, or of the name of the function that it calls; None without either."""
    try:
        node = ast.parse(expression).body[0]
    except (SyntaxError, IndexError):
        return None
    encoded = expression.encode()
    at = lambda offset: len(encoded[:offset].decode(errors="replace"))
    node = node.value if isinstance(node, ast.Expr) else node
    if isinstance(node, ast.BinOp | ast.AugAssign):
        left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        start = at(left.end_col_offset)
        between = expression[start : at(right.col_offset)]
        symbol = between.strip("() \t")
        start += between.index(symbol)
        return start, start + len(symbol)
    if isinstance(node, ast.Call):
        end = at(node.func.end_col_offset)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else expression[at(node.func.col_offset) : end]
        return end - len(name), end
    return (0, 1) if isinstance(node, ast.UnaryOp) else None
