"""Making tensors: from data, or from a rule."""

from __future__ import annotations

import numpy as np

from ...backends import default, get, owner
from ..arguments import whole_number
from ..cast import cast
from ..convert import SHARED, convert, masked, owner_or_none, raw, refuse_masked
from ..doors import refuse_leaving
from ..dtypes import DEFAULT
from ..errors import ArgumentError, ChainruleError, DtypeError, ShapeError
from ..primitive import composed
from ..tensor import Tensor
from ..typing import ArrayLike, DType, Shape

_FLOATS = ("float16", "float32", "float64")


@composed
def default_dtype() -> np.dtype:
    """The dtype of floating data that does not bring its own: float32 until set_default_dtype changes it."""
    return DEFAULT[0]


@composed
def set_default_dtype(dtype: DType) -> None:
    """Set the dtype of floating data made from Python numbers and by creation functions.

    Raises: DtypeError unless it is float16, float32 or float64.
    """
    name = getattr(dtype, "__name__", str(dtype))
    if name not in _FLOATS:
        raise DtypeError(f"set_default_dtype: choose one of {', '.join(_FLOATS)}, not {name}")
    DEFAULT[0] = np.dtype(name)


def dtype_of(dtype):
    """A NumPy dtype; DtypeError if there is none of that name."""
    try:
        if dtype is None:  # which NumPy takes for float64
            raise TypeError
        dtype = np.dtype(dtype)
    except TypeError:
        raise DtypeError(f"unknown dtype {dtype!r}: use a NumPy dtype or its name, such as 'float32'") from None
    if dtype.kind not in "biuf":
        raise DtypeError(
            f"dtype {dtype}: tensors hold real numbers; use a floating, integer or bool dtype such as 'float32'"
        )
    return dtype


def _held(backend, dtype):
    """`dtype` as NumPy's, or None; DtypeError if the device cannot hold it."""
    dtype = None if dtype is None else dtype_of(dtype)
    if backend.array_type is float and dtype not in (None, np.float64):
        raise DtypeError(f"device {backend.name!r} holds float64 numbers only, not {dtype}; use device='cpu'")
    return dtype


def _natural(data, dtype):
    """The dtype that data from Python numbers takes: whole numbers stay whole, others take the default dtype."""
    if dtype is not None:
        return dtype
    if isinstance(data, (float, list, tuple)) and not isinstance(data, np.generic):
        flat = data
        while isinstance(flat, (list, tuple)) and flat:
            flat = flat[0]
        if hasattr(flat, "dtype"):
            return None
        kind = np.asarray(data, dtype=None).dtype.kind if not isinstance(data, float) else "f"
        return default_dtype() if kind == "f" else None
    return None


@composed
def tensor(
    data: ArrayLike, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A Tensor with a copy of `data`: numbers, nested lists, arrays, Tensors, or a DataFrame of numbers and the like.

    Without `device`, Tensors and arrays of a device stay where they are, and all else goes to the default device.

    Shape: that of the data.
    Raises: ShapeError for ragged lists; DtypeError for text and objects, or if an integer tensor is asked to require grad;
        DeviceError for an unknown device.
    Example:
        >>> import chainrule as cr
        >>> cr.tensor([[1.0, 2.0]])
        tensor([[1., 2.]], dtype=float32)
    """
    refuse_leaving("tensor", data, "use the tensor itself, with x.to(...) for another dtype or device")
    backend = get(device) if device is not None else _backend_of(data)
    if device is None and backend.on_host and not isinstance(data, Tensor):
        backend = home(backend)
    dtype = _held(backend, dtype)
    try:
        dtype = _natural(data, dtype) if backend.array_type is not float else None
    except ValueError:
        dtype = None  # ragged: convert says so
    array = convert("tensor", data, dtype, backend)
    result = Tensor._wrap(backend.copy(array) if array is raw(data) or _aliases(array, data) else array)
    result.requires_grad = requires_grad
    return result


def _aliases(array, data):
    """Whether the converted array may share the memory of the data: only arrays of the same backend can."""
    return owner_or_none(raw(data)) is owner(array)


def _backend_of(data):
    """Where the data lives already, if it does."""
    backend = owner_or_none(raw(data))
    return default() if backend is None or isinstance(data, (bool, int, float)) else backend


def home(backend=None):
    """The default device for arrays of the host: `backend` where it holds single numbers only."""
    chosen = default()
    return (backend or get("cpu")) if chosen.array_type is float else chosen


@composed
def asarray(
    data: ArrayLike, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A Tensor that shares the memory of `data` where it can; a Tensor is returned as it is.

    While a recorded graph needs the values, it keeps a copy of memory that is shared with you.

    Raises: as `tensor`.
    Example:
        >>> import chainrule as cr, numpy as np
        >>> a = np.zeros(2)
        >>> t = cr.asarray(a)
        >>> a[0] = 5
        >>> t.tolist()
        [5.0, 0.0]
    """
    if isinstance(data, Tensor) and dtype is device is None and not requires_grad:
        return data
    backend = get(device) if device is not None else _backend_of(data)
    same = dtype is None or getattr(data, "dtype", None) == dtype_of(dtype)
    if isinstance(data, Tensor) and same and data.device == backend.name and requires_grad <= data.requires_grad:
        return data
    plain = hasattr(data, "shape") and not masked(data) and not isinstance(data, np.generic)
    if owner_or_none(raw(data)) is backend and same and plain:
        if np.dtype(raw(data).dtype).kind not in "biuf":
            raise DtypeError(f"asarray: needs numbers, was given an array of {raw(data).dtype}")
        array = data.data if isinstance(data, Tensor) else data
        result = Tensor._wrap(backend.asarray(array))
        result._access = SHARED
        result.requires_grad = requires_grad
        return result
    return tensor(data, dtype, backend.name, requires_grad)


def _made(name, dtype, device, requires_grad, *args, **kwargs):
    """A tensor from the array function `name` of the chosen device's namespace."""
    if name in ("zeros", "ones") and isinstance(dtype, int):
        raise DtypeError(
            f"{name}: dtype must be a dtype, not {dtype}; a shape is one argument: {name}(({args[0]}, {dtype}))"
        )
    backend = get(device) if device is not None else default()
    dtype = _held(backend, dtype) or default_dtype()
    stepped = name in ("arange", "linspace")
    try:
        if backend.array_type is float:
            data = backend.asarray(getattr(np, name)(*args, **kwargs))
        elif stepped and dtype.kind != "f":
            data = cast(name, getattr(backend.xp, name)(*args, **kwargs), dtype)
        else:
            for number in args[:2] if stepped else args[1:] if name == "full" else ():
                cast(name, number if hasattr(number, "dtype") else np.asarray(number), dtype)
            data = getattr(backend.xp, name)(*args, dtype=dtype, **kwargs)
    except ChainruleError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError(f"{name}: needs lengths of at least 0, and numbers; given {args} ({error})") from error
    result = Tensor._wrap(data)
    result.requires_grad = requires_grad
    return result


def _plain(operation, instead, *values):
    """The values as numbers or arrays; refused where a mask or a gradient would be lost."""
    refuse_masked(operation, *values)
    for value in values:
        refuse_leaving(operation, value, instead)
    return [v.item() if isinstance(v, Tensor) and v.ndim == 0 else raw(v) for v in values]


@composed
def zeros(shape: Shape, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return _made("zeros", dtype, device, requires_grad, shape)


@composed
def ones(shape: Shape, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return _made("ones", dtype, device, requires_grad, shape)


@composed
def full(
    shape: Shape,
    fill_value: ArrayLike,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with `fill_value` everywhere: of truth values if it is one, else of the default dtype."""
    (fill_value,) = _plain("full", "use chainrule.broadcast_to(value, shape)", fill_value)
    if dtype is None and np.dtype(getattr(fill_value, "dtype", type(fill_value))).kind == "b":
        dtype = bool
    return _made("full", dtype, device, requires_grad, shape, fill_value)


@composed
def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """An (n, m) matrix with ones on its k-th diagonal; m = n if left out."""
    return _made("eye", dtype, device, requires_grad, n, M=m, k=k)


@composed
def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0 if only one bound is given) to below `stop` in steps; whole numbers give int64."""
    start, stop, step = map(_number, (start, stop, step))
    start, stop = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ArgumentError("arange: step must not be 0")
    if dtype is None and all(whole_number(v) for v in (start, stop, step)):
        dtype = np.int64
    return _made("arange", dtype, device, requires_grad, start, stop, step)


def _number(v):
    return v if not isinstance(v, Tensor) else int(v) if whole_number(v) else float(v)


@composed
def linspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`, which is the last one unless endpoint=False."""
    start, stop = _plain("linspace", "use start + (stop - start) * chainrule.linspace(0, 1, num)", start, stop)
    return _made("linspace", dtype, device, requires_grad, start, stop, num, endpoint=endpoint)


def _like(name, x, dtype, args=()):
    x = asarray(x)
    dtype = x.dtype if dtype is None else dtype_of(dtype)
    return _made(name, dtype, x.device, False, x.shape, *args)


@composed
def zeros_like(x: ArrayLike, dtype: DType | None = None) -> Tensor:
    """Zeros with the shape, dtype and device of x."""
    return _like("zeros", x, dtype)


@composed
def ones_like(x: ArrayLike, dtype: DType | None = None) -> Tensor:
    """Ones with the shape, dtype and device of x."""
    return _like("ones", x, dtype)


@composed
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: DType | None = None) -> Tensor:
    """`fill_value` everywhere, with the shape, dtype and device of x."""
    return _like("full", x, dtype, _plain("full_like", "use chainrule.broadcast_to(value, x.shape)", fill_value))
