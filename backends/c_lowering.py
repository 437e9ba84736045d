"""A program as one function in C: the lowering that is fast, within some ulps of eager execution.

Arithmetic on each element gives the bits that NumPy gives. What differs: exp, expm1, log, log1p, tanh, cosh and sinh (c_math.py), the order
in which sums and products of matrices add up, and fused multiply-adds in those products.
"""

from __future__ import annotations

import ctypes
from math import inf
from struct import Struct
from typing import Any

import numpy as np

from . import c_call
from .c_graph import BOOL, LEAVES, NoC
from .c_library import STRUCT, library
from .c_math import HEAD
from .c_nest import Nest
from .c_schedule import Schedule, ordered
from .c_text import Places, call, memory, numbers
from .c_translate import translated
from .compiler import load
from .functions import GUARDS
from .memory import ALIGNED
from .program import Instruction, Program, flops

# which pass an overflow on
PASSED_ON = frozenset("add subtract multiply negative positive sqrt square absolute astype".split())
# elements of what an optimiser's step makes, above which they are computed twice, first to look for an overflow; below, they are
# kept aside and copied to their places after that
TWICE = 1 << 17
LONG = 1 << 19  # operations of arithmetic, from which on other threads run meanwhile
LONGEST = 20_000  # steps: a compiler takes some ms for each
EXACT = 2**53  # above it, a count of random words may be no double
BEFORE = HEAD + STRUCT  # the text of a program comes after it


class Lowered:
    """A program made ready to run as C. The fields are those of `numpy_lowering.Lowered`; `arrays` has inputs and outputs only, and `native` is
    as `run`, but takes, after the numbers, the arrays that are no state, in the order of the program's inputs, where these are not
    read from `arrays`; None where Python cannot call C so.

    `run` may also return the number of guards: something happened for which NumPy would raise, such as an index out of range or
    an overflow in an optimiser's step. Then nothing of the outside was changed, and eager execution says what it is.

    Raises: NoC, NoCompiler.
    """

    ulps = 64

    def __init__(self, program: Program, state: dict[Instruction, np.ndarray]):
        self.program = program
        self.guards: list[Any] = [made for made in program.instructions if made.name in GUARDS]
        if any(made.dtype is None for made in program.results):
            raise NoC("a number as a result")
        found = translated(program)
        plan, checks, stores, results = self._planned(program, found)
        self._arrays(program, state, plan, stores)
        inputs = list(dict.fromkeys([*(x.opt for x in plan.order if x.op == "input"), *stores]))
        self.text, work = self._written(plan, inputs, checks)
        self.peak = plan.size + work
        memory = np.zeros(self.peak + 2 * ALIGNED, np.uint8)
        self._memory = memory[-memory.ctypes.data % ALIGNED :]
        pointers = [self.arrays[made].ctypes.data for made in inputs]
        self._pointers = (ctypes.c_void_p * max(len(pointers), 1))(*pointers)
        # what is given and left must be in an array of the program's own
        kept = {*program.results, *program.kept.values()}
        taken = [made for made in program.inputs if made.dtype is not None and made not in state]
        self._taken = [(inputs.index(x) if x in inputs else None, self.arrays[x], x in kept) for x in taken]
        self._written_to = [self.arrays[made] for made in stores]
        for made, x in results.items():
            _, at = plan.home[x]
            self.arrays[made] = self._memory[at : at + made.nbytes].view(made.dtype).reshape(made.shape)
        self._count = len(found.numbers)
        self._long = sum(map(flops, program.instructions)) > LONG
        self._draws = any(x.op == "philox" for x in plan.order)
        self._compile()

    def _planned(self, program, found):
        """(the Schedule, what must be true, {state: its new value}, {result: its value})."""
        graph = found.graph
        apart = lambda x, label: graph.value("copy", (x,), label, x.shape, x.dtype)
        known = lambda x: x.op in (*LEAVES, "input")
        stores = {given: found.of[new] for given, new in program.stores}
        outputs = [found.of[made] for made in program.outputs()]
        checks = [*found.guards, *graph.checks, *self._overflow(graph, ordered(outputs))]
        checks = [apart(x, ("guard", i)) if known(x) else x for i, x in enumerate(checks)]
        for i, (given, x) in enumerate(stores.items()):
            if known(x):
                stores[given] = apart(x, ("state", i))
        written, results = {*stores.values()}, {}
        for i, made in enumerate([*program.results, *program.kept.values()]):
            if made.name != "input" or made in stores:  # another input has its array
                x = found.of[made]
                results[made] = apart(x, ("result", i)) if known(x) or x in written else x
        return Schedule(graph, checks, stores, list(results.values())), checks, stores, results

    def _written(self, plan, inputs, checks):
        """(the text, bytes that its products need besides)."""
        again = len(self.guards)
        names = {made: f"b{i}" for i, made in enumerate(inputs)}
        steps = {made: tuple(s // made.dtype.itemsize for s in self.arrays[made].strides) for made in inputs}
        places = Places(plan, steps, names)
        functions: dict[str, str] = {}  # {text: name}: nests that differ but in their arrays are one
        text = [f"{memory(made.dtype)}* const {name} = b[{i}];" for i, (made, name) in enumerate(names.items())]
        text += numbers(plan.order, again)
        for p, step in enumerate(plan.steps):
            if p == plan.before:
                text += self._checked(checks, places, again, names)
            said = [f"{x.opt if x.op == 'each' else x.op} {x.dtype}{list(x.shape)}" for x in step.nodes[:4]]
            text.append(f"// {', '.join(said)}{' …' * (len(step.nodes) > 4)}")
            if step.call:
                text.append(call(step.nodes[0], places, functions))
            else:
                nest = Nest(step, places)
                text.append(nest.call(functions.setdefault(nest.text(), f"nest{len(functions)}")))
        if plan.before >= len(plan.steps):
            text += self._checked(checks, places, again, names)
        text += [f"memcpy({names[given]}, {places.first(x)}, {given.nbytes});" for given, x in plan.copies]
        if len(plan.steps) > LONGEST:
            raise NoC(f"{len(plan.steps)} steps, which take a compiler long")
        lines = [function.replace("@", name) for function, name in functions.items()]
        lines.append("QUICKLY int run(void* const* with) {")  # one pointer, as each costs a tenth of a microsecond
        lines.append(
            " void** b = with[0]; char* arena = with[1]; const double* numbers = with[2]; const library* cr = with[3];"
        )
        lines += [f" {line}" for line in [*text, "return -1;"]]
        return "\n".join([*lines, "}", ""]), places.room

    @staticmethod
    def _overflow(graph, order):
        """Truth values that say that nothing overflowed where that must be told."""
        strict = [x for x in order if x in graph.strict]
        passed = {
            a
            for x in strict
            if x.op == "each" and (x.opt in PASSED_ON or x.opt == "divide")
            for a in x.args[: 1 if x.opt == "divide" else None]
        }
        ends = [x for x in strict if x not in passed]
        found, again = [], {}
        if sum(x.size for x in ends) > TWICE:
            for x in strict:
                if x.op == "each":
                    args = [again.get(a, a) for a in x.args]
                    again[x] = graph.value("each", args, x.opt, x.shape, x.dtype, (x.opt, "again"))
        for x in ends:
            y = again.get(x, x)
            finite = graph.each("isfinite", [y], y.shape, BOOL)
            found.append(graph.reshape(graph.reduce("all", finite, range(len(y.shape))) if y.shape else finite, ()))
        return [x for x in dict.fromkeys(found) if x.op != "const"]

    @staticmethod
    def _checked(checks, places, again, names):
        """The statements that leave where a check fails, with the outside as it was."""
        left = {places.first(x): min(i, again) for i, x in reversed([*enumerate(checks)])}
        if not left:
            return []
        failed = " : ".join(f"!*{first} ? {i}" for first, i in sorted(left.items(), key=lambda item: item[1]))
        back = " ".join(
            f"memcpy({names[given]}, {places.first(old)}, {given.nbytes});" for given, old in places.schedule.kept
        )
        return [f"const int failed = {failed} : -1;", f"if (failed >= 0) {{ {back} return failed; }}"]

    def _arrays(self, program, state, plan, stores):
        """The arrays of inputs and constants."""
        self.arrays: dict[Instruction, np.ndarray] = {}
        for given in program.inputs:
            if given.dtype is not None:
                self.arrays[given] = state[given] if given in state else np.empty(given.shape, given.dtype)
        for x in plan.order:
            if x.op == "input" and x.opt.name == "constant":
                self.arrays[x.opt] = x.opt.operands[0]
        if any(
            s % a.dtype.itemsize or a.ctypes.data % a.dtype.itemsize for a in self.arrays.values() for s in a.strides
        ):
            raise NoC("an array whose elements are not aligned")
        for given in stores:
            if not self.arrays[given].flags.c_contiguous:
                raise NoC("state that does not lie together")
            for other, array in self.arrays.items():
                if other is not given and np.may_share_memory(array, self.arrays[given]):
                    raise NoC("state that lies in the memory of another array")

    def wrote(self, error: BaseException) -> bool:
        return False  # it raises but for numbers that are too large

    def _compile(self):
        self._held = load(BEFORE + self.text)
        self.bind(self._held.run)

    def bind(self, function: Any) -> None:
        """Let `run` and `native` call this C function, which `text` describes."""
        function.restype, again, most = ctypes.c_int, len(self.guards), EXACT if self._draws else inf
        values, write = bytearray(8 * max(self._count, 1)), Struct(f"{self._count}d").pack_into
        place = ctypes.addressof(ctypes.c_char.from_buffer(values))
        others = self._memory.ctypes.data, place, library()
        self._where = (ctypes.c_void_p * 4)(ctypes.addressof(self._pointers), *others)
        given = ctypes.c_void_p(ctypes.addressof(self._where))

        def run(*numbers):
            if any(x > most for x in numbers):
                return again
            write(values, 0, *numbers)
            failed = function(given)
            return None if failed < 0 else failed

        self.run, self.native = run, None
        if c_call.available():
            pointers = type(self._pointers)(*self._pointers)  # some of arrays that are read where they lie
            first = ctypes.addressof(pointers)
            taken = [(0 if i is None else first + 8 * i, own, kept) for i, own, kept in self._taken]
            where, release = (first, *others), self._long
            self.native = c_call.running(
                function, where, self._count, taken, self._written_to, release, again, most, (pointers, values, self)
            )
