"""Parameters in one flat array, with an optimiser's state beside them.

The parameters of one device and dtype become views of one flat array, and so does each kind of state. An update then
runs over stretches of the block that fit the processor's cache, whatever the shapes of the tensors in them.
"""

from typing import NamedTuple

import numpy as np

from ..autograd.errors import GraphError
from ..autograd.tensor import Tensor, owner, raw

STRETCH = 32768  # elements: a stretch of parameters, gradients and state stays in a core's second-level cache


class Run(NamedTuple):
    """Neighbouring parameters with gradients and the same count of updates: [first, last) of the block.

    Fields:
        t: the number of the coming update; gradient: flat, (last - first,).
    """

    t: int
    first: int
    last: int
    gradient: np.ndarray


class Block:
    """Parameters of one device and dtype as one flat array, with the optimiser's state beside it.

    Fields:
        params: the parameters; views: the parts of `flat` that are their data.
        flat: all parameters, shape (n,).
        state: {kind: array like `flat`}; float32 for float16, which cannot hold small squares.
        updates: for each parameter, how often it was updated.
    """

    def __init__(self, params, state):
        self.params, self.backend = params, owner(params[0]._data)
        bounds = np.cumsum([0, *(p.size for p in params)])
        self.spans = [(int(a), int(b)) for a, b in zip(bounds, bounds[1:], strict=False)]
        self.scalar = self.backend.array_type is float
        self.xp = np if self.scalar else self.backend.xp
        self.flat = self.xp.concatenate([self.xp.asarray(p._data).reshape(-1) for p in params])
        self.state = {kind: self.xp.full_like(_wide(self.flat), start) for kind, start in state.items()}
        self.updates = [0] * len(params)
        self.views = [self.flat[a:b].reshape(p.shape) for p, (a, b) in zip(params, self.spans, strict=True)]
        if not self.scalar:
            for p, view in zip(params, self.views, strict=True):
                p.rehome(view)

    def __reduce__(self):  # a copy gathers the copied parameters anew: they are to be parts of its own array
        return _gathered, (self.params, self.state, self.updates)

    def runs(self):
        """What there is to do: large parameters alone, small neighbours together."""
        if self.scalar:
            self.flat[:] = [p._data for p in self.params]
        elif any(p._data is not view for p, view in zip(self.params, self.views, strict=True)):
            raise GraphError(
                "step: a parameter was moved, or given to another optimiser, after this optimiser was made; "
                "make the optimiser after model.to(...)"
            )
        runs, parts, t, first, end = [], [], 0, 0, 0
        for p, (a, b), updates in zip(self.params, self.spans, self.updates, strict=True):
            g = gradient(p)
            if parts and (g is None or b - first > STRETCH or updates + 1 != t):
                runs.append(Run(t, first, end, self._joined(parts)))
                parts = []
            if g is not None:
                if not parts:
                    t, first = updates + 1, a
                parts.append(np.asarray([raw(g)]) if self.scalar else raw(g).reshape(-1))
                end = b
        if parts:
            runs.append(Run(t, first, end, self._joined(parts)))
        return runs

    def _joined(self, parts):
        return parts[0] if len(parts) == 1 else self.xp.concatenate(parts)

    def squares(self, runs, dtype=None):
        """The sum of the squared gradients: one pass, and not finite if a gradient is not (or its square)."""
        gradients = [run.gradient.astype(dtype) if dtype else _wide(run.gradient) for run in runs]
        return sum(self.xp.dot(g, g) for g in gradients)

    def step(self, update, options, counted, runs, line):
        """Run the rule over the parameters that have gradients, stretch by stretch."""
        for t, first, last, g in runs:
            if counted:
                options["t"] = t
            for a in range(first, last, STRETCH):
                b = min(a + STRETCH, last)
                state = [s[a:b] for s in self.state.values()]
                new, *changed = update(_wide(self.flat[a:b]), _wide(g[a - first : b - first]), *state, **options)
                self.flat[a:b] = new
                for old, part in zip(state, changed, strict=True):
                    old[...] = part
        for i, (p, (a, _)) in enumerate(zip(self.params, self.spans, strict=True)):
            if gradient(p) is not None:
                self.updates[i] += 1
                p._version = line
                if self.scalar:
                    p._data = p._node.result = float(self.flat[a])

    def entries(self):
        """For each parameter its state, as copies in its own shape, and its count of updates."""
        for p, (a, b), updates in zip(self.params, self.spans, self.updates, strict=True):
            entry = {kind: Tensor._wrap(s[a:b].reshape(p.shape).copy()) for kind, s in self.state.items()}
            yield entry | {"updates": updates}

    def take_over(self, entries):
        """Take over what entries() returned, of the same shapes."""
        for i, ((a, b), entry) in enumerate(zip(self.spans, entries, strict=True)):
            for kind, s in self.state.items():
                value = entry[kind].numpy() if isinstance(entry[kind], Tensor) else np.asarray(entry[kind])
                s[a:b] = self.xp.asarray(value.reshape(-1).astype(s.dtype))
            self.updates[i] = entry["updates"]


def _gathered(params, state, updates):
    block = Block(params, {})
    block.state, block.updates = state, updates
    return block


def _wide(part):
    """A part of a block in the dtype that updates are computed in."""
    return part.astype(np.float32) if part.dtype == np.float16 else part


def label_of(i, p, name=None):
    """What messages call parameter number i: the name it was given, its own, or its place."""
    name = name or p.name
    return f"{name!r} {p.shape}" if name else f"{i} of shape {p.shape}"


def gradient(p):
    """The gradient of a parameter; None if it has none, or was frozen with requires_grad=False."""
    return None if p._node is None else p._node.grad
