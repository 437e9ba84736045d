"""Update rules in C, on the host: code that works on each element in one pass over memory, where NumPy takes one for each call.

Only arithmetic that has NumPy's bits, so that nobody can tell which of them computed a number. A compiler works in the background,
for as long as it takes; where there is none, or a bit is different, NumPy goes on.
"""

from __future__ import annotations

import ctypes
import marshal
import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf, nan
from struct import Struct
from threading import Thread
from types import FunctionType
from typing import Any

import numpy as np

from .kernel import C_TYPES, Kernel, Trace, trace, write

# calls of which IEEE arithmetic leaves nothing open; of others, such as exp, NumPy's digits are its own
EXACT = frozenset(
    "add subtract multiply divide negative positive square sqrt absolute maximum minimum sign where astype equal not_equal less"
    " less_equal greater greater_equal logical_and logical_or logical_not isnan isinf isfinite".split()
)
OURS = __name__.partition(".")[0] + "."
ROOM = 256  # so many rules are remembered
VARYING = "t", "lr"  # the options that are other numbers at each step
BLOCK = 1024  # elements; a dry run computes so many in one place
TRIED = 4099  # elements on which a rule is tried: whole vectors, and some that are left over

Run = Callable[[Sequence[np.ndarray], bool], None]
_made: dict[Any, Callable[..., None]] = {}  # by what they compute
# by the rule and what does not change: (the numbers of a step, what takes them), or False where a trace must find them
_numbers: dict[Any, Any] = {}
_by_numpy: set[Any] = set()  # rules that NumPy runs: while a compiler works, or for good


def native(rule: Callable[..., Any], options: dict[str, Any], like: Sequence[np.ndarray]) -> Run | None:
    """rule(*arrays, **options) for flat arrays like these, aligned and without gaps, as a call(arrays, dry) that writes the results
    in the place of the arrays without the second, the gradient; None where there is no C of it, or none yet.

    The call raises a FloatingPointError after an overflow, as NumPy does where it is told to. A dry one looks for that alone.
    """
    if type(rule) is not FunctionType or rule in _by_numpy:  # a method may look at more than its arguments
        return None
    dtypes = tuple([a.dtype for a in like])
    given = {name: options[name] for name in VARYING if name in options}
    fixed = None
    if rule.__module__.startswith(OURS):  # those of users may look at numbers that change
        with suppress(ValueError):  # of options that are neither numbers nor text, such as an array
            # tells 1 from True and 0.0 from -0.0
            others = marshal.dumps([x for name, x in options.items() if name not in given], 2)
            fixed = rule, dtypes, others, *map(type, given.values())
    if known := _numbers.get(fixed):
        numbers, run = known
        if (found := numbers(**given)) is not None:
            return partial(run, found)
    try:
        found, results = trace(lambda *lanes: rule(*lanes, **options), dtypes)
    except Exception:  # NumPy will say what is wrong, if anything is
        _by_numpy.add(rule)
        return None
    key = dtypes, tuple(found.steps), results
    if key in _made:
        if known is not False and fixed is not None:
            if len(_numbers) >= ROOM:
                _numbers.clear()
            numbers = numbers_of(rule, options, given, dtypes, found)
            _numbers[fixed] = numbers is not None and (numbers, _made[key])
        return partial(_made[key], found.scalars)
    _by_numpy.add(rule)
    known_dtypes = all(dtype.char in "fd" and dtype.isnative for dtype in dtypes)
    if exact(key[1]) and known_dtypes and len(results) == len(dtypes) - 1:
        kernel = write(found, results, (dtypes[0], *dtypes[2:]), False, rule.__name__)
        Thread(target=_make, args=(rule, key, kernel, found.scalars), daemon=True).start()
    return None


def exact(steps: Sequence[tuple]) -> bool:
    """Whether C has NumPy's bits for all that was traced."""
    return all(name in EXACT and dtype in "fd?" for name, _, dtype in steps)


class Given:
    """A number that is another one at each step: what is computed from it is noted as lines of Python. Whoever wants to know more of
    it than how it compares gets a TypeError.

    Fields:
        value: what it is now.
        name: what the lines call it.
        lines: all that was noted of this and others.
    """

    __slots__ = ("value", "name", "lines")
    __hash__ = object.__hash__

    def __init__(self, value, name, lines):
        self.value, self.name, self.lines = value, name, lines

    def __bool__(self):
        return self != 0

    def __neg__(self):
        return -1 * self


def _bind():
    """Give Given its operators."""

    def arithmetic(method, sign, swap):
        def apply(x, y):
            if type(y) not in (Given, float, int):
                return NotImplemented
            x, y = (y, x) if swap else (x, y)
            (a, _), (b, _) = pair = said(x), said(y)
            lines = next(z.lines for z in (x, y) if type(z) is Given)
            made = Given(method(a, b), f"n{len(lines)}", lines)
            lines.append(f"{made.name} = {pair[0][1]} {sign} {pair[1][1]}")
            return made

        return apply

    def comparison(method, sign):
        def apply(x, y):
            (a, left), (b, right) = said(x), said(y)
            came = method(a, b)
            x.lines.append(f"if ({left} {sign} {right}) is not {came}: return None")
            return came

        return apply

    said = lambda x: (x.value, x.name) if type(x) is Given else (x, repr(x))
    for name, sign in dict(add="+", sub="-", mul="*", truediv="/", pow="**").items():
        method = getattr(operator, name)
        setattr(Given, f"__{name}__", arithmetic(method, sign, False))
        setattr(Given, f"__r{name}__", arithmetic(method, sign, True))
    for name, sign in dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=").items():
        setattr(Given, f"__{name}__", comparison(getattr(operator, name), sign))


_bind()


class Noting(Trace):
    """A Trace whose numbers may be Given."""

    def number(self, x):
        return (x, type(x.value)) if type(x) is Given else super().number(x)


def numbers_of(rule, options, given, dtypes, found):
    """What makes the numbers of a trace from those that are given, as a function; None where the rule asks more of them.

    The function returns None where a comparison comes out differently: then the trace may be another one.
    """
    lines: list[str] = []
    varying = {name: Given(value, name, lines) for name, value in given.items()}
    try:
        noted, _ = trace(lambda *lanes: rule(*lanes, **options | varying), dtypes, Noting)
    except Exception:
        return None
    names = [x.name if type(x) is Given else repr(x) for x in noted.scalars]
    text = "\n    ".join([f"def numbers({', '.join(given)}):", *lines, f"return [{', '.join(names)}]"])
    made: dict[str, Any] = {"inf": inf, "nan": nan}
    exec(text, made)
    same = noted.steps == found.steps and made["numbers"](**given) == found.scalars
    return made["numbers"] if same else None


def _make(rule, key, kernel, numbers):
    """Compile a kernel, and let it be used if it does what it should."""
    from . import compiler  # which takes longer to import than all else here

    dtypes = key[0]
    try:
        run = bound(compiler.load(text(kernel, dtypes)).run, dtypes, len(numbers))
    except compiler.NoCompiler:
        return
    if same_bits(kernel, run, dtypes, numbers):
        if len(_made) >= ROOM:
            _made.clear()
        _made[key] = run
        _by_numpy.discard(rule)


def text(kernel: Kernel, dtypes: Sequence[np.dtype]) -> str:
    """The C text of a kernel: a function of the number of elements, the places of the arrays, the numbers, and whether it is dry; it
    returns whether there was an overflow."""
    kinds = [C_TYPES[d.char] for d in dtypes]
    written = [i for i in range(len(kinds)) if i != 1]
    lines = [f"#include <{name}.h>" for name in ("fenv", "stdbool", "stdint", "tgmath")]
    lines += ["int run(int64_t n, void* const* a, const double* s, int dry) {"]
    lines += [f"  {kinds[i]} z{i}[{BLOCK}];" for i in written]
    lines += [f"  const double s{i} = s[{i}];" for i in range(kernel.inputs.count("float64 s"))]
    lines += ["  feclearexcept(FE_OVERFLOW);", f"  for (int64_t k = 0; k < n; k += {BLOCK}) {{"]
    lines += [f"    const int64_t m = n - k < {BLOCK} ? n - k : {BLOCK};"]
    lines += [f"    const {kind}* X{i} = (const {kind}*)a[{i}] + k;" for i, kind in enumerate(kinds)]
    lines += [f"    {kinds[i]}* Y{i} = dry ? z{i} : ({kinds[i]}*)a[{i}] + k;" for i in written]
    lines += ["    #pragma omp simd", "    for (int64_t i = 0; i < m; i++) {"]
    lines += [f"      const {kind} x{i} = X{i}[i];" for i, kind in enumerate(kinds)]
    lines += [f"      {kinds[i]} y{j};" for j, i in enumerate(written)]
    lines += [f"      {line}" for line in kernel.body.splitlines()]
    lines += [f"      Y{i}[i] = y{j};" for j, i in enumerate(written)]
    places = ", ".join(f'"r"(z{i})' for i in written)
    lines += [
        "    }",
        f'    __asm__ volatile("" : : {places} : "memory"); // else nobody wants z, and nothing is computed',
    ]
    lines += ["  }", "  const int over = fetestexcept(FE_OVERFLOW);", "  feclearexcept(FE_OVERFLOW);"]
    return "\n".join([*lines, "  return over != 0;", "}", ""])


def bound(function: Any, dtypes: Sequence[np.dtype], count: int) -> Callable[..., None]:
    """The C function as a call(numbers, arrays, dry), of so many numbers."""
    function.argtypes = [ctypes.c_int64, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    places, values = Struct(f"{len(dtypes)}P").pack, Struct(f"{count}d").pack

    def run(numbers, arrays, dry):
        if function(arrays[0].size, places(*map(_address, arrays)), values(*numbers), dry):
            raise FloatingPointError("overflow encountered in an update rule")

    return run


def _address(array):
    if array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a fifth of the time
    return array.__array_interface__["data"][0]


def same_bits(kernel: Kernel, run: Callable[..., None], dtypes: Sequence[np.dtype], numbers: Sequence[float]) -> bool:
    """Whether the C gives NumPy's bits for numbers of all sizes, zeros, infinities, denormals and nan."""
    rng, arrays = np.random.default_rng(0), []
    for dtype in dtypes:
        info = np.finfo(dtype)
        ends = [0.0, -0.0, np.inf, -np.inf, np.nan, info.smallest_subnormal, -info.tiny, info.max, 1.0, -1.0]
        some = rng.standard_normal(TRIED) * 10.0 ** rng.integers(-3 * info.precision, 8, TRIED)
        arrays.append(np.where(rng.random(TRIED) < 0.2, rng.choice(ends, TRIED), some).astype(dtype))
    with np.errstate(all="ignore"):
        wanted = kernel.run(*arrays, *numbers)
    before = [a.copy() for a in arrays]
    for dry in (True, False):
        with suppress(FloatingPointError):  # of such numbers
            run(numbers, arrays, dry)
        if dry and any(a.tobytes() != b.tobytes() for a, b in zip(arrays, before, strict=True)):
            return False
    out = [arrays[0], *arrays[2:]]
    wanted = [x.astype(y.dtype) for x, y in zip(wanted, out, strict=True)]
    alike = lambda x, y: (x.view(f"u{x.itemsize}") == y.view(f"u{y.itemsize}")) | ((x != x) & (y != y))
    return all(alike(x, y).all() for x, y in zip(wanted, out, strict=True))
