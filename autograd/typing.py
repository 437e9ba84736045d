"""Type aliases for public signatures."""

from os import PathLike
from typing import Any, Protocol, TypeAlias

import numpy as np


class SupportsArray(Protocol):
    """What NumPy can make an array of: arrays and their scalars, Tensors, DataFrames."""

    def __array__(self, *args: Any, **options: Any) -> np.ndarray: ...


ArrayLike: TypeAlias = SupportsArray | float | list[Any] | tuple[Any, ...]  # what an operation takes
Axis: TypeAlias = int | tuple[int, ...] | None  # one, several, or all axes
Shape: TypeAlias = int | tuple[int, ...] | list[int]
Counts: TypeAlias = int | tuple[Any, ...] | list[Any] | np.ndarray  # whole numbers, nested as the operation says
DType: TypeAlias = str | type[Any] | np.dtype[Any]  # float, "float32", np.float32, x.dtype
FilePath: TypeAlias = str | PathLike[str]
MaybeNone: TypeAlias = Any  # what is None only before something has happened, so that nobody need ask each time
