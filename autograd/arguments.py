"""Checks of numbers, flags and names given as arguments: each returns the value, or raises and says what must hold.

`owner` is the operation that was called, `name` what the message calls the argument.
"""

import re
from difflib import get_close_matches
from functools import partial
from inspect import formatannotation
from math import inf, isfinite, nan
from operator import index

import numpy as np

from .errors import ArgumentError, DtypeError


def number(value):
    """Whether `value` is a real number of Python's or NumPy's, and finite."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and abs(value) < inf  # false of nan; and 10**400 is finite, unlike float(10**400)


def whole_number(value):
    """Whether `value` is a whole number of an integer type: Python's, NumPy's, or that of an array or a Tensor of one."""
    try:
        index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


SIMPLE = frozenset((int, bool, str, type(None)))
_WHOLE = frozenset((int,))
_KINDS = {  # what the words of an annotation of whole numbers, or of a truth value, allow
    "int": {int}, "bool": {bool, int}, "None": {type(None)}, "tuple": {tuple, list}, "list": {tuple, list}, "Counts": {int, tuple, list},
    "Axis": {int, tuple, list, type(None)}, "Shape": {int, tuple, list},
}  # fmt: skip


def whole_options(owner, parameters):
    """{name: function} that prepares the options whose annotation says that they are whole numbers, or truth values.

    It gives Python's numbers for NumPy's, with which rules may then compare and count, also inside tuples and lists.
    The functions raise DtypeError for anything that the annotation does not name.
    """
    found = {}
    for q in parameters:
        words = _words(q)
        if words and _KINDS.keys() >= words:
            found[q.name] = partial(_plain, owner, q.name, frozenset().union(*(_KINDS[word] for word in words)))
    return found


def simple_types(parameters):
    """The types of which any option may be as it is: then there is nothing to prepare."""
    types = set()
    for q in parameters:
        words = _words(q)
        types |= SIMPLE.intersection(*[set().union(*(_KINDS.get(word, {str}) for word in words))] * bool(words))
    return types


def _words(q):
    if q.annotation is q.empty:
        return set()
    return set(re.findall(r"\w+", q.annotation if isinstance(q.annotation, str) else formatannotation(q.annotation)))


def _plain(owner, name, kinds, value):
    kind = type(value)
    if kind is tuple and tuple in kinds and _WHOLE.issuperset(map(type, value)):
        return value
    if kind in kinds:
        return kind([_plain(owner, name, kinds - {type(None)}, v) for v in value]) if kind in (tuple, list) else value
    if kind is np.bool_ and bool in kinds:
        return bool(value)
    shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", None)
    if shape and tuple in kinds and getattr(dtype, "kind", "") in ("i", "u", "b"):
        return value
    if shape or not whole_number(value):
        must = "True or False" if bool in kinds else f"a whole number{', or several' * (tuple in kinds)}"
        raise DtypeError(f"{owner}: {name} must be {must}{', or None' * (type(None) in kinds)}, not {value!r:.80}")
    return index(value)


def finite(owner, name, value):
    """`value` as a float if it is one finite number, also that of an array or a Tensor."""
    try:
        result = nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = nan
    if not isfinite(result):
        raise ArgumentError(f"{owner}: {name} must be a finite number, not {value!r}")
    return result


def positive(owner, name, value):
    """`value` if it is a finite number above 0."""
    if not number(value) or value <= 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number above 0, not {value!r}")
    return value


def not_negative(owner, name, value):
    """`value` if it is a finite number of at least 0."""
    if not number(value) or value < 0:
        raise ArgumentError(f"{owner}: {name} must be a finite number of at least 0, not {value!r}")
    return value


def fraction(owner, name, value):
    """`value` if it lies in [0, 1)."""
    if not number(value) or not 0 <= value < 1:
        raise ArgumentError(f"{owner}: {name} must be at least 0 and below 1, not {value!r}")
    return value


def probability(owner, name, value):
    """`value` if it lies in [0, 1]."""
    if not number(value) or not 0 <= value <= 1:
        raise ArgumentError(f"{owner}: {name} must lie in [0, 1], not {value!r}")
    return value


def whole(owner, name, value, least=1, most=inf, none=None):
    """`value` as an int if it is a whole number from `least` to `most`.

    `none` says in words what None stands for, where it is allowed; then None is returned as it is.
    """
    if value is None and none:
        return None
    if not whole_number(value) or not least <= index(value) <= most:
        must = f" in [{least}, {most}]" if most < inf else f" of at least {least}" if least > -inf else ""
        also = f", or None for {none}" if none else ""
        raise ArgumentError(f"{owner}: {name} must be a whole number{must}{also}, not {value!r}")
    return index(value)


def flag(owner, name, value):
    """`value` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{owner}: {name} must be True or False, not {value!r}")
    return bool(value)


def choose(kind, name, known):
    """Look `name` up in the mapping `known`, or raise an ArgumentError that lists what exists."""
    try:
        return known[name]
    except (KeyError, TypeError):
        names = ", ".join(sorted(map(repr, known)))
        raise ArgumentError(f"unknown {kind} {name!r}: choose one of {names}") from None


def meant(name, known):
    """A question that names those of `known` that are spelt much like `name`, at most two; "" if none is.

    Example:
        >>> meant("thanh", ["exp", "tanh"])
        "did you mean 'tanh'?"
    """
    close = get_close_matches(name, known, 2) if isinstance(name, str) else []
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""
