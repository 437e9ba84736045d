"""What is said of a nan or inf: which operation made it, on which line, of what, why, and what to do about it."""

from __future__ import annotations

import linecache
import re
from functools import partial
from typing import NamedTuple

import numpy as np

from ..autograd.callsite import describe, line_of
from ..autograd.convert import raw
from ..autograd.errors import NonFiniteError
from ..autograd.primitive import ELEMENTWISE, REGISTRY
from ..backends import NUMBERS, owner
from .place import Place, module_of, source

LOGARITHM = (
    "keep it above 0, e.g. cr.log(cr.maximum(x, 1e-12)); instead of the logarithm of a softmax or sigmoid use cr.log_softmax, "
    "cr.nn.cross_entropy or cr.nn.bce_with_logits, which need no log 0"
)
DIVISION = "keep y away from 0, e.g. x / cr.where(y == 0, 1, y), or add a small number to it"
POWERS = "subtract the largest first, as cr.softmax and cr.logsumexp do, or stay with logarithms: cr.softplus, cr.log_softmax"
REMEDIES = {  # where an operation leaves its domain, or is infinitely steep
    **dict.fromkeys(("log", "log2", "log10", "log1p"), LOGARITHM),
    **dict.fromkeys(("divide", "floor_divide", "remainder"), DIVISION),
    "sqrt": "keep it above 0, e.g. cr.sqrt(cr.maximum(x, 1e-12)); for a length use cr.norm or cr.hypot, whose slope at 0 is 0",
    "power": "keep x above 0, e.g. with cr.absolute or cr.maximum(x, 1e-12), or use a whole exponent",
}
LOOK = "look where it comes from (cr.data.check_finite for data), or put that into the block as well"
OVERFLOWS = dict.fromkeys(("exp", "expm1", "sinh", "cosh"), POWERS)


class Operand(NamedTuple):
    """What an operation was given.

    Fields:
        name: the operand's in the declaration; "g" is the gradient of the result, "out" the result itself.
        shape, dtype: its form.
        least, greatest: of its finite elements; None where there are none.
        nan, inf: how many elements are nan, and how many are infinite.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    least: float | None
    greatest: float | None
    nan: int
    inf: int

    def __str__(self):
        if not self.shape:
            value = "nan" if self.nan else "infinite" if self.inf else f"{self.least:.6g}"
            return f"{self.name} {self.dtype} = {value}"
        span = "" if self.least is None else f", {self.least:.6g} to {self.greatest:.6g}"
        counts = "".join(f", {n} {what}" for n, what in ((self.nan, "nan"), (self.inf, "infinite")) if n)
        return f"{self.name} {self.dtype} {self.shape}{span}{counts}"


def host(a):
    """An array, Tensor or number as a NumPy array."""
    a = raw(a)
    return np.asarray(a) if type(a) in NUMBERS else owner(a).to_numpy(a)


def operand(name, a):
    """The Operand of that name, with what is to be said of the array, Tensor or number."""
    values = host(a)
    finite = values[np.isfinite(values)]
    least, greatest = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
    return Operand(
        name, values.shape, str(values.dtype), least, greatest, int(np.isnan(values).sum()), int(np.isinf(values).sum())
    )


def forward_error(kind, p, arrays, options, out, known, tensors, place):
    """`p` was given nothing that is `kind`, and gave `out`, which is; `known` says where an infinity comes from, if anybody knows."""
    given, origin = dict(zip(operand_names(p, len(arrays)), arrays, strict=True)), None
    endless = [name for name, a in given.items() if np.isinf(host(a)).any()]
    domain, name = said(p, "Domain"), p.name
    if _finite_if_wide(
        partial(p.fn, np), arrays, options, np.isnan(host(out)) if kind == "nan" else np.isinf(host(out))
    ):
        cause, advice = _overflow(out, OVERFLOWS.get(name))
    elif endless:
        origin = "; ".join(f"{x}, {known or source(_tensor(x, given, tensors), place.scope)}" for x in endless)
        cause = f"infinite already is {origin}; and ∞ − ∞, 0 · ∞ and ∞ / ∞ are no numbers"
        advice = "avoid the infinity; debug(inf=True) names the operation that made it, if one did"
    elif domain:
        cause, advice = (
            f"outside its domain: {domain}",
            REMEDIES.get(name, f"keep it inside, e.g. cr.{name}(cr.clip(x, …))"),
        )
        if len(given) == 1:
            advice += (
                f"; where a cr.where leaves these elements out, also cr.where(ok, cr.{name}(cr.where(ok, x, 1)), 0)"
            )
    elif not all(np.size(host(a)) for a in arrays):
        cause, advice = "there are no elements", "leave out what is empty"
    elif kind == "nan":
        cause, advice = "not defined for these operands", "keep them where it is defined"
    else:
        cause, advice = _overflow(out, OVERFLOWS.get(name))
    at = _first(p, given, out)
    headline = f"{name}{_in(p, place)} made the first {kind}"
    return _error(headline, p, place, given, kind=kind, cause=cause, advice=advice, at=at, origin=origin)


def given_error(p, arrays, tensors, place):
    """`p` was given a nan that nothing inside the block has made."""
    given = dict(zip(operand_names(p, len(arrays)), arrays, strict=True))
    name, what = _culprit("nan", given, tensors, place)
    headline = f"operand {name} of {p.name}{_in(p, place)}, {what}, was nan already"
    cause = "no operation that the block has seen made it"
    return _error(headline, p, place, given, kind="nan", cause=cause, advice=LOOK, origin=f"{name}: {what}")


def origin(kind, p, arrays, tensors, place):
    """Where an infinity in the result of `p` comes from, in words."""
    line = describe(place.code, place.instruction)
    name, what = _culprit(kind, dict(zip(operand_names(p, len(arrays)), arrays, strict=True)), tensors, place)
    return f"operand {name} of {p.name} ({line}), {what}" if name else f"made by {p.name} ({line})"


def _culprit(kind, given, tensors, place):
    """(the name of the first operand that is `kind`, what is known of it in words)."""
    test = np.isnan if kind == "nan" else np.isinf
    name = next((name for name, a in given.items() if test(host(a)).any()), "")
    return name, source(_tensor(name, given, tensors), place.scope)


def _tensor(name, given, tensors):
    """What the user gave for the operand of that name, or None."""
    return tensors[list(given).index(name)] if len(tensors) == len(given) and name in given else None


def rule_error(kind, phase, node, slot, g, part, again, saved, chooser, kept, known):
    """The rule of `node` for the operand at `slot` was given `g` and `saved`, and gave `part`.

    `again` computes it anew from them; `chooser` is a call after it that leaves elements out; `kept` are the operands and
    the result, by name, as far as they are known; `known` is the error about one of these, or says where its infinity comes from.
    """
    p, place = _call(node)
    name = operand_names(p, len(node.parents))[slot]
    bad = np.isnan(host(part)) if kind == "nan" else np.isinf(host(part))
    unused = np.broadcast_to(host(g) == 0, bad.shape)[bad].any() if host(g).shape == bad.shape else (host(g) == 0).any()
    words = said(p, "Gradient")
    broken = [k for k, a in kept.items() if not np.isfinite(host(a)).all()]
    if kind == "nan" and unused and chooser is not None:
        cause = (
            f"the trap of {chooser.label} ({chooser.where}): it does not choose these elements, so the gradient that comes "
            "here is 0, but the slope here is infinite or nan, and 0 · ∞ is nan"
        )
        culprit = REGISTRY[known.operation] if isinstance(known, NonFiniteError) else p
        advice = f"make the argument harmless where it is not chosen, with a second where: {_safe(culprit)}"
    elif any(np.isnan(host(kept[k])).any() for k in broken):
        cause, advice = f"nan already in the forward pass: {' and '.join(broken)}", "put that into the block as well"
    elif _finite_if_wide(again, (g, *saved), {}, bad):
        cause, advice = _overflow(part, "scale the loss down, or compute in a wider dtype")
    elif broken or unused and kind == "nan":
        cause, advice = "0 · ∞, ∞ − ∞ or ∞ / ∞", "avoid the infinity"
    else:
        cause = f"infinitely steep there{f': {words}' if 'inf' in words or 'nan' in words else ''}"
        advice = REMEDIES.get(p.name, f"keep away from there, e.g. with cr.clip, before {p.name}")
    if known is not None:
        cause += f"; {f'made by {known.operation} ({known.file}:{known.line})' if isinstance(known, NonFiniteError) else known}"
    headline, given = (
        f"the gradient of {p.name} by {name} gave the first {kind}",
        {"g" if phase == "backward" else "t": g} | kept,
    )
    return _error(headline, p, place, given, phase, kind=kind, cause=cause, advice=advice)


def sum_error(kind, node, g):
    """The contributions to `node` are finite, and their sum `g` is not."""
    cause, advice = _overflow(g, "scale the loss down, or compute in a wider dtype")
    what = "the leaf" + f" {node.name}" * bool(node.name) if node.primitive is None else node.primitive.name
    headline = f"adding up the contributions to the gradient of {what} gave the first {kind}"
    return _error(headline, *_call(node), {"g": g}, "backward", kind=kind, cause=cause, advice=advice)


def root_error(kind, node, known):
    """The loss itself is not finite; `known` says where an infinity comes from, if anybody knows."""
    headline = f"the loss is {kind} already in the forward pass"
    cause, origin = (known, known) if known else ("made outside the block", "before the block")
    return _error(
        headline, *_call(node), {"out": node.result}, "backward", kind=kind, cause=cause, advice=LOOK, origin=origin
    )


def seed_error(node, g):
    """backward was given a gradient `g` that is nan."""
    headline = "the gradient that backward was given is nan already"
    origin = "the gradient given to backward"
    return _error(headline, *_call(node), {"g": g}, "backward", kind="nan", origin=origin)


def _call(node):
    """(the Primitive, the Place) of a recorded call."""
    return node.primitive, Place(node.code, node.instruction, "", node.scope)


def _error(headline, p, place, given, phase="forward", *, kind, cause="", advice="", at=None, origin=None):
    """The NonFiniteError of a call of `p` at `place`.

    `given` are its arrays by name, `kind` is "nan" or "inf", `at` says which element is the first, and `origin` where the nan
    or inf comes from, where that is elsewhere.
    """
    operands = [operand(name, a) for name, a in given.items()]
    file, line = (place.code.co_filename, line_of(place.code, place.instruction)) if place.code else ("", 0)
    text, module = linecache.getline(file, line).strip(), module_of(place.scope)
    parts = {
        "line": place.code and f"{file}:{line}, in {place.code.co_name}" + (f":  {text}" if text else ""),
        "module": module,
        "given": "; ".join(map(str, operands)),
        "first": at,
        "cause": cause,
        "try": advice,
    }
    message = "".join(f"\n  {name + ':':<8} {value}" for name, value in parts.items() if value)
    return NonFiniteError(
        f"debug: in the {phase} pass, {headline}{message}", kind=kind, phase=phase, operation=p.name if p else "",
        source=origin, operands=operands, file=file, line=line, text=text, module=module, cause=cause, advice=advice,
    )  # fmt: skip


def operand_names(p, count):
    return [f"{p.inputs[0]}{i + 1}" for i in range(count)] if p.variadic else p.inputs


def said(p, section):
    """A section of the docstring of an operation, such as its domain."""
    found = re.search(rf"^ *{section}: *(.*(?:\n {{8,}}.*)*)", p.fn.__doc__ or "", re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _in(p, place):
    return f" in {place.called}" if place.called not in ("", p.name) else ""


def _safe(p):
    """A call whose elements are left out by a `where`, safe in backward as well."""
    return f"cr.where(ok, cr.{p.name}({', '.join(f'cr.where(ok, {x}, 1)' for x in p.inputs)}), 0)"


def _first(p, given, out):
    """The first element that is not finite, and what it was computed from; of an operation that acts element by element."""
    if p.jvp != ELEMENTWISE:
        return None
    out = host(out)
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
    values = (f"{name} = {np.broadcast_to(host(a), out.shape)[index]:.6g}" for name, a in given.items())
    return f"{', '.join(values)} gave {out[index]}" + (f" at {list(index)}" if index else "")


def _finite_if_wide(function, arrays, options, bad):
    """Whether the result is finite in the widest dtype, at the elements that are bad."""

    def wide(a):
        floating = isinstance(raw(a), float) or getattr(getattr(raw(a), "dtype", None), "kind", None) == "f"
        return host(a).astype(np.longdouble) if floating else host(a) if hasattr(raw(a), "dtype") else a

    try:
        with np.errstate(all="ignore"):
            out = host(function(*map(wide, arrays), **options))
        return bool(np.isfinite(out[bad] if out.shape == bad.shape else out).all())
    except Exception:  # a rule may be any code
        return False


def _overflow(out, advice):
    dtype = host(out).dtype
    cause = f"beyond the largest number of {dtype}, {float(np.finfo(dtype).max):.5g}"
    if dtype == np.float16:
        return cause, 'compute in float32, e.g. x.to("float32"), or in backward scale the loss down'
    return cause, advice or "scale the numbers down (inputs, learning rate), or compute in a wider dtype"
