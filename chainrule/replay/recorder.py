"""Recording a training run, moment by moment, for the page that history.save writes."""

from ..autograd.arguments import whole
from ..autograd.errors import CheckpointError
from ..train.callback import Callback
from .snapshot import Scene


class Replay(Callback):
    """Records what a run looks like at up to `frames` moments, for history.save("run.html") to show.

    Each moment holds: the loss on some examples and which of them are right, the predictions on a grid of `grid` × `grid`
    points (for models of two inputs; a curve for those of one), the norm of the gradient and of the update in each layer,
    and the graph of one example's loss. The first moment is before the first step, the last after the last one; those
    between are `every` steps apart, and twice as far whenever there would be too many. A run with it ends with the very
    weights of one without.

    Fields:
        follow: the position of the example, in the training data, whose graph is shown; None for no graph.
        every: how many steps lie between two moments at first; None: 1.
        stride: how many lie between two moments now.
        frames: the moments so far, as plain data; they are also history.frames. history.scene is what all have in common.
        history: the run's History, which is here also where fit raises: replay.history.save("run.html") shows how a run
            diverged. None before a run.

    What cannot be recorded, such as the boundary of a model of 64 inputs, is left out, and the page says why.

    Raises: ArgumentError if an option is no whole number in its range, or, from fit, if there is no example to follow there.
    Example:
        >>> import chainrule as cr
        >>> x = cr.linspace(-1, 1, 50).reshape(25, 2)
        >>> model, y = cr.nn.Linear(2, 1), 3 * x[:, :1]
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> history = cr.fit(model, cr.nn.mse, optimizer, (x, y), 3, callbacks=cr.Replay(), verbose=0)
        >>> [(frame["epoch"], frame["step"]) for frame in history.frames]
        [(0, 0), (1, 1), (2, 1), (3, 1)]
    """

    def __init__(self, follow=0, every=None, frames=60, grid=48):
        self.follow = whole("Replay", "follow", follow, least=0, none="no graph")
        self.every = whole("Replay", "every", every, none="1") or 1
        self.limit = whole("Replay", "frames", frames, least=2)
        self.grid = whole("Replay", "grid", grid, least=2)
        self.frames, self.stride, self.history = [], self.every, None

    def on_start(self, run):
        self.scene = Scene(run, self.follow, self.grid)
        self.frames, self.stride = [], self.every
        self.history = run.history
        run.history.frames, run.history.scene = self.frames, self.scene.facts
        self._first = self._seen = run.optimizer.steps  # when this began, and at the last call
        self._before = {}  # the weights before a step, under its number: of the last and the coming one, where wanted
        self._record(run)
        self._prepare(run)

    def on_step(self, run):
        steps = run.optimizer.steps
        if steps != self._seen + 1:  # the run was taken up from a checkpoint that knows nothing of this replay
            self.frames.clear()
            self._first = steps
        self._seen = steps
        if self._due(steps) and len(self.frames) == self.limit - 1:  # the last place is kept for the end of the run
            del self.frames[1::2]
            self.stride *= 2
        if self._due(steps):
            self._record(run)
        self._prepare(run)

    def on_epoch(self, run):
        for frame in self.frames:
            if frame["epoch"] == run.epoch:
                frame["of"] = run.step

    def on_end(self, run):
        if not run.mid_step and self.frames[-1]["steps"] != run.optimizer.steps:
            self._record(run)

    def _due(self, steps):
        return (steps - self._first) % self.stride == 0

    def _record(self, run):
        steps, length = run.optimizer.steps, _length(run) or (run.step if len(run.history) == run.epoch else None)
        where = {"epoch": run.epoch, "step": run.step, "of": length, "steps": steps}
        self.frames.append(where | self.scene.look(self._before.get(steps), trained=run.step > 0))

    def _prepare(self, run):
        """Keep the weights before a step whose update will be measured: one that is recorded, or may be the last."""
        steps, length = run.optimizer.steps, _length(run)
        self._before = {step: weights for step, weights in self._before.items() if step == steps}  # on_end may need it
        if self._due(steps + 1) or (length and (run.step + 1) % length == 0):
            self._before[steps + 1] = self.scene.weights()

    def state_dict(self):
        options = {"follow": self.follow, "grid": self.grid}
        return options | {"frames": [*self.frames], "stride": self.stride, "first": self._first, "seen": self._seen}

    def load_state_dict(self, state):
        for name, own in (("follow", self.follow), ("grid", self.grid)):
            if state[name] != own:
                raise CheckpointError(
                    f"Replay: the checkpoint was recorded with {name}={state[name]}, this run has {name}={own}; "
                    "resume with the same, so that all moments show the same"
                )
        self.frames[:], self.stride = state["frames"], state["stride"]
        self._first, self._seen = state["first"], state["seen"]
        self._before = {self._seen + 1: self.scene.weights()}


def _length(run):
    """How many steps an epoch has; None where the data does not say."""
    return len(run.batches) if hasattr(run.batches, "__len__") else None
