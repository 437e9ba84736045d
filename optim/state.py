"""An optimiser as plain data, and back."""

import sys

import numpy as np

from ..autograd.arguments import number
from ..autograd.errors import ArgumentError, CheckpointError
from ..autograd.serialize import fitted
from ..autograd.tensor import Tensor
from .group import Group

_LARGEST = sys.float_info.max  # a whole number beyond it is finite, yet no learning rate


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
    """Give an optimiser a state in which `misfits` found nothing."""
    for group, schedule in zip(optimizer.groups, state["schedules"], strict=True):
        if hasattr(group["lr"], "load_state_dict"):
            group["lr"].load_state_dict(schedule)
    entries = dict(zip(map(id, optimizer.params), state["state"], strict=True))
    for _, flat in optimizer.buffers:
        flat.load([entries[id(p)] for p in flat.params])
    for group, options in zip(optimizer.groups, state["groups"], strict=True):
        group.update({k: v for k, v in options.items() if k != "size" and not callable(group[k])})
    optimizer.steps, optimizer.last_lr = state["steps"], state["last_lr"]


def misfits(optimizer, state):
    """What of a state does not belong to this optimiser, in words."""
    kind, keys = type(optimizer).__name__, {"kind", "steps", "last_lr", "groups", "state", "schedules"}
    if not isinstance(state, dict) or not keys <= state.keys():
        return ["it is not what state_dict() returned"]
    if not isinstance(state["kind"], str) or state["kind"] != kind:
        return [f"it is that of {state['kind']!s:.80}"]
    if not count(state["steps"]):
        return [f"steps is {state['steps']!r:.80}, not a count"]
    if not (_float(state["last_lr"]) or (state["last_lr"] is None and not state["steps"])):
        return [f"last_lr is {state['last_lr']!r:.80}, not a number"]
    groups, schedules, entries = state["groups"], state["schedules"], state["state"]
    if not all(isinstance(part, (list, tuple)) for part in (groups, schedules, entries)):
        return ["groups, schedules and state must be lists"]
    if not all(isinstance(g, dict) and count(g.get("size")) for g in groups) or len(schedules) != len(groups):
        return ["its groups are not what state_dict() returned"]
    sizes, own = [g["size"] for g in groups], [len(g["params"]) for g in optimizer.groups]
    if sizes != own:
        return [f"it has groups of {sizes} parameters, this optimiser of {own}"]
    if len(entries) != len(optimizer.params):
        return [f"it has the state of {len(entries)} parameters, this optimiser has {len(optimizer.params)}"]
    held = {id(p): flat.state for _, flat in optimizer.buffers for p in flat.params}
    faults, i = [], 0
    for group, options, schedule in zip(optimizer.groups, groups, schedules, strict=True):
        faults += _option_faults(optimizer, group, options) or _schedule_faults(group["lr"], schedule)
        for p in group["params"]:
            faults += _entry_faults(optimizer._label(i), p.shape, held[id(p)], entries[i])
            i += 1
    return faults


def _option_faults(optimizer, group, options):
    names = options.keys() - {"size"}
    if names != group.options.keys():
        return [f"a group has the options {sorted(names)}, this optimiser {sorted(group.options)}"]
    if callable(group["lr"]) != isinstance(options["lr"], str):
        return [f"its learning rate is {'no' if callable(group['lr']) else 'a'} schedule, unlike this one's"]
    numbers = {name: options[name] for name in names if not callable(group[name])}
    for name, value in numbers.items():
        if isinstance(value, (Tensor, np.ndarray)) or isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            return [f"{name} is {value!r:.80}"]
    try:
        Group(optimizer, group["params"], group.options | numbers)
    except (ArgumentError, TypeError) as error:
        return [str(error)]
    return []


def _schedule_faults(lr, state):
    """What of a state does not belong to a learning rate, which is as before afterwards."""
    if not (hasattr(lr, "state_dict") and hasattr(lr, "load_state_dict")):
        return (
            []
            if type(state) is type(_schedule_state(lr)) and not state
            else [f"{lr!r:.80} has the state {state!r:.80}"]
        )
    before = lr.state_dict()
    try:
        lr.load_state_dict(state)
    except Exception as error:  # schedules may be the user's own
        return [str(error) if isinstance(error, CheckpointError) else f"{lr!r:.80} cannot load it: {error!r}"]
    finally:
        lr.load_state_dict(before)
    return []


def _entry_faults(label, shape, held, entry):
    if not isinstance(entry, dict) or not count(entry.get("updates")):
        return [f"parameter {label} has no count of updates"]
    if entry.keys() - {"updates"} != held.keys():
        return [f"parameter {label} needs {sorted(held)}, it has {sorted(map(str, entry.keys() - {'updates'}))}"]
    faults = []
    for kind, array in held.items():
        try:
            fitted("the optimiser", f"{kind} of parameter {label}", entry[kind], shape, array.dtype)
        except CheckpointError as error:
            faults.append(str(error))
    return faults


def count(value):
    """Whether it is a plain whole number that counts something."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value < 2**63


def _float(value):
    return number(value) and 0 <= value <= _LARGEST
