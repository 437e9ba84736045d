"""fit: the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import numpy as np

from .. import backends
from ..autograd.arguments import whole
from ..autograd.errors import ArgumentError
from ..autograd.foreign import explaining
from ..autograd.typing import FilePath
from ..metrics import Metric
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from ..parallel.workers import Workers
from .callback import Callback
from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .history import History
from .inputs import (
    all_callbacks,
    batches_of,
    check_run,
    check_types,
    checkpoint_at,
    clips,
    metrics_of,
    validation_parts,
)
from .interrupt import DeferredInterrupt
from .run import Run
from .step import Step
from .together import Together


@explaining
def fit(
    model: Module,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    data: Iterable[Any],
    epochs: int,
    validation: tuple[Any, Any] | dict[str, tuple[Any, Any]] | None = None,
    metrics: Metric | Iterable[Metric] | dict[str, Metric] | None = None,
    *,
    batch_size: int | None = 32,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    penalty: Callable[[Any], Any] | None = None,
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Callback | Callable[[Run], Any] | Iterable[Callback | Callable[[Run], Any]] = (),
    checkpoint: Checkpoint | FilePath | None = None,
    resume: bool = False,
    deterministic: bool = False,
    workers: Workers | int | None = None,
    shards: int | None = None,
    jit: bool | str | None = None,
    verbose: int = 1,
) -> History:
    """Train `model`: for each batch forward, loss, backward, step; after each epoch validate.

    Fields:
        data: Batches, or a pair of arrays (x, y), which is then shuffled into batches of `batch_size` (None: all at
            once; 1: stochastic), or anything that yields (x, y) anew in each epoch.
        validation: a pair (x, y), or several by name: {"train": (x, y), "val": (x, y)}.
        metrics: what to measure on the validation data: names from chainrule.metrics, functions of (prediction, y), or
            a dict of functions by name.
        clip_norm, clip_value: bounds on the norm of all gradients together, and on each of their elements.
        penalty: a function of the model whose value is added to the loss, such as a weight penalty.
        early_stopping: an EarlyStopping, or its patience.
        callbacks: Callbacks, or functions of the run that are called after each epoch.
        checkpoint: a path, or a Checkpoint: where to save the state of the run; resume=True goes on from there.
        deterministic: whether the run gives the same bits again on the same GPU, as inside chainrule.deterministic(), and for
            any number of workers.
        workers: who shares the work: a number of threads, or what chainrule.parallel.init() returned under mpiexec.
        shards: in how many parts workers cut a batch, see chainrule.parallel.DataParallel.
        jit: whether steps run as a program that cr.jit recorded. None: in long runs, where the code of the model and the loss is
            known to do nothing but compute (history.why_eager says why not): in C where that saves more than the compiler takes, and
            else by NumPy. False: never. True: always, by NumPy, with the bits of eager steps. "c": always, in C, whose last digits may
            differ from theirs. history.lowering says what ran.
        verbose: 0 is silent; 1 shows a bar on a terminal and a line for each epoch elsewhere; n a line for every n.

    Ctrl-C ends the training after the current step, a second one at once; the History of the finished epochs is
    returned, and with early stopping the model has its best weights.

    x and y of pairs, if they are floating, are converted to the model's dtype. What is on the host goes to the device of the
    model: pairs and Batches whole, if half of its free memory holds them, all else batch by batch. Afterwards the model is in eval mode.

    Returns the History: per epoch the mean loss (penalty included; the loss is taken to be a mean over its examples),
    val_loss and val_<metric>, the learning rate, the mean norm of the gradients (before clip_norm), and the seconds that
    training took. Its best_epoch and best_weights are those of the lowest val_loss, or of what early stopping monitors.

    Raises: ArgumentError, ShapeError or CheckpointError, before anything has changed, for options and data that do not
        fit, or for jit=True where steps cannot be recorded; GraphError if a loss or a gradient is nan or infinite, naming the
        parameter. Whatever error ends the run has the History of the finished epochs as its `history`.
    Example:
        >>> import chainrule as cr
        >>> x = cr.linspace(-1, 1, 50).reshape(50, 1)
        >>> model = cr.nn.Linear(1, 1)
        >>> history = cr.fit(model, cr.nn.mse, cr.optim.SGD(model.parameters(), lr=0.1), (x, 3 * x), 50, verbose=0)
        >>> history[-1]["loss"] < 1e-4
        True
    """
    if np.ndim(epochs):
        raise ArgumentError("fit: x and y are one argument, a pair: fit(model, loss, optimizer, (x, y), epochs)")
    whole("fit", "epochs", epochs)
    verbose = whole("fit", "verbose", int(verbose) if isinstance(verbose, bool) else verbose, least=0)
    check_types("fit", model, loss, optimizer, penalty)
    data, validation = batches_of(data, batch_size, model), validation_parts(validation, model)
    metrics, clip = metrics_of(metrics, validation), clips(clip_norm, clip_value)
    checkpoint = checkpoint_at(checkpoint, resume)
    callbacks = all_callbacks(early_stopping, validation, callbacks, epochs, verbose, checkpoint)
    run = Run(model, loss, optimizer, data, validation, metrics, callbacks)
    check_run(run, clip)
    deterministic = deterministic or backends.is_deterministic()
    if workers is not None:
        run.together = Together(run, workers, shards, deterministic)
    elif shards is not None:
        raise ArgumentError("fit: shards are for workers; give workers, too")
    state = None
    if checkpoint is not None:
        state = run.together.first(lambda: checkpoint.read(run, resume))
    same_bits = backends.deterministic(deterministic)

    steps = epochs * len(run.batches) if hasattr(run.batches, "__len__") else None
    step = Step(run, penalty, clip, jit, steps, deterministic, state and state["lowering"])
    with DeferredInterrupt(run), run.started(), same_bits, closing(step):
        if state is not None:
            run.load_state_dict(state)
            if state["lowering"] != step.lowering:
                run.say(f"the steps of the checkpoint ran on {state['lowering']!r}, these run on {step.lowering!r}")
        elif resume:
            run.say(f"there is no checkpoint at {checkpoint.path} yet: starting anew")
        step.say()
        while run.unfinished(epochs):
            for x, y in run.remaining_batches():
                value, *norms = step(x, y)
                run.record_step(value, run.together.examples(x), *norms)
                if run.stop_reason:
                    break
            else:
                run.finish_epoch()
        run.history.timeline = run.together.timeline()
    return run.history
