"""Trying something out on a model without leaving a trace."""

from contextlib import contextmanager

from ..autograd.tensor import raw


@contextmanager
def modes_kept(model):
    """Each of the model's modules is in training or in evaluation after the with-block as it was before."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def evaluating(model):
    """The model in evaluation inside the with-block; each of its modules is in its own mode again afterwards."""
    with modes_kept(model):
        model.eval()
        yield


@contextmanager
def untouched(run):
    """Whatever happens to the run's model, optimiser and random generators in the with-block is undone at its end.

    Weights and other tensors, gradients, the mode of each module, the optimiser's state and options, and the position of
    every random generator are as before, also after an error or Ctrl-C.
    """
    model, optimizer = run.model, run.optimizer
    items = {id(item): item for _, item in model.named_tensors()}
    items |= {id(p): p for p in (optimizer.params if optimizer is not None else [])}
    arrays = [(item, raw(item), item.detach()) for item in items.values()]
    gradients = [(p, p.grad) for p in items.values() if p.requires_grad]
    state = optimizer.state_dict() if optimizer is not None else None
    options = [group.options for group in optimizer.groups] if optimizer is not None else []
    numbers = run.random_state()
    try:
        with modes_kept(model):
            yield
    finally:
        for item, array, values in arrays:
            if raw(item) is not array:  # another optimiser has moved it
                item.replace_array(array)
            item.assign(values)
        for p, g in gradients:
            p.grad = g
        if optimizer is not None:
            for group, before in zip(optimizer.groups, options, strict=True):
                group.update(before)
            optimizer.load_state_dict(state)
        run.set_random_state(numbers)
