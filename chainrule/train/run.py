"""A training run: what fit keeps in mind between steps, and how it is saved and taken up again."""

from contextlib import ExitStack, contextmanager
from itertools import islice
from time import perf_counter
from zlib import crc32

from ..autograd import random
from ..autograd.errors import ArgumentError, CheckpointError, GraphError
from ..autograd.random import Generator
from ..autograd.tensor import owner, raw
from ..optim.schedule import Schedule
from .evaluate import evaluate
from .history import History

VERSION = 1  # of the checkpoint's contents
ENTRIES = set("model optimizer epoch step data finished sums history random callbacks".split())


class Run:
    """The state of one call of fit, as callbacks see it.

    Fields:
        model, loss, optimizer, batches, validation: as given to fit; validation as {name: (x, y)}.
        columns: the names of what each epoch's row of the history holds.
        history: the rows so far.
        epoch: the number of the current epoch, from 1; 0 before the first.
        step: how many steps of this epoch were taken.
        stop: None, or why the run shall end after this step; interrupted: whether it ends for Ctrl-C;
            halfway: whether that cut off a step.
    """

    def __init__(self, model, loss, optimizer, batches, validation, metrics, callbacks):
        self.model, self.loss, self.optimizer, self.batches = model, loss, optimizer, batches
        self.validation, self.metrics, self.callbacks = validation, metrics, callbacks
        scores = [f"{part}_{name}" for part in validation for name in ("loss", *metrics)]
        self.columns = ["epoch", "loss", *scores, "lr", "grad_norm", "seconds"]
        self.history = History()
        self._generators = _generators(model, batches)
        self.epoch, self.step, self.stop = 0, 0, None
        self.interrupted = self.halfway = False
        self._sums = {"loss": 0.0, "examples": 0, "grad_norm": 0.0, "seconds": 0.0}
        self._resumed, self._order = False, None  # in the middle of an epoch; the generators at the epoch's start
        self._started = perf_counter()

    def call(self, moment):
        """Tell all callbacks."""
        for callback in self.callbacks:
            getattr(callback, moment)(self)

    @contextmanager
    def started(self):
        """The callbacks' on_start before the with-block, their on_end after it, as with-blocks inside one another."""
        with ExitStack() as ends:
            ends.callback(lambda: setattr(self.history, "stopped", self.ending))
            for callback in self.callbacks:
                callback.on_start(self)
                ends.callback(callback.on_end, self)
            ends.callback(lambda: self.model.eval() if self.epoch else None)
            try:
                yield
            except KeyboardInterrupt:
                self.interrupted = self.halfway = True

    @property
    def ending(self):
        """Why the run ends after this step, in words; None if it does not."""
        return "Ctrl-C" if self.interrupted else self.stop

    def refuse_missing(self, owner, column):
        """Raise an ArgumentError if the history will have no such column for `owner` to monitor."""
        if column not in self.columns:
            raise ArgumentError(
                f"{owner}: there is no column {column!r} to monitor; choose among "
                f"{', '.join(map(repr, self.columns))}" + ("" if self.validation else ", or give fit validation data")
            )

    def say(self, text):
        """Show a line where the progress is shown, if it is."""
        for callback in self.callbacks:
            if hasattr(callback, "say"):
                callback.say(text)

    # ---- an epoch

    def goes_on(self, epochs):
        """Whether there is something left to do."""
        return not self.ending and (self._resumed or self.epoch < epochs)

    def rest_of_epoch(self):
        """The batches of the next epoch, or those that remain of the one that was taken up."""
        if not self._resumed:
            self.epoch, self.step = self.epoch + 1, 0
            self._sums = dict.fromkeys(self._sums, 0.0) | {"examples": 0}
            self._order = self.random_state()
        if not self.model.training:  # a part that is in evaluation by itself stays there
            self.model.train()
        now = self.random_state()
        if self._resumed:  # the same order of the data as in the epoch that was interrupted
            self.set_random_state(self._order)
        if hasattr(self.batches, "iterate"):
            batches = self.batches.iterate(self.step)
        else:
            batches = iter(self.batches)
            next(islice(batches, self.step, self.step), None)  # pass over those that were seen
        if self._resumed:
            self.set_random_state(now)
        self._resumed = False
        self._started = perf_counter() - self._sums["seconds"]
        return batches

    def count(self, value, examples, norm=None):
        """Note the loss of a batch and the norm of its gradients, which is that of the step if none is given."""
        self.step += 1
        sums = self._sums
        sums["loss"] = sums["loss"] + _unread(value) * examples
        sums["examples"] += examples
        sums["grad_norm"] = sums["grad_norm"] + _unread(self.optimizer.grad_norm if norm is None else norm)
        self.call("on_step")

    def finish_epoch(self):
        """Validate, and put the epoch's row into the history."""
        sums = self._sums
        if not sums["examples"]:
            raise ArgumentError("fit: there are no batches; was the data an iterator that is already used up?")
        row = {"epoch": self.epoch, "loss": float(sums["loss"]) / sums["examples"]}
        seconds = perf_counter() - self._started
        if row["loss"] != row["loss"]:
            raise GraphError(
                f"fit: the loss of epoch {self.epoch} is nan. Look for nan in the data and log or division at 0 in the "
                "loss; a lower learning rate, clipping or scaled inputs often help"
            )
        for name, (x, y) in self.validation.items():
            row |= evaluate(self.model, self.loss, x, y, self.metrics, name)
        row |= {"lr": self.optimizer.last_lr, "grad_norm": float(sums["grad_norm"]) / self.step, "seconds": seconds}
        self.history.append(row)
        self.optimizer.observe(row)
        self.call("on_epoch")

    # ---- saving

    def state_dict(self):
        """All that it takes to go on, as nested dicts and lists that chainrule.save can write."""
        self._sums["seconds"] = perf_counter() - self._started
        return {
            "version": VERSION,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "data": _fingerprint(self.batches),
            "finished": len(self.history) == self.epoch,
            "sums": {k: v if k == "examples" else float(v) for k, v in self._sums.items()},
            "history": list(self.history),
            "random": {"now": self.random_state(), "order": self._order},
            "callbacks": [{"kind": type(c).__name__, "state": s} for c in self.callbacks if (s := c.state_dict())],
        }

    def load_state_dict(self, state):
        """Go on from what state_dict() returned; nothing changes if it does not fit.

        Raises: CheckpointError that says what does not fit.
        """
        self._refuse_misfit(state)
        backup = self.model.state_dict()
        self.model.load_state_dict(state["model"])
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except CheckpointError:
            self.model.load_state_dict(backup)
            raise
        self.set_random_state(state["random"]["now"])
        self._order = state["random"]["order"]
        for callback, saved in self._matched(state["callbacks"]):
            callback.load_state_dict(saved)
        self.history[:] = state["history"]
        self.epoch, self.step, self._sums = state["epoch"], state["step"], state["sums"]
        self.stop = next((callback.ended for callback in self.callbacks if callback.ended), None)
        self._resumed, self._started = not state["finished"], perf_counter() - self._sums["seconds"]

    def _refuse_misfit(self, state):
        if not isinstance(state, dict) or state.get("version") != VERSION or not state.keys() >= ENTRIES:
            raise CheckpointError("fit: the checkpoint is not one of a training run of this version of chainrule")
        if state["data"] != _fingerprint(self.batches):
            raise CheckpointError(
                f"fit: the checkpoint is of a run on other data: {state['data']} there, {_fingerprint(self.batches)} here; "
                "resume with the data and the batch size of the interrupted run"
            )
        schedules = [(old.get("lr"), group["lr"]) for old, group in zip(
            state["optimizer"]["groups"], self.optimizer.groups, strict=False)]  # fmt: skip
        for old, new in schedules:
            if isinstance(new, Schedule) and old != repr(new):
                raise CheckpointError(
                    f"fit: the checkpoint is of a run with the learning rate {old}, this one has {new!r}"
                )
        self._matched(state["callbacks"])
        if state["random"]["now"].keys() != self.random_state().keys():
            raise CheckpointError("fit: the checkpoint is of a run with other random generators in data or model")

    def _matched(self, saved):
        """(callback, its state) by kind and order; what is new in this run begins anew."""
        waiting, pairs = list(self.callbacks), []
        for entry in saved:
            callback = next((c for c in waiting if type(c).__name__ == entry["kind"]), None)
            if callback is None:
                raise CheckpointError(
                    f"fit: the checkpoint is of a run with a callback {entry['kind']}, which is missing"
                )
            waiting.remove(callback)
            pairs.append((callback, entry["state"]))
        return pairs

    def random_state(self, own=False):
        """The positions of the random generators; of those that belong to the data and the model only, if `own`."""
        return {k: list(generator.get_state()) for k, generator in self._generators.items() if k or not own}

    def set_random_state(self, state):
        for name, position in state.items():
            self._generators[name].set_state(position)


def _generators(model, batches):
    """Every stream of random numbers that training draws from, by where it was found."""
    found = {"": random, "data": getattr(batches, "generator", None)}
    for path, module in model.named_modules():
        found |= {f"model.{path}.{k}": v for k, v in vars(module).items() if isinstance(v, Generator)}
    return {name: generator for name, generator in found.items() if generator is not None}


def _unread(number):
    """A Tensor of one number as a float where that costs nothing, else as a Tensor that the host need not wait for."""
    array = raw(number)
    return float(array) if owner(array).on_host else number.detach().to("float64")


def _fingerprint(batches):
    """What tells the data of one run from that of another, at little cost: lengths, shapes, the bytes of the first rows."""
    length = len(batches) if hasattr(batches, "__len__") else None
    arrays = [f"{a.dtype}{list(a.shape)} {crc32(a[:16].numpy().tobytes()):08x}" for a in getattr(batches, "arrays", [])]
    return {"batches": length, "arrays": arrays}
