"""np.exp(tensor), array + tensor, np.concatenate([tensor, …]): NumPy's functions on tensors are ours of the same name."""

import inspect

import numpy as np

from .errors import DtypeError
from .methods import functions
from .ops import creation
from .primitive import REGISTRY
from .tensor import Tensor

# NumPy's ufunc and function names that differ from ours, for np.sin(tensor) and the like
_NUMPY_NAMES = {"abs": "absolute", "true_divide": "divide", "amax": "max", "amin": "min"}


def _array_ufunc(self, ufunc, method, *inputs, out=None, **kwargs):
    """np.exp(tensor) and array + tensor: the chainrule function of the same name."""
    name = _NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
    if method == "__call__" and out is None and not kwargs and name in REGISTRY:
        return REGISTRY[name].call(*inputs)
    detail = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
    if out is not None:
        kwargs["out"] = out
    if method == "at" and isinstance(inputs[0], Tensor):  # which writes to read-only memory, too
        raise _refusal(detail)
    return _by_numpy(detail, getattr(ufunc, method), inputs, kwargs)


def _refusal(name):
    return DtypeError(
        f"np.{name}: has no differentiable form here with these arguments; use a chainrule function, "
        "or x.detach().numpy() for plain values"
    )


def _by_numpy(name, function, args, kwargs):
    """NumPy's own `function`, which gives plain arrays, where no argument has a gradient to lose.

    It gets the values of tensors as copies that it cannot write to, so what it should have changed is never lost.
    """

    def values(x):
        if isinstance(x, (list, tuple)):
            return type(x)(map(values, x))
        if not isinstance(x, Tensor):
            return x
        if x.requires_grad:
            raise _refusal(name)
        array = x.numpy()
        array.flags.writeable = False
        return array

    args, kwargs = values(args), {k: values(v) for k, v in kwargs.items()}
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        if "read-only" in str(error):
            raise _refusal(name) from error
        raise


def _array_function(self, function, types, args, kwargs):
    """np.sum(tensor), np.concatenate([tensor, ...]) and so on: the chainrule function of the same name.

    Arguments are matched by NumPy's names for them; where ours does not know one, the function is NumPy's.
    """
    name = _NUMPY_NAMES.get(function.__name__, function.__name__)
    if name in ("shape", "ndim", "size"):  # what the shape alone tells
        blank = lambda x: np.broadcast_to(0, x.shape) if isinstance(x, Tensor) else x
        return function(*map(blank, args), **{k: blank(v) for k, v in kwargs.items()})
    ours = functions().get(name)
    plainly = lambda: _by_numpy(function.__name__, function, args, kwargs)
    # numpy.linalg means other things by norm and trace; creation functions take no tensors
    if ours is None or function.__module__ == "numpy.linalg" or ours.__module__ == creation.__name__:
        return plainly()
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
        return plainly()
    return ours(*(value for _, value in leading), **rest)


Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
