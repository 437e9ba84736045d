"""The interactive page as a file: what is in it, that it is safe, and that its numbers are the engine's."""

import base64
import hashlib
import html
import json
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from graphs import GRAPHS, matmul, mlp, network_of_values, scalars

import chainrule as cr
from chainrule.graph import page as pages
from chainrule.graph.page import numbers, page
from chainrule.pages.html import asset, embedded


def story(text):
    """What the page's script reads: the graph, its steps, the learning rate."""
    return json.loads(re.search(r'<script type="application/json" id="story">(.*?)</script>', text, re.DOTALL)[1])


def array(name, data, dtype="float32"):
    x = cr.tensor(np.asarray(data), dtype=dtype, requires_grad=True)
    x.name = name
    return x


def polynomial():
    x = array("x", [0.1, 0.2, 0.3])
    return (x * x + x / 3 + cr.sin(x)).sum()


def broadcast_number():
    k, x = array("k", 1.7, "float64"), array("x", [[0.1, -0.2], [0.7, 0.4]], "float64")
    return cr.exp(k * x).sum()


def used_three_times():
    x = array("x", np.arange(12).reshape(4, 3) / 7)
    return ((x @ x.T).mean(axis=0) * x.max(axis=1)).sum()


def mixed_dtypes():
    x, y = array("x", [0.1, 0.7]), array("y", [1 / 3, 2 / 3], "float64")
    return (x * y + x).sum()


def infinite():
    x = array("x", [0.0, 1.0])
    return (cr.log(x) * x).sum()


def batch():
    model = cr.nn.MLP([3, 4, 2], activation="tanh")
    return (model(array("x", np.linspace(-1, 1, 12).reshape(4, 3))) ** 2).mean()


MORE = [polynomial, broadcast_number, used_three_times, mixed_dtypes, infinite, batch]
EVERY = GRAPHS | {build.__name__: build for build in MORE}


# ---- truth


def read(values):
    """The elements of Values in JSON, as the numbers that the engine adds."""
    words = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}

    def number(x):
        return [number(y) for y in x] if isinstance(x, list) else words.get(x, x)

    items = number(values["items"])
    return np.asarray(items, values["dtype"]).reshape(values["shape"]) if values["dtype"] else items


def replayed(told):
    """{node id: the sum of the contributions, in the order of the steps}"""
    edges, sums = told["graph"]["edges"], {}
    for step in told["steps"]:
        if step["phase"] == "backward":
            edge = edges[step["edge"]]
            share = read(edge["contribution"])
            sums[edge["source"]] = sums[edge["source"]] + share if edge["source"] in sums else share
    return sums


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_adding_the_contributions_in_the_order_of_the_steps_gives_the_engines_grad_to_the_bit(name):
    loss = EVERY[name]()
    sums = replayed(story(page(cr.trace(loss))))
    loss.backward()
    held = {node.id: node.grad for node in cr.trace(loss).nodes if node.kind == "leaf"}
    assert {i: bits(sums[i]) for i in held} == {i: bits(grad.array()) for i, grad in held.items()}


def test_so_does_adding_them_for_a_leaf_at_hand():
    x = array("x", [0.1, 0.2, 0.3])
    loss = (x * x + x / 3 + cr.sin(x)).sum()
    sums = replayed(story(page(cr.trace(loss))))
    loss.backward()
    assert bits(sums[0]) == bits(x.grad.numpy())


def bits(gradient):
    """dtype, shape and bytes; a nan is a nan, whatever its sign."""
    gradient = np.array(gradient)
    gradient[np.isnan(gradient)] = np.nan
    return str(gradient.dtype), gradient.shape, gradient.tobytes()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_step_has_its_place_in_the_picture(name):
    text = page(cr.trace(EVERY[name]()))
    ids = Ids(text).ids
    for step in story(text)["steps"]:
        assert f"n{step['node']}" in ids
        assert step["edge"] is None or f"e{step['edge']}" in ids


# ---- one file, small, safe


class Ids(HTMLParser):
    """The ids of a page, in order; fails on tags that are not closed."""

    VOID = {"meta", "input", "link"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("network", [network_of_values, mlp])
def test_a_2_2_1_network_takes_at_most_350_kB(network):
    assert len(page(cr.trace(network())).encode()) <= 350_000


def test_the_page_names_no_address_but_that_of_svg():
    text = page(cr.trace(scalars()))
    assert set(re.findall(r"\w+://[^\"'\s<)]*", text)) <= {"http://www.w3.org/2000/svg"}


def test_the_policy_allows_its_own_script_and_no_other():
    text = page(cr.trace(scalars()))
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', text)[1]
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy


def test_two_pages_of_one_graph_are_the_same():
    graph = cr.trace(mlp())
    assert page(graph) == page(graph)


def test_all_ids_are_different():
    ids = Ids(page(cr.trace(batch()))).ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "name",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        '"];alert(1)//',
        "&amp;&lt;",
        "🦆 \u2028\u2029 \udc80",
        "@data@",
        "x" * 10_000,
    ],
    ids=["script", "comment", "bracket", "entities", "unicode", "slot", "long"],
)
def test_names_are_only_text(name):
    x = cr.Value(3.0, name)
    y = x * x
    y.name = name
    graph = cr.trace(y, names={name: x})
    text = page(graph)
    Ids(text.encode("utf-8", "replace").decode())
    assert len(re.findall(r"<script\b", text)) == 2
    assert story(text)["graph"]["nodes"][0]["name"] == graph.nodes[0].name


def test_the_page_can_be_written_in_utf_8_whatever_the_names():
    x = cr.Value(3.0, "half a pair \ud83e")
    y = x * x
    y.name = "\ud83e"
    assert page(cr.trace(y)).encode()


def test_the_embedded_graph_can_be_read_again():
    graph = cr.trace(mlp())
    text = json.dumps(story(page(graph))["graph"])
    assert cr.Graph.from_json(text).to_dict() == graph.to_dict()


def test_a_group_of_a_large_graph_unfolds_or_has_a_picture_of_its_inside():
    model = cr.nn.MLP([2, *[3] * 250, 1])
    graph = cr.trace(model(cr.ones((1, 2))).sum())
    text = page(graph)
    groups = set(re.findall(r'class="group[^"]*"[^>]*data-focus="([^"]*)"', text))
    opened = set(re.findall(r'<figure class="view" data-path="module ([^"]*)"', text))
    folds = {name for names in re.findall(r'data-folded="([^"]*)"', text) for name in json.loads(html.unescape(names))}
    assert opened
    assert folds
    assert groups <= opened | folds


def test_a_small_array_has_a_picture_of_its_numbers():
    graph = cr.trace(matmul())
    product = next(node.id for node in graph.nodes if node.operation == "matmul")
    assert f'<figure class="view" data-path="node {product}"' in page(graph)


def test_the_pictures_of_numbers_stop_where_their_room_ends(monkeypatch):
    monkeypatch.setattr(numbers, "ROOM", 10)
    assert '<figure class="view" data-path="node' not in page(cr.trace(matmul()))


# ---- where it is shown


def test_a_notebook_shows_the_page_in_a_frame(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.setattr(pages.webbrowser, "open", lambda address: pytest.fail("opened a browser"))
    graph = cr.trace(scalars())
    shown = graph.show()
    frame = re.search(r'<iframe srcdoc="([^"]*)"', shown._repr_html_())[1]
    assert html.unescape(frame) == page(graph)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """No notebook, and a browser that only notes what it shall open: (the file, the addresses)."""
    opened = []
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(pages.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    monkeypatch.setattr(pages.webbrowser, "open", opened.append)
    return tmp_path / "graph.html", opened


def test_elsewhere_the_browser_opens_it_from_a_file(elsewhere):
    path, opened = elsewhere
    cr.trace(scalars()).show(lr=0.5)
    assert opened == [path.as_uri()]
    assert story(path.read_text(encoding="utf-8"))["lr"] == 0.5


def test_a_script_is_told_where_the_page_is(elsewhere, capsys, monkeypatch):
    monkeypatch.delattr(sys, "ps1", raising=False)
    cr.step_through(scalars())
    assert capsys.readouterr().err == f"wrote {elsewhere[0]}; open it in a browser\n"


def test_at_the_prompt_what_is_returned_says_where_the_page_is(elsewhere, capsys, monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    shown = cr.step_through(scalars())
    assert capsys.readouterr().err == ""
    assert f"in {elsewhere[0]}: open it in a browser" in repr(shown)


@pytest.mark.parametrize("predict", [False, True])
def test_a_page_begins_in_predict_mode_where_that_is_wanted(elsewhere, predict):
    shown = cr.step_through(scalars(), predict=predict)
    assert story(shown.page)["predict"] is predict


# ---- its words


def test_rules_have_the_names_of_the_graph():
    told = story(page(cr.trace(matmul())))
    assert [edge["short"] for edge in told["edges"]] == ["g @ wᵀ", "xᵀ @ g", "g"]
    assert told["edges"][0]["rule"] == "x @ y: dx = g @ yᵀ"


def test_a_call_is_told_as_in_the_steps():
    x = cr.Value(3.0, "x")
    graph = cr.trace(-x)
    assert story(page(graph))["nodes"][1] == {
        "label": "v1",
        "call": "−x",
        "held": "",
        "note": "",
        "badges": [],
        "pattern": "−(−{0})",
        "trained": False,
    }
    assert "= −x" in graph.steps()[0].text


def test_an_update_has_what_the_page_computes_it_from():
    x = cr.Value(3.0, "x")
    (update,) = (s for s in story(page(cr.trace(x * x)))["steps"] if s["phase"] == "update")
    assert update["left"]["items"] == 6


def test_json_has_words_for_numbers_that_it_lacks():
    text = embedded({"a": [math.nan, (math.inf, -math.inf)], "b": 0.1})
    assert json.loads(text) == {"a": ["nan", ["inf", "-inf"]], "b": 0.1}


def test_the_graph_of_the_tour_is_the_one_that_trace_gives():
    w, x = cr.Value(2.0, "w"), cr.Value(3.0, "x")
    y = w * x
    graph = cr.trace(y, {"w": w, "x": x, "y": y})
    for node in graph.nodes:
        node.line, node.source = "", []
    assert json.loads(asset("chainrule.graph.page", "tour.json")) == graph.to_dict()
