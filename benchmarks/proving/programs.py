"""Random programs, run by chainrule and by other libraries: values, gradients, second derivatives and forward mode."""

import warnings
from collections import Counter

import numpy as np

import chainrule as cr

from .draw import draw
from .oracles import ORACLES
from .steps import STEPS

TOLERANCE = {
    "float64": 1e-9,
    "float32": 2e-3,
}  # relative to the largest element; float32 takes part in a program's steps


def near(ours, theirs, tolerance):
    """The error in units of the tolerance, which is relative to the largest element or to 1; inf where ours is nan."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if ours.shape != theirs.shape:
        raise ValueError(f"the shape is {ours.shape}, not {theirs.shape}")
    if not theirs.size:
        return 0.0
    errors = np.abs(ours - theirs) / (tolerance * max(1.0, np.abs(theirs).max()))
    return float(np.where(np.isnan(errors), np.inf, errors).max())


class Ours:
    """What chainrule has for {order: lists of arrays}, computed when it is asked for."""

    def __init__(self, program, w, us):
        self.xs, self.us, self.every = program.inputs, us, tuple(range(len(us)))
        self.out = lambda *xs: program.run(lambda name: STEPS[name][0], *xs)
        self.weighed = lambda *xs: (self.out(*xs) * w).sum()
        self.gradient = cr.grad(self.weighed, self.every)

    def __getitem__(self, order):
        if order == "value":
            return [self.out(*map(cr.tensor, self.xs)).numpy()]
        if order == "forward mode":
            return [cr.jvp(self.weighed, self.xs, self.us)[1].numpy()]
        gradient = self.gradient
        if order == "second order":
            along = lambda *xs: sum((g * u).sum() for g, u in zip(self.gradient(*xs), self.us, strict=True))
            gradient = cr.grad(along, self.every)
        return [a.numpy() for a in gradient(*self.xs)]


def compare(program, oracle, rng):
    """{order: error in tolerances}; orders that nothing reaches, and those that the oracle has as inf or nan, lack."""
    mixed = any(a.dtype == np.float32 for a in program.inputs) or "float32" in str(program.steps)
    tolerance, errors = TOLERANCE["float32" if mixed else "float64"], {}
    shape = program.run(lambda name: STEPS[name][0], *map(cr.tensor, program.inputs)).shape
    w = rng.uniform(0.5, 1.5, shape)
    us = [rng.uniform(0.5, 1.5, a.shape).astype(a.dtype) for a in program.inputs]
    ours, theirs = Ours(program, w, us), oracle(program, w, us)
    if theirs is None:
        return errors
    sizes = {}  # rounding comes with the size of what is added up
    if "gradient" in theirs:
        sizes["forward mode"] = sum(float(np.abs(g * u).sum()) for g, u in zip(theirs["gradient"], us, strict=True))
        sizes["second order"] = max(float(np.abs(g).max()) for g in theirs["gradient"])
    for order, arrays in theirs.items():
        if order != "value" and not all(np.isfinite(a).all() for a in arrays):
            break
        size = max(1.0, sizes.get(order, 1.0))
        pairs = zip(ours[order], arrays, strict=True)
        errors[order] = max(near(a / size, b / size, tolerance) for a, b in pairs)
    return errors


def sweep(count, seed=0, oracles=ORACLES):
    """({oracle: how many programs agreed to each order}, those that did not, how often each step took part)."""
    agreed, faults, steps = {name: Counter() for name in oracles}, [], Counter()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            program = draw(rng, int(rng.integers(2, 9)))
            for name, (oracle, one_in) in oracles.items():
                if k % one_in:
                    continue
                try:
                    errors = compare(program, oracle, np.random.default_rng([seed, k, 1]))
                except Exception as error:
                    faults.append((k, f"{name}: {type(error).__name__}: {error}", program))
                    continue
                for order, error in errors.items():
                    agreed[name][order] += error <= 1
                    if error > 1:
                        faults.append((k, f"{order} is {_said(error)} {name}", program))
        steps.update({name for name, _, _ in program.steps})
    return agreed, faults, steps


NAN = "nan here, and a number in"


def _said(error):
    return NAN if np.isinf(error) else f"off by {error:.3g} tolerances from"


def section(quick):
    count = 300 if quick else 6000
    agreed, faults, steps = sweep(count)
    nans = sum(NAN in what for _, what, _ in faults)
    same = [f"- {name}: " + ", ".join(f"{order} of {n:,}" for order, n in c.items()) for name, c in agreed.items()]
    kinds = ", ".join(f"{name} {n:,}" for name, n in sorted(steps.items(), key=lambda item: -item[1]))
    return "\n".join(
        [
            f"{count:,} random programs of 2 to 9 steps against {' and '.join(ORACLES)}: broadcasting, views with negative steps, masks,",
            "repeated indices, reductions over one, several and all axes, products of all ranks, einsum with repeated letters, float32 beside",
            "float64, integers and booleans beside both. Compared are values, gradients, forward mode, and gradients of gradients, to",
            f"{TOLERANCE['float64']:g} of the largest element in float64, and {TOLERANCE['float32']:g} where float32 takes part. Orders that the other side has as inf",
            "or nan, and results that no input reaches, are not compared. JAX compiles each program anew, so it is asked for one in ten,"
            if len(ORACLES) > 1
            else "or nan, and results that no input reaches, are not compared. JAX is not installed here.",
            *(["and not for those whose shapes depend on values."] if len(ORACLES) > 1 else []),
            "",
            "The same as",
            "",
            *same,
            "",
            f"**Different: {len(faults) - nans}. {NAN.capitalize()} the other: {nans}**, at kinks whose second derivatives are not known.",
            *[f"- program {k}: {what.splitlines()[0]}. {program}" for k, what, program in faults[:20]],
            "",
            f"<details><summary>in how many programs each step took part</summary>\n\n{kinds}\n\n</details>",
        ]
    )
