"""A program's instructions as the values of a Graph."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from .c_graph import BOOL, DOUBLE, KNOWN, LONG, C, Graph, NoC, Value
from .passes import WRITES
from .program import Instruction, Program, found
from .record import NAMES
from .trace import GUARDS

RESHAPES = frozenset("reshape ravel squeeze expand_dims".split())
COPIES = frozenset("array asarray ascontiguousarray copy astype positive".split())
REDUCTIONS = frozenset("sum max min all any".split())
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


class _Translation:
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
        if not operands or not isinstance(operands[0], Instruction) and name not in NAMES:
            raise NoC(name)
        if name in COPIES:
            return g.broadcast(self._given(operands[0], dtype), shape)
        method = getattr(self, f"_{name}", None)
        if name in RESHAPES:
            return g.reshape(self._given(operands[0]), shape)
        if name == "broadcast_to":
            return g.broadcast(self._given(operands[0]), shape)
        if name in REDUCTIONS or name == "mean":
            return self._reduction(made)
        return method(made) if method is not None else self._each(made)

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
        if made.options.keys() - {"dtype"} or not all(type(x) is int for x in given) or made.dtype.kind not in "if":
            raise NoC("arange")
        start, step = (0, 1) if len(given) == 1 else (given[0], given[2] if len(given) > 2 else 1)
        x = g.iota(made.shape)
        for name, value, none in (("multiply", step, 1), ("add", start, 0)):
            x = x if value == none else g.each(name, [x, g.const(value, LONG)], made.shape, LONG)
        return g.astype(x, made.dtype)

    def _philox(self, made):
        key, counter, n = made.operands
        if not (type(key) is int and type(n) is int):
            raise NoC("random words of a key that is not known")
        return self.graph.value("philox", (self._given(counter, DOUBLE),), (key, n), made.shape, made.dtype)

    def _each(self, made):
        """A call on each element, its operands in the dtype in which NumPy computes it."""
        name, operands, g = made.name, made.operands, self.graph
        if name not in C:
            raise NoC(name)
        if name == "clip":
            operands = [*operands, *(v for v in made.options.values() if v is not None)]
            if (
                len(operands) != 3
                or any(x is None for x in operands)
                or made.options.keys() - {"a_min", "a_max", "min", "max"}
            ):
                raise NoC("clip with one bound")
            kinds = [made.dtype] * 3
        elif made.options:
            raise NoC(f"{name} with {', '.join(made.options)}")
        elif name == "where":
            if len(operands) != 3:
                raise NoC("where of a condition alone")
            kinds = [BOOL, made.dtype, made.dtype]
        else:
            types = [x.dtype if isinstance(x, Instruction) and x.dtype is not None else _kind(x) for x in operands]
            function = getattr(np, name)
            kinds = function.resolve_dtypes((*types, *[None] * function.nout))[: len(operands)]
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
        g, name, options = self.graph, made.name, dict(made.options)
        x = made.operands[0]
        axis = options.pop("axis", made.operands[1] if len(made.operands) > 1 else None)
        options.pop("keepdims", None)
        dtype = options.pop("dtype", None)
        if options or len(made.operands) > 2:
            raise NoC(f"{name} with {', '.join(options)}")
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
        g, options = self.graph, dict(made.options)
        parts = [self._given(p, made.dtype) for p in made.operands[0]]
        axis = options.pop("axis", made.operands[1] if len(made.operands) > 1 else 0)
        if options or axis is None:
            raise NoC(f"{made.name} with {', '.join(options) or 'axis=None'}")
        axis %= len(made.shape)
        if made.name == "stack":
            parts = [g.reshape(p, (*p.shape[:axis], 1, *p.shape[axis:])) for p in parts]
        turn = [axis, *(d for d in range(len(made.shape)) if d != axis)]
        whole = g.concat([g.transpose(p, turn) for p in parts], [made.shape[d] for d in turn], made.dtype)
        return g.transpose(whole, [turn.index(d) for d in range(len(turn))])

    def _product(self, made):
        g, (a, b) = self.graph, made.operands
        a, b = self._given(a, made.dtype), self._given(b, made.dtype)
        if made.options or made.name == "dot" and max(len(a.shape), len(b.shape)) > 2:
            raise NoC(f"{made.name} in this form")
        if not made.size if hasattr(made, "size") else not prod(made.shape):
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
        if not isinstance(text, str) or "..." in text or made.options:
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

    # ---- views

    def _transpose(self, made):
        x = self._given(made.operands[0])
        axes = made.options.get("axes", made.operands[1] if len(made.operands) > 1 else None)
        return self.graph.transpose(x, range(len(x.shape))[::-1] if axes is None else axes)

    def _swapaxes(self, made):
        x, a, b = made.operands
        x = self._given(x)
        axes = list(range(len(x.shape)))
        axes[a], axes[b] = axes[b], axes[a]
        return self.graph.transpose(x, axes)

    def _moveaxis(self, made):
        x, source, target = made.operands
        x = self._given(x)
        many = lambda axes: [a % len(x.shape) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]
        source, target = many(source), many(target)
        order = [a for a in range(len(x.shape)) if a not in source]
        for to, a in sorted(zip(target, source, strict=True)):
            order.insert(to, a)
        return self.graph.transpose(x, order)

    def _flip(self, made):
        x = self._given(made.operands[0])
        axis = made.options.get("axis", made.operands[1] if len(made.operands) > 1 else None)
        axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = {a % len(x.shape) for a in axes}
        return self.graph.part(x, [(n - 1, -1) if a in axes else (0, 1) for a, n in enumerate(x.shape)], x.shape)

    def _roll(self, made):
        g, (x, shift, *axis) = self.graph, made.operands
        x, axis = self._given(x), made.options.get("axis", axis[0] if axis else None)
        if axis is None:
            return g.reshape(self._rolled(g.reshape(x, (x.size,)), shift, 0), x.shape)
        pairs = zip(shift, axis, strict=True) if isinstance(axis, tuple) else [(shift, axis)]
        for by, a in pairs:
            x = self._rolled(x, by, a % len(x.shape))
        return x

    def _rolled(self, x, shift, axis):
        g, n = self.graph, x.shape[axis]
        shift %= max(n, 1)
        if not shift:
            return x
        turn = [axis, *(d for d in range(len(x.shape)) if d != axis)]
        y = g.transpose(x, turn)
        rest, whole = y.shape[1:], [(0, 1)] * (len(turn) - 1)
        parts = [g.part(y, [(n - shift, 1), *whole], (shift, *rest)), g.part(y, [(0, 1), *whole], (n - shift, *rest))]
        return g.transpose(g.concat(parts, y.shape, x.dtype), [turn.index(d) for d in range(len(turn))])

    def _tril(self, made, name="less_equal"):
        g, x = self.graph, self._given(made.operands[0])
        k = made.options.get("k", made.operands[1] if len(made.operands) > 1 else 0)
        d, shape = len(x.shape), x.shape
        row = g.each(
            "add",
            [g.iota((*[1] * (d - 2), shape[-2], 1), d - 2), g.const(k, LONG)],
            (*[1] * (d - 2), shape[-2], 1),
            LONG,
        )
        inside = g.each(name, [g.iota((*[1] * (d - 1), shape[-1]), d - 1), row], (*[1] * (d - 2), *shape[-2:]), BOOL)
        return g.each("where", [inside, x, g.const(0, x.dtype)], shape, x.dtype)

    def _triu(self, made):
        return self._tril(made, "greater_equal")

    def _pad(self, made):
        g, (x, widths) = self.graph, made.operands[:2]
        x, value = self._given(x), made.options.get("constant_values", 0)
        plain = (
            len(made.operands) == 2 and made.options.keys() <= {"constant_values"} and isinstance(value, (int, float))
        )
        if not plain or not isinstance(widths, list):
            raise NoC("pad in this form")
        around = g.broadcast(g.const(value, x.dtype), made.shape)
        return g.paste(around, [(before, 1) for before, _ in widths], x) if x.size else around

    # ---- indices

    def _getitem(self, made):
        x, index = self._given(made.operands[0]), made.operands[1]
        basic, arrays, at, shape = self._parts(x, index)
        region = self.graph.part(x, *basic)
        if not arrays:
            return self.graph.reshape(region, made.shape)
        front = [*at, *(d for d in range(len(x.shape)) if d not in at)]
        found, k = (
            self.graph.gather(self.graph.transpose(region, front), arrays),
            len(np.broadcast_shapes(*(a.shape for a in arrays))),
        )
        if at != list(range(at[0], at[0] + len(at))):
            return found
        before = at[0]  # index arrays side by side: their axes stand where they stood
        order = [*range(k, k + before), *range(k), *range(k + before, len(found.shape))]
        return self.graph.transpose(found, order)

    def _write(self, made):
        """setitem and add_at: the whole array afterwards."""
        g, (x, index, new) = self.graph, made.operands
        x, new = self._given(x), self._given(new, made.dtype)
        basic, arrays, at, shape = self._parts(x, index)
        region = g.part(x, *basic)
        k = len(np.broadcast_shapes(*(a.shape for a in arrays)))
        while len(new.shape) > (k + len(region.shape) - len(at) if arrays else len(shape)):
            new = g.reshape(new, new.shape[1:])
        if not arrays:
            if made.name == "add_at":
                new = g.each("add", [g.reshape(region, shape), new], shape, made.dtype)
            new = g.reshape(g.broadcast(new, shape), region.shape)
        else:
            front = [*at, *(d for d in range(len(x.shape)) if d not in at)]
            together = at == list(range(at[0], at[0] + len(at)))
            length = k + len(region.shape) - len(at)
            if together and at[0]:
                new = g.reshape(new, (*[1] * (length - len(new.shape)), *new.shape))
                new = g.transpose(new, [*range(at[0], at[0] + k), *range(at[0]), *range(at[0] + k, length)])
            changed = g.scatter(g.transpose(region, front), arrays, new, "add" if made.name == "add_at" else "set")
            new = g.transpose(changed, [front.index(d) for d in range(len(front))])
        if region is x or not new.size:
            return new if new.size else x
        return g.paste(x, basic[0], new)

    def _parts(self, x, index):
        """An index as ((steps, lengths) of its slices, its index arrays, the axes at which those stand, the shape that slices alone give)."""
        index = list(index) if isinstance(index, tuple) else [index]
        if any(isinstance(i, (np.ndarray, list)) for i in index):
            raise NoC("an index array that is no constant")
        masks = [i for i in index if isinstance(i, Instruction) and i.dtype == BOOL]
        if masks:
            index = [j for i in index for j in (self._mask(i) if any(i is m for m in masks) else [i])]
        full = len(x.shape) - sum(i is not None and i is not Ellipsis for i in index)
        if any(i is Ellipsis for i in index):
            k = next(k for k, i in enumerate(index) if i is Ellipsis)
            index[k : k + 1] = [slice(None)] * full
        else:
            index += [slice(None)] * full
        fancy = any(isinstance(i, (Instruction, Value)) for i in index)
        steps, lengths, shape, arrays, at = [], [], [], [], []
        for i in index:
            axis = len(steps)
            if i is None:
                if fancy:
                    raise NoC("None beside index arrays")
                shape.append(1)
                continue
            n = x.shape[axis]
            if isinstance(i, (Instruction, Value)) or fancy and not isinstance(i, slice):
                arrays.append(i if isinstance(i, Value) else self._given(i))
                if arrays[-1].dtype.kind not in "iu":
                    raise NoC(f"an index of {arrays[-1].dtype}")
                at.append(axis)
                i = slice(None)
            elif not isinstance(i, slice):
                if not isinstance(i, (int, np.integer)) or not -n <= i < n:
                    raise NoC(f"{i!r:.20} as an index")
                steps.append((int(i) % n, 1))
                lengths.append(1)
                continue
            elif any(True for _ in found(i)):
                raise NoC("a slice that is not known")
            a, b, s = i.indices(n)
            steps.append((a, s))
            lengths.append(len(range(a, b, s)))
            shape.append(lengths[-1])
        return (steps, lengths), arrays, at, tuple(shape)

    def _mask(self, made):
        """A mask as the index arrays of its places, where it is a constant."""
        if made.name != "constant" or "private" not in made.options:
            raise NoC("an index of truth values")
        raise NoC("an index of truth values")


def _kind(x):
    """What NumPy takes a number of Python's for when it settles a dtype."""
    if isinstance(x, Instruction):
        return float
    return x.dtype if isinstance(x, np.generic) else type(x)
