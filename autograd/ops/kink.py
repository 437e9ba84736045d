"""Kinks, differentiated again: what |x|, lengths and ties add to their rules in a pass that is recorded.

Around a kink, f is smooth in a length L that is 0 at the kink: |x|, ‖x‖, or how far the larger of two is above their middle.
The gradient of f is g/L · x, where g = df/dL. The convention at a kink, 0, does not see that g changes with L. But if f is
smooth there, then g = 0, and g/L has the limit dg/dL, which is all of the second derivative: |x|², |x| · |x| and ‖x‖² are as
smooth as x². So a recorded pass adds limit · x, which is 0 at the kink. Second derivatives are then

- right where f is smooth: dg/dL counts all calls that compute the same length;
- nan where they do not exist, or might not: at the corner of ‖x‖ itself (g ≠ 0), and where g is 0 and changes with other kinks
  or with other elements of the same call, as in (|x| + |y|)²;
- where |x| itself is a kink of f (g ≠ 0), the mean of those on either side, as the first one is: those of |x| are 0;
- at a tie the same where g = 0; else, and where the limit is not known, both operands go on as halves, and nothing is nan.

Third and higher derivatives are right where g is proportional to L, as for L², and else nan, those of a derivative that forward
mode took always (forward.py). Not seen is the fourth of a product of four calls that tie, by itself: the third is nan.
"""

from __future__ import annotations

from math import nan

import numpy as np

from ...backends import SINGLES, owner
from ..backward import backward
from ..convert import raw
from ..grad_mode import recording
from ..guards import saved_values
from ..node import Node
from ..order import leading_to, topological
from ..primitive import ELEMENTWISE, primitive
from ..samples import reals
from ..tensor import Tensor
from ..value import Value
from ..watch import watching


@primitive(
    internal=True,
    jvp=ELEMENTWISE,
    samples=reals,
    vjp=dict(x=lambda g, y: strong_product(g, y), y=lambda g, x: strong_product(g, x)),
    means=lambda x, y: x * y,
)
def strong_product(xp, x, y):
    """Product x · y in which 0 is strong: 0 · inf and 0 · nan are 0."""
    with np.errstate(invalid="ignore"):
        return xp.where((x == 0) | (y == 0), 0, x * y)


def curved(part, g, out, x, spread=lambda a: a, corner=True, round=True):
    """`part`, the gradient of a length, with what its kink adds. First-order passes get it as it is."""
    if not differentiable(g, out):
        return part
    flat, backend = raw(out) == 0, owner(raw(out))
    if backend.on_host and not np.any(flat):
        return part
    more = bend(g, out, flat, x, spread, corner=corner, round=round)
    part = strong_product(part, spread(_as_numbers(raw(out) != 0, g)))  # which is no function of x where out is 0
    return part if more is None else part + more


def differentiable(g, out):
    """Whether a rule runs in a pass that is recorded, so that its result can be differentiated."""
    return isinstance(g, Tensor) and getattr(out._node, "plan", None) is not None and recording()


def bend(g, out, flat, arm, spread=lambda a: a, corner=False, round=True, tie=False):
    """What a kink adds to a gradient: 0, with the derivatives that are said above. None for nothing.

    Shape: `g`, `out` (the result of the call) and `flat` (where it is at its kink) have one; `spread` gives what has it the axes
        of `arm`, along which the gradient moves.
    Fields:
        corner: the slope of L has no derivative there, not even 0.
        round: L is √Σx². Else the limit differs by direction, unless it is 0.
        tie: of several operands that are equal.
    """
    backend = owner(raw(out))
    xp = np if backend.on_host else backend.xp
    some = lambda mask: not backend.on_host or mask.any()
    times = lambda a, mask: strong_product(a, _as_numbers(mask, g))
    still = xp.asarray(raw(g) == 0)
    flat = xp.asarray(flat) & (still if tie else True)
    if not some(flat):
        return None
    twins, others = _kinks(g, out)
    mixed = _mixed(g, out, flat, twins, set() if tie else others, xp)
    added = []
    if twins and some(known := flat & ~mixed & (still if corner else True)):
        limit = _limit(g, out, twins)
        added.append(strong_product(spread(times(limit if round else strong_product(nan, limit), known)), arm))
    if corner and some(flat & ~still):
        limit = strong_product(times(strong_product(nan, g), flat & ~still), _moved(out._node))
        added.append(spread(limit) * generic(arm.shape, arm.dtype, backend))
    if not tie and (twins or others) and some(unknown := flat & still & mixed):
        change = sum(
            added_up(part) for part in _pulled(g, generic(g.shape, g.dtype, backend), twins | others, again=True)
        )
        limit = times(strong_product(nan, change), unknown)
        moved = sum(added_up(_moved(node)) for node in {out._node, *others})
        added.append(strong_product(spread(limit), moved) * generic(arm.shape, arm.dtype, backend))
    return sum(added) if added else None


def _kinks(g, out):
    """The calls that g depends on which compute the same as `out`, and the other kinks that do not depend on one of those."""
    first, names = {}, {}
    order = topological(g._node) if g._node else []
    for node in (*topological(out._node), *order):
        if node not in names:
            parts = (*node.parents, *node.options.values())
            names[node] = first.setdefault((node.primitive, *(_name(part, names) for part in parts)), node)
    twins = {node for node in order if names[node] is names[out._node]}
    behind = set(leading_to(twins, order))
    return twins, {node for node in order if node.primitive.kink and node not in behind}


def _name(part, names):
    """An operand or option as part of a key: by its value if it can be one, else by which object it is."""
    if isinstance(part, Node):
        return names.get(part, part)
    if isinstance(part, (tuple, list)):
        return tuple(_name(p, names) for p in part)
    if isinstance(part, slice):
        return part.start, part.stop, part.step
    if isinstance(part, np.ndarray):
        return part.shape, part.dtype, part.tobytes()
    return part if isinstance(part, (int, float, str, type(None), np.dtype)) else (id(part),)


def _mixed(g, out, flat, twins, others, xp):
    """Where g changes with other elements of `out` or with other kinks, so that its limit is not known."""
    mixed, backend = xp.zeros(out.shape, bool), owner(raw(out))
    one, weights = _one(g), generic(out.shape, out.dtype, backend)
    if others:
        for slope in _pulled(g, one * (flat & (raw(g) == 0)), others, twins):
            mixed = mixed | xp.any(xp.asarray(slope) != 0)
    if out.size > 1 and twins:
        total, weighed = (sum(_pulled(g, seed * flat, twins)) for seed in (one, weights))
        mixed = mixed | (xp.absolute(weighed - weights * total) > 0.01 * xp.absolute(total))
    return mixed


def _limit(g, out, twins):
    """The limit of g / L. Where g is not proportional to L, its own derivatives are nan."""
    limit = sum(_pulled(g, _one(g), twins, again=True))
    for more in _pulled(limit, _one(g), twins, again=True):
        unknown = nan if more._node is not None else strong_product(nan, more)
        limit = limit + strong_product(unknown, _moved(out._node))
    return limit


def _pulled(g, seed, wanted, ends=frozenset(), again=False):
    """What a pass from g brings to the nodes in `wanted`; with `again` as Tensors. It goes no further than them and `ends`."""
    if not isinstance(g, Tensor) or g._node is None:
        return []
    with watching(None), np.errstate(all="ignore"):  # it is no part of the pass that is watched
        seed = Tensor._wrap(seed) if again else seed
        found = backward(g._node, seed, wanted | ends, retain_graph=True, create_graph=again)
    return [found[node] for node in wanted if node in found]


def generic(shape, dtype, backend):
    """Numbers from 0.5 to 1.5 that cancel nowhere: a gradient to start from that stands for any."""
    if backend.array_type in SINGLES:
        return 1.0
    return backend.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype))


def added_up(x):
    """The sum of the elements, also of a single number."""
    return x if isinstance(x, Value) else x.sum()


def _as_numbers(mask, g):
    """1 where a mask holds, else 0, in the dtype of g."""
    return mask * 1.0 if type(raw(g)) in SINGLES else mask.astype(raw(g).dtype)


def _one(g):
    return 1.0 if type(g._data) in SINGLES else owner(g._data).xp.ones_like(g._data)


def _moved(node):
    """0 in the shape of a result, with the derivatives of a sum of the operands in which nothing cancels."""
    kept, total = saved_values(node, create_graph=True), 0
    for name in node.primitive.vjp.keys() & node.plan.slots.keys():
        if isinstance(x := kept[node.plan.slots[name] - 1], Tensor):
            total = total * 0.7 + x * generic(x.shape, x.dtype, owner(raw(x)))
    if node.dtype is not None and "axis" in node.options:
        total = total.sum(axis=node.options["axis"], keepdims=node.options["keepdims"])
    return total - raw(total)
