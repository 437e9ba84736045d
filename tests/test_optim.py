"""Optimisers against PyTorch and against their formulas in NumPy; mini-batches."""

import copy
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim import optimizer as module

SHAPES = [(3, 4), (4,), (), (0, 2), (2, 1, 5)]
STEPS = 200


def start(shapes=tuple(SHAPES)):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


def gradients(step, shapes=tuple(SHAPES)):
    """What the parameters get at a step: numbers of very different sizes."""
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 1) for shape in shapes]


def leaves(arrays, dtype="float64"):
    return [cr.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]


# ---- the formulas, one parameter at a time


def np_sgd(p, grads, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = np.zeros_like(p)
    for g in grads:
        g = g + weight_decay * p
        v = momentum * v + g
        p = p - lr * (g + momentum * v if nesterov else v)
    return p


def np_adam(p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


# name -> (optimiser, formula, the name in PyTorch, options)
CASES = {
    "SGD": (optim.SGD, np_sgd, "SGD", dict(lr=0.05)),
    "SGD with weight decay": (optim.SGD, np_sgd, "SGD", dict(lr=0.05, weight_decay=0.1)),
    "SGD with momentum": (optim.SGD, np_sgd, "SGD", dict(lr=0.01, momentum=0.9)),
    "SGD with momentum and decay": (optim.SGD, np_sgd, "SGD", dict(lr=0.01, momentum=0.9, weight_decay=0.1)),
    "Nesterov": (optim.SGD, np_sgd, "SGD", dict(lr=0.01, momentum=0.9, nesterov=True)),
    "Nesterov with decay": (optim.SGD, np_sgd, "SGD", dict(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "Adam": (optim.Adam, np_adam, "Adam", dict(lr=0.01)),
    "Adam with its own betas": (optim.Adam, np_adam, "Adam", dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3)),
    "Adam without betas": (optim.Adam, np_adam, "Adam", dict(lr=0.01, betas=(0.0, 0.0))),
    "Adam with weight decay": (optim.Adam, np_adam, "Adam", dict(lr=0.01, weight_decay=0.1)),
}


def run(name, params, steps=STEPS, grads=gradients):
    make, _, _, options = CASES[name]
    optimizer = make(params, **options)
    for step in range(steps):
        for p, g in zip(params, grads(step), strict=True):
            p.grad = g
        optimizer.step()
    return [p.numpy() for p in params]


def expected(name, steps=STEPS, shapes=tuple(SHAPES)):
    _, formula, _, options = CASES[name]
    series = zip(*(gradients(step, shapes) for step in range(steps)), strict=True)
    return [formula(p, grads, **options) for p, grads in zip(start(shapes), series, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_200_steps_are_those_of_the_formula(name):
    for ours, theirs in zip(run(name, leaves(start())), expected(name), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_200_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    _, _, theirs, options = CASES[name]
    params = [torch.tensor(a, requires_grad=True) for a in start()]
    optimizer = getattr(torch.optim, theirs)(params, **options)
    for step in range(STEPS):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
    for ours, p in zip(run(name, leaves(start())), params, strict=True):
        np.testing.assert_allclose(ours, p.detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_steps_over_several_stretches_are_those_of_the_formula(name, monkeypatch):
    monkeypatch.setattr(module, "STRETCH", 5)
    for ours, theirs in zip(run(name, leaves(start()), 20), expected(name, 20), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_parameters_longer_than_a_stretch_are_updated_to_the_end():
    shapes = ((3,), (2 * module.STRETCH + 7,), (module.STRETCH - 1,), (5, 5))
    ours = run("Adam", leaves(start(shapes)), 2, lambda step: gradients(step, shapes))
    for a, b in zip(ours, expected("Adam", 2, shapes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_values_are_updated_as_arrays_are(name):
    shapes = ((), (), ())
    values = [cr.Value(float(a)) for a in start(shapes)]
    run(name, values, 20, lambda step: gradients(step, shapes))
    assert [v.data for v in values] == pytest.approx([float(p) for p in expected(name, 20, shapes)], rel=1e-10)


def test_the_data_of_a_value_stays_a_float():
    v = cr.Value(2.0)
    (v * v).backward()
    optim.Adam([v]).step()
    assert type(v.data) is float


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_parameters_keep_their_dtype_and_come_close_to_the_formula(name, dtype):
    params = leaves(start(), dtype)
    ours = run(name, params, 10)
    assert {p.dtype.name for p in params} == {dtype}
    for a, b in zip(ours, expected(name, 10), strict=True):
        np.testing.assert_allclose(
            a, b, **{"float16": dict(rtol=0.02, atol=0.02), "float32": dict(rtol=1e-3, atol=1e-4)}[dtype]
        )


def test_adam_survives_gradients_whose_squares_float16_cannot_hold():
    p = cr.tensor([1.0, 1.0, 1.0], dtype="float16", requires_grad=True)
    p.grad = [1e-3, 1e-5, 0.0]
    optim.Adam([p], lr=0.25).step()
    assert p.tolist() == pytest.approx([0.75, 0.75, 1.0], abs=1e-3)


def test_parameters_of_several_dtypes_and_devices_are_updated_together(strict):
    params = [
        cr.tensor([1.0, 2.0], dtype=dtype, device=device, requires_grad=True)
        for dtype in ("float32", "float64", "float32")
        for device in ("cpu", strict)
    ] + [cr.Value(1.0)]
    optimizer = optim.SGD(params, lr=0.5)
    for p in params:
        p.grad = 2.0 if p.device == "scalar" else [2.0, 2.0]
    optimizer.step()
    assert [p.tolist() for p in params] == [[0.0, 1.0]] * 6 + [0.0]
    assert [p.dtype.name for p in params[:3]] == ["float32", "float32", "float64"]


def test_a_transposed_parameter_is_updated_where_its_elements_are():
    p = cr.asarray(np.arange(6.0).reshape(2, 3).T, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.arange(6.0).reshape(2, 3).T
    optimizer.step()
    assert p.tolist() == np.zeros((3, 2)).tolist()


# ---- what a step changes and what it leaves alone


@pytest.mark.parametrize(
    "make", [lambda p: optim.SGD(p, 0.1, momentum=0.9), lambda p: optim.Adam(p, 0.1)], ids=["SGD", "Adam"]
)
@pytest.mark.parametrize("idle", [0, 1, 2])
def test_a_parameter_without_gradient_is_left_alone_with_its_state(make, idle):
    """A parameter that misses steps ends where it would had the steps never been."""
    params, alone = leaves([np.ones(2)] * 3), leaves([np.ones(2)])
    both, single = make(params), make(alone)
    for step in range(6):
        for i, p in enumerate(params):
            p.grad = None if i == idle and step in (0, 1, 4) else [1.0 + step, -0.5]
        before = params[idle].tolist()
        both.step()
        if step in (0, 1, 4):
            assert params[idle].tolist() == before
        else:
            alone[0].grad = [1.0 + step, -0.5]
            single.step()
    np.testing.assert_allclose(params[idle].numpy(), alone[0].numpy(), rtol=1e-14)


def test_parameters_that_miss_steps_are_updated_as_pytorch_does():
    torch = pytest.importorskip("torch")
    ours = leaves([np.ones(2)] * 4)
    theirs = [torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in ours]
    a, b = optim.Adam(ours, 0.1), torch.optim.Adam(theirs, 0.1)
    rng = np.random.default_rng(0)
    for _ in range(30):
        for p, q in zip(ours, theirs, strict=True):
            g = rng.normal(size=2) if rng.random() < 0.5 else None
            p.grad, q.grad = g, None if g is None else torch.tensor(g)
        if any(p.grad is not None for p in ours):
            a.step()
            b.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-12)


def test_a_parameter_frozen_during_training_is_left_alone():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.requires_grad = False
    optimizer.zero_grad()
    (a * b).sum().backward()
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([1, 1], [0, 0])


def test_a_parameter_thawed_during_training_is_updated_again():
    a = leaves([np.ones(2)])[0]
    optimizer = optim.SGD([a], lr=1.0)
    a.requires_grad = False
    a.requires_grad = True
    a.sum().backward()
    optimizer.step()
    assert a.tolist() == [0, 0]


@pytest.mark.parametrize("name", ["SGD with momentum and decay", "Adam with weight decay"])
def test_a_step_leaves_the_gradients_alone(name):
    params, g = leaves([np.ones(3)]), np.array([1.0, 2.0, 3.0])
    make, _, _, options = CASES[name]
    optimizer = make(params, **options)
    params[0].grad = g
    optimizer.step()
    assert params[0].grad.tolist() == g.tolist() == [1, 2, 3]


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


def test_making_an_optimiser_changes_no_value():
    params = leaves(start())
    optim.Adam(params)
    for p, a in zip(params, start(), strict=True):
        np.testing.assert_array_equal(p.numpy(), a)


def test_a_copy_taken_before_a_step_keeps_its_values():
    (p,) = leaves([np.ones(3)])
    optimizer = optim.SGD([p], lr=1.0)
    before = p.detach()
    p.grad = np.ones(3)
    optimizer.step()
    assert before.tolist() == [1, 1, 1]


def test_zero_grad_forgets_all_gradients():
    params = leaves(start())
    optimizer = optim.SGD(params, lr=1.0)
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
    (p,) = leaves([np.zeros(1)])
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = [1.0]
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.tolist() == [-1.25]


def test_steps_are_counted():
    (p,) = leaves([np.zeros(1)])
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = [1.0]
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
    with pytest.raises(cr.GraphError, match="was changed at .*test_optim.py"):
        loss.backward()


def test_a_loss_computed_before_the_optimiser_was_made_still_has_the_right_gradient():
    p = cr.tensor([2.0, 3.0], requires_grad=True)
    loss = (p * p).sum()
    optim.SGD([p], lr=1.0)
    loss.backward()
    assert p.grad.tolist() == [4, 6]


def test_a_step_is_not_recorded():
    (p,) = leaves([np.ones(2)])
    optimizer = optim.Adam([p])
    (p * p).sum().backward()
    optimizer.step()
    assert p.requires_grad
    (p * 3).sum().backward()


def test_parameters_may_come_from_a_generator():
    model = cr.nn.MLP([2, 3, 1])
    assert len(optim.SGD((p for p in model.parameters()), lr=0.1).params) == 4


def test_a_new_optimiser_takes_over_the_parameters_of_an_old_one():
    (p,) = leaves([np.ones(2)])
    old, new = optim.SGD([p], lr=1.0), optim.SGD([p], lr=0.5)
    p.grad = [1.0, 1.0]
    new.step()
    assert p.tolist() == [0.5, 0.5]
    with pytest.raises(cr.GraphError, match="given to another optimiser"):
        old.step()


def test_an_optimiser_of_ones_own_is_an_update_rule():
    class Sign(optim.Optimizer):
        def update(self, t, p, g):
            return (p - self.lr * cr.sign(g),)

    (p,) = leaves([np.zeros(3)])
    p.grad = [5.0, -0.1, 0.0]
    Sign([p], lr=1.0).step()
    assert p.tolist() == [-1, 1, 0]


def test_an_optimiser_without_an_update_rule_says_so():
    (p,) = leaves([np.zeros(3)])
    p.grad = [1.0, 1.0, 1.0]
    with pytest.raises(NotImplementedError, match="Optimizer must define update"):
        optim.Optimizer([p], 1.0).step()


def test_the_repr_names_the_optimiser_and_its_rate():
    assert repr(optim.Adam(leaves(start()), lr=0.25)) == "Adam(5 parameters, lr=0.25)"


@pytest.mark.parametrize("name", CASES)
def test_an_optimiser_finds_the_bottom_of_a_bowl(name):
    make, _, _, options = CASES[name]
    if options.get("weight_decay"):
        options = options | {"weight_decay": 1e-6}
    p = cr.tensor([3.0, -2.0], dtype="float64", requires_grad=True)
    optimizer = make([p], **options | {"lr": 0.05})
    for _ in range(1000):
        optimizer.zero_grad()
        ((p - cr.tensor([1.0, 2.0])) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), [1.0, 2.0], atol=0.05)


# ---- bad input


@pytest.mark.parametrize("lr", [0, -0.1, math.nan, math.inf, "0.1", None])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_bad_learning_rate_is_refused(make, lr):
    with pytest.raises(cr.ArgumentError, match=f"{make.__name__}: lr must be a finite number above 0, not {lr!r}"):
        make(leaves(start()), lr=lr)


def test_a_refused_optimiser_leaves_the_parameters_alone():
    (p,) = leaves([np.ones(2)])
    good = optim.SGD([p], lr=1.0)
    for bad in (lambda: optim.SGD([p], lr=0), lambda: optim.Adam([p, p]), lambda: optim.Adam([p, 1.0])):
        with pytest.raises(cr.ArgumentError):
            bad()
    p.grad = [1.0, 1.0]
    good.step()
    assert p.tolist() == [0, 0]


@pytest.mark.parametrize("lr", [0, math.nan])
def test_a_learning_rate_that_became_bad_is_refused_and_changes_nothing(lr):
    (p,) = leaves([np.ones(1)])
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = [1.0]
    optimizer.lr = lr
    with pytest.raises(cr.ArgumentError, match="lr must be a finite number above 0"):
        optimizer.step()
    assert (p.tolist(), optimizer.steps) == ([1.0], 0)


BAD = {
    "momentum of 1": (lambda p: optim.SGD(p, 0.1, momentum=1.0), "momentum must be at least 0 and below 1, not 1.0"),
    "momentum below 0": (lambda p: optim.SGD(p, 0.1, momentum=-0.5), "momentum must be .*not -0.5"),
    "momentum of nan": (lambda p: optim.SGD(p, 0.1, momentum=math.nan), "momentum must be .*not nan"),
    "momentum of text": (lambda p: optim.SGD(p, 0.1, momentum="0.9"), "momentum must be .*not '0.9'"),
    "Nesterov alone": (lambda p: optim.SGD(p, 0.1, nesterov=True), "nesterov=True needs a momentum above 0"),
    "decay below 0": (lambda p: optim.SGD(p, 0.1, weight_decay=-1), "weight_decay must be .*at least 0, not -1"),
    "decay of inf": (lambda p: optim.Adam(p, weight_decay=math.inf), "weight_decay must be a finite .*not inf"),
    "beta of 1": (lambda p: optim.Adam(p, betas=(0.9, 1.0)), r"betas\[1\] must be at least 0 and below 1, not 1.0"),
    "beta below 0": (lambda p: optim.Adam(p, betas=(-0.1, 0.9)), r"betas\[0\] must be .*not -0.1"),
    "one beta": (lambda p: optim.Adam(p, betas=(0.9,)), r"betas must be two numbers, not \(0.9,\)"),
    "three betas": (lambda p: optim.Adam(p, betas=(0.9, 0.9, 0.9)), "betas must be two numbers"),
    "a number for betas": (lambda p: optim.Adam(p, betas=0.9), "betas must be two numbers, not 0.9"),
    "eps below 0": (lambda p: optim.Adam(p, eps=-1e-8), "eps must be a finite number of at least 0"),
    "eps of nan": (lambda p: optim.Adam(p, eps=math.nan), "eps must be a finite number .*not nan"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_rate_is_refused_by_name(what):
    make, message = BAD[what]
    with pytest.raises(cr.ArgumentError, match=message):
        make(leaves(start()))


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_no_parameters_are_refused(make):
    with pytest.raises(cr.ArgumentError, match=f"{make.__name__}: needs at least one parameter"):
        make([], lr=0.1)


def test_a_parameter_given_twice_is_refused():
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(cr.ArgumentError, match="a parameter was given twice"):
        optim.SGD([a, b, a], lr=0.1)


@pytest.mark.parametrize(
    "make", [lambda: cr.ones(2), lambda: cr.ones(2, requires_grad=True) * 2, lambda: np.ones(2), lambda: 1.0, lambda: "weight"],
    ids=["no gradient", "result", "array", "number", "name"],
)  # fmt: skip
def test_what_is_no_leaf_that_requires_grad_is_refused_with_its_place(make):
    with pytest.raises(cr.ArgumentError, match="SGD: parameter 1 must be a leaf that requires grad"):
        optim.SGD([*leaves([np.ones(2)]), make()], lr=0.1)


def test_a_step_without_any_gradient_says_what_to_call():
    with pytest.raises(cr.GraphError, match=r"SGD.step: no parameter has a gradient; call loss.backward\(\) first"):
        optim.SGD(leaves(start()), lr=0.1).step()


def test_a_step_without_any_gradient_does_not_count():
    optimizer = optim.SGD(leaves(start()), lr=0.1)
    with pytest.raises(cr.GraphError):
        optimizer.step()
    assert optimizer.steps == 0


# ---- mini-batches


def seen(batches):
    """The examples of one pass, in order."""
    return [i for (x, *_) in batches for i in x.tolist()]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 99, None])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_pass_visits_every_example_once(batch_size, shuffle):
    batches = optim.Batches(np.arange(10), batch_size=batch_size, shuffle=shuffle, seed=0)
    for _ in range(3):
        assert sorted(seen(batches)) == list(range(10))


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (3, False, [3, 3, 3, 1]), (3, True, [3, 3, 3]), (5, False, [5, 5]), (5, True, [5, 5]), (1, False, [1] * 10),
        (10, True, [10]), (99, False, [10]), (99, True, [10]), (None, False, [10]), (None, True, [10]),
        (np.int64(4), False, [4, 4, 2]),
    ],
)  # fmt: skip
def test_batches_have_the_size_asked_for_and_the_last_what_is_left(batch_size, drop_last, sizes):
    batches = optim.Batches(np.arange(10), batch_size=batch_size, drop_last=drop_last)
    assert [len(x) for (x,) in batches] == sizes
    assert len(batches) == len(sizes)


def test_a_pass_that_drops_the_last_batch_visits_no_example_twice():
    batches = optim.Batches(np.arange(10), batch_size=3, drop_last=True, seed=0)
    assert len(set(seen(batches))) == 9


def test_without_shuffling_the_order_is_that_of_the_data():
    batches = optim.Batches(np.arange(10), batch_size=3, shuffle=False)
    assert [x.tolist() for (x,) in batches] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_each_pass_has_another_order():
    batches = optim.Batches(np.arange(50), seed=0)
    assert len({tuple(seen(batches)) for _ in range(5)}) == 5


def test_the_same_seed_gives_the_same_orders():
    a, b = (optim.Batches(np.arange(50), seed=3) for _ in range(2))
    for _ in range(3):
        assert seen(a) == seen(b)


def test_another_seed_gives_another_order():
    a, b = (seen(optim.Batches(np.arange(50), seed=seed)) for seed in (1, 2))
    assert a != b


def test_the_order_does_not_depend_on_the_batch_size():
    a, b = (seen(optim.Batches(np.arange(50), batch_size=n, seed=1)) for n in (1, 7))
    assert a == b


def test_a_seed_of_its_own_leaves_the_global_generator_alone():
    state = cr.random.get_state()
    seen(optim.Batches(np.arange(50), seed=1))
    assert cr.random.get_state() == state


def test_without_a_seed_the_order_follows_the_global_one():
    orders = []
    for _ in range(2):
        cr.random.seed(9)
        orders.append(seen(optim.Batches(np.arange(50))))
    assert orders[0] == orders[1]


def test_a_copy_goes_on_with_the_same_orders():
    batches = optim.Batches(np.arange(50), seed=1)
    seen(batches)
    assert seen(copy.deepcopy(batches)) == seen(batches)


def test_all_orders_come_up():
    batches = optim.Batches(np.arange(3), seed=0)
    assert len({tuple(seen(batches)) for _ in range(100)}) == 6


def test_arrays_stay_together():
    x = np.arange(20)
    for a, b, c in optim.Batches(x, np.stack([x, -x], axis=1), cr.tensor(x * 2), batch_size=6, seed=0):
        assert b.tolist() == [[i, -i] for i in a.tolist()]
        assert c.tolist() == [2 * i for i in a.tolist()]


@pytest.mark.parametrize("make", [list, tuple, np.array, cr.tensor], ids=["list", "tuple", "array", "tensor"])
def test_data_may_be_lists_tuples_arrays_or_tensors(make):
    batches = optim.Batches(make([[1.5, 2.5], [3.5, 4.5]]), batch_size=None, shuffle=False)
    assert [x.tolist() for (x,) in batches] == [[[1.5, 2.5], [3.5, 4.5]]]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_batches_are_tensors_of_the_dtype_of_the_data(dtype):
    ((x,),) = optim.Batches(np.ones((4, 2), dtype=dtype), batch_size=None)
    assert (type(x), x.dtype, x.shape) == (cr.Tensor, dtype, (4, 2))


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_a_batch_does_not_change_the_users_array(shuffle):
    a = np.zeros(6)
    for (x,) in optim.Batches(a, batch_size=2, shuffle=shuffle):
        x.assign(cr.ones(2, dtype="float64"))
    assert a.tolist() == [0] * 6


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_the_users_array_after_the_forward_pass_does_not_change_gradients(shuffle):
    a, w = np.ones((4, 3)), cr.zeros(3, dtype="float64", requires_grad=True)
    ((x,),) = optim.Batches(a, batch_size=None, shuffle=shuffle)
    y = (x * w).sum()
    a[...] = 100
    y.backward()
    assert w.grad.tolist() == [4, 4, 4]


def test_a_pass_can_be_left_early():
    batches = optim.Batches(np.arange(10), batch_size=2, seed=0)
    next(iter(batches))
    assert sorted(seen(batches)) == list(range(10))


def test_lengths_that_differ_are_refused_with_the_shapes():
    with pytest.raises(cr.ShapeError, match=r"same length along axis 0, given shapes \[\(5, 2\), \(4,\)\]"):
        optim.Batches(np.ones((5, 2)), np.ones(4))


def test_no_examples_are_refused():
    with pytest.raises(cr.ShapeError, match="Batches: there are no examples"):
        optim.Batches(np.ones((0, 2)), np.ones(0))


def test_no_arrays_are_refused():
    with pytest.raises(cr.ArgumentError, match="Batches: needs at least one array"):
        optim.Batches()


def test_a_number_has_no_examples():
    with pytest.raises(cr.ShapeError, match="same length along axis 0"):
        optim.Batches(3.0)


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", True])
def test_a_bad_batch_size_is_refused(size):
    with pytest.raises(cr.ArgumentError, match="batch_size must be a whole number of at least 1, or None for all"):
        optim.Batches(np.ones(3), batch_size=size)


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(cr.ArgumentError, match="seed: must be a whole number"):
        optim.Batches(np.ones(3), seed=seed)


def test_arrays_on_two_devices_are_refused(strict):
    with pytest.raises(cr.DeviceError, match="Batches: the arrays must be on one device, given 'cpu' and 'strict'"):
        optim.Batches(cr.ones(3), cr.ones(3, device=strict))
