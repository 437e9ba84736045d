"""Functions and their slopes over their whole range against 50 digits, in units in the last place."""

import mpmath as mp
import numpy as np

import chainrule as cr
from chainrule import nn

ONE, TWO = mp.mpf(1), mp.mpf(2)
ANY, POSITIVE = (-1, 1), (1,)


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _normal(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


# name: (function, exact value, exact slope, signs, smallest and largest |x|)
FUNCTIONS = {
    "exp": (cr.exp, mp.exp, mp.exp, ANY, 1e-6, 700),
    "expm1": (cr.expm1, mp.expm1, mp.exp, ANY, 1e-6, 700),
    "log": (cr.log, mp.log, lambda x: 1 / x, POSITIVE, 1e-30, 1e30),
    "log2": (cr.log2, lambda x: mp.log(x, 2), lambda x: 1 / x / mp.log(2), POSITIVE, 1e-30, 1e30),
    "log10": (cr.log10, mp.log10, lambda x: 1 / x / mp.log(10), POSITIVE, 1e-30, 1e30),
    "log1p": (cr.log1p, mp.log1p, lambda x: 1 / (1 + x), POSITIVE, 1e-30, 1e30),
    "sqrt": (cr.sqrt, mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), POSITIVE, 1e-30, 1e30),
    "square": (cr.square, lambda x: x * x, lambda x: 2 * x, ANY, 1e-15, 1e15),
    "sin": (cr.sin, mp.sin, mp.cos, ANY, 1e-6, 1e4),
    "cos": (cr.cos, mp.cos, lambda x: -mp.sin(x), ANY, 1e-6, 1e4),
    "tan": (cr.tan, mp.tan, lambda x: 1 + mp.tan(x) ** 2, ANY, 1e-6, 1.5),
    "arcsin": (cr.arcsin, mp.asin, lambda x: 1 / mp.sqrt((1 - x) * (1 + x)), ANY, 1e-6, 0.999999),
    "arccos": (cr.arccos, mp.acos, lambda x: -1 / mp.sqrt((1 - x) * (1 + x)), ANY, 1e-6, 0.999999),
    "arctan": (cr.arctan, mp.atan, lambda x: 1 / (1 + x * x), ANY, 1e-15, 1e15),
    "sinh": (cr.sinh, mp.sinh, mp.cosh, ANY, 1e-6, 700),
    "cosh": (cr.cosh, mp.cosh, mp.sinh, ANY, 1e-6, 700),
    "tanh": (cr.tanh, mp.tanh, lambda x: 1 / mp.cosh(x) ** 2, ANY, 1e-6, 350),
    "arcsinh": (cr.arcsinh, mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), ANY, 1e-15, 1e30),
    "arccosh": (cr.arccosh, mp.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), POSITIVE, 1.0001, 1e30),
    "arctanh": (cr.arctanh, mp.atanh, lambda x: 1 / ((1 - x) * (1 + x)), ANY, 1e-6, 0.999999),
    "sigmoid": (cr.sigmoid, _sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), ANY, 1e-6, 700),
    "softplus": (cr.softplus, lambda x: mp.log1p(mp.exp(x)), _sigmoid, ANY, 1e-6, 700),
    "erf": (cr.erf, mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), ANY, 1e-6, 26),
    "silu": (cr.silu, lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)), ANY, 1e-6, 700),
    "gelu": (cr.gelu, lambda x: x * _normal(x), lambda x: _normal(x) + x * _density(x), ANY, 1e-6, 37),
    "elu": (cr.elu, lambda x: x if x > 0 else mp.expm1(x), lambda x: ONE if x > 0 else mp.exp(x), ANY, 1e-6, 700),
    "cross_entropy of (x, 0), class 0": (
        lambda x: nn.cross_entropy(cr.stack([x, x * 0], axis=-1), np.zeros(x.shape, int), reduction="none"),
        lambda x: mp.log1p(mp.exp(-x)), lambda x: -_sigmoid(-x), ANY, 1e-6, 700,
    ),
    "bce_with_logits, class 0": (
        lambda x: nn.bce_with_logits(x, np.zeros(x.shape, x.dtype), reduction="none"),
        lambda x: mp.log1p(mp.exp(x)), _sigmoid, ANY, 1e-6, 700,
    ),
    "bce, class 0": (
        lambda x: nn.bce(x, np.zeros(x.shape, x.dtype), reduction="none"),
        lambda x: -mp.log1p(-x), lambda x: 1 / (1 - x), POSITIVE, 1e-10, 0.99,
    ),
    "softmax of (x, 0), first": (
        lambda x: cr.softmax(cr.stack([x, x * 0], axis=-1))[..., 0],
        _sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), ANY, 1e-6, 700,
    ),
    "norm of (x, 1)": (
        lambda x: cr.norm(cr.stack([x, x * 0 + 1], axis=-1), axis=-1),
        lambda x: mp.sqrt(x * x + 1), lambda x: x / mp.sqrt(x * x + 1), ANY, 1e-6, 1e30,
    ),
}  # fmt: skip


def in_ulps(given, exact, dtype):
    """The error of a number in units in the last place of the exact one; None where that is subnormal or overflows."""
    info = np.finfo(dtype)
    if not info.tiny < abs(exact) < info.max:
        return None
    if not np.isfinite(given):
        return np.inf
    exponent = int(mp.floor(mp.log(abs(exact), 2)))
    return float(abs(mp.mpf(float(given)) - exact) / TWO ** (exponent - info.nmant))


def worst(name, dtype, count):
    """((worst error of the value, at x), (worst of the slope, at x)) in ulp."""
    f, exact, slope, signs, low, high = FUNCTIONS[name]
    high = min(high, {"float32": 80, "float64": high}[dtype]) if high == 700 else high
    sizes = np.geomspace(low, high, count)
    sizes *= np.random.default_rng(0).uniform(0.97, 1.0, count)
    sizes = np.clip(sizes, low, high)
    x = np.concatenate([sign * sizes for sign in signs]).astype(dtype)
    t = cr.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(t)
        y.backward(cr.ones_like(y))
    results = []
    for given, truth in ((y.numpy(), exact), (t.grad.numpy(), slope)):
        errors = ((in_ulps(g, truth(mp.mpf(float(a))), dtype), float(a)) for g, a in zip(given, x, strict=True))
        results.append(max((e for e in errors if e[0] is not None), default=(0.0, 0.0)))
    return results


def section(quick):
    mp.mp.dps = 50
    lines, count = [], 60 if quick else 600
    for name in FUNCTIONS:
        cells = []
        for dtype in ("float32", "float64"):
            cells += [f"{error:.2f} at {x:.3g}" for error, x in worst(name, dtype, count)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            f"{count} numbers of either sign, spread over the range where the exact value is a normal number.",
            "",
            "| | float32 value | float32 slope | float64 value | float64 slope |",
            "|---" * 5 + "|",
            *lines,
        ]
    )
