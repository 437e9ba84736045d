"""The playground as a page, and the pages of the graphs that it shows."""

from functools import cache

from ...autograd.errors import ArgumentError
from ...graph.page import page as graph_page
from ...graph.roles import parameters
from ...pages.html import assembled, asset
from ...pages.words import language, t, translated
from ..explain import graph_of
from ..expression import ExpressionError, parse
from . import network
from .examples import EXAMPLES
from .source import source

# what a name starts with that has no value yet: small, different, none of them 0 or 1
START = (2.0, -3.0, 0.5, 1.5, -2.0, 0.7, -0.4, 3.0)
MOST = 40  # names; more of them are no playground any more


def made(formula, values):
    """What the playground shows of a formula: {"page": HTML, "values": {name: number}, "source": a Python program}.

    `values` are texts or numbers by name; names without one get one, names that the formula lacks are left out. What is learned,
    the page and the program decide alike.

    Raises: ExpressionError, with the place, if the formula or a value cannot be read; ArgumentError.
    """
    names = list(parse(formula).inputs)
    if len(names) > MOST:
        raise ArgumentError(
            t("the formula has {0} names that need a value; the playground shows at most {1}", len(names), MOST)
        )
    numbers = {name: _number(name, values.get(name, START[i % len(START)])) for i, name in enumerate(names)}
    graph = graph_of(formula, [f"{name}={number!r}" for name, number in numbers.items()])
    learned = {graph.nodes[i].label for i in parameters(graph)}
    program = source(formula, numbers, [name for name in names if name not in learned])
    return {"page": graph_page(graph), "values": numbers, "source": program}


def _number(name, text):
    try:
        return float(text)
    except ValueError:
        shown = f"{name}={text}"
        raise ExpressionError(t("{0} needs a number", name), shown, len(name) + 1, len(shown)) from None


def shell(static=False):
    """The playground as one HTML file. A static one holds the graphs of the examples and needs no server."""
    return _shell(static, language())


@cache
def _shell(static, in_language):
    examples = [
        {"title": translated(e.title), "formula": e.formula, "values": e.values, "hint": translated(e.hint)}
        | (made(e.formula, e.values) if static else {})
        for e in EXAMPLES
    ]
    return assembled(
        asset(__package__, "play.html"),
        style=asset(__package__, "play.css"),
        script=asset(__package__, "play.js"),
        data={"examples": examples, "static": static, "network": network.shell(static=True) if static else ""},
        title=t("chainrule: playground"),
        inside=(made(EXAMPLES[0].formula, EXAMPLES[0].values)["page"], network.shell(static)),
    )
