"""Where arrays live. `owner(array)` is the one line on which the CPU, the GPU and plain floats part ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from importlib import import_module
from typing import Any

import numpy as np

from .base import Backend, DeviceError
from .cpu import Cpu
from .scalar import Scalar

__all__ = [
    "Backend",
    "available",
    "carried",
    "check",
    "default",
    "deterministic",
    "get",
    "is_deterministic",
    "move",
    "owner",
    "register",
    "registered",
    "unregister",
    "use",
]

OWNERS: dict[type, Backend] = {}  # array type -> backend; the hot path reads it directly
FUSING: dict[Any, Backend] = {}  # array type, or id of the namespace -> its backend, where that makes kernels of rules
STRIDED: set[type] = {np.ndarray}  # array types that lie in the host's memory as NumPy's do, and say how
# the tracer, while it is "cpu"
STANDING_IN: ContextVar[Backend | None] = ContextVar("chainrule_standing_in", default=None)
_BACKENDS: dict[str, Backend] = {}
_LAZY = {"cuda": (".gpu", "cupy", "CuPy", "pip install 'cupy-cuda13x[ctk]' or 'cupy-cuda12x[ctk]'")}
_default: ContextVar[str] = ContextVar("chainrule_default_device", default="cpu")
default_name = _default.get


def register(name: str, backend: Backend) -> None:
    """Add a backend under the device name `name`; its arrays then work in every operation.

    Raises: DeviceError if the name or one of its array types is taken by another backend.
    """
    if not isinstance(backend, Backend):
        raise DeviceError(f"register: a backend must be an instance of chainrule.backends.Backend, not {backend!r}")
    if name in _BACKENDS or name in _LAZY and backend.name != name:
        raise DeviceError(f"register: the device name {name!r} is taken; choose another")
    if _is_dtype(name):
        raise DeviceError(
            f"register: {name!r} is the name of a dtype, so x.to({name!r}) would be unclear; choose another"
        )
    for kind in backend.types:
        if kind in OWNERS and kind in OWNERS[kind].types:  # other entries were only inferred from a base class
            raise DeviceError(f"register: {kind.__name__} arrays already belong to device {OWNERS[kind].name!r}")
    backend.name = name
    _BACKENDS[name] = backend
    inferred = [kind for kind, known in OWNERS.items() if kind not in known.types and issubclass(kind, backend.types)]
    OWNERS.update(dict.fromkeys([*backend.types, *inferred], backend))
    if backend.fuses:
        FUSING.update(dict.fromkeys([id(backend.xp), backend.array_type], backend))


def _is_dtype(name):
    try:
        return np.dtype(name) is not None
    except TypeError:
        return False


def unregister(name: str) -> None:
    """Take a registered backend away again.

    Raises: DeviceError if there is none of that name.
    """
    if name not in _BACKENDS:
        raise DeviceError(f"unregister: there is no device {name!r}; choose one of {', '.join(map(repr, _BACKENDS))}")
    backend = _BACKENDS.pop(name)
    for known in OWNERS, FUSING:
        for kind in [kind for kind, own in known.items() if own is backend]:  # subclasses met on the way, too
            del known[kind]


def registered() -> list[str]:
    """The names of all known devices, usable now or not."""
    return list(dict.fromkeys([*_BACKENDS, *_LAZY, *_plugins()]))


def _plugins():
    """Backends that installed packages offer, as {name: entry point}."""
    from importlib.metadata import entry_points  # slow to import, and seldom asked

    return {entry.name: entry for entry in entry_points(group="chainrule.backends")}


def available() -> list[str]:
    """The names of the devices on which arrays can be made now.

    Example:
        >>> import chainrule as cr
        >>> "cpu" in cr.backends.available()
        True
    """
    return [name for name in registered() if _usable(name)]


def _usable(name):
    try:
        return get(name) is not None
    except DeviceError:
        return False


def get(name: str | Backend) -> Backend:
    """The backend of a device name, loaded on first use.

    Raises: DeviceError if the name is unknown (naming those that exist), or if its library or hardware is missing.
    """
    numbered = number = ""
    if isinstance(name, str):
        base, numbered, number = (name, "", "") if name in _BACKENDS else name.partition(":")
        if base == "cpu" and (tracer := STANDING_IN.get()) is not None:
            return tracer
        backend = _BACKENDS.get(base) or _load(base)
    elif isinstance(name, Backend):
        backend = name
    else:
        raise DeviceError(f"device must be a name such as 'cpu', not {name!r}")
    if not backend.available():
        raise DeviceError(f"device {name!r}: the library is installed but no usable device was found; use device='cpu'")
    return backend.numbered(number if numbered else None)


def _load(name):
    if name in _LAZY:
        module, _, library, command = _LAZY[name]
        try:
            backend = import_module(module, __name__).load()
        except ImportError as error:
            raise DeviceError(
                f"device {name!r} cannot be used: importing {library} failed ({error}). To install it: {command}"
            ) from error
    else:
        plugins = _plugins()
        if name not in plugins:
            raise DeviceError(f"unknown device {name!r}: choose one of {', '.join(map(repr, registered()))}")
        loaded = plugins[name].load()
        backend = loaded() if isinstance(loaded, type) else loaded
    register(name, backend)
    return backend


def owner(array: Any) -> Backend:
    """The backend that owns `array`.

    Raises: DeviceError if no backend knows arrays of this type.
    """
    kind = type(array)
    backend = OWNERS.get(kind)
    if backend is None:
        package = kind.__module__.partition(".")[0]
        for name, (_, library, *_) in _LAZY.items():
            if library == package and name not in _BACKENDS:
                _load(name)
        backend = next((OWNERS[base] for base in kind.__mro__ if base in OWNERS), None)
        if backend is None:
            raise DeviceError(
                f"no backend owns values of type {kind.__module__}.{kind.__qualname__}; known are "
                f"{', '.join(sorted(t.__module__ + '.' + t.__name__ for b in _BACKENDS.values() for t in b.types[:1]))}"
            )
        if not hasattr(array, "mask"):  # a masked array is refused wherever its owner must be looked up
            OWNERS[kind] = backend
    return backend


def default() -> Backend:
    """The backend on which creation functions make arrays when no device is given."""
    return get(default_name())


@contextmanager
def use(name: str) -> Iterator[None]:
    """Make `name` the default device inside a with-block.

    Example:
        >>> import chainrule as cr
        >>> with cr.backends.use("cpu"):
        ...     cr.zeros(2).device
        'cpu'
    """
    backend = get(name)
    token = _default.set(backend.name)
    try:
        with backend.active():
            yield
    finally:
        _default.reset(token)


_deterministic: ContextVar[bool] = ContextVar("chainrule_deterministic", default=False)
is_deterministic = _deterministic.get


@contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """Inside the with-block, in this thread, the same computation gives the same bits again on the same device.

    The CPU gives them always. A GPU adds the gradients of an element that was read several times, as by `x[indices]`,
    in an order that differs from run to run, and so does CuPy's `cumsum`; here both take longer.

    Example:
        >>> import chainrule as cr
        >>> x = cr.ones(3, requires_grad=True)
        >>> with cr.deterministic():
        ...     x[[0, 2, 0]].sum().backward()
        >>> x.grad.tolist()
        [2.0, 0.0, 1.0]
    """
    token = _deterministic.set(on)
    try:
        yield
    finally:
        _deterministic.reset(token)


def move(array: Any, source: Backend, target: Backend) -> Any:
    """A copy of `array` on backend `target`, through the host."""
    if source is target:
        return array
    return target.from_numpy(source.read(array))


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` for another thread, where it finds this thread's context variables, devices and streams."""
    context, current = copy_context(), [place for backend in _BACKENDS.values() for place in backend.current()]

    def run(*args):
        with ExitStack() as stack:
            for place in current:
                stack.enter_context(place)
            return context.run(function, *args)

    return run


def check(ok: Any, error: Callable[[str], Exception], given: Callable[[], str] = str) -> bool:
    """Raise `error(given())` unless `ok`, a truth value or an array of one, is true: the way to check values.

    On a device nobody waits: the check is noted, and the next reading of a value raises. Returns whether `ok` is known.

    Example:
        >>> import chainrule as cr
        >>> low = cr.tensor([3.0, -1.0]).data.min()
        >>> cr.backends.check(low >= 0, lambda text: cr.ArgumentError(f"needs numbers ≥ 0{text}"), lambda: f", given {low}")
        Traceback (most recent call last):
        chainrule.autograd.errors.ArgumentError: needs numbers ≥ 0, given -1.0
    """
    return (_BACKENDS["cpu"] if isinstance(ok, bool) else owner(ok)).check(ok, error, given)


register("scalar", Scalar())
register("cpu", Cpu())

SINGLES: set[type] = {float}  # the types of the data of Values: singles.py adds one
# numbers take part on every device; an array scalar of NumPy's is a number too
NUMBERS = {
    bool,
    int,
    float,
    *(kind for kind in OWNERS if issubclass(kind, np.generic) and not issubclass(kind, np.complexfloating)),
}
