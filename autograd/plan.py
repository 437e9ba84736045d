"""A primitive's rules made ready: what to keep of a call, and which rules to run on it."""

from operator import itemgetter

import numpy as np

from .errors import RuleError


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
    """

    __slots__ = ("tracked", "keep", "links", "arrays", "numbers", "vjps", "jvps", "slots", "fast")

    def __init__(self, primitive, count, mask):
        names = primitive.inputs[:1] * count if primitive.variadic else primitive.inputs
        self.tracked = [i for i in range(count) if mask >> i & 1 and names[i] in primitive.vjp]
        self.numbers = frozenset(i for i in range(count) if names[i] in primitive.vjp)
        self.keep, self.links, self.slots = [], [], {}
        self.vjps = [self._ready(primitive, primitive.vjp[names[i]], i) for i in self.tracked]
        forward = primitive.jvp if isinstance(primitive.jvp, dict) else primitive.vjp
        self.jvps = [self._ready(primitive, forward[names[i]], i) for i in self.tracked]
        everything = list(range(len(self.slots) + 1))
        for rules in (self.vjps, self.jvps):
            rules[:] = [(i, rule, None if wanted == everything else _select(wanted)) for i, rule, wanted in rules]
        held = [range(count) if link == "all" else [link] for link in self.links]
        self.arrays = sorted({i for group in held for i in group if isinstance(i, int)})
        plain = all(isinstance(link, int) or link == "out" for link in self.links)
        self.fast = _select([count if link == "out" else link for link in self.links]) if plain and self.links else None

    def save(self, arrays, out, options):
        """What the rules asked for, in the order of `slots`."""
        return tuple([keep(arrays, out, options) for keep in self.keep])

    def _ready(self, primitive, rule, position):
        """(position, rule, select), with a place in `saved` for everything the rule asks for."""
        names = rule.__code__.co_varnames[: rule.__code__.co_argcount]
        return position, rule, [0 if a in ("g", "t") else self._slot(primitive, a, position) for a in names]

    def _slot(self, primitive, name, position):
        """The place of `name` in (g, *saved), made on first use."""
        key = (name, position) if name == "position" else name
        if key not in self.slots:
            base = name.removesuffix("_shape")
            shape_of = base if base != name and base in primitive.inputs else None
            link = None
            if name == "out":
                link, keep = "out", lambda arrays, out, options: out
            elif name == "position":
                keep = lambda arrays, out, options: position
            elif name in primitive.options:
                keep = lambda arrays, out, options: options[name]
            elif primitive.variadic:
                link = None if shape_of else "all"
                keep = (
                    (lambda a, out, options: tuple(map(np.shape, a)))
                    if shape_of
                    else (lambda a, out, options: tuple(a))
                )
            else:
                i = primitive.inputs.index(base if shape_of else name)
                link = None if shape_of else i
                keep = (lambda a, out, options: np.shape(a[i])) if shape_of else (lambda a, out, options: a[i])
            self.keep.append(keep)
            self.links.append(link)
            self.slots[key] = len(self.keep)
        return self.slots[key]


def asked(rule):
    """The names of what a rule asks for: its arguments. (inspect.signature would do, a hundred times slower.)"""
    code = getattr(rule, "__code__", None)
    if code is None:
        raise RuleError(f"a rule must be a Python function whose arguments name what it needs, not {rule!r}")
    return {*code.co_varnames[: code.co_argcount]}


def _select(wanted):
    """A function that picks the positions `wanted` from a tuple, as a tuple."""
    if len(wanted) == 1:
        return itemgetter(slice(wanted[0], wanted[0] + 1))
    return itemgetter(*wanted)
