"""What was computed, as plain data: an instruction is a name with its operands and options."""

from typing import Any, NamedTuple


class Symbol(NamedTuple):
    """Something given, by name: an array, an option, a shape."""

    name: str


class Call:
    """One instruction. Two of them are equal only if they are the same one.

    Fields:
        name: what was called, such as "add".
        operands: the arguments in order: Calls, Symbols, numbers, whatever else; tuples and lists of them.
        options: the arguments by keyword.
    """

    __slots__ = ("name", "operands", "options")

    def __init__(self, name: str, operands: tuple, options: dict[str, Any] | None = None):
        self.name, self.operands, self.options = name, operands, options or {}

    def __repr__(self):
        given = [repr(o) for o in self.operands] + [f"{k}={v!r}" for k, v in self.options.items()]
        return f"{self.name}({', '.join(given)})"


def mapped(function, x):
    """`function` of x, or of what a tuple, list, slice or dict holds."""
    if type(x) in (tuple, list):
        return type(x)([mapped(function, item) for item in x])
    if type(x) is dict:
        return {key: mapped(function, item) for key, item in x.items()}
    if type(x) is slice:
        return slice(mapped(function, x.start), mapped(function, x.stop), mapped(function, x.step))
    return function(x)
