"""Checks of gradient rules that are made from a primitive's declaration: at ordinary points, for numbers, at ties, at 0,
for numbers of extreme size, over long axes, and to the last digits.

Each is a function of a primitive that raises an AssertionError. `HOLDS_NOT` says where one does not apply.
"""

import warnings
from itertools import product

import accuracy
import numpy as np

import chainrule as cr
from chainrule.autograd.primitive import ELEMENTWISE
from chainrule.autograd.samples import Case, cases, on

NUMBERS = {  # in place of an operand, where 0 and 2 will not do
    ("power", "x"): (2.0,), ("power", "y"): (0, 1, 2.0, 0.5), "power_slope": (2.0,), "power_log": (2.0,), ("where", "condition"): (True,),
    "divide": (2.0,), "floor_divide": (2.0,), "remainder": (2.0,), "binary_entropy": (0.25,),
}  # fmt: skip
LENGTHS = {"absolute": on((2,)), "hypot": on((2,), (2,)), "norm2": on((2, 3), axis=1)}
ALONG = {"class_entropy": "cross_entropy", "soft_entropy": "cross_entropy, probabilities"} | {
    name: name for name in ("softmax", "log_softmax", "logsumexp")
}
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
        order = 1 if p.name == "norm_of_order" else 2  # its square is not twice differentiable at 0
        cr.gradcheck(lambda *xs, f=f: f(*xs) ** 2, *inputs, order=order)


def check_lengths_at_zero(p):
    """The square of a length is smooth at 0 with any factor and beside others; a product of two is not."""
    case = LENGTHS[p.name]
    zero, ordinary = [np.zeros(shape) for shape in case.shapes], case.draw(np.random.default_rng(0))
    first = [np.eye(2)[0].reshape(2, *(1,) * (a.ndim - 1)) * a for a in ordinary]
    for drawn, factors in ((zero, [1.0, -1.0]), (first, [-1.0, 1e3])):
        f, inputs = function_of_reals(p, case, drawn=drawn)
        cr.gradcheck(lambda *xs, f=f, factors=factors: factors * f(*xs) ** 2, *inputs)
    if is_scalar(p):
        cr.gradcheck(lambda *xs: -(p.call(*xs) ** 2), *(cr.Value(0.0) for _ in zero))
    for factor, i in product((1e-3, 1.0), range(len(zero))):

        def along(x, i=i, factor=factor):
            one, other = p.call(*zero[:i], x, *zero[i + 1 :], **case.options)
            return factor * one * other

        assert np.isnan(cr.hessian(along)(cr.tensor(zero[i])).numpy()).all()


def check_extreme_sizes(p):
    """In float32, the gradient of inputs of extreme size is that of float64 wherever float32 has such numbers."""
    for case in cases(p):
        for factor in FAR:
            drawn = [a * factor if a.dtype.kind == "f" else a for a in case.draw(np.random.default_rng(0))]
            drawn = [a.astype("float32") if a.dtype.kind == "f" else a for a in drawn]
            low, high = (_gradients(p, case, drawn, dtype, second=True) for dtype in ("float32", "float64"))
            if np.isfinite(high[0]).all():
                assert not any(np.isnan(g).any() for g in high), f"{case} times {factor:g} has a gradient that is nan"
            for a, b in zip(low, high, strict=True):
                size = np.abs(b).max(initial=0.0)
                if np.isfinite(b).all() and (1e-36 < size < 1e37):
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * size, err_msg=f"{case} times {factor:g}")


def _gradients(p, case, drawn, dtype, second=False):
    """The value, the gradients by the inputs, the slope in forward mode, and the second derivatives along a direction."""
    f, inputs = function_of_reals(p, case, dtype=dtype, drawn=drawn)
    value, pull = cr.vjp(f, *inputs)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, value.shape).astype("float32")
    shares = _shares(pull(weights.astype(value.dtype)))
    tangents = [np.random.default_rng(2).uniform(0.5, 1.5, x.shape).astype("float32") for x in inputs]
    push = cr.jvp(f, inputs, [t.astype(x.dtype) for t, x in zip(tangents, inputs, strict=True)])[1].numpy()
    hessian = ()
    if second:

        def along(*xs):
            _, pull = cr.vjp(f, *xs)
            shares = _shares(pull(weights.astype(value.dtype)))
            return sum(((g * t).sum() for g, t in zip(shares, tangents, strict=True)), 0.0)

        hessian = _shares(cr.grad(along, tuple(range(len(inputs))))(*inputs))
    return [value.numpy(), *(g.numpy() for g in shares), push, *(h.numpy() for h in hessian)]


def _shares(shares):
    return shares if isinstance(shares, tuple) else (shares,)


def check_infinite_gradients(p):
    """Where the slope is 0, an infinite gradient brings 0."""
    for case in cases(p):
        f, inputs = function_of_reals(p, case)
        value, pull = cr.vjp(f, *inputs)
        for i in range(len(inputs)):
            slope, endless = (np.asarray(_shares(pull(g + np.zeros(value.shape)))[i]) for g in (1.0, np.inf))
            assert not endless[slope == 0].any()


def check_many_rows(p):
    """In float32, what all rows share gets a gradient that has its digits over any number of rows."""
    n, x, g = 500_000, np.float32(0.1), np.float32(1.1)
    given = [cr.tensor(np.full(shape, x)) for shape in ((n, 1), (1, 2), (2,))[: len(p.inputs)]]
    value, pull = cr.vjp(p.call, *given)
    share = pull(np.full(value.shape, g))[1].numpy()
    np.testing.assert_allclose(share, n * float(x) * float(g), rtol=2e-5)


class Analytic:
    """NumPy without the functions that are another one for complex numbers, or that throw the imaginary part away."""

    def __getattr__(self, name):
        if name in ("absolute", "abs", "sign", "copysign", "real"):
            raise TypeError(f"{name} is not analytic")
        return getattr(np, name)


def complex_steps(p):
    """For each case, (its function of reals, where, along what, the slope there from a complex step of the array code).

    Such a slope has no error of a step's size. None stands for a slope where the code does not take complex numbers.
    """
    for case in cases(p):
        drawn = case.draw(np.random.default_rng(0))
        real = list(range(len(drawn))) if p.variadic else list(real_inputs(p))
        along = [np.random.default_rng(i).uniform(0.5, 1.5, drawn[i].shape) for i in real]
        f, inputs = function_of_reals(p, case, drawn=drawn)
        for i, v in zip(real, along, strict=True):
            drawn[i] = drawn[i] + 1e-30j * v
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")  # a cast to real numbers
                out = p.fn(Analytic(), *drawn, **{**p.defaults, **case.options})
            slope = out.imag / 1e-30 if np.iscomplexobj(out) else None
        except Exception:
            slope = None
        yield f, inputs, along, slope


def check_complex_steps(p):
    """Where the array code takes complex numbers, forward and reverse mode agree with a complex step of it to 1e-12."""
    for f, inputs, along, slope in complex_steps(p):
        if slope is not None:
            value, pull = cr.vjp(f, *inputs)
            w = np.random.default_rng(9).uniform(0.5, 1.5, value.shape)
            pushed = cr.jvp(f, inputs, [cr.tensor(v) for v in along])[1].numpy()
            pulled = sum((g.numpy() * v).sum() for g, v in zip(_shares(pull(w)), along, strict=True))
            size = np.abs(slope).max(initial=1.0)
            np.testing.assert_allclose(pushed, slope, rtol=0, atol=1e-12 * size)
            np.testing.assert_allclose(pulled, (w * slope).sum(), rtol=0, atol=1e-12 * size * max(1, slope.size))


def check_digits(p):
    """Values are right to 4 units in the last place and slopes to 8, against 50 digits."""
    for dtype in ("float32", "float64"):
        if p.name in accuracy.REFERENCES:
            errors = accuracy.worst_of(p.name, dtype)
        else:
            errors = accuracy.worst_along_axis(dtype)[ALONG[p.name]]
        assert errors[0] <= (8 if p.name == "tanh_slope" else 4)
        assert errors[1] <= 8


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
          check_lengths_at_zero, check_one_operand_zero, check_one_operand_one, check_extreme_sizes, check_infinities,
          check_infinite_gradients, check_many_rows, check_complex_steps]  # fmt: skip
HOLDS_NOT = {
    check_ties: {
        "sort": "of equal elements one goes first, by the stability of the order",
        "normalize": "with so small a variance the differences are too coarse",
    },
    check_equal_operands: dict.fromkeys(
        ["power", "power_slope", "power_log", "floor_divide", "remainder", "binary_entropy"],
        "jumps, or leaves the domain",
    ),
    check_square_at_zero: {
        **dict.fromkeys(
            "divide power power_slope power_log floor_divide remainder log log2 log10 sqrt arccosh binary_entropy".split(),
            "0 is outside",
        ),
        **dict.fromkeys("floor ceil step".split(), "jumps"),
        **dict.fromkeys("maximum minimum relu max min sort".split(), "the square has a kink in its slope"),
        **dict.fromkeys(["arctan2", "cosine", "inverted"], "nan at the origin"),
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
    check_infinite_gradients: {"relu": "a choice that costs no pass"},
    check_infinities: {
        **dict.fromkeys(("power", "power_slope"), "its slope by x is ∞ · 0"),
        "gaussian": "its slope is ∞ · 0",
    },
}


ONLY = {
    check_lengths_at_zero: LENGTHS,
    check_many_rows: ("matmul", "affine"),
    check_digits: accuracy.REFERENCES | ALONG,
}


def applies(check, p):
    if not p.vjp or p.name in HOLDS_NOT.get(check, ()):
        return False
    if check is check_values:
        return is_scalar(p)
    if check in ONLY:
        return p.name in ONLY[check]
    if check is check_infinite_gradients:
        return is_scalar(p)
    if check in (check_plain_numbers, check_equal_operands):
        return is_scalar(p) and len(real_inputs(p)) > 1
    return bool(cases(p))
