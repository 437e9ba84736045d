"""`cr.jit`: the function, its signatures, and the programs that it keeps for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from ..autograd.dtypes import DEFAULT
from ..autograd.grad_mode import recording
from ..autograd.tensor import Tensor
from ..autograd.watch import current_watch
from ..backends import default
from ..backends.trace import current
from .reach import Reach
from .record import record
from .replay import Replay

SIGNATURES = 16  # of which programs are kept
VARIANTS = 8  # programs for one signature: for each way in which its guards come out


class Cache(NamedTuple):
    """What a function under jit has done so far.

    Fields:
        signatures, programs: how many are kept.
        recorded, replayed, eager: how many calls were recorded, ran as a program, or ran as plain Python.
        reasons: why calls were recorded anew, with how often.
    """

    signatures: int
    programs: int
    recorded: int
    replayed: int
    eager: int
    reasons: dict[str, int]


class Jit:
    """A function that is recorded as a program at its first calls, and runs as one from then on: see `jit`.

    Fields:
        cache: a Cache; program: the Program of the last call.
    """

    def __init__(self, function: Callable[..., Any]):
        update_wrapper(self, function)
        self.function = function
        self._entries: dict[Any, list[Replay]] = {}
        self._last: Replay | None = None
        self._counts = {"recorded": 0, "replayed": 0, "eager": 0}
        self._reasons: dict[str, int] = {}
        self._lock = RLock()

    def __call__(self, *args: Any, **options: Any) -> Any:
        if current() is not None or current_watch() is not None:  # inside another recording, or watched
            return self.function(*args, **options)
        with self._lock:
            key = (tuple(map(_signature, args)), _signature(options) if options else (), bool(recording()), DEFAULT[0], default().name)
            variants = self._entries.get(key)
            if variants is None:
                return self._record(key, args, options, "a new signature")
            reason = "a guard came out otherwise"
            for i, replay in enumerate(variants):
                if not replay.holds():
                    reason = "something outside changed"
                    continue
                done, value = replay(args, options)
                if done:
                    if i:
                        variants.insert(0, variants.pop(i))
                    self._last = replay
                    self._counts["replayed"] += 1
                    return value
            return self._record(key, args, options, reason)

    def _record(self, key, args, options, reason):
        reach = Reach(self.function, args, options)
        recorded = record(self.function, args, options, reach)
        self._counts["recorded"] += 1
        self._reasons[reason] = self._reasons.get(reason, 0) + 1
        if key not in self._entries and len(self._entries) >= SIGNATURES:
            del self._entries[next(iter(self._entries))]
        replay = self._last = Replay(recorded, reach)
        variants = self._entries.setdefault(key, [])
        variants.insert(0, replay)
        del variants[VARIANTS:]
        return recorded.value

    @property
    def cache(self) -> Cache:
        return Cache(len(self._entries), sum(map(len, self._entries.values())), **self._counts, reasons=dict(self._reasons))

    @property
    def program(self):
        return None if self._last is None else self._last.program

    def __get__(self, instance, owner=None):
        return self if instance is None else Jit(self.function.__get__(instance, owner))


def jit(function: Callable[..., Any]) -> Jit:
    """The function, recorded as a program and run as one."""
    return Jit(function)


def _signature(x):
    """What must be the same of an argument for a program to fit."""
    if isinstance(x, Tensor):
        a = x._data
        if type(a) is float:
            return Tensor, a
        return Tensor, type(a), a.shape, a.dtype, a.strides, x._node is not None
    if type(x) is np.ndarray:
        return np.ndarray, x.shape, x.dtype, x.strides
    if type(x) in (tuple, list):
        return (type(x), *map(_signature, x))
    if type(x) is dict:
        return (dict, *((key, _signature(value)) for key, value in x.items()))
    if x is None or isinstance(x, (int, float, str, bytes, np.generic)):
        return type(x), x
    return type(x), id(x)
