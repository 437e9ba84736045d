"""Formulas such as `d = a*b + c; d * f`, read without eval: only numbers, names, operators and known functions pass."""

from __future__ import annotations

import ast
import math
import re
import sys
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any
from unicodedata import east_asian_width

from ..autograd.arguments import meant
from ..autograd.errors import ArgumentError
from ..autograd.primitive import COMPOSED, ELEMENTWISE, REGISTRY
from ..nn.activations import ACTIVATIONS
from ..pages.words import english, t, translated

LENGTH = 10_000  # characters
DEPTH = 200  # operations inside operations; well below Python's limit of calls inside calls
LARGEST = f"{sys.float_info.max:.2g}"

_SYMBOLS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.UAdd: "+",
    ast.USub: "-",
}
_NOT_ALLOWED = english(
    "this is not allowed here, only numbers, names, + - * / // % **, parentheses and functions of one or two numbers such as tanh(a)"
)
_TOGETHER = english("a number and a name stand together: write * between them")
_WRITTEN = {"×": "*", "·": "*", "⋅": "*", "∙": "*", "−": "-", "–": "-", "÷": "/", "²": "**2", "³": "**3", "√": "sqrt"}
# Python's parser only warns of these, 1if and '\d', and warnings can be silenced only for all threads at once
_GLUED = re.compile(r"(?<!\w)\d[\w.]*?(and|else|for|if|in|is|not|or)")
_WARNED = {
    _GLUED: _TOGETHER,
    re.compile(r"[\"']"): _NOT_ALLOWED,
}
_SYNONYMS = {"ln": "log", "max": "maximum", "min": "minimum", "pow": "power", "sgn": "sign"}


class ExpressionError(ArgumentError):
    """A formula, or a value for it, cannot be read. The message ends with the place, marked by carets.

    Fields:
        text: what was being read.
        start, stop: the characters that are wrong.
    """

    def __init__(self, message, text, start, stop=None):
        self.text, self.start = text, min(start, len(text))
        self.stop = max(self.start + 1, min(stop or 0, len(text)))
        super().__init__(f"{message}\n{marked(text, self.start, self.stop)}")


@dataclass(frozen=True)
class Expression:
    """A formula that has been read.

    Fields:
        text: the formula.
        inputs: the names that need a value, in the order of their first use, with the place of that use.
        steps: for each statement, its name (None: the last one may lack it) and its operations in postfix order.
    """

    text: str
    inputs: dict[str, int]
    steps: list

    def __call__(self, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The value of the last statement, and those of all named ones by name, for `values` by name.

        Raises: ExpressionError if a name has no value.
        Example:
            >>> import chainrule as cr
            >>> result, named = parse("d = a*b; d + 1")({"a": cr.Value(2.0), "b": cr.Value(-3.0)})
            >>> result.data, named["d"].data
            (-5.0, -6.0)
        """
        missing = [name for name in self.inputs if name not in values]
        if missing:
            names, example = ", ".join(missing), " ".join(f"{name}=…" for name in missing)
            start = self.inputs[missing[0]]
            message = t("{0} has no value: add {1}", names, example)
            if len(missing) > 1:
                message = t("{0} have no value: add {1}", names, example)
            raise ExpressionError(message, self.text, start, start + len(missing[0]))
        known = {name: values[name] for name in self.inputs}
        named = {}
        for name, operations in self.steps:
            stack: list[Any] = []
            for arity, what in operations:
                if arity:
                    stack[-arity:] = [what(*stack[-arity:])]
                else:
                    stack.append(known[what] if isinstance(what, str) else what)
            (result,) = stack
            if name is not None:
                known[name] = named[name] = result
        return result, named


def parse(text: str) -> Expression:
    """Read a formula: statements `name = expression` separated by `;` or line ends, the last with or without a name.

    Functions are the elementwise operations and activations of one or two inputs, under the names that they have in chainrule.
    Raises: ExpressionError that marks the place, whatever the text is.
    Example:
        >>> list(parse("(a*b + c) * f").inputs)
        ['a', 'b', 'c', 'f']
        >>> parse("a ^ 2")
        Traceback (most recent call last):
        chainrule.cli.expression.ExpressionError: power is written **, not ^
            a ^ 2
              ^
    """
    if len(text) > LENGTH:
        message = t("the formula has {0} characters; at most {1} are read", f"{len(text):,}", f"{LENGTH:,}")
        raise ExpressionError(message, text, LENGTH, len(text))
    text = "\n".join(line.partition("#")[0].strip() for line in text.splitlines())
    return _Reader(text).read()


def functions():
    """The functions that a formula may call, by name.

    Example:
        >>> functions()["maximum"](2.0, 3.0)
        3.0
    """
    found = {p.name: p.call for p in _elementwise()}
    return found | {"abs": found["absolute"]}


def _elementwise():
    known = [p for p in REGISTRY.values() if not p.internal or p.name in ACTIVATIONS]
    return [p for p in known if p.jvp == ELEMENTWISE and len(p.inputs) <= 2 and not p.options]


def marked(text, start, stop):
    """The line of `text` around `start`, shortened, and below it carets under the characters from start to stop."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    left, right = max(first, start - 40), min(last, max(stop, start) + 40, start + 60)
    before, spot, after = (_plain(text[a:b]) for a, b in ((left, start), (start, min(stop, right)), (stop, right)))
    dots = "…" if left > first else ""
    line = dots + before + spot + after + ("…" if right < last else "")
    return f"    {line}\n    {' ' * _columns(dots + before)}{'^' * max(1, _columns(spot))}"


def _plain(text):
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _columns(text):
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


class _Reader:
    """Turns Python's syntax tree of `text` into an Expression, and rejects every kind of node that it does not know."""

    def __init__(self, text):
        self.text, self.functions = text, functions()
        self.operators = {(p.symbol, len(p.inputs)): p.call for p in _elementwise() if p.symbol}
        self.inputs, self.named, self.used = {}, {}, set()

    def read(self):
        *firsts, last = self.tree()
        steps = [self.statement(node) for node in firsts]
        for (name, _), node in zip(steps, firsts, strict=True):
            if name is None:
                raise self.error(t("this value is not used: give it a name, such as d = …, or leave it out"), node)
        steps.append(self.statement(last))
        for name, node in list(self.named.items()):
            if name not in self.used and name != steps[-1][0]:
                raise self.error(t("{0} is computed but never used: leave it out", name), node)
        return Expression(self.text, self.inputs, steps)

    def tree(self):
        for pattern, message in _WARNED.items():
            if found := pattern.search(self.text):
                raise ExpressionError(translated(message), self.text, *found.span())
        try:
            statements = ast.parse(self.text).body
        except SyntaxError as error:
            raise self.misspelt(error) from None
        except (RecursionError, MemoryError):
            raise ExpressionError(self.too_deep(), self.text, 0) from None
        except ValueError as error:  # null bytes, lone surrogates
            raise ExpressionError(
                t("the formula holds a character that cannot be read ({0})", error), self.text, 0
            ) from None
        if not statements:
            raise ExpressionError(t("the formula is empty: write, for example, a*b + c"), self.text, 0)
        return statements

    def statement(self, node):
        """(name or None, operations) of one statement."""
        if isinstance(node, ast.Expr):
            return None, self.operations(node.value)
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            raise self.error(t("a statement is an expression, or a name = an expression"), node)
        target = node.targets[0]
        name = target.id
        if name in self.inputs or name in self.named or name in self.functions:
            if name in self.functions:
                raise self.error(t("{0} is the name of a function: choose another name for this result", name), target)
            raise self.error(t("{0} has a value already: choose another name for this result", name), target)
        operations = self.operations(node.value)
        if name in self.inputs:  # d = d + 1
            raise self.error(t("{0} is used to compute itself: choose another name for this result", name), target)
        self.named[name] = target
        return name, operations

    def operations(self, node, depth=0):
        """The operations of an expression in postfix order, as (number of operands, function, name or number)."""
        if depth > DEPTH:
            raise self.error(self.too_deep(), node)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return [(0, self.number(value, node))]
            case ast.Name(id=name):
                return [(0, self.name(name, node))]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _SYMBOLS:
                parts, function = [operand], self.operators[_SYMBOLS[type(op)], 1]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SYMBOLS:
                parts, function = [left, right], self.operators[_SYMBOLS[type(op)], 2]
            case ast.Call(args=parts):
                function = self.function(node)
            case ast.BinOp(op=ast.BitXor(), left=left):
                place = self.text.index("^", self.span(left)[1])
                raise ExpressionError(t("power is written **, not ^"), self.text, place)
            case _:
                raise self.error(translated(_NOT_ALLOWED), node)
        found = [step for part in parts for step in self.operations(part, depth + 1)]
        return [*found, (len(parts), function)]

    def number(self, value, node):
        """A literal as a float."""
        try:
            number = float(value)
        except OverflowError:  # an integer of 309 digits; 1e309 is inf by itself
            number = math.inf
        if math.isinf(number):
            beyond = t(
                "this is beyond the largest number, {0}: for infinity, write a name, and give it the value inf", LARGEST
            )
            raise self.error(beyond, node)
        return number

    def name(self, name, node):
        if name in self.functions:
            raise self.error(t("{0} is a function: write {0}(…), and give values other names", name), node)
        self.used.add(name)
        if name not in self.named:
            self.inputs.setdefault(name, self.span(node)[0])
        return name

    def function(self, call):
        """The function that a call names, if it takes as many numbers as it is given."""
        name = call.func.id if isinstance(call.func, ast.Name) else None
        if name is None or name in self.inputs or name in self.named:
            raise self.error(
                t("only a function can be called: to multiply, write * in front of the parenthesis"), call.func
            )
        if name not in self.functions:
            raise self.error(self.unknown(name), call.func)
        if call.keywords or any(isinstance(a, ast.Starred) for a in call.args):
            raise self.error(t("{0} takes plain numbers, without names or stars", name), call)
        wanted = REGISTRY["absolute" if name == "abs" else name].inputs
        if len(call.args) != len(wanted):
            given = len(call.args)
            wants = t("{0} takes 1 number, was given {1}", name, given)
            if len(wanted) > 1:
                wants = t("{0} takes {1} numbers, was given {2}", name, len(wanted), given)
            raise self.error(wants, call)
        return self.functions[name]

    def unknown(self, name):
        """Why a name cannot be called, and what may have been meant."""
        guess = meant(name, self.functions)
        if name in _SYNONYMS:
            guess = english("did you mean {0}?", repr(_SYNONYMS[name]))
        if guess:
            return t("there is no function {0} here: {1}", name, translated(guess))
        if name in REGISTRY or name in COMPOSED:
            return t(
                "{0} cannot be used here, where each value is one number and functions take one or two of them", name
            )
        return t("there is no function {0}; to multiply, write {0}*(…)", name)

    def misspelt(self, error):
        """The ExpressionError for Python's SyntaxError, with its usual causes in the words of a formula."""
        lines = self.text.split("\n")
        line = min(error.lineno or 1, len(lines)) - 1
        start = sum(len(other) + 1 for other in lines[:line]) + max((error.offset or 1) - 1, 0)
        for word, place in _words(self.text):
            if iskeyword(word):
                message = t("{0} is a word of Python's and cannot be used as a name", word)
                return ExpressionError(message, self.text, place, place + len(word))
        symbol = self.text[start : start + 1]
        if symbol in _WRITTEN:
            return ExpressionError(t("{0} is written {1}", symbol, _WRITTEN[symbol]), self.text, start)
        if "decimal literal" in error.msg:
            return ExpressionError(translated(_TOGETHER), self.text, start)
        reason = error.msg.partition(". ")[0].partition("; ")[0]
        if reason == "invalid syntax":
            reason = t("it cannot go on like this") if symbol.strip() else t("something is missing at its end")
        return ExpressionError(t("this is not a formula: {0}", reason), self.text, start)

    def too_deep(self):
        return t("more than {0} operations are nested in each other: name the parts, as in d = a*b; d + c", DEPTH)

    def error(self, message, node):
        return ExpressionError(message, self.text, *self.span(node))

    def span(self, node):
        """The first character of a node and the one behind its last, in `text`. (Python counts bytes, line by line.)"""
        lines = self.text.split("\n")

        def place(line, column):
            line = min(line, len(lines)) - 1
            inside = len(lines[line].encode("utf-8", "replace")[:column].decode("utf-8", "replace"))
            return sum(len(other) + 1 for other in lines[:line]) + inside

        start = place(node.lineno, node.col_offset)
        end = getattr(node, "end_lineno", None)
        return start, place(end, node.end_col_offset) if end else start + 1


def _words(text):
    """(word, place) of everything in `text` that looks like a name."""
    start = None
    for i, c in enumerate(text + " "):
        if (c.isalnum() or c == "_") and start is None:
            start = i
        elif not (c.isalnum() or c == "_") and start is not None:
            yield text[start:i], start
            start = None
