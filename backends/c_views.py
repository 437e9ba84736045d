"""Views, moves and indices of a program as the values of a Graph."""

from __future__ import annotations

import numpy as np

from .c_graph import BOOL, LONG, NoC
from .program import Instruction, found

MOVES = frozenset("transpose swapaxes moveaxis flip roll tril triu pad getitem".split())


class Views:
    """The part of a translation that knows names of which most do no arithmetic; `_given` makes a value of an operand."""

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
        g, (x, widths) = self.graph, made.operands
        x, value = self._given(x), made.options.get("constant_values", 0)
        if not isinstance(value, (int, float)) or not isinstance(widths, list):
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
        in_order = list(zip(*basic, strict=True)) == [
            ((0, 1), n) for n in x.shape
        ]  # a part of a constant is that, turned round too
        if in_order or not new.size:
            return new if new.size else x
        return g.paste(x, basic[0], new)

    def _parts(self, x, index):
        """An index as ((steps, lengths) of its slices, its index arrays, the axes at which those stand, the shape that slices alone give)."""
        index = list(index) if isinstance(index, tuple) else [index]
        if any(isinstance(i, (np.ndarray, list)) for i in index):
            raise NoC("an index array among operands")
        full = len(x.shape) - sum(i is not None and i is not Ellipsis for i in index)
        if any(i is Ellipsis for i in index):
            k = next(k for k, i in enumerate(index) if i is Ellipsis)
            index[k : k + 1] = [slice(None)] * full
        else:
            index += [slice(None)] * full
        fancy = any(isinstance(i, Instruction) for i in index)
        steps, lengths, shape, arrays, at = [], [], [], [], []
        for i in index:
            axis = len(steps)
            if i is None:
                if fancy:
                    raise NoC("None beside index arrays")
                shape.append(1)
                continue
            n = x.shape[axis]
            if isinstance(i, Instruction) or fancy and not isinstance(i, slice):
                arrays.append(self._given(i))
                if arrays[-1].dtype.kind not in "iu":
                    raise NoC(f"an index of {arrays[-1].dtype}")
                at.append(axis)
                i = slice(None)
            elif not isinstance(i, slice):
                if isinstance(i, bool) or not isinstance(i, (int, np.integer)) or not -n <= i < n:
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
