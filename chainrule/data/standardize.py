"""Bringing columns to mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..autograd.convert import raw
from ..autograd.errors import ArgumentError, ChainruleError, CheckpointError, ShapeError
from ..autograd.ops.creation import asarray, default_dtype
from ..autograd.tensor import Tensor
from ..autograd.typing import ArrayLike
from .check import check_finite


class Standardizer:
    """Columns with mean 0 and standard deviation 1: (x - mean) / scale. Fit it to the training part only.

    A constant column gets the scale 1, and so becomes 0.

    Shape: x (n, …), one mean for each column. NumPy arrays, lists and DataFrames give NumPy arrays, Tensors give Tensors
        on their device; floating dtypes stay, whole numbers become the default dtype.
    Fields:
        mean: the means, float64 (…); None before fit.
        scale: the standard deviations, float64 (…); None before fit.
    Raises: ArgumentError for NaN or infinity, or if it has not been fit; ShapeError for columns other than it was fit to.
    Example:
        >>> import chainrule as cr
        >>> standardizer = cr.data.Standardizer().fit([[1.0, 10.0], [3.0, 10.0]])
        >>> standardizer.transform([[2.0, 10.0], [5.0, 11.0]]).tolist()
        [[0.0, 0.0], [3.0, 1.0]]
        >>> standardizer.inverse([[0.0, 0.0]]).tolist()
        [[2.0, 10.0]]
    """

    mean: np.ndarray | None
    scale: np.ndarray | None

    def __init__(self) -> None:
        self.mean = self.scale = None

    def fit(self, x: ArrayLike) -> Self:
        """Compute mean and standard deviation of the columns of x, in float64."""
        x = asarray(x, dtype="float64").numpy()
        if not x.ndim or not len(x):
            raise ShapeError(f"Standardizer.fit: needs at least one row, given the shape {x.shape}")
        check_finite("Standardizer.fit: x", x)
        low = x.min(axis=0)
        self.mean = low + (x - low).mean(axis=0)  # of a constant column, exactly its value
        distance = x - self.mean
        size = _nonzero(np.abs(distance).max(axis=0))  # so that no square overflows or vanishes
        self.scale = _nonzero(size * np.sqrt(np.square(distance / size).mean(axis=0)))
        return self

    def transform(self, x: ArrayLike) -> Any:
        """(x - mean) / scale."""
        return self._apply("transform", x, lambda x, mean, scale: (x - mean) / scale)

    def inverse(self, x: ArrayLike) -> Any:
        """x · scale + mean: undoes `transform`."""
        return self._apply("inverse", x, lambda x, mean, scale: x * scale + mean)

    def fit_transform(self, x: ArrayLike) -> Any:
        """`fit`, then `transform`."""
        return self.fit(x).transform(x)

    def _apply(self, name, x, formula):
        if self.mean is None:
            raise ArgumentError(f"Standardizer.{name}: it has not been fit; call fit(x_train) first")
        given, x = x, x if isinstance(x, (list, tuple)) else asarray(x)
        dtype = default_dtype() if isinstance(x, (list, tuple)) or x.dtype.kind != "f" else x.dtype
        x = x if isinstance(given, Tensor) else asarray(x, dtype="float64")
        if not x.ndim or x.shape[1:] != self.mean.shape:
            columns = ", ".join(map(str, ("n", *self.mean.shape)))
            raise ShapeError(
                f"Standardizer.{name}: needs the columns that it was fit to, ({columns}), given the shape {x.shape}"
            )
        check_finite(f"Standardizer.{name}: x", x)
        mean, scale = (asarray(a, device=x.device) for a in (self.mean, self.scale))
        result = formula(x, mean, scale).to(dtype)  # computed in float64
        return result if isinstance(given, Tensor) else raw(result)

    def state_dict(self) -> dict[str, np.ndarray]:
        """{"mean", "scale"} as NumPy arrays, which `chainrule.save` takes."""
        if self.mean is None or self.scale is None:
            raise ArgumentError("Standardizer.state_dict: it has not been fit; call fit(x_train) first")
        return {"mean": self.mean.copy(), "scale": self.scale.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> Self:
        """Load what state_dict() returned.

        Raises: CheckpointError unless the state holds a finite mean and a positive scale of one shape.
        """
        if not isinstance(state, dict) or state.keys() != {"mean", "scale"}:
            given = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise CheckpointError(f"Standardizer.load_state_dict: needs a dict with mean and scale, not {given}")
        try:
            mean, scale = (asarray(state[name], dtype="float64").numpy() for name in ("mean", "scale"))
        except ChainruleError as error:  # no numbers
            raise CheckpointError(f"Standardizer.load_state_dict: mean and scale must be numbers: {error}") from None
        if mean.shape != scale.shape or not np.isfinite([mean, scale]).all() or not (scale > 0).all():
            raise CheckpointError(
                "Standardizer.load_state_dict: needs a finite mean and a positive scale of one shape, "
                f"given mean {mean} and scale {scale}"
            )
        self.mean, self.scale = mean, scale
        return self


def _nonzero(values):
    return np.where(values == 0, 1.0, values)
