"""Derivations as LaTeX: formulas, matrices, and any name, which stays harmless in the text too."""

import re

import pytest
from graphs import karpathy

import chainrule as cr

NASTY = [
    "<script>alert(1)</script>",
    '"];',
    "ends in \\",
    "\\N\\G\\n",
    "&#1; &lt;b&gt;",
    "a_b^c~d",
    "100 % {} $x$",
    "\\end{aligned}",
    "emoji 👩\u200d🔬",
    "ŷ",
    "∂L/∂x",
    "}{|",
    "[[1, 2]]",
    "two\nlines",
    "-",
    "x" * 10_000,
]


def latex(y, name, **names):
    return cr.trace(y, {**names, "y": y}).derivation(name).latex


def braces(tex):
    """How deep the braces go that are no text; fails where one closes too much."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", tex.replace("\\\\", "")):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    return depth


@pytest.fixture(name="product")
def _product():
    return karpathy()


# ---- LaTeX


def test_latex_of_one_path(product):
    assert product.derivation("a").latex.splitlines() == [
        r"\begin{aligned}",
        r"\frac{\partial L}{\partial a} &= \frac{\partial L}{\partial d} \cdot \frac{\partial d}{\partial e} \cdot \frac{\partial e}{\partial a} \\",
        r"&= f \cdot 1 \cdot b \\",
        r"&= -2 \cdot 1 \cdot (-3) \\",
        r"&= 6",
        r"\end{aligned}",
    ]


def test_a_notebook_shows_the_latex(product):
    derivation = product.derivation("a")
    assert derivation._repr_latex_() == f"$${derivation.latex}$$"


def test_a_digit_becomes_an_index():
    w1 = cr.Value(2.0, "w1")
    assert r"\partial w_{1}" in latex(cr.exp(w1), "w1")


def test_an_exponent_is_raised():
    x, n = cr.Value(-2.0, "x"), cr.Value(3.0, "n")
    assert r"&= n \cdot x^{n - 1} " in latex(x**n, "x")


def test_a_negative_number_is_raised_in_brackets():
    x = cr.Value(-2.0, "x")
    assert r"&= 3 \cdot (-2)^{3 - 1} " in latex(x**3, "x")


def test_a_root_spans_a_decimal():
    x = cr.Value(2.5, "x")
    assert r"\frac{\frac{1}{\sqrt{2.5 - 1}}}{\sqrt{2.5 + 1}}" in latex(cr.arccosh(x), "x")


def test_about_is_written_as_such():
    x = cr.Value(0.123456, "x")
    assert r"&\approx 0.09450" in latex(x * 0.1234567 * 0.7654321, "x")


def test_an_outer_product_has_its_sign():
    x, v = cr.ones((2, 3), requires_grad=True), cr.tensor([1.0, 2.0, 3.0])
    assert r"\otimes v" in latex((x @ v).sum(), "x", x=x, v=v)


def test_a_root_spans_its_argument():
    x = cr.Value(0.5, "x")
    assert r"\frac{1}{\sqrt{1 - x^{2}}}" in latex(cr.arcsin(x), "x")


def test_functions_are_upright():
    x = cr.Value(0.5, "x")
    assert r"\operatorname{sign}(x)" in latex(cr.absolute(x), "x")
    assert r"\cos(x)" in latex(cr.sin(x), "x")


def test_a_power_of_ten_is_written_as_one():
    x = cr.Value(1e-9, "x")
    assert r"&= 2 \cdot 10^{-9}" in latex(cr.square(x), "x")


def test_a_power_of_ten_is_raised_in_brackets():
    x = cr.Value(1e-9, "x")
    assert r"&= 1 + (1 \cdot 10^{-9})^{2}" in latex(cr.tan(x), "x")


def test_small_arrays_are_matrices():
    x, w = cr.tensor([[1.0, -2.0]]), cr.ones((2, 1), requires_grad=True)
    assert r"\begin{bmatrix}1 \\ -2\end{bmatrix}" in latex((x @ w).sum(), "w", x=x, w=w)


def test_a_transposed_matrix_is_marked():
    x, w = cr.tensor([[1.0, -2.0]]), cr.ones((2, 1), requires_grad=True)
    assert r"x^{\top} \," in latex((x @ w).sum(), "w", x=x, w=w)


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_any_name_leaves_the_braces_balanced(name):
    x = cr.Value(2.0, name)
    assert braces(latex(cr.tanh(x * x), 0)) == 0


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_any_name_adds_no_row_and_no_column(name):
    x, plain = cr.Value(2.0, name), cr.Value(2.0, "x")
    count = lambda tex: (tex.count("\\\\\n"), len(re.findall(r"(?<!\\)&", tex)), tex.count("\\end{"))
    assert count(latex(cr.tanh(x * x), 0)) == count(latex(cr.tanh(plain * plain), 0))


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_no_special_character_of_a_name_stays_unescaped(name):
    x = cr.Value(2.0, name)
    assert not re.search(r"(?<!\\)[#$%~<>]", latex(cr.exp(x), 0))


# ---- names in the text


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_any_name_stays_in_its_line(name):
    x, plain = cr.Value(2.0, name), cr.Value(2.0, "x")
    assert len(str(cr.trace(cr.exp(x)).derivation(0)).splitlines()) == len(
        str(cr.trace(cr.exp(plain)).derivation(0)).splitlines()
    )


def test_a_name_of_several_words_is_in_brackets():
    x = cr.Value(2.0)
    y = cr.exp(x)
    assert "∂y/∂(a = b)" in str(cr.trace(y, {"a": x, "b": x, "y": y}).derivation(0))
