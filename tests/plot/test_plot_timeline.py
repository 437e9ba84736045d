"""The timeline: who computed what when."""

import pytest

import chainrule as cr

pytest.importorskip("matplotlib")
import plotting
from matplotlib.colors import to_hex
from plotting import worked

import chainrule.plot as plot

ax, nothing_left_changed = plotting.ax, plotting.nothing_left_changed  # fixtures

STEP = worked(
    [
        (0, 0, "shard 0", 0.0, 0.004), (0, 0, "wait", 0.004, 0.005), (0, 0, "sum", 0.006, 0.007),
        (0, 0, "update", 0.007, 0.008), (0, 1, "shard 1", 0.001, 0.005), (0, 1, "wait", 0.005, 0.005),
    ]
)  # fmt: skip


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def bars(ax):
    """{kind: [(row, start, end) of each of its bars]}."""
    return {
        container.get_label(): [
            (round(bar.get_y() + bar.get_height() / 2), round(bar.get_x(), 9), round(bar.get_x() + bar.get_width(), 9))
            for bar in container
        ]
        for container in ax.containers
    }


def test_a_bar_stands_in_the_row_of_its_thread_from_start_to_end_in_milliseconds(ax):
    found = bars(plot.timeline(STEP, ax))
    assert found["shard"] == [(0, 0, 4), (1, 1, 5)]
    assert (found["sum"], found["update"]) == ([(0, 6, 7)], [(0, 7, 8)])
    assert ax.get_xlabel() == "milliseconds"


def test_each_kind_has_a_colour_and_a_place_in_the_legend(ax):
    plot.timeline(STEP, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["shard", "wait", "sum", "update"]
    assert len({to_hex(container[0].get_facecolor()) for container in ax.containers}) == 4


def test_a_kind_that_did_not_occur_is_not_in_the_legend(ax):
    plot.timeline(STEP[:1], ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["shard"]


def test_a_shard_has_its_number_in_the_middle(ax):
    first, second = plot.timeline(STEP, ax).texts
    assert (first.get_text(), first.get_position()) == ("0", (2, 0))
    assert (second.get_text(), second.get_position()) == ("1", (3, 1))


def test_a_bar_too_short_for_its_number_has_none(ax):
    plot.timeline(worked([(0, 0, "shard 0", 0.0, 1e-5), (0, 0, "shard 1", 1e-5, 1.0)]), ax)
    assert [text.get_text() for text in ax.texts] == ["1"]


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([(0, 0), (0, 1)], ["thread 0", "thread 1"]),
        ([(1, 0), (0, 0)], ["worker 0", "worker 1"]),
        ([(0, 0), (1, 1)], ["worker 0, thread 0", "worker 1, thread 1"]),
    ],
)
def test_the_rows_are_named_by_threads_or_processes_from_the_top(places, names, ax):
    plot.timeline(worked([(*place, "shard 0", 0.0, 1.0) for place in places]), ax)
    assert rows(ax) == names
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_a_run_is_drawn_by_its_history(ax):
    model = cr.nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    history = cr.fit(model, cr.nn.mse, optimizer, (cr.ones((4, 2)), cr.ones((4, 1))), 1, workers=2, verbose=0)
    assert rows(plot.timeline(history, ax)) == ["thread 0", "thread 1"]
    assert {kind: len(found) for kind, found in bars(ax).items()} == {"shard": 2, "wait": 2, "sum": 1, "update": 1}


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (cr.History(), r"nothing was recorded.*as in fit\(\.\.\., workers=2\)"),
        ([], "nothing was recorded"),
        ([{"loss": 1.0}], r"needs what fit returned, or its timeline, not list: \[\{'loss': 1\.0\}\]"),
        (3, "needs what fit returned, or its timeline, not int: 3"),
    ],
)
def test_what_has_no_timeline_is_refused(history, message):
    with pytest.raises(cr.ArgumentError, match=message):
        plot.timeline(history)
