"""Which values of a program in C are stored, in which loop each is computed, and where it lies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from .c_graph import LEAVES, Graph, NoC, Value
from .memory import Arena

DEAR = frozenset("exp expm1 log log1p log2 log10 tanh sin cos power divide sqrt".split())
# what reads them is in another loop than they are
ALONE = frozenset("concat reduce product paste scatter philox".split())
DEEP = 60  # calls in one expression, before a value is stored between them
MANY = 40  # values that one nest computes
OWN = ("each", "reduce", "product")  # which can be computed straight into a part of a concatenation

Index = tuple  # for each axis a sum of (variable, factor), "" for what is constant; or ("flat", such a sum)


# ---- index maps


def affine(*terms) -> tuple:
    """The sum of (sum, factor)."""
    total: dict[str, int] = {}
    for index, factor in terms:
        for v, c in index:
            total[v] = total.get(v, 0) + c * factor
    return tuple(sorted((v, c) for v, c in total.items() if c))


def linear(index, steps) -> tuple:
    """Where an element lies, in elements from the first; `steps` says how far apart neighbours along each axis are."""
    return affine(*zip(index, steps, strict=True))


def contiguous(shape) -> tuple[int, ...]:
    """The steps of an array whose last axis lies together."""
    steps, step = [], 1
    for n in reversed(shape):
        steps.append(step)
        step *= n
    return tuple(steps[::-1])


def own(shape) -> Index:
    """The index of each element by loop variables i0, i1, …: axes of length 1 have none."""
    found, k = [], 0
    for n in shape:
        found.append(((f"i{k}", 1),) if n > 1 else ())
        k += n > 1
    return tuple(found)


def long_axes(shape) -> tuple[int, ...]:
    return tuple(n for n in shape if n > 1)


def below(x: Value, index: Index) -> list[tuple[Value, Index | None]]:
    """What a value that is not stored reads for the element at `index`; None: an index that is not known beforehand."""
    if x.op in ("each", "view", "copy") and (x.op != "view" or x.opt[0] == "broadcast"):
        return [
            (a, tuple([() if n == 1 else i for i, n in zip(index[len(index) - len(a.shape) :], a.shape, strict=True)]))
            for a in x.args
        ]
    if x.op == "gather":
        return [*((a, index[: len(a.shape)]) for a in x.args[1:]), (x.args[0], None)]
    (a,), kind = x.args, x.opt[0]
    if kind == "transpose":
        return [(a, tuple([index[x.opt[1].index(d)] for d in range(len(index))]))]
    if kind == "slice":
        return [(a, tuple([affine((i, s), ((("", 1),), o)) for i, (o, s) in zip(index, x.opt[1], strict=True)]))]
    flat = linear(index, contiguous(x.shape))
    if len(a.shape) == 1:
        return [(a, (flat,))]
    if long_axes(x.shape) == long_axes(a.shape):  # axes of length 1 came or went
        wide = iter([i for i, n in zip(index, x.shape, strict=True) if n != 1])
        return [(a, tuple([() if n == 1 else next(wide) for n in a.shape]))]
    return [(a, ("flat", flat))]  # of what is stored only


def walked(x: Value) -> tuple[int, ...]:
    """The shape over which the loops that compute a value run."""
    return {"reduce": x.args[:1], "paste": x.args[1:], "scatter": x.args[1:]}.get(x.op, (x,))[0].shape


def domain(x: Value) -> tuple[int, ...]:
    return long_axes(walked(x))


def base(x: Value) -> Value:
    while x.op == "view":
        x = x.args[0]
    return x


def piece(x: Value) -> Value:
    """The value that is computed straight into x's part of a concatenation."""
    return x.args[0] if x.op == "view" and x.opt[0] == "reshape" and x.args[0].op in OWN else x


def ordered(outputs: Iterable[Value]) -> list[Value]:
    """Everything that they need, operands first."""
    order, seen, waiting = [], set(), [(x, False) for x in reversed(list(outputs))]
    while waiting:
        x, done = waiting.pop()
        if done:
            order.append(x)
        elif x.number not in seen:
            seen.add(x.number)
            waiting.append((x, True))
            waiting += [(a, False) for a in reversed(x.args) if a.number not in seen]
    # what waits twice is done once
    return list(dict.fromkeys(order))


class Step:
    """A loop nest that computes `nodes` over `domain`, or one call of a function of the library for one node."""

    __slots__ = ("nodes", "domain", "call")

    def __init__(self, nodes, domain, call):
        self.nodes, self.domain, self.call = nodes, domain, call


class Schedule:
    """The steps of a program, in order.

    Fields:
        stored: the values that are computed once, and lie in memory if they are read in another step.
        steps: the Steps; place: {value: the number of its step}.
        home: {value: (where, bytes from there)}; `where` is None for the arena, or an Instruction whose array it is.
        copies: [(Instruction, value)]: what is copied into arrays of the outside at the end.
        size: bytes of the arena; before: the number of steps that are done before the checks.
        kept: [(Instruction, value)]: what was in arrays of the outside that are written to before the checks, and comes back if one fails.
    """

    def __init__(self, graph: Graph, checks: list[Value], state: dict[Any, Value], results: list[Value]):
        self.outputs = [*checks, *state.values(), *results]
        self._part(graph, ordered(self.outputs))
        self.order = ordered(self.outputs)
        if any(x.size >= 2**31 for x in self.order):
            raise NoC("an array of 2³¹ elements")
        self._reads: dict[Value, list[tuple[Value, Index | None]]] = {}
        self.stored = self._stored()
        self._early = {*ordered(checks)}
        self._arrange(checks, {*state.values()})
        self._keep(graph, state)
        self._settle(state, [*checks, *results])

    @staticmethod
    def _part(graph, order):
        """Let each part of a concatenation be a value that can be computed straight into it: a copy, where it is anything else."""
        taken: set[Value] = set()
        for x in order:
            if x.op == "concat":
                args = []
                for i, a in enumerate(x.args):
                    if piece(a) in taken or base(a).op in ("input", *LEAVES) or piece(a).op == "concat":
                        a = graph.value("copy", (a,), ("part", x.number, i), a.shape, a.dtype)
                    taken.add(piece(a))
                    args.append(a)
                x.args = tuple(args)

    # ---- what is stored

    def _stored(self):
        """Inputs, sums, products and outputs; what a product or another order of elements needs; what several read and is not cheap."""
        stored = {x for x in self.order if x.op in ALONE or x.op in ("input", "copy")} | {
            x for x in self.outputs if x.op not in LEAVES
        }
        users: dict[Value, dict[Value, None]] = {}
        for x in self.order:
            if x.op != "view":
                for a in x.args:
                    users.setdefault(base(a), {})[x] = None
            if x.op == "product":
                stored |= {b if (b := base(a)).op not in LEAVES else a for a in x.args}
            if x.op == "view" and x.opt[0] == "reshape":
                (a,) = x.args
                if len(a.shape) != 1 and long_axes(x.shape) != long_axes(a.shape):
                    stored.add(a)
            if x.op == "concat":
                stored |= {piece(a) for a in x.args}
            if x.op in ("paste", "scatter") and base(x.args[0]).op != "const":
                stored.add(x.args[0])
        cost: dict[Value, int] = {}
        depth: dict[Value, int] = {}
        for x in self.order:
            free = x in stored or x.op in LEAVES
            cost[x] = (
                0
                if free
                else (1 + 9 * (x.opt in DEAR) if x.op == "each" else x.op == "gather") + sum(cost[a] for a in x.args)
            )
            depth[x] = 0 if free else 1 + max(depth[a] for a in x.args)
            if x.op in ("each", "gather") and x not in stored and x.size > 1:
                reading = users.get(x, {})
                wider = cost[x] > 9 and any(u.size > x.size for u in reading if u.op == "each")
                if cost[x] > 2 and len(reading) > 1 or wider or depth[x] > DEEP:
                    stored.add(x)
                    cost[x] = depth[x] = 0
            elif depth[x] > DEEP and x.op == "each":
                stored.add(x)
                cost[x] = depth[x] = 0
        return stored

    def reads(self, x: Value) -> list[tuple[Value, Index | None]]:
        """The stored values that computing x needs, with the index of each over the loops that compute x."""
        if x not in self._reads:
            self._reads[x] = self._reads_of(x)
        return self._reads[x]

    def _reads_of(self, x):
        index, found, seen = own(walked(x)), [], set()
        if x.op == "reduce":
            waiting = [(x.args[0], index)]
        elif x.op in ("paste", "scatter"):
            waiting = [(x.args[0], None), (x.args[1], index), *((a, index[: len(a.shape)]) for a in x.args[2:])]
        elif x.op in ("product", "philox", "concat"):
            waiting = [(a, None) for a in x.args]
        elif x.op == "input":
            return []
        else:
            waiting = below(x, index)
        while waiting:
            a, i = waiting.pop()
            if a.op in LEAVES or (a.number, i) in seen:
                continue
            seen.add((a.number, i))
            if a in self.stored:
                found.append((a, i))
            elif i is None:
                waiting += [(b, None) for b in a.args]
            else:
                waiting += below(a, i)
        return found

    # ---- in which step

    def _arrange(self, checks, written):
        """Each value joins the first nest of its domain that comes after what it reads; what replaces state comes after all checks."""
        self.steps: list[Step] = []
        self.place: dict[Value, int] = {}
        by_domain: dict[tuple, list[int]] = {}
        place = self.place
        for x in self.order:
            if x not in self.stored or x.op == "input":
                continue
            if x.op == "concat":
                place[x] = max(place.get(piece(a), -1) for a in x.args)
                continue
            first = 0
            for r, index in self.reads(x):
                p = place.get(r, -1)
                if p >= 0:
                    with_it = (
                        r.op not in ALONE and index == own(r.shape) and self.steps[p].domain == domain(x) == domain(r)
                    )
                    first = max(first, p if with_it else p + 1)
            if x in written and x not in self._early:
                first = max([first, *(place[c] + 1 for c in checks if c in place)])
            call, d = x.op in ("product", "philox"), domain(x)
            known = by_domain.setdefault(d, [])  # ascending
            at = bisect_left(known, first)
            p = known[at] if not call and at < len(known) else None
            if p is None:
                p = len(self.steps)
                self.steps.append(Step([], None if call else d, call))
                if not call:
                    known.append(p)
            self.steps[p].nodes.append(x)
            place[x] = p
            if not call and len(self.steps[p].nodes) >= MANY:  # long loops take a compiler long
                known.remove(p)
        self.before = max((place[c] + 1 for c in checks if c in place), default=0)

    def _keep(self, graph, state):
        """Beside new state that a check looks at, what is there before, in the same nest."""
        self._old: dict[Any, Value] = {}
        for given, x in state.items():
            if x in self._early and x.op == "each" and given.shape == x.shape:
                array = graph.value("input", (), given, given.shape, given.dtype)
                self._old[given] = old = graph.value("copy", (array,), ("before", given), x.shape, x.dtype)
                self.stored |= {array, old}
                self.order += [array, old]
                self.place[old] = p = self.place[x]
                self.steps[p].nodes.append(old)

    # ---- where it lies

    def _settle(self, state, kept):
        """Homes for what is read in another step than its own, in places that are taken again when nobody needs them any more."""
        home: dict[Value, tuple[Any, int]] = {}
        slot: dict[Value, tuple[Value, int]] = {}
        last: dict[Value, int] = {}
        needed: set[Value] = set()
        place, end = self.place, len(self.steps)
        reading = [[r for x in s.nodes for r in self.reads(x)] for s in self.steps]
        for x in self.order:
            if x.op == "concat" and x in self.stored:
                at = 0
                for a in x.args:
                    if piece(a) in slot:
                        raise NoC("one value in two concatenations")
                    slot[piece(a)] = x, at
                    at += a.size * a.dtype.itemsize
            if x.op == "input":
                home[x] = x.opt, 0
        inputs: dict[Any, list[tuple[int, Index | None]]] = {}
        for p, found in enumerate(reading):
            for r, index in found:
                if r.op == "input":
                    inputs.setdefault(r.opt, []).append((p, index))
                if place.get(r) != p:
                    needed.add(r)
                last[r] = max(last.get(r, -1), p)
        for x in kept:
            needed.add(x)
            last[x] = end
        self.copies: list[tuple[Any, Value]] = []
        self.kept: list[tuple[Any, Value]] = []
        for given, x in state.items():  # in place, where nobody reads what was there later, or elsewhere
            p = place[x]
            clash = any(q > p or q == p and i != own(given.shape) for q, i in inputs.get(given, ()))
            if (
                clash
                or x in home
                or x in slot
                or x.op not in ("each", "copy")
                or x in needed
                and x in kept
                or p < self.before
                and given not in self._old
            ):
                self.copies.append((given, x))
                needed.add(x)
                last[x] = end
            else:
                home[x] = given, 0
                if p < self.before:
                    self.kept.append((given, old := self._old[given]))
                    needed.add(old)
                    last[old] = self.before
        for x, (whole, _) in slot.items():  # a part outlives no whole
            last[whole] = max(last.get(whole, -1), last.get(x, -1))
        arena, taken = Arena(), {}

        def take(x):
            taken[x] = arena.take(x.size * x.dtype.itemsize), x.size * x.dtype.itemsize
            home[x] = None, taken[x][0]

        gone: dict[int, list[Value]] = {}  # by the step after which nobody needs them
        for p, step in enumerate(self.steps):
            dying = {} if step.call else self._dying(reading[p], p, taken, last)
            for x in step.nodes:
                if x in home or not (x in slot or x in needed):
                    continue
                if x in slot:
                    x, at = slot[x]
                else:
                    at = None
                if x not in home:
                    if at is None and x.op == "each" and (places := dying.get((x.dtype, x.shape))):
                        r = places.pop()
                        taken[x], home[x] = taken.pop(r), home[r]
                    else:
                        take(x)
                    gone.setdefault(max(last.get(x, -1), place.get(x, -1), p), []).append(x)
            for x in step.nodes:
                if x in slot and x not in home:
                    home[x] = None, home[slot[x][0]][1] + slot[x][1]
            for x in gone.pop(p, ()):
                if x in taken:
                    arena.free(*taken.pop(x))
        self.home, self.size = home, arena.size

    def _dying(self, reading, p, taken, last):
        """{(dtype, shape): values whose place another can have}: each element of them is read for the last time, for the same element."""
        elsewhere = {r for r, i in reading if i != own(r.shape)}
        found: dict[Any, list[Value]] = {}
        for r in dict.fromkeys(r for r, _ in reading if r not in elsewhere):
            if r in taken and r.op in ("product", "each") and last[r] == p > self.place[r]:
                found.setdefault((r.dtype, r.shape), []).append(r)
        return found
