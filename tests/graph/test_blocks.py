"""A large picture is cut into blocks that fit a window, and the repeats of loops are found."""

import re

import pytest
from graphs import recurrent, tangle, wide_mlp

import chainrule as cr
from chainrule.graph.picture.blocks import HIGH, WIDE, flow, rows
from chainrule.graph.picture.calls import module_calls
from chainrule.graph.picture.loops import with_repeats
from chainrule.graph.picture.svg import to_svg


@pytest.fixture(scope="module", params=[lambda: recurrent(20), tangle, wide_mlp], ids=["recurrent", "tangle", "mlp"])
def case(request):
    """(graph, the Views of its blocks as they are shown at first)"""
    graph = cr.trace(request.param())
    return graph, [block.states[()] for block in flow(graph).blocks]


def boxes(views, **wanted):
    return [box for shown in views for box in shown.boxes if all(getattr(box, k) == v for k, v in wanted.items())]


def test_each_value_has_one_box_of_its_own(case):
    graph, views = case
    assert sorted(i for box in boxes(views, copy=False) for i in box.members) == list(range(len(graph.nodes)))


def test_each_edge_is_drawn_once(case):
    graph, views = case
    assert sorted(i for shown in views for arrow in shown.arrows for i in arrow.edges) == list(range(len(graph.edges)))


def test_an_edge_begins_at_its_source_or_a_copy_of_it(case):
    graph, views = case
    for shown in views:
        for arrow in shown.arrows:
            edge = graph.edges[arrow.edges[0]]
            assert edge.source in shown.boxes[arrow.source].members
            assert edge.target in shown.boxes[arrow.target].members


def test_a_block_has_copies_only_of_what_it_uses(case):
    _, views = case
    for shown in views:
        used = {arrow.source for arrow in shown.arrows}
        assert all(i in used for i, box in enumerate(shown.boxes) if box.copy)


def test_every_block_fits_a_window(case):
    graph, _ = case
    for size in re.findall(r'data-size="([\d.]+) ([\d.]+)"', to_svg(graph, engine="built-in")):
        wide, high = map(float, size)
        assert wide <= 1.05 * WIDE
        assert high <= 1.25 * HIGH  # the layout leaves gaps that cannot be told before


def test_a_graph_that_fits_is_one_block():
    x = cr.Value(2.0, "x")
    (block,) = flow(cr.trace(x * x + x)).blocks
    assert not boxes([block.states[()]], copy=True)


def test_a_leaf_that_several_blocks_need_has_a_block_to_itself(case):
    graph, views = case
    for shown in views:
        alone = len(shown.boxes) == 1
        for box in shown.boxes:
            if graph.nodes[box.members[0]].kind == "leaf" and not box.copy:
                copies = [other for other in boxes(views, copy=True) if other.members == box.members]
                assert alone == bool(copies)


def test_with_nothing_to_fold_there_is_one_state():
    assert all(len(block.states) == 1 for block in flow(cr.trace(tangle()), folding=True).blocks)


def test_a_repeat_folds_into_one_box():
    last, _ = flow(cr.trace(recurrent(20)), folding=True).blocks[-2:]
    (box,) = last.states["repeat 20 of 20",].boxes
    assert (box.title, box.facts[0]) == ("repeat 20 of 20", "5 operations")


def test_each_choice_of_a_blocks_frames_has_a_state():
    model = cr.nn.Sequential(cr.nn.Linear(1, 1), cr.nn.Linear(1, 1))
    (block,) = flow(cr.trace(model(cr.ones((1, 1))), {"m": model}), folding=True).blocks
    assert set(block.states) == {(), ("m",), ("layers.0",), ("layers.1",), ("layers.0", "layers.1")}


def test_what_is_deeper_than_depth_is_folded_at_first():
    graph = cr.trace(recurrent(20))
    assert flow(graph, depth=0, folding=True).folded == [f"repeat {i} of 20" for i in range(1, 21)]
    assert flow(graph, depth=1, folding=True).folded == []


def test_blocks_stand_in_rows():
    assert rows([(60, 10), (60, 30), (0, 0), (60, 10)], wide=160)[0] == [(0, 0), (86.0, 0), (172.0, 0), (0, 56.0)]


# ---- the repeats of loops


def frames(result):
    """The titles of the outermost frames, in the order of the computation."""
    graph = cr.trace(result)
    chains = with_repeats(graph, module_calls(graph))
    return list(dict.fromkeys(chain[0][0] for chain in chains.values() if chain))


def test_each_repeat_of_a_loop_is_a_frame():
    assert frames(recurrent(12)) == [f"repeat {i} of 12" for i in range(1, 13)]


def test_the_order_of_operands_does_not_matter():
    w, u, h = cr.Value(0.5), cr.Value(0.8), cr.Value(0.0)
    for t in range(10):
        h = cr.tanh(u * (0.1 * t) + w * h)
    assert len(frames(h)) == 10


def test_short_repeats_share_a_frame():
    y = cr.Value(0.5)
    for _ in range(20):
        y = cr.sin(y) * 1.5
    assert frames(y)[:2] == ["repeats 1–2 of 20", "repeats 3–4 of 20"]


def test_of_many_repeats_the_frames_have_frames_around_them():
    y = cr.Value(0.5)
    for _ in range(500):
        y = cr.tanh(cr.sin(y) * 1.5 + 0.1)
    assert frames(y)[:2] == ["repeats 1–23 of 500", "repeats 24–46 of 500"]


def test_two_loops_are_told_apart():
    y = cr.Value(0.5)
    for _ in range(10):
        y = cr.tanh(y * 1.5 + 0.1)
    for _ in range(10):
        y = cr.sin(y * 1.5 - 0.1)
    assert {title.partition(":")[0] for title in frames(y)} >= {"loop 2"}


def test_what_never_repeats_has_no_frames():
    assert frames(tangle()) == []


def test_a_few_calls_are_no_loop():
    assert frames(recurrent(4)) == []
