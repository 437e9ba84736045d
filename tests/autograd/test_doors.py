"""Doors through which a gradient could leave unseen: each warns, raises, or lets it through."""

import array
import logging
import math
import statistics
import struct
import warnings
from threading import Thread

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim


def leaf(values=2.0):
    return cr.tensor(np.array(values), requires_grad=True)


STANDING = {  # a number in the graph, of each kind
    "leaf": lambda: leaf(2.0),
    "leaf of one element": lambda: leaf([2.0]),
    "result": lambda: leaf([1.0, 2.0])[0] * 2,
    "Value": lambda: cr.Value(2.0),
    "result of Values": lambda: cr.Value(1.0) * 2,
}


def filled(number):
    buffer = np.zeros(2)
    buffer.fill(number)


def written(number):
    np.zeros(2)[0] = number


def written_flat(number):
    np.zeros(2).flat[0] = number


CONVERSIONS = {
    "float": float,
    "int": int,
    "complex": complex,
    "math.exp": math.exp,
    "math.floor": math.floor,
    "math.pow": lambda t: math.pow(t, 2),
    "math.fsum": lambda t: math.fsum([t]),
    "np.float64": np.float64,
    "an element of an array": written,
    "an element of a flat array": written_flat,
    "fill": filled,
    "fill of a masked array": lambda t: np.ma.zeros(2).fill(t),
    "struct": lambda t: struct.pack("d", t),
    "array.array": lambda t: array.array("d", [t]),
    "statistics": lambda t: statistics.fmean([t]),
    "arange": lambda t: cr.arange(t),
    "a rate": lambda t: optim.SGD([leaf()], lr=lambda step: t).rate({"lr": lambda step: t}),
}


@pytest.mark.parametrize("how", CONVERSIONS)
@pytest.mark.parametrize("standing", STANDING)
def test_a_number_taken_out_of_the_graph_is_warned_about(standing, how):
    with pytest.warns(cr.GraphWarning, match=r"leaves the graph.*x\.item\(\)"):
        CONVERSIONS[how](STANDING[standing]())


def warned(f):
    """The GraphWarnings that f() gives, whatever the filters."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        f()
    return [w for w in seen if w.category is cr.GraphWarning]


EXPLICIT = {
    "item": lambda t: t.item(),
    "numpy": lambda t: t.numpy(),
    "tolist": lambda t: t.tolist(),
    "detach": lambda t: float(t.detach()),
    "data": lambda t: t.data,
    "bool": bool,
    "a comparison": lambda t: t > 1 and t < 3,
    "format": lambda t: f"{t:.3f} {t}",
    "str.format": lambda t: "{:8.2e}".format(t),  # noqa: UP032
    "%f": lambda t: "%.3f" % t,  # noqa: UP031
    "%d of two": lambda t: "%d %g" % (t, t),  # noqa: UP031
    "repr": repr,
    "logging": lambda t: logging.LogRecord("", 0, "", 0, "%.2f", (t,), None).getMessage(),
}


@pytest.mark.parametrize("how", EXPLICIT)
@pytest.mark.parametrize("standing", STANDING)
def test_an_explicit_reading_is_silent(standing, how):
    assert not warned(lambda: EXPLICIT[how](STANDING[standing]()))


@pytest.mark.parametrize("how", CONVERSIONS)
def test_it_is_silent_under_no_grad(how):
    with cr.no_grad():
        assert not warned(lambda: CONVERSIONS[how](leaf()))


def test_it_is_silent_where_no_gradient_flows():
    assert not warned(lambda: float(cr.tensor(2.0)))


@pytest.mark.parametrize("retain", [False, True])
def test_it_is_silent_once_backward_has_used_the_graph(retain):
    w = leaf([1.0, 2.0])
    hidden = w[0] * 2
    beside = hidden * 3  # backward of the loss does not come here, but what it stands on is used
    loss = hidden * hidden
    loss.backward(retain_graph=retain)
    assert not warned(lambda: [float(t) for t in (loss, hidden, beside)])


def test_it_is_silent_of_a_leaf_that_has_its_gradient():
    w = leaf(3.0)
    (w * w).backward()
    assert not warned(lambda: float(w))


def test_it_is_given_again_in_the_next_graph():
    w = leaf(3.0)
    (w * w).backward()
    assert warned(lambda: float(w * w))


def test_a_line_warns_once():
    assert len(warned(lambda: [float(leaf()) for _ in range(3)])) == 1


def test_each_line_warns():
    def two():
        float(leaf())
        float(leaf())

    assert [b.lineno - a.lineno for a, b in [warned(two)]] == [1]


def test_it_names_the_users_line():
    (warning,) = warned(lambda: float(leaf()))
    assert warning.filename == __file__


def test_a_warning_made_an_error_is_one_each_time():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(cr.GraphWarning):
                float(leaf())


@pytest.mark.parametrize("start", ["fit", "lr_find", "sanity_check", "evaluate", "LBFGS"])
def test_training_does_not_warn_of_what_it_reads_itself(start):
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2)).astype("f4")
    y = y[:, :1]
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def closure():
        optimizer.zero_grad()
        loss = nn.mse(model(x), y)
        loss.backward()
        return loss

    runs = {
        "fit": lambda: cr.fit(model, nn.mse, optimizer, (x, y), epochs=2, validation=(x, y), verbose=0),
        "lr_find": lambda: cr.lr_find(model, nn.mse, optimizer, (x, y), steps=20),
        "sanity_check": lambda: cr.sanity_check(model, (x, y), nn.mse),
        "evaluate": lambda: cr.evaluate(model, nn.mse, x, y),
        "LBFGS": lambda: optim.LBFGS(model.parameters()).step(closure),
    }
    assert not warned(runs[start])


# ---- numbers that would be copied out of the graph


COPIES = {
    "tensor": cr.tensor,
    "tensor of a list": lambda t: cr.tensor([t]),
    "asarray with another dtype": lambda t: cr.asarray(t, dtype="float32"),
    "Value": cr.Value,
    "Parameter": nn.Parameter,
    "full": lambda t: cr.full((2,), t),
    "full_like": lambda t: cr.full_like(np.ones(2), t),
    "assign": lambda t: leaf().assign(t),
    "data": lambda t: setattr(leaf(), "data", t),
    "an element of a tensor": lambda t: cr.zeros(2).__setitem__(0, t),
    "np.array": np.array,
    "np.float32": np.float32,
    "np.asarray of a list": lambda t: np.asarray([t, t]),
    "an array in place": lambda t: np.zeros(2).__iadd__(t),
    "a slice of an array": lambda t: np.zeros(2).__setitem__(slice(None), t),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("standing", [k for k in STANDING if k != "leaf of one element"])
def test_a_copy_out_of_the_graph_is_refused(standing, how):
    with pytest.raises((cr.GraphError, cr.DtypeError), match=r"detach\(\)"):
        COPIES[how](STANDING[standing]())


@pytest.mark.parametrize("how", [k for k in COPIES if not k.startswith(("np.", "a"))] + ["assign"])
def test_a_copy_is_allowed_under_no_grad(how):
    with cr.no_grad():
        COPIES[how](leaf())


def test_asarray_hands_a_recorded_tensor_on():
    x = leaf([1.0, 2.0])
    (x * cr.asarray(x * x, requires_grad=True)).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_a_recorded_gradient_set_as_grad_keeps_its_history():
    w, x = leaf(2.0), leaf(3.0)
    w.grad = x * x
    (w.grad * 1).backward()
    assert x.grad.tolist() == 6.0


# ---- updates in place


OPERATORS = {"+=": "__iadd__", "-=": "__isub__", "*=": "__imul__", "/=": "__itruediv__", "**=": "__ipow__"}
OPERATORS |= {"//=": "__ifloordiv__", "%=": "__imod__"}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("make", [lambda: leaf([5.0, 7.0]), lambda: cr.Value(5.0), lambda: nn.Parameter([5.0, 7.0])])
def test_under_no_grad_a_leaf_is_updated_in_place(operator, make):
    w = kept = make()
    with cr.no_grad():
        exec(f"w {operator} 2", names := {"w": w})
    expected = np.array(w.numpy() * 0 + [5.0, 7.0][: w.size] if w.ndim else 5.0)
    exec(f"expected {operator} 2", values := {"expected": expected})
    assert names["w"] is kept
    assert kept.requires_grad
    np.testing.assert_allclose(kept.numpy(), values["expected"])


def test_under_no_grad_a_matrix_product_updates_a_leaf_in_place():
    w = kept = leaf([[1.0, 2.0], [3.0, 4.0]])
    with cr.no_grad():
        w @= np.array([[0.0, 1.0], [1.0, 0.0]])
    assert w is kept
    assert w.tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_a_loop_over_parameters_trains_them():
    w = leaf([4.0, -2.0])
    for _ in range(100):
        loss = (w * w).sum()
        w.grad = None
        loss.backward()
        with cr.no_grad():
            for p in [w]:
                p -= 0.1 * p.grad
    np.testing.assert_allclose(w.numpy(), np.array([4.0, -2.0]) * 0.8**100, rtol=1e-10)


def test_outside_no_grad_the_name_is_bound_anew():
    w = kept = leaf([1.0, 2.0])
    w *= 2
    assert (kept.tolist(), w.tolist(), w.is_leaf) == ([1.0, 2.0], [2.0, 4.0], False)


def test_under_no_grad_a_tensor_without_gradient_is_bound_anew():
    x = kept = cr.tensor([1.0, 2.0])
    with cr.no_grad():
        x += 1
    assert (kept.tolist(), x.tolist()) == ([1.0, 2.0], [2.0, 3.0])


def test_under_no_grad_a_recorded_result_is_left_alone():
    x = leaf([1.0, 2.0])
    y = kept = x * x
    with cr.no_grad():
        y += 1
    kept.sum().backward()
    assert (kept.tolist(), y.tolist(), x.grad.tolist()) == ([1.0, 4.0], [2.0, 5.0], [2.0, 4.0])


def test_an_update_in_place_under_a_pending_backward_raises():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    with cr.no_grad():
        w -= 1
    with pytest.raises(cr.GraphError, match="changed at"):
        loss.backward()


def test_an_update_in_place_keeps_shape_and_dtype():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    with cr.no_grad():
        w += np.ones(2)
        with pytest.raises(cr.ShapeError, match="assign"):
            w += np.ones((3, 2))
    assert (w.dtype, w.tolist()) == (np.float32, [2.0, 3.0])


# ---- a leaf that is frozen for a while


@pytest.mark.parametrize("make", [lambda: leaf([1.0, 2.0]), lambda: leaf(np.arange(100.0)), lambda: cr.Value(3.0)])
def test_freezing_a_leaf_for_a_while_keeps_its_part_in_the_graph(make):
    w = make()
    loss = w * w
    w.requires_grad = False
    w.requires_grad = True
    loss = loss + w * w
    loss.backward(np.ones(w.shape))
    np.testing.assert_allclose(np.asarray(w.grad), 4 * w.numpy())


def test_what_is_computed_while_a_leaf_is_frozen_is_a_constant_of_it():
    w = leaf(3.0)
    first = w * w
    w.requires_grad = False
    second = first * w
    w.requires_grad = True
    second.backward()
    assert w.grad.tolist() == 18.0


def test_a_leaf_that_is_frozen_during_backward_gets_nothing_and_has_nothing_left_afterwards():
    w = leaf(3.0)
    loss = w * w
    w.requires_grad = False
    loss.backward()
    assert w.grad is None
    w.requires_grad = True
    assert w.grad is None


def test_freezing_forgets_the_gradient_and_keeps_the_name():
    w = leaf(3.0)
    w.name = "rate"
    (w * w).backward()
    w.requires_grad = False
    w.requires_grad = True
    assert (w.grad, w.name) == (None, "rate")


def test_a_leaf_may_change_its_dtype_while_it_is_frozen():
    layer = nn.Linear(2, 1)
    for p in layer.parameters():
        p.requires_grad = False
    layer.to("float64")
    for p in layer.parameters():
        p.requires_grad = True
    layer(np.ones((1, 2))).sum().backward()
    assert layer.weight.grad.dtype == np.float64


# ---- argnums


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (1, 0, 1), (np.int64(0), 0)])
@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad])
def test_an_argument_named_twice_is_refused(transform, argnums):
    with pytest.raises(cr.ArgumentError, match="argnums must name each argument once"):
        transform(lambda a, b: a * b, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnums", [(0, 1), (-1, 0), [1, 0]])
def test_arguments_named_once_each_get_their_gradient(argnums):
    found = cr.grad(lambda a, b: a * b, argnums)(2.0, 3.0)
    assert [g.item() for g in found] == [[3.0, 2.0][i] for i in argnums]


def test_argnums_may_be_an_integer_of_numpy():
    assert cr.grad(lambda a, b: a * b, np.int64(1))(2.0, 3.0).item() == 2.0


# ---- threads


def test_no_thread_loses_what_it_adds_to_a_shared_leaf():
    w = leaf(np.zeros(1000))

    def work():
        for _ in range(50):
            (w * 1.0).sum().backward()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(w.grad.tolist()) == {400.0}
