"""python -m chainrule explain: backpropagation through a formula that was typed in."""

import argparse
import math
from unicodedata import normalize

from ..autograd.errors import ArgumentError
from ..autograd.value import Value
from ..graph import trace
from ..pages.words import speaking, t
from .expression import LARGEST, ExpressionError, parse
from .parser import Parser

EXAMPLE = '"(a*b + c) * f" a=2 b=-3 c=10 f=-2'
_DESCRIPTION = f"""\
Every step of backpropagation through a formula: values, local derivatives, contributions, update.

  python -m chainrule explain {EXAMPLE}
  python -m chainrule explain "d = w*x + b; tanh(d)" w=0.5 x=2 b=-1 -o graph.html --derivation w

A formula has numbers, names, + - * / // % **, parentheses and chainrule's functions of one or two numbers, such as
exp(a) and maximum(a, b). Several statements, separated by ; give names to what is in between."""

OPTIONS = {"-h", "--help", "-o", "--output", "--lr", "--derivation", "--language"}


def run(argv):
    """Explain the formula in `argv`; returns the exit status.

    Raises: ExpressionError, with the place, if the formula or a value cannot be read; ArgumentError for an option.
    """
    usage = '%(prog)s "FORMULA" [NAME=NUMBER ...] [-o FILE] [--lr RATE] [--derivation NAME] [--language LANGUAGE]'
    parser = Parser("explain", _DESCRIPTION, usage)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="save it as .html, .svg, .png, .pdf, .gif, .json or .dot"
    )
    parser.add_argument("--lr", metavar="RATE", type=float, default=0.1, help="learning rate of the update (0.1)")
    parser.add_argument("--derivation", metavar="NAME", action="append", help="work out the chain rule for NAME")
    parser.add_language()
    options = parser.parse_intermixed_args(_shielded(argv))
    with speaking(options.language):
        return _explained(options)


def _explained(options):
    if not options.words:
        raise ArgumentError(f"a formula is needed, such as python -m chainrule explain {EXAMPLE}")
    if not math.isfinite(options.lr):
        raise ArgumentError(f"--lr must be a number such as 0.1, not {options.lr}")
    formula, *assignments = options.words
    graph = graph_of(formula, assignments)
    derivations = [graph.derivation(name, options.language) for name in options.derivation or []]
    saved = graph.save(options.output, lr=options.lr, language=options.language) if options.output else None
    print(graph.explain(options.lr, language=options.language))
    for derivation in derivations:
        print(f"\n{derivation}")
    if saved:
        print(f"\nsaved as {saved}")
    return 0


def graph_of(formula, assignments):
    """The Graph of a formula, with its values given as texts `name=number`.

    Raises: ExpressionError if either cannot be read, or they do not fit together.
    Example:
        >>> graph_of("a*b", ["a=2", "b=-3"]).root.value.items
        -6.0
    """
    expression = parse(formula)
    values = {}
    for text in assignments:
        name, number = _assignment(text)
        if name in values:
            raise ExpressionError(t("{0} has two values", name), text, 0, text.index("="))
        if name not in expression.inputs:
            raise ExpressionError(_no_place_for(name, expression), text, 0, text.index("="))
        values[name] = Value(number)
    result, named = expression(values)
    if not isinstance(result, Value):
        raise ExpressionError(_constant(expression), expression.text, 0, len(expression.text))
    graph = trace(result, {name: v for name, v in {**values, **named}.items() if isinstance(v, Value)})
    line = {"operation": t("the formula {0}", expression.text)}  # the user has seen no other line of code
    for node in graph.nodes:
        node.line, node.source = line.get(node.kind, ""), []
    return graph


def _no_place_for(name, expression):
    """Why the formula does not take a value for `name`."""
    if name in dict(expression.steps):
        return t("{0} gets its value inside the formula: leave out one of the two", name)
    known = ", ".join(expression.inputs) or t("no names that need one")
    return t("{0} is not a value of the formula, which has {1}", name, known)


def _constant(expression):
    """Why a formula without inputs cannot be explained."""
    numbers = [name for name, steps in expression.steps if name and not any(isinstance(what, str) for _, what in steps)]
    if not numbers:
        return t("the formula has no names, so there is nothing to differentiate: write a*3 a=2 in place of 2*3")
    got = t("{0} got its value inside the formula", *numbers)
    if len(numbers) > 1:
        got = t("{0} got their values inside the formula", ", ".join(numbers))
    return t('{0}, so there is nothing to differentiate: write "x*x" x=2 in place of "x=2; x*x"', got)


def _assignment(text):
    """(name, number) of `name=number`."""
    left, equals, right = text.partition("=")
    if text.startswith(" -"):
        raise ArgumentError(f"there is no option {left.strip()}: choose one of -o, --lr, --derivation, --language")
    name = normalize("NFKC", left.strip())  # as Python reads names
    if not equals or not name.isidentifier():
        message = t("a value is written name=number, such as a=2")
        raise ExpressionError(message, text, 0, len(left))
    try:
        number = float(right.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        message = t("{0} needs a number, such as {0}=2 or {0}=1e-3", name)
        raise ExpressionError(message, text, len(left) + 1, len(text)) from None
    if math.isinf(number) and "inf" not in right.lower():
        message = t(
            "this is beyond the largest number, {0}: if infinity is meant, write {1}={2}", LARGEST, name, number
        )
        raise ExpressionError(message, text, len(left) + 1, len(text))
    return name, number


def _shielded(argv):
    """`argv` with a blank before words such as -a*b, which argparse would take for options."""
    return [
        f" {word}" if word[:1] == "-" and not {word.partition("=")[0], before} & OPTIONS else word
        for before, word in zip(["", *argv], argv, strict=False)
    ]
