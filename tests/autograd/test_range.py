"""Values and slopes over the whole range of each dtype, from the smallest subnormal number to the largest.

References have fifty digits, or are numbers of ordinary size times powers of two: where a function is homogeneous, so must be
what is computed.
"""

from fractions import Fraction
from math import prod

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, LINEAR, REGISTRY
from chainrule.autograd.samples import cases

DTYPES = ["float16", "float32", "float64"]
mp = pytest.importorskip("mpmath")
mp.mp.dps = 50


# ---- element by element


def half(x):
    """The step from 0 to 1, 1/2 at 0."""
    return (1 + mp.sign(x)) / 2


# {name: (value, slope by each operand)}
EXACT = {
    "absolute": (abs, mp.sign),
    "negative": (lambda x: -x, lambda x: mp.mpf(-1)),
    "positive": (lambda x: x, lambda x: mp.mpf(1)),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "exp": (mp.exp, mp.exp),
    "expm1": (mp.expm1, mp.exp),
    "log": (mp.log, lambda x: 1 / x),
    "log2": (lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.log(2))),
    "log10": (mp.log10, lambda x: 1 / (x * mp.log(10))),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x)),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda x: -mp.sin(x)),
    "tan": (mp.tan, lambda x: 1 / mp.cos(x) ** 2),
    "sinh": (mp.sinh, mp.cosh),
    "cosh": (mp.cosh, mp.sinh),
    "arcsin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x)),
    "arccos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x)),
    "arctan": (mp.atan, lambda x: 1 / (1 + x * x)),
    "arcsinh": (mp.asinh, lambda x: 1 / mp.sqrt(x * x + 1)),
    "arccosh": (mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1)),
    "arctanh": (mp.atanh, lambda x: 1 / (1 - x * x)),
    "relu": (lambda x: max(x, mp.mpf(0)), lambda x: mp.mpf(x > 0)),
    "add": (lambda x, y: x + y, lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(1)),
    "subtract": (lambda x, y: x - y, lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(-1)),
    "maximum": (max, lambda x, y: half(x - y), lambda x, y: half(y - x)),
    "minimum": (min, lambda x, y: half(y - x), lambda x, y: half(x - y)),
    "multiply": (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "divide": (lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
    "hypot": (mp.hypot, lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
    "arctan2": (mp.atan2, lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
}
ELSEWHERE = set(  # steps, choices, powers, and what is made of exponentials, whose slopes have tests of their own
    """sign floor ceil rint floor_divide remainder where step power logaddexp sigmoid softplus tanh erf
    gaussian normal_density share power_log power_slope one_minus_square cosine inverted sigmoid_slope strong_product tanh_back""".split()
)
INSIDE = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), (0, np.inf)),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), (-1, 1)),
    **dict.fromkeys(("exp", "expm1", "sinh", "cosh"), (-1000, 1000)),
    "log1p": (-1, np.inf),
    "arccosh": (1, np.inf),
}


def grid(dtype, steps, low=-np.inf, high=np.inf):
    """Numbers of all sizes and both signs, more of them where squares overflow or vanish, and near 1."""
    f = np.finfo(dtype)
    sizes = [
        f.minexp - f.nmant,
        f.minexp,
        f.minexp // 2 - 1,
        f.minexp // 2,
        0,
        1,
        f.maxexp // 2 - 1,
        f.maxexp // 2,
        f.maxexp - 2,
    ]
    sizes = np.union1d(sizes, np.linspace(f.minexp - f.nmant, f.maxexp - 2, steps).astype(int))
    x = np.ldexp(np.array([1, 1.375, 1.921875])[:, None], sizes).astype(dtype).ravel()  # exact, subnormal or not
    near_one = 1 - np.ldexp(1.0, -np.arange(1, f.nmant + 2, 3))
    x = np.unique(np.concatenate([x, near_one]).astype(dtype))
    x = np.concatenate([-x, x])
    return x[(low < x) & (x < high)]


def units(given, exact, dtype):
    """By how many units in the last place a number of dtype misses the exact one; what is too large must be inf."""
    f, given = np.finfo(dtype), float(given)
    largest, eps = mp.mpf(float(f.max)), mp.mpf(float(f.eps))
    if not np.isfinite(given):
        return 0 if abs(exact) > largest * (1 - 4 * eps) and given == np.inf * float(mp.sign(exact)) else np.inf
    exponent = mp.frexp(exact)[1] - 1 if exact else f.minexp
    return float(abs(given - exact) / mp.mpf(2) ** (max(exponent, f.minexp) - f.nmant))


def normal(x, dtype):
    return float(np.finfo(dtype).tiny) <= abs(x) <= float(np.finfo(dtype).max)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_elementwise_value_and_its_slopes_are_right_at_every_size(name, dtype):
    value, *slopes = EXACT[name]
    if len(slopes) == 1:
        columns = [grid(dtype, 20, *INSIDE.get(name, ()))]
    else:
        side = grid(dtype, 7)[::5]
        columns = [a.ravel() for a in np.meshgrid(side, side)]
    arrays = [cr.tensor(c, requires_grad=True) for c in columns]
    result = REGISTRY[name].call(*arrays)
    result.backward(cr.ones_like(result))
    for i, given in enumerate(zip(*(map(mp.mpf, c.tolist()) for c in columns), strict=True)):
        assert units(result.numpy()[i], value(*given), dtype) <= 4, given
        if len(slopes) == 2 and not (normal(given[0] / given[1], dtype) and normal(mp.hypot(*given), dtype)):
            continue  # what slopes are made of has fewer digits itself
        for slope, a in zip(slopes, arrays, strict=True):
            assert units(a.grad.numpy()[i], slope(*given), dtype) <= 8, given


def test_every_elementwise_function_is_looked_at():
    ours = {p.name for p in REGISTRY.values() if p.jvp == ELEMENTWISE and p.module.startswith("chainrule.autograd")}
    assert EXACT.keys() <= ours
    assert ours - EXACT.keys() <= ELSEWHERE, "add it to EXACT, with its slopes"


# ---- powers of two come out as they go in

EVERY = [
    pytest.param(p, case, id=f"{p.name}-{i}")
    for p in REGISTRY.values()
    if p.vjp and p.module.startswith("chainrule.")
    for i, case in enumerate(cases(p))
]
HOMOGENEOUS = set(
    "absolute hypot max maximum min minimum norm2 norm_of_order relu sort where".split()
)  # besides linear ones


def pulled(p, case, dtype, k=0, g=0):
    """The value at inputs times 2^k, and the gradients that 2^g sends to them."""
    drawn = case.draw(np.random.default_rng(3))
    real = [p.variadic or p.inputs[i] in p.vjp for i in range(len(drawn))]
    arrays = [np.ldexp(a.astype(dtype), k) if r else a for a, r in zip(drawn, real, strict=True)]
    inputs = [cr.tensor(a, requires_grad=True) if r else a for a, r in zip(arrays, real, strict=True)]
    value = p.call(*inputs, **case.options)
    value.backward(cr.full(value.shape, 2.0**g, dtype=value.dtype))
    return value.numpy(), [x.grad.numpy() for x, r in zip(inputs, real, strict=True) if r]


@pytest.mark.parametrize(("p", "case"), EVERY)
def test_gradients_are_as_large_as_what_arrives(p, case):
    for dtype, most in {"float32": 110, "float64": 1000}.items():
        _, slopes = pulled(p, case, dtype)
        for g in (-most, most):
            for there, here in zip(pulled(p, case, dtype, g=g)[1], slopes, strict=True):
                np.testing.assert_array_equal(there, np.ldexp(here, g))


@pytest.mark.parametrize(
    ("p", "case"), [e for e in EVERY if e.values[0].jvp == LINEAR or e.values[0].name in HOMOGENEOUS]
)
def test_results_of_homogeneous_functions_are_as_large_as_their_operands(p, case):
    for dtype, most in {"float32": 120, "float64": 1010}.items():
        value, slopes = pulled(p, case, dtype)
        for k in (-most, most):
            large, same = pulled(p, case, dtype, k=k)
            np.testing.assert_array_equal(large, np.ldexp(value, k))
            for there, here in zip(same, slopes, strict=True):
                np.testing.assert_array_equal(there, here)


# ---- lengths and spreads

WHOLE = np.array(
    [[3.0, -4.0, 5.0], [0.0, 7.0, -7.0], [6.0, 6.0, 1.0]]
)  # whole numbers: exact at every size, subnormal or not
LONG = np.longdouble


def spread(x, axis, ddof):
    """Standard deviation, and its slope."""
    n = x.size if axis is None else x.shape[axis]
    centred = x - x.mean(axis, keepdims=True)
    std = np.sqrt((centred**2).sum(axis, keepdims=True) / (n - ddof))
    return std, centred / std / (n - ddof)


def length(x, axis, ord=2):
    size = (abs(x) ** ord).sum(axis, keepdims=True) ** (LONG(1) / ord)
    return size, np.sign(x) * (abs(x) / size) ** (ord - 1)


# {name: (function, degree, (value, slope) of an array of long doubles)}
LENGTHS = {
    "norm": (cr.norm, 1, length),
    "norm, ord=3": (lambda x, axis: cr.norm(x, 3, axis), 1, lambda x, axis: length(x, axis, 3)),
    "std": (cr.std, 1, lambda x, axis: spread(x, axis, 0)),
    "std, ddof=1": (lambda x, axis: cr.std(x, axis, ddof=1), 1, lambda x, axis: spread(x, axis, 1)),
    "var": (cr.var, 2, lambda x, axis: (lambda s, d: (s * s, 2 * s * d))(*spread(x, axis, 0))),
}


def exponents(dtype):
    f = np.finfo(dtype)
    return np.unique(
        np.linspace(f.minexp - f.nmant, f.maxexp - 6, 12).astype(int)
    )  # so that sums of slopes are finite, too


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_length_and_its_slope_are_right_at_every_size(name, dtype, axis, device):
    function, degree, exact = LENGTHS[name]
    value, slope = exact(WHOLE.astype(LONG), axis)
    for k in exponents(dtype):
        x = cr.tensor(np.ldexp(WHOLE, k).astype(dtype), device=device, requires_grad=True)
        result = function(x, axis=axis)
        result.sum().backward()
        close(result.numpy(), np.ldexp(value, degree * int(k)).reshape(result.shape), dtype)
        close(x.grad.numpy(), np.ldexp(slope, (degree - 1) * int(k)), dtype)


@pytest.mark.parametrize(
    ("shares", "ddof"),
    [((1, -1), 0), ((1, -1, -1), 0), ((0.9, 0.7, -1, 0), 1), ((1, -0.4, 0.5), 1), ((1, 1, 1, 1, -1, 1), 1)],
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [cr.var, cr.std])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_spread_has_its_slope_where_distances_from_the_mean_overflow(function, dtype, shares, ddof):
    if dtype == "float64" and LONG(10) ** 400 == np.inf:
        pytest.skip("long doubles have no more range than float64 here")
    x = (np.array(shares) * float(np.finfo(dtype).max)).astype(dtype)
    std, slope = spread(x.astype(LONG), None, ddof)
    t = cr.tensor(x, requires_grad=True)
    result = function(t, ddof=ddof)
    result.backward()
    result, exact = (g.numpy() for g in (result, t.grad)), (std[0], slope)
    if function is cr.var:
        exact = std[0] ** 2, 2 * std[0] * slope
    for given, truth in zip(result, exact, strict=True):
        close(given * np.sign(truth), abs(truth), dtype)


def close(given, exact, dtype, units=8):
    """Within some units in the last place of the exact numbers, which are long doubles; what is too large must be inf."""
    f = np.finfo(dtype)
    bound = units * f.eps * np.maximum(abs(exact), LONG(f.tiny))
    wrong = ~((abs(given - exact) <= bound) | ((exact > f.max) & (given == np.inf)))
    assert not wrong.any(), f"{given[wrong]} is not {exact[wrong]}"


def test_a_mean_is_no_larger_than_its_numbers():
    assert cr.mean(cr.full(5, 3e38)).item() == np.float32(3e38)
    assert cr.mean(cr.full((5, 2), -3e38), axis=0).tolist() == [np.float32(-3e38)] * 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_is_right_where_a_part_of_it_leaves_the_range(dtype):
    large = 2.0 ** (np.finfo(dtype).maxexp - 2)
    for x in (
        [large, 1 / large] * 2,
        [1 / large, large] * 2,
        [large, 1.5, 1 / large] * 2,
        [large, large, 0, 1 / large],
    ):
        x = cr.tensor([x, [1.0] * len(x)], dtype=dtype, requires_grad=True)
        result = cr.prod(x, axis=1)
        result.sum().backward()
        exact = [prod(map(Fraction, row)) for row in x.tolist()]
        assert result.tolist() == [float(v) for v in exact]
        if all(exact):
            slopes = [[float(v / Fraction(a)) for a in row] for row, v in zip(x.tolist(), exact, strict=True)]
            assert x.grad.tolist() == slopes


def slope_of(f, x, dtype):
    return cr.grad(f)(cr.tensor(x, dtype=dtype)).tolist()


def test_examples_whose_squares_the_dtype_cannot_hold():
    assert cr.norm(cr.tensor([300, 400], dtype="float16")).item() == 500
    assert slope_of(cr.norm, [300, 400], "float16") == pytest.approx([0.6, 0.8], rel=1e-3)
    assert slope_of(cr.std, [300, -300], "float16") == [0.5, -0.5]
    assert cr.std(cr.tensor([300, -300], dtype="float16")).item() == 300
    assert cr.nn.mse(cr.tensor([300, 0, 0, 0], dtype="float16"), cr.zeros(4, dtype="float16")).item() == np.float16(
        22500
    )
    assert slope_of(lambda x: cr.arctan2(x[0], x[1]), [1e-23, 1e-23], "float32") == pytest.approx([5e22, -5e22])
    assert slope_of(lambda x: cr.arctan2(x[0], x[1]), [1e20, 1e20], "float32") == pytest.approx([5e-21, -5e-21])
    assert [slope_of(f, 1e20, "float32") for f in (cr.arcsinh, cr.arccosh)] == pytest.approx([1e-20, 1e-20])


# ---- conventions at kinks, differentiated again


def hessian(f, at):
    return cr.hessian(f)(cr.tensor(at, dtype="float64")).numpy()


SMOOTH = {  # functions that are smooth where what they are made of has a kink, and their second derivatives there
    "norm(x)**2": (lambda x: cr.norm(x) ** 2, [0, 0], 2 * np.eye(2)),
    "cos(norm(x))": (lambda x: cr.cos(cr.norm(x)), [0, 0], -np.eye(2)),
    "norm(x)**4": (lambda x: cr.norm(x) ** 4, [0, 0], np.zeros((2, 2))),
    "norms**2": (lambda x: (cr.norm(x.reshape(2, 2), axis=1) ** 2).sum(), [0, 0, 1, 2], 2 * np.eye(4)),
    "norm(x, keepdims)**2": (lambda x: (cr.norm(x, keepdims=True) ** 2).sum(), [0, 0], 2 * np.eye(2)),
    "std(x)**2, n = 2": (lambda x: cr.std(x) ** 2, [1, 1], np.eye(2) - 0.5),
    "std(x)**2, n = 3": (lambda x: cr.std(x) ** 2, [1, 1, 1], 2 / 3 * (np.eye(3) - 1 / 3)),
    "hypot(x, y)**2": (lambda x: cr.hypot(x[0], x[1]) ** 2, [0, 0], 2 * np.eye(2)),
    "abs(x)**2": (lambda x: (cr.absolute(x) ** 2).sum(), [0, 1], 2 * np.eye(2)),
    "abs(x) · abs(x)": (lambda x: (lambda a: (a * a).sum())(cr.absolute(x)), [0, 1], 2 * np.eye(2)),
    "abs(x)**3": (lambda x: (cr.absolute(x) ** 3).sum(), [0, 1], np.diag([0, 6])),
    "x**y at y = 0": (lambda x: x[0] ** x[1], [2, 0], [[0, 0.5], [0.5, np.log(2) ** 2]]),
    "x**y at y = 0, x large": (lambda x: x[0] ** x[1], [1e200, 0], [[0, 1e-200], [1e-200, np.log(1e200) ** 2]]),
    "x**y at y = 1": (lambda x: x[0] ** x[1], [2, 1], [[0, 1 + np.log(2)], [1 + np.log(2), 2 * np.log(2) ** 2]]),
    "x**y at x = 0": (lambda x: x[0] ** x[1], [0, 3], np.zeros((2, 2))),
}


@pytest.mark.parametrize("case", SMOOTH)
def test_a_smooth_function_has_its_second_derivatives_also_where_a_part_of_it_has_a_kink(case):
    f, at, exact = SMOOTH[case]
    np.testing.assert_allclose(hessian(f, at), exact, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("f", [abs, cr.norm])
def test_the_square_of_a_number_s_length_is_as_smooth_as_its_square(f):
    assert cr.grad(cr.grad(lambda x: f(x) ** 2))(cr.Value(0.0)).item() == 2


def test_the_square_of_a_sum_of_lengths_keeps_its_kinks():
    assert np.isnan(hessian(lambda x: cr.norm(x, ord=1) ** 2, [0, 0])).all()


def test_a_kink_stays_one():
    assert not hessian(lambda x: cr.absolute(x).sum(), [0, 0]).any()


def test_a_device_knows_second_derivatives_at_kinks_too(strict):
    zero = cr.zeros(2, dtype="float64", device=strict)
    assert cr.hessian(lambda x: cr.norm(x) ** 2)(zero).tolist() == [[2, 0], [0, 2]]
