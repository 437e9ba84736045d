"""A program as one function in C: the lowering that is fast, within some ulps of eager execution.

Arithmetic on each element gives the bits that NumPy gives. What differs: exp, expm1, log, log1p and tanh (c_math.py), the order in which
sums and products of matrices add up, and fused multiply-adds in those products.
"""

from __future__ import annotations

import ctypes
from math import prod
from typing import Any

import numpy as np

from .c_graph import BOOL, LEAVES, NoC
from .c_library import STRUCT, blas, library, work
from .c_math import HEAD
from .c_schedule import Schedule, ordered
from .c_text import Nest, Places, call, memory, numbers
from .c_translate import translated
from .compiler import NoCompiler, load
from .memory import ALIGNED
from .passes import WRITES
from .program import Instruction, Program
from .trace import GUARDS

LARGE = 1 << 22  # products of numbers in a product of matrices, from which on BLAS is called where it is found
PASSED_ON = frozenset(
    "add subtract multiply negative positive sqrt square absolute astype".split()
)  # which pass an overflow on
EXACT = 2**53  # above it, a whole number may be no double


class Lowered:
    """A program made ready to run as C. The fields are those of `numpy_lowering.Lowered`; `arrays` has inputs and outputs only.

    `run` may also return the number of guards: something happened for which NumPy would raise, such as an index out of range or
    an overflow in an optimiser's step. Then nothing of the outside was changed, and eager execution says what it is.

    Raises: NoC, NoCompiler.
    """

    ulps = 64

    def __init__(self, program: Program, state: dict[Instruction, np.ndarray]):
        self.program = program
        self.guards: list[Any] = [made for made in program.instructions if made.name in GUARDS]
        self.guards.append("something that NumPy raises for")
        found = translated(program)
        graph, again = found.graph, len(self.guards)
        if any(made.dtype is None for made in program.results):
            raise NoC("a number as a result")
        apart = lambda x, label: graph.value("copy", (x,), label, x.shape, x.dtype) if x.op in (*LEAVES, "input") else x
        stores = {given: apart(found.of[new], ("state", i)) for i, (given, new) in enumerate(program.stores)}
        outside = {*stores.values()}
        kept = [*program.results, *program.kept.values()]
        results = {}
        for i, made in enumerate(kept):
            x = apart(found.of[made], ("result", i))
            results[made] = graph.value("copy", (x,), ("result", i), x.shape, x.dtype) if x in outside else x
        checks = [apart(x, ("guard", i)) for i, x in enumerate([*found.guards, *graph.checks])]
        checks += self._overflow(graph, ordered(stores.values()))
        plan = Schedule(graph, checks, stores, list(results.values()))
        self._arrays(program, state, plan, stores)
        inputs = [x.opt for x in plan.order if x.op == "input"]
        inputs += [given for given in stores if given not in inputs]
        names = {made: f"b{i}" for i, made in enumerate(inputs)}
        steps = {made: tuple(s // made.dtype.itemsize for s in self.arrays[made].strides) for made in inputs}
        for given in stores:
            if not self.arrays[given].flags.c_contiguous:
                raise NoC("state that does not lie together")
        places = Places(plan, steps, names)
        products = [x for x in plan.order if x.op == "product"]
        space = max([work(x.args[0].shape[-1], x.dtype) for x in products], default=0)
        text = [
            f" {memory(made.dtype)}* const {name} = b[{i}];"
            for made, (i, name) in zip(inputs, enumerate(names.values()), strict=True)
        ]
        text += [" " + line for line in numbers(plan.order, again)]
        for p, step in enumerate(plan.steps):
            if p == plan.before:
                text += self._checked(checks, found.guards, places, again)
            text.append(
                " // "
                + ", ".join(f"{x.opt if x.op == 'each' else x.op} {x.dtype}{list(x.shape)}" for x in step.nodes[:4])
                + " …" * (len(step.nodes) > 4)
            )
            if step.call:
                (x,) = step.nodes
                big = prod(x.shape[-2:]) * (x.args[0].shape[-1] if x.op == "product" else 0) >= LARGE
                text.append(f" {call(x, places, big and blas() is not None, plan.size)}")
            else:
                text += [" {", *("  " + line for line in Nest(step, places).text()), " }"]
        if plan.before >= len(plan.steps):
            text += self._checked(checks, found.guards, places, again)
        text += [f" memcpy({names[given]}, {places.first(x)}, {given.nbytes});" for given, x in plan.copies]
        self.text = "\n".join([
            STRUCT, "int run(void** b, char* arena, const double* numbers, const library* cr) {", *text, " return -1;", "}", "",
        ])  # fmt: skip
        self.peak = plan.size
        self._bind(plan, results, inputs, found.numbers, space)

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
        found = []
        for x in ends:
            finite = graph.each("isfinite", [x], x.shape, BOOL)
            found.append(graph.reshape(graph.reduce("all", finite, range(len(x.shape))) if x.shape else finite, ()))
        return [x for x in dict.fromkeys(found) if x.op != "const"]

    def _checked(self, checks, guards, places, again):
        """The statements that leave before anything outside is written to."""
        lines = []
        for i, x in enumerate(checks):
            lines.append(f" if (!*{places.first(x)}) return {i if i < len(guards) else again};")
        return [line.replace(f"return {again}", f"return {len(self.guards) - 1}") for line in lines]

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
            for other, array in self.arrays.items():
                if other is not given and np.may_share_memory(array, self.arrays[given]):
                    raise NoC("state that lies in the memory of another array")

    def _bind(self, plan, results, inputs, given, space):
        """Compile the text, and make the function that runs it."""
        compiled = load(HEAD + self.text)
        memory = np.zeros(plan.size + space + 2 * ALIGNED, np.uint8)
        memory = memory[-memory.ctypes.data % ALIGNED :]
        for made, x in results.items():
            where, at = plan.home[x]
            whole = (
                memory[at : at + made.nbytes]
                if where is None
                else self.arrays[where].reshape(-1).view(np.uint8)[at : at + made.nbytes]
            )
            self.arrays[made] = whole.view(made.dtype).reshape(made.shape)
        pointers = (ctypes.c_void_p * max(len(inputs), 1))(*[self.arrays[made].ctypes.data for made in inputs])
        values = (ctypes.c_double * max(len(given), 1))()
        function = compiled.run
        function.argtypes, function.restype = [ctypes.c_void_p] * 4, ctypes.c_int
        address = [
            ctypes.c_void_p(v)
            for v in (ctypes.addressof(pointers), memory.ctypes.data, ctypes.addressof(values), library())
        ]
        again = len(self.guards) - 1
        self._held = compiled, memory, pointers, values

        def run(*numbers):
            try:
                values[:] = numbers
            except OverflowError:
                return again
            for number in numbers:
                if type(number) is int and not -EXACT <= number <= EXACT:
                    return again
            failed = function(*address)
            return None if failed < 0 else failed

        def run_alone():
            failed = function(*address)
            return None if failed < 0 else failed

        self.run = run if given else run_alone
