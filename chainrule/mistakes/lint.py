"""cr.lint: run a step twice, look at what it did, and undo it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from warnings import catch_warnings, filterwarnings

from ..autograd import random
from ..autograd.callsite import INSIDE
from ..autograd.errors import ArgumentError, ChainruleError
from ..jit.reach import Reach
from ..train.restore import restored
from .checks import found
from .events import Events
from .finding import Lint, finding


def lint(step: Callable[..., Any], *args: Any, **options: Any) -> Lint:
    """What is wrong with a training step that no error tells: step(*args, **options) is run twice, and undone.

    Afterwards the parameters, gradients and modes of all modules, the optimisers, random generators and plain variables
    that the step reaches are as before; they are found as `cr.jit` finds them, through arguments, outer and global
    variables. What it prints, or appends to lists, happens. A step under `cr.jit` runs as plain Python.

    It finds: operands of a loss that only broadcast; a softmax or sigmoid before a loss that applies it; backward without
    zero_grad; a step without backward; parameters without gradient, and where their path breaks; training in eval mode and
    evaluation in training mode; labels in a wrong form; and it explains errors of chainrule that the step raises.

    Returns a Lint: a list of findings with the user's line and the remedy, which prints as text; `ok` says whether it is empty.
    Raises: ArgumentError if `step` cannot be called; what the step raises and is no error of chainrule's.
    Example:
        >>> import chainrule as cr
        >>> cr.random.seed(0)
        >>> model = cr.nn.MLP([2, 8, 1])
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> def step(x, y):
        ...     loss = cr.nn.mse(model(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        >>> [finding.kind for finding in cr.lint(step, cr.ones((4, 2)), cr.ones((4, 1)))]
        ['no zero_grad']
    """
    if not callable(step):
        raise ArgumentError(
            f"lint: needs a function that does one step, was given {type(step).__name__}; write lint(step, x, y)"
        )
    if type(step).__module__.startswith("chainrule.jit"):
        step = step.__wrapped__  # type: ignore[attr-defined]
    reach = Reach(step, args, options)
    runs: list[Events] = []
    with restored(reach.tensors, reach.optimizers, reach.modules, [random, *reach.generators]), _variables(reach):
        for _ in range(2):  # what is left over from one step shows in the next
            runs.append(Events())
            try:
                with runs[-1].noting(reach), catch_warnings():
                    filterwarnings("ignore", ".*no gradient has reached")  # a finding says so
                    step(*args, **options)
            except ChainruleError as error:
                return Lint(_raised(error, runs[-1]))
        return found(runs, reach, [*reach.tensors, *args, *options.values()])


@contextmanager
def _variables(reach):
    """The outer and global variables, and attributes, that the step reaches are as before after the with-block."""
    there = [(values, [key for key in keys if key in values]) for values, keys, _ in reach.entries]
    try:
        yield
    finally:
        for cell, value in reach.cells:
            cell.cell_contents = value
        for (values, keys, then), (_, present) in zip(reach.entries, there, strict=True):
            for key, value in zip(keys, then, strict=True):
                if values.get(key) is not value and isinstance(values, dict):  # the attributes of classes are none
                    values[key] = value
                    if key not in present:
                        del values[key]
        for items, values in reach.lists:
            items[:] = values


def _raised(error, events):
    """The finding for an error of chainrule's, at the user's line."""
    place, trace = None, error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename not in INSIDE:
            place = frame.f_code, trace.tb_lasti
        trace = trace.tb_next
    last = [event for event in events.order if hasattr(event, "what")]
    if (
        [event.what for event in last[-2:]] == ["zero_grad", "step"]
        and events.passes
        and "no parameter has" in str(error)
    ):
        yield finding(
            "zero_grad before the step", last[-2].place, "zero_grad stands between backward and the optimiser's step, "
            "which then finds no gradient", "call zero_grad first, then backward, then step",
        )  # fmt: skip
        return
    said, _, advice = str(error).rpartition("; ")
    yield finding("error", place, f"{type(error).__name__}: {said or advice}", advice if said else "see the message")
