"""Random numbers on a GPU: kernels that make the words of a stream and compute with them at once."""

from .base import philox
from .kernel import Kernel

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


def drawing(made, raw):
    """The Kernel that takes a key and a counter in place of words, and computes what `made` does of the words they give.

    The counter is a number, or with `raw` an array of one.
    """
    name = f"{made.name}_from_array" if raw else f"{made.name}_from_counter"
    inputs = made.inputs.replace("uint64 x0", f"uint64 key, {'raw ' * raw}uint64 first", 1)
    word = f"const unsigned long long x0 = philox_word(first{'[0]' * raw} + i, key);"
    run = lambda key, first, *numbers, size: made.run(philox(int(key), int(first.item()), size), *numbers)
    return Kernel(name, inputs, made.outputs, f"{word}\n{made.body}", run)
