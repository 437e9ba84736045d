"""Module: parameters in a tree. A layer is a class with attributes and a `forward`; everything else is found by looking."""

from ..autograd.errors import ArgumentError, CheckpointError
from ..autograd.ops.creation import tensor
from ..autograd.tensor import Tensor, raw


class Parameter(Tensor):
    """A leaf that training changes: a Tensor that requires grad and that modules list among their parameters."""

    __slots__ = ()

    def __init__(self, data, dtype=None, device=None):
        self._set(tensor(data, dtype, device)._data, None)
        self.requires_grad = True


class Module:
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

    def forward(self, *inputs):
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *inputs, **options):
        return self.forward(*inputs, **options)

    # ---- what it is made of

    def named_modules(self, prefix=""):
        """(path, module) for this module and all below it, each once."""
        seen = set()
        for path, item in _walk(self, prefix):
            if isinstance(item, Module) and id(item) not in seen:
                seen.add(id(item))
                yield path, item

    def named_tensors(self):
        """(path, tensor) for all parameters and other tensors: what a state dict holds. A shared one comes once."""
        seen = set()
        for path, item in _walk(self, ""):
            if isinstance(item, Tensor) and id(item) not in seen:
                seen.add(id(item))
                yield path, item

    def named_parameters(self):
        """(path, parameter) for all parameters; a shared one comes once."""
        return ((path, item) for path, item in self.named_tensors() if isinstance(item, Parameter))

    def parameters(self):
        """All parameters, as a list."""
        return [p for _, p in self.named_parameters()]

    # ---- state

    def state_dict(self):
        """Copies of all parameters and other tensors, by path: later training does not change them."""
        return {path: tensor(item.numpy(), device=item.device) for path, item in self.named_tensors()}

    def load_state_dict(self, state):
        """Take over the values of a state dict: all of them, or none if anything does not fit.

        Raises: CheckpointError that names every entry that is missing, unexpected, or of another shape.
        """
        own = dict(self.named_tensors())
        faults = [f"missing: {name} {item.shape}" for name, item in own.items() if name not in state]
        faults += [f"unexpected: {name} {tuple(item.shape)}" for name, item in state.items() if name not in own]
        faults += [
            f"of another shape: {name} is {tuple(state[name].shape)}, the model needs {item.shape}"
            for name, item in own.items()
            if name in state and tuple(state[name].shape) != item.shape
        ]
        if faults:
            raise CheckpointError("load_state_dict: the state does not fit the model; " + "; ".join(faults))
        for name, item in own.items():
            value = state[name]
            item.assign(value.numpy() if isinstance(value, Tensor) else value)
        return self

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.grad = None

    def train(self, mode=True):
        """Switch this module and all below to training."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self):
        """Switch this module and all below to evaluation."""
        return self.train(False)

    def to(self, target):
        """Move all tensors to a device, or convert them to a floating dtype, in place. Make optimisers afterwards."""
        for _, item in self.named_tensors():
            item.rehome(raw(item.detach().to(target)))
            if item.requires_grad:
                item.grad = None
        return self

    # ---- showing it

    def extra_repr(self):
        """What the layer says of itself between the brackets."""
        return ""

    def __repr__(self):
        lines = [f"({name}): " + repr(item).replace("\n", "\n  ") for name, item in _children(self)]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n  ".join([f"{type(self).__name__}({self.extra_repr()}", *lines]) + "\n)"


def _items(owner):
    """(name, value) of what an object holds: a module's attributes, the items of a list, tuple or dict."""
    if isinstance(owner, Module):
        return vars(owner).items()
    return owner.items() if isinstance(owner, dict) else enumerate(owner)


def _walk(owner, path):
    """(path, item) for a module, and for all modules and tensors in it, depth first, in the order of assignment."""
    if isinstance(owner, Module):
        yield path, owner
    for name, item in _items(owner):
        inner = f"{path}.{name}" if path else str(name)
        if isinstance(item, Tensor):
            yield inner, item
        elif isinstance(item, (Module, list, tuple, dict)):
            yield from _walk(item, inner)


def _children(module):
    for name, item in vars(module).items():
        if isinstance(item, Module):
            yield name, item
        elif isinstance(item, (list, tuple)):
            yield from ((f"{name}.{i}", sub) for i, sub in enumerate(item) if isinstance(sub, Module))


def positive_int(owner, name, value):
    """`value` if it is a whole number ≥ 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{owner}: {name} must be a whole number of at least 1, not {value!r}")
    return value
