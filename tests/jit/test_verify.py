"""What `verify` sees in C, where last digits may differ: a number where there is none eagerly, and wrong ones beside nan and infinities."""

import numpy as np
import pytest
from jit_c import needs_compiler

import chainrule as cr
from chainrule.backends.record import RecordingError
from chainrule.jit.verify import _compare

nan, inf = np.nan, np.inf
ULP = np.spacing(np.float32(2))


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([nan, 1], [2, 1]),
        ([2, 1], [nan, 1]),
        ([5, nan], [2, nan]),
        ([5, inf], [2, inf]),
        ([inf, 1], [2, 1]),
        ([-inf, 1], [inf, 1]),
    ],
)
def test_what_differs(found, expected, kind):
    with pytest.raises(RecordingError, match=r"at element \(0,\): .*1 of 2 elements differ"):
        _compare("result 0", np.array(found, kind), np.array(expected, kind), 64)


@pytest.mark.parametrize(("found", "expected"), [([True, False], [False, False]), ([3, 4], [2, 4])])
def test_truth_values_and_whole_numbers_have_no_last_digits(found, expected):
    with pytest.raises(RecordingError, match="1 of 2 elements differ"):
        _compare("result 0", np.array(found), np.array(expected), 64)


@pytest.mark.parametrize("beside", [nan, inf, -inf, 2])
def test_what_is_the_same_but_for_last_digits(beside):
    found, expected = np.array([2 + ULP, beside], "float32"), np.array([2, beside], "float32")
    _compare("result 0", found, expected, 64)
    _compare("result 0", -found, -expected, 64)
    with pytest.raises(RecordingError):
        _compare("result 0", found, expected, 0)


@needs_compiler
def test_a_step_in_c_beside_a_nan():
    f = cr.jit(lambda x: cr.exp(x), lowering="c", verify=True)
    x = cr.tensor([0.3, nan, 1.7])
    for _ in range(4):
        f(x)
    f.function = lambda x: cr.exp(x) + 1
    with pytest.raises(RecordingError, match="2 of 3 elements differ"):
        f(x)
