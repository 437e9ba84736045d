"""What recording a call gives, and what the function returned, made again of a program's results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd.errors import GraphError
from ..autograd.node import Node
from ..autograd.tensor import Tensor
from ..backends.program import Instruction, Program


class Place(NamedTuple):
    """Where in what a function returns one of the program's results stands.

    Fields:
        at: which result it is.
        tensor: whether it is a Tensor or Value, or a bare array or number.
    """

    at: int
    tensor: bool


class Argument(NamedTuple):
    """An argument itself, by the way that leads to it: positions and keys."""

    path: tuple


class Effects(NamedTuple):
    """What a call does to Python objects, beside what it writes into arrays.

    Fields:
        changed: the leaves that it changes.
        gradients: {leaf's Node, or Argument: key of its gradient in `Program.kept`, or None where it has none at the end}.
        steps: [(optimizer, how many steps it takes, the input that is its last rate, keys of its squares)].
        updates: [(FlatBuffer, for each parameter how often it is updated)].
        draws: [(generator, its key, its counter's input, how many words are drawn)].
        leaves: the leaves outside, arguments apart; before: {Node of one: whether it had no gradient before the call}.
        runs: [(FlatBuffer, i, j)]: parameters i to j are updated as one, since they were updated equally often.
    """

    changed: list[Tensor]
    gradients: dict[Any, Any]
    steps: list[tuple[Any, int, Any, list[Any]]]
    updates: list[tuple[Any, list[int]]]
    draws: list[tuple[Any, int, Instruction, int]]
    leaves: list[Tensor]
    before: dict[Node, bool]
    runs: list[tuple[Any, int, int]]


class Recorded(NamedTuple):
    """One call, recorded.

    Fields:
        program: the Program; returns: what the function returned, with a Place for each of its results.
        state: {input: the array outside that it is}; effects: an Effects.
        sources: {input: how it is found at a run}: ("argument", path, whether it is a Tensor), ("rate", optimizer, group, steps before),
            ("count", flat, parameter, updates more, last parameter of its run), ("counter", generator) or ("gradient", Node).
        value: what this call returned.
    """

    program: Program
    returns: Any
    state: dict[Instruction, np.ndarray]
    effects: Effects
    sources: dict[Instruction, Any]
    value: Any

    def changes_arguments(self) -> bool:
        """Whether it leaves something at an argument."""
        return any(type(target) is Argument for target in self.effects.gradients)

    def writes(self) -> bool:
        """Whether it writes to arrays outside."""
        return bool(self.program.stores)


class Result(Tensor):
    """What a recorded function returns: a Tensor without a graph, which says so."""

    __slots__ = ()

    def backward(self, *_: Any, **__: Any) -> None:
        raise GraphError(
            "backward: this tensor comes from a function under jit, which has no graph; call backward() inside that function"
        )


def landed(array: np.ndarray) -> Result:
    """A Result with a copy of an array."""
    result = object.__new__(Result)
    result._data = array.copy("K")
    result._node = result._version = result._access = None
    return result


def _copied(array, tensor):
    return landed(array) if tensor else np.array(array)


def rebuilt(returns: Any, results: list[Any], given: Any, own: Callable[[Any, bool], Any] = _copied) -> Any:
    """What a function returns, from the program's results, of which `own` makes what belongs to the caller; `given` are its
    (args, options).
    """
    kind = type(returns)
    if kind is Place:
        return own(results[returns.at], returns.tensor)
    if kind is Argument:
        return at(given, returns.path)
    if kind in (tuple, list):
        return kind([rebuilt(x, results, given, own) for x in returns])
    if kind is dict:
        return {key: rebuilt(x, results, given, own) for key, x in returns.items()}
    return returns


def at(given: Any, path: tuple) -> Any:
    """What stands at a path of positions and keys."""
    for step in path:
        given = given[step]
    return given
