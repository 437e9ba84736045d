"""What a tensor may be given: numbers that its dtype holds. One rule, for every way in which values reach a tensor."""

import numpy as np

from ..backends import check, owner
from .errors import DtypeError


def cast(operation, array, dtype):
    """`array` in `dtype`, if that holds its numbers: floats are rounded, but nothing is cut off, wrapped around or made infinite.

    Raises: DtypeError otherwise; on a device, when a value is next read.
    """
    given, dtype = np.dtype(array.dtype), np.dtype(dtype)
    if given == dtype:
        return array
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if np.can_cast(given, dtype):
        return result
    xp = owner(array).xp
    lost = xp.isinf(result) & xp.isfinite(array) if dtype.kind == "f" else result != array
    check(
        ~lost.any(),
        lambda example: DtypeError(
            f"{operation}: {dtype} cannot hold all that is given{example}; use another dtype, or convert it first, "
            f"with .astype({str(dtype)!r}), if that is what you want"
        ),
        lambda: f", such as {np.asarray(array)[np.asarray(lost)].flat[0]}",
    )
    return result
