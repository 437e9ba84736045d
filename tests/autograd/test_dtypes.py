"""In what dtype functions work: integers become floats where they must, sums keep their digits, whatever axis and layout."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autograd.ops.sums import total
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases

RNG = np.random.default_rng(0)
EXTREMES = {
    "bool": [False, True],
    "int8": [-128, -100, 3, 100, 127],
    "uint8": [0, 3, 16, 200, 255],
    "int32": [-50000, 2, 70000],
}
QUANTITIES = [p for p in REGISTRY.values() if p.vjp and p.name not in ("variable", "to_device")]
WORKING = [
    p for p in QUANTITIES if p.floats or p.jvp != ELEMENTWISE
]  # the others are NumPy's arithmetic of whole numbers
named = lambda p: p.name


def whole(p, case, kind):
    """Arguments for the case in which every quantity is made of extreme whole numbers, and the same in float64."""
    inputs = p.inputs * len(case.shapes) if p.variadic else p.inputs
    given = [
        RNG.choice(np.array(EXTREMES[kind], kind), shape) if name in p.vjp else domain(RNG, shape)
        for name, domain, shape in zip(inputs, case.domains, case.shapes, strict=True)
    ]
    return given, [a.astype("float64") if name in p.vjp else a for name, a in zip(inputs, given, strict=True)]


@pytest.mark.parametrize("p", WORKING, ids=named)
def test_whole_numbers_give_what_the_same_floats_give(p, device):
    for kind in EXTREMES:
        for case in cases(p):
            if "constant_values" in case.options:  # takes the dtype of the array
                continue
            given, floats = whole(p, case, kind)
            with np.errstate(all="ignore"):
                result = p.call(*(cr.tensor(a, device=device) for a in given), **case.options)
                expected = np.asarray(p.call(*floats, **case.options)).astype(result.dtype)
            assert result.dtype.kind == "f" or not p.floats, (kind, case)
            size = np.abs(expected[np.isfinite(expected)]).max(initial=1) if p.floats else 0
            np.testing.assert_allclose(result.numpy(), expected, rtol=2e-6, atol=1e-6 * size, err_msg=f"{kind} {case}")


BESIDE = [p for p in QUANTITIES if len(p.vjp) > 1 or p.variadic and p.name != "concatenate"]


@pytest.mark.parametrize("p", BESIDE, ids=named)
def test_whole_numbers_beside_a_differentiated_operand_count_as_floats(p, device):
    def gradient(arrays, at, case):
        tensors = [cr.tensor(a, device=device) for a in arrays]
        tensors[at].requires_grad = True
        p.call(*tensors, **case.options).sum().backward()
        return tensors[at].grad.numpy()

    for kind in ("int8", "uint8"):
        for case in cases(p):
            inputs = p.inputs * len(case.shapes) if p.variadic else p.inputs
            for at in (i for i, name in enumerate(inputs) if name in p.vjp):
                given, floats = whole(p, case, kind)
                given[at] = floats[at] = 0.5 + RNG.random(case.shapes[at])
                with np.errstate(all="ignore"):
                    one, other = gradient(given, at, case), gradient(floats, at, case)
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-300, err_msg=f"{kind} {case}")


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: cr.arctan2(np.int8([100]), x), -100 / 10004),
        (lambda x: cr.arctan2(np.int8(100), x), -100 / 10004),
        (lambda x: x ** np.int8([-128]), -128 * 2.0**-129),
        (lambda x: x ** np.int8(-128), -128 * 2.0**-129),
        (lambda x: np.uint8([200]) ** x, 40000 * np.log(200)),
        (lambda x: np.uint8(200) ** x, 40000 * np.log(200)),
    ],
)
def test_slopes_beside_small_integers(f, slope):
    x = cr.tensor(2.0, requires_grad=True)
    f(x).sum().backward()
    np.testing.assert_allclose(x.grad.item(), slope, rtol=1e-6)


FLOATING = {
    **{f.__name__: f for f in nn.ACTIVATIONS.values() if f.__name__ != "identity"},
    **{name: getattr(cr, name) for name in "mean var std norm logsumexp log_softmax".split()},
    "norm 1": lambda x: cr.norm(x, 1),
    "norm 3": lambda x: cr.norm(x, 3),
    "mse": lambda x: nn.mse(x, x[::-1]),
    "l1": lambda x: nn.l1(x, x[::-1]),
    "huber": lambda x: nn.huber(x, x[::-1]),
    "bce_with_logits": lambda x: nn.bce_with_logits(x, x > 3),
    "cross_entropy": lambda x: nn.cross_entropy(x[None], cr.tensor([0], device=x.device)),
    "soft cross_entropy": lambda x: nn.cross_entropy(x[None], cr.tensor([[0.25, 0.25, 0.5]], device=x.device)),
}


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64"])
@pytest.mark.parametrize("name", FLOATING)
def test_activations_statistics_and_losses_of_whole_numbers_are_floats(name, kind, device):
    x = np.array([3, 100, 7], kind)
    given, expected = (FLOATING[name](cr.tensor(a, device=device)) for a in (x, x.astype("float64")))
    assert given.dtype == ("float64" if kind == "int64" else "float32")
    np.testing.assert_allclose(given.numpy(), expected.numpy(), rtol=1e-6, atol=1e-30)


def test_sums_and_products_of_whole_numbers_are_made_in_64_bits():
    x, m = cr.tensor(np.int32([100000, 100000])), cr.tensor(np.full((3, 3), 100, "int8"))
    assert [(y.dtype, y.tolist()) for y in (cr.prod(x), x.sum(), x @ x, (m @ m)[0], cr.einsum("ij->j", m))] == [
        ("int64", 10**10),
        ("int64", 200000),
        ("int64", 2 * 10**10),
        ("int64", [30000] * 3),
        ("int64", [300] * 3),
    ]


def test_integers_take_the_default_dtype_or_float64_where_that_cannot_hold_them():
    kinds = ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64"]
    assert [cr.exp(cr.ones(1, dtype=k)).dtype for k in kinds] == ["float32"] * 4 + ["float64"] * 3
    assert cr.arctan2(cr.ones(1, dtype="int8"), cr.ones(1, dtype="float16")).dtype == "float16"


# ---- sums of many numbers


def layouts(a):
    """The same values in every way they can lie in memory."""
    yield a
    yield np.asfortranarray(a)
    yield np.repeat(a, 2, axis=-1)[..., ::2]
    yield np.ascontiguousarray(a[::-1])[::-1]
    yield np.ascontiguousarray(a[..., ::-1])[..., ::-1]
    yield np.ascontiguousarray(np.moveaxis(a, 0, -1)).transpose(a.ndim - 1, *range(a.ndim - 1))


SHAPES = [(20000,), (20000, 2), (2, 20000), (3, 7000, 2)]
AXES = [None, 0, -1, 1, (0, 1), (0, 2), (0, -1)]
WHERE = [
    (shape, axis)
    for shape in SHAPES
    for axis in AXES
    if axis is None
    or max(np.atleast_1d(axis)) < len(shape)
    and len({a % len(shape) for a in np.atleast_1d(axis)}) == np.size(axis)
]


def exact_norm(x, axis, keepdims):
    return np.sqrt(np.square(x).sum(axis=axis, keepdims=keepdims))


def exact_logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


REDUCTIONS = {
    cr.sum: np.sum, cr.mean: np.mean, cr.var: np.var, cr.std: np.std, cr.norm: exact_norm, cr.logsumexp: exact_logsumexp,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("reduce", REDUCTIONS, ids=lambda f: f.__name__)
def test_every_reduction_is_exact_along_every_axis_in_every_layout(reduce, dtype):
    rtol = {"float16": 1e-3, "float32": 4e-6, "float64": 1e-11}[dtype]
    for shape, axis in WHERE:
        a = np.where(np.indices(shape).sum(axis=0) % 2, 0.1, -0.3).astype(dtype)
        expected = REDUCTIONS[reduce](a.astype("float64"), axis=axis, keepdims=True)
        for i, x in enumerate(layouts(a)):
            given = reduce(cr.asarray(x), axis=axis, keepdims=i == 0)
            assert given.dtype == dtype
            assert given.shape == np.sum(a, axis=axis, keepdims=i == 0).shape
            np.testing.assert_allclose(
                given.numpy().ravel(), expected.ravel(), rtol=rtol, err_msg=f"{shape} {axis} {i}"
            )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_running_sums_are_as_exact_as_their_dtype(dtype, device):
    x = cr.tensor(np.full((20000, 2), 0.1, dtype), device=device, requires_grad=True)
    exact = np.cumsum(np.full((20000, 2), x.numpy()[0, 0], "float64"), axis=0)
    y = cr.cumsum(x, axis=0)
    np.testing.assert_allclose(y.numpy(), exact, rtol=np.finfo(dtype).eps)
    (y * 0.1).backward(cr.ones_like(y))
    np.testing.assert_allclose(x.grad.numpy()[0], 20000 * float(np.array(0.1, dtype)), rtol=2 * np.finfo(dtype).eps)


PRODUCTS = [((1, "n"), ("n", 1)), ((1, "n"), ("n", 3)), ((3, "n"), ("n", 1)), (("n",), ("n", 3)), ((3, "n"), ("n",)),
            (("n",), ("n",)), ((2, 3, "n"), ("n",)), ((3, "n"), ("n", 2))]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PRODUCTS)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_products_of_long_vectors_are_exact_in_every_layout(first, second, dtype):
    n = 3000 if dtype == "float16" else 100_000
    a, b = (np.full([n if m == "n" else m for m in shape], v, dtype) for shape, v in ((first, 1), (second, 0.1)))
    exact = n * float(b.flat[0])
    for x, y in zip(layouts(a), layouts(b), strict=True):
        for left, right in ((x, y), (x, b), (a, y)):
            np.testing.assert_allclose(
                cr.matmul(cr.asarray(left), cr.asarray(right)).numpy(), exact, rtol=max(1e-5, np.finfo(dtype).eps)
            )


@pytest.mark.parametrize("subscripts", ["ij->j", "ij,ij->", "ij,ik->jk", "ij,i->j"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_einsum_adds_up_exactly(subscripts, dtype, device):
    n = 3000 if dtype == "float16" else 100_000
    shapes = {"ij": (n, 2), "ik": (n, 3), "i": (n,)}
    groups = subscripts.split("->")[0].split(",")
    operands = [np.full(shapes[g], 0.1 if i == 0 else 1, dtype) for i, g in enumerate(groups)]
    exact = np.einsum(subscripts, *(a.astype("float64") for a in operands))
    given = cr.einsum(subscripts, *(cr.tensor(a, device=device) for a in operands))
    np.testing.assert_allclose(given.numpy(), exact, rtol=np.finfo(dtype).eps)


def test_a_softmax_of_many_halves_adds_up_to_one():
    for axis, shape in ((0, (3000, 2)), (1, (2, 3000))):
        shares = cr.softmax(cr.ones(shape, dtype="float16"), axis=axis).numpy()
        np.testing.assert_allclose(shares.astype("float64").sum(axis=axis), 1, rtol=5e-4)


# ---- gradients that are sums of many


@pytest.mark.parametrize("inputs", [1, 3])
def test_the_gradients_of_a_layer_over_a_large_batch_are_exact(inputs, device):
    layer = nn.Linear(inputs, 2).to(device)
    x = cr.ones((200_000, inputs), device=device)
    (layer(x) * 0.1).sum().backward()
    for g in (layer.bias.grad, layer.weight.grad):
        np.testing.assert_allclose(g.numpy(), 20000, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2,), (1, 2), (1, 1), (), (100_000, 1)])
def test_what_broadcasting_repeated_is_added_up_exactly(shape, device):
    x = cr.zeros(shape, device=device, requires_grad=True)
    big = cr.ones((100_000, 2), device=device)
    ((x + big) * 0.1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.float32(0.1) * 2e5 / x.size, rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_an_element_that_was_read_many_times_gets_the_exact_sum(dtype, device):
    n = 3000 if dtype == "float16" else 100_000
    table = cr.zeros((2, 3), dtype=dtype, device=device, requires_grad=True)
    (table[np.ones(n, int)] * 0.1).sum().backward()
    np.testing.assert_allclose(table.grad.numpy()[1], n * float(np.array(0.1, dtype)), rtol=np.finfo(dtype).eps)


def test_a_layer_of_halves_adds_up_its_gradients_in_singles(device):
    layer = nn.Linear(1, 2).to("float16").to(device)
    layer(cr.ones((20000, 1), dtype="float16", device=device)).sum().backward()
    assert (layer.bias.grad.tolist(), layer.weight.grad.tolist()) == ([20000] * 2, [[20000] * 2])


COUNTED = {
    "mean": (cr.mean, 1.0),
    "mse": (lambda x: nn.mse(x, cr.ones_like(x)), -2.0),
    "l1": (lambda x: nn.l1(x, cr.ones_like(x)), -1.0),
    "huber": (lambda x: nn.huber(x, cr.ones_like(x)), -1.0),
    "bce_with_logits": (lambda x: nn.bce_with_logits(x, cr.ones_like(x)), -0.5),
    "max": (cr.max, 1.0),
    "min": (cr.min, 1.0),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_count_beyond_float16_divides_the_gradient(name, device):
    f, slope = COUNTED[name]
    x = cr.zeros(70000, dtype="float16", device=device, requires_grad=True)
    f(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.float16(slope / 70000), rtol=0.01)


def test_the_variance_of_many_halves():
    x = np.tile(np.float16([0, 1]), 35000)
    assert (cr.var(cr.tensor(x)).item(), cr.std(cr.tensor(x)).item()) == (0.25, 0.5)


def test_statistics_of_columns_that_cancel():
    x = np.full((1_000_000, 2), 100, "float32")
    x[::2] = -100
    assert cr.std(cr.tensor(x), axis=0).tolist() == [100.0, 100.0]


@pytest.mark.parametrize("Layer", [nn.BatchNorm, nn.LayerNorm])
def test_normalisation_over_a_large_batch_is_exact(Layer):
    x = np.full((300_000, 2), 0.1, "float32")
    x[::2] = 0.3
    x[:, 1] *= 2
    results = []
    for dtype in ("float32", "float64"):
        layer = Layer(2).to(dtype)
        layer(cr.tensor(x.astype(dtype))).sum().backward()
        results.append([*layer.state_dict().values(), layer.bias.grad, layer.weight.grad / len(x)])
    for low, high in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(low), np.asarray(high), rtol=1e-5, atol=1e-5)


def test_a_sum_along_an_axis_that_does_not_exist_is_numpys_error():
    for axis in (2, (0, 0)):
        with pytest.raises(ValueError, match="axis"):
            total(np.ones((1000, 2), "float32"), axis)


def test_a_leaf_of_halves_that_is_used_many_times_gets_the_exact_sum(device):
    w = cr.zeros((), dtype="float16", device=device, requires_grad=True)
    x, y = cr.ones((), dtype="float16", device=device), w * 1
    for create_graph in (False, True):
        for leaf in (w, y):
            total = sum((leaf * x for _ in range(2999)), leaf * x)
            total.backward(retain_graph=True, create_graph=create_graph)
            assert (w.grad.dtype, w.grad.item()) == ("float16", 3000)
            w.grad = None


@pytest.mark.parametrize("number", [-1, 300])
def test_a_number_that_the_other_branch_cannot_hold_is_refused(number, device):
    x = cr.tensor(np.uint8([3, 16]), device=device)
    assert cr.where(x > 3, x, 255).tolist() == [255, 16]
    with pytest.raises(cr.DtypeError, match=f"where: uint8 cannot hold .* such as {number}"):
        cr.where(x > 3, number, x)
