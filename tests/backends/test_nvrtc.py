"""Every kernel of ours compiles for the GPUs that are in use, and has room in the registers."""

import inspect
from functools import cache

import device_double
import numpy as np
import nvrtc
import pytest
from elementwise import ALL, DOUBLE, HALF, NO_KERNEL, SINGLE, kernel
from rule_checks import function_of_reals

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases
from chainrule.backends.gpu import Cuda

# the elementwise ones have a test of their own
DIFFERENTIABLE = [p for p in REGISTRY.values() if p.vjp and p.jvp != ELEMENTWISE and p.module.startswith("chainrule.")]
NO_RULE = (cr.optim.Optimizer, cr.optim.LBFGS)
OPTIMIZERS = [
    kind
    for _, kind in inspect.getmembers(cr.optim, inspect.isclass)
    if issubclass(kind, cr.optim.Optimizer) and kind not in NO_RULE
]


@cache
def kernels():
    """What is called by each operation that is not elementwise, forward and backward, by a training step of each optimiser, for
    random words, by normalisation, and where a gradient is added up at repeated positions."""
    with nvrtc.noticed() as found:
        backend = Cuda(device_double.cupy)  # anew, since it makes kernels, too
        cr.backends.register("noticed", backend)
        try:
            backend.random_bits(7, backend.asarray(np.array(0, np.uint64)), 4)
            cr.random.uniform(size=4, device="noticed"), cr.random.integers(9, size=4, device="noticed")
            for kind in OPTIMIZERS:
                train(kind)
            for p in DIFFERENTIABLE:
                differentiate(p)
            x = cr.ones((3, 2), device="noticed", requires_grad=True)
            for layer in cr.nn.BatchNorm(2), cr.nn.LayerNorm(2):
                layer.to("noticed")(x).sum().backward()
            (cr.softmax(x) + cr.log_softmax(x) + cr.nn.cross_entropy(x, cr.ones_like(x) / 2)).sum().backward()
            cr.nn.cross_entropy(x, cr.zeros(3, dtype="int64", device="noticed"), label_smoothing=0.1).backward()
            with cr.deterministic():
                x[cr.tensor([0, 2, 0], device="noticed")].sum().backward()
        finally:
            cr.backends.unregister("noticed")
    return list(found)


def differentiate(p):
    """One call of an operation, and its gradient."""
    f, inputs = function_of_reals(p, cases(p)[0], "noticed", np.float32)
    cr.grad(lambda *xs: f(*xs).sum(), argnums=tuple(range(len(inputs))))(*inputs)


def train(kind):
    """One step of an optimiser."""
    model = cr.nn.MLP([6, 5, 4], dropout=0.1).to("noticed")
    optimizer = kind(model.parameters(), lr=0.01)
    x, y = cr.ones((3, 6), device="noticed"), cr.zeros(3, dtype="int64", device="noticed")
    cr.nn.cross_entropy(model(x), y).backward()
    optimizer.step()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_every_kernel_compiles_without_spilling_registers(architecture):
    programs = nvrtc.programs(kernels())
    found = [
        (program, name, told) for program in programs for name, told in nvrtc.compiled(program, architecture).items()
    ]
    assert len(found) > 1
    assert [(name, told, program.text) for program, name, told in found if told.spilled] == []


@pytest.mark.parametrize(
    ("dtype", "architecture"),
    [(HALF, "sm_90"), (SINGLE, "sm_80"), (SINGLE, "sm_90"), (DOUBLE, "sm_80"), (DOUBLE, "sm_90")],
    ids=str,
)
def test_every_elementwise_operation_and_rule_compiles_without_spilling_registers(dtype, architecture):
    made = {name: kernel(name, dtype)[2] for name in ALL if name not in NO_KERNEL}
    alike = {(k.inputs, k.outputs, k.body): (name, k) for name, k in made.items()}
    names, parts = zip(*alike.values(), strict=True)
    told = nvrtc.compiled(nvrtc.of_kernels(parts, "part", half=dtype == HALF), architecture)
    assert len(told) > 100
    assert [(name, each) for name, each in zip(names, told.values(), strict=True) if each.spilled] == []


def test_no_kernel_of_a_rule_fuses_products_and_sums():
    made = [call for call in kernels() if call.kind == "ElementwiseKernel"]
    assert len(made) > 10
    assert {dict(call.options)["options"] for call in made} == {("--fmad=false",)}


def test_cupy_lets_small_float32_become_0():
    compiler = pytest.importorskip("cupy.cuda.compiler", reason="CuPy is not installed", exc_type=ImportError)
    assert "'-ftz=true'" in inspect.getsource(compiler)


def test_text_that_is_wrong_does_not_compile():
    pytest.importorskip("cupy", reason="CuPy is not installed", exc_type=ImportError)
    wrong = nvrtc.Program('extern "C" __global__ void wrong(float* x) { *x = missing; }', (), ["wrong"], False)
    with pytest.raises(pytest.fail.Exception, match='identifier "missing" is undefined'):
        nvrtc.compiled(wrong, "sm_90")


def test_what_has_no_room_in_the_registers_is_counted():
    log = """ptxas info    : Compiling entry function 'wide' for 'sm_90'
        ptxas         .     8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
        ptxas info    : Used 255 registers, used 0 barriers"""
    assert nvrtc.told(log) == {"wide": nvrtc.Compiled(255, 28)}


@pytest.mark.parametrize("kinds", ["ee", "ef", "??", "?e", "bB", "if", "d?"])
def test_kernels_of_mixed_dtypes_compile(kinds, strict):
    def code(x, y):
        xp = cr.backends.owner(x).xp
        half = xp.where(x >= 0.5, x, y).astype("float16").astype("float32")
        return xp.maximum(half, x) + y, ~(x > y), abs(half), y

    x, y = (cr.ones(2, dtype=kind, device=strict).data for kind in kinds)
    with nvrtc.noticed() as calls:
        cr.backends.get(strict).fused(code, x, y)
        cr.backends.get(strict).fused(abs, x)
    ours = [call for call in calls if "code" in call.made[3]]
    assert len(ours) == 1
    for program in nvrtc.programs(calls):
        if program.headers:
            nvrtc.compiled(program, "sm_90")
