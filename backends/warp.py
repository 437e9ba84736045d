"""CUDA text that kernels of several kinds begin with: infinities, and what the 32 threads of a warp find together."""

TEXT = r"""
#define INFINITE __longlong_as_double(0x7ff0000000000000LL)
#define NOTHING __longlong_as_double(0x7ff8000000000000LL)

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
