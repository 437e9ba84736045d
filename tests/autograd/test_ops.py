"""Every operation against NumPy, composed ones against differences, and the edges: ties, kinks, zeros, huge numbers."""

import warnings
from math import erf as exact_erf
from math import inf, nan, pi

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.methods import functions
from chainrule.nn.linear import affine

FUNCTIONS = {**functions(), "abs": cr.abs}  # cr.trace is another thing
RNG = np.random.default_rng(0)
A = RNG.uniform(0.2, 0.9, (2, 3, 4))
M = RNG.uniform(-2, 2, (3, 4))
Q = RNG.uniform(-2, 2, (3, 3))
V = RNG.uniform(-2, 2, 4)


def same(given, expected, rtol=1e-13):
    """Tensors as the expected NumPy arrays: shape, dtype kind and values."""
    expected = np.asarray(expected)
    assert isinstance(given, cr.Tensor)
    assert (given.shape, given.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(given.numpy(), expected, rtol=rtol, atol=1e-14)


def gradient(f, *args):
    return cr.grad(lambda *xs: f(*xs).sum())(*args).numpy()


# ---- nothing of the list is missing


LISTED = """abs sign maximum minimum clip where exp expm1 log log1p sqrt square sin cos tan arcsin arccos arctan sinh
cosh tanh arcsinh arccosh arctanh sigmoid relu softplus logsumexp softmax log_softmax erf sum mean prod max min var
std cumsum argmax argmin reshape transpose swapaxes moveaxis broadcast_to squeeze expand_dims concatenate stack split
flip roll pad tile repeat matmul dot outer tensordot einsum trace diagonal tril triu norm take take_along_axis one_hot
sort power"""


@pytest.mark.parametrize("name", LISTED.split())
def test_the_operation_is_there_and_explains_itself(name):
    assert FUNCTIONS[name].__doc__


PLAIN = {
    "softmax": (), "log_softmax": (), "prod": (), "var": (), "std": (), "clip": (0.3, 0.6), "tile": (2,),
    "repeat": (2,), "flatten": (), "take": ([0, 1],), "take_along_axis": (np.array([[0], [1], [0]]),), "diagonal": (),
    "trace": (), "norm": (), "outer": (A[0],), "dot": (A[0].T,), "tensordot": (A[0].T, 1), "sum": (), "sort": (),
    "reshape": ((4, 3),), "exp": (),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_function_of_a_plain_array_gives_a_plain_array(name):
    plain = FUNCTIONS[name](A[0], *PLAIN[name])
    assert isinstance(plain, np.ndarray | np.floating)
    np.testing.assert_array_equal(plain, FUNCTIONS[name](cr.tensor(A[0]), *PLAIN[name]).numpy())


@pytest.mark.parametrize("name", PLAIN)
def test_a_function_takes_a_list_or_refuses_it_clearly(name):
    given = A[0].tolist()
    try:
        result = FUNCTIONS[name](given, *PLAIN[name])
    except cr.ChainruleError as error:
        assert "list" in str(error)  # noqa: PT017
    else:
        expected = FUNCTIONS[name](np.array(given), *PLAIN[name])
        np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["softmax", "prod", "var", "std", "sum", "mean", "max", "norm", "clip", "trace", "tile"]
)
def test_a_function_takes_a_number_or_refuses_it_clearly(name):
    extra = {"clip": (1.0, 3.0), "tile": (1,)}.get(name, ())
    try:
        result = FUNCTIONS[name](2.0, *extra)
    except cr.ChainruleError as error:
        assert "2.0" in str(error) or "ax" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(result, FUNCTIONS[name](np.float64(2.0), *extra))


# ---- one array, element by element


ELEMENTWISE = """abs absolute sign exp expm1 log log2 log10 log1p sqrt square sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arctanh negative floor ceil rint isnan isfinite""".split()


@pytest.mark.parametrize("shape", [(3, 4), (), (0, 3), (1, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_function_is_numpys(name, shape):
    x = RNG.uniform(0.1, 0.9, shape)
    same(FUNCTIONS[name](cr.tensor(x)), getattr(np, name)(x))


def test_arccosh_is_numpys():
    same(cr.arccosh(cr.tensor(1 + A)), np.arccosh(1 + A))


BINARY = """add subtract multiply divide floor_divide remainder power maximum minimum arctan2 logaddexp equal not_equal less less_equal greater
greater_equal""".split()


@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 2)), ((0, 3), (1, 3)), ((2, 1, 3), (4, 1))], ids=str
)
@pytest.mark.parametrize("name", BINARY)
def test_a_binary_function_broadcasts_as_numpys(name, shapes):
    x, y = (RNG.uniform(0.1, 2, shape) for shape in shapes)
    same(FUNCTIONS[name](cr.tensor(x), cr.tensor(y)), getattr(np, name)(x, y))


SIGNS = [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0), (0.5, 2.0), (-0.5, 2.0)]


@pytest.mark.parametrize(("x", "y"), SIGNS)
@pytest.mark.parametrize("make", [cr.tensor, cr.Value])
def test_remainder_and_floor_division_have_pythons_signs(make, x, y):
    a, b = make(x), make(y)
    assert [(a % b).item(), (a % y).item(), (x % b).item()] == [x % y] * 3
    assert [(a // b).item(), (a // y).item(), (x // b).item()] == [x // y] * 3


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_whole_numbers_have_whole_remainders(dtype):
    x = cr.arange(5, dtype=dtype)
    assert ((x % 2).tolist(), (x // 2).tolist()) == ([0, 1, 0, 1, 0], [0, 0, 1, 1, 2])
    assert (x % 2).dtype == (x // 2).dtype == dtype


@pytest.mark.parametrize(("x", "y"), SIGNS)
@pytest.mark.parametrize("make", [cr.tensor, cr.Value])
def test_the_gradient_of_a_remainder_counts_how_often_the_divisor_was_taken_away(make, x, y):
    dx, dy = cr.grad(lambda a, b: a % b, (0, 1))(make(x), make(y))
    assert (dx.item(), dy.item()) == (1.0, -(x // y))


def test_the_gradient_of_a_remainder_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    x, y = RNG.normal(size=50) * 9, RNG.normal(size=50)
    ours, theirs = [[to(a, requires_grad=True) for a in (x, y)] for to in (cr.tensor, torch.tensor)]
    cr.remainder(*ours).sum().backward()
    torch.remainder(*theirs).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["logical_and", "logical_or"])
def test_logical_functions_are_numpys(name):
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    same(FUNCTIONS[name](cr.tensor(x), cr.tensor(y)), getattr(np, name)(x, y))


def test_where_is_numpys():
    same(cr.where(M > 0, cr.tensor(M), cr.tensor(V)), np.where(M > 0, M, V))


def test_where_takes_numbers():
    same(cr.where(cr.tensor(M) > 0, 1.0, 0.0), np.where(M > 0, 1.0, 0.0))


@pytest.mark.parametrize("bounds", [(-0.5, 0.5), (None, 0.5), (-0.5, None), (-0.5, np.full(4, 0.5))], ids=str)
def test_clip_is_numpys(bounds):
    same(cr.clip(cr.tensor(M), *bounds), np.clip(M, *bounds))


def test_clip_passes_the_gradient_inside_its_bounds_only():
    g = gradient(lambda x: cr.clip(x, -1.0, 1.0), np.array([-2.0, -0.5, 0.5, 2.0]))
    assert g.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_clip_passes_gradcheck():
    assert cr.gradcheck(lambda x: cr.clip(x, -0.7, 0.9) ** 2, M)


def test_relu_sigmoid_and_softplus_are_their_formulas():
    x = cr.tensor(M)
    same(cr.relu(x), np.maximum(M, 0))
    same(cr.sigmoid(x), 1 / (1 + np.exp(-M)))
    same(cr.softplus(x), np.log(1 + np.exp(M)))


@pytest.mark.parametrize(("dtype", "ulps"), [("float64", 4), ("float32", 4), ("float16", 4)])
def test_erf_is_right_to_a_few_units_in_the_last_place(dtype, ulps):
    x = np.concatenate([np.linspace(-7, 7, 2001), [0.46875, 4.0, 1e-3, 5e-5]]).astype(dtype)
    exact = np.array([exact_erf(float(v)) for v in x])
    error = np.abs(cr.erf(cr.tensor(x)).numpy().astype("float64") - exact)
    assert (error <= ulps * np.spacing(np.abs(exact).astype(dtype)).astype("float64")).all()


# ---- reductions


AXES = [None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2), ()]


@pytest.mark.parametrize("keepdims", [False, True], ids=["", "keepdims"])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std", "any", "all"])
def test_a_reduction_is_numpys(name, axis, keepdims):
    same(
        FUNCTIONS[name](cr.tensor(A), axis=axis, keepdims=keepdims),
        getattr(np, name)(A, axis=axis, keepdims=keepdims),
    )


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std", "any", "all"])
def test_a_reduction_of_one_number_is_numpys(name):
    same(FUNCTIONS[name](cr.tensor(np.float64(0.7))), getattr(np, name)(np.float64(0.7)))


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_reduction_of_nothing_is_numpys(name, axis):
    empty = np.zeros((0, 3))
    same(FUNCTIONS[name](cr.tensor(empty), axis=axis), getattr(np, name)(empty, axis=axis))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "cumsum", "argmax", "any"])
def test_a_reduction_of_whole_numbers_is_numpys(name):
    whole = np.array([[1, 2, 3], [4, 5, 0]])
    same(FUNCTIONS[name](cr.tensor(whole), axis=0), getattr(np, name)(whole, axis=0))


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("axis", [None, 1, (0, 2)], ids=str)
@pytest.mark.parametrize("name", ["var", "std"])
def test_var_and_std_take_ddof(name, axis, ddof):
    same(FUNCTIONS[name](cr.tensor(A), axis=axis, ddof=ddof), getattr(np, name)(A, axis=axis, ddof=ddof))


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_argmax_and_argmin_are_numpys(name, axis, keepdims):
    same(
        FUNCTIONS[name](cr.tensor(A), axis=axis, keepdims=keepdims),
        getattr(np, name)(A, axis=axis, keepdims=keepdims),
    )


@pytest.mark.parametrize("axis", [None, 0, 1, -2], ids=str)
def test_cumsum_is_numpys(axis):
    same(cr.cumsum(cr.tensor(A), axis=axis), np.cumsum(A, axis=axis))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_is_its_formula(axis, keepdims):
    same(cr.logsumexp(cr.tensor(A), axis=axis, keepdims=keepdims), np.log(np.exp(A).sum(axis=axis, keepdims=keepdims)))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_is_its_formula(axis):
    expected = np.exp(A) / np.exp(A).sum(axis=axis, keepdims=True)
    same(cr.softmax(cr.tensor(A), axis=axis), expected)
    same(cr.log_softmax(cr.tensor(A), axis=axis), np.log(expected))


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 1.5, inf])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_vector_norm_is_numpys(ord, axis, keepdims):
    same(cr.norm(cr.tensor(M), ord=ord, axis=axis, keepdims=keepdims), np.linalg.norm(M, ord, axis, keepdims))


def test_the_norm_of_everything_is_that_of_the_flattened_array():
    same(cr.norm(cr.tensor(A)), np.linalg.norm(A.ravel()))
    same(cr.norm(cr.tensor(A), ord=3), np.linalg.norm(A.ravel(), 3))


def test_the_norm_of_huge_numbers_does_not_overflow_for_general_ord():
    same(cr.norm(cr.tensor([3e200, 4e200], dtype="float64"), ord=3), (27 + 64) ** (1 / 3) * 1e200)


# ---- shapes


SHAPES = {
    "reshape": [((4, 6),), ((-1,),), ((2, -1, 2),), ((1, 24),)],
    "transpose": [(), (None,), ((2, 0, 1),), ((-1, 0, 1),)],
    "swapaxes": [(0, 1), (0, -1), (-1, -2), (1, 1)],
    "moveaxis": [(0, -1), ((0, 1), (-1, 0)), (-1, 0), ([2, 0], [0, 1])],
    "broadcast_to": [((2, 3, 4),), ((5, 2, 3, 4),)],
    "expand_dims": [(0,), (-1,), ((0, 2),), (2,)],
    "flip": [(), (0,), (-1,), ((0, 2),)],
    "roll": [(1,), (-3,), (1, 0), (2, -1), ((1, 2), (0, 2)), (0,), (100,)],
    "pad": [(1,), ((1, 2),), (((1, 0), (0, 2), (3, 3)),), (0,)],
    "tile": [(2,), ((2, 1),), ((1, 2, 3),), ((2, 1, 1, 3),), (0,)],
    "repeat": [(2,), (2, 0), (3, -1), ([1, 0, 2], 1), (0, 1)],
    "take": [([0, 5, 5],), ([1, 0], 1), ([[0, 1], [2, 2]], 1), (1, 0), (-1, 2), ([], 0)],
    "diagonal": [(), (1,), (-1,), (0, 1, 2), (1, 0, 2), (0, -1, 0), (5,)],
    "trace": [(), (1,), (0, 1, 2), (-1, 2, 0)],
    "tril": [(), (1,), (-1,)],
    "triu": [(), (1,), (-1,)],
    "sort": [(), (0,), (1,), (-1,)],
    "argsort": [(), (0,)],
}


@pytest.mark.parametrize(("name", "args"), [(n, a) for n, group in SHAPES.items() for a in group], ids=str)
def test_a_rearrangement_is_numpys(name, args):
    args = tuple(np.asarray(a, int) if a == [] else a for a in args)
    same(FUNCTIONS[name](cr.tensor(A), *args), getattr(np, name)(A, *args))


@pytest.mark.parametrize(
    ("name", "args"), [(n, a) for n, group in SHAPES.items() for a in group if n != "argsort"], ids=str
)
def test_the_gradient_of_a_rearrangement_agrees_with_differences(name, args):
    args = tuple(np.asarray(a, int) if a == [] else a for a in args)
    assert cr.gradcheck(lambda x: FUNCTIONS[name](x, *args) ** 2, A, order=1)


@pytest.mark.parametrize("axis", [None, 0, 2, (0, 2)], ids=str)
def test_squeeze_is_numpys(axis):
    x = RNG.normal(size=(1, 3, 1))
    same(cr.squeeze(cr.tensor(x), axis), np.squeeze(x, axis))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_is_numpys(axis):
    parts = [M, M * 2, M * 3]
    same(cr.concatenate([cr.tensor(p) for p in parts], axis=axis), np.concatenate(parts, axis=axis))


def test_concatenate_takes_its_axis_by_place():
    same(cr.concatenate([cr.tensor(M), cr.tensor(M)], 1), np.concatenate([M, M], 1))


def test_concatenate_takes_parts_of_different_length():
    x = cr.tensor(M, requires_grad=True)
    (cr.concatenate([x[:1], x, np.ones((2, 4))]) * np.arange(6.0)[:, None]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.array([[0 + 1.0], [2.0], [3.0]]) * np.ones((3, 4)))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_stack_is_numpys(axis):
    same(cr.stack([cr.tensor(M), cr.tensor(M * 2)], axis=axis), np.stack([M, M * 2], axis=axis))


def test_stack_takes_numbers():
    x = cr.tensor(2.0, dtype="float64", requires_grad=True)
    y = cr.stack([x, x * x, 3.0])
    y.sum().backward()
    assert (y.tolist(), x.grad.item()) == ([2.0, 4.0, 3.0], 5.0)


@pytest.mark.parametrize("default", ["cpu", "scalar", "strict"])
@pytest.mark.parametrize("home", ["cpu", "strict"])
def test_stack_takes_numbers_and_values_to_the_device_of_the_arrays(home, default, strict):
    x, v = cr.tensor([2.0], device=home), cr.Value(5.0)
    with cr.backends.use(default):
        y = cr.stack([3.0, x[0], v])
    y.sum().backward()
    assert (y.device, y.tolist(), float(v.grad)) == (home, [3.0, 2.0, 5.0], 1.0)


@pytest.mark.parametrize("default", ["cpu", "scalar", "strict"])
def test_stack_makes_an_array_of_numbers_and_values(default, strict):
    with cr.backends.use(default):
        found = [cr.stack([1.0, 2.0]), cr.stack([1.0, cr.Value(2.0)]), cr.stack([[1.0], np.array([2.0])])]
    assert [y.device for y in found] == ["strict" if default == "strict" else "cpu", "cpu", "cpu"]


@pytest.mark.parametrize("args", [(3,), ([1, 2],), (2, 1), (4, -1), ([1], -1), ([0, 3],)], ids=str)
def test_split_is_numpys(args):
    given, expected = cr.split(cr.tensor(M), *args), np.split(M, *args)
    assert len(given) == len(expected)
    for g, e in zip(given, expected, strict=True):
        same(g, e)


def test_pad_takes_a_constant():
    same(cr.pad(cr.tensor(M), 1, constant_values=7.0), np.pad(M, 1, constant_values=7.0))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis_is_numpys(axis):
    order = np.argsort(M, axis=axis)
    same(cr.take_along_axis(cr.tensor(M), order, axis), np.take_along_axis(M, order, axis))
    same(cr.take_along_axis(cr.tensor(M), cr.tensor(order), axis), np.take_along_axis(M, order, axis))


def test_take_along_axis_takes_fewer_or_more_than_there_are():
    picks = np.array([[0, 0, 0, 3, 3, 1], [1, 1, 1, 1, 1, 1], [3, 2, 1, 0, 0, 0]])
    same(cr.take_along_axis(cr.tensor(M), picks, 1), np.take_along_axis(M, picks, 1))
    assert cr.gradcheck(lambda x: cr.take_along_axis(x, picks, 1) ** 2, M)


def test_one_hot_has_a_one_at_each_index():
    same(cr.one_hot(np.array([[2, 0], [1, 1]]), 3, dtype="float64"), np.eye(3)[[[2, 0], [1, 1]]])


@pytest.mark.parametrize("indices", [[2, 0], np.array([2, 0]), cr.tensor([2, 0])], ids=["list", "numpy", "tensor"])
def test_one_hot_takes_lists_arrays_and_tensors(indices):
    assert cr.one_hot(indices, 3).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


# ---- products


PRODUCTS = [
    ((3, 4), (4, 5)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((0, 4), (4, 3)),
    ((3, 0), (0, 2)),
]


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_matmul_is_numpys(shapes):
    x, y = (RNG.normal(size=s) for s in shapes)
    same(cr.matmul(cr.tensor(x), cr.tensor(y)), np.matmul(x, y), rtol=1e-12)


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_matmul_passes_gradcheck(shapes):
    x, y = (RNG.normal(size=s) for s in shapes)
    assert cr.gradcheck(cr.matmul, x, y)


DOTS = [
    ((), (3,)),
    ((3,), (3,)),
    ((2, 3), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (5, 4, 2)),
    ((3,), (2, 3, 2)),
]


@pytest.mark.parametrize("shapes", DOTS, ids=str)
def test_dot_is_numpys(shapes):
    x, y = (RNG.normal(size=s) for s in shapes)
    same(cr.dot(cr.tensor(x), cr.tensor(y)), np.dot(x, y), rtol=1e-12)


@pytest.mark.parametrize("shapes", [((), (3,)), ((2, 3), (3,)), ((2, 3, 4), (4,)), ((2, 2, 3), (2, 3, 2))], ids=str)
def test_dot_passes_gradcheck(shapes):
    assert cr.gradcheck(cr.dot, *(RNG.normal(size=s) for s in shapes))


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((2, 3), (4,)), ((), (2,))], ids=str)
def test_outer_is_numpys(shapes):
    x, y = (RNG.normal(size=s) for s in shapes)
    same(cr.outer(cr.tensor(x), cr.tensor(y)), np.outer(x, y))


def test_outer_passes_gradcheck():
    assert cr.gradcheck(cr.outer, V, M[0])


TENSORDOTS = [
    ((2, 3, 4), (3, 4, 5), 2),
    ((3, 4), (4, 2), 1),
    ((3, 4), (2, 5), 0),
    ((2, 3, 4), (4, 3, 2), ([0, 1], [2, 1])),
    ((2, 3), (3, 2), (1, 0)),
    ((2, 3, 4), (3, 2), ([-2], [0])),
]


@pytest.mark.parametrize(("first", "second", "axes"), TENSORDOTS, ids=str)
def test_tensordot_is_numpys(first, second, axes):
    x, y = RNG.normal(size=first), RNG.normal(size=second)
    same(cr.tensordot(cr.tensor(x), cr.tensor(y), axes), np.tensordot(x, y, axes), rtol=1e-12)


@pytest.mark.parametrize(("first", "second", "axes"), TENSORDOTS[3:], ids=str)
def test_tensordot_passes_gradcheck(first, second, axes):
    assert cr.gradcheck(lambda x, y: cr.tensordot(x, y, axes), RNG.normal(size=first), RNG.normal(size=second))


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ij", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (2, 2, 3)),
    ("iii->i", (3, 3, 3)),
    ("iji->j", (2, 3, 2)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("i,j->ji", (2,), (3,)),
    ("i,i->i", (3,), (3,)),
    ("i,j->", (2,), (3,)),
    ("i,j->j", (2,), (3,)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
    ("...ij,jk->...ik", (2, 2, 3), (3, 2)),
    ("...i,...i", (2, 3), (2, 3)),
    ("...i->...", (2, 3)),
    ("i...->...", (2, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("...", (2, 3)),
    ("i...,j->i...j", (2, 2), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("ij,i->", (2, 3), (2,)),
    (" i j , j k -> i k ", (2, 3), (3, 2)),
    (",i->i", (), (3,)),
    ("aB,Bc->ca", (2, 3), (3, 2)),
    ("ij,jj->i", (2, 3), (3, 3)),
    ("ijk,ilm,njm,nlk,abc->", (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 1)),
    ("ij,jk->ik", (2, 1), (3, 4)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: f"{c[0]} {c[1:]}")
def test_einsum_is_numpys(case):
    arrays = [RNG.normal(size=s) for s in case[1:]]
    same(cr.einsum(case[0], *map(cr.tensor, arrays)), np.einsum(case[0], *arrays), rtol=1e-12)


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: f"{c[0]} {c[1:]}")
def test_einsum_passes_gradcheck(case):
    arrays = [RNG.uniform(0.5, 1.5, s) for s in case[1:]]
    assert cr.gradcheck(lambda *xs: cr.einsum(case[0], *xs), *arrays)


def test_einsum_of_one_array_in_two_places():
    assert cr.gradcheck(lambda x: cr.einsum("ij,ij,jk->ik", x, x, cr.transpose(x)), M)


def test_einsum_takes_plain_arrays_beside_tensors():
    x = cr.tensor(M, requires_grad=True)
    cr.einsum("ij,j->i", x, V).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.broadcast_to(V, (3, 4)))


@pytest.mark.parametrize("shapes", [((5, 4), (4, 3), (3,)), ((2, 5, 4), (4, 3), (3,)), ((4,), (4, 3), (3,))], ids=str)
def test_affine_is_its_formula(shapes):
    x, w, b = (RNG.normal(size=s) for s in shapes)
    same(affine(cr.tensor(x), cr.tensor(w), cr.tensor(b)), x @ w + b, rtol=1e-12)


# ---- composed operations against differences, to second order


COMPOSED = {
    "softmax": lambda x: cr.softmax(x) ** 2,
    "softmax axis 0": lambda x: cr.softmax(x, axis=0) ** 2,
    "log_softmax": lambda x: cr.log_softmax(x) ** 2,
    "logsumexp": lambda x: cr.logsumexp(x, axis=0),
    "prod": cr.prod,
    "prod axis": lambda x: cr.prod(x, axis=1),
    "prod axes": lambda x: cr.prod(x, axis=(1, 0), keepdims=True),
    "var": cr.var,
    "var axis": lambda x: cr.var(x, axis=0, ddof=1),
    "std": cr.std,
    "std axis": lambda x: cr.std(x, axis=1, ddof=1, keepdims=True),
    "norm 1": lambda x: cr.norm(x, ord=1, axis=0),
    "norm 2": lambda x: cr.norm(x, axis=0),
    "norm 3": lambda x: cr.norm(x, ord=3, axis=0),
    "norm 1.5": lambda x: cr.norm(x, ord=1.5),
    "norm inf": lambda x: cr.norm(x, ord=inf, axis=0),
    "trace": lambda x: x.trace() ** 2,
    "diagonal": lambda x: cr.diagonal(x, offset=1) ** 2,
    "outer": lambda x: cr.outer(x[0], x[1] ** 2),
    "tile": lambda x: cr.tile(x, (2, 1)) ** 3,
    "repeat": lambda x: cr.repeat(x, [1, 0, 3], axis=0) ** 3,
    "split and stack": lambda x: cr.stack(cr.split(x, 2, axis=1), axis=-1) ** 2,
    "take": lambda x: cr.take(x, [[0, 0], [1, 2]], axis=0) ** 2,
    "sort": lambda x: cr.sort(x, axis=0) * np.arange(12.0).reshape(3, 4) * x,
    "max": lambda x: x.max(axis=0) ** 2,
    "min": lambda x: x.min() ** 2,
    "mean": lambda x: x.mean(axis=(0, 1)) ** 2,
    "cumsum": lambda x: cr.cumsum(x, axis=1) ** 2,
    "where": lambda x: cr.where(x > 0, x**2, cr.exp(x)),
    "maximum": lambda x: cr.maximum(x, x[::-1] * 0.3) ** 2,
    "power": lambda x: cr.exp(x) ** x,
    "arctan2": lambda x: cr.arctan2(x, 1 + x**2),
    "logaddexp": lambda x: cr.logaddexp(x, x**2),
    "erf": lambda x: cr.erf(x) * x,
    "division": lambda x: x / (1 + x**2),
    "tril and triu": lambda x: cr.tril(x) ** 2 + cr.triu(x, k=1) ** 3,
    "indexing": lambda x: x[[0, 0, 2], [1, 1, 3]] ** 2 * x[1:, None, ::2].sum(),
    "normalisation": lambda x: (x - x.mean(axis=1, keepdims=True)) / (x.var(axis=1, keepdims=True) + 1e-5) ** 0.5,
    "attention": lambda x: cr.softmax(x @ x.T) @ x,
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_function_passes_gradcheck(name):
    assert cr.gradcheck(COMPOSED[name], M)


# ---- products with zeros


@pytest.mark.parametrize(
    "factors", [[2.0, 3.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [5.0], [0.0], [0.0, 4.0]], ids=str
)
def test_the_gradient_of_prod_is_the_product_of_the_others(factors):
    expected = [np.prod(factors[:i] + factors[i + 1 :]) for i in range(len(factors))]
    assert gradient(cr.prod, np.array(factors)).tolist() == expected


@pytest.mark.parametrize("factors", [[2.0, 3.0, 0.0], [0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 0.0]], ids=str)
def test_the_hessian_of_prod_is_the_product_of_all_but_two(factors):
    n = len(factors)
    expected = [
        [0.0 if i == j else float(np.prod([f for k, f in enumerate(factors) if k not in (i, j)])) for j in range(n)]
        for i in range(n)
    ]
    assert cr.hessian(cr.prod)(np.array(factors)).tolist() == expected


def test_the_product_of_nothing_is_one_with_an_empty_gradient():
    x = cr.tensor(np.zeros((0,)), requires_grad=True)
    y = cr.prod(x)
    y.backward()
    assert (y.item(), x.grad.shape) == (1.0, (0,))


# ---- kinks and ties


def test_the_gradient_of_max_is_shared_evenly_at_ties():
    assert gradient(cr.max, np.array([3.0, 1.0, 3.0, 3.0])).tolist() == [1 / 3, 0.0, 1 / 3, 1 / 3]


def test_the_gradient_of_min_is_shared_evenly_at_ties():
    assert gradient(cr.min, np.array([1.0, 1.0, 3.0])).tolist() == [0.5, 0.5, 0.0]


def test_the_gradient_of_max_is_shared_along_each_axis_by_itself():
    x = np.array([[1.0, 2.0], [1.0, 1.0]])
    assert gradient(lambda x: x.max(axis=0), x).tolist() == [[0.5, 1.0], [0.5, 0.0]]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_the_gradient_of_maximum_and_minimum_is_shared_evenly_at_ties(name):
    gx, gy = cr.grad(lambda x, y: FUNCTIONS[name](x, y), (0, 1))(2.0, 2.0)
    assert (gx.item(), gy.item()) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "slope"), [("abs", 0.0), ("relu", 0.0), ("sign", 0.0), ("floor", 0.0), ("ceil", 0.0), ("rint", 0.0)]
)
def test_the_derivative_at_the_kink_is_zero(name, slope):
    assert cr.grad(FUNCTIONS[name])(0.0).item() == slope


@pytest.mark.parametrize("ord", [1, 2, 3, 1.5])
@pytest.mark.parametrize("axis", [None, 0])
def test_the_gradient_of_a_norm_at_zero_is_zero(ord, axis):
    assert gradient(lambda x: cr.norm(x, ord=ord, axis=axis), np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("ord", [2, 3, 1.5])
def test_the_gradient_of_a_norm_is_finite_where_one_row_is_zero(ord):
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    g = gradient(lambda x: cr.norm(x, ord=ord, axis=1), x)
    assert np.isfinite(g).all()
    assert g[0].tolist() == [0.0, 0.0]


def test_the_gradient_of_std_of_equal_elements_is_zero():
    assert gradient(cr.std, np.full(3, 2.0)).tolist() == [0.0, 0.0, 0.0]


def test_the_gradient_of_sort_with_duplicates_is_a_permutation():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    g = gradient(lambda x: cr.sort(x) * weights, np.array([2.0, 1.0, 2.0, 1.0]))
    assert g.tolist() == [3.0, 1.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("x", "y", "dx", "dy"),
    [
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (2.0, 0.0, 0.0, np.log(2)),
        (-2.0, 2.0, -4.0, nan),
        (-2.0, 3.0, 12.0, nan),
        (0.0, 0.5, inf, 0.0),
    ],
)
def test_the_gradient_of_power_at_its_edges(x, y, dx, dy):
    with np.errstate(divide="ignore"):
        gx, gy = cr.grad(cr.power, (0, 1))(x, y)
    np.testing.assert_equal((gx.item(), gy.item()), (dx, dy))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.0, 1.0, 2.0])
def test_the_second_derivative_of_a_power_at_zero_is_finite(exponent):
    second = cr.grad(cr.grad(lambda x: x**exponent))(0.0).item()
    assert second == {2: 2.0}.get(exponent, 0.0)


@pytest.mark.parametrize("exponent", [1, 2, 3, -1])
def test_negative_numbers_have_whole_powers(exponent):
    assert cr.grad(lambda x: x**exponent)(-2.0).item() == exponent * (-2.0) ** (exponent - 1)


def test_where_can_guard_the_branch_that_is_not_taken():
    x = np.array([0.0, 4.0])
    g = gradient(lambda x: cr.where(x > 0, cr.sqrt(cr.where(x > 0, x, 1.0)), 0.0), x)
    assert g.tolist() == [0.0, 0.25]


def test_relu_turns_an_infinite_gradient_of_a_dead_unit_into_nan_not_into_a_number():
    x = cr.tensor(np.array([-1.0, 1.0]), requires_grad=True)
    with np.errstate(invalid="ignore"):
        cr.relu(x).backward([inf, 1.0])
    assert np.isnan(x.grad.numpy()).tolist() == [True, False]


# ---- the ends of the number range, without warnings


@pytest.fixture
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


@BOTH
@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        ("sigmoid", [0.0, 1.0], [0.0, 0.0]),
        ("softplus", [0.0, 1e4], [0.0, 1.0]),
        ("tanh", [-1.0, 1.0], [0.0, 0.0]),
        ("relu", [0.0, 1e4], [0.0, 1.0]),
        ("erf", [-1.0, 1.0], [0.0, 0.0]),
        ("arctan", [-pi / 2, pi / 2], [0.0, 0.0]),
    ],
)
def test_far_from_zero_an_activation_is_exact_and_quiet(no_warnings, name, values, slopes, dtype):
    x = np.array([-1e4, 1e4], dtype)
    value, slope = FUNCTIONS[name](cr.tensor(x)).numpy(), gradient(FUNCTIONS[name], x)
    np.testing.assert_allclose(value, values, atol=2e-4 if name == "arctan" else 0)
    np.testing.assert_allclose(slope, slopes, atol=1e-7)


@BOTH
def test_the_logarithm_of_sigmoid_is_softplus_at_any_size(no_warnings, dtype):
    x = np.array([-800.0, 800.0], dtype)
    assert gradient(lambda x: -cr.softplus(-x), x).tolist() == [1.0, 0.0]


@BOTH
def test_log_softmax_of_huge_logits_is_finite(no_warnings, dtype):
    x = np.array([[1e4, -1e4, 0.0], [1e30, 1e30, -1e30]], dtype)
    y = cr.log_softmax(cr.tensor(x)).numpy()
    np.testing.assert_allclose(y, [[0, -2e4, -1e4], [-np.log(2), -np.log(2), -2e30]], rtol=1e-6)


@BOTH
def test_the_gradient_of_log_softmax_of_huge_logits_is_finite(no_warnings, dtype):
    x = np.array([[1e4, -1e4, 0.0]], dtype)
    np.testing.assert_allclose(gradient(lambda x: cr.log_softmax(x)[:, 1], x), [[-1.0, 1.0, 0.0]])


@BOTH
def test_softmax_of_huge_logits_adds_up_to_one(no_warnings, dtype):
    assert cr.softmax(cr.tensor(np.array([1e30, 0.0, -1e30], dtype))).tolist() == [1.0, 0.0, 0.0]


@BOTH
def test_logsumexp_of_a_row_of_minus_infinity_is_minus_infinity(dtype):
    with np.errstate(divide="ignore"):
        y = cr.logsumexp(cr.tensor(np.array([[-inf, -inf], [0.0, 0.0]], dtype)), axis=1)
    np.testing.assert_allclose(y.numpy(), [-inf, np.log(2)], rtol=1e-6)


@BOTH
def test_logsumexp_ignores_minus_infinity_beside_numbers(no_warnings, dtype):
    x = np.array([-inf, 1.0, 1.0], dtype)
    np.testing.assert_allclose(cr.logsumexp(cr.tensor(x)).item(), 1 + np.log(2), rtol=1e-6)
    assert gradient(cr.logsumexp, x).tolist() == pytest.approx([0.0, 0.5, 0.5], rel=1e-6)


@BOTH
def test_logsumexp_with_infinity_is_infinite(no_warnings, dtype):
    assert cr.logsumexp(cr.tensor(np.array([inf, 1.0], dtype))).item() == inf


@BOTH
def test_logaddexp_of_huge_numbers_is_finite(no_warnings, dtype):
    x, y = np.array([1e4, -1e4], dtype), np.array([-1e4, 1e4], dtype)
    gx, gy = (g.tolist() for g in cr.grad(lambda x, y: cr.logaddexp(x, y).sum(), (0, 1))(x, y))
    assert (cr.logaddexp(cr.tensor(x), y).tolist(), gx, gy) == ([1e4, 1e4], [1.0, 0.0], [0.0, 1.0])


@BOTH
def test_the_softplus_gradient_is_accurate_far_below_zero(no_warnings, dtype):
    x = np.array([-30.0], dtype)
    np.testing.assert_allclose(gradient(cr.softplus, x), np.exp(x), rtol=1e-6)


@BOTH
def test_expm1_and_log1p_are_accurate_near_zero(no_warnings, dtype):
    x = np.array([1e-6], dtype)
    assert cr.expm1(cr.tensor(x)).item() == pytest.approx(1e-6 + 5e-13, rel=1e-7)
    assert cr.log1p(cr.tensor(x)).item() == pytest.approx(1e-6 - 5e-13, rel=1e-7)


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_and_min_pass_nan_on(name):
    assert np.isnan(FUNCTIONS[name](cr.tensor([1.0, nan, 2.0])).item())


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("pair", [(nan, 1.0), (1.0, nan)], ids=str)
def test_maximum_and_minimum_pass_nan_on(name, pair):
    x, y = pair
    results = [FUNCTIONS[name](cr.tensor(x), y).item(), FUNCTIONS[name](cr.Value(x), cr.Value(y)).data]
    assert np.isnan(results).all()


def test_division_by_zero_is_numpys():
    with np.errstate(all="ignore"):
        x, y = np.array([1.0, -1.0, 0.0]), np.zeros(3)
        same(cr.tensor(x) / cr.tensor(y), x / y)


def test_float16_does_not_overflow_in_mean():
    assert cr.mean(cr.tensor(np.full(100_000, 2.0, "float16"))).item() == 2.0


# ---- corners


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_gradient_of_an_extreme_value_that_is_nan_goes_to_the_nan(name):
    x = cr.tensor([[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]], requires_grad=True)
    getattr(cr, name)(x, axis=1).sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [0, 0, 1] if name == "max" else [1, 0, 0]]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_the_gradient_beside_a_nan_does_not_become_nan(name):
    x, y = cr.tensor([np.nan, 1.0], requires_grad=True), cr.tensor([1.0, np.nan], requires_grad=True)
    getattr(cr, name)(x, y).sum().backward()
    assert x.grad.tolist() == [1, 0]
    assert y.grad.tolist() == [0, 1]


@pytest.mark.parametrize(
    "dtypes", [("float32", "float64", "float64"), ("float64", "float32", "float32"), ("float32", "float32", "float64")]
)
def test_affine_of_mixed_dtypes_is_its_formula_and_gradients_keep_the_dtypes(dtypes):
    from chainrule.autograd.ops.linalg import affine

    shapes = (4, 3), (3, 2), (2,)
    x, w, b = (cr.tensor(RNG.normal(size=s), dtype=d, requires_grad=True) for s, d in zip(shapes, dtypes, strict=True))
    y = affine(x, w, b)
    np.testing.assert_allclose(y.numpy(), x.numpy() @ w.numpy() + b.numpy(), rtol=1e-5, atol=1e-6)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, w.grad.dtype, b.grad.dtype) == ("float64", *dtypes)


def test_argsort_and_sort_keep_the_order_of_equal_elements():
    x = np.arange(60) // 3 % 4 * 1.0
    assert cr.argsort(cr.tensor(x)).tolist() == sorted(range(60), key=lambda i: x[i])
    t = cr.tensor(x, requires_grad=True)
    (cr.sort(t) * np.arange(60.0)).sum().backward()
    assert t.grad.tolist() == np.argsort(np.argsort(x, kind="stable"), kind="stable").tolist()


def test_an_einsum_letter_of_length_1_beside_length_0_repeats_to_nothing():
    x, y = cr.ones((1, 2), requires_grad=True), cr.ones((0, 2), requires_grad=True)
    z = cr.einsum("ij,ij->j", x, y)
    z.sum().backward()
    assert (z.tolist(), x.grad.tolist(), y.grad.shape) == ([0, 0], [[0, 0]], (0, 2))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("values", [[1.0, 2.0], [1, 2], [True, False]])
def test_a_list_beside_a_tensor_is_the_tensor_that_is_made_of_it(values, dtype):
    x = cr.tensor([1.0, 3.0], dtype=dtype)
    for f in (lambda a: x + a, lambda a: a * x, lambda a: cr.maximum(x, a)):
        assert (f(values).dtype, f(values).tolist()) == (f(cr.tensor(values)).dtype, f(cr.tensor(values)).tolist())


@pytest.mark.parametrize("x", [-2.0, 0.0, 3.0])
def test_the_slope_of_a_power_with_a_tensor_of_0_as_exponent_is_0(x):
    assert cr.grad(lambda x, y: (x**y).sum())(np.array([x]), np.array([0.0])).tolist() == [0.0]


@pytest.mark.parametrize("step", [cr.rint, cr.floor, cr.sign, lambda x: x // 1.0, lambda x: -cr.ceil(-x)])
def test_what_is_constant_between_jumps_has_slope_0_also_for_an_infinite_gradient(step):
    x = cr.tensor([0.3], requires_grad=True)
    step(x).backward([np.inf])
    assert x.grad.tolist() == [0.0]
