"""L-BFGS and its line search: against the book and PyTorch, minima that are known, devices, saving, and losses that go wrong."""

import copy
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.optim import schedule
from chainrule.optim.lbfgs import LBFGS
from chainrule.optim.line_search import Point, cubic_minimum, strong_wolfe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
LABELS = (X @ RNG.normal(size=5) + RNG.normal(size=60) > 0).astype(np.float64)
A = RNG.normal(size=(8, 8))
A, B = A @ A.T + 0.1 * np.eye(8), RNG.normal(size=8)


# ---- problems, written so that chainrule and PyTorch can compute them; `of` makes a tensor


def rosenbrock(w, of):
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def logistic(w, of):
    z = of(X) @ w
    softplus = ((-abs(z)).exp() + 1).log() + (z + abs(z)) / 2
    return (softplus - of(LABELS) * z).mean() + 0.01 * (w * w).sum()


def quadratic(w, of):
    return 0.5 * (w @ (of(A) @ w)) - (of(B) * w).sum()


def net(w, of):
    hidden = (of(X) @ w[:20].reshape(5, 4) + w[20:24]).tanh()
    return ((hidden @ w[24:28] - of(LABELS)) ** 2).mean()


STARTS = {
    rosenbrock: np.tile([-1.2, 1.0], 2),
    logistic: np.zeros(5),
    quadratic: np.ones(8),
    net: 0.5 * np.random.default_rng(1).normal(size=28),
}


def closure_of(problem, w, optimizer, of):
    def closure():
        optimizer.zero_grad()
        loss = problem(w, of)
        loss.backward()
        return loss

    return closure


def ours(problem, steps, start=None, dtype="float64", device="cpu", **options):
    """(parameters after each step, losses that the steps returned, the optimiser)"""
    w = cr.tensor(STARTS[problem] if start is None else start, dtype=dtype, device=device, requires_grad=True)
    optimizer = LBFGS([w], **options)
    closure = closure_of(problem, w, optimizer, lambda a: cr.tensor(a, dtype=dtype, device=device))
    seen, losses = [], []
    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
        seen.append(w.numpy())
    return seen, losses, optimizer


def theirs(problem, steps, **options):
    """(parameters after each step, losses that the steps returned, how often the loss was evaluated)"""
    torch = pytest.importorskip("torch")
    w = torch.tensor(STARTS[problem], requires_grad=True)
    options = {"line_search_fn" if k == "line_search" else k: v for k, v in options.items()}
    optimizer = torch.optim.LBFGS([w], **options)
    closure = closure_of(problem, w, optimizer, torch.tensor)
    seen, losses = [], []
    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
        seen.append(w.detach().numpy().copy())
    return seen, losses, optimizer.state[w]["func_evals"]


# ---- the book, and PyTorch


def at(problem, w):
    """(loss, gradient) in NumPy, the gradient by hand."""
    if problem is quadratic:
        return 0.5 * w @ A @ w - B @ w, A @ w - B
    if problem is logistic:
        z, n = X @ w, len(X)
        loss = (np.logaddexp(0, z) - LABELS * z).mean() + 0.01 * w @ w
        return loss, X.T @ (1 / (1 + np.exp(-z)) - LABELS) / n + 0.02 * w
    a, b = w[:-1], w[1:]
    g = np.zeros_like(w)
    g[:-1] = -2 * (1 - a) - 400 * a * (b - a * a)
    g[1:] += 200 * (b - a * a)
    return ((1 - a) ** 2 + 100 * (b - a * a) ** 2).sum(), g


def inverse_hessian(pairs, n):
    """The estimate of L-BFGS as a matrix: equations 7.16 and 7.20 of Nocedal and Wright (2006), one update for each pair."""
    identity = np.eye(n)
    h = identity * (pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1])) if pairs else identity
    for s, y in pairs:
        v = identity - np.outer(y, s) / (s @ y)
        h = v.T @ h @ v + np.outer(s, s) / (s @ y)
    return h


def by_the_book(
    problem, steps, lr=1.0, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9, history_size=100
):
    """(parameters after each step, losses at their starts, how often the loss was evaluated), without a line search."""
    w, pairs, last, evaluations, seen, losses = STARTS[problem], [], None, 0, [], []
    for _ in range(steps):
        (loss, g), calls = at(problem, w), 1
        losses.append(loss)
        for i in range(max_iter):
            if abs(g).max() <= tolerance_grad:
                break
            if last is not None and (w - last[0]) @ (g - last[1]) > 1e-10:
                pairs = [*pairs, (w - last[0], g - last[1])][-history_size:]
            t = min(1.0, 1 / abs(g).sum()) * lr if last is None else lr
            d, last = -inverse_hessian(pairs, len(w)) @ g, (w, g)
            if not g @ d < -tolerance_change:
                break
            w = w + t * d
            if i + 1 == max_iter:
                break
            before, (loss, g), calls = loss, at(problem, w), calls + 1
            if calls >= (max_eval or max_iter * 5 // 4) or max(t * abs(d)) <= tolerance_change:
                break
            if abs(loss - before) < tolerance_change:
                break
        evaluations += calls
        seen.append(w)
    return seen, losses, evaluations


without_a_line_search = pytest.mark.parametrize(
    ("problem", "options"),
    [
        (rosenbrock, dict(lr=0.005, max_iter=1)),
        (rosenbrock, dict(lr=0.003, max_iter=3, history_size=2)),
        (logistic, dict()),
        (logistic, dict(lr=0.1)),
        (logistic, dict(lr=0.5, max_iter=1)),
        (logistic, dict(lr=0.3, max_iter=3, history_size=2, max_eval=2)),
        (logistic, dict(tolerance_grad=1e-2, max_iter=4)),
        (logistic, dict(tolerance_change=1e-4)),
        (quadratic, dict()),
        (quadratic, dict(lr=0.5, max_iter=1)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)


@without_a_line_search
def test_60_steps_without_a_line_search_are_those_of_the_book(problem, options):
    seen, losses, optimizer = ours(problem, 60, **options)
    expected, their_losses, evaluations = by_the_book(problem, 60, **options)
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-9, atol=1e-9)
    assert optimizer.evaluations == evaluations


@without_a_line_search
def test_200_steps_without_a_line_search_are_those_of_pytorch(problem, options):
    seen, losses, optimizer = ours(problem, 200, **options)
    expected, their_losses, evaluations = theirs(problem, 200, **options)
    np.testing.assert_allclose(seen, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-10, atol=1e-10)
    assert optimizer.evaluations == evaluations


@pytest.mark.parametrize("problem", STARTS, ids=lambda problem: problem.__name__)
@pytest.mark.parametrize("lr", [1.0, 0.1])
def test_the_line_search_reaches_the_loss_of_pytorch_with_no_more_evaluations(problem, lr):
    options = dict(lr=lr, max_iter=60, line_search="strong_wolfe")
    _, losses, optimizer = ours(problem, 2, **options)
    _, their_losses, evaluations = theirs(problem, 2, **options)
    assert losses[-1] <= their_losses[-1] + 1e-7
    assert optimizer.evaluations <= 1.2 * evaluations


# ---- minima


def test_it_finds_the_minimum_of_the_rosenbrock_function():
    options = dict(max_iter=100, tolerance_change=1e-14, line_search="strong_wolfe")
    seen, _, optimizer = ours(rosenbrock, 1, start=[-1.2, 1.0], **options)
    np.testing.assert_allclose(seen[-1], [1, 1], atol=1e-6)
    assert optimizer.evaluations < 80


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_it_solves_a_linear_system(line_search):
    seen, _, _ = ours(quadratic, 3, max_iter=100, tolerance_change=0, tolerance_grad=1e-10, line_search=line_search)
    np.testing.assert_allclose(seen[-1], np.linalg.solve(A, B), atol=1e-8)


@pytest.mark.parametrize("scale", [2.0**66, 2.0**-83, 2.0**110, 2.0**-110])
def test_a_loss_of_another_scale_takes_the_same_steps(scale):
    def moved(scale):
        w = cr.tensor(np.float32(STARTS[logistic]), requires_grad=True)
        first = 1 / scale if scale <= 1 else 0.67029285  # it knows no curvature, but goes no further than lr
        lr = lambda step: 1.0 if step else first
        optimizer = LBFGS([w], lr, max_iter=1, tolerance_grad=0, tolerance_change=0)

        def closure():
            optimizer.zero_grad()
            loss = logistic(w, lambda a: cr.tensor(np.float32(a)))
            (loss * scale).backward()
            return loss.item() * scale

        for _ in range(8):
            optimizer.step(closure)
        return w.tolist()

    assert moved(scale) == pytest.approx(moved(1.0), rel=1e-5)


def test_the_first_move_of_huge_gradients_is_no_shorter():
    w = cr.tensor(np.zeros(8, "float32"), requires_grad=True)
    optimizer = LBFGS([w], max_iter=1)

    def closure():
        optimizer.zero_grad()
        loss = (w * 2.0**127).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert w.tolist() == [-1 / 8] * 8


def test_the_logistic_regression_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    theirs = linear_model.LogisticRegression(C=1 / (0.02 * len(X)), fit_intercept=False, tol=1e-10).fit(X, LABELS)
    seen, _, _ = ours(logistic, 1, max_iter=100, tolerance_change=1e-14, line_search="strong_wolfe")
    np.testing.assert_allclose(seen[-1], theirs.coef_[0], atol=1e-5)


def test_a_network_of_several_parameters_is_trained():
    cr.random.seed(0)
    model = cr.nn.MLP([5, 8, 1], activation="tanh")
    x, y = cr.tensor(X, dtype="float32"), cr.tensor(LABELS[:, None], dtype="float32")
    optimizer = LBFGS(model.named_parameters(), line_search="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = cr.nn.bce_with_logits(model(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.05 < 0.5 < losses[0]


def test_values_are_moved_as_arrays_are():
    values = [cr.Value(-1.2), cr.Value(1.0)]
    optimizer = LBFGS(values, max_iter=5, line_search="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        a, b = values
        loss = (1 - a) ** 2 + 100 * (b - a**2) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    seen, _, _ = ours(rosenbrock, 1, start=[-1.2, 1.0], max_iter=5, line_search="strong_wolfe")
    assert [v.data for v in values] == pytest.approx(seen[-1].tolist(), rel=1e-9)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
@pytest.mark.parametrize(("dtype", "atol"), [("float16", 5e-2), ("float32", 2e-3)])
def test_parameters_of_low_precision_keep_their_dtype_and_come_close(dtype, atol, line_search):
    seen, _, _ = ours(logistic, 3, dtype=dtype, line_search=line_search)
    exact, _, _ = ours(logistic, 3, line_search="strong_wolfe")
    assert seen[-1].dtype == dtype
    np.testing.assert_allclose(seen[-1], exact[-1], atol=atol)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_a_device_gives_what_the_cpu_gives(device, line_search):
    seen, losses, _ = ours(logistic, 3, device=device, line_search=line_search)
    expected, their_losses, _ = ours(logistic, 3, line_search=line_search)
    np.testing.assert_allclose(seen, expected, rtol=1e-9)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-9)


# ---- what a step does


def test_a_step_returns_the_loss_at_its_start():
    _, losses, _ = ours(quadratic, 2, max_iter=3, line_search="strong_wolfe")
    assert losses[0] == pytest.approx(0.5 * A.sum() - B.sum(), rel=1e-14)
    assert losses[1] < losses[0]


def test_steps_evaluations_and_the_norm_of_the_gradient_are_noted():
    seen, _, optimizer = ours(quadratic, 3, lr=0.1, max_iter=4)
    assert (optimizer.steps, optimizer.evaluations, optimizer.last_lr) == (3, 12, 0.1)
    assert optimizer.grad_norm.item() < np.linalg.norm(A @ STARTS[quadratic] - B)


def test_no_more_than_max_eval_evaluations_are_started():
    _, _, optimizer = ours(rosenbrock, 1, lr=1e-3, max_iter=50, max_eval=7)
    assert optimizer.evaluations == 7


def test_a_step_ends_when_a_move_changes_no_parameter_by_more_than_the_tolerance():
    w = cr.tensor([1.0], dtype="float64", requires_grad=True)
    optimizer = LBFGS([w], lr=1e-6, tolerance_change=1e-5)
    optimizer.step(closure_of(lambda w, of: (1e9 * w * w).sum(), w, optimizer, cr.tensor))  # a loss that changes a lot
    assert (w.item(), optimizer.evaluations) == (1.0 - 1e-6, 2)


def test_a_line_search_leaves_the_parameters_at_the_lowest_point_it_saw():
    """At a kink, where no slope is flat enough, it ends with a point that is not the last one tried."""
    w, losses = cr.tensor([1.0], dtype="float64", requires_grad=True), []
    optimizer = LBFGS([w], lr=1.5, max_iter=1, tolerance_change=1e-3, line_search="strong_wolfe")

    def kink(w, of):
        loss = abs(w).sum() * (1 + (w < 0).to("float64").sum())
        losses.append(loss.item())
        return loss

    optimizer.step(closure_of(kink, w, optimizer, cr.tensor))
    assert w.item() == min(losses) < losses[-1]


def test_at_a_minimum_nothing_moves():
    seen, _, optimizer = ours(rosenbrock, 2, start=[1.0, 1.0])
    assert (seen[-1].tolist(), optimizer.evaluations) == ([1.0, 1.0], 2)


def test_the_learning_rate_can_be_a_schedule_that_starts_at_0():
    seen, _, optimizer = ours(quadratic, 3, lr=schedule.warmup(1.0, 2), line_search="strong_wolfe", max_iter=2)
    assert seen[0].tolist() == STARTS[quadratic].tolist()
    assert seen[1].tolist() != seen[2].tolist()
    assert optimizer.last_lr == 1.0


def test_a_frozen_parameter_stays_where_it_is():
    a, b = (cr.tensor([3.0], requires_grad=True) for _ in range(2))
    optimizer = LBFGS([a, b])
    b.requires_grad = False

    def closure():
        optimizer.zero_grad()
        loss = ((a + b) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (a.item(), b.item()) == (pytest.approx(-3.0, abs=1e-4), 3.0)


def test_values_set_between_steps_are_respected():
    w = cr.tensor([5.0, 5.0], dtype="float64", requires_grad=True)
    optimizer = LBFGS([w], line_search="strong_wolfe")
    closure = closure_of(lambda w, of: (w * w).sum(), w, optimizer, cr.tensor)
    optimizer.step(closure)
    w.assign([3.0, -4.0])
    assert optimizer.step(closure).item() == 25.0
    np.testing.assert_allclose(w.numpy(), 0, atol=1e-7)


def test_a_graph_that_waits_notices_the_move():
    w = cr.tensor([5.0, 5.0], requires_grad=True)
    optimizer = LBFGS([w])
    waiting = (w * w).sum()
    optimizer.step(closure_of(lambda w, of: (w * w).sum(), w, optimizer, cr.tensor))
    with pytest.raises(cr.GraphError, match="was changed"):
        waiting.backward()


def test_the_gradient_is_recorded_under_no_grad_too():
    w = cr.tensor([5.0, 5.0], requires_grad=True)
    optimizer = LBFGS([w])
    with cr.no_grad():
        optimizer.step(closure_of(lambda w, of: (w * w).sum(), w, optimizer, cr.tensor))
    np.testing.assert_allclose(w.numpy(), 0, atol=1e-5)


# ---- saving


@pytest.mark.parametrize("problem", [rosenbrock, net], ids=["rosenbrock", "net"])
@pytest.mark.parametrize(
    "options",
    [
        dict(lr=0.01, max_iter=3),
        dict(lr=0.01, max_iter=4, history_size=3, line_search="strong_wolfe"),
        dict(lr=schedule.exponential(0.01, 0.9), max_iter=1),
    ],
    ids=["fixed", "searched", "scheduled"],
)
@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_run_that_is_saved_and_taken_up_goes_on_to_the_bit(problem, options, before, tmp_path):
    whole, _, undisturbed = ours(problem, 9, **options)
    seen, _, first = ours(problem, before, **options)
    w = cr.tensor(seen[-1] if seen else STARTS[problem], requires_grad=True)
    if not before:
        first = LBFGS([cr.tensor(STARTS[problem], requires_grad=True)], **options)
    cr.save(first.state_dict(), tmp_path / "state.safetensors")
    second = LBFGS([w], **options)
    second.load_state_dict(cr.load(tmp_path / "state.safetensors"))
    for expected in whole[before:]:
        second.step(closure_of(problem, w, second, cr.tensor))
        np.testing.assert_array_equal(w.numpy(), expected)
    assert (second.steps, second.evaluations) == (9, undisturbed.evaluations)


def test_a_copy_goes_on_as_the_original_does():
    w = cr.tensor(STARTS[quadratic], requires_grad=True)
    optimizer = LBFGS([w], max_iter=2)
    optimizer.step(closure_of(quadratic, w, optimizer, cr.tensor))
    v, twin = copy.deepcopy((w, optimizer))
    for p, o in ((w, optimizer), (v, twin)):
        o.step(closure_of(quadratic, p, o, cr.tensor))
    assert v.tolist() == w.tolist() != STARTS[quadratic].tolist()
    assert v is twin.params[0] is not w


def test_a_saved_state_is_a_copy():
    _, _, optimizer = ours(quadratic, 2, max_iter=2)
    state = optimizer.state_dict()
    for move in state["moves"]:
        for array in move:
            array.assign(np.zeros(array.shape))
    assert all(np.abs(a.numpy()).max() > 0 for move in optimizer.state_dict()["moves"] for a in move)


WRONG = {
    "of something else": lambda state: {"a": 1},
    "of another optimiser": lambda state: state | {"kind": "Adam"},
    "without moves": lambda state: {k: v for k, v in state.items() if k != "moves"},
    "of other sizes": lambda state: state | {"moves": [[cr.ones(3), cr.ones(3)]]},
    "of half a move": lambda state: state | {"moves": [*state["moves"], [cr.ones(8)]]},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(what):
    _, _, optimizer = ours(quadratic, 2, max_iter=2)
    before = optimizer.state_dict()
    with pytest.raises(cr.CheckpointError, match="LBFGS.load_state_dict: the state does not fit"):
        optimizer.load_state_dict(WRONG[what](optimizer.state_dict()))
    after = optimizer.state_dict()
    assert (after["steps"], after["evaluations"]) == (before["steps"], before["evaluations"])
    for a, b in zip(after["moves"], before["moves"], strict=True):
        np.testing.assert_array_equal([x.numpy() for x in a], [x.numpy() for x in b])


# ---- losses that are not finite


def beyond(limit, bad):
    """w² as long as w is above the limit, `bad` below."""

    def problem(w, of):
        loss = (w * w).sum()
        return loss if w.item() > limit else loss * bad

    return problem


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("max_iter", [20, 1])
def test_a_bad_loss_is_refused_by_the_parameter_and_the_last_good_point_restored(bad, max_iter):
    w = cr.tensor([4.0], dtype="float64", requires_grad=True)
    optimizer = LBFGS([("first.weight", w)], lr=2.0, max_iter=max_iter)
    closure = closure_of(beyond(1.9, bad), w, optimizer, cr.tensor)

    def train():
        for _ in range(20):
            optimizer.step(closure)

    with pytest.raises(cr.GraphError, match=r"gradient of parameter 'first.weight' \(1,\).*those of the last point"):
        train()
    assert w.item() == 2.0  # the first move, of length lr; the second went too far


def test_a_bad_loss_with_a_good_gradient_is_refused():
    w = cr.tensor([4.0], requires_grad=True)
    optimizer = LBFGS([w])
    closure = closure_of(lambda w, of: (w * w).sum() + math.nan, w, optimizer, cr.tensor)
    with pytest.raises(cr.GraphError, match="LBFGS.step: the loss is nan; the parameters are those of the last point"):
        optimizer.step(closure)
    assert w.item() == 4.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_line_search_turns_back_where_the_loss_is_bad(bad):
    w = cr.tensor([4.0], dtype="float64", requires_grad=True)
    optimizer = LBFGS([w], lr=64.0, line_search="strong_wolfe")
    optimizer.step(closure_of(beyond(-1.0, bad), w, optimizer, cr.tensor))
    assert w.item() == pytest.approx(0.0, abs=1e-6)


def test_a_line_search_that_finds_nothing_finite_says_so_and_restores_the_start():
    w = cr.tensor([4.0], dtype="float64", requires_grad=True)
    optimizer = LBFGS([w], line_search="strong_wolfe")
    with pytest.raises(cr.GraphError, match="LBFGS.step: .* the gradient of parameter 0"):
        optimizer.step(closure_of(beyond(4.0 - 1e-12, math.nan), w, optimizer, cr.tensor))
    assert w.item() == 4.0


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_an_error_in_the_closure_leaves_the_last_good_point(error, line_search):
    w = cr.tensor([4.0], requires_grad=True)
    optimizer = LBFGS([w], line_search=line_search)
    inner = closure_of(lambda w, of: (w * w).sum(), w, optimizer, cr.tensor)

    def closure():
        if w.item() != 4.0:
            raise error
        return inner()

    with pytest.raises(error):
        optimizer.step(closure)
    assert (w.item(), optimizer.steps) == (4.0, 0)


# ---- wrong use

REFUSED = {
    "max_iter must be a whole number of at least 1, not 0": dict(max_iter=0),
    "max_eval must be a whole number of at least 1, not 0": dict(max_eval=0),
    "history_size must be a whole number of at least 1, not 2.5": dict(history_size=2.5),
    "tolerance_grad must be a finite number of at least 0, not -1": dict(tolerance_grad=-1),
    "tolerance_change must be a finite number of at least 0, not nan": dict(tolerance_change=math.nan),
    "line_search must be None or 'strong_wolfe', not 'wolfe'": dict(line_search="wolfe"),
    "lr must be a finite number above 0, not -1": dict(lr=-1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_bad_option_is_refused(message):
    with pytest.raises(cr.ArgumentError) as error:
        LBFGS([cr.ones(2, requires_grad=True)], **REFUSED[message])
    assert f"LBFGS: {message}" in str(error.value)


def test_parameters_of_several_kinds_are_refused(strict):
    p, q = cr.ones(2, requires_grad=True), cr.ones(2, dtype="float64", requires_grad=True)
    for params in ([p, q], [p, cr.ones(2, device=strict, requires_grad=True)], [{"params": [p]}, {"params": [p + 0]}]):
        with pytest.raises(cr.ArgumentError, match="LBFGS: (needs one group|parameter 1 must be a leaf)"):
            LBFGS(params)
    other = cr.ones(2, requires_grad=True)
    with pytest.raises(
        cr.ArgumentError, match="needs one group of one device and dtype, was given 2 of float32 on 'cpu'"
    ):
        LBFGS([{"params": [p]}, {"params": [other]}])


@pytest.mark.parametrize("closure", [None, 3.0])
def test_a_step_without_a_closure_is_refused(closure):
    w = cr.ones(2, requires_grad=True)
    w.grad = [1.0, 1.0]
    with pytest.raises(
        cr.ArgumentError, match="LBFGS.step: needs a closure, a function that calls optimizer.zero_grad"
    ):
        LBFGS([w]).step(closure)


@pytest.mark.parametrize("value", [None, "low", cr.ones(2)], ids=["None", "text", "two numbers"])
def test_a_closure_that_returns_no_loss_is_refused(value):
    w = cr.ones(2, requires_grad=True)
    with pytest.raises(cr.ArgumentError, match="the closure must return the loss, one number"):
        LBFGS([w]).step(lambda: value)


def test_a_closure_without_backward_is_refused():
    w = cr.ones(2, requires_grad=True)
    with pytest.raises(cr.GraphError, match="LBFGS.step: no parameter has a gradient"):
        LBFGS([w]).step(lambda: (w * w).sum())


# ---- the line search by itself


def along(f, slope, tried=None):
    """phi of a function of t and its derivative."""

    def phi(t):
        if tried is not None:
            tried.append(t)
        return Point(t, None, f(t), None, slope(t), 1.0)

    return phi


LINES = {
    "a parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "a far minimum": (lambda t: (t - 300) ** 2, lambda t: 2 * (t - 300)),
    "a near minimum": (lambda t: (t - 1e-3) ** 2, lambda t: 2 * (t - 1e-3)),
    "a narrow valley": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "steep then flat": (lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4, lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3),
    "waves": (
        lambda t: -t + 1e-1 * math.sin(20 * t) + 0.1 * t * t,
        lambda t: -1 + 2 * math.cos(20 * t) + 0.2 * t,
    ),
}  # fmt: skip


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", LINES)
def test_the_point_found_satisfies_the_strong_wolfe_conditions(name, first):
    f, slope = LINES[name]
    if slope(0) >= 0:
        f, slope = (lambda t, f=f: f(-t)), (lambda t, s=slope: -s(-t))
    tried = []
    phi = along(f, slope, tried)
    start = phi(0.0)
    p = strong_wolfe(phi, start, first, 1e-12)
    assert p.loss <= start.loss + 1e-4 * p.t * start.slope
    assert abs(p.slope) <= 0.9 * abs(start.slope)
    assert len(tried) <= 2 + 25


def test_a_first_point_that_is_good_enough_is_taken():
    tried = []
    phi = along(*LINES["a parabola"], tried)
    assert strong_wolfe(phi, phi(0.0), 2.5, 1e-9).t == 2.5
    assert tried == [0.0, 2.5]


def test_a_hole_in_the_line_is_avoided():
    def f(t):
        return math.nan if 0.5 < t < 5.9 else (t - 3) ** 2

    phi = along(f, lambda t: 2 * (t - 3))
    p = strong_wolfe(phi, phi(0.0), 10.0, 1e-9)
    assert p.loss <= 9 - 1e-4 * p.t * 6
    assert abs(p.slope) <= 0.9 * 6


def test_a_line_without_an_end_gives_its_lowest_point():
    phi = along(lambda t: -t, lambda t: -1.0)
    assert strong_wolfe(phi, phi(0.0), 1.0, 1e-9).t > 1e12


def test_a_line_that_only_rises_gives_its_start():
    """A slope that is wrong: downhill it is not."""
    tried = []
    phi = along(lambda t: t, lambda t: 1.0, tried)
    start = phi(0.0)._replace(slope=-1.0)
    assert strong_wolfe(phi, start, 1.0, 1e-3) is start
    assert len(tried) < 15  # until the interval is shorter than 1e-3


def test_a_line_that_ends_gives_the_last_point_on_it():
    phi = along(lambda t: -t if t <= 1 else math.nan, lambda t: -1.0)
    assert strong_wolfe(phi, phi(0.0), 1.0, 1e-9).t == 1.0


def test_a_point_higher_than_the_one_before_is_not_passed():
    """Downhill everywhere, with a jump up at every 1.05."""
    tried = []
    phi = along(lambda t: -(t % 1.05), lambda t: -1.0, tried)
    assert strong_wolfe(phi, phi(0.0), 1.0, 1e-3).loss <= -1.0
    assert tried[:3] == [0.0, 1.0, max(tried)]


@pytest.mark.parametrize("seed", range(20))
def test_where_nothing_is_flat_the_lowest_point_seen_is_given(seed):
    """A saw with steep teeth, on a slope down and then up."""
    rng = np.random.default_rng(seed)
    width, height, first = rng.uniform(0.05, 0.2), rng.uniform(1, 3), 10 ** rng.uniform(-2, 1)
    tooth = 4 * height / width
    seen = []

    def phi(t):
        place = (t / width + 0.25) % 1
        loss = abs(t - 5) + height * (4 * abs(place - 0.5) - 1)
        slope = (1 if t > 5 else -1) + (tooth if place > 0.5 else -tooth)
        seen.append(Point(t, None, loss, None, slope, 1.0))
        return seen[-1]

    start = phi(0.0)
    found = strong_wolfe(phi, start, first, 1e-6)
    assert found.loss == min(p.loss for p in seen)


def test_the_cubic_through_two_points_has_its_minimum_where_calculus_says():
    phi = along(lambda t: t**3 - 3 * t, lambda t: 3 * t * t - 3)  # least at 1
    assert cubic_minimum(phi(0.0), phi(3.0), 0, 3) == pytest.approx(1.0, rel=1e-14)
    assert cubic_minimum(phi(3.0), phi(0.0), 0, 3) == pytest.approx(1.0, rel=1e-14)
    assert cubic_minimum(phi(0.0), phi(3.0), 1.5, 3) == 1.5
    assert cubic_minimum(phi(0.0), phi(3.0), 0, 0.5) == 0.5


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_a_cubic_that_is_none_gives_the_middle(loss):
    a, b = Point(0.0, None, 1.0, None, -1.0, 1.0), Point(2.0, None, loss, None, loss, 1.0)
    assert cubic_minimum(a, b, 0.0, 2.0) == 1.0


def test_a_straight_line_has_no_minimum():
    phi = along(lambda t: -t, lambda t: -1.0)
    assert cubic_minimum(phi(0.0), phi(1.0), 2.0, 4.0) in (2.0, 3.0, 4.0)


def test_no_more_than_history_size_pairs_are_kept():
    _, _, optimizer = ours(rosenbrock, 6, lr=0.003, max_iter=3, history_size=2)
    assert len(optimizer._pairs) == 2
