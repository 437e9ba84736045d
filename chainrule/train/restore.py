"""Trying something out on a model, and restoring it afterwards."""

from contextlib import ExitStack, contextmanager

from ..autograd.convert import raw


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
    """Whatever happens to the run's model, optimiser and random generators in the with-block is undone at its end, also after
    an error or Ctrl-C."""
    tensors = [item for _, item in run.model.named_tensors()]
    random_state = run.random_state()
    try:
        with restored(tensors, [run.optimizer] if run.optimizer is not None else [], [run.model]):
            yield
    finally:
        run.set_random_state(random_state)


@contextmanager
def restored(tensors, optimizers, modules, generators=()):
    """After the with-block all of these are as before.

    Values, gradients and versions of the tensors (so that a graph that waits stays valid) and of all in the modules and optimisers,
    the mode of each module, the state and options of each optimiser, and the state of each generator.
    """
    items = {id(item): item for item in tensors}
    items |= {id(item): item for module in modules for _, item in module.named_tensors()}
    items |= {id(p): p for optimizer in optimizers for p in optimizer.params}
    arrays = [(item, raw(item), item.detach(), item._version) for item in items.values()]
    gradients = [(p, p._node, None if p._node.grad is None else p.grad) for p in items.values() if p.requires_grad]
    states = [(o, o.state_dict(), [group.options for group in o.groups], o._warned) for o in optimizers]
    random_states = [(generator, generator.get_state()) for generator in generators]
    with ExitStack() as ends:
        for module in modules:
            ends.enter_context(keep_modes(module))
        try:
            yield
        finally:
            for item, array, values, version in arrays:
                if raw(item) is not array:  # an optimiser that was made inside has moved it into its flat buffer
                    item.replace_array(array)
                item.assign(values)
                item._version = version
            for p, node, g in gradients:
                if p._node is node:
                    p.grad = g
            for optimizer, state, options, warned in states:
                for group, before in zip(optimizer.groups, options, strict=True):
                    group.update(before)
                optimizer.load_state_dict(state)
                optimizer._warned = warned
            for generator, state in random_states:
                generator.set_state(state)
