"""What a function can reach: the tensors, optimisers and modules whose values it may use or change, and the plain values
that it may look at."""

from __future__ import annotations

import gc
from operator import is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..autograd.callsite import INSIDE
from ..autograd.node import Node
from ..autograd.random import Generator
from ..autograd.tensor import Tensor
from ..backends.base import Backend
from ..nn.module import Module
from ..optim.flat import FlatBuffer
from ..optim.optimizer import Optimizer

OURS = __name__.partition(".")[0]
# nothing that matters is behind these
LEAVES = (
    type,
    BuiltinFunctionType,
    str,
    bytes,
    int,
    float,
    complex,
    np.ndarray,
    np.generic,
    np.dtype,
    Node,
    Backend,
)
PLAIN = (type(None), bool, int, float, complex, str, bytes)
CODE = FunctionType, staticmethod, classmethod, property
REPLACED = Tensor, Module, Optimizer, FunctionType  # in an object of the user's
UNCHANGING = 1 << 8  # the flag of a type whose attributes cannot be set
MANY = 256  # entries: a larger dict is data, and not watched


class Reach:
    """What was found behind a function and its arguments.

    Fields:
        tensors: leaf Tensors, in the order in which they were met; flats, optimizers, modules, generators: likewise.
        cells: [(cell, what it holds)] of the function and of those that it calls, chainrule's own apart.
        entries: [(dict, keys, what stands there)]: the variables outside that code names, all attributes of modules, and the
            plain values among the attributes of the user's objects and in dicts.
        lists: [(list that is an attribute of a module, what it holds)].
    """

    def __init__(self, *roots: Any):
        self.tensors: list[Tensor] = []
        self.flats: list[FlatBuffer] = []
        self.optimizers: list[Optimizer] = []
        self.modules: list[Module] = []
        self.generators: list[Generator] = []
        self.cells: list[tuple[CellType, Any]] = []
        self._watched: dict[int, tuple[dict[Any, Any], dict[Any, Any]]] = {}
        self.lists: list[tuple[list[Any], list[Any]]] = []
        waiting, seen = list(reversed(roots)), set()
        while waiting:
            x = waiting.pop()
            if id(x) in seen or isinstance(x, LEAVES):
                continue
            seen.add(id(x))
            if isinstance(x, Generator):
                self.generators.append(x)
                continue
            waiting += reversed(self._behind(x))
        self.entries = [(values, [*then], [*then.values()]) for values, then in self._watched.values()]

    def _behind(self, x):
        """What stands behind one object."""
        if isinstance(x, Tensor):
            if x.is_leaf:
                self.tensors.append(x)
            return []
        if isinstance(x, FunctionType):
            return self._outside(x)
        if isinstance(x, ModuleType):
            return []
        if type(x).__module__.startswith(
            __package__
        ):  # a function under jit: what it knows is not the function's affair
            return [x.__wrapped__] if hasattr(x, "__wrapped__") else []
        for kind, found in ((FlatBuffer, self.flats), (Optimizer, self.optimizers), (Module, self.modules)):
            if isinstance(x, kind):
                found.append(x)
        behind = gc.get_referents(x)
        if any(type(inner) is dict for inner in behind) and (own := getattr(x, "__dict__", None)):
            behind = [inner for inner in behind if inner is not own] + [
                *own.values()
            ]  # its attributes are no dict's entries
        if type(x) is dict:
            self._watch(x)
        elif isinstance(x, Module) or not _ours(type(x).__module__):
            self._watch(getattr(x, "__dict__", {}), REPLACED)
            if isinstance(x, Module):
                self._watch_all(vars(x))
                self._note(vars(x), {"forward": vars(x).get("forward")})
            # the user's, with their methods
            kinds = [k for k in type(x).__mro__ if not _ours(k.__module__) and not k.__flags__ & UNCHANGING]
            for kind in kinds:
                own = {name: value for name, value in vars(kind).items() if isinstance(value, (*CODE, *PLAIN))}
                self._watched.setdefault(id(kind), (vars(kind), own))
                if (attributes := getattr(x, "__dict__", None)) is not None:  # which may get what its class has
                    self._note(attributes, dict.fromkeys(own.keys() - attributes.keys()))
                behind += [
                    getattr(f, "fget", None) or getattr(f, "__func__", f) for f in own.values() if isinstance(f, CODE)
                ]
        return behind

    def _watch(self, values, kinds=()):
        if len(values) <= MANY:
            plain = lambda value: type(value) in PLAIN or isinstance(value, kinds)
            self._note(values, {key: value for key, value in values.items() if plain(value)})

    def _note(self, values, then):
        self._watched.setdefault(id(values), (values, {}))[1].update(then)

    def _watch_all(self, attributes):
        """Of a module, layers and functions may be replaced, too."""
        self._note(attributes, attributes)
        self.lists += [(x, x[:]) for x in attributes.values() if type(x) is list and len(x) <= MANY]

    def _outside(self, function):
        """The variables outside a function that its code names."""
        self._watch(function.__dict__)
        behind = [function.__defaults__, function.__kwdefaults__, getattr(function, "__wrapped__", None)]
        inside = function.__code__.co_filename in INSIDE  # where no variable of an outer function changes
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # it is not set yet
                continue
            behind.append(value)
            if not inside:
                self.cells.append((cell, value))
        if inside:
            return behind
        names, variables = _names(function.__code__), function.__globals__
        for name in names & variables.keys():
            value = variables[name]
            if not isinstance(value, ModuleType):
                self._note(variables, {name: value})
                behind.append(value)
            elif not _ours(value.__name__):
                inner = [vars(value)[n] for n in names & vars(value).keys()]
                behind += [v for v in inner if isinstance(v, (Tensor, Module, Optimizer))]
        return behind

    def changed(self) -> str | None:
        """The name of a variable or attribute that is no longer what it was; None if there is none."""
        for cell, value in self.cells:
            now = cell.cell_contents
            if now is not value and not _same(now, value):
                return "a variable of an outer function"
        for values, keys, then in self.entries:
            if not all(map(is_, map(values.get, keys), then)):
                for key, value in zip(keys, then, strict=True):
                    now = values.get(key)
                    if now is not value and not _same(now, value):
                        return f"{key!r}"
        for items, values in self.lists:
            if len(items) != len(values) or not all(map(is_, items, values)):
                return "a list of a module"
        return None


def _same(x, y):
    """Whether plain values are equal; 0.0 and -0.0 are not."""
    return type(x) is type(y) in PLAIN and x == y and (x != 0 or str(x) == str(y))


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
