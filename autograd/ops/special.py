"""Functions that NumPy lacks, from array arithmetic alone, so that every array backend computes them alike."""

from math import pi

# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), 631-637.
_ERF = (  # erf(x) = x · P(x²)/Q(x²) for |x| ≤ 0.46875; highest power first
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)

# Chebyshev approximations of our own, in t = (a - 4) / (a + 4) for a = |x|, highest power first: what is left of the normal
# distribution where its density has been divided out, which neither overflows nor vanishes. Each for a result of 24 bits, up to
# a = 15, and for one of 53 bits, up to a = 40: with a larger a, it is 0.
_REACH = {True: 15.0, False: 40.0}
_TAIL = {  # Φ(-a) · e^(a²/2) · (a + 5/4)
    True: (
        -7.099677699189547e-05, -7.733993925706476e-05, 0.0006482526086622649, -0.0001400446321304303, -0.004877120741847548,
        0.015816246595088203, -0.02448125706983161, 0.010673208532455798, 0.04509442548189864, -0.13930289918649777,
        0.49565586701341524),
    False: (
        3.7701949618813784e-09, 1.1779740869989767e-08, -1.5347543674966766e-08, -9.91522028360867e-08, -1.1364673175315416e-08,
        5.197618082649981e-07, 4.5445315019683975e-07, -2.442561940040115e-06, -3.638358020706644e-06, 1.2549142443590822e-05,
        2.2407455300955606e-05, -8.069065712585602e-05, -0.00010581886378581804, 0.0006481009707032727, -0.00012591965044919608,
        -0.004875488066352321, 0.01581307361026195, -0.024481636401781786, 0.010673512219080254, 0.045094448559246346,
        -0.13930290771363932, 0.4956558668353369),
}  # fmt: skip
_GELU_SLOPE = {  # (Φ(-a) - a φ(a)) · e^(a²/2) / (zero - a), where its only zero is divided out, too
    True: (
        -1.6186042255908588e-05, -1.3273808736888157e-05, 0.00018545970743990352, -0.00015648298871603507, -0.0017883224124301666,
        0.009505302202670787, -0.02808334538255808, 0.06046291274754229, -0.10336589891534069, 0.46221124431928434),
    False: (
        3.7635994083021696e-10, 1.1856625616161679e-09, -1.6270459675768374e-09, -1.063427305531849e-08, -7.334702837619166e-10,
        6.26818912665958e-08, 5.231149923989772e-08, -3.4907997878178253e-07, -4.921083779187415e-07, 2.2166472989711096e-06,
        3.5388793532133046e-06, -1.8034920855316767e-05, -1.7477210051434554e-05, 0.0001857757724045311, -0.0001546133133204272,
        -0.001788260541076643, 0.009504950375125302, -0.028083359953053503, 0.060462936767850445, -0.10336589852195688,
        0.4622112440495753),
}  # fmt: skip
_GELU_ZERO = 0.7517915246935645, -1.4956759177009883e-17  # with 106 bits, in two numbers
_SILU_ZERO = 1.2784645427610737, 1.0946994183093437e-16  # of 1 + e⁻ᵃ - a

# M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988).
_CENTRE = (  # z = q · P(r)/Q(r), q = p - 1/2, r = 0.180625 - q², for |q| ≤ 0.425
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_SHOULDER = (  # |z| = P(r - 1.6)/Q(r - 1.6), r = √(-log min(p, 1 - p)) ≤ 5
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
_FAR = (  # the same with r - 5, for r > 5
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip


def _horner(coefficients, x):
    value = coefficients[0] * x
    value += coefficients[1]
    for c in coefficients[2:]:
        value *= x
        value += c
    return value


def _ratio(table, x):
    numerator, denominator = table
    return _horner(numerator, x) / _horner(denominator, x)


def in_double(function, xp, *arrays):
    """function(xp, *arrays, short) in float64, rounded to their dtype at the end.

    `short` says that they and the result have 24 bits at most: then nothing is lost in a square, or in a short approximation.
    """
    dtypes = [getattr(a, "dtype", "float64") for a in arrays]
    wide = [a if dtype == "float64" else a.astype("float64") for a, dtype in zip(arrays, dtypes, strict=True)]
    known = [a.dtype for a in arrays if hasattr(a, "dtype")]
    short = bool(known) and "float64" not in known
    out = function(xp, *wide, short)
    return out.astype(max(known, key=lambda dtype: dtype.itemsize)) if short else out


def gaussian(xp, x, short, share=1.0):
    """exp(-share · x²)."""
    x = xp.clip(x, -40.0, 40.0)  # beyond, it is 0
    square = x * x
    bell = xp.exp(-share * square)
    if short:
        return bell
    few = xp.rint(x * 16) / 16  # has a square without rounding, and so shows the rounding of the other
    return bell - bell * (share * ((few * few - square) + (x - few) * (x + few)))


def normal_density(xp, x, short):
    """exp(-x²/2) / √(2π)."""
    return gaussian(xp, x, short, 0.5) * (2 * pi) ** -0.5


def _tail(xp, a, short):
    """Φ(-a), by how much a normal variable exceeds a ≥ 0 with its digits, over e^(-a²/2)."""
    return _horner(_TAIL[short], (a - 4) / (a + 4)) / (a + 1.25)


def erf(xp, x, short):
    """The error function of an array."""
    a = xp.absolute(x)
    near, far = xp.minimum(a, 0.46875), xp.minimum(a, 6.0)
    small = near * _ratio(_ERF, near * near)
    large = 1 - 2 * _tail(xp, far * 2**0.5, short) * gaussian(xp, far, short)
    return xp.copysign(xp.where(a <= 0.46875, small, large), x)


def gelu(xp, x, short):
    """x · Φ(x); for both signs by Φ(-|x|), so that no small probability is a difference of larger ones."""
    a = xp.minimum(xp.absolute(x), _REACH[short])
    return xp.maximum(x, 0) - a * _tail(xp, a, short) * gaussian(xp, a, short, 0.5)


def gelu_slope(xp, x, short):
    """Φ(x) + x · φ(x), with the normal density φ."""
    a = xp.minimum(xp.absolute(x), _REACH[short])
    zero, rest = _GELU_ZERO
    root = gaussian(xp, a, short, 0.25)  # its square may vanish where the product with it does not
    left = ((zero - a) + rest) * _horner(_GELU_SLOPE[short], (a - 4) / (a + 4)) * root * root
    return xp.where(x < 0, left, 1 - left)


def silu(xp, x, short):
    """x / (1 + e⁻ˣ)."""
    if short:
        near = xp.maximum(x, -200.0)  # below, it is 0
        return near / (1 + xp.exp(-near))
    a = xp.minimum(xp.absolute(x), 1600.0)
    half = xp.exp(a * -0.5)  # in halves, so that nothing underflows before the end
    return xp.maximum(x, 0) - a * half * (half / (1 + half * half))


def silu_slope(xp, x, short):
    """σ(x) · (1 + x σ(-x))."""
    if short:
        near = xp.clip(x, -200.0, 200.0)
        part = 1 / (1 + xp.exp(-near))
        return part * (1 + near * (1 - part))
    a = xp.minimum(xp.absolute(x), 1600.0)
    half = xp.exp(a * -0.5)
    small = half / (1 + half * half)
    zero, rest = _SILU_ZERO
    beyond = (zero - a) + rest
    bracket = beyond + (zero - 1) * xp.expm1(beyond)  # 1 + e⁻ᵃ - a, counted from its zero: with all digits there
    left = bracket * small * small
    return xp.where(x < 0, left, 1 - left)


def below_top(xp, x, axis):
    """Of float x along `axis`: the largest, where it is, how far the others are below it, and e to that, 0 at the largest.

    The last two are float64, with all their digits: far below the top, the rounding of the difference would be many units
    of its power. No difference of infinities is taken.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    hit = x == top
    wide = x.dtype != "float64"
    x = xp.where(hit, 0, x).astype("float64") if wide else xp.where(hit, 0, x)
    y = xp.where(hit, 0, top)
    below = x - y
    if wide:
        return top, hit, below, xp.where(hit, 0, xp.exp(below))
    lost = (x < y - 800) | hit  # their power is 0, their error may be inf - inf
    near, error = _difference(xp.where(lost, 0, x), xp.where(lost, 0, y))
    return top, hit, below, xp.where(lost, 0, xp.exp(near) * (1 + error))


def _difference(x, y):
    """x - y, and what it has lost by rounding (Knuth's TwoSum)."""
    near = x - y
    back = near - x
    return near, (x - (near - back)) - (y + back)


def share(xp, x, y, short):
    """eˣ / (eˣ + eʸ) of float64 x and y; no difference of infinities is taken."""
    none, whole = x < y - 800, y < x - 800
    lost = xp.logical_or(xp.logical_or(none, whole), xp.equal(x, y))
    near, error = _difference(xp.where(lost, 0.0, x), xp.where(lost, 0.0, y))
    e = xp.exp(-xp.absolute(near)) * (1 - xp.sign(near) * error)
    part = xp.where(near < 0, e, 1.0) / (1 + e)
    part = xp.where(xp.logical_and(xp.equal(x, y), x < -MOST), 0.0, part)
    return xp.where(none, 0.0, xp.where(whole, 1.0, part))


MOST = 1.7976931348623157e308  # the largest float64


def exact_log(xp, x):
    """log of float64 x > 0 from additions, multiplications and divisions alone: the same bits on every machine."""
    m, e = xp.frexp(x)
    low = m < 0.7071067811865476
    m = xp.where(low, m * 2, m)
    e = xp.where(low, e - 1, e)
    s = (m - 1) / (m + 1)
    series = _horner([2 / (2 * k + 1) for k in range(11, -1, -1)], s * s)
    return s * series + e * 0.6931471805599453


def normal_quantile(xp, p):
    """The number below which a standard normal variable lies with probability p; float64, 0 < p < 1.

    Every operation in it is correctly rounded (no exp, log or cos of the platform), so all backends agree to the bit.
    """
    q = p - 0.5
    centre = q * _ratio(_CENTRE, 0.180625 - q * q)
    r = xp.sqrt(-exact_log(xp, xp.minimum(p, 1 - p)))
    tail = xp.where(r <= 5, _ratio(_SHOULDER, r - 1.6), _ratio(_FAR, r - 5))
    return xp.where(xp.absolute(q) <= 0.425, centre, xp.copysign(tail, q))
