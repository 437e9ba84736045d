"""A Tape made ready to run: a table of instructions, sorted into runs of one operation each, and what goes through it.

Entries are on the level after their operands', so those of one level do not need one another: those of one operation are a run. What
adds up one after another (`((a + b) + c) + …`), and is needed for nothing else on the way, is one entry, a sum in this order. One loop in C
goes through the runs, the same for all tables; where there is no compiler, NumPy does, with a few calls for each run.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from .record import NAMES
from .scalar import xp as floats
from .singles import CONSTANT, INPUT, Tape

# where Python's floats have rules of their own: at ties of zeros, of nan, and for the sign of remainders
C = {name: row.c for name, row in NAMES.items() if row.c is not None and hasattr(floats, name)} | {
    "maximum": "({1} > {0} || {1} != {1} ? {1} : {0})",
    "minimum": "({1} < {0} || {1} != {1} ? {1} : {0})",
    "clip": "least({2}, most({0}, {1}))",
    "remainder": "remains({0}, {1})",
    "floor_divide": "divided({0}, {1})",
    "erf": "erf({0})",
}
HEAD = """#include <math.h>
#include <stdint.h>
static double most(double x, double low) { return low > x ? low : x; }
static double least(double high, double x) { return high < x ? high : x; }
static double remains(double x, double y) {
  double m = fmod(x, y);
  if (m == 0) return copysign(0., y);
  return (y < 0) != (m < 0) ? m + y : m;
}
static double divided(double x, double y) {
  if (y == 0) return x / y;
  double m = fmod(x, y), d = (x - m) / y;
  if (m != 0 && (y < 0) != (m < 0)) d -= 1;
  if (d == 0) return copysign(0., x / y);
  double f = floor(d);
  return d - f > .5 ? f + 1 : f;
}
/* runs of (operation, how many, operands of each); the places of the operands, first those of the first; what is computed goes to out */
void run(long runs, const int32_t *head, const int32_t *p, const double *v, double *out) {
  for (long r = 0; r < runs; r++, head += 3) {
    const long n = head[1], width = head[2];
    const double *restrict w = v;
    double *restrict o = out;
    switch (head[0]) {
    case 0:
      if (n < 4)
        for (long i = 0; i < n; i++) {
          double s = w[p[i]];
          for (long j = 1; j < width; j++) s += w[p[j * n + i]];
          o[i] = s;
        }
      else {
        for (long i = 0; i < n; i++) o[i] = w[p[i]] + w[p[n + i]];
        for (long j = 2; j < width; j++)
          for (long i = 0; i < n; i++) o[i] += w[p[j * n + i]];
      }
      break;
"""
SUM = "add"
# of these NumPy's functions give the bits of Python's; the others are called one by one
EXACT = frozenset(
    "subtract multiply divide negative positive absolute square sqrt floor ceil rint sign equal not_equal less less_equal greater"
    " greater_equal logical_and logical_or logical_not isnan isinf isfinite".split()
)
CODES = {SUM: 0} | {name: i for i, name in enumerate(sorted(C.keys() - {SUM}), 1)}


def text() -> str:
    """The loop in C."""
    cases = []
    for name, code in CODES.items():
        if name != SUM:
            arity = NAMES[name].arity if name in NAMES else 1
            loads = "".join(f"const double x{k} = w[p[{f'{k} * n + ' if k else ''}i]]; " for k in range(arity))
            value = C[name].format(*[f"x{k}" for k in range(arity)])
            cases.append(
                f"    case {code}: for (long i = 0; i < n; i++) {{ {loads}o[i] = {value}; }} break;  /* {name} */\n"
            )
    return HEAD + "".join(cases) + "    }\n    p += n * width; out += n;\n  }\n}\n"


@cache
def _loop():
    from .compiler import load

    function = load(text()).run
    function.restype, function.argtypes = None, [ctypes.c_long] + [ctypes.c_void_p] * 4
    return function


class Table:
    """Runs of instructions over one array of numbers: what is given, constants, and then the results in their order.

    Fields:
        values: that array; given: how many are given at each run, in the order of `inputs`, the places on the Tape that are needed.
        place: {place on the Tape: place in `values`} of outputs and guards.
        by: "c", "numpy", or "numpy: " and why it is not C.
        nodes, runs: how many instructions, and how many runs of them.
    """

    def __init__(self, tape: Tape, outputs: list[int], lowering: str | None = None):
        entries = tape.entries
        wanted = {*outputs, *(place for place, _ in tape.guards)}
        uses = _uses(entries, wanted)
        operands, levels = _sums(entries, uses, wanted), [0] * len(entries)
        self.inputs = [i for i, e in enumerate(entries) if e[0] is INPUT and uses[i]]
        constants = [i for i, e in enumerate(entries) if e[0] is CONSTANT and uses[i]]
        order, names = [], []
        for i, given in enumerate(operands):
            if given is not None:
                levels[i] = 1 + max([levels[k] for k in given])
                order.append(i)
                names.append(entries[i][0])
        codes = CODES | {name: len(CODES) + k for k, name in enumerate(sorted({*names} - CODES.keys()))}
        keys = [levels[i] for i in order], [codes[name] for name in names], [len(operands[i]) for i in order]
        sort = np.lexsort(keys[::-1])
        levels_, codes_, widths = (np.array(key, np.int64)[sort] for key in keys)
        order = [order[k] for k in sort]
        base = len(self.inputs) + len(constants)
        at = np.zeros(len(entries), np.int32)
        at[self.inputs + constants + order] = np.arange(base + len(order))
        changes = (np.diff(levels_) != 0) | (np.diff(codes_) != 0) | (np.diff(widths) != 0)
        starts = [0, *(np.flatnonzero(changes) + 1).tolist(), len(order)]
        self.nodes, self.given = len(order), len(self.inputs)
        self.values = np.zeros(base + len(order))
        self.values[len(self.inputs) : base] = [tape.values[i] for i in constants]
        self.place = {i: int(at[i]) for i in wanted}
        heads, places, self._calls = [], [], []
        named = {code: name for name, code in codes.items()}
        for s, e in zip(starts, starts[1:], strict=False):
            if e > s:
                found = at[np.array([operands[i] for i in order[s:e]]).T]
                heads.append((codes_[s], e - s, widths[s]))
                places.append(found)
                self._calls.append((named[codes_[s]], found, slice(base + s, base + e)))
        self.runs = len(heads)
        self._guards = (
            np.array([at[place] for place, _ in tape.guards], np.int32),
            np.array([t for _, t in tape.guards], bool),
        )
        self.run, self.by = self._in_c(heads, places, base, lowering)

    def _in_c(self, heads, places, base, lowering):
        """(the function that computes all results, by what)."""
        if lowering == "numpy":
            return self._levels(), "numpy"
        from .compiler import NoCompiler  # not at the top: what it needs takes long to import

        try:
            if unknown := {name for name, *_ in self._calls} - C.keys():
                raise NoCompiler(f"{min(unknown)} has no form in C")
            loop = _loop()
        except NoCompiler as reason:
            return self._levels(), f"numpy: {reason}"
        head = np.array(heads, np.int32).reshape(-1, 3)
        place = np.concatenate([p.ravel() for p in places] or [np.zeros(0)]).astype(np.int32)
        v = self.values
        given = len(heads), head.ctypes.data, place.ctypes.data, v.ctypes.data, v[base:].ctypes.data
        self._kept = head, place, v  # whose memory the loop is given
        return lambda: loop(*given), "c"

    def _levels(self):
        """The same with calls of NumPy's, whose operands are gathered first."""
        v, calls = self.values, []
        most = max((found.size for _, found, _ in self._calls), default=0)
        room = np.empty(most)
        for name, found, out in self._calls:
            gathered = room[: found.size].reshape(found.shape)
            calls.append(_call(name, v, np.ascontiguousarray(found, np.intp), gathered, v[out]))

        def run():
            with np.errstate(all="ignore"):
                for call in calls:
                    call()

        return run

    def unmet(self) -> int | None:
        """After a run: which guard came out otherwise, or None."""
        places, expected = self._guards
        if not len(places):
            return None
        wrong = np.flatnonzero((self.values[places] != 0) != expected)
        return int(wrong[0]) if len(wrong) else None

    @property
    def text(self) -> str:
        """What goes through it: the loop in C, or the list of NumPy's calls."""
        return text() if self.by == "c" else str(self)

    def __str__(self):
        lines = [f"{self.nodes} instructions in {self.runs} runs, by {self.by}"]
        lines += [f"  {name} of {found.shape[0]}: {found.shape[1]} times" for name, found, _ in self._calls]
        return "\n".join(lines)


def _uses(entries, wanted):
    """How often each entry is used by those that something wanted depends on; what is wanted itself counts once more."""
    uses = [0] * len(entries)
    for i in wanted:
        uses[i] += 1
    for i in range(len(entries) - 1, -1, -1):
        entry = entries[i]
        if uses[i] and entry[0] is not INPUT and entry[0] is not CONSTANT:
            for k in entry[1:]:
                uses[k] += 1
    return uses


def _sums(entries, uses, wanted):
    """The operands of each entry that is needed, those of sums all in one; None of others."""
    operands: list[Any] = [None] * len(entries)
    for i, entry in enumerate(entries):
        name = entry[0]
        if not uses[i] or name is INPUT or name is CONSTANT:
            continue
        given = entry[1:]
        if name == SUM:
            a, b = given
            for first, last in ((a, b), (b, a)):
                if entries[first][0] == SUM and uses[first] == 1 and first not in wanted:
                    operands[first].append(last)
                    operands[i], operands[first] = operands[first], None
                    break
            else:
                operands[i] = [a, b]
        else:
            operands[i] = given
    return operands


def _call(name, v, places, gathered, out):
    """A function that computes one run."""
    if name == SUM and places.shape[1] == 1:  # of one column NumPy would add up pairs of parts

        def call():
            v.take(places, out=gathered, mode="clip")
            np.add.accumulate(gathered[:, 0], out=gathered[:, 0])
            out[0] = gathered[-1, 0]

    elif name == SUM:

        def call():
            v.take(places, out=gathered, mode="clip")
            np.add.reduce(gathered, 0, None, out, False, -0.0)  # to which a first zero keeps its sign

    elif name in ("maximum", "minimum"):
        compare = np.greater if name == "maximum" else np.less

        def call():
            x, y = v.take(places, out=gathered, mode="clip")
            out[...] = np.where(compare(y, x) | (y != y), y, x)

    elif name == "where":

        def call():
            condition, x, y = v.take(places, out=gathered, mode="clip")
            out[...] = np.where(condition != 0, x, y)

    elif name in EXACT:
        function, parts = getattr(np, name), list(gathered)

        def call():
            v.take(places, out=gathered, mode="clip")
            function(*parts, out=out)

    else:
        function = getattr(floats, name)

        def call():
            out[...] = [function(*given) for given in v[places].T.tolist()]

    return call
