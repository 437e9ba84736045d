"""Whether the code that a training step runs does nothing but compute, so that a recorded program may take its place unasked.

A program repeats what was computed. Code that also counts, prints, or looks at things that change would no longer do so: what
is not known to be free of that runs eagerly, unless the user says otherwise.
"""

from __future__ import annotations

import builtins
import dis
import math
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .. import nn
from ..autograd import random
from ..autograd.callsite import INSIDE
from ..autograd.methods import functions
from ..autograd.random import Generator
from ..autograd.tensor import Tensor
from ..nn.module import Module
from ..optim.optimizer import Optimizer

OURS = __name__.partition(".")[0]
LOOKED_UP = ("__getattr__", "__getattribute__")  # which Python calls
QUIET = frozenset(
    "__init__ __repr__ __setattr__ __len__ state_dict load_state_dict check_state_dict train eval".split()
)
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), slice, range, np.generic, np.dtype)
CHANGEABLE = (list, dict, set)  # of which nobody is told when something in them is replaced
FORBIDDEN = (
    "STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "STORE_NAME", "DELETE_", "IMPORT_", "LOAD_NAME", "LOAD_BUILD_CLASS",
    "YIELD", "SEND", "GET_A", "BEFORE_",
)  # fmt: skip
BUILTINS = frozenset(
    getattr(builtins, name)
    for name in "abs bool divmod enumerate float int isinstance len list max min pow range reversed round slice sum super tuple"
    " zip".split()
)
# what may be looked up on anything: the methods of tensors, operations, layers and losses
NAMES = frozenset(
    name
    for name in (
        *dir(Tensor),
        *functions(),
        *nn.__all__,
        *dir(math),
        "bernoulli",
        "integers",
        "normal",
        "permutation",
        "uniform",
        "nn",
        "random",
        "forward",
        "training",
        "parameters",
        "named_parameters",
    )  # fmt: skip
    if not name.startswith("_") and not name.endswith("_")
) - {"assign", "backward", "mark_changed", "replace_array", "retain_grad", "set_default_dtype", "summary"}


def unknown(*roots: Any) -> str | None:
    """The name of something behind `roots` that may do more than compute; None if there is nothing."""
    return _Search().run(list(roots))


class _Search:
    """What was met so far.

    Fields:
        attributes: {name: what modules have under it, in their instances or in the user's classes}.
        functions: the user's, which are looked at when all attributes are known.
    """

    def __init__(self):
        self.attributes: dict[str, list[Any]] = {}
        self.functions: list[FunctionType] = []
        self._seen: dict[int, Any] = {}

    def run(self, waiting):
        while waiting or self.functions:
            if not waiting:
                function = self.functions.pop()
                behind = self._used(function.__code__, function.__globals__)
                if behind is None:
                    return function.__qualname__
                waiting = behind
                continue
            x = waiting.pop()
            if id(x) in self._seen or isinstance(x, (Tensor, Generator, np.ndarray, *PLAIN)):
                continue
            self._seen[id(x)] = x
            behind = self._behind(x)
            if behind is None:
                return getattr(x, "__qualname__", type(x).__name__)
            waiting += behind
        return None

    def _behind(self, x):
        """What an object leads to; None if it is not known what it does."""
        if type(x) in (list, tuple):
            return list(x)
        if type(x) is dict:
            return list(x.values())
        if type(x) is partial:
            return [x.func, x.args, x.keywords]
        if type(x) is MethodType:
            return [x.__func__, x.__self__]
        if isinstance(x, FunctionType):
            return self._function(x)
        if isinstance(x, Module):
            return self._module(x)
        if isinstance(x, Optimizer):
            own = {name for kind in _users(type(x)) for name in vars(kind)}
            if not own <= {"update", "state", "check_options", "__init__", "__module__", "__doc__"}:
                return None
            return [x.update, *(value for value in vars(x).values() if isinstance(value, (FunctionType, MethodType)))]
        if isinstance(x, (type, BuiltinFunctionType)):
            return [] if x in BUILTINS or isinstance(x, type) and _ours(x.__module__) else None
        return [] if x is random or not isinstance(x, ModuleType) and _ours(type(x).__module__) else None

    def _function(self, x):
        try:
            inside = [cell.cell_contents for cell in x.__closure__ or ()]
        except ValueError:  # not set yet
            return None
        inside += [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        if x.__code__.co_filename in INSIDE:  # what of the user's it may call
            return [value for value in inside if isinstance(value, (FunctionType, MethodType, partial, Module))]
        self.functions.append(x)
        return None if any(isinstance(value, CHANGEABLE) for value in inside) else inside

    def _module(self, x):
        found = [*vars(x).values()]
        for name, value in vars(x).items():
            self.attributes.setdefault(name, []).append(value)
        for kind in _users(type(x)):
            for name, value in vars(kind).items():
                value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                self.attributes.setdefault(name, []).append(value if isinstance(value, FunctionType) else object())
                ours = any(name in vars(k) for k in type(x).__mro__ if k is not object and _ours(k.__module__))
                if isinstance(value, FunctionType) and (ours and name not in QUIET or name in LOOKED_UP):
                    found.append(value)
        return found

    def _used(self, code, variables):
        """What code of the user's uses of the outside; None if it may do more than compute."""
        found: list[Any] = []
        for i in dis.get_instructions(code):
            if i.opname.startswith(FORBIDDEN) and not (code.co_name == "<genexpr>" and i.opname == "YIELD_VALUE"):
                return None
            if i.opname == "STORE_DEREF" and i.argval in code.co_freevars:
                return None
            if i.opname == "LOAD_GLOBAL":
                value = variables.get(i.argval, getattr(builtins, i.argval, self))
                if isinstance(value, CHANGEABLE):
                    return None
                if not isinstance(value, ModuleType):
                    found.append(value)
                elif not _ours(value.__name__) and value is not math:
                    return None
            elif i.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                values = self.attributes.get(i.argval, ())
                if not values and i.argval not in NAMES or not all(map(_watched, values)):
                    return None
                found += values
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                more = self._used(inner, variables)
                if more is None:
                    return None
                found += more
        return found


def _watched(value):
    """Whether a program notices that what an attribute holds is replaced (jit/reach.py)."""
    return type(value) is not object and not isinstance(value, (dict, set)) and not (
        type(value) is list and any(isinstance(item, CHANGEABLE) for item in value)
    )  # fmt: skip


def _users(kind):
    """The classes of the user's that a class is made of."""
    return [k for k in kind.__mro__ if k is not object and not _ours(k.__module__)]


def _ours(module):
    return (module or "").partition(".")[0] == OURS
