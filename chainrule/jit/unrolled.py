"""A run of a program: Python text made for it and compiled once, without loops over what it uses."""

from __future__ import annotations

import sys
from operator import add
from typing import Any

import numpy as np

from ..autograd.callsite import INSIDE
from ..autograd.convert import raw
from ..optim.optimizer import Optimizer
from .names import Names
from .record import array_of
from .recorded import Place, Result, landed, rebuilt


def call(replay: Any) -> Any:
    """A function of (args, options) that runs a program: (True, what the function returns); or (False, the guard that came out
    otherwise, or None where NumPy would raise), with nothing changed.

    It raises GraphError where an update of many elements overflows in the middle, as the eager one does.
    """
    k, effects, returns = Names(), replay.recorded.effects, replay.recorded.returns
    before = [f"n{i} = {number(k, *source)}" for i, source in enumerate(replay.numbers)]
    names = [f"n{i}" for i in range(len(replay.numbers))]
    numbers, taken, run = ", ".join(names), [given(k, *source) for source, _ in replay.taken], replay.lowered.native
    if run is None:
        run, taken = replay.lowered.run, []
        before += [f"{k(array)}[...] = {given(k, *source)}" for source, array in replay.taken]
    after = []
    if effects.changed:  # a line that is another object each time tells a waiting backward pass that there was a change
        after += [f"f = {k(sys._getframe)}(2)", f"while f.f_code.co_filename in {k(INSIDE)} and f.f_back is not None:"]
        after += ["  f = f.f_back", "line = f.f_code, f.f_lasti", f"for t in {k(effects.changed)}:"]
        after += ["  if t._access is None: t._version = line", "  else: t.mark_changed(line)"]
    for o, count, last, squares in replay.steps:
        after += [f"{k(o)}.steps += {count}", f"{k(o)}.last_lr = n{last}"]
        after += [f"{k(o)}._squares = [{', '.join(f'{k(s)}[()]' for s in squares)}]"]
    for flat, counts in effects.updates:
        more = f"[*map({k(add)}, {k(flat)}.updates, {k(counts)})]"
        if (flat, 0, len(counts)) in replay.runs and len({*counts}) == 1:  # all are equal
            last = ("count", flat, 0, counts[0], len(counts))
            more = f"n{replay.numbers.index(last)}" if last in replay.numbers else f"{k(flat)}.updates[0] + {counts[0]}"
            more = f"[{more}] * {len(counts)}"
        after += [f"{k(flat)}.updates = {more}", f"{k(flat)}.gradient = None"]
    after += [f"{k(drawn)}({k(generator)}, {count})" for generator, count in replay.unused]
    left = f"{k(replay)}.leave_gradients(args, options)"
    after += [left if replay.for_arguments else f"if {k(replay)}.disturbed: {left}"]
    result = f"{k(rebuilt)}({k(returns)}, {k(replay.results)}, (args, options))"
    if type(returns) is Place and returns.tensor:
        result = f"{k(landed)}({k(array := replay.results[returns.at])})"
        if replay.lowered.native is not None:
            from ..backends import c_call  # as late as all that looks for a compiler

            result = f"{k(c_call.landing(Result, array, '_data', '_node', '_version', '_access'))}()"
    text = f"""def call(args, options):
  {"; ".join(before) or "pass"}
  try:
    failed = {k(run)}({", ".join(names + taken)})
  except (ArithmeticError, IndexError) as error:
    failed = {k(replay)}.raised(error, args, options)
  if failed is not None:
    return {k(replay)}.failed(failed, [{numbers}])
"""
    text += "".join(f"  {line}\n" for line in after)
    return k.compiled(f"{text}  return True, {result}\n", "call")


def given(k, kind, where, tensor=False):
    """The expression of an array that a program takes, from what `Recorded.sources` says of it."""
    if kind == "gradient":
        return f"{k(raw)}({k(where)}.grad)"
    place = "".join(["args" if where[0] == 0 else "options", *(f"[{k(step)}]" for step in where[1:])])
    # where another thread records the tensor, array_of waits
    return f"(x if type(x := {place}._data) is {k(np.ndarray)} else {k(array_of)}({place}))" if tensor else place


def number(k, kind, holder, *where):
    """The expression of one of Python's numbers that a program takes, from what `Recorded.sources` says of it."""
    if kind == "count":
        return f"{k(holder)}.updates[{where[0]}] + {where[1]}"
    if kind == "counter":
        return f"{k(drawn)}({k(holder)}, {where[0]})"
    group, later = where
    if later:
        return f"{k(rate)}({k(holder)}, {group}, {later})"
    plain = f"x if type(x := (g := {k(holder)}.groups[{group}])['lr']) is float else " * (
        type(holder).rate is Optimizer.rate
    )
    return f"({plain}{k(holder)}.rate({'g' if plain else f'{k(holder)}.groups[{group}]'}))"


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
