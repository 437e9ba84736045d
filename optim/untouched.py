"""Trying something out on a model without leaving a trace."""

from contextlib import contextmanager


@contextmanager
def untouched(run):
    """Whatever happens to the run's model, optimiser and random generators in the with-block is undone at its end.

    Weights and other tensors, gradients, the mode of each module, the optimiser's state and options, and the position of
    every random generator are as before, also after an error or Ctrl-C.
    """
    model, optimizer = run.model, run.optimizer
    weights, numbers = model.state_dict(), run.random_state()
    modes = [(module, module.training) for _, module in model.named_modules()]
    homes = [(item, item._data) for _, item in model.named_tensors()]
    gradients = [(p, p.grad) for p in model.parameters() if p.requires_grad]
    state = optimizer.state_dict() if optimizer is not None else None
    last_lr = optimizer.last_lr if optimizer is not None else None
    options = [dict(group) for group in optimizer.groups] if optimizer is not None else []
    try:
        yield
    finally:
        for item, home in homes:  # another optimiser may have moved them
            if item._data is not home:
                item.rehome(home)
        model.load_state_dict(weights)
        for module, mode in modes:
            module.training = mode
        for p, g in gradients:
            p.grad = g
        if optimizer is not None:
            for group, before in zip(optimizer.groups, options, strict=True):
                group.update(before)
            optimizer.load_state_dict(state)
            optimizer.last_lr = last_lr
        run.set_random_state(numbers)
