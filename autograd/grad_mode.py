"""Whether calls are recorded, and in which module they happen: state of each thread and context."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from itertools import count
from types import coroutine
from typing import Any, Self, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

_recording: ContextVar[Any] = ContextVar("chainrule_recording", default=True)
recording = _recording.get  # True, or the list of a no_grad or enable_grad: what counts is whether it is empty

# the module call that is running in this thread, or None: (module, the call around it, its number). What is recorded
# from enter(call) on, until leave(what that returned), belongs to it.
_scope: ContextVar[tuple | None] = ContextVar("chainrule_scope", default=None)
scope, enter, leave = _scope.get, _scope.set, _scope.reset
call_number = count().__next__  # calls are numbered in the order of time


class no_grad:
    """Record nothing inside the with-block, in this thread; or inside the decorated function, generator or coroutine.

    Raises: TypeError if something else is decorated.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> with cr.no_grad():
        ...     (w * 2).requires_grad
        False
        >>> @cr.no_grad
        ... def doubled(x):
        ...     return x * 2
        >>> doubled(w).requires_grad
        False
    """

    _state = False
    _entered: list[tuple[Any, list[bool], Any]]

    @overload
    def __new__(cls) -> Self: ...
    @overload
    def __new__(cls, function: Function) -> Function: ...  # type: ignore[misc]  # without brackets: the function
    def __new__(cls, function=None):
        self = super().__new__(cls)
        self._entered = []
        return self if function is None else self(function)

    def __enter__(self) -> Self:
        state, outer = [True] if self._state else [], _recording.get()
        self._entered.append((_recording.set(state), state, outer))
        return self

    def __exit__(self, *error: object) -> None:
        token, state, outer = self._entered.pop()
        with suppress(ValueError):  # it was entered in another thread, by a generator that is closed in this one
            _recording.reset(token)
        state[:] = [True] if outer else []  # where it still stands, it is without effect

    def __call__(self, function: Function) -> Function:
        """The function, decorated. A generator or coroutine has the state while it runs, its caller never."""
        if not callable(function):
            raise TypeError(
                f"{type(self).__name__}: decorates functions, not {type(function).__name__}; use it in `with`"
            )
        kind = type(self)  # each call enters one of its own: the function may run in several threads
        if isgeneratorfunction(function):

            @wraps(function)
            def call(*args, **kwargs):
                return (yield from _inside(kind, function(*args, **kwargs)))

        elif iscoroutinefunction(function):

            @wraps(function)
            async def call(*args, **kwargs):
                return await _awaited(kind, function(*args, **kwargs))

        elif isasyncgenfunction(function):

            @wraps(function)
            async def call(*args, **kwargs):
                generator = function(*args, **kwargs)
                step = generator.asend(None)
                while True:
                    try:
                        item = await _awaited(kind, step)
                    except StopAsyncIteration:
                        return
                    try:
                        step = generator.asend((yield item))
                    except GeneratorExit:
                        await _awaited(kind, generator.aclose())
                        raise
                    except BaseException as error:
                        step = generator.athrow(error)

        else:

            @wraps(function)
            def call(*args, **kwargs):
                with kind():
                    return function(*args, **kwargs)

        return call  # type: ignore[return-value]


def _inside(kind, steps):
    """What the generator or coroutine `steps` yields, each step inside a `kind()` that ends before it is handed on."""
    step, given = steps.send, None
    while True:
        try:
            with kind():
                item = step(given)
        except StopIteration as done:
            return done.value
        try:
            step, given = steps.send, (yield item)
        except GeneratorExit:
            with kind():
                steps.close()
            raise
        except BaseException as error:
            step, given = steps.throw, error


_awaited = coroutine(_inside)


class enable_grad(no_grad):
    """Record again inside a `no_grad` block."""

    _state = True
