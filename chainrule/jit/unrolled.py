"""What every call of a program does in Python, as text made for that program and compiled once, without loops over what it uses.

`fits` is one expression that says whether the last program fits a call. It says less than it could: where it is false, `Replay.changed`
looks again, with equality in the place of identity, and says why. `call` is a run.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add
from types import FunctionType
from typing import Any

import numpy as np

from ..autograd.callsite import user_line
from ..autograd.dtypes import DEFAULT
from ..autograd.grad_mode import recording
from ..autograd.tensor import Tensor, raw
from ..backends import default_name, is_deterministic
from .record import Place, array_of, landed, rebuilt

TERMS = 5000  # a longer expression takes too long to compile


def fits(replay: Any, args: tuple, options: dict[str, Any], signature: Callable, shared: Any) -> Any:
    """A function of (args, options) that says whether a program fits, made at a call that it fits; False where that would be long."""
    k, reach = Names(), replay.reach
    given = [f"x{i}" for i in range(len(args))]
    terms = [f"{k(f)}() == {k(f())}" for f in (default_name, is_deterministic)]
    terms += [f"{'' if recording() else 'not '}{k(recording)}()", f"{k(DEFAULT)}[0] == {k(DEFAULT[0])}"]
    terms += ["not options" if not options else f"{k(signature)}(options) == {k(signature(options))}"]
    for name, x in zip(given, args, strict=True):
        if isinstance(x, Tensor) and type(a := x._data) is np.ndarray:
            terms += [f"type({name}) is {k(type(x))}", f"type(a := {name}._data) is {k(np.ndarray)}"]
            terms += [f"a.{what} == {k(getattr(a, what))}" for what in ("shape", "dtype", "strides")]
            terms += [
                f"{name}._node is {'not ' * (x._node is not None)}None",
                *[f"{name}.is_leaf"] * (x._node is not None),
            ]
        else:
            terms += [f"{k(signature)}({name}) == {k(signature(x))}"]
    if shared is not None and shared.apart and not options and all(isinstance(x, Tensor) for x in args):
        terms += [f"id({name}) not in {k(shared.outside)}" for name in given]
        terms += [f"{name} is not {other}" for i, name in enumerate(given) for other in given[:i]]
    elif shared is not None:
        terms += [f"{k(shared)}.same(args, options)"]
    terms += [
        f"{k(x)}.{name} is {k(value)}"
        for x, name, value in replay.attributes
        if name != "training" or name not in vars(x)  # else it is one of the entries, as all attributes of modules
    ]
    terms += [
        f"{k(group)}[{k(name)}] is {k(group[name])}" for group, options_of, *_ in replay.options for name in options_of
    ]
    for flat, i, j in replay.runs:
        part = "" if j - i == len(flat.updates) else f"[{i}:{j}]"
        terms += [f"{k(flat)}.updates{part}.count({k(flat)}.updates[{i}]) == {j - i}"]
    terms += [f"{k(generator)}.key == {k(key)}" for generator, key in replay.keys]
    cells = {f"c{i}": cell for i, (cell, _) in enumerate(reach.cells)}
    terms += [f"c{i} is {k(value)}" for i, (_, value) in enumerate(reach.cells)]
    for values, keys, then in reach.entries:
        there = lambda key, value: f".get({k(key)})" if value is None else f"[{k(key)}]"  # None: it may not be there
        terms += [f"{k(values)}{there(key, value)} is {k(value)}" for key, value in zip(keys, then, strict=True)]
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
    code = k.compiled(text, "around")().__code__
    closure = tuple(cells[name] for name in code.co_freevars)  # it reads the cells themselves
    return FunctionType(code, k.objects, closure=closure)


def call(replay: Any) -> Any:
    """A function of (args, options) that runs a program: (True, what the function returns); or (False, the guard that came out
    otherwise, or None where NumPy would raise), with nothing changed.

    It raises GraphError where an update of many elements overflows in the middle, as the eager one does.
    """
    k, effects, returns = Names(), replay.recorded.effects, replay.recorded.returns
    place = lambda path: "".join(["args" if path[0] == 0 else "options", *(f"[{k(step)}]" for step in path[1:])])
    before = []
    for path, tensor, array in replay.copied:  # where another thread records the tensor, array_of waits
        x = f"x if type(x := {place(path)}._data) is {k(np.ndarray)} else {k(array_of)}({place(path)})"
        before += [f"{k(array)}[...] = {x if tensor else place(path)}"]
    before += [f"{k(array)}[...] = {k(raw)}({k(node)}.grad)" for node, array in replay.before_it]
    before += [f"n{i} = {number(k, *source)}" for i, source in enumerate(replay.numbers)]
    numbers = ", ".join(f"n{i}" for i in range(len(replay.numbers)))
    after = []
    if effects.changed:  # a line that is another object each time tells a waiting backward pass that there was a change
        after += [f"line = {k(user_line)}()", f"for t in {k(effects.changed)}:"]
        after += ["  if t._access is None: t._version = line", "  else: t.mark_changed(line)"]
    for o, count, last, squares in replay.steps:
        after += [f"{k(o)}.steps += {count}", f"{k(o)}.last_lr = n{last}"]
        after += [f"{k(o)}._squares = [{', '.join(f'{k(s)}[()]' for s in squares)}]"]
    for flat, counts in effects.updates:
        more = f"[*map({k(add)}, {k(flat)}.updates, {k(counts)})]"
        if (flat, 0, len(counts)) in replay.runs and len({*counts}) == 1:  # all are equal
            more = f"[{k(flat)}.updates[0] + {counts[0]}] * {len(counts)}"
        after += [f"{k(flat)}.updates = {more}", f"{k(flat)}.gradient = None"]
    after += [f"{k(drawn)}({k(generator)}, {count})" for generator, count in replay.unused]
    left = f"{k(replay)}.leave_gradients(args, options)"
    after += [left if replay.for_arguments else f"if {k(replay)}.disturbed: {left}"]
    result = f"{k(rebuilt)}({k(returns)}, {k(replay.results)}, (args, options))"
    if type(returns) is Place and returns.tensor:
        result = f"{k(landed)}({k(replay.results[returns.at])})"
    text = f"""def call(args, options):
  {"; ".join(before) or "pass"}
  try:
    failed = {k(replay.lowered.run)}({numbers})
  except (ArithmeticError, IndexError) as error:
    failed = {k(replay)}.raised(error, args, options)
  if failed is not None:
    return {k(replay)}.failed(failed, [{numbers}])
"""
    text += "".join(f"  {line}\n" for line in after)
    return k.compiled(f"{text}  return True, {result}\n", "call")


def number(k, kind, holder, *where):
    """The expression of one of Python's numbers that a program takes, from what `Recorded.sources` says of it."""
    if kind == "count":
        return f"{k(holder)}.updates[{where[0]}] + {where[1]}"
    if kind == "counter":
        return f"{k(drawn)}({k(holder)}, {where[0]})"
    group, later = where
    return f"{k(rate)}({k(holder)}, {group}, {later})" if later else f"{k(holder)}.rate({k(holder)}.groups[{group}])"


def drawn(generator: Any, count: int) -> int:
    """The counter of a generator, which goes on by `count` words."""
    with generator._lock:  # so that no other thread draws the same words
        counter = generator.counter
        generator.counter += count
    return counter


def rate(optimizer: Any, group: int, later: int) -> Any:
    """The learning rate some steps later."""
    optimizer.steps += later
    try:
        return optimizer.rate(optimizer.groups[group])
    finally:
        optimizer.steps -= later


class Names:
    """Gives the objects in a text their names.

    Fields:
        objects: what the names stand for; they are held, so that none gets the id of another.
    """

    def __init__(self):
        self.objects: dict[str, Any] = {}
        self._of: dict[int, str] = {}

    def __call__(self, x):
        self.objects[name := self._of.setdefault(id(x), f"k{len(self._of)}")] = x
        return name

    def compiled(self, text, name):
        """The function of that name in a text."""
        exec(compile(text, __file__, "exec"), self.objects)
        return self.objects.pop(name)
