"""What a page needs to compute a graph again when the learner changes a number: its program as JSON, and the table of names in JavaScript."""

from __future__ import annotations

from base64 import b64encode

import numpy as np

from ...autograd.errors import GraphError
from ...backends.program import Instruction, mapped
from ...backends.record import NAMES
from ...pages.words import english, translated
from ..again import again

MOST = 1_000_000  # bytes that the program may have as JSON
INDEXED = frozenset(("getitem", "setitem", "add_at"))  # their second operand is an index
FEW = 64  # elements that are written as numbers; the graph holds so many of each node, too


def live(graph, terms=()):
    """The program of a graph as plain data, or why there is none, as text; `terms`: equations.py's Terms of it.

    forms: [shape, dtype] of results; code: [name, place of its form, operands, options] for each instruction, inputs and
    constants first; given: [id of a node, number of an instruction]; arrays: {number of an instruction: its elements}, where
    the graph does not have them; kept: for each kind of value a list of [id of a node or an edge, place of a term, number of an instruction].

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0, "x")
        >>> live(cr.trace(x * x))["code"]
        [['input', 0, []], ['multiply', 0, [0, 0]], ['input', 0, []], ['multiply', 0, [2, 0]], ['add', 0, [3, 3]]]
    """
    try:
        return Writer(*again(graph, terms)).data
    except GraphError as error:
        return translated(str(error))


class Writer:
    """Writes a program, with the `given` of an Again, as plain data.

    Fields:
        data: what is written, as in `live`.
        numbers: {Instruction: the number of its result}.

    Raises: GraphError if it would take too much of a page.
    """

    def __init__(self, program, given):
        self.numbers, self._forms, self._written, self._size = {}, {}, {}, 0
        self.data = {"forms": [], "code": [], "given": [], "arrays": {}, "kept": {}}
        for node, made, array in given:
            self._add(made, "input", [], array=array if array.size > FEW else None, key=made)
            self.data["given"].append([node, self.numbers[made]])
        for made in program.instructions:
            if made.name == "constant":
                self._add(made, "input", [], array=made.operands[0])
            else:
                operands = [self._operand(x) for x in made.operands]
                if made.name in INDEXED:
                    operands[1] = self._operand(_without_lists(made.operands[1]))
                self._add(made, made.name, operands, made.options)
        for (kind, place), made in program.kept.items():
            self.data["kept"].setdefault(kind, []).append([place, self.numbers[made]])
        if self._size > MOST:
            raise GraphError(english("its program would take {0} bytes of the page", f"{self._size:,}"))

    def _add(self, made, name, operands, options=(), array=None, key=None):
        """Write an instruction; one that is written already, unless `key` tells them apart, stands for it."""
        entry = [name, self._form(made), operands]
        if options:
            entry.append({key: self._operand(value) for key, value in options.items()})
        data = None if array is None else _elements(array)
        text = str((entry, data))
        number = self.numbers[made] = self._written.setdefault(key or text, len(self.data["code"]))
        if number == len(self.data["code"]):
            self._size += len(text)
            self.data["code"].append(entry)
            if data is not None:
                self.data["arrays"][number] = data

    def _form(self, made):
        if made.dtype is None:
            return None
        key = made.shape, str(made.dtype)
        if key not in self._forms:
            self._forms[key] = len(self._forms)
            self.data["forms"].append([list(made.shape), str(made.dtype)])
        return self._forms[key]

    def _operand(self, x):
        """A number for a result, a list with such, or what is written as itself."""
        if isinstance(x, Instruction):
            return self.numbers[x]
        if isinstance(x, slice):
            return {"s": [self._operand(k) for k in (x.start, x.stop, x.step)]}
        if isinstance(x, np.ndarray):
            return {"a": [list(x.shape), str(x.dtype), x.ravel().tolist()]}
        if type(x) in (tuple, list) and _holds(x):
            return [self._operand(item) for item in x]
        return {"n": mapped(_number, x)}


def _elements(array):
    """Few elements, or many of one value, as numbers; others as the bytes of a typed array."""
    if array.size <= FEW or (array == array.flat[0]).all():
        return [_number(x) for x in (array if array.size <= FEW else array.flat[:1]).ravel().tolist()]
    kind = "<f4" if array.dtype in ("float32", "float16") else "<f8"
    return {kind[1:]: b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()}


def _holds(x):
    """Whether an Instruction or a slice is among items, which JSON cannot have as they are."""
    return any(
        isinstance(item, (Instruction, slice, np.ndarray)) or type(item) in (tuple, list) and _holds(item) for item in x
    )


def _without_lists(index):
    """An index in which lists are arrays: JSON does not tell them from tuples."""
    if type(index) is list:
        return np.asarray(index)
    return tuple(_without_lists(item) for item in index) if type(index) is tuple else index


def _number(x):
    if x is Ellipsis:
        return "..."
    if x is None or isinstance(x, (str, bool, int, float)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    return np.dtype(x).name


def functions():
    """The rows of the table of names that are arithmetic, as functions of numbers in JavaScript."""
    rows = {name: row.js or row.c for name, row in NAMES.items() if row.js or row.c}
    lines = [f"  {name}: ({_letters(NAMES[name])}) => {_written(row)}," for name, row in rows.items()]
    return "\n".join(["const ELEMENTWISE = {", *lines, "};"])


def _letters(row):
    return ", ".join("xyz"[: row.arity])


def _written(text):
    return text.format(*"xyz")
