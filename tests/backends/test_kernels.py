"""Kernels made from code that works on each element: what the C computes is what the code computes."""

import ctypes
import warnings
from functools import cache

import device_double
import numpy as np
import pytest
from device_double import compiler
from device_double.array import ndarray
from device_double.crossing import host
from elementwise import ALL, DOUBLE, HALF, NO_KERNEL, PARTS, SINGLE, kernel, parameters
from optimizer_formulas import CASES

import chainrule as cr
from chainrule.backends.gpu import Cuda
from chainrule.backends.kernel import PREAMBLE, NoKernel, evaluate, trace

needs_compiler = pytest.mark.skipif(not compiler.found(), reason="there is no C++ compiler")

LARGE = np.array([0.0, -0.0, 1e-30, -1e-30, 1e4, -1e4, 30.0, -30.0, np.inf, -np.inf, np.nan])


def program(kernels):
    """Kernels in one program: a function of (which, memory, elements)."""
    texts = []
    for i, made in enumerate(kernels):
        declared = " ".join(
            f"{t} &{n} = (({t}*)memory[{j}])[{0 if n[0] == 's' else 'i'}];" for j, (t, n) in enumerate(parameters(made))
        )
        texts.append(f"case {i}: for (int64_t i = 0; i < n; ++i) {{ {declared} {made.body} }} break;")
    return compiler.function(
        f'{PREAMBLE} extern "C" void run(int which, void** memory, int64_t n) {{ switch (which) {{ {" ".join(texts)} }} }}'
    )


def run(program, which, arrays, outs):
    """Let a program's kernel write to `outs`."""
    pointers = [a.ctypes.data for a in (*arrays, *outs)]
    program(which, (ctypes.c_void_p * len(pointers))(*pointers), ctypes.c_int64(outs[0].size))


@cache
def all_parts():
    return program([kernel(*part)[2] for part in PARTS])


def drawn(part):
    """Ordinary arguments, and each with large, small and infinite ones in the place of one."""
    _, domains = ALL[part[0]]
    rng = np.random.default_rng(0)
    rows = [[domain(rng, 40) for domain in domains]]
    for i in range(len(domains)):
        rows.append([LARGE if i == j else domain(rng, LARGE.size) for j, domain in enumerate(domains)])
    return [np.concatenate(column).astype(part[1]) for column in zip(*rows, strict=True)]


@needs_compiler
@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part[0]}-{part[1]}")
def test_the_c_of_an_operation_computes_what_its_code_does(part):
    found, results, _ = kernel(*part)
    arrays = drawn(part)
    outs = [np.empty(arrays[0].shape, found.dtype(place)) for place in results]
    run(all_parts(), PARTS.index(part), arrays, outs)
    for got, wanted in zip(outs, evaluate(found, results, *arrays), strict=True):
        tolerance = 64 * np.finfo(part[1]).eps
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=float(np.finfo(part[1]).tiny))


@pytest.mark.parametrize("dtype", [HALF, SINGLE, DOUBLE], ids=str)
def test_every_elementwise_operation_and_rule_is_a_kernel_but_those_that_are_listed(dtype):
    assert len(ALL) > 120
    refused = set()
    for name in ALL:
        try:
            kernel(name, dtype)
        except Exception:
            refused.add(name)
    assert refused == NO_KERNEL.keys()


# ---- update rules

UPDATES = [(name, dtype) for name in CASES for dtype in ("float16", "float32")]


@cache
def updates():
    """(all kernels of update rules in one program, for each in UPDATES its inputs and outputs as NumPy computes them)."""
    backend, seen, rng = Cuda(device_double.cupy), [], np.random.default_rng(0)

    def element(kernel):
        def call(*args):
            given = [np.array(host(a), np.float64 if isinstance(a, float) else None) for a in args]
            inputs = kernel.inputs.count(",") + 1
            results = kernel.run(*given[:inputs])
            if "update" in kernel.name:
                outs = [np.asarray(r, dtype=o.dtype) for r, o in zip(results, given[inputs:], strict=True)]
                seen.append((kernel, given[:inputs], outs))
            for place, result in zip(args[inputs:], results, strict=False):
                host(place)[...] = result
            return ndarray.of(np.asarray(results[0]))

        return call

    backend._element = element
    cr.backends.register("watched", backend)
    try:
        last = []
        for name, dtype in UPDATES:
            make, _, options = CASES[name]
            p = cr.tensor(rng.normal(size=5), dtype=dtype, device="watched", requires_grad=True)
            optimizer = make([p], **options)
            for _ in range(3):
                p.grad = cr.tensor(rng.normal(size=5), dtype=dtype, device="watched")
                optimizer.step()
            last.append(seen[-1])
    finally:
        cr.backends.unregister("watched")
    return program([kernel for kernel, *_ in last]), last


@needs_compiler
@pytest.mark.parametrize("update", UPDATES, ids="-".join)
def test_an_update_in_one_kernel_has_the_bits_of_its_calls(update):
    which, (compiled, seen) = UPDATES.index(update), updates()
    _, inputs, wanted = seen[which]
    arrays = [
        np.ascontiguousarray(np.broadcast_to(a, 5)) if a.dtype == bool or i == 0 else a for i, a in enumerate(inputs)
    ]
    outs = [np.empty(5, w.dtype) for w in wanted]
    run(compiled, which, arrays, outs)
    assert [o.tolist() for o in outs] == [w.tolist() for w in wanted]


# ---- cross-entropy

INF = np.inf
ROWS = {
    "ordinary": [0.5, -1.0, 2.0, 0.25],
    "far": [0.0, 50.0, -300.0, 20.0],
    "huge": [1e30, -1e30, 1e30, 0.0],
    "masked": [-INF, 1.0, 2.0, -INF],
    "all masked": [-INF, -INF, -INF, -INF],
    "infinite": [INF, 1.0, 2.0, 3.0],
    "nan": [np.nan, 1.0, 2.0, 3.0],
}


@needs_compiler
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_kernels_of_cross_entropy_compute_what_the_code_does(row, dtype, strict):
    def found(device, dtype):
        z = cr.tensor([ROWS[row]] * 4, dtype=dtype, device=device, requires_grad=True)
        losses = cr.nn.cross_entropy(z, cr.tensor([0, 1, 2, 3], device=device), reduction="none")
        losses.backward(cr.tensor([1.0, 2.0, 3.0, 4.0], dtype=dtype, device=device))
        return losses.numpy(), z.grad.numpy()

    with device_double.compiled():
        got = found(strict, dtype)
    for x, wanted in zip(got, found("cpu", "float64" if row == "infinite" else dtype), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=8 * np.finfo(dtype).eps)


VIEWS = {"transposed": lambda z: z.T, "reversed": lambda z: z.T[:, ::-1], "every other": lambda z: z.T[::2]}


@needs_compiler
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_kernels_see_the_elements_of_a_view(view, smoothing, strict):
    def found(device):
        z = cr.tensor(np.random.default_rng(0).normal(size=(5, 6)), dtype="float32", device=device, requires_grad=True)
        logits = VIEWS[view](z)
        index = cr.tensor([0, 9, 4, 9, 2, 9, 1, 9, 3, 9, 0, 9], device=device)[:: 12 // len(logits)]
        losses = cr.nn.cross_entropy(logits, index * (index < 5), "none", smoothing)
        (losses[::-1] * cr.softmax(logits)[:, 1]).sum().backward()
        return losses.numpy(), z.grad.numpy()

    with device_double.compiled():
        got = found(strict)
    for x, wanted in zip(got, found("cpu"), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-5, atol=1e-7)


@needs_compiler
@pytest.mark.parametrize("index", ["int8", "uint8", "int32", "uint64"])
def test_the_kernels_of_cross_entropy_take_indices_of_any_width(index, strict):
    with device_double.compiled():
        loss = cr.nn.cross_entropy(cr.zeros((3, 2, 40), device=strict), cr.full((3, 2), 39, dtype=index, device=strict))
    assert loss.item() == pytest.approx(np.log(40))


@needs_compiler
@pytest.mark.parametrize("index", [-1, 3, 2**40])
def test_the_kernels_of_cross_entropy_find_an_index_out_of_range(index, strict):
    z = cr.zeros((2, 3), device=strict, requires_grad=True)
    with device_double.compiled():
        loss = cr.nn.cross_entropy(z, cr.tensor([1, index], device=strict))
        loss.backward()
    with pytest.raises(cr.ArgumentError, match=r"class indices must lie in \[0, 3\); found when device 'strict'"):
        loss.item()
    assert np.isnan(loss.item())
    assert np.isnan(z.grad.numpy()[1]).all()


@needs_compiler
@pytest.mark.parametrize("axis", [None, 0, (0, 2), -1])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_device_adds_up_in_double(dtype, axis, strict):
    x = np.random.default_rng(0).normal(size=(50, 3, 40)).astype(dtype)
    with device_double.compiled():
        got = cr.tensor(x, device=strict).sum(axis).numpy()
    np.testing.assert_array_equal(got, x.astype(np.float64).sum(axis).astype(np.float32).astype(dtype))


# ---- what is no kernel


def test_code_that_asks_for_a_value_is_run_as_it_is(strict):
    def rule(p):
        return p * 2 if p.size > 1 else p

    x = cr.ones(3, device=strict).data
    assert cr.backends.get(strict).fused(rule, x).tolist() == [2, 2, 2]


@pytest.mark.parametrize("code", [lambda x: x.sum(), lambda x: x if x > 0 else -x, lambda x: float(x), lambda x: 1.0])
def test_what_is_no_arithmetic_on_each_element_is_refused(code):
    with pytest.raises((NoKernel, AttributeError, TypeError)):
        trace(code, (SINGLE,))


def test_a_number_may_differ_from_call_to_call(strict):
    backend, x = cr.backends.get(strict), cr.ones(2, device=strict).data
    results = [backend.fused(lambda x, rate=rate: x + rate * x, x).tolist() for rate in (1.0, 2.0)]
    assert results == [[2, 2], [3, 3]]
    assert len(backend._kernels) == 1


def test_a_rule_of_a_user_may_look_at_a_number_that_changes(strict):
    factor = [1.0]

    @cr.primitive(jvp="elementwise", samples=cr.autograd.samples.reals, vjp=dict(x=lambda g: g * factor[0] + 0 * g))
    def scaled(xp, x):
        """x, times a factor."""
        return x * factor[0] + 0 * x

    x = cr.ones(2, device=strict, requires_grad=True)
    for factor[0] in (1.0, 3.0):
        x.grad = None
        y = scaled(x)
        y.sum().backward()
        assert (y.tolist(), x.grad.tolist()) == ([factor[0]] * 2, [factor[0]] * 2)


def test_code_of_a_user_that_looks_at_shapes_runs_as_it_is(strict):
    @cr.primitive(jvp="elementwise", samples=cr.autograd.samples.reals, vjp=dict(x=lambda g: g * 2))
    def doubled(xp, x):
        """x, twice."""
        return xp.multiply(x, 2) if x.shape == (2,) else x

    assert doubled(cr.ones(2, device=strict)).tolist() == [2, 2]


WHOLE = np.array([-2, 0, 1, 2, 100], "i4")
MIXED = {
    "an integer and a fraction": (lambda x: x >= 0.5, WHOLE),
    "an integer beyond the dtype": (lambda x: x < 300, WHOLE.astype("u1")),
    "a negative integer and one without sign": (lambda x: x > -1, np.array([0, 255], "u1")),
    "truth and an integer": (lambda x: x == 2, np.array([True, False])),
    "a half and a number": (lambda x: x == 0.1, np.array([0.1, 0.2], "e")),
    "a half times a number": (lambda x: x * 3.3, np.arange(100, dtype="e") / 7),
    "a number of double precision": (lambda x: x == np.float64(0.1), np.array([0.1, 0.2], "f")),
    "a large whole number of NumPy's": (lambda x: x + np.int64(2**53 + 1), np.array([1, 2])),
    "the bits of an integer": (lambda x: ~x, WHOLE),
    "the opposite of a truth": (lambda x: ~(x > 0), WHOLE),
    "bounds in the wrong order": (lambda x: cr.backends.owner(x).xp.clip(x, 2.0, 1.0), np.array([0.5, 1.5, 3], "f")),
    "a bound that is nan": (lambda x: cr.backends.owner(x).xp.clip(x, np.nan, 1.0), np.array([0.5, 3], "f")),
}


@needs_compiler
@pytest.mark.parametrize("case", MIXED)
def test_dtypes_and_numbers_meet_as_in_numpy(case, strict):
    code, x = MIXED[case]
    with device_double.compiled():
        got = cr.backends.get(strict).fused(code, cr.tensor(x, device=strict).data).get()
    np.testing.assert_array_equal(got, code(x), strict=True)


@needs_compiler
def test_results_may_be_inputs_in_each_others_place(strict):
    a, b = (cr.full(3, x, device=strict).data for x in (1.0, 2.0))
    with device_double.compiled():
        cr.backends.get(strict).fused(lambda a, b: (b, a), a, b, out=[a, b])
    assert (a.tolist(), b.tolist()) == ([2.0] * 3, [1.0] * 3)


@needs_compiler
def test_a_kernel_of_zero_is_not_one_of_minus_zero(strict):
    def slope(zero, device):
        x = cr.ones(1, device=device)
        return np.signbit(cr.grad(lambda x: cr.arctan2(zero, x).sum())(x).numpy())

    for zero in (0.0, -0.0):
        assert slope(zero, strict) == slope(zero, "cpu")


def test_numbers_that_change_neither_make_kernels_without_end_nor_end_the_making(strict):
    backend, x = cr.backends.get(strict), cr.ones(3, device=strict, requires_grad=True)
    for k in range(50):
        (x ** (2.5 + k)).sum().backward()
    assert len(backend._kernels) < 40
    assert x.grad.tolist() == pytest.approx([sum(2.5 + k for k in range(50))] * 3)


def test_an_integer_that_no_float_holds_is_not_rounded(strict):
    backend, x = cr.backends.get(strict), cr.zeros(1, dtype="int64", device=strict).data
    assert backend.fused(lambda x: x + (2**53 + 1), x).tolist() == [2**53 + 1]


def test_a_kernel_that_does_not_compile_is_made_call_by_call_and_said_once(strict):
    class CompileException(Exception):
        """As CuPy has it."""

    class Broken:
        def __init__(self, *made, **options):
            self.name = made[3]

        def __call__(self, *arguments, **options):
            raise CompileException("no such type")

    class Namespace:
        ndarray, ElementwiseKernel = device_double.cupy.ndarray, Broken

        def __getattr__(self, name):
            return getattr(device_double.cupy, name)

    backend = Cuda(Namespace())
    x, y = device_double.cupy.arange(3.0), device_double.cupy.arange(2.0)
    with pytest.warns(UserWarning, match="does not compile, so its calls are made one by one"):
        assert backend.fused(lambda x: x * 2 + 1, x).tolist() == [1, 3, 5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backend.fused(lambda x: x * 2 + 1, x).tolist() == [1, 3, 5]
    with pytest.warns(UserWarning, match="chainrule_join"):
        assert backend.joined([x, y]).tolist() == [0, 1, 2, 0, 1]
    with pytest.warns(UserWarning, match="does not compile"):
        assert backend.rule(cr.tanh.primitive.vjp["x"], (x, x * 0)).tolist() == [0, 1, 2]
