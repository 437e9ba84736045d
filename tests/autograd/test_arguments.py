"""The checks of numbers and flags: what each accepts, and what its message says."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import arguments
from chainrule.autograd.arguments import finite, flag, fraction, not_negative, positive, probability, whole

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3), cr.tensor(3)])
def test_whole_numbers_of_every_kind_become_an_int(value):
    assert (whole("f", "n", value), type(whole("f", "n", value))) == (3, int)


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, np.array([3]), cr.tensor(3.0)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(cr.ArgumentError, match="^f: n must be a whole number of at least 1, not "):
        whole("f", "n", value)


RANGES = {  # options, value -> message
    "least": ({"least": 2}, 1, "f: n must be a whole number of at least 2, not 1"),
    "range": ({"least": 0, "most": 3}, 4, "f: n must be a whole number in [0, 3], not 4"),
    "any": ({"least": -INF}, 1.5, "f: n must be a whole number, not 1.5"),
    "none": ({"none": "all"}, 0, "f: n must be a whole number of at least 1, or None for all, not 0"),
}


@pytest.mark.parametrize("case", RANGES)
def test_the_message_says_what_range_a_whole_number_has(case):
    options, value, message = RANGES[case]
    with pytest.raises(cr.ArgumentError) as caught:
        whole("f", "n", value, **options)
    assert str(caught.value) == message


def test_none_passes_where_it_stands_for_something():
    assert whole("f", "n", None, none="all") is None


@pytest.mark.parametrize("value", [2, -0.5, np.float32(0.5), np.array(2.0), cr.tensor(2.0)])
def test_a_finite_number_becomes_a_float(value):
    assert (finite("f", "a", value), type(finite("f", "a", value))) == (float(value), float)


LIMITS = {finite: (NAN, INF, "2", None, [1.0]), positive: (0, -1, NAN, INF, True, "1"), not_negative: (-1e-9, NAN, INF)}
LIMITS |= {fraction: (1, -0.1, NAN, False), probability: (1.1, -0.1, NAN, True), flag: (1, 0, None, "True")}


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in LIMITS.items() for value in values])
def test_what_is_outside_is_refused(check, value):
    with pytest.raises(cr.ArgumentError, match="^f: a must .*, not "):
        check("f", "a", value)


@pytest.mark.parametrize(
    ("check", "value"), [(positive, 1e-9), (not_negative, 0), (fraction, 0), (probability, 1), (flag, False)]
)
def test_what_is_inside_comes_back(check, value):
    assert check("f", "a", value) == value


def test_a_number_too_large_for_a_float_is_finite():
    assert arguments.number(10**400)
