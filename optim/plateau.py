"""ReduceOnPlateau: a learning rate that depends on results instead of on the step."""

from __future__ import annotations

from math import isfinite
from typing import Any

from ..autograd.arguments import choose, finite, not_negative, number, positive, whole
from ..autograd.errors import ArgumentError, CheckpointError
from ..autograd.foreign import Explaining

# the metrics of chainrule.metrics, which we cannot import; a test checks that the names agree
HIGHER_IS_BETTER = set("accuracy top_k precision recall f1 roc_auc r2".split())
LOWER_IS_BETTER = set("mse rmse mae".split())
_MODES = {"min": 1, "max": -1}


def direction(owner: str, monitor: str, mode: str = "auto") -> int:
    """1 if a lower `monitor` is better, -1 if a higher one is; "auto" knows losses and the metrics of chainrule.metrics.

    Raises: ArgumentError for another mode, or where "auto" cannot tell.
    """
    if mode != "auto":
        return choose("mode", mode, _MODES)
    name = monitor.removeprefix("val_")
    ends = {m for m in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER) if name == m or name.endswith(f"_{m}")}
    if ends:
        return _MODES["max" if ends & HIGHER_IS_BETTER else "min"]
    if any(word in name for word in ("loss", "error", "l1")):
        return _MODES["min"]
    raise ArgumentError(
        f'{owner}: cannot tell whether a higher or a lower {monitor!r} is better; give mode="max" or mode="min"'
    )


class ReduceOnPlateau(Explaining):
    """A learning rate that is multiplied by `factor` once more than `patience` epochs in a row brought nothing better.

    lr ← max(factor · lr, min_lr), and the next `cooldown` epochs do not count. It is called like the other schedules;
    the step makes no difference.

    min_delta is relative here, unlike that of EarlyStopping: better is a value below best - min_delta · |best| (mode "min") or above best + min_delta · |best| ("max"); nan and
    infinity never are. "auto" knows losses and the metrics of chainrule.metrics.

    It follows one optimiser: given to another one, it starts anew, and the first may not go on with it.

    Fields:
        lr: the learning rate now.
        best: the best value so far, None before the first.

    Raises: ArgumentError for lr ≤ 0, factor outside (0, 1), a negative patience, min_delta, cooldown or min_lr, min_lr
        above lr, an unknown mode, or if "auto" cannot tell from the name.
    Example:
        >>> from chainrule.optim import schedule
        >>> lr = schedule.ReduceOnPlateau(1.0, factor=0.5, patience=1)
        >>> for loss in (0.9, 0.8, 0.8, 0.8):
        ...     lr.observe(loss)
        >>> lr(step=0)
        0.5
    """

    best: float | None

    def __init__(
        self,
        lr: float,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        monitor: str = "val_loss",
        mode: str = "auto",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        self.start = self.lr = float(positive("ReduceOnPlateau", "lr", lr))
        if not number(factor) or not 0 < factor < 1:
            raise ArgumentError(f"ReduceOnPlateau: factor must be above 0 and below 1, not {factor!r}")
        if not_negative("ReduceOnPlateau", "min_lr", min_lr) > lr:
            raise ArgumentError(f"ReduceOnPlateau: min_lr must be at most lr = {lr!r}, not {min_lr!r}")
        self.factor, self.min_lr = factor, min_lr
        self.patience = whole("ReduceOnPlateau", "patience", patience, least=0)
        self.cooldown = whole("ReduceOnPlateau", "cooldown", cooldown, least=0)
        self.min_delta = not_negative("ReduceOnPlateau", "min_delta", min_delta)
        if not isinstance(monitor, str):
            raise ArgumentError(f"ReduceOnPlateau: monitor must be the name of a column, not {monitor!r}")
        self.monitor, self.mode, self._sign = monitor, mode, direction("ReduceOnPlateau", monitor, mode)
        self.best, self.waited, self.cooling = None, 0, 0
        self.followed: Any = None

    def follow(self, optimizer: Any) -> None:
        """Start anew if it has followed another optimiser so far."""
        if self.followed not in (None, optimizer):
            self.lr, self.best, self.waited, self.cooling = self.start, None, 0, 0
        self.followed = optimizer

    def __call__(self, step: int) -> float:
        return self.lr

    def observe(self, row: Any) -> None:
        """Take note of an epoch: its row of the history, or the number itself.

        Raises: ArgumentError if the row has no column of the name `monitor`, or if that is not a number.
        """
        value = monitored("ReduceOnPlateau", row, self.monitor)
        better = isfinite(value) and (
            self.best is None or self._sign * (self.best - value) > self.min_delta * abs(self.best)
        )
        if better:
            self.best = value
        self.waited = 0 if better or self.cooling else self.waited + 1
        self.cooling = max(self.cooling - 1, 0)
        if self.waited > self.patience:
            self.lr = float(max(self.lr * self.factor, self.min_lr))
            self.waited, self.cooling = 0, self.cooldown

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, as a plain dict."""
        return {name: getattr(self, name) for name in ("lr", "best", "waited", "cooling")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what state_dict() returned.

        Raises: CheckpointError if it is something else.
        """
        own = self.state_dict()
        if not isinstance(state, dict) or state.keys() != own.keys():
            raise CheckpointError(
                f"ReduceOnPlateau: the state must have the entries {', '.join(own)}, not {state!r:.80}"
            )
        owner, best = "ReduceOnPlateau.load_state_dict", state["best"]
        if not (best is None or number(best)):
            raise CheckpointError(f"{owner}: best must be a finite number or None, not {best!r:.80}")
        try:
            lr = finite(owner, "lr", positive(owner, "lr", state["lr"]))
            best = best if best is None else finite(owner, "best", best)
            waited, cooling = (whole(owner, name, state[name], 0, 2**63) for name in ("waited", "cooling"))
        except ArgumentError as error:
            raise CheckpointError(str(error)) from None
        self.lr, self.best, self.waited, self.cooling = lr, best, waited, cooling

    def __repr__(self):
        options = ("factor", "patience", "min_delta", "monitor", "mode", "cooldown", "min_lr")
        return f"ReduceOnPlateau({self.start!r}, {', '.join(f'{name}={getattr(self, name)!r}' for name in options)})"


def monitored(owner, row, monitor):
    """The number in the column `monitor` of a row, or `row` itself if it is no dict.

    Raises: ArgumentError if there is no such column, or no number in it.
    """
    if isinstance(row, dict) and monitor not in row:
        hint = "; val_ columns need validation data" if monitor.startswith("val_") else ""
        raise ArgumentError(
            f"{owner}: there is no column {monitor!r} to monitor, only {', '.join(map(repr, row)) or 'none'}{hint}"
        )
    value = row[monitor] if isinstance(row, dict) else row
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{owner}: needs a number for {monitor!r}, was given {value!r:.80}") from None
