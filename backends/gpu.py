"""The GPU: CuPy arrays. Imported only when first asked for, and importable without a GPU."""

from .base import Backend

# Philox4x64-10, one thread for each output word. The words equal NumPy's; see `philox` in base.py.
PHILOX = """
__device__ unsigned long long philox_word(unsigned long long word, unsigned long long key) {
    unsigned long long c0 = word / 4, c1 = 0, c2 = 0, c3 = 0, k0 = key, k1 = 0;
    for (int round = 0; round < 10; ++round) {
        unsigned long long high0 = __umul64hi(0xD2E7470EE14C6C93ULL, c0), low0 = 0xD2E7470EE14C6C93ULL * c0;
        unsigned long long high1 = __umul64hi(0xCA5A826395121157ULL, c2), low1 = 0xCA5A826395121157ULL * c2;
        c0 = high1 ^ c1 ^ k0;  c1 = low1;
        c2 = high0 ^ c3 ^ k1;  c3 = low0;
        k0 += 0x9E3779B97F4A7C15ULL;  k1 += 0xBB67AE8584CAA73BULL;
    }
    switch (word % 4) { case 0: return c0; case 1: return c1; case 2: return c2; default: return c3; }
}
"""


class Cuda(Backend):
    """CuPy on the current CUDA device. `cupy` is the module, or a stand-in that behaves like it."""

    name = "cuda"

    def __init__(self, cupy):
        self.xp = cupy
        self.array_type = cupy.ndarray
        self.types = (cupy.ndarray,)
        self._philox = {}  # the kernel, by what its counter is

    def to_numpy(self, array):
        return self.xp.asnumpy(array)

    def random_bits(self, key, counter, n):
        raw = isinstance(counter, self.xp.ndarray)  # then nobody on the host knows it, as in a captured graph
        if raw not in self._philox:
            self._philox[raw] = self.xp.ElementwiseKernel(
                f"uint64 key, {'raw ' * raw}uint64 first",
                "uint64 bits",
                f"bits = philox_word(first{'[0]' * raw} + i, key)",
                "chainrule_philox_from_array" if raw else "chainrule_philox",
                preamble=PHILOX,
            )
        return self._philox[raw](key, counter, size=n)

    def synchronize(self):
        self.xp.cuda.get_current_stream().synchronize()

    def memory(self):
        pool = self.xp.get_default_memory_pool()
        return {"used": pool.used_bytes(), "reserved": pool.total_bytes()}

    def available(self):
        return self.xp.cuda.is_available()


def load():
    """The CuPy backend; ImportError where CuPy is not installed."""
    import cupy

    return Cuda(cupy)
