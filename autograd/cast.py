"""What a tensor may be given: numbers that its dtype holds. One rule, for every way in which values reach a tensor.

Floats are rounded, and a truth value is whether a number is not 0; else nothing changes: no fraction is cut off, nothing wraps
around or becomes infinite. `Tensor.to` is the way to cut fractions off and to wrap.
"""

import numpy as np

from ..backends import check, owner
from .errors import DtypeError


def cast(operation, array, dtype, advice="use another dtype, or convert it first, e.g. with .astype({!r})"):
    """`array` in `dtype`, if that holds its numbers.

    Raises: DtypeError otherwise; on a device, when a value is next read.
    """
    given, dtype = np.dtype(array.dtype), np.dtype(dtype)
    if given == dtype:
        return array
    with np.errstate(all="ignore"):
        result = array.astype(dtype)
    if dtype.kind == "b" or np.can_cast(given, dtype):
        return result
    xp = owner(array).xp
    lost = xp.isinf(result) & xp.isfinite(array) if dtype.kind == "f" else result != array
    check(
        ~lost.any(),
        lambda example: DtypeError(
            f"{operation}: {dtype} cannot hold all that is given{example}; {advice.format(str(dtype))}"
        ),
        lambda: f", such as {np.asarray(array)[np.asarray(lost)].flat[0]}",
    )
    return result


def beside(operation, number, array):
    """Check that a Python number that is to stand among those of `array` can do so; other operands are promoted.

    Raises: DtypeError otherwise.
    """
    kind, dtype = type(number), getattr(array, "dtype", None)
    if dtype is None or kind not in (int, float) or 0 <= number <= 127:  # most often: all dtypes hold it
        return
    if dtype.kind == "f" or (kind is int and dtype.kind in "iu"):
        if kind is int and not -(1 << 63) <= number < 1 << 64:  # of which NumPy makes no number
            number = float(min(max(number, -HUGE), HUGE))
        cast(operation, np.asarray(number), dtype)


HUGE = 2.0**1023
