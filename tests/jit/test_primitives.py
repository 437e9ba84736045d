"""Every primitive gives the same bits under jit, forward and backward, on inputs that the recording has not seen."""

import pytest
from jit_samples import NAMES, called, inputs

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_bits(name, dtype):
    p = REGISTRY[name]
    for case in cases(p):
        f = called(p, case)
        fast = cr.jit(f)
        for seed in range(4):
            first, second = inputs(p, case, seed, dtype), inputs(p, case, seed, dtype)
            a, b = f(*first), fast(*second)
            assert (a.dtype, a.shape, a.numpy().tobytes()) == (b.dtype, b.shape, b.numpy().tobytes())
            for x, y in zip(first, second, strict=True):
                assert (x.grad is None) == (y.grad is None)
                assert x.grad is None or x.grad.numpy().tobytes() == y.grad.numpy().tobytes()
        assert fast.cache.replayed, "nothing was replayed"
