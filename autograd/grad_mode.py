"""Whether calls are recorded, and in which module they happen: state of each thread and context."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from itertools import count
from typing import Any, Self

_recording: ContextVar[bool] = ContextVar("chainrule_recording", default=True)
recording = _recording.get

# the module call that is running in this thread, or None: (module, the call around it, its number). What is recorded
# from enter(call) on, until leave(what that returned), belongs to it.
_scope: ContextVar[tuple | None] = ContextVar("chainrule_scope", default=None)
scope, enter, leave = _scope.get, _scope.set, _scope.reset
call_number = count().__next__  # calls are numbered in the order of time


class no_grad(ContextDecorator):
    """Record nothing inside the with-block or the decorated function, in this thread.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> with cr.no_grad():
        ...     (w * 2).requires_grad
        False
    """

    _state = False

    def __init__(self) -> None:
        self._tokens: list[Any] = []

    def __enter__(self) -> Self:
        self._tokens.append(_recording.set(self._state))
        return self

    def __exit__(self, *error: object) -> None:
        _recording.reset(self._tokens.pop())

    def _recreate_cm(self):  # a decorated function may run in several threads: each call gets its own tokens
        return type(self)()


class enable_grad(no_grad):
    """Record again inside a `no_grad` block."""

    _state = True
