"""The graph as JSON: versioned, strict, and exact in both directions. docs/graph.schema.json describes every field."""

import json
import math
from collections import namedtuple
from functools import lru_cache

import numpy as np

from ..autograd.errors import DataError
from ..autograd.files import parse_json
from .graph import Edge, GraphData, Node
from .values import Values

FORMAT, VERSION = "chainrule-graph", 1


def to_dict(graph):
    """A Graph as dicts, lists, text and numbers that are valid JSON; from_dict makes the Graph again."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [{name: form.write(getattr(node, name)) for name, form in NODE.items()} for node in graph.nodes],
        "edges": [{name: form.write(getattr(edge, name)) for name, form in EDGE.items()} for edge in graph.edges],
        **{name: form.write(getattr(graph, name)) for name, form in GRAPH.items()},
    }


def to_json(graph, indent=None):
    """A Graph as JSON, in ASCII: the same text for the same graph, on every run.

    Without `indent` it is one line; with it, lines indented by that many spaces (slower on large graphs).

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> to_json(cr.trace(x * x))[:40]
        '{"format":"chainrule-graph","version":1,'
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(to_dict(graph), indent=indent, separators=separators, allow_nan=False)


def from_dict(data, kind=GraphData):
    """The graph that to_dict wrote, as GraphData or another `kind` of it.

    Raises: DataError, naming the place, if something is missing, of the wrong kind, or leads nowhere.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise DataError(
            f'from_json: needs an object with "format": "{FORMAT}", as to_json writes; given {_brief(found)}'
        )
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise DataError(
            f"from_json: this chainrule reads version {VERSION} of the format, given {_brief(data.get('version'))}; "
            "write the graph again with this version, or update chainrule"
        )
    _complete(data, {"format", "version", "nodes", "edges", *GRAPH}, "the graph")
    nodes, edges = (
        _entries(data, key, kind, forms) for key, kind, forms in (("nodes", Node, NODE), ("edges", Edge, EDGE))
    )
    if not nodes:
        raise DataError("from_json: nodes must not be empty; a graph has at least the traced value")
    for node in nodes:
        if node.calls and len(node.calls) != len(node.module):
            raise DataError(
                f"from_json: nodes[{node.id}].calls must have a number for each of its {len(node.module)} modules, or none; "
                f"given {_brief(node.calls)}"
            )
    for edge in edges:
        if not edge.source < edge.target < len(nodes):
            raise DataError(
                f"from_json: edges[{edge.id}] must lead from a node to a later one of the {len(nodes)}; "
                f"given source {edge.source} and target {edge.target}"
            )
    rest = {name: _read(form, data[name], name) for name, form in GRAPH.items()}
    for place, i in enumerate(rest["order"]):
        if i >= len(edges):
            raise DataError(f"from_json: order[{place}] must be the id of one of the {len(edges)} edges; given {i}")
    if len(set(rest["order"])) < len(rest["order"]):
        raise DataError("from_json: order must name each edge once")
    return kind(nodes, edges, **rest)


def from_json(text, kind=GraphData):
    """The graph that to_json wrote, from text or bytes, as GraphData or another `kind` of it.

    Raises: DataError, naming the place, if it is no JSON, cut off, or no graph of this version.
    """

    def constant(word):
        raise ValueError(f'{word} is not JSON; write it as text: "nan", "inf" or "-inf"')

    try:
        data = parse_json(text, constant)
    except json.JSONDecodeError as error:
        raise DataError(
            f"from_json: not JSON at line {error.lineno}, column {error.colno}: {error.msg}; the text may be cut off"
        ) from None
    except (ValueError, TypeError) as error:  # not UTF-8, an entry that stands twice, no text
        raise DataError(f"from_json: {error}") from None
    return from_dict(data, kind)


def _entries(data, key, kind, forms):
    """The list data[key] as Nodes or Edges, whose ids are their places."""
    if type(data[key]) is not list:
        raise DataError(f"from_json: {key} must be a list; given {_brief(data[key])}")
    entries = []
    for i, found in enumerate(data[key]):
        _complete(found, forms.keys(), key, i)
        try:
            fields = {name: form.read(found[name]) for name, form in forms.items()}
        except (ValueError, TypeError, KeyError):
            fields = {name: _read(form, found[name], f"{key}[{i}].{name}") for name, form in forms.items()}
        if fields["id"] != i:
            raise DataError(f"from_json: {key}[{i}].id must be its place, {i}; given {fields['id']}")
        entries.append(kind(**fields))
    return entries


def _complete(found, names, key, place=None):
    """Raise unless `found` is an object with exactly the fields `names`."""
    if type(found) is dict and found.keys() == names:
        return
    where = key if place is None else f"{key}[{place}]"
    if type(found) is not dict:
        raise DataError(f"from_json: {where} must be an object; given {_brief(found)}")
    absent, unknown = sorted(names - found.keys()), sorted(found.keys() - names)
    wrong = [f"lacks {', '.join(absent)}"] * bool(absent) + [f"has the unknown {_brief(unknown[:5])}"] * bool(unknown)
    raise DataError(f"from_json: {where} {' and '.join(wrong)}; docs/graph.schema.json lists the fields")


def _read(form, found, where):
    """What `form` makes of one field, or a DataError that says where it stands."""
    try:
        return form.read(found)
    except (ValueError, TypeError, KeyError):
        raise DataError(f"from_json: {where} must be {form.words}; given {_brief(found)}") from None


def _brief(found):
    """A found value as text short enough for a message."""
    try:
        text = repr(found)
    except RecursionError:
        return "what is nested too deeply"
    return text if len(text) <= 60 else text[:57] + "..."


# ---- numbers

_BROKEN = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # JSON has no words for these


def _write_number(x):
    return x if x - x == 0 else repr(float(x))  # what is not finite differs from itself


def _read_number(x):
    if type(x) is str:
        return _BROKEN[x]
    if type(x) is int and not -(2**63) <= x < 2**64:  # no dtype holds it
        raise ValueError
    if type(x) not in (int, float, bool):
        raise ValueError
    return x


def _write_items(items):
    return [_write_items(x) for x in items] if type(items) is list else _write_number(items)


def _read_items(items, shape):
    if not shape:
        return _read_number(items)
    if type(items) is not list or len(items) != shape[0]:
        raise ValueError
    return [_read_items(x, shape[1:]) for x in items]


_COUNTS = ("nan", "inf", "zero")


def _write_values(x):
    if x is None:
        return None
    data = {"shape": list(x.shape), "dtype": x.dtype}
    if x.summary is None:
        return data | {"items": _write_items(x.items)}
    return data | {"summary": {key: None if v is None else _write_number(v) for key, v in x.summary.items()}}


def _read_values(found):
    if found is None:
        return None
    shape, dtype = _shape(found["shape"]), _dtype(found["dtype"])
    if found.keys() == {"shape", "dtype", "items"}:
        return Values(shape, dtype, _read_items(found["items"], shape))
    if found.keys() != {"shape", "dtype", "summary"} or _exactly(dict)(found["summary"]).keys() != {
        "min",
        "max",
        "mean",
        "rms",
        *_COUNTS,
    }:
        raise ValueError
    facts = {k: _whole(v) if k in _COUNTS else v if v is None else _read_number(v) for k, v in found["summary"].items()}
    return Values(shape, dtype, None, facts)


# ---- one reader for each kind of field; what is wrong raises, and `words` say what is right


def _exactly(*types):
    def read(x):
        if type(x) not in types:
            raise ValueError
        return x

    return read


def _whole(x):
    if type(x) is not int or not 0 <= x < 2**63:
        raise ValueError
    return x


def _list(read):
    def read_list(x):
        if type(x) is not list:
            raise ValueError
        return [read(entry) for entry in x]

    return read_list


_wholes = _list(_whole)
_triples = _list(_exactly(list))


def _shape(x):
    return tuple(_wholes(x))


@lru_cache
def _dtype(name):
    if name != "" and (np.dtype(name).name != name or np.dtype(name).kind not in "biuf"):
        raise ValueError
    return name


def _kind(x):
    if x not in ("operation", "leaf", "constant"):
        raise ValueError
    return x


def _write_pairs(pairs):
    return pairs and [[i, j, None if d is None else _write_number(d)] for i, j, d in pairs]


def _read_pairs(x):
    if x is None:
        return None
    return [(_whole(i), _whole(j), None if d is None else _read_number(d)) for i, j, d in _triples(x)]


def _modules(x):
    return {_text(path): _text(name) for path, name in _exactly(dict)(x).items()}


def _seed(x):
    return _read_values(_exactly(dict)(x))


def _plain(x):
    return x


_text = _exactly(str)
_Form = namedtuple("_Form", "words read write", defaults=[_plain])

_TEXT = _Form("text", _text)
_MAYBE_TEXT = _Form("text or null", _exactly(str, type(None)))
_TEXTS = _Form("a list of texts", _list(_text), list)
_WHOLE = _Form("a whole number from 0 on", _whole)
_WHOLES = _Form("a list of whole numbers from 0 on", _wholes, list)
_FLAG = _Form("true or false", _exactly(bool))
_FITTING = "an object of shape, dtype and items (in that shape) or summary"
_VALUES = _Form(f"null or {_FITTING}", _read_values, _write_values)

NODE = {
    "id": _WHOLE,
    "kind": _Form('"operation", "leaf" or "constant"', _kind),
    "operation": _TEXT,
    "symbol": _TEXT,
    "name": _MAYBE_TEXT,
    "label": _TEXT,
    "options": _TEXTS,
    "shape": _Form("a list of lengths", _shape, list),
    "dtype": _TEXT,
    "device": _TEXT,
    "value": _VALUES,
    "grad": _VALUES,
    "total": _VALUES,
    "line": _TEXT,
    "module": _TEXTS,
    "calls": _WHOLES,
    "badges": _TEXTS,
    "source": _TEXTS,
    "note": _TEXT,
}

EDGE = {
    "id": _WHOLE,
    "source": _WHOLE,
    "target": _WHOLE,
    "slot": _WHOLE,
    "input": _TEXT,
    "flows": _FLAG,
    "local": _VALUES,
    "rule": _TEXT,
    "contribution": _VALUES,
    "running": _VALUES,
    "summed": _TEXT,
    "why": _TEXT,
    "note": _TEXT,
    "jacobian": _Form("null or a list of [whole number, whole number, number or null]", _read_pairs, _write_pairs),
}

GRAPH = {
    "order": _WHOLES,
    "seed": _Form(_FITTING, _seed, _write_values),
    "ran": _FLAG,
    "modules": _Form("an object of path: class name", _modules, dict),
}
