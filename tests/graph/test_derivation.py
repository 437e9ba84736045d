"""The chain rule worked out for one value: its numbers against central differences, and its text."""

import re

import numpy as np
import pytest
from graphs import GRAPHS, karpathy

import chainrule as cr


def text(y, name, **names):
    return str(cr.trace(y, {**names, "y": y}).derivation(name))


def slope(f, x, step=1e-6):
    return (f(x + step) - f(x - step)) / (2 * step)


@pytest.fixture(name="product")
def _product():
    return karpathy()


@pytest.fixture
def square():
    x = cr.Value(3.0, "x")
    y = x * x
    return cr.trace(y, {"y": y})


def chain(n):
    """x · x, squared again and again: 2ⁿ paths."""
    y = cr.Value(1.0, "x")
    for _ in range(n):
        y = y * y
    return cr.trace(y)


# ---- one path


def test_symbols_become_formulas_become_numbers_become_the_result(product):
    assert str(product.derivation("a")).splitlines() == [
        "∂L/∂a = ∂L/∂d · ∂d/∂e · ∂e/∂a",
        "      = f · 1 · b",
        "      = −2 · 1 · (−3)",
        "      = 6",
    ]


def test_lines_that_say_nothing_new_are_left_out(product):
    assert str(product.derivation("f")).splitlines() == ["∂L/∂f = d", "      = 4"]


def test_a_formula_has_its_numbers_put_in():
    x, w = cr.Value(0.5, "x"), cr.Value(-3.0, "w")
    z = x * w
    assert text(cr.tanh(z), "w", z=z).splitlines() == [
        "∂y/∂w = ∂y/∂z · ∂z/∂w",
        "      = (1 − y²) · x",
        "      = (1 − (−0.9051)²) · 0.5",
        "      ≈ 0.1807 · 0.5",
        "      = 0.09035",
    ]


def test_a_digit_before_a_name_stays_a_factor():
    x = cr.Value(-3.0, "x")
    assert text(cr.square(x), "x").splitlines() == ["∂y/∂x = 2 · x", "      = 2 · (−3)", "      = −6"]


@pytest.mark.parametrize(("at", "slope"), [(-2.0, 0), (2.0, 1)])
def test_a_rule_that_chooses_is_written_as_it_chose(at, slope):
    x = cr.Value(at, "x")
    h = 3 * x
    assert text(cr.relu(h), "x", h=h).splitlines() == [
        "∂y/∂x = ∂y/∂h · ∂h/∂x",
        f"      = {slope} · 3",
        f"      = {3 * slope}",
    ]


def test_a_rule_that_chooses_differently_in_one_array_keeps_its_symbol():
    x = cr.tensor([-2.0, 2.0], requires_grad=True)
    assert "∂y/∂x = ∂y/∂v" in text(cr.relu(x).sum(), "x", x=x)
    assert "· ∂v1/∂x" in text(cr.relu(x).sum(), "x", x=x)


def test_any_value_has_a_derivation(product):
    assert str(product.derivation("e")).splitlines() == [
        "∂L/∂e = ∂L/∂d · ∂d/∂e",
        "      = f · 1",
        "      = −2 · 1",
        "      = −2",
    ]


def test_the_result_by_itself_is_1(product):
    assert str(product.derivation("L")) == "∂L/∂L = 1"


# ---- several paths


def test_a_value_used_twice_has_two_paths(square):
    assert str(square.derivation("x")).splitlines() == [
        "2 paths lead from x to y; what comes along them adds up",
        "path 1: x → y (operand 1)",
        "path 1 = x",
        "       = 3",
        "path 2: x → y (operand 2)",
        "path 2 = x",
        "       = 3",
        "∂y/∂x = path 1 + path 2",
        "      = 3 + 3",
        "      = 6",
    ]


def test_paths_through_different_values_add_up():
    x = cr.Value(2.0, "x")
    p, q = 3 * x, -x
    assert text(p + q, "x", p=p, q=q).endswith("= path 1 + path 2\n      = 3 + (−1)\n      = 2")


def test_paths_are_data(product):
    (path,) = product.derivation("a").paths
    assert ([product.nodes[i].label for i in path.nodes], path.value) == (["a", "e", "d", "L"], 6.0)


def test_the_edges_of_a_path_lead_along_it(product):
    (path,) = product.derivation("a").paths
    ends = [(product.edges[i].source, product.edges[i].target) for i in path.edges]
    assert ends == list(zip(path.nodes, path.nodes[1:], strict=False))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_paths_are_counted(n):
    derivation = chain(n).derivation("x")
    assert derivation.count == len(derivation.paths) == 2**n


def test_the_values_along_all_paths_add_up_to_the_gradient():
    graph = cr.trace(GRAPHS["fan_out"]())
    for name in ("x", "w"):
        derivation = graph.derivation(name)
        assert sum(p.value for p in derivation.paths) == pytest.approx(derivation.result.items, rel=1e-14)


def test_more_than_20_paths_are_counted_only():
    derivation = chain(10).derivation("x")
    assert (derivation.count, derivation.paths) == (1024, [])


def test_more_than_20_paths_have_a_line_for_each_value():
    assert re.search(r"^∂y/∂x = ∂y/∂v1 · x \+ ∂y/∂v1 · x$", str(chain(10).derivation("x")), re.MULTILINE)


def test_astronomically_many_paths_are_no_problem():
    assert str(chain(2000).derivation("x")).startswith("more than 1e+15 paths")


# ---- numbers


@pytest.mark.parametrize("leaf", [0, 1])
def test_the_result_agrees_with_central_differences(leaf):
    def f(w, x):
        s = np.tanh(w * x)
        return s * s + s / x - np.exp(s)

    at = [-1.5, 0.5]
    graph = cr.trace(GRAPHS["fan_out"]())
    by = lambda v: f(*[v if i == leaf else other for i, other in enumerate(at)])
    assert graph.derivation("wx"[leaf]).result.items == pytest.approx(slope(by, at[leaf]), rel=1e-8)


@pytest.mark.parametrize("name", ["scalars", "square", "fan_out", "relu_off", "network_of_values"])
def test_paths_add_up_to_what_backward_leaves(name):
    y = GRAPHS[name]()
    y.backward()
    graph = cr.trace(y)
    for node in graph.nodes:
        if node.kind == "leaf":
            along = sum(path.value for path in graph.derivation(node.id).paths)
            assert along == pytest.approx(node.grad.items, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_result_is_what_backward_leaves(name):
    y = GRAPHS[name]()
    graph = cr.trace(y)
    results = [graph.derivation(n.id).result for n in graph.nodes if n.kind == "leaf"]
    y.backward()
    assert repr(results) == repr([n.grad for n in cr.trace(y).nodes if n.kind == "leaf"])


def test_nan_is_shown_where_it_spreads():
    a, b = cr.Value(-1.0, "a"), cr.Value(2.0, "b")
    assert text(b + cr.log(a) * b, "b").endswith("= 1 + nan\n      = nan")


# ---- what would be false is not written


def test_numbers_have_the_digits_that_make_a_sum_true():
    a = cr.Value(1.00001, "a")
    assert text(2 * a - 2.00001 * a, "a").endswith("= 2 + (−2.00001)\n      = −1.00000e−05")  # which has noise


def test_rounding_in_the_last_digit_is_said_to_be_about_the_result():
    x = cr.Value(0.123456, "x")
    assert text(x * 0.1234567 * 0.7654321, "x").endswith("= 0.7654 · 0.1235\n      ≈ 0.09450")


def test_rounded_numbers_that_give_the_result_as_shown_are_equal_to_it():
    x = cr.Value(1 / 3, "x")
    assert text(x * 0.5, "x").splitlines() == ["∂y/∂x = 0.5"]


def test_a_number_is_put_into_a_formula_in_full():
    x = cr.Value(1.00001, "x")
    put_in = ["      = 1 / √(1.00001 − 1) / √(1.00001 + 1)", "      = 223.6"]
    assert text(cr.arccosh(x), "x").splitlines()[1:] == put_in


def test_a_rounded_number_in_a_formula_is_said_to_be_about_it():
    x = cr.Value(1 + 1e-10 / 3, "x")
    assert text(cr.arccosh(x), "x").splitlines()[1] == "      = 1 / √(1.000 − 1) / √(1.000 + 1)"
    assert text(cr.arccosh(x), "x").splitlines()[2].startswith("      ≈ ")


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: cr.sqrt(cr.maximum(x, 0.0)), -1.0),
        (lambda x: cr.log(x) * 1e-10, 1e-310),
        (lambda x: 1 / x * x, 1e200),
    ],
    ids=["inf · 0", "inf that is finite", "0 that is not"],
)
def test_a_product_that_is_not_the_gradient_is_not_written_as_one(f, at):
    x = cr.Value(at, "x")
    graph = cr.trace(f(x))
    total = graph.node("x").total
    last = str(graph.derivation("x")).splitlines()[-1]
    assert f"= {total} by the rules; multiplied out, it would be " in last


def test_a_sum_that_overflows_in_its_dtype_is_not_written_as_a_sum_of_paths():
    x = cr.tensor(1.0, dtype="float16", requires_grad=True)
    assert "path 1" not in text(x * 1000.0 * 1000.0 + x * 1.0, "x", x=x)


def test_a_formula_that_does_not_hold_at_this_exponent_is_not_filled_in():
    x = cr.Value(0.0, "x")
    assert text(x**0, "x") == "∂y/∂x = 0"


def test_a_formula_has_the_bound_of_its_rule():
    p = cr.Value(1.0, "p")
    assert text(cr.nn.bce(p, cr.Value(0.0)), "p").splitlines() == [
        "∂y/∂p = ((1 − v1) · (max(1 − p, 1e−12) + p) − max(1 − p, 1e−12)) / max(1 − p, 1e−12) / p",
        "      = ((1 − 0) · (max(1 − 1, 1e−12) + 1) − max(1 − 1, 1e−12)) / max(1 − 1, 1e−12) / 1",
        "      = 1e+12",
    ]


def test_the_value_of_a_changed_operand_is_not_put_in():
    x = cr.tensor(3.0, requires_grad=True)
    y = cr.relu(x) * 2.0
    x.assign(-1.0)
    assert "−1" not in text(y, "x", x=x)


# ---- at the prompt


def test_the_prompt_shows_the_text(square):
    derivation = square.derivation("x")
    assert repr(derivation) == derivation.text == str(derivation)


# ---- arrays


def test_arrays_have_a_line_for_each_value_on_the_way():
    x, w = cr.tensor([[1.0, 2.0]]), cr.ones((2, 1), requires_grad=True)
    z = x @ w
    assert text(z.sum(), "w", x=x, w=w, z=z).splitlines() == [
        "∂y/∂y = 1",
        "∂y/∂z = ∂y/∂y, repeated along the summed axes",
        "      = [[1]]",
        "∂y/∂w = xᵀ @ ∂y/∂z",
        "      = [[1], [2]]",
    ]


def test_products_of_vectors_are_written_as_what_they_are():
    v, u = cr.tensor([1.0, 2.0], requires_grad=True), cr.tensor([3.0, 4.0])
    assert text(v @ u, "v", v=v, u=u).splitlines() == ["∂y/∂y = 1", "∂y/∂v = ∂y/∂y · u", "      = [3, 4]"]


def test_where_broadcasting_was_summed_is_said():
    x, b = cr.ones((4, 3)), cr.zeros(3, requires_grad=True)
    z = x + b
    assert "∂y/∂b = ∂y/∂z, summed over axis 0\n      = [4, 4, 4]" in text(z.sum(), "b", b=b, z=z)


def test_uses_of_an_array_add_up():
    x = cr.tensor([1.0, 4.0], requires_grad=True)
    y = x.sum() + (x * x).sum()
    assert "paths lead from x to y; what comes along them adds up" in text(y, "x", x=x)


def test_a_result_of_several_elements_is_summed():
    x = cr.ones(2, requires_grad=True)
    assert text(2 * x, "x", x=x).startswith("y has several elements; this is the derivative of their sum\n")


def test_what_is_unknown_is_called_so():
    x = cr.ones((10, 10), requires_grad=True)
    y = (cr.exp(x) * np.full((10, 10), 2.0, "float32") * cr.exp(x)).sum()
    y.backward()
    assert "= unknown: backward has freed what it needs" in text(y, "x", x=x)


# ---- no path, no such value


def test_a_value_without_path_says_so():
    x, c = cr.Value(2.0, "x"), cr.tensor([1.0, 2.0])
    y = (x.data * 0 + cr.ones(2, requires_grad=True)) * c
    assert text(y, "c", c=c) == "no gradient flows from y back to c: c is a constant"


def test_a_leaf_without_path_says_so():
    x, unused = cr.Value(2.0, "x"), cr.Value(3.0, "unused")
    assert text(2 * x, "unused", unused=unused) == "no gradient flows from y back to unused: no path connects them"


def test_a_value_without_path_has_no_result():
    c = cr.tensor([1.0, 2.0])
    y = cr.ones(2, requires_grad=True) * c
    derivation = cr.trace(y, {"c": c}).derivation("c")
    assert (derivation.count, derivation.paths, derivation.result) == (0, [], None)


def test_a_name_that_is_not_there_is_refused(product):
    with pytest.raises(cr.ArgumentError, match="no node 'w1'.*a, b"):
        product.derivation("w1")


# ---- size


def test_a_long_chain_needs_no_recursion():
    x = cr.Value(1.0, "x")
    y = x
    for _ in range(5_000):
        y = -y
    (path,) = cr.trace(y).derivation("x").paths
    assert len(path.edges) == 5_000


def test_the_middle_of_a_long_path_is_left_out():
    x = cr.Value(1.0, "x")
    y = x
    for _ in range(100):
        y = -y
    assert "= −1 · (−1) · (−1) · (−1) · (−1) · (−1) · (−1) · (−1) · (−1) · (−1) · … · (−1)" in text(y, "x")


def test_a_value_with_thousands_of_uses_stays_short():
    x = cr.Value(1.0, "x")
    y = x
    for _ in range(5000):
        y = y + x
    assert len(text(y, "x")) < 10_000
