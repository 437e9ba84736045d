"""The base of all optimisers: parameters in groups, and the step that hands them to an update rule.

An update rule is a pure function of arrays. It is run over flat blocks (block.py), so it never sees a shape.
"""

import warnings
from math import isfinite, sqrt

import numpy as np

from ..autograd.errors import ArgumentError, CheckpointError, GraphError
from ..autograd.ops.creation import tensor
from ..autograd.tape import enable_grad, no_grad, user_line
from ..autograd.tensor import Tensor, owner, raw
from .block import Block, gradient
from .clip import refuse_nonfinite
from .options import checked


class Optimizer:
    """Changes parameters by their gradients. A subclass defines `update`, and `state` if its rule has any.

    Parameters are given as a list, as (name, parameter) pairs, or as groups: dicts with "params" and the options
    that differ, e.g. [{"params": backbone, "lr": 1e-4}, {"params": head}].

    Fields:
        params: the parameters of all groups, in order.
        groups: one dict for each group: its "params" and every option. Options may be changed between steps.
        lr: the learning rate of the coming step, in the first group; setting it sets it in every group.
        last_lr: the learning rate of the last step, in the first group; None before it.
        steps: how many steps were taken.

    Raises: ArgumentError for an empty list, a parameter given twice, something that is no leaf requiring grad, an
        option that does not exist, or one outside its range.
    Example:
        >>> import chainrule as cr
        >>> class SignDescent(cr.optim.Optimizer):
        ...     @staticmethod
        ...     def update(p, g, *, lr):
        ...         return (p - lr * cr.sign(g),)
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> SignDescent([w], lr=0.5).step()
        >>> w.tolist()
        [0.5, 1.5]
    """

    def __init__(self, params, lr, **options):
        self._kind = type(self).__name__
        options = {"lr": lr, **options}
        self.groups = [checked(self._kind, options | group) for group in _groups(self._kind, params, options)]
        self._names = {id(p): name for group in self.groups for name, p in group["params"] if name is not None}
        for group in self.groups:
            group["params"] = [p for _, p in group["params"]]
        self.params = [p for group in self.groups for p in group["params"]]
        self._refuse_bad_parameters()
        self.steps, self.last_lr = 0, None
        self._squares = []  # of the gradients of the last step, summed in each block
        self._warned = False
        self._blocks = [
            (group, Block(params, self.state(**_options(group))))
            for group in self.groups
            for params in _by_home(group["params"])
        ]
        code = self.update.__code__
        self._asked = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @staticmethod
    def state(**options):
        """The rule's kinds of state, and the number each starts from, given the options of a group."""
        return {}

    @staticmethod
    def update(p, g):
        """The rule: (new parameters, *new state) from parameters, gradients and state, all flat arrays of one length.

        It is called as update(p, g, *state, ...) with the options that its signature names, by keyword. `lr` is a
        number, and `t` counts the updates of these parameters, this one included: fewer than `steps` for parameters
        that lacked gradients.
        """
        raise NotImplementedError("an optimiser must define update(p, g, ...), see chainrule.optim.Optimizer")

    # ---- what users call

    def step(self, closure=None):
        """Change every parameter that has a gradient.

        `closure` computes the loss and its gradients anew (zero_grad, forward, backward) and returns the loss, which
        step then returns. Most optimisers need none.

        Raises: GraphError if no parameter has a gradient, or if one is nan or infinite (naming the parameter; checked
            where values can be read for free, so not on a GPU); nothing has changed then.
        """
        value = None
        if closure is not None:
            with enable_grad():
                value = closure()
        self._refuse_missing_gradients()
        line, rates = user_line(), {id(group): self._rate(group) for group in self.groups}
        with no_grad():
            runs = [block.runs() for _, block in self._blocks]
            self._squares = [block.squares(run) for (_, block), run in zip(self._blocks, runs, strict=True) if run]
            self._refuse_bad_gradients()
            for (group, block), run in zip(self._blocks, runs, strict=True):
                known = {**group, "lr": rates[id(group)]}
                block.step(self.update, {k: known[k] for k in self._asked if k in known}, "t" in self._asked, run, line)
        self.steps, self.last_lr = self.steps + 1, rates[id(self.groups[0])]
        return value

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for p in self.params:
            if p._node is not None:
                p._node.grad = None

    @property
    def lr(self):
        return self._rate(self.groups[0])

    @lr.setter
    def lr(self, value):
        for group in self.groups:
            group.update(checked(self._kind, {"lr": value}))

    @property
    def grad_norm(self):
        """The 2-norm of all gradients at the last step, as a Tensor on the parameters' device; None before it."""
        if not self._squares:
            return None
        if len({owner(s) for s in self._squares}) == 1:
            return Tensor._wrap(owner(self._squares[0]).xp.sqrt(sum(self._squares)))
        return tensor(sqrt(sum(float(s) for s in self._squares)))

    def observe(self, row):
        """Tell learning rates that depend on results (ReduceOnPlateau) what an epoch gave."""
        for schedule in {id(s): s for s in self._schedules() if hasattr(s, "observe")}.values():
            schedule.observe(row)

    # ---- saving

    def state_dict(self):
        """Copies of the state, the options and the counts, as nested dicts and lists that chainrule.save can write."""
        groups = [
            {k: repr(v) if callable(v) else v for k, v in _options(group).items()} | {"size": len(group["params"])}
            for group in self.groups
        ]
        state = [entry for _, block in self._blocks for entry in block.state_dict()]
        order = self._order()
        return {
            "kind": self._kind,
            "steps": self.steps,
            "groups": groups,
            "schedules": [s.state_dict() if hasattr(s, "state_dict") else None for s in self._schedules()],
            "state": [state[order[id(p)]] for p in self.params],
        }

    def load_state_dict(self, state):
        """Take over what state_dict() returned, options included: all of it, or nothing if anything does not fit.

        A learning rate that is a schedule stays the one that this optimiser was made with.

        Raises: CheckpointError that says what does not fit.
        """
        faults = self._misfits(state)
        if faults:
            raise CheckpointError(f"{self._kind}.load_state_dict: the state does not fit; " + "; ".join(faults))
        order = self._order()
        entries = sorted(zip(self.params, state["state"], strict=True), key=lambda entry: order[id(entry[0])])
        entries = iter([entry for _, entry in entries])
        for _, block in self._blocks:
            block.load_state_dict([next(entries) for _ in block.params])
        for group, saved in zip(self.groups, state["groups"], strict=True):
            keep = {k: v for k, v in saved.items() if k in group and not callable(group[k]) and not isinstance(v, str)}
            group.update(checked(self._kind, keep))
        for schedule, saved in zip(self._schedules(), state["schedules"], strict=True):
            if saved is not None and hasattr(schedule, "load_state_dict"):
                schedule.load_state_dict(saved)
        self.steps = state["steps"]

    def __repr__(self):
        groups = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        lr = self.groups[0]["lr"]
        return f"{self._kind}({len(self.params)} parameters{groups}, lr={lr!r})"

    # ---- how

    def _rate(self, group):
        """The learning rate of the coming step."""
        lr = group["lr"](self.steps) if callable(group["lr"]) else group["lr"]
        try:
            lr = float(lr)
        except (TypeError, ValueError):
            lr = float("nan")
        if not isfinite(lr) or lr < 0 or (lr == 0 and not callable(group["lr"])):
            raise ArgumentError(
                f"{self._kind}: lr must be a finite number above 0 (or 0, from a schedule), but it is {group['lr']!r}"
                + (f", which gave {lr} at step {self.steps}" if callable(group["lr"]) else "")
            )
        return lr

    def _schedules(self):
        return [group["lr"] for group in self.groups if callable(group["lr"])]

    def _order(self):
        """{id of a parameter: its position among the parameters of all blocks}"""
        return {id(p): i for i, p in enumerate(p for _, block in self._blocks for p in block.params)}

    def _label(self, i):
        """What messages call parameter i."""
        p = self.params[i]
        name = self._names.get(id(p)) or p.name
        return f"{name!r} {p.shape}" if name else f"{i} of shape {p.shape}"

    def _refuse_bad_parameters(self):
        if not self.params:
            raise ArgumentError(f"{self._kind}: needs at least one parameter; was the model's list empty?")
        for i, p in enumerate(self.params):
            if not isinstance(p, Tensor) or p._node is None or p._node.plan is not None:
                raise ArgumentError(f"{self._kind}: parameter {i} must be a leaf that requires grad, it is {p!r:.80}")
        first = {}
        for i, p in enumerate(self.params):
            if first.setdefault(id(p), i) != i:
                raise ArgumentError(
                    f"{self._kind}: parameter {self._label(i)} was given twice, at positions {first[id(p)]} and {i}; "
                    "list each once"
                )

    def _refuse_missing_gradients(self):
        missing = [i for i, p in enumerate(self.params) if p._node is not None and p._node.grad is None]
        if len(missing) == len(self.params) or all(gradient(p) is None for p in self.params):
            raise GraphError(f"{self._kind}.step: no parameter has a gradient; call loss.backward() first")
        if missing and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self._kind}.step: no gradient has reached {', '.join(map(self._label, missing))}, left unchanged: "
                "is each used in the loss? (said once; requires_grad=False freezes a parameter silently)",
                stacklevel=3,
            )

    def _refuse_bad_gradients(self):
        if all(owner(s).on_host and isfinite(s) for s in self._squares):
            return
        held = [(self._label(i), p, np.asarray(raw(gradient(p)))) for i, p in enumerate(self.params) if _on_host(p)]
        refuse_nonfinite(f"{self._kind}.step", held)
        # finite gradients whose squares are not
        self._squares = [block.squares(block.runs(), np.float64) for _, block in self._blocks]

    def _misfits(self, state):
        """What of a state dict does not belong to this optimiser, in words."""
        if not isinstance(state, dict) or not {"kind", "steps", "groups", "state", "schedules"} <= state.keys():
            return ["it is not what state_dict() returned"]
        if state["kind"] != self._kind:
            return [f"it is that of {state['kind']}"]
        sizes, own = [g["size"] for g in state["groups"]], [len(g["params"]) for g in self.groups]
        if sizes != own:
            return [f"it has groups of {sizes} parameters, this optimiser of {own}"]
        if len(state["schedules"]) != len(self._schedules()):
            return [f"it has {len(state['schedules'])} learning rate schedules, this one {len(self._schedules())}"]
        kinds = [
            {k: p.shape for k in self.state(**_options(group))} for group in self.groups for p in group["params"]
        ]
        return [
            f"parameter {self._label(i)} needs {needed}, it has {found}"
            for i, (needed, entry) in enumerate(zip(kinds, state["state"], strict=True))
            if (found := {k: np.shape(v) for k, v in entry.items() if k != "updates"}) != needed
        ]


def _groups(kind, params, options):
    """The groups as dicts with (name, parameter) pairs, whichever way they were given."""
    if isinstance(params, (Tensor, str, dict)) or not hasattr(params, "__iter__"):
        raise ArgumentError(f"{kind}: params must be a list of parameters such as model.parameters(), not {params!r:.80}")
    params = list(params)
    groups = params if params and all(isinstance(g, dict) for g in params) else [{"params": params}]
    for i, group in enumerate(groups):
        if "params" not in group:
            raise ArgumentError(f'{kind}: group {i} has no "params"; give each group as {{"params": [...], ...}}')
        unknown = group.keys() - options.keys() - {"params"}
        if unknown:
            raise ArgumentError(
                f"{kind}: group {i} has no option {', '.join(map(repr, sorted(unknown)))}; choose among {', '.join(options)}"
            )
        pairs = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        pairs = [tuple(p) if isinstance(p, (tuple, list)) and len(p) == 2 else (None, p) for p in pairs]
        if not pairs and len(groups) > 1:
            raise ArgumentError(f"{kind}: group {i} is empty; leave it out")
        yield {**group, "params": pairs}


def _on_host(p):
    """Whether p has a gradient that can be read for free."""
    return gradient(p) is not None and owner(p._data).on_host


def _by_home(params):
    """The parameters by device and dtype: those of one home make a block."""
    homes = {}
    for p in params:
        homes.setdefault((p.device, p.dtype), []).append(p)
    return homes.values()


def _options(group):
    return {k: v for k, v in group.items() if k != "params"}
