"""Functions of Values: recorded as one list of operations on single numbers, and run as a table of them (backends/table.py)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..autograd.callsite import user_line
from ..autograd.errors import GraphError
from ..autograd.tensor import Tensor
from ..autograd.value import Value
from ..backends.record import RecordingError
from ..backends.singles import CONSTANT, INPUT, Single, Tape, recording_on
from ..backends.table import Table
from ..nonfinite.calls import observe
from .collector import without_collector
from .origin import line
from .reach import Reach
from .record import Unmet
from .recorded import Argument, Place, at, rebuilt


class Recorded(NamedTuple):
    """One call, recorded.

    Fields:
        tape: the Tape; outputs: places on it.
        changed, graded: [(leaf or Argument, place of its number or gradient; None for a gradient that is taken away)].
        returns: what the function returned, with a Place for each of its own.
        leaves: the leaves outside, arguments apart; before: {leaf: whether it had no gradient}.
        value: what this call returned.
    """

    tape: Tape
    outputs: list[int]
    changed: list[tuple[Any, int]]
    graded: list[tuple[Any, int | None]]
    returns: Any
    leaves: list[Value]
    before: dict[Value, bool]
    value: Any

    def changes_arguments(self) -> bool:
        """Whether it leaves something at an argument."""
        return any(type(target) is Argument for target, _ in self.changed + self.graded)

    def writes(self) -> bool:
        """Whether it changes Values outside."""
        return bool(self.changed)


class Result(Value):
    """What a recorded function returns: a Value without a graph, which says so."""

    __slots__ = ()

    def backward(self, *_: Any, **__: Any) -> None:
        raise GraphError(
            "backward: this Value comes from a function under jit, which has no graph; call backward() inside that function"
        )


def concerns(reach: Reach) -> bool:
    """Whether a function is recorded number by number: it reaches Values.

    Raises: RecordingError if it reaches arrays, too.
    """
    values = [t for t in reach.tensors if isinstance(t, Value)]
    if values and len(values) < len(reach.tensors):
        raise RecordingError("jit: the function can reach Values and arrays; record one function for each")
    if values and reach.optimizers:
        raise RecordingError(
            f"jit: {type(reach.optimizers[0]).__name__} updates Values outside of a recorded program; update them in the function, with "
            "p.data -= lr * p.grad, or step the optimizer after it"
        )
    return bool(values)


@contextmanager
def _watched():
    """Inside the with-block calls take the general path."""
    observe(+1)
    try:
        yield
    finally:
        observe(-1)


@without_collector()
def record(
    function: Callable[..., Any], args: tuple, options: dict[str, Any], reach: Reach, check: Callable[[Recorded], Any]
) -> Recorded:
    """Call the function and record it. What it does to Values is done; if it raises, or `check`, all is as before."""
    paths: dict[int, tuple] = {}
    _arguments((args, options), (), paths)
    tape = Tape(line)
    leaves: list[Any] = [*dict.fromkeys(t for t in reach.tensors if id(t) not in paths)]
    leaves += dict.fromkeys(t for t in reach.tensors if id(t) in paths)
    before = [(t, t._data, t._node, None if t._node is None else t._node.grad, t._version) for t in leaves]
    starts: dict[Any, Single | None] = {}
    target = lambda t: Argument(paths[id(t)]) if id(t) in paths else t
    try:
        for given in (False, True):  # the inputs stand in this order: numbers, gradients, and those of arguments
            some = [b for b in before if (id(b[0]) in paths) is given]
            for t, data, node, _, _ in some:
                t._data = starts[t, "data"] = tape.input(("data", target(t)), data)
                if node is not None:
                    node.result = t._data
            for t, _, node, grad, _ in some:
                if node is not None and grad is not None:
                    if type(grad) is not float:
                        raise RecordingError(
                            "jit: the gradient of a Value is a Tensor (create_graph); set it to None first"
                        )
                    node.grad = starts[t, "grad"] = tape.input(("grad", target(t)), grad)
        with _watched(), recording_on(tape):
            value = function(*args, **options)
        if tape.unmet is not None:  # the function has caught it, and gone another way
            raise tape.unmet
        outputs: list[int] = []
        returns = _returned(value, {id(t): target(t) for t in leaves}, tape, outputs)
        changed, graded = [], []
        for t, _, node, _, _ in before:
            if t._data is not starts[t, "data"]:
                changed.append((target(t), tape.place(t._data)))
            if node is not None and node.grad is not starts.get((t, "grad")):
                if isinstance(node.grad, Tensor):
                    raise RecordingError(
                        "jit: gradients of Values that are recorded (create_graph) do not leave the function"
                    )
                graded.append((target(t), None if node.grad is None else tape.place(node.grad)))
        none = {t: grad is None for t, _, node, grad, _ in before if node is not None and id(t) not in paths}
        outputs = [p for _, p in changed] + [p for _, p in graded if p is not None] + outputs
        outside = [t for t in leaves if id(t) not in paths]
        recorded = Recorded(tape, outputs, changed, graded, returns, outside, none, None)
        check(recorded)
    except BaseException as error:
        _restore(before)
        if error is tape.unmet:
            raise Unmet from error
        raise
    _restore(before)
    numbers = [tape.values[place] for place in outputs]
    after(recorded, (args, options), numbers)
    return recorded._replace(
        value=rebuilt(returns, numbers[len(numbers) - _count(recorded) :], (args, options), _result)
    )


def _restore(before):
    for t, data, node, grad, version in before:
        t._data, t._version = data, version
        if node is not None:
            node.grad, node.result = grad, data


def _count(recorded):
    """How many numbers are returned."""
    kept = sum(place is not None for _, place in recorded.graded)
    return len(recorded.outputs) - len(recorded.changed) - kept


def _arguments(x, path, paths):
    """Note where among the arguments Values stand."""
    if isinstance(x, Value):
        if not x.is_leaf:
            raise RecordingError("jit: an argument is the result of a recorded call; pass x.detach()")
        paths.setdefault(id(x), path)
    elif isinstance(x, np.ndarray):
        raise RecordingError(
            f"jit: an array of shape {x.shape} stands among the arguments of a function of Values; pass lists of Values"
        )
    elif type(x) in (tuple, list):
        for i, item in enumerate(x):
            _arguments(item, (*path, i), paths)
    elif type(x) is dict:
        for key, item in x.items():
            _arguments(item, (*path, key), paths)


def _returned(x, known, tape, outputs):
    """What is returned, with a Place for each of the program's; their places are added to `outputs`."""
    if isinstance(x, (Value, Single)):
        if id(x) in known:
            return known[id(x)]
        outputs.append(tape.place(x._data if isinstance(x, Value) else x))
        return Place(len(outputs) - 1, isinstance(x, Value))
    if isinstance(x, (Tensor, np.ndarray)):
        raise RecordingError("jit: a function of Values returns an array; return Values or numbers")
    if type(x) in (tuple, list):
        return type(x)([_returned(item, known, tape, outputs) for item in x])
    if type(x) is dict:
        return {key: _returned(item, known, tape, outputs) for key, item in x.items()}
    return x


def _result(x, value):
    """A number that is returned, as a Value without a graph or as it is."""
    if not value:
        return x
    result = Result.__new__(Result)
    result._set(x, None)
    return result


def after(recorded: Recorded, given: Any, numbers: list[float]) -> None:
    """Do to Values what the call does, `numbers` being its outputs."""
    now = user_line()
    for (t, _), x in zip(recorded.changed, numbers, strict=False):
        if type(t) is Argument:
            t = at(given, t.path)
        t._data, t._version = x, now
        if t._held is not None:
            t._held.result = x
    left = iter(numbers[len(recorded.changed) :])
    for t, place in recorded.graded:
        node = (at(given, t.path) if type(t) is Argument else t)._node
        node.grad = None if place is None else next(left)


def difference(a: Recorded, b: Recorded) -> tuple | None:
    """None if two recordings are one program; (number, number, operation, line) if only a number differs; else ()."""
    first, second = _listed(a), _listed(b)
    if len(first) != len(second) or a.tape.guards and [t for _, t in a.tape.guards] != [t for _, t in b.tape.guards]:
        return ()
    apart = None
    for (x, _), (y, where) in zip(first, second, strict=True):
        if x != y:
            if len(x) != len(y) or x[0] != y[0]:
                return ()
            for i, j in zip(x[1:], y[1:], strict=True):
                if i != j:
                    if not (type(i) is type(j) is str):
                        return ()
                    apart = apart or (float.fromhex(i), float.fromhex(j), y[0], where)
    same = [[t for t, _ in r.changed] + [(t, p is None) for t, p in r.graded] for r in (a, b)]
    return apart if same[0] == same[1] else ()


def _listed(recorded):
    """What is needed: [((name, operands: numbers as text, else places), line)], and at the end the outputs."""
    tape = recorded.tape
    needed = {*recorded.outputs, *(place for place, _ in tape.guards)}
    for i in range(len(tape.entries) - 1, -1, -1):
        if i in needed and tape.entries[i][0] is not INPUT and tape.entries[i][0] is not CONSTANT:
            needed.update(tape.entries[i][1:])
    said: dict[int, Any] = {}
    found: list[tuple] = []
    for i in sorted(needed):
        entry = tape.entries[i]
        if entry[0] is CONSTANT:
            said[i] = entry[1].hex()
        elif entry[0] is INPUT:
            kind, leaf = entry[1]
            said[i] = kind, leaf if type(leaf) is Argument else id(leaf)
        else:
            said[i] = len(found)
            found.append(((entry[0], *[said[k] for k in entry[1:]]), tape.lines[i]))
    for places in (recorded.outputs, [place for place, _ in tape.guards]):
        found.append((("outputs", *[said[i] for i in places]), None))
    return found


class Replay:
    """A table with its ways in and out: what jit/replay.py has for arrays."""

    def __init__(self, recorded: Recorded, reach: Reach, lock: Any, lowering: str | None = None):
        self.recorded, self.reach, self.lock, self._lowering, self.by = recorded, reach, lock, lowering, None
        self.confirmed, self.fits, self.times, self.looks = False, None, 0, 0
        self._before: dict[Any, bool] | None = recorded.before
        self._leaves: list[tuple[Value, Any]] = [(t, t._held) for t in recorded.leaves]
        self._modes = [(m, m.training) for m in reach.modules]
        self._lower()

    @without_collector()
    def _lower(self):
        recorded = self.recorded
        self.program = self.lowered = table = Table(recorded.tape, recorded.outputs, self._lowering)
        self.by = table.by
        labels = [recorded.tape.entries[i][1] for i in table.inputs]
        self._data = [t for kind, t in labels if kind == "data" and type(t) is not Argument]
        self._grads = [t._held for kind, t in labels if kind == "grad" and type(t) is not Argument]
        self._of_arguments = [label for label in labels if type(label[1]) is Argument]
        touched = [t for t, _ in recorded.changed] + [t for t, _ in recorded.graded]
        self._plain = all(isinstance(t, Value) and t._held is not None for t in touched)
        self._plain &= all(place is not None for _, place in recorded.graded)
        if self._plain:
            self._changed = [(t, t._held) for t, _ in recorded.changed]
            self._graded = [t._held for t, _ in recorded.graded]
        self._outputs = np.array([table.place[i] for i in recorded.outputs], np.intp)
        self._returned = len(recorded.outputs) - _count(recorded)

    def apart(self, recorded: Recorded) -> tuple | None:
        return difference(self.recorded, recorded)

    def changed(self) -> str | None:
        """What outside is no longer as it was, apart from numbers of Values; None if all is."""
        for t, node in self._leaves:
            if t._held is not node:
                return f"a Value, {t.name or t._data!r}"
        for module, training in self._modes:
            if module.training is not training:
                return "training"
        return self.reach.changed()

    def begins(self) -> bool:
        """Whether leaves have gradients, and have none, as they had, where that may matter."""
        return self._before is None or all((t._held.grad is None) is none for t, none in self._before.items())

    def confirm(self, recorded: Recorded) -> None:
        self.confirmed = True
        if self._before is not None and self._before != recorded.before:
            self._before = None

    def settle(self) -> None:
        """As jit/replay.py; Values hold numbers, and nothing of the program."""

    def _given(self, label, given):
        kind, t = label
        t = at(given, t.path) if type(t) is Argument else t
        return t._data if kind == "data" else t._node.grad

    def run(self, args: tuple, options: dict[str, Any]) -> tuple[bool, Any]:
        """(True, what the function returns); or (False, the guard that came out otherwise), with nothing changed."""
        given, table = (args, options), self.program
        numbers = [t._data for t in self._data] + [node.grad for node in self._grads]
        numbers += [self._given(label, given) for label in self._of_arguments]
        table.values[: table.given] = numbers
        table.run()
        if (failed := table.unmet()) is not None:
            place = self.recorded.tape.guards[failed][0]
            return False, f"what was compared at {self.recorded.tape.lines[place]}"
        found = table.values[self._outputs].tolist()
        if self._plain:  # `after`, for many Values
            now = user_line()
            for (t, node), x in zip(self._changed, found, strict=False):
                t._data = node.result = x
                t._version = now
            for node, x in zip(self._graded, found[len(self._changed) :], strict=False):
                node.grad = x
        else:
            after(self.recorded, given, found)
        return True, rebuilt(self.recorded.returns, found[self._returned :], given, _result)


def verified(replay: Replay, function: Any, args: tuple, options: dict[str, Any]) -> tuple[bool, Any]:
    """What `replay.run` gives; then all is brought back, and the function run eagerly, whose effects stay.

    Raises: RecordingError where they differ.
    """
    leaves: list[Any] = [*replay.recorded.leaves]
    state = lambda: [(t._data, None if t._held is None else t._held.grad) for t in leaves]
    start = state()
    done, value = replay.run(args, options)
    if not done:
        return done, value
    found = state()
    for t, (data, grad) in zip(leaves, start, strict=True):
        t._data = data
        if t._held is not None:
            t._held.result, t._held.grad = data, grad
    function(*args, **options)
    for t, a, b in zip(leaves, found, state(), strict=True):
        if repr(a) != repr(b):
            raise RecordingError(
                f"jit: verify: the program differs from the eager call in {t.name or 'a Value'}: (number, gradient) {a}, eagerly {b}"
            )
    return done, value
