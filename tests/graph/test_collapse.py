"""What a picture shows of a large graph: modules, source lines or the end of it, never more than 300 boxes."""

import random
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph.picture.view import LIMIT, view


class Cell(cr.nn.Module):
    def __init__(self):
        self.inner, self.outer = cr.nn.Linear(3, 4), cr.nn.Linear(4, 4)

    def forward(self, x, h):
        return cr.tanh(self.inner(x) + self.outer(h))


class Recurrent(cr.nn.Module):
    """Calls its cell again after a value of its own."""

    def __init__(self):
        self.cell = Cell()

    def forward(self, xs):
        h = cr.zeros((2, 4))
        for x in xs:
            h = self.cell(x, h) * 0.5
        return h.sum()


@pytest.fixture(scope="module")
def mlp():
    """Two layers in one model: 13 nodes, of which x, the 2 and the label are outside of it."""
    model, x = cr.nn.MLP([2, 3, 1], activation="tanh"), cr.ones((4, 2))
    return cr.trace(((model(x) - 1.0) ** 2).mean(), {"x": x, "model": model})


@pytest.fixture(scope="module")
def recurrent():
    return cr.trace(Recurrent()([cr.ones((2, 3)) for _ in range(3)]))


@pytest.fixture(scope="module")
def deep():
    """120 layers of 3 nodes, 119 activations, the input and the sum."""
    model = cr.nn.MLP([2] * 121)
    return cr.trace(model(cr.ones((1, 2))).sum(), {"model": model})


@pytest.fixture(scope="module")
def loop():
    """Three lines, 1,000 times, in an order that never repeats."""
    v, draw = cr.Value(1.0), random.Random(0)
    for _ in range(1000):
        line = draw.randrange(3)
        if line == 0:
            v = v * 0.9
        elif line == 1:
            v = v + cr.Value(0.1)
        else:
            v = cr.tanh(v)
    return cr.trace(v)


@pytest.fixture(scope="module")
def one_line():
    v, draw = cr.Value(1.0), random.Random(0)
    for _ in range(4000):
        v = draw.choice((cr.sin, cr.cos, cr.tanh))(v)
    return cr.trace(v)


def titles(shown):
    return [box.title for box in shown.boxes if box.is_group]


def drawn(shown):
    return sorted(i for box in shown.boxes if not box.stub for i in box.members)


ALL = ["mlp", "recurrent", "deep", "loop", "one_line"]


@pytest.fixture(
    scope="module", params=[(name, depth) for name in ALL for depth in (None, 0, 1, 2)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def graph_and_view(request):
    name, depth = request.param
    graph = request.getfixturevalue(name)
    return graph, view(graph, depth)


# ---- every view


def test_each_node_is_in_one_box(graph_and_view):
    graph, shown = graph_and_view
    assert drawn(shown) == list(range(len(graph.nodes)))


def test_there_are_never_more_boxes_than_the_limit(graph_and_view):
    assert len(graph_and_view[1].boxes) <= LIMIT


def test_each_edge_between_boxes_is_in_one_arrow(graph_and_view):
    graph, shown = graph_and_view
    place = {i: k for k, box in enumerate(shown.boxes) for i in box.members}
    between = [e.id for e in graph.edges if place[e.source] != place[e.target]]
    assert sorted(i for arrow in shown.arrows for i in arrow.edges) == between


def test_an_arrow_runs_as_its_edges_do(graph_and_view):
    graph, shown = graph_and_view
    for arrow in shown.arrows:
        for edge in (graph.edges[i] for i in arrow.edges):
            assert edge.source in shown.boxes[arrow.source].members
            assert edge.target in shown.boxes[arrow.target].members


def test_no_arrow_leads_from_a_box_to_itself(graph_and_view):
    assert not [arrow for arrow in graph_and_view[1].arrows if arrow.source == arrow.target]


def test_frames_come_behind_the_frames_around_them(graph_and_view):
    assert all(frame.parent is None or frame.parent < i for i, frame in enumerate(graph_and_view[1].frames))


def test_gradient_flows_along_an_arrow_if_it_does_along_an_edge(graph_and_view):
    graph, shown = graph_and_view
    assert all(arrow.flows == any(graph.edges[i].flows for i in arrow.edges) for arrow in shown.arrows)


# ---- modules


def test_a_small_graph_is_shown_as_it_is(mlp):
    shown = view(mlp)
    assert [box.members for box in shown.boxes] == [[i] for i in range(len(mlp.nodes))]


def test_a_picture_of_everything_has_no_caption(mlp):
    assert view(mlp).caption == ""


def test_modules_are_frames_within_frames(mlp):
    frames = view(mlp).frames
    assert [(f.title, f.parent) for f in frames] == [
        ("model MLP", None),
        ("layers.0 Linear", 0),
        ("layers.1 Linear", 0),
    ]


def test_at_depth_0_a_model_is_one_box(mlp):
    assert titles(view(mlp, depth=0)) == ["model MLP"]


def test_at_depth_1_its_layers_are_boxes_in_its_frame(mlp):
    shown = view(mlp, depth=1)
    assert (titles(shown), [f.title for f in shown.frames]) == (["layers.0 Linear", "layers.1 Linear"], ["model MLP"])


def test_a_depth_beyond_the_deepest_shows_everything(mlp):
    assert view(mlp, depth=99) == view(mlp)


def test_the_caption_counts_what_is_shown(mlp):
    assert view(mlp, depth=1).caption == "9 of 13 nodes, depth 1"


def test_a_group_says_how_much_is_in_it(mlp):
    box = next(box for box in view(mlp, depth=0).boxes if box.is_group)
    assert box.facts == ["3 operations", "13 parameters", "(4, 2) → (4, 1)"]


def test_what_a_model_is_called_with_stays_outside(mlp):
    x = mlp.node("x").id
    assert [x] in [box.members for box in view(mlp, depth=0).boxes]


def test_a_number_is_where_it_is_used(recurrent):
    half = [node.id for node in recurrent.nodes if node.label == "0.5"]
    shown = view(recurrent)
    assert {shown.frames[box.frame].title for box in shown.boxes if box.members[0] in half} == {"Recurrent"}


def test_a_module_that_is_called_again_later_is_one_box_for_each_call(recurrent):
    assert sorted(titles(view(recurrent, depth=1))) == ["cell Cell, call 1", "cell Cell, call 2", "cell Cell, call 3"]


def test_calls_with_nothing_between_them_are_boxes_of_their_own():
    layer = cr.nn.Linear(2, 2)
    shown = view(cr.trace(layer(layer(layer(cr.ones((1, 2))))), {"layer": layer}), depth=0)
    assert titles(shown) == ["layer Linear, call 1"]  # which has the parameters; the others are one value each
    assert len([box for box in shown.boxes if not box.is_group]) == 3


def test_a_module_that_is_called_once_has_no_number(mlp):
    assert not [title for title in titles(view(mlp, depth=0)) if "call" in title]


def test_one_call_of_several_can_be_opened(recurrent):
    second = view(recurrent, focus="cell, call 2")
    assert {tuple(recurrent.nodes[i].calls) for i in drawn(second)} == {(1, 2), (1, 2, 2)}


def test_all_calls_can_be_opened_together(recurrent):
    calls = {recurrent.nodes[i].calls[1] for i in drawn(view(recurrent, focus="cell")) if recurrent.nodes[i].calls}
    assert calls == {1, 2, 3}


def test_a_weight_of_another_module_is_in_the_call_that_uses_it():
    class Tied(cr.nn.Module):
        def __init__(self):
            self.inner = cr.nn.Linear(2, 2)

        def forward(self, x):
            return x @ self.inner.weight

    tied = Tied()
    graph = cr.trace(tied(tied(cr.ones((1, 2)))), {"tied": tied})
    shown = view(graph)
    (weight,) = (box for box in shown.boxes if box.members == [graph.node("inner.weight").id])
    inner = shown.frames[weight.frame]
    assert (inner.title, shown.frames[inner.parent].title) == ("inner Linear", "tied Tied, call 1")


def test_calls_of_one_module_make_no_cycle(recurrent):
    shown = view(recurrent, depth=1)
    ends = {i: max(box.members) for i, box in enumerate(shown.boxes)}
    assert all(ends[arrow.source] < ends[arrow.target] for arrow in shown.arrows)


def test_parameters_are_with_the_first_call(recurrent):
    first, *others = sorted((box for box in view(recurrent, depth=1).boxes if box.is_group), key=lambda box: box.title)
    kinds = [{recurrent.nodes[i].kind for i in box.members} for box in (first, *others)]
    assert ["leaf" in kind for kind in kinds] == [True, False, False]


def test_edges_from_one_box_to_another_are_counted(recurrent):  # two weights and two biases are used by each call
    shown = view(recurrent, depth=1)
    assert [arrow.label for arrow in shown.arrows if len(arrow.edges) > 1] == ["4 edges", "4 edges"]


@pytest.mark.parametrize("form", ["to_svg", "to_dot"])
def test_of_many_badges_of_a_group_the_first_are_shown(form):
    graph = cr.trace(cr.nn.MLP([2, 3, 1])(cr.ones((4, 2))).sum())
    for i, node in enumerate(graph.nodes):
        node.badges[:] = [f"badge {i}"] if node.module else []
    drawing = getattr(graph, form)(depth=0)
    assert len(re.findall(r"badge \d", drawing)) == 3
    assert "and 4 more" in drawing


def test_badges_of_a_group_are_those_of_its_nodes(mlp):
    inside = next(node for node in mlp.nodes if node.operation == "tanh")
    inside.badges.append("a badge")
    try:
        assert "a badge" in next(box for box in view(mlp, depth=0).boxes if box.is_group).badges
    finally:
        inside.badges.remove("a badge")


@pytest.mark.parametrize("depth", [-1, 1.0, True, "1"])
def test_a_depth_that_is_no_count_is_refused(depth, mlp):
    with pytest.raises(
        cr.ArgumentError, match="depth must be a whole number of at least 0, or None for as many levels as fit"
    ):
        view(mlp, depth)


# ---- more than fit


def test_a_large_graph_is_shown_at_the_largest_depth_that_fits(deep):
    assert view(deep).caption == "241 of 481 nodes, depth 1"


def test_a_depth_that_does_not_fit_is_lowered(deep):
    assert view(deep, depth=5) == view(deep)


def test_without_modules_each_source_line_is_a_box(loop):
    assert [title.rpartition(", in ")[2] for title in titles(view(loop))] == ["loop"] * 3


def test_the_caption_says_that_lines_are_boxes(loop):
    assert view(loop).caption == f"3 of {len(loop.nodes):,} nodes, by source line"


def test_where_lines_do_not_help_what_is_nearest_to_the_result_is_shown(one_line):
    shown = view(one_line)
    assert [i for box in shown.boxes[1:] for i in box.members] == list(
        range(len(one_line.nodes) - LIMIT + 1, len(one_line.nodes))
    )


def test_the_rest_is_one_box_that_says_how_much_it_is(one_line):
    shown = view(one_line)
    assert titles(shown) == ["3,702 earlier values"]


def test_lines_of_many_calls_become_functions():
    lines = "\n".join(f"    v = v * {i}.0" for i in range(400))
    scope = {}
    exec(
        compile(f"def first(v):\n{lines}\n    return v\ndef second(v):\n{lines}\n    return v\n", "many.py", "exec"),
        scope,
    )
    shown = view(cr.trace(scope["second"](scope["first"](cr.Value(1.0)))))
    assert titles(shown) == ["many.py, in first", "many.py, in second"]


# ---- inside of a group


def test_a_module_can_be_opened(mlp):
    shown = view(mlp, focus="layers.0")
    assert [mlp.nodes[i].operation for i in drawn(shown)] == ["leaf", "leaf", "affine"]


def test_its_neighbours_are_stubs(mlp):
    shown = view(mlp, focus="layers.1")
    assert [mlp.nodes[box.members[0]].operation for box in shown.boxes if box.stub] == ["tanh", "subtract"]


def test_an_opened_module_shows_its_own_modules_as_frames(mlp):
    assert [frame.path for frame in view(mlp, focus="model").frames] == ["layers.0", "layers.1"]


def test_many_neighbours_are_one_stub():
    xs = [cr.Value(float(i)) for i in range(60)]
    model = cr.nn.Sequential(lambda x: x)
    model.layers = [lambda values: sum(values[1:], values[0])]
    shown = view(cr.trace(model(xs) * 2.0, {"model": model}), focus="model")
    assert [box.title for box in shown.boxes if box.stub][:1] == ["60 operands from outside"]


def test_a_source_line_can_be_opened(loop):
    box = next(box for box in view(loop).boxes if box.is_group)
    inside = view(loop, focus=box.focus)
    assert {loop.nodes[i].line for i in drawn(inside) if loop.nodes[i].line} == {box.focus}


def test_what_is_inside_a_group_fits_too(loop):
    assert all(len(view(loop, focus=box.focus).boxes) <= LIMIT for box in view(loop).boxes if box.focus)


@pytest.mark.parametrize("name", ["mlp", "recurrent", "deep", "loop"])
def test_every_group_with_a_focus_can_be_opened(name, request):
    graph = request.getfixturevalue(name)
    for box in view(graph, depth=0).boxes:
        if box.focus:
            assert drawn(view(graph, focus=box.focus))


def test_an_unknown_focus_is_refused_naming_the_modules(mlp):
    with pytest.raises(cr.ArgumentError, match=r"belongs to 'layers\.7'.*model, .*layers\.0"):
        view(mlp, focus="layers.7")


def test_shapes_of_a_group_are_those_that_cross_its_border():
    x = cr.tensor(np.ones((5, 2)), requires_grad=True)
    box = next(box for box in view(cr.trace(cr.nn.Linear(2, 3)(x)), depth=0).boxes if box.is_group)
    assert box.facts[-1] == "(5, 2) → (5, 3)"
