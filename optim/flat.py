"""The flat buffer: parameters in one array, with their gradient and an optimiser's state in arrays like it.

An update rule, a norm, a reduction over many workers or a recorded program then meets one array, whatever the shapes of
the parameters in it.
"""

from functools import partial
from itertools import starmap
from math import inf

import numpy as np

from ..autograd.callsite import user_line
from ..autograd.convert import raw
from ..autograd.errors import GraphError
from ..autograd.ops.choose import where
from ..autograd.tensor import Tensor
from ..autograd.watch import OBSERVERS
from ..backends import owner
from ..backends.c_rule import native
from ..backends.record import ONE_AT_A_TIME

CHUNK = 32768  # elements: a chunk of values, gradient and state stays in a core's second-level cache
SHORT = 8192  # elements: fewer are updated by NumPy as fast as by C
WORTH = 1 << 22  # elements that a buffer updates before a compiler is called, which few rules need more than once


class FlatBuffer:
    """Parameters of one device and dtype as one flat array, of which their data become parts.

    `gather()` brings all gradients into one array; then `results` runs an update rule chunk by chunk and `step` writes what it
    gives, or `store(...)` what was made otherwise. Both mark the parameters as changed before they write.

    Fields:
        params: the parameters; spans: for each, the (first, last) of its elements.
        values: all parameters, (n,); written by `step` and `store`.
        gradient: what gather() returned, (n,); None from the end of a step on, so that it keeps no memory.
        due: what the coming step updates, as gather() found it: (t, i, j) for params[i:j], neighbours with gradients of
            which this will be update number t.
        state: {kind: array like `values`}; float32 for float16, which cannot hold small squares. Written likewise.
        updates: for each parameter, how often it was updated.
    """

    def __init__(self, params, state):
        self.params, self.backend = params, owner(raw(params[0]))
        bounds = np.cumsum([0, *(p.size for p in params)]).tolist()
        self.spans = list(zip(bounds[:-1], bounds[1:], strict=True))
        self.scalar = self.backend.array_type is float  # Python floats cannot be parts of an array: they are copied
        self.xp = np if self.scalar else self.backend.xp
        self.values = self.xp.concatenate([self.xp.asarray(raw(p)).reshape(-1) for p in params])
        self.state = {kind: self.xp.full_like(_wide(self.values), start) for kind, start in state.items()}
        self.gradient, self.due, self.updates = None, [], [0] * len(params)
        self._worked = 0  # elements that were updated
        self._places, self._spread = self._parts(self.values), None
        if not self.scalar:
            for p, place in zip(params, self._places, strict=True):
                p.replace_array(place)

    def __reduce__(self):  # a copy gathers the copied parameters anew: they are to be parts of its own array
        return _copied, (self.params, self.state, self.updates)

    def _parts(self, flat):
        """What of a flat array belongs to each parameter, in its shape."""
        return [flat[a:b].reshape(p.shape) for p, (a, b) in zip(self.params, self.spans, strict=True)]

    # ---- gradients in

    def gather(self):
        """The gradients of all parameters as one array (n,), 0 for those without one; None if none has one.

        Read it, do not write to it: nothing is copied where the gradients are parts of one array already (see `spread`), or
        where there is but one parameter.

        Raises: GraphError if a parameter is no longer a part of `values`.
        """
        if self.scalar:
            self.values[:] = [raw(p) for p in self.params]
        found, self.due = [], []
        for i, (p, place, updates) in enumerate(zip(self.params, self._places, self.updates, strict=True)):
            if p._data is not place and not self.scalar and not self._gathered():
                raise GraphError(
                    "step: a parameter was moved, or given to another optimiser, after this optimiser was made; "
                    "make the optimiser after model.to(...)"
                )
            g = None if p._node is None else p._node.grad  # gradient(p), written out: it is asked for all at every step
            if isinstance(g, Tensor):
                g = g._data
            found.append(g)
            if g is not None:
                t, first, last = self.due[-1] if self.due else (0, 0, 0)
                if t == updates + 1 and last == i:
                    self.due[-1] = t, first, i + 1
                else:
                    self.due.append((updates + 1, i, i + 1))
        if not self.due:
            self.gradient = None
        elif self.scalar:
            self.gradient = np.asarray([0.0 if g is None else g for g in found])
        elif self._spread and all(g is part for g, part in zip(found, self._spread[1], strict=True)):
            self.gradient = self._spread[0]
        else:
            if len(self.due) > 1 or self.due[0][1:] != (0, len(found)):
                found = [self.xp.zeros_like(v) if g is None else g for g, v in zip(found, self._places, strict=True)]
            self.gradient = found[0].reshape(-1) if len(found) == 1 else self.backend.joined(found)
        return self.gradient

    def _gathered(self):
        """Whether all parameters are parts of `values`, once no other thread records them."""
        with ONE_AT_A_TIME:
            return all(p._data is place for p, place in zip(self.params, self._places, strict=True))

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        self.gradient = self._spread = None
        for p in self.params:
            if p._node is not None:
                p._node.grad = None

    def spread(self, gradient):
        """Let each parameter's gradient be its part of this array (n,), which nobody else may hold or write to later.

        For code that already has all gradients in one array, such as a sum over workers. gather() then copies nothing.
        """
        self._spread = gradient, self._parts(gradient)
        for p, part in zip(self.params, self._spread[1], strict=True):
            if p.requires_grad:
                p._node.grad = part

    # ---- new values out

    def results(self, options, rule, counted, dry=False):
        """What an update rule makes of all that is due, chunk by chunk: (first, last, new values, *new state), in their dtypes.

        Its options have the count `t` if `counted`. Nothing is written. Where C does it, it is (first, last, what writes it), and
        `dry` looks for an overflow first.
        """
        for t, i, j in self.due:
            first, last = self.spans[i][0], self.spans[j - 1][1]
            if counted:
                options["t"] = t
            if run := self._native(rule, options):
                arrays = [whole[first:last] for whole in (self.values, self.gradient, *self.state.values())]
                if dry:
                    run(arrays, True)
                yield first, last, partial(run, arrays, False)
                continue
            for a in range(first, last, CHUNK):
                b = min(a + CHUNK, last)
                state = [s[a:b] for s in self.state.values()]
                given = [_wide(self.values[a:b]), *state]
                found = rule(given[0], _wide(self.gradient[a:b]), *state, **options)
                yield a, b, *self._fitted(*[_apart(x, own) for x, own in zip(found, given, strict=True)])

    def _native(self, rule, options):
        """The rule in C, where it is worth a compiler's time and there is such."""
        values, g = self.values, self.gradient
        self._worked += values.size
        if self._worked < WORTH or values.size < SHORT or OBSERVERS or not type(values) is type(g) is np.ndarray:
            return None
        if not (g.flags.c_contiguous and g.flags.aligned):
            return None
        return native(rule, options, [values, g, *self.state.values()])

    def _fitted(self, values, *state):
        """New values in the dtype of the parameters, and the state as it is."""
        return values if values.dtype is self.values.dtype else values.astype(self.values.dtype), *state

    def step(self, results):
        """Write what `results` gives for all that is due."""
        for _, i, j in self.due:
            self._mark(self.spans[i][0], self.spans[j - 1][1])
        for _ in starmap(self._write, results):  # which holds no chunk while the next one is computed in its memory
            pass
        self._done()

    def step_at_once(self, options, rule, counted, squares):
        """The same on a device, where each call costs a launch: the rule is run and its results are written by one.

        Nothing changes unless `squares`, an array of shape (), is finite.
        """

        def update(squares, p, g, *state):
            given = [owner(x).copy(x) for x in (p, *state)]  # the rule may work in place
            new, old = rule(_wide(given[0]), _wide(g), *given[1:], **options), (p, *state)
            return tuple([where(squares - squares == 0, a, b) for a, b in zip(new, old, strict=True)])

        for t, i, j in self.due:
            first, last = self.spans[i][0], self.spans[j - 1][1]
            if counted:
                options["t"] = t
            self._mark(first, last)
            written = [whole[first:last] for whole in (self.values, *self.state.values())]
            self.backend.fused(update, squares, written[0], self.gradient[first:last], *written[1:], out=written)
        self._done()

    def _done(self):
        for t, i, j in self.due:
            self.updates[i:j] = [t] * (j - i)
        self.gradient = None

    def store(self, values, *state, first=0, last=None):
        """Write elements [first, last) of the parameters (None leaves them) and of each kind of state."""
        last = self.values.size if last is None else last
        if values is not None:
            self._mark(first, last)
        self._write(first, last, values, *state)

    def _mark(self, first, last):
        """Mark parameters as changed at the user's line, before anything is written.

        A backward that still needs the old values then raises, also after a write that was interrupted.
        """
        line = user_line()
        for p, (a, b) in zip(self.params, self.spans, strict=True):
            if a < last and first < b:
                p.mark_changed(line)

    def _write(self, first, last, values, *state):
        if callable(values):
            values()
            return
        if values is not None:
            self.values[first:last] = values
            if self.scalar:
                for p, value in zip(self.params[first:last], self.values[first:last].tolist(), strict=True):
                    p.replace_array(value)
        for old, new in zip(self.state.values(), state, strict=True):
            old[first:last] = new

    # ---- saving

    def entries(self):
        """For each parameter its state, as copies in its own shape, and its count of updates."""
        for p, (a, b), updates in zip(self.params, self.spans, self.updates, strict=True):
            entry = {kind: Tensor._wrap(s[a:b].reshape(p.shape).copy()) for kind, s in self.state.items()}
            yield entry | {"updates": updates}

    def load(self, entries):
        """Load what entries() returned, of the same shapes."""
        for i, ((a, b), entry) in enumerate(zip(self.spans, entries, strict=True)):
            values = [v.numpy() if isinstance(v, Tensor) else np.asarray(v) for v in map(entry.get, self.state)]
            state = [
                self.xp.asarray(v.reshape(-1).astype(s.dtype)) for v, s in zip(values, self.state.values(), strict=True)
            ]
            self.store(None, *state, first=a, last=b)
            self.updates[i] = entry["updates"]


def buffers(params, state, whole=False):
    """Flat buffers that hold `params`: one for each device and dtype, in order.

    On the host, where memory is slow and calls are cheap, they are cut at CHUNK elements, and a larger parameter has its
    own, whose gradient need not be copied; not if `whole`.
    """
    kinds = {}
    for p in params:
        kinds.setdefault((p.device, p.dtype), []).append(p)
    for members in kinds.values():
        room = inf if whole or not owner(raw(members[0])).on_host else CHUNK
        start, size = 0, 0
        for i, p in enumerate(members):
            if i > start and size + p.size > room:
                yield FlatBuffer(members[start:i], state)
                start, size = i, 0
            size += p.size
        yield FlatBuffer(members[start:], state)


def _copied(params, state, updates):
    flat = FlatBuffer(params, {})
    flat.state, flat.updates = state, updates
    return flat


def _wide(part):
    """A part of a buffer in the dtype that updates are computed in."""
    return part.astype(np.float32) if part.dtype.char == "e" else part


def _apart(new, own):
    """What a rule gives in the place of `own`, in memory that is not written before: it may give p as new state."""
    return new if new is own or getattr(new, "base", None) is None else new.copy()


def sum_of_squares(gradients, dtype=None):
    """Σ g² over arrays of one device, as an array scalar there: not finite if a gradient is not, or if it overflows.

    On a device it is added up in float64; NumPy arrays in their own dtype, float32 for float16, or in `dtype`, and in long
    doubles where that overflows or terms vanish.
    """
    backend = owner(gradients[0])
    if not backend.on_host:
        parts = [backend.squares(g.reshape(-1)) for g in gradients]
        return sum(parts[1:], parts[0])
    total = 0
    for flat in (g.reshape(-1) for g in gradients):
        if dtype is None:
            chunks = [_wide(flat)]
        else:
            chunks = (flat[a : a + CHUNK].astype(dtype, copy=False) for a in range(0, flat.size or 1, CHUNK))
        for part in chunks:
            try:
                total = total + backend.xp.dot(part, part)
            except FloatingPointError:  # while a step lets overflow raise
                return sum_of_squares(gradients, np.longdouble) if dtype is None else dtype(np.inf)
    if dtype is None and not backend.fits(total):
        return sum_of_squares(gradients, np.longdouble)
    return total


def label_of(i, p, name=None):
    """What messages call parameter number i: the name it was given, its own, or its place."""
    name = name or p.name
    return f"{name!r} {p.shape}" if name else f"{i} of shape {p.shape}"


def gradient(p):
    """The gradient of a parameter as an array; None if it has none, or was frozen with requires_grad=False."""
    g = None if p._node is None else p._node.grad
    return g._data if isinstance(g, Tensor) else g
