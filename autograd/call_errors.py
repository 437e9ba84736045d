"""What a call may be given, and the errors that say what it was given instead."""

import numpy as np

from ..backends import NUMBERS, STANDING_IN, owner
from .convert import refuse_masked
from .errors import DeviceError, DtypeError, GraphError, ShapeError
from .tensor import Tensor


def array_of(p, data, backend):
    """A plain argument of an unusual type as (array, backend): a list becomes a NumPy array, the rest must be known."""
    label = getattr(p, "name", None) or p.__name__
    if isinstance(data, (bool, int, float)):
        return data, backend
    if isinstance(data, (list, tuple)):
        if any(isinstance(x, Tensor) and x.requires_grad for x in data):
            raise GraphError(
                f"{label}: a list of tensors that require grad would lose its gradient; use chainrule.stack(...)"
            )
        refuse_masked(label, data)
        try:
            data = np.asarray([x.numpy() if isinstance(x, Tensor) else x for x in data])
        except ValueError as error:
            raise ShapeError(f"{label}: nested lists must be rectangular ({error})") from None
        data = data.astype(np.float32) if data.dtype == np.float64 else data
    refuse_masked(label, data)
    if not hasattr(data, "dtype"):
        raise DtypeError(f"{label}: needs tensors, arrays or numbers, was given {type(data).__name__} {data!r}")
    return data, owner(data)


def check_dtypes(p, arrays):
    """A DtypeError for plain arrays of text, objects or complex numbers."""
    for a in arrays:
        if getattr(a, "dtype", _BOOL).kind not in "biuf":
            raise DtypeError(f"{p.name}: needs real numbers, was given an array of {a.dtype}")


_BOOL = np.dtype(bool)


def together(p, args):
    """The arguments of a call on one device, for inputs of several: while a program is recorded, arrays of the host take part.
    While another thread records one, those of its arrays that are met here are what they hold.

    Raises: DeviceError at other times.
    """
    tracer = STANDING_IN.get()
    given = [a._data if isinstance(a, Tensor) else a for a in args]
    if tracer is None:
        host = owner(np.empty(0))
        theirs = [type(x) not in NUMBERS and owner(x).name == host.name and owner(x) is not host for x in given]
        if not any(theirs):
            raise mixed(p, args)
        return [
            Tensor._wrap(owner(x).to_numpy(x), getattr(a, "_node", None)) if its else a
            for a, x, its in zip(args, given, theirs, strict=True)
        ]
    if not all(type(a) in NUMBERS or owner(a) is tracer or owner(a) is owner(np.empty(0)) for a in given):
        raise mixed(p, args)
    return [
        a if type(a) in NUMBERS or owner(x) is tracer else Tensor._wrap(tracer.asarray(x), getattr(a, "_node", None))
        for a, x in zip(args, given, strict=True)
    ]


def mixed(p, args):
    """The DeviceError for inputs of several devices."""
    devices = {}
    for x, a in zip(p.inputs * len(args) if p.variadic else p.inputs, args, strict=False):
        if type(a) not in NUMBERS:
            array = a._data if isinstance(a, Tensor) else a
            devices.setdefault(owner(array).place(array), x)
    if len(devices) == 1:
        (place,), x = devices, next(iter(devices.values()))
        return DeviceError(
            f"{p.name}: {x} is on {place!r}, and the current device is another; compute inside chainrule.backends.use({place!r})"
        )
    places = " and ".join(f"{x} on {device!r}" for device, x in devices.items())
    target = next((d for d in devices if d != "scalar"), "cpu")
    return DeviceError(f"{p.name}: all inputs must be on one device, given {places}; move one, e.g. x.to({target!r})")


def failed(p, backend, arrays, options, error):
    """The error a failed call raises: operation, what must hold, what was given."""
    if any(backend.place(a) != backend.place() for a in arrays if type(a) is backend.array_type):
        return mixed(p, arrays)
    given = ", ".join(
        f"{x}: {a.dtype}{a.shape}" if hasattr(a, "shape") else f"{x}: {a!r}"
        for x, a in zip(p.inputs * len(arrays) if p.variadic else p.inputs, arrays, strict=False)
    )
    given += "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)
    if backend.name == "scalar" and isinstance(error, (AttributeError, TypeError)):
        return DtypeError(
            f"{p.name}: not an operation on single numbers; use chainrule.tensor(...) for arrays ({given})"
        )
    if isinstance(error, OverflowError):
        advice = "convert the array first, e.g. with .astype('int64') or .astype('float64')"
        return DtypeError(
            f"{p.name}: needs numbers that the dtype beside them holds; given {given} ({error}). {advice}"
        )
    needs = p.needs or ("shapes that broadcast" if len(arrays) > 1 else "an input that fits its options")
    # NumPy: "arrays used as indices must be of integer"
    wrong_kind = isinstance(error, (TypeError, OverflowError)) or "integer" in str(error)
    kind = DtypeError if wrong_kind else ShapeError
    return kind(f"{p.name}: needs {needs}; given {given} ({error})")
