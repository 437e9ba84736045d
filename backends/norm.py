"""Normalisation of float32 on a GPU: mean and variance, output, and slopes, one or two kernels each.

Over the features a warp works on a row; over the examples, and wherever rows are added up, its lanes are 32 columns, so that
they read what lies together, and the rows are shared out among blocks, whose sums the next kernel adds up in their order.
All is computed in double, in which no square of a float32 overflows or vanishes.
"""

from . import warp

WARPS = 8  # of one block
TEXT = (
    f"#define WARPS {WARPS}"
    + r"""
#define COLUMN ((long long)blockIdx.x * 32 + threadIdx.x % 32)
#define FIRST ((long long)blockIdx.y * WARPS + threadIdx.x / 32)
#define STEP ((long long)gridDim.y * WARPS)

/* The sums of a block's warps become its part of the sums of column j. */
__device__ void give(double a, double b, double* parts, long long k, long long j) {
    __shared__ double sums[2][WARPS][32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    sums[0][warp][lane] = a;
    sums[1][warp][lane] = b;
    __syncthreads();
    if (warp || j >= k) return;
    for (int w = 1; w < WARPS; ++w) a += sums[0][w][lane], b += sums[1][w][lane];
    parts[2 * blockIdx.y * k + j] = a;
    parts[(2 * blockIdx.y + 1) * k + j] = b;
}

__device__ void take(const double* parts, long long blocks, long long k, long long j, double& a, double& b) {
    a = b = 0;
    for (long long i = 0; i < blocks; ++i) a += parts[2 * i * k + j], b += parts[(2 * i + 1) * k + j];
}

/* From the means of x - first and of its square. As `first` is one of the n numbers, the square of `a` is at most n times the
   variance: little is lost. */
__device__ void settle(double first, double a, double b, double* mean, double* variance) {
    *mean = first + a;
    double v = b - a * a;
    *variance = v < 0 ? 0 : v;
}

extern "C" __global__ void norm_row_moments(const float* x, double* mean, double* variance, long long rows, long long k) {
    long long row = (long long)blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= rows) return;
    x += row * k;
    double a = 0, b = 0, first = x[0];
    for (long long j = threadIdx.x % 32; j < k; j += 32) {
        double d = x[j] - first;
        a += d, b += d * d;
    }
    a = sum_of_warp(a), b = sum_of_warp(b);
    if (threadIdx.x % 32 == 0) settle(first, a / k, b / k, mean + row, variance + row);
}

extern "C" __global__ void norm_column_sums(const float* x, double* parts, long long rows, long long k) {
    long long j = COLUMN;
    double a = 0, b = 0, first = j < k ? x[j] : 0;
    for (long long row = FIRST; row < rows && j < k; row += STEP) {
        double d = x[row * k + j] - first;
        a += d, b += d * d;
    }
    give(a, b, parts, k, j);
}

extern "C" __global__ void norm_column_moments(const float* x, const double* parts, long long blocks, double* mean, double* variance,
                                               long long rows, long long k) {
    long long j = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= k) return;
    double a, b;
    take(parts, blocks, k, j, a, b);
    settle(x[j], a / rows, b / rows, mean + j, variance + j);
}

/* Mean and variance are those of each row, or of each column. */
extern "C" __global__ void norm_output(const float* x, const float* weight, const float* bias, double eps, long long by_row,
                                       const double* mean, const double* variance, float* y, long long rows, long long k) {
    long long j = COLUMN;
    for (long long row = FIRST; row < rows && j < k; row += STEP) {
        long long i = by_row ? row : j;
        y[row * k + j] = (float)((x[row * k + j] - mean[i]) * rsqrt(variance[i] + eps) * weight[j] + bias[j]);
    }
}

extern "C" __global__ void norm_row_slope(const float* g, const float* x, const float* weight, double eps, const double* mean,
                                          const double* variance, float* slope, long long rows, long long k) {
    long long row = (long long)blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= rows) return;
    g += row * k, x += row * k, slope += row * k;
    double a = 0, b = 0, centre = mean[row], inverse = rsqrt(variance[row] + eps);
    for (long long j = threadIdx.x % 32; j < k; j += 32) {
        double h = (double)g[j] * weight[j];
        a += h, b += h * ((x[j] - centre) * inverse);
    }
    a = sum_of_warp(a) / k, b = sum_of_warp(b) / k;
    for (long long j = threadIdx.x % 32; j < k; j += 32)
        slope[j] = (float)(((double)g[j] * weight[j] - a - (x[j] - centre) * inverse * b) * inverse);
}

/* Of each column: g, and g times z. */
extern "C" __global__ void norm_slope_sums(const float* g, const float* x, double eps, long long by_row, const double* mean,
                                           const double* variance, double* parts, long long rows, long long k) {
    long long j = COLUMN;
    double a = 0, b = 0;
    for (long long row = FIRST; row < rows && j < k; row += STEP) {
        long long i = by_row ? row : j;
        a += g[row * k + j];
        b += g[row * k + j] * ((x[row * k + j] - mean[i]) * rsqrt(variance[i] + eps));
    }
    give(a, b, parts, k, j);
}

extern "C" __global__ void norm_column_slope(const float* g, const float* x, const float* weight, double eps, const double* mean,
                                             const double* variance, const double* parts, long long blocks, float* slope,
                                             long long rows, long long k) {
    long long j = COLUMN;
    if (j >= k) return;
    double a, b, inverse = rsqrt(variance[j] + eps);
    take(parts, blocks, k, j, a, b);
    for (long long row = FIRST; row < rows; row += STEP)
        slope[row * k + j] = (float)((g[row * k + j] - a / rows - (x[row * k + j] - mean[j]) * inverse * (b / rows)) * inverse * weight[j]);
}

extern "C" __global__ void norm_weight_slope(const double* parts, long long blocks, float* slope, long long k) {
    long long j = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= k) return;
    double a, b;
    take(parts, blocks, k, j, a, b);
    slope[j] = (float)b;
}
"""
)
EACH = 8  # at least so many rows for a thread
PARTS, BLOCKS = 64, 1024  # at most so many blocks share the rows: where their sums are added up; elsewhere


class Norm:
    """The kernels of normalisation of float32 arrays (…, n) over "examples" or over "features"."""

    def __init__(self, xp):
        self.xp, kernels = xp, warp.Kernels(xp, warp.TEXT + TEXT, 32 * WARPS)
        self._run = kernels.launch

    def moments(self, x, over):
        """Mean and variance in float64: of shape (n,), or (…, 1) over the features."""
        rows, k = self._size(x)
        by_row = over == "features"
        mean, variance = (self.xp.empty((*x.shape[:-1], 1) if by_row else k, "float64") for _ in range(2))
        if by_row:
            self._run("norm_row_moments", -(-rows // WARPS), x, mean, variance, rows, k)
        else:
            grid = self._grid(rows, k, PARTS)
            parts = self._parts(grid, k)
            self._run("norm_column_sums", grid, x, parts, rows, k)
            self._by_column("norm_column_moments", x, parts, grid[1], mean, variance, rows, k)
        return mean, variance

    def output(self, x, weight, bias, over, eps, known):
        """weight · z + bias."""
        rows, k = self._size(x)
        y, given = self.xp.empty(x.shape, "float32"), (x, weight, bias, float(eps), int(over == "features"))
        self._run("norm_output", self._grid(rows, k, BLOCKS), *given, known.centre, known.variance, y, rows, k)
        return y

    def slope(self, g, x, weight, over, eps, known):
        """The slope by x of a result whose slope by the output is g."""
        rows, k = self._size(x)
        slope, given = self.xp.empty(x.shape, "float32"), (g, x, weight, float(eps), known.centre, known.variance)
        if over == "features":
            self._run("norm_row_slope", -(-rows // WARPS), *given, slope, rows, k)
        else:
            parts, blocks = self._sums(g, x, over, eps, known)
            self._run("norm_column_slope", self._grid(rows, k, BLOCKS), *given, parts, blocks, slope, rows, k)
        return slope

    def weight_slope(self, g, x, over, eps, known):
        """Σ g · z over all axes but the last."""
        parts, blocks = self._sums(g, x, over, eps, known)
        slope = self.xp.empty(x.shape[-1], "float32")
        self._by_column("norm_weight_slope", parts, blocks, slope, x.shape[-1])
        return slope

    def _sums(self, g, x, over, eps, known):
        rows, k = self._size(x)
        grid = self._grid(rows, k, PARTS)
        parts, given = self._parts(grid, k), (g, x, float(eps), int(over == "features"), known.centre, known.variance)
        self._run("norm_slope_sums", grid, *given, parts, rows, k)
        return parts, grid[1]

    def _size(self, x):
        return x.size // x.shape[-1], x.shape[-1]

    def _parts(self, grid, k):
        return self.xp.empty((grid[1], 2, k), "float64")

    def _grid(self, rows, k, most):
        return -(-k // 32), min(most, max(1, -(-rows // (WARPS * EACH))))

    def _by_column(self, name, *arguments):
        self._run(name, -(-arguments[-1] // (32 * WARPS)), *arguments)
