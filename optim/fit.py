"""fit: the definition of training."""

import sys
from time import perf_counter

import numpy as np

from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.ops.creation import asarray
from ..autograd.tape import no_grad
from .history import History


def fit(model, loss, optimizer, batches, epochs, validation=None, metrics=None, progress=True):
    """Train `model`: for each batch forward, loss, backward, step; after each epoch validate.

    Shape: `batches` yields (x, y), anew in each epoch; `validation` is one pair (x, y); `metrics` maps names to
        functions of (prediction, y) that return a number.
    Progress is a bar on a terminal and one line for each epoch elsewhere; progress=False is silent. Ctrl-C ends the
    training at once and returns the epochs that were finished.

    Returns the History: per epoch the mean loss, the seconds it took, and val_loss and val_<metric>.
    Raises: ArgumentError for a bad number of epochs, metrics without validation, or if there are no batches.
    """
    if not isinstance(epochs, (int, np.integer)) or isinstance(epochs, bool) or epochs < 1:
        raise ArgumentError(f"fit: epochs must be a whole number of at least 1, not {epochs!r}")
    if metrics and validation is None:
        raise ArgumentError("fit: metrics are measured on validation data; give validation=(x, y)")
    history = History()
    with Progress(epochs, progress) as bar:
        try:
            for epoch in range(1, epochs + 1):
                start, total, examples = perf_counter(), 0.0, 0
                model.train()
                for x, y in batches:
                    optimizer.zero_grad()
                    value = loss(model(x), y)
                    value.backward()
                    optimizer.step()
                    total, examples = total + value.detach().to("float64") * len(x), examples + len(x)
                if not examples:
                    raise ArgumentError("fit: there are no batches; was the data an iterator that is already used up?")
                row = {"epoch": epoch, "loss": float(total) / examples, "seconds": perf_counter() - start}
                if validation is not None:
                    row |= evaluate(model, loss, *validation, metrics)
                history.append(row)
                bar.show(row)
        except KeyboardInterrupt:
            bar.say(f"stopped in epoch {epoch}; the history so far is returned")
    return history


@no_grad()
def evaluate(model, loss, x, y, metrics=None):
    """The loss and the metrics of `model` on (x, y), with dropout and the like switched off, as a dict of numbers."""
    mode = model.training
    model.eval()
    try:
        prediction = model(x)
        scores = {"val_loss": float(loss(prediction, y))}
        return scores | {f"val_{name}": float(metric(prediction, y)) for name, metric in (metrics or {}).items()}
    finally:
        model.train(mode)


class Progress:
    """A bar on a terminal, plain lines elsewhere, nothing if not wanted."""

    def __init__(self, epochs, wanted):
        self.epochs, self.wanted = epochs, wanted
        self.bar = None
        if wanted and sys.stderr.isatty():
            from tqdm import tqdm  # only where there is a terminal to draw on

            self.bar = tqdm(total=epochs, unit="epoch", leave=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def show(self, row):
        facts = {k: f"{v:.4f}" for k, v in row.items() if k not in ("epoch", "seconds")}
        if self.bar is not None:
            self.bar.set_postfix(facts)
            self.bar.update()
        elif self.wanted:
            self.say(
                f"epoch {row['epoch']:>{len(str(self.epochs))}}/{self.epochs}  "
                + "  ".join(f"{k} {v}" for k, v in facts.items())
            )

    def say(self, text):
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        elif self.wanted:
            print(text, flush=True)


def accuracy(prediction, target):
    """The share of rows whose largest element is at the target's index.

    Shape: prediction (n, K), target (n,) of class indices.
    Raises: ShapeError if the target has another shape.
    Example:
        >>> import chainrule as cr
        >>> cr.optim.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), cr.tensor([1, 1]))
        0.5
    """
    chosen, target = asarray(prediction).argmax(axis=-1), asarray(target)
    if chosen.shape != target.shape:
        raise ShapeError(f"accuracy: needs one class index for each row, {chosen.shape}, not {target.shape}")
    return float((chosen == target).to("float64").mean())
