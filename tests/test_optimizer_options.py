"""The options of optimisers: groups, schedules as learning rates, and what is refused."""

import math

import numpy as np
import pytest
from optimizer_formulas import CASES, gradients, leaves, made, one, snapshot, start, train

import chainrule as cr
from chainrule import optim

# ---- groups and names


@pytest.mark.parametrize("name", CASES)
def test_groups_are_what_an_optimiser_for_each_would_do(name):
    make, _, options = CASES[name]
    least = {"lr": 0.1}
    together, alone = leaves(start()), leaves(start())
    optimizer = make([{"params": together[:2]}, {"params": together[2:], **options}], **least)
    first, second = make(alone[:2], **least), make(alone[2:], **least | options)
    for step in range(5):
        for p, q, g in zip(together, alone, gradients(step), strict=True):
            p.grad = q.grad = g
        for each in (optimizer, first, second):
            each.step()
    assert [p.tolist() for p in together] == [p.tolist() for p in alone]


def test_groups_are_updated_as_pytorch_does():
    torch = pytest.importorskip("torch")
    ours, theirs = leaves(start()), [torch.tensor(a, requires_grad=True) for a in start()]
    a, b = (
        make([{"params": params[:2], "weight_decay": 0.1}, {"params": params[2:], "betas": (0.5, 0.9)}], lr=0.01)
        for make, params in ((optim.AdamW, ours), (torch.optim.AdamW, theirs))
    )
    for step in range(20):
        for p, q, g in zip(ours, theirs, gradients(step), strict=True):
            p.grad, q.grad = g, torch.tensor(g)
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-12)


def test_a_group_lists_its_parameters_and_every_option():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1, momentum=0.9)
    rest = {"momentum": 0.9, "nesterov": False, "weight_decay": 0.0}
    assert [{k: v for k, v in group.items() if k != "params"} for group in optimizer.groups] == [
        {"lr": 0.5, **rest}, {"lr": 0.1, **rest},
    ]  # fmt: skip
    assert [[id(p) for p in group["params"]] for group in optimizer.groups] == [[id(a)], [id(b)]]
    assert [id(p) for p in optimizer.params] == [id(a), id(b)]


def test_making_an_optimiser_leaves_the_groups_that_were_given_alone():
    (a,) = leaves([np.ones(2)])
    group = {"params": [("a", a)]}
    optim.SGD([group], lr=0.1)
    assert (list(group), group["params"][0][0]) == (["params"], "a")


def test_the_learning_rate_is_that_of_the_first_group():
    a, b = leaves([np.ones(2)] * 2)
    assert optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1).lr == 0.5


def test_setting_the_learning_rate_sets_it_in_every_group():
    a, b = leaves([np.ones(2)] * 2)
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
    optimizer.lr = 0.25
    assert [group["lr"] for group in optimizer.groups] == [0.25, 0.25]


def test_an_option_of_a_group_may_change_between_steps():
    a, b = leaves([np.zeros(1)] * 2)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0)
    optimizer.groups[1]["lr"] = 0.5
    a.grad = b.grad = [1.0]
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([-1.0], [-0.5])


@pytest.mark.parametrize("params", [lambda p: p, iter, tuple], ids=["one", "iterator", "tuple"])
def test_the_parameters_of_a_group_may_be(params):
    (a,) = leaves([np.ones(2)])
    given = params(a) if params(a) is a else params([a])
    assert [id(p) for p in optim.SGD([{"params": given}], lr=0.1).params] == [id(a)]


def test_parameters_may_come_from_a_generator():
    model = cr.nn.MLP([2, 3, 1])
    assert len(optim.SGD((p for p in model.parameters()), lr=0.1).params) == 4


def test_parameters_may_come_with_their_names():
    model = cr.nn.MLP([2, 3, 1])
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert [id(p) for p in optimizer.params] == [id(p) for p in model.parameters()]


def test_parameters_of_a_group_may_come_with_their_names():
    (a,) = leaves([np.ones(2)])
    optimizer = optim.SGD([{"params": [("first.weight", a)]}], lr=0.1)
    a.grad = [math.nan, 1.0]
    with pytest.raises(cr.GraphError, match="'first.weight'"):
        optimizer.step()


# ---- schedules


def test_a_schedule_is_called_with_the_number_of_the_step():
    asked = []
    _, optimizer = one(lr=lambda step: asked.append(step) or 0.5)
    for _ in range(4):
        optimizer.step()
    assert asked == [0, 1, 2, 3]


def test_a_step_moves_by_the_rate_of_the_schedule():
    p, optimizer = one(lr=lambda step: [1.0, 0.5, 0.25][step])
    for _ in range(3):
        optimizer.step()
    assert p.tolist() == [-1.75]


@pytest.mark.parametrize("name", CASES)
def test_a_schedule_does_what_setting_the_rate_before_each_step_does(name):
    def rate(step):
        return 0.1 / (1 + step)

    scheduled, other = made(name, leaves(start()), lr=rate), made(name, leaves(start()))
    for step in range(5):
        other.lr = rate(step)
        train(other, 1, first=step)
    for a, b in zip(train(scheduled, 5), other.params, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


def test_the_learning_rate_that_can_be_read_is_that_of_the_coming_step():
    _, optimizer = one(lr=lambda step: 1 / (1 + step))
    read = []
    for _ in range(3):
        read.append(optimizer.lr)
        optimizer.step()
    assert read == [1, 1 / 2, 1 / 3]


def test_each_group_may_have_a_schedule_of_its_own():
    a, b = leaves([np.zeros(1)] * 2)
    optimizer = optim.SGD([{"params": [a], "lr": lambda step: 1.0 + step}, {"params": [b]}], lr=0.5)
    for _ in range(2):
        a.grad = b.grad = [1.0]
        optimizer.step()
    assert (a.tolist(), b.tolist()) == ([-3.0], [-1.0])


def test_a_schedule_may_be_set_later_and_counts_all_steps():
    p, optimizer = one()
    optimizer.step()
    optimizer.lr = lambda step: 10.0 * step
    optimizer.step()
    assert p.tolist() == [-11.0]


def test_a_number_may_take_the_place_of_a_schedule():
    p, optimizer = one(lr=lambda step: 1.0)
    optimizer.lr = 0.5
    optimizer.step()
    assert p.tolist() == [-0.5]


def test_a_schedule_may_pause_at_a_rate_of_0():
    p, optimizer = one(lr=lambda step: 0.0, momentum=0.9)
    optimizer.step()
    assert (p.tolist(), optimizer.steps) == ([0.0], 1)
    assert optimizer.state_dict()["state"][0]["velocity"].tolist() == [1.0]


@pytest.mark.parametrize("rate", [math.nan, -0.1, math.inf, None, "fast"])
def test_a_schedule_that_gives_no_rate_is_refused_at_its_step_and_changes_nothing(rate):
    _, optimizer = one(lr=lambda step: [0.5, 0.5, rate][step], momentum=0.9)
    for _ in range(2):
        optimizer.step()
    before = snapshot(optimizer)
    with pytest.raises(cr.ArgumentError, match=r"SGD: lr must be a finite number above 0 .*at step 2"):
        optimizer.step()
    assert snapshot(optimizer) == before


def test_the_schedule_of_one_group_that_gives_no_rate_changes_no_other():
    a, b = leaves([np.zeros(1)] * 2)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": lambda step: math.nan}], lr=1.0)
    a.grad = b.grad = [1.0]
    with pytest.raises(cr.ArgumentError, match="at step 0"):
        optimizer.step()
    assert (a.tolist(), b.tolist()) == ([0.0], [0.0])


def test_a_schedule_that_raises_changes_nothing():
    p, optimizer = one(lr=lambda step: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert (p.tolist(), optimizer.steps) == ([0.0], 0)


def test_a_step_that_was_refused_asks_the_schedule_for_the_same_step_again():
    asked = []
    p, optimizer = one(lr=lambda step: asked.append(step) or 0.5)
    p.grad = [math.nan]
    with pytest.raises(cr.GraphError):
        optimizer.step()
    p.grad = [1.0]
    optimizer.step()
    assert set(asked) == {0}


class Halving:
    """A schedule with a state, which results change."""

    def __init__(self):
        self.rate, self.seen = 1.0, []

    def __call__(self, step):
        return self.rate

    def observe(self, row):
        self.seen.append(row)
        self.rate /= 2

    def state_dict(self):
        return {"rate": self.rate}

    def load_state_dict(self, state):
        self.rate = state["rate"]


def test_a_schedule_that_depends_on_results_hears_them_once():
    schedule = Halving()
    a, b = leaves([np.zeros(1)] * 2)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=schedule)
    optimizer.observe({"val_loss": 0.5})
    assert (schedule.seen, optimizer.lr) == ([{"val_loss": 0.5}], 0.5)


def test_results_are_of_no_concern_to_other_learning_rates():
    for lr in (0.5, lambda step: 0.5):
        _, optimizer = one(lr=lr)
        optimizer.observe({"val_loss": 0.5})
        assert optimizer.lr == 0.5
