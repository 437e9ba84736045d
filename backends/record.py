"""Recording as a backend: arrays that note what is done to them, and a namespace that is one table of names.

Array code, gradient rules and update rules run on these arrays unchanged; what comes out is what they computed.
"""

from collections.abc import Callable
from functools import partial
from math import inf, nan, pi, prod
from operator import getitem
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from . import OWNERS
from .base import Backend, ChainruleError
from .program import Call, mapped

# how closely a name holds its operands together when it is written
CHOICE, LOGIC, COMPARISON, SUM, PRODUCT, SIGN, POWER, CALL = range(8)
ONE_AT_A_TIME = RLock()  # while one thread records, others see its arrays in models, optimisers and arguments


class RecordingError(ChainruleError, TypeError):
    """The value of an array was asked for, or a name that the table does not have, while a computation is recorded."""


class Name(NamedTuple):
    """A function of the namespace, as one row of the table. A new column is a new field.

    Fields:
        arity: how many arrays it takes; None: any number, together with other arguments.
        text, latex: how a call is written: {0}, {1} … are its arguments in order, {all} the whole list of them.
        c: how it is written in C and CUDA, of numbers of one floating type; None where it is no arithmetic on each element.
        js: how it is written in JavaScript, where that is not as in C.
        truth: whether the result holds truth values.
        binds: CHOICE to CALL; an operand that binds less closely is written in brackets.
    """

    arity: int | None
    text: str
    latex: str
    binds: int = CALL
    truth: bool = False
    c: str | None = None
    js: str | None = None


def _function(arity, text, latex=None, truth=False, c=None, js=None):
    latex = latex or rf"\operatorname{{{{{text}}}}}".replace("_", r"\_")
    return Name(arity, text + "({all})", latex + "({all})", truth=truth, c=c, js=js)


def _between(text, latex, binds, truth=False, c=None, js=None):
    return Name(2, f"{{0}} {text} {{1}}", f"{{0}} {latex} {{1}}", binds, truth, c and f"{{0}} {c} {{1}}", js)


NAMES = {
    # arithmetic
    "add": _between("+", "+", SUM, c="+"),
    "subtract": _between("−", "-", SUM, c="-"),
    "multiply": _between("·", r"\cdot", PRODUCT, c="*"),
    "divide": Name(2, "{0} / {1}", r"\frac{{{0}}}{{{1}}}", PRODUCT, c="{0} / {1}"),
    "remainder": _between("mod", r"\bmod", PRODUCT, js="remains({0}, {1})"),
    "floor_divide": Name(2, "⌊{0} / {1}⌋", r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor", js="divided({0}, {1})"),
    "negative": Name(1, "−{0}", "-{0}", SIGN, c="-{0}"),
    "positive": Name(1, "{0}", "{0}", SIGN, c="{0}"),
    "power": Name(2, "{0}^{1}", "{0}^{{{1}}}", POWER, c="pow({0}, {1})"),
    "square": Name(1, "{0}²", "{0}^{{2}}", POWER, c="{0} * {0}"),
    "sqrt": Name(1, "√{0}", r"\sqrt{{{0}}}", POWER, c="sqrt({0})"),
    "absolute": Name(1, "|{0}|", r"\left|{0}\right|", c="fabs({0})"),
    "floor": Name(1, "⌊{0}⌋", r"\lfloor {0} \rfloor", c="floor({0})"),
    "ceil": Name(1, "⌈{0}⌉", r"\lceil {0} \rceil", c="ceil({0})"),
    "rint": _function(1, "round", c="rint({0})"),
    "maximum": _function(2, "max", r"\max", c="({0} > {1} || {0} != {0} ? {0} : {1})"),
    "minimum": _function(2, "min", r"\min", c="({0} < {1} || {0} != {0} ? {0} : {1})"),
    "sign": _function(1, "sign", c="({0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0})"),
    "trunc": _function(1, "trunc", c="trunc({0})"),
    "frexp": _function(1, "frexp"),
    "ldexp": _function(2, "ldexp", js="{0} * pow(2, {1})"),
    **{name: _function(1, name, c=f"{name}({{0}})") for name in ("expm1", "log1p", "log2", "log10")},
    **{
        name: _function(1, name, "\\" + name, c=f"{name}({{0}})")
        for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    **{
        "arc" + name: _function(1, "arc" + name, c=f"a{name}({{0}})")
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    "arctan2": _function(2, "arctan2", c="atan2({0}, {1})"),
    "copysign": _function(2, "copysign", c="copysign({0}, {1})"),
    "hypot": _function(2, "hypot", c="hypot({0}, {1})"),
    "logaddexp": _function(  # of two infinities the difference is nan
        2, "logaddexp", c="({0} == {1} ? {0} + 0.6931471805599453 : fmax({0}, {1}) + log1p(exp(-fabs({0} - {1}))))"
    ),
    "clip": _function(
        3,
        "clip",
        c="({0} != {0} ? {0} : {1} != {1} ? {1} : {0} > {2} || {1} > {2} || {2} != {2} ? {2} : {0} < {1} ? {1} : {0})",
    ),
    # truth values
    "where": Name(
        3, "{1} where {0}, else {2}", r"{1} \text{{ where }} {0} \text{{, else }} {2}", CHOICE, c="({0} ? {1} : {2})"
    ),
    "equal": _between("=", "=", COMPARISON, truth=True, c="=="),
    "not_equal": _between("≠", r"\ne", COMPARISON, truth=True, c="!="),
    "less": _between("<", "<", COMPARISON, truth=True, c="<"),
    "less_equal": _between("≤", r"\le", COMPARISON, truth=True, c="<="),
    "greater": _between(">", ">", COMPARISON, truth=True, c=">"),
    "greater_equal": _between("≥", r"\ge", COMPARISON, truth=True, c=">="),
    "logical_and": _between("and", r"\wedge", LOGIC, truth=True, c="&&"),
    "logical_or": _between("or", r"\vee", LOGIC, truth=True, c="||"),
    "logical_not": Name(1, "not {0}", r"\neg {0}", LOGIC, truth=True, c="!{0}"),
    "right_shift": _between(">>", r"\gg", SUM, c=">>", js="Math.floor({0} / 2 ** {1})"),
    "bitwise_and": _between("&", r"\mathbin{{\&}}", LOGIC, c="&"),
    "bitwise_or": _between("|", r"\mid", LOGIC, c="|"),
    "invert": Name(1, "~{0}", r"{{\sim}}{0}", SIGN, js="!{0}"),
    "isnan": _function(1, "isnan", truth=True, c="({0} != {0})"),
    "isinf": _function(1, "isinf", truth=True, c="({0} == {0} && {0} - {0} != 0)"),
    "isfinite": _function(1, "isfinite", truth=True, c="({0} - {0} == 0)"),
    # products and moves: what else they are given stands in their arguments
    "matmul": _between("@", r"\,", PRODUCT),
    "outer": _between("⊗", r"\otimes", PRODUCT),
    "transpose": Name(None, "{0}ᵀ", r"{0}^{{\top}}", POWER),
    **{
        name: _function(None, name)
        for name in (
            "add_at all any arange argmax argmin argsort array asarray ascontiguousarray astype broadcast_to concatenate copy"
            " copyto cumsum dot einsum empty"
            " expand_dims flip full_like getitem max mean min moveaxis ones ones_like pad ravel reshape roll setitem sort"
            " philox squeeze stack sum swapaxes take tril triu zeros zeros_like"
        ).split()
    },
}


class Recorded:
    """An array that knows what it was computed from.

    Fields:
        made: the Call or Symbol that gives it; another one after it was written to.
        shape, dtype: its form.

    A subclass whose arrays have values, and notes them elsewhere, overrides `note` (trace.py).
    """

    __slots__ = ("made", "shape", "dtype", "__weakref__")
    __array_ufunc__ = None
    base = None  # nobody else has its memory

    def __init__(self, made, shape=(), dtype="float64"):
        self.made, self.shape, self.dtype = made, shape, np.dtype(dtype)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    T = property(lambda self: self.note("transpose", self))
    __hash__ = object.__hash__
    note: Callable[..., Any]  # `note` below, or a subclass's own

    def __getattr__(self, name):  # the methods that NumPy's arrays have are functions of the table, too
        if name in NAMES:
            return partial(self.note, name, self)
        raise AttributeError(f"a recorded array has no {name!r}")

    def reshape(self, *shape):
        return self.note("reshape", self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype, copy=True):
        return self.note("astype", self, dtype)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        return self.note("getitem", self, index)

    def __setitem__(self, index, value):
        self.made = _call("setitem", (self, index, value), {})

    def _read(self, *_):
        raise RecordingError(f"recording: the code reads the value of {self.made!r}, which is not known")

    __bool__ = __float__ = __int__ = __index__ = __array__ = __iter__ = item = tolist = _read

    def __repr__(self):
        return f"recorded({self.made!r})"


def note(name, *operands, out=None, **options):
    """The array that a call of `name` gives: a new one, or `out`."""
    if out is not None:
        out.made = _call(name, operands, options)
        return out
    function = getitem if name == "getitem" else getattr(np, name)
    with np.errstate(all="ignore"):
        form = np.asarray(function(*mapped(_alike, operands), **mapped(_alike, options)))
    return Recorded(_call(name, operands, options), form.shape, form.dtype)


def _call(name, operands, options):
    made = lambda x: x.made if isinstance(x, Recorded) else x
    return Call(name, mapped(made, operands), mapped(made, options))


def _alike(x):
    """An array of ones in the form of a recorded one: what NumPy makes of them has the form of the result."""
    return np.ones(x.shape, x.dtype) if isinstance(x, Recorded) else x


class Number(float):
    """A number that notes how it was computed, such as a learning rate: it has a value, and code may branch on it.

    Fields:
        name, operands: as in a Call; operands is None for what is given. Arithmetic with numbers gives another Number, with
            arrays a Recorded array.
    """

    __slots__ = ("name", "operands")
    options: dict = {}
    shape, ndim, size, dtype, base = (), 0, 1, np.dtype(float), None

    def __new__(cls, value, name, operands=None):
        number = float.__new__(cls, value)
        number.name, number.operands = name, operands
        return number

    def __repr__(self):
        return self.name if self.operands is None else f"{self.name}({', '.join(map(repr, self.operands))})"

    __hash__ = float.__hash__


OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "power", "matmul": "matmul", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal", "and": "bitwise_and", "or": "bitwise_or", "rshift": "right_shift",
}  # fmt: skip


def _bind():
    """Give Recorded all operators, and Number those that make numbers."""

    def operator(name, swap):
        def apply(self, other):
            if hasattr(other, "__array_function__") and not isinstance(other, (np.ndarray, Recorded)):
                return NotImplemented  # a Tensor, which has operators of its own
            return self.note(name, other, self) if swap else self.note(name, self, other)

        return apply

    def arithmetic(method, name, swap):
        compute = getattr(float, method)

        def apply(self, other):
            if not isinstance(other, (int, float)):
                return NotImplemented
            return Number(compute(self, other), name, (other, self) if swap else (self, other))

        return apply

    for short, name in OPERATORS.items():
        setattr(Recorded, f"__{short}__", operator(name, False))
        if NAMES[name].binds not in (COMPARISON,):
            setattr(Recorded, f"__r{short}__", operator(name, True))
        if hasattr(float, f"__r{short}__"):
            setattr(Number, f"__{short}__", arithmetic(f"__{short}__", name, False))
            setattr(Number, f"__r{short}__", arithmetic(f"__r{short}__", name, True))
    for short, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
        setattr(Recorded, f"__{short}__", lambda self, name=name: self.note(name, self))
    Number.__neg__ = lambda self: Number(-float(self), "negative", (self,))


_bind()
Recorded.note = staticmethod(note)


class Namespace:
    """`xp` for recorded arrays: every name of the table as a function that notes its call, by `note`."""

    pi, inf, nan, newaxis = pi, inf, nan, None
    float16, float32, float64, intp, bool_ = np.float16, np.float32, np.float64, np.intp, np.bool_

    result_type = staticmethod(np.result_type)

    def __init__(self, note):
        self.note = note

    def __getattr__(self, name):
        if name not in NAMES:
            raise AttributeError(f"recording: the table of backends/record.py has no row for {name!r}")
        function = partial(self.note, name)
        if name == "add":
            function.at = lambda array, index, value: self.note("add_at", array, index, value, out=array)
        return function


class Record(Backend):
    """The owner of recorded arrays. It has no device name: users never make such arrays themselves."""

    name, xp, array_type, types = "record", Namespace(note), Recorded, (Recorded, Number)

    def asarray(self, data, dtype=None, copy=False):
        return data if isinstance(data, Recorded) else note("asarray", data)

    def fits(self, squares):
        return True  # formulas say what is meant

    def copy(self, array):
        return array  # what was computed does not change

    def to_numpy(self, array):
        return array._read()


RECORD = Record()
OWNERS.update(dict.fromkeys(RECORD.types, RECORD))
