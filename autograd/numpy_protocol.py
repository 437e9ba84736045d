"""np.exp(tensor), array + tensor, np.concatenate([tensor, …]): NumPy's functions on tensors are ours of the same name."""

import inspect

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


Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
