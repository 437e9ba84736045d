"""Random programs: a list of steps over a growing list of arrays, each (name, which arrays, settings).

The steps are drawn while chainrule computes them, since what fits depends on the shapes; then each library runs them as a
function.
"""

from dataclasses import dataclass

import numpy as np

import chainrule as cr

from .steps import ALONG, BINARY, REDUCTIONS, STEPS, UNARY

LARGEST = 400  # elements of an array


def _axis(rng, x):
    return int(rng.integers(-x.ndim, x.ndim))


def _axes(rng, x):
    """None, one axis, or several, for a reduction."""
    if not x.ndim or rng.random() < 0.2:
        return None
    if rng.random() < 0.7 or x.ndim < 2:
        return _axis(rng, x)
    chosen = rng.permutation(x.ndim)[: rng.integers(2, x.ndim + 1)]
    return tuple(int(a) - x.ndim * int(rng.integers(2)) for a in chosen)


def _draw_index(rng, x):
    """A tuple of slices with steps of either sign, whole numbers, None, an ellipsis, and one array of repeated indices."""
    parts, arrays = [], False
    for n in x.shape:
        kind = rng.integers(7)
        if kind == 0:
            parts.append(int(rng.integers(-n, n)) if not arrays else slice(None))
        elif kind == 1 and not arrays and all(isinstance(p, slice) for p in parts):
            parts.append(rng.integers(-n, n, size=rng.integers(1, 5)))
            arrays = True
        elif kind < 5:
            step = int(rng.choice([-3, -2, -1, 1, 2]))
            ends = sorted(int(k) for k in rng.integers(0, n + 1, 2))
            ends = [ends[0], ends[1]] if ends[0] < ends[1] else [0, n]
            parts.append(
                slice(ends[0], ends[1], step)
                if step > 0
                else slice(ends[1] - 1, None if not ends[0] else ends[0] - 1, step)
            )
        else:
            parts.append(slice(None))
    if arrays and any(isinstance(p, int) for p in parts):
        parts = [slice(None) if isinstance(p, int) else p for p in parts]
    if rng.random() < 0.2 and not arrays:
        parts.insert(int(rng.integers(len(parts) + 1)), None)
    if rng.random() < 0.2 and not arrays and None not in parts:
        cut = int(rng.integers(len(parts) + 1))
        parts = [*parts[:cut], Ellipsis]
    return tuple(parts)


def _fits(x, y):
    try:
        return np.prod(np.broadcast_shapes(x.shape, y.shape)) <= LARGEST
    except ValueError:
        return False


def _draw_einsum(rng):
    """Letters for one to three operands, some twice in one, and the text that sums some and keeps the others."""
    groups = [
        "".join(rng.choice(list("abcde"), rng.integers(1, 4), replace=rng.random() < 0.15))
        for _ in range(rng.integers(1, 4))
    ]
    letters = sorted(set("".join(groups)))
    kept = [c for c in rng.permutation(letters) if rng.random() < 0.5]
    return groups, ",".join(groups) + "->" + "".join(kept)


def _undecided(name, x, result):
    """Whether the last bits decide: the sign of a number that is 0 but for rounding, or the slope of a spread of 0."""
    near_zero = {"x[x>0]": x, "std": result, "norm": result}.get(name)
    return near_zero is not None and bool((np.abs(near_zero.numpy()) < 1e-6).any())


@dataclass
class Program:
    """inputs: float arrays; steps: (name, operand positions, settings); the result is the last array."""

    inputs: list
    steps: list

    def run(self, functions, *inputs):
        """The result of the inputs, with functions(step's name) for each step."""
        arrays = list(inputs)
        for name, at, settings in self.steps:
            arrays.append(functions(name)(*(arrays[i] for i in at), **settings))
        return arrays[-1]

    def __str__(self):
        given = ", ".join(f"{a.dtype}{a.shape}" for a in self.inputs)
        return f"inputs {given}; " + "; ".join(f"{n}{at} {s}" if s else f"{n}{at}" for n, at, s in self.steps)


def draw(rng, length):
    """A program of about `length` steps whose arrays stay small, finite and of moderate size."""
    inputs = []
    mixed = rng.random() < 0.2
    for _ in range(rng.integers(1, 4)):
        shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4)))
        inputs.append(rng.normal(size=shape).astype("float32" if mixed and rng.random() < 0.5 else "float64"))
    program, arrays = Program(inputs, []), [cr.tensor(a) for a in inputs]

    def add(name, at, /, **settings):
        result = STEPS[name][0](*(arrays[i] for i in at), **settings)
        if result.size > LARGEST or not result.size or _undecided(name, arrays[at[0]], result):
            return
        program.steps.append((name, tuple(at), settings))
        arrays.append(result)
        if np.abs(result.numpy()).max() > 30:
            add("tanh", (len(arrays) - 1,))

    for _ in range(50 * length):  # some draws fit nothing
        if len(program.steps) >= length:
            break
        i = int(rng.integers(len(arrays))) if rng.random() < 0.4 else len(arrays) - 1
        _draw_step(rng, arrays, i, add)
    return program


def _draw_step(rng, arrays, i, add):
    x, kind = arrays[i], rng.integers(20)
    if kind < 4:
        add(rng.choice(list(UNARY)), (i,))
    elif kind < 8:
        fitting = [j for j, y in enumerate(arrays) if _fits(x, y)]
        add(rng.choice(list(BINARY)), (i, int(rng.choice(fitting))))
    elif kind < 11:
        name = rng.choice(list(REDUCTIONS))
        axis, extra = _axes(rng, x), {}
        if name in ("var", "std"):
            n = x.size if axis is None else np.prod([x.shape[a] for a in np.atleast_1d(axis)])
            if n < 3:
                return
            extra = dict(ddof=int(rng.integers(2)))
        if name == "norm":
            extra = dict(ord=rng.choice([1, 2, 3, np.inf]).item())
        add(name, (i,), axis=axis, keepdims=bool(rng.integers(2)), **extra)
    elif kind < 12 and x.ndim:
        add(rng.choice(list(ALONG)), (i,), axis=_axis(rng, x))
    elif kind < 15:
        _draw_shape(rng, x, i, add)
    elif kind < 16:
        _draw_view(rng, x, i, add)
    elif kind < 19:
        _draw_product(rng, arrays, i, add)
    else:
        alike = [j for j, y in enumerate(arrays) if y.shape == x.shape]
        chosen = [i, *(int(j) for j in rng.choice(alike, rng.integers(0, 3)))]
        if x.ndim and rng.random() < 0.5:
            add("concatenate", chosen, axis=_axis(rng, x))
        else:
            add("stack", chosen, axis=int(rng.integers(-x.ndim - 1, x.ndim + 1)))


def _draw_shape(rng, x, i, add):
    kind, n = rng.integers(13), x.ndim
    if kind == 0:
        divisor = int(rng.choice([d for d in range(1, x.size + 1) if x.size % d == 0]))
        add("reshape", (i,), shape=(divisor, -1) if rng.random() < 0.6 else (x.size,))
    elif kind == 1:
        add("transpose", (i,), axes=tuple(int(a) for a in rng.permutation(n)))
    elif kind == 2 and n:
        add(str(rng.choice(["swapaxes", "moveaxis"])), (i,), a=_axis(rng, x), b=_axis(rng, x))
    elif kind == 3:
        shape = tuple(int(rng.integers(1, 4)) if m == 1 else m for m in x.shape)
        add("broadcast_to", (i,), shape=(2, *shape) if rng.random() < 0.5 else shape)
    elif kind == 4:
        add("squeeze", (i,))
    elif kind == 5 and n:
        add("roll", (i,), shift=int(rng.integers(-4, 5)), axis=_axis(rng, x))
    elif kind == 6:
        add("tile", (i,), reps=tuple(int(k) for k in rng.integers(1, 3, max(n, 1))))
    elif kind == 7 and n:
        add("repeat", (i,), n=int(rng.integers(1, 4)), axis=_axis(rng, x))
    elif kind == 8 and n:
        add("pad", (i,), width=[tuple(int(k) for k in rng.integers(0, 3, 2)) for _ in range(n)])
    elif kind == 9 and n >= 2:
        add(str(rng.choice(["tril", "triu", "diagonal"])), (i,), k=0 if n > 2 else int(rng.integers(-1, 2)))
    elif kind == 10 and n:
        axis = _axis(rng, x)
        if x.shape[axis] % 2 == 0:
            add("split", (i,), axis=axis)
    else:
        c = rng.integers(0, 3, x.shape[rng.integers(n + 1) :])
        c = c.astype(rng.choice(["bool", "uint8", "int32", "int64", "float32", "float64"]))
        if c.dtype == bool:
            add("constant", (i,), c=c, how="*")
        else:
            add("constant", (i,), c=np.asarray(c), how=str(rng.choice(["+", "*", "-"])))


def _draw_view(rng, x, i, add):
    kind = rng.integers(5)
    if kind == 0:
        add("mask", (i,), mask=np.asarray(rng.random(x.shape[: rng.integers(1, x.ndim + 1)] if x.ndim else ()) < 0.6))
    elif kind == 1:
        add("x[x>0]", (i,))
    elif kind == 2 and x.ndim:
        axis = _axis(rng, x)
        add("take", (i,), at=rng.integers(0, x.shape[axis], rng.integers(1, 5)), axis=axis)
    elif kind == 3 and x.ndim:
        axis = _axis(rng, x)
        shape = list(x.shape)
        shape[axis] = int(rng.integers(1, 4))
        add("take_along_axis", (i,), at=rng.integers(0, x.shape[axis], shape), axis=axis)
    else:
        add("index", (i,), index=_draw_index(rng, x))


def _draw_product(rng, arrays, i, add):
    x, kind = arrays[i], rng.integers(4)
    if kind == 0 and x.ndim:

        def fits(y):
            if not y.ndim or (x.shape[-1] != (y.shape[-2] if y.ndim > 1 else y.shape[0])):
                return False
            try:
                np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
            except ValueError:
                return False
            return True

        others = [j for j, y in enumerate(arrays) if fits(y)]
        if others:
            return add("matmul", (i, int(rng.choice(others))))
        return None
    if kind == 1 and x.ndim == 1:
        others = [j for j, y in enumerate(arrays) if y.ndim == 1]
        return add("outer", (i, int(rng.choice(others))))
    if kind == 2:
        axes = int(rng.integers(0, x.ndim + 1))
        others = [
            j
            for j, y in enumerate(arrays)
            if y.ndim >= axes and y.shape[:axes] == x.shape[x.ndim - axes :] and x.size * y.size < 10 * LARGEST
        ]
        if others:
            return add("tensordot", (i, int(rng.choice(others))), axes=axes)
    groups, text = _draw_einsum(rng)
    chosen = []
    for letters in groups:
        fitting = [
            j
            for j, y in enumerate(arrays)
            if y.ndim == len(letters) and _binds(letters, y.shape, chosen, arrays, groups)
        ]
        if not fitting:
            return None
        chosen.append(int(rng.choice(fitting)))
    return add("einsum", tuple(chosen), text=text)


def _binds(letters, shape, chosen, arrays, groups):
    """Whether `shape` gives each letter the length that it has in the operands chosen before."""
    known = {}
    for group, j in zip(groups, chosen, strict=False):
        known.update(zip(group, arrays[j].shape, strict=True))
    return all(known.setdefault(c, n) == n for c, n in zip(letters, shape, strict=True))
