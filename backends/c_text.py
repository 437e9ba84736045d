"""What C calls things: memory, numbers, and calls of the library for products and random words."""

from __future__ import annotations

from functools import cache
from math import inf

import numpy as np

from .c_graph import BOOL, NoC, Value
from .c_library import large, vector
from .c_products import room
from .c_schedule import Schedule, below, contiguous, linear
from .c_small import small

NUMBERS = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "negative": "-{0}", "absolute": "fabs({0})",
    "power": "pow({0}, {1})", "floor_divide": "cr_floor_divide({0}, {1})", "remainder": "cr_remainder({0}, {1})",
    "less": "{0} < {1}", "less_equal": "{0} <= {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}", "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
}  # fmt: skip


@cache
def memory(dtype) -> str:
    """How C calls the elements of an array."""
    return {"bool": "unsigned char", "float32": "float", "float64": "double"}.get(dtype.name) or f"{dtype.name}_t"


def kind(dtype) -> str:
    """How C calls one value."""
    return "int" if dtype == BOOL else memory(dtype)


def literal(x) -> str:
    """A constant in C."""
    if x.dtype.kind == "f":
        value, end = float(x), "f" if x.dtype == np.float32 else ""
        if value != value:
            return "NAN"
        if value in (inf, -inf):
            return "INFINITY" if value > 0 else "(-INFINITY)"
        return f"({value!r}{end})" if value < 0 or repr(value)[0] == "-" else f"{value!r}{end}"
    if x.dtype.kind == "u":
        return f"({kind(x.dtype)}){int(x)}ull"
    return str(int(x)) if abs(int(x)) < 2**31 else f"(-{-int(x) - 1}ll - 1)" if x < 0 else f"{int(x)}ll"


def written(index) -> str:
    return " + ".join(v if v and c == 1 else f"{c} * {v}" if v else str(c) for v, c in index) or "0"


class Places:
    """How C names the memory of stored values. `steps` says how arrays of the outside lie, `names` how they are called.

    Fields:
        room: bytes that the calls written so far need behind the arena.
    """

    def __init__(self, schedule: Schedule, steps, names):
        self.schedule, self.stored, self._steps, self._names = schedule, schedule.stored, steps, names
        self.room = 0

    def first(self, x: Value) -> str:
        """The first element."""
        where, at = self.schedule.home[x]
        if where is not None:
            return self._names[where]
        return f"(({memory(x.dtype)}*)(arena + {at}))"

    def place(self, x: Value, index) -> tuple:
        """Where the element at an index lies, as a sum."""
        if x.op != "input" and self.schedule.home[x][0] is None:
            steps = contiguous(x.shape)
        else:
            steps = self._steps[self.schedule.home[x][0]]
        if index and index[0] == "flat":
            if steps != contiguous(x.shape):
                raise NoC("another order of an array that does not lie together")
            return index[1]
        return linear(index, steps)


def numbers(order, given) -> list[str]:
    """The statements for Python's numbers; one that is not finite is Python's to judge."""
    lines = []
    for x in order:
        if x.op == "number":
            if x.opt[0] == "given":
                lines.append(f"const double n{x.number} = numbers[{x.opt[1]}];")
                continue
            if x.opt not in NUMBERS:
                raise NoC(f"{x.opt} of numbers")
            args = [literal(a.opt) if a.op == "const" else f"n{a.number}" for a in x.args]
            lines.append(f"const double n{x.number} = {NUMBERS[x.opt].format(*args)};")
            lines.append(f"if (!isfinite(n{x.number})) return {given};")
    return lines


def call(x: Value, places: Places, functions: dict[str, str]) -> str:
    """A product, or random words, as a call of the library, or of a function that is added to {text: name}."""
    to = places.first(x)
    if x.op == "philox":
        (counter,), (key, n) = x.args, x.opt
        start = f"n{counter.number}" if counter.op == "number" else str(int(counter.opt))
        return f"cr->philox({key & (2**64 - 1)}ull, {key >> 64}ull, (uint64_t){start}, {n}, {to});"
    stack = [(f"z{d}", n) for d, n in enumerate(x.shape[:-2])]
    z = tuple([((v, 1),) if n > 1 else () for v, n in stack])

    def operand(a):
        m, n = a.shape[-2:]
        index = (*z, (("r", 1),) if m > 1 else (), (("c", 1),) if n > 1 else ())
        while a not in places.stored:
            ((a, index),) = below(a, index)
        at = places.place(a, index)
        steps = dict(at)
        return (
            f"{places.first(a)} + {written([(v, c) for v, c in at if v not in ('r', 'c')])}",
            steps.get("r", 0),
            steps.get("c", 0),
        )

    (m, k), n = x.args[0].shape[-2:], x.args[1].shape[-1]
    (a, ar, ac), (b, br, bc) = map(operand, x.args)
    at = written(linear((*z, (), ()), contiguous(x.shape)))
    double = x.dtype == np.float64
    plain = lambda r, c, rows, columns: c == 1 and r >= columns or r == 1 and c >= rows
    ctype, nbytes = memory(x.dtype), x.dtype.itemsize
    function = small((m, n, k), (ar, ac), (br, bc), ctype, nbytes, vector())
    if function:
        text = f"{functions.setdefault(function, f'nest{len(functions)}')}({a}, {b}, {to} + {at});"
    elif m * n * k > large() and plain(ar, ac, m, k) and plain(br, bc, k, n):
        turned = lambda r, c: (111, r) if c == 1 and r > 0 else (112, c)
        (ta, lda), (tb, ldb) = turned(ar, ac), turned(br, bc)
        text = f"cr->{'d' if double else 's'}gemm(101, {ta}, {tb}, {m}, {n}, {k}, 1, {a}, {lda}, {b}, {ldb}, 0, {to} + {at}, {n});"
    else:
        needed, apart = room(m, n, k, nbytes, ac == 1)
        places.room = max(places.room, needed)
        text = f"cr->product{'_double' if double else ''}({m}, {n}, {k}, {a}, {ar}, {ac}, {b}, {br}, {bc}, {to} + {at}, {n}, arena + {places.schedule.size}, {apart});"
    return " ".join(f"for (int64_t {v} = 0; {v} < {n}; {v}++)" for v, n in stack) + " " + text
