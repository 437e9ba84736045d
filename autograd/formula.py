"""Formulas of primitives, obtained by recording their code and rules."""

from dataclasses import dataclass
from functools import lru_cache, partial
from string import Formatter
from types import MappingProxyType
from typing import Any
from weakref import ref

import numpy as np

from ..backends.program import Call, Symbol, mapped
from ..backends.record import NAMES, RECORD, Number, Recorded
from .convert import raw
from .errors import ArgumentError
from .formula_text import name, write
from .grad_mode import enable_grad
from .node import Node
from .plan import Shapes, asked
from .primitive import REGISTRY, Primitive
from .tensor import Tensor

_SAME = {"positive", "astype", "asarray", "array", "copy"}  # names that change no number


@dataclass(frozen=True)
class Formula:
    """What a primitive computes, as Calls and Symbols. Calls of primitives stay whole; `expanded` opens them.

    Fields:
        forward: what its code computes from its inputs: of elementwise operations, which hold for every shape; of others, a
            call of them. None if that cannot be recorded.
        gradients: {differentiable input: its contribution}, from g, the gradient of the result, the inputs, and out, the result
            itself; None for a rule that cannot be recorded.
    """

    forward: Any
    gradients: dict[str, Any]

    def __str__(self):
        return "\n".join(f"{left} = {write(tree)}" for left, tree in self._lines())

    __repr__ = __str__

    def _repr_latex_(self):
        lines = [f"{name(left)} &= {write(tree, 'latex')}" for left, tree in self._lines()]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"

    def _lines(self):
        lines = {"out": self.forward} | {f"d{x}": tree for x, tree in self.gradients.items()}
        return [(left, tree) for left, tree in lines.items() if tree is not None]


# ---- recording


def formula(operation):
    """What an operation computes, and how each input's gradient comes from g, the gradient of its result `out`.

    Print it to read it; a notebook shows it as LaTeX.

    Raises: ArgumentError for anything but an operation with rules of its own.
    Example:
        >>> import chainrule as cr
        >>> print(cr.formula(cr.arctan2))
        out = arctan2(x, y)
        dx = g · (y / (y² + x²))
        dy = −g · (x / (x² + y²))
    """
    primitive = getattr(operation, "primitive", operation)
    if not isinstance(primitive, Primitive):
        raise ArgumentError(
            "formula: needs an operation with rules of its own, such as chainrule.tanh, not "
            f"{getattr(operation, '__name__', repr(operation))}; trace what it computes and call .derivation() instead"
        )
    return _formula(primitive)


@lru_cache(maxsize=512)
def _formula(primitive):
    names, shapes, domains, options = _sample(primitive)
    arrays = [Recorded(Symbol(n), s, _dtype(d)) for n, s, d in zip(names, shapes, domains, strict=True)]
    given = primitive.defaults | options
    given |= {k: Number(v, k) for k, v in given.items() if type(v) is float}
    known = [(v, k) for k, v in given.items() if _is_plain(v)] + [
        (s, f"{n}.shape") for n, s in zip(names, shapes, strict=True)
    ]

    def symbols(name, value):
        """What stands for an option of a call: the primitive's own option, or the shape of an input."""
        if name in given and given[name] is value:
            return Symbol(name)
        return next((Symbol(n) for v, n in known if _is_plain(value) and v == value), value)

    out, forward = _recorded(lambda: primitive.fn(RECORD.xp, *arrays, **given), symbols)
    if primitive.means:
        _, forward = _recorded(lambda: primitive.means(*map(_asking, arrays)), symbols)
    elif isinstance(primitive.samples, list):  # its code was met at one shape, with one set of options
        forward = Call(primitive.name, tuple(map(Symbol, names)), {name: Symbol(name) for name in primitive.options})
    out = Recorded(Symbol("out"), *((out.shape, out.dtype) if isinstance(out, Recorded) else ()))
    arrays = [_asking(array) for array in arrays]
    values = {"g": _asking(Recorded(Symbol("g"), out.shape)), "out": _asking(out), "position": 0} | given
    if primitive.variadic:
        values |= {primitive.inputs[0]: tuple(arrays), f"{primitive.inputs[0]}_shape": Shapes(shapes)}
    else:
        values |= dict(zip(names, arrays, strict=True)) | {f"{n}_shape": s for n, s in zip(names, shapes, strict=True)}
    own = primitive.name, tuple(map(Symbol, names))  # in a rule, the operation of its operands is out

    def call(name, operands, options):
        return Symbol("out") if (name, operands) == own else _simple(name, operands, options)

    gradients = {x: _recorded(partial(_run, rule, values), symbols)[1] for x, rule in primitive.vjp.items()}
    gradients = {x: _rebuilt(tree, lambda leaf: leaf, call) for x, tree in gradients.items()}
    return Formula(forward, gradients | {x: sentence(words) for x, words in primitive.words.items()})


def _sample(primitive):
    """(names, shapes, domains, options) of a call at which a primitive can be recorded: numbers, if it is elementwise."""
    names, samples = primitive.inputs, primitive.samples
    if isinstance(samples, list) and samples:
        case = samples[0]
        if primitive.variadic:
            names = [f"{names[0]}{i + 1}" for i in range(len(case.shapes))]
        return names, case.shapes, case.domains, case.options
    domains = samples if isinstance(samples, tuple) else [samples] * len(names)
    return names, [()] * len(names), domains, {}


def _dtype(domain):
    """The dtype of what a domain draws; floating where that is not known."""
    try:
        return np.asarray(domain(np.random.default_rng(0), (1,))).dtype
    except Exception:
        return float


@lru_cache(maxsize=512)
def rules(primitive):
    """{input: how its contribution comes from the gradient g of the result, as text}; "" for a rule that says no formula.

    Example:
        >>> import chainrule as cr
        >>> rules(cr.multiply.primitive)
        {'x': 'dx = g · y', 'y': 'dy = g · x'}
    """
    gradients = formula(primitive).gradients
    return {x: "" if tree is None else f"d{x} = {write(tree)}" for x, tree in gradients.items()}


def sentence(words):
    """What words say, such as "{g} shifted back", as a Call whose name is what stands around its operands."""
    fields = list(dict.fromkeys(field for _, field, _, _ in Formatter().parse(words) if field))
    return Call(words.format(**{f: f"{{{i}}}" for i, f in enumerate(fields)}), tuple(map(Symbol, fields)))


def _is_plain(value):
    return type(value) in (int, str) or type(value) is tuple and value != () and all(type(i) is int for i in value)


def _asking(array):
    """A Tensor over a recorded array that the tape follows; what has no gradient stays an array."""
    if array.dtype.kind != "f":
        return array
    tensor = Tensor._wrap(array)
    tensor.requires_grad = True
    return tensor


def _run(rule, values):
    return rule(*(values[name] for name in asked(rule)))


def _recorded(function, symbols):
    """(what a function returns, its formula), or (None, None) if it cannot be recorded: a rule may be any Python code."""
    try:
        with enable_grad():
            result = function()
        tree = of(result, symbols)
        write(tree)  # what is nested too deeply to be written is no formula either
        return result, tree
    except Exception:
        return None, None


def of(result, symbols=None):
    """The simplified formula of a recorded array, or of a Tensor over one: there, calls of primitives stay whole.

    `symbols(name, value)` gives what stands for an option.
    """
    known = {}

    def visit(x):
        if isinstance(x, Tensor):
            x = x._data if x._node is None else x._node
        if isinstance(x, Node) and x.primitive is None:
            x = x.result
        if type(x) is tuple and len(x) == 3 and type(x[2]) is ref:  # a larger operand without gradient
            x = x[2]
        if type(x) is ref:
            x = raw(x())
        if isinstance(x, Recorded):
            x = x.made
        if type(x) in (tuple, list, dict, slice):
            return mapped(visit, x)
        if not isinstance(x, (Node, Call)):
            return x
        if x not in known:
            if isinstance(x, Node):
                name, operands, defaults = x.primitive.name, x.parents, x.primitive.defaults
            else:
                name, operands, defaults = x.name, x.operands, {}
            options = {k: symbols(k, v) if symbols else v for k, v in x.options.items()}
            options = {k: visit(v) for k, v in options.items() if k not in defaults or v is not defaults[k]}
            known[x] = _simple(name, tuple(map(visit, operands)), options)
        return known[x]

    return visit(result)


def _is(x, number):
    return type(x) in (bool, int, float) and x == number


def _simple(name, a, options):
    """A call without what changes nothing: x + 0, x − 0, x · 1, x / 1 and conversions are x; x · 0 is 0; −1 · x is −x, −−x is x."""
    if name in _SAME:
        return a[0]
    if name in REGISTRY and REGISTRY[name].means:
        with enable_grad():
            return of(REGISTRY[name].means(*(_asking(Recorded(x)) if isinstance(x, (Call, Symbol)) else x for x in a)))
    if name in ("add", "multiply"):
        for x, other in (a, a[::-1]):
            if _is(x, 0 if name == "add" else 1):
                return other
            if name == "multiply" and _is(x, 0):
                return 0
            if name == "multiply" and _is(x, -1):
                return _simple("negative", (other,), {})
    if name in ("subtract", "divide") and _is(a[1], 0 if name == "subtract" else 1):
        return a[0]
    if name == "negative":
        if type(a[0]) in (int, float):
            return -a[0]
        if isinstance(a[0], Call) and a[0].name == "negative":
            return a[0].operands[0]
    return Call(name, a, options)


# ---- working with formulas


def put(tree, leaves):
    """A formula with what `leaves`, {name: number, Written or formula}, puts in place of its leaves."""
    return _rebuilt(tree, lambda leaf: leaves.get(leaf.name, leaf), _simple)


def _rebuilt(tree, leaf, call):
    """A formula made anew, from leaf(Symbol or given Number) and call(name, operands, options)."""
    known = {}

    def visit(x):
        if isinstance(x, Symbol) or isinstance(x, Number) and x.operands is None:
            return leaf(x)
        if type(x) in (tuple, list, dict, slice):
            return mapped(visit, x)
        if not isinstance(x, (Call, Number)):
            return x
        if id(x) not in known:  # two Numbers are equal whenever their values are
            known[id(x)] = call(x.name, tuple(map(visit, x.operands)), {k: visit(v) for k, v in x.options.items()})
        return known[id(x)]

    return visit(tree)


def leaves(tree):
    """The names of the leaves of a formula, each once, in its order."""
    found = {}
    _rebuilt(tree, lambda leaf: found.setdefault(leaf.name), lambda *_: None)
    return list(found)


def evaluate(tree, values, functions=MappingProxyType({})):
    """The value of a formula in NumPy, given {name: value of the leaf}; KeyError if one is missing.

    `functions` are what other names stand for than operations and NumPy's functions.
    """

    def call(name, operands, options):
        function = functions.get(name) or (REGISTRY[name].call if name in REGISTRY else getattr(np, name))
        return raw(function(*operands, **options))

    with np.errstate(all="ignore"):
        return _rebuilt(tree, lambda leaf: values[leaf.name], call)


def chosen(tree, values):
    """A formula without conditions, as it is at `values`; None if a value is missing, or elements choose differently."""

    def call(name, operands, options):
        if name == "where":
            return operands[1] if whether(operands[0]) else operands[2]
        if name in NAMES and NAMES[name].truth:
            return int(whether(Call(name, operands, options)))
        return _simple(name, operands, options)

    def whether(condition):
        found = np.asarray(evaluate(condition, values))
        if found.any() and not found.all():
            raise KeyError("elements choose differently")
        return found.all()

    try:
        return _rebuilt(tree, lambda leaf: leaf, call)
    except KeyError:
        return None


def expanded(tree):
    """A formula in which no call of our own elementwise primitives is left: what their code does, in NumPy's names."""

    def call(name, operands, options):
        p = REGISTRY.get(name)
        if p is None:
            return _simple(name, operands, options)
        arrays = [Recorded(o) if isinstance(o, (Call, Symbol)) else o for o in operands]
        return of(p.fn(RECORD.xp, *arrays, **{**p.defaults, **options}))

    return _rebuilt(tree, lambda leaf: leaf, call)
