"""The picture of an opened operation: arrays as frames, and products as one multiplies by hand."""

import re
from itertools import combinations

import numpy as np
import pytest
from graphs import matmul

import chainrule as cr
from chainrule.graph.picture.blocks import flow, frames
from chainrule.graph.picture.crossing import cross, pictures_of


def leaf(*shape):
    return cr.tensor(np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape), requires_grad=True)


def laid(loss, **names):
    """(the opened graph of a product z, its View, its Layout, the sizes of its boxes)."""
    opened = cr.trace(loss, names).open("z")
    [block] = flow(opened).blocks
    view = block.states[()]
    sizes = [(picture.width, picture.height) for picture in pictures_of(view, opened)]
    return opened, view, cross(view, sizes, frames(view)), sizes


def product(x, y):
    z = x @ y
    return laid((z * z).sum(), x=x, y=y, z=z)


def affine():
    x, y, b = leaf(2, 3), leaf(3, 2), leaf(2)
    z = cr.nn.linear.affine(x, y, b)
    return laid((z * z).sum(), x=x, y=y, b=b, z=z)


def itself():
    x = leaf(2, 2)
    z = x @ x
    return laid(z.sum(), x=x, z=z)


def used_elsewhere():
    x, y = leaf(2, 2), leaf(2, 2)
    z = x @ y
    return laid((z * x * y).sum(), x=x, y=y, z=z)


def long_names():
    x, y = leaf(2, 1), leaf(1, 2)
    z = x @ y
    names = {"a rather long name of a small matrix": x, "another one, hardly shorter": y, "z": z}
    return laid(z.sum(), **names)


PRODUCTS = {
    "matrices": lambda: product(leaf(2, 3), leaf(3, 2)),
    "matrix and vector": lambda: product(leaf(3, 2), leaf(2)),
    "vector and matrix": lambda: product(leaf(2), leaf(2, 3)),
    "vectors": lambda: product(leaf(3), leaf(3)),
    "affine": affine,
    "itself": itself,
    "used elsewhere": used_elsewhere,
    "long names": long_names,
}


def corners(layout, sizes):
    return [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)]


@pytest.mark.parametrize("name", PRODUCTS)
def test_no_edge_runs_through_a_box(name):
    _, view, layout, sizes = PRODUCTS[name]()
    boxes = corners(layout, sizes)
    for arrow, curve in zip(view.arrows, layout.curves, strict=True):
        for (x, y), (to_x, to_y) in zip(curve, curve[1:], strict=False):
            for t in np.linspace(0, 1, 30):
                a, b = x + (to_x - x) * t, y + (to_y - y) * t
                inside = [i for i, box in enumerate(boxes) if box[0] < a < box[2] and box[1] < b < box[3]]
                assert set(inside) <= {arrow.source, arrow.target}


@pytest.mark.parametrize("name", PRODUCTS)
def test_nothing_overlaps_and_all_is_in_the_picture(name):
    _, _, layout, sizes = PRODUCTS[name]()
    boxes = corners(layout, sizes)
    frames = [(x, y, x + w, y + h) for x, y, w, h in layout.frames]
    for left, top, right, bottom in (*boxes, *frames):
        assert 0 <= left < right <= layout.width
        assert 0 <= top < bottom <= layout.height
    for group in (boxes, frames):
        assert not any(overlap(one, other) for one, other in combinations(group, 2))


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_rows_of_the_left_and_columns_of_the_upper_matrix_meet_at_the_element():
    opened, _, layout, _ = PRODUCTS["matrices"]()
    at = {node.label: layout.centres[node.id] for node in opened.nodes}
    for i in range(2):
        for j in range(2):
            assert {at[f"x[{i}, {k}]"][1] for k in range(3)} == {at[f"z[{i}, {j}]"][1]}
            assert {at[f"y[{k}, {j}]"][0] for k in range(3)} == {at[f"z[{i}, {j}]"][0]}
    assert at["x[0, 2]"][0] < at["z[0, 0]"][0]
    assert at["y[2, 0]"][1] < at["z[0, 0]"][1]


def test_the_arrays_are_frames_with_their_names():
    _, view, *_ = affine()
    assert [frame.title for frame in view.frames] == ["x (2, 3)", "y (3, 2)", "b (2,)", "z = x @ y + b (2, 2)"]


def test_an_elementwise_operation_has_a_frame_for_each_array_in_columns():
    x = leaf(4)
    z = cr.tanh(x)
    svg = cr.trace(z.sum(), {"x": x, "z": z}).open("z").to_svg()
    assert re.findall(r'class="cluster".*?<text[^>]*>([^<]*)', svg) == ["x (4,)", "z = tanh(x) (4,)"]


def test_elements_stand_below_one_another_in_their_order():
    x, b = leaf(3, 2), leaf(2)
    z = x + b
    svg = cr.trace((z * z * x).sum(), {"x": x, "b": b, "z": z}).open("z").to_svg()
    found = re.findall(r'id="n(\d+)".*?translate\(([\d.]+),([\d.]+)\)', svg)
    places = {int(i): (float(left), float(top)) for i, left, top in found}
    columns = [[places[i] for i in ids] for ids in (range(8), range(8, 14))]
    for column in columns:
        assert len({left for left, _ in column}) == 1
        assert [top for _, top in column] == sorted(top for _, top in column)
    assert columns[0][0][0] < columns[1][0][0] < places[14][0]


def test_a_long_name_is_shortened_in_the_boxes_and_whole_on_the_frame():
    x = leaf(2, 2)
    w = leaf(2, 2)
    z = x @ w
    svg = cr.trace(z.sum(), {"x": x, "block.layers.0.weight": w, "z": z}).open("z").to_svg()
    assert ">weight[1, 0]<" in svg
    assert ">block.layers.0.weight (2, 2)<" in svg


def test_a_batch_of_products_and_large_arrays_are_drawn_as_other_graphs():
    x = leaf(2, 2, 2)
    z = x @ leaf(2, 2)
    [block] = flow(cr.trace(z.sum(), {"z": z}).open("z")).blocks
    assert block.states[()].crossing is None
    y = leaf(40)
    z = cr.tanh(y)
    assert len(flow(cr.trace(z.sum(), {"z": z}).open("z")).blocks) > 1


def test_a_graph_that_is_not_opened_has_no_such_picture():
    [block] = flow(cr.trace(matmul())).blocks
    assert not block.states[()].opened
