"""The functions, and the operators and methods of Tensor and Value. Made by `make types`; do not edit."""

# fmt: off
# mypy: disable-error-code="override, overload-overlap"
from collections.abc import Sequence
from typing import Any, TypeVar, overload

from .ops.creation import arange as arange
from .ops.creation import asarray as asarray
from .ops.creation import default_dtype as default_dtype
from .ops.creation import eye as eye
from .ops.creation import full as full
from .ops.creation import full_like as full_like
from .ops.creation import linspace as linspace
from .ops.creation import ones as ones
from .ops.creation import ones_like as ones_like
from .ops.creation import set_default_dtype as set_default_dtype
from .ops.creation import tensor as tensor
from .ops.creation import zeros as zeros
from .ops.creation import zeros_like as zeros_like
from .ops.index import one_hot as one_hot
from .ops.shape import stack as stack
from .tensor import Tensor
from .typing import ArrayLike, Axis, Counts, DType, Shape
from .value import Value

_T = TypeVar("_T", Value, Tensor)


__all__ = ['reshape', 'transpose', 'swapaxes', 'moveaxis', 'broadcast_to', 'unbroadcast', 'squeeze', 'expand_dims', 'concatenate', 'flip', 'roll', 'pad', 'astype', 'equal', 'not_equal', 'less', 'less_equal', 'greater', 'greater_equal', 'logical_and', 'logical_or', 'logical_not', 'bitwise_and', 'bitwise_or', 'invert', 'isnan', 'isfinite', 'maximum', 'minimum', 'where', 'relu', 'sum', 'mean', 'max', 'min', 'cumsum', 'argmax', 'argmin', 'all', 'any', 'argsort', 'sort', 'sign', 'floor', 'ceil', 'rint', 'floor_divide', 'remainder', 'exp', 'expm1', 'log', 'log2', 'log10', 'log1p', 'sqrt', 'add', 'subtract', 'multiply', 'divide', 'positive', 'negative', 'square', 'power', 'absolute', 'hypot', 'matmul', 'einsum', 'tril', 'triu', 'sin', 'cos', 'tan', 'arcsin', 'arccos', 'arctan', 'arctan2', 'sinh', 'cosh', 'tanh', 'arcsinh', 'arccosh', 'arctanh', 'logaddexp', 'sigmoid', 'softplus', 'erf', 'logsumexp', 'softmax', 'log_softmax', 'gelu', 'silu', 'default_dtype', 'set_default_dtype', 'tensor', 'asarray', 'zeros', 'ones', 'full', 'eye', 'arange', 'linspace', 'zeros_like', 'ones_like', 'full_like', 'stack', 'split', 'tile', 'repeat', 'flatten', 'clip', 'prod', 'take', 'take_along_axis', 'one_hot', 'dot', 'outer', 'tensordot', 'diagonal', 'norm', 'var', 'std', 'leaky_relu', 'elu']

class TensorMethods:
    def __eq__(self, y: object) -> Tensor: ...
    def __ne__(self, y: object) -> Tensor: ...
    def __lt__(self, y: ArrayLike) -> Tensor: ...
    def __le__(self, y: ArrayLike) -> Tensor: ...
    def __gt__(self, y: ArrayLike) -> Tensor: ...
    def __ge__(self, y: ArrayLike) -> Tensor: ...
    def __and__(self, y: ArrayLike) -> Tensor: ...
    def __rand__(self, x: ArrayLike) -> Tensor: ...
    def __or__(self, y: ArrayLike) -> Tensor: ...
    def __ror__(self, x: ArrayLike) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __floordiv__(self, y: ArrayLike) -> Tensor: ...
    def __rfloordiv__(self, x: ArrayLike) -> Tensor: ...
    def __mod__(self, y: ArrayLike) -> Tensor: ...
    def __rmod__(self, x: ArrayLike) -> Tensor: ...
    def __add__(self, y: ArrayLike) -> Tensor: ...
    def __radd__(self, x: ArrayLike) -> Tensor: ...
    def __sub__(self, y: ArrayLike) -> Tensor: ...
    def __rsub__(self, x: ArrayLike) -> Tensor: ...
    def __mul__(self, y: ArrayLike) -> Tensor: ...
    def __rmul__(self, x: ArrayLike) -> Tensor: ...
    def __truediv__(self, y: ArrayLike) -> Tensor: ...
    def __rtruediv__(self, x: ArrayLike) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __pow__(self, y: ArrayLike) -> Tensor: ...
    def __rpow__(self, x: ArrayLike) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __matmul__(self, y: ArrayLike) -> Tensor: ...
    def __rmatmul__(self, x: ArrayLike) -> Tensor: ...
    def backward(self, gradient: ArrayLike | None = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add the gradient of this tensor to `grad` of every leaf it was computed from, and of every result still held."""
    def __getitem__(self, index: Any) -> Tensor: ...
    def __setitem__(self, index: Any, value: ArrayLike) -> None: ...
    def reshape(self, *shape: Shape) -> Tensor:
        """The same elements under another shape, given as one tuple or as several lengths."""
    def transpose(self, *axes: Axis) -> Tensor:
        """Axes in the given order, or reversed."""
    @property
    def T(self) -> Tensor: ...
    def to(self, target: DType) -> Tensor:
        """This tensor on another device, or with another dtype; itself if it is there already."""
    def astype(self, target: DType) -> Tensor:
        """This tensor on another device, or with another dtype; itself if it is there already."""
    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
    def moveaxis(self, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Tensor:
        """Axes `source` moved to the places `destination`, the others kept in order."""
    def broadcast_to(self, shape: Shape) -> Tensor:
        """x repeated along axes of length 1 and new leading axes until it has `shape`."""
    def unbroadcast(self, shape: tuple[int, ...]) -> Tensor:
        """x summed to `shape` along the axes that broadcasting would repeat: the transpose of broadcast_to."""
    def squeeze(self, axis: Axis = None) -> Tensor:
        """Axes of length 1 removed: those in `axis`, or all."""
    def expand_dims(self, axis: int | tuple[int, ...]) -> Tensor:
        """New axes of length 1 at the places `axis` of the result."""
    def flip(self, axis: Axis = None) -> Tensor:
        """The order of the elements reversed along `axis` (None: along all)."""
    def roll(self, shift: int | tuple[int, ...], axis: Axis = None) -> Tensor:
        """Elements shifted cyclically along `axis` (None: in the flattened array)."""
    def pad(self, pad_width: Counts, constant_values: float = 0) -> Tensor:
        """A border of `constant_values` around x."""
    def equal(self, y: ArrayLike) -> Tensor:
        """Whether x = y, element by element."""
    def not_equal(self, y: ArrayLike) -> Tensor:
        """Whether x ≠ y, element by element."""
    def less(self, y: ArrayLike) -> Tensor:
        """Whether x < y, element by element."""
    def less_equal(self, y: ArrayLike) -> Tensor:
        """Whether x ≤ y, element by element."""
    def greater(self, y: ArrayLike) -> Tensor:
        """Whether x > y, element by element."""
    def greater_equal(self, y: ArrayLike) -> Tensor:
        """Whether x ≥ y, element by element."""
    def logical_and(self, y: ArrayLike) -> Tensor:
        """Whether both hold."""
    def logical_or(self, y: ArrayLike) -> Tensor:
        """Whether at least one holds."""
    def logical_not(self) -> Tensor:
        """Whether x does not hold."""
    def bitwise_and(self, y: ArrayLike) -> Tensor:
        """x & y: both hold; bit by bit for integers."""
    def bitwise_or(self, y: ArrayLike) -> Tensor:
        """x | y: at least one holds; bit by bit for integers."""
    def invert(self) -> Tensor:
        """~x: does not hold; every bit flipped for integers."""
    def isnan(self) -> Tensor:
        """Whether x is not a number."""
    def isfinite(self) -> Tensor:
        """Whether x is neither nan nor infinite."""
    def maximum(self, y: ArrayLike) -> Tensor:
        """The larger of x and y; nan if either is nan."""
    def minimum(self, y: ArrayLike) -> Tensor:
        """The smaller of x and y; nan if either is nan."""
    def relu(self) -> Tensor:
        """Rectified linear unit max(x, 0)."""
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum along `axis` (an axis, several, or None for all)."""
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean along `axis`."""
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest element along `axis`; nan if there is one."""
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest element along `axis`; nan if there is one."""
    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sum along `axis` (None: of the flattened array)."""
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Position of the (first) largest element along `axis`."""
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Position of the (first) smallest element along `axis`."""
    def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether all elements along `axis` are true (not 0)."""
    def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether any element along `axis` is true (not 0)."""
    def argsort(self, axis: int | None = -1) -> Tensor:
        """The positions that sort x along `axis`; equal elements keep their order."""
    def sort(self, axis: int = -1) -> Tensor:
        """x in ascending order along `axis`."""
    def sign(self) -> Tensor:
        """Sign of x: -1, 0 or 1."""
    def floor(self) -> Tensor:
        """Largest whole number ≤ x."""
    def ceil(self) -> Tensor:
        """Smallest whole number ≥ x."""
    def rint(self) -> Tensor:
        """Nearest whole number; halves go to the even one."""
    def floor_divide(self, y: ArrayLike) -> Tensor:
        """Largest whole number ≤ x / y."""
    def remainder(self, y: ArrayLike) -> Tensor:
        """Remainder x - y · ⌊x / y⌋, which has the sign of y."""
    def exp(self) -> Tensor:
        """Exponential eˣ."""
    def expm1(self) -> Tensor:
        """eˣ - 1, accurate near 0."""
    def log(self) -> Tensor:
        """Natural logarithm of x."""
    def log2(self) -> Tensor:
        """Logarithm of x to base 2."""
    def log10(self) -> Tensor:
        """Logarithm of x to base 10."""
    def log1p(self) -> Tensor:
        """log(1 + x), accurate near 0."""
    def sqrt(self) -> Tensor:
        """Square root √x."""
    def add(self, y: ArrayLike) -> Tensor:
        """Sum x + y."""
    def subtract(self, y: ArrayLike) -> Tensor:
        """Difference x - y."""
    def multiply(self, y: ArrayLike) -> Tensor:
        """Product x · y, element by element."""
    def divide(self, y: ArrayLike) -> Tensor:
        """Quotient x / y."""
    def positive(self) -> Tensor:
        """x itself: unary plus."""
    def negative(self) -> Tensor:
        """Negation -x."""
    def square(self) -> Tensor:
        """Square x²."""
    def power(self, y: ArrayLike) -> Tensor:
        """Power xʸ."""
    def absolute(self) -> Tensor:
        """Absolute value |x|."""
    def hypot(self, y: ArrayLike) -> Tensor:
        """Length √(x² + y²) of the vector (x, y), without overflow."""
    def matmul(self, y: ArrayLike) -> Tensor:
        """Matrix product x @ y; vectors on either side and broadcast batches of matrices as in NumPy."""
    def tril(self, k: int = 0) -> Tensor:
        """The lower triangle of x, up to its k-th diagonal; 0 above."""
    def triu(self, k: int = 0) -> Tensor:
        """The upper triangle of x, from its k-th diagonal; 0 below."""
    def sin(self) -> Tensor:
        """Sine of x."""
    def cos(self) -> Tensor:
        """Cosine of x."""
    def tan(self) -> Tensor:
        """Tangent of x."""
    def arcsin(self) -> Tensor:
        """Inverse sine, in radians."""
    def arccos(self) -> Tensor:
        """Inverse cosine, in radians."""
    def arctan(self) -> Tensor:
        """Inverse tangent, in radians."""
    def arctan2(self, y: ArrayLike) -> Tensor:
        """Angle of the point (y, x): arctan(x / y) in the right quadrant, in radians. The first argument is the ordinate."""
    def sinh(self) -> Tensor:
        """Hyperbolic sine of x."""
    def cosh(self) -> Tensor:
        """Hyperbolic cosine of x."""
    def tanh(self) -> Tensor:
        """Hyperbolic tangent (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), between -1 and 1."""
    def arcsinh(self) -> Tensor:
        """Inverse hyperbolic sine."""
    def arccosh(self) -> Tensor:
        """Inverse hyperbolic cosine."""
    def arctanh(self) -> Tensor:
        """Inverse hyperbolic tangent."""
    def logaddexp(self, y: ArrayLike) -> Tensor:
        """log(eˣ + eʸ), without overflow."""
    def sigmoid(self) -> Tensor:
        """Logistic function 1 / (1 + e⁻ˣ), without overflow at either end."""
    def softplus(self) -> Tensor:
        """Smooth ramp log(1 + eˣ), without overflow."""
    def erf(self) -> Tensor:
        """Error function 2/√π ∫₀ˣ exp(-t²) dt, to within a few units in the last place."""
    def logsumexp(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """log Σ eˣ along `axis`, without overflow."""
    def softmax(self, axis: Axis = -1) -> Tensor:
        """Softmax eˣ / Σ eˣ: positive numbers that add up to 1 along `axis`; all 0 where there is nothing but -inf."""
    def log_softmax(self, axis: Axis = -1) -> Tensor:
        """Logarithm of softmax, x - log Σ eˣ, without overflow or log 0; all -inf where there is nothing but -inf."""
    def gelu(self) -> Tensor:
        """Gaussian error linear unit x · Φ(x), with the exact distribution function Φ."""
    def silu(self) -> Tensor:
        """Sigmoid linear unit x · sigmoid(x), also known as swish."""
    def zeros_like(self, dtype: DType | None = None) -> Tensor:
        """Zeros with the shape, dtype and device of x."""
    def ones_like(self, dtype: DType | None = None) -> Tensor:
        """Ones with the shape, dtype and device of x."""
    def full_like(self, fill_value: ArrayLike, dtype: DType | None = None) -> Tensor:
        """`fill_value` everywhere, with the shape, dtype and device of x."""
    def split(self, sections: int | list[int] | tuple[int, ...], axis: int = 0) -> list[Tensor]:
        """x cut along `axis` into a list: into `sections` equal parts, or before each index in a list."""
    def tile(self, reps: Shape) -> Tensor:
        """x laid out repeatedly, `reps` times along each axis."""
    def repeat(self, repeats: Counts, axis: int | None = None) -> Tensor:
        """Each element repeated `repeats` times along `axis` (None: of the flattened array)."""
    def flatten(self) -> Tensor:
        """All elements in one axis, in row-major order."""
    def clip(self, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
        """x kept between `min` and `max`; None leaves that side open."""
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Product along `axis`."""
    def take(self, indices: ArrayLike, axis: int | None = None) -> Tensor:
        """The elements of x at `indices` along `axis` (None: of the flattened array)."""
    def take_along_axis(self, indices: ArrayLike, axis: int | None = -1) -> Tensor:
        """For each position, the element of x that `indices` names along `axis` (None: of the flattened array); undoes and applies sorts."""
    def dot(self, y: ArrayLike) -> Tensor:
        """np.dot: inner product of vectors, matrix product of matrices, and the last axis of x with the last but one of y."""
    def outer(self, y: ArrayLike) -> Tensor:
        """Outer product: every element of x (flattened) times every element of y, shape (size of x, size of y)."""
    def tensordot(self, y: ArrayLike, axes: Counts = 2) -> Tensor:
        """Sum of products over pairs of axes: the last `axes` of x with the first of y, or two lists of axes."""
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The diagonal of the planes spanned by two axes, as a new last axis."""
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Sum of the diagonal."""
    def norm(self, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Vector norm (Σ |x|ᵒʳᵈ)^(1/ord) along `axis` (None: of all elements); ord = 1, 2, any p ≥ 1, or inf."""
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """Variance along `axis`: mean squared distance from the mean; the sum is divided by n - ddof, or 0 if ddof is above n."""
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation along `axis`, the root of the variance."""
    def leaky_relu(self, slope: float = 0.01) -> Tensor:
        """x where x > 0, else slope · x."""
    def elu(self, alpha: float = 1.0) -> Tensor:
        """x where x > 0, else alpha · (eˣ - 1)."""
    def abs(self) -> Tensor:
        """Absolute value |x|."""

class ValueMethods(TensorMethods):
    def __eq__(self, y: object) -> bool: ...
    def __ne__(self, y: object) -> bool: ...
    def __lt__(self, y: ArrayLike) -> bool: ...
    def __le__(self, y: ArrayLike) -> bool: ...
    def __gt__(self, y: ArrayLike) -> bool: ...
    def __ge__(self, y: ArrayLike) -> bool: ...
    def __and__(self, y: ArrayLike) -> bool: ...
    def __rand__(self, x: ArrayLike) -> bool: ...
    def __or__(self, y: ArrayLike) -> bool: ...
    def __ror__(self, x: ArrayLike) -> bool: ...
    def __invert__(self) -> bool: ...
    def __floordiv__(self, y: ArrayLike) -> Value: ...
    def __rfloordiv__(self, x: ArrayLike) -> Value: ...
    def __mod__(self, y: ArrayLike) -> Value: ...
    def __rmod__(self, x: ArrayLike) -> Value: ...
    def __add__(self, y: ArrayLike) -> Value: ...
    def __radd__(self, x: ArrayLike) -> Value: ...
    def __sub__(self, y: ArrayLike) -> Value: ...
    def __rsub__(self, x: ArrayLike) -> Value: ...
    def __mul__(self, y: ArrayLike) -> Value: ...
    def __rmul__(self, x: ArrayLike) -> Value: ...
    def __truediv__(self, y: ArrayLike) -> Value: ...
    def __rtruediv__(self, x: ArrayLike) -> Value: ...
    def __pos__(self) -> Value: ...
    def __neg__(self) -> Value: ...
    def __pow__(self, y: ArrayLike) -> Value: ...
    def __rpow__(self, x: ArrayLike) -> Value: ...
    def __abs__(self) -> Value: ...
    def __getitem__(self, index: Any) -> Value: ...
    def reshape(self, *shape: Shape) -> Value:
        """The same elements under another shape, given as one tuple or as several lengths."""
    def transpose(self, *axes: Axis) -> Value:
        """Axes in the given order, or reversed."""
    def to(self, target: DType) -> Value:
        """This tensor on another device, or with another dtype; itself if it is there already."""
    def astype(self, target: DType) -> Value:
        """This tensor on another device, or with another dtype; itself if it is there already."""
    def equal(self, y: ArrayLike) -> bool:
        """Whether x = y, element by element."""
    def not_equal(self, y: ArrayLike) -> bool:
        """Whether x ≠ y, element by element."""
    def less(self, y: ArrayLike) -> bool:
        """Whether x < y, element by element."""
    def less_equal(self, y: ArrayLike) -> bool:
        """Whether x ≤ y, element by element."""
    def greater(self, y: ArrayLike) -> bool:
        """Whether x > y, element by element."""
    def greater_equal(self, y: ArrayLike) -> bool:
        """Whether x ≥ y, element by element."""
    def logical_and(self, y: ArrayLike) -> bool:
        """Whether both hold."""
    def logical_or(self, y: ArrayLike) -> bool:
        """Whether at least one holds."""
    def logical_not(self) -> bool:
        """Whether x does not hold."""
    def bitwise_and(self, y: ArrayLike) -> bool:
        """x & y: both hold; bit by bit for integers."""
    def bitwise_or(self, y: ArrayLike) -> bool:
        """x | y: at least one holds; bit by bit for integers."""
    def invert(self) -> bool:
        """~x: does not hold; every bit flipped for integers."""
    def isnan(self) -> bool:
        """Whether x is not a number."""
    def isfinite(self) -> bool:
        """Whether x is neither nan nor infinite."""
    def maximum(self, y: ArrayLike) -> Value:
        """The larger of x and y; nan if either is nan."""
    def minimum(self, y: ArrayLike) -> Value:
        """The smaller of x and y; nan if either is nan."""
    def relu(self) -> Value:
        """Rectified linear unit max(x, 0)."""
    def sign(self) -> Value:
        """Sign of x: -1, 0 or 1."""
    def floor(self) -> Value:
        """Largest whole number ≤ x."""
    def ceil(self) -> Value:
        """Smallest whole number ≥ x."""
    def rint(self) -> Value:
        """Nearest whole number; halves go to the even one."""
    def floor_divide(self, y: ArrayLike) -> Value:
        """Largest whole number ≤ x / y."""
    def remainder(self, y: ArrayLike) -> Value:
        """Remainder x - y · ⌊x / y⌋, which has the sign of y."""
    def exp(self) -> Value:
        """Exponential eˣ."""
    def expm1(self) -> Value:
        """eˣ - 1, accurate near 0."""
    def log(self) -> Value:
        """Natural logarithm of x."""
    def log2(self) -> Value:
        """Logarithm of x to base 2."""
    def log10(self) -> Value:
        """Logarithm of x to base 10."""
    def log1p(self) -> Value:
        """log(1 + x), accurate near 0."""
    def sqrt(self) -> Value:
        """Square root √x."""
    def add(self, y: ArrayLike) -> Value:
        """Sum x + y."""
    def subtract(self, y: ArrayLike) -> Value:
        """Difference x - y."""
    def multiply(self, y: ArrayLike) -> Value:
        """Product x · y, element by element."""
    def divide(self, y: ArrayLike) -> Value:
        """Quotient x / y."""
    def positive(self) -> Value:
        """x itself: unary plus."""
    def negative(self) -> Value:
        """Negation -x."""
    def square(self) -> Value:
        """Square x²."""
    def power(self, y: ArrayLike) -> Value:
        """Power xʸ."""
    def absolute(self) -> Value:
        """Absolute value |x|."""
    def hypot(self, y: ArrayLike) -> Value:
        """Length √(x² + y²) of the vector (x, y), without overflow."""
    def sin(self) -> Value:
        """Sine of x."""
    def cos(self) -> Value:
        """Cosine of x."""
    def tan(self) -> Value:
        """Tangent of x."""
    def arcsin(self) -> Value:
        """Inverse sine, in radians."""
    def arccos(self) -> Value:
        """Inverse cosine, in radians."""
    def arctan(self) -> Value:
        """Inverse tangent, in radians."""
    def arctan2(self, y: ArrayLike) -> Value:
        """Angle of the point (y, x): arctan(x / y) in the right quadrant, in radians. The first argument is the ordinate."""
    def sinh(self) -> Value:
        """Hyperbolic sine of x."""
    def cosh(self) -> Value:
        """Hyperbolic cosine of x."""
    def tanh(self) -> Value:
        """Hyperbolic tangent (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), between -1 and 1."""
    def arcsinh(self) -> Value:
        """Inverse hyperbolic sine."""
    def arccosh(self) -> Value:
        """Inverse hyperbolic cosine."""
    def arctanh(self) -> Value:
        """Inverse hyperbolic tangent."""
    def logaddexp(self, y: ArrayLike) -> Value:
        """log(eˣ + eʸ), without overflow."""
    def sigmoid(self) -> Value:
        """Logistic function 1 / (1 + e⁻ˣ), without overflow at either end."""
    def softplus(self) -> Value:
        """Smooth ramp log(1 + eˣ), without overflow."""
    def erf(self) -> Value:
        """Error function 2/√π ∫₀ˣ exp(-t²) dt, to within a few units in the last place."""
    def gelu(self) -> Value:
        """Gaussian error linear unit x · Φ(x), with the exact distribution function Φ."""
    def silu(self) -> Value:
        """Sigmoid linear unit x · sigmoid(x), also known as swish."""
    def tile(self, reps: Shape) -> Value:
        """x laid out repeatedly, `reps` times along each axis."""
    def repeat(self, repeats: Counts, axis: int | None = None) -> Value:
        """Each element repeated `repeats` times along `axis` (None: of the flattened array)."""
    def flatten(self) -> Value:
        """All elements in one axis, in row-major order."""
    def clip(self, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Value:
        """x kept between `min` and `max`; None leaves that side open."""
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Value:
        """Product along `axis`."""
    def take(self, indices: ArrayLike, axis: int | None = None) -> Value:
        """The elements of x at `indices` along `axis` (None: of the flattened array)."""
    def take_along_axis(self, indices: ArrayLike, axis: int | None = -1) -> Value:
        """For each position, the element of x that `indices` names along `axis` (None: of the flattened array); undoes and applies sorts."""
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
        """The diagonal of the planes spanned by two axes, as a new last axis."""
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
        """Sum of the diagonal."""
    def norm(self, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> Value:
        """Vector norm (Σ |x|ᵒʳᵈ)^(1/ord) along `axis` (None: of all elements); ord = 1, 2, any p ≥ 1, or inf."""
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Value:
        """Variance along `axis`: mean squared distance from the mean; the sum is divided by n - ddof, or 0 if ddof is above n."""
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Value:
        """Standard deviation along `axis`, the root of the variance."""
    def leaky_relu(self, slope: float = 0.01) -> Value:
        """x where x > 0, else slope · x."""
    def elu(self, alpha: float = 1.0) -> Value:
        """x where x > 0, else alpha · (eˣ - 1)."""
    def abs(self) -> Value:
        """Absolute value |x|."""

@overload
def reshape(x: _T, shape: Shape) -> _T:
    """The same elements in row-major order under another shape; one length may be -1."""
@overload
def reshape(x: ArrayLike, shape: Shape) -> Any: ...

@overload
def transpose(x: _T, axes: tuple[int, ...] | None = None) -> _T:
    """Axes permuted to the order `axes`; reversed when it is None."""
@overload
def transpose(x: ArrayLike, axes: tuple[int, ...] | None = None) -> Any: ...

@overload
def swapaxes(x: _T, axis1: int, axis2: int) -> _T:
    """Two axes exchanged."""
@overload
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Any: ...

@overload
def moveaxis(x: _T, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> _T:
    """Axes `source` moved to the places `destination`, the others kept in order."""
@overload
def moveaxis(x: ArrayLike, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Any: ...

@overload
def broadcast_to(x: _T, shape: Shape) -> _T:
    """x repeated along axes of length 1 and new leading axes until it has `shape`."""
@overload
def broadcast_to(x: ArrayLike, shape: Shape) -> Any: ...

@overload
def unbroadcast(x: _T, shape: tuple[int, ...]) -> _T:
    """x summed to `shape` along the axes that broadcasting would repeat: the transpose of broadcast_to."""
@overload
def unbroadcast(x: ArrayLike, shape: tuple[int, ...]) -> Any: ...

@overload
def squeeze(x: _T, axis: Axis = None) -> _T:
    """Axes of length 1 removed: those in `axis`, or all."""
@overload
def squeeze(x: ArrayLike, axis: Axis = None) -> Any: ...

@overload
def expand_dims(x: _T, axis: int | tuple[int, ...]) -> _T:
    """New axes of length 1 at the places `axis` of the result."""
@overload
def expand_dims(x: ArrayLike, axis: int | tuple[int, ...]) -> Any: ...

@overload
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Arrays joined along an existing axis. The arrays may be given as one list."""
@overload
def concatenate(*xs: Tensor, axis: int = 0) -> Tensor: ...
@overload
def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Any: ...
@overload
def concatenate(*xs: ArrayLike, axis: int = 0) -> Any: ...

@overload
def flip(x: _T, axis: Axis = None) -> _T:
    """The order of the elements reversed along `axis` (None: along all)."""
@overload
def flip(x: ArrayLike, axis: Axis = None) -> Any: ...

@overload
def roll(x: _T, shift: int | tuple[int, ...], axis: Axis = None) -> _T:
    """Elements shifted cyclically along `axis` (None: in the flattened array)."""
@overload
def roll(x: ArrayLike, shift: int | tuple[int, ...], axis: Axis = None) -> Any: ...

@overload
def pad(x: _T, pad_width: Counts, constant_values: float = 0) -> _T:
    """A border of `constant_values` around x."""
@overload
def pad(x: ArrayLike, pad_width: Counts, constant_values: float = 0) -> Any: ...

@overload
def astype(x: _T, dtype: DType) -> _T:
    """x converted to a floating dtype."""
@overload
def astype(x: ArrayLike, dtype: DType) -> Any: ...

@overload
def equal(x: Value, y: ArrayLike) -> bool:
    """Whether x = y, element by element."""
@overload
def equal(x: ArrayLike, y: Value) -> bool: ...
@overload
def equal(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def equal(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def equal(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def not_equal(x: Value, y: ArrayLike) -> bool:
    """Whether x ≠ y, element by element."""
@overload
def not_equal(x: ArrayLike, y: Value) -> bool: ...
@overload
def not_equal(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def not_equal(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def not_equal(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def less(x: Value, y: ArrayLike) -> bool:
    """Whether x < y, element by element."""
@overload
def less(x: ArrayLike, y: Value) -> bool: ...
@overload
def less(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def less(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def less(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def less_equal(x: Value, y: ArrayLike) -> bool:
    """Whether x ≤ y, element by element."""
@overload
def less_equal(x: ArrayLike, y: Value) -> bool: ...
@overload
def less_equal(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def less_equal(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def less_equal(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def greater(x: Value, y: ArrayLike) -> bool:
    """Whether x > y, element by element."""
@overload
def greater(x: ArrayLike, y: Value) -> bool: ...
@overload
def greater(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def greater(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def greater(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def greater_equal(x: Value, y: ArrayLike) -> bool:
    """Whether x ≥ y, element by element."""
@overload
def greater_equal(x: ArrayLike, y: Value) -> bool: ...
@overload
def greater_equal(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def greater_equal(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def greater_equal(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def logical_and(x: Value, y: ArrayLike) -> bool:
    """Whether both hold."""
@overload
def logical_and(x: ArrayLike, y: Value) -> bool: ...
@overload
def logical_and(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def logical_and(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def logical_and(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def logical_or(x: Value, y: ArrayLike) -> bool:
    """Whether at least one holds."""
@overload
def logical_or(x: ArrayLike, y: Value) -> bool: ...
@overload
def logical_or(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def logical_or(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def logical_or(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def logical_not(x: Value) -> bool:
    """Whether x does not hold."""
@overload
def logical_not(x: Tensor) -> Tensor: ...
@overload
def logical_not(x: ArrayLike) -> Any: ...

@overload
def bitwise_and(x: Value, y: ArrayLike) -> bool:
    """x & y: both hold; bit by bit for integers."""
@overload
def bitwise_and(x: ArrayLike, y: Value) -> bool: ...
@overload
def bitwise_and(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def bitwise_and(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def bitwise_and(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def bitwise_or(x: Value, y: ArrayLike) -> bool:
    """x | y: at least one holds; bit by bit for integers."""
@overload
def bitwise_or(x: ArrayLike, y: Value) -> bool: ...
@overload
def bitwise_or(x: Tensor, y: ArrayLike) -> Tensor: ...
@overload
def bitwise_or(x: ArrayLike, y: Tensor) -> Tensor: ...
@overload
def bitwise_or(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def invert(x: Value) -> bool:
    """~x: does not hold; every bit flipped for integers."""
@overload
def invert(x: Tensor) -> Tensor: ...
@overload
def invert(x: ArrayLike) -> Any: ...

@overload
def isnan(x: Value) -> bool:
    """Whether x is not a number."""
@overload
def isnan(x: Tensor) -> Tensor: ...
@overload
def isnan(x: ArrayLike) -> Any: ...

@overload
def isfinite(x: Value) -> bool:
    """Whether x is neither nan nor infinite."""
@overload
def isfinite(x: Tensor) -> Tensor: ...
@overload
def isfinite(x: ArrayLike) -> Any: ...

@overload
def maximum(x: _T, y: ArrayLike) -> _T:
    """The larger of x and y; nan if either is nan."""
@overload
def maximum(x: ArrayLike, y: _T) -> _T: ...
@overload
def maximum(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def minimum(x: _T, y: ArrayLike) -> _T:
    """The smaller of x and y; nan if either is nan."""
@overload
def minimum(x: ArrayLike, y: _T) -> _T: ...
@overload
def minimum(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def where(condition: _T, x: ArrayLike, y: ArrayLike) -> _T:
    """x where the condition holds, else y."""
@overload
def where(condition: ArrayLike, x: _T, y: ArrayLike) -> _T: ...
@overload
def where(condition: ArrayLike, x: ArrayLike, y: _T) -> _T: ...
@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def relu(x: _T) -> _T:
    """Rectified linear unit max(x, 0)."""
@overload
def relu(x: ArrayLike) -> Any: ...

@overload
def sum(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Sum along `axis` (an axis, several, or None for all)."""
@overload
def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def mean(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Arithmetic mean along `axis`."""
@overload
def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def max(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Largest element along `axis`; nan if there is one."""
@overload
def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def min(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Smallest element along `axis`; nan if there is one."""
@overload
def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def cumsum(x: _T, axis: int | None = None) -> _T:
    """Running sum along `axis` (None: of the flattened array)."""
@overload
def cumsum(x: ArrayLike, axis: int | None = None) -> Any: ...

@overload
def argmax(x: _T, axis: int | None = None, keepdims: bool = False) -> _T:
    """Position of the (first) largest element along `axis`."""
@overload
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Any: ...

@overload
def argmin(x: _T, axis: int | None = None, keepdims: bool = False) -> _T:
    """Position of the (first) smallest element along `axis`."""
@overload
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Any: ...

@overload
def all(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Whether all elements along `axis` are true (not 0)."""
@overload
def all(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def any(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Whether any element along `axis` is true (not 0)."""
@overload
def any(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def argsort(x: _T, axis: int | None = -1) -> _T:
    """The positions that sort x along `axis`; equal elements keep their order."""
@overload
def argsort(x: ArrayLike, axis: int | None = -1) -> Any: ...

@overload
def sort(x: _T, axis: int = -1) -> _T:
    """x in ascending order along `axis`."""
@overload
def sort(x: ArrayLike, axis: int = -1) -> Any: ...

@overload
def sign(x: _T) -> _T:
    """Sign of x: -1, 0 or 1."""
@overload
def sign(x: ArrayLike) -> Any: ...

@overload
def floor(x: _T) -> _T:
    """Largest whole number ≤ x."""
@overload
def floor(x: ArrayLike) -> Any: ...

@overload
def ceil(x: _T) -> _T:
    """Smallest whole number ≥ x."""
@overload
def ceil(x: ArrayLike) -> Any: ...

@overload
def rint(x: _T) -> _T:
    """Nearest whole number; halves go to the even one."""
@overload
def rint(x: ArrayLike) -> Any: ...

@overload
def floor_divide(x: _T, y: ArrayLike) -> _T:
    """Largest whole number ≤ x / y."""
@overload
def floor_divide(x: ArrayLike, y: _T) -> _T: ...
@overload
def floor_divide(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def remainder(x: _T, y: ArrayLike) -> _T:
    """Remainder x - y · ⌊x / y⌋, which has the sign of y."""
@overload
def remainder(x: ArrayLike, y: _T) -> _T: ...
@overload
def remainder(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def exp(x: _T) -> _T:
    """Exponential eˣ."""
@overload
def exp(x: ArrayLike) -> Any: ...

@overload
def expm1(x: _T) -> _T:
    """eˣ - 1, accurate near 0."""
@overload
def expm1(x: ArrayLike) -> Any: ...

@overload
def log(x: _T) -> _T:
    """Natural logarithm of x."""
@overload
def log(x: ArrayLike) -> Any: ...

@overload
def log2(x: _T) -> _T:
    """Logarithm of x to base 2."""
@overload
def log2(x: ArrayLike) -> Any: ...

@overload
def log10(x: _T) -> _T:
    """Logarithm of x to base 10."""
@overload
def log10(x: ArrayLike) -> Any: ...

@overload
def log1p(x: _T) -> _T:
    """log(1 + x), accurate near 0."""
@overload
def log1p(x: ArrayLike) -> Any: ...

@overload
def sqrt(x: _T) -> _T:
    """Square root √x."""
@overload
def sqrt(x: ArrayLike) -> Any: ...

@overload
def add(x: _T, y: ArrayLike) -> _T:
    """Sum x + y."""
@overload
def add(x: ArrayLike, y: _T) -> _T: ...
@overload
def add(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def subtract(x: _T, y: ArrayLike) -> _T:
    """Difference x - y."""
@overload
def subtract(x: ArrayLike, y: _T) -> _T: ...
@overload
def subtract(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def multiply(x: _T, y: ArrayLike) -> _T:
    """Product x · y, element by element."""
@overload
def multiply(x: ArrayLike, y: _T) -> _T: ...
@overload
def multiply(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def divide(x: _T, y: ArrayLike) -> _T:
    """Quotient x / y."""
@overload
def divide(x: ArrayLike, y: _T) -> _T: ...
@overload
def divide(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def positive(x: _T) -> _T:
    """x itself: unary plus."""
@overload
def positive(x: ArrayLike) -> Any: ...

@overload
def negative(x: _T) -> _T:
    """Negation -x."""
@overload
def negative(x: ArrayLike) -> Any: ...

@overload
def square(x: _T) -> _T:
    """Square x²."""
@overload
def square(x: ArrayLike) -> Any: ...

@overload
def power(x: _T, y: ArrayLike) -> _T:
    """Power xʸ."""
@overload
def power(x: ArrayLike, y: _T) -> _T: ...
@overload
def power(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def absolute(x: _T) -> _T:
    """Absolute value |x|."""
@overload
def absolute(x: ArrayLike) -> Any: ...

@overload
def hypot(x: _T, y: ArrayLike) -> _T:
    """Length √(x² + y²) of the vector (x, y), without overflow."""
@overload
def hypot(x: ArrayLike, y: _T) -> _T: ...
@overload
def hypot(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def matmul(x: _T, y: ArrayLike) -> _T:
    """Matrix product x @ y; vectors on either side and broadcast batches of matrices as in NumPy."""
@overload
def matmul(x: ArrayLike, y: _T) -> _T: ...
@overload
def matmul(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def einsum(subscripts: str, *operands: _T) -> _T:
    """Sums of products by index letters, as np.einsum: "ij,jk->ik" is the matrix product."""
@overload
def einsum(subscripts: str, *operands: ArrayLike) -> Any: ...

@overload
def tril(x: _T, k: int = 0) -> _T:
    """The lower triangle of x, up to its k-th diagonal; 0 above."""
@overload
def tril(x: ArrayLike, k: int = 0) -> Any: ...

@overload
def triu(x: _T, k: int = 0) -> _T:
    """The upper triangle of x, from its k-th diagonal; 0 below."""
@overload
def triu(x: ArrayLike, k: int = 0) -> Any: ...

@overload
def sin(x: _T) -> _T:
    """Sine of x."""
@overload
def sin(x: ArrayLike) -> Any: ...

@overload
def cos(x: _T) -> _T:
    """Cosine of x."""
@overload
def cos(x: ArrayLike) -> Any: ...

@overload
def tan(x: _T) -> _T:
    """Tangent of x."""
@overload
def tan(x: ArrayLike) -> Any: ...

@overload
def arcsin(x: _T) -> _T:
    """Inverse sine, in radians."""
@overload
def arcsin(x: ArrayLike) -> Any: ...

@overload
def arccos(x: _T) -> _T:
    """Inverse cosine, in radians."""
@overload
def arccos(x: ArrayLike) -> Any: ...

@overload
def arctan(x: _T) -> _T:
    """Inverse tangent, in radians."""
@overload
def arctan(x: ArrayLike) -> Any: ...

@overload
def arctan2(x: _T, y: ArrayLike) -> _T:
    """Angle of the point (y, x): arctan(x / y) in the right quadrant, in radians. The first argument is the ordinate."""
@overload
def arctan2(x: ArrayLike, y: _T) -> _T: ...
@overload
def arctan2(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def sinh(x: _T) -> _T:
    """Hyperbolic sine of x."""
@overload
def sinh(x: ArrayLike) -> Any: ...

@overload
def cosh(x: _T) -> _T:
    """Hyperbolic cosine of x."""
@overload
def cosh(x: ArrayLike) -> Any: ...

@overload
def tanh(x: _T) -> _T:
    """Hyperbolic tangent (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), between -1 and 1."""
@overload
def tanh(x: ArrayLike) -> Any: ...

@overload
def arcsinh(x: _T) -> _T:
    """Inverse hyperbolic sine."""
@overload
def arcsinh(x: ArrayLike) -> Any: ...

@overload
def arccosh(x: _T) -> _T:
    """Inverse hyperbolic cosine."""
@overload
def arccosh(x: ArrayLike) -> Any: ...

@overload
def arctanh(x: _T) -> _T:
    """Inverse hyperbolic tangent."""
@overload
def arctanh(x: ArrayLike) -> Any: ...

@overload
def logaddexp(x: _T, y: ArrayLike) -> _T:
    """log(eˣ + eʸ), without overflow."""
@overload
def logaddexp(x: ArrayLike, y: _T) -> _T: ...
@overload
def logaddexp(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def sigmoid(x: _T) -> _T:
    """Logistic function 1 / (1 + e⁻ˣ), without overflow at either end."""
@overload
def sigmoid(x: ArrayLike) -> Any: ...

@overload
def softplus(x: _T) -> _T:
    """Smooth ramp log(1 + eˣ), without overflow."""
@overload
def softplus(x: ArrayLike) -> Any: ...

@overload
def erf(x: _T) -> _T:
    """Error function 2/√π ∫₀ˣ exp(-t²) dt, to within a few units in the last place."""
@overload
def erf(x: ArrayLike) -> Any: ...

@overload
def logsumexp(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """log Σ eˣ along `axis`, without overflow."""
@overload
def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def softmax(x: _T, axis: Axis = -1) -> _T:
    """Softmax eˣ / Σ eˣ: positive numbers that add up to 1 along `axis`; all 0 where there is nothing but -inf."""
@overload
def softmax(x: ArrayLike, axis: Axis = -1) -> Any: ...

@overload
def log_softmax(x: _T, axis: Axis = -1) -> _T:
    """Logarithm of softmax, x - log Σ eˣ, without overflow or log 0; all -inf where there is nothing but -inf."""
@overload
def log_softmax(x: ArrayLike, axis: Axis = -1) -> Any: ...

@overload
def gelu(x: _T) -> _T:
    """Gaussian error linear unit x · Φ(x), with the exact distribution function Φ."""
@overload
def gelu(x: ArrayLike) -> Any: ...

@overload
def silu(x: _T) -> _T:
    """Sigmoid linear unit x · sigmoid(x), also known as swish."""
@overload
def silu(x: ArrayLike) -> Any: ...

@overload
def split(x: _T, sections: int | list[int] | tuple[int, ...], axis: int = 0) -> list[_T]:
    """x cut along `axis` into a list: into `sections` equal parts, or before each index in a list."""
@overload
def split(x: ArrayLike, sections: int | list[int] | tuple[int, ...], axis: int = 0) -> Any: ...

@overload
def tile(x: _T, reps: Shape) -> _T:
    """x laid out repeatedly, `reps` times along each axis."""
@overload
def tile(x: ArrayLike, reps: Shape) -> Any: ...

@overload
def repeat(x: _T, repeats: Counts, axis: int | None = None) -> _T:
    """Each element repeated `repeats` times along `axis` (None: of the flattened array)."""
@overload
def repeat(x: ArrayLike, repeats: Counts, axis: int | None = None) -> Any: ...

@overload
def flatten(x: _T) -> _T:
    """All elements in one axis, in row-major order."""
@overload
def flatten(x: ArrayLike) -> Any: ...

@overload
def clip(x: _T, min: ArrayLike | None = None, max: ArrayLike | None = None) -> _T:
    """x kept between `min` and `max`; None leaves that side open."""
@overload
def clip(x: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Any: ...

@overload
def prod(x: _T, axis: Axis = None, keepdims: bool = False) -> _T:
    """Product along `axis`."""
@overload
def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def take(x: _T, indices: ArrayLike, axis: int | None = None) -> _T:
    """The elements of x at `indices` along `axis` (None: of the flattened array)."""
@overload
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Any: ...

@overload
def take_along_axis(x: _T, indices: ArrayLike, axis: int | None = -1) -> _T:
    """For each position, the element of x that `indices` names along `axis` (None: of the flattened array); undoes and applies sorts."""
@overload
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Any: ...

@overload
def dot(x: _T, y: ArrayLike) -> _T:
    """np.dot: inner product of vectors, matrix product of matrices, and the last axis of x with the last but one of y."""
@overload
def dot(x: ArrayLike, y: _T) -> _T: ...
@overload
def dot(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def outer(x: _T, y: ArrayLike) -> _T:
    """Outer product: every element of x (flattened) times every element of y, shape (size of x, size of y)."""
@overload
def outer(x: ArrayLike, y: _T) -> _T: ...
@overload
def outer(x: ArrayLike, y: ArrayLike) -> Any: ...

@overload
def tensordot(x: _T, y: ArrayLike, axes: Counts = 2) -> _T:
    """Sum of products over pairs of axes: the last `axes` of x with the first of y, or two lists of axes."""
@overload
def tensordot(x: ArrayLike, y: _T, axes: Counts = 2) -> _T: ...
@overload
def tensordot(x: ArrayLike, y: ArrayLike, axes: Counts = 2) -> Any: ...

@overload
def diagonal(x: _T, offset: int = 0, axis1: int = 0, axis2: int = 1) -> _T:
    """The diagonal of the planes spanned by two axes, as a new last axis."""
@overload
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any: ...

@overload
def norm(x: _T, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> _T:
    """Vector norm (Σ |x|ᵒʳᵈ)^(1/ord) along `axis` (None: of all elements); ord = 1, 2, any p ≥ 1, or inf."""
@overload
def norm(x: ArrayLike, ord: float | None = 2, axis: Axis = None, keepdims: bool = False) -> Any: ...

@overload
def var(x: _T, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> _T:
    """Variance along `axis`: mean squared distance from the mean; the sum is divided by n - ddof, or 0 if ddof is above n."""
@overload
def var(x: ArrayLike, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any: ...

@overload
def std(x: _T, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> _T:
    """Standard deviation along `axis`, the root of the variance."""
@overload
def std(x: ArrayLike, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any: ...

@overload
def leaky_relu(x: _T, slope: float = 0.01) -> _T:
    """x where x > 0, else slope · x."""
@overload
def leaky_relu(x: ArrayLike, slope: float = 0.01) -> Any: ...

@overload
def elu(x: _T, alpha: float = 1.0) -> _T:
    """x where x > 0, else alpha · (eˣ - 1)."""
@overload
def elu(x: ArrayLike, alpha: float = 1.0) -> Any: ...
