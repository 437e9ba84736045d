"""Tensor's operators and methods, bound from the declarations."""

from __future__ import annotations

import inspect
from functools import update_wrapper
from typing import Any

import numpy as np

from ..backends import FUSING, get, owner, registered
from .cast import cast
from .convert import convert, refuse_masked
from .doors import refuse_leaving
from .errors import DeviceError, DtypeError, GraphError, ShapeError
from .grad_mode import recording
from .ops.creation import dtype_of
from .ops.index import getitem, put, read, unwrapped
from .ops.shape import astype, reshape, to_device, transpose
from .primitive import COMPOSED, ELEMENTWISE, REGISTRY
from .tensor import Tensor
from .typing import ArrayLike, Axis, DType, Shape
from .value import Value
from .value_calls import written

OPERATORS = {  # (symbol, operands) -> (method, reflected method)
    ("+", 2): ("__add__", "__radd__"),
    ("-", 2): ("__sub__", "__rsub__"),
    ("*", 2): ("__mul__", "__rmul__"),
    ("/", 2): ("__truediv__", "__rtruediv__"),
    ("**", 2): ("__pow__", "__rpow__"),
    ("//", 2): ("__floordiv__", "__rfloordiv__"),
    ("%", 2): ("__mod__", "__rmod__"),
    ("@", 2): ("__matmul__", "__rmatmul__"),
    ("+", 1): ("__pos__", None),
    ("-", 1): ("__neg__", None),
    ("abs", 1): ("__abs__", None),
    ("==", 2): ("__eq__", None),
    ("!=", 2): ("__ne__", None),
    ("<", 2): ("__lt__", None),
    ("<=", 2): ("__le__", None),
    (">", 2): ("__gt__", None),
    (">=", 2): ("__ge__", None),
    ("&", 2): ("__and__", "__rand__"),
    ("|", 2): ("__or__", "__ror__"),
    ("~", 1): ("__invert__", None),
}


def bind():
    """Give Tensor an operator for each symbol, and a method for each function whose first argument is x."""
    for p in REGISTRY.values():
        method, reflected = OPERATORS.get((p.symbol, len(p.inputs)), (None, None))
        if method:
            setattr(Tensor, method, _comparison(p.call) if p.symbol in ("==", "!=") else p.call)
        if reflected:
            setattr(Tensor, reflected, _reflected(p.call))
            setattr(Tensor, reflected.replace("__r", "__i"), _in_place(p.call))
    for name, function in functions().items():
        first = getattr(function, "primitive", None)
        first = first.inputs[0] if first else next(iter(inspect.signature(function).parameters), None)
        if first == "x" and not hasattr(Tensor, name):
            setattr(Tensor, name, function)
    for p in REGISTRY.values():
        if p.jvp == ELEMENTWISE and p.vjp and not p.options:
            method, reflected = OPERATORS.get((p.symbol, len(p.inputs)), (None, None))
            for name, turned in ((p.name, False), (method, False), (reflected, True)):
                if name and hasattr(Tensor, name):
                    _late(p, name, turned)
    Tensor.abs = REGISTRY["absolute"].call
    Tensor.__hash__ = object.__hash__  # binding == must not take identity hashing away


def functions():
    """Every public operation by name: primitives, and functions made of them."""
    return {**{name: p.call for name, p in REGISTRY.items() if not p.internal}, **COMPOSED}


def _late(p, name, turned):
    """Give Value a method of its own (value_calls.py), whose code is written at its first call."""

    def call(*operands):
        setattr(Value, name, update_wrapper(written(p, turned), p.call))
        return getattr(Value, name)(*operands)

    setattr(Value, name, update_wrapper(call, p.call))


def _reflected(call):
    return lambda y, x: call(x, y)


def _in_place(call):
    """`x += y`: x with another value where that is all that can be meant, else a new tensor under the name of x."""

    def update(x, y):
        frozen = x._node is None and hasattr(x, "_frozen")  # a parameter with requires_grad=False
        if recording() or not (frozen or x._node is not None and x._node.plan is None):
            return NotImplemented  # Python then takes the operator itself
        return x.assign(call(x, y))

    return update


def _comparison(call):
    """== or !=, which Python also asks of things that are no numbers."""

    def compare(x, y):
        known = isinstance(y, (Tensor, int, float, np.generic, list, tuple)) or hasattr(y, "dtype")
        return call(x, y) if known else NotImplemented

    return compare


# ---- methods with a form of their own


def _getitem(self, index: Any) -> Tensor:
    index = unwrapped(index, self._data)
    return read(self, index) if type(self._data) in FUSING else getitem(self, index=index)


def _setitem(self, index: Any, value: ArrayLike) -> None:
    """Write into a tensor that no graph has seen. Raises: GraphError on a recorded tensor."""
    if self._node is not None:
        raise GraphError(
            "assignment into a tensor that requires grad would change values behind the graph's back; "
            "use chainrule.where(mask, new, x) for a new tensor, or x.assign(values) to replace a leaf's values"
        )
    refuse_leaving("assignment", value, "use chainrule.where(mask, new, x)")
    refuse_masked("index", index)
    data = convert("assignment", value, self.dtype, owner(self._data))
    try:
        put(self._data, unwrapped(index, self._data), data)
    except (ValueError, IndexError, TypeError) as error:
        raise ShapeError(
            f"assignment: needs an index inside shape {self.shape} and a value that fits there ({error})"
        ) from error
    self.mark_changed()


def _reshape(self, *shape: Shape) -> Tensor:
    """The same elements under another shape, given as one tuple or as several lengths."""
    return reshape(self, shape=shape[0] if len(shape) == 1 else shape)  # type: ignore[arg-type]


def _transpose(self, *axes: Axis) -> Tensor:
    """Axes in the given order, or reversed."""
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list, np.ndarray))):
        axes = axes[0]
    return transpose(self, axes=None if axes is None else tuple(axes) or None)  # type: ignore[arg-type]


def to(self, target: DType) -> Tensor:
    """This tensor on another device, or with another dtype; itself if it is there already.

    Integers cut fractions off, and take integers of another dtype modulo their range.
    Gradient: flows through moves and floating dtypes; integers and booleans end it.
    Raises: DeviceError for an unknown or unusable device; DtypeError for an unknown dtype, and for floats that are nan or out
        of range of integers.
    Example:
        >>> import chainrule as cr
        >>> cr.ones(2).to("float64").dtype
        dtype('float64')
    """
    if isinstance(target, str) and not _names_dtype(target):
        try:
            backend = get(target)
        except DeviceError:
            if target.partition(":")[0] in (known := registered()):
                raise
            raise DeviceError(
                f"to: {target!r} is neither a dtype such as 'float32' nor a device; devices are {', '.join(map(repr, known))}"
            ) from None
        return self if backend.name == self.device else to_device(self, source=self.device, target=backend.name)
    dtype = dtype_of(target)
    if dtype == self.dtype:
        return self
    if self.device == "scalar":
        raise DtypeError("to: a Value is always a float64; move it to 'cpu' first")
    if dtype.kind == "f":
        return astype(self, dtype=dtype)
    if self.dtype.kind == "f" and dtype.kind in "iu":  # what comes of nan, and out of range, depends on the machine
        whole = owner(self._data).xp.trunc(self._data)
        return Tensor._wrap(cast("to", whole, dtype, "replace such numbers first, e.g. with chainrule.where"))
    return Tensor._wrap(self._data.astype(dtype))


def _names_dtype(text):
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


for _name, _method in {
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    "reshape": _reshape,
    "transpose": _transpose,
}.items():
    _method.__name__ = _method.__qualname__ = _name  # for help()
    setattr(Tensor, _name, _method)
Tensor.T = property(_transpose, doc="The axes reversed.")
Tensor.to = to
Tensor.astype = to
