"""A program as NumPy calls that write into one arena: the lowering that is always there, with the bits of eager execution.

Which memory each result takes is settled beforehand, so that a run makes no arrays but those that NumPy makes inside a call.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from .functions import CPU, FUNCTIONS, GUARDS
from .memory import Plan
from .passes import WRITES, root
from .program import Instruction, Program, mapped

_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%", "power": "**",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
_REDUCE = {"sum": "add", "max": "maximum", "min": "minimum", "all": "logical_and", "any": "logical_or"}
_FILLED = frozenset(("astype", "array", "copy", "asarray", "ascontiguousarray"))


class Lowered:
    """A program made ready to run on NumPy.

    Fields:
        name: what a history and a checkpoint call it.
        text: the Python function that runs it; what it takes are the numbers among the inputs, in order.
        run: that function. It returns None, or the place among the guards of the first that came out otherwise: then no state
            was written to. It raises ArithmeticError where a strict instruction or one on Python's numbers does, and IndexError;
            `wrote(error)` then says whether state was written to before.
        arrays: {instruction: the array that holds its result, after a run or, for an input, before it}.
        peak: bytes of the arena.
        guards: the guards in the order of `run`.
        native: None; see c_lowering.py.
        ulps: by how many units in the last place of its largest element an array may differ from the eager one.
    """

    name, ulps, native = "numpy", 0, None

    def __init__(self, program: Program, state: dict[Instruction, np.ndarray]):
        self.program = program
        self.guards = [made for made in program.instructions if made.name in GUARDS]
        plan = Plan(program, state)
        self.arrays = plan.arrays
        self.peak = plan.arena.size
        self._names: dict[str, Any] = {"errstate": np.errstate, "finite": isfinite, "fits": CPU.fits}
        self._known: dict[int, str] = {}
        numbers = [given for given in program.inputs if given.dtype is None]
        lines: list[str] = []
        strict, guard = (), 0
        stored, first = {given for given, _ in program.stores}, None
        for made in program.instructions:
            if first is None and made.name in WRITES and (given := root(made)) in stored:
                first = len(lines) if np.may_share_memory(self.arrays[made], self.arrays[given]) else None
            found = self._lines(made, plan, guard)
            guard += made.name in GUARDS
            if made.dtype is not None and found and made.strict != strict:
                strict = made.strict
                raising = ", ".join(f'{kind}="raise"' for kind in strict)
                lines += [f"with errstate({raising}):"] if strict else []
            lines += ["    " * bool(strict) + line for line in found]
        for given, new in program.stores:
            if first is None:
                first = len(lines)
            if plan.arrays[new] is not plan.arrays[given] and not _same(plan.arrays[new], plan.arrays[given]):
                lines.append(f"{self._name(plan.arrays[given], given)}[...] = {self._name(plan.arrays[new], new)}")
        body = "\n        ".join(lines or ["pass"])
        self.text = f"def run({', '.join(f'n{x.number}' for x in numbers)}):\n    with errstate(all='ignore'):\n        {body}\n"
        exec(compile(self.text, "<program>", "exec"), self._names)
        self.run = self._names["run"]
        self._first = first  # of the lines of the body, that writes to state

    def wrote(self, error: BaseException) -> bool:
        """Whether a run that raised this error had begun to write to state."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code is not self.run.__code__:
            trace = trace.tb_next
        return trace is not None and self._first is not None and trace.tb_lineno - 3 >= self._first

    def _name(self, value, made=None):
        """The name of an object in the text."""
        if id(value) not in self._known:
            name = (
                f"v{made.number}"
                if made is not None and f"v{made.number}" not in self._names
                else f"k{len(self._names)}"
            )
            self._known[id(value)] = name
            self._names[name] = value
        return self._known[id(value)]

    def _function(self, name):
        """NumPy's function of that name, which the text calls by it."""
        self._names[name] = getattr(np, name)
        return name

    def _written(self, x):
        """An operand, or a list of them, as the text has it."""
        if isinstance(x, Instruction):
            return f"n{x.number}" if x.dtype is None else self._name(self.arrays[x], x)
        if x is None or x is Ellipsis or type(x) in (bool, int) or type(x) is float and isfinite(x):
            return repr(x) if x is not Ellipsis else "..."
        if type(x) in (tuple, list):
            inner = ", ".join(map(self._written, x))
            return f"[{inner}]" if type(x) is list else f"({inner}{',' * (len(x) == 1)})"
        if type(x) is slice:
            return f"slice({self._written(x.start)}, {self._written(x.stop)}, {self._written(x.step)})"
        return self._name(x)

    def _lines(self, made, plan, guard):
        """The statements that compute one instruction."""
        name, operands, options, say = made.name, made.operands, made.options, self._written
        if name in GUARDS:
            x, came = operands
            test = {"guard": say(x), "guard_fits": f"fits({say(x)})"}.get(name)
            if name == "guard_overflowed":
                test, came = (
                    f"finite({say(x)})"
                    if x.shape == ()
                    else f"{self._function('all')}({self._function('isfinite')}({say(x)}))",
                    not came,
                )
            return [f"if {'not ' * came}{test}: return {guard}"]
        if made.dtype is None:
            if name == "frexp":
                outs = ", ".join("None" if a is None else self._name(a) for a in plan.several[made])
                return [f"{self._function('frexp')}({say(operands[0])}, out=({outs}))"]
            if name in ("negative", "absolute"):
                return [f"n{made.number} = {'-' if name == 'negative' else 'abs'}({say(operands[0])})"]
            return [f"n{made.number} = {say(operands[0])} {_SIGNS[name]} {say(operands[1])}"]
        if name in ("constant", "empty", "item") or made.part:
            return []
        out = self._name(self.arrays[made], made)
        if name in WRITES:
            given, index, value = operands
            lines = [] if plan.in_place(made) else [f"{out}[...] = {say(given)}"]
            if name == "add_at":
                return [*lines, f"{self._function('add')}.at({out}, {say(index)}, {say(value)})"]
            if index is Ellipsis:
                return [f"{out}[...] = {say(value)}"]
            part = None if any(True for _ in _arrays(index)) else self.arrays[made][index]
            if isinstance(part, np.ndarray) and np.may_share_memory(part, self.arrays[made]):
                return [*lines, f"{self._name(part)}[...] = {say(value)}"]
            return [*lines, f"{out}[{say(index)}] = {say(value)}"]
        if name in _FILLED:
            return [f"{out}[...] = {say(operands[0])}"]
        if name == "zeros" or name == "zeros_like":
            return [f"{out}[...] = 0"]
        if name == "where" and operands[0].dtype == bool:
            condition, x, y = operands
            return [
                f"{out}[...] = {say(y)}",
                f"{self._function('copyto')}({out}, {say(x)}, 'same_kind', {say(condition)})",
            ]
        function = getattr(np, name, None)
        if (
            name in ("matmul", "dot")
            and not options
            and max(len(x.shape) for x in operands) <= 2
            and self.arrays[made].flags.c_contiguous
            and all(self.arrays[x].flags.forc for x in operands)  # else they add up in different orders
        ):
            return [f"{self._function('dot')}({say(operands[0])}, {say(operands[1])}, {out})"]
        if isinstance(function, np.ufunc) and not options:
            last = f"out={out}" if name in ("maximum", "minimum") else out  # NumPy means to have more operands there
            return [f"{self._function(name)}({', '.join(map(say, operands))}, {last})"]
        if name in _REDUCE and len(operands) == 1 and options.keys() <= {"axis", "keepdims", "dtype"}:
            axis, dtype, keep = (options.get(k, d) for k, d in (("axis", None), ("dtype", None), ("keepdims", False)))
            return [
                f"{self._function(_REDUCE[name])}.reduce({say(operands[0])}, {say(axis)}, {say(dtype)}, {out}, {keep})"
            ]
        if name == "concatenate" and len(operands) == 1 and options.keys() <= {"axis"}:
            return [f"{self._function('concatenate')}({say(operands[0])}, {options.get('axis', 0)}, {out})"]
        if name == "getitem":
            return [f"{out}[...] = {say(operands[0])}[{say(operands[1])}]"]
        if name in FUNCTIONS:
            function = FUNCTIONS[name]
        called = self._function(name) if name not in FUNCTIONS else self._name(function)
        given = [*map(say, operands), *(f"{key}={say(value)}" for key, value in options.items())]
        return [f"{out}[...] = {called}({', '.join(given)})"]


def _arrays(x):
    """The instructions in an index."""
    found: list[Instruction] = []
    mapped(lambda x: found.append(x) if isinstance(x, Instruction) else None, x)
    return found


def _same(a, b):
    """Whether two arrays are the same memory in the same form."""
    return a.__array_interface__ == b.__array_interface__
