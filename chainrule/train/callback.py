"""Callbacks: what fit calls before, during and after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.foreign import Explaining

if TYPE_CHECKING:
    from .run import Run


class Callback(Explaining):
    """Called by fit at four points of a run; define the methods that you need. `run` is the training run, see cr.Run.

    Set run.stop_reason to a reason, in words, to end the training after the current step.

    Fields:
        stop_reason: why this callback ends the run, also after it was resumed from a checkpoint; None if it does not.
        on_every_worker: whether all processes of a run with workers call it, and not only worker 0; needed where it changes the
            model or the optimiser, which must do the same everywhere.

    Example:
        >>> import chainrule as cr
        >>> class StopWhenGood(cr.Callback):
        ...     def on_epoch(self, run: Run) -> None:
        ...         if run.history[-1]["loss"] < 0.1:
        ...             run.stop_reason = "the loss is below 0.1"
    """

    stop_reason: str | None = None
    on_every_worker = False

    def on_start(self, run: Run) -> None:
        """Before the first epoch; the place to raise errors about the callback's own options."""

    def on_step(self, run: Run) -> None:
        """After each step of the optimiser."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch; its row is run.history[-1]."""

    def on_end(self, run: Run) -> None:
        """When the run ends, for whatever reason, Ctrl-C and errors included."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold for this callback to resume: tensors, numbers and strings, by name."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from what state_dict() returned; called after on_start."""

    def check_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Raise a CheckpointError if `state` is not what state_dict() of such a callback returned; called before on_start.

        A callback without it may raise in load_state_dict: it is then as before, and fit raises a CheckpointError.
        """


class EachEpoch(Callback):
    """A plain function of the run, called after each epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch(self, run: Run) -> None:
        self.function(run)
