"""The products of matrices in C are right for every shape and order of the operands, and vectors of any width."""

import ctypes
import platform

import numpy as np
import pytest
from jit_c import needs_compiler

from chainrule.backends.c_library import END, STRUCT, TEXT, panel
from chainrule.backends.compiler import load

pytestmark = needs_compiler
NARROWER = ["-mno-avx512f", "-mno-avx"] if platform.machine() in ("x86_64", "AMD64") else []
ORDERS = [
    lambda a: a,
    lambda a: np.asfortranarray(a),
    lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    lambda a: a[::-1].copy()[::-1],
]


class Library(ctypes.Structure):
    _fields_ = [("product", ctypes.c_void_p), ("product_double", ctypes.c_void_p), ("philox", ctypes.c_void_p)]


def product(flags, a, b):
    """a @ b by the library, compiled with these flags besides."""
    loaded = load(TEXT + STRUCT + END, ("-ffp-contract=fast", *flags))
    loaded.cr_library.restype = ctypes.POINTER(Library)
    table = loaded.cr_library(None, None).contents
    kind = (
        [ctypes.c_int64] * 3
        + [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64] * 2
        + [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    )
    call = ctypes.CFUNCTYPE(None, *kind)(table.product if a.dtype == np.float32 else table.product_double)
    out, space = np.full((a.shape[0], b.shape[1]), np.nan, a.dtype), np.empty(panel(a.shape[1]), np.uint8)
    steps = lambda x: [s // x.itemsize for s in x.strides]
    call(
        *a.shape[:1],
        b.shape[1],
        a.shape[1],
        a.ctypes.data,
        *steps(a),
        b.ctypes.data,
        *steps(b),
        out.ctypes.data,
        out.shape[1],
        space.ctypes.data,
    )
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flags", [[], *([f] for f in NARROWER)], ids=lambda f: "".join(f) or "native")
def test_products(flags, dtype):
    r = np.random.default_rng(0)
    for m, n, k in [
        (1, 1, 1),
        (2, 3, 4),
        (7, 17, 5),
        (8, 32, 16),
        (9, 33, 40),
        (40, 64, 300),
        (13, 100, 64),
        (64, 10, 65),
        (33, 48, 2000),
    ]:
        for first in ORDERS:
            for second in ORDERS:
                a, b = first(r.normal(size=(m, k)).astype(dtype)), second(r.normal(size=(k, n)).astype(dtype))
                bound = 2 * np.finfo(dtype).eps * k**0.5 * (np.abs(a).astype("f8") @ np.abs(b).astype("f8"))
                assert (np.abs(product(flags, a, b) - a.astype("f8") @ b.astype("f8")) <= bound).all(), (m, n, k)


def test_a_long_product_keeps_its_digits():
    a = np.random.default_rng(0).random((4, 1_000_000), "f4")
    exact = a.astype("f8") @ a.T.astype("f8")
    assert (np.abs(product([], a, a.T) - exact) < 1e-5 * exact).all()
