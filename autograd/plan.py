"""A primitive's rules made ready: what to keep of a call, and which rules to run on it."""

from itertools import accumulate
from operator import itemgetter

import numpy as np

from .errors import RuleError

SUM, PRODUCT = "sum", "product"
# rules so simple that a pass over single numbers does without them: g for every operand, and g times each number that is saved
KINDS = {"add": SUM, "multiply": PRODUCT}


class Plan:
    """A primitive's rules made ready for one choice of differentiated inputs.

    Fields:
        tracked: the positions of the differentiated inputs.
        keep: one function (arrays, out, options) -> value for each thing saved.
        links: for each thing saved, the input position it came from, "out", "all" (every input), or None.
        arrays: the positions of the inputs that are saved.
        numbers: the positions of the inputs that have a rule: quantities, and not indices or conditions.
        vjps: (position, rule, select) where select picks the rule's arguments from (g, *saved); None picks all.
        jvps: the same for forward mode.
        slots: {what a rule asks for: its place in (g, *saved)}.
        fast: picks what is saved from (*inputs, out), where that is all there is to do.
        kind: SUM, PRODUCT, or None for other rules, for passes over single numbers (value_backward.py).
    """

    __slots__ = ("primitive", "kind", "tracked", "keep", "links", "arrays", "numbers", "vjps", "jvps", "slots", "fast")

    def __init__(self, primitive, wanted):
        count = len(wanted)
        self.primitive = primitive
        names = primitive.inputs[:1] * count if primitive.variadic else primitive.inputs
        self.tracked = [i for i, want in enumerate(wanted) if want and names[i] in primitive.vjp]
        self.numbers = frozenset(i for i in range(count) if names[i] in primitive.vjp)
        self.keep, self.links, self.slots = [], [], {}
        self.vjps = self._ready(primitive, primitive.vjp, names)
        self.jvps = self._ready(primitive, primitive.jvp, names) if isinstance(primitive.jvp, dict) else self.vjps
        everything = tuple(range(len(self.slots) + 1))
        for rules in (self.vjps,) if self.jvps is self.vjps else (self.vjps, self.jvps):
            selects = {w: None if w == everything else _select(w) for w in {w for _, _, w in rules}}
            rules[:] = [(i, rule, selects[w]) for i, rule, w in rules]
        held = [range(count) if link == "all" else [link] for link in self.links]
        self.arrays = sorted({i for group in held for i in group if isinstance(i, int)})
        plain = all(isinstance(link, int) or link == "out" for link in self.links)
        self.kind = KINDS.get(primitive.name) if self.tracked[:1] == [0] else None
        self.fast = _select([count if link == "out" else link for link in self.links]) if plain else None

    def save(self, arrays, out, options):
        """What the rules asked for, in the order of `slots`."""
        return tuple([keep(arrays, out, options) for keep in self.keep])

    def _ready(self, primitive, rules, names):
        """(position, rule, its places in (g, *saved)) for each tracked input."""
        ready, known = [], {}
        for i in self.tracked:
            rule = rules[names[i]]
            if rule not in known:
                asks = asked(rule)
                places = (0 if a in ("g", "t") else self._slot(primitive, a) for a in asks if a != "position")
                known[rule] = tuple(places), asks.index("position") if "position" in asks else None
            places, at = known[rule]
            ready.append((i, rule if at is None else _at(rule, at, i), places))
        return ready

    def _slot(self, primitive, name):
        """The place of `name` in (g, *saved), made on first use."""
        if name not in self.slots:
            base = name.removesuffix("_shape")
            shape_of = base if base != name and base in primitive.inputs else None
            link = None
            if name == "out":
                link, keep = "out", lambda arrays, out, options: out
            elif name in primitive.options:
                keep = lambda arrays, out, options: options[name]
            elif primitive.variadic:
                link = None if shape_of else "all"
                keep = (
                    (lambda a, out, options: Shapes(map(np.shape, a)))
                    if shape_of
                    else (lambda a, out, options: tuple(a))
                )
            else:
                i = primitive.inputs.index(base if shape_of else name)
                link = None if shape_of else i
                keep = (
                    (lambda a, out, options: getattr(a[i], "shape", ())) if shape_of else (lambda a, out, options: a[i])
                )
            self.keep.append(keep)
            self.links.append(link)
            self.slots[name] = len(self.keep)
        return self.slots[name]


class Shapes(tuple):
    """The shapes of a list of operands. Where each begins when they are joined is worked out once for all of them."""

    def __init__(self, shapes):
        self._starts = {}

    def starts(self, axis):
        """The places along `axis` at which the operands begin, and the end of the last."""
        if axis not in self._starts:
            self._starts[axis] = [0, *accumulate(shape[axis] for shape in self)]
        return self._starts[axis]


def _at(rule, place, position):
    """The rule of one operand of a list: `rule` with its argument number `place` filled in."""
    return lambda *values: rule(*values[:place], position, *values[place:])


def asked(rule):
    """What a rule asks for: the names of its arguments, in order. (inspect.signature would do, a hundred times slower.)"""
    code = getattr(rule, "__code__", None)
    if code is None:
        raise RuleError(f"a rule must be a Python function whose arguments name what it needs, not {rule!r}")
    return code.co_varnames[: code.co_argcount]


def _select(wanted):
    """A function that picks the positions `wanted` from a tuple, as a tuple."""
    if len(wanted) < 2:
        return itemgetter(slice(wanted[0], wanted[0] + 1) if wanted else slice(0))
    return itemgetter(*wanted)
