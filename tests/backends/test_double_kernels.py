"""The device double runs kernels from their CUDA text, and what it gives is what CuPy would give."""

import device_double
import numpy as np
import pytest
from device_double import compiled, counting, cupy

import chainrule as cr
from chainrule import nn, optim
from chainrule.backends.base import philox
from chainrule.backends.gpu import Cuda

needs_compiler = pytest.mark.skipif(not device_double.compiler.found(), reason="there is no C++ compiler")

SCALED = "T x, T y, float64 s", "T z", "z = x * (T)s + y", "scaled"
BLOCK_SUM = """
extern "C" __global__ void block_sum(const float* x, float* out, long long n) {
    __shared__ float parts[4];
    float sum = 0;
    for (long long i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) out[blockIdx.x] = parts[0] + parts[1] + parts[2] + parts[3];
}
"""


@needs_compiler
def test_operands_are_broadcast_and_a_letter_takes_their_dtype():
    x, y = cupy.arange(6, dtype="f").reshape(2, 3), cupy.arange(3, dtype="f")
    z = cupy.ElementwiseKernel(*SCALED)(x, y, 2)
    assert z.dtype == np.float32
    assert z.tolist() == [[0, 3, 6], [6, 9, 12]]


@needs_compiler
def test_a_result_may_be_written_over_an_operand():
    x = cupy.arange(4.0)
    cupy.ElementwiseKernel(*SCALED)(x, x, 10, x)
    assert x.tolist() == [0, 11, 22, 33]


@needs_compiler
def test_a_result_is_written_to_a_view_that_is_not_contiguous():
    x, out = cupy.arange(2.0), cupy.zeros((2, 2))
    cupy.ElementwiseKernel(*SCALED)(x, x, 1, out[:, 1])
    assert out.tolist() == [[0, 0], [0, 2]]


@needs_compiler
def test_raw_arrays_are_indexed_by_the_kernel():
    reverse = cupy.ElementwiseKernel("raw float32 x", "float32 y", "y = x[x.size() - 1 - i]", "reverse")
    assert reverse(cupy.arange(4, dtype="f"), size=4).tolist() == [3, 2, 1, 0]


@needs_compiler
def test_every_float16_is_the_float_that_numpy_says_and_floats_are_rounded_as_numpy_does():
    halves = np.arange(2**16, dtype=np.uint16).view("e")
    between = np.nextafter(
        np.repeat(halves[np.isfinite(halves)].astype("f"), 3), np.float32([-np.inf, 0, np.inf] * 63488)
    )
    there = cupy.ElementwiseKernel("float16 x", "float32 y", "y = x", "widened")(cupy.asarray(halves))
    back = cupy.ElementwiseKernel("float32 x", "float16 y", "y = (float16)x", "narrowed")(cupy.asarray(between))
    np.testing.assert_array_equal(there.get(), halves.astype("f"))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(back.get(), between.astype("e"))


@needs_compiler
@pytest.mark.parametrize(("axis", "expected"), [(None, 55), (1, [5, 50]), (0, [9, 17, 29])])
def test_a_reduction_runs_over_the_axes_that_are_asked_for(axis, expected):
    squares = cupy.ReductionKernel("T x", "float64 y", "(double)x * x", "a + b", "y = a", "0", "squares")
    assert squares(cupy.arange(6, dtype="f").reshape(2, 3), axis=axis).tolist() == expected


@needs_compiler
def test_threads_of_a_block_wait_for_each_other():
    out = cupy.zeros(2, "f")
    kernel = cupy.RawModule(code=BLOCK_SUM).get_function("block_sum")
    kernel((2,), (128,), (cupy.arange(1000, dtype="f"), out, 1000))
    assert out.tolist() == [499_500, 499_500]


@needs_compiler
def test_a_number_of_another_size_than_the_raw_kernel_declares_is_refused():
    with pytest.raises(RuntimeError, match="argument 2"):
        cupy.RawKernel(BLOCK_SUM, "block_sum")((1,), (128,), (cupy.ones(1, "f"), cupy.ones(1, "f"), np.int32(1)))


@needs_compiler
@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("key", [0, 1, 2**63 + 5, 2**64 - 1])
def test_the_kernel_for_random_words_computes_numpys(key, on_device):
    for first in (0, 3, 2**32 - 2, 2**63 + 1):
        counter = cupy.asarray(np.array(first, np.uint64)) if on_device else first
        with compiled():
            words = Cuda(cupy).random_bits(key, counter, 9)
        assert (words.get() == philox(key, first, 9)).all()


def trained(device):
    """The weights after two steps of a small network, and the losses: of class indices, of which one is out of range."""
    cr.random.seed(0)
    model = nn.MLP([5, 6, 3], activation="tanh", dropout=0.2).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    x, y = cr.random.normal(size=(8, 5), device=device), cr.random.integers(3, size=8, device=device)
    for _ in range(2):
        optimizer.zero_grad()
        nn.cross_entropy(model(x), y).backward()
        optimizer.step()
    losses = nn.cross_entropy(model(x), cr.tensor([0, 1, 2, 3, -1, 0, 1, 2], device=device), reduction="none")
    return [cr.backends.get(device).to_numpy(a.data) for a in (*model.parameters(), losses)]


@needs_compiler
def test_a_network_learns_the_same_when_its_kernels_are_compiled(strict):
    expected = trained(strict)
    with compiled():
        learnt = trained(strict)
    assert np.isnan(learnt[-1]).tolist() == [False] * 3 + [True] * 2 + [False] * 3
    for there, here in zip(learnt, expected, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-7)


@needs_compiler
def test_a_text_that_is_no_cuda_tells_what_the_compiler_says():
    with pytest.raises(RuntimeError, match=r"does not compile:(.|\n)*missing"):
        cupy.ElementwiseKernel("T x", "T y", "y = missing(x)", "wrong")(cupy.ones(1))


@pytest.fixture
def twice(monkeypatch):
    monkeypatch.setitem(device_double.FORMS, "twice", lambda x: 2 * x)
    return cupy.ElementwiseKernel("float32 x", "float32 y", "y = x + x", "twice")


def test_a_kernel_with_a_numpy_form_runs_as_that(twice, monkeypatch):
    monkeypatch.setattr(device_double.compiler, "found", lambda: None)
    assert twice(cupy.arange(3, dtype="f")).tolist() == [0, 2, 4]


def test_a_kernel_that_nothing_can_run_is_refused(monkeypatch):
    monkeypatch.setattr(device_double.compiler, "found", lambda: None)
    with pytest.raises(NotImplementedError, match="'other' has no NumPy form"):
        cupy.ElementwiseKernel("T x", "T y", "y = x", "other")(cupy.ones(1))


def test_every_call_of_a_kernel_is_one_launch(twice):
    x = cupy.ones(3, "f")
    with counting() as seen:
        twice(x)
        twice(x, x)
    assert seen.launches == {"twice": 2}


@pytest.mark.parametrize(("args", "error"), [
    ((np.ones(3, "f"),), "Unsupported type"), ((1.0,), "Loop size"), ((), "Wrong number"),
    ((cupy.ones(3),), "Type is mismatched. x float32 float64"), ((cupy.ones(3, "f"), cupy.ones(1, "f")), "Out shape"),
])  # fmt: skip
def test_arguments_that_cupy_refuses_are_refused(twice, args, error):
    with pytest.raises((TypeError, ValueError), match=error):
        twice(*args)


@needs_compiler
def test_a_raw_kernel_that_reads_a_double_is_given_a_float():
    code = 'extern "C" __global__ void put(double* out, double x) { *out = x; }'
    out = cupy.zeros(1)
    cupy.RawKernel(code, "put")((1,), (1,), (out, 2.0))
    assert out.tolist() == [2]
    with pytest.raises(TypeError, match="put reads its argument 1 as double, given 2"):
        cupy.RawKernel(code, "put")((1,), (1,), (out, 2))
