"""Optimisers and mini-batches."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.optim.optimizer import STRETCH

START = [np.linspace(-1, 1, 6).reshape(2, 3), np.array([0.5, -0.25])]


def gradients(step):
    """The gradients of a step: the same for every contestant."""
    rng = np.random.default_rng(step)
    return [rng.normal(size=p.shape) for p in START]


def ours(make):
    params = [cr.tensor(p, requires_grad=True) for p in START]
    optimizer = make(params)
    for step in range(200):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = g
        optimizer.step()
    return [p.numpy() for p in params]


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """The textbook's loop."""
    params, speeds = [p.copy() for p in START], [0 * p for p in START]
    for step in range(200):
        for i, g in enumerate(gradients(step)):
            g = g + weight_decay * params[i]
            speeds[i] = momentum * speeds[i] + g
            params[i] -= lr * (g + momentum * speeds[i] if nesterov else speeds[i])
    return params


def adam(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Algorithm 1 of the paper."""
    params, m, v = [p.copy() for p in START], [0 * p for p in START], [0 * p for p in START]
    for step in range(200):
        for i, g in enumerate(gradients(step)):
            g = g + weight_decay * params[i]
            m[i] = betas[0] * m[i] + (1 - betas[0]) * g
            v[i] = betas[1] * v[i] + (1 - betas[1]) * g**2
            params[i] -= (
                lr * (m[i] / (1 - betas[0] ** (step + 1))) / (np.sqrt(v[i] / (1 - betas[1] ** (step + 1))) + eps)
            )
    return params


CASES = {
    "SGD": [dict(lr=0.1), dict(lr=0.1, momentum=0.9), dict(lr=0.1, momentum=0.9, nesterov=True), dict(lr=0.1, weight_decay=0.1)],
    "Adam": [dict(lr=0.01), dict(lr=0.01, betas=(0.5, 0.9), eps=1e-3), dict(lr=0.01, weight_decay=0.1)],
}  # fmt: skip
EVERY = pytest.mark.parametrize(("name", "options"), [(n, o) for n, cases in CASES.items() for o in cases], ids=str)


@EVERY
def test_200_steps_are_the_textbooks(name, options):
    expected = {"SGD": sgd, "Adam": adam}[name](**options)
    for a, b in zip(ours(lambda params: getattr(cr.optim, name)(params, **options)), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@EVERY
def test_200_steps_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    params = [torch.tensor(p, requires_grad=True) for p in START]
    optimizer = getattr(torch.optim, name)(params, **options)
    for step in range(200):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
    for a, b in zip(ours(lambda params: getattr(cr.optim, name)(params, **options)), params, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_values_are_optimised_like_arrays():
    v, t = cr.Value(1.0), cr.tensor([1.0], dtype="float64", requires_grad=True)
    for p, loss in ((v, lambda: v * v), (t, lambda: (t * t).sum())):
        optimizer = cr.optim.Adam([p], lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
    assert v.data == pytest.approx(t.item(), rel=1e-14)


def test_parameters_of_several_dtypes_keep_them():
    params = [cr.ones(3, dtype=d, requires_grad=True) for d in ("float16", "float32", "float64")]
    optimizer = cr.optim.Adam(params, lr=0.1)
    sum((p * p).to("float64").sum() for p in params).backward()
    optimizer.step()
    assert [p.dtype.name for p in params] == ["float16", "float32", "float64"]
    assert all(abs(p.numpy() - 0.9).max() < 1e-3 for p in params)


def test_a_parameter_without_gradient_stays_as_it_is():
    a, b, c = (cr.ones(2, requires_grad=True) for _ in range(3))
    optimizer = cr.optim.SGD([a, b, c], lr=0.1, momentum=0.9, weight_decay=0.5)
    (a.sum() + c.sum()).backward()
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    np.testing.assert_allclose([a.numpy(), c.numpy()], 1 - 0.1 * 1.5, rtol=1e-6)


def test_large_and_small_parameters_side_by_side_are_each_updated():
    params = [cr.ones(n, requires_grad=True) for n in (3, 2 * STRETCH + 5, 4, STRETCH - 1, 2)]
    optimizer = cr.optim.SGD(params, lr=1.0)
    sum((p * (i + 2)).sum() for i, p in enumerate(params)).backward()
    optimizer.step()
    assert [set(p.numpy().tolist()) for p in params] == [{-1.0 - i} for i in range(5)]


def test_values_assigned_between_steps_are_respected():
    p = cr.ones(2, requires_grad=True)
    optimizer = cr.optim.SGD([p], lr=1.0)
    p.assign([5.0, 6.0])
    (p * 1).sum().backward()
    optimizer.step()
    assert p.tolist() == [4.0, 5.0]


def test_a_state_loaded_after_the_optimiser_was_made_is_respected():
    model = cr.nn.Linear(1, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=1.0)
    model.load_state_dict({"weight": cr.tensor([[3.0]]), "bias": cr.tensor([0.0])})
    model(cr.ones((1, 1))).sum().backward()
    optimizer.step()
    assert model.weight.tolist() == [[2.0]]


def test_a_loss_computed_before_the_optimiser_was_made_still_gives_the_right_gradient():
    p = cr.tensor([2.0, 3.0], requires_grad=True)
    loss = (p * p).sum()
    cr.optim.SGD([p], lr=1.0)
    loss.backward()
    assert p.grad.tolist() == [4.0, 6.0]


def test_a_step_under_a_waiting_backward_is_noticed_with_its_line():
    p = cr.tensor([2.0, 3.0], requires_grad=True)
    optimizer = cr.optim.SGD([p], lr=1.0)
    waiting = (p * p).sum()
    p.grad = cr.ones(2)
    optimizer.step()
    with pytest.raises(cr.GraphError, match=r"changed at .*test_optim\.py:\d+"):
        waiting.backward()


def test_a_model_moved_after_the_optimiser_was_made_is_noticed():
    model = cr.nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=1.0)
    model.to("float64")
    model(cr.ones((1, 2), dtype="float64")).sum().backward()
    with pytest.raises(cr.GraphError, match=r"make the optimiser after model\.to"):
        optimizer.step()


BAD = {
    "no parameters": (lambda p: cr.optim.SGD([], lr=0.1), "at least one parameter"),
    "the same twice": (lambda p: cr.optim.SGD([p, p], lr=0.1), "given twice"),
    "a result": (lambda p: cr.optim.SGD([p * 2], lr=0.1), "parameter 0 must be a leaf"),
    "a constant": (lambda p: cr.optim.SGD([cr.ones(2)], lr=0.1), "parameter 0 must be a leaf"),
    "an array": (lambda p: cr.optim.SGD([np.ones(2)], lr=0.1), "parameter 0 must be a leaf"),
    "nan lr": (lambda p: cr.optim.SGD([p], lr=float("nan")), "lr must be a finite number above 0, not nan"),
    "zero lr": (lambda p: cr.optim.Adam([p], lr=0), "lr must be a finite number above 0, not 0"),
    "negative lr": (lambda p: cr.optim.Adam([p], lr=-1), "lr must be"),
    "infinite lr": (lambda p: cr.optim.Adam([p], lr=float("inf")), "lr must be"),
    "text lr": (lambda p: cr.optim.Adam([p], lr="0.1"), "lr must be"),
    "momentum of 1": (lambda p: cr.optim.SGD([p], lr=1, momentum=1), "momentum must be at least 0 and below 1"),
    "nesterov alone": (lambda p: cr.optim.SGD([p], lr=1, nesterov=True), "needs a momentum"),
    "a beta of 1": (lambda p: cr.optim.Adam([p], betas=(0.9, 1.0)), r"betas\[1\] must be"),
    "negative decay": (lambda p: cr.optim.Adam([p], weight_decay=-1), "weight_decay must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    make, message = BAD[name]
    with pytest.raises(cr.ArgumentError, match=message):
        make(cr.ones(2, requires_grad=True))


def test_a_refused_optimiser_leaves_the_parameter_alone():
    p = cr.ones(2, requires_grad=True)
    before = p._data
    with pytest.raises(cr.ArgumentError):
        cr.optim.Adam([p, p])
    assert p._data is before


def test_a_rate_that_became_nan_stops_the_step():
    p = cr.ones(2, requires_grad=True)
    optimizer = cr.optim.SGD([p], lr=0.1)
    p.sum().backward()
    optimizer.lr = float("nan")
    with pytest.raises(cr.ArgumentError, match="lr"):
        optimizer.step()
    assert p.tolist() == [1.0, 1.0]


def test_a_step_without_any_gradient_says_what_is_missing():
    optimizer = cr.optim.SGD([cr.ones(2, requires_grad=True)], lr=0.1)
    with pytest.raises(cr.GraphError, match=r"call loss\.backward\(\) first"):
        optimizer.step()


# ---- mini-batches


def seen(batches):
    return [x.tolist() for (x,) in batches]


def test_a_pass_visits_every_example_once():
    batches = seen(cr.optim.Batches(np.arange(10), batch_size=3, seed=0))
    assert ([len(b) for b in batches], sorted(sum(batches, []))) == ([3, 3, 3, 1], list(range(10)))


def test_each_pass_has_another_order_and_a_seed_fixes_them_all():
    first, second = (cr.optim.Batches(np.arange(20), batch_size=20, seed=5) for _ in range(2))
    passes = [seen(first), seen(first)]
    assert passes[0] != passes[1]
    assert passes == [seen(second), seen(second)]


def test_arrays_stay_together():
    x = np.arange(12).reshape(6, 2)
    assert all((a[:, 0] == b).all() for a, b in cr.optim.Batches(x, x[:, 0], batch_size=4, seed=0))


@pytest.mark.parametrize(("options", "sizes"), [
    (dict(batch_size=4), [4, 4, 2]), (dict(batch_size=4, drop_last=True), [4, 4]), (dict(batch_size=None), [10]),
    (dict(batch_size=1), [1] * 10), (dict(batch_size=99), [10]),
])  # fmt: skip
def test_batch_sizes(options, sizes):
    batches = cr.optim.Batches(np.arange(10), **options)
    assert ([len(b) for b in seen(batches)], len(batches)) == (sizes, len(sizes))


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: cr.optim.Batches(np.ones(3), np.ones(4)), cr.ShapeError, r"same length.*\(3,\).*\(4,\)"),
    (lambda: cr.optim.Batches(np.ones((0, 2))), cr.ShapeError, "no examples"),
    (lambda: cr.optim.Batches(np.float64(3)), cr.ShapeError, "same length"),
    (lambda: cr.optim.Batches(), cr.ArgumentError, "at least one array"),
    (lambda: cr.optim.Batches(np.ones(3), batch_size=0), cr.ArgumentError, "at least 1"),
    (lambda: cr.optim.Batches(np.ones(3), batch_size=2.5), cr.ArgumentError, "whole number"),
    (lambda: cr.optim.Batches(np.ones(3), seed=-1), cr.ArgumentError, "seed"),
])  # fmt: skip
def test_bad_batches_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
