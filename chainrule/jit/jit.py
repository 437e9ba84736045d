"""`cr.jit`: the function, its signatures, and the programs that it keeps for each."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import update_wrapper
from threading import RLock
from typing import Any, NamedTuple

from ..autograd.callsite import warn_once
from ..autograd.dtypes import DEFAULT
from ..autograd.errors import ArgumentError, GraphError
from ..autograd.foreign import explaining
from ..autograd.grad_mode import recording
from ..autograd.shard import current_shard
from ..autograd.watch import current_watch
from ..backends import default_name, is_deterministic
from ..backends.lowering import LOWERINGS
from ..backends.program import Program
from ..backends.record import ONE_AT_A_TIME
from ..backends.traced import current
from . import scalars
from .entry import Entry, Shared, alike
from .holds import holds
from .locks import lock_of
from .reach import Reach
from .record import Unmet, record
from .replay import Replay
from .signature import crowded, objects, signature
from .verify import verified

SIGNATURES = 16  # of which programs are kept; the one that was made first goes first
LOOKS = 16  # how often `holds` is made for a program
RECORDINGS = 16  # of one signature: what still changes then runs eagerly


class Cache(NamedTuple):
    """What a function under jit has done so far.

    Fields:
        signatures, programs: how many are kept.
        recorded, replayed, eager: how many calls were recorded, ran as a program, or ran as plain Python.
        reasons: why calls were not replayed, with how often.
    """

    signatures: int
    programs: int
    recorded: int
    replayed: int
    eager: int
    reasons: dict[str, int]


class _Undone(Exception):
    """A call was recorded, and all is as before."""

    def __init__(self, recorded):
        self.recorded = recorded


class Jit:
    """A function that is recorded as a program at its first calls, and runs as one from then on: see `jit`.

    Fields:
        cache: a Cache.
        program: the Program of the last call; None before the first one.
        refused: what is told when a recording fails, with the error or the reason, and the call then runs eagerly; None: it raises.
        whole: whether a call that is recorded for C is undone, and runs as the program: then all calls give the bits of C.
        lowering: what ran that program: "c", "numpy", or "numpy: " and why it is not C; None before one ran.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        verify: bool | int = False,
        lowering: Any = None,
        refused: Callable[[BaseException | str], Any] | None = None,
        whole: bool = False,
    ):
        if not callable(function):
            raise ArgumentError(f"jit: needs a function, was given {type(function).__name__}")
        if lowering not in LOWERINGS and not callable(lowering):
            raise ArgumentError(f"jit: lowering must be 'c', 'numpy' or None, not {lowering!r}")
        self._lowering = lowering
        update_wrapper(self, function)
        self.function, self.verify, self.refused, self.whole = function, verify, refused, whole
        self._entries: dict[Any, Entry] = {}
        self._last: Replay | None = None
        self._recorded = self._eager = self._forgotten = 0
        self._reasons: dict[str, int] = {}
        self._crowded = False  # whether it was said that there are more signatures than are kept
        self._lock = RLock()

    def __call__(self, *args: Any, **options: Any) -> Any:
        last = self._last
        # while this thread records, it waits for no other that may wait for its arrays
        if last is not None and last.fits and current() is None and not self.verify:
            with last.lock:
                if (fits := last.fits) and fits(args, options):
                    done, value = last.run(args, options)
                    if done:
                        last.times += 1
                        return value
        # recorded by another, watched, or one of many workers
        if not (current() is current_watch() is current_shard() is None):
            return self.function(*args, **options)
        with self._lock:
            done, value = self._attempt(args, options)
            if done:
                return value
            self._eager += 1
            self._count(value)
        return self.function(*args, **options)

    def _attempt(self, args, options):
        """(True, what a program or a recording gives); or (False, why the call must run eagerly)."""
        modes = bool(recording()), DEFAULT[0], default_name(), is_deterministic()
        key = (*map(signature, args), signature(options) if options else None, modes)
        entry = self._entries.get(key)
        if entry is None:
            return self._record(key, args, options, "a new signature", [])
        reason, holding = entry.eager or "the second call, to compare", []
        for i, replay in enumerate(entry.replays):
            with replay.lock:
                if (changed := replay.changed()) is not None:
                    reason = f"{changed} has changed"
                    continue
                if replay in entry.shared and not entry.shared[replay].same(args, options):
                    reason = "which arguments are one tensor has changed"
                    continue
                holding.append(replay)
                if not replay.confirmed or not replay.begins():
                    continue
                if self.verify and self._replayed % int(self.verify) == 0:
                    check = verified if isinstance(replay, Replay) else scalars.verified
                    done, value = check(replay, self.function, args, options)
                else:
                    done, value = replay.run(args, options)
                replay.times += done
            if done:
                if i:
                    entry.replays.insert(0, entry.replays.pop(i))
                new = replay.fits is None or self._last is replay and replay.looks < LOOKS
                if new and isinstance(replay, Replay):
                    replay.looks += 1
                    replay.fits = holds(replay, args, options, entry.shared.get(replay))
                self._last = replay
                return True, value
            if value is None:
                return False, "something that NumPy raises for, such as an overflow"
            reason = f"{value} came out otherwise"
        return (False, reason) if entry.eager else self._record(key, args, options, reason, holding)

    def _record(self, key, args, options, reason, holding):
        """As _attempt, by recording the call; `holding` are the programs to which nothing outside has changed."""
        same: list[Replay] = []
        undone = False

        def check(recorded):
            same.extend(alike(recorded, holding))
            if self.whole and self._by(recorded) != "numpy":
                raise _Undone(recorded)

        if self.refused and self._recorded >= 2 * SIGNATURES and self._replayed < self._recorded:
            self.refused("most steps need a program of their own")
            return False, reason
        with ONE_AT_A_TIME:
            if (entry := self._entries.get(key)) is not None and len(entry.unchanged(args, options)) > len(holding):
                return self._attempt(args, options)  # they were looked at while another thread recorded
            reach = Reach(self.function, args, options)
            lock = lock_of(reach)
            try:
                single = scalars.concerns(reach)
                with lock:
                    recorded = (scalars.record if single else record)(self.function, args, options, reach, check)
            except _Undone as found:
                recorded, undone = found.recorded, True
            except (Unmet, GraphError):  # run eagerly, it raises with what it leaves behind
                recorded = None
            except Exception as error:
                if self.refused is None:
                    raise
                self.refused(error)
                return False, "it could not be recorded"
        if key not in self._entries and len(self._entries) >= SIGNATURES:
            gone = self._entries.pop(next(iter(self._entries)))
            self._forgotten += sum(replay.times for replay in gone.replays)
            if self.refused is None and not self._crowded:
                self._crowded = True
                warn_once(lambda: crowded(self.function, key, [*self._entries][-1]), RuntimeWarning)
        entry = self._entries.setdefault(key, Entry())
        entry.given = entry.given or objects((args, options))
        entry.recordings += 1
        if recorded is not None:
            self._count(reason)
            self._recorded += 1
            if same:
                self._last = same[0]
                with self._last.lock:  # it may be running
                    self._last.confirm(recorded)
            else:
                if single:
                    self._last = scalars.Replay(recorded, reach, lock, self._lowering)
                else:
                    self._last = Replay(recorded, reach, lock, self._by(recorded))
                entry.replays.insert(0, self._last)
                if (shared := Shared(self.function, args, options, recorded)).matters:
                    entry.shared[self._last] = shared
        if entry.recordings >= RECORDINGS and not same:
            entry.eager = f"recorded {entry.recordings} times, the last time because {reason}"
            if self.refused is None:
                warn_once(
                    lambda: f"jit: {self.function.__name__} was {entry.eager}; from now on such calls run eagerly",
                    RuntimeWarning,
                )
            else:
                self.refused(entry.eager)
        if recorded is None:
            return False, "a check fails"
        return self._attempt(args, options) if undone else (True, recorded.value)

    def _by(self, recorded):
        """What is to run a program: "numpy", "c", or None for C where that can be."""
        lowering = "numpy" if is_deterministic() else self._lowering
        return lowering(recorded.program) if callable(lowering) else lowering

    def settle(self) -> None:
        """Copy the gradients that programs have left, so that these can be forgotten."""
        for entry in self._entries.values():
            for replay in entry.replays:
                replay.settle()

    def _count(self, reason):
        self._reasons[reason] = self._reasons.get(reason, 0) + 1

    @property
    def _replayed(self):
        return self._forgotten + sum(replay.times for entry in self._entries.values() for replay in entry.replays)

    @property
    def cache(self) -> Cache:
        programs = sum(len(entry.replays) for entry in self._entries.values())
        return Cache(len(self._entries), programs, self._recorded, self._replayed, self._eager, dict(self._reasons))

    @property
    def program(self) -> Program | None:
        return None if self._last is None else self._last.program

    @property
    def text(self) -> str | None:
        """What runs the program: C, or Python that calls NumPy; None before it ran."""
        return None if self._last is None or not self._last.confirmed else self._last.lowered.text

    @property
    def lowering(self) -> str | None:
        return None if self._last is None else self._last.by

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method under jit: one Jit for each object."""
        if instance is None:
            return self
        key, function = f"{self.function.__name__} under jit {id(self)}", self.function.__get__(instance, owner)
        bound = vars(instance).get(key)
        if bound is None or bound.function != function:  # a copy of an object has the Jit of that one
            bound = vars(instance)[key] = Jit(function, self.verify, self._lowering)
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> Jit:
        """That of a copied object's method, without programs."""
        if self.function is (function := deepcopy(self.function, memo)):
            return self
        return Jit(function, self.verify, self._lowering, refused=self.refused, whole=self.whole)


@explaining
def jit(function: Callable[..., Any] | None = None, *, verify: bool | int = False, lowering: str | None = None) -> Any:
    """The function, recorded as a program at its first two calls, and run as one from then on, without Python between
    the operations.

    It may compute, run backward, and step an optimiser; tensors, models, optimisers and random generators that it reaches by its
    variables are the program's state. A program fits calls with arguments of the same shapes and dtypes, in the same modes; others
    are recorded too. `verify` runs eagerly beside it, at every call or at every n-th, and compares.

    `lowering` says what runs it: "c" is C, made by the C compiler that is found, whose results may differ from eager ones in their last
    digits; "numpy" gives the same bits; None takes C where the program has a form in it, and NumPy under cr.deterministic(). Where there
    is no C, NumPy runs it; the field `lowering` says which it was, and why.

    What it returns has no graph. What it prints or appends happens only while it is recorded. docs/jit.md lists what to know.

    Raises: RecordingError where the function reads a value, or does something else that no program can; all is then as before.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = cr.optim.SGD([w], lr=0.1)
        >>> @cr.jit
        ... def step(x):
        ...     optimizer.zero_grad()
        ...     loss = cr.nn.mse(w * x, x)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> [round(step(cr.ones(2)).item(), 4) for _ in range(4)]
        [0.5, 0.405, 0.328, 0.2657]
        >>> step.cache.recorded, step.cache.replayed
        (2, 2)
    """
    make = lambda function: Jit(function, verify, lowering)
    return make if function is None else make(function)
