"""Checks of gradient rules that are made from a primitive's declaration: at ordinary points, for numbers, at ties, at 0,
and for numbers of extreme size.

Each is a function of a primitive that raises an AssertionError. `HOLDS_NOT` says where one does not apply.
"""

import numpy as np

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE
from chainrule.autograd.samples import Case, cases

NUMBERS = {  # in place of an operand, where 0 and 2 will not do
    ("power", "x"): (2.0,), ("power", "y"): (0, 1, 2.0, 0.5), "power_slope": (2.0,), ("where", "condition"): (True,),
    "divide": (2.0,), "floor_divide": (2.0,), "remainder": (2.0,), "binary_entropy": (0.25,),
}  # fmt: skip
FAR = (2.0**80, 2.0**-80)  # the squares of such numbers leave float32


def is_scalar(p):
    """Whether the operation works on single numbers: what is done to each element by itself does."""
    logical = ("bitwise_and", "bitwise_or", "invert")  # of booleans and integers, which a Value is not
    return not isinstance(p.samples, list) and p.jvp in (ELEMENTWISE, None) and p.name not in logical


def real_inputs(p):
    return range(len(p.inputs)) if p.variadic else [i for i, x in enumerate(p.inputs) if x in p.vjp]


def function_of_reals(p, case, device="cpu", dtype=np.float64, seed=0, drawn=None):
    """The call as a function of its differentiable inputs alone, and those inputs, drawn for the case."""
    drawn = case.draw(np.random.default_rng(seed)) if drawn is None else drawn
    real = [i for i in range(len(drawn)) if p.variadic or p.inputs[i] in p.vjp]
    args = [cr.tensor(a, device=device, dtype=dtype if i in real else None) for i, a in enumerate(drawn)]
    args = [cr.Value(a) for a in args] if device == "scalar" else args

    def f(*xs):
        given = list(args)
        for i, x in zip(real, xs, strict=True):
            given[i] = x
        return p.call(*given, **case.options)

    return f, [args[i] for i in real]


def of_numbers(p):
    """The case of single numbers."""
    domains = p.samples if isinstance(p.samples, tuple) else (p.samples,) * len(p.inputs)
    return Case(((),) * len(p.inputs), domains)


def check_at_samples(p):
    for case in cases(p):
        f, inputs = function_of_reals(p, case)
        cr.gradcheck(f, *inputs, rtol=1e-6)


def check_values(p):
    f, inputs = function_of_reals(p, of_numbers(p), "scalar")
    cr.gradcheck(f, *inputs, rtol=1e-6)


def check_plain_numbers(p):
    """A Python number in the place of each operand in turn."""
    for i in range(len(p.inputs)):
        for number in NUMBERS.get((p.name, p.inputs[i]), NUMBERS.get(p.name, (0, 2.0))):
            drawn = cases(p)[0].draw(np.random.default_rng(2))
            others = [k for k in real_inputs(p) if k != i]

            def f(*xs, i=i, number=number, drawn=drawn, others=others):
                given = [number if k == i else a for k, a in enumerate(drawn)]
                for k, x in zip(others, xs, strict=True):
                    given[k] = x
                return p.call(*given)

            if others:
                cr.gradcheck(f, *(drawn[k] for k in others))


def check_ties(p):
    """Pairs of equal numbers: the gradient is the mean of the slopes on either side."""
    for case in cases(p):
        drawn = [_paired(a) for a in case.draw(np.random.default_rng(0))]
        f, inputs = function_of_reals(p, case, drawn=drawn)
        cr.gradcheck(f, *inputs, order=1)


def _paired(a):
    """Each element of an array twice in a row, along its last axis; whole numbers, so that arrays have ties with each other."""
    if a.dtype.kind != "f":
        return a
    return np.repeat(a, 2, axis=-1)[..., : a.shape[-1]] if a.ndim else a


def check_equal_operands(p):
    """All operands the same: a kink of what chooses between them."""
    case = cases(p)[0]
    drawn = case.draw(np.random.default_rng(0))
    drawn = [drawn[-1] if a.dtype.kind == "f" else a for a in drawn]
    f, inputs = function_of_reals(p, case, drawn=drawn)
    cr.gradcheck(f, *inputs, order=1)


def check_square_at_zero(p):
    """The square of a length is smooth at 0."""
    for case in cases(p):
        drawn = [np.zeros_like(a) for a in case.draw(np.random.default_rng(0))]
        f, inputs = function_of_reals(p, case, drawn=drawn)
        cr.gradcheck(lambda *xs, f=f: f(*xs) ** 2, *inputs)


def check_extreme_sizes(p):
    """In float32, the gradient of inputs of extreme size is that of float64 wherever float32 has such numbers."""
    for case in cases(p):
        for factor in FAR:
            drawn = [a * factor if a.dtype.kind == "f" else a for a in case.draw(np.random.default_rng(0))]
            drawn = [a.astype("float32") if a.dtype.kind == "f" else a for a in drawn]
            low, high = (_gradients(p, case, drawn, dtype) for dtype in ("float32", "float64"))
            if np.isfinite(high[0]).all():
                assert not any(np.isnan(g).any() for g in high), f"{case} times {factor:g} has a gradient that is nan"
            for a, b in zip(low, high, strict=True):
                size = np.abs(b).max(initial=0.0)
                if np.isfinite(b).all() and (1e-36 < size < 1e37):
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * size, err_msg=f"{case} times {factor:g}")


def _gradients(p, case, drawn, dtype):
    """The value, the gradients by the inputs, and the slope in forward mode."""
    f, inputs = function_of_reals(p, case, dtype=dtype, drawn=drawn)
    value, pull = cr.vjp(f, *inputs)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, value.shape).astype("float32")
    shares = pull(weights.astype(value.dtype))
    tangents = [np.random.default_rng(2).uniform(0.5, 1.5, x.shape).astype("float32") for x in inputs]
    push = cr.jvp(f, inputs, [t.astype(x.dtype) for t, x in zip(tangents, inputs, strict=True)])[1].numpy()
    return [value.numpy(), *(g.numpy() for g in (shares if isinstance(shares, tuple) else (shares,))), push]


def check_one_operand_zero(p):
    """Each operand in turn is 0, the others are ordinary; of a power, the exponent."""
    _check_with_operand(p, 0, real_inputs(p)[p.name.startswith("power") :])


def check_one_operand_one(p):
    """Each operand in turn is 1, the others are ordinary."""
    _check_with_operand(p, 1, real_inputs(p))


def _check_with_operand(p, value, operands):
    case = cases(p)[0]
    for i in operands:
        drawn = case.draw(np.random.default_rng(0))
        drawn[i] = np.full_like(drawn[i], value)
        f, inputs = function_of_reals(p, case, drawn=drawn)
        cr.gradcheck(f, *inputs)


def check_infinities(p):
    """Where the value at an infinite element is that at a huge one, so are the gradients: they have a limit."""
    for case in cases(p):
        for i in real_inputs(p):
            for infinite in (-np.inf, np.inf):
                ends = []
                for end in (infinite, np.sign(infinite) * 1e9):
                    drawn = case.draw(np.random.default_rng(0))
                    if not drawn[i].size:
                        break
                    drawn[i].flat[0] = end
                    ends.append(_gradients(p, case, drawn, "float64"))
                if len(ends) == 2 and np.isfinite(ends[0][0]).all() and np.allclose(ends[0][0], ends[1][0], 1e-7, 1e-7):
                    for a, b in zip(ends[0][1:], ends[1][1:], strict=True):
                        np.testing.assert_allclose(
                            a, b, rtol=1e-7, atol=1e-7, err_msg=f"{case}, input {i} has {infinite}"
                        )


CHECKS = [check_at_samples, check_values, check_plain_numbers, check_ties, check_equal_operands, check_square_at_zero,
          check_one_operand_zero, check_one_operand_one, check_extreme_sizes, check_infinities]  # fmt: skip
HOLDS_NOT = {
    check_ties: {
        "sort": "of equal elements one goes first, by the stability of the order",
        "normalize": "with so small a variance the differences are too coarse",
    },
    check_equal_operands: dict.fromkeys(
        ["power", "power_slope", "floor_divide", "remainder", "binary_entropy"], "jumps, or leaves the domain"
    ),
    check_square_at_zero: {
        **dict.fromkeys(
            "divide power power_slope floor_divide remainder log log2 log10 sqrt arccosh binary_entropy".split(),
            "0 is outside",
        ),
        **dict.fromkeys("floor ceil step".split(), "jumps"),
        **dict.fromkeys("maximum minimum relu max min sort".split(), "the square has a kink in its slope"),
        **dict.fromkeys(["arctan2", "inverted"], "nan at the origin"),
        "norm_of_order": "its square is not twice differentiable at 0",
    },
    check_one_operand_zero: {
        **dict.fromkeys(
            "absolute sign floor ceil relu max min sort step norm2 arctan2".split(), "a jump or kink of it or its slope"
        ),
        **dict.fromkeys(
            "divide floor_divide remainder log log2 log10 sqrt arccosh binary_entropy".split(), "0 is outside"
        ),
        "norm_of_order": "its slope jumps",
        "normalize": "the differences are too coarse",
    },
    check_one_operand_one: {
        **dict.fromkeys("arcsin arccos arccosh arctanh binary_entropy".split(), "1 is outside, or at the end"),
        **dict.fromkeys("floor ceil max min sort".split(), "jumps, or has a kink"),
        "normalize": "no variance",
    },
    check_infinities: {
        **dict.fromkeys(("power", "power_slope"), "its slope by x is ∞ · 0"),
        "gaussian": "its slope is ∞ · 0",
    },
}


def applies(check, p):
    if not p.vjp or p.name in HOLDS_NOT.get(check, ()):
        return False
    if check is check_values:
        return is_scalar(p)
    if check in (check_plain_numbers, check_equal_operands):
        return is_scalar(p) and len(real_inputs(p)) > 1
    return bool(cases(p))
