"""Random programs, run by chainrule and by PyTorch: values, gradients, second derivatives and forward mode.

A program is a list of steps over a growing list of arrays: (name, which arrays, settings). The steps are drawn while
chainrule computes them, since what fits depends on the shapes, and then both libraries run them as a function.
"""

import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

import chainrule as cr

LARGEST = 400  # elements of an array
TOLERANCE = {
    "float64": 1e-9,
    "float32": 2e-3,
}  # relative to the largest element; float32 takes part in a program's steps


# ---- the steps: name → (chainrule's function, PyTorch's), of the arrays and the settings


def _pair(name, theirs=None):
    return getattr(cr, name), theirs or getattr(torch, name)


def _reduction(ours, theirs):
    """A reduction of PyTorch that takes axis=None, one axis or several, and keepdims."""

    def reduce(x, axis, keepdims, **options):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return theirs(x, axes, keepdims, **options) if x.ndim else theirs(x.reshape(1), (0,), False, **options)

    return ours, reduce


def _prod(x, axes, keepdims):
    for axis in sorted((a % x.ndim for a in (axes if isinstance(axes, tuple) else (axes,))), reverse=True):
        x = x.prod(axis, keepdim=keepdims)
    return x


def _norm(x, axes, keepdims, ord):
    return torch.linalg.vector_norm(x, ord, axes, keepdims)


def _index(x, index):
    """x[index] where PyTorch knows no negative steps: each axis flipped first."""
    plain, axis = [], 0
    for part in index:
        if part is None:
            plain.append(None)
            continue
        if part is Ellipsis:
            axis = x.ndim - sum(p is not None and p is not Ellipsis for p in index[len(plain) + 1 :])
        elif isinstance(part, slice):
            at = torch.tensor(range(*part.indices(x.shape[axis])), dtype=torch.long)
            x, part = x.index_select(axis, at), slice(None)
        elif isinstance(part, np.ndarray):
            part = torch.from_numpy(part)
        plain.append(part)
        axis += part is not Ellipsis
    return x[tuple(plain)]


def _safe(f, guard):
    """(both libraries') f of what `guard` makes of its input, so that it stays in the domain."""
    return tuple(lambda *xs, f=f, guard=guard: f(*guard(*xs)) for f in f)


def _axes_of(x, axis):
    return x if axis is None else axis


UNARY = {
    **{name: _pair(name) for name in "sin cos tanh sigmoid relu square negative erf arctan arcsinh".split()},
    "abs": _pair("abs"),
    "softplus": (cr.softplus, torch.nn.functional.softplus),
    "silu": (cr.silu, torch.nn.functional.silu),
    "gelu": (cr.gelu, torch.nn.functional.gelu),
    "elu": (cr.elu, torch.nn.functional.elu),
    "leaky_relu": (cr.leaky_relu, torch.nn.functional.leaky_relu),
    **{name: _safe(_pair(name), lambda x: (x * 0.3,)) for name in ("exp", "expm1", "sinh", "cosh")},
    **{name: _safe(_pair(name), lambda x: (x * x + 1,)) for name in ("sqrt", "log", "log2", "log10", "log1p")},
    "arccosh": _safe(_pair("arccosh"), lambda x: (x * x + 1.5,)),
    **{name: _safe(_pair(name), lambda x: (x / (x * x + 1),)) for name in ("tan", "arcsin", "arccos", "arctanh")},
    "floor": _pair("floor"),
    "sign": _pair("sign"),
    "clip": (lambda x: cr.clip(x, -0.7, 0.9), lambda x: torch.clip(x, -0.7, 0.9)),
    "x**3": (lambda x: x**3, lambda x: x**3),
    "2-x": (lambda x: 2 - x, lambda x: 2 - x),
    "1/x": _safe((lambda x: 1 / x, lambda x: 1 / x), lambda x: (x * x + 1,)),
    "%": (lambda x: x % 0.7, lambda x: x % 0.7),
}
BINARY = {
    "+": (lambda x, y: x + y,) * 2,
    "-": (lambda x, y: x - y,) * 2,
    "*": (lambda x, y: x * y,) * 2,
    "/": (lambda x, y: x / (y * y + 0.5),) * 2,
    "**": (lambda x, y: (x * x + 0.3) ** (0.3 * y),) * 2,
    "maximum": _pair("maximum"),
    "minimum": _pair("minimum"),
    "logaddexp": _pair("logaddexp"),
    "hypot": _pair("hypot"),
    "arctan2": (lambda x, y: cr.arctan2(x, y * y + 0.5), lambda x, y: torch.arctan2(x, y * y + 0.5)),
    "where": (lambda x, y: cr.where(x > y, x * y, y), lambda x, y: torch.where(x > y, x * y, y)),
}
REDUCTIONS = {
    "sum": _reduction(cr.sum, torch.sum),
    "mean": _reduction(cr.mean, torch.mean),
    "max": _reduction(cr.max, torch.amax),
    "min": _reduction(cr.min, torch.amin),
    "prod": _reduction(cr.prod, _prod),
    "logsumexp": _reduction(cr.logsumexp, torch.logsumexp),
    "var": _reduction(cr.var, lambda x, axes, keep, ddof: torch.var(x, axes, correction=ddof, keepdim=keep)),
    "std": _reduction(cr.std, lambda x, axes, keep, ddof: torch.std(x, axes, correction=ddof, keepdim=keep)),
    "norm": _reduction(cr.norm, _norm),
}
ALONG = {
    "softmax": (cr.softmax, lambda x, axis: torch.softmax(x, axis)),
    "log_softmax": (cr.log_softmax, lambda x, axis: torch.log_softmax(x, axis)),
    "cumsum": (cr.cumsum, lambda x, axis: torch.cumsum(x, axis)),
    "sort": (cr.sort, lambda x, axis: torch.sort(x, dim=axis, stable=True)[0]),
    "flip": (cr.flip, lambda x, axis: torch.flip(x, (axis,))),
    "expand_dims": (cr.expand_dims, torch.unsqueeze),
}
SHAPES = {
    "reshape": (lambda x, shape: cr.reshape(x, shape), lambda x, shape: torch.reshape(x, shape)),
    "transpose": (lambda x, axes: cr.transpose(x, axes), lambda x, axes: x.permute(axes)),
    "swapaxes": (lambda x, a, b: cr.swapaxes(x, a, b), lambda x, a, b: torch.swapaxes(x, a, b)),
    "moveaxis": (lambda x, a, b: cr.moveaxis(x, a, b), lambda x, a, b: torch.moveaxis(x, a, b)),
    "broadcast_to": (lambda x, shape: cr.broadcast_to(x, shape), lambda x, shape: torch.broadcast_to(x, shape)),
    "squeeze": (lambda x: cr.squeeze(x), torch.squeeze),
    "roll": (lambda x, shift, axis: cr.roll(x, shift, axis), lambda x, shift, axis: torch.roll(x, shift, axis)),
    "tile": (lambda x, reps: cr.tile(x, reps), lambda x, reps: torch.tile(x, reps)),
    "repeat": (lambda x, n, axis: cr.repeat(x, n, axis), lambda x, n, axis: torch.repeat_interleave(x, n, axis)),
    "pad": (lambda x, width: cr.pad(x, width), lambda x, width: torch.nn.functional.pad(x, [n for w in reversed(width) for n in w])),
    "tril": (lambda x, k: cr.tril(x, k), lambda x, k: torch.tril(x, k)),
    "triu": (lambda x, k: cr.triu(x, k), lambda x, k: torch.triu(x, k)),
    "diagonal": (lambda x, k: cr.diagonal(x, k), lambda x, k: torch.diagonal(x, k)),
    "index": (lambda x, index: x[index], _index),
    "mask": (lambda x, mask: x[mask], lambda x, mask: x[torch.from_numpy(mask)]),
    "x[x>0]": (lambda x: x[x > 0], lambda x: x[x > 0]),
    "take": (lambda x, at, axis: cr.take(x, at, axis), lambda x, at, axis: torch.index_select(x, axis, torch.from_numpy(at))),
    "take_along_axis": (
        lambda x, at, axis: cr.take_along_axis(x, at, axis),
        lambda x, at, axis: torch.take_along_dim(x, torch.from_numpy(at), axis),
    ),
    "split": (lambda x, axis: cr.split(x, 2, axis)[1], lambda x, axis: torch.split(x, x.shape[axis] // 2, axis)[1]),
    "constant": (
        lambda x, c, how: {"+": lambda: x + c, "*": lambda: c * x, "-": lambda: c - x}[how](),
        lambda x, c, how: (
            {"+": lambda: x + torch.from_numpy(c), "*": lambda: torch.from_numpy(c) * x, "-": lambda: torch.from_numpy(c).to(x.dtype) - x}[how]()
        ),
    ),
}  # fmt: skip
SEVERAL = {
    "concatenate": (lambda *xs, axis: cr.concatenate(xs, axis), lambda *xs, axis: torch.cat(_alike(xs), axis)),
    "stack": (lambda *xs, axis: cr.stack(xs, axis), lambda *xs, axis: torch.stack(_alike(xs), axis)),
    "matmul": (cr.matmul, lambda x, y: torch.matmul(*_alike((x, y)))),
    "outer": (cr.outer, lambda x, y: torch.outer(*_alike((x, y)))),
    "tensordot": (
        lambda x, y, axes: cr.tensordot(x, y, axes),
        lambda x, y, axes: torch.tensordot(*_alike((x, y)), axes),
    ),
    "einsum": (lambda *xs, text: cr.einsum(text, *xs), lambda *xs, text: torch.einsum(text, *_alike(xs))),
}
STEPS = UNARY | BINARY | REDUCTIONS | ALONG | SHAPES | SEVERAL


def _alike(xs):
    """What NumPy does by itself and PyTorch's products refuse: the common dtype."""
    dtype = torch.float64 if any(x.dtype == torch.float64 for x in xs) else torch.float32
    return [x.to(dtype) for x in xs]


# ---- drawing


def _axis(rng, x):
    return int(rng.integers(-x.ndim, x.ndim))


def _axes(rng, x, name):
    """None, one axis, or several, for a reduction; PyTorch's product takes one at a time, which the pair undoes."""
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
    """Letters for one to three operands, with their sizes: repeated inside an operand, summed, kept, batched."""
    sizes = dict(zip("abcde", (int(n) for n in rng.integers(1, 4, 5)), strict=True))
    groups = [
        "".join(rng.choice(list("abcde"), rng.integers(1, 4), replace=rng.random() < 0.15))
        for _ in range(rng.integers(1, 4))
    ]
    letters = sorted(set("".join(groups)))
    kept = [c for c in rng.permutation(letters) if rng.random() < 0.5]
    return groups, sizes, ",".join(groups) + "->" + "".join(kept)


@dataclass
class Program:
    """inputs: float arrays; steps: (name, operand positions, settings); the result is the last array."""

    inputs: list
    steps: list

    def run(self, ours, *inputs):
        arrays = list(inputs)
        for name, at, settings in self.steps:
            arrays.append(STEPS[name][not ours](*(arrays[i] for i in at), **settings))
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
        if result.size > LARGEST or not result.size:
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
        axis, extra = _axes(rng, x, name), {}
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
        return (
            add("matmul", (len(arrays) - 1, i))
            if x.ndim > 1 and len({*x.shape[-2:]}) == 1 and arrays[-1] is x
            else None
        )
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
    groups, sizes, text = _draw_einsum(rng)
    chosen = []
    for letters in groups:
        fitting = [
            j
            for j, y in enumerate(arrays)
            if y.ndim == len(letters) and _binds(letters, y.shape, sizes, chosen, arrays, groups)
        ]
        if not fitting:
            return None
        chosen.append(int(rng.choice(fitting)))
    return add("einsum", tuple(chosen), text=text)


def _binds(letters, shape, sizes, chosen, arrays, groups):
    """Whether `shape` gives each letter the length that it has in the operands chosen before."""
    known = {}
    for group, j in zip(groups, chosen, strict=False):
        known.update(zip(group, arrays[j].shape, strict=True))
    return all(known.setdefault(c, n) == n for c, n in zip(letters, shape, strict=True))


# ---- comparing


def near(ours, theirs, tolerance):
    """The error in units of the tolerance, which is relative to the largest element or to 1."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if ours.shape != theirs.shape:
        return np.inf
    if not theirs.size:
        return 0.0
    errors = np.abs(ours - theirs) / (tolerance * max(1.0, np.abs(theirs).max()))
    return float(np.where(np.isnan(errors), np.inf, errors).max())


def compare(program, rng):
    """{order: error in tolerances}, and whether the other side is finite to each order; orders that nothing reaches lack."""
    kind = (
        "float32"
        if any(a.dtype == np.float32 for a in program.inputs) or "float32" in str(program.steps)
        else "float64"
    )
    tolerance, errors = TOLERANCE[kind], {}
    xs = [torch.tensor(a, requires_grad=True) for a in program.inputs]
    theirs = program.run(False, *xs)
    w = rng.uniform(0.5, 1.5, tuple(theirs.shape))

    def ours(*xs):
        return (program.run(True, *xs) * w).sum()

    errors["value"] = near(
        program.run(True, *map(cr.tensor, program.inputs)).numpy(), theirs.detach().numpy(force=True), tolerance
    )
    every = tuple(range(len(xs)))
    y = (theirs * torch.from_numpy(np.asarray(w))).sum()
    if not y.requires_grad:
        return errors
    g = torch.autograd.grad(y, xs, create_graph=True, materialize_grads=True)
    if not all(torch.isfinite(a).all() for a in g):
        return errors
    gradient = cr.grad(ours, every)
    got = gradient(*program.inputs)
    errors["gradient"] = max(
        near(a.numpy(), b.detach().numpy(force=True), tolerance) for a, b in zip(got, g, strict=True)
    )
    us = [rng.uniform(0.5, 1.5, a.shape).astype(a.dtype) for a in program.inputs]
    slope = sum(float((b.detach().numpy(force=True) * u).sum()) for b, u in zip(g, us, strict=True))
    size = max(1.0, sum(float(np.abs(b.detach().numpy(force=True) * u).sum()) for b, u in zip(g, us, strict=True)))
    errors["forward mode"] = near(cr.jvp(ours, program.inputs, us)[1].numpy() / size, slope / size, tolerance)
    total = sum((a * torch.from_numpy(np.asarray(u))).sum() for a, u in zip(g, us, strict=True))
    if total.requires_grad:
        h = torch.autograd.grad(total, xs, materialize_grads=True)
        if all(torch.isfinite(a).all() for a in h):
            second = cr.grad(lambda *xs: sum((a * u).sum() for a, u in zip(gradient(*xs), us, strict=True)), every)
            got = second(*program.inputs)
            scale = max(1.0, *(float(b.detach().abs().max()) for b in g))  # rounding comes with the gradient's size
            errors["second order"] = max(
                near(a.numpy() / scale, b.numpy(force=True) / scale, tolerance) for a, b in zip(got, h, strict=True)
            )
    return errors


def sweep(count, seed=0):
    """(how many programs agreed to each order, those that did not, how often each step took part)."""
    agreed, faults, steps = Counter(), [], Counter()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            program = draw(rng, int(rng.integers(2, 9)))
            try:
                errors = compare(program, rng)
            except Exception as error:
                faults.append((k, f"{type(error).__name__}: {error}", program))
                continue
        steps.update({name for name, _, _ in program.steps})
        for order, error in errors.items():
            agreed[order] += error <= 1
            if error > 1:
                faults.append((k, f"{order} is off by {error:.3g} tolerances", program))
    return agreed, faults, steps


def section(quick):
    count = 300 if quick else 6000
    agreed, faults, steps = sweep(count)
    orders = ", ".join(f"{order} of {n:,}" for order, n in agreed.items())
    kinds = ", ".join(f"{name} {n:,}" for name, n in sorted(steps.items(), key=lambda item: -item[1]))
    return "\n".join(
        [
            f"{count:,} random programs of 2 to 9 steps against PyTorch {torch.__version__}: broadcasting, views with negative steps, masks,",
            "repeated indices, reductions over one, several and all axes, products of all ranks, einsum with repeated letters, float32 beside",
            "float64, integers and booleans beside both. Compared are values, gradients, forward mode, and gradients of gradients, to",
            f"{TOLERANCE['float64']:g} of the largest element in float64, and {TOLERANCE['float32']:g} where float32 takes part. (Orders that PyTorch has as inf or nan, and",
            "results that no input reaches, are not compared. JAX is not installed here.)",
            "",
            f"The same: {orders}. **Different: {len(faults)}.**",
            *[f"- program {k}: {what.splitlines()[0]}. {program}" for k, what, program in faults[:20]],
            "",
            f"<details><summary>in how many programs each step took part</summary>\n\n{kinds}\n\n</details>",
        ]
    )
