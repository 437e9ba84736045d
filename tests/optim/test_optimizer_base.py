"""What a step of an optimiser changes, refuses and measures; rules of one's own."""

import math
import sys
import warnings

import device_double
import numpy as np
import pytest
from optimizer_formulas import CASES, gradients, leaves, made, one, snapshot, start, train

import chainrule as cr
from chainrule import optim
from chainrule.optim import flat

# ---- what a step changes and what it leaves alone


def test_a_parameter_frozen_during_training_is_left_alone():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.requires_grad = False
    optimizer.zero_grad()
    (a * b).sum().backward()
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([1, 1], [0, 0])


def test_a_parameter_frozen_during_training_is_not_warned_about():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.requires_grad = False
    b.grad = [1.0, 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()


def test_a_parameter_thawed_during_training_is_updated_again():
    (a,) = leaves([np.ones(2)])
    optimizer = optim.SGD([a], lr=1.0)
    a.requires_grad = False
    a.requires_grad = True
    a.sum().backward()
    optimizer.step()
    assert a.tolist() == [0, 0]


@pytest.mark.parametrize("name", CASES)
def test_a_step_leaves_the_gradients_alone(name):
    (p,), g = leaves([np.ones(3)]), np.array([1.0, 2.0, 3.0])
    optimizer = made(name, [p])
    p.grad = g
    optimizer.step()
    assert p.grad.tolist() == g.tolist() == [1, 2, 3]


def test_a_step_does_not_write_to_the_users_arrays():
    a = np.ones(3)
    p = cr.asarray(a, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.ones(3)
    optimizer.step()
    assert (a.tolist(), p.tolist()) == ([1, 1, 1], [0, 0, 0])


def test_a_step_does_not_write_to_a_tensor_the_parameter_was_made_of():
    source = cr.ones(3)
    p = cr.nn.Parameter(source)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.ones(3)
    optimizer.step()
    assert source.tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", CASES)
def test_making_an_optimiser_changes_no_value(name):
    optimizer = made(name, leaves(start()))
    for p, a in zip(optimizer.params, start(), strict=True):
        np.testing.assert_array_equal(p.numpy(), a)


def test_a_copy_taken_before_a_step_keeps_its_values():
    p, optimizer = one(1.0)
    before = p.detach()
    optimizer.step()
    assert before.tolist() == [1]


def test_zero_grad_forgets_all_gradients():
    params = leaves(start())
    optimizer = optim.SGD([{"params": params[:2]}, {"params": params[2:]}], lr=1.0)
    for p, g in zip(params, gradients(0), strict=True):
        p.grad = g
    optimizer.zero_grad()
    assert [p.grad for p in params] == [None] * len(params)


CHANGES = {
    "assign": lambda p: p.assign([10.0, 20.0]),
    "data": lambda p: setattr(p, "data", np.array([10.0, 20.0])),
    "in place": lambda p: p.data.__setitem__(slice(None), [10.0, 20.0]),
}


@pytest.mark.parametrize("how", CHANGES)
def test_values_set_between_steps_are_respected(how):
    p, q = leaves([np.ones(2), np.ones(2)])
    optimizer = optim.SGD([p, q], lr=1.0)
    for _ in range(2):
        p.grad = q.grad = [1.0, 1.0]
        CHANGES[how](p)
        optimizer.step()
        assert p.tolist() == [9, 19]
    assert q.tolist() == [-1, -1]


def test_the_value_of_a_value_set_between_steps_is_respected():
    v = cr.Value(1.0)
    optimizer = optim.SGD([v], lr=1.0)
    v.grad = 1.0
    v.data = 5.0
    optimizer.step()
    assert v.data == 4.0


def test_a_state_loaded_after_the_optimiser_was_made_is_respected():
    model = cr.nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    model.load_state_dict({"weight": [[10.0], [20.0]], "bias": [30.0]})
    model(cr.ones((1, 2))).sum().backward()
    optimizer.step()
    assert (model.weight.tolist(), model.bias.tolist()) == ([[9.0], [19.0]], [29.0])


def test_the_learning_rate_may_change_between_steps():
    p, optimizer = one()
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.tolist() == [-1.25]


def test_steps_are_counted():
    _, optimizer = one()
    for _ in range(3):
        optimizer.step()
    assert optimizer.steps == 3


def test_gradients_of_a_differentiable_backward_can_be_stepped_along():
    for p in (cr.Value(3.0), cr.tensor(3.0, requires_grad=True)):
        optimizer = optim.SGD([p], lr=0.5)
        (p * p).backward(create_graph=True)
        optimizer.step()
        assert float(p.data) == 0.0


def test_a_step_between_forward_and_backward_is_noticed():
    p = cr.tensor(np.ones(100), requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    loss = (p * p).sum()
    p.grad = np.ones(100)
    optimizer.step()
    with pytest.raises(cr.GraphError, match="was changed at .*test_optimizer_base.py"):
        loss.backward()


def test_a_loss_computed_before_the_optimiser_was_made_still_has_the_right_gradient():
    p = cr.tensor([2.0, 3.0], requires_grad=True)
    loss = (p * p).sum()
    optim.SGD([p], lr=1.0)
    loss.backward()
    assert p.grad.tolist() == [4, 6]


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_not_recorded(name):
    (p,) = leaves([np.ones(2)])
    optimizer = made(name, [p])
    (p * p).sum().backward()
    optimizer.step()
    assert p.requires_grad
    (p * 3).sum().backward()


def test_a_new_optimiser_takes_over_the_parameters_of_an_old_one():
    p, old = one(1.0)
    optim.SGD([p], lr=0.5).step()
    assert p.tolist() == [0.5]
    with pytest.raises(cr.GraphError, match="given to another optimiser"):
        old.step()


# ---- a closure


def test_step_returns_what_the_closure_returned_after_its_backward():
    p, optimizer = one(3.0, lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert (optimizer.step(closure).item(), p.tolist()) == (9.0, [0.0])


def test_without_a_closure_step_returns_nothing():
    assert one()[1].step() is None


def test_a_closure_is_recorded_even_where_nothing_else_is():
    p, optimizer = one(3.0, lr=0.5)

    @cr.no_grad()
    def step():
        return optimizer.step(lambda: (optimizer.zero_grad(), (p * p).sum().backward()))

    step()
    assert p.tolist() == [0.0]


def test_a_closure_that_raises_leaves_everything_as_it_was():
    _, optimizer = one()
    before = snapshot(optimizer)
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)
    assert snapshot(optimizer) == before


# ---- rules of one's own


def test_an_optimiser_of_ones_own_is_an_update_rule():
    class Sign(optim.Optimizer):
        @staticmethod
        def update(p, g, *, lr):
            return (p - lr * cr.sign(g),)

    (p,) = leaves([np.zeros(3)])
    p.grad = [5.0, -0.1, 0.0]
    Sign([p], lr=1.0).step()
    assert p.tolist() == [-1, 1, 0]


def test_a_rule_gets_its_state_its_count_and_the_options_that_it_names():
    class Counting(optim.Optimizer):
        @staticmethod
        def state(start, **_):
            return {"total": start}

        @staticmethod
        def update(p, g, total, *, t, lr, speed):
            return p - lr * speed * t, total + g

    (p,) = leaves([np.zeros(1)])
    optimizer = Counting([p], lr=0.5, start=10.0, speed=2.0, unused="text")
    for _ in range(3):
        p.grad = [1.0]
        optimizer.step()
    assert (p.tolist(), optimizer.state_dict()["state"][0]["total"].tolist()) == ([-6.0], [13.0])


def test_an_optimiser_without_an_update_rule_says_so():
    (p,) = leaves([np.zeros(1)])
    p.grad = [1.0]
    with pytest.raises(NotImplementedError, match="must define update"):
        optim.Optimizer([p], 1.0).step()


def test_the_repr_names_the_optimiser_and_its_rate():
    assert repr(optim.Adam(leaves(start()), lr=0.25)) == "Adam(5 parameters, lr=0.25)"


def test_the_repr_counts_groups():
    groups = [{"params": leaves(start())}, {"params": leaves(start())}]
    assert repr(optim.Lion(groups, lr=0.25)) == "Lion(10 parameters in 2 groups, lr=0.25)"


# ---- missing gradients


MISSING = "no gradient has reached"


def test_a_missing_gradient_warns_with_the_name_of_the_parameter():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([("first", a), ("second", b)], lr=1.0)
    a.grad = [1.0, 1.0]
    with pytest.warns(UserWarning, match=rf"SGD.step: {MISSING} 'second' \(2,\), left unchanged"):
        optimizer.step()


def test_a_missing_gradient_of_a_nameless_parameter_warns_with_its_place_and_shape():
    a, b = leaves([np.ones(2), np.ones((3, 4))])
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad = [1.0, 1.0]
    with pytest.warns(UserWarning, match=rf"{MISSING} 1 of shape \(3, 4\)"):
        optimizer.step()


def test_a_missing_gradient_of_a_value_warns_with_the_name_of_the_value():
    a, b = cr.Value(1.0, "a"), cr.Value(1.0, "b")
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad = 1.0
    with pytest.warns(UserWarning, match=rf"{MISSING} 'b'"):
        optimizer.step()


def test_the_warning_points_to_the_line_of_the_step():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad = [1.0, 1.0]
    with pytest.warns(UserWarning, match=MISSING) as caught:
        optimizer.step()
    assert caught[0].filename == __file__


def test_a_missing_gradient_warns_once():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            a.grad = [1.0, 1.0]
            optimizer.step()
    assert len(caught) == 1


def test_a_step_without_any_gradient_says_what_to_call():
    with pytest.raises(cr.GraphError, match=r"SGD.step: no parameter has a gradient; call loss.backward\(\) first"):
        optim.SGD(leaves(start()), lr=0.1).step()


def test_a_step_without_any_gradient_does_not_count():
    optimizer = optim.SGD(leaves(start()), lr=0.1)
    with pytest.raises(cr.GraphError):
        optimizer.step()
    assert optimizer.steps == 0


# ---- nan and infinity


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", CASES)
def test_a_gradient_that_is_not_finite_changes_nothing(name, bad):
    optimizer = made(name, leaves(start()))
    train(optimizer, 3)
    before = snapshot(optimizer)
    for p, g in zip(optimizer.params, gradients(3), strict=True):
        p.grad = g
    optimizer.params[-1].grad = np.where(np.arange(10).reshape(2, 1, 5) == 7, bad, gradients(3)[-1])
    with pytest.raises(cr.GraphError, match="nothing was changed"):
        optimizer.step()
    assert snapshot(optimizer) == before


def test_after_a_refused_gradient_training_goes_on_as_if_it_had_not_been():
    refused, other = (optim.Adam(leaves(start())) for _ in range(2))
    train(refused, 3)
    refused.params[0].grad = np.full((3, 4), math.nan)
    with pytest.raises(cr.GraphError):
        refused.step()
    for a, b in zip(train(refused, 3, first=3), train(other, 6), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_gradient_on_a_device_that_is_not_finite_raises_when_a_value_is_read(strict):
    optimizer = optim.SGD([w := cr.ones(2, device=strict, requires_grad=True)], lr=0.5)
    for i in range(6):
        w.grad = [1.0, math.nan] if i in (2, 4) else [1.0, 0.0]
        with device_double.forbid("waits"):
            optimizer.step()
    message = "SGD.step: every gradient must be finite; found when device 'strict'.*; steps that changed nothing: 2, the first number 3"
    with pytest.raises(cr.GraphError, match=message):
        w.numpy()
    assert w.tolist() == [-1, 1]
    optimizer.step()
    assert w.tolist() == [-1.5, 1]


def test_all_that_checks_on_a_device_have_found_is_told(strict):
    w = cr.ones(2, device=strict, requires_grad=True)
    w.grad = [1.0, math.inf]
    optim.clip_grad_norm([w], 1.0)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(cr.GraphError, match="clip_grad_norm: every gradient") as caught:
        w.numpy()
    assert "steps that changed nothing: 1, the first number 1" in caught.value.__notes__[0]


def test_finite_gradients_on_a_device_whose_squares_overflow_are_no_reason_to_stop(strict):
    (w,) = params = [cr.zeros(2, device=strict, requires_grad=True)]
    w.grad = [1e30, 1e30]
    optim.SGD(params, lr=1e-30).step()
    assert w.tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_gradient_that_is_not_finite_is_counted_and_its_parameter_named(dtype):
    a, b = leaves([np.ones(2), np.ones((2, 3))], dtype)
    optimizer = optim.Adam([("first", a), ("second.weight", b)])
    a.grad, b.grad = [1.0, 1.0], [[math.nan, 1.0, math.inf], [0.0, math.nan, 2.0]]
    message = r"Adam.step: .* the gradient of parameter 'second.weight' \(2, 3\) has 2 nan and 1 infinite of 6 elements"
    with pytest.raises(cr.GraphError, match=message):
        optimizer.step()


def test_a_nameless_parameter_whose_gradient_is_not_finite_is_named_by_its_place():
    a, b = leaves([np.ones(2), np.ones(3)])
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad, b.grad = [1.0, 1.0], [1.0, -math.inf, 1.0]
    with pytest.raises(cr.GraphError, match=r"parameter 1 of shape \(3,\) has 0 nan and 1 infinite of 3"):
        optimizer.step()


def test_the_gradient_of_a_value_that_is_not_finite_is_named():
    a, b = cr.Value(1.0, "a"), cr.Value(1.0, "b")
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad, b.grad = 1.0, math.nan
    with pytest.raises(cr.GraphError, match=r"parameter 'b' \(\) has 1 nan"):
        optimizer.step()
    assert (a.data, b.data) == (1.0, 1.0)


def test_a_gradient_that_is_not_finite_in_one_buffer_changes_no_other():
    params = [*leaves([np.ones(2)], "float32"), cr.Value(1.0), *leaves([np.ones(2)], "float64")]
    optimizer = optim.SGD(params, lr=1.0)
    for p, g in zip(params, ([1.0, 1.0], 1.0, [1.0, math.inf]), strict=True):
        p.grad = g
    with pytest.raises(cr.GraphError, match="parameter 2"):
        optimizer.step()
    assert [p.tolist() for p in params] == [[1, 1], 1, [1, 1]]


def test_a_gradient_that_is_not_finite_in_the_middle_of_many_chunks_is_found():
    (p,) = leaves([np.ones(3 * flat.CHUNK)], "float32")
    optimizer, g = optim.SGD([p], lr=1.0), np.zeros(3 * flat.CHUNK)
    g[2 * flat.CHUNK - 1] = math.nan
    p.grad = g
    with pytest.raises(cr.GraphError, match=f"1 nan and 0 infinite of {3 * flat.CHUNK}"):
        optimizer.step()


def wider(dtype):
    """Whether NumPy has floats here that hold the squares of all floats of this dtype."""
    return np.finfo(np.longdouble).maxexp > 2 * np.finfo(dtype).maxexp


@pytest.mark.parametrize(
    ("dtype", "huge"),
    [
        ("float16", 6e4),
        ("float32", 1e30),
        pytest.param("float64", 1e200, marks=pytest.mark.skipif(not wider("float64"), reason="no wider floats here")),
    ],
)
def test_finite_gradients_whose_squares_overflow_are_no_reason_to_stop(dtype, huge):
    (p,) = leaves([np.ones(3)], dtype)
    optimizer = optim.SGD([p], lr=0.25 / huge)
    p.grad = [huge, -huge, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    assert p.tolist() == pytest.approx([0.75, 1.25, 1.0], rel=1e-3)
    assert optimizer.grad_norm.item() == pytest.approx(math.sqrt(2) * huge, rel=1e-3)


def step_or_nothing(optimizer):
    """Take a step, after which all numbers are finite, or which raises and changes nothing; whether it was taken."""
    before = snapshot(optimizer)
    try:
        optimizer.step()
    except cr.GraphError as error:
        said = str(error)
    else:
        written = [p.numpy() for p in optimizer.params] + [s for _, f in optimizer.buffers for s in f.state.values()]
        assert all(np.isfinite(array).all() for array in written)
        return True
    assert "the rule overflows" in said
    assert "nothing was changed" in said
    assert snapshot(optimizer) == before
    return False


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_a_step_that_overflows_raises_and_changes_nothing(name, dtype):
    top = 0.9 * float(np.finfo(dtype).max)
    taken = set()
    for value, g, rate in [
        (1, 1, 1),
        (top, 1, 1),
        (top, -top, 1),
        (1, top, 1e-3),
        (1, -top, 10),
        (1, 1, 1e39),
        (1, 1, 1e100),
    ]:
        optimizer = made(name, leaves([np.ones(2), np.array([1.0, value])], dtype), lr=rate)
        for _ in range(3):
            for p, last in zip(optimizer.params, (1, g), strict=True):
                p.grad = np.array([1, last])
            taken.add(step_or_nothing(optimizer))
    assert taken == {True, False} or (taken == {True} and dtype == "float64")


@pytest.mark.parametrize(("name", "value"), [("lr", 1e101), ("weight_decay", 1e300), ("lr", lambda step: 1e200)])
def test_numbers_that_overflow_among_themselves_are_no_options(name, value):
    (p,) = leaves([np.ones(1)])
    p.grad = [1.0]
    with pytest.raises(cr.ArgumentError, match=f"{name} must be .*at most 1e\\+100"):
        optim.SGD([p], **{"lr": 1.0, name: value}).step()


@pytest.mark.parametrize(("kind", "g", "rate"), [(optim.SGD, 1e30, 1e20), (optim.SGD, 1, 1e39), (optim.Adam, 1e25, 1)])
def test_a_step_of_many_elements_that_overflows_in_the_last_changes_nothing(kind, g, rate):
    optimizer = kind(leaves([np.ones(flat.CHUNK), np.ones(3)], "float32"), lr=rate)
    for p, last in zip(optimizer.params, (0, g), strict=True):
        p.grad = np.full(p.shape, last)
    assert not step_or_nothing(optimizer)


def test_an_overflow_that_cannot_be_foreseen_is_told_all_the_same():
    optimizer = optim.SGD(leaves([np.ones(flat.CHUNK), np.full(3, 3e38)], "float32"), lr=0.1, weight_decay=100.0)
    for p in optimizer.params:
        p.grad = np.ones(p.shape)
    with pytest.raises(cr.GraphError, match="the rule overflows.*some parameters have changed"):
        optimizer.step()


@pytest.mark.parametrize("kind", [optim.SGD, optim.LBFGS])
def test_the_norm_of_gradients_whose_squares_vanish_is_no_0(kind):
    (p,) = leaves([np.ones(2)], "float32")
    optimizer = kind([p], lr=1.0)

    def closure():
        optimizer.zero_grad()
        loss = (p * cr.tensor([3e-25, 4e-25])).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert optimizer.grad_norm.item() == pytest.approx(5e-25, rel=1e-6)


def test_squares_that_overflow_do_not_need_a_gradient_in_every_buffer():
    a, b = leaves([np.ones(1)], "float64") + leaves([np.ones(1)], "float32")
    optimizer = optim.SGD([a, b], lr=1e-30)
    b.grad = [1e30]
    with pytest.warns(UserWarning, match=MISSING):
        optimizer.step()
    assert optimizer.grad_norm.item() == pytest.approx(1e30, rel=1e-6)


# ---- the norm of the gradients


def test_before_the_first_step_there_is_no_norm():
    assert one()[1].grad_norm is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_norm_is_that_of_all_gradients_together(dtype):
    optimizer = optim.SGD(leaves(start(), dtype), lr=0.01)
    train(optimizer, 1)
    norm, together = optimizer.grad_norm, np.concatenate([g.reshape(-1) for g in gradients(0)])
    assert (type(norm), norm.shape, norm.requires_grad) == (cr.Tensor, (), False)
    assert norm.item() == pytest.approx(np.linalg.norm(together), rel=1e-3 if dtype == "float16" else 1e-6)


def test_the_norm_is_that_of_the_last_step():
    optimizer = optim.SGD(leaves(start()), lr=0.01)
    train(optimizer, 3)
    together = np.concatenate([g.reshape(-1) for g in gradients(2)])
    assert optimizer.grad_norm.item() == pytest.approx(np.linalg.norm(together), rel=1e-12)


@pytest.mark.filterwarnings(f"ignore:.*{MISSING}")
def test_the_norm_skips_missing_gradients():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=0.1)
    b.grad = [3.0, 4.0]
    optimizer.step()
    assert optimizer.grad_norm.item() == 5.0


def test_the_norm_covers_every_group_dtype_and_device(strict):
    params = [
        *leaves([np.ones(1)], "float16"), *leaves([np.ones(1)], "float32"), *leaves([np.ones(1)], "float64"),
        cr.Value(1.0), *leaves([np.ones(1)], "float32", strict),
    ]  # fmt: skip
    optimizer = optim.SGD([{"params": params[:2]}, {"params": params[2:], "lr": 0.2}], lr=0.1)
    for p in params:
        p.grad = 2.0 if p.device == "scalar" else [2.0]
    optimizer.step()
    assert optimizer.grad_norm.item() == pytest.approx(math.sqrt(20), rel=1e-6)


def test_the_norm_of_values_is_that_of_their_gradients():
    a, b = cr.Value(1.0), cr.Value(1.0)
    optimizer = optim.SGD([a, b], lr=0.1)
    a.grad, b.grad = 3.0, 4.0
    optimizer.step()
    assert optimizer.grad_norm.item() == 5.0


def test_on_a_device_the_norm_stays_there_until_it_is_read(strict):
    (p,) = leaves([np.ones(2)], "float32", strict)
    optimizer = optim.Adam([p])
    p.grad = cr.tensor([3.0, 4.0], device=strict)
    with device_double.forbid("waits"):
        optimizer.step()
        norm = optimizer.grad_norm
    assert (norm.device, norm.item()) == (strict, 5.0)


def test_on_a_device_a_step_measures_the_gradients_once(strict, monkeypatch):
    (p,) = leaves([np.ones(2)], "float32", strict)
    optimizer, measured = optim.Adam([p]), []
    squares = flat.sum_of_squares
    monkeypatch.setattr(
        sys.modules[optim.Optimizer.__module__], "sum_of_squares", lambda *args: measured.append(1) or squares(*args)
    )
    p.grad = cr.tensor([3.0, 4.0], device=strict)
    optimizer.step()
    assert len(measured) == 1


def test_one_plateau_does_not_serve_two_optimisers_at_once():
    lr = optim.schedule.ReduceOnPlateau(0.1)
    first, second = (optim.SGD(leaves([np.ones(1)]), lr=lr) for _ in range(2))
    second.observe({"val_loss": 1.0})
    with pytest.raises(cr.ArgumentError, match="given to another optimiser since; make one for each"):
        first.observe({"val_loss": 1.0})
    assert lr.best == 1.0


# ---- rules that work in place, or give what they were given


class Rule(optim.Optimizer):
    """p less lr times a mean of gradients, written in one of several ways."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, lr=lr)

    @staticmethod
    def state(**_):
        return {"m": 0.0}


class InPlace(Rule):
    @staticmethod
    def update(p, g, m, *, lr):
        def halve(x):
            x *= 0.5

        halve(m)
        m += g
        p -= lr * m
        return p, m


class InPlaceWithSize(Rule):
    @staticmethod
    def update(p, g, m, *, lr):
        p -= lr * g * p.size
        m += g
        return p, m


class Before(Rule):
    """The state is what the parameters were."""

    @staticmethod
    def update(p, g, m, *, lr):
        return p - lr * g, p


class Exchanged(Rule):
    @staticmethod
    def update(p, g, m, *, lr):
        return m, p


@pytest.mark.parametrize("bad", [False, True], ids=["finite", "nan"])
@pytest.mark.parametrize("rule", [InPlace, InPlaceWithSize, Before, Exchanged])
def test_rules_in_place_do_what_they_do_with_copies(rule, bad, device):
    p = cr.tensor([1.0, 2.0], device=device, requires_grad=True)
    optimizer, values, state = rule([p]), np.array([1.0, 2.0]), np.zeros(2)
    for g in ([1.0, 3.0], [np.nan, 1.0] if bad else [2.0, 1.0], [-1.0, 2.0]):
        p.grad = cr.tensor(g, device=device)
        try:
            optimizer.step()
            p.numpy()
        except cr.GraphError:
            continue
        values, state = rule.update(values.copy(), np.array(g), state.copy(), lr=0.5)
    assert p.tolist() == values.tolist()
    assert optimizer.state_dict()["state"][0]["m"].tolist() == state.tolist()
