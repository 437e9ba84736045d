"""Recording a run snapshot by snapshot: the run is not disturbed, and the snapshots are the right ones."""

import json

import numpy as np
import pytest
import resumable
from recording import Each, recorded, steps
from training import At, bits, data, press_ctrl_c, train

import chainrule as cr
from chainrule import nn, optim

# ---- training is not disturbed


@pytest.mark.parametrize("scenario", resumable.SCENARIOS)
def test_a_recorded_run_ends_to_the_bit_like_one_that_is_not(scenario):
    plain = resumable.run(scenario)
    watched = resumable.run(scenario, callbacks=[resumable.Quiet(cr.Callback()), cr.Replay()])
    assert watched.all == plain.all


def test_the_gradients_after_a_recorded_run_are_those_of_the_last_step():
    plain, watched = train(3)[0], recorded(3)[0]
    for p, q in zip(plain.parameters(), watched.parameters(), strict=True):
        assert p.grad.numpy().tobytes() == q.grad.numpy().tobytes()


def test_no_gradient_is_there_before_the_first_step():
    looked = Each(lambda run: [p.grad for p in run.model.parameters()])
    recorded(1, [cr.Replay(), looked])
    assert looked.seen[0] == [None] * 4


def test_each_module_stays_in_its_own_mode():
    model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5).eval(), nn.Dropout(0.5), nn.Linear(8, 2))
    modes = Each(lambda run: [module.training for _, module in run.model.named_modules()])
    cr.fit(
        model,
        nn.cross_entropy,
        optim.SGD(model.parameters(), 0.1),
        data(),
        1,
        callbacks=[cr.Replay(), modes],
        verbose=0,
    )
    assert modes.seen[1] == [True, True, False, True, True]


def test_a_module_that_draws_in_evaluation_too_draws_the_same_in_training():
    class Noise(nn.Module):
        def __init__(self):
            self.generator = cr.random.Generator(3)

        def forward(self, x):
            return x + self.generator.normal(size=x.shape)

    def run(**options):
        cr.random.seed(0)
        model = nn.Sequential(Noise(), nn.Linear(2, 2))
        cr.fit(model, nn.cross_entropy, optim.SGD(model.parameters(), 0.1), data(), 2, verbose=0, **options)
        return bits(model)

    assert run(callbacks=cr.Replay()) == run()


@pytest.mark.parametrize(("error", "note"), [(ValueError("two"), "ValueError: two"), (cr.ShapeError("two"), "two")])
def test_what_cannot_be_looked_at_is_left_out_and_noted(error, note):
    def loss(prediction, y):
        if len(y) == 1:
            raise error
        return nn.cross_entropy(prediction, y)

    _, history = recorded(1, loss=loss)
    assert history.snapshot_info["notes"] == {"graph": note}
    assert history.snapshots[-1]["outputs"]["loss"] > 0


# ---- which snapshots


def test_the_first_moment_is_before_the_first_step_and_the_last_after_the_last():
    _, history = recorded(4, cr.Replay(every=5))
    assert steps(history) == [0, 5, 10, 12]
    assert [(snapshot["epoch"], snapshot["step"], snapshot["epoch_steps"]) for snapshot in history.snapshots] == [
        (0, 0, 3),
        (2, 2, 3),
        (4, 1, 3),
        (4, 3, 3),
    ]


@pytest.mark.parametrize("limit", [2, 3, 4, 7, 10])
def test_there_are_never_more_moments_than_asked_for(limit):
    counts = Each(lambda run: len(run.history.snapshots))
    _, history = recorded(9, [cr.Replay(max_snapshots=limit), counts])
    assert max(counts.seen.values()) < limit
    assert limit / 2 <= len(history.snapshots) <= limit


def test_moments_are_equally_far_apart_but_for_the_last():
    replay = cr.Replay(max_snapshots=6, every=1)
    _, history = recorded(9, replay)  # 27 steps
    assert replay.stride == 8
    assert steps(history) == [0, 8, 16, 24, 27]


def test_all_steps_are_recorded_where_there_are_few():
    assert steps(recorded(2)[1]) == list(range(7))


def test_the_length_of_an_epoch_is_found_out_where_the_data_does_not_say():
    class Endless:
        def __iter__(self):
            return iter([data(8)] * 3)

    _, history = recorded(2, batches=Endless())
    assert [snapshot["epoch_steps"] for snapshot in history.snapshots[1:]] == [3] * 6


def test_a_replay_begins_anew_in_each_run():
    replay = cr.Replay()
    first, second = recorded(1, replay)[1], recorded(2, replay)[1]
    assert (steps(first), steps(second)) == (list(range(4)), list(range(7)))


@pytest.mark.parametrize("end", [4, 5])
def test_ctrl_c_keeps_the_moments_so_far_and_the_last(end):
    _, history = recorded(4, [cr.Replay(every=2), At(press_ctrl_c, step=end)])
    assert history.stop_reason == "Ctrl-C"
    assert steps(history) == sorted({0, 2, 4, end})


def test_an_impatient_ctrl_c_records_no_half_step():
    def twice():
        press_ctrl_c()
        press_ctrl_c()

    _, history = recorded(4, [cr.Replay(every=2), At(twice, step=3)])
    assert steps(history) == [0, 2]


def test_a_history_without_replay_has_no_moments():
    history = train(1)[1]
    assert (history.snapshots, history.snapshot_info) == ([], None)


def test_a_run_that_diverges_can_be_saved_too(tmp_path):
    replay = cr.Replay()
    with pytest.raises(cr.GraphError):
        diverge(replay)
    assert replay.history.save(tmp_path / "run.html").stat().st_size > 0
    assert replay.history.snapshots == replay.snapshots != []


def diverge(replay):
    x, y = data()
    model = nn.MLP([2, 8, 2], activation="relu")
    with np.errstate(all="ignore"):
        cr.fit(model, nn.mse, optim.SGD(model.parameters(), lr=1e9), (x, x), 50, callbacks=replay, verbose=0)


def test_moments_are_plain_data():
    history = recorded(2)[1]
    assert json.loads(json.dumps(history.snapshots)) == history.snapshots
    assert json.loads(json.dumps(history.snapshot_info)) == history.snapshot_info


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_snapshots": 1}, "max_snapshots must be a whole number of at least 2, not 1"),
        ({"every": 0}, "every must be a whole number of at least 1, or None for 1, not 0"),
        ({"grid": 2.5}, "grid must be a whole number of at least 2"),
        ({"follow": -1}, "follow must be a whole number of at least 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(cr.ArgumentError, match=message):
        cr.Replay(**options)


def test_an_example_that_is_not_there_is_refused_before_the_training():
    with pytest.raises(
        cr.ArgumentError, match="follow must be below 40, the number of examples in the training data, not 40"
    ):
        recorded(1, cr.Replay(follow=40))


# ---- taken up again


def resumed(folder, first, then, replay=cr.Replay, **options):
    """The history of a run of `first` epochs that goes on until `then`."""
    path = folder / "run.safetensors"
    recorded(first, replay(), checkpoint=path)
    return recorded(then, replay(), seed=1, checkpoint=path, resume=True, **options)[1]


@pytest.mark.parametrize("replay", [cr.Replay, lambda: cr.Replay(max_snapshots=5), lambda: cr.Replay(every=4)])
def test_a_run_that_was_taken_up_has_the_moments_of_one_that_was_not(replay, tmp_path):
    assert resumed(tmp_path, 2, 4, replay).snapshots == recorded(4, replay())[1].snapshots


def test_a_run_that_was_broken_off_in_an_epoch_has_the_same_moments_too(tmp_path):
    path = tmp_path / "run.safetensors"
    recorded(4, [cr.Replay(), At(press_ctrl_c, step=5)], checkpoint=path)
    _, history = recorded(4, [cr.Replay()], seed=1, checkpoint=path, resume=True)
    assert history.snapshots == recorded(4)[1].snapshots


def test_a_replay_that_is_new_in_a_run_begins_where_it_was_taken_up(tmp_path):
    path = tmp_path / "run.safetensors"
    train(2, checkpoint=path)
    _, history = recorded(4, checkpoint=path, resume=True)
    assert steps(history) == [7, 8, 9, 10, 11, 12]
    assert history.snapshots[1:] == recorded(4)[1].snapshots[-5:]


def test_a_run_that_follows_another_example_is_not_taken_up(tmp_path):
    with pytest.raises(cr.CheckpointError, match="recorded with follow=0, this run has follow=1"):
        resumed(tmp_path, 1, 2, iter([cr.Replay(), cr.Replay(follow=1)]).__next__)
