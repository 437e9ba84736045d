"""The steps of a graph in words: the table of `explain`, the steps as data, and the list of values."""

import re
from functools import partial

import numpy as np
import pytest
from counting import growth
from graphs import GRAPHS, karpathy

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import reals
from chainrule.graph.graph import CHANGED, OUTDATED
from chainrule.graph.text.explain import explain
from chainrule.graph.text.table import listing
from chainrule.graph.views import Graph


def lines(table, part):
    """The lines of one part of the table, with single spaces; notes that have a line of their own at their line's end."""
    found, here = [], False
    for line in re.sub(r"\n +\[", " [", table).splitlines():
        if not line.startswith(" "):
            here = line.startswith(part)
        elif here:
            found.append(" ".join(line.split()))
    return found


def backward(y, /, **names):
    """The backward lines of y, without their numbers."""
    return [line.split(" ", 1)[1] for line in lines(cr.trace(y, {**names, "y": y}).explain(), "backward")]


def gone(x):
    """x times an array of which nobody has a copy once backward has gone by."""
    return x * np.full(x.shape, 2.0, "float32")


@pytest.fixture(name="karpathy")
def _karpathy():
    return karpathy()


@pytest.fixture
def square():
    x = cr.Value(3.0, "x")
    return x, x * x


# ---- the table


def test_the_leaves_are_given(karpathy):
    assert lines(karpathy.explain(), "given") == ["a = 2", "b = −3", "c = 10", "f = −2"]


def test_forward_puts_numbers_in(karpathy):
    assert lines(karpathy.explain(), "forward") == [
        "1 e = a * b = 2 * (−3) = −6",
        "2 d = e + c = −6 + 10 = 4",
        "3 L = d * f = 4 * (−2) = −8",
    ]


def test_the_seed_is_the_derivative_of_the_result_by_itself(karpathy):
    assert lines(karpathy.explain(), "seed") == ["4 L -> grad = 1, as ∂L/∂L = 1"]


def test_backward_writes_upstream_times_local(karpathy):
    assert [line.split(" [")[0] for line in lines(karpathy.explain(), "backward")] == [
        "5 d -> upstream 1 × local −2 = −2; grad = −2 from L = d * f",
        "6 f -> upstream 1 × local 4 = 4; grad = 4 from L = d * f",
        "7 e -> upstream −2 × local 1 = −2; grad = −2 from d = e + c",
        "8 c -> upstream −2 × local 1 = −2; grad = −2 from d = e + c",
        "9 a -> upstream −2 × local −3 = 6; grad = 6 from e = a * b",
        "10 b -> upstream −2 × local 2 = −4; grad = −4 from e = a * b",
    ]


def test_update_takes_a_step_against_the_gradient(karpathy):
    assert lines(karpathy.explain(), "update") == [
        "11 a: 2 − 0.1 × 6 = 1.4",
        "12 b: −3 − 0.1 × (−4) = −2.6",
        "13 c: 10 − 0.1 × (−2) = 10.2",
        "14 f: −2 − 0.1 × 4 = −2.4",
    ]


def test_another_learning_rate_gives_another_update(karpathy):
    assert lines(karpathy.explain(lr=0.5), "update")[0] == "11 a: 2 − 0.5 × 6 = −1"


def test_columns_are_aligned(karpathy):
    forward = karpathy.explain().split("forward\n")[1].split("\nseed")[0].splitlines()
    assert len({line.rindex("=") for line in forward}) == 1


def test_the_contributions_of_a_value_used_twice_add_up(square):
    x, y = square
    assert backward(y, x=x) == [
        "x -> upstream 1 × local 3 = 3; grad = 3 (1 of 2) from y = x * x",
        "x -> upstream 1 × local 3 = 3; grad = 3 + 3 = 6 (2 of 2) from y = x * x",
    ]


def test_a_negative_contribution_is_added_in_brackets():
    x = cr.Value(2.0, "x")
    assert "grad = 1 + (−3) = −2 (2 of 2)" in backward(x * -3.0 + x, x=x)[-1]


def test_a_negative_base_of_a_power_is_in_brackets():
    x = cr.Value(-3.0, "x")
    assert "= (−3) ** 2 = 9" in cr.trace(x**2).explain()


def test_functions_are_called_by_their_names():
    x = cr.Value(0.0, "x")
    assert "= exp(x) = exp(0) = 1" in " ".join(cr.trace(cr.exp(x)).explain().split())


def test_options_are_shown_in_the_call():
    x = cr.ones((2, 3), requires_grad=True)
    assert "sum(x, axis=0)" in cr.trace(x.sum(axis=0), {"x": x}).explain()


def test_where_broadcasting_was_summed_is_said():
    x, b = cr.ones((4, 3), requires_grad=True), cr.zeros(3, requires_grad=True)
    (line,) = (line for line in backward((x + b).sum(), x=x, b=b) if line.startswith("b "))
    assert "summed over axis 0: (4, 3) → (3,) = [4, 4, 4]" in line


def test_a_matrix_product_shows_its_rule_and_shapes():
    x, w = cr.ones((4, 2)), cr.ones((2, 3), requires_grad=True)
    (line,) = (line for line in backward((x @ w).sum(), x=x, w=w) if line.startswith("w "))
    assert ": (2, 4) @ (4, 3) → (2, 3) = [[4, 4, 4], [4, 4, 4]]" in line


def test_a_rule_has_the_names_of_the_learner_and_the_upstream_gradient():
    y, x, g = cr.ones((1, 2)), cr.ones((2, 1), requires_grad=True), cr.ones((1, 1), requires_grad=True)
    graph = cr.trace((y @ x) @ g, {"y": y, "x": x, "g": g})
    (line,) = (line for line in lines(graph.explain(), "backward") if " x -> " in line)  # the rule is dy = xᵀ @ g
    assert "-> yᵀ @ upstream [[1]]: (2, 1) @ (1, 1) → (2, 1) = [[1], [1]]" in line


def test_other_rules_show_the_shapes_of_gradient_and_share():
    x = cr.ones(3, requires_grad=True)
    assert "-> upstream 1, repeated along the summed axes: () → (3,) = [1, 1, 1]" in backward(x.sum(), x=x)[0]


def test_a_rule_that_uses_the_gradient_twice_writes_it_out_once():
    @cr.primitive(jvp=cr.LINEAR, samples=reals, vjp={"x": lambda g: g + g})
    def my_double(xp, x):
        return 2 * x

    try:
        x = cr.ones(2, requires_grad=True)
        assert "-> upstream [1, 1] + upstream: (2,) → (2,) = [2, 2]" in backward(my_double(x), x=x)[0]
    finally:
        del REGISTRY["my_double"]


def test_an_operation_whose_rule_says_no_formula_is_named():
    @cr.primitive(jvp=cr.LINEAR, samples=reals, vjp={"x": lambda g: 2 * g if len(g.shape) == 1 else None})
    def my_double(xp, x):
        return 2 * x

    try:
        x = cr.ones(2, requires_grad=True)
        (line,) = backward(my_double(x), x=x)
        assert "-> upstream [1, 1], by the rule of my_double: (2,) → (2,) = [2, 2]" in line
    finally:
        del REGISTRY["my_double"]


@pytest.mark.parametrize(
    ("f", "at", "words"),
    [
        (lambda x: cr.sqrt(cr.maximum(x, 0.0)), -1.0, "the rule gives 0 (upstream inf × local 0 would be nan)"),
        (lambda x: cr.log(x) * 1e-10, 1e-310, "the rule gives 1e+300 (upstream 1e−10 × local inf would be inf)"),
    ],
)
def test_a_product_that_is_not_the_contribution_is_not_written_as_one(f, at, words):
    x = cr.Value(at, "x")
    assert words in backward(f(x), x=x)[-1]


@pytest.mark.parametrize(
    ("f", "at", "words"),
    [
        (lambda x: x - 1.0, 1.00001, "= x − 1 = 1.00001 − 1 = 1.00000e−05"),
        (lambda x: (x + 1) - 1e6, 1e6, "= 1000000 + 1 = 1000001 "),
        (lambda x: (x + 1) - 1e6, 1e6, "= 1000001 − 1000000 = 1 "),
        (lambda x: x * 1.0, 1.00004, "= x * 1 = 1.00004 * 1 = 1.00004 "),
        (lambda x: x * 1.0001, 1.0, "= x * 1.0001 = 1 * 1.0001 = 1.0001 "),
        (lambda x: x * 0.0001, 1.0, "x: 1 − 0.1 × 0.0001 = 0.99999"),
        (lambda x: x * (1 / 3), 2 / 3, "= 0.6667 * 0.3333 = 0.2222 "),
        (lambda x: x * 12345.67 + 0.2, 1.0, "= 12345.7 + 0.2 = 12345.9 "),
        (lambda x: x * 0.1234567, 0.7654321, "= 0.7654 * 0.1234567 ≈ 0.09450"),
    ],
)
def test_a_line_has_the_digits_that_make_it_true(f, at, words):
    assert words in " ".join(cr.trace(f(cr.Value(at, "x"))).explain().split())


def test_the_rows_of_an_array_have_the_digits_that_make_the_line_true():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    text = cr.trace((w * cr.tensor([0.0001, 1.0])).sum(), {"w": w}).explain()
    assert "w: [1, 2] − 0.1 × [0.0001, 1] = [0.99999, 1.9]" in text


def test_numbers_that_no_digits_make_true_are_about_the_result():
    a = cr.Value(0.1, "a")
    assert "= 0.3 − 0.3 ≈ 5.551e−17" in cr.trace((a + 0.2) - 0.3).explain()


def test_a_sum_of_gradients_has_the_digits_that_make_it_true():
    a = cr.Value(1.00001, "a")
    assert "grad = 2 + (−2.00001) = −1.00000e−05" in backward(2 * a - 2.00001 * a, a=a)[-1]


def test_the_noise_of_floating_point_is_not_rounding():
    x = cr.Value(0.1 + 0.2, "x")
    assert "= 0.3 * 3 = 0.9" in cr.trace(x * 3).explain()


def test_the_seed_of_an_array_is_ones_and_says_of_what():
    x = cr.ones(2, requires_grad=True)
    y = x * 2
    assert lines(cr.trace(y, {"y": y}).explain(), "seed") == ["2 y -> grad = [1, 1], ones: the gradient of y.sum()"]


def test_the_seed_of_one_element_is_its_derivative_by_itself():
    x = cr.ones((1, 1), requires_grad=True)
    y = x * 2
    assert lines(cr.trace(y, {"y": y}).explain(), "seed")[0].endswith("as ∂y/∂y = 1")


def test_a_larger_array_is_shown_by_shape_and_summary():
    x = cr.ones((30, 30), requires_grad=True)
    assert "upstream [(30, 30): all 1] × local [(30, 30): all 2]" in backward((x * 2).sum(), x=x)[-1]


def test_the_largest_element_gets_the_gradient():
    x = cr.tensor([1.0, 4.0, 2.0], requires_grad=True)
    assert "= [0, 1, 0]" in backward(x.max(), x=x)[0]


def test_nan_is_shown_where_it_spreads():
    x, b = cr.Value(-1.0, "x"), cr.Value(2.0, "b")
    assert "b -> upstream 1 × local nan = nan; grad = nan" in backward(cr.log(x) * b, x=x, b=b)[1]


def test_what_backward_has_freed_is_unknown():
    x = cr.ones((10, 10), requires_grad=True)
    y = (gone(cr.exp(x)) * cr.exp(x)).sum()
    y.backward()
    assert any("-> unknown: " in line for line in backward(y, x=x))


def test_a_gradient_that_is_unknown_is_not_called_0():
    x = cr.ones((10, 10), requires_grad=True)
    y = (gone(cr.exp(x)) * cr.exp(x)).sum()
    y.backward()
    assert not any("grad = 0" in line for line in backward(y, x=x))


def test_the_first_array_that_arrives_needs_no_sum():
    x = cr.ones(3, requires_grad=True)
    assert "grad" not in backward(x.sum(), x=x)[0]


def test_what_was_computed_before_an_opened_operation_is_given():
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    z = x * 2
    h = z @ cr.ones((2, 1))
    opened = cr.trace(h.sum(), {"x": x, "z": z, "h": h}).open("h")
    assert lines(opened.explain(), "given")[:2] == ["z[0, 0] = 2", "z[0, 1] = 4"]


def test_the_rest_of_an_opened_graph_is_called_so():
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    z = x * 2
    h = z @ cr.ones((2, 1))
    opened = cr.trace(h.sum(), {"x": x, "z": z, "h": h}).open("h")
    assert lines(opened.explain(), "backward")[0].endswith("from the rest of the graph")


# ---- gradients from other passes


def test_a_gradient_that_waits_from_an_earlier_pass_is_added(square):
    x, y = square
    (x * x).backward()
    assert backward(y, x=x)[-1].endswith("[.grad already holds 6 (no zero_grad?); this pass adds to it: 6 + 6 = 12]")


def test_the_update_takes_what_grad_will_hold(square):
    x, y = square
    (x * x).backward()
    y.backward()
    assert lines(cr.trace(y).explain(), "update") == ["5 x: 3 − 0.1 × 12 = 1.8"]


def test_the_update_before_backward_takes_what_grad_will_hold(square):
    x, y = square
    (x * x).backward()
    assert lines(cr.trace(y).explain(), "update") == ["5 x: 3 − 0.1 × 12 = 1.8"]


@pytest.mark.parametrize(
    "differ",
    [
        lambda x, y: (x * x).backward() or y.backward(),
        lambda x, y: y.backward(gradient=2.0),
        lambda x, y: y.backward() or setattr(x, "grad", 12.0),
    ],
    ids=["an earlier pass", "another seed", "set by hand"],
)
def test_what_grad_holds_after_backward_is_said_where_this_pass_brings_another(square, differ):
    x, y = square
    differ(x, y)
    assert "[.grad is 12, but this pass contributes 6. Was zero_grad skipped, " in backward(y, x=x)[-1]


def test_after_one_fresh_pass_nothing_is_said_of_others(square):
    x, y = square
    before = cr.trace(y).explain()
    y.backward()
    assert cr.trace(y).explain() == before


def test_after_zero_grad_there_is_nothing_to_update_with(square):
    x, y = square
    y.backward()
    x.grad = None
    assert lines(cr.trace(y).explain(), "update") == ["5 x: no update: .grad is None, as after zero_grad"]


def test_the_update_of_a_large_array_adds_what_grad_holds():
    w = cr.ones((10, 10), requires_grad=True)
    (w * 3).sum().backward()
    (line,) = lines(cr.trace((w * 2).sum(), {"w": w}).explain(), "update")
    assert line.endswith("w: [(10, 10): all 1] − 0.1 × ([(10, 10): all 3] + [(10, 10): all 2])")


def test_the_update_is_unknown_where_the_gradient_is():
    x = cr.ones((10, 10), requires_grad=True)
    h = gone(cr.exp(x))
    (h * h).sum().backward()
    x.grad = None
    (step,) = (s for s in cr.trace((h * 2.0).sum(), {"x": x}).steps() if s.phase == "update")
    assert (step.text, step.result) == ("x: unknown, because its value or its gradient is unknown", None)


def test_the_update_of_an_array_reads_from_the_value_to_the_new_one():
    w = cr.tensor([[0.5], [-0.25]], requires_grad=True)
    assert lines(cr.trace((w * w).sum(), {"w": w}).explain(), "update") == [
        "7 w: [[0.5], [−0.25]] − 0.1 × [[1], [−0.5]] = [[0.4], [−0.2]]"
    ]


def test_a_negative_rate_stands_in_brackets(square):
    x, y = square
    table = cr.trace(y).explain(lr=-1)
    assert "update: value − (−1) × grad\n" in table
    assert lines(table, "update") == ["5 x: 3 − (−1) × 6 = 9"]


def test_a_large_gradient_of_other_passes_is_noticed():
    x = cr.ones((10, 10), requires_grad=True)
    (x * 3).sum().backward()
    y = (x * 2).sum()
    y.backward()
    assert backward(y, x=x)[-1].count("[.grad is [(10, 10): all 5], but this pass contributes [(10, 10): all 2]. ")


def test_the_update_is_computed_in_the_dtype_of_the_leaf():
    w = cr.tensor([0.1], dtype="float32", requires_grad=True)
    (step,) = (s for s in cr.trace((w * w).sum()).steps(lr=0.1) if s.phase == "update")
    assert (step.result.dtype, step.result.array()) == ("float32", np.float32(0.1) - 0.1 * (2 * np.float32(0.1)))


def test_a_tiny_number_has_a_true_minus_sign():
    x = cr.Value(1e-9, "x")
    assert "x = 1e−09" in cr.trace(x * 2).explain()


# ---- what was changed since


@pytest.fixture
def stepped():
    """A loss after the optimizer's step: w is another than the one that the loss was computed from."""
    w = cr.tensor([5.0, 2.0], requires_grad=True)
    y = (w * w).sum()
    y.backward()
    cr.optim.SGD([w], lr=0.1).step()
    return cr.trace(y, {"w": w})


def test_a_changed_leaf_is_given_with_a_note(stepped):
    assert lines(stepped.explain(), "given") == [f"w = [4, 1.6] (2,) float32 [{CHANGED}]"]


def test_no_step_is_taken_twice(stepped):
    (step,) = (s for s in stepped.steps() if s.phase == "update")
    assert (step.text, step.result) == (f"w: not shown, because it was {CHANGED}", None)


def test_a_result_that_was_left_behind_has_a_note(stepped):
    assert lines(stepped.explain(), "forward")[0] == f"1 v1 = w * w = [25, 4] (2,) float32 [{OUTDATED}]"


def test_changed_numbers_are_not_put_into_a_result_that_was_left_behind():
    w = cr.tensor(5.0, requires_grad=True)
    y = w * w
    y.backward()
    w.assign(1.0)
    assert lines(cr.trace(y, {"w": w}).explain(), "forward") == [f"1 v1 = w * w = 25 [{OUTDATED}]"]


def test_a_number_that_was_changed_is_shown_as_it_was_used():
    w = cr.Value(5.0, "w")
    y = w * w
    w.assign(1.0)
    table = cr.trace(y, {}).explain()
    assert lines(table, "given") == ["w = 5 [changed since it was used, to 1]"]
    assert lines(table, "forward") == ["1 v1 = w * w = 5 * 5 = 25"]
    assert lines(table, "update") == ["5 w: not shown, because it was changed since it was used, to 1"]


# ---- badges


def test_the_badge_of_a_result_is_a_note_on_its_line():
    x = cr.Value(-2.0, "x")
    assert lines(cr.trace(cr.relu(x)).explain(), "forward") == ["1 v1 = relu(x) = relu(−2) = 0 [off]"]


def test_the_badge_of_a_leaf_is_a_note_where_it_is_given_and_only_there():
    x, unused = cr.Value(2.0, "x"), cr.Value(3.0, "unused")
    table = cr.trace(x * x, {"x": x, "unused": unused}).explain()
    assert "unused = 3 [no path]" in lines(table, "given")
    assert table.count("[no path]") == 1


def test_a_name_that_begins_with_a_bracket_is_no_note():
    x = cr.Value(3.0, "[x")
    assert cr.trace(x * 2).explain().startswith("given\n  [x = 3\nforward")


# ---- the steps


@pytest.mark.parametrize("name", GRAPHS)
def test_the_last_contribution_leaves_the_gradient_of_backward(name):
    y = GRAPHS[name]()
    before = cr.trace(y)
    y.backward()
    grads = {n.id: n.grad for n in cr.trace(y).nodes if n.kind == "leaf"}
    last = {s.node: s.result for s in before.steps() if s.phase == "backward"}
    assert repr(grads) == repr({i: last[i] for i in grads})  # as text, in which a nan is itself


@pytest.mark.parametrize("name", GRAPHS)
def test_every_contribution_is_counted_until_all_have_arrived(name):
    arrived = {}
    for step in cr.trace(GRAPHS[name]()).steps():
        if step.phase == "backward":
            arrived[step.node] = arrived.get(step.node, 0) + 1
            assert step.arrived == arrived[step.node] <= step.expected
    assert arrived


def test_the_steps_tell_forward_seed_backward_update_in_this_order(karpathy):
    phases = [step.phase for step in karpathy.steps()]
    assert phases == ["forward"] * 3 + ["seed"] + ["backward"] * 6 + ["update"] * 4


def test_the_text_of_a_step_is_its_line_in_the_table(karpathy):
    table = [
        line.split(" ", 1)[1]
        for part in ("forward", "seed", "backward", "update")
        for line in lines(karpathy.explain(), part)
    ]
    assert [step.text for step in karpathy.steps()] == table


def test_that_adding_passes_the_gradient_on_is_said_once():
    x = cr.Value(1.0, "x")
    assert cr.trace(x + 1 + 2 + 3).explain().count("adding passes") == 1


def test_a_prompt_shows_the_lines_and_a_notebook_a_block_of_them(square):
    text = cr.trace(square[1]).explain()
    assert (type(text + ""), repr(text)) == (str, str(text))
    assert text._repr_html_().startswith("<pre")
    assert "<b>backward</b>\n" in text._repr_html_()


def test_a_notebook_takes_names_for_text():
    html = cr.trace(cr.Value(1.0, "<b>&") * 2).explain()._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert "<b>&" not in html


def test_a_note_that_does_not_fit_has_a_line_of_its_own(karpathy):
    assert max(map(len, karpathy.explain().splitlines())) < 100
    assert "\n           [× 1: adding passes the gradient to each input unchanged]\n" in karpathy.explain()


def test_numbers_have_true_minus_signs():
    assert not re.search(r"-(?!>)", "".join(step.text for step in cr.trace(GRAPHS["network_of_values"]()).steps()))


# ---- size and names


def chain(n):
    x = cr.Value(1.0, "x")
    y = x
    for _ in range(n):
        y = -y
    return y


def test_twice_the_operations_are_twice_the_work():
    assert growth(partial(explain, limit=None), lambda n: cr.trace(chain(n)), 200) < 2.2


def test_a_long_chain_needs_no_recursion():
    assert "  … 4,996 more\n" in explain(cr.trace(chain(5_000)), limit=4)


def test_the_middle_of_a_long_part_is_left_out(karpathy):
    assert lines(explain(karpathy, limit=2), "backward")[1] == "… 4 more"


def test_the_ends_of_a_long_part_are_kept(karpathy):
    first, _, last = lines(explain(karpathy, limit=2), "backward")
    assert (first.split()[:2], last.split()[:2]) == (["5", "d"], ["10", "b"])


def test_no_limit_shows_all():
    assert "more" not in explain(cr.trace(chain(600)), limit=None)


def test_an_operation_with_many_operands_is_shortened():
    x = cr.ones(1, requires_grad=True)
    graph = cr.trace(cr.concatenate([x] * 1500), {"x": x})
    assert "= concatenate(x, x, … 1,498 more)" in explain(graph)


def test_options_that_are_arrays_are_left_out():
    x = cr.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    assert "normalize(x, weight, bias, over=features)" in cr.trace(cr.nn.LayerNorm(2)(x), {"x": x}).explain()


def test_an_index_that_is_an_array_is_kept():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    assert "getitem(x, index=(1,) int64)" in cr.trace(x[np.array([1])], {"x": x}).explain()


def test_twice_the_operands_are_twice_the_work():
    x = cr.ones(1, requires_grad=True)
    assert growth(Graph.steps, lambda n: cr.trace(cr.concatenate([x] * n), {"x": x}), 500) < 2.2


@pytest.mark.parametrize("limit", [0, -1, "x", 2.5])
def test_a_limit_that_is_no_number_of_lines_is_refused(karpathy, limit):
    with pytest.raises(cr.ArgumentError, match="limit must be a whole number of at least 1, or None"):
        karpathy.explain(limit=limit)


@pytest.mark.parametrize("lr", ["0.1", None, float("nan"), float("inf")])
def test_a_rate_that_is_no_finite_number_is_refused(karpathy, lr):
    with pytest.raises(cr.ArgumentError, match="lr.*finite number"):
        karpathy.explain(lr=lr)


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31m", "x" * 10_000, "emoji 👩\u200d🔬"])
def test_any_name_stays_in_its_line(name):
    x = cr.Value(3.0, name)
    table = cr.trace(x * x).explain()
    assert len(table.splitlines()) == 11  # five titles, and a line for the leaf and each of five steps
    assert max(map(len, table.splitlines())) < 300


# ---- the list of values


def test_the_list_shows_values_and_gradients(square):
    x, y = square
    y.backward()
    assert listing(cr.trace(y, {"y": y})) == "x  leaf   3  grad 6\ny  x * x  9  grad 1"


def test_the_list_shows_a_dash_before_backward(square):
    assert listing(cr.trace(square[1])).endswith("9  grad —")


def test_the_list_ends_its_lines_with_badges():
    x = cr.Value(-2.0, "x")
    assert listing(cr.trace(cr.relu(x))).splitlines()[1].endswith("0   grad —  [off]")


def test_the_list_leaves_out_the_middle():
    assert "… 941 more values" in listing(cr.trace(chain(1000)), limit=60)
