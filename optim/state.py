"""An optimiser as plain data, and back."""

import numpy as np

from ..autograd.arguments import number, whole_number
from ..autograd.errors import ArgumentError, CheckpointError
from ..autograd.tensor import Tensor
from .group import Group


def saved(optimizer):
    """What Optimizer.state_dict returns: the options of each group and, for each parameter, its state and updates."""
    entries = {id(p): e for _, flat in optimizer.buffers for p, e in zip(flat.params, flat.entries(), strict=True)}
    groups = [{k: repr(v) if callable(v) else v for k, v in group.options.items()} for group in optimizer.groups]
    return {
        "kind": type(optimizer).__name__,
        "steps": optimizer.steps,
        "last_lr": optimizer.last_lr,
        "groups": [{"size": len(g["params"]), **o} for g, o in zip(optimizer.groups, groups, strict=True)],
        "schedules": [_schedule_state(group["lr"]) for group in optimizer.groups],
        "state": [entries[id(p)] for p in optimizer.params],
    }


def _schedule_state(lr):
    """None for a number, {} for a plain function."""
    return None if not callable(lr) else lr.state_dict() if hasattr(lr, "state_dict") else {}


def load(optimizer, state):
    """Give an optimiser a state that `saved` returned; nothing changes if anything does not fit.

    Raises: CheckpointError that says what does not fit.
    """
    faults = _misfits(optimizer, state)
    if faults:
        raise CheckpointError(
            f"{type(optimizer).__name__}.load_state_dict: the state does not fit; " + "; ".join(faults[:5])
        )
    _load_schedules([group["lr"] for group in optimizer.groups], state["schedules"])
    entries = dict(zip(map(id, optimizer.params), state["state"], strict=True))
    for _, flat in optimizer.buffers:
        flat.load([entries[id(p)] for p in flat.params])
    for group, options in zip(optimizer.groups, state["groups"], strict=True):
        group.update({k: v for k, v in options.items() if k != "size" and not callable(group[k])})
    optimizer.steps, optimizer.last_lr = state["steps"], state["last_lr"]


def _load_schedules(schedules, states):
    """Let each schedule load its state; if one does not fit, all are as before."""
    pairs = [(s, new) for s, new in zip(schedules, states, strict=True) if hasattr(s, "load_state_dict")]
    before = [s.state_dict() for s, _ in pairs]
    try:
        for schedule, new in pairs:
            schedule.load_state_dict(new)
    except CheckpointError:
        for (schedule, _), old in zip(pairs, before, strict=True):
            schedule.load_state_dict(old)
        raise


def _misfits(optimizer, state):
    """What of a state does not belong to this optimiser, in words."""
    kind, keys = type(optimizer).__name__, {"kind", "steps", "last_lr", "groups", "state", "schedules"}
    if not isinstance(state, dict) or not keys <= state.keys():
        return ["it is not what state_dict() returned"]
    if state["kind"] != kind:
        return [f"it is that of {state['kind']}"]
    if not _count(state["steps"]):
        return [f"steps is {state['steps']!r}, not a count"]
    if not (state["last_lr"] is None or number(state["last_lr"])):
        return [f"last_lr is {state['last_lr']!r}, not a number"]
    if not all(isinstance(g, dict) for g in state["groups"]) or len(state["schedules"]) != len(state["groups"]):
        return ["its groups are not what state_dict() returned"]
    sizes, own = [g.get("size") for g in state["groups"]], [len(g["params"]) for g in optimizer.groups]
    if sizes != own:
        return [f"it has groups of {sizes} parameters, this optimiser of {own}"]
    if len(state["state"]) != len(optimizer.params):
        return [f"it has the state of {len(state['state'])} parameters, this optimiser has {len(optimizer.params)}"]
    faults, i = [], 0
    for group, options, schedule in zip(optimizer.groups, state["groups"], state["schedules"], strict=True):
        faults += _option_faults(optimizer, group, options, schedule)
        for p in group["params"]:
            wanted = dict.fromkeys(optimizer.state(**group.options), p.shape)
            faults += _entry_faults(optimizer._label(i), wanted, state["state"][i])
            i += 1
    return faults


def _option_faults(optimizer, group, options, schedule):
    if (schedule is not None) != callable(group["lr"]):
        return ["its learning rate is " + ("no schedule" if schedule is None else "a schedule") + ", unlike this one's"]
    names = options.keys() - {"size"}
    if names != group.options.keys():
        return [f"a group has the options {sorted(names)}, this optimiser {sorted(group.options)}"]
    try:
        numbers = {k: v for k, v in options.items() if k != "size" and not callable(group[k])}
        Group(optimizer, group["params"], group.options | numbers)
    except ArgumentError as error:
        return [str(error)]
    return []


def _entry_faults(label, wanted, entry):
    if not isinstance(entry, dict) or not _count(entry.get("updates")):
        return [f"parameter {label} has no count of updates"]
    found = {k: np.shape(v.numpy() if isinstance(v, Tensor) else v) for k, v in entry.items() if k != "updates"}
    if found != wanted or any(isinstance(v, str) for v in entry.values()):
        return [f"parameter {label} needs {wanted}, it has {found}"]
    return []


def _count(value):
    return whole_number(value) and value >= 0
