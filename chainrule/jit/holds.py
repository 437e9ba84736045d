"""Whether the last program fits a call, seen quickly: a list of terms, each about one object, of which all must hold.

They say less than they could: where one does not hold, `Replay.changed` looks again, with equality in the place of identity, and says why; if
there is no reason, they are made anew.
Beside C they are looked at in C (backends/c_call.py), else by one Python expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd.dtypes import DEFAULT
from ..autograd.grad_mode import recording
from ..autograd.shard import current_shard
from ..autograd.tensor import Tensor
from ..autograd.watch import current_watch
from ..backends import default_name, is_deterministic
from .names import Names
from .signature import signature

TERMS = 5000  # a longer expression takes too long to compile
MODES: tuple[Any, ...] = current_watch, current_shard, default_name, is_deterministic, recording


class Term(NamedTuple):
    """One thing that must hold.

    Fields:
        kind: COUNT (n arguments, form[0] by keyword), IS (the attribute `key` of `holder` is `value`), ITEMS (so is what a dict has at keys,
            where None may also be missing), DICT (ITEMS of a dict that seldom gets other keys, and then need not hold), CELL (what a closure's cell holds), LENGTH (of a list, n), ELEMENT (the n-th of a list), CONTEXT
            (what equals `value` is in a ContextVar), EQUAL (elements form[0] to n of the list at the attribute `key` are), FORM (argument n
            is an array of the dtype `value`; form: number of axes, shape, strides), TENSOR (argument n is a `holder`, without a node and
            with such an array, where `key` says), APART (argument n is none of those before it, nor at one of the form[0] addresses
            after that), CALL (`holder(args, options)` is True).
    """

    kind: str
    holder: Any = None
    key: Any = None
    value: Any = None
    n: int = 0
    form: tuple[int, ...] = (0,)


def holds(replay: Any, args: tuple, options: dict[str, Any], shared: Any) -> Any:
    """A function of (args, options) that says whether a program fits, made at a call that it fits; False where that would take long."""
    found = terms(replay, args, options, shared)
    if replay.by == "c":
        from ..backends import c_call

        if c_call.available():
            return c_call.holding(found)
    return len(found) <= TERMS and expression(found)


def terms(replay: Any, args: tuple, options: dict[str, Any], shared: Any) -> list[Term]:
    """What must hold for a program, at a call that it fits."""
    reach = replay.reach
    found = [Term("COUNT", n=len(args), form=(len(options),))]
    found += [Term("CALL", _same(options, lambda _, options: options))] if options else []
    for i, x in enumerate(args):
        a = x._data if isinstance(x, Tensor) else x
        if type(a) is not np.ndarray or a is not x and x._node is not None:
            found.append(Term("CALL", _same(x, lambda args, _, i=i: args[i])))
        else:
            form = (a.ndim, *a.shape, *a.strides)
            found.append(Term("FORM" if a is x else "TENSOR", type(x), ("_node", "_data"), a.dtype, i, form))
    if shared is not None and shared.apart and not options and all(isinstance(x, Tensor) for x in args):
        found += [Term("APART", shared, n=i, form=(len(shared.outside), *shared.outside)) for i in range(len(args))]
    elif shared is not None:
        found.append(Term("CALL", shared.same))
    for get in MODES:
        now = get()
        found.append(Term("CONTEXT", get.__self__, value=now[:] if type(now) is list else now))
    found.append(Term("ELEMENT", DEFAULT, value=DEFAULT[0]))
    watched = {id(values): keys for values, keys, _ in reach.entries}
    found += [
        Term("IS", x, name, value)
        for x, name, value in replay.attributes
        # attributes that modules had while they were recorded are among the entries
        if name != "training" or name not in watched.get(id(vars(x)), ())
    ]
    found += [Term("DICT", group, names, [group[n] for n in names]) for group, names, *_ in replay.options]
    found += [Term("EQUAL", flat, "updates", None, j, (i,)) for flat, i, j in replay.runs]
    found += [Term("IS", generator, "key", key) for generator, key in replay.keys]
    # what equals that which was there while recording may now be another object
    found += [Term("CELL", cell, value=cell.cell_contents) for cell, _ in reach.cells]
    own = {id(vars(module)) for module in reach.modules}
    for values, keys, _ in reach.entries:
        if keys:
            found.append(Term("DICT" if id(values) in own else "ITEMS", values, keys, [values.get(k) for k in keys]))
    for items, then in reach.lists:
        found += [Term("LENGTH", items, n=len(then)), *(Term("ELEMENT", items, None, x, i) for i, x in enumerate(then))]
    if replay.before is not None:
        found.append(Term("CALL", lambda *_: replay.begins()))
    return found


def _same(x, find):
    """A function of a call that tells whether what `find` finds in it has the signature of x."""
    then = signature(x)
    return lambda args, options: signature(find(args, options)) == then


def expression(found: list[Term]) -> Callable[[tuple, dict[str, Any]], bool]:
    """The terms as one Python expression."""
    k = Names()
    text = f"""def holds(args, options):
  try:
    return {" and ".join(_written(term, k) for term in found)}
  except Exception:  # a name, a key or an attribute is not there any more
    return False
"""
    return k.compiled(text, "holds")


def _written(term, k):
    """A term in Python; `k` names objects."""
    kind, holder, key, value, n, form = term
    if kind in ("FORM", "TENSOR"):
        axes = form[0]
        array, first = f"args[{n}]", ""
        if kind == "TENSOR":
            array, first = f"x.{key[1]}", f"type(x := args[{n}]) is {k(holder)} and x.{key[0]} is None and "
        lies = f"a.shape == {k(form[1 : 1 + axes])} and a.strides == {k(form[1 + axes :])} and a.dtype == {k(value)}"
        return f"{first}type(a := {array}) is {k(np.ndarray)} and {lies}"
    if kind == "APART":
        return " and ".join(
            [f"id(args[{n}]) not in {k({*form[1:]})}", *(f"args[{n}] is not args[{i}]" for i in range(n))]
        )
    if kind in ("ITEMS", "DICT"):  # None: it may not be there
        there = lambda key, value: f".get({k(key)})" if value is None else f"[{k(key)}]"
        found = [f"{k(holder)}{there(*item)} is {k(item[1])}" for item in zip(key, value, strict=True)]
        return " and ".join(found) or "True"
    return {
        "COUNT": f"len(args) == {n} and len(options) == {form[0]}",
        "IS": f"{k(holder)}.{key} is {k(value)}",
        "CELL": f"{k(holder)}.cell_contents is {k(value)}",
        "LENGTH": f"len({k(holder)}) == {n}",
        "ELEMENT": f"{k(holder)}[{n}] is {k(value)}",
        "CONTEXT": f"{k(getattr(holder, 'get', None))}() == {k(value)}",
        "EQUAL": f"(x := {k(holder)}.{key})[{form[0]}:{n}].count(x[{form[0]}]) == {n - form[0]}",
        "CALL": f"{k(holder)}(args, options)",
    }[kind]
