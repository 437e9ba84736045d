"""The errors chainrule raises. Each message says: operation · what must hold · what was given · what to try."""

from typing import Any

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
    "GraphWarning",
    "NonFiniteError",
    "RuleError",
    "ShapeError",
    "WorkerError",
]


class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit together, or an axis does not exist."""


class UnsizedError(ShapeError, TypeError):
    """A tensor of shape () was asked for its length or its parts: a TypeError, as Python expects of what has none."""


class DtypeError(ChainruleError, TypeError):
    """A dtype cannot do what was asked of it."""


class GraphError(ChainruleError, RuntimeError):
    """The recorded graph cannot be walked: freed, changed behind its back, or never recorded."""


class GraphWarning(UserWarning):
    """A number was taken out of the recorded graph where its gradient could still be wanted."""


class NonFiniteError(ChainruleError, FloatingPointError):
    """Inside `debug`, an operation made the first nan or inf, or was given a nan.

    Fields:
        kind, phase: "nan" or "inf"; "forward", "backward", or "forward-mode" for tangents.
        operation: the name of the operation.
        source: the operand that was nan before any operation, in words; else None.
        operands: what it was given, with `name`, `shape`, `dtype`, the range `least` to `greatest` of what is finite, and the
            numbers of elements that are `nan` and `inf`.
        file, line, text: the user's line of the call, and what stands there.
        module: the module in which it was called, or "".
        cause, advice: why, and what to do.
    """

    kind: str
    phase: str
    operation: str
    source: str | None
    operands: list[Any]
    file: str
    line: int
    text: str
    module: str
    cause: str
    advice: str

    def __init__(self, message: str, **fields: Any):
        super().__init__(message)
        self.__dict__.update(fields)


class RuleError(ChainruleError, TypeError):
    """A primitive's declaration is wrong, or its rule returned something that is not a gradient."""


class WorkerError(ChainruleError, RuntimeError):
    """A worker of a parallel run failed, or does something else than the others; here it is raised on those that stop with it."""


class GradcheckError(ChainruleError, AssertionError):
    """A gradient differs from its numerical estimate."""


class CheckpointError(ChainruleError, ValueError):
    """A checkpoint file is missing, truncated, foreign, or does not match the model."""


class DataError(ChainruleError, ValueError):
    """A data file is missing, damaged, or not in the format that it was read as."""


class ArgumentError(ChainruleError, ValueError):
    """An argument is outside what the function accepts: an unknown name, a NaN rate, an empty batch."""
