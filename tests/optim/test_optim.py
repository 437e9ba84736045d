"""The optimisers' rules: against PyTorch, against their formulas in NumPy, and on every kind of parameter."""

import inspect
import warnings

import device_double
import numpy as np
import pytest
from optimizer_formulas import CASES, RULES, SHAPES, expected, gradients, leaves, made, start, train

import chainrule as cr
from chainrule import optim
from chainrule.optim import flat

STATES = {
    name: list(make.state(**make(leaves(start()), **options).groups[0])) for name, (make, _, options) in CASES.items()
}


def equal(ours, theirs, rtol=1e-10, atol=1e-10):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.fixture
def torch():
    """PyTorch, which keeps the numbers in its optimisers' state in its default dtype."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def pytorch(torch, name, arrays):
    """PyTorch's optimiser of the same case, and its parameters."""
    make, _, options = CASES[name]
    params = [torch.tensor(a, requires_grad=True) for a in arrays]
    return getattr(torch.optim, make.__name__)(params, **options), params


IN_PYTORCH = [name for name in CASES if not name.startswith("Lion")]


# ---- the table


@pytest.mark.parametrize("name", RULES)
def test_every_option_of_an_optimiser_is_compared(name):
    options = inspect.signature(RULES[name]).parameters.keys() - {"params"}
    assert options == {option for make, _, given in CASES.values() if make is RULES[name] for option in given}


@pytest.mark.parametrize("name", RULES)
def test_the_defaults_of_an_optimiser_are_compared(name):
    assert any(make is RULES[name] and given.keys() <= {"lr"} for make, _, given in CASES.values())


# ---- 200 steps


@pytest.mark.parametrize("name", CASES)
def test_200_steps_are_those_of_the_formula(name):
    equal(train(made(name, leaves(start()))), expected(name))


@pytest.mark.parametrize("name", IN_PYTORCH)
def test_200_steps_are_those_of_pytorch(torch, name):
    theirs, params = pytorch(torch, name, start())
    for step in range(200):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.as_tensor(g)
        theirs.step()
    equal(train(made(name, leaves(start()))), [p.detach().numpy() for p in params])


@pytest.mark.parametrize("name", IN_PYTORCH)
def test_parameters_that_miss_steps_are_updated_as_pytorch_does(torch, name):
    params, rng = leaves([np.ones(2)] * 4), np.random.default_rng(0)
    ours, (theirs, others) = made(name, params), pytorch(torch, name, [np.ones(2)] * 4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*no gradient has reached")
        for _ in range(50):
            for p, q in zip(params, others, strict=True):
                g = rng.normal(size=2) if rng.random() < 0.5 else None
                p.grad, q.grad = g, None if g is None else torch.as_tensor(g)
            if any(p.grad is not None for p in params):
                ours.step()
                theirs.step()
    equal([p.numpy() for p in params], [q.detach().numpy() for q in others])


@pytest.mark.parametrize("name", IN_PYTORCH)
def test_steps_along_a_schedule_are_those_of_pytorch(torch, name):
    def rate(step):
        return 0.01 / (1 + step % 7)

    make, _, options = CASES[name]
    theirs, params = pytorch(torch, name, start())
    for step in range(50):
        theirs.param_groups[0]["lr"] = rate(step)
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.as_tensor(g)
        theirs.step()
    ours = make(leaves(start()), **options | {"lr": rate})
    equal(train(ours, 50), [p.detach().numpy() for p in params])


def test_groups_are_updated_as_pytorch_does(torch):
    ours, theirs = leaves(start()), [torch.tensor(a, requires_grad=True) for a in start()]
    a, b = (
        make([{"params": params[:2], "weight_decay": 0.1}, {"params": params[2:], "betas": (0.5, 0.9)}], lr=0.01)
        for make, params in ((optim.AdamW, ours), (torch.optim.AdamW, theirs))
    )
    for step in range(20):
        for q, g in zip(theirs, gradients(step), strict=True):
            q.grad = torch.as_tensor(g)
        b.step()
    equal(train(a, 20), [q.detach().numpy() for q in theirs])


# ---- the comparison has teeth


def perturbed(optimizer, i):
    """The optimiser, whose rule gives its step (i = 0) or its i-th state 1.001 times too large."""
    update = optimizer.update

    def wrong(p, g, *state, **options):
        new = list(update(p, g, *state, **options))
        new[i] = p + 1.001 * (new[i] - p) if i == 0 else 1.001 * new[i]
        return tuple(new)

    optimizer.update = wrong
    return optimizer


@pytest.mark.parametrize("name", CASES)
def test_a_step_that_is_a_thousandth_too_long_is_noticed(name):
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        equal(train(perturbed(made(name, leaves(start())), 0), 50), expected(name, 50))


UNUSED = {
    ("Adam without memory", "m"),
    ("Adam without memory", "v"),
    ("RAdam never rectified", "v"),
    ("RAdam at the edge", "v"),
}


@pytest.mark.parametrize(
    ("name", "i"),
    [
        pytest.param(name, i, id=f"{name}: {state}")
        for name, states in STATES.items()
        for i, state in enumerate(states, 1)
        if (name, state) not in UNUSED
    ],
)
def test_a_state_that_is_a_thousandth_too_large_is_noticed(name, i):
    steps = 200 if name == "Lion" else 50  # with Lion, a change of sign must come about
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        equal(train(perturbed(made(name, leaves(start())), i), steps), expected(name, steps))


@pytest.mark.parametrize("name", CASES)
def test_the_rule_unperturbed_passes_through_the_same_wrapper(name):
    optimizer = made(name, leaves(start()))
    optimizer.update = lambda p, g, *state, update=optimizer.update, **options: update(p, g, *state, **options)
    equal(train(optimizer, 20), expected(name, 20))


# ---- every kind of parameter


@pytest.mark.parametrize("name", CASES)
def test_steps_over_several_chunks_are_those_of_the_formula(name, monkeypatch):
    monkeypatch.setattr(flat, "CHUNK", 5)
    equal(train(made(name, leaves(start())), 20), expected(name, 20))


def test_parameters_longer_than_a_chunk_are_updated_to_the_end():
    shapes = ((3,), (2 * flat.CHUNK + 7,), (flat.CHUNK - 1,), (5, 5))
    ours = train(made("Adam with options", leaves(start(shapes))), 2, shapes=shapes)
    equal(ours, expected("Adam with options", 2, shapes))


@pytest.mark.parametrize("name", CASES)
def test_values_are_updated_as_arrays_are(name):
    shapes = ((), (), ())
    values = [cr.Value(float(a)) for a in start(shapes)]
    train(made(name, values), 20, shapes=shapes)
    assert [v.data for v in values] == pytest.approx([float(p) for p in expected(name, 20, shapes)], rel=1e-10)


def test_the_data_of_a_value_stays_a_float():
    v = cr.Value(2.0)
    (v * v).backward()
    optim.Adam([v]).step()
    assert type(v.data) is float


CLOSE = {"float16": dict(rtol=2e-3, atol=1e-3), "float32": dict(rtol=1e-5, atol=1e-6)}


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", CASES)
def test_parameters_keep_their_dtype_and_come_close_to_the_formula(name, dtype):
    optimizer = made(name, leaves(start(), dtype))
    equal(train(optimizer, 10), expected(name, 10, dtype=dtype), **CLOSE[dtype])
    assert {p.dtype.name for p in optimizer.params} == {dtype}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", [name for name, (_, _, options) in CASES.items() if "weight_decay" not in options])
def test_an_element_whose_gradient_is_always_0_stays_where_it_is(name, dtype):
    (p,) = leaves([np.ones(2)], dtype)
    optimizer = made(name, [p])
    if "AdamW" in name:
        optimizer.groups[0]["weight_decay"] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no division of 0 by 0 on the way
        for _ in range(20):
            p.grad = [0.0, 1.0]
            optimizer.step()
    assert p.tolist()[0] == 1


def test_adam_survives_gradients_whose_squares_float16_cannot_hold():
    (p,) = leaves([np.ones(3)], "float16")
    p.grad = [1e-3, 1e-5, 0.0]
    optim.Adam([p], lr=0.25).step()
    assert p.tolist() == pytest.approx([0.75, 0.75, 1.0], abs=1e-3)


def test_centred_rmsprop_survives_a_gradient_that_never_changes():
    """The variance of a constant is 0, and rounding may leave less."""
    (p,) = leaves([np.ones(50)], "float32")
    optimizer = optim.RMSprop([p], lr=1e-3, alpha=0.5, centered=True, eps=1e-3)
    for _ in range(100):
        p.grad = np.linspace(0.1, 1, 50)
        optimizer.step()
    assert np.isfinite(p.numpy()).all()


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_a_gradient_that_does_not_change_moves_adam_by_the_learning_rate(steps):
    """What the bias correction is for: the gradient's size does not matter, from the first step on."""
    (p,) = leaves([np.zeros(1)])
    optimizer = optim.Adam([p], lr=0.5)
    for _ in range(steps):
        p.grad = [1e-3]
        optimizer.step()
    assert p.item() == pytest.approx(-0.5 * steps, rel=1e-4)


@pytest.mark.parametrize("name", ["AdamW with options", "Lion with options"])
def test_decoupled_decay_shrinks_parameters_whose_gradient_is_0_by_the_rate(name):
    (p,) = leaves([np.ones(1)])
    optimizer = made(name, [p])
    p.grad = [0.0]
    optimizer.step()
    options = CASES[name][2]
    assert p.item() == pytest.approx(1 - options["lr"] * options["weight_decay"], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_a_device_gives_what_the_cpu_gives_and_never_makes_the_host_wait(strict, name, dtype):
    here, there = (made(name, leaves(start(), dtype, device)) for device in ("cpu", strict))
    given = [[cr.tensor(g, dtype=dtype, device=strict) for g in gradients(step)] for step in range(10)]
    with device_double.forbid("waits"):
        for step in given:
            for p, g in zip(there.params, step, strict=True):
                p.grad = g
            there.step()
    for a, b in zip([p.numpy() for p in there.params], train(here, 10), strict=True):
        np.testing.assert_array_equal(a, b)


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


# ---- missing gradients


@pytest.mark.filterwarnings("ignore:.*no gradient has reached")
@pytest.mark.parametrize("idle", [0, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_a_parameter_without_gradient_is_left_alone_with_its_state(name, idle):
    """A parameter that misses steps ends where it would had the steps never been."""
    params, alone = leaves([np.ones(2)] * 3), leaves([np.ones(2)])
    both, single = made(name, params), made(name, alone)
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


# ---- training


BOWLS = {
    "SGD": dict(lr=0.05), "Adagrad": dict(lr=0.5), "Adadelta": dict(lr=5.0), "RMSprop": dict(lr=0.02),
    "Adam": dict(lr=0.05), "AdamW": dict(lr=0.05, weight_decay=1e-6), "Adamax": dict(lr=0.05), "NAdam": dict(lr=0.05),
    "RAdam": dict(lr=0.05), "Lion": dict(lr=0.02),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_an_optimiser_finds_the_bottom_of_a_bowl(name):
    (p,), bottom = leaves([np.array([3.0, -2.0])]), cr.tensor([1.0, 2.0])
    optimizer = RULES[name]([p], **BOWLS[name])
    for _ in range(500):
        optimizer.zero_grad()
        ((p - bottom) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), bottom.numpy(), atol=0.05)


def test_every_shape_is_among_those_compared():
    assert {len(shape) for shape in SHAPES} == {0, 1, 2, 3}
    assert any(0 in shape for shape in SHAPES)


# ---- recordable: a rule is made of recorded operations only


@pytest.mark.parametrize("t", [1, 50])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_can_be_recorded_and_gives_what_it_gives_on_arrays(name, t):
    make, _, options = CASES[name]
    optimizer = make([cr.zeros(5, dtype="float64", requires_grad=True)], **options)
    known = optimizer.groups[0].options
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 1.0, 5) for _ in ("p", "g", *make.state(**optimizer.groups[0].options))]
    wanted = {name: known[name] for name in optimizer._asked} | ({"t": t} if optimizer._counted else {})
    plain = make.update(*arrays, **wanted)
    recorded = make.update(*(cr.tensor(a, requires_grad=True) for a in arrays), **wanted)
    assert all(isinstance(r, cr.Tensor) and r.requires_grad for r in recorded)
    for a, b in zip(plain, recorded, strict=True):
        np.testing.assert_array_equal(a, b.detach().numpy())
