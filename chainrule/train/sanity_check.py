"""Checks of a model and a batch that find most mistakes before the first long run."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any, NamedTuple

import numpy as np

from ..autograd.arguments import whole
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import asarray, full_like, tensor
from ..nn.losses import cross_entropy, mse
from ..nn.module import Module
from ..optim.adam import Adam
from .evaluate import on_device_of
from .restore import restore_after
from .run import Run


class Finding(NamedTuple):
    """One check: what was tested, whether it passed, and what was found."""

    check: str
    ok: bool
    seen: str


class Report(list[Finding]):
    """The findings of sanity_check, as a list that reads as text.

    Fields:
        ok: whether every check passed.
    """

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self)

    def __repr__(self):
        return "\n".join(f"{'ok  ' if f.ok else 'FAIL'}  {f.check}: {f.seen}" for f in self)


def sanity_check(
    model: Module, batch: tuple[Any, Any], loss: Callable[..., Any] | None = None, steps: int = 300, lr: float = 0.01
) -> Report:
    """Check a model on one batch (x, y); afterwards model and random generators are restored.

    1. The loss at the start is near that of guessing: ln K for K classes, else that of the best of a few constants; not
       far above it (weights too large), nor far below (the target leaks into the input).
    2. Every parameter gets a gradient that is not all zero.
    3. The output depends on the input, and each example's output on that example only.
    4. The model can overfit the batch: `steps` steps of Adam bring the loss below a tenth.

    Shape: x (n, …), y (n,) of class indices, or y as the output; n ≥ 2.
    Without `loss` it is cross-entropy for whole-numbered y and mean squared error for others.

    Returns a Report: a list of findings; report.ok says whether every check passed.
    Raises: ArgumentError if the batch is no pair or has fewer than two examples; what the model raises.
    Source: the habits are collected in Karpathy, "A recipe for training neural networks" (2019).
    Example:
        >>> import chainrule as cr
        >>> cr.random.seed(0)
        >>> x, y = cr.random.normal(size=(16, 4)), cr.random.integers(3, size=16)
        >>> cr.sanity_check(cr.nn.MLP([4, 32, 3]), (x, y)).ok
        True
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ArgumentError("sanity_check: the batch must be a pair (x, y)")
    x, y = (asarray(a).detach() for a in on_device_of(model, batch))
    if not x.ndim or x.shape[0] < 2 or not y.ndim or y.shape[0] != x.shape[0]:
        raise ArgumentError(f"sanity_check: needs x and y of one length, at least 2, given {x.shape} and {y.shape}")
    whole("sanity_check", "steps", steps)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    loss = loss or (cross_entropy if y.dtype.kind in "iu" else mse)
    with restore_after(Run(model, loss, None, [], {}, {}, [])):  # type: ignore[arg-type]  # it takes no step
        model.eval()
        with no_grad():
            output = model(x)
            start = float(loss(output, y))
        report = Report([_start(loss, output, y, start)])
        report.append(_gradients(model, loss, x, y, named))
        reached = [(name, p) for name, p in named.items() if p.grad is not None]
        report += _dependence(model, x, output)
        report.append(_overfit(model, loss, x, y, start, reached, steps, lr))
    return report


def _start(loss, output, y, start):
    """Is the loss near that of guessing: all classes alike, or one number for every example?"""
    check = "loss at the start"
    if y.dtype.kind in "iu" and output.ndim == y.ndim + 1:
        guess, name = log(output.shape[-1]), f"ln {output.shape[-1]} = "
        high = 2 * guess + 1
    else:
        guess, name = min(_constant_losses(loss, output, y)), ""
        high = 3 * guess
    seen = f"{start:.4g}, guessing gives {name}{guess:.4g}"
    if not start <= high:  # also nan
        return Finding(check, False, seen + "; smaller initial weights, standardised inputs or targets help")
    if start < guess / 3:
        return Finding(check, False, seen + "; does the target leak into the input, or is the model trained already?")
    return Finding(check, True, seen)


def _constant_losses(loss, output, y):
    """The losses of models that output one number for every example: 0, a half, or the mean of y."""
    for number in (0.0, 0.5, float(y.to("float64").mean())):
        try:
            yield float(loss(full_like(output, number), y))
        except ArgumentError:  # the number is out of range for this loss
            continue


def _gradients(model, loss, x, y, named):
    """Does every parameter get a gradient?"""
    check = "every parameter gets a gradient"
    if not named:
        return Finding(check, False, "no parameter requires grad")
    for p in named.values():
        p.grad = None
    model.train()
    loss(model(x), y).backward()
    model.eval()
    missing = [name for name, p in named.items() if p.grad is None]
    zero = [name for name, p in named.items() if p.grad is not None and not np.any(_host(p.grad))]
    bad = [name for name, p in named.items() if p.grad is not None and not np.isfinite(_host(p.grad)).all()]
    faults = [(missing, "none"), (zero, "all zero"), (bad, "not finite")]
    faults = [f"{fault}: {', '.join(names)}" for names, fault in faults if names]
    return Finding(check, not faults, "; ".join(faults) or f"{len(named)} of {len(named)}")


def _host(g):
    return g.numpy() if hasattr(g, "numpy") else np.asarray(g)


def _dependence(model, x, output):
    """Does an output depend on its own input, and on that only?"""
    values = output.numpy().reshape(len(x), -1)
    depends = bool((values != values[:1]).any()) or bool((x.numpy() == x.numpy()[:1]).all())
    seen = "different inputs give different outputs" if depends else f"all {len(x)} examples give the same output"
    yield Finding("the output depends on the input", depends, seen)
    if x.dtype.kind != "f":
        return
    reached = [pair for i in (0, len(x) - 1) for pair in _reached(model, x, i)]
    seen = "no example reaches another"
    if reached:
        seen = f"output {reached[0][0]} depends on example {reached[0][1]}: an axis is mixed up"
    yield Finding("examples do not mix", not reached, seen)


def _reached(model, x, i):
    """(i, j) for the examples j, other than i, on which output i depends."""
    leaf = tensor(x.numpy(), device=x.device, requires_grad=True)
    try:
        model(leaf)[i].sum().backward()
    except GraphError:
        return []  # not differentiable with respect to the input
    if leaf.grad is None:
        return []
    moved = leaf.grad.numpy().reshape(len(x), -1).any(axis=1)
    return [(i, int(j)) for j in np.flatnonzero(moved) if j != i]


def _overfit(model, loss, x, y, start, parameters, steps, lr):
    """Can the model overfit the batch?"""
    check = "the model can overfit one batch"
    if not parameters:
        return Finding(check, False, "no parameter gets a gradient")
    optimizer, value = Adam(parameters, lr=lr), start
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        objective = loss(model(x), y)
        value = objective.item()
        if value < 0.1 * start:
            return Finding(check, True, f"loss {start:.4g} → {value:.4g} in {step - 1} steps")
        objective.backward()
        try:
            optimizer.step()
        except GraphError as error:
            return Finding(check, False, str(error))
    advice = "a larger model, another lr, or a look at the labels"
    return Finding(check, False, f"loss {start:.4g} → only {value:.4g} in {steps} steps; try {advice}")
