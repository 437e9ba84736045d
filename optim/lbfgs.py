"""L-BFGS, a quasi-Newton method: for smooth losses over all the data it needs far fewer steps than descent."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import numpy as np

from ..autograd.arguments import not_negative, whole
from ..autograd.errors import ArgumentError, CheckpointError, GraphError
from ..autograd.grad_mode import enable_grad
from ..autograd.serialize import fitted
from ..autograd.tensor import Tensor
from .clip import check_gradients
from .flat import gradient, sum_of_squares
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .options import Parameters, Rate
from .state import count

CURVED = 1e-10  # the least s · y of a move that is remembered: below 0, H would not be positive definite
RESTORED = "the parameters are those of the last point where all was finite"


class LBFGS(Optimizer):
    """Limited-memory BFGS: p ← p - t H g, where H, an estimate of the inverse Hessian, comes from the latest moves.

    A step makes up to `max_iter` such moves, for which it evaluates the loss anew: step(closure), where closure() calls
    zero_grad, computes the loss, calls backward and returns the loss. It must be the same function of the parameters
    each time: give it all the data, and no dropout.

    Without a line search, t is lr (in the very first move min(1, 1 / Σ |g|) · lr), which suits losses that are nearly
    quadratic. With line_search="strong_wolfe", t meets the strong Wolfe conditions; the search starts at lr. A step
    ends early when no |g| is above tolerance_grad, when a move changed no parameter by more than tolerance_change, or
    the loss by less, or after max_eval evaluations (None: 5/4 max_iter).

    The host decides, so every evaluation makes it wait for a GPU. The parameters are one group of one device and dtype.

    Fields:
        evaluations: how often closures were called.

    Raises: ArgumentError for several groups, devices or dtypes, or an option outside its range.
    Source: Nocedal and Wright, "Numerical optimization" (2006), algorithms 7.4 and 7.5; 3.5 and 3.6 for the line search.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([-1.0, 1.0], dtype="float64", requires_grad=True)
        >>> optimizer = cr.optim.LBFGS([w], max_iter=100, line_search="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item(), [round(x, 4) for x in w.tolist()]
        (4.0, [1.0, 1.0])
    """

    whole_batch = whole_buffer = True

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search: str | None = None,
    ):
        super().__init__(
            params, lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change, history_size=history_size, line_search=line_search,
        )  # fmt: skip
        if len(self.buffers) > 1:
            kinds = ", ".join(sorted({f"{p.dtype} on {p.device!r}" for p in self.params}))
            raise ArgumentError(
                f"LBFGS: needs one group of one device and dtype, was given {len(self.groups)} of {kinds}"
            )
        self._flat = self.buffers[0][1]
        self._dtype = np.promote_types(self._flat.values.dtype, np.float32)
        # (s, y, s · y) of the latest moves, the newest last: the changes of x and of g
        self._pairs: deque[Any] = deque()
        self._last = None  # (x, g) at the start of the last move
        self.evaluations = 0

    @staticmethod
    def check_options(max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search, **_):
        whole("LBFGS", "max_iter", max_iter)
        whole("LBFGS", "max_eval", 1 if max_eval is None else max_eval)
        whole("LBFGS", "history_size", history_size)
        not_negative("LBFGS", "tolerance_grad", tolerance_grad)
        not_negative("LBFGS", "tolerance_change", tolerance_change)
        if line_search not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: line_search must be None or 'strong_wolfe', not {line_search!r}")

    def step(self, closure=None):
        """Make up to max_iter moves; returns the loss at the start, as closure() gave it.

        Raises: ArgumentError without a closure; GraphError if the loss or a gradient is nan or infinite, naming the
            parameter. The parameters are then those of the last point where all was finite.
        """
        if not callable(closure):
            raise ArgumentError(
                "LBFGS.step: needs a closure, a function that calls optimizer.zero_grad(), computes the loss, calls "
                f"loss.backward() and returns the loss: step(closure), not step({closure!r})"
            )
        options, lr, before = self.groups[0], self.lr, self.evaluations
        most, change = options["max_eval"] or options["max_iter"] * 5 // 4, options["tolerance_change"]
        value, at = self._evaluate(closure)
        if not at.finite and self._last is not None:
            self._flat.store(self._last[0])
        self._check_gradients(at)
        good = at
        try:
            for i in range(options["max_iter"]):
                if at.steepest <= options["tolerance_grad"]:
                    break
                t = lr if self._last else min(1.0, 1.0 / self._number(abs(at.g).sum(dtype="float64"))) * lr
                direction = self._direction(at)
                self._last = at.x, at.g
                start = at._replace(t=0.0, slope=self._number(_dot(at.g, direction)))
                if not start.slope < -change or t == 0:
                    break
                phi, longest = partial(self._try, closure, start.x, direction), self._number(abs(direction).max())
                if options["line_search"]:
                    at = strong_wolfe(phi, start, t, change / longest)
                elif i + 1 < options["max_iter"]:
                    at = phi(t)
                else:  # where the next step will look
                    self._flat.store(start.x + t * direction)
                    break
                self._check_gradients(at)
                good = at
                self._flat.store(at.x)  # a line search may have looked elsewhere last
                spent = self.evaluations - before >= most
                if spent or at.t * longest <= change or abs(at.loss - start.loss) < change:
                    break
        except BaseException:
            self._flat.store(good.x)
            raise
        with np.errstate(over="ignore"):
            self._squares = [sum_of_squares([at.g])]
        self.steps, self.last_lr = self.steps + 1, lr
        return value

    # ---- saving

    def state_dict(self):
        moves = [self._last, *((s, y) for s, y, _ in self._pairs)] if self._last else []
        moves = [[Tensor._wrap(a.copy()) for a in move] for move in moves]
        return super().state_dict() | {"evaluations": self.evaluations, "moves": moves}

    def _misfits(self, state):
        if faults := super()._misfits(state):
            return faults
        if not count(state.get("evaluations")):
            return [f"evaluations is {state.get('evaluations')!r:.80}, not a count"]
        moves, n = state.get("moves"), self._flat.values.size
        if not isinstance(moves, list) or not all(isinstance(m, (list, tuple)) and len(m) == 2 for m in moves):
            return ["moves must be a list of pairs"]
        try:
            for a in (a for move in moves for a in move):
                fitted("the optimiser", "a move", a, (n,), self._dtype)
        except CheckpointError as error:
            return [str(error)]
        return []

    def load_state_dict(self, state):
        super().load_state_dict(state)
        xp, self.evaluations = self._flat.xp, state["evaluations"]
        moves = [[xp.asarray(_host(a), self._dtype) for a in move] for move in state["moves"]]
        self._last, *pairs = moves or [None]
        self._pairs = deque((s, y, _dot(s, y)) for s, y in pairs)

    # ---- how

    def _evaluate(self, closure, direction=None, t=0.0):
        """(what closure returned, the Point where the parameters are now)"""
        with enable_grad():
            value = closure()
        self.evaluations += 1
        try:
            loss = float(value.item() if isinstance(value, Tensor) else value)
        except (TypeError, ValueError):
            raise ArgumentError(
                f"LBFGS.step: the closure must return the loss, one number, not {value!r:.80}"
            ) from None
        flat = self._flat
        gradient = flat.gather()
        self._check_gradients_reached([] if gradient is None else [(0, flat)])
        g, x = gradient.astype(self._dtype), flat.values.astype(self._dtype)  # copies
        slope = 0.0 if direction is None else self._number(_dot(g, direction))
        return value, Point(t, x, loss, g, slope, self._number(abs(g).max()))

    def _try(self, closure, x, direction, t):
        """The Point at distance t from x."""
        self._flat.store(x + t * direction)
        return self._evaluate(closure, direction, t)[1]

    def _direction(self, at):
        """-H g by the two loops of algorithm 7.4, with the last move among the pairs."""
        if self._last is not None:
            s, y = at.x - self._last[0], at.g - self._last[1]
            sy, pairs = self._number(_dot(s, y)), self._pairs
            usual = max(p[2] for p in pairs) if pairs else self._number(_dot(s, s) * _dot(y, y)) ** 0.5
            if sy > CURVED * (1 if usual > CURVED else usual):  # a loss of very small scale has but such moves
                self._pairs.append((s, y, sy))
        while len(self._pairs) > self.groups[0]["history_size"]:
            self._pairs.popleft()
        d, steps = -_wide(at.g), []
        for s, y, sy in reversed(self._pairs):
            steps.append(_dot(s, d) / sy)
            d -= steps[-1] * y
        if self._pairs:
            _, y, sy = self._pairs[-1]
            d *= sy / _dot(y, y)
        for s, y, sy in self._pairs:
            d += (steps.pop() - _dot(y, d) / sy) * s
        return d.astype(self._dtype, copy=False)

    def _check_gradients(self, at):
        if at.finite:
            return
        to_numpy = self._flat.backend.to_numpy
        held = [(self._label(i), to_numpy(g)) for i, p in enumerate(self.params) if (g := gradient(p)) is not None]
        check_gradients("LBFGS.step", all(np.isfinite(g).all() for _, g in held), held, RESTORED)
        raise GraphError(f"LBFGS.step: the loss is {at.loss}; {RESTORED}. A lower lr or a line search often helps")

    def _number(self, value):
        """A number of the device, read on the host."""
        return float(self._flat.backend.to_numpy(value))


def _wide(a):
    """In float64, where products of small and large float32 neither vanish nor overflow."""
    return a.astype("float64", copy=False)


def _dot(a, b):
    return _wide(a).dot(_wide(b))


def _host(a):
    return a.numpy() if isinstance(a, Tensor) else np.asarray(a)
