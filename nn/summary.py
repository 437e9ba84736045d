"""A model as a table: its layers, what they give, and how many parameters they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..autograd import random
from ..autograd.arguments import whole
from ..autograd.errors import ArgumentError, ShapeError
from ..autograd.grad_mode import no_grad
from ..autograd.ops.creation import zeros
from ..autograd.tensor import Tensor
from .activations import name_of
from .module import Module
from .sequential import Sequential

_BATCH = 2  # examples in the pass that finds the shapes


@dataclass(repr=False)
class Summary:
    """What `summary` found; it is shown as a table.

    Fields:
        rows: a dict for each module, and each function in a Sequential, in the order of their first calls: its path,
            type and output shape, and the number of parameters that it holds itself, not in modules below it, and of
            trainable ones among them.
        total_parameters, trainable_parameters: how many numbers are learned; what is shared counts once.
        parameter_bytes: the memory they take.
    """

    rows: list[dict[str, Any]]
    total_parameters: int
    trainable_parameters: int
    parameter_bytes: int

    def __repr__(self) -> str:
        cells = [[f"{value:,}" if isinstance(value, int) else value for value in row.values()] for row in self.rows]
        cells = [["layer", "type", "output", "parameters", "trainable"], *cells]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        head, *body = [
            "  ".join([*map(str.ljust, row[:3], widths), *map(str.rjust, row[3:], widths[3:])]) for row in cells
        ]
        frozen = self.total_parameters - self.trainable_parameters
        total = f"{self.total_parameters:,} parameters"
        total += f" ({frozen:,} of them frozen)" if frozen else ""
        return "\n".join([head, "─" * len(head), *body, "─" * len(head), f"{total}, {_memory(self.parameter_bytes)}"])


def summary(model: Module, input_shape: int | tuple[int, ...] | list[int]) -> Summary:
    """The layers of a model with their output shapes and numbers of parameters, from one pass of zeros through it.

    The pass runs in eval mode, and leaves the model, its mode and the random numbers as they were.

    Shape: input_shape that of one example, such as (64,) or 64; the output shapes have an n where the batch is.
    Raises: ShapeError, naming the layer, if one cannot take the shape that arrives at it; ArgumentError if the model is
        no Module, or input_shape no shape.
    Example:
        >>> import chainrule as cr
        >>> cr.nn.summary(cr.nn.Sequential(cr.nn.Linear(64, 32), cr.tanh, cr.nn.Linear(32, 10)), 64)
        layer     type        output   parameters  trainable
        ────────────────────────────────────────────────────
        (model)   Sequential  (n, 10)           0          0
        layers.0  Linear      (n, 32)       2,080      2,080
        layers.1  tanh        (n, 32)           0          0
        layers.2  Linear      (n, 10)         330        330
        ────────────────────────────────────────────────────
        2,410 parameters, 9.4 KiB
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"summary: needs a Module, not {model!r}")
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (input_shape,)
    for length in shape:
        whole("summary", "every length of input_shape", length)
    modules = dict(model.named_modules())
    parts = modules | {place: layer for item in modules.items() for place, layer in _functions(*item)}
    outputs = _outputs(model, modules, shape)
    held: dict[str, list[Any]] = {path: [] for path in [*outputs, *parts]}
    for name, p in model.named_parameters():
        held[max((path for path in modules if not path or name.startswith(f"{path}.")), key=len)].append(p)
    rows = [
        {
            "path": path or "(model)",
            "type": name_of(parts[path]),
            "output": ", ".join(outputs.get(path, ["not called"])),
            "parameters": sum(p.size for p in own),
            "trainable": sum(p.size for p in own if p.requires_grad),
        }
        for path, own in held.items()
    ]
    total, trainable = (sum(row[key] for row in rows) for key in ("parameters", "trainable"))
    return Summary(rows, total, trainable, sum(p.size * p.dtype.itemsize for p in model.parameters()))


def _functions(path, module):
    """(path, function) for the layers of a Sequential that are no modules."""
    if isinstance(module, Sequential):
        for i, layer in enumerate(module.layers):
            if not isinstance(layer, Module):
                yield f"{path}.layers.{i}" if path else f"layers.{i}", layer


def _outputs(model, modules, shape):
    """{path: the different output shapes, as text} in the order of the first calls."""
    outputs, failed = {}, []

    def watched(path, part, forward):
        def call(*inputs, **options):
            shapes = outputs.setdefault(path, [])
            try:
                result = forward(*inputs, **options)
            except ShapeError:
                failed.append(f"{path or 'the model'} ({name_of(part)}) cannot take {_text(inputs)}")
                raise
            if _text(result) not in shapes:
                shapes.append(_text(result))
            return result

        return call

    like = next((x for _, x in model.named_tensors() if x.dtype.kind == "f"), zeros(()))
    before, state = [(module, dict(vars(module))) for module in modules.values()], random.get_state()
    try:
        model.eval()
        for path, module in modules.items():
            module.forward = watched(path, module, module.forward)
            functions = [watched(place, layer, layer) for place, layer in _functions(path, module)]
            if functions:
                module.layers = [x if isinstance(x, Module) else functions.pop(0) for x in module.layers]
        with no_grad():
            model(zeros((_BATCH, *shape), like.dtype, like.device))
    except ShapeError as error:
        raise ShapeError(f"summary: for input_shape={shape}, {failed[0]}: {error}") from error
    finally:
        random.set_state(state)
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)
    return outputs


def _text(result):
    """The shape of a tensor, or those of several, with n for the number of examples."""
    if isinstance(result, (tuple, list)):
        return ", ".join(map(_text, result))
    if not isinstance(result, Tensor):
        return type(result).__name__
    batch = ["n"] if result.shape[:1] == (_BATCH,) else []
    lengths = [*batch, *result.shape[len(batch) :]]
    return f"({', '.join(map(str, lengths))}{',' if len(lengths) == 1 else ''})"


def _memory(size):
    power = min(max(size.bit_length() - 1, 0) // 10, 3)  # of 1024
    return f"{size / 1024**power:,.{min(power, 1)}f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"
