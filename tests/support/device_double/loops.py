"""The dtypes of CuPy 14.2's functions of each element: what each takes and gives, in the order in which it looks.

They are characters, as `cupy.add.types` has them, without those of dtypes that other packages bring.
"""

from functools import cache

import numpy as np

INTEGERS, REALS, COMPLEX = "bBhHiIlLqQ", "efd", "FD"
CHARACTERS = frozenset("?" + INTEGERS + REALS + COMPLEX)


def _same(characters, takes=1, gives=None, number=1):
    """Loops whose operands have the dtype of their results, or that all give the same."""
    return [f"{c * takes}->{(gives or c) * number}" for c in characters]


_ORDERED = [*_same("?", 2), "qq->?", "QQ->?", "qQ->?", "Qq->?", *_same(REALS, 2, "?")]
_GROUPS = {
    "abs absolute": [*_same("?" + INTEGERS + REALS), "F->f", "D->d"],
    """acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh cos cosh exp exp2 expm1 log log10 log1p
    log2 rint sin sinc sinh sqrt tan tanh i0""": _same(REALS + COMPLEX),
    "add fmax fmin maximum minimum multiply subtract": _same("?" + INTEGERS + REALS + COMPLEX, 2),
    "arctan2 atan2 copysign hypot nextafter": _same(REALS + COMPLEX, 2),
    "bitwise_and bitwise_or bitwise_xor gcd lcm": _same("?" + INTEGERS, 2),
    "bitwise_count": _same(INTEGERS, gives="B"),
    "bitwise_invert bitwise_not invert": _same("?" + INTEGERS),
    "bitwise_left_shift bitwise_right_shift left_shift right_shift": _same(INTEGERS, 2),
    "cbrt deg2rad degrees fabs rad2deg radians": _same(REALS),
    "ceil fix floor trunc": _same("?" + INTEGERS + REALS),
    "conj conjugate reciprocal sign square": _same(INTEGERS + REALS + COMPLEX),
    "divide true_divide": ["qq->d", "qQ->d", "Qq->d", "QQ->d", *_same(REALS + COMPLEX, 2)],
    "divmod": _same(INTEGERS + REALS, 2, number=2),
    "equal not_equal": [*_ORDERED, *_same(COMPLEX, 2, "?")],
    "float_power": ["dd->d", "FF->D", "DD->D"],
    "floor_divide fmod mod remainder": _same(INTEGERS + REALS, 2),
    "frexp": ["e->ei", "f->fi", "d->di"],
    "greater greater_equal less less_equal": [*_ORDERED, *_same(COMPLEX, 2, "?")],
    "heaviside logaddexp logaddexp2": _same(REALS, 2),
    "isfinite isinf isnan": _same(REALS + COMPLEX, gives="?"),
    "ldexp": ["ei->e", "fi->f", "el->e", "fl->f", "di->d", "dq->d"],
    "logical_and logical_or": _ORDERED,
    "logical_not": _same("?" + INTEGERS + REALS, gives="?"),
    "logical_xor": _same("?" + INTEGERS + REALS, 2, "?"),
    "modf": _same(REALS, number=2),
    "negative positive": _same("?" + INTEGERS + REALS + COMPLEX),
    "pow power": ["??->b", *_same(INTEGERS + REALS + COMPLEX, 2)],
    "signbit": _same(REALS, gives="?"),
}
LOOPS = {name: loops for names, loops in _GROUPS.items() for name in names.split()}
_NOT_OF_BOOLS = frozenset("gcd lcm negative positive subtract".split())  # whose loop for them raises

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 2}


def results(name, operands):
    """The dtypes, as characters, that CuPy gives for these NumPy arrays and numbers: those of the first loop that fits.

    Raises: CuPy's TypeError if there is none.
    """
    return _given(name, *[getattr(x, "dtype", None) or type(x) for x in operands])


@cache
def _given(name, *kinds):
    """`results` for operands of these kinds: the dtype of an array, the type of a number."""
    highest = max((_RANK.get(kind.kind, 3) for kind in kinds if isinstance(kind, np.dtype)), default=-1)
    for loop in LOOPS[name]:
        taken, given = loop.split("->")
        if all(_fits(kind, char, highest) for kind, char in zip(kinds, taken, strict=True)):
            if taken[0] == "?" and name in _NOT_OF_BOOLS:
                break
            return given
    raise TypeError(f"Wrong type {list(kinds)} of arguments for {name}")


def _fits(kind, char, highest):
    """Whether a loop takes an operand here. Python's numbers adapt to arrays of their kind or a higher one."""
    if isinstance(kind, np.dtype):
        return kind.char in CHARACTERS and np.can_cast(kind, char)
    own = np.dtype(kind)
    weak = _RANK[own.kind] <= highest and np.result_type(np.dtype(char), kind(0)) == np.dtype(char)
    return weak or np.can_cast(own, char)
