"""One kernel from code that works on each element: update rules, activations and gradient rules as they stand.

The code is run on Lanes, which stand for one element of an array each and note what is done to them. What was noted is
written as C, by a column of the table of names in record.py.
"""

from collections.abc import Callable
from functools import cache, partial, wraps
from math import isinf, isnan
from typing import Any, NamedTuple

import numpy as np

from . import FUSING, OWNERS
from .base import Backend
from .record import NAMES, OPERATORS

# how C calls a dtype, by its character
C_TYPES = {
    "?": "bool", "b": "signed char", "B": "unsigned char", "h": "short", "H": "unsigned short", "i": "int", "I": "unsigned int",
    "l": "long long", "L": "unsigned long long", "q": "long long", "Q": "unsigned long long", "f": "float", "d": "double",
}  # fmt: skip
INTEGERS, REALS = frozenset("?bBhHiIlLqQ"), frozenset("fd")  # of kernels that are written by hand

# by the character of a dtype: how C calls it, in what C computes (float16 as float, rounded), what CuPy calls it
_TYPES = {
    "e": ("float16", "float", "float16"),
    **{
        dtype.char: (C_TYPES[dtype.char], C_TYPES[dtype.char], dtype.name)
        for dtype in map(np.dtype, "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64".split())
    },
}
_OF_INTEGERS = {"add", "subtract", "multiply", "right_shift", "where"}  # whose C is right for them, too
_OF_REALS = {"absolute", "floor", "ceil"}  # which NumPy, but not C, has for truth values


class NoKernel(Exception):
    """The code does something that cannot be written as a kernel for each element."""


class Trace:
    """What code does to the elements it is given.

    Fields:
        dtypes: those of the inputs.
        steps: (name, operands, dtype's character) of each call. An operand is the number of a value (the inputs come first,
            then the steps), a truth value as (bool,), or _NUMBER, which stands for the next of `scalars`.
        scalars: the numbers that the code has put beside lanes, in order.
    """

    def __init__(self, dtypes):
        self.dtypes, self.steps, self.scalars = dtypes, [], []

    def note(self, name, operands, dtype=None):
        given, kinds = [], []
        if len(operands) > 1 and name in NAMES and NAMES[name].truth:
            operands = self._alike(operands)
        for x in operands:
            if type(x) is Lane:
                given.append(x.place)
                kinds.append(x.char)
            elif isinstance(x, (bool, np.bool_)):
                given.append((bool(x),))
                kinds.append(bool)
            else:
                if isinstance(x, np.ndarray) or isinstance(x, (int, np.integer)) and not -(2**53) <= x <= 2**53:
                    raise NoKernel(f"{x} is no float64")
                number, kind = self.number(x)
                self.scalars.append(number)
                given.append(_NUMBER)
                kinds.append(kind)
        dtype = _result(name, tuple(kinds)) if dtype is None else dtype
        _fit(operands, dtype)
        self.steps.append((name, tuple(given), dtype.char))
        return Lane(self, len(self.dtypes) + len(self.steps) - 1, dtype)

    def number(self, x):
        """What stands beside lanes, as a number, and its type; whatever is no number raises."""
        return float(x), type(x)

    def _alike(self, operands):
        """What is compared, with lanes in the dtype that they have in common with the numbers beside them."""
        kinds = tuple([x.char if type(x) is Lane else type(x) for x in operands])
        common = _result("add", kinds)
        _fit(operands, common)
        return [x.astype(common) if type(x) is Lane else x for x in operands]

    def dtype(self, place):
        """The dtype of a value."""
        first = len(self.dtypes)
        return self.dtypes[place] if place < first else np.dtype(self.steps[place - first][2])


_NUMBER = ("number",)


def _fit(operands, dtype):
    """Refuse whole numbers that an integer dtype cannot hold: NumPy compares them nevertheless, or raises."""
    if dtype.kind in "iu":
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        if not all(least <= x <= most for x in operands if isinstance(x, int)):
            raise NoKernel(f"{dtype} cannot hold a number")


@cache
def _result(name, kinds):
    """The dtype that NumPy gives a call whose operands have these dtypes (characters), or are numbers of these types."""
    unknown = {k for k in kinds if isinstance(k, str)} - _TYPES.keys()
    if unknown or name not in NAMES or NAMES[name].c is None:
        raise NoKernel(f"{name} of {kinds} has no C")
    with np.errstate(all="ignore"):
        form = getattr(np, name)(*[np.ones(1, k) if isinstance(k, str) else k(1) for k in kinds])
    others = {"i": _OF_INTEGERS, "u": _OF_INTEGERS, "b": NAMES.keys() - _OF_REALS}
    if form.dtype.char not in _TYPES or name not in others.get(form.dtype.kind, NAMES):
        raise NoKernel(f"{name} gives {form.dtype}")
    return form.dtype


class Lane:
    """One element of an array, while code that works on each element is run to see what it does."""

    __slots__ = ("trace", "place", "dtype", "char")
    __array_ufunc__ = None
    __hash__ = object.__hash__
    base = None  # it has no shape: code that looks at one is run as it is

    def __init__(self, trace, place, dtype):
        self.trace, self.place, self.dtype, self.char = trace, place, dtype, dtype.char

    def astype(self, dtype, copy=True):
        dtype = np.dtype(dtype)
        if dtype.char not in _TYPES:
            raise NoKernel(f"conversion to {dtype}")
        return self if dtype == self.dtype else self.trace.note("astype", (self,), dtype)

    def become(self, other):
        """Work in place: whoever holds this lane sees the other's value."""
        if not np.can_cast(other.dtype, self.dtype, "same_kind"):
            raise NoKernel(f"{other.dtype} in place of {self.dtype}")
        self.place = other.astype(self.dtype).place
        return self

    def __invert__(self):
        if self.char != "?":
            raise NoKernel("the bits of a number have no C")
        return self.trace.note("logical_not", (self,))

    def _unknown(self, *_):
        raise NoKernel("the code asks for the value of an element")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__ = __len__ = __getitem__ = __setitem__ = item = (
        _unknown
    )


def note(name, *operands):
    for x in operands:
        if type(x) is Lane:
            return x.trace.note(name, operands)
    return getattr(np, name)(*operands)  # of numbers only


def _operator(name, swap):
    """The method of an operator. Lanes and floats, of which update rules are made, take a third of the time of `note`."""
    truth = name in NAMES and NAMES[name].truth

    def apply(x, y):
        found, kind, place = x.trace, type(y), x.place
        if kind is Lane:
            given, kind = (place, y.place), y.char
        elif kind is float:
            given = (_NUMBER, place) if swap else (place, _NUMBER)
        else:
            given = None
        if given is None or truth or x.char not in "fd":
            return found.note(name, (y, x) if swap else (x, y))
        dtype = _result(name, (kind, x.char) if swap else (x.char, kind))
        if kind is float:
            found.scalars.append(y)
        found.steps.append((name, given, dtype.char))
        return Lane(found, len(found.dtypes) + len(found.steps) - 1, dtype)

    return apply


for _short, _name in OPERATORS.items():
    setattr(Lane, f"__{_short}__", _operator(_name, False))
    setattr(Lane, f"__r{_short}__", _operator(_name, True))
    setattr(Lane, f"__i{_short}__", lambda x, y, name=_name: x.become(x.trace.note(name, (x, y))))
for _short, _name in {"neg": "negative", "pos": "positive", "abs": "absolute"}.items():
    setattr(Lane, f"__{_short}__", lambda x, name=_name: x.trace.note(name, (x,)))


class Namespace:
    """`xp` for lanes."""

    def __getattr__(self, name):
        if name not in NAMES or NAMES[name].c is None:
            raise AttributeError(f"no kernel: {name} has no C")
        function = partial(note, name)
        setattr(self, name, function)
        return function

    @staticmethod
    def asarray(x):
        return x


class Lanes(Backend):
    """The owner of lanes. It has no device name: users never make them."""

    name, xp, array_type, types = "lanes", Namespace(), Lane, (Lane,)

    def fits(self, squares):
        return True

    def copy(self, array):
        return Lane(array.trace, array.place, array.dtype)


LANES = Lanes()
OWNERS[Lane] = LANES


class Kernel(NamedTuple):
    """A kernel for each element.

    Fields:
        name: "chainrule_" and what it computes.
        inputs, outputs: the parameters, as CuPy declares them: "float32 x0, float32 x1, float64 s0".
        body: the statements in C.
        run: what it computes, by NumPy: a function from the inputs to a list of the outputs.
    """

    name: str
    inputs: str
    outputs: str
    body: str
    run: Callable[..., list[Any]]


WRITTEN: dict[str, Kernel] = {}  # every kernel of this process, by name


def evaluate(found, results, *inputs):
    """The results of a trace, computed by NumPy call by call from arrays, and numbers in place of those that were traced."""
    first = len(found.dtypes)
    values, numbers = list(inputs[:first]), iter(inputs[first:] or found.scalars)
    for name, operands, dtype in found.steps:
        beside = dtype if dtype != "?" else next((values[o].dtype for o in operands if type(o) is int), dtype)
        number = int if np.dtype(beside).kind in "iu" else float  # what is compared has one dtype
        given = [values[o] if type(o) is int else number(next(numbers)) if o is _NUMBER else o[0] for o in operands]
        with np.errstate(all="ignore"):
            values.append(given[0].astype(dtype) if name == "astype" else getattr(np, name)(*given))
    return [values[place] for place in results]


def holding(made, found):
    """The Kernel that says whether what `made`, of one result, computes holds for all; its body is a function, NAME_of."""
    typed = ", ".join(f"{_TYPES[d.char][0]} x{i}" for i, d in enumerate(found.dtypes))
    text = f"__device__ bool {made.name}_of({typed}) {{ bool y0; {made.body} return y0; }}"
    run = lambda *arrays, axis: made.run(*arrays)[0].all()
    return Kernel(f"{made.name}_all", made.inputs, "bool y0", text, run)


def joining(dtype, count):
    """The Kernel that writes so many arrays one after another; it also takes where each but the last ends."""
    kind = _TYPES[dtype.char][2]
    places = [f"x{j}[i - e{j - 1}]" if j else "x0[i]" for j in range(count)]
    choice = "".join(f"i < e{j} ? {place} : " for j, place in enumerate(places[:-1])) + places[-1]
    inputs = ", ".join([f"raw {kind} x{j}" for j in range(count)] + [f"int64 e{j}" for j in range(count - 1)])
    run = lambda *given: [np.concatenate(given[:count])]
    return Kernel(f"chainrule_join_{kind}_{count}", inputs, f"{kind} y0", f"y0 = {choice};", run)


def trace(function, dtypes, kind=Trace):
    """(Trace, the values that are results) of function(*lanes), whose lanes have these dtypes.

    Raises: NoKernel, or whatever the code raises, where it does more than arithmetic on each element.
    """
    if unknown := {d.char for d in dtypes} - _TYPES.keys():
        raise NoKernel(f"no C for arrays of {unknown}")
    found = kind(dtypes)
    results = function(*[Lane(found, i, dtype) for i, dtype in enumerate(dtypes)])
    results = results if isinstance(results, tuple) else (results,)
    if not all(type(x) is Lane for x in results):
        raise NoKernel("a result is no array")
    return found, tuple([x.place for x in results])


def one_pass(fn):
    """Array code `fn(xp, *arrays)` that works on each element, as one call where a backend makes kernels."""

    @wraps(fn)
    def run(xp, *arrays):
        backend = FUSING.get(id(xp))
        return fn(xp, *arrays) if backend is None else backend.rule(fn, arrays, code=True)

    return run


def write(found, results, outputs, baked, title):
    """The Kernel of a trace; `outputs` are the dtypes of the arrays that take the results.

    Its numbers stand in the text if they are `baked` in, else they are parameters s0, s1 …
    """
    first = len(found.dtypes)
    dtypes = [d.char for d in found.dtypes] + [dtype for *_, dtype in found.steps]
    title = "".join(filter(str.isidentifier, title)) or "rule"
    numbers, lines = iter(range(len(found.scalars))), []

    def operand(o, kind, half):
        if type(o) is int:
            name = f"x{o}" if o < first else f"v{o}"
            return name if _TYPES[dtypes[o]][1] == kind == _TYPES[dtypes[o]][0] else f"({kind}){name}"
        if o is not _NUMBER:
            return str(o[0]).lower()
        i = next(numbers)
        value = f"({kind}){_literal(found.scalars[i]) if baked else f's{i}'}"
        return f"(float)(float16){value}" if half else value

    for place, (name, operands, dtype) in enumerate(found.steps, first):
        own, kind, _ = _TYPES[dtype]
        half = dtype == "e"  # then numbers are rounded, too
        if name in NAMES and NAMES[name].truth:  # compared in the dtype that all have in common
            common = np.result_type(*[np.dtype(dtypes[o]) for o in operands if type(o) is int]).char
            kind, half = (_TYPES[common][1], common == "e") if "logical" not in name else ("bool", False)
        kinds = ["bool" if name == "where" and i == 0 else kind for i in range(len(operands))]
        template = "{0}" if name == "astype" else NAMES[name].c
        value = template.format(*[operand(o, k, half and k != "bool") for o, k in zip(operands, kinds, strict=True)])
        lines.append(f"const {own} v{place} = {value if own == kind or own == 'bool' else f'({own})({value})'};")
    for place in {place for place in results if place < first and len(results) > 1}:  # an output may have its memory
        lines.append(f"const {_TYPES[dtypes[place]][0]} v{place} = x{place};")
    for i, (place, dtype) in enumerate(zip(results, outputs, strict=True)):
        name = f"x{place}" if place < first and len(results) == 1 else f"v{place}"
        between = _TYPES[dtypes[place]][1]  # float16 is converted by way of float
        lines.append(f"y{i} = ({_TYPES[dtype.char][0]})({between}){name};")
    given = [f"{_TYPES[d.char][2]} x{i}" for i, d in enumerate(found.dtypes)]
    given += [] if baked else [f"float64 s{i}" for i in range(len(found.scalars))]
    taken = [f"{_TYPES[d.char][2]} y{i}" for i, d in enumerate(outputs)]
    body = "\n".join(lines)
    name = f"chainrule_{title}_{_digest(body, given, taken)}"
    return Kernel(name, ", ".join(given), ", ".join(taken), body, partial(evaluate, found, results))


def _literal(x):
    if isnan(x):
        return "CHAINRULE_NAN"
    return ("-" * (x < 0) + "CHAINRULE_INF") if isinf(x) else f"({x!r})"


def _digest(*parts):
    from hashlib import blake2b

    return blake2b(repr(parts).encode(), digest_size=6).hexdigest()


PREAMBLE = """
#define CHAINRULE_INF __longlong_as_double(0x7ff0000000000000LL)
#define CHAINRULE_NAN __longlong_as_double(0x7ff8000000000000LL)
"""
# CuPy includes it for parameters of that dtype alone, not for what is computed in between
HALF = """
#ifdef __CUDACC__
#include "cupy/float16.cuh"
#endif
"""
