"""Tensor's operators and methods, bound from the declarations: nothing here names an operation's mathematics."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..backends import get
from .errors import DtypeError, GraphError, ShapeError
from .ops import creation
from .ops.creation import dtype_of
from .ops.index import getitem, unwrapped
from .ops.shape import astype, reshape, to_device, transpose
from .primitive import COMPOSED, REGISTRY
from .tensor import Tensor, convert, owner
from .typing import ArrayLike, Axis, DType, Shape

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

# NumPy's ufunc and function names that differ from ours, for np.sin(tensor) and the like
_NUMPY_NAMES = {"abs": "absolute", "true_divide": "divide", "amax": "max", "amin": "min"}


def bind():
    """Give Tensor an operator for each symbol, and a method for each function whose first argument is x."""
    for p in REGISTRY.values():
        method, reflected = OPERATORS.get((p.symbol, len(p.inputs)), (None, None))
        if method:
            setattr(Tensor, method, _comparison(p.call) if p.symbol in ("==", "!=") else p.call)
        if reflected:
            setattr(Tensor, reflected, _reflected(p.call))
    for name, function in functions().items():
        first = getattr(function, "primitive", None)
        first = first.inputs[0] if first else function.__code__.co_varnames[:1] and function.__code__.co_varnames[0]
        if first == "x" and not hasattr(Tensor, name):
            setattr(Tensor, name, function)
    Tensor.abs = REGISTRY["absolute"].call
    Tensor.__hash__ = object.__hash__  # binding == must not take identity hashing away


def functions():
    """Every public operation by name: primitives, and functions made of them."""
    return {**{name: p.call for name, p in REGISTRY.items()}, **COMPOSED}


def _reflected(call):
    return lambda y, x: call(x, y)


def _comparison(call):
    """== or !=, which Python also asks of things that are no numbers."""

    def compare(x, y):
        known = isinstance(y, (Tensor, int, float, np.generic, list, tuple)) or hasattr(y, "dtype")
        return call(x, y) if known else NotImplemented

    return compare


# ---- methods with a form of their own


def _getitem(self, index: Any) -> Tensor:
    return getitem(self, index=unwrapped(index))


def _setitem(self, index: Any, value: ArrayLike) -> None:
    """Write into a tensor that no graph has seen. Raises: GraphError on a recorded tensor."""
    if self._node is not None:
        raise GraphError(
            "assignment into a tensor that requires grad would change values behind the graph's back; "
            "use chainrule.where(mask, new, x) for a new tensor, or x.assign(values) to replace a leaf's values"
        )
    if isinstance(value, Tensor) and value.requires_grad:
        raise GraphError(
            "assignment: the value requires grad and its gradient would be lost; use chainrule.where, or detach() it"
        )
    data = convert("assignment", value, self.dtype, owner(self._data))
    try:
        self._data[unwrapped(index)] = data
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
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = axes[0]
    return transpose(self, axes=tuple(axes) if axes else None)  # type: ignore[arg-type]


def to(self, target: DType) -> Tensor:
    """This tensor on another device, or with another dtype; itself if it is there already.

    Gradient: flows through moves and floating dtypes; integers and booleans end it.
    Raises: DeviceError for an unknown or unusable device; DtypeError for an unknown dtype.
    Example:
        >>> import chainrule as cr
        >>> cr.ones(2).to("float64").dtype
        dtype('float64')
    """
    if isinstance(target, str) and not _names_dtype(target):
        backend = get(target)
        return self if backend.name == self.device else to_device(self, source=self.device, target=backend.name)
    dtype = dtype_of(target)
    if dtype == self.dtype:
        return self
    if self.device == "scalar":
        raise DtypeError("to: a Value is always a float64; move it to 'cpu' first")
    return astype(self, dtype=dtype) if dtype.kind == "f" else Tensor._wrap(self._data.astype(dtype))


def _names_dtype(text):
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


def _array_ufunc(self, ufunc, method, *inputs, out=None, **kwargs):
    """np.exp(tensor) and array + tensor: the chainrule function of the same name."""
    name = _NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
    if method != "__call__" or out is not None or kwargs or name not in REGISTRY:
        detail = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        raise DtypeError(
            f"{detail}: has no differentiable form here{' with these arguments' if name in REGISTRY else ''}; "
            "use a chainrule function, or x.detach().numpy() for plain values"
        )
    return REGISTRY[name].call(*inputs)


def _array_function(self, function, types, args, kwargs):
    """np.sum(tensor), np.concatenate([tensor, ...]) and so on: the chainrule function of the same name.

    Arguments are matched by NumPy's names for them; one that ours does not know is refused rather than misread.
    """
    name = _NUMPY_NAMES.get(function.__name__, function.__name__)
    if name in ("shape", "ndim", "size"):
        return getattr(args[0], name)
    ours = functions().get(name)
    refusal = DtypeError(
        f"np.{function.__name__}: has no differentiable form here with these arguments; use a chainrule function, "
        "or x.detach().numpy() for plain values"
    )
    # numpy.linalg means other things by norm and trace; creation functions take no tensors
    if ours is None or function.__module__ == "numpy.linalg" or ours.__module__ == creation.__name__:
        raise refusal
    try:
        theirs = inspect.signature(function)
    except ValueError:  # made in C
        return ours(*args, **kwargs)
    given = theirs.bind(*args, **kwargs).arguments
    given = {{"a_min": "min", "a_max": "max"}.get(k, k): v for k, v in given.items()}
    known = [p for p in inspect.signature(ours).parameters.values() if p.kind is not p.VAR_KEYWORD]
    arrays = [p.name for p in known if p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(p.kind is p.VAR_POSITIONAL for p in theirs.parameters.values()) or any(
        p.kind is p.VAR_POSITIONAL for p in known
    ):
        return ours(*args, **kwargs)
    first = len([p for p in known if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD])
    leading, rest = list(given.items())[:first], dict(list(given.items())[first:])
    if not rest.keys() <= {p.name for p in known} or len(arrays) < first:
        raise refusal
    return ours(*(value for _, value in leading), **rest)


Tensor.__getitem__ = _getitem
Tensor.__setitem__ = _setitem
Tensor.reshape = _reshape
Tensor.transpose = _transpose
Tensor.T = property(_transpose, doc="The axes reversed.")
Tensor.to = to
Tensor.astype = to
Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
