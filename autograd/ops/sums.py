"""How arrays are added up: float32 keeps its digits whatever the axes and the layout, float16 is added as float32.

NumPy adds in pairs along the axis that lies together in memory, and one by one along others: of a million float32 rows
the sum is 1 % off. Here rows are added by products with ones, block by block: also several times as fast.
"""

import numpy as np

from ...backends import FUSING, STRIDED, owner
from ..dtypes import wide

SHORT = 512  # so many numbers lose little however they are added
BLOCK = 256  # rows added by one product


def total(x, axis=None, keepdims=False):
    """Σ x along `axis`, as `x.sum` has it."""
    code = x.dtype.char
    if code in "ef" and (kernels := FUSING.get(type(x))):
        return kernels.sum(x, axis=axis, keepdims=keepdims)
    if code != "e" and (code != "f" or x.size <= SHORT or type(x) not in STRIDED):
        return x.sum(axis=axis, keepdims=keepdims)
    if code == "e":
        return total(x.astype(wide(x.dtype)), axis, keepdims).astype(x.dtype)
    if x.flags.c_contiguous:
        if axis is None or axis in (-1, x.ndim - 1):
            return x.sum(axis=axis, keepdims=keepdims)
        if axis == 0 and x.ndim == 2 and not keepdims:
            return rows(x)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    summed = [i in axes or i - x.ndim in axes for i in range(x.ndim)]
    if sum(summed) != len(axes):  # an axis that does not exist, or one given twice
        return x.sum(axis=axis, keepdims=keepdims)
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))  # as the axes lie in memory
    left = [i for i in order if not summed[i]]
    out = _collapsed(owner(x).xp.ascontiguousarray(x.transpose(order)), [summed[i] for i in order])
    out = out.reshape([x.shape[i] for i in left]).transpose(np.argsort(left).tolist())
    return out.reshape([1 if s else n for s, n in zip(summed, x.shape, strict=True)]) if keepdims else out


# for those who look whether it overflowed; a with-block takes twice as long
quiet_total = np.errstate(over="ignore")(total)


def _collapsed(x, summed):
    """The C-contiguous array x added up along the axes that are `summed`, in any shape."""
    while any(summed):
        end = len(summed) - summed[::-1].index(True)  # the last run of summed axes is start … end
        start = end
        while start and summed[start - 1]:
            start -= 1
        shape, inner = x.shape[:start], int(np.prod(x.shape[start:end]))
        if end == len(summed):
            x = x.reshape(*shape, inner).sum(axis=-1)
        else:
            x = rows(x.reshape(-1, inner, int(np.prod(x.shape[end:])))).reshape(*shape, *x.shape[end:])
        summed = summed[:start] + summed[end:]
    return x


def rows(x):
    """Σ x along the last axis but one, by BLAS: (…, n, k) → (…, k)."""
    n = x.shape[-2]
    while n > BLOCK:
        whole = n - n % BLOCK
        blocks = x[..., :whole, :].reshape(*x.shape[:-2], whole // BLOCK, BLOCK, x.shape[-1])
        rest = _ones(x, n - whole) @ x[..., whole:, :]
        x = owner(x).xp.concatenate([_ones(x, BLOCK) @ blocks, rest[..., None, :]], axis=-2)
        n = x.shape[-2]
    return product(_ones(x, n), x)


def product(x, y):
    """x @ y. NumPy's dot begins sooner than its matmul: a third of the time of small matrices. It has the same bits for arrays that lie
    together.
    """
    plain = np.ndarray is type(x) is type(y) and y.ndim == 2 >= x.ndim > 0 and x.flags.forc and y.flags.forc
    return x.dot(y) if plain else x @ y


_ONES = {dtype: np.ones(BLOCK, dtype) for dtype in "fd"}  # making them takes as long as small sums


def _ones(x, n):
    return _ONES[x.dtype.char][:n] if type(x) is np.ndarray else owner(x).xp.ones(n, x.dtype)
