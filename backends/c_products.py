"""Products of matrices in C: panels of B's columns, copied so that they lie together, meet the rows of A in registers.

Each element of the result is one sum, of at most DEPTH products after another and then over these sums, however the result is cut into
parts for threads: the bits are the same for any number of them.
"""

from __future__ import annotations

DEPTH = 1024
PACKED = 4 << 20  # bytes of A that are copied at a time
VECTOR = 64  # bytes of the widest vectors
ROWS = 8  # of A at a time, at most
# A is copied if it has so many bytes, and is read for so many columns of B
LARGE, OFTEN = 1 << 20, 128

PRODUCTS = (
    f"#define DEPTH {DEPTH}\n"
    + r"""
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
#define APART static NOINLINE
#define LANES ((int)(BYTES / sizeof(T)))

/* Rows of C, R at a time: V vectors of each row of B stay in registers, and each element of A meets all of them. A function of its own,
   as the places of R rows take all registers that there are. */
#define KERNEL(HOW, NAME, T, R, V) HOW void NAME(const T* A, int64_t ar, int64_t ac, const T* B, int64_t ldb, T* C, int64_t ldc, int64_t K, int add) { \
  typedef T vec __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias)); \
  vec sum[R][V]; \
  for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) sum[m][n] = (vec){0}; \
  for (int64_t k = 0; k < K; k++) { \
    vec b[V]; \
    for (int n = 0; n < V; n++) b[n] = *(const vec*)(B + k * ldb + n * LANES); \
    _Pragma("GCC unroll 8") for (int m = 0; m < R; m++) { vec a = A[m * ar + k * ac] - (vec){0}; for (int n = 0; n < V; n++) sum[m][n] += a * b[n]; } \
  } \
  if (add) for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) sum[m][n] += *(vec*)(C + m * ldc + n * LANES); \
  for (int m = 0; m < R; m++) for (int n = 0; n < V; n++) *(vec*)(C + m * ldc + n * LANES) = sum[m][n]; }

/* Vectors of N elements, and the transpose of N × N of them in registers. Stage s swaps blocks of s × s. */
#ifdef __clang__
#define SHUFFLE(a, b, IT, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, IT, ...) __builtin_shuffle(a, b, (IT){__VA_ARGS__})
#endif
#define E(N, j, s) (((j) & (s)) ? N + (j) - (s) : (j))
#define AT2(s, h) E(2,0,s)+h,E(2,1,s)+h
#define AT4(s, h) E(4,0,s)+h,E(4,1,s)+h,E(4,2,s)+h,E(4,3,s)+h
#define AT8(s, h) E(8,0,s)+h,E(8,1,s)+h,E(8,2,s)+h,E(8,3,s)+h,E(8,4,s)+h,E(8,5,s)+h,E(8,6,s)+h,E(8,7,s)+h
#define AT16(s, h) E(16,0,s)+h,E(16,1,s)+h,E(16,2,s)+h,E(16,3,s)+h,E(16,4,s)+h,E(16,5,s)+h,E(16,6,s)+h,E(16,7,s)+h, \
  E(16,8,s)+h,E(16,9,s)+h,E(16,10,s)+h,E(16,11,s)+h,E(16,12,s)+h,E(16,13,s)+h,E(16,14,s)+h,E(16,15,s)+h
#define STAGE(N, s) if (s < N) _Pragma("GCC unroll 16") for (int i = 0; i < N; i++) if (!(i & s)) { \
  vec a = r[i], b = r[i + s]; r[i] = SHUFFLE(a, b, index, AT##N(s, 0)); r[i + s] = SHUFFLE(a, b, index, AT##N(s, s)); }
#define TURN(NAME, T, I, N) INLINE void NAME(const T* from, int64_t ld, T* to, int64_t ldt) { \
  typedef T vec __attribute__((vector_size(N * sizeof(T)), aligned(sizeof(T)), may_alias)); \
  typedef I index __attribute__((vector_size(N * sizeof(T)))); \
  vec r[N]; \
  _Pragma("GCC unroll 16") for (int i = 0; i < N; i++) r[i] = *(const vec*)(from + i * ld); \
  STAGE(N, (N / 2)) STAGE(N, (N > 2 ? N / 4 : N)) STAGE(N, (N > 4 ? N / 8 : N)) STAGE(N, (N > 8 ? N / 16 : N)) \
  _Pragma("GCC unroll 16") for (int i = 0; i < N; i++) *(vec*)(to + i * ldt) = r[i]; }
#if BYTES == 64
TURN(turn_float, float, int32_t, 16) TURN(turn_double, double, int64_t, 8) TURN(rows_float, float, int32_t, ROWS) TURN(rows_double, double, int64_t, ROWS)
#elif BYTES == 32
TURN(turn_float, float, int32_t, 8) TURN(turn_double, double, int64_t, 4)
#else
TURN(turn_float, float, int32_t, 4) TURN(turn_double, double, int64_t, 2)
#endif
#if BYTES == 64
#define ROWS_TURNED(T, a, ar, to, K) for (; k + ROWS <= K; k += ROWS) rows_##T(a + k, ar, to + k * ROWS, ROWS)
#else
#define ROWS_TURNED(T, a, ar, to, K)
#endif

/* How a product is cut: parts of so many rows and columns, `down` of them below each other. At least 2^19 multiplications are worth a
   part, some ten microseconds, as less is lost again when one processor reads what another has written; and as many parts as threads, or
   a multiple of it. */
typedef struct { int64_t rows, columns, down, parts; } cut;
static cut cut_of(int64_t M, int64_t N, int64_t K, int wide) {
  int64_t most = M * N * K >> 19, down = 1, n, panels;
  if (M * N == 0) return (cut){1, 1, 1, 0};
  if (most < 2 || (n = threads()) < 2) return (cut){M, N, 1, 1};
  panels = (N + wide - 1) / wide;
  if (most > 4096) most = 4096;
  int64_t group = (panels + most - 1) / most, across = (panels + group - 1) / group;
  if (across < 4 * n) while (across * down % n && down < n && across * down < most) down++;
  int64_t rows = ((M + down - 1) / down + ROWS - 1) / ROWS * ROWS;
  down = (M + rows - 1) / rows;
  return (cut){rows, group * wide, down, across * down};
}

/* C = A B. `packed` has the rows of A by ROWS, those of one column of A together; if it is 0, A itself is read. A panel of columns of B
   that is no run of whole vectors, or is read often, is copied to `room` first. */
#define PRODUCT(NAME, T) \
  KERNEL(INLINE, NAME##_r2, T, ROWS, 2) KERNEL(APART, NAME##_r1, T, ROWS, 1) KERNEL(APART, NAME##_12, T, 1, 2) \
  KERNEL(APART, NAME##_11, T, 1, 1) KERNEL(APART, NAME##_22, T, 2, 2) KERNEL(APART, NAME##_21, T, 2, 1) \
  APART void NAME##_any(const T* A, int64_t ar, int64_t ac, const T* B, int64_t ldb, T* C, int64_t ldc, int64_t K, int add) { NAME##_r2(A, ar, ac, B, ldb, C, ldc, K, add); } \
  APART void NAME##_beside(const T* A, int64_t ac, const T* B, int64_t ldb, T* C, int64_t ldc, int64_t K, int add) { NAME##_r2(A, 1, ac, B, ldb, C, ldc, K, add); } \
  typedef struct { int64_t M, N, K; const T* A; int64_t ar, ac; const T* B; int64_t br, bc; T* C; int64_t ldc; int more; T* packed; cut cut; } NAME##_job; \
  static void NAME##_rows(void* with, int64_t number, char* room) { \
    const NAME##_job* q = with; int64_t first = number * 8 * ROWS, last = first + 8 * ROWS, ar = q->ar, ac = q->ac, K = q->K; \
    for (int64_t i = first; i < (last < q->M ? last : q->M); i += ROWS) { \
      const T* a = q->A + i * ar; T* to = q->packed + i * K; int rows = q->M - i < ROWS ? (int)(q->M - i) : ROWS; int64_t k = 0; \
      if (ar == 1 && rows == ROWS) for (; k < K; k++) memcpy(to + k * ROWS, a + k * ac, ROWS * sizeof(T)); \
      if (ac == 1 && rows == ROWS) { ROWS_TURNED(T, a, ar, to, K); } \
      for (; k < K; k++) for (int m = 0; m < rows; m++) to[k * ROWS + m] = a[m * ar + k * ac]; } } \
  static void NAME##_part(void* with, int64_t number, char* room) { \
    const NAME##_job* q = with; int64_t K = q->K, ldc = q->ldc, br = q->br, bc = q->bc; \
    int64_t left = number / q->cut.down * q->cut.columns, right = left + q->cut.columns < q->N ? left + q->cut.columns : q->N; \
    int64_t top = number % q->cut.down * q->cut.rows, below = top + q->cut.rows < q->M ? top + q->cut.rows : q->M; \
    T* panel = (T*)room; T edge[ROWS * 2 * BYTES / sizeof(T)]; \
    for (int64_t j = left; j < right;) { \
      int wide = right - j > LANES ? 2 * LANES : LANES, w = right - j < wide ? (int)(right - j) : wide; \
      int64_t ldb = br; const T* b = q->B + j * bc; \
      if (bc != 1 || w != wide || (below - top > 32 && K * br > 1 << 15)) { \
        int64_t k = 0; \
        if (bc == 1 && w == wide) for (; k < K; k++) memcpy(panel + k * wide, b + k * br, wide * sizeof(T)); \
        if (br == 1 && w == wide) for (; k + LANES <= K; k += LANES) for (int n = 0; n < wide; n += LANES) turn_##T(b + n * bc + k, bc, panel + k * wide + n, wide); \
        for (; k < K; k++) for (int n = 0; n < wide; n++) panel[k * wide + n] = n < w ? b[k * br + n * bc] : 0; \
        b = panel; ldb = wide; } \
      for (int64_t i = top; i < below;) { \
        int rows = below - i >= ROWS ? ROWS : below - i >= 2 ? 2 : 1, whole = w == wide, add = q->more && whole; \
        T* C = q->C + i * ldc + j; T* c = whole ? C : edge; int64_t ld = whole ? ldc : wide, ar = q->packed ? 1 : q->ar, ac = q->packed ? ROWS : q->ac; \
        const T* a = q->packed ? q->packed + i / ROWS * ROWS * K + i % ROWS : q->A + i * ar; \
        if (wide == 2 * LANES) { if (rows == ROWS && ar == 1) NAME##_beside(a, ac, b, ldb, c, ld, K, add); else if (rows == ROWS) NAME##_any(a, ar, ac, b, ldb, c, ld, K, add); else if (rows == 2) NAME##_22(a, ar, ac, b, ldb, c, ld, K, add); else NAME##_12(a, ar, ac, b, ldb, c, ld, K, add); } \
        else { if (rows == ROWS) NAME##_r1(a, ar, ac, b, ldb, c, ld, K, add); else if (rows == 2) NAME##_21(a, ar, ac, b, ldb, c, ld, K, add); else NAME##_11(a, ar, ac, b, ldb, c, ld, K, add); } \
        if (!whole) for (int m = 0; m < rows; m++) for (int n = 0; n < w; n++) C[m * ldc + n] = q->more ? C[m * ldc + n] + edge[m * wide + n] : edge[m * wide + n]; \
        i += rows; } \
      j += wide; } } \
  static NOINLINE void NAME(int64_t M, int64_t N, int64_t K, const T* A, int64_t ar, int64_t ac, const T* B, int64_t br, int64_t bc, T* C, int64_t ldc, char* room, int64_t apart) { \
    for (int64_t k = 0; k < K; k += DEPTH) { \
      int64_t deep = K - k < DEPTH ? K - k : DEPTH, block = apart ? apart / (int64_t)sizeof(T) / deep / ROWS * ROWS : M; \
      for (int64_t i = 0; i < M; i += block) { \
        NAME##_job q = {M - i < block ? M - i : block, N, deep, A + i * ar + k * ac, ar, ac, B + k * br, br, bc, C + i * ldc, ldc, k > 0, apart ? (T*)room : 0}; \
        q.cut = cut_of(q.M, N, deep, 2 * LANES); \
        if (apart) parallel(NAME##_rows, &q, (q.M + 8 * ROWS - 1) / (8 * ROWS), room + apart); \
        if (q.cut.parts == 1) NAME##_part(&q, 0, room + apart); \
        else parallel(NAME##_part, &q, q.cut.parts, room + apart); } } }

#define T float
PRODUCT(product_float, float)
#undef T
#define T double
PRODUCT(product_double, double)
#undef T
"""
)


def room(m: int, n: int, k: int, nbytes: int, together: bool) -> tuple[int, int]:
    """(bytes that a product needs for parts of its operands, how many of them are for rows of A: none where A is read as it lies).

    together: whether the elements of a row of A lie together; then there is little to win.
    """
    deep = min(k, DEPTH)
    rows = -(-m // ROWS) * ROWS * deep * nbytes
    apart = 0 if together or n < OFTEN or rows < LARGE else min(rows, PACKED)
    return apart + deep * 2 * VECTOR + VECTOR, apart
