"""Checkpoints: a run that was broken off and taken up again is the run that was not, to the bit."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from resumable import SCENARIOS, STEPS, adam, mlp, pairs, run, validated
from training import At, Clock, bits, calls, data, plain, press_ctrl_c, raises

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import schedule

posix = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


class Killed(BaseException):
    """The end of a process, as nearly as a test can have it: no `except` of fit's catches it."""


def killed(scenario, path, *, every=1, loss=nn.cross_entropy, **moment):
    """A run that is broken off at some moment, just before the checkpoint of that moment is written."""
    resume = path.exists()
    checkpoint, callback = cr.Checkpoint(path, every), At(raises(Killed), **moment)
    with pytest.raises(Killed):
        run(scenario, seed=int(resume), loss=loss, callback=callback, checkpoint=checkpoint, resume=resume)


def resumed(scenario, path, *, every=1, **options):
    assert path.exists()
    return run(scenario, seed=7, checkpoint=cr.Checkpoint(path, every), resume=True, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last.safetensors"


@pytest.fixture(autouse=True)
def in_memory(monkeypatch):
    """Files need not survive a power cut here: waiting for the disk would take most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="module")
def whole():
    """The outcome of each scenario when nothing breaks it off, each computed once."""
    outcomes = {}

    def outcome(scenario):
        if scenario not in outcomes:
            outcomes[scenario] = run(scenario)
        return outcomes[scenario]

    return outcome


# ---- broken off


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_writing_checkpoints_does_not_change_the_run(scenario, path, whole):
    assert run(scenario, checkpoint=cr.Checkpoint(path, every=1)).all == whole(scenario).all


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_broken_off_at_every_step_ends_as_if_it_had_not_been(scenario, path, whole):
    for step in range(2, 3 * len(whole(scenario).history) + 1):  # each time it gets one step further
        killed(scenario, path, step=step)
    assert resumed(scenario, path).all == whole(scenario).all


@pytest.mark.parametrize("step", range(2, STEPS + 1))
@pytest.mark.parametrize("scenario", ["a stream that draws as it goes", "early stopping"])
def test_a_run_broken_off_once_ends_as_if_it_had_not_been(scenario, step, path, whole):
    killed(scenario, path, step=step)
    assert resumed(scenario, path).all == whole(scenario).all


@pytest.mark.parametrize("every", [None, 2, 4, 100])
@pytest.mark.parametrize("step", [4, 6, 9])
def test_it_does_not_matter_how_often_checkpoints_are_written(every, step, path, whole):
    scenario = "early stopping"
    killed(scenario, path, step=step, every=every)
    assert resumed(scenario, path, every=None).all == whole(scenario).all


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("scenario", ["early stopping", "a rate that depends on results"])
def test_a_run_broken_off_after_an_epoch_ends_as_if_it_had_not_been(scenario, epoch, path, whole):
    killed(scenario, path, epoch=epoch)
    assert resumed(scenario, path).all == whole(scenario).all


@pytest.mark.parametrize("call", [2, 5, 6])  # a step and the validation of the first epoch, a step of the second
def test_a_run_broken_off_inside_the_model_ends_as_if_it_had_not_been(call, path, whole):
    scenario = "early stopping"
    killed(scenario, path, loss=calls(nn.cross_entropy, raises(Killed), at=call))
    assert resumed(scenario, path).all == whole(scenario).all


def test_a_run_broken_off_before_its_first_checkpoint_starts_anew(path, whole):
    scenario = "early stopping"
    killed(scenario, path, step=2, every=None)
    assert not path.exists()
    assert run(scenario, checkpoint=path, resume=True).all == whole(scenario).all


# ---- Ctrl-C


def press_twice():
    press_ctrl_c()
    press_ctrl_c()


PRESSES = {
    "once": (press_ctrl_c, None),
    "once, with checkpoints after each step": (press_ctrl_c, 1),
    "twice": (press_twice, None),
    "twice, with checkpoints after each step": (press_twice, 1),
    "raised by something": (raises(KeyboardInterrupt), 1),
}
MOMENTS = {"epoch": [1, 2], "step": [3, 4, 6], "call": [2, 4, 6]}  # of "call": two steps, and a validation or a step


@posix
@pytest.mark.parametrize("press", PRESSES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scenario", ["early stopping that strikes", "a stream that draws as it goes"])
def test_a_run_that_ctrl_c_ended_ends_as_if_it_had_not_been(scenario, moment, press, tmp_path, whole):
    do, every = PRESSES[press]
    for n in MOMENTS[moment]:
        path = tmp_path / f"{n}.safetensors"
        at = {"loss": calls(nn.cross_entropy, do, at=n)} if moment == "call" else {"callback": At(do, **{moment: n})}
        first = run(scenario, checkpoint=cr.Checkpoint(path, every), **at)
        assert first.history.stop_reason == "Ctrl-C"
        again = run(scenario, seed=7 * path.exists(), checkpoint=path, resume=True)
        assert again.all == whole(scenario).all, f"broken off at {moment} {n}"


@posix
def test_ctrl_c_writes_a_checkpoint_in_the_middle_of_an_epoch(path):
    scenario = "validation and metrics"
    run(scenario, checkpoint=path, callback=At(press_ctrl_c, step=5))
    state = cr.load(path)
    assert (state["epoch"], state["step"], state["finished"], len(state["history"])) == (2, 2, False, 1)


# ---- killed

DEADLY = [  # moments of a run with a checkpoint after each step and each epoch, each process going on from the last
    "step 2",
    "before fsync 2",
    "before replace 1",
    "after replace 2",
    "step 6",
    "after replace 1",
    "before fsync 1",
    "after replace 3",
    "step 9",
    "before replace 2",
]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(when):
    """Make this process die at some step, or before or after its call number n of a function that writes; a callback."""
    moment, _, n = when.rpartition(" ")
    if moment == "step":
        return At(die, step=int(n))
    side, name = moment.split()
    function, count = getattr(os, name), []

    def deadly(*args):
        count.append(1)
        if (side, len(count)) == ("before", int(n)):
            die()
        result = function(*args)
        if len(count) == int(n):
            die()
        return result

    setattr(os, name, deadly)
    return cr.Callback()


def forked(action):
    """Do something in a copy of this process; how that ended."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="forks, which not every system's BLAS survives")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("scenario", ["early stopping", "a rate that depends on results"])
def test_a_process_killed_at_any_moment_also_while_writing_ends_as_if_it_had_not_been(scenario, path, whole):
    for number, when in enumerate(DEADLY):  # each goes on from what the one before left behind

        def life(number=number, when=when):
            callback, checkpoint = die_at(when), cr.Checkpoint(path, every=1)
            run(scenario, seed=number * path.exists(), callback=callback, checkpoint=checkpoint, resume=path.exists())

        assert forked(life) == -signal.SIGKILL, when
    assert resumed(scenario, path).all == whole(scenario).all


SUPPORT = Path(__file__).parents[1] / "support"
SCRIPT = """
import sys, time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import chainrule as cr
from resumable import run


class Talk(cr.Callback):
    def on_step(self, run):
        print(run.optimizer.steps, flush=True)
        time.sleep(0.01)


path = Path(sys.argv[2])
checkpoint = cr.Checkpoint(path, every=1)
outcome = run("early stopping", seed=int(path.exists()), callback=Talk(), checkpoint=checkpoint, resume=path.exists())
print(outcome.digest(), flush=True)
"""


def test_a_program_killed_from_outside_and_started_anew_ends_as_if_it_had_not_been(path, whole):
    program = [sys.executable, "-c", SCRIPT, str(SUPPORT), str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "5\n":
                time.sleep(0.005)
                process.kill()  # whatever it was doing
                break
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
    *steps, digest = done.stdout.split()
    assert not {"1", "2", "3", "4"} & set(steps)  # it did not start from the beginning
    assert digest == whole("early stopping").digest()


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_leaves_the_last_one(fails, path, whole, monkeypatch):
    scenario, count, function = "early stopping", [], getattr(os, fails)

    def full(*args):
        count.append(1)
        if len(count) == 5:
            raise OSError("No space left on device")
        return function(*args)

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(cr.CheckpointError, match="last.safetensors cannot be written: No space left"):
        run(scenario, checkpoint=cr.Checkpoint(path, every=1))
    assert os.listdir(path.parent) == [path.name]
    assert resumed(scenario, path).all == whole(scenario).all


# ---- a run that came to its end


@pytest.mark.parametrize(
    "scenario", ["early stopping", "early stopping that strikes", "a rate that depends on results"]
)
def test_taking_up_a_finished_run_trains_nothing_and_gives_the_same(scenario, path, whole):
    run(scenario, checkpoint=path)
    before = path.read_bytes()
    trained = []
    again = resumed(scenario, path, loss=lambda *given: trained.append(1))
    assert trained == []
    assert again.all == whole(scenario).all
    assert list(again.history) == cr.load(path)["history"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("scenario", "options"),
    [("early stopping", {"early_stopping": 9}), ("momentum", {}), ("a schedule", {})],
)
def test_with_more_epochs_a_finished_run_goes_on(scenario, options, path):
    run(scenario, epochs=2, checkpoint=path, **options)
    assert resumed(scenario, path, epochs=5, **options).all == run(scenario, epochs=5, **options).all


def test_one_of_the_runs_is_ended_by_patience(whole):
    history = whole("early stopping that strikes").history
    assert (len(history), history.best_epoch) == (2, 1)


def test_a_run_that_patience_ended_stays_ended_with_more_epochs(path, whole):
    scenario = "early stopping that strikes"
    run(scenario, checkpoint=path)
    assert resumed(scenario, path, epochs=50).all == whole(scenario).all


def test_with_more_patience_a_run_that_patience_ended_goes_on(path, whole):
    scenario = "early stopping that strikes"
    ended = run(scenario, checkpoint=path)
    patient = run(scenario, early_stopping=9)
    assert len(ended.history) < len(patient.history)
    assert resumed(scenario, path, early_stopping=9).all == patient.all


class Enough(cr.Callback):
    """Ends a run after some step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, run):
        if run.optimizer.steps == self.step:
            run.stop_reason = "enough"


@pytest.mark.parametrize("every", [1, None])
@pytest.mark.parametrize("step", [5, 6])
def test_a_run_that_a_callback_ended_goes_on(step, every, path, whole):
    scenario = "early stopping"
    first = run(scenario, checkpoint=cr.Checkpoint(path, every), callback=Enough(step))
    assert first.history.stop_reason == "enough"
    assert resumed(scenario, path).all == whole(scenario).all


class Average(cr.Callback):
    """A moving average of the weights: state of every kind that a checkpoint can hold."""

    def __init__(self):
        self.average, self.steps, self.notes = None, 0, []

    def on_step(self, run):
        new = run.model.state_dict()
        old = self.average or new
        self.average = {name: 0.9 * old[name] + 0.1 * x for name, x in new.items()}
        self.steps += 1

    def on_epoch(self, run):
        self.notes.append({"epoch": run.epoch, "note": None})

    def state_dict(self):
        return {"average": self.average, "steps": self.steps, "notes": self.notes}

    def load_state_dict(self, state):
        self.average, self.steps, self.notes = state["average"], state["steps"], state["notes"]


@pytest.mark.parametrize("step", [1, 3, 4, 9])
def test_what_a_callback_remembers_is_in_the_checkpoint(step, path):
    averages = []
    for moments in [()], [(step,), ()]:
        for i, broken in enumerate(moments):
            model, average = mlp(), Average()
            callbacks = [average, At(raises(Killed), step=broken[0] + 1 if broken else None)]
            options = {"checkpoint": cr.Checkpoint(path, every=1), "resume": i > 0, "verbose": 0}
            try:
                cr.fit(model, nn.cross_entropy, adam(model), pairs(seed=1), 4, callbacks=callbacks, **options)
            except Killed:
                assert broken
        averages.append(plain(average.state_dict()))
        path.unlink()
        cr.random.seed(0)
    assert averages[0] == averages[1]


def test_resuming_where_there_is_no_checkpoint_starts_a_run(path, whole):
    assert run("momentum", checkpoint=path, resume=True).all == whole("momentum").all
    assert path.exists()


def test_the_time_of_an_epoch_counts_both_parts(path, monkeypatch):
    clock, options = Clock(monkeypatch), {"checkpoint": cr.Checkpoint(path, every=1), "epochs": 1}
    dead = calls(nn.cross_entropy, raises(Killed), at=3)
    with pytest.raises(Killed):
        run("momentum", callback=At(lambda: clock.wait(3), step=1), loss=dead, **options)
    clock.wait(100)  # while nobody trains
    outcome = run("momentum", callback=At(lambda: clock.wait(4), step=3), resume=True, **options)
    assert outcome.history["seconds"] == [7.0]


# ---- what is in the file, and where


def test_a_path_may_be_text_or_a_path(tmp_path):
    for name, make in (("a", str), ("b", Path)):
        run("momentum", checkpoint=make(tmp_path / name))
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_the_weights_in_a_checkpoint_can_be_loaded_on_their_own(path):
    scenario = "validation and metrics"
    outcome = run(scenario, checkpoint=path)
    model = mlp()
    model.load_state_dict(cr.load(path)["model"])
    assert bits(model) == outcome.all["weights"]


@pytest.mark.parametrize("every", [0, -1, 1.5, "1", True])
def test_a_bad_interval_is_refused(every, path):
    with pytest.raises(
        cr.ArgumentError,
        match="Checkpoint: every must be a whole number of at least 1, or None for the ends of epochs only, not",
    ):
        cr.Checkpoint(path, every)


@pytest.mark.parametrize(("every", "steps"), [(1, range(1, 10)), (2, [2, 4, 6, 8]), (4, [4, 8]), (None, [])])
def test_checkpoints_are_written_every_so_many_steps_and_after_each_epoch(every, steps, path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "chainrule.train.checkpoint.save",
        lambda state, path: written.append((state["optimizer"]["steps"], state["finished"])),
    )
    run("momentum", checkpoint=cr.Checkpoint(path, every))
    assert written == sorted([*((s, False) for s in steps), *((s, True) for s in (3, 6, 9))])


# ---- a checkpoint that does not fit

OTHERS = {  # what the run is resumed with, and what is said of it
    "another architecture": (
        lambda: (m := nn.MLP([2, 9, 2]), adam(m), pairs(), {}),
        r"load_state_dict: the state does not fit the model; of another shape: layers\.0\.weight is \(2, 8\)",
    ),
    "another depth": (
        lambda: (m := nn.MLP([2, 8, 8, 2]), adam(m), pairs(), {}),
        r"load_state_dict: the state does not fit the model; missing: layers\.2\.weight",
    ),
    "another optimiser": (
        lambda: (m := mlp(), optim.SGD(m.parameters(), lr=0.1), pairs(), {}),
        "SGD.load_state_dict: the state does not fit; it is that of Adam",
    ),
    "other groups": (
        lambda: (
            m := mlp(),
            optim.Adam([{"params": m.layers[0].parameters()}, {"params": m.layers[1].parameters()}]),
            pairs(),
            {},
        ),
        r"Adam.load_state_dict: the state does not fit; .*groups of \[4\] parameters, this optimiser of \[2, 2\]",
    ),
    "a schedule": (
        lambda: (m := mlp(), adam(m, schedule.cosine(0.1, 9)), pairs(), {}),
        r"fit: the checkpoint is of a run with the learning rate 0.02, this one has cosine\(0.1, 9\)",
    ),
    "another number of batches": (
        lambda: (m := mlp(), adam(m), pairs(8), {}),
        "fit: the checkpoint is of a run on other data: .*'batches': 3.*'batches': 5.*resume with the data and the",
    ),
    "other data of the same form": (
        lambda: (m := mlp(), adam(m), cr.data.Batches(data()[0] * 5, data()[1], batch_size=16), {}),
        "fit: the checkpoint is of a run on other data",
    ),
    "a generator for the data": (
        lambda: (m := mlp(), adam(m), pairs(seed=1), {}),
        "fit: the checkpoint is of a run with other random generators in data or model",
    ),
}


def written(path, model, optimizer, batches, options):
    """Write the checkpoint of a run."""
    cr.fit(model, nn.cross_entropy, optimizer, batches, 1, checkpoint=path, verbose=0, **options)


def refused(path, model, optimizer, batches, options, match):
    """Resume, expect a CheckpointError, and find that nothing has changed."""
    model.eval()
    state = lambda: (
        bits(model),
        plain(optimizer.state_dict()),
        optimizer.lr,
        cr.random.get_state(),
        None if batches.generator is None else batches.generator.get_state(),
        {p.name: p.read_bytes() for p in path.parent.iterdir()},
        [module.training for _, module in model.named_modules()],
    )
    before = state()
    with pytest.raises(cr.CheckpointError, match=match):
        cr.fit(model, nn.cross_entropy, optimizer, batches, 3, checkpoint=path, resume=True, verbose=0, **options)
    assert state() == before


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_run_is_refused_before_anything_has_changed(other, path):
    written(path, m := mlp(), adam(m), pairs(), {})
    make, message = OTHERS[other]
    refused(path, *make(), match=message)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (schedule.cosine(0.1, 9), schedule.ReduceOnPlateau(0.1)),
        (schedule.ReduceOnPlateau(0.1), schedule.cosine(0.1, 9)),
        (schedule.warmup(schedule.ReduceOnPlateau(0.1), 3), schedule.ReduceOnPlateau(0.1)),
        (schedule.ReduceOnPlateau(0.1), schedule.warmup(schedule.ReduceOnPlateau(0.1), 3)),
        (schedule.cosine(0.1, 9), schedule.constant(5.0)),
        (schedule.cosine(0.1, 9), schedule.cosine(0.1, 10)),
    ],
    ids=["cosine to plateau", "plateau to cosine", "warm-up to plateau", "plateau to warm-up", "to constant", "longer"],
)
def test_a_checkpoint_with_another_schedule_is_refused_before_anything_has_changed(first, second, path):
    written(path, m := mlp(), adam(m, first), pairs(), validated())
    refused(path, m := mlp(), adam(m, second), pairs(), validated(), match=None)


def test_callbacks_and_validation_may_be_added_when_a_run_is_taken_up(path):
    written(path, m := mlp(), adam(m), pairs(), {})
    more = validated(callbacks=[lambda run: None], early_stopping=9)
    history = cr.fit(m := mlp(), nn.cross_entropy, adam(m), pairs(), 3, checkpoint=path, resume=True, verbose=0, **more)
    assert history["epoch"] == [1, 2, 3]
    assert history.best_epoch in (2, 3)


def test_a_callback_whose_state_was_saved_may_not_be_missing(path):
    written(path, m := mlp(), adam(m), pairs(), validated(early_stopping=9))
    refused(path, m := mlp(), adam(m), pairs(), {}, match="a run with a callback EarlyStopping, which is missing")


def test_taking_up_a_run_that_was_never_saved_says_that_it_starts_anew(path, capsys):
    cr.fit(m := mlp(), nn.cross_entropy, adam(m), pairs(), 1, checkpoint=path, resume=True)
    assert f"there is no checkpoint at {path} yet: starting anew" in capsys.readouterr().out


def test_ctrl_c_before_the_first_step_writes_nothing(path):
    class Early(cr.Callback):
        def on_start(self, run):
            press_ctrl_c()

    history = cr.fit(m := mlp(), nn.cross_entropy, adam(m), pairs(), 2, checkpoint=path, verbose=0, callbacks=[Early()])
    assert (list(history), history.stop_reason) == ([], "Ctrl-C")
    assert not path.exists()


def test_a_file_of_weights_is_no_checkpoint(path):
    cr.save(mlp().state_dict(), path)
    refused(path, m := mlp(), adam(m), pairs(), {}, match="fit: the checkpoint is not one of a training run")


def test_a_checkpoint_of_another_version_is_refused(path):
    written(path, m := mlp(), adam(m), pairs(), {})
    cr.save(cr.load(path) | {"version": 99}, path)
    refused(path, m := mlp(), adam(m), pairs(), {}, match="not one of a training run of this version")


DAMAGES = {
    "empty": lambda b: b"",
    "text": lambda b: b"epoch,loss\n1,0.5\n",
    "cut off": lambda b: b[:-1],
    "cut in half": lambda b: b[: len(b) // 2],
    "only a header": lambda b: b[:8],
    "longer": lambda b: b + b"x",
    "another header": lambda b: b[:20] + b"\xff\xff\xff\xff" + b[24:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_before_anything_has_changed(damage, path):
    written(path, m := mlp(), adam(m), pairs(), {})
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    refused(path, m := mlp(), adam(m), pairs(), {}, match=re.escape(f"load: {path} is not a whole safetensors file"))


@pytest.mark.parametrize("lacking", ["model", "optimizer", "random", "history", "callbacks", "data", "sums", "step"])
def test_a_checkpoint_in_which_something_is_missing_is_refused_before_anything_has_changed(lacking, path):
    written(path, m := mlp(), adam(m), pairs(), {})
    state = cr.load(path)
    del state[lacking]
    cr.save(state, path)
    refused(path, m := mlp(), adam(m), pairs(), {}, match=None)


FIELDS = {
    "no state of a callback": lambda state: state["callbacks"][0].update(state={}),
    "text for the state of a callback": lambda state: state["callbacks"][0].update(state="best"),
    "weights of another model": lambda state: state["callbacks"][0]["state"].update(
        weights=nn.MLP([2, 3]).state_dict()
    ),
    "text for a moment": lambda state: state["optimizer"]["state"][-1].update(v="large"),
    "no key of a generator": lambda state: state["random"]["now"].update({"": [1]}),
    "text in the history": lambda state: state["history"][0].update(val_loss="low"),
    "no list of groups": lambda state: state["optimizer"].update(groups=3),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_wrong_field_is_refused_before_anything_has_changed(field, path):
    written(path, m := mlp(), adam(m), pairs(), validated(early_stopping=9))
    state = cr.load(path)
    FIELDS[field](state)
    cr.save(state, path)
    stopper = cr.EarlyStopping(9)
    stopper.epoch, stopper.value, stopper.waiting = 3, 0.5, 2
    before = dict(vars(stopper))
    refused(path, m := mlp(), adam(m), pairs(), validated(early_stopping=stopper), match=None)
    assert vars(stopper) == before
