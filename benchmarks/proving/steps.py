"""The steps of random programs: name → (chainrule's function, PyTorch's), of the arrays and the settings."""

import numpy as np
import torch

import chainrule as cr


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
