// What CUDA text takes for granted, for a C++ compiler and one CPU thread: its words, its types and its functions.
// Threads that wait for each other are fibers, of which one runs at a time; others are turns of a loop.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <type_traits>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ static
#define __restrict__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static dim3 gridDim, blockDim, blockIdx, threadIdx;
static const int warpSize = 32;

// ---- types

struct float16 {  // stored in two bytes, computed with as float
    uint16_t bits;
    float16() : bits(0) {}
    template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>>
    float16(T value) {
        float f = (float)value;
        uint32_t u, sign;
        memcpy(&u, &f, 4);
        sign = u >> 16 & 0x8000;
        u &= 0x7fffffff;
        if (u >= 0x47800000) {  // 65536 and more, inf, nan
            bits = sign | (u > 0x7f800000 ? 0x7e00 : 0x7c00);
        } else if (u < 0x38800000) {  // below the smallest normal number: a multiple of 2⁻²⁴
            bits = sign | (uint16_t)nearbyintf(fabsf(f) * 16777216.0f);
        } else {  // to the nearest, and to the even of two that are as near
            bits = sign | (uint16_t)((u - 0x38000000 + 0xfff + (u >> 13 & 1)) >> 13);
        }
    }
    operator float() const {
        uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023, u;
        float f;
        if (!exponent) {
            f = fraction / 16777216.0f;
        } else {
            u = exponent == 31 ? 0x7f800000 | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
            memcpy(&f, &u, 4);
        }
        return bits & 0x8000 ? -f : f;
    }
};

template <class T>
struct Raw {  // an array of a kernel that indexes it by itself
    T* data;
    int64_t length;
    T& operator[](int64_t i) const { return data[i]; }
    int64_t size() const { return length; }
};

// ---- functions

template <class A, class B> auto min(A a, B b) -> std::common_type_t<A, B> { return b < a ? b : a; }
template <class A, class B> auto max(A a, B b) -> std::common_type_t<A, B> { return a < b ? b : a; }
template <class To, class From> To reinterpreted(From from) {
    To to;
    static_assert(sizeof to == sizeof from, "");
    memcpy(&to, &from, sizeof to);
    return to;
}
inline double __longlong_as_double(long long x) { return reinterpreted<double>(x); }
inline long long __double_as_longlong(double x) { return reinterpreted<long long>(x); }
inline float __int_as_float(int x) { return reinterpreted<float>(x); }
inline int __float_as_int(float x) { return reinterpreted<int>(x); }
inline float __uint_as_float(unsigned x) { return reinterpreted<float>(x); }
inline unsigned __float_as_uint(float x) { return reinterpreted<unsigned>(x); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
template <class T> T __ldg(const T* p) { return *p; }
template <class T> T atomicAdd(T* p, T x) { T old = *p; *p = (T)(old + x); return old; }
template <class T> T atomicMax(T* p, T x) { T old = *p; *p = old < x ? x : old; return old; }
template <class T> T atomicMin(T* p, T x) { T old = *p; *p = x < old ? x : old; return old; }
template <class T> T atomicAnd(T* p, T x) { T old = *p; *p = old & x; return old; }
template <class T> T atomicOr(T* p, T x) { T old = *p; *p = old | x; return old; }
template <class T> T atomicExch(T* p, T x) { T old = *p; *p = x; return old; }
template <class T> T atomicCAS(T* p, T compare, T x) { T old = *p; if (old == compare) *p = x; return old; }
inline void __threadfence() {}

// ---- threads

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
    char sent[2][16];  // what it hands to its warp: a new value may be sent while the last one is still read
    int turn;
};
static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static unsigned running;
static void (*kernel_of_fiber)(void**);
static void** arguments_of_fiber;

static void place(unsigned thread) {
    running = thread;
    threadIdx = dim3(thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y));
}
static void start() {
    kernel_of_fiber(arguments_of_fiber);
    fibers[running].done = true;
    swapcontext(&fibers[running].context, &scheduler);
}
inline void __syncthreads() {
    unsigned me = running;
    swapcontext(&fibers[me].context, &scheduler);
}
inline void __syncwarp(unsigned mask = ~0u) { __syncthreads(); }

template <class T> T from_lane(T value, int lane, bool exists = true) {
    Fiber& me = fibers[running];
    unsigned warp = running / 32 * 32, at = warp + (unsigned)lane;
    int turn = me.turn ^= 1;
    memcpy(me.sent[turn], &value, sizeof value);
    __syncthreads();
    if (exists && at < fibers.size() && lane >= 0 && lane < 32) memcpy(&value, fibers[at].sent[turn], sizeof value);
    return value;
}
template <class T> T __shfl_sync(unsigned, T x, int lane, int = 32) { return from_lane(x, lane & 31); }
template <class T> T __shfl_xor_sync(unsigned, T x, int with, int = 32) { return from_lane(x, (running % 32) ^ with); }
template <class T> T __shfl_down_sync(unsigned, T x, int by, int = 32) { return from_lane(x, running % 32 + by); }
template <class T> T __shfl_up_sync(unsigned, T x, int by, int = 32) { return from_lane(x, (int)(running % 32) - by); }

// Runs kernel(arguments) for every thread of every block. `together`: whether threads wait for each other.
static void launch(const unsigned* grid, const unsigned* block, bool together, void (*kernel)(void**), void** arguments) {
    gridDim = dim3(grid[0], grid[1], grid[2]);
    blockDim = dim3(block[0], block[1], block[2]);
    unsigned threads = block[0] * block[1] * block[2];
    kernel_of_fiber = kernel;
    arguments_of_fiber = arguments;
    fibers.assign(together ? threads : 0, Fiber());
    for (Fiber& fiber : fibers) fiber.stack.resize(1 << 16);
    for (unsigned b = 0; b < grid[0] * grid[1] * grid[2]; ++b) {
        blockIdx = dim3(b % grid[0], b / grid[0] % grid[1], b / (grid[0] * grid[1]));
        for (unsigned t = 0; t < threads; ++t) {
            if (!together) {
                place(t);
                kernel(arguments);
                continue;
            }
            Fiber& fiber = fibers[t];
            fiber.done = false;
            fiber.turn = 0;
            getcontext(&fiber.context);
            fiber.context.uc_stack.ss_sp = fiber.stack.data();
            fiber.context.uc_stack.ss_size = fiber.stack.size();
            fiber.context.uc_link = &scheduler;
            makecontext(&fiber.context, start, 0);
        }
        for (bool waiting = together; waiting;) {  // each round brings every thread to its next barrier
            waiting = false;
            for (unsigned t = 0; t < threads; ++t) {
                if (fibers[t].done) continue;
                place(t);
                swapcontext(&scheduler, &fibers[t].context);
                waiting |= !fibers[t].done;
            }
        }
    }
}
