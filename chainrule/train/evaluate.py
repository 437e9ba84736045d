"""A model's outputs and scores in eval mode, without dropout and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.arguments import whole
from ..autograd.convert import raw
from ..autograd.errors import ArgumentError
from ..autograd.foreign import explaining
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import asarray
from ..autograd.ops.shape import concatenate
from ..autograd.tensor import Tensor
from ..backends import get, owner
from ..metrics import Metric
from ..metrics import metric as find
from ..nn.module import Module
from .restore import eval_mode


def for_model(model, arrays, if_they_fit=False):
    """The arrays as Tensors, the floating ones in the floating dtype of the model, in which it computes at its speed.

    If the model is on a device, what is on the host goes there; with `if_they_fit`, only if half of the free memory holds it.
    """
    own = next((p.dtype for p in model.parameters() if p.dtype.kind == "f"), None)
    arrays = [asarray(a) for a in arrays]
    arrays = [a.to(own) if own is not None and a.dtype.kind == "f" and a.dtype != own else a for a in arrays]
    if if_they_fit and (device := device_of(model)) and sum(raw(a).nbytes for a in arrays) > get(device).room() / 2:
        return arrays
    return on_device_of(model, arrays)


def device_of(model):
    """The name of the device of the model's parameters; None if they are on the host."""
    first = next(iter(model.parameters()), None)
    return None if first is None or owner(raw(first)).on_host else first.device


def on_device_of(model, arrays):
    """The arrays; if the model is on a device, all as Tensors, and those of the host there."""
    if (device := device_of(model)) is None:
        return arrays
    arrays = [asarray(a) for a in arrays]
    return [a.to(device) if owner(raw(a)).on_host else a for a in arrays]


@no_grad()
@explaining
def predict(model: Module, x: Any, batch_size: int = 4096) -> Tensor:
    """The output of `model` for x, in eval mode, without a graph, in parts of at most `batch_size` examples.

    Each module is in its own mode again afterwards. x, if it is floating, is converted to the model's dtype, and each part
    of an x on the host goes to the model's device.

    Shape: x (n, …) → (n, …).
    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.MLP([2, 8, 3], dropout=0.5)
        >>> cr.predict(model, cr.zeros((5, 2))).shape
        (5, 3)
    """
    whole("predict", "batch_size", batch_size)
    x = asarray(x)
    output = lambda part: model(*for_model(model, [part]))
    with eval_mode(model):
        if len(x) <= batch_size:
            return output(x)
        return concatenate([output(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])


@no_grad()
@explaining
def evaluate(
    model: Module,
    loss: Callable[..., Any],
    x: Any,
    y: Any,
    metrics: Metric | Iterable[Metric] | dict[str, Metric] | None = None,
    name: str = "val",
    batch_size: int = 4096,
    predict: Callable[[Module, Any], Tensor] | None = None,
) -> dict[str, float]:
    """The loss and the metrics of `model` on (x, y), as a dict of numbers: <name>_loss, <name>_<metric>.

    `metrics` as in fit. The model works on parts of at most `batch_size` examples; loss and metrics see them all.
    x and y, if they are floating, are converted to the model's dtype, and go to its device. Another function than
    chainrule.predict may compute predict(model, x).
    """
    metrics = named_metrics(metrics)
    (y,) = for_model(model, [y])
    with eval_mode(model):  # also for a loss that calls the model
        prediction = _predict(model, x, batch_size) if predict is None else predict(model, x)
        scores = {f"{name}_{k}": float(metric(prediction, y)) for k, metric in metrics.items()}
        return {f"{name}_loss": float(loss(prediction, y))} | scores


_predict = predict


def named_metrics(metrics):
    """{name: function}, from names, functions, or a dict of either.

    Raises: ArgumentError for a name that does not exist, a function without a name, or a name given twice.
    """
    if isinstance(metrics, dict):
        return {name: find(m) for name, m in metrics.items()}
    if metrics is None:
        return {}
    metrics = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not hasattr(metrics, "__iter__"):
        raise ArgumentError(f"metrics must be names, functions, or a dict of functions, not {metrics!r}")
    pairs = [(_name(m), m) for m in metrics]
    names = [name for name, _ in pairs]
    if None in names or len(set(names)) < len(names):
        raise ArgumentError(f"metrics need names, each once, but have {names}; give a dict of functions by name")
    return {name: find(m) for name, m in pairs}


def _name(metric):
    """The name of a metric: its own, or that of the function a functools.partial was made of."""
    if isinstance(metric, str):
        return metric
    name = getattr(getattr(metric, "func", metric), "__name__", None)
    return None if name == "<lambda>" else name
