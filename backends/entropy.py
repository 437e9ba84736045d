"""Cross-entropy of class indices on a GPU: forward and backward are one kernel each, which also looks at the indices;
one more makes smoothed targets.

A warp works on a row. It computes in double, as the code for arrays in nn/losses.py, so that float32 keeps all its digits.
"""

from . import warp
from .kernel import C_TYPES

TEXT = r"""
/* How far a score is below the largest; no difference of infinities is taken. */
__device__ double below(double z, double top) { return z == top && top > 0 ? 0 : z - top; }

/* Of one row: how far its class is below the largest score, and the sum of e to that of all other classes. */
__device__ void look(const REAL* z, long long k, long long truth, double& top, double& chosen, double& others) {
    int lane = threadIdx.x % 32;
    top = -CHAINRULE_INF;
    for (long long j = lane; j < k; j += 32) top = larger((double)z[j], top);
    top = largest_of_warp(top);
    if (top == -CHAINRULE_INF) top = 0;  /* no class is possible */
    others = 0;
    for (long long j = lane; j < k; j += 32) if (j != truth) others += exp(below((double)z[j], top));
    others = sum_of_warp(others);
    chosen = below((double)z[truth], top);
}

extern "C" __global__ void class_entropy(const REAL* z, const INDEX* index, REAL* loss, bool* ok, long long rows, long long k) {
    long long row = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    long long truth = (long long)index[row];
    bool known = truth >= 0 && truth < k;
    double top, chosen, others;
    look(z + row * k, k, known ? truth : 0, top, chosen, others);
    if (threadIdx.x % 32) return;
    if (!known) *ok = false;
    double found = chosen == -CHAINRULE_INF ? CHAINRULE_INF : log1p(others + expm1(chosen)) - chosen;
    loss[row] = (REAL)(known ? found : CHAINRULE_NAN);
}

extern "C" __global__ void class_entropy_slope(const REAL* g, long long apart, const REAL* z, const INDEX* index, REAL* slope,
                                               long long rows, long long k) {
    long long row = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    long long truth = (long long)index[row];
    bool known = truth >= 0 && truth < k;
    double top, chosen, others;
    z += row * k;
    slope += row * k;
    look(z, k, known ? truth : 0, top, chosen, others);
    double whole = others + exp(chosen), upstream = (double)g[row * apart];
    for (long long j = threadIdx.x % 32; j < k; j += 32) {
        double p = whole == 0 ? -(double)(j == truth) : (j == truth ? -others : exp(below((double)z[j], top))) / whole;
        slope[j] = (REAL)(known ? upstream * p : CHAINRULE_NAN);
    }
}

extern "C" __global__ void smooth_target(const INDEX* index, double smoothing, REAL* target, bool* ok, long long size, long long k) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    long long truth = (long long)index[i / k];
    bool known = truth >= 0 && truth < k;
    if (!known) *ok = false;
    REAL here = i % k == truth ? (REAL)(1 - smoothing) : (REAL)0, all = (REAL)(smoothing / k);
    target[i] = known ? here + all : (REAL)CHAINRULE_NAN;
}
"""
ROWS = 4  # of one block


class Entropy:
    """The kernels for one dtype of scores and one of indices (characters)."""

    def __init__(self, xp, real, index):
        text = f"#define REAL {C_TYPES[real]}\n#define INDEX {C_TYPES[index]}\n{warp.TEXT}{TEXT}"
        self.xp, self._kernels = xp, warp.Kernels(xp, text, 32 * ROWS)

    def loss(self, logits, index, ok):
        """log Σ eᶻ - z[index] of each row, nan for an index out of range, which also makes the array `ok` false."""
        out = self.xp.empty(index.shape, logits.dtype)
        self._by_row("class_entropy", logits, index, out, ok, index.size, logits.shape[-1])
        return out

    def slope(self, g, logits, index):
        """g · (softmax(logits) - one_hot(index))."""
        out = self.xp.empty(logits.shape, logits.dtype)
        self._by_row("class_entropy_slope", *warp.of_rows(g), logits, index, out, index.size, logits.shape[-1])
        return out

    def target(self, logits, index, smoothing, ok):
        """(1 - smoothing) · one-hot + smoothing / K of each index; for one out of range as `loss`."""
        out = self.xp.empty(logits.shape, logits.dtype)
        blocks = -(-out.size // (32 * ROWS))
        self._kernels.launch("smooth_target", blocks, index, smoothing, out, ok, out.size, logits.shape[-1])
        return out

    def _by_row(self, name, *arguments):
        self._kernels.launch(name, -(-arguments[-2] // ROWS), *arguments)
