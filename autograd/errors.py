"""The errors chainrule raises. Each message says: operation · what must hold · what was given · what to try."""

from difflib import get_close_matches

from ..backends.base import ChainruleError, DeviceError

__all__ = [
    "ArgumentError",
    "ChainruleError",
    "CheckpointError",
    "DataError",
    "DeviceError",
    "DtypeError",
    "GradcheckError",
    "GraphError",
    "RuleError",
    "ShapeError",
    "choose",
]


class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit together, or an axis does not exist."""


class DtypeError(ChainruleError, TypeError):
    """A dtype cannot do what was asked of it."""


class GraphError(ChainruleError, RuntimeError):
    """The recorded graph cannot be walked: freed, changed behind its back, or never recorded."""


class RuleError(ChainruleError, TypeError):
    """A primitive's declaration is wrong, or its rule returned something that is not a gradient."""


class GradcheckError(ChainruleError, AssertionError):
    """A gradient differs from its numerical estimate."""


class CheckpointError(ChainruleError, ValueError):
    """A checkpoint file is missing, truncated, foreign, or does not match the model."""


class DataError(ChainruleError, ValueError):
    """A data file is missing, damaged, or not in the format that it was read as."""


class ArgumentError(ChainruleError, ValueError):
    """An argument is outside what the function accepts: an unknown name, a NaN rate, an empty batch."""


def choose(kind, name, known):
    """Look `name` up in the mapping `known`, or raise an ArgumentError that lists what exists."""
    try:
        return known[name]
    except (KeyError, TypeError):
        names = ", ".join(sorted(map(repr, known)))
        raise ArgumentError(f"unknown {kind} {name!r}: choose one of {names}") from None


def meant(name, known):
    """A question that names those of `known` that are spelt much like `name`, at most two; "" if none is.

    Example:
        >>> meant("thanh", ["exp", "tanh"])
        "did you mean 'tanh'?"
    """
    close = get_close_matches(name, known, 2) if isinstance(name, str) else []
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""
