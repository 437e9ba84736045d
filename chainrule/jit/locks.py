"""What a thread holds while a program runs: programs of one optimiser run one at a time."""

from __future__ import annotations

from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

from .reach import Reach

_LOCKS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # {optimizer: what is held while one of its programs runs}


class _All:
    """Several locks as one, taken in the one order that all threads keep to."""

    def __init__(self, locks):
        self.locks = locks

    def __enter__(self):
        for lock in self.locks:
            lock.acquire()

    def __exit__(self, *_):
        for lock in self.locks:
            lock.release()


def lock_of(reach: Reach) -> Any:
    """What to hold while a function runs that reaches this."""
    locks = [_LOCKS.setdefault(o, RLock()) for o in sorted(reach.optimizers, key=id)]
    return (locks or [RLock()])[0] if len(locks) < 2 else _All(locks)
