"""How formulas are written: the local derivative that a gradient rule states, with names or numbers put in, and LaTeX."""

import re
from functools import lru_cache

from ..lettering import readable

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_LOWERED = str.maketrans(_RAISED + "ˣʸ", "0123456789−xy")
_MARK = "[\U000f0000-\U0010ffff]"  # characters for private use
# words by which a rule says what no formula says
_IN_WORDS = re.compile(r"\b(?:where|when|at|with|if|else|of|the|in|along|back)\b")


def prose(content):
    """A rule, a symbol or a rate with true minus signs, as numbers have them.

    Example:
        >>> prose("dy = -g · x")
        'dy = −g · x'
    """
    return re.sub(r"(?<![^\W\d_])-|(?<=\de)-(?=\d)", "−", str(content))


def shown(values):
    """Values in one line: the number, the elements of a small array, or the shape and a summary of a larger one."""
    content = str(values)
    return content if not values.shape or content[0] == "[" else f"[{values.shape}: {content}]"


def bracketed(content, operators=(" + ", " − ")):
    """A number or formula as it stands after an operator: in brackets if it is negative, or a sum.

    Example:
        >>> bracketed("−2"), bracketed("1 − y"), bracketed("(1 − y)")
        ('(−2)', '(1 − y)', '(1 − y)')
    """
    depth, loose = 0, content[:1] == "−"
    for i, c in enumerate(content):
        depth += (c in "([") - (c in ")]")
        loose = loose or depth == 0 and content[i : i + 3] in operators
    return f"({content})" if loose else content


def product(factors):
    """`−2 · (1 / x) · (1 − y)`, given the factors."""
    if len(factors) == 1:
        return factors[0]
    first, *others = (f.removeprefix("−") if i == 0 else f for i, f in enumerate(factors))
    sign = "−" if factors[0][:1] == "−" else ""
    return sign + " · ".join(bracketed(f, (" + ", " − ", " / ")) for f in (first, *others))


def total(terms):
    """`4 + (−10)`, given the terms."""
    return " + ".join(f"({t})" if i and t[:1] == "−" else t for i, t in enumerate(terms))


@lru_cache(maxsize=512)
def factor(rule):
    """What an elementwise rule multiplies g by, as a formula; None where the rule needs words.

    Example:
        >>> factor("dx = g · y"), factor("dy = -g · x / y²"), factor("dx = g where x > 0, else 0 · g")
        ('y', '−x / y²', None)
    """
    formula = re.split(r", | = ", rule.partition(" = ")[2])[0]
    if "at least" in rule:  # a bound that the formula does not have
        return None
    sign, rest = ("−", formula[1:]) if formula[:1] == "-" else ("", formula)
    if rest in ("0", "g"):
        return sign + "1" if rest == "g" else "0"
    rest = re.sub(r"^g [·*] |^g(?= / )", lambda m: "1" if m[0] == "g" else "", rest)
    if rest == formula.removeprefix("-") or _IN_WORDS.search(rest) or rest.count("(") != rest.count(")"):
        return None
    return sign + re.sub(rf"[{_RAISED}]*[ˣʸ][{_RAISED}ˣʸ]*", _written_out, prose(rest))


def _written_out(raised):
    """`ʸ⁻¹` as `^(y − 1)`, so that a name can be put in."""
    exponent = raised[0].translate(_LOWERED)
    return "^" + (exponent if len(exponent) == 1 else f"({exponent[0]}{exponent[1:].replace('−', ' − ')})")


def mentioned(formula, names):
    """Those of the names that stand in a formula, in its order, each once.

    Example:
        >>> mentioned("y · x^(y − 1)", ["x", "y", "out"])
        ['y', 'x']
    """
    return [word for word in dict.fromkeys(re.findall("[A-Za-z_][A-Za-z0-9_]*", formula)) if word in names]


def filled(formula, names):
    """A formula with `names`, a dict of name → text, put in; nothing but the names changes.

    Example:
        >>> filled("2x", {"x": "−3"}), filled("x", {"x": "−3"}), filled("1 − tanh² x", {"x": "h"})
        ('2 · (−3)', '−3', '1 − tanh² h')
    """
    if formula in names:
        return names[formula]
    found = rf"(?<![A-Za-z_])({'|'.join(map(re.escape, names))})(?![A-Za-z0-9_])"

    def put(match):
        content, before, after = names[match[0]], formula[: match.start()][-1:], formula[match.end() :][:1]
        enclosed = before in ("", "(", "⌊") and after in ("", " ", ")")
        if any(c in content for c in " −+") and not enclosed:
            content = f"({content})"
        return " · " + content if before.isdigit() else content

    return re.sub(found, put, formula)


class Marks:
    """Stands for the names of nodes while formulas are put together: one character each, whatever the name.

    So a formula is built once, and written out twice: `text` puts the names in as they are, `latex` escapes them.
    """

    def __init__(self):
        self.labels = {}  # {character: name}
        self.nodes = {}  # {id of a node: character}

    def of(self, node):
        """What stands for a node: a character, or the number that it is."""
        if node.is_number:
            return node.label
        if node.id not in self.nodes:
            mark = chr(0xF0000 + len(self.nodes))  # no name has it, for names are made readable
            self.nodes[node.id], self.labels[mark] = mark, readable(node.label)
        return self.nodes[node.id]

    def text(self, formula):
        labels = {c: f"({label})" if " " in label else label for c, label in self.labels.items()}
        return "".join([labels.get(c, c) for c in formula])

    def latex(self, formula):
        """The formula as LaTeX that both KaTeX and MathJax read."""
        grouped = re.sub(r"(?<=[\^√])\(([^()]*)\)", r"⟨\1⟩", formula)  # here brackets only keep together
        grouped = re.sub(rf"(?<=[\^√])(−?(?:\d[\d.]*(?:e[−+]?\d+)?(?!\w)|(?:[^\W_]|{_MARK})+))", r"⟨\1⟩", grouped)
        return "".join(map(self._latex, _TOKEN.finditer(grouped))).strip()

    def _latex(self, token):
        kind, content = token.lastgroup, token[0]
        if kind == "fraction":
            above, below = (name(self.labels[content[i]]) for i in (1, 4))
            return rf"\frac{{\partial {above}}}{{\partial {below}}}"
        if kind == "array":
            rows = [" & ".join(map(self.latex, row.split(", "))) for row in content.strip("[]").split("], [")]
            return r"\begin{bmatrix}" + r" \\ ".join(rows) + r"\end{bmatrix}"
        if kind == "power":
            return f"^{{{content.translate(_LOWERED).replace('−', '-')}}}"
        if kind == "exponent":
            return rf" \cdot 10^{{{int(content[1:].replace('−', '-'))}}}"
        if kind == "words":
            return rf"\text{{ {content} }}"
        if kind == "word":
            return content if len(content) == 1 else name(content).replace("mathrm", "operatorname")
        if kind == "plain":
            return content
        return name(self.labels[content]) if content in self.labels else _SIGNS.get(content) or _part(content)


_FUNCTION = r"(?:sin|cos|tan|sinh|cosh|tanh|exp|log|ln|sign|mean|nan|inf)\b|[A-Za-z]+[(²_]"
_TOKEN = re.compile(
    rf"(?P<fraction>∂{_MARK}/∂{_MARK})"
    r"|(?P<array>\[\[[^][]*(?:\], \[[^][]*)*\]\]|\[[^][:]*\])"
    rf"|(?P<power>[{_RAISED}]+)"
    r"|(?P<exponent>(?<=\d)e[−+]\d+)"
    rf"|(?P<words>(?!{_FUNCTION})[A-Za-z]{{2,}}(?:,? (?!{_FUNCTION})[A-Za-z]{{2,}})*)"
    r"|(?P<word>[A-Za-z][A-Za-z_]*)"
    r"|(?P<plain>[0-9.]+|[-+=/(),|!:\[\] ])"
    r"|(?P<sign>√⟨|\^⟨|.)",
    re.DOTALL,
)
_SIGNS = {
    "·": r"\cdot ", "−": "-", "@": r"\,", "⊗": r"\otimes ", "×": r"\times ", "ᵀ": r"^{\top}", "π": r"\pi ", "Σ": r"\sum ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "→": r"\to ", "…": r"\dots ", "√": r"\surd ", "√⟨": r"\sqrt{", "^⟨": "^{", "⟨": "{", "⟩": "}", "∞": r"\infty ",
}  # fmt: skip
_SPECIAL = {c: "\\" + c for c in "#$%&_{}"} | {
    "\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}", "<": r"\lt{}", ">": r"\gt{}", " ": r"\ "
}  # fmt: skip


def name(content):
    r"""A name as LaTeX, whatever characters it has.

    Example:
        >>> print(name("w1"), name("layers.0.weight"), name("a_b"))
        w_{1} \mathrm{layers.0.weight} \mathrm{a\_b}
    """
    if simple := re.fullmatch(r"([A-Za-z])_?([0-9]*)", content):
        return simple[1] + (f"_{{{simple[2]}}}" if simple[2] else "")
    parts = re.findall(r"[A-Za-z0-9.]+|[#$%&_{}\\^~<> ]|[^A-Za-z0-9.#$%&_{}\\^~<> ]+", content)
    return r"\mathrm{" + "".join(map(_part, parts)) + "}"


def _part(part):
    if part[0].isascii() and part[0].isalnum() or part[0] == ".":
        return part
    return _SPECIAL.get(part) or rf"\text{{{part}}}"
