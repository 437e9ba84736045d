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
_ERFC = (  # erfc(x) = e^(-x²) · P(x)/Q(x) for 0.46875 ≤ x ≤ 4
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_TAIL = (  # erfc(x) = e^(-x²)/x · (1/√π - P(1/x²)/(x² Q(1/x²))) for x ≥ 4
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip

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
    value = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        value = value * x + c
    return value


def _ratio(table, x):
    numerator, denominator = table
    return _horner(numerator, x) / _horner(denominator, x)


def in_double(function, xp, *arrays):
    """function(xp, *arrays) in float64, rounded to their dtype at the end."""
    dtypes = [getattr(a, "dtype", "float64") for a in arrays]
    wide = [a if dtype == "float64" else a.astype("float64") for a, dtype in zip(arrays, dtypes, strict=True)]
    known = [a.dtype for a in arrays if hasattr(a, "dtype")]
    out = function(xp, *wide)
    return out if not known or "float64" in known else out.astype(max(known, key=lambda dtype: dtype.itemsize))


def gaussian(xp, x):
    """exp(-x²) of float64 x: the square of x to a few bits is exact, and what is left is small."""
    near = xp.maximum(xp.minimum(x, 30.0), -30.0)  # beyond, exp(-x²) is 0
    few = xp.rint(near * 16) / 16
    return xp.exp(-few * few) * xp.exp(-(near - few) * (near + few))


def _scaled_erfc(xp, a):
    """e^(a²) · erfc(a) for a ≥ 0.46875."""
    middle = xp.minimum(xp.maximum(a, 0.46875), 4.0)
    far = xp.maximum(a, 4.0)
    inverse = 1 / far / far
    tail = (1 / pi**0.5 - inverse * _ratio(_TAIL, inverse)) / far
    return xp.where(a <= 4.0, _ratio(_ERFC, middle), tail)


def _small_erf(xp, x):
    """The error function for |x| ≤ 0.46875."""
    near = xp.maximum(xp.minimum(x, 0.46875), -0.46875)
    return near * _ratio(_ERF, near * near)


def erf(xp, x):
    """The error function of an array."""
    a = xp.absolute(x)
    large = 1 - gaussian(xp, a) * _scaled_erfc(xp, a)
    return xp.where(a <= 0.46875, _small_erf(xp, x), xp.copysign(large, x))


def _normal_tail(xp, x):
    """(x within what matters, x / √2, e^(-x²/2), what times that is the probability of being beyond |x|)."""
    near = xp.maximum(xp.minimum(x, 40.0), -40.0)
    few = xp.rint(near * 16) / 16
    power = xp.exp(-few * few / 2) * xp.exp(-(near - few) * (near + few) / 2)
    root = near * 0.5**0.5
    return near, root, power, _scaled_erfc(xp, xp.absolute(root)) / 2


def gelu(xp, x):
    """x · Φ(x) of float64 x; the probability Φ of small x by its tail, not as a difference from 1."""
    near, root, power, share = _normal_tail(xp, x)
    tail = near * share * power
    centre = near * (0.5 + 0.5 * _small_erf(xp, root))
    return xp.where(xp.absolute(root) <= 0.46875, centre, xp.where(x < 0, tail, x - tail))


def gelu_slope(xp, x):
    """Φ(x) + x · φ(x) of float64 x, with the normal density φ."""
    near, root, power, share = _normal_tail(xp, x)
    density = near / (2 * pi) ** 0.5
    tail = power * (density + xp.where(x < 0, share, -share))
    centre = 0.5 + 0.5 * _small_erf(xp, root) + density * power
    return xp.where(xp.absolute(root) <= 0.46875, centre, xp.where(x < 0, tail, 1 + tail))


def silu(xp, x):
    """x / (1 + e⁻ˣ) of float64 x; in halves, so that nothing underflows before the end."""
    near = xp.maximum(xp.minimum(x, 40.0), -1600.0)  # beyond, it is x or 0
    half = xp.exp(near / 2)
    return xp.where(x > 40, x, near * half * (half / (1 + half * half)))


def silu_slope(xp, x):
    """σ(x) · (1 + x σ(-x)) of float64 x."""
    near = xp.maximum(xp.minimum(x, 1600.0), -1600.0)
    half = xp.exp(-xp.absolute(near) / 2)
    e = half * half
    small = half / (1 + e)
    # σ(-x) σ(x) = small²; σ is small · half on the left, and 1 / (1 + e) on the right
    return xp.where(x < 0, (1 + e + near) * small * small, (1 + (1 + near) * e) / (1 + e) / (1 + e))


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


def share(xp, x, y):
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
