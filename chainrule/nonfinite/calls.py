"""Telling a watch (autograd/watch.py) of every call, recorded or not: for as long as somebody asks.

While `observe` counts anybody, the code of every operation is wrapped, and the wrapper asks for the watch of its own thread. At
other times nothing is there, and the call path is the same to the last bytecode.
"""

import sys
from contextvars import ContextVar
from threading import Lock

from ..autograd.primitive import COMPOSED, REGISTRY
from ..autograd.watch import OBSERVERS, current_watch

_lock, _observers = Lock(), 0  # how many there are in all threads
_wrapped: list[tuple] = []  # (cell, what it held before)
# what was noted inside the composed function that runs; inside a primitive, whose steps are nobody's concern, STEPS
_inner: ContextVar[list | None] = ContextVar("chainrule_inner", default=None)
STEPS: list = []


def observe(change):
    """Count observers: with the first one all operations are wrapped, with the last one they are as before."""
    global _observers
    with _lock:
        _observers += change
        if change > 0 and _observers == 1:
            OBSERVERS.append(True)
            for p, call in [*((p, p.call) for p in REGISTRY.values()), *((None, call) for call in COMPOSED.values())]:
                for cell in _cells(call):
                    _wrapped.append((cell, code := cell.cell_contents))
                    cell.cell_contents = _composed(code) if p is None else _primitive(p, code)
        elif not _observers:
            OBSERVERS.clear()
            while _wrapped:
                cell, original = _wrapped.pop()
                cell.cell_contents = original


def _cells(call):
    """The variables from which the forms of a call path (call.py), or a composed function, read the code to run."""
    for name, cell in zip(call.__code__.co_freevars, call.__closure__ or (), strict=True):
        if name in ("fn", "body"):
            yield cell
        elif name == "general":
            yield from _cells(cell.cell_contents)


def _primitive(p, fn):
    """The array code of a primitive, which tells of the call."""

    def call(xp, *arrays, **options):
        inner = _inner.get()
        if inner is STEPS or (watch := current_watch()) is None:
            return fn(xp, *arrays, **options)
        token = _inner.set(STEPS)
        watch.calling(p)
        try:
            out = fn(xp, *arrays, **options)
        finally:
            _inner.reset(token)
        return watch.called(p, arrays, options, out, sys._getframe(1), inner)

    return call


def _composed(body):
    """A function made of primitives, which tells of its end; where it calls others, they are steps of it."""

    def call(*args, **options):
        if _inner.get() is not None or (watch := current_watch()) is None:
            return body(*args, **options)
        inner = []
        token = _inner.set(inner)
        try:
            out = body(*args, **options)
        finally:
            _inner.reset(token)
        watch.returned(out, sys._getframe(1), inner)
        return out

    return call
