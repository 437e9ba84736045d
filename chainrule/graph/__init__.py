"""See backprop: the graph of a computation as data, and its views as text, picture and interactive page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..autograd.callsite import user_frame
from ..autograd.tensor import Tensor

if TYPE_CHECKING:
    from .page import Shown
    from .views import Graph

__all__ = ["draw", "step_through", "trace"]


def trace(x: Tensor, names: Mapping[str, Any] | None = None) -> "Graph":
    """The graph that computed `x`, as it is now: each value, each local derivative, each contribution to a gradient.

    The result is plain data, and holds no tensors. It watches one backward pass of its own, which frees and changes
    nothing; a result of several elements is taken to start with a gradient of ones. It works before `backward` and after;
    what the program has freed of arrays of more than 64 elements is computed again where its operands are still what they were,
    up to 256 MiB, and says so.

    Names come from `names`, a dict of name → Tensor, from each Tensor's own `name`, for parameters from their place in the
    model, and without `names` also from the variables of the caller.

    Raises: GraphError if `x` has no graph; ArgumentError if `x` is not a Tensor or `names` is not a dict.
    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> y = x * x + 1
        >>> y.backward()
        >>> print(cr.trace(y))
        x   leaf    3   grad 6
        v1  x * x   9   grad 1
        y   v1 + 1  10  grad 1
    """
    from .capture import capture

    return capture(x, names, variables=dict(user_frame().f_locals) if names is None else None)


def draw(x: Tensor, names: Mapping[str, Any] | None = None) -> "Graph":
    """`trace(x, names)`, for its picture: shown in a notebook, or written by `.save("graph.svg")`."""
    return trace(x, names)


def step_through(
    x: Tensor, names: Mapping[str, Any] | None = None, lr: float = 0.1, predict: bool = False, language: str = "en"
) -> "Shown":
    """Open the graph of `x` as a page that goes through forward, seed, backward and update, one step at a time.

    The page is one file that needs no network. In a notebook it appears below the cell; elsewhere the browser shows it.
    With `predict` it asks for each contribution before it shows it. `language` is that of its texts, "en" or "de".

    Raises: as trace(); ArgumentError, naming those that exist, for another language.
    """
    return trace(x, names).show(lr, predict, language)
