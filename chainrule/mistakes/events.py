"""What happens while a step runs, in order: calls, backward passes, steps of optimisers and zero_grad."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd.callsite import INSIDE, user_line
from ..autograd.convert import raw
from ..autograd.deliver import delivering, delivery
from ..autograd.grad_mode import recording, scope
from ..autograd.node import Node
from ..autograd.order import topological
from ..autograd.watch import Watch, watching
from ..backends import owner
from ..nonfinite.calls import observe


@dataclass(eq=False)
class Call:
    """One call of an operation, recorded or not: the ids of its arrays, which `kept` keeps alive."""

    number: int
    primitive: Any
    given: list[int]
    out: int
    recorded: bool
    place: tuple[Any, int]
    scope: Any
    training: list[Any]  # the modules around it that are in training mode


@dataclass(eq=False)
class Pass:
    """One backward pass: its calls from the last to the first, and the leaves' Nodes it reached, with the gradients they had."""

    nodes: list[Node]
    place: tuple[Any, int]
    before: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Did:
    """Something an optimiser or a module was told to do: "step" or "zero_grad"."""

    what: str
    who: Any
    place: tuple[Any, int]


class Events(Watch):
    """Notes what one run of the step does.

    Fields:
        calls, passes, order: all calls; all passes; and passes and Dids in the order of time.
    """

    def __init__(self):
        self.calls, self.passes, self.order, self.kept = [], [], [], []
        self._nodes, self._known = [], set()

    def calling(self, p):
        self._recorded = bool(recording())

    def called(self, p, arrays, options, out, frame, inner):
        if hasattr(out, "base") and (out.base is not None or any(a is out for a in arrays)):
            out = owner(out).copy(out)  # else the call path copies it, and the result could not be told
        modules, around = [], scope()
        while around is not None:
            module, around, _ = around
            modules.append(module)
        self.kept += [*arrays, out]
        training = [module for module in modules if module.training]
        self.calls.append(
            Call(len(self.calls), p, [*map(id, arrays)], id(out), self._recorded, _line(frame), scope(), training)
        )
        return out

    def gradient(self, node, g):
        if node not in self._known:  # the first of a pass
            self._nodes = topological(node)[::-1]
            self._known = {node, *self._nodes, *(p for n in self._nodes for p in n.parents if isinstance(p, Node))}

    def delivered(self, gradients, seed):
        """A pass is over, and its gradients have not yet been added to what the leaves had."""
        done = Pass(self._nodes, user_line(), {leaf: _held(leaf) for leaf in gradients})
        self._nodes, self._known = [], set()
        self.passes.append(done)
        self.order.append(done)

    @contextmanager
    def noting(self, reach):
        """Everything inside the with-block, in this thread, is noted."""
        deliver = delivery()

        def note(gradients, seed):
            self.delivered(gradients, seed)
            deliver(gradients, seed)

        with ExitStack() as ends:
            for what, who in [("step", o) for o in reach.optimizers] + [
                ("zero_grad", x) for x in (*reach.optimizers, *reach.modules)
            ]:
                own, noted = vars(who), self._noted(what, who)
                ends.callback(own.__setitem__ if what in own else own.pop, what, *(own[x] for x in [what] if x in own))
                own[what] = noted
            observe(+1)
            ends.callback(observe, -1)
            ends.enter_context(watching(self))
            ends.enter_context(delivering(note))
            yield self

    def _noted(self, what, who):
        """The method of an object, which notes that it was called."""
        method = getattr(who, what)

        def call(*args, **options):
            self.order.append(Did(what, who, user_line()))
            return method(*args, **options)

        return call


def _held(leaf):
    """The gradient that a leaf has, as an array; None if it has none, or one of zeros."""
    g = raw(leaf.grad)
    return g if g is not None and np.any(owner(g).to_numpy(g) if hasattr(g, "shape") else g) else None


def _line(frame):
    """(code, instruction) of the user's line above a frame."""
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti
