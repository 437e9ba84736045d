"""Every primitive as a function of arrays with its gradients, for the tests of `cr.jit`."""

import numpy as np

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY

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
