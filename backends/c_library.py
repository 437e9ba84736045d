"""The C library that all programs call: products of matrices, and random words. It is compiled once."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from .compiler import NoCompiler, load

TEXT = r"""
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#define BYTES 64
#define ROWS 8
#elif defined(__AVX__)
#define BYTES 32
#define ROWS 6
#else
#define BYTES 16
#define ROWS 6
#endif
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define L ((int)(BYTES / sizeof(T)))

/* Rows of C, R at a time: V vectors of each row of B stay in registers, and each element of A meets all of them. */
#define KERNEL(NAME, T, R, V) INLINE void NAME(const T* A, int64_t ar, int64_t ac, const T* B, int64_t ldb, T* C, int64_t ldc, int64_t K, int add) { \
  typedef T vec __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias)); \
  vec sum[R][V]; \
  for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) sum[m][n] = (vec){0}; \
  for (int64_t k = 0; k < K; k++) { \
    vec b[V]; \
    for (int n = 0; n < V; n++) b[n] = *(const vec*)(B + k * ldb + n * L); \
    _Pragma("GCC unroll 8") for (int m = 0; m < R; m++) { vec a = A[m * ar + k * ac] - (vec){0}; for (int n = 0; n < V; n++) sum[m][n] += a * b[n]; } \
  } \
  if (add) for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) sum[m][n] += *(vec*)(C + m * ldc + n * L); \
  for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) *(vec*)(C + m * ldc + n * L) = sum[m][n]; }

/* C = A B in panels of columns, of at most DEPTH rows of B, so that long sums keep their digits. A panel that is no run of whole
   vectors, or is read often, is copied to `work` first. */
#define DEPTH 1024
#define PRODUCT(NAME, T, TURN) \
  KERNEL(NAME##_r2, T, ROWS, 2) KERNEL(NAME##_12, T, 1, 2) KERNEL(NAME##_r1, T, ROWS, 1) KERNEL(NAME##_11, T, 1, 1) KERNEL(NAME##_22, T, 2, 2) KERNEL(NAME##_21, T, 2, 1) \
  INLINE void NAME##_part(int64_t M, int64_t N, int64_t K, const T* A, int64_t ar, int64_t ac, const T* B, int64_t br, int64_t bc, T* C, int64_t ldc, char* work, int more) { \
    T* packed = (T*)work; T edge[ROWS * 2 * BYTES / sizeof(T)]; \
    for (int64_t j = 0; j < N;) { \
      int wide = N - j > L ? 2 * L : L, w = N - j < wide ? (int)(N - j) : wide; \
      int64_t ldb = br; const T* b = B + j * bc; \
      if (bc != 1 || w != wide || (M > 32 && K * br > 1 << 15)) { \
        int64_t k = 0; \
        if (bc == 1 && w == wide) for (; k < K; k++) memcpy(packed + k * wide, b + k * br, wide * sizeof(T)); \
        if (br == 1 && w == wide) k = TURN(b, bc, packed, wide, K); \
        for (; k < K; k++) for (int n = 0; n < wide; n++) packed[k * wide + n] = n < w ? b[k * br + n * bc] : 0; \
        b = packed; ldb = wide; } \
      for (int64_t i = 0; i < M;) { \
        int rows = M - i >= ROWS ? ROWS : M - i >= 2 ? 2 : 1, whole = w == wide, add = more && whole; \
        T* c = whole ? C + i * ldc + j : edge; int64_t ld = whole ? ldc : wide; const T* a = A + i * ar; \
        if (wide == 2 * L) { if (rows == ROWS) NAME##_r2(a, ar, ac, b, ldb, c, ld, K, add); else if (rows == 2) NAME##_22(a, ar, ac, b, ldb, c, ld, K, add); else NAME##_12(a, ar, ac, b, ldb, c, ld, K, add); } \
        else { if (rows == ROWS) NAME##_r1(a, ar, ac, b, ldb, c, ld, K, add); else if (rows == 2) NAME##_21(a, ar, ac, b, ldb, c, ld, K, add); else NAME##_11(a, ar, ac, b, ldb, c, ld, K, add); } \
        if (!whole) for (int m = 0; m < rows; m++) for (int n = 0; n < w; n++) { \
          T* to = C + (i + m) * ldc + j + n; *to = more ? *to + edge[m * wide + n] : edge[m * wide + n]; } \
        i += rows; } \
      j += wide; } } \
  static NOINLINE void NAME##_more(int64_t M, int64_t N, int64_t K, const T* A, int64_t ar, int64_t ac, const T* B, int64_t br, int64_t bc, T* C, int64_t ldc, char* work) { \
    for (int64_t k = DEPTH; k < K; k += DEPTH) NAME##_part(M, N, K - k < DEPTH ? K - k : DEPTH, A + k * ac, ar, ac, B + k * br, br, bc, C, ldc, work, 1); } \
  static NOINLINE void NAME(int64_t M, int64_t N, int64_t K, const T* A, int64_t ar, int64_t ac, const T* B, int64_t br, int64_t bc, T* C, int64_t ldc, char* work) { \
    NAME##_part(M, N, K < DEPTH ? K : DEPTH, A, ar, ac, B, br, bc, C, ldc, work, 0); \
    if (K > DEPTH) NAME##_more(M, N, K, A, ar, ac, B, br, bc, C, ldc, work); }

#define STAY(b, bc, packed, wide, K) 0
#define T float
#if BYTES == 64
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t m16 __attribute__((vector_size(64)));
#ifdef __clang__
#define MIX(a, b, s, h) __builtin_shufflevector(a, b, E(0,s)+h,E(1,s)+h,E(2,s)+h,E(3,s)+h,E(4,s)+h,E(5,s)+h,E(6,s)+h,E(7,s)+h,E(8,s)+h,E(9,s)+h,E(10,s)+h,E(11,s)+h,E(12,s)+h,E(13,s)+h,E(14,s)+h,E(15,s)+h)
#else
#define MIX(a, b, s, h) __builtin_shuffle(a, b, (m16){E(0,s)+h,E(1,s)+h,E(2,s)+h,E(3,s)+h,E(4,s)+h,E(5,s)+h,E(6,s)+h,E(7,s)+h,E(8,s)+h,E(9,s)+h,E(10,s)+h,E(11,s)+h,E(12,s)+h,E(13,s)+h,E(14,s)+h,E(15,s)+h})
#endif
#define E(j, s) ((j) & (s) ? 16 + (j) - (s) : (j))
#define STAGE(s) _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) if (!(i & s)) { v16 a = r[i], b = r[i + s]; r[i] = MIX(a, b, s, 0); r[i + s] = MIX(a, b, s, s); }
INLINE void turn16(const float* B, int64_t ldb, float* to, int64_t ld) {
  v16 r[16];
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) r[i] = *(const v16*)(B + i * ldb);
  STAGE(8) STAGE(4) STAGE(2) STAGE(1)
  _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) *(v16*)(to + i * ld) = r[i];
}
/* columns that lie together become rows, 16 × 16 at a time, in registers */
static int64_t turn(const float* b, int64_t bc, float* packed, int wide, int64_t K) {
  int64_t k = 0;
  for (; k + 16 <= K; k += 16) for (int n = 0; n < wide; n += 16) turn16(b + n * bc + k, bc, packed + k * wide + n, wide);
  return k;
}
#define TURNED turn
#else
#define TURNED STAY
#endif
PRODUCT(product_float, float, TURNED)
#undef T
#define T double
PRODUCT(product_double, double, STAY)
#undef T

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
STRUCT = r"""
typedef struct {
  void (*product)(int64_t, int64_t, int64_t, const float*, int64_t, int64_t, const float*, int64_t, int64_t, float*, int64_t, char*);
  void (*product_double)(int64_t, int64_t, int64_t, const double*, int64_t, int64_t, const double*, int64_t, int64_t, double*, int64_t, char*);
  void (*philox)(uint64_t, uint64_t, uint64_t, int64_t, uint64_t*);
  void (*sgemm)(int, int, int, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float, float*, int64_t);
  void (*dgemm)(int, int, int, int64_t, int64_t, int64_t, double, const double*, int64_t, const double*, int64_t, double, double*, int64_t);
} library;
"""
END = "static library all = {product_float, product_double, philox, 0, 0};\nvoid* cr_library(void* s, void* d) { all.sgemm = s; all.dgemm = d; return &all; }\n"


def panel(k: int) -> int:
    """Bytes that a product over k needs for a panel: two vectors, at their widest, for each row of B."""
    return min(k, 1024) * 2 * 64 + 64


@cache
def blas() -> tuple[int, int] | None:
    """The addresses of the products in the OpenBLAS inside NumPy's wheel, which takes 64-bit integers; None where it is not found."""
    for path in _libraries():
        try:
            found = ctypes.CDLL(path)
            address = lambda f: ctypes.cast(f, ctypes.c_void_p).value or 0
            return address(found.scipy_cblas_sgemm64_), address(found.scipy_cblas_dgemm64_)
        except (OSError, AttributeError):
            continue
    return None


def large() -> int:
    """How many multiplications a product of matrices takes from which on BLAS is faster, where it is found: late with one thread."""
    return 1 << 62 if blas() is None else 1 << 22 if threads() > 1 else 1 << 27


def threads() -> int:
    """How many threads BLAS takes."""
    return _count()() if blas() is not None else 1


@cache
def _count():
    for path in _libraries():
        try:
            return ctypes.CDLL(path).scipy_openblas_get_num_threads64_
        except (OSError, AttributeError):
            continue
    return lambda: 1


def _libraries():
    place = Path(np.__file__).parent
    return [
        str(path) for where in (place.parent / "numpy.libs", place / ".dylibs") for path in where.glob("*openblas*")
    ]


@cache
def library() -> int:
    """The address of the library's functions.

    Raises: NoCompiler.
    """
    loaded = load(TEXT + STRUCT + END, ("-ffp-contract=fast",))
    loaded.cr_library.restype = ctypes.c_void_p
    loaded.cr_library.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    address = loaded.cr_library(*(blas() or (None, None)))
    if not address:
        raise NoCompiler("the library cannot be loaded")
    return address
