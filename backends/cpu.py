"""The CPU: NumPy arrays. (Not named numpy.py, which would shadow NumPy.)"""

from collections import defaultdict
from math import inf, isfinite

import numpy as np

from .base import Backend

_SCALARS = tuple({np.dtype(code).type for code in np.typecodes["All"] if code not in "OSUVMm"})

# above it, the digits that terms near 0 lose do not matter to a sum of squares
_LEAST: dict[np.dtype, float] = defaultdict(int)
_LEAST |= {np.dtype(f): float(np.finfo(f).tiny / np.finfo(f).eps) for f in (np.float16, np.float32, np.float64)}

# The C library of Linux gives memory of 128 kB and more back at once, and every new array pays for its pages again: more
# than for its arithmetic. Having freed one block of nearly 32 MB, which is never touched, it keeps what it has.
np.empty(31 << 20, np.uint8)


class Cpu(Backend):
    name = "cpu"
    xp = np
    on_host = True
    array_type = np.ndarray
    types = (np.ndarray, *_SCALARS)

    def fits(self, squares):
        least = _LEAST[squares.dtype]
        if squares.ndim == 0:
            return least <= squares < inf
        return not squares.size or least <= squares.min() and squares.max() < inf

    def overflowed(self, result):
        return not (isfinite(result) if result.ndim == 0 else np.isfinite(result).all())

    def frozen(self, array):
        view = array.view()
        view.flags.writeable = False
        return view

    def to_numpy(self, array):
        return np.array(array)

    def memory(self):
        try:
            with open("/proc/self/statm") as statm:
                import resource

                return {"resident": int(statm.read().split()[1]) * resource.getpagesize()}
        except OSError:
            return {}
