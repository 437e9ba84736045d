"""Learning-rate schedules against PyTorch's at every step, and against numbers worked out by hand."""

import copy
import json
import math
import pickle
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim import schedule
from chainrule.optim.schedule import ReduceOnPlateau

INF, NAN = math.inf, math.nan


def rates(lr, steps):
    return [lr(step) for step in range(steps)]


# ---- PyTorch


def torch_rates(make, lr, steps):
    """The learning rates of a scheduler of PyTorch's, one for each step."""
    torch = pytest.importorskip("torch")
    p = torch.zeros(1, requires_grad=True)
    p.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([p], lr=lr)
    scheduler, found = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


CYCLE = dict(max_lr=0.3, total_steps=100)
PYTORCH = {  # name -> (ours, PyTorch's, its base rate, steps)
    "step_decay": (schedule.step_decay(0.3, 7, 0.5), lambda s, o: s.StepLR(o, 7, 0.5), 0.3, 50),
    "multi_step": (schedule.multi_step(0.3, [1, 5, 30]), lambda s, o: s.MultiStepLR(o, [1, 5, 30], 0.1), 0.3, 50),
    "exponential": (schedule.exponential(0.3, 0.97), lambda s, o: s.ExponentialLR(o, 0.97), 0.3, 300),
    "a line": (schedule.polynomial(0.3, 100), lambda s, o: s.PolynomialLR(o, 100), 0.3, 150),
    "polynomial": (schedule.polynomial(0.3, 100, 2.5), lambda s, o: s.PolynomialLR(o, 100, 2.5), 0.3, 150),
    "cosine": (schedule.cosine(0.3, 100, 0.01), lambda s, o: s.CosineAnnealingLR(o, 100, 0.01), 0.3, 101),
    "cosine to 0": (schedule.cosine(0.3, 101), lambda s, o: s.CosineAnnealingLR(o, 101), 0.3, 102),
    "restarts": (
        schedule.cosine_restarts(0.3, 7, end=0.01),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, eta_min=0.01), 0.3, 100,
    ),
    "growing restarts": (
        schedule.cosine_restarts(0.3, 7, factor=3), lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, 3), 0.3, 400
    ),
    "one_cycle": (schedule.one_cycle(0.3, 100), lambda s, o: s.OneCycleLR(o, **CYCLE), 0.3, 100),
    "one_cycle by lines": (
        schedule.one_cycle(0.3, 100, rise=0.123, start_div=10, end_div=100, anneal="linear"),
        lambda s, o: s.OneCycleLR(
            o, **CYCLE, pct_start=0.123, div_factor=10, final_div_factor=100, anneal_strategy="linear"
        ), 0.3, 100,
    ),
    "warmup": (
        schedule.warmup(schedule.exponential(0.4, 0.9), 8, start=0.1),
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.25, 1.0, 8), s.ExponentialLR(o, 0.9)], [8]), 0.4, 50,
    ),
    "sequence": (
        schedule.sequence((5, 0.2), (10, schedule.step_decay(0.4, 3)), schedule.exponential(0.4, 0.9)),
        lambda s, o: s.SequentialLR(
            o, [s.ConstantLR(o, 0.5, 100), s.StepLR(o, 3), s.ExponentialLR(o, 0.9)], [5, 15]
        ), 0.4, 50,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PYTORCH)
def test_the_rates_are_those_of_pytorch_at_every_step(name):
    ours, theirs, base, steps = PYTORCH[name]
    np.testing.assert_allclose(rates(ours, steps), torch_rates(theirs, base, steps), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("cooldown", [0, 2])
def test_a_plateau_reduces_the_rate_when_pytorch_does(mode, patience, cooldown):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    options = dict(mode=mode, factor=0.5, patience=patience, cooldown=cooldown, min_lr=1e-3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, threshold=0.02, eps=0.0, **options)
    ours = ReduceOnPlateau(1.0, min_delta=0.02, **options)
    rng, seen, expected = np.random.default_rng(0), [], []
    for epoch in range(120):
        value = 1.0 + (1 / (1 + epoch) if mode == "min" else epoch / 120) + 0.05 * rng.normal()
        ours.observe(value)
        theirs.step(value)
        seen.append(ours(epoch))
        expected.append(optimizer.param_groups[0]["lr"])
    assert len(set(expected)) > 3
    np.testing.assert_allclose(seen, expected, rtol=1e-12)


# ---- numbers worked out by hand

BY_HAND = [
    (schedule.constant(0.5), [0.5] * 4),
    (schedule.step_decay(8.0, 2, 0.5), [8, 8, 4, 4, 2, 2]),
    (schedule.multi_step(8.0, [1, 4], 0.5), [8, 4, 4, 4, 2, 2]),
    (schedule.exponential(8.0, 0.5), [8, 4, 2, 1]),
    (schedule.polynomial(8.0, 4), [8, 6, 4, 2, 0, 0]),
    (schedule.polynomial(10.0, 2, power=2, end=2.0), [10, 4, 2, 2]),
    (schedule.cosine(8.0, 2), [8, 4, 0, 0]),
    (schedule.cosine(8.0, 3, end=4.0), [8, 7, 5, 4, 4]),
    (schedule.cosine_restarts(8.0, 2), [8, 4, 8, 4, 8]),
    (schedule.cosine_restarts(8.0, 1, factor=2, end=4.0), [8, 8, 6, 8, 6 + 2**0.5, 6, 6 - 2**0.5, 8]),
    (schedule.one_cycle(8.0, 5, rise=0.6, start_div=4, end_div=2, anneal="linear"), [2, 5, 8, 4.5, 1, 1]),
    (schedule.one_cycle(8.0, 5, rise=0.6, start_div=2, end_div=1), [4, 6, 8, 6, 4, 4]),
    (schedule.one_cycle(8.0, 1, start_div=2, end_div=2), [2, 2]),
    (schedule.warmup(8.0, 4), [0, 2, 4, 6, 8, 8]),
    (schedule.warmup(schedule.exponential(8.0, 0.5), 2, start=4.0), [4, 6, 8, 4, 2]),
    (schedule.sequence((2, 3.0), (2, schedule.exponential(8.0, 0.5)), 1.0), [3, 3, 8, 4, 1, 1]),
    (schedule.sequence(schedule.exponential(8.0, 0.5)), [8, 4, 2]),
    (schedule.warmup(schedule.sequence((1, 8.0), 2.0), 2), [0, 4, 8, 2, 2]),
    (schedule.scaled(schedule.exponential(8.0, 0.5), 0.25), [2, 1, 0.5]),
    (schedule.scaled(lambda step: step, 2), [0, 2, 4]),
    (ReduceOnPlateau(8.0), [8, 8]),
]


@pytest.mark.parametrize(
    ("lr", "expected"), BY_HAND, ids=[re.sub(" at 0x.*>", ">", repr(lr))[:60] for lr, _ in BY_HAND]
)
def test_the_rates_are_those_worked_out_by_hand(lr, expected):
    assert rates(lr, len(expected)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


ENDS = {
    "polynomial": (schedule.polynomial(0.3, 9, end=0.1), 0, 9, 0.1),
    "cosine": (schedule.cosine(0.3, 9, end=0.1), 0, 9, 0.1),
    "one_cycle": (schedule.one_cycle(0.3, 11, rise=0.5454545454545454, end_div=3), 5, 10, 0.3 / 25 / 3),
    "warmup": (schedule.warmup(0.3, 9), 9, 10**9, 0.3),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_first_and_the_last_rate_are_met_exactly(name):
    lr, highest, last, end = ENDS[name]
    assert (lr(highest), lr(last), lr(last + 1000)) == (0.3, end, end)


def test_every_schedule_gives_a_python_float():
    assert {type(lr(np.int64(1))) for lr, _ in BY_HAND} == {float}


def test_numpy_numbers_are_numbers():
    lr = schedule.warmup(schedule.cosine(np.float32(0.5), np.int64(4)), np.int32(2))
    assert rates(lr, 3) == [0.0, 0.25, 0.5]
    assert type(lr(1)) is float


def test_a_late_step_costs_no_more_than_an_early_one():
    restarts = schedule.cosine_restarts(1.0, 10)
    assert restarts(10**15 + 3) == restarts(3)


def test_the_names_of_all_schedules_are_known():
    names = (
        "constant step_decay multi_step exponential polynomial cosine cosine_restarts one_cycle warmup sequence scaled"
    )
    assert set(schedule.SCHEDULES) == {*names.split(), "ReduceOnPlateau"}
    assert all(schedule.SCHEDULES[name] is getattr(schedule, name) for name in schedule.SCHEDULES)


# ---- how they are shown and copied

SHOWN = [
    (schedule.cosine(0.1, 1000), "cosine(0.1, 1000)"),
    (schedule.cosine(0.1, steps=1000, end=1e-3), "cosine(0.1, steps=1000, end=0.001)"),
    (schedule.multi_step(0.1, [3, 5]), "multi_step(0.1, [3, 5])"),
    (schedule.warmup(schedule.cosine(0.1, 10), steps=3), "warmup(cosine(0.1, 10), steps=3)"),
    (schedule.sequence((2, 0.5), schedule.constant(lr=1.0)), "sequence((2, 0.5), constant(lr=1.0))"),
    (
        ReduceOnPlateau(0.1, monitor="val_accuracy"),
        "ReduceOnPlateau(0.1, factor=0.1, patience=10, min_delta=0.0001, monitor='val_accuracy', mode='auto', "
        "cooldown=0, min_lr=0.0)",
    ),
]


@pytest.mark.parametrize(("lr", "text"), SHOWN, ids=[text[:40] for _, text in SHOWN])
def test_a_schedule_prints_as_the_call_that_made_it(lr, text):
    assert repr(lr) == text
    assert repr(eval(text, dict(schedule.SCHEDULES))) == text


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "deepcopy", "pickle"]
)
@pytest.mark.parametrize("text", [text for _, text in SHOWN])
def test_a_copy_of_a_schedule_is_such_a_schedule(twin, text):
    made = eval(text, dict(schedule.SCHEDULES))
    assert (repr(twin(made)), rates(twin(made), 9)) == (text, rates(made, 9))


def test_a_copied_composition_follows_its_own_copy_of_the_plateau():
    lr = schedule.warmup(ReduceOnPlateau(1.0, patience=0, monitor="loss"), 1)
    lr.observe(1.0)
    twin = copy.deepcopy(lr)
    twin.observe(2.0)
    assert (lr(1), twin(1)) == (1.0, 0.1)


# ---- bad arguments

REFUSED = {
    "cosine: lr must be a finite number above 0, not 0": lambda: schedule.cosine(0, 10),
    "cosine: lr must be a finite number above 0, not nan": lambda: schedule.cosine(NAN, 10),
    "constant: lr must be a finite number above 0, not inf": lambda: schedule.constant(INF),
    "constant: lr must be a finite number above 0, not '0.1'": lambda: schedule.constant("0.1"),
    "constant: lr must be a finite number above 0, not True": lambda: schedule.constant(True),
    "step_decay: every must be a whole number of at least 1, not 0": lambda: schedule.step_decay(1, 0),
    "step_decay: gamma must be above 0 and at most 1, not 0": lambda: schedule.step_decay(1, 1, 0),
    "exponential: gamma must be above 0 and at most 1, not 1.1": lambda: schedule.exponential(1, 1.1),
    "exponential: gamma must be above 0 and at most 1, not nan": lambda: schedule.exponential(1, NAN),
    "multi_step: milestones must be a list of steps such as [30, 80], not 30": lambda: schedule.multi_step(1, 30),
    "multi_step: milestones must be a list of steps such as [30, 80], not []": lambda: schedule.multi_step(1, []),
    "multi_step: each of milestones must be larger than the one before, given [3, 2]": lambda: schedule.multi_step(
        1, [3, 2]
    ),
    "multi_step: each of milestones must be larger than the one before, given (2, 2)": lambda: schedule.multi_step(
        1, (2, 2)
    ),
    "multi_step: milestones[1] must be a whole number of at least 1, not 2.5": lambda: schedule.multi_step(1, [2, 2.5]),
    "polynomial: steps must be a whole number of at least 1, not 1.5": lambda: schedule.polynomial(1, 1.5),
    "polynomial: power must be a finite number above 0, not -1": lambda: schedule.polynomial(1, 1, -1),
    "polynomial: the learning rate falls from lr to end, but lr=1 and end=2": lambda: schedule.polynomial(1, 1, end=2),
    "cosine: end must be a finite number of at least 0, not -1": lambda: schedule.cosine(1, 1, -1),
    "cosine: the learning rate falls from lr to end, but lr=1 and end=10": lambda: schedule.cosine(1, 1, 10),
    "cosine_restarts: first must be a whole number of at least 1, not 0": lambda: schedule.cosine_restarts(1, 0),
    "cosine_restarts: factor must be a whole number of at least 1, not 1.5": lambda: schedule.cosine_restarts(
        1, 1, 1.5
    ),
    "one_cycle: rise must be above 0 and below 1, not 1": lambda: schedule.one_cycle(1, 9, 1),
    "one_cycle: start_div must be at least 1, not 0.5": lambda: schedule.one_cycle(1, 9, start_div=0.5),
    "one_cycle: end_div must be a finite number above 0, not nan": lambda: schedule.one_cycle(1, 9, end_div=NAN),
    "unknown anneal 'cos': choose one of 'cosine', 'linear'": lambda: schedule.one_cycle(1, 9, anneal="cos"),
    "warmup: schedule must be a function of the step or a number above 0, not -1": lambda: schedule.warmup(-1, 9),
    "warmup: schedule must be a function of the step or a number above 0, not nan": lambda: schedule.warmup(NAN, 9),
    "warmup: steps must be a whole number of at least 1, not 0": lambda: schedule.warmup(1, 0),
    "warmup: start must be a finite number of at least 0, not -1": lambda: schedule.warmup(1, 9, -1),
    "sequence: needs (steps, schedule), ..., and a last schedule without steps, but was given ()": schedule.sequence,
    "and a last schedule without steps, but was given ((1, 2), (3, 4))": lambda: schedule.sequence((1, 2), (3, 4)),
    "and a last schedule without steps, but was given (1, 2)": lambda: schedule.sequence(1, 2),
    "and a last schedule without steps, but was given ((1, 2, 3), 4)": lambda: schedule.sequence((1, 2, 3), 4),
    "sequence: the steps of stage 1 must be a whole number of at least 1, not 0": lambda: schedule.sequence(
        (1, 1), (0, 1), 1
    ),
    "sequence: the schedule of stage 1 must be a function of the step or a number above 0, not 'a'": lambda: (
        schedule.sequence((1, 1), "a")
    ),
    "scaled: by must be a finite number above 0, not 0": lambda: schedule.scaled(1, 0),
    "cosine: step must be a whole number of at least 0, not -1": lambda: schedule.cosine(1, 9)(-1),
    "cosine: step must be a whole number of at least 0, not 0.5": lambda: schedule.cosine(1, 9)(0.5),
    "ReduceOnPlateau: lr must be a finite number above 0, not 0": lambda: ReduceOnPlateau(0),
    "ReduceOnPlateau: factor must be above 0 and below 1, not 1": lambda: ReduceOnPlateau(1, 1),
    "ReduceOnPlateau: patience must be a whole number of at least 0, not -1": lambda: ReduceOnPlateau(1, patience=-1),
    "ReduceOnPlateau: min_delta must be a finite number of at least 0": lambda: ReduceOnPlateau(1, min_delta=-1),
    "ReduceOnPlateau: cooldown must be a whole number of at least 0": lambda: ReduceOnPlateau(1, cooldown=0.5),
    "ReduceOnPlateau: min_lr must be at most lr = 1, not 2": lambda: ReduceOnPlateau(1, min_lr=2),
    "unknown mode 'low': choose one of 'max', 'min'": lambda: ReduceOnPlateau(1, mode="low"),
    "ReduceOnPlateau: monitor must be the name of a column, not 3": lambda: ReduceOnPlateau(1, monitor=3),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_bad_argument_is_refused_at_once(message):
    with pytest.raises(cr.ArgumentError) as error:
        REFUSED[message]()
    assert message in str(error.value)


def test_an_argument_that_does_not_exist_is_refused_with_the_name_of_the_schedule():
    with pytest.raises(TypeError, match="^cosine: .*'stop'"):
        schedule.cosine(1, 9, stop=1)


# ---- ReduceOnPlateau


def observed(values, **options):
    """The learning rate after each value."""
    lr, found = ReduceOnPlateau(1.0, factor=0.5, **options), []
    for value in values:
        lr.observe(value)
        found.append(lr(0))
    return found


def test_the_rate_falls_after_more_than_patience_epochs_without_anything_better():
    assert observed([5, 5, 5, 5, 5, 5, 5, 5], patience=2) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_something_better_starts_the_count_anew():
    assert observed([5, 5, 4, 4, 3, 3], patience=1) == [1] * 6


def test_an_improvement_below_min_delta_of_the_best_is_none():
    assert observed([100, 99.5], patience=0, min_delta=0.01) == [1, 0.5]
    assert observed([100, 98.5], patience=0, min_delta=0.01) == [1, 1]


def test_the_improvement_is_measured_against_the_size_of_a_negative_best():
    assert observed([-100, -100.5], patience=0, min_delta=0.01) == [1, 0.5]
    assert observed([-100, -101.5], patience=0, min_delta=0.01) == [1, 1]
    assert observed([-100, -99.5], patience=0, min_delta=0.01, mode="max") == [1, 0.5]


def test_epochs_of_the_cooldown_do_not_count():
    assert observed([5] * 8, patience=0, cooldown=2) == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_the_rate_stops_at_min_lr():
    assert observed([5] * 5, patience=0, min_lr=0.3) == [1, 0.5, 0.3, 0.3, 0.3]


@pytest.mark.parametrize("worst", [NAN, INF, -INF])
def test_a_value_that_is_not_finite_is_never_better(worst):
    assert observed([worst, worst, 5, worst, 4], patience=3) == [1] * 5
    assert observed([worst] * 4, patience=2) == [1, 1, 0.5, 0.5]


@pytest.mark.parametrize(
    ("monitor", "mode"), [("loss", "min"), ("val_loss", "min"), ("val_accuracy", "max"), ("val_f1", "max")]
)
def test_auto_reads_off_the_name_what_is_better(monitor, mode):
    values = [5, 6, 4, 7, 3, 8]
    assert observed(values, monitor=monitor, patience=0) == observed(values, mode=mode, patience=0)


@pytest.mark.parametrize("monitor", ["val_brier", "val_seconds", ""])
def test_auto_refuses_a_name_that_does_not_tell(monitor):
    with pytest.raises(
        cr.ArgumentError, match=f"cannot tell whether a higher or a lower {monitor!r} is better; give mode="
    ):
        ReduceOnPlateau(1.0, monitor=monitor)
    ReduceOnPlateau(1.0, monitor=monitor, mode="max")


def test_a_row_gives_the_column_that_is_monitored():
    lr = ReduceOnPlateau(1.0, patience=0, monitor="val_accuracy")
    for value in (0.5, 0.6, 0.5):
        lr.observe({"epoch": 1, "loss": 1.0, "val_accuracy": value})
    assert (lr(0), lr.best) == (0.1, 0.6)


def test_a_missing_column_is_refused_with_those_that_exist():
    with pytest.raises(
        cr.ArgumentError, match="no column 'val_loss' to monitor, only 'epoch', 'loss'; val_ columns need"
    ):
        ReduceOnPlateau(1.0).observe({"epoch": 1, "loss": 0.5})


@pytest.mark.parametrize("value", [None, "low", [1, 2]])
def test_something_that_is_no_number_is_refused(value):
    with pytest.raises(cr.ArgumentError, match="needs a number for 'val_loss'"):
        ReduceOnPlateau(1.0).observe({"val_loss": value})


def test_a_tensor_can_be_observed():
    lr = ReduceOnPlateau(1.0)
    lr.observe(cr.tensor(0.5))
    assert lr.best == 0.5


# ---- what is remembered

NESTED = [
    lambda: ReduceOnPlateau(1.0, factor=0.5, patience=1),
    lambda: schedule.warmup(ReduceOnPlateau(1.0, factor=0.5, patience=1), 3),
    lambda: schedule.sequence(
        (3, 0.1), (4, schedule.cosine(1, 9)), schedule.scaled(ReduceOnPlateau(1.0, 0.5, patience=1, cooldown=1), by=2.0)
    ),
    lambda: schedule.warmup(schedule=ReduceOnPlateau(1.0, factor=0.5, patience=1), steps=2),
    lambda: schedule.sequence((3, 0.1), (20, ReduceOnPlateau(1.0, factor=0.5, patience=1)), 0.1),
]


@pytest.mark.parametrize("make", NESTED)
@pytest.mark.parametrize("seen", range(8))
def test_a_schedule_goes_on_from_its_saved_state(make, seen):
    lr, other, values = make(), make(), [5, 4, 4, 4, 3, NAN, 3, 3, 3, 3]
    for value in values[:seen]:
        lr.observe(value)
    other.load_state_dict(json.loads(json.dumps(lr.state_dict())))
    for value in values[seen:]:
        assert rates(lr, 12) == rates(other, 12)
        lr.observe({"val_loss": value})
        other.observe({"val_loss": value})
    assert rates(lr, 12) == rates(other, 12)
    assert lr(11) < make()(11)


def test_a_schedule_that_remembers_nothing_has_an_empty_state():
    assert schedule.warmup(schedule.cosine(0.1, 10), 3).state_dict() == {"parts": [{}]}
    assert schedule.cosine(0.1, 10).state_dict() == {}


def test_parts_of_which_one_refuses_its_state_are_all_as_before():
    lr = schedule.sequence((3, ReduceOnPlateau(1.0)), ReduceOnPlateau(0.5))
    before, state = lr.state_dict(), lr.state_dict()
    state["parts"][0]["lr"], state["parts"][1]["lr"] = 0.25, "low"
    with pytest.raises(cr.CheckpointError, match="lr must be a finite number above 0, not 'low'"):
        lr.load_state_dict(state)
    assert lr.state_dict() == before


@pytest.mark.parametrize("state", [{}, None, {"lr": 1.0}, {"parts": []}])
def test_the_state_of_something_else_is_refused(state):
    for lr in (ReduceOnPlateau(1.0), schedule.warmup(ReduceOnPlateau(1.0), 1)):
        with pytest.raises(cr.CheckpointError, match="the state"):
            lr.load_state_dict(state)


# ---- in an optimiser


def test_an_optimiser_takes_its_rate_from_the_schedule_at_every_step():
    p = cr.tensor([0.0], dtype="float64", requires_grad=True)
    optimizer = optim.SGD([p], lr=schedule.warmup(schedule.exponential(8.0, 0.5), 2))
    seen = []
    for _ in range(5):
        seen.append(optimizer.lr)
        p.grad = [1.0]
        optimizer.step()
    assert (seen, p.tolist()) == ([0, 4, 8, 4, 2], [-18])


def test_an_optimiser_tells_its_plateau_what_an_epoch_gave():
    p = cr.tensor([0.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=schedule.warmup(ReduceOnPlateau(1.0, patience=0), 1, start=1.0))
    for loss in (1.0, 2.0):
        optimizer.observe({"val_loss": loss})
    assert optimizer.lr == 1.0
    p.grad = [1.0]
    optimizer.step()
    assert optimizer.lr == 0.1


PLATEAUS = {
    "plain": lambda: ReduceOnPlateau(1.0, factor=0.5, patience=0, monitor="loss"),
    "in a composition": lambda: schedule.scaled(ReduceOnPlateau(1.0, factor=0.5, patience=0, monitor="loss"), 1.0),
}


def lowered(lr, groups=1):
    """An optimiser with that rate after it has fallen, and the rate then."""
    groups = [{"params": [cr.nn.Parameter([1.0])]} for _ in range(groups)]
    optimizer = cr.optim.SGD(groups, lr=lr)
    for loss in (1.0, 1.0):
        optimizer.observe({"loss": loss})
    return optimizer, optimizer.lr


@pytest.mark.parametrize("kind", PLATEAUS)
def test_a_plateau_starts_anew_for_another_optimiser(kind):
    lr = PLATEAUS[kind]()
    assert lowered(lr)[1] == 0.5
    assert cr.optim.SGD([cr.nn.Parameter([1.0])], lr=lr).lr == 1.0
    assert lowered(lr)[1] == 0.5


@pytest.mark.parametrize("kind", PLATEAUS)
def test_a_plateau_goes_on_for_the_same_optimiser(kind):
    lr = PLATEAUS[kind]()
    optimizer, rate = lowered(lr, groups=2)
    optimizer.lr = lr
    optimizer.groups[1]["lr"] = lr
    assert (rate, optimizer.lr) == (0.5, 0.5)


def test_a_plateau_that_was_loaded_before_goes_on():
    lr = ReduceOnPlateau(1.0, monitor="loss")
    lr.load_state_dict(lr.state_dict() | {"lr": 0.25})
    assert cr.optim.SGD([cr.nn.Parameter([1.0])], lr=lr).lr == 0.25


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_copied_optimiser_goes_on_with_its_plateau(twin):
    optimizer, _ = lowered(PLATEAUS["plain"]())
    other = twin(optimizer)
    other.lr = other.groups[0]["lr"]
    assert other.lr == 0.5


def test_another_optimiser_takes_over_by_its_option_too():
    lr = PLATEAUS["plain"]()
    lowered(lr)
    other = cr.optim.SGD([cr.nn.Parameter([1.0])], lr=3.0)
    other.lr = lr
    assert other.lr == 1.0


def test_steps_counted_by_small_numpy_numbers_go_on_beyond_their_range():
    rate = schedule.warmup(schedule.step_decay(0.1, np.uint8(100)), np.uint8(3))
    assert rate(300) == schedule.warmup(schedule.step_decay(0.1, 100), 3)(300)
