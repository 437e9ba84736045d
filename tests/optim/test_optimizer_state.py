"""Saving an optimiser and going on: as if it had never stopped, or a CheckpointError."""

import copy
import json
import math

import device_double
import numpy as np
import pytest
from damage import plain
from optimizer_formulas import CASES, SHAPES, Halving, gradients, leaves, made, one, snapshot, start, train
from wrong_fields import WRONG, changed, fields

import chainrule as cr
from chainrule import optim
from chainrule.optim import schedule


def resumed(name, params, state):
    """A fresh optimiser of the case, which goes on from a state."""
    optimizer = made(name, params)
    optimizer.load_state_dict(state)
    return optimizer


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_going_on_from_a_state_is_never_having_stopped(name, dtype, tmp_path):
    whole, first = (made(name, leaves(start(), dtype)) for _ in range(2))
    middle = train(first, 7)
    cr.save(first.state_dict(), tmp_path / "state")
    second = resumed(name, leaves(middle, dtype), cr.load(tmp_path / "state"))
    for a, b in zip(train(second, 7, first=7), train(whole, 14), strict=True):
        np.testing.assert_array_equal(a, b)
    assert second.steps == whole.steps == 14


@pytest.mark.parametrize("name", CASES)
def test_going_on_with_values_is_never_having_stopped(name):
    shapes = ((), ())
    whole, first = (made(name, [cr.Value(float(a)) for a in start(shapes)]) for _ in range(2))
    middle = train(first, 4, shapes=shapes)
    second = resumed(name, [cr.Value(float(a)) for a in middle], first.state_dict())
    assert train(second, 4, first=4, shapes=shapes) == train(whole, 8, shapes=shapes)


@pytest.mark.parametrize("name", CASES)
def test_going_on_elsewhere_is_going_on_here(name, strict):
    """From a device to the host and back: a state belongs to no device."""
    first = made(name, leaves(start(), "float32", strict))
    with device_double.forbid("waits"):
        first.state_dict()
    middle = train(first, 4)
    here = resumed(name, leaves(middle, "float32"), first.state_dict())
    there = resumed(name, leaves(middle, "float32", strict), here.state_dict())
    for a, b in zip(train(here, 4, first=4), train(there, 4, first=4), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:.*no gradient has reached")
@pytest.mark.parametrize("name", CASES)
def test_a_state_counts_the_updates_of_each_parameter(name):
    def run(optimizer, steps):
        for step in steps:
            for i, (p, g) in enumerate(zip(optimizer.params, gradients(step), strict=True)):
                p.grad = None if (step + i) % 3 == 0 else g
            optimizer.step()

    whole, first = (made(name, leaves(start())) for _ in range(2))
    run(first, range(5))
    second = resumed(name, leaves([p.numpy() for p in first.params]), first.state_dict())
    run(second, range(5, 12))
    run(whole, range(12))
    assert snapshot(second)[:3] == snapshot(whole)[:3]


def test_a_state_of_several_dtypes_and_groups_goes_to_the_right_parameters():
    def make(arrays):
        params = [p for a, dtype in zip(arrays, ["float32", "float64"] * 2, strict=True) for p in leaves([a], dtype)]
        return optim.Adam([{"params": params[:3], "lr": 0.1}, {"params": params[3:]}])

    shapes = ((2,), (3,), (2,), (3,))
    whole, first = make(start(shapes)), make(start(shapes))
    second = make(train(first, 3, shapes=shapes))
    second.load_state_dict(first.state_dict())
    for a, b in zip(train(second, 3, first=3, shapes=shapes), train(whole, 6, shapes=shapes), strict=True):
        np.testing.assert_array_equal(a, b)


def test_going_on_takes_the_schedule_up_where_it_was():
    asked = []
    state = one(lr=lambda step: 0.5)
    state[1].step()
    _, optimizer = one(lr=lambda step: asked.append(step) or 0.5)
    optimizer.load_state_dict(state[1].state_dict())
    optimizer.step()
    assert asked == [1]


def test_the_state_of_a_schedule_is_part_of_it():
    _, optimizer = one(lr=Halving())
    optimizer.observe({})
    _, other = one(lr=Halving())
    other.load_state_dict(optimizer.state_dict())
    assert other.lr == 0.5


def test_the_options_are_part_of_a_state():
    (a,), (b,) = leaves([np.ones(1)]), leaves([np.ones(1)])
    other = optim.Adam([b])
    other.load_state_dict(optim.Adam([a], lr=0.5, betas=(0.5, 0.6), eps=1e-3, weight_decay=0.1).state_dict())
    assert {k: v for k, v in other.groups[0].items() if k != "params"} == {
        "lr": 0.5, "betas": (0.5, 0.6), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": False,
    }  # fmt: skip


def test_a_learning_rate_changed_before_saving_is_part_of_a_state():
    _, optimizer = one()
    optimizer.lr = 0.125
    _, other = one()
    other.load_state_dict(optimizer.state_dict())
    assert other.lr == 0.125


def test_a_state_is_numbers_text_and_tensors():
    optimizer = optim.NAdam(leaves(start()), lr=lambda step: 0.5)
    train(optimizer, 1)
    state = optimizer.state_dict()
    json.dumps({k: v for k, v in state.items() if k != "state"})
    assert {type(v) for entry in state["state"] for v in entry.values()} == {cr.Tensor, int}
    assert [entry["m"].shape for entry in state["state"]] == list(SHAPES)


@pytest.mark.parametrize("name", CASES)
def test_a_state_is_a_copy_that_later_steps_leave_alone(name):
    optimizer = made(name, leaves(start()))
    train(optimizer, 2)
    state = optimizer.state_dict()
    before = [[np.array(getattr(v, "data", v)) for v in entry.values()] for entry in state["state"]]
    train(optimizer, 2, first=2)
    for entry, was in zip(state["state"], before, strict=True):
        for a, b in zip(entry.values(), was, strict=True):
            np.testing.assert_array_equal(getattr(a, "data", a), b)


def test_changing_a_state_does_not_change_the_optimiser():
    optimizer = optim.Adam(leaves(start()))
    train(optimizer, 2)
    before, state = snapshot(optimizer), optimizer.state_dict()
    state["groups"][0]["lr"] = 7.0
    for entry in state["state"]:
        entry["m"].assign(cr.ones(entry["m"].shape, dtype="float64"))
        entry["updates"] = 9
    assert snapshot(optimizer) == before


def test_a_state_that_was_loaded_can_be_loaded_again():
    first, second = (optim.Adam(leaves(start())) for _ in range(2))
    train(first, 2)
    state, before = first.state_dict(), snapshot(first)[1]
    for _ in range(2):
        second.load_state_dict(state)
        assert snapshot(second)[1] == before
        train(second, 2)


def without(state, key):
    return {k: v for k, v in state.items() if k != key}


def with_entry(state, **changes):
    """The state with changes in the entry of its second parameter; a change to None takes something away."""
    entry = {k: v for k, v in (state["state"][1] | changes).items() if v is not None}
    return state | {"state": [state["state"][0], entry, *state["state"][2:]]}


def with_group(state, **changes):
    return state | {"groups": [state["groups"][0] | changes]}


def of(make, shapes=SHAPES):
    return lambda state: make(leaves(start(shapes))).state_dict()


def halves(params):
    return optim.Adam([{"params": params[:2]}, {"params": params[2:]}])


# what is loaded instead of the state of an Adam with 5 parameters -> what the message says
MISFITS = {
    "nothing": (lambda state: None, "it is not what state_dict"),
    "a list": (lambda state: [state], "it is not what state_dict"),
    "a model's": (lambda state: cr.nn.Linear(2, 1).state_dict(), "it is not what state_dict"),
    **{f"no {key}": (lambda state, key=key: without(state, key), "it is not what state_dict")
       for key in ("kind", "steps", "groups", "schedules", "state")},
    "SGD's": (of(lambda p: optim.SGD(p, lr=1.0)), "that of SGD"),
    "AdamW's": (of(optim.AdamW), "that of AdamW"),
    "amsgrad's": (of(lambda p: optim.Adam(p, amsgrad=True)), "v_max"),
    "fewer parameters": (of(lambda p: optim.Adam(p[:4])), r"groups of \[4\] parameters, this optimiser of \[5\]"),
    "more parameters": (of(optim.Adam, (*SHAPES, (2,))), r"groups of \[6\] parameters, this optimiser of \[5\]"),
    "two groups": (of(halves), r"groups of \[2, 3\] parameters, this optimiser of \[5\]"),
    "other shapes": (of(optim.Adam, ((3, 4), (5,), (), (0, 2), (2, 1, 5))), r"parameter 1 of shape \(4,\)"),
    "another order": (of(optim.Adam, ((4,), (3, 4), (), (0, 2), (2, 1, 5))), r"parameter 0 of shape \(3, 4\)"),
    "a transposed one": (of(optim.Adam, ((4, 3), (4,), (), (0, 2), (2, 1, 5))), r"parameter 0 of shape \(3, 4\)"),
    "a schedule": (of(lambda p: optim.Adam(p, lr=lambda step: 1.0)), "schedule"),
    "an entry too few": (lambda state: state | {"state": state["state"][:4]}, "4"),
    "an entry too many": (lambda state: state | {"state": state["state"] + state["state"][:1]}, "6"),
    "no m": (lambda state: with_entry(state, m=None), "parameter 1"),
    "no count": (lambda state: with_entry(state, updates=None), "parameter 1"),
    "text for a count": (lambda state: with_entry(state, updates="3"), "parameter 1"),
    "a count below 0": (lambda state: with_entry(state, updates=-1), "parameter 1"),
    "text for m": (lambda state: with_entry(state, m="large"), "parameter 1"),
    "text for the steps": (lambda state: state | {"steps": "3"}, "steps"),
    "steps below 0": (lambda state: state | {"steps": -1}, "steps"),
    "text for the last rate": (lambda state: state | {"last_lr": "0.1"}, "last_lr"),
    "no learning rates": (lambda state: state | {"schedules": []}, "schedule|groups"),
    "a list for an entry": (lambda state: state | {"state": [[]] * 5}, "parameter 0"),
    "a list for a group": (lambda state: state | {"groups": [[]]}, "group"),
    "a rate of nan": (lambda state: with_group(state, lr=math.nan), "lr must be a finite number above 0, not nan"),
    "one beta": (lambda state: with_group(state, betas=[0.9]), "betas must be two numbers"),
    "a group without size": (lambda state: state | {"groups": [without(state["groups"][0], "size")]}, "group"),
    "a group without eps": (lambda state: state | {"groups": [without(state["groups"][0], "eps")]}, "eps"),
    "a group with more": (lambda state: with_group(state, momentum=0.9), "momentum"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISFITS)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(what):
    change, message = MISFITS[what]
    optimizer, donor = (optim.Adam(leaves(start())) for _ in range(2))
    train(optimizer, 2)
    train(donor, 3)
    before = snapshot(optimizer)
    with pytest.raises(cr.CheckpointError, match=rf"Adam.load_state_dict: .*{message}"):
        optimizer.load_state_dict(change(donor.state_dict()))
    assert snapshot(optimizer) == before


OPTIMIZERS = [kind for kind in vars(optim).values() if isinstance(kind, type) and issubclass(kind, optim.Optimizer)]


@pytest.mark.parametrize("kind", [k for k in OPTIMIZERS if k not in (optim.Optimizer, optim.LBFGS)])
def test_every_field_that_is_missing_or_of_a_wrong_kind_is_refused_and_changes_nothing(kind, tmp_path):
    make = lambda: kind(leaves(start(((2,), (1,)))), lr=schedule.warmup(schedule.ReduceOnPlateau(0.1), 2))
    optimizer, donor = make(), make()
    train(donor, 2, shapes=((2,), (1,)))
    cr.save(donor.state_dict(), tmp_path / "state.safetensors")
    state, before, accepted = cr.load(tmp_path / "state.safetensors"), snapshot(optimizer), []
    for path, value in fields(state):
        cases = [(repr(w)[:40], changed(state, path, w)) for w in WRONG[type(value)]]
        cases += [("deleted", changed(state, path, delete=True))] if path else []
        for what, case in cases:
            try:
                optimizer.load_state_dict(case)
            except cr.CheckpointError:
                continue
            accepted.append((path, what))
        assert snapshot(optimizer) == before or accepted
    assert not accepted, accepted
    optimizer.load_state_dict(state)
    assert plain(optimizer.state_dict()["state"]) == plain(state["state"])


def test_a_state_is_refused_for_all_that_does_not_fit_at_once():
    optimizer = optim.Adam(leaves(start(((2,), (3,)))))
    with pytest.raises(cr.CheckpointError, match="parameter 0 .*parameter 1 "):
        optimizer.load_state_dict(optim.Adam(leaves(start(((4,), (5,))))).state_dict())


def test_a_number_for_a_schedule_is_refused():
    _, optimizer = one(lr=lambda step: 1.0)
    with pytest.raises(cr.CheckpointError, match="schedule"):
        optimizer.load_state_dict(one()[1].state_dict())


def test_a_schedule_in_another_group_is_refused():
    a, b, c, d = leaves([np.ones(1)] * 4)
    optimizer = optim.SGD([{"params": [a], "lr": lambda step: 1.0}, {"params": [b]}], lr=0.5)
    other = optim.SGD([{"params": [c]}, {"params": [d], "lr": lambda step: 1.0}], lr=0.5)
    with pytest.raises(cr.CheckpointError, match="schedule"):
        optimizer.load_state_dict(other.state_dict())


class Refusing(Halving):
    """A schedule that loads no state but its own."""

    def load_state_dict(self, state):
        if state != self.state_dict():
            raise cr.CheckpointError("Refusing: not mine")


@pytest.mark.parametrize("first", [Halving, Refusing])
def test_a_schedule_that_refuses_its_state_changes_nothing(first):
    def make(*schedules):
        params = leaves([np.ones(1)] * 2)
        return optim.Adam([{"params": [p], "lr": schedule} for p, schedule in zip(params, schedules, strict=True)])

    optimizer, donor = make(first(), Refusing()), make(Halving(), Halving())
    donor.observe({})
    for p in donor.params:
        p.grad = [1.0]
    donor.step()
    before = snapshot(optimizer)
    with pytest.raises(cr.CheckpointError, match="not mine"):
        optimizer.load_state_dict(donor.state_dict())
    assert snapshot(optimizer) == before


def test_a_state_whose_options_are_text_is_restored():
    class Named(optim.Optimizer):
        @staticmethod
        def update(p, g, *, lr, how):
            return (p - lr * g if how == "down" else p + lr * g,)

    (p,), (q,) = leaves([np.zeros(1)]), leaves([np.zeros(1)])
    optimizer = Named([p], lr=1.0, how="down")
    optimizer.load_state_dict(Named([q], lr=1.0, how="up").state_dict())
    assert optimizer.groups[0]["how"] == "up"


def test_a_deep_copy_goes_on_by_itself():
    params = leaves(start())
    optimizer = optim.Adam(params)
    train(optimizer, 2)
    other = copy.deepcopy(optimizer)
    before = [p.tolist() for p in optimizer.params]
    train(other, 2, first=2)
    assert [p.tolist() for p in optimizer.params] == before
    assert [p.tolist() for p in other.params] != before
