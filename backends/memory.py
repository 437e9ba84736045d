"""Where the results of a program lie: each in a place of one arena, for as long as it is needed."""

from __future__ import annotations

from bisect import insort

import numpy as np

from .functions import GUARDS, function_of
from .passes import WRITES, root
from .program import Instruction, Program, mapped

ALIGNED = 64  # bytes: a line of the cache


class Arena:
    """Places of a memory that is made when all are known. What is freed is taken again, the smallest gap that fits first."""

    def __init__(self):
        self.size = 0
        self._gaps: list[tuple[int, int]] = []  # (length, start)

    def take(self, nbytes):
        """The first byte of a place for so many."""
        nbytes = max(ALIGNED, -(-nbytes // ALIGNED) * ALIGNED)
        for i, (length, start) in enumerate(self._gaps):
            if length >= nbytes:
                del self._gaps[i]
                if length > nbytes:
                    insort(self._gaps, (length - nbytes, start + nbytes))
                return start
        for i, (length, start) in enumerate(self._gaps):
            if start + length == self.size:  # the last gap grows
                del self._gaps[i]
                self.size = start + nbytes
                return start
        self.size += nbytes
        return self.size - nbytes

    def free(self, start, nbytes):
        """Give a place back."""
        length = max(ALIGNED, -(-nbytes // ALIGNED) * ALIGNED)
        for gap in self._gaps[:]:
            if gap[1] + gap[0] == start:
                self._gaps.remove(gap)
                start, length = gap[1], length + gap[0]
            elif start + length == gap[1]:
                self._gaps.remove(gap)
                length += gap[0]
        insort(self._gaps, (length, start))


class Block:
    """Memory that several results lie in, one after another or as parts of each other.

    Fields:
        array: where that is given: state, or a constant; else None.
        start, nbytes: its place in the arena.
        last: the number of the last step that needs it.
        writable: whether a program may write to it.
    """

    __slots__ = ("array", "start", "nbytes", "last", "writable")

    def __init__(self, nbytes, array=None, writable=True):
        self.array, self.start, self.nbytes, self.last, self.writable = array, None, nbytes, -1, writable


class Plan:
    """The memory of a program: `arrays`, the array of each instruction, and the `arena`.

    `state` holds the arrays of inputs that lie outside; the others get memory of their own, which is theirs for good.
    """

    def __init__(self, program: Program, state: dict[Instruction, np.ndarray]):
        self.program, self.arena = program, Arena()
        self.arrays: dict[Instruction, np.ndarray] = {}
        self.several: dict[Instruction, list[np.ndarray]] = {}
        self._block: dict[Instruction, Block] = {}
        self._placed: set[Instruction] = set()
        last: dict[Instruction, int] = {}
        for step, made in enumerate(program.instructions):
            for x in made.uses():
                last[x] = step
        end = len(program.instructions)
        last |= dict.fromkeys(program.outputs(), end)
        atomic = self._atomic(program)
        for given in program.inputs:
            if given.dtype is not None:
                outside = given in state
                array = state[given] if outside else _given(given)
                self._block[given] = Block(given.nbytes, array, outside and atomic)
        self._settle(last)
        memory = np.empty(self.arena.size + ALIGNED, np.uint8)
        memory = memory[-memory.ctypes.data % ALIGNED :]
        for given in program.inputs:
            if given.dtype is not None:
                self.arrays[given] = self._block[given].array
        for made in program.instructions:
            self._make(made, memory)

    def in_place(self, made):
        """Whether a write happens in the memory of what it writes to."""
        return made in self._placed

    def _atomic(self, program):
        """Whether all guards are checked before state is written to, so that it can be written in place."""
        guards = [i for i, made in enumerate(program.instructions) if made.name in GUARDS]
        state = {given for given, _ in program.stores}
        writes = [i for i, made in enumerate(program.instructions) if made.name in WRITES and root(made) in state]
        return not guards or not writes or guards[-1] < writes[0]

    def _settle(self, last):
        """Which block each result lies in, and where that begins."""
        for given, block in self._block.items():
            block.last = last.get(given, -1)
        dying: dict[int, list[Block]] = {}
        for step, made in enumerate(self.program.instructions):
            if made.dtype is not None and (made in last or made.name != "item"):
                block = self._reused(made, step)
                if block is None:
                    constant = made.name == "constant"
                    block = Block(made.nbytes, made.operands[0] if constant else None, not constant)
                    if not constant:
                        block.start = self.arena.take(block.nbytes)
                self._block[made] = block
                block.last = max(block.last, last.get(made, step))
                if block.array is None:
                    dying.setdefault(block.last, []).append(block)
            for gone in dying.pop(step, ()):
                if gone.last == step:
                    self.arena.free(gone.start, gone.nbytes)
                    gone.last = -2  # once

    def _reused(self, made, step):
        """The block of an operand that the result can have: as a part of it, or in its place."""
        if made.part:
            return self._block[made.operands[0]]
        if made.name in WRITES:
            block = self._block[made.operands[0]]
            if block.writable and self._only(made.operands[0], block, made, step):
                self._placed.add(made)
                return block
            return None
        function = getattr(np, made.name, None)
        if isinstance(function, np.ufunc) and made.name != "matmul" and not made.options:
            for x in made.operands:
                if isinstance(x, Instruction) and x.form == made.form and x in self._block:
                    block = self._block[x]
                    whole = block.array is None and block.nbytes == made.nbytes and not _overlaps(made, x)
                    if whole and not x.part and self._only(x, block, made, step):
                        return block
        return None

    def _only(self, x, block, made, step):
        """Whether nobody needs what lies in a block after this step, but for its new content."""
        alias = lambda other: other is not x and self._block.get(other) is block and other.form != x.form
        return block.last <= step and not any(map(alias, made.uses()))

    def _make(self, made, memory):
        """The array of an instruction."""
        if made.dtype is None:
            if made.name == "frexp":
                self.several[made] = [None, None]
            return
        block = self._block.get(made)
        if made.part:
            known = lambda x: self.arrays[x] if isinstance(x, Instruction) else x
            array = function_of(made.name)
            array = array(*mapped(known, made.operands), **mapped(known, made.options))
        elif block is None:  # an item of several that nobody needs
            array = np.empty(made.shape, made.dtype)
        elif block.array is not None:
            array = block.array
        else:
            array = _shaped(memory[block.start : block.start + made.nbytes], made)
        self.arrays[made] = array
        if made.name == "item":
            self.several[made.operands[0]][made.operands[1]] = array


def _overlaps(made, x):
    """Whether another operand is a part of the memory of x."""
    return any(other is not x and other.part for other in made.uses())


def _given(made):
    """Memory for an argument, with its strides, by which sums and products may differ in the last bit; those of small parts of large
    arrays apart.
    """
    steps = [(n - 1) * s for n, s in zip(made.shape, made.strides, strict=True)]
    first = sum(s for s in steps if s < 0)
    length = sum(map(abs, steps)) + made.dtype.itemsize
    if not made.nbytes or length > 8 * made.nbytes:
        return _shaped(np.empty(made.nbytes, np.uint8), made)
    return np.ndarray(made.shape, made.dtype, np.zeros(length, np.uint8), -first, made.strides)


def _shaped(memory, made):
    """A piece of memory as an array of this instruction's form, its axes in the order that its strides say."""
    order = sorted(range(len(made.shape)), key=lambda i: (-abs(made.strides[i]), i))
    array = memory[: made.nbytes].view(made.dtype).reshape([made.shape[i] for i in order])
    return array.transpose(np.argsort(order).tolist()) if order else array
