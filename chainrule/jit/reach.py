"""What a function can reach: the tensors, optimisers and modules whose values it may use or change."""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..autograd.node import Node
from ..autograd.random import Generator
from ..autograd.tensor import Tensor
from ..backends.base import Backend
from ..nn.module import Module
from ..optim.flat import FlatBuffer
from ..optim.optimizer import Optimizer

OURS = __name__.partition(".")[0]
# nothing that matters is behind these
LEAVES = (type, BuiltinFunctionType, str, bytes, int, float, complex, np.ndarray, np.generic, np.dtype, Node, Backend, Generator)


class Reach:
    """What was found behind a function and its arguments.

    Fields:
        tensors: leaf Tensors, in the order in which they were met.
        flats, optimizers, modules: likewise.
        names: ((namespace, name, what it named), …) of the variables outside through which it was found.
    """

    def __init__(self, *roots: Any):
        self.tensors: list[Tensor] = []
        self.flats: list[FlatBuffer] = []
        self.optimizers: list[Optimizer] = []
        self.modules: list[Module] = []
        self.names: list[tuple[Any, Any, Any]] = []
        waiting, seen = list(reversed(roots)), set()
        while waiting:
            x = waiting.pop()
            if id(x) in seen or isinstance(x, LEAVES):
                continue
            seen.add(id(x))
            waiting += reversed(self._behind(x))

    def _behind(self, x):
        """What stands behind one object."""
        if isinstance(x, Tensor):
            if x.is_leaf and type(x._data) is not float:
                self.tensors.append(x)
            return []
        if isinstance(x, FunctionType):
            return [] if _ours(x.__module__) and not x.__closure__ else self._outside(x)
        if isinstance(x, ModuleType):
            return []
        for kind, found in ((FlatBuffer, self.flats), (Optimizer, self.optimizers), (Module, self.modules)):
            if isinstance(x, kind):
                found.append(x)
        behind = gc.get_referents(x)
        if not _ours(type(x).__module__) and hasattr(x, "__dict__"):  # the methods of classes of the user's
            behind += [f for c in type(x).__mro__ if not _ours(c.__module__) for f in vars(c).values() if isinstance(f, FunctionType)]
        return behind

    def _outside(self, function):
        """The variables outside a function that its code names."""
        behind = [function.__defaults__, function.__kwdefaults__, getattr(function, "__wrapped__", None)]
        for cell in function.__closure__ or ():
            try:
                behind.append(value := cell.cell_contents)
            except ValueError:  # it is not set yet
                continue
            self.names.append((cell, "cell_contents", value))
        names = _names(function.__code__)
        if not _ours(function.__module__):
            for name in names & function.__globals__.keys():
                value = function.__globals__[name]
                if isinstance(value, ModuleType) and not _ours(value.__name__):
                    inner = [vars(value)[n] for n in names & vars(value).keys()]
                    behind += [v for v in inner if isinstance(v, (Tensor, Module, Optimizer))]
                elif not isinstance(value, (ModuleType, type)):
                    behind.append(value)
                    self.names.append((function.__globals__, name, value))
        return behind


def _ours(module):
    return (module or "").partition(".")[0] in (OURS, "numpy", "builtins")


def _names(code):
    """The names that code and the functions within it look up."""
    names, waiting = set(), [code]
    while waiting:
        code = waiting.pop()
        names.update(code.co_names)
        waiting += [c for c in code.co_consts if isinstance(c, CodeType)]
    return names
