"""Programs in C as functions of Python's own: arguments that are read where they lie, and those that must not be."""

import sys
from pathlib import Path

import numpy as np
import pytest
from jit_c import needs_compiler
from jit_steps import data, model_of, state_of, training_step

import chainrule as cr
from chainrule import nn, optim
from chainrule.autograd.callsite import INSIDE
from chainrule.backends import c_call

HERE = Path(cr.__file__).parent
pytestmark = needs_compiler


def ready(function, *args):
    """The function as C, called until its program runs."""
    f = cr.jit(function, lowering="c")
    for _ in range(5):
        f(*args)
    assert f.lowering == "c"
    return f


def test_python_can_call_them_here():
    assert c_call.available()
    assert ready(lambda x: x + 1, cr.ones(3))._last.lowered.native is not None


def test_an_argument_in_the_memory_of_what_is_written():
    memory = np.ones(1001, "float32")
    state = cr.Tensor(memory[1:])
    f = ready(lambda x: state.assign(x * 2), cr.ones(1000))
    memory[:] = 1
    f(cr.Tensor(memory[:-1]))
    assert state.numpy().tolist() == [2] * 1000


@pytest.mark.parametrize("at", [0, 1, 4])
def test_an_argument_anywhere_in_memory(at):
    f = ready(lambda x: x * 2, cr.ones(100))
    x = np.zeros(420, np.uint8)[at : at + 400].view("float32")
    x[:] = range(100)
    assert f(cr.Tensor(x)).tolist() == [*range(0, 200, 2)]


def test_an_argument_with_gaps():
    x = cr.Tensor(np.arange(200, dtype="float32")[::2])
    assert ready(lambda x: x * 2, x)(x).tolist() == [*range(0, 400, 4)]


@pytest.mark.parametrize("shape", [(1,), ()])
def test_no_memory_is_read_beyond_a_gradient_that_somebody_has_cut(shape):
    w, x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True), cr.tensor([1.0, 2.0, 3.0])
    f = ready(lambda x: (w * x).sum().backward(), x)
    before = w.grad.tolist()[0]
    w.grad.data.resize(shape, refcheck=False)
    f(x)
    assert w.grad.tolist() == [before + 1, before + 2, before + 3]


def test_an_argument_that_is_also_a_result():
    f = ready(lambda x: (x.detach(), x + 1), cr.ones(3))
    assert f(x := cr.tensor([1.0, 2.0, 3.0]))[0].tolist() == [1, 2, 3]
    assert f(x)[0]._data is not x._data


def test_nothing_is_held_by_calls():
    x, n = cr.ones(3), 0.5
    f = ready(lambda x, n: (x * n).sum(), x, n)
    count = lambda: [sys.getrefcount(o) for o in (x, x._data, f._last, n)]
    before = count()
    for _ in range(100):
        f(x, n)
        f._last.fits((n,), {})
    assert count() == before


def test_results_are_their_callers():
    f = ready(lambda x: x + 1, x := cr.ones(3))
    a, b = f(x), f(x * 2)
    assert (a.tolist(), b.tolist()) == ([2, 2, 2], [3, 3, 3])
    held = sys.getrefcount(a), sys.getrefcount(a._data)
    assert held == (2, 2)
    assert not a.requires_grad
    with pytest.raises(cr.GraphError, match="under jit, which has no graph"):
        a.backward()


def test_the_same_without_them(monkeypatch):
    found = []
    for available in (True, False):
        monkeypatch.setattr(c_call, "available", lambda available=available: available)
        model = model_of(lambda: nn.Dropout(0.5))
        optimizer = optim.Adam(model.parameters())
        cr.random.seed(1)
        step = cr.jit(training_step(model, optimizer, nn.cross_entropy), lowering="c")
        losses = [step(x, y).item() for x, y, _ in (data(5, 3, seed=i) for i in range(5))]
        assert (step._last.lowered.native is not None) == available
        found.append((losses, state_of(model, optimizer)))
    assert found[0] == found[1]


def test_no_function_of_chainrule_changes_a_variable_of_an_outer_one():
    for file in INSIDE:
        if file.startswith(str(HERE)):
            assert "    nonlocal " not in Path(file).read_text(), f"{file}: cr.jit does not look at them (Reach.cells)"
