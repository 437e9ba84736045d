"""Gradients of several backward passes add up: with all digits, and in several threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr

PASSES = 300


def half(n, device):
    """A float16 leaf of n elements, and its result, which keeps its gradient."""
    w = cr.tensor(np.ones(n), dtype="float16", device=device, requires_grad=True)
    h = w + 0
    h.retain_grad()
    return w, h


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize("which", [0, 1], ids=["leaf", "result"])
def test_float16_adds_up_in_float32_over_passes(which, n, device):
    tensors, g = half(n, device), np.float16(0.1)
    for i in range(PASSES):
        tensors[1].backward(np.full(n, g if i else 1000), retain_graph=True)
        assert tensors[which].grad.dtype == "float16"
    exact = np.float16(1000 + (PASSES - 1) * np.float64(g))
    assert tensors[which].grad.tolist() == [exact] * n


def test_a_sum_may_leave_the_range_of_float16_and_come_back():
    w, h = half(2, "cpu")
    with np.errstate(over="ignore"):
        for g in (60000.0, 60000.0, -60000.0):
            h.backward([g, 1.0], retain_graph=True)
    assert w.grad.tolist() == [60000, 3]


CHANGES = {
    "a new gradient": lambda w: setattr(w, "grad", cr.zeros(2, dtype="float16")),
    "assign": lambda w: w.grad.assign(0),
    "through the array": lambda w: w.grad.data.fill(0),
    "none": lambda w: setattr(w, "grad", None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_gradient_that_was_changed_is_what_is_added_to(change):
    w, h = half(2, "cpu")
    for g in (1000.0, 0.25, 0.25):
        h.backward([g, g], retain_graph=True)
    CHANGES[change](w)
    h.backward([0.125, 0.125], retain_graph=True)
    h.backward([0.125, 0.125], retain_graph=True)
    assert w.grad.tolist() == [0.25, 0.25]


def test_no_thread_loses_what_it_adds_to_a_shared_result():
    w = cr.tensor(np.ones(3), requires_grad=True)
    h = w * 2
    y = h + 1

    def passes(_):
        for _ in range(50):
            y.backward(np.ones(3), retain_graph=True)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(passes, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert (w.grad.tolist(), h.grad.tolist(), y.grad.tolist()) == ([800] * 3, [400] * 3, [400] * 3)


def test_a_pass_that_fails_leaves_no_gradient():
    x = cr.tensor([1.0], requires_grad=True)
    a = x * 2
    b = cr.exp(a)
    (a * 1).backward()  # frees what the first call keeps
    before = x.grad.tolist(), a.grad.tolist(), b.grad
    with pytest.raises(cr.GraphError):
        b.backward()
    assert (x.grad.tolist(), a.grad.tolist(), b.grad) == before


def test_value_and_grad_frees_what_the_calls_kept():
    met = []

    def f(x):
        met.append(cr.exp(x))
        return (met[0] * met[0]).sum()

    value, slope = cr.value_and_grad(f)(np.array([1.0, 2.0]))
    np.testing.assert_allclose(slope.numpy(), 2 * np.exp([2.0, 4.0]))
    with pytest.raises(cr.GraphError, match="already used and freed"):
        met[0].sum().backward()
