"""A step of training: as a program that cr.jit recorded, or as plain Python."""

from __future__ import annotations

from threading import Lock

import numpy as np

from ..autograd.convert import raw
from ..autograd.errors import ArgumentError
from ..autograd.shard import current_shard
from ..autograd.tensor import Tensor
from ..autograd.watch import current_watch
from ..backends import owner
from ..backends.lowering import pays
from ..jit import Jit
from .inputs import one_to_minimise
from .known import unknown
from .state import EAGER

WORTH = 200  # steps: recording takes as long as it saves in about 120


def computed(model, loss, optimizer, penalty, clip, together):
    """A function of a batch: it takes a step, and returns the loss and, if they are clipped, the norm of the gradients before."""

    def objective(model, x, y):
        value = one_to_minimise("fit", loss(model(x), y))
        shard = current_shard()
        return value if penalty is None else value + penalty(model) * (1.0 if shard is None else shard.share)

    def step(x, y):
        n, norms = together.examples(x), []

        def closure():
            optimizer.zero_grad()
            value = together.backward(model, objective, x, y, n)
            norms.extend([bound(optimizer.named_parameters) for bound in clip])
            return value

        return optimizer.step(closure), *norms[:1]

    return step


class Step:
    """What fit does with a batch: call it.

    Fields:
        lowering: what the steps run on: that of their programs, "numpy" or "c", or "eager".
        reason: why they run eagerly, in words; None if they do not.
    """

    def __init__(self, run, penalty, clip, jit, steps, deterministic, resumed):
        if not (jit is None or jit is True or jit is False or jit == "c"):
            raise ArgumentError(
                f"fit: jit must be True, False, 'c' for compiled steps, or None, which records long runs, not {jit!r}"
            )
        if jit == "c" and deterministic:
            raise ArgumentError(
                "fit: jit='c' computes with other last digits than eager steps, which deterministic=True rules out; use jit=True"
            )
        self.run, self._asked, self.must, self._steps = run, jit, jit in (True, "c"), steps
        self._eager = computed(run.model, run.loss, run.optimizer, penalty, clip, run.together)
        self._jit, self._quiet, self._choice, self._said = None, True, None, {"c", "numpy"}
        self._parallel, self._falling = run.together.parallel, Lock()
        self.lowering, self.reason = EAGER, "jit=False"
        if jit is None and steps is not None and steps < WORTH and resumed != "c":
            self.reason = f"fewer than {WORTH} steps"
        elif jit is not False and (obstacle := self._obstacle(penalty, jit is None)):
            self._refused(obstacle)
        elif jit is not False:
            # what does not depend on how fast anything is here: the same run has the same bits again
            as_before = None if resumed is None else "c" if resumed == "c" else "numpy"
            lowering = "c" if jit == "c" else "numpy" if jit or deterministic or steps is None else as_before
            self.lowering, self.reason = lowering or "numpy", None
            refused = None if self.must else self._refused
            # in C all steps, so that a run that is taken up again gives the bits of one that was not broken off
            self._make = lambda f: Jit(f, lowering=lowering or self._chosen, refused=refused, whole=lowering != "numpy")
            if self._parallel is None:
                self._jit = self._make(self._eager)
            else:
                self._parallel.program_of = self._make
        self._note()

    @property
    def _jits(self):
        """What was made of the step, or of the gradients of shards."""
        if self._parallel is None:
            return [] if self._jit is None else [self._jit]
        return [] if self._parallel.program_of is None else [*self._parallel.programs.values()]

    def __call__(self, x, y):
        if self.lowering != EAGER and not (_fits(x) and _fits(y)):
            self._refused("the batches are no pairs of arrays on the host")
        if self._jit is None:
            value = self._eager(x, y)
        else:  # Tensors that no other thread shares
            value = self._jit(*[Tensor._wrap(raw(a)) if isinstance(a, Tensor) else a for a in (x, y)])
        for jit in self._jits:
            if (ran := jit.lowering) is not None and ran != self.lowering:
                self.lowering = ran
                self._note()
                if ran not in self._said:
                    self._said.add(ran)
                    self.run.say(f"steps run on {ran}")
        return value

    def _chosen(self, program):
        """What is to run the programs: decided by the first one."""
        if self._choice is None:
            self._choice = "c" if pays(program, self._steps) else "numpy"
        return self._choice

    def _obstacle(self, penalty, unasked):
        """Why the steps of a run cannot be recorded, or are not unless that is asked for."""
        run = self.run
        arrays = [raw(t) for _, t in run.model.named_tensors()] + [raw(p) for p in run.optimizer.params]
        if self._parallel is not None and self._parallel.at_once:
            return "a layer looks at all examples that workers share"
        if run.optimizer.whole_batch:
            return f"{type(run.optimizer).__name__} reads the loss"
        if current_watch() is not None:
            return "it is observed"
        if not all(type(a) is np.ndarray for a in arrays):
            other = next(a for a in arrays if type(a) is not np.ndarray)
            return "the model is made of single numbers" if type(other) is float else f"it is on {owner(other).name!r}"
        if unasked and "raise" in np.geterr().values():
            return "NumPy is to raise where numbers are not finite"
        if unasked and (name := unknown(run.model, run.loss, penalty, run.optimizer)):
            return f"{name} may do more than compute; if it does not, pass jit=True"
        return None

    def _refused(self, why):
        """Run eagerly from now on."""
        if self.must:
            raise ArgumentError(f"fit: jit={self._asked!r}, but {why}")
        if not self._falling.acquire(blocking=False):  # another shard has said so
            return
        self.close()
        self.lowering, self.reason, self._quiet = EAGER, str(why).removeprefix("jit: "), False
        self._note()
        if self.run.epoch:
            self.say()

    def _note(self):
        self.run.history.lowering, self.run.history.why_eager = self.lowering, self.reason

    def say(self):
        """Say once why steps run eagerly, if there is a reason that somebody may want to know."""
        if not self._quiet:
            self._quiet = True
            self.run.say(f"steps run eagerly: {self.reason}")

    def close(self):
        """Forget the programs."""
        for jit in self._jits:
            jit.settle()
        self._jit = None
        if self._parallel is not None:
            self._parallel.program_of = None
            self._parallel.programs.clear()


def _fits(x):
    """Whether a program can be given it."""
    return type(x) is np.ndarray or isinstance(x, Tensor) and type(x._data) is np.ndarray and x._node is None
