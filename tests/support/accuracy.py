"""How far operations and their slopes are from the truth, in units in the last place (ulp): against 50 digits of mpmath."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY

try:
    import mpmath as mp
except ImportError:

    class Lacking:
        """In the place of mpmath: whoever calls it is skipped."""

        def __getattr__(self, name):
            return lambda *numbers: pytest.skip("could not import 'mpmath': No module named 'mpmath'")

    mp = Lacking()


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _sigmoid_slope(x):
    return _sigmoid(x) * _sigmoid(-x)


def _density(x):
    x = min(max(x, -10000), 10000)
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _normal(x):
    x = min(max(x, -10000), 10000)
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _flat(*_):
    return mp.mpf(0)


def _one(*_):
    return mp.mpf(1)


# name: (the function, its slope by each operand)
REFERENCES = {
    "add": (lambda x, y: x + y, _one, _one),
    "subtract": (lambda x, y: x - y, _one, lambda x, y: -1),
    "multiply": (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "divide": (lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x / y / y),
    "power": (lambda x, y: x**y, lambda x, y: y * x**y / x, lambda x, y: x**y * mp.log(x)),
    "power_slope": (
        lambda x, y: y * x**y / x,
        lambda x, y: y * (y - 1) * x**y / x / x,
        lambda x, y: x**y / x * (1 + y * mp.log(x)),
    ),
    "power_log": (
        lambda x, y: x**y * mp.log(x),
        lambda x, y: x**y / x * (1 + y * mp.log(x)),
        lambda x, y: x**y * mp.log(x) ** 2,
    ),
    "positive": (lambda x: x, _one),
    "negative": (lambda x: -x, lambda x: -1),
    "absolute": (abs, mp.sign),
    "sign": (mp.sign, _flat),
    "floor": (mp.floor, _flat),
    "ceil": (mp.ceil, _flat),
    "rint": (mp.nint, _flat),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "exp": (mp.exp, mp.exp),
    "expm1": (mp.expm1, mp.exp),
    "log": (mp.log, lambda x: 1 / x),
    "log2": (lambda x: mp.log(x) / mp.log(2), lambda x: 1 / (x * mp.log(2))),
    "log10": (mp.log10, lambda x: 1 / (x * mp.log(10))),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x)),
    "logaddexp": (
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        lambda x, y: _sigmoid(x - y),
        lambda x, y: _sigmoid(y - x),
    ),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda x: -mp.sin(x)),
    "tan": (mp.tan, lambda x: 1 / mp.cos(x) ** 2),
    "arcsin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x)),
    "arccos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x)),
    "arctan": (mp.atan, lambda x: 1 / (1 + x * x)),
    "arctan2": (mp.atan2, lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
    "hypot": (mp.hypot, lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
    "sinh": (mp.sinh, mp.cosh),
    "cosh": (mp.cosh, mp.sinh),
    "tanh": (mp.tanh, lambda x: 4 * _sigmoid_slope(2 * x)),
    "arcsinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x)),
    "arccosh": (mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1)),
    "arctanh": (mp.atanh, lambda x: 1 / (1 - x * x)),
    "maximum": (max, lambda x, y: x > y, lambda x, y: y > x),
    "minimum": (min, lambda x, y: x < y, lambda x, y: y < x),
    "relu": (lambda x: max(x, 0), lambda x: x > 0),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "softplus": (lambda x: max(x, 0) + mp.log1p(mp.exp(-abs(x))), _sigmoid),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "gelu": (lambda x: x * _normal(x), lambda x: _normal(x) + x * _density(x)),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x))),
    "step": (lambda x: x >= 0, _flat),
    "one_minus_square": (lambda x: 1 - x * x, lambda x: -2 * x),
    "normal_density": (_density, lambda x: -x * _density(x)),
}


def sample(dtype, arity, count=60, seed=0):
    """Columns of numbers of every size and both signs, half of them of ordinary size, and the ends of the range."""
    rng, info = np.random.default_rng(seed), np.finfo(dtype)
    shape = (arity, count)
    ordinary = 2 ** rng.uniform(-6, 7, shape)
    every = 2 ** rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), shape)
    x = np.where(rng.random(shape) < 0.6, ordinary, every) * rng.choice([-1.0, 1.0], shape)
    ends = [info.smallest_subnormal, info.tiny, info.eps, 1 - info.epsneg, 1, 1 + info.eps, info.max]
    ends = rng.permuted(np.tile(np.array([*ends, *(-e for e in ends)], dtype), (arity, 1)), axis=1)
    return np.concatenate([x.astype(dtype), ends], axis=1)


def ulps(given, exact, dtype):
    """The distance of a number of `dtype` from the exact one, in units in the last place; 0 where both overflow."""
    largest = float(np.finfo(dtype).max)
    if abs(exact) > largest:
        return 0.0 if abs(given) >= largest and (given > 0) == (exact > 0) else np.inf
    if not np.isfinite(given):
        return np.inf
    unit = np.spacing(np.asarray(min(abs(float(exact)), largest * (1 - 2 * float(np.finfo(dtype).eps))), dtype))
    return float(abs(mp.mpf(float(given)) - exact) / mp.mpf(float(unit)))


SMALL_RESULTS = {"logaddexp": 0.1}  # below, eˣ + eʸ is nearly 1, and its logarithm all rounding
NORMAL_RESULTS = {"divide", "arctan2", "hypot"}  # whose slopes use the result: it must not be subnormal


def worst_of(name, dtype, count=60):
    """(worst error forward, worst first order, where they are) of an elementwise operation over the range of `dtype`."""
    exact, *slopes = REFERENCES[name]
    columns = sample(dtype, len(slopes), count)
    inputs = [cr.tensor(c, requires_grad=True) for c in columns]
    with np.errstate(all="ignore"):
        out = REGISTRY[name].call(*inputs)
        out.backward(cr.ones_like(out))
    given = [out.numpy(), *(x.grad.numpy() for x in inputs)]
    worst, where = [0.0, 0.0], [None, None]
    with mp.workdps(50):
        for i, numbers in enumerate(columns.T):
            truth = _true(exact, numbers)
            if truth is None or abs(truth) < SMALL_RESULTS.get(name, 0):
                continue
            skip = name in NORMAL_RESULTS and abs(truth) < float(np.finfo(dtype).tiny)
            truths = [truth, *([] if skip else (_true(slope, numbers) for slope in slopes))]
            for k, number in enumerate(truths):
                error = 0.0 if number is None else ulps(given[k][i], number, dtype)
                if error > worst[k > 0]:
                    worst[k > 0], where[k > 0] = error, tuple(map(float, numbers))
    return *worst, where


# name: (second derivative by x twice, by x and y, by y twice), or their terms, where they differ; the others have none
SECOND = {
    "multiply": (_flat, _one, _flat),
    "divide": (_flat, lambda x, y: -1 / y**2, lambda x, y: 2 * x / y**3),
    "power": (
        lambda x, y: (y * y * x**y / x / x, -y * x**y / x / x),
        lambda x, y: (x**y / x, y * x**y / x * mp.log(x)),
        lambda x, y: x**y * mp.log(x) ** 2,
    ),
    "square": (lambda x: 2,),
    "exp": (mp.exp,),
    "expm1": (mp.exp,),
    "log": (lambda x: -1 / x**2,),
    "log2": (lambda x: -1 / x**2 / mp.log(2),),
    "log10": (lambda x: -1 / x**2 / mp.log(10),),
    "log1p": (lambda x: -1 / (1 + x) ** 2,),
    "logaddexp": tuple(lambda x, y, sign=sign: sign * _sigmoid_slope(x - y) for sign in (1, -1, 1)),
    "sqrt": (lambda x: -1 / (4 * x * mp.sqrt(x)),),
    "sin": (lambda x: -mp.sin(x),),
    "cos": (lambda x: -mp.cos(x),),
    "tan": (lambda x: 2 * mp.tan(x) / mp.cos(x) ** 2,),
    "arcsin": (lambda x: x / mp.sqrt(1 - x * x) ** 3,),
    "arccos": (lambda x: -x / mp.sqrt(1 - x * x) ** 3,),
    "arctan": (lambda x: -2 * x / (1 + x * x) ** 2,),
    "arctan2": (
        lambda x, y: -2 * x * y / mp.hypot(x, y) ** 4,
        lambda x, y: (x * x / mp.hypot(x, y) ** 4, -y * y / mp.hypot(x, y) ** 4),
        lambda x, y: 2 * x * y / mp.hypot(x, y) ** 4,
    ),
    "hypot": (
        lambda x, y: y * y / mp.hypot(x, y) ** 3,
        lambda x, y: -x * y / mp.hypot(x, y) ** 3,
        lambda x, y: x * x / mp.hypot(x, y) ** 3,
    ),
    "sinh": (mp.sinh,),
    "cosh": (mp.cosh,),
    "tanh": (lambda x: -8 * _sigmoid_slope(2 * x) * mp.tanh(x),),
    "arcsinh": (lambda x: -x / mp.sqrt(1 + x * x) ** 3,),
    "arccosh": (lambda x: -x / mp.sqrt(x * x - 1) ** 3,),
    "arctanh": (lambda x: 2 * x / (1 - x * x) ** 2,),
    "sigmoid": (lambda x: -_sigmoid_slope(x) * mp.tanh(x / 2),),
    "softplus": (_sigmoid_slope,),
    "erf": (lambda x: -4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x),),
    "gelu": (lambda x: (2 * _density(x), -x * x * _density(x)),),
    "silu": (lambda x: (2 * _sigmoid_slope(x), -x * mp.tanh(x / 2) * _sigmoid_slope(x)),),
}


def worst_second(name, dtype):
    """(worst error of second derivatives, where) of an elementwise operation, where its slopes are normal numbers.

    Left out are places near which terms cancel.
    """
    exact, *slopes = REFERENCES[name]
    columns, tiny, worst = sample(dtype, len(slopes), 40, seed=1), float(np.finfo(dtype).tiny), (0.0, None)
    seconds = SECOND.get(name, [_flat] * 3)
    given = {order: array for order, array in given_derivatives(name, columns).items() if len(order) == 2}
    for k, numbers in enumerate(columns.T):
        with mp.workdps(50):
            first = [_true(f, numbers) for f in (exact, *slopes)]
            if any(number is None or abs(number) < tiny and number for number in first):
                continue
            for order, array in given.items():
                terms = seconds[sum(order)](*(mp.mpf(float(v)) for v in numbers))
                terms = terms if isinstance(terms, tuple) else (terms,)
                truth = _true(lambda *_, terms=terms: mp.fsum(terms), numbers)
                if truth is None or abs(truth) < max(max(map(abs, terms)) / 8, 128 * tiny if truth else 0):
                    continue
                if (error := ulps(array[k], truth, dtype)) > worst[0]:
                    worst = error, order, tuple(map(float, numbers))
    return worst


def derivatives(name):
    """{operands that it is by: function of mpmath's numbers}: the operation itself is (), by x (0,), by x and y (0, 1) …"""
    exact, *slopes = REFERENCES[name]
    n = len(slopes)
    table = {(): exact} | {(i,): slope for i, slope in enumerate(slopes)}
    seconds = SECOND.get(name, [_flat] * (2 * n - 1))
    return table | {(i, j): (lambda *a, f=seconds[i + j]: _summed(f(*a))) for i in range(n) for j in range(n)}


def _summed(terms):
    return mp.fsum(terms) if isinstance(terms, tuple) else terms


def given_derivatives(name, columns):
    """The same, by our rules: arrays over the columns, one for each operand."""

    def call(*xs):
        return REGISTRY[name].call(*xs)

    def by(f, i):
        return cr.grad(lambda *xs: f(*xs).sum(), i)

    table, inputs = {(): call}, [cr.tensor(c) for c in columns]
    with np.errstate(all="ignore"):
        for i in range(len(columns)):
            table[i,] = by(call, i)
            table |= {(i, j): by(table[i,], j) for j in range(len(columns))}
        return {order: np.asarray(f(*inputs).numpy()) for order, f in table.items()}


def limit(function, numbers, i, end):
    """What a function comes to where operand i goes to `end`, ±inf or (from both sides) 0; None where that is not known."""
    found = set()
    for sign in (1, -1) if end == 0 else (1 if end > 0 else -1,):
        values = []
        for power in (100, 200):
            close = mp.mpf(10) ** (power if end else -power) * sign
            values.append(_true(function, [*numbers[:i], close, *numbers[i + 1 :]]))
        first, second = values
        if first is None or second is None or abs(second) < 1e-50:
            found.add(None if second is None else 0.0)
        elif abs(second) > 1.5 * abs(first):
            found.add(float(mp.sign(second)) * np.inf)
        else:
            found.add(0.0 if abs(second) < abs(first) / 1.5 else float(second))
    return found.pop() if len(found) == 1 else None


def _true(function, numbers):
    """The exact value as a real number, or None where there is none."""
    try:
        value = mp.mpmathify(function(*(v if isinstance(v, mp.mpf) else mp.mpf(float(v)) for v in numbers)))
    except (ValueError, ZeroDivisionError):
        return None
    return value if isinstance(value, mp.mpf) and mp.isfinite(value) else None


# ---- along an axis


def _shares(z):
    """(softmax(z), log Σ eᶻ less the largest), without a difference that 50 digits could not hold."""
    powers = [mp.exp(v - max(z)) for v in z]
    rest = sorted(powers)[:-1]
    return [p / mp.fsum(powers) for p in powers], mp.log1p(mp.fsum(rest))


def _others(a, i):
    return mp.fsum(v for j, v in enumerate(a) if j != i)


def rows(dtype, seed=1):
    """Logits of every size: like each other, confident, masked, and so large that their loss has no digit behind the point."""
    rng = np.random.default_rng(seed)
    sizes = np.array([0.1, 1, 10, 40, 1e3, 1e6])[:, None, None]
    ordinary = (rng.standard_normal((6, 4, 4)) * sizes + rng.standard_normal((6, 4, 1)) * sizes).reshape(-1, 4)
    special = [
        [20, 0, -3, 1],
        [0, 1e6 + 0.5, 1e6, 5],
        [30.1, -50.3, 7, 0.2],
        [60, 0, 0, 0],
        [0, -np.inf, 1, 2],
        [0.3, -80.4, -np.inf, 0.3],
    ]
    return np.concatenate([ordinary, special]).astype(dtype)


def worst_along_axis(dtype):
    """{function: (worst error forward, first order)} of softmax, its logarithm, logsumexp and the cross-entropies.

    First order is reverse mode, and of the first two forward mode as well.
    """
    table, z = {}, rows(dtype)
    n = z.shape[1]
    for k in range(n):
        index, hot = np.full(len(z), k), np.tile(np.eye(n, dtype=dtype)[k], (len(z), 1))
        soft = np.asarray(np.float32([0.125, 0.5, 0.25, 0.125]), dtype) + 0 * hot
        cases = {
            "cross_entropy": (lambda x, i=index: cr.nn.cross_entropy(x, i, "none"), hot, "loss"),
            "cross_entropy, one-hot probabilities": (
                lambda x, y=hot: cr.nn.cross_entropy(x, cr.tensor(y), "none"),
                hot,
                "loss",
            ),
            "cross_entropy, probabilities": (
                lambda x, y=soft: cr.nn.cross_entropy(x, cr.tensor(y), "none"),
                soft,
                "loss",
            ),
            "log_softmax": (lambda x, k=k: cr.log_softmax(x)[:, k], hot, "log"),
            "softmax": (lambda x, k=k: cr.softmax(x)[:, k], hot, "share"),
            "logsumexp": (lambda x: cr.logsumexp(x, axis=1), hot, "sum"),
        }
        for name, (function, target, kind) in cases.items():
            x = cr.tensor(z, requires_grad=True)
            with np.errstate(all="ignore"):
                out = function(x)
                out.sum().backward()
            worst = list(table.get(name, (0.0, 0.0)))
            for i, row in enumerate(z):
                with mp.workdps(50):
                    value, slopes = _along(
                        kind, [mp.mpf(float(v)) for v in row], [mp.mpf(float(t)) for t in target[i]], k
                    )
                    if mp.isfinite(value):
                        worst[0] = max(worst[0], ulps(out.numpy()[i], value, dtype))
                    worst[1] = max(
                        [
                            worst[1],
                            *(
                                ulps(g, s, dtype)
                                for g, s in zip(x.grad.numpy()[i], slopes, strict=True)
                                if s is not None
                            ),
                        ]
                    )
            table[name] = tuple(worst)
        for name, function in (("softmax", cr.softmax), ("log_softmax", cr.log_softmax)):
            pushed = cr.jvp(function, (cr.tensor(z),), (cr.tensor(hot),))[1].numpy()
            with mp.workdps(50):
                errors = [
                    ulps(given, (p[i] if name == "softmax" else 1) * (_others(p, k) if i == k else -p[k]), dtype)
                    for row, numbers in zip(z, pushed, strict=True)
                    for p in [_shares([mp.mpf(float(v)) for v in row])[0]]
                    for i, given in enumerate(numbers)
                ]
            table[name] = table[name][0], max(table[name][1], *errors)
    return table


def _along(kind, z, y, k):
    """(value, slopes); None where a slope is so near to 0, a probability so near to its target, that digits must be lost."""
    p, log_total = _shares(z)
    if kind == "sum":
        return max(z) + log_total, p
    if kind == "share":
        return p[k], [p[k] * (_others(p, k) if i == k else -p[i]) for i in range(len(z))]
    value = mp.fsum(t * (max(z) - v + log_total) for v, t in zip(z, y, strict=True) if t)
    slopes = [p[i] * _others(y, i) - y[i] * _others(p, i) for i in range(len(z))]
    if kind == "log":
        return -value, [-s for s in slopes]
    return value, [s if max(y) == 1 or abs(s) > max(p[i], y[i]) / 4 else None for i, s in enumerate(slopes)]


def worst_errors(dtype, count=60):
    """{operation: (worst error forward, worst error first order)} in units in the last place, over the whole range of `dtype`."""
    return {name: worst_of(name, dtype, count)[:2] for name in REFERENCES} | worst_along_axis(dtype)
