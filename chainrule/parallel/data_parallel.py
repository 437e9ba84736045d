"""The gradient of a batch, computed in shards by workers, and added up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any
from zlib import crc32

import numpy as np

from ..autograd import random
from ..autograd.arguments import choose, whole, whole_number
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, DeviceError, ShapeError, WorkerError
from ..autograd.ops.shape import concatenate
from ..autograd.random import Generator
from ..autograd.shard import Shard, cut
from ..autograd.tensor import Tensor
from ..backends import is_deterministic, owner
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from .agreement import Agreement
from .layout import Layout, Sums, kept
from .meeting import Meeting
from .replica import Replica
from .shard_gradient import shard_gradient
from .timeline import on_one_clock
from .workers import Threads, Workers, halved, share

SHARDS = 8  # of a deterministic run: it may have up to so many workers
EVENTS = 4096  # that are remembered of what was computed when


class DataParallel:
    """Computes the gradient of a batch in shards, on the workers' threads and processes, as if it had been computed at once.

    Every process holds the whole model, and takes the same steps; at first the model, the optimiser and the random generators
    of worker 0 are sent to all. For each shard the objective is given a model with the same Parameters, but tensors of its own:
    what layers keep in those, such as BatchNorm's running mean, becomes the mean over all examples afterwards. Dropout draws for each
    example what it would draw in the whole batch. With layers that look at all examples, BatchNorm(sync=True), a
    process computes its shards at the same time, each in a thread, and needs memory for the gradient of each.

    Fields:
        model, optimizer, workers: as given; a number of workers is one of threads.
        deterministic: whether the same bits come out for any number of workers: shards are then added up in a fixed binary
            tree, each worker computing some of `shards`. Else each worker computes one, and the sum is the library's own.
        first, last: which shards this process computes: [first, last).
        shards: in how many parts a batch is cut, 8 in a deterministic run unless said; else as many as there are workers.
        program_of: what makes a program of a function that computes a shard; None: it is called as it is.
        programs: {(number of a shard, objective, reduction): what was made}.
        events: what this process did lately: (thread, what, start, end), in seconds of perf_counter. It computed "shard 0", "shard 1" …,
            had to "wait" for the other workers, and took part in the "sum" over all.

    Raises: ArgumentError for more workers than shards; WorkerError if the workers' models or optimisers differ; DeviceError for
        a model of plain floats.
    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.Linear(2, 1)
        >>> optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
        >>> parallel = cr.parallel.DataParallel(model, optimizer, workers=2)
        >>> objective = lambda model, x, y: cr.nn.mse(model(x), y)
        >>> x, y = cr.ones((6, 2)), cr.zeros((6, 1))
        >>> whole = objective(model, x, y)
        >>> bool(abs(parallel.backward(objective, x, y) - whole) < 1e-6), model.weight.grad.shape
        (True, (2, 1))
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        workers: Workers | int,
        deterministic: bool = False,
        shards: int | None = None,
    ):
        self.model, self.optimizer, self.workers = model, optimizer, as_workers("DataParallel", workers)
        self.deterministic = deterministic
        units = self.workers.size * self.workers.threads
        shards = whole("DataParallel", "shards", shards, none="as many as are needed")
        self.shards = shards or (max(SHARDS, units) if deterministic else units)
        if self.shards < units:
            raise ArgumentError(
                f"DataParallel: {units} workers need at least as many shards, not {self.shards}; give shards={units}, or take "
                "fewer workers"
            )
        rank, size = self.workers.rank, self.workers.size
        self.first, self.last = share(rank, size, 0, self.shards)  # the shards of this process
        self._by_thread = [share(t, self.workers.threads, self.first, self.last) for t in range(self.workers.threads)]
        self.layout = Layout(model, optimizer)
        devices = {p.device for p in self.layout.parameters}
        if self.workers.device is not None and devices - {self.workers.device}:
            raise DeviceError(
                f"DataParallel: this worker computes on {self.workers.device!r}, but its model has parameters on "
                f"{', '.join(map(repr, sorted(devices)))}; make model and optimiser inside `with chainrule.backends.use(workers.device):`"
            )
        self.agreement = Agreement(self.workers, len(self.layout.parameters) + len(self.layout.tensors))
        self._add = self.workers.tree if deterministic else self.workers.allreduce
        self._meeting = None
        if any(getattr(module, "sync", False) for _, module in model.named_modules()):
            xp = self.layout.flats[0].backend.xp
            self._meeting = Meeting(self.last - self.first, self.agreement, self._add, xp)
        self.program_of: Callable[[Callable[..., Any]], Any] | None = None
        self.programs: dict[Any, Any] = {}
        self.events: deque[tuple[int, str, float, float]] = deque(maxlen=EVENTS)
        self._generators = [random._generator, *(g for _, g in generators(model))]
        how = {"shards": self.shards, "deterministic": deterministic, "optimiser": type(optimizer).__name__}
        self.agreement.same("model, optimiser and options", [*how.items(), *self.layout.description()])
        self._start_alike()

    @property
    def at_once(self) -> bool:
        """Whether shards are computed at the same time, because layers look at all examples of a batch."""
        return self._meeting is not None

    # ---- what users call

    def backward(
        self, objective: Callable[..., Any], *arrays: Any, reduction: str = "mean", total: int | None = None
    ) -> Tensor:
        """Add the gradient of objective(model, *arrays) to the `grad` of every parameter of the optimiser; returns its value.

        `objective` is called with each shard of the arrays, and returns the mean over its examples (reduction="mean"), or the sum.

        Shape: arrays (n, …), the same whole batch on every process. With `total`, the number of examples of the whole batch, they
            are the examples of this process only, as batches.part(first, last, shards) gives them with these fields.
        Raises: whatever the objective raises, here, and WorkerError on all other processes; no gradient has changed then.
        """
        with self.agreement.telling():
            before = [(name, t, t._version) for name, t in self.model.named_tensors()]
            n, mine, ends = self._own_shards(objective, arrays, reduction, total)
            self._check_untouched(before)
            some_without = n < self.shards
            if some_without and self.workers.size > 1 and not mine.words.keys() <= set(self._generators):
                raise ArgumentError(
                    f"DataParallel: in a batch of {n} examples, fewer than the {self.shards} shards, random numbers can only be drawn from the "
                    "global generator or one that is an attribute of a module; hold it there, or leave out such batches (drop_last=True)"
                )
        text = ", ".join(f"{type(module).__name__}.{name} = {value!r}" for (module, name), value in mine.kept.items())
        place = f"a step of {n} examples" + f" that sets {text}" * bool(text and not some_without)
        reached, _ = self.agreement.agree(place, mine.reached)
        for thread, end in enumerate(ends):
            self.note(thread, "wait", end)
        started = perf_counter()
        value = self.layout.deliver([self._add(row) for row in mine.rows], reached)
        first = self.workers.broadcast if self.workers.size > 1 else None
        self.layout.keep(self.model, mine.changes, reached, self._add, first)
        self._move_generators(mine.words, some_without)
        self._set(mine.kept, some_without)
        self.note(0, "sum", started)
        return value

    def predict(self, function: Callable[[Module, Any], Tensor], x: Any) -> Tensor:
        """function(model, x) for x (n, …), computed in shards: each worker has some of them, and gets all.

        As in `backward`, each shard has a model of its own; what forward leaves in it is lost.

        Raises: whatever the function raises, here, and WorkerError on all other processes.
        """
        bounds = cut(len(x), self.shards)
        words: dict[Generator, int] = {}

        def found(first, last):
            parts = []
            for a, b in pairwise(bounds[first : last + 1]):
                if b > a:
                    with Shard(a, b, bounds[-1]) as shard:
                        parts.append(function(Replica(self.model).model, x[a:b]))
                    words.update(shard.words)
            return parts

        with self.agreement.telling():
            if not bounds[-1]:
                raise ArgumentError("DataParallel: there are no examples to predict")
            each = self.workers.map(lambda t: found(*self._by_thread[t]), range(self.workers.threads))
        parts = [part for some in each for part in some]
        if self.workers.size > 1:
            self.agreement.agree("predict")
            gathered = self.workers.gather([part.numpy() for part in parts])
            backend = owner(raw(parts[0])) if parts else owner(raw(self.layout.parameters[0]))
            parts = [Tensor._wrap(backend.asarray(part)) for each in gathered for part in each]
        self._move_generators(words, bounds[-1] < self.shards)
        return parts[0] if len(parts) == 1 else concatenate(parts)

    def check(self) -> None:
        """Raise a WorkerError that names the first tensor of the model that is not the same, to the bit, on all processes."""
        self.agreement.agree("check")
        parameters = [
            (f"parameter {name}", p) for name, p in zip(self.layout.names, self.layout.parameters, strict=True)
        ]
        tensors = [*parameters, *kept(self.model)]
        sums = [crc32(t.numpy().tobytes()) for _, t in tensors]
        states = [g.get_state() for g in self._generators]
        for rank, (others, drawn) in enumerate(self.workers.gather((sums, states))):
            differing = [name for (name, _), a, b in zip(tensors, sums, others, strict=True) if a != b]
            if differing or drawn != states:
                raise WorkerError(
                    f"parallel: all workers must hold the same model, but {differing[0] if differing else 'the random state'} "
                    f"of worker {rank} differs from that of worker {self.workers.rank} after step {self.optimizer.steps}. Do the "
                    "same on all workers: the same data, and no change of the model on one of them only"
                )

    def note(self, thread: int, what: str, started: float) -> None:
        """Enter into `events` what a thread has done since perf_counter() was `started`."""
        self.events.append((thread, what, started, perf_counter()))

    def timeline(self, steps: int = 3) -> list[dict[str, Any]]:
        """What all workers did in the last few steps, for chainrule.plot.timeline: see History.timeline. To be called by all."""
        whole("timeline", "steps", steps)
        events = list(self.events)
        sums = [i for i, (_, what, _, _) in enumerate(events) if what == "sum"]
        if len(sums) > steps:
            events = events[sums[-1 - steps] + 1 :]
        if events and events[0][1] == "update":  # of the step before
            del events[0]
        self.agreement.agree("the timeline")
        return on_one_clock(self.workers, events)

    # ---- the shards of this process

    def _own_shards(self, objective, arrays, reduction, total):
        """(examples of the whole batch, the sums over those of this process, when each thread was done)."""
        choose("reduction", reduction, dict.fromkeys(("mean", "sum")))
        lengths = [len(x) for x in arrays]
        if len(set(lengths)) != 1:
            raise ShapeError(
                f"DataParallel: needs arrays of one length, to be cut into shards, given lengths {lengths}"
            )
        n = lengths[0] if total is None else total
        if not n:
            raise ArgumentError("DataParallel: the batch is empty")
        bounds = cut(n, self.shards)
        begin = 0 if total is None else bounds[self.first]  # of what this process was given
        if total is not None and lengths[0] != bounds[self.last] - begin:
            raise ArgumentError(
                f"DataParallel: of a batch of {n} examples, worker {self.workers.rank} computes {bounds[self.last] - begin}, those of "
                f"shards {self.first} to {self.last - 1} of {self.shards}, but was given {lengths[0]}; take them from "
                f"batches.part(parallel.first, parallel.last, parallel.shards)"
            )

        def shard(i, thread, meeting=None):
            a, b = bounds[i], bounds[i + 1]
            if a == b:
                return None  # fewer examples than shards
            parts = [_part(x, a - begin, b - begin) for x in arrays]
            return self._shard(i, thread, objective, parts, (a, b, n, meeting), reduction)

        if self._meeting is None:
            work = lambda t: (_tree(lambda i: shard(i, t), *self._by_thread[t]), perf_counter())
            found = self.workers.map(work, range(self.workers.threads))
        else:
            work = lambda i, meeting: (shard(self.first + i, i, meeting), perf_counter())
            examples = [b - a for a, b in pairwise(bounds[self.first : self.last + 1])]
            found = self._meeting.map(work, examples, n >= self.shards)
        sums, ends = zip(*found, strict=True)
        return n, halved(list(sums), _joined) or self.layout.empty(), ends

    def _shard(self, i, thread, objective, arrays, place, reduction):
        """The sums over shard number i, which are those of its examples; place: (first, last, total, meeting)."""
        started, make, key = perf_counter(), self.program_of, (i, objective, reduction)
        if make is None or key not in self.programs:
            same = self.deterministic or is_deterministic()
            gradient = shard_gradient(self.model, objective, self.layout, reduction == "mean", same)
            if make is not None:
                gradient = self.programs.setdefault(key, make(gradient))
        else:
            gradient = self.programs[key]
        rows, reached, *others = gradient(*place, *arrays)
        self.note(thread, f"shard {i}", started)
        return Sums(rows, np.array(reached, bool), *others)

    def _check_untouched(self, before):
        """Raise if a tensor of the model itself has changed, and not one of a replica."""
        for name, t, version in before:
            if t._version is not version:
                raise ArgumentError(
                    f"DataParallel: {name} of the model was changed while shards were computed, by all of them at once; the objective must use the "
                    "model that it is given, and forward may change tensors of a layer, but no Parameter"
                )

    def _set(self, kept, some_without):
        """Set the attributes of the model that forward has set, the same ones by every shard."""
        if some_without and self.workers.size > 1:
            paths = {module: path for path, module in self.model.named_modules()}
            found = self.workers.broadcast({(paths[module], name): value for (module, name), value in kept.items()})
            modules = {path: module for module, path in paths.items()}
            kept = {(modules[path], name): value for (path, name), value in found.items()}
        for (module, name), value in kept.items():
            setattr(module, name, value)

    # ---- random numbers, and the start

    def _move_generators(self, words, some_without):
        """Let every generator go on behind what all shards have drawn."""
        if some_without:  # who had no examples does not know
            drawn = self.workers.broadcast([words.get(g, 0) for g in self._generators])
            words = words | dict(zip(self._generators, drawn, strict=True))
        for g, n in words.items():
            key, counter = g.get_state()
            g.set_state((key, counter + n))

    def _start_alike(self):
        if self.workers.size > 1:
            state = _on_host([self.model.state_dict(), self.optimizer.state_dict()])  # others may not have this device
            own = set(map(id, self.model.parameters()))
            others = [p for p in self.layout.parameters if id(p) not in own]
            drawn = [g.get_state() for g in self._generators]
            model, optimizer, drawn, values = self.workers.broadcast([*state, drawn, [p.numpy() for p in others]])
            for p, value in zip(others, values, strict=True):
                p.assign(value)
            self.model.load_state_dict(model)
            self.optimizer.load_state_dict(optimizer)
            for g, each in zip(self._generators, drawn, strict=True):
                g.set_state(each)


def as_workers(operation, workers):
    """Workers, or a number of threads, as Workers."""
    if whole_number(workers):
        return Threads(workers)
    if not isinstance(workers, Workers):
        raise ArgumentError(
            f"{operation}: workers must be a number of threads, or what chainrule.parallel.init() returns, not {workers!r:.80}"
        )
    return workers


def generators(model):
    """(path, generator) for all that the modules of a model hold."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Generator):
                yield f"{path}.{name}", value


def _tree(sums, first, last):
    """sums(i) for i in [first, last) added up as `halved` adds, in no more memory than the depth of the tree needs."""
    if last - first == 1:
        return sums(first)
    middle = (first + last) // 2
    return _joined(_tree(sums, first, middle), _tree(sums, middle, last))


def _part(x, a, b):
    """x[a:b], without a copy where that is all of it."""
    return x if (a, b) == (0, len(x)) else x[a:b]


def _on_host(state):
    """A state, nested dicts and lists, with its tensors on the host."""
    if isinstance(state, dict):
        return {key: _on_host(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_on_host(value) for value in state]
    return state.to("cpu") if isinstance(state, Tensor) else state


def _joined(a, b):
    """The sums of two neighbours in the tree; None is that of no examples, which processes send as zeros: they turn -0.0 into 0.0."""
    if a is not None and b is not None:
        return a.add(b)
    some = b if a is None else a
    for row in some.rows if some else ():
        row += 0
    return some
