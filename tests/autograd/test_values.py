"""A Value is its own Node until somebody asks for one; whoever asks, and when, changes no number."""

import math
import random
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.autograd.value import made


def network(xs):
    """A result that depends on each of the Values in several ways."""
    total = xs[0] * 2 + 1
    for a, b in zip(xs, xs[1:], strict=False):
        total = total + (a * b - 0.5 * a / (b * b + 1)).tanh() + (a + a).relu() - (-b).exp() ** 2
    return total * (1 / len(xs))


def leaves(n=6):
    rng = random.Random(3)
    return [Value(rng.uniform(-1, 1)) for _ in range(n)]


def gradients(ask=lambda y, xs: None):
    xs = leaves()
    y = network(xs)
    ask(y, xs)
    y.backward()
    return [y.data, *(x.grad for x in xs)]


ASKED = {
    "a result": lambda y, xs: y._node,
    "every leaf": lambda y, xs: [x._node for x in xs],
    "a picture": lambda y, xs: cr.trace(y),
    "the operands": lambda y, xs: y._prev,
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_who_asks_for_nodes_changes_no_bit(ask):
    assert gradients(ask) == gradients()


def test_a_watched_pass_gives_the_same_bits():
    from chainrule.autograd.watch import Watch, watching

    with watching(Watch()):
        watched = gradients()
    assert watched == gradients()


def test_debug_sees_the_calls_of_values():
    with pytest.raises(cr.NonFiniteError, match="log"), cr.debug():
        Value(0.0).log()


def test_asking_for_the_node_of_a_leaf_leaves_it_what_it_is():
    x = Value(2.0, name="x")
    node = x._node
    (x * x).backward()
    assert (x._node, x.grad, node.grad, node.name) == (node, 4.0, 4.0, "x")


def test_a_result_with_a_node_can_be_used_further():
    x = Value(2.0)
    y = x * x
    made(y)
    (y * 3 + x).backward()
    assert (x.grad, y.grad) == (13.0, 3.0)


def test_passes_add_up():
    x = Value(2.0)
    y = x * 3
    (y * y).backward(retain_graph=True)
    (y * x).backward()
    assert (x.grad, y.grad) == (36.0 + 6.0 + 6.0, 12.0 + 2.0)


def test_a_second_pass_through_what_was_freed_is_refused_with_the_line():
    y = Value(2.0) * 3
    y.backward()
    with pytest.raises(cr.GraphError, match=r"\* \(called at .*test_values.py.* already used and freed"):
        y.backward()


def test_a_pass_that_fails_leaves_no_gradient():
    def rule(g, x):
        raise RuntimeError("no rule")

    @cr.primitive(jvp=cr.ELEMENTWISE, samples=lambda: [], vjp=dict(x=rule))
    def test_values_without_rule(xp, x):
        return x * 1.0 if isinstance(x, float) else xp.multiply(x, 1.0)

    x = Value(2.0)
    x.grad = 5.0
    y = test_values_without_rule(x)
    z = y * 3
    with pytest.raises(RuntimeError, match="no rule") as error:
        (z + x).backward()
    assert (x.grad, y.grad, z.grad) == (5.0, 0.0, 0.0)
    assert "in the backward pass of test_values_without_rule" in error.value.__notes__[0]


def test_changing_a_leaf_afterwards_does_not_change_its_gradient():
    x, w = Value(2.0), Value(3.0)
    y = x * w
    x.data = 100.0
    y.backward()
    assert (w.grad, x.grad) == (2.0, 3.0)


def test_a_leaf_that_was_frozen_afterwards_still_lets_the_pass_through():
    x, w = Value(2.0), Value(3.0)
    y = x * w
    w.requires_grad = False
    y.backward()
    assert (x.grad, w.grad, w.requires_grad) == (3.0, 0.0, False)


def test_a_frozen_value_is_a_number():
    x, w = Value(2.0), Value(3.0)
    w.requires_grad = False
    y = w * x + w
    y.backward()
    assert (y.data, x.grad, w.grad, (w * w).requires_grad) == (9.0, 3.0, 0.0, False)


def test_numbers_of_numpy_and_booleans_take_part():
    x = Value(2.0)
    y = np.float32(0.5) * x + True + x * np.int64(3)
    y.backward()
    assert (y.data, x.grad) == (8.0, 3.5)


def test_nothing_is_recorded_under_no_grad():
    x = Value(2.0)
    with cr.no_grad():
        y = x * x
    assert (y.data, y.requires_grad) == (4.0, False)


def test_ieee_answers_where_python_raises():
    x, zero = Value(1.0), Value(0.0)
    y = x / zero
    y.backward()
    assert (y.data, x.grad, zero.grad) == (math.inf, math.inf, -math.inf)


def test_functions_and_methods_record_the_same():
    x = Value(0.3)
    for y in (cr.tanh(x), x.tanh(), cr.multiply(x, 2.0), x * 2.0):
        y.backward()
    assert x.grad == 2 * (1 / math.cosh(0.3) / math.cosh(0.3)) + 4.0


def test_the_line_is_the_callers():
    x = Value(2.0)
    y = sum([x, x * x])
    assert "in test_the_line_is_the_callers" in y._node.where


def test_a_scope_is_kept():
    class Square(cr.nn.Module):
        def forward(self, x):
            return x * x

    model = Square()
    y = model(Value(2.0))
    assert y._node.scope[0] is model


def test_second_derivatives_of_values():
    x = Value(2.0)
    y = x * x * x
    y.backward(create_graph=True)
    g, x.grad = x._node.grad, None
    g.backward()
    assert x.grad == 12.0


def test_long_chains_have_nodes_without_recursion():
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y + x
    assert y._node.parents[0].primitive.name == "add"


def test_threads_may_share_leaves():
    xs = leaves()

    def work():
        for _ in range(20):
            network(xs).backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expected = gradients()[1:]
    assert [x.grad for x in xs] == pytest.approx([80 * g for g in expected], rel=1e-12)


def test_a_number_read_after_the_pass_warns_of_nothing(recwarn):
    y = Value(2.0) * 3
    y.backward()
    assert (float(y), int(y)) == (6.0, 6)
    assert not recwarn.list
