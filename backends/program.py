"""What was computed, as plain data: an instruction is a name with its operands and options."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple


class Symbol(NamedTuple):
    """Something given, by name: an array, an option, a shape."""

    name: str


class Call:
    """One instruction. Two of them are equal only if they are the same one.

    Fields:
        name: what was called, such as "add".
        operands: the arguments in order: Calls, Symbols, numbers, whatever else; tuples and lists of them.
        options: the arguments by keyword.
    """

    __slots__ = ("name", "operands", "options")

    def __init__(self, name: str, operands: tuple, options: dict[str, Any] | None = None):
        self.name, self.operands, self.options = name, operands, options or {}

    def __repr__(self):
        given = [repr(o) for o in self.operands] + [f"{k}={v!r}" for k, v in self.options.items()]
        return f"{self.name}({', '.join(given)})"


def mapped(function, x):
    """`function` of x, or of what a tuple, list, slice or dict holds."""
    if type(x) in (tuple, list):
        return type(x)([mapped(function, item) for item in x])
    if type(x) is dict:
        return {key: mapped(function, item) for key, item in x.items()}
    if type(x) is slice:
        return slice(mapped(function, x.start), mapped(function, x.stop), mapped(function, x.step))
    return function(x)


class Origin(NamedTuple):
    """What an instruction is a part of.

    Fields:
        call: the recorded call, as pictures name it; "" outside all of them.
        part: "result", "contribution to operand 0", "gradient so far"; "" outside all calls.
        line: the user's line, as something that can be printed.
    """

    call: str
    part: str
    line: Any


class Instruction(Call):
    """A Call of a program: it has a number, and its result a form.

    An operand that is an Instruction stands for its result. What is written into an array is a result of its own: "setitem"
    gives the whole array as it is afterwards.

    Fields:
        number: what `v7` names in a printed program; passes keep it.
        shape, dtype: of the result; dtype is None where that is a Python number, or several arrays.
        strides: how the result lies in memory, in bytes for each axis: sums and products depend on it in the last bit.
        origin: an Origin.
        strict: for which errors NumPy raises, as words of np.errstate: ("over",) in an optimiser's step.
        part: whether the result is a part of its first operand's memory.
    """

    __slots__ = ("number", "shape", "dtype", "strides", "origin", "strict", "part")

    def __init__(
        self, number, name, operands, options=None, form=(None, None, None), origin=None, strict=(), part=False
    ):
        super().__init__(name, operands, options)
        self.number, self.origin, self.strict, self.part = number, origin, strict, part
        self.shape, self.dtype, self.strides = form

    @property
    def form(self) -> tuple:
        return self.shape, self.dtype, self.strides

    @property
    def nbytes(self) -> int:
        return 0 if self.dtype is None else prod(self.shape) * self.dtype.itemsize

    def uses(self) -> Iterator[Instruction]:
        """The instructions whose results it takes."""
        return found(self.operands if not self.options else (self.operands, self.options))

    def like(self, operands, options=None) -> Instruction:
        """The same with other operands."""
        options = self.options if options is None else options
        return Instruction(self.number, self.name, operands, options, self.form, self.origin, self.strict, self.part)

    def __repr__(self):
        return f"v{self.number}"


class Program(NamedTuple):
    """A recorded computation, as plain data.

    Fields:
        inputs: Instructions of the name "input", whose only operand says what is given.
        instructions: all others, each after those whose results it takes.
        results: Instructions that give what is returned.
        stores: (input, Instruction) for each array of the outside that was written to: what it holds at the end.
        kept: {what it is: Instruction} of values that can be read until the next run, such as gradients.
        peak: bytes of the arena that holds all results; None until that is planned.
    """

    inputs: list[Instruction]
    instructions: list[Instruction]
    results: list[Instruction]
    stores: list[tuple[Instruction, Instruction]]
    kept: dict[Any, Instruction]
    peak: int | None = None

    def outputs(self) -> Iterator[Instruction]:
        """What must be computed, guards apart."""
        yield from found(self.results)
        yield from (new for _, new in self.stores)
        yield from self.kept.values()

    def rewritten(self, instructions, new) -> Program:
        """The same outputs from other instructions: `new` says what stands for an instruction that is gone."""
        swap = lambda x: new.get(x, x) if isinstance(x, Instruction) else x
        stores = [(given, swap(x)) for given, x in self.stores]
        return Program(
            self.inputs, instructions, mapped(swap, self.results), stores, {k: swap(x) for k, x in self.kept.items()}
        )

    def __str__(self):
        """One line for each instruction: what it gives, how, in which form, its bytes and arithmetic, and where it comes from."""
        lines = [_line(made) for made in [*self.inputs, *self.instructions]]
        lines += [f"{given} ← {new}" for given, new in self.stores]
        lines.append(f"return {', '.join(map(str, self.results))}")
        widths = [max((len(row[i]) for row in lines if type(row) is tuple), default=0) for i in range(4)]
        aligned = [
            row
            if type(row) is str
            else "  ".join(text.ljust(n) for text, n in zip(row, widths, strict=False)) + f"  {row[4]}"
            for row in lines
        ]
        total = sum(flops(made) for made in self.instructions)
        peak = "" if self.peak is None else f", results in {_short(self.peak)}B"
        return "\n".join(
            [*map(str.rstrip, aligned), f"{len(self.instructions)} instructions, {_short(total)}flop{peak}"]
        )


def _line(made):
    """The columns of a printed instruction."""
    given = [str(o) if not hasattr(o, "dtype") or isinstance(o, Instruction) else "…" for o in made.operands]
    given += [f"{k}={v}" for k, v in made.options.items()]
    form = "" if made.dtype is None else f"{made.dtype}{list(made.shape)}"
    work = flops(made)
    origin = made.origin
    return (
        f"{made} = {made.name}({', '.join(given)})",
        form,
        f"{_short(made.nbytes)}B" if made.nbytes else "",
        f"{_short(work)}flop" if work else "",
        f"{origin.call}: {origin.part}  {origin.line}" if origin.call else f"{origin.line}",
    )


def _short(n):
    """A number with three digits and a prefix."""
    for prefix in ("", "k", "M", "G"):
        if n < 1000:
            return f"{n:.3g} {prefix}"
        n /= 1000
    return f"{n:.3g} T"


MOVES = frozenset(
    "arange array asarray ascontiguousarray astype broadcast_to concatenate constant copy empty expand_dims flip getitem input item"
    " moveaxis ones pad ravel reshape roll setitem squeeze stack swapaxes take transpose tril triu zeros".split()
)


def flops(made: Instruction) -> int:
    """How many operations of arithmetic an instruction takes: 2 for each product that is added up, else 1 for each element."""
    if made.dtype is None or made.name in MOVES:
        return 0
    sizes = [prod(x.shape) for x in made.uses() if x.dtype is not None]
    if made.name in ("matmul", "dot"):
        return 2 * prod(made.shape) * made.operands[0].shape[-1]
    return max([prod(made.shape), *sizes])


def found(x) -> Iterator[Instruction]:
    """The Instructions in x: in tuples, lists, slices and dicts."""
    if isinstance(x, Instruction):
        yield x
    elif type(x) in (tuple, list):
        for item in x:
            yield from found(item)
    elif type(x) is dict:
        yield from found(list(x.values()))
    elif type(x) is slice:
        yield from found((x.start, x.stop, x.step))
