"""Why a local derivative is 0 or 1, and the rules of products."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import reals
from chainrule.graph.kinks import has_kinks


def whys(y, /, **names):
    """{(operation, input): why} of the graph of y."""
    graph = cr.trace(y, names)
    return {(graph.nodes[e.target].operation, e.input): e.why for e in graph.edges}


# ---- why a local derivative is 0 or 1


def test_why_a_sum_passes_1():
    x, z = cr.Value(1.0, "x"), cr.Value(2.0, "z")
    assert whys(x + z)["add", "y"] == "× 1: adding passes the gradient to each input unchanged"


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
    assert whys(cr.relu(x))["relu", "x"] == "0 for 3 of 8 elements, where v1 is not above 0"


def test_how_many_units_of_a_larger_array_are_off():
    x = cr.arange(-50, 50, dtype="float32")
    x.requires_grad = True
    assert whys(cr.relu(x).sum())["relu", "x"] == "0 for 51 of 100 elements, where v1 is not above 0"


def test_why_a_larger_array_passes_1():
    x = cr.ones(100, requires_grad=True)
    assert whys((x + 1.0).sum())["add", "x"] == "× 1: adding passes the gradient to each input unchanged"


def test_why_a_maximum_takes_one():
    x, z = cr.Value(2.0, "x"), cr.Value(5.0, "z")
    assert whys(cr.maximum(x, z)) == {
        ("maximum", "x"): "0: the maximum took the other one",
        ("maximum", "y"): "1: the maximum took this one",
    }


def test_a_tie_is_neither_0_nor_1():
    x, z = cr.Value(2.0, "x"), cr.Value(2.0, "z")
    assert set(whys(cr.maximum(x, z)).values()) == {"at a kink: slope 0 below, 1 above; the rule takes 0.5"}


def kinked():
    """For each operation that can have a kink, a result that stands at one."""
    at = {"x": [0.0, 0.0], "y": [0.0, 0.0], "condition": [True, False]}
    for name, primitive in REGISTRY.items():
        if has_kinks(primitive):
            options = {"norm2": {}, "norm_of_order": {"ord": 3}}.get(name)
            yield pytest.param(
                primitive,
                [cr.tensor(at[x], requires_grad=x != "condition") for x in primitive.inputs],
                options,
                id=name,
            )


@pytest.mark.parametrize(("primitive", "arrays", "options"), kinked())
def test_every_operation_says_that_it_stands_at_a_kink(primitive, arrays, options):
    result = getattr(cr, primitive.name)(*arrays) if options is None else cr.norm(*arrays, **options)
    found = [
        edge.why for edge in cr.trace(result).edges if edge.flows and edge.target == len(cr.trace(result).nodes) - 1
    ]
    assert found
    assert all("kink" in why for why in found)


@pytest.mark.parametrize(
    ("f", "at", "words"),
    [
        (abs, 0.0, "at a kink: slope −1 below, 1 above; the rule takes 0"),
        (cr.nn.relu, 0.0, "at a kink: slope 0 below, 1 above; the rule takes 0"),
        (
            lambda x: cr.clip(x, 0.5),
            0.5,
            "at a kink: both branches are equal; the condition says which one gets the gradient",
        ),
    ],
)
def test_a_choice_at_a_kink_is_said(f, at, words):
    assert words in whys(f(cr.Value(at, "x"))).values()


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x.max(), "2 kinks, the first at [1]: slope 0 below, 1 above"),
        (lambda x: cr.sort(x), "at a kink: 2 elements are equal, and keep their order"),
        (lambda x: abs(x - 3), "2 kinks, the first at [1]: slope −1 below, 1 above; the rule takes 0"),
    ],
)
def test_kinks_of_an_array_are_counted(f, words):
    assert words in whys(f(cr.tensor([1.0, 3.0, 3.0], requires_grad=True))).values()


@pytest.mark.parametrize("f", [abs, cr.nn.relu, lambda x: cr.maximum(x, 0.5), lambda x: cr.clip(x, 0, 2)])
def test_beside_a_kink_nothing_is_said_of_it(f):
    assert not any("kink" in why for why in whys(f(cr.Value(1.0, "x"))).values())


def test_why_where_chose():
    x, z = cr.ones(2, requires_grad=True), cr.zeros(2, requires_grad=True)
    assert whys(cr.where(np.array([True, True]), x, z))["where", "y"] == "0: the condition chose the other one"


def test_why_a_sigmoid_is_saturated():
    x = cr.Value(800.0, "x")
    assert whys(cr.sigmoid(x))["sigmoid", "x"].startswith("0 because the unit is saturated: x = 800 is so far out")


def test_why_tanh_is_1_at_0():
    x = cr.Value(0.0, "x")
    assert whys(cr.tanh(x))["tanh", "x"] == "1 because 1 − v1² is 1 at v1 = 0"


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
    assert whys(x**n)["power", "y"] == "0 because v1 · log(x) is 0 at v1 = 1, x = 1"


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
    assert whys(loss, x=x, b=b)["add", "x"] == "× 1: adding passes the gradient to each input unchanged"


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
    assert [e.why for e in opened.edges if e.why] == [
        "0: the maximum is another element",
        "1: this element is the maximum",
    ]


def test_no_reason_where_the_derivative_is_another():
    x, z = cr.Value(2.0, "x"), cr.Value(-2.0, "z")
    assert set(whys(x * z).values()) == {""}


def test_no_reason_for_a_nan():
    x, z = cr.Value(float("nan"), "x"), cr.Value(2.0, "z")
    assert whys(x * z)["multiply", "y"] == ""


def test_an_operation_whose_rule_says_no_formula_still_has_a_true_reason():
    @cr.primitive(jvp=cr.ELEMENTWISE, samples=reals, vjp={"x": lambda g, x: g if x == x else g})
    def my_copy(xp, x):
        return xp.positive(x)

    try:
        x = cr.Value(3.0, "x")
        assert whys(my_copy(x))["my_copy", "x"] == "1 is the slope of my_copy at x = 3"
    finally:
        del REGISTRY["my_copy"]
