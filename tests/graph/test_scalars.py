"""Values: programs in the manner of micrograd, numbers on both sides, and IEEE arithmetic where Python would raise."""

import math
import operator
import random
import warnings
from math import inf, nan

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value

# ---- programs of micrograd's, with the import changed


def readme_program(Value):
    """The example of micrograd's README."""
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return g.data, a.grad, b.grad


def sanity_program(Value):
    """The first test of micrograd's."""
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    return y.data, x.grad


def more_program(Value):
    """The second test of micrograd's."""
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return g.data, a.grad, b.grad, c.grad, d.grad, e.grad, f.grad


def operators_program(Value):
    """Every operator with numbers on either side."""
    x, y = Value(0.7), Value(-1.3)
    z = (2 - x) * (x - 2) / (3 / y) + (x + 1) * (1 + y) - (y / 4) ** 2 + x**-1.5 + -y
    z = z * 0.5 + (z - x * y) ** 3
    z.backward()
    return z.data, x.grad, y.grad


class Neuron:
    def __init__(self, Value, inputs, nonlinear, rng):
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(inputs)]
        self.b = Value(0)
        self.nonlinear = nonlinear

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.nonlinear else act

    def parameters(self):
        return [*self.w, self.b]


class Layer:
    def __init__(self, Value, inputs, outputs, nonlinear, rng):
        self.neurons = [Neuron(Value, inputs, nonlinear, rng) for _ in range(outputs)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


class MLP:
    def __init__(self, Value, sizes, seed=1337):
        rng = random.Random(seed)
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.layers = [Layer(Value, a, b, i < len(pairs) - 1, rng) for i, (a, b) in enumerate(pairs)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0


def training_program(Value, steps=8):
    """micrograd's demo, smaller: an SVM loss with regularisation on labelled points, trained by gradient descent."""
    rng = random.Random(3)
    X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
    y = [1 if a * a + b > 0.2 else -1 for a, b in X]
    model = MLP(Value, [2, 5, 5, 1])
    losses = []
    for k in range(steps):
        scores = [model(list(map(Value, row))) for row in X]
        hinge = sum((1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)) * (1.0 / len(y))
        loss = hinge + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        losses.append(loss.data)
    return (*losses, *(p.data for p in model.parameters()))


PROGRAMS = [readme_program, sanity_program, more_program, operators_program, training_program]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_micrograd_program_gives_micrograds_numbers(program):
    micrograd = pytest.importorskip("micrograd.engine")
    np.testing.assert_allclose(program(Value), program(micrograd.Value), rtol=1e-11)


def test_the_readme_of_micrograd_gives_the_numbers_it_prints():
    assert [f"{number:.4f}" for number in readme_program(Value)] == ["24.7041", "138.8338", "645.5773"]


def test_the_sanity_program_gives_what_pen_and_paper_give():
    assert sanity_program(Value) == (-20.0, 46.0)


def test_the_operators_program_agrees_with_differences():
    def z(x, y):
        z = (2 - x) * (x - 2) / (3 / y) + (x + 1) * (1 + y) - (y / 4) ** 2 + x**-1.5 + -y
        return z * 0.5 + (z - x * y) ** 3

    step = 1e-6
    dx = (z(0.7 + step, -1.3) - z(0.7 - step, -1.3)) / (2 * step)
    dy = (z(0.7, -1.3 + step) - z(0.7, -1.3 - step)) / (2 * step)
    assert operators_program(Value) == pytest.approx((z(0.7, -1.3), dx, dy), rel=1e-8)


def test_the_training_program_learns():
    losses = training_program(Value, steps=30)[:30]
    assert losses[-1] < 0.5 * losses[0]


def test_the_training_program_gives_the_numbers_of_arrays():
    """One step's gradients of the scalar network equal those of the same network on arrays."""
    x = [0.3, -0.8]
    model = MLP(Value, [2, 4, 1])
    (model(list(map(Value, x))) ** 2).backward()
    (hidden, last) = model.layers
    w1 = cr.tensor(np.array([[w.data for w in n.w] for n in hidden.neurons]), requires_grad=True)
    b1 = cr.tensor(np.array([n.b.data for n in hidden.neurons]), requires_grad=True)
    w2 = cr.tensor(np.array([w.data for w in last.neurons[0].w]), requires_grad=True)
    ((w2 @ cr.relu(w1 @ np.array(x) + b1)) ** 2).backward()
    np.testing.assert_allclose([[w.grad for w in n.w] for n in hidden.neurons], w1.grad.numpy(), rtol=1e-13)
    np.testing.assert_allclose([w.grad for w in last.neurons[0].w], w2.grad.numpy(), rtol=1e-13)


def test_a_dead_neuron_has_gradient_zero():
    w = Value(-2.0)
    (w * 3).relu().backward()
    assert (w.grad, type(w.grad)) == (0.0, float)


# ---- what a Value is


def test_a_value_takes_part_in_gradients_by_itself():
    assert Value(2.0).requires_grad


@pytest.mark.parametrize(
    "number", [2, 2.0, True, np.float32(2), np.float64(2), np.int64(2), np.array(2.0), "2"], ids=repr
)
def test_a_value_holds_a_python_float(number):
    assert type(Value(number).data) is float


@pytest.mark.parametrize("junk", ["two", None, [1.0, 2.0], np.ones(2), 1j], ids=repr)
def test_a_value_of_what_is_no_number_says_what_to_use(junk):
    with pytest.raises(cr.DtypeError, match=r"one number.*chainrule\.tensor"):
        Value(junk)


def test_a_value_has_no_axes_and_is_a_float64():
    v = Value(2.0)
    assert (v.shape, v.ndim, v.size, v.dtype) == ((), 0, 1, np.float64)


def test_a_result_of_values_is_a_value():
    y = cr.sin(Value(2.0) * 3)
    assert (type(y), type(y.data)) == (Value, float)


def test_results_still_held_have_their_gradients():
    x = Value(3.0)
    y = x * x
    z = y * 2
    z.backward()
    assert (z.grad, y.grad, x.grad) == (1.0, 2.0, 12.0)


def test_grad_may_be_set_to_zero_in_the_manner_of_micrograd():
    x = Value(3.0)
    x.grad = 0
    (x * x).backward()
    assert (x.grad, type(x.grad)) == (6.0, float)


SETTABLE = {"int": 2, "float": 2.0, "numpy": np.float64(2), "tensor": cr.tensor(2.0)}


@pytest.mark.parametrize("kind", SETTABLE)
def test_grad_set_from_any_number_is_a_float(kind):
    x = Value(3.0)
    x.grad = SETTABLE[kind]
    assert (x.grad, type(x.grad)) == (2.0, float)


def test_grad_set_to_a_value_that_requires_grad_is_that_value():
    x, g = Value(3.0), Value(2.0)
    x.grad = g
    assert x.grad is g


def test_a_value_can_be_assigned():
    x = Value(3.0)
    x.data = 4
    assert (x.data, type(x.data)) == (4.0, float)


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}
COMPARISONS = {operator.lt: True, operator.le: True, operator.gt: False, operator.ge: False, operator.eq: False,
               operator.ne: True}  # fmt: skip


@pytest.mark.parametrize("other", [3, 3.0, True, np.float64(3), np.float32(3), np.int64(3), np.bool_(True)], ids=repr)
@pytest.mark.parametrize("flip", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("symbol", ARITHMETIC)
def test_numbers_on_either_side_give_float_gradients(symbol, other, flip):
    x = Value(1.7)
    left, right = (other, x) if flip else (x, other)
    y = ARITHMETIC[symbol](left, right)
    y.backward()
    n = float(other)
    value, slope = {
        ("+", False): (1.7 + n, 1.0),
        ("+", True): (n + 1.7, 1.0),
        ("-", False): (1.7 - n, 1.0),
        ("-", True): (n - 1.7, -1.0),
        ("*", False): (1.7 * n, n),
        ("*", True): (n * 1.7, n),
        ("/", False): (1.7 / n, 1 / n),
        ("/", True): (n / 1.7, -n / 1.7**2),
        ("**", False): (1.7**n, n * 1.7 ** (n - 1)),
        ("**", True): (n**1.7, n**1.7 * math.log(n)),
    }[symbol, flip]
    assert (type(y), type(y.data), type(x.grad)) == (Value, float, float)
    assert (y.data, x.grad) == pytest.approx((value, slope), rel=1e-14)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparing_values_gives_plain_truth(compare):
    given = [compare(Value(2.0), Value(3.0)), compare(Value(2.0), 3.0), compare(2, Value(3.0))]
    assert given == [COMPARISONS[compare]] * 3
    assert {type(g) for g in given} == {bool}


def test_values_sort():
    assert [v.data for v in sorted([Value(3.0), Value(1.0), Value(2.0)])] == [1.0, 2.0, 3.0]


def test_python_max_and_abs_are_differentiable():
    x, y = Value(-2.0), Value(-3.0)
    (max(x, y) * abs(y)).backward()
    assert (x.grad, y.grad) == (3.0, 2.0)


def test_values_live_in_sets_by_identity():
    x, y = Value(2.0), Value(2.0)
    assert len({x, y, x}) == 2


def test_values_can_be_summed_by_python():
    xs = [Value(float(i)) for i in range(5)]
    sum(x * x for x in xs).backward()
    assert [x.grad for x in xs] == [0.0, 2.0, 4.0, 6.0, 8.0]


# ---- the same functions as arrays have


REAL = dict.fromkeys(
    "exp expm1 log log2 log10 log1p sqrt square sin cos tan arctan sinh cosh tanh arcsinh".split(), 0.6
)
FUNCTIONS = {
    **REAL,
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], 0.4),
    "arccosh": 1.8,
    **dict.fromkeys("sigmoid relu softplus erf absolute sign negative floor ceil rint".split(), -1.3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_a_value_equals_that_of_an_array(name):
    f, at = getattr(cr, name), FUNCTIONS[name]
    v, a = Value(at), cr.tensor(np.array([at]), requires_grad=True)
    f(v).backward()
    f(a).sum().backward()
    assert (f(v).data, v.grad) == pytest.approx((f(a).item(), a.grad.item()), rel=1e-14)
    assert type(v.grad) is float


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_second_derivative_at_a_value_equals_that_at_an_array(name):
    second = cr.grad(cr.grad(getattr(cr, name)))
    assert second(Value(FUNCTIONS[name])).item() == pytest.approx(second(FUNCTIONS[name]).item(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2", "logaddexp"]
)
def test_a_function_of_two_values_equals_that_of_arrays(name):
    f = getattr(cr, name)
    x, y = Value(0.7), Value(1.9)
    a, b = cr.tensor(0.7, dtype="float64", requires_grad=True), cr.tensor(1.9, dtype="float64", requires_grad=True)
    f(x, y).backward()
    f(a, b).backward()
    assert (f(x, y).data, x.grad, y.grad) == pytest.approx((f(a, b).item(), a.grad.item(), b.grad.item()), rel=1e-14)


def test_where_chooses_between_values():
    x, y = Value(2.0), Value(3.0)
    cr.where(x > y, x, y).backward()
    assert (x.grad, y.grad) == (0.0, 1.0)


def test_a_value_and_an_array_do_not_mix():
    with pytest.raises(cr.DeviceError, match=r"'scalar' and .*'cpu'.*to\('cpu'\)"):
        Value(2.0) * cr.tensor([1.0, 2.0])


def test_an_operation_on_axes_refuses_values_and_says_what_to_use():
    with pytest.raises(cr.DtypeError, match=r"cumsum.*chainrule\.tensor"):
        cr.cumsum(Value(2.0))


# ---- IEEE arithmetic: inf and nan instead of exceptions, and no warnings


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


IEEE = {
    "1 / 0": (lambda x: 1 / x, 0.0, inf, -inf),
    "-1 / 0": (lambda x: -1 / x, 0.0, -inf, inf),
    "0 / 0": (lambda x: 0 / x, 0.0, nan, nan),
    "x / 0": (lambda x: x / 0, 2.0, inf, inf),
    "x / -0": (lambda x: x / -0.0, 2.0, -inf, -inf),
    "log 0": (cr.log, 0.0, -inf, inf),
    "log -1": (cr.log, -1.0, nan, -1.0),
    "log1p -1": (cr.log1p, -1.0, -inf, inf),
    "sqrt 0": (cr.sqrt, 0.0, 0.0, inf),
    "sqrt -1": (cr.sqrt, -1.0, nan, nan),
    "exp 1000": (cr.exp, 1000.0, inf, inf),
    "exp -1000": (cr.exp, -1000.0, 0.0, 0.0),
    "cosh 1000": (cr.cosh, 1000.0, inf, inf),
    "0 ** -1": (lambda x: x**-1, 0.0, inf, -inf),
    "0 ** 0.5": (lambda x: x**0.5, 0.0, 0.0, inf),
    "-8 ** 1/3": (lambda x: x ** (1 / 3), -8.0, nan, nan),
    "10 ** 400": (lambda x: x**400, 10.0, inf, inf),
    "sin inf": (cr.sin, inf, nan, nan),
    "arcsin 2": (cr.arcsin, 2.0, nan, nan),
    "arccosh 0": (cr.arccosh, 0.0, nan, nan),
    "arctanh 1": (cr.arctanh, 1.0, inf, inf),
    "sigmoid -1000": (cr.sigmoid, -1000.0, 0.0, 0.0),
    "sigmoid 1000": (cr.sigmoid, 1000.0, 1.0, 0.0),
    "softplus -1000": (cr.softplus, -1000.0, 0.0, 0.0),
    "softplus 1000": (cr.softplus, 1000.0, 1000.0, 1.0),
    "square 1e200": (cr.square, 1e200, inf, 2e200),
    "floor inf": (cr.floor, inf, inf, 0.0),
    "rint nan": (cr.rint, nan, nan, 0.0),
    "tanh nan": (cr.tanh, nan, nan, nan),
    "sign nan": (cr.sign, nan, nan, 0.0),
}


@pytest.mark.parametrize("name", IEEE)
def test_a_value_follows_ieee_forward_and_backward(name):
    f, at, value, slope = IEEE[name]
    x = Value(at)
    y = f(x)
    y.backward()
    np.testing.assert_equal((y.data, x.grad), (value, slope))
    assert (type(y.data), type(x.grad)) == (float, float)


@pytest.mark.parametrize("name", IEEE)
def test_an_array_follows_the_same_ieee_rules(name):
    f, at, value, slope = IEEE[name]
    x = cr.tensor(np.array([at]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(x)
        y.sum().backward()
    np.testing.assert_allclose((y.item(), x.grad.item()), (value, slope), rtol=1e-15)


@pytest.mark.parametrize("name", ["1 / 0", "log 0", "sqrt 0", "0 ** -1", "10 ** 400", "exp 1000"])
def test_second_order_follows_ieee_too(name):
    f, at, _, slope = IEEE[name]
    x = Value(at)
    f(x).backward(create_graph=True)
    assert x.grad.data == slope
    g, x.grad = x.grad, None
    g.backward()
    assert not math.isfinite(x.grad)


def test_dividing_values_by_zero_reaches_both_gradients():
    x, y = Value(1.0), Value(0.0)
    (x / y).backward()
    assert (x.grad, y.grad) == (inf, -inf)


def test_adding_infinities_of_both_signs_is_nan():
    assert math.isnan((Value(inf) + Value(-inf)).data)


# ---- depth


def test_a_chain_deeper_than_pythons_recursion_limit():
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y * 1.0001 + 0.0001
    y.backward()
    assert x.grad == pytest.approx(1.0001**20_000, rel=1e-9)
