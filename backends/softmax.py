"""Softmax, its logarithm, and cross-entropy of probabilities along the last axis of float32 on a GPU: one kernel each.

A warp works on a row. It computes in double, so that float32 keeps all its digits.
"""

from . import warp

TEXT = (
    warp.TEXT
    + r"""
#define ROW ((long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32)
#define EACH(j) for (long long j = threadIdx.x % 32; j < k; j += 32)

/* Of one row: the largest score, how many have it, and the sum of e to the distance of all others. No difference of infinities is taken. */
struct Row {
    double top, hits, rest;
    __device__ Row(const float* z, long long k) {
        top = -CHAINRULE_INF, hits = 0, rest = 0;
        EACH(j) top = larger((double)z[j], top);
        top = largest_of_warp(top);
        EACH(j) if (z[j] == top) hits += 1; else rest += exp(z[j] - top);
        hits = sum_of_warp(hits), rest = sum_of_warp(rest);
    }
    __device__ double share(float z) const { return (z == top ? (double)(top > -CHAINRULE_INF) : exp(z - top)) / (rest + hits); }
    __device__ double logarithm(float z) const { return (z != top ? z - top : top == -CHAINRULE_INF ? top : 0) - log1p(rest + (hits - 1)); }
};

extern "C" __global__ void softmax_output(const float* z, float* out, long long rows, long long k) {
    if (ROW >= rows) return;
    z += ROW * k, out += ROW * k;
    Row row(z, k);
    EACH(j) out[j] = (float)row.share(z[j]);
}

/* p (g - sum of g p), counted from the g of an element that takes more than half: then nothing cancels. */
extern "C" __global__ void softmax_slope(const float* g, const float* p, float* slope, long long rows, long long k) {
    if (ROW >= rows) return;
    g += ROW * k, p += ROW * k, slope += ROW * k;
    double from = 0, sum = 0;
    EACH(j) if (p[j] > 0.5) from += g[j];
    from = sum_of_warp(from);
    EACH(j) sum += (g[j] - from) * p[j];
    sum = sum_of_warp(sum);
    EACH(j) slope[j] = (float)(p[j] * (g[j] - from - sum));
}

extern "C" __global__ void log_softmax_output(const float* z, float* out, long long rows, long long k) {
    if (ROW >= rows) return;
    z += ROW * k, out += ROW * k;
    Row row(z, k);
    EACH(j) out[j] = (float)row.logarithm(z[j]);
}

/* (g - p sum of g) for p = softmax(z), times a factor of each row; where p is more than half, 1 - p is the share of the others. */
__device__ void less_share(const float* g, const float* z, double factor, float* slope, long long k) {
    Row row(z, k);
    double all = 0, others = 0;
    EACH(j) {
        all += g[j];
        if (z[j] != row.top) others += g[j];
    }
    all = sum_of_warp(all), others = sum_of_warp(others);
    double left = row.rest / (row.rest + row.hits);
    EACH(j) {
        double p = row.share(z[j]);
        slope[j] = (float)(factor * (p > 0.5 ? g[j] * left - others * p : g[j] - all * p));
    }
}

extern "C" __global__ void log_softmax_slope(const float* g, const float* z, float* slope, long long rows, long long k) {
    if (ROW < rows) less_share(g + ROW * k, z + ROW * k, 1, slope + ROW * k, k);
}

extern "C" __global__ void soft_entropy(const float* z, const float* target, float* loss, long long rows, long long k) {
    if (ROW >= rows) return;
    z += ROW * k, target += ROW * k;
    Row row(z, k);
    double sum = 0;
    EACH(j) if (target[j] != 0) sum -= target[j] * row.logarithm(z[j]);
    sum = sum_of_warp(sum);
    if (threadIdx.x % 32 == 0) loss[ROW] = (float)sum;
}

extern "C" __global__ void soft_entropy_slope(const float* g, long long apart, const float* z, const float* target, float* slope,
                                              long long rows, long long k) {
    if (ROW < rows) less_share(target + ROW * k, z + ROW * k, -(double)g[ROW * apart], slope + ROW * k, k);
}
"""
)
ROWS = 4  # of one block


class Softmax:
    """The kernels; arrays of shape (…, k) but for `loss` and its g (…)."""

    def __init__(self, xp):
        self.xp, self._kernels = xp, warp.Kernels(xp, TEXT, 32 * ROWS)

    def output(self, z):
        return self._run("softmax_output", z.shape, z)

    def slope(self, g, p):
        return self._run("softmax_slope", p.shape, g, p)

    def logarithm(self, z):
        return self._run("log_softmax_output", z.shape, z)

    def logarithm_slope(self, g, z):
        return self._run("log_softmax_slope", z.shape, g, z)

    def loss(self, z, target):
        return self._run("soft_entropy", z.shape[:-1], z, target)

    def loss_slope(self, g, z, target):
        return self._run("soft_entropy_slope", z.shape, *warp.of_rows(g), z, target)

    def _run(self, name, shape, *given):
        out, last = self.xp.empty(shape, "float32"), given[-1]
        rows, k = last.size // last.shape[-1], last.shape[-1]
        self._kernels.launch(name, -(-rows // ROWS), *given, out, rows, k)
        return out
