"""The C functions that vectorise keep what they promise: units in the last place, and what is special."""

import ctypes

import numpy as np
import pytest
from jit_c import needs_compiler

from chainrule.backends.c_math import HEAD
from chainrule.backends.compiler import load

pytestmark = needs_compiler
# by how many units in the last place the result may be away from the exact one
ULPS = {"exp": 1.01, "expm1": 1.5, "log": 1.0, "log1p": 1.5, "tanh": 1.5, "cosh": 1.5, "sinh": 2.1, "exp double": 1.0}
SPECIAL = [
    0.0,
    -0.0,
    1,
    -1,
    np.inf,
    -np.inf,
    np.nan,
    88.72,
    88.73,
    89.5,
    -87.4,
    -103.9,
    -104.1,
    1e-45,
    -1e-45,
    1e-39,
    1e-20,
    3.4e38,
    -3.4e38,
    0.625,
]


def function(name):
    kind = "double" if "double" in name else "float"
    call = name.split()[0]
    text = f"void run(long n, const {kind}* x, {kind}* y) {{\n#pragma omp simd\nfor (long i = 0; i < n; i++) y[i] = {call}(x[i]); }}"
    run = load(HEAD + text).run

    def apply(x):
        y = np.empty_like(x)
        run(ctypes.c_long(x.size), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
        return y

    return apply


def numbers(name):
    r = np.random.default_rng(1)
    if "double" in name:
        return np.concatenate([r.uniform(-750, 712, 50_000), r.normal(size=50_000), SPECIAL, [-745.2, 709.79, 5e-324]])
    bits = r.integers(0, 2**32, 100_000, dtype=np.uint32).view("f4")
    return np.concatenate(
        [bits, r.normal(size=50_000), r.uniform(-110, 90, 50_000), r.uniform(-1, 2, 50_000), SPECIAL]
    ).astype("f4")


@pytest.mark.parametrize("name", ULPS)
def test_ulps(name):
    with np.errstate(all="ignore"):
        x = numbers(name)
        got, exact = function(name)(x), getattr(np, name.split()[0])(x.astype(np.longdouble))
        rounded = exact.astype(x.dtype)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        ulps = np.where(
            same, 0, np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded)).astype(np.longdouble)
        )
    worst = int(np.argmax(np.where(np.isnan(ulps), np.inf, ulps)))
    assert ulps[worst] <= ULPS[name], f"{name}({x[worst]}) = {got[worst]}, not {rounded[worst]}"


@pytest.mark.parametrize("name", ULPS)
def test_signs_of_zeros(name):
    with np.errstate(all="ignore"):
        x = numbers(name)
        got, expected = function(name)(x), getattr(np, name.split()[0])(x)
    zero = (got == 0) & (expected == 0)
    assert (np.signbit(got) == np.signbit(expected))[zero].all()
