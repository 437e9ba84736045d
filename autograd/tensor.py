"""Tensor: an array (or a number) that remembers how it was computed. No mathematics: methods.py binds operators and methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, SupportsFloat
from weakref import ref

import numpy as np

from ..backends import SINGLES, get, owner
from .callsite import user_line
from .cast import cast
from .doors import refuse_leaving, warn_leaving
from .errors import DtypeError, GraphError, ShapeError, UnsizedError
from .node import SMALL, Node
from .typing import ArrayLike, MaybeNone

if TYPE_CHECKING:
    from .operations import TensorMethods, ValueMethods
else:
    TensorMethods = ValueMethods = object

UNMASK = "a masked array would lose its mask; use x.filled(value), or chainrule.where with the mask"
# what a Value has in place of a Plan: it is a leaf that takes part in gradients, or takes part in none
LEAF, FREE = "leaf", ""
KEPT, SHARED = "kept by a pending backward", "reachable from outside"


class Tensor(TensorMethods):
    """An array on one backend, with its place in the recorded graph. Made by `tensor`, `asarray`, `zeros` and so on.

    Fields:
        data: the backend's own array, shape `shape`; read-only where the tensor is the result of a recorded call.
        grad: None until a backward pass reaches this tensor, then a Tensor of the same shape; passes add up.
        requires_grad: whether gradients flow to this tensor.
    """

    __slots__ = ("_data", "_node", "_version", "_access", "_frozen", "__weakref__")
    _data: Any
    _node: Any
    _version: Any
    _access: Any
    _frozen: Any  # the Node that it had before requires_grad was set to False; not set otherwise

    def __init__(self, data: Any):
        if owner_or_none(data) is None or not hasattr(data, "shape"):
            raise DtypeError(
                f"Tensor: needs an array, not {type(data).__name__}; use chainrule.tensor(...) for other data"
            )
        self._set(data, None)
        self._access = SHARED

    def _set(self, data, node):
        self._data = data
        self._node = node
        self._version = None  # the user's line that last changed the data
        self._access = None  # None, KEPT, SHARED, or (copy, line): taken at that line while the tape needed it

    # ---- what it holds

    @property
    def data(self) -> np.ndarray:
        data, node = self._data, self._node
        if type(data) is float:
            return data  # type: ignore[return-value]  # see Value
        if node is not None and node.primitive is not None:
            return owner(data).frozen(data)
        if self._access is None:
            self._access = SHARED
        elif self._access is KEPT:
            self._access = (owner(data).copy(data), user_line())
        return data

    @data.setter
    def data(self, value: ArrayLike) -> None:
        self.assign(value)

    def assign(self, value: ArrayLike) -> Self:
        """Replace the values of this leaf, and note the line for a pending backward that needs the old ones.

        Shape: value the same as this tensor, or a single number.
        Raises: GraphError on the result of a recorded call; ShapeError if the shape differs; DtypeError for numbers that
            this dtype cannot hold.
        Example:
            >>> import chainrule as cr
            >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
            >>> w.assign([3.0, 4.0]).tolist()
            [3.0, 4.0]
        """
        if not self.is_leaf:
            raise GraphError(
                f"assign: this tensor is the result of a recorded {self._node.label}; only leaves can be assigned. "
                "Use detach() to get a leaf with the same values"
            )
        backend = owner(self._data)
        if value is not self._data:
            refuse_leaving("assign", value, "compute with it instead of assigning it")
            value = convert("assign", value, self.dtype, backend)
            shape = getattr(value, "shape", ())
            if shape not in (self.shape, ()):
                raise ShapeError(f"assign: the new value must have shape {self.shape}, not {shape}")
            before = self._version, self._access
            self.mark_changed()  # first, so that a write that is interrupted is noticed, too
            try:
                self._data = backend.assign(self._data, value)
            except ValueError as error:
                self._version, self._access = before
                raise GraphError(
                    f"assign: {error}: the array it shares memory with is read-only; copy it with chainrule.tensor(...)"
                ) from error
            if self._node is not None and self.size <= SMALL:
                self._node.result = self._data
        else:
            self.mark_changed()
        return self

    def mark_changed(self, line: tuple | None = None) -> None:
        """Note that the data is changed in place, at the user's line, so that a pending backward that needs it raises."""
        self._version = line or user_line()
        if self._access is not None:
            self._access = SHARED if self._access is not KEPT else None

    def replace_array(self, data):
        """Let this leaf hold another array: a part of a flat buffer, one on another device, or a new Python float.

        A pending backward keeps the old array, so its gradient stays right.
        """
        # someone can write to the old array that the tape keeps: better no gradient
        if isinstance(self._access, tuple):
            self._version = self._access[1]
        self._data, self._access = data, None
        if self._node is not None:
            self._describe_to(self._node)

    def _describe_to(self, node):
        """Let the leaf's Node say what its data are now."""
        node.shape, node.dtype = self.shape, _node_dtype(self._data)
        node.result = self._data if self.size <= SMALL else ref(self)

    @property
    def grad(self) -> Tensor | MaybeNone:
        node = self._node
        if node is None or node.grad is None or type(node.grad) in SINGLES or isinstance(node.grad, Tensor):
            return None if node is None else node.grad
        node.grad = Tensor._wrap(owner(node.grad).asarray(node.grad))  # sums of () arrays are array scalars
        return node.grad

    @grad.setter
    def grad(self, value: ArrayLike | None) -> None:
        if self._node is None:
            raise GraphError("grad: this tensor does not require grad; set requires_grad=True first")
        kept = isinstance(value, Tensor) and value.dtype == self.dtype and (value.ndim or value.requires_grad)
        if value is not None and not kept:
            refuse_leaving("grad", value, f"convert it first, e.g. with x.to('{self.dtype}')")
            backend = owner(self._data)
            value = backend.copy(convert("grad", value, self.dtype, backend))
        shape = getattr(value, "shape", ())
        if value is not None and shape != self.shape:
            raise ShapeError(f"grad: must have the tensor's shape {self.shape}, not {shape}")
        self._node.grad = value

    def retain_grad(self) -> None:
        """Keep the gradient of this recorded result when backward passes it; small results and leaves keep it anyway."""
        if self._node is None:
            raise GraphError("retain_grad: this tensor does not require grad")
        if self._node.result is None:
            self._node.result = ref(self)

    @property
    def requires_grad(self) -> bool:
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if flag and self._node is None:
            if self.dtype.kind != "f":
                raise DtypeError(
                    f"requires_grad: only floating tensors have gradients, this one is {self.dtype}; "
                    "convert it first, e.g. x.to('float32')"
                )
            # what was recorded before it was frozen leads to the Node it had then
            node = getattr(self, "_frozen", None) or Node.leaf()
            self._describe_to(node)
            node.grad, self._node = None, node
        elif not flag and self._node is not None:
            if self._node.primitive is not None:
                raise GraphError("requires_grad: the result of a recorded call keeps its history; use detach()")
            self._node.grad, self._frozen, self._node = None, self._node, None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded call made this tensor: only leaves can be changed in place."""
        return self._node is None or self._node.primitive is None

    @property
    def shape(self) -> tuple[int, ...]:
        return () if type(self._data) is float else self._data.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return 1 if type(self._data) is float else self._data.size

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("float64") if type(self._data) is float else np.dtype(self._data.dtype)

    @property
    def device(self) -> str:
        """The name of the device that holds the data: "cpu", "cuda", "cuda:1", "scalar" or a registered one."""
        return owner(self._data).place(self._data)

    @property
    def name(self) -> str | None:
        """What pictures and messages call this tensor; settable where gradients flow."""
        return None if self._node is None else self._node.name

    @name.setter
    def name(self, name: str | None) -> None:
        if self._node is None:
            raise GraphError("name: only tensors that require grad are in the graph and can be named")
        self._node.name = name

    # ---- reading it out

    def numpy(self) -> np.ndarray:
        """A NumPy copy of the values, on the host."""
        return owner(self._data).read(self._data)

    def item(self) -> Any:
        """The single value as a Python number.

        Raises: ShapeError if there is not exactly one element.
        """
        if type(data := self._data) is np.ndarray and data.size == 1:
            return data.item()
        if self.size != 1:
            raise ShapeError(f"item: needs exactly one element, this tensor has shape {self.shape}; index it first")
        return self.numpy().item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def detach(self) -> Tensor:
        """A tensor with a copy of the values and no history."""
        return Tensor._wrap(owner(self._data).copy(self._data))

    @classmethod
    def _wrap(cls, data, node=None):
        kind = Value if type(data) in SINGLES else Tensor
        twin = kind.__new__(kind)
        twin._set(data, node)
        return twin

    def __float__(self) -> float:
        if self._node is not None:
            warn_leaving("float", self)
        return float(self.item())

    def __int__(self) -> int:
        if self._node is not None:
            warn_leaving("int", self)
        return int(self.item())

    def __round__(self, digits: int | None = None) -> Tensor:
        raise DtypeError("round: gives plain numbers; use chainrule.rint(x), or round(x.item(), digits)")

    def __trunc__(self) -> int:
        raise DtypeError("math.trunc: gives plain numbers; use x.to('int64'), or math.trunc(x.item())")

    def __divmod__(self, y: ArrayLike) -> tuple[Tensor, Tensor]:
        return self // y, self % y

    def __rdivmod__(self, x: ArrayLike) -> tuple[Tensor, Tensor]:
        return x // self, x % self

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(f"only integer tensors can be an index, this one is {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(f"the truth of a tensor of shape {self.shape} is ambiguous: use .any() or .all()")
        return bool(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise UnsizedError(
                "len: a tensor of shape () has no length; its number is x.item(), and other libraries take x.numpy()"
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if form else str(self)

    __hash__ = object.__hash__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self._node is not None:
            raise GraphError(
                "NumPy asked for the values of a tensor that requires grad, which would lose its gradient; "
                "use x.detach().numpy() for the values, or the chainrule function of the same name"
            )
        if copy is False:
            if self.device != "cpu" or dtype not in (None, self.dtype):
                raise ValueError(
                    f"np.asarray: the values of this {self.dtype} on {self.device!r} must be copied; leave copy out"
                )
            return self.data
        return np.asarray(self.numpy(), dtype=dtype)

    @property
    def _mask(self):  # functions of numpy.ma take the numbers out of `_data`, and then ask for this
        raise DtypeError(f"{type(self).__name__} and a masked array: {UNMASK}")

    def __reduce__(self):
        if self._node is not None and self._node.primitive is not None:
            raise GraphError("a tensor with history cannot be copied or pickled; use detach() first")
        grad = self.grad.numpy() if isinstance(self.grad, Tensor) else self.grad
        return _rebuild, (type(self), self.numpy(), self.device, self.requires_grad, self.name, grad)

    # ---- showing it

    def __repr__(self):
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(", threshold=200)
        shape = [f"shape={self.shape}"] if self.size == 0 and self.ndim > 1 else []
        return f"tensor({', '.join([body, *shape, *self._traits()])})"

    def _traits(self):
        yield f"dtype={self.dtype}"
        if self.device != "cpu":
            yield f"device={self.device!r}"
        if self._node is not None:
            yield "requires_grad=True" if self._node.primitive is None else f"op={self._node.primitive.name}"

    def _repr_html_(self):
        from html import escape

        body = escape(np.array2string(self.numpy(), separator=", ", threshold=100))
        facts = escape(" · ".join([f"shape {self.shape}", *self._traits()]))
        return f"<div><pre style='margin:0'>{body}</pre><small>{facts}</small></div>"


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

    # It is its own Node (values.py) while `_plan` is true: a call's Plan, or LEAF; these are the fields of Node of the same names,
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


def _node_dtype(data):
    return None if type(data) in SINGLES else data.dtype


def _rebuild(kind, array, device, requires_grad, name, grad):
    twin = kind.__new__(kind)
    twin._set(get(device).from_numpy(array), None)
    twin.requires_grad = requires_grad
    if name is not None:
        twin.name = name
    if grad is not None:
        twin.grad = grad
    return twin


def raw(value):
    """The array under a Tensor; anything else unchanged."""
    return value._data if isinstance(value, Tensor) else value


def convert(operation, data, dtype, backend):
    """`data` (Tensor, array, number, nested list, whatever NumPy takes) as an array of `backend` with `dtype` (None: the
    natural one).

    Raises: DtypeError for masked arrays, text, objects, ragged lists, and numbers that `dtype` cannot hold; DeviceError for
        a Tensor of another device.
    """
    data = raw(data)
    refuse_masked(operation, data)
    if not isinstance(data, (bool, int, float, list, tuple)) and owner_or_none(data) is backend:
        if np.dtype(data.dtype if hasattr(data, "dtype") else float).kind not in "biuf":
            raise DtypeError(f"{operation}: needs numbers, was given {data.dtype} data")
        data = backend.asarray(data)
        return data if dtype is None or data.dtype == dtype else cast(operation, data, dtype)
    try:
        host = np.asarray(to_host(operation, data, backend))
    except ValueError as error:
        raise ShapeError(f"{operation}: nested lists must be rectangular ({error})") from None
    if host.dtype.kind not in "biuf":
        real = (bool, int, float, np.bool_, np.integer, np.floating)
        odd = next((x for x in host.flat if not isinstance(x, real)), None)
        advice = "; convert it first, e.g. with x.astype('float32')" if odd is None and hasattr(data, "astype") else ""
        example = (host.flat[0] if odd is None else odd) if host.size else host
        raise DtypeError(f"{operation}: needs numbers, was given {host.dtype} data such as {example}{advice}")
    try:
        # converted by the backend, so that a recording sees it; Python floats are no arrays
        if backend.on_host and backend.array_type is not float and type(data) is np.ndarray:
            same = dtype is None or host.dtype == dtype
            array = backend.asarray(host, copy=same)
            return array if same else cast(operation, array, dtype)
        array = host if dtype is None else cast(operation, host, dtype)
        return backend.asarray(array, copy=array is host)
    except (TypeError, ValueError) as error:
        if isinstance(error, (DtypeError, ShapeError)):
            raise
        raise DtypeError(f"{operation}: device {backend.name!r} cannot hold this: {error}") from None


def masked(data):
    """Whether it is a NumPy array with a mask. (Other libraries' tables have a mask too, a method of theirs.)"""
    return isinstance(data, np.ndarray) and hasattr(data, "mask")


def refuse_masked(operation, *values):
    """Raise a DtypeError if one of the values is a masked array, or a list that holds one."""
    waiting, seen = [*values], set()
    for value in waiting:
        if isinstance(value, (list, tuple)):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += value
        elif masked(value):
            raise DtypeError(f"{operation}: {UNMASK}")


def owner_or_none(data: Any):
    try:
        return owner(data)
    except ValueError:
        return None


def to_host(operation, data, backend, depth=0):
    """`data` as something NumPy understands; lists may hold Tensors of any device."""
    if isinstance(data, (list, tuple)):
        if depth > 64:
            raise ValueError("nested more than 64 deep, the most axes that an array can have")
        return [to_host(operation, item, backend, depth + 1) for item in data]
    if isinstance(data, Tensor):
        refuse_leaving(operation, data, "use chainrule.stack(...)")
        return data.numpy()
    owning = owner_or_none(data)
    return data if owning is None or owning.on_host else owning.read(data)
