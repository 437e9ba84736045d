"""C functions of numbers which compilers turn into vector instructions: no branch, no table, no call.

float32 exp, expm1, log, log1p, tanh, cosh and sinh are within 2.1 ulp of the exact value, float64 exp within 1; all others are the C library's.
NaN, infinities, signed zeros and denormals come out as they do there.
"""

MATH = r"""
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#if defined(__GNUC__) && !defined(__clang__)
#define QUICKLY __attribute__((optimize("O1"))) /* a list of calls, of which a compiler makes much work otherwise */
#define FUSED __attribute__((optimize("fp-contract=fast"))) /* with fused multiply-adds */
#define FUSED_HERE
#else
#define QUICKLY
#define FUSED
#define FUSED_HERE _Pragma("clang fp contract(fast)")
#endif
#ifdef __FP_FAST_FMAF
#define FMAF(a, b, c) __builtin_fmaf(a, b, c)
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMAF(a, b, c) ((a) * (b) + (c))
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
INLINE float cr_float(int32_t bits) { float f; memcpy(&f, &bits, 4); return f; }
INLINE int32_t cr_bits(float f) { int32_t bits; memcpy(&bits, &f, 4); return bits; }
INLINE double cr_double(int64_t bits) { double d; memcpy(&d, &bits, 8); return d; }
/* 2 to the power of n, -126 to 127 */
INLINE float cr_two(int32_t n) { return cr_float((int32_t)((uint32_t)(n + 127) << 23)); }
INLINE double cr_two_double(int64_t n) { return cr_double((int64_t)((uint64_t)(n + 1023) << 52)); }
/* exp(r) - 1 for r within half of ln 2 */
INLINE float cr_small(float r) {
  float p = 1.9875691500e-4f;
  p = FMAF(p, r, 1.3981999507e-3f); p = FMAF(p, r, 8.3334519073e-3f); p = FMAF(p, r, 4.1665795894e-2f);
  p = FMAF(p, r, 1.6666665459e-1f); p = FMAF(p, r, 5.0000001201e-1f);
  return FMAF(p, r * r, r);
}
/* exp(x) times 2 to the power of `more`, 0 or -1 */
INLINE float cr_exp_times(float x, int32_t more) {
  float c = x > 90.f ? 90.f : x; c = c < -104.f ? -104.f : c;
  float n = rintf(c * 1.44269504f), r = FMAF(n, 2.12194440e-4f, FMAF(n, -0.693359375f, c));
  int32_t whole = (int32_t)n + more, half = whole >> 1;
  return (cr_small(r) + 1.f) * cr_two(half) * cr_two(whole - half);
}
INLINE float cr_expf(float x) { return cr_exp_times(x, 0); }
INLINE float cr_expm1f(float x) {
  float c = x > 89.f ? 89.f : x; c = c < -18.f ? -18.f : c;
  float n = rintf(c * 1.44269504f), r = FMAF(n, 2.12194440e-4f, FMAF(n, -0.693359375f, c));
  float s = cr_two((int32_t)n - 1), y = FMAF(s, cr_small(r), s - .5f) * 2.f;
  return fabsf(x) < 1e-8f ? x : y;
}
INLINE float cr_tanhf(float x) {
  float a = fabsf(x), z = a * a, p = -5.70498872745e-3f;
  p = FMAF(p, z, 2.06390887954e-2f); p = FMAF(p, z, -5.37397155531e-2f); p = FMAF(p, z, 1.33314422036e-1f);
  p = FMAF(p, z, -3.33332819422e-1f);
  float near = FMAF(p * z, a, a), far = 1.f - 2.f / (cr_expf(2.f * a) + 1.f);
  return copysignf(a < .625f ? near : far, x);
}
INLINE float cr_coshf(float x) { float h = cr_exp_times(fabsf(x), -1); return h + .25f / h; }
INLINE float cr_sinhf(float x) {
  float a = fabsf(x), h = cr_exp_times(a, -1), e = cr_expm1f(a < 2.f ? a : 2.f);
  return copysignf(a < 1.f ? .5f * (e + e / (e + 1.f)) : h - .25f / h, x);
}
INLINE float cr_logf(float x) {
  float scaled = x < 1.17549435e-38f ? x * 8388608.f : x;
  int32_t bits = cr_bits(scaled), e = ((bits >> 23) & 255) - 126 - (x < 1.17549435e-38f ? 23 : 0);
  float m = cr_float((bits & 0x7fffff) | 0x3f000000), low = m < .707106781f ? 1.f : 0.f;
  float n = (float)e - low; m = m + (low != 0.f ? m : 0.f) - 1.f;
  float z = m * m, p = 7.0376836292e-2f;
  p = FMAF(p, m, -1.1514610310e-1f); p = FMAF(p, m, 1.1676998740e-1f); p = FMAF(p, m, -1.2420140846e-1f);
  p = FMAF(p, m, 1.4249322787e-1f); p = FMAF(p, m, -1.6668057665e-1f); p = FMAF(p, m, 2.0000714765e-1f);
  p = FMAF(p, m, -2.4999993993e-1f); p = FMAF(p, m, 3.3333331174e-1f);
  float y = FMAF(n, .693359375f, FMAF(n, -2.12194440e-4f, FMAF(-.5f, z, p * m * z)) + m);
  return x > 0.f ? (x > 3.4028235e38f ? x : y) : x == 0.f ? -INFINITY : NAN;
}
INLINE float cr_log1pf(float x) {
  float u = 1.f + x, y = cr_logf(u) + (x - (u - 1.f)) / u;
  return x > 3.4028235e38f || x == 0.f ? x : x == -1.f ? -INFINITY : y;
}
INLINE double cr_exp(double x) {
  double c = x > 710. ? 710. : x; c = c < -746. ? -746. : c;
  double n = rint(c * 1.4426950408889634), r = FMA(n, -1.90821492927058770002e-10, FMA(n, -6.93147180369123816490e-01, c));
  double p = 1. / 6227020800.;
  p = FMA(p, r, 1. / 479001600.); p = FMA(p, r, 1. / 39916800.); p = FMA(p, r, 1. / 3628800.); p = FMA(p, r, 1. / 362880.);
  p = FMA(p, r, 1. / 40320.); p = FMA(p, r, 1. / 5040.); p = FMA(p, r, 1. / 720.); p = FMA(p, r, 1. / 120.);
  p = FMA(p, r, 1. / 24.); p = FMA(p, r, 1. / 6.); p = FMA(p, r, .5);
  double y = FMA(p, r * r, r) + 1.;
  int32_t whole = (int32_t)n, half = whole >> 1;
  return y * cr_two_double(half) * cr_two_double(whole - half);
}
/* as NumPy divides with a remainder */
#define DIVIDE(T, S) \
  INLINE T cr_remainder##S(T a, T b) { T m = fmod##S(a, b); return b == 0 ? m : m != 0 ? ((b < 0) != (m < 0) ? m + b : m) : copysign##S(0, b); } \
  INLINE T cr_floor_divide##S(T a, T b) { \
    T m = fmod##S(a, b), d = (a - m) / b; d = m != 0 && (b < 0) != (m < 0) ? d - 1 : d; T f = floor##S(d); \
    return b == 0 ? a / b : d != 0 ? (d - f > (T).5 ? f + 1 : f) : copysign##S(0, a / b); }
DIVIDE(float, f) DIVIDE(double, )
#define cr_remainder(x, y) cr_call2(cr_remainderf, cr_remainder, x, y)
#define cr_floor_divide(x, y) cr_call2(cr_floor_dividef, cr_floor_divide, x, y)
#define cr_call(f32, f64, x) _Generic((x), float: f32, default: f64)(x)
#define cr_call2(f32, f64, x, y) _Generic((x), float: f32, default: f64)(x, y)
"""

# functions of the table of names (record.py), by how many numbers they take, as (C for float, C for double)
OWN = {
    "exp": "cr_exp",
    "expm1": "cr_expm1",
    "log": "cr_log",
    "log1p": "cr_log1p",
    "tanh": "cr_tanh",
    "cosh": "cr_cosh",
    "sinh": "cr_sinh",
}
ONE = "exp expm1 log log1p tanh log2 log10 sin cos tan sinh cosh asin acos atan asinh acosh atanh sqrt fabs floor ceil rint trunc".split()
TWO = "pow atan2 copysign hypot fmax".split()


def generic() -> str:
    """Definitions by which the names in the table stand for the function of the dtype that they meet."""
    lines = []
    for name in ONE:
        f32 = f"{OWN[name]}f" if name in OWN else f"{name}f"
        f64 = "cr_exp" if name == "exp" else name
        lines.append(
            f"INLINE float of_{name}f(float x) {{ return {f32}(x); }} INLINE double of_{name}(double x) {{ return {f64}(x); }}"
        )
    for name in TWO:
        lines.append(
            f"INLINE float of_{name}f(float x, float y) {{ return {name}f(x, y); }} INLINE double of_{name}(double x, double y) {{ return {name}(x, y); }}"
        )
    lines += [f"#undef {name}\n#define {name}(x) cr_call(of_{name}f, of_{name}, x)" for name in ONE]
    lines += [f"#undef {name}\n#define {name}(x, y) cr_call2(of_{name}f, of_{name}, x, y)" for name in TWO]
    return "\n".join(lines)


HEAD = MATH + generic() + "\n"
