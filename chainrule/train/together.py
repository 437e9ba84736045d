"""What of a training run is done in another way where many workers share it."""

from __future__ import annotations

from itertools import pairwise

from ..autograd.errors import ArgumentError, GraphError
from ..autograd.shard import cut
from ..data import Batches
from ..nn.activations import name_of
from ..parallel.data_parallel import DataParallel, as_workers
from .evaluate import predict
from .reduction import reduction_of
from .state import INTERRUPT, checksums, fingerprint

CHECK = 100  # steps after which workers compare their parameters


class Single:
    """A run of one worker.

    Fields:
        leads: whether this process prints, writes files and calls the user's callbacks.
        parallel: the DataParallel that computes gradients; None.
    """

    leads, parallel = True, None
    reduction: str | None = None  # of the loss over the examples, once it is known

    def backward(self, model, objective, x, y, n):
        """The value of objective(model, x, y) after its backward pass; n is the number of all examples of the batch."""
        value = objective(model, x, y)
        value.backward()
        return value

    def examples(self, x):
        """The number of examples of the batch of which x is what this process needs."""
        return len(x)

    def predict(self, model, x):
        return predict(model, x)

    def first(self, function):
        """What `function` returns on the worker that leads."""
        return function()

    def stepped(self):
        """Note that the optimiser has updated the parameters."""

    def timeline(self):
        """What History.timeline is of this run, which ends now."""
        return []

    def settle(self):
        """Let a reason to stop that one worker has be that of all."""

    def check(self):
        """Raise a WorkerError if the workers' models differ."""

    def fail(self, error):
        """Tell the others that this worker has failed; returns whether all stop between two steps, with nothing half done."""
        return False


class Together(Single):
    """A run of several workers, each of which computes some shards of every batch."""

    def __init__(self, run, workers, shards, deterministic):
        workers = as_workers("fit", workers)
        self.parallel = DataParallel(run.model, run.optimizer, workers, deterministic, shards)
        self.run, self.workers, self.agreement = run, workers, self.parallel.agreement
        self.leads = workers.rank == 0
        self.agreement.same("data and callbacks", _facts(run))
        run.set_random_state(workers.broadcast(run.random_state()))  # also that of the data: the same order on all
        self.in_parts = False  # whether batches have the examples of this process only
        if isinstance(run.batches, Batches):
            _check_shards(run, self.parallel.shards)
            self.in_parts = workers.size > 1
        if self.in_parts:
            run.batches = run.batches.part(self.parallel.first, self.parallel.last, self.parallel.shards)

    def backward(self, model, objective, x, y, n):
        if self.reduction is None:
            state = self.run.random_state()
            mine = reduction_of(self.run.loss, model, x, y) if len(x) else None
            self.run.set_random_state(state)  # a model may draw in eval mode, too
            self.agreement.agree("the first loss")
            self.reduction = next(filter(None, self.workers.gather(mine)), None)
        total = n if self.in_parts else None
        return self.parallel.backward(objective, x, y, reduction=self.reduction or "mean", total=total)

    def examples(self, x):
        return self.run.batches.examples(self.run.step) if self.in_parts else len(x)

    def predict(self, model, x):
        return self.parallel.predict(predict, x)

    def first(self, function):
        with self.agreement.telling():
            value = function() if self.leads else None
        self.agreement.agree("worker 0 alone")
        return self.workers.broadcast(value)

    def stepped(self):
        self.parallel.note(0, "update", self.parallel.events[-1][-1])  # since the sum: clipping, too

    def timeline(self):
        return self.parallel.timeline()

    def settle(self):
        run = self.run
        if self.workers.size > 1:
            reason = self.agreement.stop(run.stop_reason)
            run.interrupted, run.stop_reason = reason == INTERRUPT, reason
            if run.optimizer.steps % CHECK == 0:
                self.check()

    def check(self):
        if self.workers.size > 1:
            self.parallel.check()

    def fail(self, error):
        self.agreement.fail(error)
        # a GraphError may come from the optimiser, in the middle of a step, and L-BFGS calls the loss there
        between = not isinstance(error, GraphError) and not self.run.optimizer.whole_batch
        return self.workers.size > 1 and between


def _facts(run):
    """What of a run must be the same on all workers, as plain data."""
    return [
        ("callbacks", [type(c).__name__ for c in run.callbacks]),
        ("columns", run.columns),
        ("loss", name_of(run.loss)),
        *fingerprint(run.batches).items(),
        *((f"validation data {name!r}", checksums(pair)) for name, pair in run.validation.items()),
    ]


def _check_shards(run, shards):
    """Raise if a batch is too small to be cut into so many shards."""
    alone = [module for _, module in run.model.named_modules() if not getattr(module, "sync", False)]
    least = max((getattr(module, "least_batch", 1) for module in alone), default=1)
    if run.batches.batch_size < shards * least:
        raise ArgumentError(
            f"fit: a batch of {run.batches.batch_size} examples cannot be cut into {shards} shards of at least {least}; choose a larger "
            "batch_size, or fewer workers or shards"
        )
    last = 0 if run.batches.drop_last else run.batches.n % run.batches.batch_size
    smallest = min((b - a for a, b in pairwise(cut(last, shards)) if b > a), default=least)
    if smallest < least:
        raise ArgumentError(
            f"fit: the last batch has {last} examples, of which a shard would have {smallest}, too few for the model's BatchNorm; choose "
            "another batch_size, or Batches(x, y, drop_last=True)"
        )
