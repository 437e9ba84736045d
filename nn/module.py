"""Module: parameters in a tree. A layer is a class with attributes and a `forward`; the rest is found by looking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import numpy as np

from ..autograd.convert import raw
from ..autograd.doors import refuse_leaving
from ..autograd.errors import CheckpointError, DtypeError, GraphError
from ..autograd.foreign import Explaining, explaining
from ..autograd.grad_mode import call_number, enter, leave, no_grad, scope
from ..autograd.ops.creation import tensor
from ..autograd.serialize import fitted
from ..autograd.tensor import Tensor
from ..autograd.typing import ArrayLike, DType
from .activations import name_of


class Parameter(Tensor):
    """A leaf that training changes: a Tensor that requires grad and that modules list among their parameters."""

    __slots__ = ()

    def __init__(self, data: ArrayLike, dtype: DType | None = None, device: str | None = None):
        self._set(tensor(data, dtype, device)._data, None)
        self.requires_grad = True


class Module(Explaining):
    """The base of layers and models. Assign parameters, tensors and modules as attributes, and define `forward`.

    Fields:
        training: whether layers such as Dropout are active; set by train() and eval().

    Example:
        >>> import chainrule as cr
        >>> class Scale(cr.nn.Module):
        ...     def __init__(self):
        ...         self.factor = cr.nn.Parameter([2.0])
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> model = Scale()
        >>> model(cr.tensor([3.0])).tolist(), [name for name, _ in model.named_parameters()]
        ([6.0], ['factor'])
    """

    training = True

    def forward(self, *inputs: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        token = enter((self, scope(), call_number()))  # pictures show what was computed in which call
        try:
            return self.forward(*inputs, **options)
        finally:
            leave(token)

    def __setattr__(self, name: str, value: Any) -> None:
        replaces = isinstance(vars(self).get(name), Parameter) and value is not None
        if replaces and not any(isinstance(item, (Parameter, Module)) for _, item in _walk([value])):
            raise GraphError(
                f"{type(self).__name__}.{name}: is a Parameter, and {type(value).__name__} in its place would never be "
                f"trained. For other values use {name}.assign(values), for another shape {name} = Parameter(values); "
                f"to do without a Parameter, delete it first: del module.{name}"
            )
        super().__setattr__(name, value)

    # ---- what it is made of

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) for this module and all below it, each once."""
        return ((path, item) for path, item in _walk(self, prefix) if isinstance(item, Module))

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) for all parameters and other tensors: what a state dict holds. A shared one comes once."""
        return ((path, item) for path, item in _walk(self) if isinstance(item, Tensor))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) for all parameters; a shared one comes once."""
        return ((path, item) for path, item in self.named_tensors() if isinstance(item, Parameter))

    def parameters(self) -> list[Parameter]:
        """All parameters, as a list."""
        return [p for _, p in self.named_parameters()]

    # ---- state

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of all parameters and other tensors, by path: later training does not change them."""
        return {path: item.detach() for path, item in self.named_tensors()}

    def load_state_dict(self, state: dict[str, Any]) -> Self:
        """Load the values of a state dict: all of them, or none if anything does not fit.

        Raises: CheckpointError that names every entry that is missing, unexpected, of another shape, no numbers, or
            beyond what the dtype of the model can hold; GraphError for the result of a recorded call.
        """
        arrays = self.check_state_dict(state)
        for name, value in state.items():
            if isinstance(value, Tensor) and not value.is_leaf:
                refuse_leaving(f"load_state_dict: {name}", value, "compute with it instead of loading it")
        before: list[tuple[Tensor, Tensor]] = []
        try:
            for name, item in self.named_tensors():
                before.append((item, item.detach()))
                item.assign(arrays[name])
        except BaseException:  # memory that may not be written to, Ctrl-C
            for item, values in before:
                with suppress(GraphError):  # what could not be written to
                    item.assign(values)
            raise
        return self

    def check_state_dict(self, state: dict[str, Any]) -> dict[str, np.ndarray]:
        """The arrays that load_state_dict(state) would load, by path; nothing changes.

        Raises: CheckpointError, as load_state_dict does.
        """
        if not isinstance(state, dict):
            raise CheckpointError(f"load_state_dict: needs a dict of tensors by name, not {type(state).__name__}")
        own, arrays = dict(self.named_tensors()), {}
        faults = [f"missing: {name} {item.shape}" for name, item in own.items() if name not in state]
        faults += [f"unexpected: {name} {_shape(x)}" for name, x in state.items() if name not in own]
        for name, item in own.items():
            if name in state:
                try:
                    arrays[name] = fitted("the model", name, state[name], item.shape, item.dtype)
                except CheckpointError as error:
                    faults.append(str(error))
        if faults:
            raise CheckpointError("load_state_dict: the state does not fit the model; " + "; ".join(faults))
        return arrays

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            if p.requires_grad:
                p.grad = None

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below to training mode."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and all below to eval mode."""
        return self.train(False)

    @explaining
    def to(self, target: DType) -> Self:
        """Move all tensors to a device, or convert the floating ones to a floating dtype, in place.

        What moves forgets its gradient. Make optimisers afterwards.

        Raises: DeviceError for an unknown device; DtypeError for a dtype that is unknown or not floating.
        """
        for _, item in self.named_tensors():
            with no_grad():
                moved = item.to(target)
            if item.dtype.kind == "f" and moved.dtype.kind != "f":
                raise DtypeError(
                    f"to: a model computes with a floating dtype such as 'float32', not with {moved.dtype}"
                )
            if moved is not item and (item.dtype.kind == "f" or moved.dtype == item.dtype):  # whole numbers stay whole
                item.replace_array(raw(moved))
                if item.requires_grad:
                    item.grad = None
        return self

    # ---- showing it

    def _parts(self):
        """(path, part) for what is shown of it line by line: the modules that it holds."""
        return _children(self)

    def extra_repr(self) -> str:
        """What the layer says of itself between the brackets."""
        return ""

    def __repr__(self):
        lines, around, waiting = [], set(), [("", "", self)]
        while waiting:
            indent, name, part = waiting.pop()
            if name is None:  # the end of a module
                lines.append(indent + ")")
                around.remove(id(part))
            elif id(part) in around:
                lines.append(f"{indent}{name}...")
            elif type(part).__repr__ is not Module.__repr__:  # a function, or a module with a form of its own
                text = repr(part) if isinstance(part, Module) else name_of(part)
                lines.append(indent + name + text.replace("\n", f"\n{indent}"))
            else:
                inner = [(indent + "  ", f"({path}): ", x) for path, x in part._parts()]
                lines.append(f"{indent}{name}{type(part).__name__}({part.extra_repr()}" + ")" * (not inner))
                if inner:
                    around.add(id(part))
                    waiting += [(indent, None, part), *reversed(inner)]
        return "\n".join(lines)


def _items(owner):
    """(name, value) of what an object holds: a module's attributes, the items of a list, tuple or dict."""
    if isinstance(owner, Module):
        return vars(owner).items()
    return owner.items() if isinstance(owner, dict) else enumerate(owner)


def _shape(x):
    """The shape of what may be an array, a nested list, or anything else."""
    try:
        return np.shape(raw(x))
    except ValueError:
        return "(ragged)"


def _inside(path, owner):
    """(path, value) for the modules, containers and tensors that an object holds, last one first."""
    held = [(name, x) for name, x in _items(owner) if isinstance(x, (Module, Tensor, list, tuple, dict))]
    return [(f"{path}.{name}" if path else str(name), x) for name, x in reversed(held)]


def _walk(item, path=""):
    """(path, item) for the modules and tensors in a module or container, each once, in the order of assignment.

    Without recursion: modules may be nested to any depth.
    """
    seen, waiting = set(), [(path, item)]
    while waiting:
        path, item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, (Module, Tensor)):
            yield path, item
        if not isinstance(item, Tensor):
            waiting += _inside(path, item)


def _children(owner):
    """(path, module) for the modules that an object holds itself or in lists, tuples and dicts."""
    seen, waiting = set(), _inside("", owner)
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Module):
            yield path, item
        elif not isinstance(item, Tensor) and id(item) not in seen:
            seen.add(id(item))
            waiting += _inside(path, item)
