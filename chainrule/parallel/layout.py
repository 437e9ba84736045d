"""How gradients, and what layers keep, are laid out in the arrays that workers add up."""

from __future__ import annotations

from functools import partial
from itertools import compress

import numpy as np

from ..autograd.accumulate import own
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, DeviceError
from ..autograd.tensor import Tensor
from ..backends import owner
from ..nn.module import Parameter
from ..optim.flat import gradient


class Sums:
    """What was added up over neighbouring shards.

    Fields:
        rows: the gradients, one array (n,) for each flat buffer of the optimiser; the last element of the last one is the loss.
        reached: which parameters have a gradient, then which tensors of the model have changed, as truth values.
        changes: {path of a floating tensor: its change times the shard's part of the batch}; of others, the new values.
        words: {generator: words drawn from it by the whole batch}.
        kept: {(module, attribute): what forward has set it to}, see Replica.kept.
    """

    __slots__ = "changes", "kept", "reached", "rows", "words"

    def __init__(self, rows, reached, changes, words, kept):
        self.rows, self.reached, self.changes, self.words, self.kept = rows, reached, changes, words, kept

    def add(self, other):
        """Add those of the shards behind these."""
        for row, more in zip(self.rows, other.rows, strict=True):
            row += more
        self.reached = self.reached | other.reached
        for path, change in other.changes.items():
            if path not in self.changes:
                self.changes[path] = change
            elif change.dtype.kind == "f":
                self.changes[path] = self.changes[path] + change
        if self.words != other.words:
            raise ArgumentError(
                "DataParallel: the random numbers that a shard draws must be as many for each of its examples; where a layer draws "
                "others, take a batch size that is a multiple of the shards"
            )
        if self.kept != other.kept:
            (module, name), *_ = {k for k in {**self.kept, **other.kept} if self.kept.get(k) != other.kept.get(k)}
            raise ArgumentError(
                f"DataParallel: forward sets {type(module).__name__}.{name} to {self.kept.get((module, name))!r:.60} for one shard, and to "
                f"{other.kept.get((module, name))!r:.60} for another; keep it as a floating tensor, which becomes the mean over all examples, "
                "or compute it outside of the model"
            )
        return self


class Layout:
    """Where each parameter of the optimiser is in the rows of `Sums`.

    Fields:
        flats: the optimiser's flat buffers, in order; parameters: all that they hold; names: theirs.
        dtypes: in which each of them is added up.
        tensors: the paths of the model's other tensors.
    """

    def __init__(self, model, optimizer):
        self.flats = [flat for _, flat in optimizer.buffers]
        self.parameters = [p for flat in self.flats for p in flat.params]
        known = {id(p): name for name, p in model.named_parameters()}
        self.names = [known.get(id(p), f"parameter {i} of the optimiser") for i, p in enumerate(self.parameters)]
        self.tensors = [path for path, _ in kept(model)]
        if any(flat.scalar for flat in self.flats):
            raise DeviceError("DataParallel: needs a model of arrays; on device 'scalar' there are single numbers")
        self.dtypes = [np.result_type(flat.values.dtype, np.float32) for flat in self.flats]

    def description(self):
        """What all workers must have in common, as plain data."""
        kind = lambda p: p.device.partition(":")[0]  # each may have a device of its own
        return [
            (n, p.shape, str(p.dtype), kind(p)) for n, p in zip(self.names, self.parameters, strict=True)
        ] + self.tensors

    def empty(self):
        """The sums over no examples."""
        rows = [
            flat.xp.zeros(flat.values.size + (flat is self.flats[-1]), dtype)
            for flat, dtype in zip(self.flats, self.dtypes, strict=True)
        ]
        return Sums(rows, np.zeros(len(self.parameters) + len(self.tensors), bool), {}, {}, {})

    def sums(self, found, loss, replica, before, weight, words):
        """The sums over one shard: gradients {Node: array}, its part of the loss, and its Replica of the model `before`."""
        rows, known = [], set()
        for flat, dtype in zip(self.flats, self.dtypes, strict=True):
            parts = [
                flat.xp.zeros_like(raw(p), dtype=dtype)
                if (g := found.get(p._node)) is None
                else g.astype(dtype, copy=False)
                for p in flat.params
            ]
            if flat is self.flats[-1]:
                parts.append(loss.astype(dtype, copy=False))
            rows.append(flat.backend.joined(parts) if len(parts) > 1 else own(parts[0], known).reshape(-1))
        changes, after = {}, dict(replica.model.named_tensors()) if self.tensors else {}
        for path, old in kept(before) if self.tensors else ():
            new = after.get(path)
            if new is replica.copy_of(old) and new._version is None:
                continue
            if new is None or new.shape != old.shape or new.dtype != old.dtype or new.requires_grad:
                raise ArgumentError(
                    f"DataParallel: forward replaces the tensor {path} {old.shape} of the model by one of another shape, dtype or history; "
                    "what a layer keeps from step to step stays as it was made in __init__"
                )
            if new.dtype.kind == "f":
                changes[path] = owner(raw(new)).fused(partial(_change, weight), raw(new), raw(old))
            else:
                changes[path] = raw(new)
        reached = [p._node in found for p in self.parameters] + [path in changes for path in self.tensors]
        return Sums(rows, np.array(reached, bool), changes, words, replica.kept())

    def deliver(self, rows, reached):
        """Give each parameter that was reached its part of the sums over all shards as gradient; returns the loss as a Tensor."""
        loss = Tensor._wrap(rows[-1][-1:].reshape(()).copy())  # in float32 for float16, which cannot hold sums
        known = dict(zip(self.parameters, reached, strict=False))
        for flat, row in zip(self.flats, rows, strict=True):
            earlier = {p: gradient(p) for p in flat.params}
            flat.spread(row[: flat.values.size].astype(flat.values.dtype, copy=False))
            for p, g in earlier.items():
                if p.requires_grad and (g is not None or not known[p]):
                    p.grad = None if g is None else Tensor._wrap(g + gradient(p))  # which is 0 where none was reached
        return loss

    def keep(self, model, changes, reached, add, first):
        """Let the model's own tensors become what they are on average over all examples; whole numbers what the first shard made of them.

        `add` sums an array over the workers; `first` gives all what worker 0 has, and is None where there is no other.
        """
        changed = reached[len(self.parameters) :]
        for path, item in compress(kept(model), changed) if changed.any() else ():
            array, backend = raw(item), owner(raw(item))
            if array.dtype.kind == "f":
                change = changes[path] if path in changes else backend.xp.zeros(array.shape, _wide(array.dtype))
                total = add(change)
                item.mark_changed()
                backend.fused(lambda array, total: array + total, array, total, out=[array])
                continue
            value = changes.get(path)
            if first is not None:
                value = first(None if value is None else backend.to_numpy(value))
            item.mark_changed()
            array[...] = backend.asarray(value)


def _wide(dtype):
    return np.result_type(dtype, np.float32)


def _change(weight, new, old):
    return (new.astype(_wide(new.dtype)) - old) * weight


def kept(model):
    """(path, tensor) for what layers keep for themselves: the tensors that nobody trains."""
    return [
        (path, item)
        for path, item in model.named_tensors()
        if not isinstance(item, Parameter) and item.is_leaf and not item.requires_grad
    ]
