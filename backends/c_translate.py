"""A program's instructions as the values of a Graph."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from .c_graph import BOOL, DOUBLE, KNOWN, LONG, C, Graph, NoC, Value
from .c_views import MOVES, Views
from .functions import GUARDS
from .passes import WRITES
from .program import Instruction, Program
from .record import NAMES

RESHAPES = frozenset("reshape ravel squeeze expand_dims".split())
COPIES = frozenset("array asarray ascontiguousarray copy astype positive".split())
REDUCTIONS = frozenset("sum max min all any".split())
# names that are more than a call on each element, how many operands they have at most, and the options that are looked at
_FORMS = (
    ("sum max min all any mean", 2, "axis keepdims dtype"),
    ("concatenate stack flip squeeze expand_dims", 2, "axis"),
    ("roll", 3, "axis"),
    ("transpose", 2, "axes"),
    ("tril triu", 2, "k"),
    ("pad", 2, "constant_values"),
    ("reshape broadcast_to", 2, "shape"),
    ("ravel", 1, ""),
    ("zeros zeros_like ones ones_like empty full_like arange", 3, "dtype shape"),
    ("array asarray ascontiguousarray copy astype", 2, "dtype order copy"),
    ("constant", 1, "private"),
    ("matmul dot outer getitem", 2, ""),
    ("setitem add_at swapaxes moveaxis philox", 3, ""),
    ("einsum", 64, ""),
    ("positive", 1, ""),
    ("clip", 3, "a_min a_max min max"),
)
FORMS = {name: (most, {*options.split()}) for names, most, options in _FORMS for name in names.split()}
FILLED = {"zeros": 0, "zeros_like": 0, "ones": 1, "ones_like": 1, "empty": 0}


class Translated(NamedTuple):
    """A program as values.

    Fields:
        graph: the Graph; of: {instruction: its Value}.
        guards: for each guard (value that must be true, of dtype bool).
        numbers: the inputs that are Python's numbers, in order.
    """

    graph: Graph
    of: dict[Instruction, Value]
    guards: list[Value]
    numbers: list[Instruction]


def translated(program: Program) -> Translated:
    """The program as values.

    Raises: NoC where it does something that has no C.
    """
    return _Translation(program).result


class _Translation(Views):
    def __init__(self, program):
        self.graph = g = Graph()
        self.of: dict[Instruction, Value] = {}
        guards = []
        numbers = [given for given in program.inputs if given.dtype is None]
        for given in program.inputs:
            if given.dtype is None:
                self.of[given] = g.value("number", (), ("given", numbers.index(given)), (), DOUBLE)
            else:
                self.of[given] = g.value("input", (), given, given.shape, given.dtype)
        for made in program.instructions:
            if made.name in GUARDS:
                guards.append(self._guard(made))
            elif made.dtype is None:
                self.of[made] = self._number(made)
            elif made.name not in ("item", "frexp"):
                new = self._translate(made)
                if new.shape != made.shape or new.dtype != made.dtype:
                    raise NoC(f"{made.name} as {new.dtype}{list(new.shape)} for {made.dtype}{list(made.shape)}")
                self.of[made] = new
                if made.strict and new.dtype.kind == "f" and new.op in ("each", "reduce"):
                    if made.strict != ("over",):
                        raise NoC(f"np.errstate({made.strict[0]}='raise')")
                    g.strict.add(new)
            else:
                raise NoC(made.name)
        self.result = Translated(g, self.of, guards, numbers)

    # ---- operands

    def _given(self, x, dtype=None) -> Value:
        """An operand as a value; a number of Python's takes the dtype that it meets."""
        g = self.graph
        if isinstance(x, Instruction):
            value = self.of[x]
            return value if dtype is None else g.astype(value, dtype)
        if isinstance(x, np.ndarray) and x.ndim:
            raise NoC("an array among operands")
        if isinstance(x, (bool, int, float, np.generic, np.ndarray)):
            return g.const(x, dtype if dtype is not None else np.asarray(x).dtype)
        raise NoC(f"{type(x).__name__} among operands")

    def _guard(self, made):
        g, (x, came) = self.graph, made.operands
        x, end = self._given(x), lambda y: y
        if made.name == "guard":
            holds = g.each("not_equal", [x, g.const(0, x.dtype)], x.shape, BOOL) if x.dtype != BOOL else x
        elif made.name == "guard_overflowed":
            holds = g.each("isfinite", [x], x.shape, BOOL)
            end = lambda y: g.each("logical_not", [y], (), BOOL)
        else:
            info = np.finfo(x.dtype)
            least = g.each("greater_equal", [x, g.const(info.tiny / info.eps, x.dtype)], x.shape, BOOL)
            holds = g.each(
                "logical_and", [least, g.each("less", [x, g.const(np.inf, x.dtype)], x.shape, BOOL)], x.shape, BOOL
            )
        if x.shape:
            holds = g.reshape(g.reduce("all", holds, range(len(x.shape))) if x.size else g.const(True, BOOL), ())
        holds = end(holds)
        return holds if came else g.each("logical_not", [holds], (), BOOL)

    def _number(self, made):
        args = [self._given(x, DOUBLE) for x in made.operands]
        if made.options or made.name not in NAMES:
            raise NoC(f"{made.name} of numbers")
        return self.graph.value("number", args, made.name, (), DOUBLE)

    # ---- instructions

    def _translate(self, made):
        g, name, operands, shape, dtype = self.graph, made.name, made.operands, made.shape, made.dtype
        if name in FORMS:
            most, known = FORMS[name]
            others = ", ".join(option for option in made.options if option not in known)
            if others or len(operands) > most:
                raise NoC(f"{name} with {others or f'{len(operands)} operands'}")
        if name == "constant":
            return self._constant(made)
        if name in FILLED:
            return g.broadcast(g.const(FILLED[name], dtype), shape)
        if name == "full_like":
            return g.broadcast(self._given(operands[1], dtype), shape)
        if name == "arange":
            return self._arange(made)
        if name == "philox":
            return self._philox(made)
        if name in ("concatenate", "stack"):
            return self._concatenate(made)
        if name in ("matmul", "dot", "outer"):
            return self._product(made)
        if name == "einsum":
            return self._einsum(made)
        if name in WRITES:
            return self._write(made)
        if name in COPIES:
            return g.broadcast(self._given(operands[0], dtype), shape)
        if name in MOVES:
            return getattr(self, f"_{name}")(made)
        if name in RESHAPES:
            return g.reshape(self._given(operands[0]), shape)
        if name == "broadcast_to":
            return g.broadcast(self._given(operands[0]), shape)
        if name in REDUCTIONS or name == "mean":
            return self._reduction(made)
        return self._each(made)

    def _constant(self, made):
        g, (array,) = self.graph, made.operands
        if "private" not in made.options or not array.size:
            return g.value("input", (), made, made.shape, made.dtype)
        flat = array.reshape(-1)
        if flat.tobytes() == flat[:1].tobytes() * array.size:
            return g.broadcast(g.const(flat[0], array.dtype), array.shape)
        if array.dtype == LONG and array.ndim == 1 and (array == np.arange(array.size)).all():
            return g.iota(array.shape)
        return g.value("input", (), made, made.shape, made.dtype)

    def _arange(self, made):
        g, given = self.graph, made.operands
        if not all(type(x) is int for x in given) or made.dtype.kind not in "if":
            raise NoC("arange")
        start, step = (0, 1) if len(given) == 1 else (given[0], given[2] if len(given) > 2 else 1)
        x = g.iota(made.shape)
        for name, value, none in (("multiply", step, 1), ("add", start, 0)):
            x = x if value == none else g.each(name, [x, g.const(value, LONG)], made.shape, LONG)
        return g.astype(x, made.dtype)

    def _philox(self, made):
        key, counter, n = made.operands
        return self.graph.value("philox", (self._given(counter, DOUBLE),), (key, n), made.shape, made.dtype)

    def _each(self, made):
        """A call on each element, its operands in the dtype in which NumPy computes it."""
        name, operands, g = made.name, made.operands, self.graph
        if name not in C:
            raise NoC(name)
        if name == "clip":
            operands = [*operands, *(v for v in made.options.values() if v is not None)]
            if len(operands) != 3 or any(x is None for x in operands):
                raise NoC("clip with one bound")
            kinds = [made.dtype] * 3
        elif made.options:
            raise NoC(f"{name} with {', '.join(made.options)}")
        elif name == "where":
            kinds = [BOOL, made.dtype, made.dtype]
        else:
            types = [x.dtype if isinstance(x, Instruction) and x.dtype is not None else _kind(x) for x in operands]
            function = getattr(np, name)
            try:
                kinds = function.resolve_dtypes((*types, *[None] * function.nout))[: len(operands)]
            except TypeError:  # a bool of Python
                raise NoC(f"{name} of {', '.join(map(str, types))}") from None
        if unknown := [k for k in kinds if k not in KNOWN]:
            raise NoC(f"{name} of {unknown[0]}")
        return g.each(
            name,
            [self._truth(x) if k == BOOL else self._given(x, k) for x, k in zip(operands, kinds, strict=True)],
            made.shape,
            made.dtype,
        )

    def _truth(self, x):
        value, g = self._given(x), self.graph
        return (
            value if value.dtype == BOOL else g.each("not_equal", [value, g.const(0, value.dtype)], value.shape, BOOL)
        )

    def _reduction(self, made):
        g, name, options = self.graph, made.name, made.options
        x = made.operands[0]
        axis = options.get("axis", made.operands[1] if len(made.operands) > 1 else None)
        dtype = options.get("dtype")
        x = (
            self._truth(x)
            if name in ("all", "any")
            else self._given(x, made.dtype if name in ("sum", "mean") else dtype)
        )
        axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if not x.size:
            if name in ("sum", "all", "any"):
                return g.broadcast(g.const(name == "all", made.dtype), made.shape)
            raise NoC(f"{name} of nothing")
        out = g.reshape(g.reduce("sum" if name == "mean" else name, x, axes), made.shape)
        if name == "mean":
            n = g.const(x.size // max(out.size, 1), made.dtype)
            return g.each("divide", [out, n], made.shape, made.dtype)
        return out

    def _concatenate(self, made):
        g = self.graph
        parts = [self._given(p, made.dtype) for p in made.operands[0]]
        axis = made.options.get("axis", made.operands[1] if len(made.operands) > 1 else 0)
        if axis is None:
            raise NoC(f"{made.name} with axis=None")
        axis %= len(made.shape)
        if made.name == "stack":
            parts = [g.reshape(p, (*p.shape[:axis], 1, *p.shape[axis:])) for p in parts]
        turn = [axis, *(d for d in range(len(made.shape)) if d != axis)]
        whole = g.concat([g.transpose(p, turn) for p in parts], [made.shape[d] for d in turn], made.dtype)
        return g.transpose(whole, [turn.index(d) for d in range(len(turn))])

    def _product(self, made):
        g, (a, b) = self.graph, made.operands
        a, b = self._given(a, made.dtype), self._given(b, made.dtype)
        if made.name == "dot" and max(len(a.shape), len(b.shape)) > 2:
            raise NoC(f"{made.name} in this form")
        if not prod(made.shape):
            return g.broadcast(g.const(0, made.dtype), made.shape)
        if made.name == "outer":
            return g.product(g.reshape(a, (a.size, 1)), g.reshape(b, (1, b.size)))
        if not a.shape or not b.shape:
            return g.each("multiply", [a, b], made.shape, made.dtype)
        if len(a.shape) == 1:
            a = g.reshape(a, (1, *a.shape))
        if len(b.shape) == 1:
            b = g.reshape(b, (*b.shape, 1))
        if not a.shape[-1]:
            return g.broadcast(g.const(0, made.dtype), made.shape)
        return g.reshape(g.product(a, b), made.shape)

    def _einsum(self, made):
        """Products of elements over all letters, and a sum over those that are left out."""
        g, (text, *operands) = self.graph, made.operands
        if not isinstance(text, str) or "..." in text:
            raise NoC("einsum in this form")
        given, arrow, out = text.replace(" ", "").partition("->")
        terms = given.split(",")
        if not arrow or any(len(set(t)) != len(t) for t in terms) or made.dtype.kind != "f":
            raise NoC("einsum of a diagonal")
        letters = out + "".join(sorted(set("".join(terms)) - set(out)))
        values, sizes = [self._given(x, made.dtype) for x in operands], {}
        for t, x in zip(terms, values, strict=True):
            sizes |= zip(t, x.shape, strict=True)
        spread = lambda t, x: g.reshape(
            g.transpose(x, [t.index(c) for c in letters if c in t]), [sizes[c] if c in t else 1 for c in letters]
        )
        if any(n == 0 for n in sizes.values()):
            raise NoC("einsum of nothing")
        if len(terms) == 2 and (found := self._contraction(terms, values, out, sizes)) is not None:
            return found
        total = spread(terms[0], values[0])
        for t, x in zip(terms[1:], values[1:], strict=True):
            y = spread(t, x)
            total = g.each("multiply", [total, y], np.broadcast_shapes(total.shape, y.shape), made.dtype)
        total = g.broadcast(total, [sizes[c] for c in letters])
        return g.reduce("sum", total, range(len(out), len(letters))) if len(letters) > len(out) else total

    def _contraction(self, terms, values, out, sizes):
        """Two operands whose shared letters are stacks, or are summed: a product of matrices."""
        g, (s, t), (a, b) = self.graph, terms, values
        summed = [c for c in s if c in t and c not in out]
        stack = [c for c in s if c in t and c in out]
        rows, columns = [c for c in s if c not in t], [c for c in t if c not in s]
        if not summed or any(c not in out for c in rows + columns):
            return None
        size = lambda letters: prod(sizes[c] for c in letters)
        lengths = [sizes[c] for c in stack]
        a = g.reshape(g.transpose(a, [s.index(c) for c in stack + rows + summed]), (*lengths, size(rows), size(summed)))
        b = g.reshape(
            g.transpose(b, [t.index(c) for c in stack + summed + columns]), (*lengths, size(summed), size(columns))
        )
        order = stack + rows + columns
        whole = g.reshape(g.product(a, b), [sizes[c] for c in order])
        return g.transpose(whole, [order.index(c) for c in out])


def _kind(x):
    """What NumPy takes a number of Python's for when it settles a dtype."""
    if isinstance(x, Instruction):
        return float
    return x.dtype if isinstance(x, np.generic) else type(x)
