"""Schedules: the learning rate as a function of the optimiser's step, given to an optimiser in place of a number.

Each is made by a constructor that checks its arguments once, and gives the learning rate itself, not a factor.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable
from functools import partial, wraps
from itertools import accumulate
from math import cos, inf, pi
from typing import Any, ParamSpec, TypeAlias

import numpy as np

from ..autograd.arguments import choose, not_negative, number, positive, whole
from ..autograd.errors import ArgumentError, CheckpointError
from ..autograd.foreign import explain_arguments
from .options import Rate
from .plateau import ReduceOnPlateau

Arguments = ParamSpec("Arguments")
RateFunction: TypeAlias = Callable[[int], float]  # from the step to the learning rate


class Schedule:
    """A learning rate that depends on the step: a function of the step that prints as the call that made it.

    What an epoch gave (`observe`) and what is remembered of it (`state_dict`) pass through to the parts.

    Fields:
        make, args, options: the constructor, and what it was given.
        formula: from the step (0 for the optimiser's first) to the learning rate.
        parts: the arguments that observe results: a ReduceOnPlateau, or other schedules, which may hold one.
    """

    def __init__(self, make, args, options, formula):
        self.make, self.args, self.options, self.formula = make, args, options, formula
        self.parts = list(_observing([*args, *options.values()]))

    def __call__(self, step: int) -> float:
        return float(self.formula(whole(self.make.__name__, "step", step, least=0)))

    def follow(self, optimizer: Any) -> None:
        """Tell the parts that depend on results whose they are."""
        for part in self.parts:
            if hasattr(part, "follow"):
                part.follow(optimizer)

    def observe(self, row: Any) -> None:
        """Tell the parts that depend on results what an epoch gave: its row of the history, or the number itself."""
        for part in self.parts:
            part.observe(row)

    def state_dict(self) -> dict[str, Any]:
        """What the parts remember, as plain dicts and lists; empty where nothing is composed."""
        return {"parts": [part.state_dict() for part in self.parts]} if self.parts else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what state_dict() of such a schedule returned.

        Raises: CheckpointError if it is the state of another one.
        """
        saved = state.get("parts", []) if isinstance(state, dict) and state.keys() <= {"parts"} else None
        if not isinstance(saved, list) or len(saved) != len(self.parts):
            raise CheckpointError(
                f"{self!r}: the state is not that of a schedule with {len(self.parts)} parts: {state!r:.80}"
            )
        before = [part.state_dict() for part in self.parts]
        try:
            for part, entry in zip(self.parts, saved, strict=True):
                part.load_state_dict(entry)
        except BaseException:
            for part, entry in zip(self.parts, before, strict=True):
                part.load_state_dict(entry)
            raise

    def __repr__(self):
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"{self.make.__name__}({', '.join(given)})"

    def __reduce__(self):  # a copy is made by the same call, so that its formula reads the copies of its parts
        return partial(self.make, **self.options), tuple(self.args)


def _observing(values):
    for value in values:
        if hasattr(value, "observe"):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _observing(value)


# ---- how to get from one rate to another


def _line(a, b, share):
    """From a (share 0) to b (share 1), exact at both ends."""
    return (1 - share) * a + share * b


def _half_cosine(a, b, share):
    return _line(b, a, (1 + cos(pi * share)) / 2)


_ANNEAL = {"cosine": _half_cosine, "linear": _line}


# ---- what arguments must be, by name


def _share(owner, name, value):
    if not number(value) or not 0 < value < 1:
        raise ArgumentError(f"{owner}: {name} must be above 0 and below 1, not {value!r}")


def _decay(owner, name, value):
    if not number(value) or not 0 < value <= 1:
        raise ArgumentError(f"{owner}: {name} must be above 0 and at most 1, not {value!r}")


def _divisor(owner, name, value):
    if positive(owner, name, value) < 1:
        raise ArgumentError(f"{owner}: {name} must be at least 1, not {value!r}; it divides the learning rate")


def _milestones(owner, name, value):
    if not isinstance(value, (list, tuple)) or not value:
        raise ArgumentError(f"{owner}: {name} must be a list of steps such as [30, 80], not {value!r}")
    steps = [whole(owner, f"{name}[{i}]", step) for i, step in enumerate(value)]
    if steps != sorted(set(steps)):
        raise ArgumentError(f"{owner}: each of {name} must be larger than the one before, given {value!r}")


def _schedule(owner, name, value):
    if not callable(value) and (not number(value) or not 0 < value < inf):
        raise ArgumentError(f"{owner}: {name} must be a function of the step or a number above 0, not {value!r}")


def _stages(owner, name, value):
    form = [len(stage) if isinstance(stage, (list, tuple)) else 0 for stage in value]
    if form[-1:] != [0] or set(form[:-1]) - {2}:
        raise ArgumentError(
            f"{owner}: needs (steps, schedule), ..., and a last schedule without steps, but was given {value!r}"
        )
    for i, (steps, schedule) in enumerate([*value[:-1], (1, value[-1])]):
        whole(owner, f"the steps of stage {i}", steps)
        _schedule(owner, f"the schedule of stage {i}", schedule)


CHECKS = {
    **dict.fromkeys(("lr", "max_lr", "power", "by"), positive),
    **dict.fromkeys(("every", "steps", "first", "factor"), whole),
    **dict.fromkeys(("start", "end"), not_negative),
    **dict.fromkeys(("start_div", "end_div"), _divisor),
    "gamma": _decay,
    "rise": _share,
    "milestones": _milestones,
    "schedule": _schedule,
    "stages": _stages,
    "anneal": lambda owner, name, value: choose(name, value, _ANNEAL),
}
SCHEDULES: dict[str, Any] = {"ReduceOnPlateau": ReduceOnPlateau}


def _python(x):
    """NumPy's numbers, also in lists, as Python's: counting with np.uint8 would end at 255."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_python, x))
    if isinstance(x, dict):
        return {name: _python(value) for name, value in x.items()}
    return x.item() if isinstance(x, np.generic) else x


def _constructor(function: Callable[Arguments, RateFunction]) -> Callable[Arguments, Schedule]:
    """Let `function`, from arguments to a formula of the step, check them and return a Schedule; list it by its name."""
    signature, name = inspect.signature(function), function.__name__

    @wraps(function)
    def make(*args: Arguments.args, **options: Arguments.kwargs) -> Schedule:
        args, options = _python(args), _python(options)
        try:
            given = signature.bind(*args, **options)
        except TypeError as error:
            explain_arguments(function, options)
            raise TypeError(f"{name}: {error}") from None
        given.apply_defaults()
        for argument, value in given.arguments.items():
            CHECKS[argument](name, argument, value)
        lr, end = (given.arguments.get(argument, 0) for argument in ("lr", "end"))
        if end > lr:
            raise ArgumentError(f"{name}: the learning rate falls from lr to end, but lr={lr!r} and end={end!r}")
        return Schedule(make, args, options, function(*args, **options))

    vars(make)["__signature__"] = signature.replace(return_annotation="Schedule")  # for help()
    SCHEDULES[name] = make
    return make


# ---- one formula each


@_constructor
def constant(lr: float) -> RateFunction:
    """The same learning rate at every step: lr.

    Raises: ArgumentError if lr is not a finite number above 0.
    Example:
        >>> from chainrule.optim import schedule
        >>> schedule.constant(0.1)(1000)
        0.1
    """
    return lambda step: lr


@_constructor
def step_decay(lr: float, every: int, gamma: float = 0.1) -> RateFunction:
    """Multiply by gamma every `every` steps: lr · gamma^⌊step / every⌋.

    Raises: ArgumentError for lr ≤ 0, every < 1, or gamma outside (0, 1].
    Example:
        >>> from chainrule.optim import schedule
        >>> halving = schedule.step_decay(1.0, every=10, gamma=0.5)
        >>> [halving(step) for step in (0, 9, 10, 20)]
        [1.0, 1.0, 0.5, 0.25]
    """
    return lambda step: lr * gamma ** (step // every)


@_constructor
def multi_step(lr: float, milestones: list[int] | tuple[int, ...], gamma: float = 0.1) -> RateFunction:
    """Multiply by gamma at each milestone: lr · gamma^(number of milestones ≤ step).

    Raises: ArgumentError for lr ≤ 0, gamma outside (0, 1], or milestones that are not whole numbers ≥ 1, each larger
        than the one before.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.multi_step(1.0, [30, 80], gamma=0.5)
        >>> [lr(step) for step in (29, 30, 79, 80)]
        [1.0, 0.5, 0.5, 0.25]
    """
    passed = list(milestones)
    return lambda step: lr * gamma ** bisect_right(passed, step)


@_constructor
def exponential(lr: float, gamma: float) -> RateFunction:
    """Multiply by gamma at each step: lr · gamma^step.

    Raises: ArgumentError for lr ≤ 0, or gamma outside (0, 1].
    Example:
        >>> from chainrule.optim import schedule
        >>> schedule.exponential(1.0, gamma=0.5)(3)
        0.125
    """
    return lambda step: lr * gamma**step


@_constructor
def polynomial(lr: float, steps: int, power: float = 1.0, end: float = 0.0) -> RateFunction:
    """Fall to `end` within `steps`: end + (lr - end) · (1 - step / steps)^power, then end. Power 1 is a straight line.

    Raises: ArgumentError for lr ≤ 0, steps < 1, power ≤ 0, or end outside [0, lr].
    Example:
        >>> from chainrule.optim import schedule
        >>> line = schedule.polynomial(1.0, steps=4)
        >>> [line(step) for step in range(6)]
        [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    return lambda step: _line(end, lr, (1 - min(step / steps, 1)) ** power)


@_constructor
def cosine(lr: float, steps: int, end: float = 0.0) -> RateFunction:
    """Fall to `end` along half a cosine: end + (lr - end) · (1 + cos(π · step / steps)) / 2, then end.

    Raises: ArgumentError for lr ≤ 0, steps < 1, or end outside [0, lr].
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.cosine(1.0, steps=100)
        >>> [round(lr(step), 3) for step in (0, 25, 50, 100, 500)]
        [1.0, 0.854, 0.5, 0.0, 0.0]
    """
    return lambda step: _half_cosine(lr, end, min(step / steps, 1))


@_constructor
def cosine_restarts(lr: float, first: int, factor: int = 1, end: float = 0.0) -> RateFunction:
    """`cosine` over and over from lr: the first cycle takes `first` steps, each later one `factor` times the one before.

    end + (lr - end) · (1 + cos(π · t / n)) / 2, where t counts from the start of the cycle of n steps.

    Raises: ArgumentError for lr ≤ 0, first or factor no whole number ≥ 1, or end outside [0, lr].
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.cosine_restarts(1.0, first=2, factor=2)
        >>> [round(lr(step), 3) for step in range(7)]
        [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    def formula(step):
        t, n = step % first if factor == 1 else step, first
        while t >= n:  # cycles that grow: there are few
            t, n = t - n, n * factor
        return _half_cosine(lr, end, t / n)

    return formula


@_constructor
def one_cycle(
    max_lr: float,
    steps: int,
    rise: float = 0.3,
    start_div: float = 25,
    end_div: float = 1e4,
    anneal: str = "cosine",
) -> RateFunction:
    """Rise from max_lr / start_div to max_lr in the share `rise` of the steps, then fall to max_lr / start_div / end_div.

    Both along half a cosine, or a straight line (anneal="linear"); the end is reached at step `steps` - 1, and held.

    Raises: ArgumentError for max_lr ≤ 0, steps < 1, rise outside (0, 1), start_div or end_div < 1, or another anneal.
    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates" (2018).
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.one_cycle(1.0, steps=11, rise=0.5, start_div=4, end_div=1, anneal="linear")
        >>> [round(lr(step), 3) for step in (0, 4, 5, 10, 11)]
        [0.25, 0.917, 0.932, 0.25, 0.25]
    """
    between, start = _ANNEAL[anneal], max_lr / start_div
    peak, last = rise * steps - 1, steps - 1  # steps counted from 0; the peak may lie between two

    def formula(step):
        if step < peak:
            return between(start, max_lr, step / peak)
        return between(max_lr, start / end_div, min((step - peak) / (last - peak), 1))

    return formula


# ---- composition


@_constructor
def warmup(schedule: Rate, steps: int, start: float = 0.0) -> RateFunction:
    """A straight line from `start` to the first value of `schedule`, within `steps`; then `schedule` from its step 0 on.

    start + (schedule(0) - start) · step / steps for step < steps, then schedule(step - steps). `schedule` is a number
    or a function of the step. A ReduceOnPlateau in it observes the epochs of the warm-up, too.

    Raises: ArgumentError for steps < 1, start < 0, or a learning rate ≤ 0.
    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour" (2017), section 2.2.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.warmup(schedule.cosine(1.0, 100), steps=4)
        >>> [lr(step) for step in range(5)]
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    following = _function(schedule)
    return lambda step: _line(start, following(0), step / steps) if step < steps else following(step - steps)


@_constructor
def sequence(*stages: Any) -> RateFunction:
    """One schedule after the other, each counting from its own start: (steps, schedule), ..., and the last for good.

    Schedules are numbers or functions of the step.

    Raises: ArgumentError for steps < 1, a learning rate ≤ 0, or if the last has steps, or another has none.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.sequence((2, 0.5), (3, schedule.exponential(1.0, 0.5)), 0.125)
        >>> [lr(step) for step in range(7)]
        [0.5, 0.5, 1.0, 0.5, 0.25, 0.125, 0.125]
    """
    *pairs, last = stages
    starts = [0, *accumulate(steps for steps, _ in pairs)]
    functions = [_function(schedule) for schedule in [*(schedule for _, schedule in pairs), last]]

    def formula(step):
        stage = bisect_right(starts, step) - 1
        return functions[stage](step - starts[stage])

    return formula


@_constructor
def scaled(schedule: Rate, by: float) -> RateFunction:
    """A schedule times a number, by · schedule(step): for instance for one group of parameters.

    Raises: ArgumentError if `by` is not a finite number above 0.
    Example:
        >>> from chainrule.optim import schedule
        >>> schedule.scaled(schedule.exponential(1.0, 0.5), 0.25)(1)
        0.125
    """
    function = _function(schedule)
    return lambda step: by * function(step)


def _function(schedule):
    return schedule if callable(schedule) else lambda step: schedule
