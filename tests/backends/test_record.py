"""Recorded arrays: what was done to them, and what they refuse."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.backends.program import Symbol
from chainrule.backends.record import NAMES, RECORD, Number, Recorded, RecordingError

xp = RECORD.xp


@pytest.fixture
def x():
    return Recorded(Symbol("x"), (3, 4))


def said(array):
    return repr(array.made)


def test_operators_and_functions_note_the_same_names(x):
    assert said(2 * x) == said(xp.multiply(2, x))
    assert said(2 - x) == said(xp.subtract(2, x))
    assert said(-x) == said(xp.negative(x))


def test_methods_note_their_names(x):
    assert said(x.sum(axis=0)) == "sum(Symbol(name='x'), axis=0)"


def test_a_result_has_the_form_that_numpy_gives_it(x):
    y = Recorded(Symbol("y"), (4, 2), "float32")
    assert (x @ y).shape == (3, 2)
    assert y.sum(axis=0).dtype == "float32"
    assert (x > 0).dtype == bool


def test_shapes_that_do_not_fit_are_refused_as_numpy_refuses_them(x):
    with pytest.raises(ValueError, match="matmul"):
        x @ x


def test_what_is_written_into_leaves_earlier_results_as_they_were(x):
    a = xp.exp(x)
    before = a + 1
    a[0] = 5
    assert said(before) == "add(exp(Symbol(name='x')), 1)"
    assert said(a) == "setitem(exp(Symbol(name='x')), 0, 5)"


def test_out_receives_the_result(x):
    a = x + 1
    assert xp.exp(a, out=a) is a
    assert said(a) == "exp(add(Symbol(name='x'), 1))"


def test_tensors_over_recorded_arrays_record_what_primitives_do(x):
    assert said(cr.relu(cr.Tensor(x))._data) == "maximum(Symbol(name='x'), 0)"


@pytest.mark.parametrize("read", [bool, float, int, np.asarray, list], ids=lambda f: f.__name__)
def test_a_value_that_is_not_known_cannot_be_read(read, x):
    with pytest.raises(RecordingError, match="reads the value of Symbol"):
        read(x)


def test_a_name_without_a_row_is_refused_by_name():
    with pytest.raises(AttributeError, match="no row for 'fft'"):
        xp.fft  # noqa: B018


def test_a_number_notes_how_it_was_computed():
    t = Number(3.0, "t")
    rate = 1 - 0.9**t
    assert rate == 1 - 0.9**3
    assert repr(rate) == "subtract(1, power(0.9, t))"
    assert said(rate * Recorded(Symbol("x"))) == "multiply(subtract(1, power(0.9, t)), Symbol(name='x'))"


def test_code_may_branch_on_a_number():
    assert Number(3.0, "t") > 2


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_a_name_of_numpys(name):
    assert hasattr(np, name) or name in ("getitem", "setitem", "add_at", "philox")


def test_recording_is_no_device():
    assert "record" not in cr.backends.registered()
