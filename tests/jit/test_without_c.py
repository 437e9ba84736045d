"""Calls that have no form in C: NumPy runs the program, `lowering` says why, and the numbers are those of the eager call."""

import numpy as np
import pytest
from jit_c import needs_compiler

import chainrule as cr
from chainrule.backends import c_lowering

pytestmark = needs_compiler
A = np.arange(24.0).reshape(2, 3, 4) - 5


def numbers(x):
    return x.numpy() if isinstance(x, cr.Tensor) else x


def check(function, reason, *args):
    f = cr.jit(function, lowering="c")
    expected = np.array(numbers(function(*args)))
    for _ in range(3):
        np.testing.assert_array_equal(numbers(f(*args)), expected)
    assert f.cache.replayed == 1
    assert f.lowering == f"numpy: {reason}"


def written(index):
    def function(a):
        b = a * 1
        b[index] = 7
        return b

    return function


CALLS = {  # {reason: (function of arrays, …)}
    "True as an index": (lambda a: a[True], lambda a: a[..., True], lambda a: a[1, True], written(True), written((0, True))),
    "False as an index": (lambda a: a[False], written(False)),
    "an index of bool": (lambda a: a[np.array([True, False])],),
    "None beside index arrays": (lambda a: a[None, np.array([0, 1, 1])],),
    "reshape with order": (lambda a: np.reshape(a, (4, 6), order="F"),),
    "ravel with order": (lambda a: np.ravel(a, order="F"),),
    "ravel with 2 operands": (lambda a: np.ravel(a, "F"),),
    "full_like with fill_value": (lambda a: a + np.full_like(a, fill_value=2),),
    "roll with shift": (lambda a: np.roll(a, shift=1),),
    "stack with arrays": (lambda a: np.stack(arrays=[a, a]),),
    "concatenate with dtype": (lambda a: np.concatenate([a, a], dtype="f4"),),
    "concatenate with axis=None": (lambda a: np.concatenate([a, a], axis=None),),
    "sum with initial": (lambda a: np.sum(a, initial=5),),
    "sum with 3 operands": (lambda a: np.sum(a, 0, "f4"),),
    "add with dtype": (lambda a: np.add(a, a, dtype="f4"),),
    "matmul with dtype": (lambda a: np.matmul(a[0], a[1].T, dtype="f4"),),
    "dot in this form": (lambda a: np.dot(a, a[0].T),),
    "clip with one bound": (lambda a: np.clip(a, 0, None),),
    "clip with dtype": (lambda a: np.clip(a, 0, 2, dtype="f4"),),
    "pad with mode": (lambda a: np.pad(a, 1, mode="edge"),),
    "pad in this form": (lambda a: np.pad(a, 1, constant_values=(1, 2)),),
    "einsum of a diagonal": (lambda a: np.einsum("ii->i", a[0, :3, :3]), lambda a: np.einsum("ij,jk", a[0], a[1].T)),
    "einsum with optimize": (lambda a: np.einsum("ij,kj->ik", a[0], a[1], optimize=True),),
    "mean of nothing": (lambda a: np.mean(a[:0], axis=0),),
    "item": (lambda a: np.frexp(a)[0],),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")
@pytest.mark.parametrize(
    ("reason", "function"),
    [(r, f) for r, fs in CALLS.items() for f in fs],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_call(reason, function):
    check(function, reason, A)


def test_integers_in_einsum():
    check(lambda a: np.einsum("ij,kj->ik", a, a), "einsum of a diagonal", A[0].astype(int))


def test_options_of_what_looks_at_a_form_alone():
    f = cr.jit(lambda a: (a + np.zeros_like(a, dtype="i4"), a + np.ones_like(a, shape=(4,))))
    for _ in range(3):
        zeros, ones = f(A)
        np.testing.assert_array_equal(zeros, A)
        np.testing.assert_array_equal(ones, A + 1)


def test_where_of_a_condition_alone_is_refused():
    with pytest.raises(cr.ChainruleError, match="how many elements are not 0 depends on values"):
        cr.jit(lambda a: np.where(a > 0))(A)


def test_errors_that_c_does_not_raise():
    def logarithm(x):
        with np.errstate(divide="raise"):
            return cr.log(x)

    check(logarithm, "np.errstate(divide='raise')", cr.ones(3))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (slice(1, None), "state that lies in the memory of another array"),
        (slice(None, None, 2), "state that does not lie together"),
    ],
)
def test_state_in_memory_that_others_have(part, reason):
    memory = np.ones(9, "float32")
    state, other = cr.Tensor(memory[part]), cr.Tensor(memory[: memory[part].size])
    f = cr.jit(lambda: state.assign(other * 2) * 1, lowering="c")
    for _ in range(3):
        memory[:] = range(9)
        expected = memory[: state.size] * 2
        np.testing.assert_array_equal(f().numpy(), expected)
        np.testing.assert_array_equal(state.numpy(), expected)
    assert f.lowering == f"numpy: {reason}"


def test_elements_that_are_not_aligned():
    state = cr.Tensor(np.zeros(41, np.uint8)[1:].view("float32"))
    check(lambda: state + 1, "an array whose elements are not aligned")


def test_programs_that_take_a_compiler_long(monkeypatch):
    monkeypatch.setattr(c_lowering, "LONGEST", 0)
    check(lambda x: x + 1, "1 steps, which take a compiler long", cr.ones(3))
