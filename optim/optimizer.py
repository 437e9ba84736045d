"""The base of all optimisers: parameters and state in flat blocks, so that one update rule call serves many tensors.

The parameters of one device and dtype become views of one flat array, and so does each kind of state. An update then
runs over stretches of the block that fit the processor's cache, whatever the shapes of the tensors in them.
"""

from math import isfinite

import numpy as np

from ..autograd.errors import ArgumentError, GraphError
from ..autograd.tape import no_grad, user_line
from ..autograd.tensor import Tensor, owner, raw

STRETCH = 32768  # elements: a stretch of parameters, gradients and state stays in a core's second-level cache


class Optimizer:
    """Changes parameters by their gradients. A subclass names its state and defines `update`.

    Fields:
        params: the parameters.
        lr: the learning rate; it may be changed between steps.
        steps: how many steps were taken.

    Raises: ArgumentError for an empty list, a parameter given twice, something that is no leaf requiring grad, or a
        learning rate that is not a positive number.
    """

    state: tuple = ()

    def __init__(self, params, lr):
        self.params = list(params)
        if not self.params:
            raise ArgumentError(f"{type(self).__name__}: needs at least one parameter; was the model's list empty?")
        for i, p in enumerate(self.params):
            if not isinstance(p, Tensor) or p._node is None or p._node.plan is not None:
                raise ArgumentError(
                    f"{type(self).__name__}: parameter {i} must be a leaf that requires grad, it is {p!r:.80}"
                )
        if len({id(p) for p in self.params}) < len(self.params):
            raise ArgumentError(f"{type(self).__name__}: a parameter was given twice")
        self.lr = lr
        self.steps = 0
        groups = {}
        for p in self.params:
            groups.setdefault((p.device, p.dtype), []).append(p)
        self._blocks = [Block(group, self.state) for group in groups.values()]

    def update(self, t, p, g, *state):
        """The rule: new parameters and new state, from parameters, gradients and state (arrays of one shape).

        t counts the updates of these parameters, this one included: fewer than `steps` for one that lacked gradients.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(self, t, p, g, ...)")

    def step(self):
        """Change every parameter that has a gradient.

        Raises: GraphError if none has; ArgumentError if the learning rate is no longer a positive number.
        """
        positive(type(self).__name__, "lr", self.lr)
        if all(_gradient(p) is None for p in self.params):
            raise GraphError(f"{type(self).__name__}.step: no parameter has a gradient; call loss.backward() first")
        self.steps += 1
        line = user_line()
        with no_grad():
            for block in self._blocks:
                block.step(self.update, line)

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for p in self.params:
            if p._node is not None:
                p._node.grad = None

    def __repr__(self):
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr})"


class Block:
    """Parameters of one device and dtype as one flat array, with the optimiser's state beside it.

    Fields:
        params: the parameters; views: the parts of `flat` that are their data.
        flat: all parameters, shape (n,).
        state: one array like `flat` for each kind of state; float32 for float16, which cannot hold small squares.
        updates: for each parameter, how often it was updated.
    """

    def __init__(self, params, state):
        self.params, backend = params, owner(params[0]._data)
        bounds = np.cumsum([0, *(p.size for p in params)])
        self.spans = [(int(a), int(b)) for a, b in zip(bounds, bounds[1:], strict=False)]
        self.scalar = backend.array_type is float
        xp = np if self.scalar else backend.xp
        self.concatenate = xp.concatenate
        self.flat = xp.concatenate([xp.asarray(p._data).reshape(-1) for p in params])
        self.state = [xp.zeros_like(_wide(self.flat)) for _ in state]
        self.updates = [0] * len(params)
        self.views = [self.flat[a:b].reshape(p.shape) for p, (a, b) in zip(params, self.spans, strict=True)]
        if not self.scalar:
            for p, view in zip(params, self.views, strict=True):
                p.rehome(view)

    def step(self, update, line):
        """Run the rule over the parameters that have gradients, stretch by stretch."""
        if self.scalar:
            self.flat[:] = [p._data for p in self.params]
        elif any(p._data is not view for p, view in zip(self.params, self.views, strict=True)):
            raise GraphError(
                "step: a parameter was moved, or given to another optimiser, after this optimiser was made; "
                "make the optimiser after model.to(...)"
            )
        for t, first, last, gradients in self._stretches():
            g = gradients[0] if len(gradients) == 1 else self.concatenate(gradients)
            for a in range(first, last, STRETCH):
                b = min(a + STRETCH, last)
                p, part = _wide(self.flat[a:b]), _wide(g[a - first : b - first])
                new, *state = update(t, p, part, *[s[a:b] for s in self.state])
                self.flat[a:b] = new
                for whole, part in zip(self.state, state, strict=True):
                    whole[a:b] = part
        for p, (a, _) in zip(self.params, self.spans, strict=True):
            if _gradient(p) is not None:
                p._version = line
                if self.scalar:
                    p._data = p._node.result = float(self.flat[a])

    def _stretches(self):
        """(t, first, last, flat gradients) for runs of neighbours: large parameters alone, small ones together."""
        runs, t, first, end, gradients = [], 0, 0, 0, []
        for i, (p, (a, b)) in enumerate(zip(self.params, self.spans, strict=True)):
            g = _gradient(p)
            if g is not None:
                self.updates[i] += 1
            if gradients and (g is None or b - first > STRETCH or self.updates[i] != t):
                runs.append((t, first, end, gradients))
                gradients = []
            if g is not None:
                if not gradients:
                    t, first = self.updates[i], a
                gradients.append(np.asarray([raw(g)]) if self.scalar else raw(g).reshape(-1))
                end = b
        if gradients:
            runs.append((t, first, end, gradients))
        return runs


def _wide(part):
    """A part of a block in the dtype that updates are computed in."""
    return part.astype(np.float32) if part.dtype == np.float16 else part


def _gradient(p):
    """The gradient of a parameter; None if it has none, or was frozen with requires_grad=False."""
    return None if p._node is None else p._node.grad


def positive(owner, name, value):
    """`value` if it is a finite number above 0."""
    if not isinstance(value, (int, float, np.number)) or not isfinite(value) or value <= 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number above 0, not {value!r}")
    return value


def fraction(owner, name, value):
    """`value` if it lies in [0, 1)."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < 1:
        raise ArgumentError(f"{owner}: {name} must be at least 0 and below 1, not {value!r}")
    return value


def not_negative(owner, name, value):
    """`value` if it is a finite number of at least 0."""
    if not isinstance(value, (int, float, np.number)) or not isfinite(value) or value < 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number of at least 0, not {value!r}")
    return value
