"""The C text of one loop nest, and how it is cut into parts for threads."""

from __future__ import annotations

from math import prod

import numpy as np

from .c_graph import BOOL, C
from .c_schedule import Step, affine, base, below, own
from .c_text import Places, kind, literal, memory, written

BLOCK = 2048  # elements that are added up in one float32 before that is added to others
# a nest is cut into at most so many parts, each of which does so many statements: some ten microseconds, as less is lost again when
# one processor reads what another has written
PARTS, WORTH = 64, 1 << 20
# of a value and numbers that are no nan
BESIDE = {
    "maximum": "({0} <= {1} ? {1} : {0})",
    "minimum": "({0} >= {1} ? {1} : {0})",
    "clip": "({0} > {2} ? {2} : {0} < {1} ? {1} : {0})",
}
# a reduction: what it starts from, how a value joins it, what OpenMP calls that
REDUCED = {"sum": ("0", "{0} + {1}", "+"), "all": ("1", "{0} & {1}", "&"), "any": ("0", "{0} | {1}", "|"),
           "max": (None, "({1} > {0} ? {1} : {0})", "max"), "min": (None, "({1} < {0} ? {1} : {0})", "min")}  # fmt: skip


class Nest:
    """The text of one loop nest: each value is computed once for an index, in the outermost loop that its index allows.

    One that does much is cut into parts along a loop, for threads. How it is cut, and so how its sums add up, does not depend on how
    many threads there are.

    Fields:
        given: {(type, where): the name of this argument of the nest}: the arrays and numbers that it takes.
    """

    def __init__(self, step: Step, places: Places):
        self.step, self.places = step, places
        depth = len(step.domain) + 1
        self.start: list[str] = []
        self.body: list[list[str]] = [[] for _ in range(depth)]
        self.after: list[list[str]] = [[] for _ in range(depth)]
        self.known: dict[tuple[int, tuple], str] = {}
        self.deep: dict[str, int] = {}
        self.reductions: list[tuple[str, str]] = []  # what OpenMP calls it, variable
        self.sums: list[str] = []  # variables whose sums are taken in pieces, in float, and added up in double
        self.given: dict[tuple[str, str], str] = {}
        self.simd, self.double = True, False
        self.totals: list[
            tuple[str, str, str, str]
        ] = []  # of all elements: type, variable, what it starts from, how a part joins it
        self.gone: list[set[int]] = []  # the loops over which a reduction into memory goes
        self.cut: tuple[int, int, int] | None = None  # the loop that is cut, how long each part is, how many there are

    def text(self) -> str:
        """A function of what is `given`, and what it calls; "@" stands for its name."""
        for x in self.step.nodes:
            if x.op == "reduce":
                self._reduction(x)
            elif x.op in ("paste", "scatter"):
                self._paste(x)
            else:
                v = self._value(x, own(x.shape), True)
                if x in self.places.schedule.home:
                    self.after[-1].append(f"{self._element(x, own(x.shape))} = {v};")
        self.cut = self._cut()
        taken = ", ".join(f"{kind} {name}" for (kind, _), name in self.given.items())
        function = lambda head, *lines: [f"{head} {{", *(f"  {line}" for line in lines), "}"]
        if self.cut is None:
            lines = function(f"NOINLINE static void @({taken})", *self.start, *self._loops(0), *self.after[0])
            return "\n".join(lines)
        (loop, size, parts), names = self.cut, ", ".join(self.given.values())
        end = self.step.domain[loop]
        fields = [f"{kind} {name};" for (kind, _), name in self.given.items()]
        fields += [f"{kind} {name}[{parts}];" for kind, name, _, _ in self.totals]
        one = function(
            "static void @_part(void* with, int64_t number, char* room)",
            "@_with* const w = with;",
            *(f"{kind} const {name} = w->{name};" for (kind, _), name in self.given.items()),
            f"const int64_t first = number * {size}, last = first + {size} < {end} ? first + {size} : {end};",
            *self._loops(0),
            *(f"w->{name}[number] = {name};" for _, name, _, _ in self.totals),
        )
        total = lambda name, join: join.format(name, f"w.{name}[z]")
        whole = function(
            f"NOINLINE static void @(const library* cr, {taken})",
            f"@_with w = {{{names}}};",
            *self.start,
            f"cr->parallel(@_part, &w, {parts}, 0);",
            *(f"{kind} {name} = {start};" for kind, name, start, _ in self.totals),
            *(f"for (int z = 0; z < {parts}; z++) {name} = {total(name, join)};" for _, name, _, join in self.totals),
            *self.after[0],
        )
        return "\n".join([f"typedef struct {{ {' '.join(fields)} }} @_with;", *one, *whole])

    def call(self, name) -> str:
        """The statement that calls it, once `text` is known."""
        return f"{name}({', '.join([*(['cr'] if self.cut else []), *(where for _, where in self.given)])});"

    def _cut(self):
        """The outermost loop of which no part needs another, and parts in it that are worth a thread's while."""
        work = prod(self.step.domain) * (len(self.body[-1]) + len(self.after[-1])) if self.step.domain else 0
        most = min(PARTS, work // WORTH)
        for loop, n in enumerate(self.step.domain if self.simd and most > 1 else ()):
            if any(loop in gone for gone in self.gone) or loop and self.totals:
                continue
            lines = 64 if loop == len(self.step.domain) - 1 else 1  # elements that should stay together
            size = -(-n // (lines << most.bit_length() - 1)) * lines
            if size < n:
                return loop, size, -(-n // size)
        return None

    def _first(self, x, offset=0):
        """The name of the argument that points to an element."""
        where = self.places.first(x) + (f" + {offset}" if offset else "")
        return self.given.setdefault((f"{memory(x.dtype)}*", where), f"p{len(self.given)}")

    def _element(self, x, index):
        at = self.places.place(x, index)
        return f"{self._first(x, dict(at).get('', 0))}[{written([(v, c) for v, c in at if v])}]"

    def _depth(self, index):
        """The loop within which all variables of an index are known."""
        variables = [v for i in index for v, _ in i if v]
        return max([self.deep[v] if v in self.deep else int(v[1:]) + 1 for v in variables], default=0)

    def _temporary(self, ctype, expression, depth):
        name = f"t{len(self.deep)}"
        self.double = self.double or ctype == "double"
        self.body[depth].append(f"const {ctype} {name} = {expression};")
        self.deep[name] = depth
        return name

    def _value(self, x, index, force=False):
        """The C text of the element of x at an index."""
        if x.op == "const":
            return literal(x.opt)
        if x.op == "number":
            return self.given.setdefault(("double", f"n{x.number}"), f"p{len(self.given)}")
        if x.op == "iota":
            return f"(int64_t)({written(index[x.opt])})"
        key = x.number, index
        if key in self.known:
            return self.known[key]
        flat = bool(index) and index[0] == "flat"
        depth = self._depth([index[1]] if flat else index)
        if x in self.places.stored and not force:
            out = self._temporary(kind(x.dtype), self._element(x, index), depth)
        elif x.op in ("view", "copy"):
            ((a, i),) = below(x, index)
            out = self._value(a, i)
        elif x.op == "gather":
            at = self._looked_up(x.args[1:], x.args[0].shape, index)
            k = len(x.args[1].shape)
            out = self._value(x.args[0], (*at, *index[k:]))
        else:
            parts = [self._value(a, i) for a, i in below(x, index)]
            if x.opt == "astype":
                text = f"({parts[0]} != 0)" if x.dtype == BOOL else f"({kind(x.dtype)}){parts[0]}"
            else:
                typed = [p if a.op != "number" else f"({kind(a.dtype)}){p}" for p, a in zip(parts, x.args, strict=True)]
                known = all(a.op == "const" and a.opt == a.opt for a in x.args[1:])
                text = (BESIDE if known and x.opt in BESIDE else C)[x.opt].format(*[self._simple(p) for p in typed])
                if x.dtype == BOOL:
                    text = f"({text})"
            out = self._temporary(kind(x.dtype), text, depth)
        self.known[key] = out
        return out

    def _simple(self, text):
        return (
            text
            if text.isidentifier() or text[0].isdigit() or text[0] == "(" and text[-1] == ")" and text.count("(") == 1
            else f"({text})"
        )

    def _looked_up(self, arrays, lengths, index):
        """The values of index arrays as indices; one that is out of range, which a check reports, is 0."""
        found = []
        for a, n in zip(arrays, lengths, strict=False):
            at = index[: len(a.shape)]
            i = tuple([() if m == 1 else j for j, m in zip(at, a.shape, strict=True)])
            b = base(a)
            if b.op == "iota":
                (c, j) = a, i
                while c.op == "view":
                    ((c, j),) = below(c, j)
                found.append(j[c.opt])
                continue
            v = self._value(a, i)
            name = self._temporary("int64_t", f"(uint64_t){self._simple(v)} < {n} ? {v} : 0", self._depth(i))
            found.append(((name, 1),))
        return tuple(found)

    def _reduction(self, x):
        """In a variable over the loops within those that are kept, and from there into memory over those around them."""
        (name, axes), a = x.opt, x.args[0]
        index, inner = own(a.shape), len(self.step.domain)
        kept = tuple([i for d, i in enumerate(index) if d not in axes])
        depth, gone = self._depth(kept), [i for d, i in enumerate(index) if d in axes and i]
        ctype, (start, join, sign) = kind(x.dtype), REDUCED[name]
        v = self._value(a, index)
        here = self._element(x, kept)
        nan = name in ("max", "min") and x.dtype.kind == "f"
        if start is None:
            start = self._bound(x.dtype, name)
        outer = any(int(v_[1:]) < depth for i in gone for v_, _ in i)
        within = depth < inner
        if depth:
            self.gone.append({int(v_[1:]) for i in gone for v_, _ in i})
        if within:
            r, wide = f"r{len(self.reductions)}", name == "sum" and ctype == "float"
            found = [
                ("double" if wide else ctype, r, start, join),
                *([("int", f"{r}n", "0", "{0} | {1}")] if nan else []),
            ]
            self.body[depth] += [f"{kind} {name} = {begin};" for kind, name, begin, _ in found]
            self.totals += found if depth == 0 else []
            if wide:
                self.sums.append(r)
            into = f"{r}s" if wide else r
            self.reductions.append((sign, into))
            self.body[inner].append(f"{into} = {join.format(into, v)};" + (f" {r}n |= {v} != {v};" if nan else ""))
            if nan:
                self.reductions.append(("|", f"{r}n"))
            v = f"({r}n ? NAN : {r})" if nan else f"(float){r}" if wide else r
        if outer:
            self.start.append(f"for (int64_t z = 0; z < {x.size}; z++) {self._first(x)}[z] = {start};")
            join = join if not nan else f"({{0}} != {{0}} ? {{0}} : {{1}} != {{1}} ? {{1}} : {join})"
            (self.after if within else self.body)[depth].append(
                f"{{ const {ctype} u = {v}; {here} = {join.format(here, 'u')}; }}"
            )
        else:
            self.after[depth].append(f"{here} = {v};")

    @staticmethod
    def _bound(dtype, name):
        if dtype.kind == "f":
            return "-INFINITY" if name == "max" else "INFINITY"
        if dtype == BOOL:
            return "0" if name == "max" else "1"
        info = np.iinfo(dtype)
        return literal(dtype.type(info.min if name == "max" else info.max))

    def _paste(self, x):
        """The old array first, then the new part at its place."""
        old, new, *arrays = x.args
        first, ctype = self._first(x), memory(x.dtype)
        if old in self.places.stored and old.op != "input" and self.places.schedule.home[old][0] is None:
            self.start.append(f"memcpy({first}, {self._first(old)}, {x.size * x.dtype.itemsize});")
        elif base(old).op == "const":
            self.start.append(f"for (int64_t z = 0; z < {x.size}; z++) {first}[z] = {literal(base(old).opt)};")
        else:
            axes = [((f"z{d}", 1),) for d in range(len(x.shape))]
            loops = " ".join(f"for (int64_t z{d} = 0; z{d} < {n}; z{d}++)" for d, n in enumerate(x.shape))
            self.start.append(f"{loops} {self._element(x, axes)} = {self._element(old, axes)};")
        mine = own(new.shape)
        v = self._value(new, mine)
        if arrays:
            self.simd = False  # a place may come twice
            k = len(arrays[0].shape)
            at = (*self._looked_up(arrays, x.shape, mine[:k]), *mine[k:])
        else:
            at = tuple([affine((i, s), ((("", 1),), o)) for i, (o, s) in zip(mine, x.opt, strict=True)])
        sign = "+=" if x.opt == "add" else "="
        self.after[-1].append(f"{self._element(x, at)} {sign} ({ctype}){v};")

    def _loops(self, d):
        lines = self.body[d][:]
        if d < len(self.step.domain):
            n, last = self.step.domain[d], d + 1 == len(self.step.domain)
            cut = self.cut and self.cut[0] == d
            start, end = ("first", "last") if cut else ("0", n)
            loop = [
                f"for (int64_t i{d} = {start}; i{d} < {end}; i{d}++) {{",
                *self._loops(d + 1),
                *self.after[d + 1],
                "}",
            ]
            long = last and self.sums and (self.cut[1] if cut else n) > BLOCK
            if long:
                loop[0] = f"for (int64_t i{d} = k; i{d} < (k + {BLOCK} < {end} ? k + {BLOCK} : {end}); i{d}++) {{"
            if last and self.simd:
                # twice as many as there are doubles in the widest vector, which hides latencies, where few are left over
                lanes = f" simdlen({16 if n % 16 == 0 or n > 160 else 8})" if self.double else ""
                joined = "".join(f" reduction({sign}:{r})" for sign, r in self.reductions)
                loop.insert(0, f"#pragma omp simd{lanes}{joined}")
            if last and self.sums:
                loop = [*(f"float {r}s = 0;" for r in self.sums), *loop, *(f"{r} += {r}s;" for r in self.sums)]
                if long:
                    loop = [f"for (int64_t k = {start}; k < {end}; k += {BLOCK}) {{", *loop, "}"]
            lines += loop
        return lines
