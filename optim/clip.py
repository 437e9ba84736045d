"""Bounds on gradients, between backward and the optimiser's step."""

from __future__ import annotations

import numpy as np

from ..autograd.arguments import positive
from ..autograd.errors import ArgumentError, DeviceError, GraphError
from ..autograd.foreign import explaining
from ..autograd.ops.choose import maximum, minimum
from ..autograd.ops.reduce import scale
from ..autograd.tensor import Tensor
from ..backends import check, owner
from .flat import gradient, label_of, sum_of_squares
from .options import Parameters


def grad_norm(params: Parameters) -> Tensor:
    """The 2-norm of all gradients together, √Σ g².

    The squares are added up in float64, in which those of float32 and float16 can neither overflow nor vanish.

    Shape: params are tensors or (name, tensor) pairs, all on one device; those without gradient are skipped. The
        result is a float64 of shape () on that device; no value is read on the host.
    Raises: GraphError if no parameter has a gradient; DeviceError if they are on several devices.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> cr.optim.grad_norm([w]).item()
        10.0
    """
    backend, found = _gradients("grad_norm", params)
    return Tensor._wrap(backend.asarray(_norm(found)))


@explaining
def clip_grad_norm(params: Parameters, max_norm: float) -> Tensor:
    """Scale all gradients by min(1, max_norm / norm), where norm is that of all of them together; returns norm.

    A clipped gradient is a new tensor without history: whoever holds the old one keeps it as it was.

    Shape: as in grad_norm.
    Raises: ArgumentError if max_norm is no finite number above 0; GraphError if no parameter has a gradient, or if one
        is nan or infinite, naming the parameter (on a GPU when a value is next read);
        DeviceError if they are on several devices. Nothing has changed then.
    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> cr.optim.clip_grad_norm([w], max_norm=5.0).item(), w.grad.tolist()
        (10.0, [3.0, 4.0])
    """
    positive("clip_grad_norm", "max_norm", max_norm)
    backend, found = _gradients("clip_grad_norm", params)
    norm = _norm(found)
    check_gradients("clip_grad_norm", backend.xp.isfinite(norm), [(label, g) for label, _, g in found])
    if not backend.on_host:  # a factor of 1 costs less than to look
        scaled = lambda g, norm: (g.astype("float64") * minimum(max_norm / norm, 1.0)).astype(g.dtype)
        _change_at_once(backend, found, scaled, norm)
    elif norm > max_norm:
        xp = owner(norm).xp
        factor = xp.minimum(max_norm / norm, 1.0)
        lift = xp.where(factor < 2.0**-60, 2.0**60, 1.0)  # the factor may be too small for float32
        for _, p, g in found:
            wide = np.promote_types(g.dtype, np.float32)  # and for float16
            clipped = g.astype(wide, copy=False) * (factor * lift).astype(wide)
            if lift != 1:
                clipped /= lift.astype(wide)
            p.grad = Tensor._wrap(backend.asarray(clipped, dtype=g.dtype))
    return Tensor._wrap(backend.asarray(norm))


@explaining
def clip_grad_value(params: Parameters, limit: float) -> Tensor:
    """Bound each element of the gradients to [-limit, limit]; returns the norm that they had.

    A clipped gradient is a new tensor without history, as in clip_grad_norm.

    Shape: as in grad_norm.
    Raises: as clip_grad_norm.
    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([0.25, 4.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> norm = cr.optim.clip_grad_value([w], limit=1.0)
        >>> w.grad.tolist()
        [0.5, 1.0]
    """
    positive("clip_grad_value", "limit", limit)
    backend, found = _gradients("clip_grad_value", params)
    norm = _norm(found)
    check_gradients("clip_grad_value", backend.xp.isfinite(norm), [(label, g) for label, _, g in found])
    if not backend.on_host:
        _change_at_once(backend, found, lambda g: maximum(minimum(g, limit), -limit))
    else:
        for _, p, g in found:
            p.grad = Tensor._wrap(backend.asarray(g.clip(-limit, limit)))
    return Tensor._wrap(backend.asarray(norm))


def check_gradients(operation, ok, found, now="nothing was changed"):
    """Check `ok`, whether all gradients are finite, of pairs (label of the parameter, gradient as an array).

    Raises: GraphError that, on the host, names the first that is not; see chainrule.backends.check.
    """

    def given():
        for label, g in found:
            if not np.isfinite(g).all():
                nans, infs = int(np.isnan(g).sum()), int(np.isinf(g).sum())
                return f", but the gradient of parameter {label} has {nans} nan and {infs} infinite of {g.size} elements; {now}"
        return ", but they are so large that their norm overflows; scale the loss down"

    late = "" if isinstance(ok, bool) or owner(ok).on_host else "; what is computed from them has been written already"
    check(ok, lambda text: not_finite(operation, text + late), given)


def not_finite(operation, text):
    """The error for gradients that are not finite."""
    return GraphError(
        f"{operation}: every gradient must be finite{text}. Look for log or division at 0 and overflow in the loss: "
        "`with chainrule.debug():` names the operation. A lower learning rate or scaled inputs often help"
    )


def named(operation, params):
    """(label for messages, tensor) for tensors or (name, tensor) pairs.

    Raises: ArgumentError for anything else.
    """
    if isinstance(params, (Tensor, str, dict)) or not hasattr(params, "__iter__"):
        raise ArgumentError(
            f"{operation}: needs a list of parameters such as model.parameters(), not {type(params).__name__}"
        )
    for i, p in enumerate(params):
        name, p = p if isinstance(p, (tuple, list)) and len(p) == 2 and isinstance(p[0], str) else (None, p)
        if not isinstance(p, Tensor):
            raise ArgumentError(f"{operation}: parameter {i} must be a tensor, it is {p!r:.80}")
        yield label_of(i, p, name), p


def _gradients(operation, params):
    """(backend, [(label, parameter, gradient array)]) of the parameters that have a gradient."""
    found = [(label, p, gradient(p)) for label, p in named(operation, params) if gradient(p) is not None]
    if not found:
        raise GraphError(f"{operation}: no parameter has a gradient; call loss.backward() first")
    backend = owner(found[0][2])
    devices = {owner(g).name for _, _, g in found}
    if len(devices) > 1:
        raise DeviceError(
            f"{operation}: the parameters must be on one device, these are on {', '.join(map(repr, sorted(devices)))}"
        )
    if backend.array_type is float:
        found = [(label, p, np.asarray(g)) for label, p, g in found]
    return backend, found


def _change_at_once(backend, found, change, *others):
    """Give each parameter what `change` makes of its gradient: on a device a launch for all of them, and one that joins them."""
    kinds = {}
    for _, p, g in found:
        kinds.setdefault(g.dtype, []).append((p, g))
    for pairs in kinds.values():
        changed, first = backend.fused(change, backend.joined([g for _, g in pairs]), *others), 0
        for p, g in pairs:
            p.grad = Tensor._wrap(changed[first : first + g.size].reshape(g.shape))
            first += g.size


def _norm(found):
    """√Σ g² in float64, of shape (); float64 gradients whose squares that cannot hold are scaled by powers of two."""
    gradients = [g for _, _, g in found]
    backend = owner(gradients[0])
    if not backend.on_host and len({g.dtype for g in gradients}) == 1:
        gradients = [backend.joined(gradients)]
    with np.errstate(over="ignore"):
        squares = sum_of_squares(gradients, np.float64)
    if backend.fits(squares) or all(g.dtype.itemsize < 8 for g in gradients):
        return backend.xp.sqrt(squares)
    tops = [abs(g).max().astype(np.float64) for g in gradients if g.size]
    factor = scale(backend.xp.stack([backend.xp.zeros(()), *tops]), None)[0]
    return backend.xp.sqrt(sum_of_squares([g * factor for g in gradients], np.float64)) / factor
