"""The loss of a whole network over a plane through its weights.

Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), sections 4 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arguments import choose, positive, whole
from ..autograd.errors import ArgumentError, CheckpointError, ShapeError
from ..autograd.ops.creation import tensor
from ..autograd.ops.norm import norm
from ..autograd.random import Generator
from ..nn.module import Module
from .canvas import pyplot
from .inputs import host, inference
from .surface import PROJECTIONS, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_landscape(
    model: Module,
    loss: Callable[..., Any],
    x: Any,
    y: Any,
    trajectory: Any = None,
    span: float = 1.0,
    resolution: int = 25,
    ax: Axes | None = None,
    seed: int = 0,
    projection: str = "contour",
    levels: int | list[float] = 12,
    log: bool = False,
    colorbar: bool = True,
    legend: bool = True,
) -> Axes:
    """The loss of `model` on (x, y) over a plane through its weights: see `landscape`.

    With a trajectory its path is drawn too, projected on the plane, and the axes say which share of the movement they
    cover; the loss of a state off the plane differs from that of its projection.

    Shape, Raises: as `landscape`; further options as `loss_surface`.
    Example:
        >>> import chainrule as cr
        >>> from matplotlib.figure import Figure
        >>> model, x, y = cr.nn.Linear(2, 1), cr.ones((3, 2)), cr.zeros((3, 1))
        >>> ax = cr.plot.loss_landscape(model, cr.nn.mse, x, y, resolution=5, ax=Figure().subplots())
    """
    choose("projection", projection, PROJECTIONS)
    pyplot()  # if matplotlib is missing, say so before the long computation
    plane = Plane(model, trajectory, span, resolution, seed)
    losses = plane.grid(loss, x, y)
    paths = {"the model": np.zeros((1, 2))} if plane.path is None else {"training": plane.path}
    at = lambda points: plane.at(loss, x, y, points)
    surface = plane.alphas, plane.betas, losses
    look = {"projection": projection, "levels": levels, "log": log, "colorbar": colorbar, "legend": legend}
    return draw("loss_landscape", ax, surface, plane.labels, paths, at, **look)


def landscape(
    model: Module,
    loss: Callable[..., Any],
    x: Any,
    y: Any,
    trajectory: Any = None,
    span: float = 1.0,
    resolution: int = 25,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The losses of `model` at weights + alpha · first + beta · second direction: (alphas, betas, losses).

    Without a trajectory the directions are random and filter-normalised: what feeds one unit, a column of a weight
    (n_in, n_out), has in the direction the norm that it has in the weights, so that networks of different scales can be
    compared; parameters of one axis (biases, norm layers) stay. alpha and beta go from -span to span.
    With a trajectory, a list of state dicts in the order of training, the directions are its two principal components
    over all parameters, and the plane covers the path. The model's own weights are at (0, 0) in both cases.

    The model is called in eval mode. Its weights are changed meanwhile, and restored to the bit, also after an error; a
    graph that was recorded before can no longer run backward.

    Shape: loss(model(x), y) is one number; alphas, betas (resolution,), an odd one has the model itself in its middle;
        losses (resolution, resolution), losses[i, j] at betas[i] and alphas[j].
    Raises: ArgumentError for a model without weights, a bad span or resolution, or fewer than three different states;
        CheckpointError if a state does not fit the model; ShapeError if the loss is not one number.
    Source: Li et al., "Visualizing the loss landscape of neural nets" (2018), sections 4 and 7.
    """
    plane = Plane(model, trajectory, span, resolution, seed)
    return plane.alphas, plane.betas, plane.grid(loss, x, y)


class Plane:
    """A plane through the weights of a model, with the model at (0, 0).

    Fields:
        directions: {path of a parameter: (first, second)}, Tensors like the parameter; those that stay are left out.
        alphas, betas: the points of the grid along the two directions.
        path: (n, 2), the states of a trajectory projected on the plane; None without one.
        labels: what the axes are called.
    """

    def __init__(self, model, trajectory, span, resolution, seed):
        self.model = model
        self.parameters = dict(model.named_parameters()) if isinstance(model, Module) else {}
        if not any(p.ndim > 1 or trajectory is not None for p in self.parameters.values()):
            raise ArgumentError("landscape: needs a Module with weights, parameters of two or more axes, to vary")
        n = whole("landscape", "resolution", resolution, 2)
        positive("landscape", "span", span)
        if trajectory is None:
            generator = Generator(seed)
            pair = [_random(self.parameters, generator) for _ in range(2)]
            self.directions = {name: (pair[0][name], pair[1][name]) for name in pair[0]}
            self.alphas = self.betas = span * (2 * np.arange(n) / (n - 1) - 1)  # exactly 0 in the middle
            self.path, self.labels = None, ("random direction 1", "random direction 2")
        else:
            self.directions, self.path, shares = _principal(self.parameters, list(trajectory))
            self.labels = [f"component {i} ({share:.0%})" for i, share in enumerate(shares, 1)]
            low, high = np.minimum(self.path.min(axis=0), 0), np.maximum(self.path.max(axis=0), 0)
            room = np.maximum(0.3 * (high - low), 0.1 * (high - low).max())
            self.alphas, self.betas = np.linspace(low - room, high + room, n).T

    def grid(self, loss, x, y):
        """The losses on the grid, (betas, alphas)."""
        points = np.stack(np.meshgrid(self.alphas, self.betas), axis=-1)
        return self.at(loss, x, y, points.reshape(-1, 2)).reshape(points.shape[:2])

    def at(self, loss, x, y, points):
        """The loss at each point (alpha, beta) of the plane, with the weights restored afterwards."""
        weights = {name: self.parameters[name].detach() for name in self.directions}
        with inference(self.model), np.errstate(over="ignore", invalid="ignore"):  # far out a loss may well be infinite
            try:
                return np.array([self._at(weights, a, b, loss, x, y) for a, b in points.tolist()])
            finally:
                for name, weight in weights.items():
                    self.parameters[name].assign(weight)

    def _at(self, weights, a, b, loss, x, y):
        for name, (first, second) in self.directions.items():
            self.parameters[name].assign(weights[name] + a * first + b * second)
        value = loss(self.model(x), y)
        if np.shape(value) != ():
            raise ShapeError(f"landscape: the loss must be one number, not shape {np.shape(value)}; take its mean")
        return float(value)


def _random(parameters, generator):
    """A random direction in which each column of a weight has the norm that it has in the weight."""
    direction = {}
    for name, p in parameters.items():
        if p.ndim > 1:
            weight, d = p.detach(), generator.normal(size=p.shape, dtype=p.dtype, device=p.device)
            columns = dict(axis=tuple(range(p.ndim - 1)), keepdims=True)
            direction[name] = d * (norm(weight, **columns) / norm(d, **columns))
    return direction


def _principal(parameters, states):
    """The two principal directions of the states, the states in their coordinates, and the shares of the variance."""
    if len(states) < 3:
        raise ArgumentError(f"landscape: a trajectory needs three or more states, was given {len(states)}")
    flat = np.array([_flat(i, state, parameters) for i, state in enumerate(states)])
    if flat.shape[1] < 2:
        raise ArgumentError("landscape: a model with one number to learn has no plane of weights")
    if not np.ptp(flat, axis=0).any():
        raise ArgumentError(
            "landscape: the states of the trajectory are all the same; record model.state_dict() during training"
        )
    _, sizes, directions = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    path = (flat - _flat("of the model", parameters, parameters)) @ directions[:2].T
    signs = np.where(path[0] > 0, -1, 1)  # the path comes from the lower left; the sign of a component means nothing
    pieces = {}
    for direction in directions[:2] * signs[:, None]:
        start = 0
        for name, p in parameters.items():
            part = direction[start : start + p.size].reshape(p.shape)
            pieces.setdefault(name, []).append(tensor(part, dtype=p.dtype, device=p.device))
            start += p.size
    return pieces, path * signs, sizes[:2] ** 2 / (sizes**2).sum()


def _flat(i, state, parameters):
    """The parameters in a state as one vector."""
    faults = [name for name, p in parameters.items() if name not in state or np.shape(host(state[name])) != p.shape]
    if faults:
        raise CheckpointError(
            f"landscape: state {i} of the trajectory does not fit the model: missing or misshapen: {', '.join(faults)}"
        )
    return np.concatenate([host(state[name]).astype(float).ravel() for name in parameters])
