"""Formulas: what declarations say of themselves, against what they compute."""

import formulas
import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.formula import _formula, chosen, evaluate, expanded, formula, leaves, put, rules, sentence
from chainrule.autograd.formula_text import Written, write
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import reals
from chainrule.backends.program import Call, Symbol

OURS = [p for p in REGISTRY.values() if p.module.startswith("chainrule.")]
ELEMENTWISE = [p for p in OURS if not isinstance(p.samples, list)]
RULES = [(p, x) for p in ELEMENTWISE for x in p.vjp]
BITWISE = {"bitwise_and", "bitwise_or", "invert"}  # their signs mean something else to Python's truth values


def points(p, n=20):
    """{input: n numbers where p can be tested}, and g."""
    rng = np.random.default_rng(3)
    domains = p.samples if isinstance(p.samples, tuple) else (p.samples,) * len(p.inputs)
    given = {x: domain(rng, (n,)) for x, domain in zip(p.inputs, domains, strict=True)}
    return {x: a if a.dtype == bool else a.astype("float64") for x, a in given.items()} | {"g": rng.normal(size=n)}


def worth(text, given):
    """The value of a text at each of the points."""
    given = {name: np.asarray(a).tolist() for name, a in given.items()}
    return [
        formulas.value(text, **dict(zip(given, numbers, strict=True))) for numbers in zip(*given.values(), strict=True)
    ]


@pytest.mark.parametrize("p", [p for p in ELEMENTWISE if p.name not in BITWISE], ids=lambda p: p.name)
def test_the_forward_formula_is_what_the_operation_computes(p):
    given = points(p)
    out = p.call(*(given[x] for x in p.inputs))
    text = write(expanded(formula(p).forward))
    np.testing.assert_allclose(worth(text, given), np.asarray(out, "float64"), rtol=2e-14)


@pytest.mark.parametrize(("p", "x"), RULES, ids=lambda v: getattr(v, "name", v))
def test_the_formula_of_a_rule_is_what_backward_brings(p, x):
    given = points(p)
    tensors = {n: cr.tensor(given[n], requires_grad=given[n].dtype != bool) for n in p.inputs}
    out = p.call(*tensors.values())
    out.backward(cr.tensor(given["g"]))
    text = write(expanded(formula(p).gradients[x]))
    given["out"] = out.detach().numpy()
    np.testing.assert_allclose(worth(text, given), tensors[x].grad.numpy(), rtol=2e-14, atol=1e-300)


@pytest.mark.parametrize(("p", "x"), RULES, ids=lambda v: getattr(v, "name", v))
def test_calls_of_primitives_that_stay_whole_are_worth_the_same(p, x):
    given = points(p)
    given["out"] = np.asarray(p.call(*(given[n] for n in p.inputs)))
    whole = formula(p).gradients[x]
    np.testing.assert_allclose(evaluate(whole, given), evaluate(expanded(whole), given), rtol=1e-14)


@pytest.mark.parametrize("p", OURS, ids=lambda p: p.name)
def test_every_operation_and_rule_is_recorded(p):
    found = formula(p)
    assert found.forward is not None
    assert found.gradients.keys() == p.vjp.keys()
    assert None not in found.gradients.values()


def test_a_check_by_formula_finds_a_rule_that_is_wrong():
    given = points(REGISTRY["tanh"])
    given["out"] = np.tanh(given["x"])
    wrong = write(formula(REGISTRY["tanh"]).gradients["x"]).replace("1 −", "1.001 −")
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(worth(wrong, given), given["g"] * (1 - given["out"] ** 2), rtol=1e-6)


# ---- as text and LaTeX

RULE_TEXTS = {
    ("multiply", "x"): ("g · y", r"g \cdot y"),
    ("divide", "y"): ("−g · out / y", r"\frac{-g \cdot \mathrm{out}}{y}"),
    ("log2", "x"): ("g / ln 2 / x", r"\frac{\frac{g}{\ln 2}}{x}"),
    ("logaddexp", "x"): ("g · sigmoid(x − y)", r"g \cdot \operatorname{sigmoid}(x - y)"),
    ("arcsin", "x"): ("g / √(1 − x²)", r"\frac{g}{\sqrt{1 - x^{2}}}"),
    ("softplus", "x"): ("g · sigmoid(x)", r"g \cdot \operatorname{sigmoid}(x)"),
    ("erf", "x"): ("g · (2 / √π) · exp(−x²)", r"g \cdot \frac{2}{\sqrt{\pi}} \cdot \exp(-x^{2})"),
    ("relu", "x"): ("g · (out > 0)", r"g \cdot (\mathrm{out} > 0)"),
    ("floor", "x"): ("0", "0"),
    ("matmul", "x"): ("g @ yᵀ", r"g \, y^{\top}"),
    ("reshape", "x"): ("reshape(g, x.shape)", r"\operatorname{reshape}(g, \mathrm{x.shape})"),
    ("swapaxes", "x"): ("swapaxes(g, axis1, axis2)", r"\operatorname{swapaxes}(g, \mathrm{axis1}, \mathrm{axis2})"),
}  # fmt: skip


@pytest.mark.parametrize(("p", "x"), RULE_TEXTS)
def test_how_a_rule_is_written(p, x):
    tree = formula(REGISTRY[p]).gradients[x]
    assert (write(tree), write(tree, "latex")) == RULE_TEXTS[p, x]


def test_choices_follow_each_other_without_brackets():
    text = "g where x > y, else g / 2 where x = y, else g where isnan(x), else 0"
    assert write(formula(REGISTRY["maximum"]).gradients["x"]) == text


def test_a_function_of_a_user_stays_whole_and_can_be_opened():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g, x: g * cr.sigmoid(x)})
    def smooth(xp, x):
        return xp.log1p(xp.exp(x))

    tree = formula(smooth.primitive).gradients["x"]
    assert write(tree) == "g · sigmoid(x)"
    assert write(expanded(tree)) == "g · (exp(min(x, 60)) / (1 + exp(min(x, 60))))"


def test_a_rule_that_reads_values_has_no_formula():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g, x: g if x > 0 else 0 * g})
    def odd(xp, x):
        return xp.maximum(x, 0)

    assert formula(odd.primitive).gradients == {"x": None}


def test_a_rule_nested_too_deeply_has_no_formula():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g: sum([1.5 * g] * 5000, g)})
    def deep(xp, x):
        return 676 * x

    assert rules(deep.primitive) == {"x": ""}


def test_any_number_of_elementwise_inputs_has_a_formula():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"a": lambda g, d: g * d})
    def of_four(xp, a, b, c, d):
        return a * d + b * c

    assert rules(of_four.primitive) == {"a": "da = g · d"}


def test_formulas_are_recorded_while_nothing_else_is():
    _formula.cache_clear()
    with cr.no_grad():
        assert write(formula(REGISTRY["sin"]).gradients["x"]) == "g · cos(x)"


@pytest.mark.parametrize(
    ("operation", "text"),
    [("mean", "mean(x, axis, keepdims)"), ("swapaxes", "swapaxes(x, axis1, axis2)"), ("matmul", "x @ y"), ("tril", "tril(x, k)")],
)  # fmt: skip
def test_an_operation_over_axes_is_named_with_its_options_not_with_those_of_an_example(operation, text):
    assert write(formula(REGISTRY[operation]).forward) == text


def test_an_option_that_is_a_number_takes_its_value_where_a_formula_is_evaluated():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g, slope: g * (1 / slope)})
    def scaled(xp, x, *, slope: float = 0.5):
        return x / slope

    tree = formula(scaled.primitive).gradients["x"]
    assert (write(tree), evaluate(tree, {"g": 3.0, "slope": 4.0})) == ("g · (1 / slope)", 0.75)


def test_a_small_number_as_a_base_has_brackets_in_latex():
    assert write(Call("power", (1e-5, X)), "latex") == r"(1 \cdot 10^{-5})^{x}"


def test_words_stand_where_a_formula_would_not_be_read():
    assert rules(REGISTRY["sum"]) == {"x": "dx = g, repeated along the summed axes"}
    assert rules(REGISTRY["class_entropy"]) == {"logits": "dlogits = g · (softmax(logits) − one_hot(index))"}


def test_words_in_latex_are_text_around_formulas():
    assert write(sentence("{x} shifted, by 2"), "latex") == r"x\text{ shifted, by 2}"


@pytest.mark.parametrize("p", ELEMENTWISE, ids=lambda p: p.name)
def test_what_is_elementwise_needs_no_words(p):
    assert p.words == {}


@pytest.mark.parametrize("p", OURS, ids=lambda p: p.name)
def test_every_differentiable_input_says_its_rule(p):
    assert all(rule.startswith(f"d{x} = ") for x, rule in rules(p).items())


@pytest.mark.parametrize("p", OURS, ids=lambda p: p.name)
def test_no_docstring_of_an_operation_says_its_rule_again(p):
    assert not any(f"d{x} = " in (p.fn.__doc__ or "") for x in p.vjp)


def test_a_formula_is_printed_line_by_line():
    assert repr(cr.formula(cr.divide)) == str(cr.formula(cr.divide)) == "out = x / y\ndx = g / y\ndy = −g · out / y"


def test_a_notebook_shows_a_formula_as_latex():
    assert r"\mathrm{dx} &= g \cdot \cos(x)" in cr.formula(cr.sin)._repr_latex_()


@pytest.mark.parametrize("what", [cr.var, "tanh", 3], ids=["composed", "a name", "a number"])
def test_what_has_no_rules_of_its_own_has_no_formula(what):
    with pytest.raises(cr.ArgumentError, match=r"^formula: needs an operation with rules of its own.*derivation"):
        cr.formula(what)


# ---- working with them


X, Y = Symbol("x"), Symbol("y")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Call("subtract", (X, Call("subtract", (Y, X)))), "x − (y − x)"),
        (Call("divide", (X, Call("multiply", (Y, X)))), "x / (y · x)"),
        (Call("multiply", (Call("add", (X, 1)), Call("negative", (Y,)))), "(x + 1) · (−y)"),
        (Call("power", (Call("negative", (X,)), Call("add", (Y, 1)))), "(−x)^(y + 1)"),
        (Call("negative", (Call("add", (X, Y)),)), "−(x + y)"),
        (Call("multiply", (Call("where", (Call("greater", (X, Y)), X, Y)), 2)), "(x where x > y, else y) · 2"),
        (Call("square", (Call("sqrt", (X,)),)), "(√x)²"),
        (Call("add", (X, -2.5)), "x + (−2.5)"),
        (Call("multiply", (X, np.float64(2.5))), "x · 2.5"),
        (Call("getitem", (X, (slice(None, None, -1), slice(1, 3)))), "getitem(x, (::−1, 1:3))"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_brackets_stand_where_they_are_needed(call, text):
    assert write(call) == text


IDENTITIES = {
    "x + 0": ("add", X, 0), "0 + x": ("add", 0, X), "x − 0": ("subtract", X, 0.0), "x · 1": ("multiply", X, 1), "1 · x": ("multiply", 1.0, X),
    "x / 1": ("divide", X, 1), "−−x": ("negative", Call("negative", (X,))), "+x": ("positive", X),
}  # fmt: skip


@pytest.mark.parametrize("identity", IDENTITIES)
def test_what_changes_nothing_is_left_out(identity):
    name, *operands = IDENTITIES[identity]
    assert put(Call(name, tuple(operands)), {}) is X


def test_the_negative_of_a_number_is_a_number():
    assert put(Call("negative", (2,)), {}) == -2


def test_times_nothing_is_nothing():
    assert put(Call("multiply", (X, 0)), {}) == 0


def test_numbers_and_what_is_written_can_be_put_in():
    tree = formula(REGISTRY["multiply"]).gradients["x"]
    assert write(put(tree, {"g": 1})) == "y"
    assert write(put(tree, {"y": Written("−2", "-2", 5)})) == "g · (−2)"


def test_the_leaves_of_a_formula_are_found():
    assert leaves(formula(REGISTRY["power"]).gradients["y"]) == ["g", "out", "x", "y"]


@pytest.mark.parametrize(("y", "text"), [(3.0, "g · y · x^(y − 1)"), (0.0, "0")])
def test_a_choice_is_made_where_the_values_are_known(y, text):
    assert write(chosen(formula(REGISTRY["power"]).gradients["x"], {"x": 2.0, "y": y})) == text


def test_a_choice_without_values_stays_open():
    assert chosen(formula(REGISTRY["power"]).gradients["x"], {}) is None


def test_elements_that_choose_differently_have_no_formula_in_common():
    assert chosen(formula(REGISTRY["maximum"]).gradients["x"], {"x": np.array([1.0, 2.0]), "y": 1.5}) is None
