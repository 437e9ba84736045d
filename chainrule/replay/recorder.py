"""Recording a training run, snapshot by snapshot, for the page that history.save writes."""

from __future__ import annotations

from typing import Any

from ..autograd.arguments import whole
from ..autograd.errors import CheckpointError
from ..train.callback import Callback
from ..train.state import is_count, require
from .snapshot import Observer


class Replay(Callback):
    """Records up to `max_snapshots` snapshots of a run, for history.save("run.html") to show.

    Each holds: the loss on some examples and which of them are right, the predictions on a grid of `grid` × `grid`
    points (for models of two inputs; a curve for those of one), the norm of the gradient and of the update in each layer,
    and the graph of one example's loss. The first is taken before the first step, the last after the last one; those
    between are `every` steps apart, and twice as far whenever there would be too many. Recording does not change the run:
    it ends with the same weights, to the bit.

    Fields:
        follow: the position of the example, in the training data, whose graph is shown; None for no graph.
        every: how many steps lie between two snapshots at first; None: 1.
        stride: how many lie between two now.
        snapshots: those so far, as plain data; they are also history.snapshots. history.snapshot_info is what they share.
        history: the run's History, also where fit raises: replay.history.save("run.html") shows how a run diverged. None
            before a run.

    What cannot be recorded, such as the boundary of a model of 64 inputs, is left out, and the page says why.

    Raises: ArgumentError if an option is out of range, or, from fit, if the data has no example `follow`.
    Example:
        >>> import chainrule as cr
        >>> x = cr.linspace(-1, 1, 50).reshape(25, 2)
        >>> model, y = cr.nn.Linear(2, 1), 3 * x[:, :1]
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> history = cr.fit(model, cr.nn.mse, optimizer, (x, y), 3, callbacks=cr.Replay(), verbose=0)
        >>> [(snapshot["epoch"], snapshot["step"]) for snapshot in history.snapshots]
        [(0, 0), (1, 1), (2, 1), (3, 1)]
    """

    def __init__(self, follow: int | None = 0, every: int | None = None, max_snapshots: int = 60, grid: int = 48):
        self.follow = whole("Replay", "follow", follow, least=0, none="no graph")
        self.every = whole("Replay", "every", every, none="1") or 1
        self.limit = whole("Replay", "max_snapshots", max_snapshots, least=2)
        self.grid = whole("Replay", "grid", grid, least=2)
        self.snapshots: list[dict[str, Any]] = []
        self.stride, self.history = self.every, None

    def on_start(self, run):
        self.observer = Observer(run, self.follow, self.grid)
        self.snapshots, self.stride = [], self.every
        self.history = run.history
        run.history.snapshots, run.history.snapshot_info = self.snapshots, self.observer.facts
        # the optimiser's steps when recording began, and at the last call
        self._first = self._seen = run.optimizer.steps
        self._before = {}  # {step: the weights before it}, for steps whose update is measured
        self._record(run)
        self._prepare(run)

    def on_step(self, run):
        steps = run.optimizer.steps
        if steps != self._seen + 1:  # resumed from a checkpoint without this replay
            self.snapshots.clear()
            self._first = steps
        self._seen = steps
        if self._due(steps) and len(self.snapshots) == self.limit - 1:  # the last place is kept for the end of the run
            del self.snapshots[1::2]
            self.stride *= 2
        if self._due(steps):
            self._record(run)
        self._prepare(run)

    def on_epoch(self, run):
        for snapshot in self.snapshots:
            if snapshot["epoch"] == run.epoch:
                snapshot["epoch_steps"] = run.step

    def on_end(self, run):
        if not run.mid_step and self.snapshots[-1]["steps"] != run.optimizer.steps:
            self._record(run)

    def _due(self, steps):
        return (steps - self._first) % self.stride == 0

    def _record(self, run):
        steps, length = run.optimizer.steps, _length(run) or (run.step if len(run.history) == run.epoch else None)
        where = {"epoch": run.epoch, "step": run.step, "epoch_steps": length, "steps": steps}
        self.snapshots.append(where | self.observer.snapshot(self._before.get(steps), trained=run.step > 0))

    def _prepare(self, run):
        """Keep the weights if the next step's update will be measured: it is recorded, or may be the last."""
        steps, length = run.optimizer.steps, _length(run)
        self._before = {step: weights for step, weights in self._before.items() if step == steps}  # on_end may need it
        if self._due(steps + 1) or (length and (run.step + 1) % length == 0):
            self._before[steps + 1] = self.observer.weights()

    def state_dict(self):
        options = {"follow": self.follow, "grid": self.grid}
        return options | {
            "snapshots": [*self.snapshots],
            "stride": self.stride,
            "first": self._first,
            "seen": self._seen,
        }

    def check_state_dict(self, run, state):
        own = {"follow": self.follow, "grid": self.grid}
        names = [*own, "snapshots", "stride", "first", "seen"]
        require(isinstance(state, dict) and state.keys() == set(names), f"Replay must hold {', '.join(names)}", state)
        for name, value in own.items():
            if repr(state[name]) != repr(value):
                raise CheckpointError(
                    f"Replay: the checkpoint was recorded with {name}={state[name]!s:.80}, this run has {name}={value}; "
                    "resume with the same, so that all snapshots show the same"
                )
        for name, least in (("stride", 1), ("first", 0), ("seen", 0)):
            require(is_count(state[name], least), f"{name} of Replay must be a count", state[name])
        require(
            isinstance(state["snapshots"], list) and state["snapshots"],
            "Replay must hold snapshots",
            state["snapshots"],
        )
        for snapshot in state["snapshots"]:
            require(
                isinstance(snapshot, dict) and all(is_count(snapshot.get(name)) for name in ("epoch", "step", "steps")),
                "each snapshot of Replay must say its epoch, step and steps",
                snapshot,
            )

    def load_state_dict(self, state):
        self.snapshots[:], self.stride = state["snapshots"], state["stride"]
        self._first, self._seen = state["first"], state["seen"]
        self._before = {self._seen + 1: self.observer.weights()}


def _length(run):
    """How many steps an epoch has; None if the data has no length."""
    return len(run.batches) if hasattr(run.batches, "__len__") else None
