"""What kernels written by hand share: the text they begin with, and how they are launched. The 32 threads of a warp work
together.
"""

from .kernel import PREAMBLE

TEXT = (
    PREAMBLE
    + r"""
__device__ double larger(double a, double b) { return a > b || a != a ? a : b; }

__device__ double largest_of_warp(double a) {
    for (int step = 16; step; step /= 2) a = larger(__shfl_xor_sync(0xffffffffu, a, step), a);
    return a;
}

__device__ double sum_of_warp(double a) {
    for (int step = 16; step; step /= 2) a += __shfl_xor_sync(0xffffffffu, a, step);
    return a;
}
"""
)


class Kernels:
    """The kernels of a CUDA text with so many threads a block, each made when it is first launched."""

    def __init__(self, xp, text, threads):
        self.xp, self.text, self.threads = xp, text, threads
        self._made = {}

    def launch(self, name, grid, *arguments):
        """Launch a kernel on a number of blocks, or on (columns, rows) of them; on none nothing is done.

        It sees memory and no strides, so arrays that are not contiguous are copied first.
        """
        grid = grid if isinstance(grid, tuple) else (grid,)
        if name not in self._made:
            self._made[name] = self.xp.RawKernel(self.text, name)
        if all(grid):
            apart = lambda a: isinstance(a, self.xp.ndarray) and not a.flags.c_contiguous
            given = [self.xp.ascontiguousarray(a) if apart(a) else a for a in arguments]
            self._made[name](grid, (self.threads,), tuple(given))


def of_rows(g):
    """(g, how far apart its elements are) for a kernel that wants one of each row; one that was repeated is taken once."""
    return (g[:1], 0) if g.ndim == 1 and g.size and not g.strides[0] else (g, 1)
