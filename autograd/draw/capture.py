"""The graph behind a tensor as plain data: one Box for each value, in order, with its operands. The views show this."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from weakref import ref

import numpy as np

from ...backends import owner
from ..errors import ArgumentError, GraphError
from ..tape import Node, describe
from ..tensor import Tensor, raw

NOT_COMPUTED = "—"  # a gradient that no backward pass has left; never 0
ROWS, COLUMNS = 4, 5  # arrays of up to this many rows and columns are shown element by element


@dataclass(slots=True)
class Box:
    """One value of the graph, ready to be shown. All text is plain; each view escapes it.

    Fields:
        kind: "operation", "leaf" or "constant".
        operation: the name of the primitive, such as "multiply"; symbol: its short form, such as "*".
        name: what the user or a module calls the value, or None.
        options: the call's keyword arguments that are not the defaults, as text.
        array: shape and dtype as text, "" for a Python number.
        value, grad: rows of cells; value is empty if the array is gone, grad is empty for constants.
        operands: (number of the operand's box, name of the input, whether gradient flows back to it), one each.
        where: the line that made the call, as `file.py:12, in loss`.
        broken: whether the value or the gradient holds a nan or an infinity.
    """

    kind: str
    operation: str
    symbol: str
    name: str | None
    options: list[str]
    array: str
    value: list[list[str]]
    grad: list[list[str]]
    operands: list[tuple[int, str, bool]]
    where: str
    broken: bool

    @property
    def is_number(self):
        """Whether this is a plain number that was written into the formula."""
        return self.kind == "constant" and not self.array and not self.name


def capture(x, names=None):
    """The values that `x` was computed from, and `x`, as Boxes: each after its operands, `x` last.

    Raises: ArgumentError if `x` is not a Tensor or `names` is not a dict; GraphError if `x` has no graph.
    """
    if not isinstance(x, Tensor):
        raise ArgumentError(f"draw: needs a Tensor, such as a loss, was given {type(x).__name__}")
    if x._node is None:
        raise GraphError(
            "draw: this tensor has no graph, so there is nothing to show. Compute it from a tensor with "
            "requires_grad=True, outside no_grad(), and draw the result itself, not a detached copy"
        )
    called, held = _names(names)
    held[x._node] = x
    boxes, places = [], {}  # places: a Node, or the id of a constant array -> its place in `boxes`

    def place(operand):
        array = not isinstance(operand, Node | tuple | int | float | np.generic)
        key = id(operand) if array else operand
        if array and key in places or type(operand) is Node:
            return places[key]
        boxes.append(_constant(operand, called.get(id(operand))))
        if array:
            places[key] = len(boxes) - 1
        return len(boxes) - 1

    for node in _in_order(x._node):
        operands = [(place(p), _input(node, i), i in node.plan.tracked) for i, p in enumerate(node.parents)]
        places[node] = len(boxes)
        boxes.append(_recorded(node, _data(node, held), operands, called.get(node) or node.name))
    return boxes


def _in_order(root):
    """The nodes `root` was computed from, and root, each after its operands, left to right. Iterative."""
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        if node is None:  # a marker: all operands of the next node are done
            yield stack.pop()
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += [p for p in reversed(node.parents) if type(p) is Node and p not in seen]


def _input(node, slot):
    """What the primitive calls its operand number `slot`."""
    return str(slot) if node.primitive.variadic else node.primitive.inputs[slot]


def _data(node, held):
    """The values of a node, from the tensors in `held` or from the node; None if nobody holds them any more."""
    if node in held:
        return held[node]._data
    return raw(node.result() if type(node.result) is ref else node.result)


def _recorded(node, data, operands, name):
    """The Box of a node."""
    value, wrong = cells(data)
    grad, wrong_grad = ([[NOT_COMPUTED]], False) if node.grad is None else cells(raw(node.grad))
    leaf = node.primitive is None
    return Box(
        kind="leaf" if leaf else "operation",
        operation="leaf" if leaf else node.primitive.name,
        symbol=node.label,
        name=name,
        options=[] if leaf else _options(node),
        array="" if node.dtype is None else f"{node.shape} {node.dtype}",
        value=value,
        grad=grad,
        operands=operands,
        where="" if leaf else _place(node.code, node.instruction),
        broken=wrong or wrong_grad,
    )


def _constant(operand, name):
    """The Box of an operand without gradient: a number, a small array, or (shape, dtype)."""
    if isinstance(operand, tuple):
        (shape, dtype), value, wrong = operand, [], False
    else:
        (value, wrong), shape, dtype = cells(operand), getattr(operand, "shape", ()), getattr(operand, "dtype", None)
    array = "" if dtype is None else f"{shape} {dtype}"
    return Box("constant", "constant", "constant", name, [], array, value, [], [], "", wrong)


def _names(names):
    """({node, or id of a constant's array: name}, {node: tensor}) for the Tensors in the dict `names`.

    A tensor of several names shows them all, except that _private ones give way to others.
    """
    if not isinstance(names, Mapping | None):
        raise ArgumentError(
            f"draw: names must be a dict of name → Tensor, such as locals(), not {type(names).__name__}"
        )
    groups, held = {}, {}
    for name, value in (names or {}).items():
        if isinstance(value, Tensor):
            groups.setdefault(value._node or id(value._data), []).append(str(name))
            if value._node is not None:
                held[value._node] = value
    called = {key: " = ".join([n for n in group if n[:1] != "_"] or group[:1]) for key, group in groups.items()}
    return called, held


@lru_cache(maxsize=256)
def _place(code, instruction):
    """`file.py:12, in loss` for the line that made a call, without the folder."""
    return os.path.basename(describe(code, instruction))


# ---- values as text


def cells(data):
    """(rows of cells, whether a nan or an infinity is among them) for a number or an array; ([], False) for None."""
    if data is None:
        return [], False
    if isinstance(data, (bool, int, float)):
        return [[number(data)]], isinstance(data, float) and not math.isfinite(data)
    array = data if isinstance(data, np.generic) else owner(data).to_numpy(data)
    if array.dtype.kind not in "biuf":
        return [], False
    if array.ndim == 0:
        return cells(array.item())
    wrong = not np.isfinite(array).all()
    if array.size and array.ndim <= 2 and array.shape[-1] <= COLUMNS and array.size <= ROWS * array.shape[-1]:
        return [[number(v) for v in row] for row in np.atleast_2d(array).tolist()], wrong
    return [[_summary(array)]], wrong


def number(value, digits=4):
    """A number, rounded to `digits` significant digits; integers below a million in full."""
    if isinstance(value, bool) or isinstance(value, int) and abs(value) < 10**6:
        return str(value)
    return f"{value:.{digits}g}"


def _summary(array):
    """An array in a few words: its range and mean, and what is not finite."""
    if array.size == 0:
        return "no elements"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    finite = array[np.isfinite(array)].astype("float64", copy=False)
    parts = []
    if finite.size:
        low, high, mean = (number(f().item(), 3) for f in (finite.min, finite.max, finite.mean))
        parts = [f"all {low}"] if low == high else [f"{low} … {high}", f"mean {mean}"]
    for word, count in ("nan", np.isnan(array).sum()), ("inf", np.isinf(array).sum()):
        parts += [f"{count} {word}"] if count else []
    return ", ".join(parts)


def text(rows):
    """Cells on one line, with brackets."""
    lines = ["[" + ", ".join(row) + "]" if len(row) > 1 else row[0] for row in rows]
    return "[" + ", ".join(lines) + "]" if len(lines) > 1 else "".join(lines)


def _options(node):
    """The options of a call that are not the defaults, such as `axis=0`."""
    defaults = node.primitive.defaults
    given = ((k, _option(v)) for k, v in node.options.items())
    return [f"{k}={v}" for k, v in given if k not in defaults or v != _option(defaults[k])]


def _option(value):
    """An option as short text that is the same on every run."""
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else str(v) for v in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(_option, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.shape} {value.dtype}"
    if value is None or isinstance(value, (bool, int, float, str, np.dtype)):
        return str(value)
    return getattr(value, "__name__", type(value).__name__)
