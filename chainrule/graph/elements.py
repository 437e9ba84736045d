"""Which elements of a result depend on which of an operand, and their derivatives, found while the arrays are there."""

import numpy as np

from ..backends import owner


def jacobian(call, operands, slot, vjp=None):
    """The derivatives of single elements of call(*operands) by those of the operand in `slot`, as (i, j, derivative).

    Elements are counted row by row. There is one entry for each pair where element i of the result depends on element
    j, also if the derivative is 0; what does not depend has none. `vjp` turns a gradient of the result into one of
    the operand; without it the derivatives are None. A derivative is nan where the rule multiplies an infinity by the
    0 of another element. Costs one call for each j and one vjp for each i.

    Example:
        >>> import numpy as np
        >>> jacobian(np.max, [np.array([1.0, 5.0])], 0, lambda g: g * np.array([0.0, 1.0]))
        [(0, 0, 0.0), (0, 1, 1.0)]
    """
    depends = _dependence(call, operands, slot)
    if vjp is None:
        return [(i, j, None) for i, j in np.argwhere(depends).tolist()]
    out = call(*operands)
    backend = owner(out)
    units = backend.xp.eye(out.size, dtype=out.dtype).reshape(out.size, *out.shape)
    found = [backend.asarray(vjp(backend.asarray(unit))).reshape(-1) for unit in units]
    rows = backend.to_numpy(backend.xp.stack(found))
    depends |= (rows != 0) & (rows == rows)  # a nan where nothing depends is a 0 · inf of the rule's
    return [(i, j, rows[i, j].item()) for i, j in np.argwhere(depends).tolist()]


def _dependence(call, operands, slot):
    """Whether element i of the result depends on element j of the operand, as an array (i, j) on the host.

    It does if a nan that is put there comes out, or, where whole numbers choose what is read, another number.
    """
    backend = owner(call(*operands))
    xp = backend.xp
    clean = [xp.where(xp.isfinite(a), a, 1) if hasattr(a, "dtype") and a.dtype.kind == "f" else a for a in operands]
    before = backend.asarray(call(*clean)).reshape(-1)
    x = backend.asarray(clean[slot])
    other = xp.nan if x.dtype.kind == "f" else (x == 0).astype(x.dtype)
    places, changed = xp.arange(x.size).reshape(x.shape), []
    for j in range(x.size):
        clean[slot] = xp.where(places == j, other, x)
        changed.append(backend.asarray(call(*clean)).reshape(-1) != before)
    return backend.to_numpy(xp.stack(changed, axis=1))
