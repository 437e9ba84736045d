"""Every operation on every backend, in every dtype and to every order: the worst error, in units of the dtype's eps.

The truth is the operation's array code in 80-bit numbers, and differences of sixth order of it; in it no gradient rule
takes part. Errors are relative to the largest element of the result.
"""

from itertools import product

import device_double
import numpy as np
from rule_checks import function_of_reals, is_scalar, of_numbers, real_inputs

import chainrule as cr
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases
from chainrule.backends.gpu import Cuda

ORDERS = ["value", "reverse", "forward", "second"]
DTYPES = ["float64", "float32", "float16"]
STEP, SECOND_STEP = np.longdouble(3e-4), np.longdouble(1e-3)
POINTS = [(3, 1 / 60), (2, -9 / 60), (1, 45 / 60)]  # of the sixth-order central difference


def slope(f, h):
    """The derivative at 0 of a function of one number, an array."""
    return sum(weight * (f(k * h) - f(-k * h)) for k, weight in POINTS) / h


class Truth:
    """Value, gradient, directional derivative and second order of Σ w · p(...) in 80-bit numbers."""

    def __init__(self, p, case, drawn, real, w, vs):
        self.p, self.case, self.real = p, case, real
        self.w, self.vs = np.asarray(w, dtype=np.longdouble), vs
        for kind in (np.longdouble, np.float64):
            self.xs = [np.asarray(a, dtype=kind) if i in real else a for i, a in enumerate(drawn)]
            try:
                self.value()
                break
            except KeyError:  # code that looks its constants up by dtype
                pass
        self.steps = [np.maximum(1, np.abs(a)) if i in real else None for i, a in enumerate(self.xs)]

    def value(self, moved=()):
        xs = list(self.xs)
        for i, step in moved:
            xs[i] = np.asarray(xs[i] + step, dtype=xs[i].dtype)
        return np.asarray(self.p.fn(np, *xs, **{**self.p.defaults, **self.case.options}))

    def gradient(self, moved=(), h=STEP):
        found = []
        for i in self.real:
            g = np.zeros(self.xs[i].shape, dtype=np.longdouble)
            for at in np.ndindex(g.shape):
                unit = np.zeros_like(g)
                unit[at] = self.steps[i][at]
                g[at] = (
                    slope(lambda t, i=i, unit=unit: (self.w * self.value([*moved, (i, t * unit)])).sum(), h) / unit[at]
                )
            found.append(g)
        return found

    def forward(self, h=STEP):
        return slope(lambda t: self.value([(i, t * v) for i, v in zip(self.real, self.vs, strict=True)]), h)

    def second(self, h=SECOND_STEP):
        """The gradient's derivative along vs, which is the Hessian times vs."""
        along = lambda t, k: self.gradient([(i, t * v) for i, v in zip(self.real, self.vs, strict=True)], h)[k]
        return [slope(lambda t, k=k: along(t, k), h) for k in range(len(self.real))]


def measured(p, case, device, dtype, drawn, w, vs):
    """The same four from chainrule, as lists of arrays."""
    f, inputs = function_of_reals(p, case, device, dtype, drawn=drawn)
    seed = cr.Value(float(w)) if device == "scalar" else cr.tensor(w, device=device, dtype=dtype)
    along = [cr.Value(float(v)) if device == "scalar" else cr.tensor(v, device=device, dtype=dtype) for v in vs]
    value, pull = cr.vjp(f, *inputs)
    many = lambda shares: shares if isinstance(shares, tuple) else (shares,)

    def slope(*xs):  # g · v: its gradient is the Hessian times v
        parts = [g * v for g, v in zip(many(cr.vjp(f, *xs)[1](seed)), along, strict=True)]
        return sum((part if device == "scalar" else part.sum() for part in parts), 0.0)

    second = cr.grad(slope, tuple(range(len(inputs))))(*inputs)
    results = [value], many(pull(seed)), [cr.jvp(f, inputs, along)[1]], second
    return [[a.numpy() for a in arrays] for arrays in results]


def error(given, truth, dtype):
    """The worst error of a list of arrays in units of eps, relative to the largest element of the truth."""
    eps, worst = float(np.finfo(dtype).eps), 0.0
    size = max((float(np.abs(t).max(initial=0.0)) for t in truth), default=0.0)
    for a, t in zip(given, truth, strict=True):
        if np.shape(a) != np.shape(t):
            return np.inf
        off = np.abs(np.asarray(a, dtype=np.longdouble) - t).max(initial=0.0)
        worst = max(worst, float(off / (size if size > 1e-9 else 1.0)) / eps)
    return worst if worst == worst else np.inf


def _near_kink(p, drawn):
    """Whether the steps of the differences would cross a kink or jump that the declared samples do not keep away from."""
    distance = {
        "maximum": lambda: drawn[0] - drawn[1],
        "minimum": lambda: drawn[0] - drawn[1],
        "rint": lambda: drawn[0] % 1 - 0.5,
    }.get(p.name)
    return distance is not None and bool(np.abs(distance()).min(initial=1.0) < 0.05)


def row(p):
    """{(backend, dtype, order): worst error over the operation's cases}, and whether the device double gives cpu's bits."""
    worst, same = {}, True
    wanted = [("cpu", d, c) for d, c in product(DTYPES, cases(p))]
    wanted += [("scalar", "float64", of_numbers(p))] if is_scalar(p) else []
    for k, (device, dtype, case) in enumerate(wanted):
        rng, real = np.random.default_rng(k + 1), list(real_inputs(p) if not p.variadic else range(len(case.shapes)))
        drawn = case.draw(rng)
        while _near_kink(p, drawn):
            drawn = case.draw(rng)
        drawn = [np.asarray(a.astype(dtype) if i in real else a) for i, a in enumerate(drawn)]
        with np.errstate(all="ignore"):
            shape = np.shape(p.fn(np, *drawn, **{**p.defaults, **case.options}))
            w = rng.uniform(0.5, 1.5, shape).astype(dtype)
            vs = [rng.uniform(0.5, 1.5, drawn[i].shape).astype(dtype) for i in real]
            truth = Truth(p, case, drawn, real, w, vs)
            expected = [truth.value()], truth.gradient(), [truth.forward()], truth.second()
            given = measured(p, case, device, dtype, drawn, w, vs)
            if device == "cpu":
                double = measured(p, case, "strict", dtype, drawn, w, vs)
                for mine, theirs in zip(given, double, strict=True):
                    same = same and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(mine, theirs, strict=True))
        for order, a, t in zip(ORDERS, given, expected, strict=True):
            key = device, dtype, order
            worst[key] = max(worst.get(key, 0.0), error(a, t, dtype))
    return worst, same


def section(quick):
    cr.backends.register("strict", Cuda(device_double.cupy))
    operations = [p for p in REGISTRY.values() if p.vjp and p.module.startswith("chainrule.")]
    operations = operations[::8] if quick else operations
    columns = [("cpu", d, o) for d, o in product(DTYPES, ORDERS)] + [("scalar", "float64", o) for o in ORDERS]
    lines, worst, failed, different = [], {}, [], []
    for p in operations:
        try:
            found, same = row(p)
        except Exception as problem:
            failed.append(f"{p.name} ({type(problem).__name__}: {problem})")
            continue
        if not same:
            different.append(p.name)
        for key, e in found.items():
            worst[key] = max(worst.get(key, (-1.0, "")), (e, p.name))
        lines.append(f"| {p.name} | " + " | ".join(f"{found[c]:.2g}" if c in found else "" for c in columns) + " |")
    head = "| | " + " | ".join(f"{'Value' if b == 'scalar' else d} {o}" for b, d, o in columns) + " |"
    summary = ["| | " + " | ".join(ORDERS) + " |", "|---" * 5 + "|"]
    for backend, dtype in [*(("cpu", d) for d in DTYPES), ("scalar", "float64")]:
        cells = [f"{e:.2g} ({name})" for e, name in (worst.get((backend, dtype, o), (0.0, "")) for o in ORDERS)]
        summary.append(f"| {backend}, {dtype} | " + " | ".join(cells) + " |")
    bits = (
        "gives the same bits as the CPU everywhere" if not different else "gives other bits for " + ", ".join(different)
    )
    return "\n".join(
        [
            f"{len(lines)} operations at the cases of their declarations: value, gradient in reverse mode, directional",
            "derivative in forward mode, and Hessian times vector (reverse over reverse). The truth is the operation's own array code",
            "in 80-bit numbers and sixth-order differences of it. Errors are relative to the result's largest element, in units of eps",
            "(2.2e-16, 1.2e-7, 9.8e-4). The differences have errors of their own: what stands under float64 beyond the value is mostly",
            "those (up to 1e4 eps, and 1e7 in second order, for code that works in float64 whatever it gets, such as erf and share). The worst:",
            "",
            *summary,
            "",
            f"The device double, which refuses what CuPy refuses, {bits}.",
            *([f"Could not be measured: {'; '.join(failed)}."] if failed else []),
            "",
            "<details><summary>every operation</summary>",
            "",
            head,
            "|---" * (len(columns) + 1) + "|",
            *lines,
            "",
            "</details>",
        ]
    )
