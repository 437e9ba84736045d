"""Value, gradient, forward mode and second order of random programs by other libraries: by PyTorch, and by JAX where it is installed.

An oracle is a function of a program, a weight for each element of the result, and a direction for each input. It returns what it
knows of {"value", "gradient", "forward mode", "second order"}, as lists of arrays.
"""

from types import FunctionType

import numpy as np
import torch

import chainrule as cr

from .steps import STEPS

try:
    import jax
    import jax.numpy as jnp
    import jax.scipy.special
except ImportError:
    jax = None


def by_torch(program, w, us):
    xs = [torch.tensor(a, requires_grad=True) for a in program.inputs]
    us = [torch.from_numpy(np.asarray(u)) for u in us]
    out = program.run(lambda name: STEPS[name][1], *xs)
    known = {"value": [out]}
    y = (out * torch.from_numpy(np.asarray(w))).sum()
    if y.requires_grad:
        known["gradient"] = g = torch.autograd.grad(y, xs, create_graph=True, materialize_grads=True)
        total = sum((a * u).sum() for a, u in zip(g, us, strict=True))
        known["forward mode"] = [total]
        if total.requires_grad:
            known["second order"] = torch.autograd.grad(total, xs, materialize_grads=True)
    return {order: [a.numpy(force=True) for a in arrays] for order, arrays in known.items()}


def by_jax(program, w, us):
    """Everything in one compiled function, with forward mode over reverse mode; None where a shape depends on values."""
    if any(name == "x[x>0]" for name, _, _ in program.steps):
        return None

    def everything(xs, us):
        weighed = lambda *xs: (program.run(_in_jax, *xs) * w).sum()
        gradient = jax.grad(weighed, tuple(range(len(xs))))
        g, second = jax.jvp(gradient, tuple(xs), tuple(us))
        return program.run(_in_jax, *xs), g, jax.jvp(weighed, tuple(xs), tuple(us))[1], second

    with jax.enable_x64(True):
        value, g, slope, second = jax.jit(everything)(program.inputs, us)
    known = {"value": [value], "gradient": g, "forward mode": [slope], "second order": second}
    return {order: [np.asarray(a) for a in arrays] for order, arrays in known.items()}


class _Names:
    """JAX's functions under chainrule's names: where they do not stand in jax.numpy, they are these."""

    def __getattr__(self, name):
        others = {
            "erf": jax.scipy.special.erf,
            "logsumexp": jax.scipy.special.logsumexp,
            "gelu": lambda x: jax.nn.gelu(x, approximate=False),
            "norm": _norm,
        }
        if name in others:
            return others[name]
        return getattr(jnp, name) if hasattr(jnp, name) else getattr(jax.nn, name)


def _norm(x, ord, axis, keepdims):
    """The norm of vectors along any number of axes, of numbers of moderate size."""
    a = jnp.abs(x)
    if ord == np.inf:
        return jnp.max(a, axis, keepdims=keepdims)
    return jnp.sum(a**ord, axis, keepdims=keepdims) ** (1 / ord)


_OURS = {id(getattr(cr, name)): name for name in dir(cr)}


def _in_jax(name):
    """chainrule's side of a step with JAX's functions in place of chainrule's, whose names are NumPy's."""
    return _translated(STEPS[name][0])


def _translated(f):
    if id(f) in _OURS:
        return getattr(_Names(), _OURS[id(f)])
    if not isinstance(f, FunctionType):
        return f
    copy = FunctionType(f.__code__, {**f.__globals__, "cr": _Names()}, f.__name__, f.__defaults__, f.__closure__)
    copy.__kwdefaults__ = {name: _translated(value) for name, value in (f.__kwdefaults__ or {}).items()}
    return copy


ORACLES = {f"PyTorch {torch.__version__}": (by_torch, 1)}  # name: (oracle, of how many programs it is asked for one)
if jax is not None:
    ORACLES[f"JAX {jax.__version__}"] = by_jax, 10
