"""Where the path from a parameter to the loss breaks."""

from ..autograd.convert import raw


def broken(p, events):
    """(what is wrong in words, the user's line, the remedy) for a parameter that no backward pass has reached.

    Its array is followed through the calls of the step, recorded or not: to one under no_grad, to one that has no gradient, or to
    the last that took it.
    """
    users = {}
    for call in events.calls:
        for array in {*call.given}:
            users.setdefault(array, []).append(call)
    waiting, seen, last = [id(raw(p))], set(), None
    while waiting:
        array = waiting.pop()
        for call in users.get(array, ()):
            if id(call) in seen:
                continue
            seen.add(id(call))
            name = call.primitive.name
            if not call.recorded:
                return f"{name} is computed under no_grad", call.place, "compute the loss outside no_grad"
            if not _differentiable(call, array):
                return (
                    f"{name} has no gradient", call.place,
                    f"use something smooth in place of {name}; it is for reading results, not for the loss",
                )  # fmt: skip
            waiting.append(call.out)
            last = max(last or call, call, key=lambda c: c.number)
    if last is None:
        return "it is not used in the step", None, "use it, or leave it out of the model and the optimiser"
    return (
        f"the result of {last.primitive.name} is not part of the loss: it is not used, or leaves the graph by detach(), numpy(), "
        "item() or float()", last.place, "use it in the loss as a Tensor; chainrule has NumPy's functions, with gradients",
    )  # fmt: skip


def _differentiable(call, array):
    """Whether a gradient flows from a call to one of its arrays."""
    p = call.primitive
    names = p.inputs * len(call.given) if p.variadic else p.inputs
    return any(name in p.vjp for name, given in zip(names, call.given, strict=False) if given == array)
