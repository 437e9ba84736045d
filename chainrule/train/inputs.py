"""What fit does before the first step: bring its inputs into one form, and check that they fit together."""

from copy import copy
from os import PathLike

import numpy as np

from ..autograd.arguments import positive, whole_number
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.grad_mode import no_grad
from ..autograd.tensor import Tensor
from ..data import Batches, check_finite
from ..nn.activations import name_of
from ..nn.losses import without_partial
from ..optim.clip import clip_grad_norm, clip_grad_value
from ..optim.optimizer import Optimizer
from ..parallel.replica import Replica
from .callback import Callback, EachEpoch
from .checkpoint import Checkpoint
from .early_stopping import Best, EarlyStopping
from .evaluate import for_model, named_metrics, predict
from .progress import Progress
from .restore import eval_mode


def batches_of(data, batch_size, model):
    """A pair of arrays, or of lists of numbers, as Batches; anything else that yields pairs is returned as it is."""
    wanted = "fit: data must be a pair (x, y), Batches, or something that yields pairs (x, y)"
    if _is_array(data) or isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
        raise ArgumentError(f"{wanted}, not {type(data).__name__}")
    if isinstance(data, (tuple, list)) and data and all(_is_array(a) or _is_numbers(a) for a in data):
        if len(data) != 2:
            raise ArgumentError(f"{wanted}, not {len(data)} arrays")
        return Batches(*for_model(model, data, if_they_fit=True), batch_size=batch_size, shuffle=batch_size is not None)
    if isinstance(data, Batches):
        arrays = for_model(model, data.arrays, if_they_fit=True)
        if [a.device for a in arrays] != [a.device for a in data.arrays]:
            data = copy(data)
            data.arrays = arrays
    return data


def _is_array(a):
    return isinstance(a, Tensor) or (hasattr(a, "shape") and hasattr(a, "__array__"))  # a table of pandas, too


def _is_numbers(a):
    """Whether `a` is a list of numbers, nested or not; a tuple is taken for a batch."""
    if not isinstance(a, list):
        return False
    while isinstance(a, (list, tuple)) and a:
        a = a[0]
    return isinstance(a, (int, float))


def validation_parts(validation, model):
    """{name: (x, y)}, however it was given."""
    if validation is None:
        return {}
    parts = validation if isinstance(validation, dict) else {"val": validation}
    for name, pair in parts.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ArgumentError(f"fit: validation data {name!r} must be a pair (x, y), not {pair!r:.80}")
    return {name: tuple(for_model(model, pair, if_they_fit=True)) for name, pair in parts.items()}


def metrics_of(metrics, validation):
    """{name: metric}; an error without validation data, on which they are measured."""
    if metrics and not validation:
        raise ArgumentError("fit: metrics are measured on validation data; give validation=(x, y)")
    return named_metrics(metrics)


def clips(clip_norm, clip_value):
    """The clipping before each step, as functions of the parameters."""
    wanted = ((clip_grad_norm, "clip_norm", clip_norm), (clip_grad_value, "clip_value", clip_value))
    wanted = [(clip, positive("fit", name, bound)) for clip, name, bound in wanted if bound is not None]
    return [lambda params, clip=clip, bound=bound: clip(params, bound) for clip, bound in wanted]


def all_callbacks(early_stopping, validation, callbacks, epochs, verbose, checkpoint):
    """All callbacks in the order in which they are called; the checkpoint comes last, and so saves what the others did."""
    if whole_number(early_stopping):
        early_stopping = EarlyStopping(patience=early_stopping)
    if early_stopping is not None and not isinstance(early_stopping, Best):
        raise ArgumentError(f"fit: early_stopping must be an EarlyStopping or its patience, not {early_stopping!r}")
    if early_stopping is None and validation:
        early_stopping = Best(f"{'val' if 'val' in validation else next(iter(validation))}_loss")
    alone = isinstance(callbacks, Callback) or not hasattr(callbacks, "__iter__")
    callbacks = [callbacks] if alone else list(callbacks)
    for callback in callbacks:
        if isinstance(callback, type) or not (isinstance(callback, Callback) or callable(callback)):
            raise ArgumentError(f"fit: a callback must be a Callback or a function of the run, not {callback!r}")
    callbacks = [c if isinstance(c, Callback) else EachEpoch(c) for c in callbacks]
    best = [] if early_stopping is None else [early_stopping]
    last = [] if checkpoint is None else [checkpoint]
    return [*best, *callbacks, Progress(epochs, verbose), *last]


def checkpoint_at(checkpoint, resume):
    """A path as a Checkpoint."""
    if checkpoint is None and resume:
        raise ArgumentError("fit: resume=True needs checkpoint=, the file to go on from")
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    if not isinstance(checkpoint, (str, PathLike)):
        raise ArgumentError(f"fit: checkpoint must be a path or a Checkpoint, not {checkpoint!r}")
    return Checkpoint(checkpoint)


def check_types(owner, model, loss, optimizer, penalty=None):
    """Raise unless model, loss, optimizer and penalty are of the right types."""
    for name, value in (("model", model), ("loss", loss), ("penalty", penalty)):
        if not callable(value) and not (value is None and name == "penalty"):
            advice = f"; make it with chainrule.nn.loss({value!r})" if name == "loss" and isinstance(value, str) else ""
            raise ArgumentError(f"{owner}: {name} must be callable, not {value!r:.80}{advice}")
    if not isinstance(optimizer, Optimizer):
        kind = optimizer.__name__ if isinstance(optimizer, type) else "chainrule.optim.Adam"
        raise ArgumentError(
            f"{owner}: optimizer must be an Optimizer, not {optimizer!r:.80}; make one: {kind}(model.parameters(), ...)"
        )


def one_to_minimise(owner, value):
    """What a loss returned, which must be a Tensor."""
    if not isinstance(value, Tensor):
        raise ArgumentError(
            f"{owner}: the loss must return a Tensor, it returned {type(value).__name__}; compute it with chainrule's functions, "
            "without item() or float()"
        )
    return value


def check_run(run, clip):
    """Raise if the optimiser is not the model's, or if the data does not fit: nan, another width, labels out of range.

    Data that only yields batches is not checked: it may be an iterator.
    """
    _check_optimizer(run, clip)
    arrays = getattr(run.batches, "arrays", None)
    parts = {}
    if arrays is not None:
        if len(arrays) != 2:
            raise ArgumentError(f"fit: batches must be pairs (x, y); these hold {len(arrays)} arrays")
        parts["training data"] = tuple(arrays)
    parts |= {f"validation data {name!r}": pair for name, pair in run.validation.items()}
    widths = {}
    for name, (x, y) in parts.items():
        if not len(x.shape) or not len(y.shape) or x.shape[0] != y.shape[0] or not x.shape[0]:
            raise ShapeError(f"fit: {name} must be x and y of one length, at least 1, given {x.shape} and {y.shape}")
        for label, a in (("x", x), ("y", y)):
            check_finite(f"fit: {label} of the {name}", a)
        widths[name] = tuple(x.shape[1:])
    (first, width), *others = widths.items() if widths else [("", ())]
    for name, other in others:
        if other != width:
            raise ShapeError(f"fit: the examples of the {name} have shape {other}, those of the {first} {width}")
    for name, (x, y) in parts.items():
        _check_labels(run, name, _trial_output(run, x), y)
    for x, y in run.validation.values() if run.metrics else ():  # so that a metric that does not fit raises now
        prediction = predict(run.model, x)
        for metric in run.metrics.values():
            metric(prediction, *for_model(run.model, [y]))


def _check_optimizer(run, clip):
    """Raise if the optimiser does not fit the model, the data or the options."""
    optimizer, batches = run.optimizer, len(run.batches) if hasattr(run.batches, "__len__") else None
    own = {id(p) for p in run.model.parameters()}
    if own and own.isdisjoint(map(id, optimizer.params)):
        raise ArgumentError("fit: the optimiser has none of the model's parameters; was it made for another model?")
    if optimizer.whole_batch and (batches != 1 or clip):
        raise ArgumentError(
            f"fit: {type(optimizer).__name__} needs the same loss at every call: all data in one batch (batch_size=None) "
            f"and no clipping; there are {batches} batches"
        )
    for group in optimizer.groups:
        for name in monitors(group["lr"]):
            run.check_column(f"fit: the learning rate {group['lr']!r}", name)
    _check_last_batch(run.model, run.batches)


def _check_last_batch(model, batches):
    """Raise if the last batch of an epoch would be too small for a layer of the model."""
    if not isinstance(batches, Batches) or batches.drop_last:
        return
    remainder = batches.n % batches.batch_size
    if 0 < remainder < max(getattr(module, "least_batch", 1) for _, module in model.named_modules()):
        raise ArgumentError(
            f"fit: the last batch has {remainder} example, too few for the model's BatchNorm; choose another batch_size, or "
            "Batches(x, y, drop_last=True)"
        )


def monitors(schedule):
    """The columns of the history that a learning rate depends on."""
    own = [schedule.monitor] if hasattr(schedule, "monitor") else []
    return own + [name for part in getattr(schedule, "parts", []) for name in monitors(part)]


@no_grad()
def _trial_output(run, x):
    """The model's output for one example; model and data are unchanged afterwards.

    The global generator is not restored, since another thread may draw from it; a model in eval mode does not.
    """
    state = run.random_state(own=True)
    try:
        with eval_mode(run.model):
            return Replica(run.model).model(*for_model(run.model, [x[:1]]))
    finally:
        run.set_random_state(state)


def _check_labels(run, name, output, y):
    """Raise if labels are out of range for the model's outputs or for the loss."""
    shape, kind = getattr(output, "shape", ()), np.dtype(y.dtype).kind
    if kind in "iu" and len(shape) == len(y.shape) + 1:
        bounds, advice = (0, shape[-1] - 1), f"class indices 0 to {shape[-1] - 1}: the model has {shape[-1]} outputs"
    elif bounds := getattr(loss := without_partial(run.loss), "target_range", None):
        advice = f"targets in {list(bounds)}: that is what {name_of(loss)} compares with"
    else:
        return
    low, high = float(y.min()), float(y.max())
    if low < bounds[0] or high > bounds[1]:
        raise ArgumentError(f"fit: the {name} must have {advice}, but y goes from {low:g} to {high:g}")
