"""The parser of formulas: what it computes, against Python's own arithmetic; what it refuses, and where it points."""

import math
import random
import warnings

import pytest

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY
from chainrule.cli import expression
from chainrule.cli.expression import ExpressionError, parse

VALUES = {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0}


def plain(result):
    """The number in a Value; a number as it is."""
    return float(getattr(result, "data", result))


def number(text, **values):
    """The value of a formula as a float."""
    result, _ = parse(text)({name: cr.Value(v) for name, v in values.items()})
    return plain(result)


def refusal(text):
    """The error that a text gives."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


# ---- what it computes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a*b + c) * f", -8.0),
        ("-a**2", -4.0),
        ("(-a)**2", 4.0),
        ("2**3**2*a/a", 512.0),
        ("c - b - a", 11.0),
        ("c / a / a", 2.5),
        ("c // 4 + c % 4 + 0*a", 4.0),
        ("+a - -b", -1.0),
        ("1e-3 * a", 0.002),
        (".5*a", 1.0),
        ("((((a))))", 2.0),
        ("abs(b) + absolute(f)", 5.0),
        ("maximum(a, b) - minimum(a, b)", 5.0),
        ("tanh(a) - (exp(a) - exp(-a)) / (exp(a) + exp(-a))", 0.0),
        ("relu(b)", 0.0),
        ("a*b # the product, or 2if you like 'quotes'", -6.0),
        ("d = a*b # first\nd + c # then", 4.0),
        ("0x10*a", 32.0),
        ("  a \t+\tb ", -1.0),
    ],
)
def test_a_formula_is_computed_as_python_reads_it(text, expected):
    names = parse(text).inputs
    assert number(text, **{n: VALUES[n] for n in names}) == pytest.approx(expected, abs=1e-15)


def random_formula(rng, depth):
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(["a", "b", "c", "f", "2", "0.5"])
    left, right = random_formula(rng, depth - 1), random_formula(rng, depth - 1)
    return rng.choice(
        [f"{left} + {right}", f"{left} - {right}", f"({left}) * ({right})", f"-({left})", f"tanh({left})"]
    )


def test_random_formulas_have_the_value_that_python_gives_them():
    rng = random.Random(0)
    for _ in range(200):
        text = random_formula(rng, 4)
        values = {name: VALUES[name] for name in parse(text).inputs}
        assert float(parse(text)(values)[0]) == eval(text, {"tanh": math.tanh}, VALUES)


def test_gradients_flow_through_a_formula():
    values = {name: cr.Value(v) for name, v in VALUES.items()}
    parse("(a*b + c) * f")(values)[0].backward()
    assert [v.grad for v in values.values()] == [6.0, -4.0, -2.0, 4.0]  # by hand: b·f, a·f, f, a·b + c


def test_inputs_are_in_the_order_of_their_first_use():
    assert list(parse("f*(c + a) - c*b").inputs) == ["f", "c", "a", "b"]


@pytest.mark.parametrize(
    "name", [p.name for p in REGISTRY.values() if p.jvp == ELEMENTWISE and len(p.inputs) <= 2 and not p.internal]
)
def test_every_elementwise_operation_of_one_or_two_numbers_can_be_called(name):
    count = len(REGISTRY[name].inputs)
    names = ["a", "b"][:count]
    values = dict(zip(names, [1.5, 2.5], strict=False))
    expected = plain(getattr(cr, name)(*map(cr.Value, values.values())))
    assert number(f"{name}({', '.join(names)})", **values) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("separator", [";", "; ", "\n", ";\n", "\r\n", "\n\n   "])
def test_statements_name_what_is_in_between(separator):
    text = separator.join(["d = a*b", "e = d + c", "e*f"])
    result, named = parse(text)({name: cr.Value(v) for name, v in VALUES.items()})
    assert (plain(result), {name: plain(v) for name, v in named.items()}) == (-8.0, {"d": -6.0, "e": 4.0})


def test_the_last_statement_may_have_a_name():
    result, named = parse("L = a*3")({"a": cr.Value(2.0)})
    assert named["L"] is result


def test_a_closing_semicolon_is_allowed():
    assert number("a*2;", a=4.0) == 8.0


@pytest.mark.parametrize("name", ["self", "values", "g", "x", "out", "_", "λ"])
def test_any_name_can_be_used(name):
    assert plain(parse(f"{name} * 2")({name: cr.Value(3.0)})[0]) == 6.0


def test_powers_overflow_to_infinity():
    assert number("9**9**9 * a", a=1.0) == math.inf


def test_division_by_zero_is_infinity():
    assert number("a/0", a=1.0) == math.inf


# ---- what it refuses


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a ^ 2", "^", "power is written **"),
        ("(a)^2", "^", "power is written **"),
        ("é*漢 + a^2", "^", "power is written **"),
        ("a × b", "×", "× is written *"),
        ("a*b²", "²", "² is written **2"),
        ("a − b", "−", "− is written -"),
        ("2a", "2", "write * between them"),
        ("1if*a", "1if", "write * between them"),
        ("a + 1.5e3or", "1.5e3or", "write * between them"),
        ("a*" + "1" * 400, "1" * 400, "beyond the largest number, 1.8e+308"),
        ("a + 1e400", "1e400", "beyond the largest number, 1.8e+308"),
        ("a b", "b", "cannot go on"),
        ("(a", "(", "never closed"),
        ("a)", ")", "unmatched"),
        ("a.b", "a.b", "not allowed"),
        ("a[0]", "a[0]", "not allowed"),
        ("a < b", "a < b", "not allowed"),
        ("a if b else c", "a if b else c", "not allowed"),
        ("[a]", "[a]", "not allowed"),
        ("'a'", "'a'", "not allowed"),
        ("a + True", "True", "not allowed"),
        ("2j*a", "2j", "not allowed"),
        ("~a", "~a", "not allowed"),
        ("a @ b", "a @ b", "not allowed"),
        ("(d := a)", "d := a", "not allowed"),
        ("lambda*2", "lambda", "a word of Python's"),
        ("class + 1", "class", "a word of Python's"),
        ("import os", "import os", "a statement is"),
        ("a = b = c", "a = b = c", "a statement is"),
        ("a += 1", "a += 1", "a statement is"),
        ("a(b + c)", "a", "to multiply, write a*"),
        ("a*b(c)", "b", "to multiply, write b*"),
        ("a + a(b)", "a(b)", "to multiply, write *"),
        ("(a + b)(c)", "a + b", "to multiply, write *"),
        ("tahn(a)", "tahn", "did you mean 'tan' or 'tanh'?"),
        ("max(a, b)", "max", "did you mean 'maximum'?"),
        ("ln(a)", "ln", "did you mean 'log'?"),
        ("sum(a)", "sum", "each value is one number"),
        ("tanh(a, b)", "tanh(a, b)", "takes 1 number, was given 2"),
        ("maximum(a)", "maximum(a)", "takes 2 numbers, was given 1"),
        ("tanh(*a)", "tanh(*a)", "without names or stars"),
        ("tanh(x=a)", "tanh(x=a)", "without names or stars"),
        ("tanh + a", "tanh", "is a function"),
        ("a*b; c", "a*b", "not used"),
        ("d = a*b; c", "d", "never used"),
        ("d = a; d = b; d", "d = b; d", "has a value already"),
        ("b = a + b; b", "b = a", "used to compute itself"),
        ("exp = a; exp", "exp = a", "the name of a function"),
        ("__import__('os').system('true')", "'os').system", "not allowed"),
        ("__import__(a).system(b)", "__import__(a).system", "only a function can be called"),
        ("eval(a)", "eval", "there is no function eval"),
        ("open(a)", "open", "there is no function open"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_points_at_the_place(text, place, words):
    error = refusal(text)
    assert words in str(error)
    start = text.rindex(place) if place == "d = b; d" else text.index(place)
    assert error.start == start


@pytest.mark.parametrize("text", ["", "   ", "\n", "# nothing"])
def test_an_empty_formula_is_refused(text):
    assert "is empty" in str(refusal(text))


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800", "\ufeff\u202ea*", "a\x1b[31m*"])
def test_odd_characters_are_refused_and_shown_harmlessly(text):
    assert str(refusal(text)).replace("\n", "").isprintable()


@pytest.mark.parametrize("text", ["-" * 9000 + "a", "+".join("a" * 4000), "2**" * 3000 + "a", "exp(" * 2000])
def test_nesting_without_end_is_refused_politely(text):
    assert "nested" in str(refusal(text))


def test_one_operation_more_than_the_limit_is_refused():
    assert f"more than {expression.DEPTH} operations are nested" in str(refusal("-" * (expression.DEPTH + 1) + "a"))


def test_a_sum_of_150_terms_is_no_nesting_without_end():
    assert number("+".join("a" * 150), a=2.0) == 300.0


def test_a_formula_of_10001_characters_is_refused():
    assert "10,001 characters" in str(refusal("a" + " " * 9_999 + "+"))


def test_the_deepest_allowed_formula_does_not_exhaust_the_stack():
    assert number("-" * expression.DEPTH + "a", a=1.0) == 1.0


# ---- how the place is shown


def lines(text):
    return str(refusal(text)).split("\n")


def test_carets_stand_below_the_place():
    assert lines("d = a*b; d + tahn(c)")[1:] == ["    d = a*b; d + tahn(c)", "                 ^^^^"]


def test_only_the_line_with_the_mistake_is_shown():
    assert lines("d = a*b\n  d ^ 2")[1:] == ["    d ^ 2", "      ^"]


def test_wide_characters_take_two_columns():
    assert lines("漢字 ^ 2")[1:] == ["    漢字 ^ 2", "         ^"]


def test_a_long_line_is_cut_around_the_place():
    shown, carets = lines("+".join(["a"] * 80) + " ^ 2" + "+b" * 100)[1:]
    assert len(shown) < 120
    assert shown[carets.index("^")] == "^"


# ---- values


def test_missing_values_are_named_together():
    with pytest.raises(ExpressionError, match="b, c have no value: add b=… c=…"):
        parse("a*b + c")({"a": 1.0})


def test_a_missing_value_is_pointed_at():
    with pytest.raises(ExpressionError) as caught:
        parse("a*b + c")({"a": 1.0, "b": 1.0})
    assert caught.value.start == 6


# ---- anything at all


def error_of(text):
    """The ExpressionError that a text gives, or None; any other error passes through."""
    try:
        parse(text)
    except ExpressionError as error:
        return error


@pytest.mark.parametrize("word", "and else for if in is not or".split())
@pytest.mark.parametrize("number", ["1", "1.", ".5", "1e5", "1e-5", "0x1f", "0b1", "1_0", "2j"])
def test_a_number_glued_to_a_word_is_refused_without_a_warning(number, word):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of Python's own reader
        assert isinstance(error_of(f"{number}{word} a"), ExpressionError)


@pytest.mark.filterwarnings("error")
def test_random_text_raises_nothing_but_its_own_error():
    rng = random.Random(1)
    pieces = [
        *"ab2 .+-*/%^();=,'\"\n#[]{}:!~@<>&|\\é×\x00\ud800_",
        "exp",
        "**",
        "lambda",
        "tanh(",
        "1e9",
        "0x",
        "if",
        "漢",
        "\t",
    ]
    texts = ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 16))) for _ in range(4000)]
    refused = [error for text in texts if (error := error_of(text))]
    assert 50 < len(refused) < 3950


@pytest.mark.filterwarnings("error")
def test_damaged_formulas_raise_nothing_but_their_own_error():
    rng = random.Random(2)
    good = "d = tanh(a*b) + c; e = d**2 / (1 + exp(-f)); maximum(d, e) % 3"
    for _ in range(2000):
        text = list(good)
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.choice("ab(); =*^.'\n\x00é")
        error = error_of("".join(text))
        assert error is None or 0 <= error.start < error.stop


def test_the_activations_can_be_called_but_no_other_operation_that_is_not_public():
    assert "step" in expression.functions()
    assert "tanh_back" not in expression.functions()
