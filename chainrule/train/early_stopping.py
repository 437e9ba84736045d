"""Keeping the best weights of a run, and ending it when it no longer improves."""

from __future__ import annotations

from math import inf, isfinite

import numpy as np

from ..autograd.arguments import not_negative, whole
from ..autograd.errors import ArgumentError
from ..optim.plateau import direction
from ..pages.words import english
from .callback import Callback
from .state import is_count, is_number, require


class Best(Callback):
    """Keeps a copy of the weights of the best epoch so far.

    Fields:
        monitor: the column of the history that is compared.
        epoch: the best epoch; None before the first.
        value: its value in that column.
        weights: its state dict.
    """

    on_every_worker = True

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0):
        if not isinstance(monitor, str):
            raise ArgumentError(f"{type(self).__name__}: monitor must be the name of a column, not {monitor!r}")
        if mode != "auto":
            direction(type(self).__name__, monitor, mode)
        self.monitor, self.mode = monitor, mode
        self.min_delta = not_negative(type(self).__name__, "min_delta", min_delta)
        self.epoch, self.value, self.weights = None, None, None

    def on_start(self, run):
        run.check_column(type(self).__name__, self.monitor)
        self.sign = direction(type(self).__name__, self.monitor, self.mode)
        self.epoch, self.value, self.weights = None, self.sign * inf, None

    def on_epoch(self, run):
        value = run.history[-1][self.monitor]
        if isfinite(value) and self.sign * (self.value - value) > self.min_delta:
            self.epoch, self.value, self.weights = run.epoch, value, run.model.state_dict()
            self.improved(run)
        else:
            self.waited(run)

    def improved(self, run):
        """After an epoch better than all before by more than min_delta."""

    def waited(self, run):
        """After any other epoch."""

    def on_end(self, run):
        run.history.best_epoch, run.history.best_weights = self.epoch, self.weights

    def state_dict(self):
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def check_state_dict(self, run, state):
        kind, own = type(self).__name__, self.state_dict().keys()
        require(
            isinstance(state, dict) and state.keys() == own, f"the state of {kind} must hold {', '.join(own)}", state
        )
        epoch, value, weights = state["epoch"], state["value"], state["weights"]
        require(epoch is None or is_count(epoch, least=1), f"epoch of {kind} must be a count or None", epoch)
        require(is_number(value), f"value of {kind} must be a number", value)
        require((weights is None) == (epoch is None), f"weights of {kind} must be those of epoch {epoch}", weights)
        if weights is not None:
            run.model.check_state_dict(weights)

    def load_state_dict(self, state):
        self.epoch, self.value, self.weights = state["epoch"], state["value"], state["weights"]


class EarlyStopping(Best):
    """Ends a run when `monitor` has not improved for `patience` epochs, and gives the model its best weights.

    The best weights are restored however the run ends: by patience, after the last epoch, by Ctrl-C or an error. Where
    no epoch was a number, there are none; then weights that are nan or infinite give way to those from before the run.
    `history.best_epoch` says which epoch they are from.

    An epoch is better if it improves on the best so far by more than `min_delta`, an absolute difference. mode is "min", "max", or "auto", which
    knows losses and the metrics of chainrule.metrics.

    Raises: ArgumentError for a bad patience or min_delta, or a column that the run does not have.
    Source: Prechelt, "Early stopping - but when?" (1998).
    Example:
        >>> import chainrule as cr
        >>> cr.EarlyStopping(patience=5, monitor="val_accuracy")
        EarlyStopping(patience=5, min_delta=0.0, monitor='val_accuracy')
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0, monitor: str = "val_loss", mode: str = "auto"):
        super().__init__(monitor, mode, min_delta)
        self.patience = whole("EarlyStopping", "patience", patience)
        self.waiting = 0

    def on_start(self, run):
        super().on_start(run)
        self.waiting, self._first = 0, run.model.state_dict()

    def improved(self, run):
        self.waiting = 0

    def waited(self, run):
        self.waiting += 1
        run.stop_reason = run.stop_reason or self.stop_reason

    @property
    def stop_reason(self):
        if self.waiting < self.patience:
            return None
        epochs = english("1 epoch") if self.waiting == 1 else english("{0} epochs", self.waiting)
        if self.epoch is None:
            return english("{0} has not been a finite number for {1}", self.monitor, epochs)
        return english("{0} has not improved for {1}", self.monitor, epochs)

    def on_end(self, run):
        super().on_end(run)
        if self.weights is not None:
            run.model.load_state_dict(self.weights)
            run.say(f"the weights are those of epoch {self.epoch}, {self.monitor} {self.value:.4g}")
        elif not all(np.isfinite(x.numpy()).all() for _, x in run.model.named_tensors()):
            run.model.load_state_dict(self._first)
            run.say(f"no epoch had a finite {self.monitor}: the weights are those from before the run")

    def state_dict(self):
        return super().state_dict() | {"waiting": self.waiting}

    def check_state_dict(self, run, state):
        super().check_state_dict(run, state)
        require(is_count(state["waiting"]), "waiting of EarlyStopping must be a count", state["waiting"])

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.waiting = state["waiting"]

    def __repr__(self):
        return f"EarlyStopping(patience={self.patience}, min_delta={self.min_delta}, monitor={self.monitor!r})"
