"""Products of vectors and matrices, and what is read off them."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, ShapeError
from ..primitive import LINEAR, MULTILINEAR, composed, primitive
from ..samples import on
from ..tensor import Tensor
from ..typing import Counts
from .reduce import sum_
from .shape import axis_index, broadcast_to, expand_dims, reshape, transpose
from .sums import SHORT, product, total

LONG = 1024  # so many products may be added one by one
FEW = 64  # of fewer results, BLAS adds all products one by one, too


def _matmul_x(g, y, x_shape):
    if len(x_shape) == 2 == y.ndim:
        return product(g, y.T)
    if y.ndim == 1:  # (…, n) @ (n,)
        return expand_dims(g, axis=-1) * y
    if len(x_shape) == 1:  # (n,) @ (…, n, m): summed over the batch by the engine
        return (expand_dims(g, axis=-2) @ y.swapaxes(-1, -2))[..., 0, :]
    return g @ y.swapaxes(-1, -2)


def _matmul_y(g, x, y_shape):
    if x.ndim == 2 == len(y_shape):
        return product(x.T, g) if len(x) <= LONG else matmul(x.T, g)
    if x.ndim == 1 and len(y_shape) == 1:
        return g * x
    if x.ndim == 1:  # (n,) @ (…, n, m)
        return expand_dims(x, axis=-1) * expand_dims(g, axis=-2)
    if len(y_shape) == 1:  # (…, n) @ (n,)
        return x * expand_dims(g, axis=-1)
    return x.swapaxes(-1, -2) @ g


@primitive(
    symbol="@",
    jvp=MULTILINEAR,
    samples=[on((2, 3), (3, 4)), on((3,), (3,)), on((3,), (3, 2)), on((2, 3), (3,)), on((5, 2, 3), (3, 4)), on((3,), (5, 3, 2)),
             on((5, 2, 3), (3,)), on((4, 1, 2, 3), (5, 3, 2))],
    needs="the last axis of x as long as the last but one of y (or its only one)",
    vjp=dict(x=_matmul_x, y=_matmul_y),
    accumulates=True,
)  # fmt: skip
def matmul(xp, x, y):
    """Matrix product x @ y; vectors on either side and broadcast batches of matrices as in NumPy.

    Shape: x (…, n, k), y (…, k, m) → (…, n, m); a vector loses its axis in the result.
    Raises: ShapeError if the inner axes differ.
    Example:
        >>> import chainrule as cr
        >>> (cr.eye(2) @ cr.tensor([3.0, 4.0])).tolist()
        [3.0, 4.0]
    """
    return _long_product(xp, x, y) if x.shape[-1:] > (LONG,) else product(x, y)


def _long_product(xp, x, y):
    """x @ y over a long axis, in float32 block by block where NumPy or BLAS would add all products one by one."""
    n = x.shape[-1]
    if x.dtype.char != "f" or y.ndim > 2 or len(y) != n:
        return xp.matmul(x, y)
    x, y = (a if a.flags.c_contiguous or a.flags.f_contiguous else xp.ascontiguousarray(a) for a in (x, y))
    if min(x.size, y.size) > n and x.size * y.size > FEW * n * n:
        return xp.matmul(x, y)
    rows, columns, whole = x.reshape(-1, n), y.reshape(n, -1), n - n % LONG
    left = rows[:, :whole].reshape(len(rows), -1, LONG).swapaxes(0, 1)
    blocks = left @ columns[:whole].reshape(-1, LONG, columns.shape[1])
    return (total(blocks, 0) + rows[:, whole:] @ columns[whole:]).reshape(x.shape[:-1] + y.shape[1:])


def _rows(x):
    """x with all axes but the last in one."""
    return reshape(x, shape=(-1, x.shape[-1]))


@primitive(
    internal=True,
    symbol="x@W+b",
    jvp=dict(x=lambda t, weight: t @ weight, weight=lambda t, x: x @ t, bias=lambda t: t),
    samples=[on((5, 3), (3, 4), (4,)), on((2, 5, 3), (3, 4), (4,)), on((3,), (3, 2), (2,))],
    needs="x (…, n), weight (n, m), bias (m,)",
    vjp=dict(
        x=lambda g, weight: product(g, weight.T),
        weight=lambda g, x: product(x.T, g) if x.ndim == 2 and len(x) <= LONG else matmul(_rows(x).T, _rows(g)),
        bias=lambda g: g,
    ),
    words=dict(bias="{g}, summed over the batch"),
    accumulates=True,
)
def affine(xp, x, weight, bias):
    """The affine map x W + b of a layer, in one pass: the same as `x @ weight + bias`, with one array less.

    Shape: x (…, n), weight (n, m), bias (m,) → (…, m).
    Raises: ShapeError if the lengths differ.
    """
    if weight.ndim != 2 or bias.shape != weight.shape[1:]:
        raise ShapeError(f"affine: needs weight (n, m) and bias (m,); given {weight.shape} and {bias.shape}")
    out = product(x, weight) if len(weight) <= LONG else _long_product(xp, x, weight)
    if out.dtype != bias.dtype:
        return out + bias
    out += bias
    return out


# ---- einsum


def _missing_axes(g, letters, target, sizes):
    """g with axes `letters`, given the axes of `target` that it lacks by repetition, in target's order."""
    absent = [c for c in target if c not in letters]
    order = absent + [c for c in target if c in letters]
    g = broadcast_to(g, shape=(*(sizes[c] for c in absent), *g.shape))
    return transpose(g, axes=tuple(order.index(c) for c in target))


def _einsum_contribution(g, operands, operands_shape, position, subscripts):
    inputs, output = subscripts.split("->")
    inputs = inputs.split(",")
    target = inputs[position]
    others = inputs[:position] + inputs[position + 1 :]
    sizes = dict(zip(target, operands_shape[position], strict=True))
    letters = "".join(c for c in target if c in output or any(c in o for o in others))
    arrays = (g, *operands[:position], *operands[position + 1 :])
    part = einsum_(*arrays, subscripts=",".join([output, *others]) + "->" + letters)
    return _missing_axes(part, letters, target, sizes) if letters != target else part


def _einsum_push(t, operands, position, subscripts):
    return einsum_(*operands[:position], t, *operands[position + 1 :], subscripts=subscripts)


@primitive(
    symbol="einsum",
    accumulates=True,
    jvp=dict(operands=_einsum_push),
    samples=[on((2, 3), (3, 4), subscripts="ij,jk->ik"), on((2, 3), subscripts="ij->j"), on((3,), (3,), subscripts="i,i->"),
             on((2, 3), (3, 2), (2,), subscripts="ij,jk,k->i"), on((2, 3), (4,), subscripts="ij,k->kj"), on((2, 3), subscripts="ij->i")],
    needs="one group of letters for each operand, with one letter for each axis",
    vjp=dict(operands=_einsum_contribution), words=dict(operands="einsum of {g} and the other operands, with this operand's letters as the output"),
)  # fmt: skip
def einsum_(xp, *operands, subscripts: str):
    """einsum in normal form: an explicit output, no ellipsis, no letter twice in one group."""
    if len(operands) and operands[0].dtype.char == "f" and sum(a.size for a in operands) > SHORT:
        operands = [a.astype(xp.float64) for a in operands]  # it adds one by one: only more digits help
        return xp.einsum(subscripts, *operands).astype(xp.float32)
    return xp.einsum(subscripts, *operands)


@composed
def einsum(subscripts: str, *operands) -> Tensor:
    """Sums of products by index letters, as np.einsum: "ij,jk->ik" is the matrix product.

    Raises: ShapeError if letters and axes do not match; DtypeError if the letters are no string.
    Example:
        >>> import chainrule as cr
        >>> cr.einsum("ij->ji", cr.eye(2)).shape
        (2, 2)
    """
    if not isinstance(subscripts, str):
        raise DtypeError(
            "einsum: the letters of the axes come first, as a string such as 'ij,jk->ik', not "
            f"{type(subscripts).__name__}; then the operands"
        )
    groups, arrow, output = subscripts.replace(" ", "").partition("->")
    groups = groups.split(",")
    if len(groups) != len(operands):
        raise ShapeError(f"einsum: {subscripts!r} has {len(groups)} groups of letters for {len(operands)} operands")
    operands = [np.asarray(x) if isinstance(x, (int, float, list, tuple)) else x for x in operands]
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts]
    free = max(
        (len(x.shape) - len(g.replace("...", "")) for g, x in zip(groups, operands, strict=True) if "..." in g),
        default=0,
    )
    dots = "".join(spare[:free])

    def spelled(group, ndim):
        missing = ndim - len(group.replace("...", ""))
        if missing < 0 or (missing and "..." not in group):
            raise ShapeError(f"einsum: the group {group!r} of {subscripts!r} does not fit an operand with {ndim} axes")
        return group.replace("...", dots[len(dots) - missing :])

    letters = [spelled(g, len(x.shape)) for g, x in zip(groups, operands, strict=True)]
    if arrow:
        output = output.replace("...", dots)
    else:
        once = sorted(c for c in set("".join(letters)) - set(dots) if "".join(letters).count(c) == 1)
        output = dots + "".join(once)
    sizes: dict[str, int] = {}
    for group, x in zip(letters, operands, strict=True):
        own: dict[str, int] = {}
        for c, n in zip(group, x.shape, strict=True):
            known, mine = sizes.setdefault(c, n), own.setdefault(c, n)
            if mine != n or (known != n and 1 not in (known, n)):  # 1 is repeated to fit other operands, not its own
                other = mine if mine != n else known
                raise ShapeError(f"einsum: the letter {c!r} of {subscripts!r} stands for lengths {other} and {n}")
            sizes[c] = n if known == 1 else known
    ready = [_normal(x, group, sizes) for x, group in zip(operands, letters, strict=True)]
    return einsum_(*(x for x, _ in ready), subscripts=",".join(group for _, group in ready) + "->" + output)


def _normal(x, group, sizes):
    """An operand whose letters are all different, of full length: repeats are read off the diagonal."""
    for c in dict.fromkeys(group):
        while group.count(c) > 1:
            i = group.index(c)
            j = group.index(c, i + 1)
            x = diagonal(x, axis1=i, axis2=j)
            group = group[:i] + group[i + 1 : j] + group[j + 1 :] + c
    full = tuple(sizes[c] for c in group)
    return (x if tuple(x.shape) == full else broadcast_to(x, shape=full)), group


# ---- products built from these


@composed
def dot(x, y) -> Tensor:
    """np.dot: inner product of vectors, matrix product of matrices, and the last axis of x with the last but one of y.

    Raises: ShapeError if those lengths differ.
    """
    if len(x.shape) == 0 or len(y.shape) == 0:
        return x * y
    if len(x.shape) <= 2 and len(y.shape) <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=([-1], [max(len(y.shape) - 2, 0)]))


@composed
def outer(x, y) -> Tensor:
    """Outer product: every element of x (flattened) times every element of y, shape (size of x, size of y)."""
    return reshape(x, shape=(-1, 1)) * reshape(y, shape=(1, -1))


@composed
def tensordot(x, y, axes: Counts = 2) -> Tensor:
    """Sum of products over pairs of axes: the last `axes` of x with the first of y, or two lists of axes.

    Raises: ShapeError if paired axes differ in length.
    """
    if not isinstance(axes, int) and len(axes) != 2:
        raise ShapeError(f"tensordot: axes must be a whole number or two lists of axes, not {axes!r}")
    if isinstance(axes, int):
        first, second = list(range(len(x.shape) - axes, len(x.shape))), list(range(axes))
    else:
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    first = [axis_index("tensordot", a, len(x.shape)) for a in first]
    second = [axis_index("tensordot", a, len(y.shape)) for a in second]
    if [x.shape[a] for a in first] != [y.shape[a] for a in second]:
        raise ShapeError(
            f"tensordot: axes {first} of {tuple(x.shape)} and {second} of {tuple(y.shape)} differ in length"
        )
    rows = [a for a in range(len(x.shape)) if a not in first]
    columns = [a for a in range(len(y.shape)) if a not in second]
    inner = int(np.prod([x.shape[a] for a in first]))
    left = reshape(transpose(x, axes=(*rows, *first)), shape=(int(np.prod([x.shape[a] for a in rows])), inner))
    right = reshape(transpose(y, axes=(*second, *columns)), shape=(inner, int(np.prod([y.shape[a] for a in columns]))))
    return reshape(left @ right, shape=(*(x.shape[a] for a in rows), *(y.shape[a] for a in columns)))


# ---- parts of a matrix


@primitive(jvp=LINEAR, samples=[on((3, 4)), on((2, 3, 3), k=-1)], vjp=dict(x=lambda g, k: tril(g, k=k)))
def tril(xp, x, *, k: int = 0):
    """The lower triangle of x, up to its k-th diagonal; 0 above."""
    return xp.tril(x, k)


@primitive(jvp=LINEAR, samples=[on((3, 4)), on((2, 3, 3), k=1)], vjp=dict(x=lambda g, k: triu(g, k=k)))
def triu(xp, x, *, k: int = 0):
    """The upper triangle of x, from its k-th diagonal; 0 below."""
    return xp.triu(x, k)


@composed
def diagonal(x, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of the planes spanned by two axes, as a new last axis."""
    if len(x.shape) < 2:
        raise ShapeError(f"diagonal: needs at least two axes, given shape {tuple(x.shape)}")
    axis1, axis2 = (axis_index("diagonal", a, len(x.shape)) for a in (axis1, axis2))
    if axis1 == axis2:
        raise ShapeError(f"diagonal: axis1 and axis2 must differ, both are {axis1}")
    others = tuple(i for i in range(len(x.shape)) if i not in (axis1, axis2))
    x = transpose(x, axes=(*others, axis1, axis2))
    rows, columns = x.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    along = np.arange(length)
    return x[..., along + max(-offset, 0), along + max(offset, 0)]


@composed
def trace(x, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of the diagonal."""
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)
