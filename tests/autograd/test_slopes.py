"""Values and first-order slopes against 50 digits, over the whole range of float32 and float64, and their limits at its ends."""

import warnings
from math import inf

import accuracy
import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY

DTYPES = ["float32", "float64"]
OURS = {p.name: p for p in REGISTRY.values() if p.module.startswith("chainrule.")}
EVERY = [p for p in OURS.values() if p.jvp == ELEMENTWISE]
ONE = [p for p in EVERY if p.inputs == ["x"]]
PASSED_ON = {  # what the table of references does without: why
    "floor_divide": "whole numbers, NumPy's",
    "remainder": "NumPy's own remainder",
    "where": "a choice",
    "binary_entropy": "tested below, on probabilities",
    "logit_entropy": "tested below, on truths",
    "sigmoid_slope": "the slope of sigmoid",
    "silu_slope": "the slope of silu",
    "gelu_slope": "the slope of gelu",
    "gaussian": "the slope of erf",
    "share": "the slope of logaddexp",
    "cosine": "the slope of hypot",
    "inverted": "the slope of arctan2",
    "tanh_back": "the slope of tanh",
    "strong_product": "a product",
}


# ---- digits


def test_every_elementwise_operation_has_a_reference():
    assert {p.name for p in EVERY} == {*accuracy.REFERENCES, *PASSED_ON}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", accuracy.REFERENCES)
def test_an_operation_is_right_to_4_units_and_its_slope_to_8(name, dtype):
    forward, slope, where = accuracy.worst_of(name, dtype)
    assert forward <= 4, where
    assert slope <= 8, where


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [p.name for p in EVERY if p.name in accuracy.REFERENCES and not p.internal])
def test_second_derivatives_are_right_to_16_units(name, dtype):
    error, *where = accuracy.worst_second(name, dtype)
    assert error <= 16, where


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "zero"), [("gelu", -0.7517915246935645), ("silu", -1.2784645427610738)])
def test_a_slope_keeps_its_digits_beside_its_zero(name, zero, dtype):
    x = np.array([zero + side * near for near in (0, 1e-12, 1e-7, 1e-4, 0.01) for side in (-1, 1)], dtype)
    t = cr.tensor(x, requires_grad=True)
    OURS[name].call(t).sum().backward()
    with accuracy.mp.workdps(50):
        exact = [accuracy.REFERENCES[name][1](accuracy.mp.mpf(a)) for a in x.tolist()]
    assert max(accuracy.ulps(g, e, dtype) for g, e in zip(t.grad.tolist(), exact, strict=True)) <= 8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("y", [0.3, 0.5, 2, 2.2, 3.7, -0.3, -1, -2.2, 32768.3, -32768.3, 1e5])
def test_the_slope_of_a_power_with_a_plain_exponent_is_right_to_8_units(y, dtype):
    most = 0.9 * np.log(float(np.finfo(dtype).max)) / max(1, abs(y))
    x = np.exp(np.linspace(-most, most, 24)).astype(dtype)
    with accuracy.mp.workdps(50):
        exponent = accuracy.mp.mpf(float(np.dtype(dtype).type(y)))
        exact = [exponent * accuracy.mp.mpf(float(a)) ** (exponent - 1) for a in x]
        found = slope(lambda x: x**y, x, dtype)
        normal = [(g, e) for g, e in zip(found, exact, strict=True) if abs(e) > float(np.finfo(dtype).tiny)]
        assert max(accuracy.ulps(g, e, dtype) for g, e in normal) <= 8


@pytest.mark.parametrize("y", [0.3, -0.3, 0.5, -1])
def test_the_slope_of_a_power_less_steep_than_a_line_is_0_at_infinity(y):
    assert slope(lambda x: x**y, [inf]) == [0.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_and_cross_entropies_are_right_to_4_units_and_their_slopes_to_8(dtype):
    wrong = {
        name: errors for name, errors in accuracy.worst_along_axis(dtype).items() if errors[0] > 4 or errors[1] > 8
    }
    assert wrong == {}


def test_a_worse_form_is_caught(monkeypatch):
    monkeypatch.setitem(OURS["tanh"].vjp, "x", lambda g, out: g * (1 - out * out))
    OURS["tanh"].plans.clear()
    assert accuracy.worst_of("tanh", "float32")[1] > 1000
    monkeypatch.undo()
    OURS["tanh"].plans.clear()


def slope(function, x, dtype="float32"):
    x = cr.tensor(np.array(x, dtype), requires_grad=True)
    with np.errstate(all="ignore"):
        function(x).sum().backward()
    return x.grad.tolist()


def test_cross_entropy_of_huge_logits_has_the_slope_of_their_differences():
    found = slope(lambda z: cr.nn.cross_entropy(z, np.array([0])), [[0, 1e6 + 0.5, 1e6]])
    np.testing.assert_allclose(found, [[-1, 0.62245933, 0.37754067]], rtol=1e-6)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_confident_prediction_has_a_loss_and_a_slope(dtype, create_graph):
    z = cr.tensor(np.array([[20, 0]], dtype), requires_grad=True)
    loss = cr.nn.cross_entropy(z, np.array([0]))
    loss.backward(create_graph=create_graph)
    np.testing.assert_allclose([loss.item(), *z.grad.numpy()[0]], np.array([1, -1, 1]) * 2.0611536203e-9, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_loss_of_a_certain_logit_keeps_its_digits_with_label_smoothing(dtype):
    found = slope(lambda z: cr.nn.cross_entropy(z, np.array([0]), label_smoothing=0.1), [[50.0, 0.0]], dtype)
    np.testing.assert_allclose(found, [[0.05, -0.05]], rtol=1e-6)


@pytest.mark.parametrize(("p", "y"), [(1e-5, 0), (0.0, 0), (1.0, 1), (0.999, 1), (0.3, 0.5)])
def test_the_slope_of_bce_keeps_its_digits_in_float16(p, y):
    p = float(np.float16(p))
    (found,) = slope(lambda q: cr.nn.bce(q, np.array([y], "float16")), [p], "float16")
    exact = (0 if y == 1 else (1 - y) / (1 - p)) - (y / p if y else 0)
    assert found == pytest.approx(exact, rel=4e-3)


@pytest.mark.parametrize(("p", "y"), [(1e-5, 0), (1e-10, 0), (0.0, 0), (1.0, 1), (1e-5, 1), (0.999, 1), (0.3, 0.5)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_and_its_slope_keep_their_digits_at_every_probability(p, y, dtype):
    p = np.array(p, dtype)
    x = cr.tensor(p, requires_grad=True)
    loss = cr.nn.bce(x, np.array(y, dtype))
    loss.backward()
    with accuracy.mp.workdps(50):
        q = accuracy.mp.mpf(float(p))
        log = lambda a: accuracy.mp.log(a) if a else 0
        exact = -(y * log(q) + (1 - y) * log(1 - q)), (0 if y == 1 else (1 - y) / (1 - q)) - (y / q if y else 0)
    assert accuracy.ulps(loss.item(), exact[0], dtype) <= 4
    assert accuracy.ulps(x.grad.item(), exact[1], dtype) <= 8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
def test_bce_with_logits_and_its_slope_keep_their_digits_for_every_logit(y, dtype):
    z = cr.tensor(np.array([-80.3, -17.1, -2.0, -1e-6, 0.0, 0.3, 2.0, 19.5, 80.3], dtype), requires_grad=True)
    losses = cr.nn.bce_with_logits(z, cr.full(z.shape, y, dtype=dtype), "none")
    losses.sum().backward()
    softplus, half = (accuracy.REFERENCES[name][0] for name in ("softplus", "sigmoid"))
    with accuracy.mp.workdps(50):
        for x, loss, slope in zip(*(a.numpy().tolist() for a in (z, losses, z.grad)), strict=True):
            x = accuracy.mp.mpf(x)
            assert accuracy.ulps(loss, y * softplus(-x) + (1 - y) * softplus(x), dtype) <= 4
            assert accuracy.ulps(slope, (1 - y) * half(x) - y * half(-x), dtype) <= 8


# ---- limits: what a function and its derivatives come to at infinity and at 0

UNKNOWN = {  # (name, operands of the derivative): why it may be nan at infinity
    **{(name, order): "no limit" for name in ("sin", "cos", "tan") for order in ((), (0,), (0, 0))},
}


@pytest.mark.parametrize("name", [p.name for p in EVERY if p.name in accuracy.REFERENCES and not p.internal])
def test_an_operation_and_its_derivatives_have_their_limits(name):
    exact = accuracy.derivatives(name)
    n = len(accuracy.REFERENCES[name]) - 1
    points = [(i, end, [end if j == i else 1.5 for j in range(n)]) for i in range(n) for end in (inf, -inf, 0.0, -0.0)]
    given = accuracy.given_derivatives(name, np.array([numbers for _, _, numbers in points]).T)
    for k, (i, end, numbers) in enumerate(points):
        if accuracy.limit(exact[()], numbers, i, end) is None:
            continue
        for order, function in exact.items():
            limit = accuracy.limit(function, numbers, i, end)
            if limit is not None and not (end and (name, order) in UNKNOWN):
                np.testing.assert_allclose(given[order][k], limit, 1e-6, 1e-50, err_msg=f"{order} at {numbers}")


@pytest.mark.parametrize("make", [lambda x: cr.tensor(x, dtype="float64"), cr.Value])
@pytest.mark.parametrize("x", [0.0, inf])
@pytest.mark.parametrize("y", [-2.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_a_power_has_limits_by_its_exponent_at_0_and_infinity(x, y, make):
    exact, found = accuracy.derivatives("power"), {}
    for i in (0, 1):
        slope = cr.grad(cr.power, i)
        with np.errstate(divide="ignore"):
            found |= {(i,): slope(make(x), make(y))} | {(i, j): cr.grad(slope, j)(make(x), make(y)) for j in (0, 1)}
    for order in [(1,), (0, 1), (1, 0), (1, 1)]:
        near = [accuracy._true(exact[order], [accuracy.mp.mpf(10) ** (p if x else -p), y]) for p in (10**3, 10**4)]
        grows = abs(near[1]) > abs(near[0])
        assert found[order].item() == (np.copysign(inf, float(accuracy.mp.sign(near[1]))) if grows else 0), order


def test_the_slope_of_a_negative_base_by_the_exponent_is_nan_to_any_order():
    by_exponent = cr.grad(cr.power, 1)
    assert np.isnan(by_exponent(cr.tensor(-2.0), cr.tensor(2.0)).item())
    assert np.isnan(cr.grad(by_exponent)(cr.tensor(-2.0), cr.tensor(2.0)).item())


FLAT = {  # compositions whose second derivatives are 0 there
    "leaky_relu": cr.nn.leaky_relu,
    "elu": cr.nn.elu,
    "clip": lambda x: cr.clip(x, -1, 1),
    "x**0": lambda x: x**0,
    "x**-1": lambda x: x**-1,
    "x**0.5": lambda x: cr.absolute(x) ** 0.5,
    "l1": lambda x: cr.nn.l1(x, cr.zeros_like(x), "sum"),
    "huber": lambda x: cr.nn.huber(x, cr.zeros_like(x), reduction="sum"),
}


@pytest.mark.parametrize("function", FLAT.values(), ids=FLAT)
def test_a_composition_is_flat_at_infinity(function):
    slope = cr.grad(lambda x: function(x).sum())
    with np.errstate(all="ignore"):
        second = cr.grad(lambda x: slope(x).sum())(cr.tensor([inf, -inf]))
    assert second.tolist() == [0, 0]


@pytest.mark.parametrize("make", [lambda x: cr.tensor(x, dtype="float64"), cr.Value])
@pytest.mark.parametrize(
    ("z", "y", "loss", "slope"),
    [(inf, 1, 0, 0), (-inf, 0, 0, 0), (inf, 0, inf, 1), (-inf, 1, inf, -1), (inf, 0.5, inf, 0.5)],
)
def test_an_infinite_logit_costs_nothing_or_infinitely_much(make, z, y, loss, slope):
    found, dz = cr.value_and_grad(lambda z: cr.nn.bce_with_logits(z, make(float(y))))(make(z))
    assert (found.item(), dz.item()) == (loss, slope)


def value_and_slope(call, x, dtype="float64"):
    x = cr.tensor(np.array(x, dtype), requires_grad=True)
    with np.errstate(all="ignore"):
        out = call(x)
        out.backward(cr.ones_like(out))
    return out.numpy(), x.grad.numpy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [p for p in ONE if p.name not in ("sin", "cos", "tan")], ids=lambda p: p.name)
def test_the_slope_at_the_largest_and_smallest_numbers_is_no_nan_where_the_value_is_none(p, dtype):
    info = np.finfo(dtype)
    value, slope = value_and_slope(p.call, [0.0, -0.0, info.max, info.min, info.tiny, -info.tiny], dtype)
    assert not np.isnan(slope[~np.isnan(value)]).any()


def test_the_slope_of_tanh_far_out_is_0_without_a_warning():
    x = cr.tensor(np.float32([89, -200, 3e38, -inf]), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.tanh(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "rint", "step", "absolute"])
def test_an_infinite_gradient_stays_out_of_what_has_no_slope(name):
    assert slope(lambda x: cr.sqrt(cr.absolute(OURS[name].call(x) * 0)) + 0 * x, [0.0]) == [0.0]


def test_an_infinite_gradient_stays_out_of_a_quotient_that_is_rounded():
    assert slope(lambda x: cr.sqrt(x // 2), [0.5]) == [0.0]


def test_an_infinite_gradient_goes_to_the_largest_only():
    assert slope(lambda x: cr.sqrt(cr.max(x)), [-1.0, 0.0]) == [0.0, inf]


def test_the_gradient_of_a_root_of_a_rounded_number_is_0():
    assert slope(lambda x: cr.sqrt(cr.rint(x)), [0.3]) == [0.0]


# ---- -inf: what is masked


def test_a_masked_class_that_is_the_target_costs_infinitely_much_and_has_a_slope():
    found = slope(lambda z: cr.nn.cross_entropy(z, np.array([1])), [[0, -inf, 1]])
    np.testing.assert_allclose(found, [[0.26894142, -1, 0.73105858]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_masked_class_leaves_the_others_as_they_are(dtype):
    target = cr.tensor(np.array([[0.5, 0.0, 0.5]], dtype))
    for loss in (lambda z: cr.nn.cross_entropy(z, np.array([0])), lambda z: cr.nn.cross_entropy(z, target)):
        with_mask, without = slope(loss, [[0, -inf, 1]], dtype), slope(loss, [[0, -1e4, 1]], dtype)
        np.testing.assert_allclose(with_mask, without)


@pytest.mark.parametrize("dtype", ["float16", *DTYPES])
@pytest.mark.parametrize("function", [cr.logsumexp, cr.softmax], ids=["logsumexp", "softmax"])
def test_a_row_that_is_masked_altogether_has_no_slope(function, dtype):
    x = cr.tensor(np.full((1, 3), -inf, dtype), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(x).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0]]


def test_a_masked_row_behind_where_has_no_slope():
    rows = lambda x: cr.where(np.array([True, False]), cr.logsumexp(x, axis=1), 0.0)
    assert slope(rows, [[0.0, 0.0], [-inf, -inf]]) == [[0.5, 0.5], [0, 0]]


def test_softmax_of_a_masked_row_is_0_and_its_logarithm_minus_infinity():
    assert cr.softmax(cr.tensor([-inf, -inf])).tolist() == [0, 0]
    assert cr.log_softmax(cr.tensor([-inf, -inf])).tolist() == [-inf, -inf]


def test_infinite_logits_share_evenly():
    assert cr.softmax(cr.tensor([inf, 1, inf])).tolist() == [0.5, 0, 0.5]
    assert slope(cr.logsumexp, [inf, 1, inf]) == [0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        (-inf, -inf, (0, 0)),
        (inf, inf, (0.5, 0.5)),
        (inf, 0, (1, 0)),
        (0, -inf, (1, 0)),
        (-inf, inf, (0, 1)),
        (-inf, 3, (0, 1)),
    ],
)
@pytest.mark.parametrize("make", [cr.tensor, cr.Value])
def test_logaddexp_has_its_limits_at_infinity(make, x, y, slopes):
    dx, dy = cr.grad(cr.logaddexp, (0, 1))(make(float(x)), make(float(y)))
    assert (dx.item(), dy.item()) == slopes


def test_logaddexp_of_what_is_masked_twice_has_no_slope():
    assert slope(lambda x: cr.logaddexp(cr.logaddexp(x[0], x[1]), x[2]), [-inf, -inf, 0]) == [0, 0, 1]


# ---- infinity in a length


LEGS = [
    (inf, 1.0, (1, 0)),
    (1.0, -inf, (0, -1)),
    (-inf, inf, (-(0.5**0.5), 0.5**0.5)),
    (3 * 2.0**1020, -4 * 2.0**1020, (0.6, -0.8)),
    (2.0**1023, 2.0**1023, (0.5**0.5, 0.5**0.5)),
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("device", ["cpu", "scalar", "strict"])
@pytest.mark.parametrize(("x", "y", "slopes"), LEGS)
def test_the_legs_of_an_infinite_length_have_slopes(x, y, slopes, device, create_graph, strict):
    device = strict if device == "strict" else device
    legs = [cr.tensor(leg, dtype="float64", device=device, requires_grad=True) for leg in (x, y)]
    with np.errstate(all="ignore"):
        cr.hypot(*legs).backward(create_graph=create_graph)
    np.testing.assert_allclose([getattr(g, "item", lambda g=g: g)() for g in (leg.grad for leg in legs)], slopes, 1e-15)


@pytest.mark.parametrize("order", [1.5, 2, 3, inf])
def test_one_infinite_component_is_the_whole_direction(order):
    x = cr.tensor([3.0, -inf, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        length = cr.norm(x, ord=order)
        length.backward()
    assert (length.item(), x.grad.tolist()) == (inf, [0, -1, 0])


@pytest.mark.parametrize("order", [1.5, 2, 3])
def test_infinite_components_count_alike(order):
    found = slope(lambda x: cr.norm(x, ord=order, axis=1), [[3.0, -inf, inf], [3.0, 4.0, 0.0]], "float64")
    share = 2 ** (1 / order - 1)
    np.testing.assert_allclose(found[0], [0, -share, share])
    np.testing.assert_allclose(found[1], slope(lambda x: cr.norm(x, ord=order), [3.0, 4.0, 0.0], "float64"))
