"""Single numbers: a Value is its own Node until somebody asks for one, which makes a graph of Values as fast as one of the
barest class that could be written.

Here is the common case: calls of elementwise operations on tracked Values and numbers, and backward passes over what they
record. All else goes the way of every Tensor (call.py, backward.py), for which `made` gives a Value its Node.
"""

import operator
from functools import update_wrapper
from sys import _getframe
from threading import RLock

from ..backends import NUMBERS
from ..backends.scalar import xp as floats
from .accumulate import accumulate
from .backward import conform, rescue
from .call import FOR_VALUES
from .callsite import INSIDE
from .deliver import delivery, seed_for, tensor_backward
from .grad_mode import recording, scope
from .guards import used_up
from .node import Node
from .plan import PRODUCT, SUM
from .primitive import ELEMENTWISE
from .tensor import FREE, LEAF, Value
from .watch import OBSERVERS, current_watch

_LOCK = RLock()  # held while Nodes are made, and during a pass, which leaves marks on Values: threads may share them

# ---- calls

# one more Python call for each operation would cost a third of everything, so the code of each is written out
_CALL = """
def {name}({parameters}):
    if OBSERVERS or not recording():
        return general({operands}){cases}
    else:
        return unusual({operands})
    v._data = out
    v._parents = ({operands},)
    v._grad = v._flow = None
    v._scope = scope()
    frame = _getframe(1)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    v._code, v._instruction = frame.f_code, frame.f_lasti
    return v
"""
_CASE = """
    elif {when}:
        {before}{out}
        v = new(Value)
        v._plan, v._kept = {plan}, ({kept})"""
_CHECKED = """try:
            out = {out}
        except (ValueError, TypeError, ArithmeticError):
            return general({operands})
        if type(out) is not float:
            return general({operands})"""
_SIGNS = {operator.add: "{} + {}", operator.sub: "{} - {}", operator.mul: "{} * {}", operator.neg: "-{}"}
_PLAIN = "type({0}) is float or type({0}) is int"
_TRACKED = "type({0}) is Value and {0}._plan"
_KEYS, _WANTED = (
    dict(one=3, both=7, first=5, second=6),
    dict(one=[True], both=[True, True], first=[True, False], second=[False, True]),
)


def written(p, reflected=False):
    """The call of an operation without options, for Values; `reflected` takes its operands in the other order."""
    if p.jvp != ELEMENTWISE:
        return p.general
    names = p.plain.__code__.co_names
    sign = _SIGNS.get(getattr(floats, names[0], None) if len(names) == 1 else None)
    known = dict(
        OBSERVERS=OBSERVERS, recording=recording, scope=scope, general=p.general, Value=Value, new=Value.__new__, INSIDE=INSIDE,
        _getframe=_getframe, xp=floats, f=p.plain,
    )  # fmt: skip
    operands = ", ".join(p.inputs)

    def case(when, plan, *data, before=""):
        """One choice of tracked operands; `data` are the names of the numbers."""
        made = known[plan] = p.plans.get(_KEYS[plan]) or p.plan(_KEYS[plan], _WANTED[plan])
        if not made.tracked:
            return ""
        kept = "".join(f"{'out' if link == 'out' else data[link]}, " for link in made.links)
        checked = _CHECKED.format(out=f"f(xp, {', '.join(data)})", operands=operands)
        out = "out = " + sign.format(*data) if sign else checked
        return _CASE.format(when=when, before=before, out=out, plan=plan, kept=kept.strip())

    if len(p.inputs) == 1:
        cases = case("type(x) is Value and x._plan", "one", "x._data")
    else:
        x, y = _TRACKED.format("x"), _TRACKED.format("y")
        cases = case(f"{x} and {y}", "both", "x._data", "y._data")
        cases += case(f"({_PLAIN.format('y')}) and {x}", "first", "x._data", "y", before="y = float(y)\n        ")
        cases += case(f"({_PLAIN.format('x')}) and {y}", "second", "x", "y._data", before="x = float(x)\n        ")
    if not cases:
        return p.general
    parameters = ", ".join(p.inputs[::-1] if reflected else p.inputs)
    known["unusual"] = lambda *given: _unusual(known[p.name], p.general, dict(zip(p.inputs, given, strict=True)))
    exec(
        compile(_CALL.format(name=p.name, parameters=parameters, operands=operands, cases=cases), __file__, "exec"),
        known,
    )
    return known[p.name]


FOR_VALUES.append(written)


def _unusual(call, general, given):
    """Operands of other kinds: beside a tracked Value, one without gradient is a number, as is an array scalar of NumPy's."""
    plain = {}
    for name, x in given.items():
        if type(x) is Value and x._plan is FREE:
            plain[name] = x._data
        else:
            plain[name] = float(x) if type(x) in NUMBERS else x
    if any(type(x) is Value and x._plan for x in plain.values()) and any(plain[n] is not x for n, x in given.items()):
        return call(**plain)
    return general(*given.values())


# ---- a backward pass


def backward(root, seed, retain_graph):
    """What backward.py does with a graph whose every call is a Value that is its own Node: the same sums in the same order.

    Returns False, with nothing done, if there are others in it.
    """
    with _LOCK:
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
                    raise used_up(_likeness(v))
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
            part = float(conform(part, _likeness(v), _likeness(v)))
    except Exception as error:
        if (part := rescue(error, rule, values, _likeness(v))) is None:
            raise
    return part


def _likeness(v):
    """A Node like the one that `made` would give a Value, of which nobody else knows: for messages."""
    node = Node()
    node.primitive, node.plan, node.parents, node.guards, node.options = v._plan.primitive, v._plan, (), (), {}
    node.code, node.instruction, node.scope = v._code, v._instruction, v._scope
    node.saved, node.grad, node.shape, node.dtype, node.result = v._kept, v._grad, (), None, v._data
    if v._kept is None:
        node.used = v._used
    if hasattr(v, "_called"):
        node.name = v._called
    return node


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


# ---- a Node for who asks for one


def made(value):
    """The Node of a Value that is its own. A leaf goes on as it was; a result and all it comes from have Nodes from now on."""
    with _LOCK:
        if value._plan is LEAF:
            return value._held or _leaf(value)
        stack = [value]
        while stack:
            v = stack[-1]
            waiting = [p for p in v._parents if type(p) is Value and p._plan and p._plan is not LEAF] if v._plan else ()
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if v._plan:
                node = _likeness(v)
                node.options = node.primitive.defaults
                node.parents = [_node_of(p) for p in v._parents]
                v._node = node
                v._parents = v._kept = None
        return value._held


def _node_of(operand):
    if type(operand) is not Value:
        return operand
    return operand._node or operand._frozen  # it was tracked when it was used


def _leaf(value):
    node = Node.leaf()
    node.shape, node.dtype, node.result, node.grad = (), None, value._data, value._grad
    if hasattr(value, "_called"):
        node.name = value._called
    value._held = node
    return node


def _get_node(value):
    plan = value._plan
    return value._held if plan is None else made(value) if plan else None


def _set_node(value, node):
    value._held, value._plan, value._grad, value._flow = node, FREE if node is None else None, None, None


Value._node = property(_get_node, _set_node)
