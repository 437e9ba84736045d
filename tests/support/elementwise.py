"""The code and the gradient rules of every elementwise operation, as kernels."""

from functools import cache, partial

import numpy as np
from device_double import compiler

from chainrule.autograd.plan import asked
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases, reals
from chainrule.backends.kernel import LANES, trace, write

HALF, SINGLE, DOUBLE = map(np.dtype, "efd")
NO_KERNEL = {  # what runs call by call, and why
    "floor_divide": "one call of CuPy's, for which C has no function",
    "remainder": "one call of CuPy's, for which C has no function",
    "remainder, y": "calls floor_divide",
}


def _parts():
    for p in REGISTRY.values():
        if p.jvp == ELEMENTWISE and p.module.startswith("chainrule."):  # test files declare some, too
            domain = dict(zip(p.inputs, cases(p)[0].domains, strict=True))
            yield p.name, partial(getattr(p.fn, "__wrapped__", p.fn), LANES.xp), list(domain.values())
            for x, rule in p.vjp.items():
                yield f"{p.name}, {x}", rule, [domain.get(name, reals) for name in asked(rule)]


ALL = {name: (function, domains) for name, function, domains in _parts()}  # by name; domains of the arguments
PARTS = [(name, dtype) for name in ALL if name not in NO_KERNEL for dtype in (SINGLE, DOUBLE)]


@cache
def kernel(name, dtype):
    """(trace, places of the results, Kernel) of a part, with arguments of a dtype."""
    function, domains = ALL[name]
    found, results = trace(function, (dtype,) * len(domains))
    return found, results, write(found, results, tuple(map(found.dtype, results)), True, "part")


CALLED = {np.dtype(char).name: kind for char, kind in compiler.TYPES.items()}  # how C calls a dtype


def parameters(kernel):
    """(type, name) in C of each parameter of a Kernel."""
    for text in f"{kernel.inputs}, {kernel.outputs}".split(", "):
        kind, name = text.split()
        yield CALLED.get(kind, kind), name
