"""Activation functions with their derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.errors import ArgumentError
from ..autograd.ops.creation import tensor
from ..autograd.transforms import vjp
from ..nn.activations import ACTIVATIONS, activation, name_of
from .canvas import axes, pyplot
from .inputs import bounds
from .style import COLORS, MUTED, count, dress, legend

if TYPE_CHECKING:
    pass

POINTS = 801


def activations(names: Any = None, ax: Any = None, low: float = -4.0, high: float = 4.0) -> Any:
    """Activation functions (solid) with their derivatives (dashed), which the engine computes. A jump leaves a gap.

    `names` is a name from chainrule.nn.ACTIVATIONS, a function of a Tensor, or a list of such; if None, all that work
    element by element. One function takes one Axes; several take an array of as many, and return it.

    Raises: ArgumentError for an unknown name, a function that does not work element by element (softmax), an empty
        range, or a wrong number of Axes.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> ax = cr.plot.activations("tanh", ax=Figure().subplots(), low=-1, high=1)
        >>> tanh, slope = ax.lines[:2]
        >>> print(slope.get_ydata().max())  # at 0
        1.0
    """
    low, high = bounds("activations", "the range (low, high)", (low, high))
    if names is None:
        names = [name for name in ACTIVATIONS if name != "softmax"]
    single = isinstance(names, str) or callable(names)
    chosen: Any = [names] if single else names
    functions = [activation(name) for name in chosen]
    if not functions:
        raise ArgumentError("activations: the list of names is empty")
    x = np.linspace(low, high, POINTS)
    curves = [_curves(f, x) for f in functions]
    places = [axes("activations", ax)] if single else _grid(len(functions), ax)
    for i, (f, pair, place) in enumerate(zip(functions, curves, np.ravel(places), strict=True)):
        dress(place, title=name_of(f))
        count(place.xaxis)
        for values, color, line, label in zip(
            pair, ("blue", "vermillion"), ("-", "--"), ("$f(x)$", "$f'(x)$"), strict=True
        ):
            place.plot(*_broken(x, values), color=COLORS[color], linestyle=line, linewidth=2, label=label)
        place.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
        place.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        if i == 0:
            legend(place)
    return places[0] if single else places


def _curves(f, x):
    """f and its derivative at each x.

    Raises: ArgumentError if f does not work element by element.
    """
    y, backward = vjp(f, x)
    if y.shape != x.shape or not np.allclose(f(tensor(x[:, None])).numpy()[:, 0], y.numpy(), equal_nan=True):
        raise ArgumentError(
            f"activations: {name_of(f)} does not work element by element, so it is no curve; leave it out"
        )
    return y.numpy(), backward(np.ones_like(x)).numpy()


def _broken(x, y):
    """The curve with a gap wherever it jumps by a tenth of its height between two neighbouring points."""
    least = 1e-9 * np.abs(y).max()  # less is rounding
    jumps = np.flatnonzero(np.abs(np.diff(y)) > max(0.1 * np.ptp(y), least)) + 1
    return np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)


def _grid(n, ax):
    """The array of n Axes that was given, or a new one."""
    if ax is not None:
        places = np.array([axes("activations", place) for place in np.ravel(ax)])
        if len(places) != n:
            raise ArgumentError(f"activations: {n} functions need {n} Axes, was given {len(places)}")
        return places
    columns = min(range(min(n, 3), 6), key=lambda k: (-n % k, -k))  # the fewest empty places, then the fewest rows
    rows = -(-n // columns)
    figure = pyplot().figure(figsize=(2.3 * columns, 1.9 * rows), layout="constrained")
    return np.array([figure.add_subplot(rows, columns, i + 1) for i in range(n)])
