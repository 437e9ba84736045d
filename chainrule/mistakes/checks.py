"""The checks: each looks at what two runs of a step did, and yields findings."""

from __future__ import annotations

import numpy as np

from ..autograd.convert import raw
from ..autograd.node import Node
from ..autograd.primitive import ELEMENTWISE
from ..backends import owner
from ..graph.stretched import stretched
from ..nn.dropout import Dropout
from ..nn.norm import BatchNorm
from .breaks import broken
from .events import Pass
from .finding import Lint, finding

# what losses call, and what of it they have applied already
APPLIED = {"class_entropy": "softmax", "soft_entropy": "softmax", "logit_entropy": "sigmoid", "log_softmax": "softmax"}
PROBABLE = ("softmax", "sigmoid")
REDUCTIONS = ("sum", "mean")
MOVES = (".ops.shape", ".ops.index")
FEW = 20  # classes: more distinct whole numbers are taken to be counts


def found(runs, reach, given):
    """What the runs show, as a Lint. `given` are the tensors, arrays and other things that the step was given or uses."""
    names = _names(reach)
    whole = [
        array
        for array in map(raw, given)
        if getattr(getattr(array, "dtype", None), "kind", "") in ("i", "u") and array.size
    ]
    last = runs[-1]
    findings = [*_left_over(runs, reach), *_idle_steps(last), *_unreached(last, reach, names), *_modes(last, reach)]
    for done in last.passes:
        findings += [*_broadcast(done), *_twice_applied(done), *_labels(done, whole)]
    steps = sum(getattr(event, "what", "") == "step" for event in last.order)
    ran = f"{_count(len(last.passes), 'backward pass', 'es')}, {_count(steps, 'step')} of an optimiser"
    return Lint(dict.fromkeys(findings), ran)


def _count(n, word, plural="s"):
    return f"{n} {word}{plural * (n != 1)}"


def _names(reach):
    """{id of a parameter: what it is called}: its path in the outermost module that has it."""
    inside = {id(m) for module in reach.modules for path, m in module.named_modules() if path}
    outermost = [module for module in reach.modules if id(module) not in inside]
    names = {}
    for module in outermost:
        title = f"{type(module).__name__}." if len(outermost) > 1 else ""
        for path, p in module.named_parameters():
            names.setdefault(id(p), title + path)
    for optimizer in reach.optimizers:
        for i, p in enumerate(optimizer.params):
            names.setdefault(id(p), p.name or f"parameter {i} of {type(optimizer).__name__}")
    return names


def _updated(reach):
    """The Nodes of the leaves that optimisers change."""
    return {p._node for optimizer in reach.optimizers for p in optimizer.params if p.requires_grad}


# ---- the order of backward, zero_grad and step


def _left_over(runs, reach):
    """backward without zero_grad: a pass of the second run adds to what the first one left."""
    reached, updated = set(), _updated(reach)
    for done in runs[-1].passes:
        old = [leaf for leaf, g in done.before.items() if g is not None and leaf in updated and leaf not in reached]
        reached.update(done.before)
        if old and len(runs) > 1 and any(getattr(event, "what", "") == "step" for event in runs[0].order):
            yield finding(
                "no zero_grad", done.place, f"this backward adds to the gradients of the step before, of {_count(len(old), 'parameter')}",
                "call optimizer.zero_grad() before backward in every step",
            )  # fmt: skip
            return


def _idle_steps(events):
    """A step without backward since the one before."""
    fresh = set()
    for event in events.order:
        if isinstance(event, Pass):
            fresh.update(event.before)
        elif event.what == "step":
            nodes = {p._node for p in event.who.params}
            if not nodes & fresh:
                yield finding(
                    "step without backward", event.place, "no backward pass has reached the parameters of this "
                    f"{type(event.who).__name__} since its last step: it goes by gradients of the step before",
                    "call loss.backward() before optimizer.step()",
                )  # fmt: skip
            fresh -= nodes


# ---- parameters


def _unreached(events, reach, names):
    """Parameters that no pass has reached, though some have."""
    if not events.passes:
        return
    reached = {leaf for done in events.passes for leaf in done.before}
    own = {id(p): p for module in reach.modules for p in module.parameters()}
    own |= {id(p): p for optimizer in reach.optimizers for p in optimizer.params}
    missing = [p for p in own.values() if p.requires_grad and p._node not in reached]
    by_reason = {}
    for p in missing:
        by_reason.setdefault(broken(p, events), []).append(names.get(id(p), "a parameter"))
    for (seen, place, remedy), called in by_reason.items():
        few = ", ".join(called[:4]) + f" and {len(called) - 4} more" * (len(called) > 4)
        yield finding("no gradient", place, f"no gradient reaches {few}: {seen}", remedy)


# ---- modes


def _modes(events, reach):
    """Training in eval mode, evaluation in training mode."""
    modal = [m for m in reach.modules if isinstance(m, BatchNorm) or isinstance(m, Dropout) and m.p]
    trains = any(getattr(event, "what", "") == "step" for event in events.order) and events.passes
    if not modal:
        return
    kinds = " and ".join(sorted({type(m).__name__ for m in modal}))
    used = {id(m) for call in events.calls for m in call.training}
    if trains and not any(m.training or id(m) in used for m in modal):
        yield finding(
            "trains in eval mode", events.passes[-1].place, f"the step trains while {kinds} {'is' if len(modal) == 1 else 'are'} in eval mode",
            "call model.train() before training; model.eval() is for evaluation",
        )  # fmt: skip
    if not trains and not events.passes:
        call = next((c for c in events.calls if any(m is x for m in modal for x in c.training)), None)
        if call is not None:
            yield finding(
                "evaluates in training mode", call.place, f"nothing is trained here, and {kinds} {'is' if len(modal) == 1 else 'are'} in "
                "training mode: results are noisy, or depend on the rest of the batch",
                "call model.eval() before, and model.train() afterwards; cr.predict and cr.evaluate do that",
            )  # fmt: skip


# ---- losses


def _broadcast(done):
    """A loss of operands that only broadcast: between it and the end of the graph there are only sums over everything."""
    only = {done.nodes[0]} if done.nodes else set()
    for node in done.nodes:  # from the last call to the first
        if node not in only:
            continue
        operands = [parent for parent in node.parents if _shape(parent)]
        shapes = [_shape(parent) for parent in operands]
        if node.primitive.jvp == ELEMENTWISE and stretched(shapes, node.shape):
            yield finding(
                "operands only broadcast", (node.code, node.instruction),
                f"{shapes[0]} {node.label} {shapes[1]} is {node.shape}: every prediction is compared with every target",
                f"give both the same shape, e.g. with .reshape{max(shapes, key=len)}; the losses of cr.nn check it",
            )  # fmt: skip
        elif node.primitive.name in REDUCTIONS or node.primitive.jvp == ELEMENTWISE and len({*shapes}) <= 1:
            only.update(parent for parent in operands if isinstance(parent, Node) and parent.plan is not None)


def _twice_applied(done):
    """A softmax or sigmoid before a loss that applies it."""
    for node in done.nodes:
        applied = APPLIED.get(node.primitive.name)
        before = node.parents[0] if applied else None
        while isinstance(before, Node) and before.plan is not None and before.primitive.module.endswith(MOVES):
            before = before.parents[0]
        if isinstance(before, Node) and before.plan is not None and before.primitive.name in PROBABLE:
            name = before.primitive.name
            loss = "bce_with_logits" if applied == "sigmoid" else "cross_entropy"
            other = "; or take cr.nn.bce, which is for probabilities" if applied == "sigmoid" == name else ""
            yield finding(
                f"{name} before {loss}", (node.code, node.instruction),
                f"{loss} applies {applied} itself, and was given the result of {name} ({before.where})",
                f"give it the scores as they are: leave {name} out, and apply it where probabilities are read{other}",
            )  # fmt: skip


def _labels(done, whole):
    """Labels in a form that the loss takes for something else."""
    for node in done.nodes:
        if node.primitive.name == "class_entropy" and node.parents[0].shape[-1] == 1:
            yield finding(
                "labels of one class", (node.code, node.instruction),
                f"cross_entropy of scores {node.parents[0].shape} has a single class, so the loss is always 0",
                "let the model have an output for each class; or cr.nn.bce_with_logits for yes or no",
            )  # fmt: skip
        if node.primitive.name in ("square", "absolute") and isinstance(node.parents[0], Node) and node.parents[0].plan:
            error = node.parents[0]
            if error.primitive.name != "subtract":
                continue
            classes = max((_classes(parent, whole) for parent in error.parents), default=0)
            if classes:
                yield finding(
                    "class indices as numbers", (error.code, error.instruction),
                    f"the targets are the whole numbers 0 to {classes - 1}: a squared or absolute error takes class 2 for twice class 1",
                    "for classes use cr.nn.cross_entropy, with an output for each; for counts convert the targets, e.g. "
                    "y.to('float32')",
                )  # fmt: skip


def _classes(operand, whole):
    """How many classes a constant operand seems to have: numbers 0 to K - 1, each several times, of an integer array among
    `whole` (losses convert them); 0 if it has none."""
    array = operand[2]() if isinstance(operand, tuple) else operand
    if isinstance(operand, Node) or not hasattr(array, "shape") or not array.shape:
        return 0
    host = [owner(a).to_numpy(a).ravel() for a in (array, *(a for a in whole if a.size == array.size))]
    if not any(np.array_equal(host[0], other) for other in host[1:]):
        return 0
    values, counts = np.unique(host[0], return_counts=True)
    k = len(values)
    return k if 3 <= k <= FEW and values[0] == 0 and values[-1] == k - 1 and counts.min() > 1 else 0


def _shape(operand):
    """The shape of an operand: a Node's, or of a constant."""
    return operand[0] if isinstance(operand, tuple) else getattr(operand, "shape", ())
