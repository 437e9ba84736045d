"""What must still hold for a program to run again, as one expression: compiled once, looked at before every call.

It says less than it could: where it is false, `Replay.changed` looks again, with equality in the place of identity, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..autograd.dtypes import DEFAULT
from ..autograd.grad_mode import recording
from ..autograd.tensor import Tensor
from ..backends import default_name, is_deterministic

TERMS = 5000  # a longer expression takes too long to compile


def fits(replay: Any, args: tuple, options: dict[str, Any], signature: Callable, shared: Any) -> Any:
    """A function of (args, options) that says whether a program fits, made at a call that it fits; False where that would be long."""
    names: dict[str, Any] = {}
    known: dict[int, str] = {}
    reach = replay.reach

    def k(x):
        """The name of an object in the text."""
        names[name := known.setdefault(id(x), f"k{len(known)}")] = x
        return name

    given = [f"x{i}" for i in range(len(args))]
    terms = [f"{k(f)}() == {k(f())}" for f in (default_name, is_deterministic)]
    terms += [f"{'' if recording() else 'not '}{k(recording)}()", f"{k(DEFAULT)}[0] == {k(DEFAULT[0])}"]
    terms += ["not options" if not options else f"{k(signature)}(options) == {k(signature(options))}"]
    for name, x in zip(given, args, strict=True):
        if isinstance(x, Tensor) and type(a := x._data) is np.ndarray:
            terms += [f"type({name}) is {k(type(x))}", f"type(a := {name}._data) is {k(np.ndarray)}"]
            terms += [f"a.{what} == {k(getattr(a, what))}" for what in ("shape", "dtype", "strides")]
            terms += [f"{name}._node is {'not ' * (x._node is not None)}None"]
        else:
            terms += [f"{k(signature)}({name}) == {k(signature(x))}"]
    if shared is not None:
        terms += [f"{k(shared)}.same(args, options)"]
    terms += [f"{k(x)}.{name} is {k(value)}" for x, name, value in replay.attributes]
    terms += [
        f"{k(group)}[{k(name)}] is {k(group[name])}" for group, options_of, *_ in replay.options for name in options_of
    ]
    terms += [f"{k(flat)}.updates[{i}:{j}].count({k(flat)}.updates[{i}]) == {j - i}" for flat, i, j in replay.runs]
    terms += [f"{k(generator)}.key == {k(key)}" for generator, key in replay.keys]
    cells = {f"c{i}": cell for i, (cell, _) in enumerate(reach.cells)}
    terms += [f"c{i} is {k(value)}" for i, (_, value) in enumerate(reach.cells)]
    for values, keys, then in reach.entries:
        terms += [f"{k(values)}[{k(key)}] is {k(value)}" for key, value in zip(keys, then, strict=True)]
    for items, then in reach.lists:
        terms += [f"len({k(items)}) == {len(then)}", *(f"{k(items)}[{i}] is {k(x)}" for i, x in enumerate(then))]
    if replay.before is not None:
        terms += [f"{k(replay)}.begins()"]
    if len(terms) > TERMS:
        return False
    text = f"""def around():
  {" = ".join([*cells, "_"])} = None
  def fits(args, options):
    try:
      [{", ".join(given)}] = args
      return {" and ".join(terms)}
    except Exception:  # a name, a key or an attribute is not there any more
      return False
  return fits
"""
    exec(compile(text, __file__, "exec"), names)
    code = names["around"]().__code__
    return FunctionType(
        code, names, closure=tuple(cells[name] for name in code.co_freevars)
    )  # it reads the cells themselves
