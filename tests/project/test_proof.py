"""The programs behind docs/proof.md can find faults."""

from contextlib import contextmanager

import numpy as np
import pytest

import chainrule as cr
from benchmarks.proving import mutants
from chainrule.autograd.primitive import REGISTRY


@contextmanager
def broken(p, x, rule):
    before = p.vjp[x]
    p.vjp[x] = rule
    p.plans.clear()
    try:
        yield
    finally:
        p.vjp[x] = before
        p.plans.clear()


def test_random_programs_agree_with_pytorch():
    pytest.importorskip("torch")
    from benchmarks.proving import programs

    (name, oracle), *_ = programs.ORACLES.items()
    agreed, faults, _ = programs.sweep(40, 1, {name: oracle})
    assert not faults, faults[0][1:]
    assert agreed[name]["second order"] > 30


def test_random_programs_notice_a_wrong_rule():
    pytest.importorskip("torch")
    from benchmarks.proving import programs

    with broken(REGISTRY["arctan2"], "x", lambda g, x, y: g * y / (x * x + y * y) * 1.001):
        _, faults, _ = programs.sweep(40, 1, dict([*programs.ORACLES.items()][:1]))
    assert any("arctan2" in str(program) for _, _, program in faults)


def test_a_mutant_is_one_change_and_is_undone():
    p = REGISTRY["multiply"]
    before = dict(p.vjp)
    found = [m for m in mutants.mutants() if m.where == "multiply, vjp of x"]
    assert [m.kind for m in found] == ["scaled", "sign", "term dropped", "term dropped", "operator"]
    assert all(mutants.caught(m) for m in found)
    assert p.vjp == before
    assert cr.grad(lambda x: x * 3.0)(2.0).item() == 3.0


def test_the_check_passes_where_nothing_is_changed():
    unchanged = mutants.Mutant(
        "none", "tanh", "", "", [REGISTRY["tanh"]], lambda: broken(REGISTRY["tanh"], "x", REGISTRY["tanh"].vjp["x"])
    )
    with np.errstate(all="ignore"):
        assert not mutants.caught(unchanged)
