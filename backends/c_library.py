"""The C library that all programs call: threads, products of matrices, and random words. It is compiled once."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

import numpy as np

from .c_products import PRODUCTS
from .c_threads import THREADS
from .compiler import NoCompiler, load

TEXT = (
    THREADS
    + PRODUCTS
    + r"""
/* Philox4x64-10: words of the stream of a key, from word `counter` on */
static void philox(uint64_t k0, uint64_t k1, uint64_t counter, int64_t n, uint64_t* out) {
  uint64_t block = counter / 4, skip = counter % 4;
  for (int64_t i = -(int64_t)skip; i < n; i += 4, block++) {
    uint64_t c0 = block, c1 = 0, c2 = 0, c3 = 0, a = k0, b = k1;
    for (int round = 0; round < 10; round++) {
      unsigned __int128 p = (unsigned __int128)0xD2E7470EE14C6C93ull * c0, q = (unsigned __int128)0xCA5A826395121157ull * c2;
      c0 = (uint64_t)(q >> 64) ^ c1 ^ a; c2 = (uint64_t)(p >> 64) ^ c3 ^ b; c1 = (uint64_t)q; c3 = (uint64_t)p;
      a += 0x9E3779B97F4A7C15ull; b += 0xBB67AE8584CAA73Bull;
    }
    uint64_t words[4] = {c0, c1, c2, c3};
    for (int w = 0; w < 4; w++) if (i + w >= 0 && i + w < n) out[i + w] = words[w];
  }
}
"""
)
STRUCT = r"""
#include <stdint.h>
typedef void part(void* with, int64_t number, char* room);
typedef struct {
  void (*product)(int64_t, int64_t, int64_t, const float*, int64_t, int64_t, const float*, int64_t, int64_t, float*, int64_t, char*, int64_t);
  void (*product_double)(int64_t, int64_t, int64_t, const double*, int64_t, int64_t, const double*, int64_t, int64_t, double*, int64_t, char*, int64_t);
  void (*philox)(uint64_t, uint64_t, uint64_t, int64_t, uint64_t*);
  void (*parallel)(part*, void*, int64_t, char*);
  void (*sgemm)(int, int, int, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float, float*, int64_t);
  void (*dgemm)(int, int, int, int64_t, int64_t, int64_t, double, const double*, int64_t, const double*, int64_t, double, double*, int64_t);
} library;
"""
END = r"""
static library all = {product_float, product_double, philox, parallel, 0, 0};
library* cr_library(void* s, void* d, void* count, int otherwise) {
  all.sgemm = s, all.dgemm = d, asked = count, unasked = otherwise;
  return &all;
}
void cr_threads(int n) { fixed = n; }
int cr_bytes(void) { return BYTES; }
"""
WIDE = 32  # bytes of vectors with which our products are as fast as OpenBLAS's


def blas() -> tuple[int, int] | None:
    """The addresses of the products in the OpenBLAS inside NumPy's wheel, which takes 64-bit integers; None where it is not found."""
    single, double, _ = openblas()
    return (single, double) if single and double else None


def large() -> int:
    """How many multiplications a product of matrices takes from which on BLAS is faster: late with one thread.

    Raises: NoCompiler.
    """
    if blas() is None or vector() >= WIDE:
        return 1 << 62
    return 1 << 22 if _cores() > 1 else 1 << 27


def limit(n: int) -> None:
    """How many threads programs take from now on; 0: as many as NumPy's BLAS takes at that moment.

    Raises: NoCompiler.
    """
    library()
    loaded().cr_threads(n)


@cache
def openblas() -> tuple[int, ...]:
    """The addresses of two products, and of what says how many threads they take; zeros where they are not found."""
    place = Path(np.__file__).parent
    for where in (place.parent / "numpy.libs", place / ".dylibs"):
        for path in where.glob("*openblas*"):
            try:
                found = ctypes.CDLL(str(path))
                names = "cblas_sgemm", "cblas_dgemm", "openblas_get_num_threads"
                return tuple([ctypes.cast(found[f"scipy_{name}64_"], ctypes.c_void_p).value or 0 for name in names])
            except (OSError, AttributeError):
                continue
    return 0, 0, 0


def _cores() -> int:
    """How many threads this process may have, where BLAS does not say."""
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    may = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(named), may) if named.isdecimal() and int(named) else may


@cache
def vector() -> int:
    """Bytes of the vectors that the compiler makes.

    Raises: NoCompiler.
    """
    return loaded().cr_bytes()


def loaded() -> ctypes.CDLL:
    return load(STRUCT + TEXT + END, ("-ffp-contract=fast", "-pthread"))


@cache
def library() -> int:
    """The address of the library's functions.

    Raises: NoCompiler.
    """
    found = loaded()
    found.cr_library.restype = ctypes.c_void_p
    found.cr_library.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    address = found.cr_library(*openblas(), _cores())
    if not address:
        raise NoCompiler("the library cannot be loaded")
    return address
