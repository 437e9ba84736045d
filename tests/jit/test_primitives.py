"""Every primitive gives the same bits under jit, forward and backward, on inputs that the recording has not seen."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases

NAMES = sorted(name for name, p in REGISTRY.items() if p.module.startswith("chainrule."))


def called(p, case):
    """The call with the gradients of all its differentiable inputs, as one function of arrays."""

    def f(*args):
        out = p.call(*args, **case.options)
        leaves = [a for a in args if a.requires_grad]
        if leaves and out.requires_grad:
            for a in leaves:
                a.grad = None
            (out * (out.detach() + 1)).sum().backward()
        return out

    return f


def inputs(p, case, seed, dtype):
    drawn = case.draw(np.random.default_rng(seed))
    real = [p.variadic or p.inputs[i] in p.vjp for i in range(len(drawn))]
    args = [cr.tensor(a, dtype=dtype if r else None) for a, r in zip(drawn, real, strict=True)]
    for a, r in zip(args, real, strict=True):
        a.requires_grad = r
    return args


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
