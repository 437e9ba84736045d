"""The learning rate range test: a short run whose rate grows until the loss explodes; then everything is restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arguments import positive, whole
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.foreign import explaining
from ..autograd.grad_mode import no_grad
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .evaluate import on_device_of
from .inputs import batches_of, check_types, one_to_minimise
from .restore import restore_after
from .run import Run


class LRFind:
    """The outcome of lr_find.

    Fields:
        lrs: the learning rates that were tried, rising by a constant factor.
        losses: the loss of the batch before each step, minus that of the same batch with the initial weights, plus the mean
            of those over all batches: this removes the differences between batches.
        smoothed: the mean of each loss and its neighbours.
        suggestion: the rate at which the smoothed loss fell fastest: a good maximum to start with.
    """

    if TYPE_CHECKING:  # attached in chainrule/__init__.py

        def plot(self, ax: Any = None, **options: Any) -> Any: ...

    def __init__(self, lrs: list[float], losses: list[float], smoothed: list[float], suggestion: float):
        self.lrs, self.losses, self.smoothed, self.suggestion = lrs, losses, smoothed, suggestion

    def __repr__(self):
        return f"LRFind(suggestion={self.suggestion:.3g}, {len(self.lrs)} rates from {self.lrs[0]:.3g} to {self.lrs[-1]:.3g})"


@explaining
def lr_find(
    model: Module,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    data: Iterable[Any],
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    *,
    batch_size: int | None = 32,
    diverged: float = 4.0,
) -> LRFind:
    """Try learning rates from `start` to `end` in `steps` steps of training, and suggest one.

    The run ends early where the smoothed loss exceeds `diverged` times its lowest value. Afterwards model, optimiser and
    random generators are as before, to the bit, however it ends.

    `data` as in fit; it is repeated as often as needed. The rate is that of the first group of parameters, and the others
    keep their proportion to it.

    Raises: ArgumentError for bad bounds, for data that is an iterator (it would be used up), or if no rate lowered the
        loss; GraphError if the loss or a gradient is nan at the very first step.
    Source: Smith, "Cyclical learning rates for training neural networks" (2017), section 3.3.
    Example:
        >>> import chainrule as cr
        >>> x = cr.linspace(-1, 1, 64).reshape(64, 1)
        >>> cr.random.seed(0)
        >>> model = cr.nn.Linear(1, 1)
        >>> found = cr.lr_find(model, cr.nn.mse, cr.optim.SGD(model.parameters(), lr=0.1), (x, 3 * x))
        >>> 0.01 < found.suggestion < 1
        True
    """
    check_types("lr_find", model, loss, optimizer)
    positive("lr_find", "start", start)
    positive("lr_find", "end", end)
    whole("lr_find", "steps", steps, least=10)
    if not end > start:
        raise ArgumentError(f"lr_find: end must be above start, not {end} and {start}")
    if not diverged > 1:
        raise ArgumentError(f"lr_find: diverged must be above 1, not {diverged!r}")
    if optimizer.whole_batch:
        raise ArgumentError(f"lr_find: {type(optimizer).__name__} chooses its step sizes itself; leave lr at 1")
    data = batches_of(data, batch_size, model)
    if hasattr(data, "__next__"):
        raise ArgumentError("lr_find: the data is an iterator, which would be used up; give Batches, a pair or a list")
    run = Run(model, loss, optimizer, data, {}, {}, [])
    lrs = np.geomspace(start, end, steps).tolist()
    with restore_after(run):
        model.train()
        batches = [on_device_of(model, batch) for batch in islice(_endless(data), steps)]
        before = run.random_state()
        with no_grad():
            base = [float(one_to_minimise("lr_find", loss(model(x), y))) for x, y in batches]
        if not isfinite(sum(base)):
            bad = next(value for value in base if not isfinite(value))
            raise GraphError(f"lr_find: the loss of a batch is {bad}, before any step; look at the data")
        run.set_random_state(before)  # so that each batch gets the same dropout mask in the sweep
        losses = list(_sweep(run, lrs, batches, base, diverged))
    return _with_suggestion(lrs, losses)


def _sweep(run, lrs, batches, base, diverged):
    """The loss at each rate, without the differences between batches, until it explodes."""
    smoothed = lowest = None
    mean = sum(base) / len(base)
    rates = [run.optimizer.rate(group) for group in run.optimizer.groups]
    ratios = [rate / rates[0] if rates[0] else 1.0 for rate in rates]
    for lr, (x, y), own in zip(lrs, batches, base, strict=True):
        for group, ratio in zip(run.optimizer.groups, ratios, strict=True):
            group["lr"] = lr * ratio
        run.optimizer.zero_grad()
        value = one_to_minimise("lr_find", run.loss(run.model(x), y))
        number = value.item() - own + mean
        if not isfinite(number):
            return
        yield number
        smoothed = number if smoothed is None else 0.9 * smoothed + 0.1 * number
        lowest = smoothed if lowest is None else min(lowest, smoothed)
        if smoothed > diverged * abs(lowest):
            return
        value.backward()
        try:
            run.optimizer.step()
        except GraphError:  # a gradient overflowed: a divergence too, but at the first step an error
            if lr == lrs[0]:
                raise
            return


def _endless(data):
    """The batches, over and over."""
    while True:
        empty = True
        for batch in data:
            empty = False
            yield batch
        if empty:
            raise ArgumentError("lr_find: there are no batches")


def _with_suggestion(lrs, losses):
    """The outcome with its suggestion: where the smoothed loss falls fastest over log lr, before its minimum."""
    if len(losses) < 4:
        raise ArgumentError(
            f"lr_find: the loss exploded after {len(losses)} steps, at a rate of {lrs[len(losses) - 1]:.3g}; lower start"
        )
    lrs, reach = lrs[: len(losses)], max(1, len(losses) // 12)
    smoothed = [float(np.mean(losses[max(0, i - reach) : i + reach + 1])) for i in range(len(losses))]
    bottom = int(np.argmin(smoothed))
    # over a distance, since neighbours differ by the noise of their batches
    slopes = np.array([smoothed[i + reach] - smoothed[i - reach] for i in range(reach, bottom + 1 - reach)])
    fall = smoothed[0] - smoothed[bottom]
    if not len(slopes) or slopes.min() >= 0 or fall <= 1e-3 * abs(smoothed[0]):
        raise ArgumentError(
            f"lr_find: no rate between {lrs[0]:.3g} and {lrs[-1]:.3g} lowered the loss ({smoothed[0]:.4g} at first, "
            f"{smoothed[bottom]:.4g} at best); check the model with sanity_check, or try another range"
        )
    return LRFind(lrs, losses, smoothed, lrs[reach + int(np.argmin(slopes))])
