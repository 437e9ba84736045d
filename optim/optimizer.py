"""The base of all optimisers: the step that hands parameters and gradients to an update rule.

An update rule is a pure function of arrays. It is run over flat buffers (flat.py), so it never sees a shape.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.errors import ArgumentError, ChainruleError, CheckpointError, GraphError
from ..autograd.foreign import Explaining, explaining
from ..autograd.grad_mode import enable_grad
from ..autograd.ops.choose import where
from ..autograd.tensor import Tensor
from ..backends import owner
from .clip import check_gradients, not_finite
from .flat import CHUNK, buffers, gradient, label_of, sum_of_squares
from .group import groups_of
from .options import LARGEST, Parameters, Rate
from .state import load, misfits, saved


class Optimizer(Explaining):
    """Changes parameters by their gradients. A subclass defines `update`, and `state` if its rule has any.

    Parameters are given as a list, as (name, parameter) pairs, or as groups: dicts with "params" and the options
    that differ, e.g. [{"params": backbone, "lr": 1e-4}, {"params": head}].

    Fields:
        params: the parameters of all groups, in order.
        groups: one dict for each group: its "params" and every option. Options may be changed between steps.
        lr: the learning rate of the coming step, in the first group; setting it sets it in every group.
        last_lr: the learning rate of the last step, in the first group; None before it.
        grad_norm: the 2-norm of all gradients at the last step, as a Tensor on their device; None before it.
        steps: how many steps were taken.
        buffers: what holds the parameters and state, as (position of the group, FlatBuffer); see optim/flat.py.

    Raises: ArgumentError for an empty list, a parameter given twice, something that is no leaf requiring grad, an
        option that does not exist, or one outside its range.
    Example:
        >>> import chainrule as cr
        >>> class SignDescent(cr.optim.Optimizer):
        ...     @staticmethod
        ...     def update(p, g, *, lr):
        ...         return (p - lr * cr.sign(g),)
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> SignDescent([w], lr=0.5).step()
        >>> w.tolist()
        [0.5, 1.5]
    """

    whole_batch = False  # whether a step must see the same loss at every call: all data, no clipping
    whole_buffer = False  # whether all parameters of one device and dtype must stand in one array, also on the host

    def __init__(self, params: Parameters, lr: Rate, **options: Any):
        self._kind = type(self).__name__
        self.groups, self._names = groups_of(self, params, {"lr": lr, **options})
        self.token = object()  # by which a schedule knows it, without keeping it alive
        for group in self.groups:
            group.take_up_schedule()
        self.params = [p for group in self.groups for p in group["params"]]
        self._check_parameters()
        self.steps, self.last_lr = 0, None
        self._squares: list[Any] = []  # of the gradients of the last step, summed in each buffer
        self._warned = False
        self.buffers = [
            (i, flat)
            for i, group in enumerate(self.groups)
            for flat in buffers(group["params"], self.state(**group.options), whole=self.whole_buffer)
        ]
        self._devices = any(not flat.backend.on_host for _, flat in self.buffers)  # these take a step of their own
        # so few elements that a step is computed whole before any of it is written
        self._few = sum(flat.values.size for _, flat in self.buffers) <= CHUNK
        code = self.update.__code__
        asked = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self._asked, self._counted = [name for name in self.groups[0].options if name in asked], "t" in asked

    @staticmethod
    def check_options(*_: Any, **options: Any) -> None:
        """Raise ArgumentError for options of a group that do not go together."""

    @staticmethod
    def state(*_: Any, **options: Any) -> dict[str, float]:
        """The rule's kinds of state, and the number each starts from, given the options of a group."""
        return {}

    @staticmethod
    def update(p: Any, g: Any, *state: Any, **options: Any) -> Any:
        """The rule: (new parameters, *new state) from parameters, gradients and state, all flat arrays of one length.

        It is called as update(p, g, *state, ...) with the options that its signature names, by keyword. `lr` is a
        number, and `t` counts the updates of these parameters, this one included: fewer than `steps` for parameters
        that lacked gradients.
        """
        raise NotImplementedError("an optimiser must define update(p, g, ...), see chainrule.optim.Optimizer")

    # ---- what users call

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        `closure` computes the loss and its gradients anew (zero_grad, forward, backward) and returns the loss, which
        step then returns. Most optimisers need none.

        Raises: GraphError if no parameter has a gradient, if one is nan or infinite (naming the parameter), or if a new
            value or state is too large for its dtype; nothing has changed then. On a GPU a step with such gradients does
            nothing but count, in `steps` and in `t`; the error comes when a value is next read, and says how many steps
            there were, and the first. Values that overflow are not looked for.
        """
        value = None
        if closure is not None:
            with enable_grad():
                value = closure()
        rates = [self.rate(group) for group in self.groups]
        work = [(i, flat) for i, flat in self.buffers if flat.gather() is not None]
        self._check_gradients_reached(work)
        options = [{name: rates[i] if name == "lr" else self.groups[i][name] for name in self._asked} for i, _ in work]
        self._apply(work, options)
        self.steps, self.last_lr = self.steps + 1, rates[0]
        return value

    @explaining
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for _, flat in self.buffers:
            flat.zero_grad()

    @property
    def lr(self) -> float:
        return self.rate(self.groups[0])

    @lr.setter
    def lr(self, value: Rate) -> None:
        for group in self.groups:
            group["lr"] = value

    @property
    def grad_norm(self) -> Tensor | None:
        if not self._squares:
            return None
        backends = {owner(s) for s in self._squares}
        if len(backends) == 1 and not next(iter(backends)).on_host:
            return Tensor._wrap(backends.pop().xp.sqrt(sum(self._squares[1:], self._squares[0])))
        return Tensor._wrap(
            np.asarray(np.sqrt(sum(s if owner(s).on_host else float(s) for s in self._squares)), np.float64)
        )

    def observe(self, row: Any) -> None:
        """Tell learning rates that depend on results (ReduceOnPlateau) what an epoch gave."""
        schedules = {id(group["lr"]): group["lr"] for group in self.groups if hasattr(group["lr"], "observe")}
        for schedule in schedules.values():
            if getattr(schedule, "followed", None) not in (None, self.token):
                raise ArgumentError(
                    f"{self._kind}: its learning rate {schedule!r} was given to another optimiser since; make one for each"
                )
            schedule.observe(row)

    # ---- saving

    def state_dict(self) -> dict[str, Any]:
        """Copies of the state, the options and the counts, as nested dicts and lists that chainrule.save can write."""
        return saved(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what state_dict() returned, options included: all of it, or nothing if anything does not fit.

        A learning rate that is a schedule stays the one that this optimiser was made with.

        Raises: CheckpointError that says what does not fit.
        """
        self.check_state_dict(state)
        load(self, state)

    def check_state_dict(self, state: dict[str, Any]) -> None:
        """Raise the CheckpointError that load_state_dict(state) would raise; nothing changes."""
        faults = self._misfits(state)
        if faults:
            raise CheckpointError(
                f"{self._kind}.load_state_dict: the state does not fit; " + "; ".join(map(str, faults[:5]))
            )

    def _misfits(self, state):
        """What of a state does not belong to this optimiser, in words."""
        return misfits(self, state)

    def __repr__(self):
        groups = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        return f"{self._kind}({len(self.params)} parameters{groups}, lr={self.groups[0]['lr']!r})"

    # ---- how

    def rate(self, group):
        """The learning rate of a group at the coming step."""
        lr = group["lr"]
        if not callable(lr):
            return lr
        value = lr(self.steps)
        try:
            value = float(value)
        except (TypeError, ValueError):
            value = float("nan")
        if not 0 <= value <= LARGEST:
            raise ArgumentError(
                f"{self._kind}: lr must be a finite number of at least 0 and at most {LARGEST:g}, but the schedule {lr!r} gave {value} "
                f"at step {self.steps}"
            )
        return value

    def name_parameters(self, named):
        """Let messages call parameters by the names in (name, parameter) pairs, where they have none yet."""
        names = {id(p): name for name, p in named}
        self._names = {i: names[id(p)] for i, p in enumerate(self.params) if id(p) in names} | self._names

    @property
    def named_parameters(self):
        """The parameters, as (name, parameter) where they have one."""
        return [(self._names[i], p) if i in self._names else p for i, p in enumerate(self.params)]

    def _label(self, i):
        """What messages call parameter i."""
        return label_of(i, self.params[i], self._names.get(i))

    def _checked_squares(self, gradients):
        """The sum of the squares of each flat gradient, which must be finite on the host."""
        squares = [sum_of_squares([g]) for g in gradients]
        for g, s in zip(gradients, squares, strict=True):
            if not owner(s).on_host or not owner(s).overflowed(s):  # which tells without another look at the gradient
                continue
            held = ((self._label(k), np.asarray(gradient(p))) for k, p in enumerate(self.params) if p.grad is not None)
            check_gradients(f"{self._kind}.step", np.isfinite(g).all(), held)
        return squares

    @np.errstate(over="raise")
    def _apply(self, work, options):
        """Run the rule, and write what it gives. An overflow raises before anything is written.

        Few elements are all computed before; for many that would need too much memory: they are computed twice where
        gradients and rate are such that they might overflow.
        """
        found = squares = self._checked_squares([flat.gradient for _, flat in work])
        if self._devices:
            work, options, squares = self._apply_on_devices(work, options, squares)
        rule, counted, unchanged = self.update, self._counted, self._few
        try:
            results = [
                flat.results(given, rule, counted, dry=unchanged)
                for (_, flat), given in zip(work, options, strict=True)
            ]
            if unchanged:
                results = [*map(list, results)]
            elif unchanged := any(map(_rash, work, options, squares)):
                for (_, flat), given in zip(work, options, strict=True):
                    deque(flat.results(given, rule, counted, dry=True), maxlen=0)
            for (_, flat), parts in zip(work, results, strict=True):
                flat.step(parts)
        except ChainruleError:  # of chainrule.debug, which is a FloatingPointError, too
            raise
        except FloatingPointError:
            raise self.overflow(unchanged) from None
        self._squares = found

    def overflow(self, unchanged):
        """The error for an update rule that overflows; `unchanged` says whether that was before anything was written."""
        return GraphError(
            f"{self._kind}.step: the rule overflows: gradients, the learning rate or parameters are too large for their "
            f"dtype; {'nothing was changed' if unchanged else 'some parameters have changed'}. Scale the loss down, "
            "clip the gradients, lower the learning rate, or train in float64"
        )

    def _apply_on_devices(self, work, options, squares):
        """Update what is on devices; return the rest. Gradients that are not finite leave all on their device as it is."""
        joint = {}
        for (_, flat), s in zip(work, squares, strict=True):
            joint[flat.backend] = joint[flat.backend] + s if flat.backend in joint else s
        rest = []
        for backend, s in joint.items():
            if not backend.on_host:
                self._note_skipped(backend, s)
        for part, given, s in zip(work, options, squares, strict=True):
            if part[1].backend.on_host:
                rest.append((part, given, s))
            else:
                part[1].step_at_once(given, self.update, self._counted, joint[part[1].backend])
        return tuple(zip(*rest, strict=True)) or ((), (), ())

    def _note_skipped(self, backend, squares):
        """Note on a device whether these squares of the coming step's gradients are finite; else it is counted as skipped."""
        kind, step = self._kind, self.steps + 1  # the error keeps no parameters

        def error(text, skipped, first):
            return not_finite(
                f"{kind}.step", f"{text}; steps that changed nothing: {skipped:.0f}, the first number {first:.0f}"
            )

        def count(ok, skipped, first, squares):
            bad = ~(squares - squares == 0)
            return ok & ~bad, where(bad, skipped + 1, skipped), where(ok & bad, step, first)

        noted = backend.flag(error, 0, 0)
        backend.fused(count, *noted, squares, out=noted)

    def _check_parameters(self):
        first = {}
        for i, p in enumerate(self.params):
            if isinstance(p, Tensor) and p.is_leaf and not p.requires_grad:
                raise ArgumentError(
                    f"{self._kind}: parameter {self._label(i)} is frozen, with requires_grad=False; give the others only: "
                    "[p for p in model.parameters() if p.requires_grad]. (One that is frozen later is skipped)"
                )
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise ArgumentError(f"{self._kind}: parameter {i} must be a leaf that requires grad, it is {p!r:.80}")
            if first.setdefault(id(p), i) != i:
                raise ArgumentError(
                    f"{self._kind}: parameter {self._label(i)} was given twice, at positions {first[id(p)]} and {i}; "
                    "list each once"
                )

    def _check_gradients_reached(self, work):
        if not work:
            raise GraphError(f"{self._kind}.step: no parameter has a gradient; call loss.backward() first")
        if self._warned or sum(j - i for _, flat in work for _, i, j in flat.due) == len(self.params):
            return
        missing = [i for i, p in enumerate(self.params) if gradient(p) is None and p.requires_grad]
        if missing:
            self._warned = True
            warnings.warn(
                f"{self._kind}.step: no gradient has reached {', '.join(map(self._label, missing))}, left unchanged: "
                "is each used in the loss? (said once; requires_grad=False freezes a parameter silently)",
                stacklevel=3,
            )


def _rash(part, options, squares):
    """Whether an update of a part of the work could overflow, by what is known of its gradients and its rate."""
    _, flat = part
    most, lr = 1e-3 * float(np.finfo(flat.values.dtype).max), options.get("lr", 1)
    return squares.dtype.char == "g" or lr > most or lr * squares.astype(np.float64) ** 0.5 > most
