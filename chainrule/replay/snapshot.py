"""What a snapshot of a run holds: layers, outputs, the plane of inputs, and the graph of one example."""

from base64 import b64encode
from contextlib import contextmanager

import numpy as np

from ..autograd.errors import ArgumentError, ChainruleError
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import tensor
from ..nn.activations import name_of
from ..nn.losses import without_partial
from ..pages.words import english
from ..train.evaluate import predict
from ..train.restore import eval_mode
from .example import Example
from .outputs import CLASSES, Reading, around, places

POINTS = 400  # examples at most on which loss and outputs are computed


class Observer:
    """Takes the snapshots of a run, which it leaves unchanged.

    Fields:
        facts: what all snapshots share, as plain data: "model", "optimizer" and "loss" in words; the facts of each part
            that can be shown, "layers", "outputs", "plane" and "graph"; and "notes", {part: why it is missing}.
    """

    def __init__(self, run, follow, grid):
        model, size = run.model, sum(p.size for p in run.model.parameters())
        self.run = run
        counted = english("1 parameter") if size == 1 else english("{0} parameters", f"{size:,}")
        self.facts = {
            "model": f"{type(model).__name__}, {counted}",
            "optimizer": type(run.optimizer).__name__,
            "loss": name_of(without_partial(run.loss)),
            "notes": {},
        }
        self._own = [name for name in run.random_state() if name.startswith("model.")]
        self.layers, self.parts = Layers(model), {}
        self.facts["layers"] = self.layers.facts
        sample = self._attempt("outputs", lambda: Sample(run, follow))
        if sample is None:
            return
        if follow is not None and follow >= len(sample.x):
            raise ArgumentError(
                f"Replay: follow must be below {len(sample.x)}, the number of examples in {sample.source}, not {follow}"
            )
        with self._observing():
            self._add("outputs", lambda: Outputs(run, sample))
            self._add("plane", lambda: Plane(run, sample, self.parts.get("outputs"), follow, grid))
            self._add("graph", lambda: Example(run, sample, follow))

    def weights(self):
        """Copies of the parameters, for `snapshot` after the next step."""
        return [p.detach() for p in self.layers.parameters]

    def snapshot(self, before, trained):
        """The state of each part now, as plain data; `before` are the weights before the last step, None if unknown."""
        seen = {"layers": self.layers.snapshot(before) if trained else None}
        with self._observing():
            return seen | {name: self._attempt(name, part.snapshot) for name, part in self.parts.items()}

    def _add(self, name, make):
        part = self._attempt(name, make)
        if part is not None:
            self.parts[name], self.facts[name] = part, part.facts

    @contextmanager
    def _observing(self):
        """The model in eval mode inside the with-block, without warnings about numbers that are not finite.

        The model's own generators are restored at its end, since a module may draw even in eval mode.
        """
        before = {name: state for name, state in self.run.random_state().items() if name in self._own}
        try:
            with eval_mode(self.run.model), np.errstate(all="ignore"):
                yield
        finally:
            self.run.set_random_state(before)

    def _attempt(self, name, do):
        """do(); None, and a note, if it fails: recording must not end the run."""
        try:
            return do()
        except Exception as error:
            kind = "" if isinstance(error, ChainruleError) else f"{type(error).__name__}: "
            self.facts["notes"].setdefault(name, f"{kind}{error}")
            return None


class Sample:
    """The examples that a replay evaluates: at most POINTS, spread over the training data, the followed one among them.

    Fields:
        x, y: all examples; some: the positions of the sample among them; source: which data it is.
    """

    def __init__(self, run, follow):
        arrays = getattr(run.batches, "arrays", None)
        self.source = "the training data"
        if arrays is None and run.validation:
            name, arrays = next(iter(run.validation.items()))
            self.source = f"the validation data {name!r}"
        if arrays is None:
            raise ArgumentError(
                english(
                    "Replay: the data only yields batches, so there are no examples to evaluate; give fit a pair (x, y), "
                    "Batches, or validation data"
                )
            )
        self.x, self.y = arrays
        spread = np.linspace(0, len(self.x) - 1, min(len(self.x), POINTS)).astype(int)
        own = [follow] if follow is not None and follow < len(self.x) else []
        self.some = np.union1d(spread, np.array(own, dtype=int))


class Layers:
    """Gradients and updates, layer by layer; a layer is a module with parameters of its own.

    Fields:
        facts: for each layer its path and the name of its class.
    """

    def __init__(self, model):
        kinds, self.groups = {path: type(module).__name__ for path, module in model.named_modules()}, {}
        for name, p in model.named_parameters():
            self.groups.setdefault(name.rpartition(".")[0], []).append(p)
        self.facts = [{"name": path or "model", "kind": kinds.get(path, "")} for path in self.groups]
        self.parameters = [p for group in self.groups.values() for p in group]

    @no_grad()
    def snapshot(self, before):
        """For each layer [norm of its gradient, norm of its last update / norm of its weights before that].

        None where no gradient has arrived, where `before` is not known, and where all weights were 0.
        """
        found, old = [], iter(before or ())
        for group in self.groups.values():
            gradients = [p.grad for p in group if p.requires_grad and p.grad is not None]
            ratio = None
            if before is not None:
                pairs = [(p, next(old)) for p in group]
                size = _norm([w for _, w in pairs])
                ratio = _norm([p - w for p, w in pairs]) / size if size else None
            found.append([_norm(gradients) if gradients else None, ratio])
        return found


class Outputs:
    """The loss on the sample, and which of its examples are classified correctly.

    Fields:
        facts: the sample: "source", "total" examples there, "examples" in the sample, and "kind", "classes", "scale"
            and "label" of the Reading.
    """

    def __init__(self, run, sample):
        self.run, self.x, self.y = run, sample.x[sample.some], sample.y[sample.some]
        self.reading = Reading(
            predict(run.model, self.x).numpy(), self.y.numpy(), getattr(without_partial(run.loss), "expects", None)
        )
        self.facts = {
            "source": sample.source,
            "total": len(sample.x),
            "examples": len(self.x),
            "kind": self.reading.kind,
            "classes": self.reading.classes,
            "scale": self.reading.scale,
            "label": self.reading.label,
        }

    @no_grad()
    def snapshot(self):
        """{"loss": a number, "wrong": a bit for each example as base64 of np.packbits, None where there are no classes}."""
        output = predict(self.run.model, self.x)
        scores, wrong = output.numpy(), None
        if self.reading.kind == "classes" and np.isfinite(scores).all():
            wrong = _text(np.packbits(self.reading.wrong(scores)))
        return {"loss": float(self.run.loss(output, self.y)), "wrong": wrong}


class Plane:
    """What the model predicts at each point of the plane of its two inputs, or along its one input.

    Fields:
        facts: "kind", "plane" or "curve"; "x" and "y", the ranges [low, high] of the axes; "grid", the points along an axis
            of the plane; "points", the sample as [x, y, class or target]; "followed", the place of the followed example
            among them.
    """

    def __init__(self, run, sample, outputs, follow, grid):
        shape = tuple(sample.x.shape)
        if len(shape) != 2 or shape[1] > 2:
            inputs = english("inputs of shape {0}", shape[1:])
            if len(shape) == 2:
                inputs = english("{0} inputs", shape[1])
            raise ArgumentError(english("it is drawn for models of one or two inputs; this one has {0}", inputs))
        if outputs is None or outputs.reading.kind is None:
            raise ArgumentError(
                english(
                    "the model's outputs are neither one number nor one for each of up to {0} classes of y", CLASSES
                )
            )
        self.run, self.reading, self.flat = run, outputs.reading, shape[1] == 1
        if self.flat and (self.reading.classes or 2) > 2:
            raise ArgumentError(english("over one input it is drawn for numbers and for two classes"))
        low, high = sample.x.min(axis=0).tolist(), sample.x.max(axis=0).tolist()
        ranges = [around(*pair) for pair in zip(low, high, strict=True)]
        points = [np.linspace(*pair, 4 * grid if self.flat else grid) for pair in ranges]
        points = np.stack(np.meshgrid(*points), axis=-1).reshape(-1, shape[1])
        like = sample.x if sample.x.dtype.kind == "f" else run.model.parameters()[0]
        self.points = tensor(points, dtype=like.dtype, device=like.device)
        seen, truth = outputs.x.tolist(), self.reading.truth.tolist()
        self.facts = {
            "kind": "curve" if self.flat else "plane",
            "x": ranges[0],
            "y": (self.reading.scale or around(0, 1)) if self.flat else ranges[1],
            "grid": grid,
            "points": [[*x, y, y] if self.flat else [*x, y] for x, y in zip(seen, truth, strict=True)],
            "followed": int(np.searchsorted(sample.some, follow)) if follow in sample.some else None,
        }

    def snapshot(self):
        """As base64: for each point of the plane, row by row from the lowest x₂ up, its code, see Reading.codes; for each
        point of the curve its place in the range of "y". None if a prediction is not finite."""
        scores = predict(self.run.model, self.points).numpy()
        if not np.isfinite(scores).all():
            return None
        if self.flat and self.reading.kind == "classes":
            return _text(places(self.reading.probabilities(scores)[:, 1], self.facts["y"]))
        return _text(self.reading.codes(scores))


def _norm(tensors):
    """√Σ x² over all, in float64, in which squares neither overflow nor vanish."""
    return float(sum((t.to("float64") ** 2).sum() for t in tensors)) ** 0.5


def _text(array):
    return b64encode(array.tobytes()).decode()
