"""Whether a changed rule gives the same bits as before: then the change is none, such as another number in a branch not taken."""

import numpy as np
from rule_checks import function_of_reals, is_scalar, of_numbers, real_inputs

import chainrule as cr
from chainrule.autograd.samples import cases

DRAWS = 15  # for each case and dtype
PLACES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, 50.5, -50.5, 300.0, 1000.5, 6e4, 3e38, 1.7e308, 1e-7, 1e-42, 1e-312,
          1e-30, -1e-30, 1e30, -1e30, np.inf, -np.inf, np.nan]  # fmt: skip
NUMBERS = [0, 1, 2, -1, 0.3, 0.5, -0.75, 1e5, 32768.3]


def _changed(a, way, rng):
    """Numbers of a sample, with special ones among them, all alike, in pairs, or of every size."""
    if a.dtype.kind != "f" or way == 0:
        return a
    if way == 1:
        return np.where(rng.random(a.shape) < 0.4, rng.choice(PLACES, a.shape), a)
    if way == 2:
        return np.full_like(a, rng.choice(PLACES))
    if way == 3:
        return np.repeat(a.ravel(), 2)[: a.size].reshape(a.shape)
    return a * 10.0 ** rng.integers(-40, 40, a.shape)


def _parts(shares):
    return shares if isinstance(shares, tuple) else (shares,)


def derivatives(p, case, device, dtype, drawn):
    """Arrays: reverse mode, with an infinite gradient too, forward mode, second order; or the name of what was raised."""
    drawn = [a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn]  # what the dtype cannot hold is infinite
    f, xs = function_of_reals(p, case, device, dtype, drawn=drawn)

    def like(y, seed, size=1.0):
        numbers = np.random.default_rng(seed).uniform(0.5, 1.5, y.shape) * size
        return cr.Value(float(numbers)) if device == "scalar" else cr.tensor(numbers, dtype=dtype)

    def reverse(size):
        y, pull = cr.vjp(f, *xs)
        return _parts(pull(like(y, 1, size)))

    def second(power):
        def along(*xs):
            y, pull = cr.vjp(f, *xs)
            shares = _parts(pull(like(y, 1) * y**power))
            return sum(((g * like(g, 2)).sum() for g in shares), 0.0)

        return _parts(cr.grad(along, tuple(range(len(xs))))(*xs))

    ways = [
        lambda: reverse(1.0),
        lambda: reverse(np.inf),
        lambda: [cr.jvp(f, xs, [like(x, 3) for x in xs])[1]],
        *(lambda power=power: second(power) for power in (0, 0.5, 1)),
    ]
    return [array for way in ways for array in _tried(way)]


def _tried(function):
    try:
        return [np.asarray(a.numpy()) for a in function()]
    except Exception as error:
        return [type(error).__name__]


def everything(p):
    """All derivatives of an operation over its sample."""
    results = []
    with np.errstate(all="ignore"):
        for case in cases(p):
            rng = np.random.default_rng(0)
            for k in range(DRAWS):
                drawn = [np.asarray(_changed(a, k % 5, rng)) for a in case.draw(rng)]
                for dtype in ("float64", "float32", "float16"):
                    results += derivatives(p, case, "cpu", dtype, drawn)
        if is_scalar(p):
            rng = np.random.default_rng(1)
            for k in range(2 * DRAWS):
                drawn = [np.asarray(_changed(a, k % 5, rng)) for a in of_numbers(p).draw(rng)]
                results += derivatives(p, of_numbers(p), "scalar", "float64", drawn)
            for i in range(len(p.inputs)):
                results += [a for number in NUMBERS for a in _beside(p, i, number)]
    return results


def _beside(p, i, number):
    """The gradients where operand i is a plain number."""
    drawn = cases(p)[0].draw(np.random.default_rng(2))
    others = [k for k in real_inputs(p) if k != i]
    if not others:
        return []

    def f(*xs):
        return p.call(*(number if k == i else xs[others.index(k)] if k in others else a for k, a in enumerate(drawn)))

    def gradients():
        y, pull = cr.vjp(f, *(cr.tensor(drawn[k]) for k in others))
        return _parts(pull(cr.ones_like(y)))

    return _tried(gradients)


def _same(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


class Equality:
    """Compares changed rules with the unchanged ones, whose results it keeps."""

    def __init__(self):
        self.known = {}

    def unchanged(self, mutant):
        """How many numbers were the same bits, or 0 if one was not."""
        compared = 0
        for p in mutant.primitives:
            if p.name not in self.known:
                self.known[p.name] = everything(p)
            before = self.known[p.name]
            with mutant.apply():
                after = everything(p)
            if len(before) != len(after) or not all(map(_same, before, after)):
                return 0
            compared += sum(a.size for a in before if not isinstance(a, str))
        return compared
