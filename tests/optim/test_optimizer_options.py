"""The options of optimisers: groups, schedules as learning rates, and what is refused."""

import inspect
import math
import re

import numpy as np
import pytest
from optimizer_formulas import CASES, RULES, Halving, gradients, leaves, made, one, snapshot, start, train

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


def test_the_last_learning_rate_is_that_of_the_step_that_was_taken():
    _, optimizer = one(lr=lambda step: 1 / (1 + step))
    read = [optimizer.last_lr]
    for _ in range(3):
        optimizer.step()
        read.append(optimizer.last_lr)
    assert read == [None, 1, 1 / 2, 1 / 3]


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
    with pytest.raises(cr.ArgumentError, match="SGD: lr must be a finite number .*at step 2"):
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


# ---- what may be changed between steps


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("SGD", "momentum", 0.9), ("momentum", "momentum", 0.0), ("RMSprop", "momentum", 0.9), ("RMSprop", "centered", True),
        ("centred RMSprop with momentum", "momentum", 0.0), ("centred RMSprop", "centered", False),
        ("Adam", "amsgrad", True), ("amsgrad", "amsgrad", False), ("AdamW", "amsgrad", True),
    ],
)  # fmt: skip
def test_what_an_optimiser_keeps_cannot_be_switched_on_or_off(name, option, value):
    (p,) = leaves([np.ones(2)])
    optimizer = made(name, [p])
    before = optimizer.groups[0][option]
    with pytest.raises(cr.ArgumentError, match=f"{option} decides what the optimiser keeps.* make a new optimiser"):
        optimizer.groups[0][option] = value
    assert optimizer.groups[0][option] == before


def test_options_are_set_together_or_not_at_all():
    _, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="weight_decay"):
        optimizer.groups[0].update({"lr": 0.5, "weight_decay": -1})
    assert optimizer.lr == 1.0


def test_options_can_be_set_together():
    _, optimizer = one(momentum=0.9)
    optimizer.groups[0] |= {"lr": 0.5, "momentum": 0.5, "nesterov": True}
    assert {k: v for k, v in optimizer.groups[0].items() if k != "params"} == {
        "lr": 0.5, "momentum": 0.5, "nesterov": True, "weight_decay": 0.0,
    }  # fmt: skip


def test_options_set_together_are_checked():
    p, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="SGD: lr must be"):
        optimizer.groups[0] |= {"lr": math.nan}
    optimizer.step()
    assert p.tolist() == [-1.0]


def test_an_option_that_does_not_exist_cannot_be_set():
    _, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="SGD: 'rate' is no option that can be set; choose among lr, momentum"):
        optimizer.groups[0]["rate"] = 0.5


def test_the_parameters_of_a_group_cannot_be_exchanged():
    _, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="SGD: 'params' is no option"):
        optimizer.groups[0]["params"] = leaves([np.ones(2)])


def test_nesterov_may_be_switched_on_where_there_is_momentum():
    p, optimizer = one(momentum=0.5)
    optimizer.groups[0]["nesterov"] = True
    optimizer.step()
    assert p.tolist() == [-1.5]


def test_nesterov_cannot_be_switched_on_without_momentum():
    _, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="nesterov=True needs a momentum above 0"):
        optimizer.groups[0]["nesterov"] = True


# ---- bad options: for every optimiser, what each of its options must be and what it therefore refuses

NUMBERS = [math.nan, "0.1", None, True, [0.1], 0.1j, np.complex128(0.1)]
ABOVE_0 = ("must be a finite number above 0", [0, -0.1, math.inf, *NUMBERS])
AT_LEAST_0 = ("must be a finite number of at least 0", [-1e-9, -1, math.inf, *NUMBERS])
FRACTION = ("must be at least 0 and below 1", [1, 1.0, -0.5, math.inf, *NUMBERS])
FLAG = ("must be True or False", [0, 1, "yes", None])
BETAS = ("must be two numbers", [0.9, (0.9,), (0.9, 0.9, 0.9), (), None, "ab", {0.9, 0.99}])
RANGES = {
    "lr": ABOVE_0, "momentum": FRACTION, "alpha": FRACTION, "rho": FRACTION, "betas": BETAS, "eps": AT_LEAST_0,
    "weight_decay": AT_LEAST_0, "lr_decay": AT_LEAST_0, "momentum_decay": AT_LEAST_0,
    "initial_accumulator_value": AT_LEAST_0, "nesterov": FLAG, "amsgrad": FLAG, "centered": FLAG,
}  # fmt: skip
OPTIONS = [
    pytest.param(make, option, id=f"{name} {option}")
    for name, make in RULES.items()
    for option in inspect.signature(make).parameters
    if option != "params"
]


def least(make, **options):
    """The options with what the optimiser cannot do without."""
    return ({"lr": 0.1} if make is optim.SGD else {}) | options


@pytest.mark.parametrize(("make", "option"), OPTIONS)
def test_a_bad_option_is_refused_by_name(make, option):
    demand, values = RANGES[option]
    for value in values:
        message = f"{make.__name__}: {option} {demand}, not {value!r}"
        with pytest.raises(cr.ArgumentError, match=f"^{re.escape(message)}"):
            make(leaves(start()), **least(make, **{option: value}))


@pytest.mark.parametrize(("make", "option"), OPTIONS)
def test_a_bad_option_of_a_group_is_refused_by_name(make, option):
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(cr.ArgumentError, match=f"{make.__name__}: {option} {RANGES[option][0]}"):
        make([{"params": [a]}, {"params": [b], option: RANGES[option][1][0]}], **least(make))


@pytest.mark.parametrize(("make", "option"), OPTIONS)
def test_a_bad_option_set_between_steps_is_refused_and_changes_nothing(make, option):
    optimizer = make(leaves(start()), **least(make))
    before = optimizer.groups[0][option]
    with pytest.raises(cr.ArgumentError, match=f"{make.__name__}: {option} {RANGES[option][0]}"):
        optimizer.groups[0][option] = RANGES[option][1][0]
    assert optimizer.groups[0][option] == before


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize(
    "name", [name for name, make in RULES.items() if "betas" in inspect.signature(make).parameters]
)
def test_a_bad_beta_is_refused_by_its_place(name, i):
    demand, values = FRACTION
    for value in values:
        message = f"{name}: betas[{i}] {demand}, not {value!r}"
        with pytest.raises(cr.ArgumentError, match=f"^{re.escape(message)}"):
            RULES[name](leaves(start()), betas=(value, 0.9) if i == 0 else (0.9, value))


@pytest.mark.parametrize("momentum", [0, 0.0])
def test_nesterov_without_momentum_is_refused(momentum):
    with pytest.raises(cr.ArgumentError, match="SGD: nesterov=True needs a momentum above 0"):
        optim.SGD(leaves(start()), lr=0.1, momentum=momentum, nesterov=True)


def test_nesterov_without_momentum_is_refused_in_a_group():
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(cr.ArgumentError, match="SGD: nesterov=True needs a momentum above 0"):
        optim.SGD([{"params": [a]}, {"params": [b], "momentum": 0.0}], lr=0.1, momentum=0.9, nesterov=True)


EDGES = {
    "lr": [1, 1e-300, np.float32(0.5), np.int64(1), lambda step: 0.5], "betas": [(0, 0), [0.5, 0.9], (0.999, np.float32(0.5))],
    "nesterov": [False, np.bool_(False)], "amsgrad": [True, np.bool_(True)], "centered": [True, np.bool_(True)],
    **dict.fromkeys(("momentum", "alpha", "rho"), [0, 0.0, 0.999, np.float32(0.5)]),
    **dict.fromkeys(("eps", "weight_decay", "lr_decay", "momentum_decay", "initial_accumulator_value"), [0, 0.0, 3, np.float64(2)]),
}  # fmt: skip


@pytest.mark.parametrize(("make", "option"), OPTIONS)
def test_options_at_the_edge_of_their_range_are_good(make, option):
    for value in EDGES[option]:
        optimizer = make(leaves(start(), "float32"), **least(make, **{option: value}))
        train(optimizer, 2)
        assert all(np.isfinite(p.numpy()).all() for p in optimizer.params)
        assert {p.dtype.name for p in optimizer.params} == {"float32"}


@pytest.mark.parametrize("lr", [0, -1.0, math.nan, "0.1", None])
def test_a_bad_learning_rate_set_between_steps_is_refused_and_changes_nothing(lr):
    p, optimizer = one()
    with pytest.raises(cr.ArgumentError, match="SGD: lr must be a finite number above 0"):
        optimizer.lr = lr
    optimizer.step()
    assert p.tolist() == [-1.0]


# ---- bad parameters


@pytest.mark.parametrize("name", RULES)
def test_no_parameters_are_refused(name):
    for params in ([], (), iter([]), [{"params": []}]):
        with pytest.raises(cr.ArgumentError, match=f"{name}: needs at least one parameter, but the list is empty"):
            RULES[name](params, lr=0.1)


def test_an_empty_group_among_others_is_refused_by_its_number():
    with pytest.raises(cr.ArgumentError, match="SGD: .*group 1 is empty"):
        optim.SGD([{"params": leaves([np.ones(2)])}, {"params": []}], lr=0.1)


def test_a_group_without_parameters_is_told_how_to_give_them():
    with pytest.raises(cr.ArgumentError, match=r'SGD: group 0 has no "params"; give each group as \{"params"'):
        optim.SGD([{"parameters": leaves([np.ones(2)])}], lr=0.1)


@pytest.mark.parametrize("name", RULES)
def test_an_unknown_option_of_a_group_is_refused_with_those_that_exist(name):
    make = RULES[name]
    known = ", ".join(option for option in inspect.signature(make).parameters if option != "params")
    with pytest.raises(cr.ArgumentError, match=f"{name}: group 0 has no option 'rate'; choose among {known}$"):
        make([{"params": leaves([np.ones(2)]), "rate": 0.1}], lr=0.1)


@pytest.mark.parametrize(
    "params",
    [
        lambda p: p,
        lambda p: {"params": [p]},
        lambda p: "weights",
        lambda p: None,
        lambda p: 3.0,
        lambda p: cr.nn.Linear(2, 1),
    ],
    ids=["parameter", "group", "text", "nothing", "number", "model"],
)
def test_what_is_no_list_of_parameters_is_refused(params):
    (p,) = leaves([np.ones(2)])
    with pytest.raises(
        cr.ArgumentError, match=r"SGD: params must be a list of parameters, not .*; pass model\.parameters\(\)"
    ):
        optim.SGD(params(p), lr=0.1)


@pytest.mark.parametrize("params", [None, 3, "weights"])
def test_what_is_no_list_of_parameters_is_refused_in_a_group(params):
    with pytest.raises(cr.ArgumentError, match="SGD: params must be a list of parameters"):
        optim.SGD([{"params": params}], lr=0.1)


@pytest.mark.parametrize("pair", [tuple, list])
def test_two_parameters_are_not_taken_for_a_name_and_a_parameter(pair):
    with pytest.raises(cr.ArgumentError, match="SGD: parameter 0 must be a leaf that requires grad"):
        optim.SGD([pair(leaves([np.ones(2)] * 2))], lr=0.1)


def test_a_group_beside_a_parameter_is_refused():
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(cr.ArgumentError, match="SGD: parameter 1 must be a leaf"):
        optim.SGD([a, {"params": [b]}], lr=0.1)


def test_a_parameter_given_twice_is_refused_with_both_places():
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(
        cr.ArgumentError, match=r"SGD: parameter 2 of shape \(2,\) was given twice, at positions 0 and 2"
    ):
        optim.SGD([a, b, a], lr=0.1)


def test_a_parameter_in_two_groups_is_refused_by_name():
    a, b = leaves([np.ones(2)] * 2)
    with pytest.raises(cr.ArgumentError, match=r"parameter 'tied' \(2,\) was given twice, at positions 0 and 2"):
        optim.SGD([{"params": [("first", a), ("second", b)]}, {"params": [("tied", a)]}], lr=0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: cr.ones(2), lambda: cr.ones(2, requires_grad=True) * 2, lambda: np.ones(2), lambda: 1.0, lambda: "weight",
        lambda: ("weight", cr.ones(2)), lambda: (), lambda: cr.Value(1.0) * 2,
    ],
    ids=["no gradient", "result", "array", "number", "name", "pair", "nothing", "result of values"],
)  # fmt: skip
def test_what_is_no_leaf_that_requires_grad_is_refused_with_its_place(make):
    with pytest.raises(
        cr.ArgumentError, match="SGD: parameter 1 must be a leaf that requires grad|SGD: parameter .* is frozen"
    ):
        optim.SGD([*leaves([np.ones(2)]), make()], lr=0.1)


@pytest.mark.parametrize("name", RULES)
def test_a_refused_optimiser_leaves_the_parameters_to_the_one_that_has_them(name):
    make, (p, q) = RULES[name], leaves([np.ones(2)] * 2)
    good = optim.SGD([p, q], lr=1.0)
    bad = [
        lambda: make([p, p], **least(make)),
        lambda: make([p, 1.0], **least(make)),
        lambda: make([p], lr=math.nan),
        lambda: make([{"params": [p]}, {"params": [q], "lr": math.nan}], **least(make)),
        lambda: optim.SGD([p], lr=0.1, nesterov=True),
        lambda: optim.SGD([{"params": [p]}, {"params": [q], "momentum": 0.0}], lr=0.1, momentum=0.9, nesterov=True),
    ]
    for refused in bad:
        with pytest.raises(cr.ArgumentError):
            refused()
    p.grad = q.grad = [1.0, 1.0]
    good.step()
    assert (p.tolist(), q.tolist()) == ([0, 0], [0, 0])


# ---- the optimisers by name


@pytest.mark.parametrize("name", RULES)
def test_an_optimiser_is_found_by_its_name_in_lower_case(name):
    assert optim.OPTIMIZERS[name.lower()] is optim.optimizer(name.lower()) is RULES[name]


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(
        cr.ArgumentError, match=r"unknown optimi[sz]er 'adamm': choose one of .*'adam', 'adamax', 'adamw'"
    ):
        optim.optimizer("adamm")
