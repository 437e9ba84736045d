"""The rules that docstrings state, against the derivatives they state, and why a local derivative is 0 or 1."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY, Primitive
from chainrule.autograd.samples import reals
from chainrule.graph.text.notation import factor
from chainrule.graph.text.why import rules

OURS = [p for p in REGISTRY.values() if p.vjp and p.module.startswith("chainrule.")]


def whys(y, /, **names):
    """{(operation, input): why} of the graph of y."""
    graph = cr.trace(y, names)
    return {(graph.nodes[e.target].operation, e.input): e.why for e in graph.edges}


def declared(docstring, vjp=None):
    """A primitive of x and y that is in no registry."""

    def fn(xp, x, y):
        return x

    fn.__doc__ = docstring
    return Primitive(fn, vjp or {"x": lambda g: g, "y": lambda g: g}, "elementwise", None, reals, None)


# ---- rules, from the docstrings


@pytest.mark.parametrize("p", OURS, ids=lambda p: p.name)
def test_every_differentiable_input_states_its_rule(p):
    assert all(rule.startswith(f"d{x} = ") for x, rule in rules(p).items())


@pytest.mark.parametrize("p", OURS, ids=lambda p: p.name)
def test_the_rules_are_those_of_the_differentiable_inputs(p):
    assert rules(p).keys() == p.vjp.keys()


def test_a_primitive_without_docstring_has_empty_rules():
    assert rules(declared(None)) == {"x": "", "y": ""}


def test_a_gradient_line_in_other_words_gives_empty_rules():
    assert rules(declared("Of two.\n\n    Gradient: g goes to x.")) == {"x": "", "y": ""}


def test_a_rule_that_is_wrapped_is_joined():
    docstring = (
        "Of two.\n\n    Gradient: dx = g ·\n        y; dy = 2 g,\n        where it is so. More.\n    Raises: nothing."
    )
    assert rules(declared(docstring)) == {"x": "dx = g · y", "y": "dy = 2 g, where it is so"}


def test_a_rule_keeps_its_decimal_point():
    assert rules(declared("Of two.\n\n    Gradient: dx = 0.5 g, dy = g.")) == {"x": "dx = 0.5 g", "y": "dy = g"}


def test_two_primitives_of_one_name_keep_their_own_rules():
    one, other = declared("A.\n\n    Gradient: dx = g."), declared("A.\n\n    Gradient: dx = -g.")
    assert (rules(one)["x"], rules(other)["x"]) == ("dx = g", "dx = -g")


FORMULAS = {
    "dx = g": "1",
    "dy = -g": "−1",
    "dx = 0, also at the jumps": "0",
    "dx = g · y": "y",
    "dx = g * y": "y",
    "dy = -g · x / y²": "−x / y²",
    "dx = g / (2 √x), inf at 0": "1 / (2 √x)",
    "dx = g · y · xʸ⁻¹, 0 where y = 0": "y · x^(y − 1)",
    "dx = g · sigmoid(x) = g · (1 - e^-out)": "sigmoid(x)",
    "dx = g where x > 0, else 0 · g": None,
    "dx = g @ yᵀ": None,
    "dp = g · (p - y) / p, the denominator at least 1e-12": None,
    "dx = h · y": None,
    "": None,
}


@pytest.mark.parametrize("rule", FORMULAS)
def test_the_local_derivative_is_read_from_the_rule(rule):
    assert factor(rule) == FORMULAS[rule]


def python(formula):
    """A stated formula in Python."""
    formula = re.sub(
        r"√(\w+)", r"sqrt(\1)", formula.translate(str.maketrans({"−": "-", "·": "*", "⌊": "floor(", "⌋": ")"}))
    ).replace("√", "sqrt")
    formula = re.sub(r"(tanh?)² (\w+)", r"\1(\2)**2", formula).replace("²", "**2").replace("^", "**")
    formula = re.sub(r"\b(sinh?|cosh?|log|ln) (\w+)", r"\1(\2)", formula)
    return re.sub(r"(?<=[xyp\d]) ?(?=sqrt|ln)|(?<=[xyp]) (?=\()|(?<=\d)(?=x)", "*", formula)


SPOKEN = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "ln": np.log, "e": np.e, "pi": np.pi, "π": np.pi} | {
    f: getattr(np, f) for f in ("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "floor")
}
WITH_FORMULA = [(p, x) for p in OURS if p.jvp == cr.ELEMENTWISE for x, rule in rules(p).items() if factor(rule)]


@pytest.mark.parametrize(("p", "x"), WITH_FORMULA, ids=lambda v: getattr(v, "name", v))
def test_the_stated_formula_is_the_local_derivative(p, x):
    rng = np.random.default_rng(1)
    domains = p.samples if isinstance(p.samples, tuple) else (p.samples,) * len(p.inputs)
    given = {name: domain(rng, (5,)) for name, domain in zip(p.inputs, domains, strict=True)}
    out = p.call(*(cr.tensor(a, requires_grad=True) for a in given.values()))
    (edge,) = (e for e in cr.trace(out).edges if e.input == x)
    stated = eval(python(factor(rules(p)[x])), {**SPOKEN, **given, "out": out.detach().numpy()})
    np.testing.assert_allclose(edge.local.array(), np.broadcast_to(stated, 5), rtol=1e-9)


def test_only_choices_and_bounds_are_stated_in_words():
    spoken = {p.name for p in OURS if p.jvp == cr.ELEMENTWISE for rule in rules(p).values() if not factor(rule)}
    assert spoken == {"maximum", "minimum", "where", "relu", "binary_entropy"}


# ---- why a local derivative is 0 or 1


def test_why_a_sum_passes_1():
    x, z = cr.Value(1.0, "x"), cr.Value(2.0, "z")
    assert whys(x + z)["add", "y"] == "1: a sum passes the gradient on unchanged"


def test_why_a_factor_of_0_stops_the_gradient():
    x, z = cr.Value(2.0, "x"), cr.Value(0.0, "z")
    assert whys(x * z)["multiply", "x"] == "0 because z is 0"


def test_why_a_factor_of_1_passes_it():
    x, z = cr.Value(2.0, "x"), cr.Value(1.0, "z")
    assert whys(x * z)["multiply", "x"] == "1 because z is 1"


def test_why_a_number_stops_it():
    x = cr.Value(2.0, "x")
    assert whys(x * 0.0)["multiply", "x"] == "0 because the factor is 0"


def test_why_a_relu_is_off():
    x = cr.Value(-2.0, "x")
    assert whys(cr.relu(x))["relu", "x"] == "0 because the unit is off: x = −2 is not above 0"


def test_why_a_relu_is_on():
    x = cr.Value(3.0, "x")
    assert whys(cr.relu(x))["relu", "x"] == "1 because x = 3 is above 0"


def test_how_many_units_are_off():
    x = cr.tensor([-1.0, 2.0, -3.0, 4.0, -5.0, 6.0, 7.0, 8.0], requires_grad=True)
    assert whys(cr.relu(x))["relu", "x"] == "0 for 3 of 8 elements"


def test_how_many_units_of_a_larger_array_are_off():
    x = cr.arange(-50, 50, dtype="float32")
    x.requires_grad = True
    assert whys(cr.relu(x).sum())["relu", "x"] == "0 for 51 of 100 elements"


def test_why_a_larger_array_passes_1():
    x = cr.ones(100, requires_grad=True)
    assert whys((x + 1.0).sum())["add", "x"] == "1: a sum passes the gradient on unchanged"


def test_why_a_maximum_takes_one():
    x, z = cr.Value(2.0, "x"), cr.Value(5.0, "z")
    assert whys(cr.maximum(x, z)) == {
        ("maximum", "x"): "0: the maximum took the other one",
        ("maximum", "y"): "1: the maximum took this one",
    }


def test_a_tie_is_neither_0_nor_1():
    x, z = cr.Value(2.0, "x"), cr.Value(2.0, "z")
    assert set(whys(cr.maximum(x, z)).values()) == {""}


def test_why_where_chose():
    x, z = cr.ones(2, requires_grad=True), cr.zeros(2, requires_grad=True)
    assert whys(cr.where(np.array([True, True]), x, z))["where", "y"] == "0: the condition chose the other one"


def test_why_a_sigmoid_is_saturated():
    x = cr.Value(800.0, "x")
    assert whys(cr.sigmoid(x))["sigmoid", "x"].startswith("0 because the unit is saturated: x = 800 is so far out")


def test_why_tanh_is_1_at_0():
    x = cr.Value(0.0, "x")
    assert whys(cr.tanh(x))["tanh", "x"] == "1 because 1 − tanh² x is 1 at x = 0"


def test_why_a_power_is_0_at_0():
    x = cr.Value(0.0, "x")
    assert whys(x**2)["power", "x"] == "0 because the base is 0"


@pytest.mark.parametrize("at", [0.0, 3.0])
def test_why_the_exponent_0_stops_the_gradient(at):
    x = cr.Value(at, "x")
    assert whys(x**0)["power", "x"] == "0 because the exponent is 0"


def test_why_a_base_of_0_stops_the_gradient_of_the_exponent():
    x, n = cr.Value(0.0, "x"), cr.Value(3.0, "n")
    assert whys(x**n)["power", "y"] == "0 because the base is 0"


def test_why_the_logarithm_of_1_stops_the_gradient_of_the_exponent():
    x, n = cr.Value(1.0, "x"), cr.Value(3.0, "n")
    assert whys(x**n)["power", "y"] == "0 because x^n · log x is 0 at x = 1, n = 3"


def test_why_an_absolute_value_is_1():
    x = cr.Value(3.0, "x")
    assert whys(abs(x))["absolute", "x"] == "1 because sign(x) is 1 at x = 3"


def test_reasons_have_the_names_of_the_learner_not_those_of_the_rule():
    y, x = cr.Value(2.0, "y"), cr.Value(2.0, "x")  # the rule of division calls the operands x and y, in this order
    assert whys(1 / y * x, y=y, x=x)["multiply", "y"] == ""
    assert whys(y / 1.0)["divide", "x"] == "1 because 1 / 1 is 1"
    assert whys(x / cr.Value(1.0, "g"))["divide", "x"] == "1 because 1 / g is 1 at g = 1"


@pytest.mark.parametrize("step", [cr.floor, cr.sign, cr.ceil])
def test_why_a_step_is_0(step):
    x = cr.Value(3.5, "x")
    (found,) = whys(step(x)).values()
    assert found == "0: a step is flat, and passes no gradient at its jumps either"


def test_no_reason_from_a_value_that_was_changed_since():
    x = cr.tensor([3.0, 4.0], requires_grad=True)
    y = cr.relu(x)
    loss = y.sum()
    x.assign([-3.0, -4.0])
    reasons = whys(loss, x=x, y=y)
    assert "above" not in reasons["relu", "x"]


def test_a_reason_that_needs_no_value_stays_when_one_was_changed():
    x, b = cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True)
    loss = (x + b).sum()
    b.assign([5.0, 5.0])
    assert whys(loss, x=x, b=b)["add", "x"] == "1: a sum passes the gradient on unchanged"


# ---- the rules of products, for vectors and batches

PRODUCTS = {
    ((3,), (3,)): ("dx = g · y", "dy = g · x"),
    ((2, 3), (3,)): ("dx = g ⊗ y", "dy = xᵀ @ g"),
    ((3,), (3, 2)): ("dx = g @ yᵀ", "dy = x ⊗ g"),
    ((2, 3), (3, 4)): ("dx = g @ yᵀ", "dy = xᵀ @ g"),
    ((5, 2, 3), (3, 4)): ("dx = g @ yᵀ", "dy = xᵀ @ g, summed over the batch"),
    ((3,), (5, 3, 2)): ("dx = g @ yᵀ, summed over the batch", "dy = x ⊗ g"),
    ((5, 2, 3), (3,)): ("dx = g ⊗ y", "dy = xᵀ @ g, summed over the batch"),
    ((4, 1, 2, 3), (5, 3, 2)): ("dx = g @ yᵀ, summed over the batch", "dy = xᵀ @ g, summed over the batch"),
}


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_the_rule_of_a_product_is_that_for_its_shapes(shapes):
    x, y = (cr.ones(shape, requires_grad=True) for shape in shapes)
    assert tuple(edge.rule for edge in cr.trace(x @ y).edges) == PRODUCTS[shapes]


@pytest.mark.parametrize(
    ("shape", "rule"), [((3,), "x ⊗ g"), ((5, 3), "xᵀ @ g"), ((2, 5, 3), "xᵀ @ g, summed over the batch")]
)
def test_the_rule_of_a_weight_is_that_for_the_shape_of_its_input(shape, rule):
    layer = cr.nn.Linear(3, 2)
    edges = {edge.input: edge.rule for edge in cr.trace(layer(cr.ones(shape))).edges}
    assert edges["weight"] == f"dweight = {rule}"


# ---- no reason, or another


def test_why_an_element_of_an_opened_maximum_gets_nothing():
    x = cr.tensor([1.0, 5.0], requires_grad=True)
    opened = cr.trace(x.max() * 2, {"x": x}).open("v1")
    assert [e.why for e in opened.edges[-2:]] == ["0: the maximum is another element", "1: this element is the maximum"]


def test_no_reason_where_the_derivative_is_another():
    x, z = cr.Value(2.0, "x"), cr.Value(-2.0, "z")
    assert set(whys(x * z).values()) == {""}


def test_no_reason_for_a_nan():
    x, z = cr.Value(float("nan"), "x"), cr.Value(2.0, "z")
    assert whys(x * z)["multiply", "y"] == ""


def test_an_operation_that_states_no_rule_still_has_a_true_reason():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g: g})
    def my_copy(xp, x):
        return xp.positive(x)

    try:
        x = cr.Value(3.0, "x")
        assert whys(my_copy(x))["my_copy", "x"] == "1 is the slope of my_copy at x = 3"
    finally:
        del REGISTRY["my_copy"]
