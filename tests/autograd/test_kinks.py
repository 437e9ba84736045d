"""Derivatives of second and higher order where a part of the function has a kink, in every order of the two modes."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY

DIRECTION = np.array([0.7, -1.3])


def reverse(f):
    """The derivative of f along DIRECTION as a function, in reverse mode."""
    v = DIRECTION
    return lambda x: (cr.grad(f)(x) * (v if x.ndim else v[0])).sum()


def forward(f):
    """The same in forward mode."""
    return lambda x: cr.jvp(f, (x,), (DIRECTION if x.ndim else DIRECTION[0],))[1]


def along(f, modes, at=(0, 0)):
    """The derivative of f along DIRECTION, from inside to outside in these modes."""
    for mode in modes:
        f = mode(f)
    return f(cr.tensor(np.array(at, "float64"))).item()


MODES = {
    "reverse over reverse": (reverse, reverse),
    "forward over reverse": (reverse, forward),
    "reverse over forward": (forward, reverse),
    "forward over forward": (forward, forward),
}
LENGTHS = {  # functions that are the size of something linear, each with its square along DIRECTION at 0
    "abs": (lambda x: cr.absolute(x[0] - x[1]), 4.0),
    "hypot": (lambda x: cr.hypot(x[0], x[1]), 0.49 + 1.69),
    "hypot with 0": (lambda x: cr.hypot(x[0], 0.0), 0.49),
    "norm": (cr.norm, 0.49 + 1.69),
    "norm of one": (lambda x: cr.norm(x[:1]), 0.49),
    "norm, keepdims": (lambda x: cr.norm(x, keepdims=True).sum(), 0.49 + 1.69),
    "norm along an axis": (lambda x: cr.norm(x.reshape(1, 2), axis=1)[0], 0.49 + 1.69),
    "norm 1 of one": (lambda x: cr.norm(x[1:], ord=1), 1.69),
    "norm inf of one": (lambda x: cr.norm(x[1:], ord=np.inf), 1.69),
    "std": (cr.std, 1.0),
    "std, ddof": (lambda x: cr.std(x, ddof=1), 2.0),
    "maximum": (lambda x: cr.maximum(x[0], -x[0]), 0.49),
    "minimum": (lambda x: cr.minimum(2 * x[1], -2 * x[1]), 4 * 1.69),
    "max": (lambda x: cr.max(cr.stack([x[0], -x[0]])), 0.49),
    "min along an axis": (lambda x: cr.min(cr.stack([x[0], -x[0]]).reshape(1, 2), axis=1)[0], 0.49),
}
SMOOTH = {  # what is smooth of a length: the function of it, and half its second derivative by L
    "L**2": (lambda L, x: L(x) ** 2, 1),
    "square of L": (lambda L, x: cr.square(L(x)), 1),
    "a · a": (lambda L, x: (lambda a: a * a)(L(x)), 1),
    "L · L, two calls": (lambda L, x: L(x) * L(x), 1),
    "L · L · L · L": (lambda L, x: L(x) * L(x) * L(x) * L(x), 0),
    "L**4": (lambda L, x: L(x) ** 4, 0),
    "(L**2)**2": (lambda L, x: (L(x) ** 2) ** 2, 0),
    "abs(L)**2": (lambda L, x: cr.absolute(L(x)) ** 2, 1),
    "cos(L)": (lambda L, x: cr.cos(L(x)), -1 / 2),
    "exp(-L²/2)": (lambda L, x: cr.exp(L(x) ** 2 / -2), -1 / 2),
    "L**2 + L**4, weighted": (lambda L, x: 3 * L(x) ** 2 + 5 * L(x) ** 4, 3),
}


PAIRS = [(length, form, mode) for i, length in enumerate(LENGTHS) for j, form in enumerate(SMOOTH)
         for k, mode in enumerate(MODES) if length == "norm" or (i + j) % 4 == k]  # fmt: skip


@pytest.mark.parametrize(("length", "form", "modes"), PAIRS)
def test_the_second_derivative_of_what_is_smooth_is_right_at_the_kink(length, form, modes):
    (L, square), (f, second) = LENGTHS[length], SMOOTH[form]
    assert along(lambda x: f(L, x), MODES[modes]) == pytest.approx(2 * second * square, rel=1e-14, abs=1e-14)


def test_every_primitive_with_a_kink_is_looked_at():
    kinked = {p.name for p in REGISTRY.values() if p.kink and p.module.startswith("chainrule.")}
    assert kinked == {"absolute", "hypot", "norm2", "norm_of_order", "maximum", "minimum", "max", "min"}


@pytest.mark.parametrize("length", LENGTHS)
def test_the_third_derivative_of_a_square_is_0(length):
    L, _ = LENGTHS[length]
    assert along(lambda x: L(x) * L(x), (reverse, reverse, forward)) == 0


@pytest.mark.parametrize("length", ["abs", "norm", "std"])
def test_derivatives_of_high_order_are_nan_where_they_are_not_known(length):
    L, _ = LENGTHS[length]
    assert np.isnan(along(lambda x: L(x) ** 4, (reverse, reverse, reverse, forward)))
    assert np.isnan(along(lambda x: L(x) ** 4, (forward, forward, forward)))
    assert np.isnan(along(lambda x: L(x) ** 4, (forward, forward, forward, forward)))


NOWHERE = {  # what has no second derivative at 0
    "norm": cr.norm,
    "hypot": lambda x: cr.hypot(x[0], x[1]),
    "std": cr.std,
    "norm 3": lambda x: cr.norm(x, ord=3),
    "norm 3, squared": lambda x: cr.norm(x, ord=3) ** 2,
    "norm 1, squared": lambda x: cr.norm(x, ord=1) ** 2,
    "norm times a smooth one": lambda x: cr.norm(x) * cr.exp(x).sum(),
    "abs(x) · abs(y)": lambda x: cr.absolute(x[0]) * cr.absolute(x[1]),
    "(abs(x) + abs(y))**2": lambda x: (cr.absolute(x[0]) + cr.absolute(x[1])) ** 2,
}


@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("name", NOWHERE)
def test_a_second_derivative_that_does_not_exist_is_nan(name, modes):
    assert np.isnan(along(NOWHERE[name], MODES[modes]))


STATED = {  # conventions: the mean of both sides, or straight on
    "abs(x)": (lambda x: cr.absolute(x).sum(), 0),
    "exp(abs(x))": (lambda x: cr.exp(cr.absolute(x[0])), 0.49),
    "x · abs(x)": (lambda x: x[0] * cr.absolute(x[0]), 0),
    "maximum(x, 0)": (lambda x: cr.maximum(x, 0).sum(), 0),
    "maximum(x, 0)**2": (lambda x: cr.maximum(x[0], 0) ** 2, 0.49),
    "norm inf, squared": (lambda x: cr.norm(x, ord=np.inf) ** 2, 0.49 + 1.69),
    "relu(x)**2": (lambda x: cr.relu(x[0]) ** 2, 0),
    "log(1 + exp(x)), the stable way": (lambda x: cr.maximum(x[0], 0) + cr.log1p(cr.exp(-cr.absolute(x[0]))), 0.49 / 4),
}


@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("name", STATED)
def test_the_second_derivative_at_a_kink_of_the_function_is_the_stated_one(name, modes):
    f, exact = STATED[name]
    assert along(f, MODES[modes]) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("f", [abs, lambda x: cr.hypot(x, 0.0), lambda x: cr.maximum(x, -x)])
def test_the_square_of_a_value_s_length_is_smooth(f, modes):
    second = lambda x: f(x) * f(x)
    for mode in MODES[modes]:
        second = (lambda f: lambda x: cr.grad(f)(x))(second) if mode is reverse else (
            lambda f: lambda x: cr.jvp(f, (x,), (1.0,))[1])(second)  # fmt: skip
    assert second(cr.Value(0.0)).item() == 2


@pytest.mark.parametrize("form", ["squares", "two calls", "reshaped"])
def test_only_the_elements_at_the_kink_are_bent(form):
    f = {
        "squares": lambda x: (cr.absolute(x) ** 2).sum(),
        "two calls": lambda x: (cr.absolute(x) * cr.absolute(x)).sum(),
        "reshaped": lambda x: (cr.absolute(x).reshape(2, 2) ** 2).sum(),
    }[form]
    assert cr.hessian(f)(cr.tensor([0.0, 1.0, 0.0, -2.0])).tolist() == (2 * np.eye(4)).tolist()


def test_one_row_at_the_corner_leaves_the_others_alone():
    found = cr.hessian(lambda x: cr.norm(x.reshape(2, 2), axis=1).sum())(np.array([0.0, 0.0, 3.0, 4.0])).numpy()
    assert np.isnan(found[:2, :2]).all()
    np.testing.assert_allclose(found[2:, 2:], np.array([[16, -12], [-12, 9]]) / 125)
    assert not found[:2, 2:].any()
    assert not found[2:, :2].any()


@pytest.mark.parametrize("activation", [cr.relu, cr.absolute, lambda h: cr.maximum(h, 0.0)])
def test_a_row_of_zeros_makes_no_hessian_vector_product_of_a_net_nan(activation):
    rng = np.random.default_rng(0)
    x, w, u = np.vstack([rng.normal(size=(3, 2)), np.zeros(2)]), rng.normal(size=(2, 4)), rng.normal(size=(4, 1))
    loss = lambda w, b: ((activation(x @ w + b) @ u - 1) ** 2).mean()
    at = cr.tensor(w), cr.zeros(4, dtype="float64")
    assert all(np.isfinite(h.numpy()).all() for h in cr.hvp(loss, at, (np.ones((2, 4)), np.ones(4))))


def test_a_device_knows_kinks_too(strict):
    zero = cr.zeros(2, dtype="float64", device=strict)
    assert cr.hessian(lambda x: cr.norm(x) * cr.norm(x))(zero).tolist() == [[2, 0], [0, 2]]
    assert np.isnan(cr.hessian(cr.norm)(zero).numpy()).all()
