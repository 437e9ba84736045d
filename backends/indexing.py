"""Indices on a GPU: positions are looked at where they are, and sums over repeated ones are taken in their order."""

from math import prod

from .kernel import C_TYPES
from .warp import Kernels

LOOK = """
extern "C" __global__ void positions(const INDEX* index, long long* place, bool* ok, long long n, long long size) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    INDEX given = index[i];
    long long at = (long long)given;
    bool inside = at >= -n && at < n && (at < 0) == (given < (INDEX)0);  // a large one without sign is below 0 as `at`
    if (!inside) *ok = false;
    place[i] = !inside ? 0 : at < 0 ? at + n : at;
}
"""

# rows of values of which those with the same place, neighbours in `order`, are added up by one thread for each column
ADD = """
extern "C" __global__ void add_in_order(const REAL* values, const long long* place, const long long* order, REAL* out,
                                        long long rows, long long width) {
    long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= rows * width) return;
    long long row = t / width, column = t % width, at = place[order[row]];
    if (row && place[order[row - 1]] == at) return;
    double sum = (double)out[at * width + column];
    for (; row < rows && place[order[row]] == at; ++row) sum += (double)values[order[row] * width + column];
    out[at * width + column] = (REAL)sum;
}
"""
THREADS = 128  # of a block
LARGEST = 1 << 16  # bytes of an array of the host that the device keeps


class Indexing:
    """The two kernels, for any dtype. `xp` is CuPy, or a stand-in."""

    def __init__(self, xp):
        self.xp = xp
        self._kernels = {}

    def positions(self, index, n, ok):
        """`index`, integers in [-n, n), as integers in [0, n); for one out of range 0, and the array `ok` becomes false."""
        place = self.xp.empty(index.shape, "int64")
        self._launch(
            "positions", LOOK, "INDEX", C_TYPES[index.dtype.char], index.size, (index, place, ok, n, index.size)
        )
        return place

    def add_in_order(self, out, index, values):
        """out[index] += values, in the order of the index at positions that are repeated; `out` is contiguous."""
        xp, parts = self.xp, index if isinstance(index, tuple) else (index,)
        rows = all(isinstance(part, xp.ndarray) and part.dtype.kind != "b" for part in parts)
        lead = len(parts) if rows else out.ndim  # the first axes, of which a place is one element
        if rows and lead == 1:
            (place,) = parts
        else:
            place = xp.arange(prod(out.shape[:lead])).reshape(out.shape[:lead])[index]
        values = xp.broadcast_to(values.astype(out.dtype, copy=False), (*place.shape, *out.shape[lead:]))
        place = place.reshape(-1).astype("int64", copy=False)
        order = xp.argsort(place, kind="stable")
        kind, size = C_TYPES[out.dtype.char], values.size
        self._launch(
            "add_in_order", ADD, "REAL", kind, size, (values, place, order, out, place.size, prod(out.shape[lead:]))
        )

    def _launch(self, name, text, letter, kind, size, arguments):
        if (name, kind) not in self._kernels:
            self._kernels[name, kind] = Kernels(self.xp, f"#define {letter} {kind}\n{text}", THREADS)
        self._kernels[name, kind].launch(name, -(-size // THREADS), *arguments)
