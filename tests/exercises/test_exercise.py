"""Exercises: right solutions written out in NumPy pass, usual mistakes are named, and no learner's code makes it raise."""

import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import reals
from chainrule.exercises.catalogue import exercises
from chainrule.exercises.task import upstream

TASKS = exercises()


def back(d, x):
    """A gradient summed to the shape of what was stretched."""
    return cr.unbroadcast(d, shape=x.shape)


def to_smaller(g, x, y, share):
    """What x gets of g if the smaller of x and y gets it, and x that share where they are equal."""
    return np.where(x == y, share * g, g * (x < y))


def right_tanh(g, x, out):
    return g * (1 - out**2)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


RIGHT = {  # solutions as a learner would write them
    "add": (lambda x, y: x + y, lambda g, x, y, out: (back(g, x), back(g, y))),
    "subtract": (lambda x, y: x - y, lambda g, x, y, out: (back(g, x), back(-g, y))),
    "multiply": (lambda x, y: x * y, lambda g, x, y, out: (back(g * y, x), back(g * x, y))),
    "divide": (lambda x, y: x / y, lambda g, x, y, out: (back(g / y, x), back(-g * x / y**2, y))),
    "maximum": (np.maximum, lambda g, x, y, out: (back(g * (x > y), x), back(g * (x <= y), y))),
    "where": (
        np.where,
        lambda g, condition, x, y, out: (back(np.where(condition, g, 0), x), back(np.where(condition, 0, g), y)),
    ),
    "negative": (lambda x: -x, lambda g, x, out: -g),
    "floor": (np.floor, lambda g, x, out: 0 * x),
    "square": (lambda x: x * x, lambda g, x, out: g * 2 * x),
    "absolute": (np.abs, lambda g, x, out: np.where(x > 0, g, -g)),
    "exp": (np.exp, lambda g, x, out: g * out),
    "log": (np.log, lambda g, x, out: g / x),
    "sqrt": (np.sqrt, lambda g, x, out: g / (2 * out)),
    "sin": (np.sin, lambda g, x, out: g * np.cos(x)),
    "tanh": (np.tanh, right_tanh),
    "sigmoid": (lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda g, x, out: g * out * (1 - out)),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda g, x, out: g * (x >= 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda g, x, out: g * np.where(x > 0, 1, 0.01)),
    "sum": (lambda x: x.sum(-1), lambda g, x, out: g[..., None] + 0 * x),
    "mean": (lambda x: x.mean(-1), lambda g, x, out: g[..., None] / x.shape[-1] + 0 * x),
    "max": (lambda x: x.max(-1), lambda g, x, out: g[..., None] * (x == out[..., None])),
    "cumsum": (lambda x: x.cumsum(-1), lambda g, x, out: g[..., ::-1].cumsum(-1)[..., ::-1]),
    "softmax": (softmax, lambda g, x, out: out * (g - (g * out).sum(-1, keepdims=True))),
    "matmul": (lambda x, y: x @ y, lambda g, x, y, out: (g @ y.T, x.T @ g)),
}


def far(x):
    """Softmax that takes the largest of all rows off each, where it is the row's own that keeps exp from 0 / 0."""
    e = np.exp(x - x.max())
    return e / e.sum(-1, keepdims=True)


def failing(name, forward=None, backward=None):
    """The Result of a solution that must not pass."""
    result = cr.exercise(name).check(forward, backward)
    assert not result
    return result


def reason(name, forward=None, backward=None):
    return failing(name, forward, backward).failure.reason


# ---- what there is


def test_every_public_differentiable_elementwise_operation_is_an_exercise():
    assert {p.name for p in REGISTRY.values() if p.jvp == ELEMENTWISE and p.vjp and not p.internal} <= set(exercises())


@pytest.mark.parametrize("name", ["sum", "mean", "max", "softmax", "matmul"])
def test_operations_that_are_not_elementwise_are_exercises_too(name):
    assert name in TASKS


def test_an_operation_of_ones_own_is_an_exercise():
    @cr.primitive(vjp=dict(x=lambda g, x: 3 * g * x * x), jvp=ELEMENTWISE, samples=reals)
    def cube_for_this_test(xp, x):
        """Cube x³."""
        return x * x * x

    try:
        assert cr.exercise("cube_for_this_test").check(lambda x: x**3, lambda g, x, out: g * 3 * x**2)
    finally:
        del REGISTRY["cube_for_this_test"]


def test_an_operation_of_ones_own_may_ask_for_shapes():
    rule = lambda g, x_shape: 7 * g * len(x_shape)
    shaped_for_this_test = lambda xp, x: 7 * x * len(x.shape)
    shaped_for_this_test.__name__ = "shaped_for_this_test"
    cr.primitive(vjp=dict(x=rule), jvp=ELEMENTWISE, samples=reals)(shaped_for_this_test)
    try:
        assert "Everything is 2 times" in reason("shaped_for_this_test", backward=lambda g, x, out: 14 * g * x.ndim)
        assert "Compare with" in reason("tanh", backward=lambda g, x, out: g * (1 - out))
    finally:
        del REGISTRY["shaped_for_this_test"]


def test_the_catalogue_holds_every_exercise_once():
    listed = [name for names in cr.exercise().values() for name in names]
    assert sorted(listed) == sorted(exercises())  # anew: other tests may have declared operations of their own


def test_the_catalogue_goes_from_constant_slopes_to_matrices():
    levels = cr.exercise()
    assert ("negative" in levels[1], "tanh" in levels[2], "multiply" in levels[3], "matmul" in levels[5]) == (True,) * 4


def test_the_catalogue_prints_every_name():
    assert set(TASKS) <= set(str(cr.exercise()).split())


def test_an_unknown_exercise_is_refused_with_those_that_may_be_meant():
    with pytest.raises(cr.ArgumentError, match=r"^unknown exercise 'thanh': did you mean 'tanh' or 'tan'\? print"):
        cr.exercise("thanh")


@pytest.mark.parametrize("name", ["zzz", 3, ["tanh"]])
def test_what_is_like_no_exercise_is_refused_with_the_way_to_the_list(name):
    with pytest.raises(cr.ArgumentError, match=rf": print\(cr.exercise\(\)\) lists all {len(exercises())}$"):
        cr.exercise(name)


def test_an_exercise_states_signature_formula_and_what_arrives():
    text = str(cr.exercise("multiply"))
    parts = ["Product x · y", "forward(x, y)", "backward(g, x, y, out)", "(dx, dy)", "upstream gradient dL/dout"]
    assert [part for part in parts if part not in text] == []


def test_the_task_does_not_give_the_solution_away():
    assert "1 − out²" not in str(cr.exercise("tanh"))
    assert cr.exercise("tanh").solution == "dx = g · (1 − out²)"


@pytest.mark.parametrize("name", TASKS)
def test_every_exercise_has_a_solution_in_words(name):
    assert TASKS[name].solution.startswith("d")


# ---- the judge is right


@pytest.mark.parametrize("name", TASKS)
def test_the_gradients_asked_for_agree_with_central_differences(name):
    task = TASKS[name]
    arrays = task.draw(task.shapes[-1])
    g = upstream(task.value(arrays).shape)
    for x, d in zip(task.wanted, task.gradient(g, arrays), strict=True):
        np.testing.assert_allclose(task.slopes(g, arrays, task.inputs.index(x)), d, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_solution_passes(name):
    result = cr.exercise(name).check(*RIGHT[name])
    assert result, str(result)


@pytest.mark.parametrize("name", TASKS)
def test_the_engines_own_answers_pass(name):
    task = TASKS[name]

    def backward(g, *rest):
        gradients = task.gradient(g, rest[:-1])
        return tuple(gradients) if len(gradients) > 1 else gradients[0]

    assert task.check(lambda *arrays: task.value(arrays), backward)


@pytest.mark.parametrize("name", TASKS)
def test_a_gradient_without_upstream_is_noticed_and_named(name):
    task = TASKS[name]

    def backward(g, *rest):
        gradients = task.gradient(np.ones_like(g), rest[:-1])
        return tuple(gradients) if len(gradients) > 1 else gradients[0]

    arrays = task.draw(task.shapes[1])
    if all(np.allclose(d, 0, atol=1e-12) for d in task.gradient(np.ones_like(task.value(arrays)), arrays)):
        failure = task.check(backward=backward).failure  # of a flat function, or one whose results have a fixed sum
        assert failure is None or "dx is 0 everywhere" in failure.reason
    else:
        assert "g is missing" in task.check(backward=backward).failure.reason


# ---- usual mistakes


@pytest.mark.parametrize(
    ("name", "backward", "words"),
    [
        ("tanh", lambda g, x, out: 1 - out**2, "g is missing"),
        ("tanh", lambda g, x, out: -g * (1 - out**2), "The sign is wrong"),
        ("tanh", lambda g, x, out: g * g * (1 - out**2), "g is in it twice"),
        ("tanh", lambda g, x, out: g, "This is g itself"),
        ("tanh", lambda g, x, out: g * (1 - x**2), "with x in the place of out"),
        ("tanh", lambda g, x, out: g * out, "the function stands where its derivative belongs"),
        ("tanh", lambda g, x, out: g * (1 - out), "Compare with “measured”"),
        ("sin", lambda g, x, out: g * np.sin(x), "the function stands where its derivative belongs"),
        ("cos", lambda g, x, out: g * np.sin(x), "The sign is wrong"),
        ("sin", lambda g, x, out: g * np.arctan(x), "The local derivative in it is arctan(x)"),
        ("log2", lambda g, x, out: g / x, "This is the gradient of log, not of log2"),
        ("square", lambda g, x, out: g * x, "Everything is 0.5 times"),
        ("relu", lambda g, x, out: g, "It is wrong only where x < 0"),
        ("absolute", lambda g, x, out: g, "It is wrong only where x < 0"),
        ("multiply", lambda g, x, y, out: (g * x, g * y), "This is dy: the two gradients are swapped"),
        ("multiply", lambda g, x, y, out: (g * y, g * x), "x has shape (3, 1) and was stretched to (3, 4)"),
        ("multiply", lambda g, x, y, out: (back(g * y, x), g * x), "y has shape (1, 4) and was stretched to (3, 4)"),
        ("subtract", lambda g, x, y, out: (back(g, x), back(g, y)), "The sign is wrong"),
        ("divide", lambda g, x, y, out: (back(g / y, x), back(-g * x / y, y)), "This is y times what dy should be"),
        ("multiply", lambda g, x, y, out: (back(g, x), back(g * x, y)), "This is g itself"),
        ("divide", lambda g, x, y, out: (back(g / y / y, x), back(-g * x / y**2, y)), "should be, divided by y"),
        ("tanh", lambda g, x, out: 0, "dx is 0 everywhere, as if x had no influence"),
        ("tanh", lambda g, x, out: 0 * x, "dx is 0 everywhere, as if x had no influence"),
        ("softmax", lambda g, x, out: 0 * x, "dx is 0 everywhere, as if x had no influence"),
        ("tanh", lambda g, x, out: np.clip(g, -10, 10) * (1 - out**2), "dx was right before: now"),
        ("sum", lambda g, x, out: g, "start from g[..., None]"),
        ("mean", lambda g, x, out: g[..., None] + 0 * x, "This is g itself"),
        ("matmul", lambda g, x, y, out: ((g @ y.T).T, x.T @ g), "dx is transposed"),
        ("softmax", lambda g, x, out: g * out * (1 - out), "Compare with “measured”"),
    ],
)
def test_a_wrong_gradient_is_diagnosed(name, backward, words):
    assert words in reason(name, backward=backward)


def test_a_matrix_product_of_the_wrong_factors_is_recognised():
    # with square matrices no shape gives the mistake away
    from chainrule.exercises import diagnosis

    task, rng = TASKS["matmul"], np.random.default_rng(0)
    x, y, g = rng.normal(size=(3, 3, 3))
    right, given = g @ y.T, g @ y
    text = diagnosis.of_gradient(task, 0, [x, y], g, x @ y, right, given, np.full((3, 3), True))
    assert "This is g @ y:" in text


@pytest.mark.parametrize(
    ("name", "forward", "words"),
    [
        ("tanh", lambda x: -np.tanh(x), "The sign is wrong"),
        ("sinh", np.cosh, "These are the values of cosh"),
        ("square", lambda x: 2 * x * x, "Everything is 2 times"),
        ("relu", lambda x: x + 0, "It is wrong only where x < 0"),
        ("rint", lambda x: np.floor(x + 0.5), "The values differ where they are marked"),  # halves go to even numbers
        ("subtract", lambda x, y: y - x, "The sign is wrong"),
        ("divide", lambda x, y: y / x, "The operands are swapped"),
        ("sum", lambda x: x.sum(), "out must have shape (3,); it has ()"),
        ("sum", lambda x: x.sum(-1, keepdims=True), "out has as many numbers as it should, but in shape (1,)"),
        ("softmax", lambda x: softmax(x.swapaxes(0, -1)).swapaxes(0, -1), "The values differ where they are marked"),
        ("tanh", lambda x: np.atleast_1d(np.tanh(x)), "in shape (1,); it must be ()"),
        ("matmul", lambda x, y: (x @ y).T, "out is transposed"),
    ],
)
def test_a_wrong_value_is_diagnosed(name, forward, words):
    assert words in reason(name, forward)


@pytest.mark.parametrize(
    ("name", "forward", "words"),
    [
        ("tanh", lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), "nan came out at x = −1000"),
        ("softplus", lambda x: np.log(1 + np.exp(x)), "inf came out at x = 1000"),
        ("logaddexp", lambda x, y: np.log(np.exp(x) + np.exp(y)), "came out at x = −1000, y = −1000"),
        ("softmax", lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True), "nan came out at x = 1000"),
        ("softmax", far, "nan came out at x = −6000"),
    ],
)
def test_overflow_at_extreme_inputs_is_noticed(name, forward, words):
    assert words in reason(name, forward)


def test_overflow_in_the_gradient_is_noticed():
    backward = lambda g, x, out: g * np.exp(-x) / (1 + np.exp(-x)) ** 2
    assert "nan came out at x = −1000" in reason("sigmoid", backward=backward)


@pytest.mark.parametrize(
    ("name", "backward"),
    [
        ("sign", lambda g, x, out: np.where(x == 0, 5 * g, 0.0)),
        ("floor", lambda g, x, out: np.where(x == np.floor(x), 5 * g, 0.0)),
        ("relu", lambda g, x, out: g * (x > 0)),
        ("relu", lambda g, x, out: g * (x >= 0)),
        ("relu", lambda g, x, out: g * np.where(x == 0, 0.3, x > 0)),
        ("absolute", lambda g, x, out: np.where(x >= 0, g, -g)),
        ("maximum", lambda g, x, y, out: (back(g * (x >= y), x), back(g * (y > x), y))),
        ("minimum", lambda g, x, y, out: (back(to_smaller(g, x, y, 0.2), x), back(to_smaller(g, y, x, 0.8), y))),
    ],
)
def test_at_a_kink_every_choice_between_the_slopes_is_right(name, backward):
    assert cr.exercise(name).check(backward=backward)


@pytest.mark.parametrize(
    ("name", "backward", "words"),
    [
        ("relu", lambda g, x, out: g * np.where(x == 0, 7, x > 0), "The slope jumps at x = 0. dx may be what"),
        ("relu", lambda g, x, out: g * np.where(x == 0, -0.1, x > 0), "it must be between 0 and 400."),
        ("relu", lambda g, x, out: np.where(x == 0, 2, g * (x > 0)), "it must be between −4 and 0."),  # where g is −4
        ("relu", lambda g, x, out: np.where(x == 0, np.nan, g * (x > 0)), "nan came out at x = 0"),
        ("absolute", lambda g, x, out: g * np.where(x == 0, 99, np.sign(x)), "it must be between −400 and 400."),
        ("maximum", lambda g, x, y, out: (back(g * (x >= y), x), back(g * (y >= x), y)), "dx + dy must be g there"),
        ("maximum", lambda g, x, y, out: (back(g * (x > y), x), back(g * (y > x), y)), "dx + dy must be g there"),
    ],
)
def test_at_a_kink_what_no_slope_explains_is_wrong(name, backward, words):
    assert words in reason(name, backward=backward)


# ---- broadcasting


def only_leading(d, x):
    """An unbroadcast that knows one new axis in front, and axes of length 1."""
    d = d.sum(0) if d.ndim > x.ndim else d
    return d.sum(tuple(i for i, n in enumerate(x.shape) if n == 1), keepdims=True) if d.ndim == x.ndim else d


@pytest.mark.parametrize(
    ("unbroadcast", "words"),
    [
        (lambda d, x: d if x.shape == (3,) else back(d, x), "y has shape (3,) and was stretched to (2, 3)"),
        (lambda d, x: d if x.ndim == 0 else back(d, x), "y has shape () and was stretched to (2, 3)"),
        (lambda d, x: d if d.ndim == 3 else back(d, x), "y has shape (3,) and was stretched to (4, 2, 3)"),
        (only_leading, "dy must have shape (); it has (3,)"),
    ],
)
def test_every_way_to_forget_a_stretched_axis_is_noticed(unbroadcast, words):
    backward = lambda g, x, y, out: (unbroadcast(g * y, x), unbroadcast(g * x, y))
    assert words in reason("multiply", backward=backward)


def test_a_first_operand_that_has_fewer_axes_is_tried():
    backward = lambda g, x, y, out: (g * y if x.ndim == 1 else back(g * y, x), back(g * x, y))
    assert "x has shape (3,) and was stretched to (2, 3)" in reason("multiply", backward=backward)


# ---- writing into the arguments


def overwriting(g, x, out):
    g *= 1 - out**2
    return g


def test_overwriting_g_is_found_where_x_is_used_twice():
    result = failing("tanh", np.tanh, overwriting)
    assert ([state for _, state in result.checks], "changed g in place" in result.failure.reason) == (
        ["passed", "passed", "passed", "failed"],
        True,
    )


def test_overwriting_g_is_shown_as_two_contributions_that_differ():
    rows = dict(failing("tanh", np.tanh, overwriting).failure.rows)
    assert not np.allclose(rows["first dx"], rows["second dx"])
    np.testing.assert_allclose(rows["expected sum"], 2 * rows["first dx"])


def test_overwriting_x_in_forward_is_found():
    def forward(x):
        x[x < 0] = 0
        return x

    assert "forward changed x in place" in reason("relu", forward, lambda g, x, out: g * (x > 0))


def test_the_report_shows_the_operands_as_they_were_before_they_were_overwritten():
    def forward(x):
        x *= x
        return x

    rows = dict(failing("square", forward, lambda g, x, out: g * x).failure.rows)
    assert (float(rows["x"]), float(rows["got dx"])) == (-1.6, pytest.approx(-4.8))


def test_a_backward_that_remembers_is_found():
    calls = []

    def backward(g, x, out):
        calls.append(1)
        return g * (1 - out**2) * (1 if len(calls) < 6 else 2)

    assert "must depend on nothing but its arguments" in reason("tanh", np.tanh, backward)


class Remembers:
    """Uses what forward was called with last, in place of its argument x."""

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, g, x, out):
        return g * np.cos(self.x)


class OneBuffer:
    """Writes every result into the same array."""

    def __init__(self, of):
        self.of, self.buffers = of, {}

    def into_buffer(self, result):
        buffer = self.buffers.setdefault(result.shape, np.empty(result.shape))
        buffer[...] = result
        return buffer

    def forward(self, x):
        return self.into_buffer(np.tanh(x)) if self.of == "forward" else np.tanh(x)

    def backward(self, g, x, out):
        return self.into_buffer(right_tanh(g, x, out)) if self.of == "backward" else right_tanh(g, x, out)


@pytest.mark.parametrize(
    ("name", "solution", "words"),
    [
        ("sin", Remembers(), "this gradient got lost: backward must depend on nothing but its arguments"),
        ("tanh", OneBuffer("forward"), "The second call of forward overwrote what the first had returned"),
        ("tanh", OneBuffer("backward"), "this gradient got lost"),
    ],
)
def test_what_is_lost_when_two_inputs_are_on_the_tape_is_noticed(name, solution, words):
    assert words in reason(name, solution)


# ---- code that breaks


def no_name(g, x, out):
    return g * tnh(x)  # noqa: F821


def endless(g, x, out):
    return endless(g, x, out)


def leaves(g, x, out):
    raise SystemExit(3)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def unprintable(g, x, out):
    raise Unprintable


class NoException(BaseException):
    pass


def no_exception(g, x, out):
    raise NoException


def impatient(g, x, out):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (no_name, "NameError: name 'tnh' is not defined"),
        (endless, "RecursionError"),
        (leaves, "SystemExit"),
        (unprintable, "Unprintable"),
        (no_exception, "NoException"),
        (lambda g, x, out: None, "returned None: is a return missing?"),
        (lambda g, x, out: ..., "still returns the … of the template"),
        (lambda g, x, out: "dx", "it returned a str"),
        (lambda g, x, out: [[1.0], [2.0, 3.0]], "it returned a list"),
        (lambda g, x, out: 1j * g, "it returned an array of complex128"),
        (lambda g, x: g, "backward is called with (g, x, out); yours takes (g, x)"),
        (lambda: 0, "yours takes ()"),
        (3.0, "must be a function of (g, x, out), not a float"),
        (lambda g, x, out: math.cosh(x) * g, "use those of NumPy"),
        (lambda g, x, out: g if x > 0 else -g, "use np.where"),
        (lambda g, x, out: (g, g), "must return one gradient, dx; it returned 2"),
    ],
)
def test_what_the_learners_code_does_is_told_and_not_raised(backward, words):
    assert words in reason("tanh", np.tanh, backward)


@pytest.mark.parametrize("odd", [np.zeros(7), np.zeros(0), np.zeros((2, 0, 3)), np.full((), np.nan), "out", None])
@pytest.mark.parametrize("part", [0, 1])
def test_a_function_that_goes_wrong_at_any_call_is_told_and_not_raised(part, odd):
    def breaking(function, at):
        calls = []
        return lambda *args: calls.append(1) or (odd if len(calls) == at else function(*args))

    for at in range(1, 9):  # of the calls of either part
        solution = list(RIGHT["tanh"])
        solution[part] = breaking(solution[part], at)
        assert "tanh" in str(failing("tanh", *solution))


def test_control_c_stops_a_check():
    with pytest.raises(KeyboardInterrupt):
        cr.exercise("tanh").check(np.tanh, impatient)


def test_a_warning_of_the_learners_code_reaches_the_learner():
    def forward(x):
        warnings.warn("x is old", DeprecationWarning, stacklevel=1)
        return np.tanh(x)

    with pytest.warns(DeprecationWarning, match="x is old"):
        assert cr.exercise("tanh").check(forward)


@pytest.mark.parametrize(
    ("name", "backward", "words"),
    [
        ("tanh", lambda x, g, out: g * (1 - out**2), "called with (g, x, out), in this order; yours takes (x, g, out)"),
        ("tanh", lambda x, g, out: g * (1 - out**2), "what it calls x is g."),
        ("tanh", lambda g, out, x: g * (1 - out**2), "what it calls out is x."),
        ("tanh", lambda up, out, inp: up * (1 - out**2), "what it calls out is x."),
        ("divide", lambda g, y, x, out: (back(g / y, x), back(-g * x / y**2, y)), "what it calls y is x."),
    ],
)
def test_arguments_in_another_order_are_told(name, backward, words):
    assert words in reason(name, backward=backward)


def test_arguments_of_forward_in_another_order_are_told():
    assert "forward is called with (x, y), in this order; yours" in reason("subtract", lambda y, x: x - y)


def test_names_in_another_order_do_no_harm_where_the_result_is_right():
    assert cr.exercise("arctan2").check(lambda y, x: np.arctan2(y, x))


def test_an_exception_is_shown_with_the_learners_line():
    text = str(failing("tanh", np.tanh, no_name))
    assert "return g * tnh(x)" in text
    assert f"at line {no_name.__code__.co_firstlineno + 1} of {__file__}" in " ".join(text.split())


@pytest.mark.parametrize("result", [lambda g: g, lambda g: (g,), lambda g: (g, g, g)])
def test_two_operands_need_two_gradients(result):
    assert "must return a tuple (dx, dy)" in reason("add", backward=lambda g, x, y, out: result(g))


def test_outside_the_domain_every_value_is_right():
    forward = lambda x, y: np.where((x == 0) & (y == 0), 5.0, x / y)
    assert cr.exercise("divide").check(forward).failure is None


def test_overflow_warnings_that_are_errors_do_not_disturb_the_checks():
    with np.errstate(all="raise"):
        assert cr.exercise("exp").check(*RIGHT["exp"])


def test_the_checks_leave_numpys_error_state_alone():
    before = np.geterr()
    cr.exercise("log").check(np.log, lambda g, x, out: g / x)
    assert np.geterr() == before


# ---- forms and the report


class Tanh:
    def forward(x):
        return np.tanh(x)

    def backward(g, x, out):
        return g * (1 - out**2)


class Scaled:
    def forward(self, x):
        return np.tanh(x)

    def backward(self, g, x, out):
        return g * (1 - out**2)


@pytest.mark.parametrize("solution", [Tanh, Scaled()])
def test_a_class_or_an_object_with_both_functions_will_do(solution):
    assert cr.exercise("tanh").check(solution)


def test_tensors_may_be_returned():
    forward = lambda x: cr.tensor(np.tanh(x), dtype="float64")
    assert cr.exercise("tanh").check(forward, lambda g, x, out: cr.tensor(right_tanh(g, x, out), dtype="float64"))


def test_forward_alone_is_true_if_it_is_right_and_leaves_the_exercise_open():
    result = cr.exercise("tanh").check(np.tanh)
    assert (bool(result), result.complete) == (True, False)
    assert "forward is right; backward is still to be written" in str(result)


def test_backward_alone_is_true_if_it_is_right_and_leaves_the_exercise_open():
    result = cr.exercise("tanh").check(backward=right_tanh)
    assert (bool(result), result.complete) == (True, False)
    assert "backward is right; forward is still to be written" in str(result)


@pytest.mark.parametrize("forward", [None, np.tanh])
def test_a_wrong_backward_is_false_with_and_without_forward(forward):
    assert not cr.exercise("tanh").check(forward, lambda g, x, out: g)


def test_both_parts_complete_an_exercise():
    assert cr.exercise("tanh").check(np.tanh, right_tanh).complete


def test_the_rule_is_shown_to_those_who_have_written_both_parts_only():
    results = [cr.exercise("tanh").check(np.tanh, backward) for backward in (None, right_tanh)]
    assert ["chainrule's own rule" in str(result) for result in results] == [False, True]


def test_nothing_given_is_nothing_passed():
    result = cr.exercise("tanh").check()
    assert not result
    assert "0 of 4 checks passed" in str(result)


def test_a_solved_exercise_shows_the_engines_rule():
    assert "chainrule's own rule: dx = g · (1 − out²)." in str(cr.exercise("tanh").check(np.tanh, right_tanh))


def test_the_report_shows_inputs_expected_and_got():
    lines = str(failing("square", backward=lambda g, x, out: g * x)).split("\n")
    assert [" ".join(line.split()) for line in lines[7:14]] == [
        "x −1.6",
        "g 3",
        "out 2.56",
        "expected dx −9.6",
        "got dx −4.8",
        "^^^^",
        "measured −9.60",
    ]


@pytest.mark.parametrize("end", [-1000, -30, 1000])
def test_carets_mark_the_wrong_element_alone(end):
    lines = str(failing("relu", lambda x: np.where(x == end, 7, np.maximum(x, 0)))).split("\n")
    got = next(i for i, line in enumerate(lines) if "got out" in line)
    assert lines[got + 1].index("^") == lines[got].index("7")
    assert lines[got + 1].count("^") == 1
    assert str(end).replace("-", "−") in lines[got - 2].split()


def test_close_numbers_are_shown_with_as_many_digits_as_tell_them_apart():
    lines = str(failing("exp", lambda x: np.exp(x) * (1 + 1e-5))).split("\n")
    shown = [line.split()[-1] for line in lines if "expected out" in line or "got out" in line]
    assert shown == ["0.20189652", "0.20189854"]  # e to the -1.6


def test_shapes_are_shown_where_they_differ():
    text = str(failing("multiply", backward=lambda g, x, y, out: (g * y, g * x)))
    assert "shape (3, 1)" in text
    assert "shape (3, 4)" in text
