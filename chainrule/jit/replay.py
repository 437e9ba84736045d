"""A recorded call made ready to run again: what must still hold, what goes in, and what is done to Python's objects after it."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from ..autograd.node import Node
from ..backends.compare import difference
from ..backends.lowering import lowered
from ..backends.passes import planned
from ..backends.program import Program
from .collector import without_collector
from .pending import Pending, is_none, leave, unwrap
from .reach import Reach
from .recorded import Argument, Recorded, at
from .undo import undraw
from .unrolled import call


class Replay:
    """A program with its ways in and out.

    Fields:
        program: after all passes; recorded: as it was recorded.
        lowered: what runs it, once it is confirmed; by: "c", "numpy", or "numpy: " and why it is not C.
        lock: what to hold meanwhile.
        fits: tells quickly whether it fits a call (see `holds`), once it ran; False where that would take long. run: see `unrolled.call`.
        numbers: how each of Python's numbers that it takes is found; taken: (how it is found, a place for it) of arrays: see `Recorded.sources`.
        confirmed: whether it was recorded twice, so that it can be trusted; times: how often it ran since;
            looks: how often `fits` was made.
        disturbed: whether a gradient that the last run left was read, changed or replaced since.
    """

    @without_collector()
    def __init__(self, recorded: Recorded, reach: Reach, lock: Any, lowering: str | None = None):
        self.recorded, self.reach, self.lock, self._lowering, self.by = recorded, reach, lock, lowering, None
        self.program: Program = planned(recorded.program)
        self.confirmed, self.times, self.looks = False, 0, 0
        self.fits: Any = None
        self.run: Any = None
        self.before: dict[Node, bool] | None = recorded.effects.before
        self._must_hold(reach)

    @without_collector()
    def _lower(self):
        """Make it ready to run."""
        recorded = self.recorded
        self.lowered, self.by = lowered(self.program, recorded.state, self._lowering)
        self.program = self.program._replace(peak=self.lowered.peak)
        arrays, effects = self.lowered.arrays, recorded.effects
        self.numbers: list[tuple] = []
        self.taken: list[tuple[tuple, np.ndarray]] = []
        draws = {generator: count for generator, _, _, count in effects.draws}
        self._drawn: list[tuple[int, Any, int]] = []
        for given in self.program.inputs:
            source = recorded.sources.get(given)
            if given.dtype is None:
                if source[0] == "counter":
                    self._drawn.append((len(self.numbers), source[1], draws[source[1]]))
                    source = *source, draws[source[1]]
                self.numbers.append(source)
            elif source is not None:
                self.taken.append((source, arrays[given]))
        self.results = [arrays[made] for made in self.program.results]
        kept = {key: arrays[made] for key, made in self.program.kept.items()}
        self.steps = [
            (o, count, *self._place(rate), [kept[key] for key in keys]) for o, count, rate, keys in effects.steps
        ]
        drawn = {number for _, _, number, _ in effects.draws}.difference(self.program.inputs)
        self.unused = [(generator, count) for generator, _, number, count in effects.draws if number in drawn]
        self._kept = kept
        self._pending: dict[Node, Pending | None] = {}
        self.for_arguments: dict[tuple, np.ndarray | None] = {}
        self._leave(effects.gradients)

    def _leave(self, gradients):
        """Note what gradients a run leaves, where something is left already."""
        for target, key in gradients.items():
            array = None if key is None else self._kept[key]
            if isinstance(target, Argument):
                self.for_arguments[target.path] = array
            elif target not in self._pending:
                self._pending[target] = None if array is None else Pending(self, array)
        self.disturbed = True

    def _place(self, rate):
        """Where a number stands among those of a run."""
        return [i for i, given in enumerate(x for x in self.program.inputs if x.dtype is None) if given is rate]

    def apart(self, recorded: Recorded) -> tuple | None:
        """None if a recording is this program; (number, number, operation, line) if only a number or an array differs; else ()."""
        found = difference(self.recorded.program, recorded.program)
        if found is None or found.values is None or found.second is None:
            return found and ()
        return *found.values, found.second.name, found.second.origin.line

    # ---- what must hold

    def _must_hold(self, reach):
        self.keys = [(generator, key) for generator, key, _, _ in self.recorded.effects.draws]
        self.attributes = [
            (t, name, getattr(t, name)) for t in self.recorded.effects.leaves for name in ("_data", "_node")
        ]
        self.attributes += [(m, "training", m.training) for m in reach.modules]
        names = [[name for name in g.options if name != "lr"] for o in reach.optimizers for g in o.groups]
        groups = zip((g for o in reach.optimizers for g in o.groups), names, strict=True)
        self.options = [(g, n, get := itemgetter(*n, n[0]), get(g)) for g, n in groups]  # a tuple, of one name too
        self.runs = [(flat, i, j) for flat, i, j in self.recorded.effects.runs if j > i + 1]

    def changed(self) -> str | None:
        """What outside is no longer as it was, apart from the values of arrays; None if all is."""
        for x, name, value in self.attributes:
            if getattr(x, name) is not value:
                return name if name == "training" else f"a leaf of shape {x.shape}"
        for group, names, get, before in self.options:
            if (now := get(group)) != before:
                return repr(next(name for name, a, b in zip([*names, names[0]], now, before, strict=True) if a != b))
        for flat, i, j in self.runs:
            if flat.updates[i:j].count(flat.updates[i]) != j - i:
                return "how often parameters were updated"
        for generator, key in self.keys:
            if generator.key != key:
                return "the seed of a random generator"
        return self.reach.changed()

    def begins(self) -> bool:
        """Whether leaves have gradients, and have none, as they had, where that may matter."""
        return self.before is None or all(is_none(node) is none for node, none in self.before.items())

    def confirm(self, recorded: Recorded) -> None:
        """The same program was recorded again: what it begins with may be otherwise now, and then does not matter."""
        if not self.confirmed:
            self._lower()
        self.confirmed = True
        if self.before is not None and self.before != recorded.effects.before:
            self.before = None
        self.fits = None
        self._leave(recorded.effects.gradients)
        self.run = call(self)

    # ---- a run

    def raised(self, error: Exception, args: tuple, options: dict[str, Any]) -> int:
        """What `failed` is given where a run has raised."""
        steps = self.recorded.effects.steps
        if self.lowered.wrote(error):
            self.leave_gradients(args, options)
            overflow = steps and isinstance(error, FloatingPointError) and "overflow" in str(error)
            raise (steps[0][0].overflow(unchanged=False) if overflow else error) from None
        return len(self.lowered.guards)

    def failed(self, guard: int, numbers: list[Any]) -> tuple[bool, Any]:
        """What `run` gives where a guard came out otherwise, and all that it did is undone."""
        self.disturbed = True
        self._undraw(numbers)
        return False, (*self.lowered.guards, None)[guard]

    def _undraw(self, numbers):
        """Give back what was drawn."""
        for i, generator, count in self._drawn:
            undraw(generator, numbers[i], count)

    def leave_gradients(self, args, options):
        """Let leaves have the gradients of this run."""
        if self.disturbed:
            for node, pending in self._pending.items():
                if pending is None:
                    node.grad = None
                else:
                    leave(node, pending)
            self.disturbed = False
        for path, array in self.for_arguments.items():
            at((args, options), path)._node.grad = None if array is None else array.copy()

    def settle(self) -> None:
        """Copy the gradients that the last run left, so that nothing outside holds the program."""
        for node in self._pending if self.confirmed else ():
            unwrap(node)
