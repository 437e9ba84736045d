"""What a written formula is worth, computed by Python itself: the text, read as Python, on floats."""

import math
import re

SIGNS = {"−": "-", "·": "*", "^": "**", "²": "**2", "≤": "<=", "≥": ">=", "≠": "!=", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")",
         "π": "pi", "∞": "inf", " mod ": " % ", ", else ": " else ", " where ": " if "}  # fmt: skip


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


KNOWN = {
    f: getattr(math, f)
    for f in "exp expm1 log log1p log2 log10 sin cos tan sinh cosh tanh pi inf nan isnan isfinite copysign hypot".split()
}
KNOWN |= {f"arc{f}": getattr(math, f"a{f}") for f in "sin cos tan sinh cosh tanh".split()}
KNOWN |= {
    "arctan2": math.atan2, "max": max, "min": min, "round": round, "floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt, "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0), "logaddexp": lambda x, y: math.log(math.exp(x) + math.exp(y)), "sigmoid": sigmoid,
    "clip": lambda x, low, high: min(max(x, low), high),
}  # fmt: skip


def python(text):
    """A formula as Python reads it."""
    text = re.sub(r"√(\w+|\()", lambda m: f"sqrt{m[1]}" if m[1] == "(" else f"sqrt({m[1]})", text)
    text = re.sub(r"ln (\d+)", r"log(\1)", text).replace(" = ", " == ")
    while "|" in text:
        text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    for sign, other in SIGNS.items():
        text = text.replace(sign, other)
    return text


def value(text, **given):
    """The value of a formula as written, where its letters are these floats."""
    return float(eval(compile(python(text), text[:100], "eval"), {**KNOWN, **given}))
