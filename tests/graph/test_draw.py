"""What `draw` returns: the graph as a list and as DOT source, that any name is safe in it, and its files."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest
from graphs import NASTY

import chainrule as cr
from chainrule.pages.palette import COLOURS

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the dot program of Graphviz is not installed")


def edges(drawing):
    return re.findall(r"^\t(\w+) -> (\w+)", drawing.to_dot(), re.MULTILINE)


def row(drawing, name):
    """The line of the text view that describes the value called `name`."""
    return next(line for line in str(drawing).splitlines() if line.split()[0] == name)


@pytest.fixture
def square():
    x = cr.Value(3.0)
    y = x * x
    return x, y


@pytest.fixture
def without_dot(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


# ---- the graph


def test_a_value_used_twice_by_one_call_has_two_edges(square):
    _, y = square
    assert edges(cr.draw(y)) == [("n0", "n1"), ("n0", "n1")]


def test_each_constant_operand_has_an_edge():
    x = cr.Value(3.0)
    assert len(edges(cr.draw(2 * x + 2))) == 4


def test_a_shared_value_is_one_box():
    x = cr.Value(3.0)
    h = x.exp()
    assert len(cr.draw(h * h + h).nodes) == 4


def test_a_constant_array_used_twice_is_one_box():
    x, c = cr.ones(2, requires_grad=True), cr.ones(2)
    assert sum(node.kind == "constant" for node in cr.draw((x + c) * c).nodes) == 1


def test_edges_without_gradient_are_dashed():
    x = cr.Value(3.0)
    assert cr.draw(x * 2).to_dot().count("style=dashed") == 1


def test_operands_are_named_as_in_the_declaration():
    condition, x = cr.tensor([True, False]), cr.ones(2, requires_grad=True)
    assert [edge.input for edge in cr.draw(cr.where(condition, x, 0.0)).operands()[-1]] == ["condition", "x", "y"]


def test_operands_of_a_variadic_call_are_numbered():
    x = cr.ones(2, requires_grad=True)
    assert [edge.input for edge in cr.draw(cr.concatenate([x, x])).operands()[-1]] == ["0", "1"]


def test_a_leaf_is_a_single_box():
    assert str(cr.draw(cr.Value(2.0))) == "v1  leaf  2  grad —"


def test_a_tensor_without_graph_is_refused_with_advice():
    with pytest.raises(cr.GraphError, match="no graph.*requires_grad=True"):
        cr.draw(cr.ones(2))


def test_something_else_than_a_tensor_is_refused():
    with pytest.raises(cr.ArgumentError, match="needs a Tensor.*ndarray"):
        cr.draw(np.ones(2))


def test_a_long_chain_needs_no_recursion():
    y = cr.Value(1.0)
    for _ in range(5_000):
        y = -y
    assert len(cr.draw(y).edges) == 5_000


def test_a_long_chain_is_collapsed_in_the_picture():
    y = cr.Value(1.0)
    for _ in range(1_000):
        y = -y
    assert len(edges(cr.draw(y))) == 249  # four calls in a box


# ---- what a box shows


def test_gradients_are_a_dash_before_backward(square):
    x, y = square
    assert row(cr.draw(y, {"x": x}), "x").endswith("grad —")


def test_gradients_are_numbers_after_backward(square):
    x, y = square
    y.backward()
    assert row(cr.draw(y, {"x": x}), "x").endswith("grad 6")


def test_a_zero_gradient_is_shown_as_zero():
    x = cr.Value(-1.0)
    (x * 0).backward()
    assert str(cr.draw(x)).endswith("grad 0")


def test_a_drawing_shows_the_graph_as_it_was(square):
    _, y = square
    before = cr.draw(y)
    y.backward()
    assert "grad 6" not in str(before)


def test_drawing_leaves_the_graph_usable(square):
    x, y = square
    cr.draw(y, {"x": x, "y": y})
    y.backward()
    assert x.grad == 6.0


def test_drawing_does_not_count_as_a_change_of_the_data():
    x = cr.ones(3, requires_grad=True)
    loss = (x * x).sum()
    str(cr.draw(loss, {"x": x}))
    x.assign([2.0, 2.0, 2.0])
    with pytest.raises(cr.GraphError, match="was changed"):
        loss.backward()


def test_arrays_show_shape_and_dtype():
    x = cr.ones((2, 3), dtype="float64", requires_grad=True)
    assert "(2, 3) float64" in row(cr.draw(x, {"x": x}), "x")


def test_small_matrices_are_shown_element_by_element():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.5]], requires_grad=True)
    assert "[[1, 2], [3, 4.5]]" in str(cr.draw(x))


def test_larger_arrays_are_summed_up():
    x = cr.arange(60, dtype="float32").reshape(60)
    x.requires_grad = True
    assert "0 … 59, mean 29.5" in str(cr.draw(x))


def test_an_array_that_nobody_holds_shows_its_shape_only():
    x = cr.ones((10, 10), requires_grad=True)
    assert cr.draw((x + np.ones((10, 10), "float32")).sum()).nodes[2].value is None


def test_a_large_array_that_is_named_shows_its_values():
    x = cr.ones((10, 10), requires_grad=True)
    h = x * 2
    assert "all 2" in row(cr.draw(h.sum(), {"h": h}), "h")


def test_a_large_constant_shows_its_shape():
    x = cr.ones((10, 10), requires_grad=True)
    constant = cr.draw(x + cr.ones((10, 10))).nodes[1]
    assert (constant.shape, constant.dtype) == ((10, 10), "float32")


def test_options_that_are_not_the_default_are_shown():
    x = cr.ones((2, 3), requires_grad=True)
    assert cr.draw(x.sum(axis=0)).nodes[-1].options == ["axis=0"]


def test_an_index_is_shown_as_it_is_written():
    x = cr.ones((4, 4), requires_grad=True)
    assert cr.draw(x[1:, ::2]).nodes[-1].options == ["index=(1:, ::2)"]


def test_nan_and_infinity_mark_the_box():
    x = cr.tensor([1.0, float("nan")], requires_grad=True)
    frames = re.findall(r'^\tn\d+ \[label=<<TABLE BORDER="(\d)"', cr.draw((x * 2)[:1]).to_dot(), re.MULTILINE)
    assert frames == ["3", "1", "3", "1"]


def test_the_line_of_the_call_is_in_the_tooltip(square):
    _, y = square
    assert re.search(r"multiply at test_draw\.py:\d+, in square", cr.draw(y).to_dot())


# ---- names


def test_names_label_tensors(square):
    x, y = square
    assert "y  x * x" in str(cr.draw(y, {"x": x, "y": y}))


def test_the_tensors_own_name_is_used(square):
    x, y = square
    x.name = "layers.0.weight"
    assert "layers.0.weight * layers.0.weight" in str(cr.draw(y))


def test_names_win_over_the_tensors_own_name(square):
    x, y = square
    x.name = "long.path.weight"
    assert "w * w" in str(cr.draw(y, {"w": x}))


def test_a_constant_tensor_can_be_named():
    x, c = cr.ones(2, requires_grad=True), cr.ones(2)
    assert "x + c" in str(cr.draw(x + c, {"x": x, "c": c}))


def test_private_names_give_way(square):
    x, y = square
    assert "x * x" in str(cr.draw(y, {"_1": x, "x": x}))


def test_two_names_of_one_tensor_are_both_shown(square):
    x, y = square
    assert cr.draw(y, {"a": x, "b": x}).nodes[0].name == "a = b"


def test_names_that_are_no_tensors_are_ignored(square):
    _, y = square
    assert cr.draw(y, {"np": np, "n": 3}).to_dot() == cr.draw(y, {}).to_dot()


def test_names_must_be_a_dict(square):
    x, y = square
    with pytest.raises(cr.ArgumentError, match="names must be a dict"):
        cr.draw(y, [x])


def laid_out(drawing):
    """The DOT source as SVG by the dot program: what the labels say when dot has read them."""
    done = subprocess.run(["dot", "-Tsvg"], input=drawing.to_dot().encode(), capture_output=True, check=True)
    return ET.fromstring(done.stdout)


@needs_dot
@pytest.mark.parametrize("name", NASTY)
def test_any_name_arrives_as_it_is(name, square):
    x, y = square
    x.name = name
    found = laid_out(cr.draw(y)).iter("{http://www.w3.org/2000/svg}text")
    assert name in [(e.text or "").lstrip(" \xa0") for e in found]


@needs_dot
@pytest.mark.parametrize("name", ["\x00\x1b[31m", "\ud800", "two\nlines", "\u202eevil", "\uffff"])
def test_characters_that_cannot_be_shown_do_no_harm(name, square):
    x, y = square
    x.name = name
    laid_out(cr.draw(y))


@needs_dot
@pytest.mark.parametrize("name", NASTY)
def test_any_module_and_badge_does_no_harm(name, square):
    drawing = cr.draw(square[1])
    for node in drawing.nodes:
        node.module, node.badges, node.line = [name], [name], name
    drawing.modules[name] = name
    for depth in 0, 1:
        assert drawing.to_dot(depth)
        laid_out(drawing)


def test_a_very_long_name_is_shortened(square):
    x, y = square
    x.name = "x" * 100_000
    assert len(cr.draw(y).to_dot()) < 10_000


# ---- modules


@pytest.fixture
def mlp():
    return cr.draw(cr.nn.MLP([2, 3, 1])(cr.ones((4, 2))).sum())


def test_modules_are_clusters_within_clusters(mlp):
    depth, deepest = 0, 0
    for line in mlp.to_dot().splitlines():
        depth += ("subgraph cluster" in line) - (line.strip() == "}")
        deepest = max(deepest, depth)
    assert deepest == 2


def test_modules_below_the_depth_are_one_box_each(mlp):
    source = mlp.to_dot(depth=1)
    assert [source.count(title) for title in ("layers.0 Linear</FONT>", "layers.1 Linear</FONT>")] == [1, 1]


def test_a_collapsed_picture_says_so(mlp):
    assert "of 9 nodes, depth 1" in mlp.to_dot(depth=1)


def test_scalar_edges_show_their_local_derivative(square):
    assert cr.draw(square[1]).to_dot().count('label="×\u202f3"') == 2


def test_badges_are_shown():
    drawing = cr.draw(cr.Value(2.0) * 3)
    drawing.root.badges.append("no path")
    assert ">no path<" in drawing.to_dot()


# ---- files and notebooks


@pytest.mark.parametrize("name", ["graph.txt", "graph", "graph.jpeg"])
def test_an_unknown_suffix_is_refused_naming_those_that_exist(name, square, tmp_path):
    _, y = square
    with pytest.raises(cr.ArgumentError, match=r"\.svg, \.png, \.pdf, \.gif, \.html, \.json, \.dot"):
        cr.draw(y).save(tmp_path / name)


def pixels(graph, path, **options):
    """A saved PNG as an array (height, width, 3)."""
    return (plt.imread(graph.save(path, **options))[..., :3] * 255).round().astype(int)


def test_a_png_shows_the_svg_at_twice_its_size(square, tmp_path):
    graph = cr.draw(square[1])
    width, height = (float(n) for n in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', graph.to_svg()).groups())
    picture = pixels(graph, tmp_path / "graph.PNG")
    assert picture.shape[:2] == pytest.approx((2 * height, 2 * width), abs=3)
    shown = {tuple(colour) for colour in picture.reshape(-1, 3)}
    leaf = tuple(int(COLOURS["leaf"][0][i : i + 2], 16) for i in (1, 3, 5))
    assert leaf in shown
    assert picture[0, 0].tolist() == [255, 255, 255]


def test_a_png_has_the_numbers_in_it(tmp_path):
    """The same graph with another number is another picture."""
    pictures = [pixels(cr.draw(cr.Value(n, "a") * 2.0), tmp_path / "graph.png") for n in (3.0, 4.0)]
    assert (pictures[0] != pictures[1]).any()


def test_a_large_graph_is_drawn_too(tmp_path):
    x = cr.Value(1.0)
    for _ in range(150):
        x = x * 1.01
    assert cr.draw(x).save(tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_a_pdf_is_written_by_cairo(square, tmp_path):
    try:
        import cairosvg  # noqa: F401
    except OSError as error:
        pytest.skip(f"CairoSVG finds no cairo here: {error}")
    assert cr.draw(square[1]).save(tmp_path / "graph.pdf").read_bytes().startswith(b"%PDF")


def test_the_depth_of_a_file_can_be_chosen(mlp, tmp_path):
    sizes = [pixels(mlp, tmp_path / "graph.png", depth=depth).size for depth in (0, 2)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<svg"), (".dot", b"digraph"), (".json", b"{"), (".html", b"<!")]
)
def test_the_others_need_no_program(suffix, start, square, tmp_path, without_dot):
    _, y = square
    assert cr.draw(y).save(tmp_path / f"graph{suffix}").read_bytes().startswith(start)


def test_dot_source_is_saved_as_it_is(square, tmp_path):
    _, y = square
    assert cr.draw(y).save(tmp_path / "graph.dot").read_text(encoding="utf-8") == cr.draw(y).to_dot()


@pytest.mark.parametrize(("suffix", "package"), [(".png", "resvg_py"), (".pdf", "cairosvg")])
def test_where_what_draws_it_is_missing_the_error_says_what_to_install_and_no_file_is_left(
    suffix, package, square, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(cr.GraphError, match=r"pip install resvg-py cairosvg pillow matplotlib.*\.svg"):
        cr.draw(square[1]).save(tmp_path / f"graph{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_drawn_leaves_no_file(square, tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.graph.views.Graph.to_svg", lambda graph, depth: "<svg")
    with pytest.raises(cr.GraphError, match=r"could not be drawn as \.png"):
        cr.draw(square[1]).save(tmp_path / "graph.png")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_svg_that_fits(square, without_dot):
    bundle = cr.draw(square[1])._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "max-width:100%" in bundle["image/svg+xml"]


def test_a_notebook_shows_text_too(square):
    assert "v1 * v1" in cr.draw(square[1])._repr_mimebundle_()["text/plain"]


def test_a_notebook_shows_text_where_the_picture_fails(square, monkeypatch):
    def broken(graph, *options):
        raise RuntimeError

    monkeypatch.setattr("chainrule.graph.picture.svg.to_svg", broken)
    assert list(cr.draw(square[1])._repr_mimebundle_()) == ["text/plain"]


def test_a_notebook_shows_the_ends_of_a_large_graph_as_text():
    y = cr.Value(1.0)
    for _ in range(1000):
        y = -y
    assert "941 more values" in cr.draw(y)._repr_mimebundle_()["text/plain"]
