"""Groups of parameters, each with options of its own."""

from ..autograd.errors import ArgumentError
from ..autograd.tensor import Tensor
from .options import checked


class Group(dict):
    """A group's "params" and options by name; every option is checked when it is set.

    Raises: ArgumentError for an option that does not exist, is outside its range, does not go with the others, or would
        change what the optimiser keeps.
    """

    def __init__(self, optimizer, params, options):
        self._optimizer = optimizer
        super().__init__(params=params, **self._valid(options))

    def __reduce__(self):
        return Group, (self._optimizer, self["params"], self.options)

    @property
    def options(self):
        return {name: value for name, value in self.items() if name != "params"}

    def _valid(self, options):
        kind = type(self._optimizer).__name__
        options = checked(kind, options)
        self._optimizer.check_options(**options)
        return options

    def __setitem__(self, name, value):
        self.update({name: value})

    def __ior__(self, options):  # type: ignore[misc]  # dict's takes pairs as well
        self.update(options)
        return self

    def update(self, options):
        """Set several options: all, or none if one is not valid."""
        kind, old = type(self._optimizer).__name__, self.options
        for name in options:
            if name not in old:
                raise ArgumentError(f"{kind}: {name!r} is no option that can be set; choose among {', '.join(old)}")
        new, kinds = self._valid(old | options), self._optimizer.state
        if kinds(**new).keys() != kinds(**old).keys():
            name = next(n for n in options if kinds(**old | {n: new[n]}).keys() != kinds(**old).keys())
            raise ArgumentError(
                f"{kind}: {name} decides what the optimiser keeps from step to step, so it cannot go from "
                f"{old[name]!r} to {new[name]!r}; make a new optimiser"
            )
        super().update(new)
        self.take_up_schedule()

    def take_up_schedule(self):
        """Tell a learning rate that depends on results that it is this optimiser's now."""
        if hasattr(self["lr"], "follow"):
            self["lr"].follow(self._optimizer.token)


def groups_of(optimizer, params, options):
    """([Group, …], {position of a parameter: its name}) from parameters, (name, parameter) pairs, or dicts.

    Raises: ArgumentError for anything else.
    """
    kind = type(optimizer).__name__
    entries = _listed(kind, params)
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        entries = [{"params": entries}]
    groups, names, count = [], {}, 0
    for i, entry in enumerate(entries):
        if "params" not in entry:
            raise ArgumentError(f'{kind}: group {i} has no "params"; give each group as {{"params": [...], ...}}')
        unknown = entry.keys() - options.keys() - {"params"}
        if unknown:
            raise ArgumentError(
                f"{kind}: group {i} has no option {', '.join(map(repr, sorted(unknown)))}; "
                f"choose among {', '.join(options)}"
            )
        members = [entry["params"]] if isinstance(entry["params"], Tensor) else _listed(kind, entry["params"])
        if not members:
            where = f"group {i}" if len(entries) > 1 else "the list"
            raise ArgumentError(f"{kind}: needs at least one parameter, but {where} is empty; does the model have any?")
        for j, member in enumerate(members):
            if isinstance(member, (tuple, list)) and len(member) == 2 and isinstance(member[0], str):
                names[count + j], members[j] = member
        count += len(members)
        groups.append(Group(optimizer, members, options | {k: v for k, v in entry.items() if k != "params"}))
    return groups, names


def _listed(kind, params):
    if isinstance(params, (Tensor, str, dict)) or not hasattr(params, "__iter__"):
        given = type(params).__name__ if hasattr(params, "parameters") else f"{params!r:.80}"
        raise ArgumentError(f"{kind}: params must be a list of parameters, not {given}; pass model.parameters()")
    return list(params)
