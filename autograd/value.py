"""Value: a number that takes part in gradients. It is its own Node until somebody asks for one."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, SupportsFloat

from ..backends import SINGLES
from .callsite import user_line
from .convert import refuse_masked
from .doors import refuse_leaving, warn_leaving
from .errors import DtypeError
from .node import Node
from .tensor import Tensor
from .typing import ArrayLike

if TYPE_CHECKING:
    from .operations import ValueMethods
else:
    ValueMethods = object

# what a Value has in place of a Plan: it is a leaf that takes part in gradients, or takes part in none
LEAF, FREE = "leaf", ""
LOCK = RLock()  # held while Nodes are made, and during a pass, which leaves marks on Values: threads may share them


class Value(Tensor, ValueMethods):
    """A number that takes part in gradients: the same Tensor, on the scalar backend, with micrograd's interface.

    Fields:
        data: the number, a float. `v.data -= 0.1 * v.grad` changes a leaf.
        grad: its gradient, 0.0 until a backward pass reaches it; passes add up. (Tensors have None there, as do messages
            and pictures, which tell a gradient of 0 from one that never came.)

    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> y = x * x + 1
        >>> y.backward()
        >>> y.data, x.grad
        (10.0, 6.0)
    """

    # It is its own Node while `_plan` is true: a call's Plan, or LEAF; these are the fields of Node of the same names,
    # but _kept (saved, None when used), _flow (of the pass that runs), _called (name) and _held, its Node, where it has one.
    __slots__ = (
        "_plan", "_parents", "_kept", "_used", "_grad", "_flow", "_code", "_instruction", "_scope", "_called", "_held",
    )  # fmt: skip

    if TYPE_CHECKING:  # numbers, where other Tensors have arrays
        data: float  # type: ignore[assignment]

        @property
        def grad(self) -> float: ...
        @grad.setter
        def grad(self, value: ArrayLike | None) -> None: ...

        label: str
        _op: str
        _prev: set[Value]

        def detach(self) -> Value: ...

    else:

        @property
        def data(self):
            return self._data

        @data.setter
        def data(self, value):
            if type(value) is not type(self._data) or not self.is_leaf:
                self.assign(value)
                return
            self._version = user_line()  # programs for micrograd do this for every parameter at every step
            self._data = value
            if self._held is not None:
                self._held.result = value

        @property
        def grad(self):
            grad = self._grad if self._alone() else Tensor.grad.fget(self)
            return 0.0 if grad is None else grad

        @grad.setter
        def grad(self, value):
            if self._alone() and (value is None or value.__class__ in (float, int)):
                self._grad = None if value is None else float(value)
            else:
                Tensor.grad.fset(self, value)

        @property
        def _node(self):
            plan = self._plan
            return self._held if plan is None else made(self) if plan else None

        @_node.setter
        def _node(self, node):
            self._held, self._plan, self._grad, self._flow = node, FREE if node is None else None, None, None

        def _alone(self):
            """Whether it is its own Node, and has none beside itself."""
            return self._plan is LEAF and self._held is None or self._plan and self._plan is not LEAF

        @property
        def name(self):
            return getattr(self, "_called", None) if self._alone() else Tensor.name.fget(self)

        @name.setter
        def name(self, name):
            if self._alone():
                self._called = name
            else:
                Tensor.name.fset(self, name)

        @property
        def is_leaf(self):
            plan = self._plan
            return plan is LEAF or plan is FREE or plan is None and self._held.primitive is None

        @property
        def requires_grad(self):
            return self._plan is not FREE

        requires_grad = requires_grad.setter(Tensor.requires_grad.fset)

        def __float__(self):
            if self._waits():
                warn_leaving("float", self)
            return self.item()

        def __bool__(self):
            return bool(self._data)

        def __int__(self):
            if self._waits():
                warn_leaving("int", self)
            return int(self.item())

        def _waits(self):
            """Whether a backward pass may still come through it."""
            plan = self._plan
            return plan is None or plan and self._grad is None and (plan is LEAF or self._kept is not None)

    def __init__(self, data: SupportsFloat, name: str | None = None, *, label: str | None = None):
        if data.__class__ not in SINGLES:
            refuse_leaving("Value", data)
            refuse_masked("Value", data)
        try:
            self._data, self._plan, self._held = data if data.__class__ in SINGLES else float(data), LEAF, None
        except (TypeError, ValueError, OverflowError):
            raise DtypeError(f"Value: needs one number, not {data!r}; for arrays use chainrule.tensor") from None
        self._grad = self._flow = self._kept = self._version = self._access = None
        if name is not None:
            self._called = name
        elif label is not None:  # micrograd's word for it
            self._called = label

    def __repr__(self):
        return f"Value(data={self._data}, grad={self.grad})"

    _repr_html_ = None  # type: ignore[assignment]  # a number needs no table


Tensor._of_numbers = Value

# ---- a Node for who asks for one


def made(value):
    """The Node of a Value that is its own. A leaf goes on as it was; a result and all it comes from have Nodes from now on."""
    with LOCK:
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
                node = node_like(v)
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


def node_like(v):
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
