"""Every primitive, at every case that its declaration names: what a new operation is held to without writing a test."""

from inspect import cleandoc, signature
from itertools import product

import numpy as np
import pytest
from device_double import forbid
from rule_checks import CHECKS, applies, complex_steps, function_of_reals, is_scalar

import chainrule as cr
from chainrule.autograd.convert import raw
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.autograd.samples import cases, on, reals

PRIMITIVES = {p.name: p for p in REGISTRY.values() if p.module.startswith("chainrule.")}
DIFFERENTIABLE = {name: p for name, p in PRIMITIVES.items() if p.vjp}
SCALAR = {name: p for name, p in PRIMITIVES.items() if is_scalar(p)}
DTYPES = ["float16", "float32", "float64"]

# where a function may go wrong, and numbers on either side
EDGES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.5, -2.5, 3.0, -3.0, 40.0, -40.0, 800.0, -800.0, 1e-300, 1e300,
         float("inf"), -float("inf"), float("nan")]  # fmt: skip

every_primitive = pytest.mark.parametrize("p", PRIMITIVES.values(), ids=PRIMITIVES)
every_differentiable = pytest.mark.parametrize("p", DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
every_scalar = pytest.mark.parametrize("p", SCALAR.values(), ids=SCALAR)
every_real_scalar = pytest.mark.parametrize("p", [p for p in SCALAR.values() if p.vjp], ids=lambda p: p.name)
every_case = pytest.mark.parametrize(
    ("p", "case"),
    [pytest.param(p, c, id=f"{name}-{i}") for name, p in DIFFERENTIABLE.items() for i, c in enumerate(cases(p))],
)


# ---- derivatives


@every_case
def test_derivatives_agree_with_central_differences(p, case, device):
    f, inputs = function_of_reals(p, case, device)
    assert cr.gradcheck(f, *inputs, order=2, rtol=1e-6)


@pytest.mark.parametrize(
    ("check", "p"),
    [
        pytest.param(c, p, id=f"{c.__name__}-{p.name}")
        for c in CHECKS[1:]
        for p in DIFFERENTIABLE.values()
        if applies(c, p)
    ],
)
def test_derivatives_are_right_for_numbers_at_kinks_at_zero_and_at_extreme_sizes(check, p):
    with np.errstate(all="ignore"):
        check(p)


def test_complex_steps_reach_most_operations():
    reached = [n for n, p in DIFFERENTIABLE.items() if all(slope is not None for *_, slope in complex_steps(p))]
    assert len(reached) > 55


@every_case
def test_no_derivative_waits_for_the_device_and_no_gradient_uploads_at_every_call(p, case, strict):
    f, inputs = function_of_reals(p, case, strict)
    inputs = [variable.detach() for variable in inputs]
    for x in inputs:
        x.requires_grad = True
    f(*inputs).sum().backward()  # what is uploaded once, such as an index, is kept
    with forbid("waits", "uploads"):
        f(*inputs).sum().backward()
    with forbid("waits"):
        total = (f(*inputs) ** 2).sum()
        total.backward(create_graph=True)
        sum(((x.grad**2).sum() for x in inputs), 0.0 * total).backward()
        cr.jvp(f, inputs, [cr.ones_like(x) for x in inputs])


@pytest.mark.parametrize(
    ("p", "x"), [pytest.param(p, x, id=f"{n}-{x}") for n, p in SCALAR.items() if len(p.inputs) > 1 for x in p.inputs]
)
def test_a_plain_number_can_take_the_place_of_an_array(p, x, device):
    def value_and_gradients(device):
        rng = np.random.default_rng(2)
        drawn = dict(zip(p.inputs, cases(p)[0].draw(rng), strict=True))
        drawn[x] = drawn[x].flat[0].item()
        args = {name: a if name == x else cr.tensor(a, device=device) for name, a in drawn.items()}
        others = [name for name in p.vjp if name != x]
        for name in others:
            args[name].requires_grad = True
        result = p.call(*args.values())
        if others:
            (result * result).sum().backward()
        return result.numpy(), *(args[name].grad.numpy() for name in others)

    for there, here in zip(value_and_gradients(device), value_and_gradients("cpu"), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-13)


@every_differentiable
@pytest.mark.parametrize("dtype", DTYPES)
def test_floating_dtypes_are_kept_forward_and_backward(p, dtype, device):
    for case in cases(p):
        f, inputs = function_of_reals(p, case, device, dtype=dtype)
        value, pull = cr.vjp(f, *inputs)
        assert value.dtype == case.options.get("dtype", dtype), case
        assert [g.dtype for g in every(pull, value)] == [dtype] * len(inputs), case


@every_differentiable
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_results_of_low_precision_are_near_those_of_float64(p, dtype, device):
    for case in cases(p):
        f, inputs = function_of_reals(p, case, device, dtype=dtype)
        value, pull = cr.vjp(f, *inputs)
        exact, exact_pull = cr.vjp(f, *(x.to("float64") for x in inputs))
        for low, high in zip([value, *every(pull, value)], [exact, *every(exact_pull, exact)], strict=True):
            low, high = low.numpy().astype(np.float64), high.numpy()
            size = np.abs(high).max(initial=1.0)
            np.testing.assert_allclose(low, high, rtol=0, atol=16 * np.finfo(dtype).eps * size, err_msg=str(case))


def every(pull, value):
    """The gradients of all inputs, as a list."""
    shares = pull(cr.ones_like(value))
    return list(shares) if isinstance(shares, tuple) else [shares]


# ---- the checks have teeth


def scaled(rule):
    """The rule, off by one part in a thousand; where it gives 0, by a thousandth."""

    def wrong(g, *kept):
        share = rule(g, *kept)
        return share * 1.001 if np.any(raw(share)) else share + 0.001

    asked = ", ".join(signature(rule).parameters)  # the engine reads a rule's arguments by name
    return eval(f"lambda {asked}: wrong({asked})", {"wrong": wrong})


def verdicts(p):
    """What gradcheck says of each of the primitive's cases: nothing, or what is wrong."""
    for case in cases(p):
        f, inputs = function_of_reals(p, case, "cpu")
        try:
            cr.gradcheck(f, *inputs, rtol=1e-6)
        except cr.GradcheckError as error:
            yield str(error)


@pytest.fixture
def replace_rule(monkeypatch):
    """Replace one rule of a primitive until the test ends."""
    changed = []

    def replace(p, rules, x, rule):
        monkeypatch.setitem(rules, x, rule)
        p.plans.clear()
        changed.append(p)

    yield replace
    for p in changed:
        p.plans.clear()


def negated(rule):
    asked = ", ".join(signature(rule).parameters)
    return eval(f"lambda {asked}: 0.001 - rule({asked})", {"rule": rule})


@pytest.mark.parametrize("wrong", [scaled, negated])
@pytest.mark.parametrize(
    ("p", "x"), [pytest.param(p, x, id=f"{n}-{x}") for n, p in DIFFERENTIABLE.items() for x in p.vjp]
)
def test_a_wrong_gradient_rule_is_caught(p, x, wrong, replace_rule):
    replace_rule(p, p.vjp, x, wrong(p.vjp[x]))
    assert "reverse mode" in next(verdicts(p), "")


@pytest.mark.parametrize(
    ("p", "x"),
    [pytest.param(p, x, id=f"{n}-{x}") for n, p in DIFFERENTIABLE.items() if isinstance(p.jvp, dict) for x in p.jvp],
)
def test_a_wrong_forward_rule_is_caught(p, x, replace_rule):
    replace_rule(p, p.jvp, x, scaled(p.jvp[x]))
    assert "forward mode" in next(verdicts(p), "")


def test_a_rule_that_cannot_be_differentiated_again_is_caught(replace_rule):
    p = PRIMITIVES["sin"]
    replace_rule(p, p.vjp, "x", lambda g, x: g * np.cos(raw(x)))
    assert "second order" in next(verdicts(p), "")


# ---- the same numbers everywhere


def numbers(p, rng, case, kind):
    """Inputs for the case as arrays of one kind of number."""
    return [np.where(a, 1, 0).astype(kind) if a.dtype == bool else a.astype(kind) for a in case.draw(rng)]


@every_primitive
@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", *DTYPES])
def test_the_device_double_answers_as_the_cpu_does(p, kind, strict):
    for case in cases(p):
        arrays = numbers(p, np.random.default_rng(1), case, kind)
        try:
            with np.errstate(all="ignore"):
                expected = p.call(*arrays, **case.options)
        except cr.ChainruleError as error:
            with pytest.raises(type(error)):
                p.call(*(cr.tensor(a, device=strict) for a in arrays), **case.options)
            continue
        given = p.call(*(cr.tensor(a, device=strict) for a in arrays), **case.options)
        assert (given.dtype, given.shape) == (expected.dtype, expected.shape), case
        np.testing.assert_array_equal(given.numpy(), expected, err_msg=str(case))


@pytest.mark.gpu
@every_case
def test_the_gpu_answers_nearly_as_the_cpu_does(p, case):
    f, inputs = function_of_reals(p, case, "cpu")
    g, moved = function_of_reals(p, case, "cuda")
    np.testing.assert_allclose(g(*moved).numpy(), f(*inputs).numpy(), rtol=1e-13, atol=1e-13)


def edges(p):
    """Every combination of edge values for the inputs of p, one column for each input; conditions are true or false."""
    return np.array(list(product(*([0.0, 1.0] if x == "condition" else EDGES for x in p.inputs))))


def near(given, expected, rtol, atol=0.0):
    """Whether two numbers agree, infinities and nan included."""
    return np.isclose(given, expected, rtol=rtol, atol=atol, equal_nan=True)


@every_scalar
def test_numbers_give_what_arrays_give(p):
    with np.errstate(all="ignore"):
        expected = p.call(*edges(p).T)
    for values, there in zip(edges(p), expected, strict=True):
        here = float(raw(p.call(*map(cr.Value, values))))
        assert near(here, there, rtol=2e-15), f"{p.name}{values} is {here}, NumPy says {there}"


@pytest.mark.parametrize(
    "name", ["floor", "ceil", "rint", "negative", "sqrt", "sin", "multiply", "remainder", "floor_divide"]
)
def test_numbers_keep_the_sign_of_zero_as_arrays_do(name):
    p = SCALAR[name]
    with np.errstate(all="ignore"):
        expected = p.call(*edges(p).T)
    for values, there in zip(edges(p)[expected == 0], expected[expected == 0], strict=True):
        assert np.signbit(p.call(*map(cr.Value, values)).item()) == np.signbit(there), f"{name}{values}"


@every_real_scalar
def test_gradients_of_numbers_are_those_of_arrays(p):
    arrays = [cr.tensor(column, requires_grad=True) for column in edges(p).T]
    with np.errstate(all="ignore"):
        result = p.call(*arrays)
        result.backward(cr.ones_like(result))
    for i, values in enumerate(edges(p)):
        numbers = [cr.Value(v) for v in values]
        p.call(*numbers).backward()
        for x, number, array in zip(p.inputs, numbers, arrays, strict=True):
            if x in p.vjp:
                here, there = number.grad, array.grad.numpy()[i]
                assert near(here, there, 1e-13, 1e-15), f"d{x} of {p.name}{values} is {here}, an array's is {there}"


# ---- declarations


@every_primitive
def test_every_primitive_says_what_it_does_in_one_sentence(p):
    first = cleandoc(p.fn.__doc__).split("\n\n")[0]
    assert first.endswith(".")
    assert len(first) > len("Nothing.")


@every_primitive
def test_every_primitive_names_its_inputs_and_options_in_its_signature(p):
    parameters = signature(p.call).parameters
    assert list(parameters) == [*p.inputs, *p.options]


def double(xp, x):
    """Twice x."""
    return 2 * x


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        (
            dict(vjp=dict(x=lambda g: 2 * g), jvp=ELEMENTWISE, samples=None),
            "primitive double: say where it can be tested",
        ),
        (dict(vjp=dict(x=lambda g: 2 * g), samples=reals), "primitive double: say its forward mode"),
        (dict(vjp=dict(x=lambda g: 2 * g), jvp="linear-ish", samples=reals), "primitive double: jvp is 'linear-ish'"),
        (dict(vjp=dict(y=lambda g: g), jvp=ELEMENTWISE, samples=reals), "primitive double: vjp has a rule for 'y'"),
        (dict(vjp=dict(x=lambda g, z: g), jvp=ELEMENTWISE, samples=reals), r"primitive double: .* asks for \['z'\]"),
        (dict(vjp=dict(x=lambda g: g), jvp=dict(x=lambda t, z: t), samples=reals), r"double: .* asks for \['z'\]"),
        (dict(vjp=dict(x=lambda g: g), jvp=dict(x=lambda t, x: t), samples=reals), "which vjp does not keep"),
        (
            dict(vjp=dict(x=lambda g: 2 * g), jvp=ELEMENTWISE, samples=reals, words=dict(y="{g} twice")),
            "words are for inputs that have a rule; 'y' has none",
        ),
        (
            dict(vjp=dict(x=lambda g: 2 * g), jvp=ELEMENTWISE, samples=reals, words=dict(x="{g} and {z}")),
            r"the words of 'x' name \['z'\]; they can name \['g', 'x'\]",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(declaration, complaint):
    with pytest.raises(cr.RuleError, match=complaint):
        cr.primitive(**declaration)(double)
    assert "double" not in REGISTRY


def test_a_primitive_must_take_the_namespace_first():
    with pytest.raises(cr.RuleError, match="primitive double: the first argument must be xp, not x"):

        @cr.primitive(vjp={}, samples=reals)
        def double(x):
            return 2 * x


def test_a_name_cannot_be_declared_twice():
    def exp(xp, x):
        """Not the exponential."""
        return x

    with pytest.raises(cr.RuleError, match="primitive exp: the name is taken by chainrule.autograd.ops.exponential"):
        cr.primitive(vjp={}, samples=reals)(exp)


def test_a_declared_primitive_is_tested_by_gradcheck_on_its_cases():
    cr.primitive(vjp=dict(x=lambda g: 2 * g), jvp=ELEMENTWISE, samples=[on((2, 3))])(double)
    (case,) = cases(REGISTRY["double"])
    f, inputs = function_of_reals(REGISTRY["double"], case, "cpu")
    assert cr.gradcheck(f, *inputs)
