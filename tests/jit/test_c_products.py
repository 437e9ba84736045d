"""The products of matrices in C are right for every shape and order of the operands, vectors of any width, and any number of threads."""

import ctypes
import platform
from contextlib import contextmanager

import numpy as np
import pytest
from jit_c import needs_compiler

from chainrule.backends import c_library, c_products
from chainrule.backends.c_library import END, STRUCT, TEXT
from chainrule.backends.c_math import HEAD
from chainrule.backends.c_small import small
from chainrule.backends.compiler import load

pytestmark = needs_compiler
NARROWER = ["-mno-avx512f", "-mno-avx"] if platform.machine() in ("x86_64", "AMD64") else []
FLAGS = [[], *([f] for f in NARROWER)]
ORDERS = [
    lambda a: a,
    lambda a: np.asfortranarray(a),
    lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    lambda a: a[::-1].copy()[::-1],
]
SIZES = [
    (1, 1, 1),
    (2, 3, 4),
    (7, 17, 5),
    (8, 32, 16),
    (9, 33, 40),
    (40, 64, 300),
    (13, 100, 64),
    (64, 10, 65),
    (33, 48, 2000),
]


class Library(ctypes.Structure):
    _fields_ = [("product", ctypes.c_void_p), ("product_double", ctypes.c_void_p)]


def compiled(flags):
    return load(STRUCT + TEXT + END, ("-ffp-contract=fast", "-pthread", *flags))


@contextmanager
def threads(n, flags=()):
    """So many threads for products."""
    compiled(flags).cr_threads(n)
    yield
    compiled(flags).cr_threads(0)


def product(flags, a, b, room=c_products.room):
    """a @ b by the library, compiled with these flags besides."""
    loaded = compiled(flags)
    loaded.cr_library.restype = ctypes.POINTER(Library)
    table = loaded.cr_library(*map(ctypes.c_void_p, c_library.openblas()), 1).contents
    kind = (
        [ctypes.c_int64] * 3
        + [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64] * 2
        + [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64]
    )
    call = ctypes.CFUNCTYPE(None, *kind)(table.product if a.dtype == np.float32 else table.product_double)
    (m, k), n = a.shape, b.shape[1]
    nbytes, apart = room(m, n, k, a.itemsize, a.strides[1] == a.itemsize)
    out, space = np.full((m + 1, n), np.nan, a.dtype), np.full(nbytes + 1, 7, np.uint8)
    steps = lambda x: [s // x.itemsize for s in x.strides]
    call(
        m,
        n,
        k,
        a.ctypes.data,
        *steps(a),
        b.ctypes.data,
        *steps(b),
        out.ctypes.data,
        n,
        space.ctypes.data,
        apart,
    )
    assert np.isnan(out[m]).all(), "written behind the end of the result"
    assert space[nbytes] == 7, "written behind the end of the room"
    return out[:m]


def copied(m, n, k, nbytes, together):
    """Room for a product that copies A in blocks of 16 rows."""
    deep, vector = min(k, c_products.DEPTH), c_products.VECTOR
    apart = -(-16 * deep * nbytes // vector) * vector
    return apart + deep * 2 * vector + vector, apart


def near(c, a, b):
    """Whether c is a @ b, but for rounding."""
    a, b, eps = a.astype("f8"), b.astype("f8"), np.finfo(c.dtype).eps
    return (np.abs(c - a @ b) <= 2 * eps * a.shape[1] ** 0.5 * (np.abs(a) @ np.abs(b))).all()


@pytest.mark.parametrize("room", [c_products.room, copied], ids=["", "copied"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flags", FLAGS, ids=lambda f: "".join(f) or "native")
def test_products(flags, dtype, room):
    r = np.random.default_rng(0)
    for m, n, k in SIZES:
        for first in ORDERS:
            for second in ORDERS:
                a, b = first(r.normal(size=(m, k)).astype(dtype)), second(r.normal(size=(k, n)).astype(dtype))
                assert near(product(flags, a, b, room), a, b), (m, n, k)


def test_a_long_product_keeps_its_digits():
    a = np.random.default_rng(0).random((4, 1_000_000), "f4")
    exact = a.astype("f8") @ a.T.astype("f8")
    assert (np.abs(product([], a, a.T) - exact) < 1e-5 * exact).all()


def test_products_without_rows_or_columns():
    for m, n in [(0, 5), (5, 0), (0, 0)]:
        assert product([], np.ones((m, 3), "f4"), np.ones((3, n), "f4")).shape == (m, n)


@pytest.mark.parametrize("room", [c_products.room, copied], ids=["", "copied"])
@pytest.mark.parametrize("flags", FLAGS, ids=lambda f: "".join(f) or "native")
def test_zero_times_infinity_is_nan(flags, room):
    a, b = np.ones((19, 21), "f4"), np.ones((21, 37), "f4")
    a[3, 4], b[4, 5], a[11, 2], b[2, 36], a[18, 20] = 0, np.inf, np.inf, 0, np.nan
    with np.errstate(invalid="ignore"):
        expected = a @ b
    np.testing.assert_array_equal(product(flags, a, b, room), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flags", FLAGS, ids=lambda f: "".join(f) or "native")
def test_any_number_of_threads_gives_the_same_bits(flags, dtype):
    r = np.random.default_rng(0)
    for m, n, k in [(300, 10, 500), (100, 100, 110), (65, 70, 2000), (200, 513, 330)]:
        a, b = r.normal(size=(m, k)).astype(dtype), r.normal(size=(n, k)).astype(dtype).T
        alone = product(flags, a, b)
        assert near(alone, a, b)
        for count in (2, 3, 4):
            with threads(count, flags):
                assert product(flags, a, b).tobytes() == alone.tobytes()
                assert product(flags, a, b, copied).tobytes() == alone.tobytes()


@pytest.mark.parametrize("width", [16, 64])
def test_small_products(width):
    r, texts, cases = np.random.default_rng(0), [HEAD], []
    for m, n, k in [(1, 1, 1), (2, 3, 4), (7, 17, 5), (40, 2, 32), (33, 19, 21), (5, 40, 9)]:
        for first in (np.ascontiguousarray, np.asfortranarray):
            for second in (np.ascontiguousarray, np.asfortranarray):
                a, b = first(r.normal(size=(m, k)).astype("f4")), second(r.normal(size=(k, n)).astype("f4"))
                steps = [tuple(s // 4 for s in x.strides) for x in (a, b)]
                text = small((m, n, k), *steps, "float", 4, width)
                assert text
                texts.append(text.replace("NOINLINE static ", "").replace("@", f"f{len(cases)}"))
                cases.append((a, b))
    made = load("\n".join(texts))
    for i, (a, b) in enumerate(cases):
        c = np.full((len(a) + 1, b.shape[1]), np.nan, "f4")
        getattr(made, f"f{i}")(*(ctypes.c_void_p(x.ctypes.data) for x in (a, b, c)))
        assert near(c[:-1], a, b), (a.shape, b.shape)
        assert np.isnan(c[-1]).all(), "written behind the end of the result"
