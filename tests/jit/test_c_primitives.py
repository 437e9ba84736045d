"""Every primitive, forward and backward, comes out in C as it does with NumPy, but for last digits."""

from functools import cache

import pytest
from jit_c import compiled, differences, needs_compiler
from jit_samples import NAMES, called, inputs

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases
from chainrule.backends.c_graph import NoC

# what has no C: NumPy runs the programs in which it stands
WITHOUT = {"argmax", "argmin", "argsort", "cumsum", "sort"}
# differences of nearly equal numbers
FEWER_DIGITS = {"normalize": 2**20, "softmax": 64, "sum": 64, "mean": 64, "logit_entropy": 16}
pytestmark = needs_compiler


@cache
def programs():
    """{name: [(Replay, its Lowered in C, a call)]}."""
    recorded = []
    for name in NAMES:
        for dtype in ("float32", "float64"):
            for case in [*cases(REGISTRY[name])][: 1 if dtype == "float64" else None]:
                step = cr.jit(called(REGISTRY[name], case), lowering="numpy")
                for seed in range(2):
                    step(*inputs(REGISTRY[name], case, seed, dtype))
                recorded.append((name, step._last, inputs(REGISTRY[name], case, 2, dtype)))
    found = {name: [] for name in NAMES}
    lowered = compiled([(replay.program, replay.recorded.state) for _, replay, _ in recorded], "-O0")
    for (name, replay, args), c in zip(recorded, lowered, strict=True):
        found[name].append((replay, c, args))
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT])
def test_in_c(name):
    ran = 0
    for replay, lowered, args in programs()[name]:
        if not isinstance(lowered, NoC):
            ran += 1
            assert max(differences(replay, lowered, [args]), default=0) <= FEWER_DIGITS.get(name, 8)
    assert ran >= len(programs()[name]) / 2, "most samples have no C"


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_without_c(name):
    assert all(isinstance(lowered, NoC) for _, lowered, _ in programs()[name])
