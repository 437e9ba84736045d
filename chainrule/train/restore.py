"""Trying something out on a model, and restoring it afterwards."""

from contextlib import contextmanager

from ..autograd.tensor import raw


@contextmanager
def keep_modes(model):
    """After the with-block each of the model's modules is again in the mode, training or eval, that it had before."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def eval_mode(model):
    """The model is in eval mode inside the with-block; each of its modules has its own mode again afterwards."""
    with keep_modes(model):
        model.eval()
        yield


@contextmanager
def restore_after(run):
    """Whatever happens to the run's model, optimiser and random generators in the with-block is undone at its end.

    Weights and other tensors, gradients, the mode of each module, the optimiser's state and options, and the state of
    every random generator are as before, also after an error or Ctrl-C.
    """
    model, optimizer = run.model, run.optimizer
    items = {id(item): item for _, item in model.named_tensors()}
    items |= {id(p): p for p in (optimizer.params if optimizer is not None else [])}
    arrays = [(item, raw(item), item.detach()) for item in items.values()]
    gradients = [(p, p.grad) for p in items.values() if p.requires_grad]
    state = optimizer.state_dict() if optimizer is not None else None
    options = [group.options for group in optimizer.groups] if optimizer is not None else []
    random_state = run.random_state()
    try:
        with keep_modes(model):
            yield
    finally:
        for item, array, values in arrays:
            if raw(item) is not array:  # an optimiser that was made inside has moved it into its flat buffer
                item.replace_array(array)
            item.assign(values)
        for p, g in gradients:
            p.grad = g
        if optimizer is not None:
            for group, before in zip(optimizer.groups, options, strict=True):
                group.update(before)
            optimizer.load_state_dict(state)
        run.set_random_state(random_state)
