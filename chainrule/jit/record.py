"""Recording one call of a function: its arrays are replaced by traced ones, it runs, and all is put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ..autograd.accumulate import accumulate
from ..autograd.convert import raw
from ..autograd.deliver import delivering
from ..autograd.node import Node
from ..autograd.tensor import Tensor
from ..backends import owner
from ..backends.passes import without_dead
from ..backends.program import MOVES, Instruction
from ..backends.record import ONE_AT_A_TIME, RecordingError
from ..backends.recording import Recording
from ..backends.trace import recording_into
from ..backends.traced import Traced, TracedNumber, current
from .collector import without_collector
from .origin import line, originating
from .reach import Reach
from .recorded import Argument, Effects, Place, Recorded, rebuilt
from .undo import Before, Swaps, undraw


def array_of(x: Tensor) -> Any:
    """The array of a Tensor; where another thread records it, after that."""
    array = x._data
    if type(array) is Traced and current() is None:
        with ONE_AT_A_TIME:
            array = x._data
    return array


def _outside(leaf):
    """Whether the Node of a leaf belongs to a tensor that was there before the recording."""
    held = leaf.result() if isinstance(leaf.result, ref) else leaf.result
    return isinstance(raw(held), np.ndarray)


class Unmet(Exception):
    """A check has failed: run eagerly, the function raises its error. Or it looks for one where a program would not."""


def _may_overflow(instructions):
    """How many of the instructions raise where they overflow."""
    return sum(bool(made.strict) and (made.name not in MOVES or made.name == "astype") for made in instructions)


@without_collector()
def record(
    function: Callable[..., Any], args: tuple, options: dict[str, Any], reach: Reach, check: Callable[[Recorded], Any]
) -> Recorded:
    """Call the function and record it. What it does to arrays and objects is done.

    If it raises, or `check`, which is given what was recorded, all is as before. Raises Unmet where a check fails.
    """
    recording, before = Recording(line), Before(reach)
    swaps = Swaps()

    def deliver(gradients, seed):
        if unknown := [leaf for leaf in gradients if leaf not in traced.nodes and _outside(leaf)]:
            raise RecordingError(
                f"jit: a gradient arrives at a leaf of shape {unknown[0].shape} that was not found behind the function; pass it as "
                "an argument, or let a variable of the function lead to it"
            )
        accumulate(gradients, seed)

    with recording_into(recording):
        traced = _Traced(recording, swaps, reach, (args, options))
        try:
            with originating(recording), delivering(deliver):
                value = function(*traced.args, **traced.options)
            if recording.unmet is not None:  # the function has caught it, and gone another way
                raise recording.unmet
            recorded, landing = traced.finish(value, before)
            check(recorded)
        except BaseException as error:
            recording.undo()
            swaps.undo()
            before.restore()
            for generator, (_, first, drawn) in recording.counters.items():
                undraw(generator, first, drawn)
            if recording.unmet is not None:
                raise Unmet from error
            raise
    swaps.undo()
    for x, name, value in landing:
        setattr(x, name, value)
    return recorded


class _Traced:
    """The traced arrays that stand in for those outside.

    Fields:
        args, options: the arguments, with traced arrays in the place of arrays.
        nodes: {Node of a leaf: its Tensor}.
    """

    def __init__(self, recording, swaps, reach, given):
        self.recording, self.reach, self.sources = recording, reach, {}
        self.roots: list[tuple[Traced, np.ndarray]] = []
        self.gradients: dict[Node, Instruction] = {}
        self.nodes = {t._node: t for t in reach.tensors if t._node is not None}
        self.counts: dict[Any, TracedNumber] = {}
        self._swaps = swaps
        self._given: dict[int, tuple] = {}  # id of a Tensor among the arguments: its path
        self.args, self.options = self._arguments(given, ())
        there = set()
        for k, flat in enumerate(reach.flats):
            self._flat(k, flat, there)
        for i, t in enumerate(reach.tensors):
            if id(t) not in there and id(t) not in self._given:
                swaps.set(t, "_data", self._state(("tensor", i), t._data))
        for node in self.nodes:
            if node.grad is not None:
                array = recording.array(("gradient before", self.nodes[node].name), raw(node.grad))
                self.gradients[node] = array.made
                self.sources[array.made] = ("gradient", node)
                swaps.set(node, "grad", Tensor._wrap(array))
        for k, optimizer in enumerate(reach.optimizers):
            self._optimizer(k, optimizer)

    def _arguments(self, x, path):
        """Arguments with traced arrays in the place of arrays; Tensors stay the same objects."""
        if isinstance(x, Tensor):
            if not x.is_leaf:
                raise RecordingError("jit: an argument is the result of a recorded call; pass x.detach()")
            if id(x) not in self._given:
                self._given[id(x)] = path
                self._swaps.set(x, "_data", self._argument(x._data, path, True))
            return x
        if type(x) is np.ndarray:
            return self._argument(x, path, False)
        if type(x) in (tuple, list):
            return type(x)([self._arguments(item, (*path, i)) for i, item in enumerate(x)])
        if type(x) is dict:
            return {key: self._arguments(item, (*path, key)) for key, item in x.items()}
        return x

    def _argument(self, array, path, tensor):
        self._refuse(array)
        traced = self.recording.array(("argument", *path), array)
        self.sources[traced.made] = ("argument", path, tensor)
        return traced

    def _refuse(self, array):
        if type(array) is not np.ndarray:
            kind = "a Value, a single number," if type(array) is float else f"a tensor on {owner(array).place(array)!r}"
            raise RecordingError(f"jit: records arrays on the CPU, and {kind} stands among what the function can reach")

    def _state(self, label, array):
        self._refuse(array)
        traced = self.recording.array(label, array, state=True)
        self.roots.append((traced, array))
        return traced

    def _flat(self, k, flat, there):
        if flat.scalar:
            return
        swaps = self._swaps
        swaps.set(flat, "values", self._state(("parameters", k), flat.values))
        swaps.set(flat, "state", {kind: self._state((kind, k), s) for kind, s in flat.state.items()})
        swaps.set(flat, "_places", flat._parts(flat.values))
        for p, place in zip(flat.params, flat._places, strict=True):
            there.add(id(p))
            swaps.set(p, "_data", place)
        before, original = flat.updates[:], flat.results

        def results(options, rule, counted, dry=False):
            if current() is not self.recording:  # another thread
                return original(options, rule, counted, dry)

            def lifted(*arrays, **options):
                return rule(*arrays, **options | ({"t": self._count(flat, before, options["t"])} if counted else {}))

            return original(options, lifted, counted)

        swaps.shadow(flat, "results", results)

    def _count(self, flat, before, t):
        i, j = next((i, j) for count, i, j in flat.due if count == t)
        key = id(flat), i, t - before[i]
        if key not in self.counts:
            self.counts[key] = number = self.recording.number("t", t)
            self.sources[number.made] = ("count", flat, i, t - before[i], j)
        return self.counts[key]

    def _optimizer(self, k, optimizer):
        before, rates, original = optimizer.steps, {}, optimizer.rate

        def rate(group):
            if current() is not self.recording:
                return original(group)
            i = next(i for i, g in enumerate(optimizer.groups) if g is group)
            key = i, optimizer.steps - before
            if key not in rates:
                rates[key] = number = self.recording.number("lr", original(group))
                self.sources[number.made] = ("rate", optimizer, *key)
            return rates[key]

        self._swaps.shadow(optimizer, "rate", rate)

    def finish(self, value, before):
        """(the Recorded of a call that returned `value`, [(object, attribute, what it is to be from now on)])."""
        results: list[Traced] = []
        returns = self._returned(value, results)
        kept: dict[Any, Traced] = {}
        landing = [(node, "result", result) for node, _, result in before.nodes]
        gradients = self._gradients(before, kept, landing)
        steps = []
        for k, (o, count, *_) in enumerate(before.optimizers):
            if o.steps > count:
                keys = [("squares", k, j) for j in range(len(o._squares))]
                kept |= zip(keys, o._squares, strict=True)
                steps.append((o, o.steps - count, o.last_lr.made, keys))
                landing.append((o, "_squares", [s.value for s in o._squares]))
                landing.append((o, "last_lr", o.last_lr.value))
        updates = [(f, [b - a for a, b in zip(old, f.updates, strict=True)]) for f, old, *_ in before.flats]
        draws = []
        for generator, (number, _, drawn) in self.recording.counters.items():
            self.sources[number.made] = ("counter", generator)
            draws.append((generator, generator.key, number.made, drawn))
        leaves = [t for t in self.reach.tensors if id(t) not in self._given]
        none = {node: was is None for node, was, _ in before.nodes if id(self.nodes[node]) not in self._given}
        runs = [(kind[1], kind[2], kind[4]) for kind in self.sources.values() if kind[0] == "count"]
        changed = [t for t, version, _ in before.tensors if t._version is not version]
        landing += [(f, "gradient", None) for f, *_ in before.flats]
        effects = Effects(
            changed, gradients, steps, [(f, counts) for f, counts in updates if any(counts)], draws, leaves, none, runs
        )
        program = without_dead(self.recording.program(results, [root for root, _ in self.roots], kept))
        if _may_overflow(program.instructions) < _may_overflow(self.recording.instructions):
            raise Unmet  # what is computed only to see whether it overflows
        needed = {x for made in program.instructions for x in made.uses()}.union(program.outputs())
        if any(given in needed and given.dtype.char == "e" for given in self.gradients.values()):
            raise RecordingError(
                "jit: the function adds to gradients of float16 that were there before it; call optimizer.zero_grad() in it"
            )
        value = rebuilt(returns, [r.value for r in results], (self.args, self.options))
        state = {root.storage.state: array for root, array in self.roots}
        return Recorded(program, returns, state, effects, self.sources, value), landing

    def _gradients(self, before, kept, landing):
        """`Effects.gradients`; adds to `kept` and `landing`."""
        gradients: dict[Any, Any] = {}
        for i, (node, was, _) in enumerate(before.nodes):
            g, tensor = raw(node.grad), self.nodes[node]
            target = Argument(self._given[id(tensor)]) if id(tensor) in self._given else node
            if isinstance(g, Traced) and g.made is not self.gradients.get(node):
                kept[gradients.setdefault(target, ("gradient", i))] = g
                landing.append((node, "grad", np.asarray(g.value)))
            elif g is None and was is not None:
                gradients[target] = None
                landing.append((node, "grad", None))
        return gradients

    def _returned(self, x, results):
        """What is returned, with a Place for each array of the program's."""
        if isinstance(x, Tensor) and isinstance(x._data, Traced):
            if id(x) in self._given:
                return Argument(self._given[id(x)])
            if any(t is x for t in self.reach.tensors):
                return x
            results.append(x._data)
            return Place(len(results) - 1, True)
        if isinstance(x, Traced):
            results.append(x)
            return Place(len(results) - 1, False)
        if isinstance(x, (Tensor, np.ndarray)):
            raise RecordingError(
                "jit: the function returns a tensor that was not computed in it; read it outside instead"
            )
        if type(x) in (tuple, list):
            return type(x)([self._returned(item, results) for item in x])
        if type(x) is dict:
            return {key: self._returned(item, results) for key, item in x.items()}
        return x
