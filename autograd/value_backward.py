"""Backward passes over graphs in which every call is a Value that is its own Node: other graphs go to backward.py."""

from functools import update_wrapper

from .accumulate import accumulate
from .backward import conform, rescue
from .deliver import delivery, seed_for, tensor_backward
from .guards import used_up
from .node import Node
from .plan import PRODUCT, SUM
from .value import LEAF, LOCK, Value, node_like
from .watch import current_watch


def backward(root, seed, retain_graph):
    """What backward.py does with a graph whose every call is a Value that is its own Node: the same sums in the same order.

    Returns False, with nothing done, if there are others in it.
    """
    with LOCK:
        mark = object()  # on what this pass has met, and to which no gradient has come
        order, leaves, stack = [], [], [root]
        while stack:
            v = stack.pop()
            if v is None:  # a marker: everything below the next one is in `order`
                order.append(stack.pop())
            elif v._flow is not mark:
                v._flow = mark
                stack.append(v)
                stack.append(None)
                for p in v._parents:
                    if type(p) is Value and p._flow is not mark:
                        if p._plan is LEAF:
                            p._flow = mark
                            leaves.append(p)
                        elif p._plan:
                            stack.append(p)
                        else:
                            return False
                    elif type(p) is Node:
                        return False
        root._flow, before, v = seed, [], None
        try:
            for v in reversed(order):
                g = v._flow
                if g is mark:
                    continue
                if v._grad is None:
                    v._grad = g
                else:
                    before.append((v, v._grad))
                    v._grad += g
                kept, plan = v._kept, v._plan
                if kept is None:
                    raise used_up(node_like(v))
                if plan.kind is SUM:
                    for p in v._parents:
                        if type(p) is Value:
                            known = p._flow
                            p._flow = g if known is mark else known + g
                elif plan.kind is PRODUCT:
                    for p, slope in zip(v._parents, kept):  # noqa: B905  # a number beside a Value has no slope
                        known = p._flow
                        p._flow = g * slope if known is mark else known + g * slope
                else:
                    values, parents = (g, *kept), v._parents
                    for i, rule, select in plan.vjps:
                        part = _part(v, rule, values if select is None else select(values))
                        known = parents[i]._flow
                        parents[i]._flow = part if known is mark else known + part
                if not retain_graph:
                    v._kept, v._used = None, kept
        except BaseException:  # then no gradient is left anywhere
            for w in reversed(order) if v is not None else ():
                if w._flow is not mark:
                    w._grad = None
                if w is v:
                    break
            for w, g in before:
                w._grad = g
            raise
        for leaf in leaves:
            if (g := leaf._flow) is not mark:
                if leaf._held is not None:
                    accumulate({leaf._held: g}, seed)
                else:
                    leaf._grad = g if leaf._grad is None else leaf._grad + g
        return True


def _part(v, rule, values):
    """What a rule says, as a float."""
    try:
        part = rule(*values)
        if type(part) is not float:
            part = float(conform(part, node_like(v), node_like(v)))
    except Exception as error:
        if (part := rescue(error, rule, values, node_like(v))) is None:
            raise
    return part


def value_backward(self, gradient=None, retain_graph=False, create_graph=False):
    usual = (
        not create_graph
        and self._plan
        and self._plan is not LEAF
        and current_watch() is None
        and delivery() is accumulate
    )
    if not usual or not backward(self, seed_for(self, gradient), retain_graph):
        tensor_backward(self, gradient, retain_graph, create_graph)


Value.backward = update_wrapper(value_backward, tensor_backward)  # type: ignore[method-assign]
