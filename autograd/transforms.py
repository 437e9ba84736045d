"""Functions on functions: derivatives of a Python function with respect to its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from math import inf
from typing import Any, overload

from ..backends import owner
from .arguments import whole, whole_number
from .backward import backward
from .convert import raw
from .deliver import seed_for
from .errors import ArgumentError, GraphError
from .foreign import explaining
from .forward import pushforward
from .grad_mode import enable_grad, no_grad, recording
from .node import Node
from .ops.creation import asarray, eye
from .ops.rounding import no_slope
from .ops.shape import reshape, stack
from .order import topological
from .primitive import LINEAR, primitive
from .samples import reals
from .tensor import Tensor
from .typing import ArrayLike


@primitive(internal=True, symbol="input", jvp=LINEAR, samples=reals, vjp=dict(x=lambda g: g))
def variable(xp, x):
    """x itself, as a new place in the graph: what a transform differentiates with respect to."""
    return x


def _variables(name, args, argnums):
    """The arguments with those in `argnums` replaced by tracked stand-ins, and the stand-ins."""
    single = whole_number(argnums)
    chosen = []
    args = list(args)
    positions = [whole(name, "argnums", i, least=-inf) for i in ((argnums,) if single else argnums)]
    for i in positions:
        if not -len(args) <= i < len(args):
            raise ArgumentError(
                f"{name}: argnums asks for argument {i}, but {len(args)} positional arguments were given"
            )
    if len({i % len(args) for i in positions}) < len(positions):
        raise ArgumentError(f"{name}: argnums must name each argument once, not {argnums!r}; ask once and use it twice")
    for i in positions:
        x = asarray(args[i], dtype="float64") if isinstance(args[i], (int, float)) else asarray(args[i])
        twin = variable(x) if x.requires_grad else x.detach()
        twin.requires_grad = True
        args[i] = twin
        chosen.append(twin)
    return args, chosen, single


def _check_function(name, f):
    """The first argument of every transform is a function, not what it returned."""
    if not callable(f):
        raise ArgumentError(
            f"{name}: needs a function, was given {type(f).__name__}; write {name}(lambda x: …)(x), or for a result that "
            "is there already result.backward() and then x.grad"
        )


def _output(name, y, scalar=False):
    if not isinstance(y, Tensor):
        raise GraphError(f"{name}: the function must return a Tensor, it returned {type(y).__name__}")
    if scalar and y.size != 1:
        raise GraphError(
            f"{name}: the function must return a single number, it returned shape {y.shape}; sum it, or use jacobian"
        )
    return y


def _differentiable_again(y, inputs):
    """Whether someone outside can ask for derivatives of the result: a leaf is involved that is not ours."""
    ours = {x._node for x in inputs}
    if not recording() or y._node is None:
        return False
    graph = topological(y._node)
    return any(isinstance(p, Node) and p.plan is None and p not in ours for n in graph for p in n.parents)


def _pull(y, seed, inputs, again, retain=True):
    """Gradients of y at `inputs` as Tensors: zeros where y does not depend on one."""
    nodes = [x._node for x in inputs]
    found = {}
    if y._node is not None:
        seed = Tensor._wrap(raw(seed), getattr(seed, "_node", None)) if again else raw(seed)
        found = backward(y._node, seed, sources=set(nodes), retain_graph=retain or again, create_graph=again)
    grads = [found.get(n) for n in nodes]
    with nullcontext() if again else no_grad():
        return [
            no_slope(x) if g is None else g if isinstance(g, Tensor) else _owned(g, x)
            for g, x in zip(grads, inputs, strict=True)
        ]


def _owned(g, x):
    """A gradient as a Tensor of its own, not a view of another array."""
    backend = owner(x._data)
    return Tensor._wrap(backend.copy(backend.asarray(g)))


def _value(y, again):
    """What a transform returns of y: without the graph, if nobody outside can use it."""
    return y if again else y.detach()


@overload
def value_and_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., tuple[Tensor, Tensor]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: tuple[int, ...]
) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]: ...
@explaining
def value_and_grad(f, argnums=0):
    """The function that returns f's value and its gradient with respect to argument(s) `argnums`.

    f must return a single number. Arguments may be Tensors, NumPy arrays or numbers; other arguments pass through.
    Calls nest: the gradient of a gradient is the second derivative.

    Raises: GraphError if f does not return one number; ArgumentError if argnums names no argument.
    Example:
        >>> import chainrule as cr
        >>> value, slope = cr.value_and_grad(lambda x: x**3)(2.0)
        >>> value.item(), slope.item()
        (8.0, 12.0)
    """
    return _with_value("value_and_grad", f, argnums)


def _with_value(name, f, argnums):
    """value_and_grad(f, argnums) whose errors begin with `name`."""
    _check_function(name, f)

    @wraps(f)
    def call(*args, **kwargs):
        with enable_grad():
            args, inputs, single = _variables(name, args, argnums)
            y = _output(name, f(*args, **kwargs), scalar=True)
        again = _differentiable_again(y, inputs)
        grads = _pull(y, seed_for(y, None), inputs, again, retain=False)
        return _value(y, again), grads[0] if single else tuple(grads)

    return call


@overload
def grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Tensor]: ...
@overload
def grad(f: Callable[..., Any], argnums: tuple[int, ...]) -> Callable[..., tuple[Tensor, ...]]: ...
@explaining
def grad(f, argnums=0):
    """The function that returns the gradient of f with respect to argument(s) `argnums`: see value_and_grad.

    Example:
        >>> import chainrule as cr
        >>> cr.grad(cr.grad(lambda x: x**3))(2.0).item()
        12.0
    """
    return _gradient("grad", f, argnums)


def _gradient(name, f, argnums):
    """grad(f, argnums) whose errors begin with `name`."""
    both = _with_value(name, f, argnums)
    return wraps(f)(lambda *args, **kwargs: both(*args, **kwargs)[1])


def vjp(f: Callable[..., Any], *inputs: ArrayLike) -> tuple[Tensor, Callable[[ArrayLike], Any]]:
    """f(*inputs), and the function from a gradient of it to the gradients of the inputs.

    Shape: the gradients have the shapes of the inputs; one input gives one Tensor, several a tuple.
    Example:
        >>> import chainrule as cr
        >>> y, pull = cr.vjp(lambda x: x * x, cr.tensor([1.0, 2.0]))
        >>> pull(cr.tensor([1.0, 1.0])).tolist()
        [2.0, 4.0]
    """
    _check_function("vjp", f)
    with enable_grad():
        args, variables, _ = _variables("vjp", inputs, tuple(range(len(inputs))))
        y = _output("vjp", f(*args))
    again = _differentiable_again(y, variables)

    def pull(gradient):
        tracked = isinstance(gradient, Tensor) and gradient.requires_grad
        grads = _pull(y, gradient if tracked else seed_for(y, gradient), variables, again or tracked)
        return grads[0] if len(grads) == 1 else tuple(grads)

    return _value(y, again), pull


@explaining
def jvp(f: Callable[..., Any], inputs: Sequence[ArrayLike], tangents: Sequence[ArrayLike]) -> tuple[Tensor, Tensor]:
    """f(*inputs) and its directional derivative along `tangents`, in forward mode: one sweep along the graph.

    Shape: inputs and tangents are tuples of the same length; each tangent has the shape of its input.
    Example:
        >>> import chainrule as cr
        >>> y, dy = cr.jvp(lambda x: x * x, (3.0,), (1.0,))
        >>> y.item(), dy.item()
        (9.0, 6.0)
    """
    _check_function("jvp", f)
    if not (isinstance(inputs, (tuple, list)) and isinstance(tangents, (tuple, list))):
        raise ArgumentError("jvp: inputs and tangents must be tuples, e.g. jvp(f, (2.0,), (1.0,))")
    inputs, tangents = tuple(inputs), tuple(tangents)
    if len(inputs) != len(tangents):
        raise ArgumentError(f"jvp: needs one tangent for each input, was given {len(tangents)} for {len(inputs)}")
    with enable_grad():
        args, variables, _ = _variables("jvp", inputs, tuple(range(len(inputs))))
        y = _output("jvp", f(*args))
    seeds = {}
    for i, (x, t) in enumerate(zip(variables, tangents, strict=True)):
        if t is None:
            raise ArgumentError(f"jvp: tangent {i} is None; give zeros for an input that does not move")
        seeds[x._node] = t if isinstance(t, Tensor) and t.requires_grad else Tensor._wrap(seed_for(x, t))
    again = _differentiable_again(y, variables) or any(t.requires_grad for t in seeds.values())
    with nullcontext() if again else no_grad():
        dy = pushforward(y._node, seeds, again) if y._node is not None else None
        return _value(y, again), no_slope(y) if dy is None else dy


def hvp(f: Callable[..., Any], inputs: ArrayLike, tangents: ArrayLike) -> Any:
    """Hessian of the scalar function f at `inputs` times `tangents`, forward over reverse; no Hessian is built.

    Shape: several inputs and their tangents are given as tuples. The products have the shapes of the inputs; one input gives
        one Tensor, several a tuple.
    """
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    tangents = tangents if isinstance(tangents, tuple) else (tangents,)
    every = tuple(range(len(inputs)))
    products = [jvp(lambda *xs, k=k: _gradient("hvp", f, every)(*xs)[k], inputs, tangents)[1] for k in every]
    return products[0] if len(products) == 1 else tuple(products)


@explaining
def jacobian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Tensor]:
    """The function that returns all derivatives of f's elements by those of argument `argnums`.

    Shape: (*output, *input), one reverse pass for each output element.
    Example:
        >>> import chainrule as cr
        >>> cr.jacobian(lambda x: x * x)(cr.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    return _jacobian("jacobian", f, argnums)


def _jacobian(name, f, argnums):
    """jacobian(f, argnums) whose errors begin with `name`."""
    _check_function(name, f)
    if not whole_number(argnums):
        raise ArgumentError(f"{name}: argnums must be one position")

    @wraps(f)
    def call(*args, **kwargs):
        with enable_grad():
            args, (x,), _ = _variables(name, args, argnums)
            y = _output(name, f(*args, **kwargs))
        again = _differentiable_again(y, [x])
        if y.device == "scalar":
            return _pull(y, 1.0, [x], again)[0]
        units = reshape(eye(y.size, dtype=y.dtype, device=y.device), shape=(y.size, *y.shape))
        rows = [_pull(y, units[i], [x], again)[0] for i in range(y.size)]
        if not rows:
            return Tensor._wrap(owner(x._data).xp.zeros((*y.shape, *x.shape), dtype=x.dtype))
        return reshape(stack(rows), shape=(*y.shape, *x.shape))

    return call


@explaining
def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Tensor]:
    """The function that returns all second derivatives of the scalar function f by argument `argnums`.

    Shape: (*input, *input).
    Example:
        >>> import chainrule as cr
        >>> cr.hessian(lambda x: (x**3).sum())(cr.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    return _jacobian("hessian", _gradient("hessian", f, argnums), argnums)
