"""Values of fixed form and how each is computed from others: what a program becomes on its way to C.

Equal values are one object. A view is no more than a map from its indices to those of what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .record import NAMES

FLAT = "bool int32 int64 uint8 uint32 uint64 float32 float64"
KNOWN = frozenset(np.dtype(name) for name in FLAT.split())
# calls on each element, in C; where None, only what OF_TRUTH says of truth values
C = {name: row.c for name, row in NAMES.items() if row.c is not None}
C |= {
    "remainder": "cr_remainder({0}, {1})",
    "floor_divide": "cr_floor_divide({0}, {1})",
    "invert": None,
    "astype": None,
}
BOOL, DOUBLE, LONG = np.dtype(bool), np.dtype("f8"), np.dtype("i8")
# whose C is right for integers, too
INTEGER = frozenset(
    "add subtract multiply negative square absolute sign maximum minimum clip where right_shift bitwise_and bitwise_or positive"
    " equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not isnan isinf isfinite astype".split()
)
OF_TRUTH = {"add": "logical_or", "multiply": "logical_and", "maximum": "logical_or", "minimum": "logical_and", "bitwise_and": "logical_and",
            "bitwise_or": "logical_or", "invert": "logical_not"}  # fmt: skip
WHOLE = frozenset("floor ceil trunc rint positive".split())  # which change no integer


DEEPEST = 64  # calls on each element that are put together again from those on parts


class NoC(Exception):
    """A program does something that has no form in C: the message says what."""


class Value:
    """One value: what `op` makes of others.

    Fields:
        op: "input" (an array of the outside, `opt` its Instruction), "const", "number" (of Python's, a double), "iota" (its own index
            along the axis `opt`), "each" (a call on each element, `opt` its name), "reduce" (`opt`: name and axes), "view" (`opt`: kind and
            how), "gather" (of its first operand, at index arrays, which stand for its first axes), "concat" (along one axis),
            "paste" (a part of the first operand replaced by the second, `opt` where), "scatter" (the same at index arrays,
            `opt` "set" or "add"), "product" (of matrices), "philox" (random words; `opt`: key and how many).
        args: the values that it is computed from.
    """

    __slots__ = ("number", "op", "args", "opt", "shape", "dtype", "size")

    def __init__(self, number, op, args, opt, shape, dtype):
        self.number, self.op, self.args, self.opt = number, op, args, opt
        self.shape, self.dtype, self.size = shape, dtype, prod(shape)

    def __repr__(self):
        return f"{self.op}{self.number}"


LEAVES = ("const", "number", "iota")


class Graph:
    """All values of a program; the methods make new ones, simplified where the bits stay the same.

    Fields:
        checks: truth values that must hold where NumPy would raise, such as that an index is within its array.
        strict: values in which an overflow must not go unnoticed.
    """

    def __init__(self):
        self._known: dict[Any, Value] = {}
        self.checks: list[Value] = []
        self.strict: set[Value] = set()
        self._joined: dict[tuple[int, int], Value | None] = {}

    def value(self, op, args=(), opt=None, shape=(), dtype=DOUBLE, key=None) -> Value:
        if dtype not in KNOWN:
            raise NoC(f"{op} of {dtype}")
        shape = tuple(shape)
        key = op, tuple([a.number for a in args]), opt if key is None else key, shape, dtype
        if key not in self._known:
            self._known[key] = Value(len(self._known), op, tuple(args), opt, shape, dtype)
        return self._known[key]

    def const(self, x, dtype) -> Value:
        x = np.asarray(x).astype(dtype)[()]
        return self.value("const", (), x, (), np.dtype(dtype), x.tobytes())

    def iota(self, shape, axis=0) -> Value:
        """The index along an axis."""
        return self.value("iota", (), axis, shape, LONG)

    # ---- views

    def broadcast(self, x, shape) -> Value:
        shape = tuple(shape)
        if x.shape == shape:
            return x
        if x.op == "view" and x.opt[0] == "broadcast":
            return self.broadcast(x.args[0], shape)
        return self.value("view", (x,), ("broadcast",), shape, x.dtype)

    def reshape(self, x, shape) -> Value:
        shape = tuple(shape)
        while x.op == "view" and x.opt[0] == "reshape":
            x = x.args[0]
        if x.shape == shape:
            return x
        if x.op == "view" and x.opt[0] == "broadcast" and x.args[0].size == 1:
            return self.broadcast(self.reshape(x.args[0], ()), shape)
        if x.op in ("const", "number"):
            return self.broadcast(x, shape)
        return self.value("view", (x,), ("reshape",), shape, x.dtype)

    def transpose(self, x, axes) -> Value:
        axes = [a % max(len(x.shape), 1) for a in axes]
        if x.op == "view" and x.opt[0] == "transpose":
            axes, x = [x.opt[1][a] for a in axes], x.args[0]
        if axes == list(range(len(axes))):
            return x
        return self.value("view", (x,), ("transpose", tuple(axes)), [x.shape[a] for a in axes], x.dtype)

    def part(self, x, steps, shape) -> Value:
        """A strided part: (start, step) for each axis, and the lengths."""
        shape = tuple(shape)
        if shape == x.shape and all(s == (0, 1) for s in steps):
            return x
        if x.op == "view" and x.opt[0] == "slice":
            steps = [(a + i * s, s * t) for (a, s), (i, t) in zip(x.opt[1], steps, strict=True)]
            return self.part(x.args[0], steps, shape)
        if x.op == "view" and x.opt[0] == "broadcast" and x.args[0].size == 1:
            return self.broadcast(x.args[0], shape)
        if (
            x.op == "concat"
            and x.opt == "paste"
            and steps[0][1] == 1
            and all(s == (0, 1) for s in steps[1:])
            and shape[1:] == x.shape[1:]
        ):
            first, found = 0, []
            a, b = steps[0][0], steps[0][0] + shape[0]
            for y in x.args:
                last = first + y.shape[0]
                if a < last and first < b:
                    low, high = max(a, first) - first, min(b, last) - first
                    found.append(self.part(y, [(low, 1), *steps[1:]], (high - low, *shape[1:])))
                first = last
            return self.concat(found, shape, x.dtype, "paste")
        return self.value("view", (x,), ("slice", tuple(steps)), shape, x.dtype)

    # ---- arithmetic

    def astype(self, x, dtype) -> Value:
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if x.op == "view" and x.opt[0] == "broadcast":
            return self.broadcast(self.astype(x.args[0], dtype), x.shape)
        if x.op == "const":
            with np.errstate(all="ignore"):
                return self.const(x.opt, dtype)
        if x.dtype.kind == "f" and dtype.kind in "iu" and x.op != "number":
            raise NoC(f"{x.dtype} as {dtype}")
        return self.value("each", (x,), "astype", x.shape, dtype)

    def each(self, name, args: Sequence[Value], shape, dtype) -> Value:
        """A call on each element; all operands have the dtype in which it is computed, but for the condition of "where"."""
        shape, dtype = tuple(shape), np.dtype(dtype)
        apart = [a.args[0] if a.op == "view" and a.opt[0] == "broadcast" and a.args[0].size == 1 else a for a in args]
        args = [
            a.args[0] if a.op == "view" and a.opt[0] == "reshape" and a.size == 1 and a.args[0].shape == () else a
            for a in apart
        ]
        kind = args[-1].dtype
        if kind == BOOL:
            name = OF_TRUTH.get(name, name)
        if kind.kind in "biu":
            if name in WHOLE:
                return self.broadcast(args[0], shape)
            if name not in INTEGER:
                raise NoC(f"{name} of {kind}")
        if C[name] is None:
            raise NoC(f"{name} of {kind}")
        if all(a.op == "const" for a in args):
            with np.errstate(all="ignore"):
                return self.broadcast(self.const(getattr(np, name)(*[a.opt for a in args]), dtype), shape)
        is_ = lambda a, number: a.op == "const" and a.opt == number and not np.signbit(a.opt)  # x - -0.0 is not x
        if name == "multiply":
            for a, b in (args, args[::-1]):
                if is_(a, 1):
                    return self.broadcast(b, shape)
        if name == "divide" and is_(args[1], 1) or name == "subtract" and is_(args[1], 0) or name == "positive":
            return self.broadcast(args[0], shape)
        if name == "negative" and args[0].op == "each" and args[0].opt == "negative":
            return self.broadcast(args[0].args[0], shape)
        if shape and all(a.size == 1 for a in args) and prod(shape) >= 1:  # once, and not for each element
            one = self.each(name, [self.reshape(a, ()) for a in args], (), dtype)
            return self.broadcast(one, shape)
        return self.value("each", args, name, shape, dtype)

    def reduce(self, name, x, axes) -> Value:
        """Reduced over axes, which are left out."""
        axes = tuple(sorted(a % len(x.shape) for a in axes)) if x.shape else ()  # NumPy lets a number have axis 0
        shape = [n for a, n in enumerate(x.shape) if a not in axes]
        if not axes:
            return x
        if x.size == 0:
            raise NoC(f"{name} of nothing")
        return self.value("reduce", (x,), (name, axes), shape, x.dtype)

    def product(self, a, b) -> Value:
        """The product of two matrices, or stacks of them; with a length of 1 it is a product of elements, which fuses."""
        (m, k), n, dtype = a.shape[-2:], b.shape[-1], a.dtype
        if len(a.shape) > 2 or len(b.shape) > 2:
            stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            a, b = self.broadcast(a, (*stack, m, k)), self.broadcast(b, (*stack, k, n))
            if dtype.kind == "f" and k > 1:
                return self.value("product", (a, b), None, (*stack, m, n), dtype)
        else:
            stack = ()
        d = len(stack)
        if k == 0:
            raise NoC("a product over nothing")
        if k == 1:
            return self.each("multiply", [a, b], (*stack, m, n), dtype)
        if d == 0 and m == 1 and n > 1:
            return self.reshape(self.product(self.transpose(b, (1, 0)), self.transpose(a, (1, 0))), (1, n))
        if d == 0 and n == 1:
            turned = a.op == "view" and a.opt[0] == "transpose"
            x, v = (a.args[0], self.reshape(b, (k, 1))) if turned else (a, self.reshape(b, (1, k)))
            return self.reshape(
                self.reduce("sum", self.each("multiply", [x, v], x.shape, dtype), [0 if turned else 1]), (m, 1)
            )
        if dtype.kind != "f":
            left, right = self.reshape(a, (*a.shape, 1)), self.reshape(b, (*b.shape[:-2], 1, k, n))
            return self.reduce("sum", self.each("multiply", [left, right], (*stack, m, k, n), dtype), [d + 1])
        return self.value("product", (a, b), None, (m, n), dtype)

    # ---- index arrays, and parts that are replaced

    def _index(self, arrays, lengths):
        """Index arrays as they count from 0, in one shape, and a check that they are within their axes."""
        shape, found = np.broadcast_shapes(*(i.shape for i in arrays)), []
        for i, n in zip(arrays, lengths, strict=False):
            if i.op != "iota":
                i = self.astype(i, LONG)
                apart = i.args[0] if i.op == "view" and i.opt[0] == "broadcast" else i
                low, high, none = (self.const(v, LONG) for v in (-n, n, 0))
                if apart.op == "const":
                    if not -n <= apart.opt < n:
                        raise NoC("an index out of range")
                elif apart.size:
                    least = self.each("greater_equal", [apart, low], apart.shape, BOOL)
                    within = self.each(
                        "logical_and", [least, self.each("less", [apart, high], apart.shape, BOOL)], apart.shape, BOOL
                    )
                    self.checks.append(self.reduce("all", within, range(len(apart.shape))))
                wrapped = self.each("add", [i, high], i.shape, LONG)
                i = self.each("where", [self.each("less", [i, none], i.shape, BOOL), wrapped, i], i.shape, LONG)
            found.append(self.broadcast(i, shape))
        return found

    def gather(self, x, arrays) -> Value:
        """x at index arrays, which stand for its first axes."""
        if (split := self._split(x, arrays)) is not None:
            x, arrays = split
        arrays = self._index(arrays, x.shape)
        shape = (*arrays[0].shape, *x.shape[len(arrays) :])
        if len(arrays) == 1 and arrays[0].op == "iota" and shape == x.shape:
            return x
        return self.value("gather", (x, *arrays), len(arrays), shape, x.dtype)

    def _split(self, x, arrays):
        """Of y flattened, at i · n + arange(n), where its last axis is of length n: y at (i, arange(n))."""
        if len(arrays) != 1 or x.op != "view" or x.opt[0] != "reshape" or len(x.args[0].shape) != 2:
            return None
        y, (i,) = x.args[0], arrays
        n = y.shape[1]
        if i.op == "each" and i.opt == "add" and i.args[1].op == "iota" and i.shape == (n,) == i.args[1].shape:
            rows = i.args[0]
            if rows.op == "each" and rows.opt == "multiply" and rows.args[1].op == "const" and rows.args[1].opt == n:
                return y, [rows.args[0], i.args[1]]
        return None

    def scatter(self, x, arrays, new, how) -> Value:
        """x with new values at index arrays, which stand for its first axes, or with values added there."""
        if (split := self._split(x, arrays)) is not None:
            return self.reshape(self.scatter(split[0], split[1], new, how), x.shape)
        arrays = self._index(arrays, x.shape)
        form = arrays[0].shape
        new = self.broadcast(new, (*form, *x.shape[len(arrays) :]))
        if (
            len(arrays) == len(x.shape) == 2 and len(form) == 1
        ):  # one place in each row or column: a choice, which fuses
            for a in (0, 1):
                if arrays[a].op == "iota" and form == (x.shape[a],):
                    wide = (-1, 1) if a == 0 else (1, -1)
                    shape = [x.shape[a] if n < 0 else 1 for n in wide]
                    place, value = self.reshape(arrays[1 - a], shape), self.reshape(new, shape)
                    here = self.each("equal", [self.iota(x.shape, 1 - a), place], x.shape, BOOL)
                    value = self.each("add", [x, value], x.shape, x.dtype) if how == "add" else value
                    return self.each("where", [here, value, x], x.shape, x.dtype)
        return self.value("scatter", (x, new, *arrays), how, x.shape, x.dtype)

    def concat(self, parts, shape, dtype, how=None) -> Value:
        """Parts one after another along the first axis; neighbours that are parts of one value are put together again.

        `how` is "paste" where it is a value of which a part was replaced: parts of that are looked for among its own.
        """
        found: list[Value] = []
        for p in parts:
            for q in p.args if p.op == "concat" and p.opt == how else (p,):
                if q.shape[0]:
                    both = self._join(found[-1], q) if found else None
                    found[-1:] = [both] if both is not None else [*found[-1:], q]
        if not found:
            return self.broadcast(self.const(0, dtype), shape)
        return found[0] if len(found) == 1 else self.value("concat", found, how, shape, dtype)

    def paste(self, x, steps, new) -> Value:
        """x with a strided part of it replaced."""
        if len(x.shape) == 1 and steps[0][1] == 1:
            a, b = steps[0][0], steps[0][0] + new.shape[0]
            before, after = self.part(x, [(0, 1)], (a,)), self.part(x, [(b, 1)], (x.shape[0] - b,))
            return self.concat([before, new, after], x.shape, x.dtype, "paste")
        return self.value("paste", (x, new), tuple(steps), x.shape, x.dtype)

    def _join(self, p, q, deep=0):
        """The value whose first rows are p and whose others are q, where that is no concatenation; else None."""
        pair = p.number, q.number
        if deep > DEEPEST:
            return None
        if pair not in self._joined:
            self._joined[pair] = None  # where it leads back to itself
            self._joined[pair] = both = self._join_of(p, q, deep)
            if both is not None and p in self.strict:
                self.strict.add(both)
        return self._joined[pair]

    def _join_of(self, p, q, deep):
        shape = (p.shape[0] + q.shape[0], *p.shape[1:])
        if len(shape) != 1 or p.dtype != q.dtype or p.op != q.op:
            return None
        if p.op == "each" and p.opt == q.opt:
            args = []
            for a, b in zip(p.args, q.args, strict=True):
                if a is b and a.size == 1:
                    args.append(a)
                elif a.shape == p.shape and b.shape == q.shape and (both := self._join(a, b, deep + 1)) is not None:
                    args.append(both)
                else:
                    return None
            return self.each(p.opt, args, shape, p.dtype)
        if p.op == "view" and p.opt[0] == q.opt[0] == "slice" and p.args[0] is q.args[0]:
            (a, s), (b, t) = p.opt[1][0], q.opt[1][0]
            return self.part(p.args[0], [(a, 1)], shape) if s == t == 1 and a + p.size == b else None
        if p.op == "view" and p.opt[0] == q.opt[0] == "broadcast" and p.args[0] is q.args[0] and p.args[0].size == 1:
            return self.broadcast(p.args[0], shape)
        return None
