"""What is noted of who computed what when."""

from collections import Counter

import pytest

import chainrule as cr
from chainrule.parallel.timeline import on_one_clock


def train(steps, **options):
    """A run of some steps on batches of 8, and its timeline."""
    model = cr.nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    data = cr.ones((8 * steps, 2)), cr.ones((8 * steps, 1))
    return cr.fit(model, cr.nn.mse, optimizer, data, 1, batch_size=8, verbose=0, **options).timeline


def test_a_step_is_noted_as_its_shards_the_waiting_the_sum_and_the_update():
    found = train(1, workers=2, deterministic=True)
    shards = [(row["thread"], row["what"]) for row in found if row["what"].startswith("shard")]
    assert sorted(shards) == [(k // 4, f"shard {k}") for k in range(8)]
    assert [(row["thread"], row["what"]) for row in found[8:]] == [(0, "wait"), (1, "wait"), (0, "sum"), (0, "update")]


def test_what_a_thread_does_follows_one_after_the_other_from_0_on():
    found = train(3, workers=2)
    assert min(row["start"] for row in found) == 0
    for thread in (0, 1):
        times = [t for row in found if row["thread"] == thread for t in (row["start"], row["end"])]
        assert times == sorted(times)


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_the_last_three_steps_are_kept(steps):
    found = Counter(row["what"] for row in train(steps, workers=2))
    kept = min(steps, 3)
    assert found == {"shard 0": kept, "shard 1": kept, "wait": 2 * kept, "sum": kept, "update": kept}


def test_without_workers_nothing_is_noted():
    assert train(2) == []


def test_an_own_loop_has_the_timeline_of_its_gradients():
    model = cr.nn.Linear(2, 1)
    parallel = cr.parallel.DataParallel(model, cr.optim.SGD(model.parameters(), lr=0.1), workers=1)
    for _ in range(2):
        parallel.backward(lambda model, x: model(x).mean(), cr.ones((4, 2)))
    assert [row["what"] for row in parallel.timeline(steps=1)] == ["shard 0", "wait", "sum"]


class Pair(cr.parallel.Workers):
    """Two workers, of which the second one says the same as the first, with a clock that is `ahead`, on `machine`."""

    size = 2

    def __init__(self, ahead, machine=None):
        self.ahead, self.machine = ahead, machine

    def gather(self, value):
        if value is None:  # a barrier
            return [None, None]
        machine, clocks, events = value
        moved = [(thread, what, start + self.ahead, end + self.ahead) for thread, what, start, end in events]
        return [value, (self.machine or machine, [t + self.ahead for t in clocks], moved)]


def test_the_clocks_of_other_machines_are_put_right():
    first, second = on_one_clock(Pair(1000.0, "another"), [(0, "sum", 5.0, 6.0)])
    assert first == {"worker": 0, "thread": 0, "what": "sum", "start": 0.0, "end": 1.0}
    assert second == pytest.approx(first | {"worker": 1}, abs=1e-6)


def test_the_clock_of_a_machine_is_one_for_all_its_processes():
    first, second = on_one_clock(Pair(0.25), [(0, "sum", 5.0, 6.0)])
    assert (first["start"], second["start"]) == (0.0, 0.25)
