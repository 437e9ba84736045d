"""A training run: its state between steps, and how that is saved and resumed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from itertools import islice
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from ..autograd import random
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.random import Generator
from ..autograd.tensor import Tensor
from ..backends import owner
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .callback import Callback
from .evaluate import device_of, evaluate, on_device_of
from .history import History
from .state import INTERRUPT, SUMS, check, load, saved
from .together import Single


class Run:
    """The state of one call of fit, as callbacks see it.

    Fields:
        model, loss, optimizer, batches, validation: as given to fit; validation as {name: (x, y)}.
        columns: the names in each row of the history.
        history: the rows so far.
        epoch: the number of the current epoch, from 1; 0 before the first.
        step: how many steps of this epoch were taken.
        stop_reason: None; set it to a reason, in words, to end the run after this step. Ctrl-C sets it, too.
        sums: over the steps of this epoch: loss × examples, examples, norms of the gradients, seconds.
        order: the states of the random generators when the epoch's order was drawn.
        interrupted: whether Ctrl-C ends the run; mid_step: whether it did so in the middle of a step.
        failed: whether an error ends a run of several processes, for which a checkpoint is written.
    """

    _stop_reason: str | None

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        batches: Any,
        validation: dict[str, tuple[Any, Any]],
        metrics: dict[str, Callable[..., Any]],
        callbacks: list[Callback],
    ):
        self.model, self.loss, self.optimizer, self.batches = model, loss, optimizer, batches
        self.validation, self.metrics, self.callbacks = validation, metrics, callbacks
        scores = [f"{part}_{name}" for part in validation for name in ("loss", *metrics)]
        self.columns = ["epoch", "loss", *scores, "lr", "grad_norm", "seconds"]
        self.history, self.together = History(), Single()
        if optimizer is not None:
            optimizer.name_parameters(model.named_parameters())
        self._generators = _generators(model, batches)
        self.epoch, self.step, self._stop_reason = 0, 0, None
        self.interrupted = self.mid_step = self.failed = False
        self.sums = dict(SUMS)
        self._resumed = False  # in the middle of an epoch
        self.order: Any = None  # the generators at the epoch's start
        self._started = perf_counter()

    def call(self, method):
        """Call that method of each callback."""
        for callback in self.active:
            getattr(callback, method)(self)

    @property
    def active(self):
        """The callbacks that are called: where other workers train, too, one leads, and calls those that all need not call."""
        return [c for c in self.callbacks if self.together.leads or c.on_every_worker]

    @contextmanager
    def started(self):
        """Calls on_start of each callback before the with-block, and after it on_end of those that started, last one first."""
        with ExitStack() as ends:
            ends.callback(lambda: setattr(self.history, "stop_reason", self.stop_reason))
            try:
                for callback in self.active:
                    callback.on_start(self)
                    ends.callback(callback.on_end, self)
            except BaseException as error:
                self.together.fail(error)
                raise
            ends.callback(lambda: self.model.eval() if self.epoch else None)
            try:
                yield
            except KeyboardInterrupt as error:
                self.interrupted = self.mid_step = True
                self.together.fail(error)
            except Exception as error:
                self.failed = self.together.fail(error)
                error.history = self.history  # what was found until then is not lost
                error.add_note(f"in fit, after step {self.step} of epoch {self.epoch}")
                raise
            except SystemExit as error:
                self.together.fail(error)
                raise

    @property
    def stop_reason(self) -> str | None:
        return INTERRUPT if self.interrupted else self._stop_reason

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None:
        self._stop_reason = reason

    def check_column(self, owner, column):
        """Raise an ArgumentError if the history will have no column of that name for `owner` to monitor."""
        if column not in self.columns:
            raise ArgumentError(
                f"{owner}: there is no column {column!r} to monitor; choose among "
                f"{', '.join(map(repr, self.columns))}" + ("" if self.validation else ", or give fit validation data")
            )

    def say(self, text):
        """Print a line next to the progress, unless fit is silent."""
        for callback in self.active:
            if hasattr(callback, "say"):
                callback.say(text)

    # ---- an epoch

    def unfinished(self, epochs):
        """Whether batches remain to be trained on."""
        return not self.stop_reason and (self._resumed or self.epoch < epochs)

    def remaining_batches(self):
        """The batches of the next epoch, or of a resumed run those that remain of its last one."""
        if not self._resumed:
            self.epoch, self.step = self.epoch + 1, 0
            self.sums = dict(SUMS)
            self.order = self.random_state()
        if not self.model.training:  # a part that was set to eval mode stays in it
            self.model.train()
        now = self.random_state()
        if self._resumed:  # the same order of the data as in the epoch that was interrupted
            self.set_random_state(self.order)
        if hasattr(self.batches, "iterate"):
            batches = self.batches.iterate(self.step)
        else:
            batches = iter(self.batches)
            next(islice(batches, self.step, self.step), None)  # skip those that were used
        if self._resumed:
            self.set_random_state(now)
        self._resumed = False
        self._started = perf_counter() - self.sums["seconds"]
        return batches if device_of(self.model) is None else (on_device_of(self.model, batch) for batch in batches)

    def record_step(self, value, examples, norm=None):
        """Add up the loss of a batch and the norm of its gradients; without `norm`, the one that the optimiser computed."""
        self.together.stepped()
        self.step += 1
        sums = self.sums
        norm = self.optimizer.grad_norm if norm is None else norm
        sums["loss"], sums["grad_norm"] = _added(sums["loss"], sums["grad_norm"], value, norm, examples)
        sums["examples"] += examples
        self.call("on_step")
        self.together.settle()

    def finish_epoch(self):
        """Validate, and append the epoch's row to the history."""
        sums = self.sums
        if not sums["examples"]:
            raise ArgumentError("fit: there are no batches; was the data an iterator that is already used up?")
        row = {"epoch": self.epoch, "loss": float(sums["loss"]) / sums["examples"]}
        seconds = perf_counter() - self._started
        if not isfinite(row["loss"]):
            raise self._diverged("loss", row["loss"])
        for name, (x, y) in self.validation.items():
            row |= evaluate(self.model, self.loss, x, y, self.metrics, name, predict=self.together.predict)
        row |= {"lr": self.optimizer.last_lr, "grad_norm": float(sums["grad_norm"]) / self.step, "seconds": seconds}
        self.history.append(row)
        for name in self.validation:
            if not isfinite(score := row[f"{name}_loss"]) and _broken(self.model):  # else it is the data's affair
                raise self._diverged(f"{name}_loss", score)
        self.optimizer.observe(row)
        self.together.check()
        self.call("on_epoch")
        self.together.settle()

    def _diverged(self, column, value):
        """The error for a loss that is nan or infinite."""
        return GraphError(
            f"fit: the {column.replace('_', ' ')} of epoch {self.epoch} is {value}{_broken(self.model)}. Look for nan in the "
            "data and log, division at 0 or overflow in the loss: run it again inside `with chainrule.debug():`, which names the "
            "operation. A lower learning rate, clipping or scaled inputs often help"
        )

    # ---- saving

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to resume, as nested dicts and lists that chainrule.save can write."""
        self.sums["seconds"] = perf_counter() - self._started
        return saved(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from what state_dict() returned; nothing changes if it does not fit.

        Raises: CheckpointError that says what does not fit.
        """
        self.check_state_dict(state)
        load(self, state)
        self.stop_reason = next((callback.stop_reason for callback in self.callbacks if callback.stop_reason), None)
        self._resumed, self._started = not state["finished"], perf_counter() - self.sums["seconds"]

    def check_state_dict(self, state: dict[str, Any]) -> None:
        """Raise the CheckpointError that load_state_dict(state) would raise; nothing changes."""
        check(self, state)

    def random_state(self, own=False):
        """The states of the random generators, by name; without the global one if `own`."""
        return {k: list(generator.get_state()) for k, generator in self._generators.items() if k or not own}

    def set_random_state(self, state):
        for name, each in state.items():
            self._generators[name].set_state(each)


def _generators(model, batches):
    """{name: generator} for all that training draws from: the global one is "", the others say where they were found."""
    found = {"": random, "data": getattr(batches, "generator", None)}
    for path, module in model.named_modules():
        found |= {f"model.{path}.{k}": v for k, v in vars(module).items() if isinstance(v, Generator)}
    return {name: generator for name, generator in found.items() if generator is not None}


def _broken(model):
    """The first parameter whose gradient or values are not finite, in words; "" if there is none."""
    for name, p in model.named_parameters():
        for what, x in (("the gradient of parameter", p.grad), ("parameter", p)):
            if x is not None and (bad := int((~np.isfinite(x.numpy())).sum())):
                return f", and {what} {name!r} has {bad} of {x.size} elements that are not finite"
    return ""


def _added(losses, norms, value, norm, examples):
    """The sums with those of one batch more: floats on the host; on a device Tensors, for which nobody waits, in one launch."""
    value, norm = raw(value), raw(norm)
    backend = owner(value)
    if backend.on_host or owner(norm) is not backend:
        return float(losses) + float(value) * examples, float(norms) + float(norm)
    losses, norms = (raw(s) if isinstance(s, Tensor) else backend.asarray(s, dtype="float64") for s in (losses, norms))
    add = lambda losses, norms, value, norm: (losses + value.astype("float64") * examples, norms + norm)
    return tuple(map(Tensor._wrap, backend.fused(add, losses, norms, value.reshape(()), norm)))
