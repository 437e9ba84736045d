"""The JSON form of a graph: valid by its schema, exact in both directions, the same on every run, and strict when read."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from counting import growth

import chainrule as cr
from chainrule.autograd.errors import DataError
from chainrule.graph.graph import Edge, Node
from chainrule.graph.json import from_dict, from_json, to_dict, to_json
from chainrule.graph.values import Values, values
from chainrule.graph.views import Graph

jsonschema = pytest.importorskip("jsonschema")
DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "graph.schema.json").read_text(encoding="utf-8"))


def scalars():
    a, b = cr.Value(2.0, "a"), cr.Value(-3.0, "b")
    return (a * b + a).tanh()


def shared_input():
    x = cr.Value(3.0, "x")
    loss = x * x
    loss.backward()
    return loss


def broadcasting():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    return ((x + cr.tensor([0.5, -0.5], requires_grad=True)) ** 2).mean()


def network():
    cr.random.seed(0)
    return (cr.nn.MLP([2, 2, 1])(cr.tensor([[0.5, -1.0]])) ** 2).sum()


def large():
    x = cr.tensor(np.linspace(-3, 3, 200), requires_grad=True)
    return cr.relu(x).sum()


def broken():
    x = cr.tensor([0.0, -1.0, 1.0], requires_grad=True)
    return cr.log(x).sum()


def options():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    return cr.concatenate([x[:, 0], x.max(axis=1)]).sum()


def narrow():
    x = cr.tensor([0.1, 1 / 3], dtype="float16", requires_grad=True)
    return (x * x).sum()


def flags():
    x = cr.tensor([1.0, -2.0], requires_grad=True)
    return cr.where(x > 0, x, 2 * x).sum()


PROGRAMS = [scalars, shared_input, broadcasting, network, large, broken, options, narrow, flags]


def by_hand(value):
    """A graph of one leaf with that value, and every field filled in that a trace could leave empty."""
    node = Node(0, "leaf", "leaf", "leaf", "x", "x", ["axis=0"], value.shape, value.dtype, "cpu", value, value, value,
                "a.py:1, in f", ["m"], [1], ["no path"])  # fmt: skip
    return Graph([node], [], [], Values((), "", 1.0), False, {"m": "Linear"})


def same(graph, other):
    """Whether two graphs are equal in every field; repr also tells -0.0 from 0.0, 1 from 1.0, and finds nan equal."""
    return all(repr(getattr(graph, f)) == repr(getattr(other, f)) for f in vars(graph))


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda p: p.__name__)
def graph(request):
    with np.errstate(all="ignore"):
        return cr.trace(request.param())


# ---- valid and exact


def test_it_is_valid_by_the_schema(graph):
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(to_json(graph)))


def test_an_opened_graph_is_valid_by_the_schema():
    graph = cr.trace(broadcasting())
    opened = graph.open(graph.root.id)
    jsonschema.Draft202012Validator(SCHEMA).validate(to_dict(opened))


def test_it_is_read_back_exactly(graph):
    assert same(from_json(to_json(graph)), graph)


def test_it_is_written_again_as_it_was_read(graph):
    assert to_json(from_json(to_json(graph))) == to_json(graph)


@pytest.mark.parametrize("view", ["explain", "__str__", "to_dot", "to_svg"])
def test_the_views_of_what_was_read_are_the_same(view):
    graph = cr.trace(network())
    assert getattr(Graph.from_json(to_json(graph)), view)() == getattr(graph, view)()


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_any_indent_is_read_back(indent):
    graph = cr.trace(network())
    assert same(from_json(to_json(graph, indent=indent)), graph)


def test_it_can_be_read_from_bytes():
    graph = cr.trace(scalars())
    assert same(from_json(to_json(graph).encode()), graph)


def test_it_is_what_python_says_in_dicts():
    graph = cr.trace(scalars())
    assert json.loads(to_json(graph)) == to_dict(graph)


def test_it_is_read_from_dicts():
    graph = cr.trace(scalars())
    assert same(from_dict(to_dict(graph)), graph)


@pytest.mark.parametrize("x", [0.1, -0.0, 5e-324, 1.7976931348623157e308, 2**-1074, 1 / 3, 123456789.123456789])
def test_a_float_is_read_back_to_the_last_bit(x):
    back = from_json(to_json(by_hand(Values((), "", x)))).root.value.items
    assert (back, math.copysign(1, back)) == (x, math.copysign(1, x))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_array_of_any_dtype_is_read_back_to_the_last_bit(dtype):
    array = np.random.default_rng(0).normal(size=(3, 5)).astype(dtype)
    back = from_json(to_json(by_hand(values(array)))).root.value.array()
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("x", [True, 7, 2**62, -1])
def test_truths_and_whole_numbers_keep_their_type(x):
    back = from_json(to_json(by_hand(Values((), "", x)))).root.value.items
    assert (type(back), back) == (type(x), x)


def test_what_is_not_finite_is_written_as_text():
    items = to_dict(by_hand(values(np.array([[np.nan, np.inf], [-np.inf, -0.0]]))))["nodes"][0]["value"]["items"]
    assert items == [["nan", "inf"], ["-inf", -0.0]]


def test_what_is_not_finite_is_read_back():
    array = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(from_json(to_json(by_hand(values(array)))).root.value.array(), array)


def test_a_summary_that_is_not_finite_is_read_back():
    facts = {"min": None, "max": None, "mean": -math.inf, "rms": math.inf, "nan": 3, "inf": 0, "zero": 97}
    graph = by_hand(Values((100,), "float64", None, facts))
    assert from_json(to_json(graph)).root.value.summary == facts


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_an_array_without_elements_keeps_its_shape(shape):
    assert from_json(to_json(by_hand(values(np.zeros(shape))))).root.value.array().shape == shape


@pytest.mark.parametrize("name", ["</script>", '"];', "👩\u200d🔬", "\ud800", "\x00\n", "—" * 10_000])
def test_any_name_is_read_back(name):
    graph = by_hand(Values((), "", 1.0))
    graph.root.name = name
    text = to_json(graph)
    assert text.isascii()
    assert from_json(text).root.name == name


# ---- size


def chain(n):
    x = cr.Value(1.0, "x")
    for _ in range(n):
        x = -x
    return cr.trace(x)


def test_a_long_chain_needs_no_recursion():
    assert len(from_json(to_json(chain(2000)))) == 2001


def test_twice_the_operations_are_twice_the_work_to_write():
    assert growth(to_json, chain, 200) < 2.2


def test_twice_the_operations_are_twice_the_work_to_read():
    assert growth(from_json, lambda n: to_json(chain(n)), 200) < 2.2


# ---- strict when read


SUMMARY = {"min": 0.0, "max": 1.0, "mean": 0.5, "rms": 0.6, "nan": 0, "inf": 0, "zero": 1}


def data():
    """A small graph as dicts that a test may change: x, y, x · y."""
    x, y = cr.Value(2.0, "x"), cr.Value(3.0, "y")
    return to_dict(cr.trace(x * y))


def change(path, value):
    """data() with another value at `path`."""
    found = graph = data()
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = value
    return graph


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], "dot", 'needs an object with "format": "chainrule-graph".*given \'dot\''),
        (["version"], 2, "reads version 1 of the format, given 2.*update chainrule"),
        (["version"], True, "reads version 1 of the format, given True"),
        (["nodes"], {}, r"nodes must be a list; given \{\}"),
        (["nodes"], [], "nodes must not be empty"),
        (["nodes", 1], 5, r"nodes\[1\] must be an object; given 5"),
        (["nodes", 1, "id"], 2, r"nodes\[1\].id must be its place, 1; given 2"),
        (["nodes", 1, "kind"], "weight", r'nodes\[1\].kind must be "operation", "leaf" or "constant"; given \'weight\''),
        (["nodes", 1, "label"], None, r"nodes\[1\].label must be text; given None"),
        (["nodes", 1, "name"], 3, r"nodes\[1\].name must be text or null; given 3"),
        (["nodes", 1, "shape"], [-1], r"nodes\[1\].shape must be a list of lengths; given \[-1\]"),
        (["nodes", 1, "badges"], "dead", r"nodes\[1\].badges must be a list of texts"),
        (["nodes", 1, "value"], 3.0, r"nodes\[1\].value must be null or an object of shape, dtype and items"),
        (["nodes", 1, "value", "items"], [3.0], r"nodes\[1\].value must be"),
        (["nodes", 1, "value", "items"], "NaN", r"nodes\[1\].value must be"),
        (["nodes", 1, "value", "shape"], [2], r"nodes\[1\].value must be"),
        (["nodes", 1, "value", "dtype"], "object", r"nodes\[1\].value must be"),
        (["nodes", 1, "value", "dtype"], "complex64", r"nodes\[1\].value must be"),
        (["nodes", 1, "value", "summary"], {}, r"nodes\[1\].value must be"),
        (["nodes", 1, "value"], {"shape": [2], "dtype": "", "items": [3.0]}, r"nodes\[1\].value must be"),
        (["nodes", 1, "value"], {"shape": [99], "dtype": "", "summary": SUMMARY | {"nan": 1.5}}, r"nodes\[1\].value must be"),
        (["nodes", 1, "value"], {"shape": [99], "dtype": "", "summary": SUMMARY | {"min": "low"}}, r"nodes\[1\].value must be"),
        (["edges", 0, "source"], 3, r"edges\[0\] must lead from a node to a later one of the 3; given source 3 and target 2"),
        (["edges", 0, "target"], 3, r"edges\[0\] must lead .* given source 0 and target 3"),
        (["edges", 1, "target"], 1, r"edges\[1\] must lead .* given source 1 and target 1"),
        (["edges", 0, "source"], -1, r"edges\[0\].source must be a whole number from 0 on; given -1"),
        (["edges", 0, "flows"], 1, r"edges\[0\].flows must be true or false; given 1"),
        (["edges", 0, "jacobian"], [[0, 1]], r"edges\[0\].jacobian must be null or a list"),
        (["order"], [0, 2], r"order\[1\] must be the id of one of the 2 edges; given 2"),
        (["order"], [0, 0], "order must name each edge once"),
        (["seed"], None, "seed must be an object"),
        (["ran"], "no", "ran must be true or false; given 'no'"),
        (["nodes", 0, "calls"], [1], r"nodes\[0\]\.calls must have a number for each of its 0 modules, or none"),
        (["modules"], {"m": 1}, "modules must be an object of path: class name"),
        (["extra"], 1, r"the graph has the unknown \['extra'\]; docs/graph.schema.json"),
        (["edges", 0, "upstream"], 1, r"edges\[0\] has the unknown \['upstream'\]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_its_place(path, value, message):
    with pytest.raises(DataError, match=message):
        from_dict(change(path, value))


@pytest.mark.parametrize("path", [["nodes"], ["order"], ["nodes", 0, "total"], ["edges", 1, "rule"]], ids=str)
def test_a_missing_field_is_refused_by_its_name(path):
    graph = found = data()
    for step in path[:-1]:
        found = found[step]
    del found[path[-1]]
    with pytest.raises(DataError, match=f"lacks {path[-1]}"):
        from_dict(graph)


WRONG = {  # what is no value of a field that has a value of this kind
    dict: [None, True, 3, "text", [], [[]], {"a": 1}],
    list: [None, True, 3, "text", {}, {"a": 1}, [[]], [{}], [10**400]],
    str: [True, 3, 1.5, [], {}],
    bool: [None, 3, 1.5, "text", [], {}],
    int: [None, 1.5 * 1j, "text", [], {}, 10**400],
    float: [None, "text", [], {}, 10**400],
    type(None): [3, 1.5, True, [3], {}, {"a": 1}],
}


def fields(value, path=()):
    """(path, value) of all that stands in nested dicts and lists."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key), inner
        if isinstance(inner, (dict, list)):
            yield from fields(inner, (*path, key))


MAYBE = {"name", "value", "grad", "total", "local", "contribution", "running", "jacobian", "min", "max", "mean", "rms"}


@pytest.mark.parametrize("program", [shared_input, large])
def test_every_field_of_a_wrong_kind_is_refused(program):
    text, accepted = to_json(cr.trace(program())), []
    graph = json.loads(text)
    for path, value in list(fields(graph)):
        found = graph
        for step in path[:-1]:
            found = found[step]
        name = [step for step in path if isinstance(step, str)][-1]
        for wrong in WRONG[type(value)]:
            if wrong is None and name in MAYBE:
                continue
            found[path[-1]] = wrong
            try:
                from_dict(graph)
            except DataError:
                continue
            accepted.append((path, wrong))
        found[path[-1]] = value
    assert accepted == []
    assert to_json(from_dict(graph, Graph)) == text


@pytest.mark.parametrize("graph", [None, [], 3, "text"])
def test_what_is_no_object_is_refused(graph):
    with pytest.raises(DataError, match="needs an object"):
        from_dict(graph)


def test_text_that_was_cut_off_is_refused_anywhere():
    text = to_json(cr.trace(scalars()))
    for end in range(0, len(text), 97):
        with pytest.raises(DataError, match="line 1, column .* cut off"):
            from_json(text[:end])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_not_json_are_refused(word):
    text = to_json(by_hand(Values((), "", 0.5))).replace("0.5", word)
    with pytest.raises(DataError, match=f'{word} is not JSON; write it as text: "nan", "inf" or "-inf"'):
        from_json(text)


def test_bytes_that_are_not_utf8_are_refused():
    with pytest.raises(DataError, match="from_json: .*can't decode"):
        from_json(b'{"format": "\xff"}')


def test_an_entry_that_stands_twice_is_refused():
    with pytest.raises(DataError, match="an object has two entries 'ran'"):
        from_json(to_json(cr.trace(scalars())).replace('"ran":', '"ran":true,"ran":'))


def test_a_number_that_no_float_holds_is_refused():
    with pytest.raises(DataError, match="1e999 is too large for a float"):
        from_json(to_json(by_hand(Values((), "", 0.5))).replace("0.5", "1e999"))


@pytest.mark.parametrize("text", [None, 3, {}])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(DataError, match="from_json: the JSON object must be str, bytes or bytearray"):
        from_json(text)


def test_text_nested_without_end_is_refused():
    with pytest.raises(DataError, match="nested too deeply"):
        from_json("[" * 200_000)


@pytest.mark.parametrize("wrong", ["two summaries", "text for a number", "a missing field"])
def test_the_schema_refuses_too(wrong):
    graph = data()
    if wrong == "two summaries":
        graph["nodes"][0]["value"]["summary"] = None
    elif wrong == "text for a number":
        graph["nodes"][0]["value"]["items"] = "2.0"
    else:
        del graph["edges"][0]["why"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(graph)


# ---- the schema


def test_the_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("name", "kind"), [("node", Node), ("edge", Edge)])
def test_the_schema_has_every_field_once(name, kind):
    fields = [field.name for field in dataclasses.fields(kind)]
    assert list(SCHEMA["$defs"][name]["properties"]) == fields
    assert sorted(SCHEMA["$defs"][name]["required"]) == sorted(fields)


def test_every_property_in_the_schema_is_described():
    def described(schema):
        return "description" in schema or "$ref" in schema and described(SCHEMA["$defs"][schema["$ref"].split("/")[-1]])

    parts = {"": SCHEMA, **SCHEMA["$defs"]}
    missing = [
        f"{part}.{name}"
        for part, schema in parts.items()
        for name, entry in {"itself": schema, **schema.get("properties", {})}.items()
        if not described(entry)
    ]
    assert missing == []


def test_the_page_on_the_format_names_every_field():
    page = (DOCS / "graph-json.md").read_text(encoding="utf-8")
    names = [f.name for kind in (Node, Edge) for f in dataclasses.fields(kind)] + list(SCHEMA["properties"])
    assert [name for name in names if f"`{name}`" not in page] == []
