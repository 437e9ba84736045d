"""The smallest proof that a training step can be one CUDA graph: a product and a kernel of ours, captured, replayed, compared."""

import ctypes
from contextlib import suppress
from time import perf_counter

BATCH, INPUTS, OUTPUTS = 128, 784, 512
WORKSPACE = 32 << 20  # bytes
TICK = """
extern "C" __global__ void tick(float* x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] *= 1.0001f;
}
"""


def proof(steps=1000):
    """relu(x @ w + b) by cuBLASLt after a kernel has changed x: so many replays of it against as many eager steps."""
    import cupy as cp

    from .cublaslt import Library, Product

    normal = lambda *shape: cp.random.standard_normal(shape, dtype=cp.float32)
    before, w, b, out = normal(BATCH, INPUTS), normal(INPUTS, OUTPUTS), normal(OUTPUTS), normal(BATCH, OUTPUTS)
    x, workspace = before.copy(), cp.empty(WORKSPACE, cp.uint8)
    product = Product(Library(), BATCH, OUTPUTS, INPUTS, "relu + bias", bias=b.data.ptr)
    found = {"algorithms to choose from": product.choose(WORKSPACE)}
    tick = cp.RawKernel(TICK, "tick")
    cp.cuda.Device().synchronize()  # the stream below does not wait for what was done above
    with cp.cuda.Stream(non_blocking=True) as stream:

        def eager():
            tick((-(-x.size // 256),), (256,), (x, cp.int32(x.size)))
            product(x.data.ptr, w.data.ptr, out.data.ptr, workspace.data.ptr, WORKSPACE, stream.ptr)

        def run(step):
            """(what is in `out` after the steps, from the same start; µs for each)"""
            x[...] = before
            stream.synchronize()
            start = perf_counter()
            for _ in range(steps):
                step()
            stream.synchronize()
            return out.copy(), (perf_counter() - start) / steps * 1e6

        eager()
        right = cp.maximum(x.astype(cp.float64) @ w.astype(cp.float64) + b, 0)
        found["relative error"] = float(cp.linalg.norm(out - right) / cp.linalg.norm(right))
        expected, found["µs per eager step"] = run(eager)
        stream.begin_capture()
        eager()
        graph = stream.end_capture()
        graph.upload(stream)
        found["nodes"] = nodes(graph)
        replays = [run(lambda: graph.launch(stream)) for _ in range(5)]
        found["µs per replay"] = min(us for _, us in replays)
        found[f"{steps:,} replays equal the eager steps"] = all(
            bool((result == expected).all()) for result, _ in replays
        )
        found["CuPy's own product in a capture"] = refusal(stream, lambda: x @ w)
    return found


def nodes(graph):
    """How many nodes a captured graph has, by the driver."""
    count = ctypes.c_size_t()
    status = ctypes.CDLL("libcuda.so.1").cuGraphGetNodes(ctypes.c_void_p(graph.graph), None, ctypes.byref(count))
    return count.value if status == 0 else f"unknown: cuGraphGetNodes gave {status}"


def refusal(stream, work):
    """What happens to `work` while the stream is captured, in words."""
    stream.begin_capture()
    try:
        work()
        return "captured"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        with suppress(Exception):  # an invalid capture ends with an error
            stream.end_capture()
