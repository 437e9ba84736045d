"""`with debug():` finds the operation that made the first nan or inf, forward or backward.

It watches calls and passes (autograd/watch.py, calls.py) and looks at every result. What it then says is made in report.py.
"""

from __future__ import annotations

from contextlib import suppress
from math import isfinite, prod
from threading import get_ident
from typing import Self
from weakref import ref

import numpy as np

from ..autograd.arguments import flag
from ..autograd.backward import pull
from ..autograd.convert import raw
from ..autograd.errors import NonFiniteError
from ..autograd.node import Node
from ..autograd.watch import Watch, current_watch, set_watch
from ..backends import owner
from ..backends.record import Recorded
from . import report
from .calls import observe
from .place import moves, placed
from .report import operand_names

CHOOSE = ("where", "maximum", "minimum", "relu", "max", "min")


class debug:
    """Inside the with-block, in this thread, the operation that makes the first nan or inf raises, forward or backward.

    The error names it, the user's line, the module, the ranges of its operands, the likely cause and what to do. What is
    nan or infinite in what you give (-inf in a mask, say) is no fault of an operation: a nan is reported as the input's
    once something is computed from it, an infinity once it has become nan or the loss. A function such as `std` counts as one
    operation. What is computed in a branch of a `where` is reported if that takes it, or in backward.

    Fields:
        inf: whether infinities are reported too, or only nan; False where operations may make them, as log(mask) does.

    Each result is read, so small steps take up to twice as long; on a GPU the host waits for every operation.

    Raises: NonFiniteError, inside the block; ArgumentError if `inf` is not True or False.
    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([0.0, 4.0], requires_grad=True)
        >>> with cr.debug():
        ...     cr.sqrt(x).sum().backward()
        Traceback (most recent call last):
        chainrule.autograd.errors.NonFiniteError: debug: in the backward pass, the gradient of sqrt by x gave the first inf
        ...
    """

    def __init__(self, inf: bool = True):
        self.inf = flag("debug", "inf", inf)
        self._entered: list[tuple[int, _Debug]] = []

    def __enter__(self) -> Self:
        watch = _Debug(self.inf, current_watch())
        self._entered.append((get_ident(), watch))
        set_watch(watch)
        observe(+1)
        return self

    def __exit__(self, *error: object) -> None:
        own = [i for i, (thread, _) in enumerate(self._entered) if thread == get_ident()]
        _, watch = self._entered.pop(own[-1] if own else -1)  # a generator may be closed in another thread
        watch.on = False  # where it still stands, it is without effect
        observe(-1)
        if current_watch() is watch:  # generators may end in another order than they began
            outer = watch.outer
            while isinstance(outer, _Debug) and not outer.on:
                outer = outer.outer
            set_watch(outer)


class _Debug(Watch):
    """Looks at what operations and rules give, in one with-block.

    Fields:
        outer: the watch around it.
        waiting: {id of an array that is not finite: (the array, the error that is raised if its faults are not left out; or,
            of infinities that are no fault so far, where they come from, in words)}.
        after: {node: the nodes that have contributed to its gradient in this pass}; g: the gradient of the last node.
        passed: {node: "nan" or "inf"} where a contribution is that without a fault of the rule.
    """

    def __init__(self, inf, outer):
        self.outer = outer
        self.inf, self.on, self.waiting, self.after, self.passed, self.g = inf, True, {}, {}, {}, None

    def fault(self, a):
        """What is to be reported of a result: "nan", "inf" or None."""
        kind = broken(a) if self.on else None
        return kind if self.inf or kind == "nan" else None

    # ---- forward

    def called(self, p, arrays, options, out, frame, inner):
        kind = broken(out) if self.on else None
        if kind is None:
            return out
        place, tensors = placed(frame)
        if place is None:  # in a rule: its result is looked at, not its steps
            return out
        known, given = self.known(arrays), kind in map(broken, (*arrays, *options.values()))
        error = known if isinstance(known, NonFiniteError) else None
        if error is None and kind == "inf" and (given or not self.inf):
            return self.keep(out, known or report.origin(kind, p, arrays, tensors, place))
        if error is None and given:
            if moves(p):
                return out
            error = inner[-1] if inner else report.given_error(p, arrays, tensors, place)
        error = error or report.forward_error(kind, p, arrays, options, out, known, tensors, place)
        if inner is not None:
            inner.append(error)
        return self.tell(error, out, place, inner is not None)

    def known(self, arrays):
        """The error about one of these arrays, or where its infinity comes from, in words; None if nothing is known."""
        return next((self.waiting[id(raw(a))][1] for a in arrays if id(raw(a)) in self.waiting), None)

    def returned(self, out, frame, inner):
        out = raw(out)
        if inner and self.fault(out):
            place, _ = placed(frame)
            if place is not None:
                self.tell(self.known([out]) or inner[-1], out, place, False)

    def tell(self, error, out, place, wait):
        """Raise the error, unless what it is about may be left out later."""
        if not wait and not place.left_out:
            raise error
        return self.keep(out, error)

    def keep(self, out, what):
        """Remember what is known of an array; it is returned."""
        if isinstance(out, np.generic) or getattr(out, "base", None) is not None:
            out = np.array(out) if isinstance(out, np.generic) else out.copy()  # as it will be in a Tensor
        key, held = id(out), out
        with suppress(TypeError):  # a float has no weak references
            held = ref(out, lambda _: self.waiting.pop(key, None))
        self.waiting[key] = held, what
        return out

    # ---- backward

    def gradient(self, node, g):
        if node not in self.after:  # a pass begins
            self.after.clear()
            self.passed.clear()
            if self.on and broken(g) == "nan":
                raise report.seed_error(node, g)
            if prod(node.shape) == 1 and (kind := self.fault(node.result)):  # a loss
                known = self.known([node.result])
                raise known if isinstance(known, NonFiniteError) else report.root_error(kind, node, known)
        elif (kind := self.fault(g)) and kind != self.passed.get(node):
            raise report.sum_error(kind, node, g)
        self.g = g

    def contribution(self, node, slot, part, total):
        self.after.setdefault(node.parents[slot], []).append(node)
        if self.on and (kind := broken(part)):
            if kind != broken(self.g) and kind == self.fault(part):
                raise self.wrong(kind, "backward", node, slot, self.g, part)
            self.passed[node.parents[slot]] = kind

    def tangent(self, node, incoming, t):
        if kind := self.fault(t):
            slot, given = next(iter(incoming.items()))
            if kind not in map(broken, incoming.values()):
                raise self.wrong(kind, "forward-mode", node, slot, given, t)

    def wrong(self, kind, phase, node, slot, g, part):
        """The error for a rule."""
        names, kept = operand_names(node.primitive, len(node.parents)), {}
        for link, value in zip(node.plan.links, node.saved or (), strict=False):
            if link == "out":
                kept["out"] = value
            elif isinstance(link, int):
                kept[names[link]] = value
        for name, parent in zip(names, node.parents, strict=True):
            value = parent.result if isinstance(parent, Node) else parent
            if name not in kept and (isinstance(value, (int, float)) or hasattr(value, "dtype")):
                kept[name] = value
        again = (lambda g, *saved: pull(node, slot, saved)(g)) if phase == "backward" else lambda *_: part
        known = self.known(kept.values())
        return report.rule_error(
            kind, phase, node, slot, g, part, again, node.saved or (), self.chooser(node), kept, known
        )

    def chooser(self, node):
        """A call between `node` and the result that may leave elements out."""
        seen, stack = set(), [node]
        while stack:
            for user in self.after.get(stack.pop(), ()):
                if user.primitive.name in CHOOSE:
                    return user
                if user not in seen:
                    seen.add(user)
                    stack.append(user)
        return None


def broken(a):
    """What is not finite in an array, a Tensor or a number: "nan" if there is one, else "inf" if there is one, else None."""
    a = raw(a)
    if type(a) is float:
        return None if isfinite(a) else "nan" if a != a else "inf"
    if getattr(getattr(a, "dtype", None), "kind", None) != "f" or isinstance(a, Recorded):
        return None
    xp = owner(a).xp
    if xp.isfinite(a).all():
        return None
    return "nan" if xp.isnan(a).any() else "inf"
