"""grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian, gradcheck, and primitives of the user's own."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.watch import Watch, watching
from chainrule.nn.linear import affine

X = np.array([0.3, -1.2, 2.0])
Y = np.array([1.5, 0.4, -0.7])


def close(given, expected, rtol=1e-12):
    np.testing.assert_allclose(given.numpy(), expected, rtol=rtol, atol=1e-14)


# ---- grad


@pytest.mark.parametrize("number", [2.0, 2, np.float64(2)], ids=["float", "int", "numpy"])
def test_grad_at_a_number(number):
    assert cr.grad(lambda x: x**3)(number).item() == 12.0


def test_grad_at_a_number_is_computed_in_float64():
    assert cr.grad(cr.sin)(0.3).item() == np.cos(0.3)


@pytest.mark.parametrize("kind", [np.asarray, cr.tensor, cr.asarray], ids=["numpy", "tensor", "asarray"])
def test_grad_at_an_array(kind):
    close(cr.grad(lambda x: cr.sin(x).sum())(kind(X)), np.cos(X))


def test_grad_at_a_list():
    assert cr.grad(lambda x: (x * x).sum())([1.0, 2.0]).tolist() == [2.0, 4.0]


def test_grad_at_a_value_is_a_value():
    g = cr.grad(lambda x: x * x)(cr.Value(3.0))
    assert (type(g), g.data) == (cr.Value, 6.0)


def test_grad_is_a_tensor_without_history():
    g = cr.grad(lambda x: x * x)(3.0)
    assert (type(g), g.requires_grad) == (cr.Tensor, False)


def f(x, y):
    return (cr.sin(x) * y).sum()


@pytest.mark.parametrize(("argnums", "expected"), [(0, np.cos(X) * Y), (1, np.sin(X)), (-1, np.sin(X))])
def test_argnums_chooses_the_argument(argnums, expected):
    close(cr.grad(f, argnums)(X, Y), expected)


@pytest.mark.parametrize("argnums", [(0, 1), [0, 1], (-2, -1)])
def test_several_argnums_give_a_tuple(argnums):
    gx, gy = cr.grad(f, argnums)(X, Y)
    close(gx, np.cos(X) * Y)
    close(gy, np.sin(X))


def test_a_tuple_of_one_argnum_gives_a_tuple():
    result = cr.grad(f, (1,))(X, Y)
    assert isinstance(result, tuple)
    assert len(result) == 1


def test_the_order_of_argnums_is_the_order_of_the_gradients():
    gy, gx = cr.grad(f, (1, 0))(X, Y)
    close(gx, np.cos(X) * Y)
    close(gy, np.sin(X))


def test_other_arguments_pass_through_untouched():
    seen = []
    cr.grad(lambda x, how, *, scale: (seen.append((how, scale)), x * scale)[1])(2.0, "how", scale=3)
    assert seen == [("how", 3)]


def test_grad_of_an_argument_that_is_not_used_is_zero():
    assert cr.grad(lambda x, y: (x * x).sum(), 1)(cr.tensor(X), Y).tolist() == [0.0, 0.0, 0.0]


def test_grad_of_a_result_that_uses_nothing_is_zero():
    constant = cr.tensor(5.0)
    assert cr.grad(lambda x: constant * 2)(X).tolist() == [0.0, 0.0, 0.0]


def test_grad_of_the_identity_is_one():
    assert cr.grad(lambda x: x)(3.0).item() == 1.0


def test_grad_of_the_same_array_twice_counts_each_place_by_itself():
    gx, gy = cr.grad(lambda x, y: (x * x * y).sum(), (0, 1))(X, X)
    close(gx, 2 * X * X)
    close(gy, X * X)


def test_grad_leaves_the_grad_of_its_arguments_alone():
    x = cr.tensor(X, requires_grad=True)
    cr.grad(lambda x: (x * x).sum())(x)
    assert x.grad is None


def test_grad_leaves_the_grad_of_closed_over_leaves_alone():
    w = cr.tensor(X, requires_grad=True)
    cr.grad(lambda x: (x * w).sum())(Y)
    assert w.grad is None


def test_grad_works_under_no_grad():
    with cr.no_grad():
        g = cr.grad(lambda x: (x * x).sum())(X)
    close(g, 2 * X)


def test_grad_follows_python_control_flow():
    def collatz(x):
        while x < 100:
            x = x * 3 if x.item() % 2 < 1 else x + 1
        return x

    assert cr.grad(collatz)(3.0).item() == 27.0  # 3, 4, 12, 36, 108


def test_grad_keeps_the_name_and_docstring_of_the_function():
    def area(r):
        """Area of a disc."""
        return r * r * np.pi

    assert (cr.grad(area).__name__, cr.grad(area).__doc__) == ("area", "Area of a disc.")


def test_grad_keeps_float32():
    assert cr.grad(lambda x: (x * x).sum())(X.astype("float32")).dtype == np.float32


def test_value_and_grad_gives_both():
    value, g = cr.value_and_grad(lambda x: (x * x).sum())(X)
    assert value.item() == pytest.approx((X * X).sum(), rel=1e-14)
    close(g, 2 * X)


def test_the_value_of_value_and_grad_has_no_history():
    assert not cr.value_and_grad(lambda x: x * x)(3.0)[0].requires_grad


# ---- nesting


@pytest.mark.parametrize(
    ("order", "expected"), [(1, np.cos(0.7)), (2, -np.sin(0.7)), (3, -np.cos(0.7)), (4, np.sin(0.7)), (5, np.cos(0.7))]
)
def test_grad_nests_to_any_order(order, expected):
    g = cr.sin
    for _ in range(order):
        g = cr.grad(g)
    assert g(0.7).item() == pytest.approx(expected, rel=1e-14)


def test_an_inner_gradient_can_be_part_of_an_outer_function():
    def outer(x):
        return x * cr.grad(lambda y: y * y * x)(x)  # x · 2x · x = 2x³

    assert cr.grad(outer)(3.0).item() == 54.0


def test_perturbations_of_nested_gradients_are_not_confused():
    # the classic: d/dx [x · d/dy (x + y)] at x = 1 is 1, not 2
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0).item() == 1.0


def test_perturbations_of_nested_forward_modes_are_not_confused():
    def d(f, x):
        return cr.jvp(f, (x,), (1.0,))[1]

    assert d(lambda x: x * d(lambda y: x + y, 1.0), 1.0).item() == 1.0


def test_forward_over_reverse_and_reverse_over_forward_agree():
    def h(x):
        return (cr.exp(x) * cr.sin(x)).sum()

    v = np.array([1.0, -2.0, 0.5])
    forward = cr.jvp(cr.grad(h), (X,), (v,))[1]
    reverse = cr.grad(lambda x: cr.jvp(h, (x,), (v,))[1])(X)
    expected = 2 * np.exp(X) * np.cos(X) * v
    close(forward, expected)
    close(reverse, expected)


def test_a_gradient_penalty_reaches_a_closed_over_leaf():
    w = cr.tensor(Y, requires_grad=True)
    g = cr.grad(lambda x: (cr.sin(x) * w * w).sum())(X)  # cos(x) · w²
    (g * g).sum().backward()
    close(w.grad, 4 * np.cos(X) ** 2 * Y**3)


def test_a_gradient_penalty_reaches_a_tracked_argument():
    x = cr.tensor(X, requires_grad=True)
    g = cr.grad(lambda x: (x**3).sum())(x)
    (g * g).sum().backward()
    close(x.grad, 36 * X**3)


def test_a_gradient_that_does_not_depend_on_it_gives_a_zero_penalty():
    x = cr.tensor(X, requires_grad=True)
    g = cr.grad(lambda x: (x * 3).sum())(x)
    ((g * g).sum() + x.sum()).backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_the_value_beside_a_gradient_reaches_a_closed_over_leaf():
    w = cr.tensor(Y, requires_grad=True)
    value, _ = cr.value_and_grad(lambda x: (x * w).sum())(X)
    value.backward()
    close(w.grad, X)


# ---- vjp


def test_vjp_gives_the_value_and_the_pull():
    y, pull = cr.vjp(lambda x: cr.exp(x), X)
    close(y, np.exp(X))
    close(pull(Y), np.exp(X) * Y)


def test_a_pull_can_be_used_more_than_once():
    _, pull = cr.vjp(lambda x: x * x, X)
    close(pull(np.ones(3)) + pull(2 * np.ones(3)), 6 * X)


def test_the_pull_of_several_inputs_gives_a_tuple():
    _, pull = cr.vjp(lambda x, y: x * y, X, Y)
    gx, gy = pull(np.ones(3))
    close(gx, Y)
    close(gy, X)


def test_a_pull_of_the_wrong_shape_is_refused_with_both_shapes():
    _, pull = cr.vjp(lambda x: x * x, X)
    with pytest.raises(cr.ShapeError, match=r"\(3,\).*\(2,\)"):
        pull(np.ones(2))


def test_a_pull_of_a_tracked_gradient_can_be_differentiated():
    _, pull = cr.vjp(lambda x: x * x, X)
    close(cr.grad(lambda v: (pull(v) ** 2).sum())(Y), 8 * X * X * Y)


def test_vjp_of_an_unused_input_is_zero():
    _, pull = cr.vjp(lambda x, y: x * 2, X, Y)
    assert pull(np.ones(3))[1].tolist() == [0.0, 0.0, 0.0]


# ---- jvp and hvp


def test_jvp_gives_the_value_and_the_directional_derivative():
    y, dy = cr.jvp(lambda x: cr.tanh(x), (X,), (Y,))
    close(y, np.tanh(X))
    close(dy, (1 - np.tanh(X) ** 2) * Y)


def test_jvp_adds_up_over_the_inputs():
    _, dy = cr.jvp(lambda x, y: x * y, (X, Y), (np.ones(3), 2 * np.ones(3)))
    close(dy, Y + 2 * X)


def test_jvp_at_numbers():
    y, dy = cr.jvp(lambda x, y: x**2 * y, (3.0, 2.0), (1.0, 0.5))
    assert (y.item(), dy.item()) == (18.0, 12.0 + 4.5)


def test_jvp_at_values():
    y, dy = cr.jvp(lambda x: cr.sin(x) * x, (cr.Value(0.5),), (1.0,))
    assert (y.data, dy.data) == pytest.approx((np.sin(0.5) * 0.5, np.cos(0.5) * 0.5 + np.sin(0.5)), rel=1e-14)


def test_jvp_of_a_constant_function_is_zero():
    constant = cr.tensor(Y)
    assert cr.jvp(lambda x: constant * 2, (X,), (Y,))[1].tolist() == [0.0, 0.0, 0.0]


def test_jvp_of_the_identity_is_the_tangent():
    close(cr.jvp(lambda x: x, (X,), (Y,))[1], Y)


def test_jvp_keeps_float32():
    assert cr.jvp(cr.exp, (X.astype("float32"),), (Y.astype("float32"),))[1].dtype == np.float32


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("concatenate", lambda x: cr.concatenate([x, np.ones(2), x * 2])),
        ("einsum", lambda x: cr.einsum("i,i,j->j", x, x, x)),
        ("max", lambda x: x.max()),
        ("sort", lambda x: cr.sort(x)),
        ("norm", lambda x: cr.norm(x)),
        ("logsumexp", lambda x: cr.logsumexp(x)),
        ("pad", lambda x: cr.pad(x, 1, constant_values=3.0)),
        ("index", lambda x: x[[0, 0, 2]] * x[1]),
        ("where", lambda x: cr.where(X > 0, x, x * x)),
        ("cumsum", lambda x: cr.cumsum(x) * x),
        ("affine", lambda x: affine(x, cr.stack([x, x * 2, x * x]), x * 3)),
        ("prod", lambda x: cr.prod(x)),
    ],
)
def test_forward_mode_agrees_with_reverse_mode(name, call):
    y, pull = cr.vjp(call, X)
    weights = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
    forward = cr.jvp(call, (X,), (Y,))[1]
    assert (forward.numpy() * weights).sum() == pytest.approx((pull(weights).numpy() * Y).sum(), rel=1e-12)


@pytest.mark.parametrize("name", ["value_and_grad", "grad", "hessian", "jacobian"])
def test_an_error_begins_with_the_name_of_the_transform(name):
    with pytest.raises(cr.GraphError, match=f"^{name}: the function must return"):
        getattr(cr, name)(lambda x: "text")(1.0)


def test_jvp_takes_tuples():
    with pytest.raises(cr.ArgumentError, match=r"jvp: inputs and tangents must be tuples, e\.g\. jvp\(f, \(2\.0,\)"):
        cr.jvp(lambda x: x * x, 2.0, 1.0)


def test_a_list_is_one_array_for_hvp():
    close(cr.hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 0.0]), [6.0, 0.0])


def test_jvp_of_grad_is_hvp():
    def h(x):
        return (cr.exp(x) * x[::-1]).sum()

    close(cr.hvp(h, X, Y), cr.jvp(cr.grad(h), (X,), (Y,))[1].numpy())


def test_hvp_is_the_hessian_times_the_vector():
    def h(x):
        return (x[:-1] ** 2 * x[1:]).sum()

    close(cr.hvp(h, X, Y), cr.hessian(h)(X).numpy() @ Y)


def test_hvp_of_several_inputs_gives_a_tuple():
    hx, hy = cr.hvp(lambda x, y: (x * x * y).sum(), (X, Y), (np.ones(3), np.ones(3)))
    close(hx, 2 * Y + 2 * X)
    close(hy, 2 * X)


# ---- jacobian and hessian


A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_the_jacobian_of_a_linear_map_is_its_matrix():
    close(cr.jacobian(lambda x: cr.asarray(A) @ x)(X), A)


def test_the_jacobian_has_the_axes_of_output_then_input():
    assert cr.jacobian(lambda x: cr.outer(x[0], x[1]))(A).shape == (3, 3, 2, 3)


def test_the_jacobian_of_an_elementwise_function_is_diagonal():
    close(cr.jacobian(cr.exp)(X), np.diag(np.exp(X)))


def test_the_jacobian_of_a_number_is_the_gradient():
    close(cr.jacobian(lambda x: (x * x).sum())(X), 2 * X)


def test_the_jacobian_by_a_chosen_argument():
    close(cr.jacobian(lambda x, y: x * y, 1)(X, Y), np.diag(X))


def test_the_jacobian_of_polar_coordinates():
    def polar(p):
        r, phi = p
        return cr.stack([r * cr.cos(phi), r * cr.sin(phi)])

    r, phi = 2.0, 0.6
    expected = [[np.cos(phi), -r * np.sin(phi)], [np.sin(phi), r * np.cos(phi)]]
    close(cr.jacobian(polar)(np.array([r, phi])), expected)


def test_the_jacobian_of_what_does_not_depend_on_the_input_is_zero():
    constant = cr.tensor(Y)
    close(cr.jacobian(lambda x: constant * 2)(X), np.zeros((3, 3)))


def test_the_jacobian_of_an_empty_output_is_empty():
    assert cr.jacobian(lambda x: x[:0])(X).shape == (0, 3)


def test_the_jacobian_of_a_jacobian():
    close(cr.jacobian(cr.jacobian(lambda x: x**3))(np.array([2.0])), [[[12.0]]])


def test_the_hessian_of_a_quadratic_form():
    Q = np.array([[2.0, 1.0, 0.0], [-1.0, 3.0, 4.0], [0.5, 0.0, 1.0]])
    close(cr.hessian(lambda x: x @ cr.asarray(Q) @ x)(X), Q + Q.T)


def test_the_hessian_of_rosenbrock():
    def rosenbrock(p):
        x, y = p
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2

    x, y = -1.2, 1.0
    expected = [[2 - 400 * (y - 3 * x * x), -400 * x], [-400 * x, 200.0]]
    close(cr.hessian(rosenbrock)(np.array([x, y])), expected)


def test_the_hessian_is_symmetric():
    h = cr.hessian(lambda x: cr.exp(x[0] * x[1]) * cr.sin(x[2]) / x[1])(X).numpy()
    np.testing.assert_allclose(h, h.T, rtol=1e-12)


def test_the_hessian_of_a_linear_function_is_zero():
    close(cr.hessian(lambda x: (x * 3).sum())(X), np.zeros((3, 3)))


def test_the_hessian_of_a_number():
    assert cr.hessian(lambda x: x**3)(2.0).item() == 12.0


def test_the_hessian_at_a_value():
    assert cr.hessian(lambda x: x**3)(cr.Value(2.0)).item() == 12.0


def test_the_hessian_reaches_a_closed_over_leaf():
    w = cr.tensor(2.0, dtype="float64", requires_grad=True)
    cr.hessian(lambda x: (x**3 * w).sum())(X).sum().backward()
    assert w.grad.item() == pytest.approx((6 * X).sum(), rel=1e-12)


# ---- misuse


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cr.grad(f, 2)(X, Y), cr.ArgumentError, r"argument 2.*2 positional"),
        (lambda: cr.grad(f, (0, 5))(X, Y), cr.ArgumentError, r"argument 5.*2 positional"),
        (lambda: cr.grad(lambda x: x * 2)(X), cr.GraphError, r"shape \(3,\).*sum it.*jacobian"),
        (lambda: cr.grad(lambda x: 3.0)(X), cr.GraphError, r"must return a Tensor.*float"),
        (lambda: cr.grad(lambda x: None)(X), cr.GraphError, r"must return a Tensor.*NoneType"),
        (lambda: cr.grad(lambda x: x.sum())(np.arange(3)), cr.DtypeError, r"int64.*float32"),
        (lambda: cr.jvp(f, (X, Y), (X,)), cr.ArgumentError, r"1 for 2"),
        (lambda: cr.jvp(cr.exp, (X,), (np.ones(2),)), cr.ShapeError, r"\(3,\).*\(2,\)"),
        (lambda: cr.jacobian(f, (0, 1)), cr.ArgumentError, "one position"),
        (lambda: cr.gradcheck(f, X, Y, order=3), ValueError, "1 or 2, not 3"),
    ],
    ids=["argnums", "argnums-tuple", "many", "float", "none", "integers", "tangents", "tangent", "jacobian", "order"],
)  # fmt: skip
def test_misuse_of_a_transform_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- gradcheck


def test_gradcheck_passes_a_right_function():
    assert cr.gradcheck(lambda x, y: cr.sin(x) * cr.exp(y) / (1 + x * x), X, Y)


def test_gradcheck_takes_float32_and_checks_in_float64():
    assert cr.gradcheck(cr.tanh, X.astype("float32"))


def test_gradcheck_takes_values():
    assert cr.gradcheck(lambda x, y: x * cr.exp(y), cr.Value(0.5), cr.Value(1.5))


def test_gradcheck_takes_numbers():
    assert cr.gradcheck(lambda x: cr.log(x) * x, 1.7)


def test_gradcheck_leaves_its_inputs_alone():
    x = cr.tensor(X, requires_grad=True)
    cr.gradcheck(cr.tanh, x)
    assert (x.grad, x.tolist()) == (None, X.tolist())


def primitive(vjp, jvp=cr.ELEMENTWISE):
    """A cube of the user's own, with the given rule."""

    @cr.primitive(jvp=jvp, samples=[], vjp=dict(x=vjp))
    def test_transforms_cube(xp, x):
        return x * x * x

    return test_transforms_cube


def test_gradcheck_passes_a_right_rule():
    assert cr.gradcheck(primitive(lambda g, x: 3 * g * x * x), X)


@pytest.mark.parametrize("scale", [1.001, 0.999, -1.0, 0.0])
def test_gradcheck_catches_a_wrong_rule(scale):
    with pytest.raises(cr.GradcheckError, match=r"reverse mode is wrong for input 0 at \(0,\)"):
        cr.gradcheck(primitive(lambda g, x: scale * 3 * g * x * x), X)


def test_gradcheck_catches_a_rule_wrong_at_one_element():
    last = np.array([1.0, 1.0, 1.001])
    with pytest.raises(cr.GradcheckError, match=r"at \(2,\)"):
        cr.gradcheck(primitive(lambda g, x: 3 * g * x * x * last), X)


def test_gradcheck_catches_a_wrong_forward_rule():
    wrong = primitive(lambda g, x: 3 * g * x * x, jvp=dict(x=lambda t, x: 3.003 * t * x * x))
    with pytest.raises(cr.GradcheckError, match="forward mode"):
        cr.gradcheck(wrong, X)


def half_recorded(g, x):
    """Right to first order; the second x is cut off from the graph."""
    return 3 * g * x * (x.detach() if isinstance(x, cr.Tensor) else x)


def test_gradcheck_catches_a_wrong_second_order():
    with pytest.raises(cr.GradcheckError, match="second order is wrong"):
        cr.gradcheck(primitive(half_recorded), X)


def test_gradcheck_of_first_order_leaves_the_second_alone():
    assert cr.gradcheck(primitive(half_recorded), X, order=1)


def test_gradcheck_says_what_it_got_and_what_differences_give():
    with pytest.raises(cr.GradcheckError) as caught:
        cr.gradcheck(primitive(lambda g, x: 6 * g * x * x), np.array([2.0]))
    got, expected = re.search(r"got ([\d.]+), differences give ([\d.]+)", str(caught.value)).groups()
    assert float(got) == pytest.approx(2 * float(expected), rel=1e-6)


def test_gradcheck_calls_the_function_as_often_for_large_inputs_as_for_small_ones():
    def calls(n):
        count = []
        cr.gradcheck(lambda x: count.append(1) or cr.tanh(x), np.linspace(-1, 1, n))
        return len(count)

    assert calls(1000) == calls(2)


def test_gradcheck_finds_the_wrong_element_of_a_large_input():
    factor = np.ones((40, 30))
    factor[17, 23] = 1.01
    with pytest.raises(cr.GradcheckError, match=r"at \(17, 23\)"):
        cr.gradcheck(primitive(lambda g, x: 3 * g * x * x * factor), np.linspace(1, 2, 1200).reshape(40, 30))


def test_gradcheck_says_how_many_tolerances_an_error_is():
    with pytest.raises(cr.GradcheckError, match="times the tolerance") as caught:
        cr.gradcheck(primitive(lambda g, x: 1.01 * 3 * g * x * x), np.array([1.0]), rtol=1e-3, atol=0.0)
    assert float(re.search(r"an error of ([\d.]+) times", str(caught.value))[1]) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (cr.abs, [1.0, 1e-7], r"kink within \S+ of 1e-07, with slope -\S+ below and [^-]\S* above"),
        (lambda x: cr.maximum(x, 0.0), [1e-7, 2.0], r"at \(0,\): f has a kink .* slope 0 below"),
        (cr.floor, [2.5, 3.0], r"at \(1,\): f jumps"),
        (lambda x: cr.abs(x).sum(), [[0.5, 1e-9]], r"slope -1 below and 1 above"),
    ],
    ids=["abs", "maximum", "floor", "sum"],
)
def test_gradcheck_says_that_a_function_is_not_smooth_there(f, x, words):
    with pytest.raises(cr.GradcheckError, match=words):
        cr.gradcheck(f, x)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: 1 / x, [0.0, 2.0]),
        (cr.sqrt, [2.0, 0.0]),
        (lambda x: cr.exp(x * 1e7), [7.09e-5]),
        (lambda x: primitive(lambda g, x: 3 * g * x * x * np.array([1, np.inf]))(x), [1.0, 2.0]),
    ],
    ids=["pole", "steep", "overflow", "wrong rule"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradcheck_passes_nothing_that_is_not_finite(f, x):
    with pytest.raises(cr.GradcheckError, match="cannot be checked for input 0 at .*both must be finite"):
        cr.gradcheck(f, x)


def test_a_wrong_rule_of_a_strongly_curved_function_is_no_kink():
    with pytest.raises(cr.GradcheckError, match="reverse mode is wrong"):
        cr.gradcheck(primitive(lambda g, x: 3.01 * g * x * x), X * 1e4)


class Scaled(cr.nn.Module):
    def __init__(self, cut=lambda w: w):
        self.w, self.cut = cr.nn.Parameter([1.0, 2.0]), cut

    def forward(self, x):
        return x * self.w * self.cut(self.w)


def test_gradcheck_checks_the_parameters_of_a_module():
    assert cr.gradcheck(Scaled(), [3.0, 4.0])


def test_gradcheck_names_the_parameter_whose_gradient_is_wrong():
    with pytest.raises(cr.GradcheckError, match=r"reverse mode is wrong for parameter w at \(0,\)"):
        cr.gradcheck(Scaled(lambda w: w.detach()), [3.0, 4.0])


def test_gradcheck_leaves_a_module_as_it_was():
    model = cr.nn.Sequential(cr.nn.Linear(3, 4), cr.nn.BatchNorm(4), cr.nn.Dropout(0.5), cr.nn.Linear(4, 2))
    before = {name: (x.dtype, x.tolist(), x._node) for name, x in model.named_tensors()}
    state = cr.random.get_state()
    assert cr.gradcheck(model, np.random.default_rng(0).normal(size=(6, 3)))
    assert {name: (x.dtype, x.tolist(), x._node) for name, x in model.named_tensors()} == before
    assert cr.random.get_state() == state


def test_gradcheck_passes_integer_arrays_on():
    assert cr.gradcheck(lambda x, k: x[k] * 2.0, [1.0, 2.0, 3.0], np.array([2, 0]))


def test_gradcheck_of_integers_alone_is_refused():
    with pytest.raises(cr.ArgumentError, match="nothing is differentiable"):
        cr.gradcheck(lambda k: k, np.array([2, 0]))


# ---- primitives of the user's own


@cr.primitive(
    jvp=cr.ELEMENTWISE,
    samples=[],
    vjp=dict(x=lambda g, out: -g * cr.expm1(-out)),
)
def test_transforms_ramp(xp, x):
    """Smooth ramp log(1 + eˣ), element by element."""
    return xp.logaddexp(x, 0)


ramp = test_transforms_ramp
del REGISTRY["test_transforms_ramp"]  # other tests go through all operations
ramp.__test__ = False  # pytest: an operation, not a test


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_primitive_of_the_users_own_runs():
    close(ramp(cr.tensor(X)), np.log1p(np.exp(X)))


def test_a_primitive_of_the_users_own_has_its_gradient():
    close(cr.grad(lambda x: ramp(x).sum())(X), sigmoid(X))


def test_a_primitive_of_the_users_own_has_its_second_derivative():
    close(cr.grad(lambda x: cr.grad(lambda x: ramp(x).sum())(x).sum())(X), sigmoid(X) * (1 - sigmoid(X)))


def test_a_primitive_of_the_users_own_has_forward_mode():
    close(cr.jvp(ramp, (X,), (Y,))[1], sigmoid(X) * Y)


def test_a_primitive_of_the_users_own_passes_gradcheck():
    assert cr.gradcheck(ramp, X)


def test_a_primitive_of_the_users_own_works_on_values():
    v = cr.Value(0.5)
    y = ramp(v)
    y.backward()
    assert (y.data, v.grad) == pytest.approx((np.log1p(np.exp(0.5)), sigmoid(0.5)), rel=1e-14)


def test_a_primitive_of_the_users_own_takes_plain_arrays():
    y = ramp(X)
    assert type(y) is np.ndarray
    np.testing.assert_allclose(y, np.log1p(np.exp(X)))


def test_a_primitive_of_the_users_own_keeps_its_name_and_docstring():
    assert (ramp.__name__, ramp.__doc__) == ("test_transforms_ramp", "Smooth ramp log(1 + eˣ), element by element.")


def test_a_primitive_undoes_broadcasting_by_itself():
    @cr.primitive(jvp=cr.MULTILINEAR, samples=[], vjp=dict(x=lambda g, y: g * y, y=lambda g, x: g * x))
    def test_transforms_times(xp, x, y):
        return x * y

    assert cr.gradcheck(test_transforms_times, X, np.array([[0.5], [2.0]]))


def test_a_primitive_with_options_and_shapes():
    @cr.primitive(
        jvp=cr.LINEAR,
        samples=[],
        vjp=dict(x=lambda g, x_shape, factor: cr.broadcast_to(g, shape=x_shape) * factor),
    )
    def test_transforms_scaled_sum(xp, x, *, factor=2.0):
        return xp.sum(x) * factor

    assert cr.gradcheck(lambda x: test_transforms_scaled_sum(x, factor=3.0), X)


def test_a_primitive_may_stop_the_gradient_of_an_input():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=[], vjp=dict(x=lambda g, y: g * y))
    def test_transforms_half_tracked(xp, x, y):
        return x * y

    x, y = cr.tensor(X, requires_grad=True), cr.tensor(Y, requires_grad=True)
    test_transforms_half_tracked(x, y).sum().backward()
    assert (x.grad.tolist(), y.grad) == (Y.tolist(), None)


def test_a_primitive_that_returns_its_input_does_not_alias_it():
    @cr.primitive(jvp=cr.LINEAR, samples=[], vjp=dict(x=lambda g: -g))
    def test_transforms_reversal(xp, x):
        return x

    x = cr.tensor(X, requires_grad=True)
    y = test_transforms_reversal(x)
    loss = (y * y).sum()
    x.data[...] = 100
    try:
        loss.backward()
    except cr.GraphError as error:
        assert "changed at" in str(error)  # noqa: PT017
    else:
        close(x.grad, -2 * X)


def declare(**declaration):
    def test_transforms_declared(xp, x, *, scale=1.0):
        return x * scale

    return cr.primitive(**declaration)(test_transforms_declared)


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        (dict(jvp=cr.LINEAR, samples=[], vjp=dict(z=lambda g: g)), r"rule for 'z'.*\['x'\]"),
        (dict(jvp=cr.LINEAR, samples=[], vjp=dict(x=lambda g, weight: g)), r"'x' asks for \['weight'\].*scale"),
        (dict(jvp="bilinear", samples=[], vjp=dict(x=lambda g: g)), r"'bilinear'.*ELEMENTWISE, LINEAR"),
        (dict(samples=[], vjp=dict(x=lambda g: g)), r"forward mode"),
        (dict(jvp=cr.LINEAR, samples=None, vjp=dict(x=lambda g: g)), r"samples"),
        (dict(jvp=dict(x=lambda t, x: t * x), samples=[], vjp=dict(x=lambda g: g)), r"jvp rule.*\['x'\].*not keep"),
    ],
    ids=["unknown input", "unknown name", "unknown jvp", "no jvp", "no samples", "jvp asks more"],
)  # fmt: skip
def test_a_wrong_declaration_is_refused_at_once(declaration, message):
    with pytest.raises(cr.RuleError, match=message):
        declare(**declaration)


def test_a_declaration_whose_first_argument_is_not_xp_is_refused():
    with pytest.raises(cr.RuleError, match="xp, not x"):
        cr.primitive(jvp=cr.LINEAR, samples=[], vjp={})(lambda x: x)


def test_the_name_of_a_builtin_operation_is_taken():
    def sin(xp, x):
        return x

    with pytest.raises(cr.RuleError, match=r"sin.*taken"):
        cr.primitive(jvp=cr.LINEAR, samples=[], vjp=dict(x=lambda g: g))(sin)


@pytest.mark.parametrize("returned", [None, 1, "text", np.ones(7)], ids=["None", "number", "text", "wrong shape"])
def test_a_rule_that_returns_no_gradient_is_named_with_its_call(returned):
    wrong = primitive(lambda g: returned)
    y = wrong(cr.tensor(X, requires_grad=True))
    with pytest.raises(cr.RuleError, match=r"test_transforms_cube.*called at .*test_transforms\.py:\d+"):
        y.sum().backward()


def test_a_rule_that_returns_nothing_for_a_value_is_named_with_its_call():
    wrong = primitive(lambda g: None)
    y = wrong(cr.Value(2.0))
    with pytest.raises(cr.RuleError, match=r"test_transforms_cube.*called at .*test_transforms\.py:\d+"):
        y.backward()


def test_an_error_inside_a_rule_names_the_forward_line():
    def broken(g):
        raise KeyError("nothing here")

    y = primitive(broken)(cr.tensor(X, requires_grad=True))
    with pytest.raises(KeyError) as caught:
        y.sum().backward()
    assert "test_transforms_cube" in caught.value.__notes__[0]
    assert "test_transforms.py" in caught.value.__notes__[0]


# ---- seeds and tangents belong to the caller


@pytest.mark.parametrize("wrap", [np.array, cr.tensor])
def test_a_gradient_with_history_shares_no_memory_with_the_seed(wrap):
    x, seed = cr.tensor(X, requires_grad=True), wrap(Y)
    cr.abs(x).backward(seed, create_graph=True)
    before = x.grad.tolist()
    seed[:] = 0
    assert x.grad.tolist() == before


@pytest.mark.parametrize("wrap", [np.array, cr.tensor])
def test_a_result_of_forward_mode_shares_no_memory_with_the_tangent(wrap):
    tangent = wrap(Y)
    _, slope = cr.jvp(lambda x: +x, (X,), (tangent,))
    tangent[:] = 0
    assert slope.tolist() == Y.tolist()


def test_a_seed_that_requires_grad_is_differentiated_too():
    x, seed = cr.tensor(X, requires_grad=True), cr.tensor(Y, requires_grad=True)
    cr.sin(x).backward(seed, create_graph=True)
    (slope,) = [x.grad]
    x.grad = None
    slope.sum().backward()
    close(seed.grad, np.cos(X))
    close(x.grad, -Y * np.sin(X))


def test_a_tangent_that_requires_grad_is_differentiated_too():
    x, tangent = cr.tensor(X, requires_grad=True), cr.tensor(Y, requires_grad=True)
    cr.jvp(cr.sin, (x,), (tangent,))[1].sum().backward()
    close(tangent.grad, np.cos(X))
    close(x.grad, -Y * np.sin(X))


def test_a_rule_that_returns_the_number_0_is_an_error_that_names_the_operation():
    nothing = primitive(lambda g, x: 0)
    with pytest.raises(cr.RuleError, match="test_transforms_cube: the rule returned 0, not an array"):
        cr.grad(lambda x: nothing(x).sum())(X)


def test_a_gradient_visits_only_what_lies_between_the_output_and_the_arguments():
    w, seen = cr.tensor(X, requires_grad=True), []

    class Labels(Watch):
        def contribution(self, node, slot, part, total):
            seen.append(node.label)

    with watching(Labels()):
        cr.grad(lambda x: (x * 2.0 + cr.exp(w)).sum())(X)
    assert {"sum", "+", "*"} <= set(seen)
    assert "exp" not in seen
