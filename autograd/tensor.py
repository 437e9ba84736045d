"""Tensor: an array (or a number) that remembers how it was computed. No mathematics: methods.py binds operators and methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import ref

import numpy as np

from ..backends import SINGLES, get, owner
from .callsite import user_line
from .convert import KEPT, SHARED, UNMASK, Holder, convert, owner_or_none
from .doors import refuse_leaving, warn_leaving
from .errors import DtypeError, GraphError, ShapeError, UnsizedError
from .node import SMALL, Node
from .typing import ArrayLike, MaybeNone

if TYPE_CHECKING:
    from .operations import TensorMethods
else:
    TensorMethods = object


class Tensor(Holder, TensorMethods):
    """An array on one backend, with its place in the recorded graph. Made by `tensor`, `asarray`, `zeros` and so on.

    Fields:
        data: the backend's own array, shape `shape`; read-only where the tensor is the result of a recorded call.
        grad: None until a backward pass reaches this tensor, then a Tensor of the same shape; passes add up.
        requires_grad: whether gradients flow to this tensor.
    """

    __slots__ = ()
    _of_numbers: ClassVar[type[Tensor]]  # Value, which stands above

    def __init__(self, data: Any):
        if owner_or_none(data) is None or not hasattr(data, "shape"):
            raise DtypeError(
                f"Tensor: needs an array, not {type(data).__name__}; use chainrule.tensor(...) for other data"
            )
        self._set(data, None)
        self._access = SHARED

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
        kind = Tensor._of_numbers if type(data) in SINGLES else Tensor
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
