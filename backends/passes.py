"""What makes a program shorter: each pass is a function from a Program to a Program that gives the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .functions import GUARDS, function_of, outside
from .program import Instruction, Program, mapped

FOLDED = 1 << 16  # bytes: a larger constant is computed anew at each run, rather than kept
LIKE = {"ones_like": "ones", "zeros_like": "zeros"}  # which look at nothing but the form of their operand
KEPT = frozenset((*GUARDS, "constant", "empty", "item"))  # are no constants, or already
# whose result is the memory of their first operand, where nobody else needs that
WRITES = frozenset(("setitem", "add_at"))


def planned(program: Program) -> Program:
    """The program after all passes, in the order in which it is to run."""
    for simpler in PASSES.values():
        program = simpler(program)
    return program


def without_dead(program: Program) -> Program:
    """Without what neither a guard nor an output needs."""
    needed, kept = set(program.outputs()), []
    for made in reversed(program.instructions):
        if made in needed or made.name in GUARDS:
            needed.update(made.uses())
            kept.append(made)
    given = needed.union(given for given, _ in program.stores)
    return program.rewritten(kept[::-1], {})._replace(inputs=[x for x in program.inputs if x in given])


def without_copies(program: Program) -> Program:
    """Without copies, and other calls that give what they are given: results are never changed."""

    def same(made):
        x = made.operands[0] if made.operands else None
        unchanged = made.name == "copy" or made.part and made.name != "getitem" and made.form == x.form
        return x if unchanged and made.form == x.form else None

    return _replacing(program, same)


def with_constants(program: Program) -> Program:
    """With what depends on nothing that is given computed now, where it is small."""

    def constant(made):
        if made.name in LIKE:
            function, made = getattr(np, LIKE[made.name]), made.like((made.shape, made.dtype), {})
        elif (
            made.name in KEPT
            or made.dtype is None
            or made.part
            or not all(x.name == "constant" and not outside(x) for x in made.uses())
        ):
            return None
        else:
            function = function_of(made.name)
        if made.nbytes > FOLDED or function is None:
            return None
        known = lambda x: x.operands[0] if isinstance(x, Instruction) else x
        with np.errstate(all="ignore"):
            value = np.asarray(function(*mapped(known, made.operands), **mapped(known, made.options)))
        form = value.shape, value.dtype, value.strides
        return Instruction(made.number, "constant", (value,), {"private": True}, form, made.origin)

    return _replacing(program, constant)


def with_common(program: Program) -> Program:
    """With what is computed twice from the same computed once."""
    known: dict[Any, Instruction] = {}

    def first(made):
        if made.name == "empty" or made.name in WRITES:  # each has its own memory
            return None
        key = made.name, _key(made.operands), _key(made.options), made.form, made.strict
        return known.setdefault(key, made)

    return _replacing(program, first)


def with_guards_first(program: Program) -> Program:
    """With every guard, and what it needs, before the first write to state, but for guards that look at what was written.

    So are strict instructions, which may raise, if none of them looks at what was written.
    """
    state = {given for given, _ in program.stores}
    after: set[Instruction] = set()  # what must wait: writes, and what depends on them
    for made in program.instructions:
        if made.name in WRITES and root(made) in state or not after.isdisjoint(made.uses()):
            after.add(made)
    strict = not any(made.strict for made in after)
    needed: set[Instruction] = set()
    for made in reversed(program.instructions):
        if made not in after and (made in needed or made.name in GUARDS or made.strict and strict):
            needed.add(made)
            needed.update(made.uses())
    first = next((i for i, made in enumerate(program.instructions) if made in after), 0)
    early, late = program.instructions[:first], program.instructions[first:]
    early += [made for made in late if made in needed]
    return program.rewritten(early + [made for made in late if made not in needed], {})


def root(made: Instruction) -> Instruction:
    """The input, or the first result, of which this is the memory after writes to parts of it."""
    while made.part or made.name in WRITES:
        made = made.operands[0]
    return made


def _replacing(program, choose):
    """The program in which `choose` says what stands for an instruction, whose operands are replaced already; None: itself."""
    new: dict[Instruction, Instruction] = {}
    swap = lambda x: new.get(x, x) if isinstance(x, Instruction) else x
    instructions, there = [], set(program.inputs)
    for old in program.instructions:
        made = old
        if not new.keys().isdisjoint(old.uses()):
            made = old.like(mapped(swap, old.operands), mapped(swap, old.options))
        chosen = choose(made) or made
        if chosen is not old:
            new[old] = chosen
        if chosen not in there:
            there.add(chosen)
            instructions.append(chosen)
    return program.rewritten(instructions, new)


def _key(x):
    """What tells operands apart: 1 from 1.0 and True, 0.0 from -0.0."""
    if isinstance(x, Instruction):
        return x
    if isinstance(x, (tuple, list)):
        return (type(x), *map(_key, x))
    if isinstance(x, dict):
        return tuple((name, _key(value)) for name, value in x.items())
    if isinstance(x, slice):
        return slice, _key(x.start), _key(x.stop), _key(x.step)
    if isinstance(x, float):
        return float, x.hex()
    return (id(x),) if isinstance(x, np.ndarray) else (type(x), x)


PASSES = {
    "copies": without_copies,
    "constants": with_constants,
    "common": with_common,
    "dead": without_dead,
    "guards first": with_guards_first,
}
