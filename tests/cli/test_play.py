"""The playground: what its server answers and refuses, the programs it writes, and the page in a browser."""

import json
import threading
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from browser import violations

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.explain import graph_of
from chainrule.cli.expression import parse
from chainrule.cli.play import page
from chainrule.cli.play.examples import EXAMPLES
from chainrule.cli.play.source import source
from chainrule.graph.roles import parameters

EXAMPLE = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)


# ---- the server


@pytest.fixture
def get(server):
    """A function that asks the server, or posts what is `given`, and returns (status, kind, body)."""

    def get(path, token=server.token, host=None, **given):
        connection = HTTPConnection(*server.server_address)
        method, body = ("POST", json.dumps(given)) if given else ("GET", None)
        headers = {"Host": host} if host else {}
        connection.request(method, f"{path}?{urlencode({'token': token})}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read().decode()

    return get


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert urlsplit(server.address).query == f"token={server.token}"


def test_the_address_shows_the_playground(get):
    status, kind, body = get("/")
    assert (status, kind) == (200, "text/html")
    assert "Playground" in body


def test_a_formula_gets_its_page_values_and_program(get):
    status, kind, body = get("/graph", formula="a*b", values={"a": "2", "b": "-3"})
    made = json.loads(body)
    assert (status, kind) == (200, "application/json")
    assert made["values"] == {"a": 2.0, "b": -3.0}
    assert made["page"].startswith("<!doctype html>")
    assert "a.grad" in made["source"]


def test_a_name_without_a_value_gets_one_and_a_value_without_a_name_is_left_out(get):
    made = json.loads(get("/graph", formula="a*b + c", values={"a": "5", "gone": "1"})[2])
    assert made["values"]["a"] == 5.0
    assert sorted(made["values"]) == ["a", "b", "c"]


@pytest.mark.parametrize(("formula", "values"), [("a ^ 2", {}), ("", {}), ("a*b", {"a": "x"}), ("2*3", {})])
def test_what_cannot_be_read_is_said_with_the_place(formula, values, get):
    status, _, body = get("/graph", formula=formula, values=values)
    assert status == 200
    assert "\n    " in json.loads(body)["error"]


def test_too_many_names_are_refused(get):
    formula = " + ".join(f"a{i}" for i in range(41))
    assert "at most 40" in json.loads(get("/graph", formula=formula, values={})[2])["error"]


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_without_the_token_nothing_is_served(token, get):
    assert get("/", token=token)[0] == 403
    assert get("/graph", token=token, formula="a*b", values={})[0] == 403


def test_another_name_of_the_machine_is_refused(get):
    """Or a page of another origin could read what is served, through a name that it lets point here."""
    assert get("/", host="evil.example")[0] == 403


def test_other_paths_are_not_there(get):
    assert get("/etc/passwd")[0] == 404


@pytest.mark.parametrize(
    "formula", ["x", "((x))", "y = x", "变" * 2500 + "*2"], ids=["x", "((x))", "y = x", "a long name"]
)
def test_the_shortest_formulas_and_long_ones_have_a_page(formula, get):
    assert "page" in json.loads(get("/graph", formula=formula, values={})[2])


def test_names_of_the_requests_own_fields_have_values_too(get):
    values = {"formula": 2.0, "values": 3.0, "token": 4.0, "__proto__": 5.0}
    assert json.loads(get("/graph", formula="*".join(values), values=values)[2])["values"] == values


@pytest.mark.parametrize(
    ("length", "status"), [("-1", 413), ("abc", 413), ("9" * 5000, 413), (None, 413), ("100000", 400)]
)
def test_what_is_posted_needs_a_length_and_what_is_nested_too_deep_is_refused(length, status, server):
    connection = HTTPConnection(*server.server_address)
    connection.putrequest("POST", f"/graph?token={server.token}")
    if length:
        connection.putheader("Content-Length", length)
    connection.endheaders(b"[" * 100_000)
    assert connection.getresponse().status == status


def test_an_error_of_the_program_is_said_and_shown_in_its_window(get, server, monkeypatch):
    shown = threading.Event()
    monkeypatch.setattr(server, "handle_error", lambda *_: shown.set())
    monkeypatch.setattr(page, "made", lambda **_: 1 / 0)
    status, _, body = get("/graph", formula="x", values={})
    assert (status, "An error of the program" in body, shown.wait(10)) == (500, True, True)


def test_who_goes_away_without_the_answer_leaves_no_trace(server, capsys):
    for error in (BrokenPipeError(), ConnectionResetError()):
        try:
            raise error
        except ConnectionError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert capsys.readouterr() == ("", "")


def test_a_taken_port_is_said(server, capsys):
    assert main(["play", "--no-browser", "--port", str(server.server_port)]) == 2
    assert "cannot use port" in capsys.readouterr().err


# ---- "show me the Python"


@EXAMPLE
def test_the_program_does_what_the_page_shows(example, monkeypatch, capsys):
    """It is run; its result, gradients and updates are those of the graph."""
    monkeypatch.setattr(cr.Graph, "show", lambda graph: None)
    names = {}
    exec(page.made(example.formula, example.values)["source"], names)
    graph = graph_of(example.formula, [f"{name}={number}" for name, number in example.values.items()])
    printed = [float(word) for word in capsys.readouterr().out.split()]
    used = parse(example.formula).inputs
    assert printed == [graph.root.value.items, *(graph.node(name).total.items for name in used)]
    for name, number in example.values.items():
        moved = number - 0.1 * graph.node(name).total.items if graph.node(name).id in parameters(graph) else number
        assert names[name].data == moved


@pytest.mark.parametrize("name", ["cr", "chainrule", "print", "float", "parameter", "result", "__debug__", "größe"])
def test_no_name_hides_what_the_program_needs(name, monkeypatch, capsys):
    monkeypatch.setattr(cr.Graph, "show", lambda graph: None)
    program = source(f"{name}*{name} + {name}_", {name: 3.0, f"{name}_": float("inf")})
    exec(program, {})
    assert capsys.readouterr().out == "inf 6.0 1.0\n"
    assert f'cr.Value(3.0, "{name}")' in program


# ---- the page


@EXAMPLE
def test_each_example_can_be_drawn(example):
    assert page.made(example.formula, example.values)["values"] == example.values
    assert example.hint.endswith((".", "?"))


@pytest.fixture
def playground(browse):
    """The playground as one file, in a tab."""
    return browse(page.shell(static=True))


def test_the_file_shows_the_first_example(playground):
    assert playground.input_value("#formula") == EXAMPLES[0].formula
    assert playground.frame_locator("#graph").locator("#stage svg").first.is_visible()


def test_another_example_is_a_click_away_and_stands_in_the_address(playground):
    playground.click(f"text={EXAMPLES[1].title}")
    playground.frame_locator("#graph").locator("text=w1 >> visible=true").first.wait_for()
    assert playground.inner_text("#hint") == EXAMPLES[1].hint
    assert "w2=1" in playground.url


def test_the_python_has_the_values_of_the_sliders(playground):
    playground.locator("#sliders input").first.fill("1.5")
    playground.click("#python")
    assert 'a = cr.Value(1.5, "a")' in playground.inner_text("#program")


def test_a_slider_moves_the_graph_and_the_address(playground):
    graph = playground.frame_locator("#graph")
    graph.locator("#stage svg").first.wait_for()
    playground.locator("#sliders input").first.fill("4")
    graph.locator("#n0 .value >> text=4").first.wait_for()
    assert "a=4" in playground.url


def test_back_leads_to_the_formula_before(playground):
    playground.locator("#sliders input").first.fill("1.5")
    playground.click(f"text={EXAMPLES[1].title}")
    playground.locator("#hint", has_text=EXAMPLES[1].hint).wait_for()
    playground.go_back()
    playground.locator("#hint", has_text=EXAMPLES[0].hint).wait_for()
    assert playground.evaluate("state.values.a") == 1.5


@pytest.mark.parametrize("values", [("inf", "nan"), ("-inf", "1e+308"), ("5e-324", "-1e-05")])
def test_the_python_can_say_any_number(values, playground):
    numbers = ", ".join(f"Number('{text.replace('inf', 'Infinity')}')" for text in values)
    program = playground.evaluate(f"([state.values.a, state.values.b] = [{numbers}], program())")
    names = {}
    exec(program.partition("\nd =")[0], names)
    assert (str(names["a"].data), str(names["b"].data)) == values


def test_the_second_tab_has_a_network(playground):
    playground.click("#networks")
    playground.frame_locator("#network").locator("#train-loss", has_text="0.").wait_for()
    assert not playground.is_visible("#formula")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_no_findings_of_axe(theme, browse):
    assert violations(browse(page.shell(static=True), color_scheme=theme)) == []


def test_nothing_is_wider_than_a_phone(browse):
    tab = browse(page.shell(static=True), viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
