"""Random programs, run by chainrule and by PyTorch: values, gradients, second derivatives and forward mode."""

import warnings
from collections import Counter

import numpy as np
import torch

import chainrule as cr

from .draw import draw

TOLERANCE = {
    "float64": 1e-9,
    "float32": 2e-3,
}  # relative to the largest element; float32 takes part in a program's steps


def near(ours, theirs, tolerance):
    """The error in units of the tolerance, which is relative to the largest element or to 1."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if ours.shape != theirs.shape:
        return np.inf
    if not theirs.size:
        return 0.0
    errors = np.abs(ours - theirs) / (tolerance * max(1.0, np.abs(theirs).max()))
    return float(np.where(np.isnan(errors), np.inf, errors).max())


def compare(program, rng):
    """{order: error in tolerances}, and whether the other side is finite to each order; orders that nothing reaches lack."""
    kind = (
        "float32"
        if any(a.dtype == np.float32 for a in program.inputs) or "float32" in str(program.steps)
        else "float64"
    )
    tolerance, errors = TOLERANCE[kind], {}
    xs = [torch.tensor(a, requires_grad=True) for a in program.inputs]
    theirs = program.run(False, *xs)
    w = rng.uniform(0.5, 1.5, tuple(theirs.shape))

    def ours(*xs):
        return (program.run(True, *xs) * w).sum()

    errors["value"] = near(
        program.run(True, *map(cr.tensor, program.inputs)).numpy(), theirs.detach().numpy(force=True), tolerance
    )
    every = tuple(range(len(xs)))
    y = (theirs * torch.from_numpy(np.asarray(w))).sum()
    if not y.requires_grad:
        return errors
    g = torch.autograd.grad(y, xs, create_graph=True, materialize_grads=True)
    if not all(torch.isfinite(a).all() for a in g):
        return errors
    gradient = cr.grad(ours, every)
    got = gradient(*program.inputs)
    errors["gradient"] = max(
        near(a.numpy(), b.detach().numpy(force=True), tolerance) for a, b in zip(got, g, strict=True)
    )
    us = [rng.uniform(0.5, 1.5, a.shape).astype(a.dtype) for a in program.inputs]
    slope = sum(float((b.detach().numpy(force=True) * u).sum()) for b, u in zip(g, us, strict=True))
    size = max(1.0, sum(float(np.abs(b.detach().numpy(force=True) * u).sum()) for b, u in zip(g, us, strict=True)))
    errors["forward mode"] = near(cr.jvp(ours, program.inputs, us)[1].numpy() / size, slope / size, tolerance)
    total = sum((a * torch.from_numpy(np.asarray(u))).sum() for a, u in zip(g, us, strict=True))
    if total.requires_grad:
        h = torch.autograd.grad(total, xs, materialize_grads=True)
        if all(torch.isfinite(a).all() for a in h):
            second = cr.grad(lambda *xs: sum((a * u).sum() for a, u in zip(gradient(*xs), us, strict=True)), every)
            got = second(*program.inputs)
            scale = max(1.0, *(float(b.detach().abs().max()) for b in g))  # rounding comes with the gradient's size
            errors["second order"] = max(
                near(a.numpy() / scale, b.numpy(force=True) / scale, tolerance) for a, b in zip(got, h, strict=True)
            )
    return errors


def sweep(count, seed=0):
    """(how many programs agreed to each order, those that did not, how often each step took part)."""
    agreed, faults, steps = Counter(), [], Counter()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            program = draw(rng, int(rng.integers(2, 9)))
            try:
                errors = compare(program, rng)
            except Exception as error:
                faults.append((k, f"{type(error).__name__}: {error}", program))
                continue
        steps.update({name for name, _, _ in program.steps})
        for order, error in errors.items():
            agreed[order] += error <= 1
            if error > 1:
                faults.append((k, f"{order} is off by {error:.3g} tolerances", program))
    return agreed, faults, steps


def section(quick):
    count = 300 if quick else 6000
    agreed, faults, steps = sweep(count)
    orders = ", ".join(f"{order} of {n:,}" for order, n in agreed.items())
    kinds = ", ".join(f"{name} {n:,}" for name, n in sorted(steps.items(), key=lambda item: -item[1]))
    return "\n".join(
        [
            f"{count:,} random programs of 2 to 9 steps against PyTorch {torch.__version__}: broadcasting, views with negative steps, masks,",
            "repeated indices, reductions over one, several and all axes, products of all ranks, einsum with repeated letters, float32 beside",
            "float64, integers and booleans beside both. Compared are values, gradients, forward mode, and gradients of gradients, to",
            f"{TOLERANCE['float64']:g} of the largest element in float64, and {TOLERANCE['float32']:g} where float32 takes part. (Orders that PyTorch has as inf or nan, and",
            "results that no input reaches, are not compared. JAX is not installed here.)",
            "",
            f"The same: {orders}. **Different: {len(faults)}.**",
            *[f"- program {k}: {what.splitlines()[0]}. {program}" for k, what, program in faults[:20]],
            "",
            f"<details><summary>in how many programs each step took part</summary>\n\n{kinds}\n\n</details>",
        ]
    )
