"""How far to go along a line: a search for a point that satisfies the strong Wolfe conditions."""

from math import inf, isfinite, nan, sqrt
from typing import Any, NamedTuple

ENOUGH, FLAT = 1e-4, 0.9  # c₁ and c₂ of the Wolfe conditions, as Nocedal and Wright advise for quasi-Newton methods
TRIES = 25  # how many points a line search looks at after the first


class Point(NamedTuple):
    """Where the loss was evaluated, at distance t along a direction d.

    Fields:
        x, g: all parameters in a row, and their gradients, (n,).
        slope: g · d.
        steepest: the largest element of |g|.
    """

    t: float
    x: Any
    loss: float
    g: Any
    slope: float
    steepest: float

    @property
    def finite(self):
        return isfinite(self.loss) and isfinite(self.steepest)


def strong_wolfe(phi, start, t, resolution):
    """A point on a line where the loss is low and flat enough: the strong Wolfe conditions.

    loss(t) ≤ loss(0) + c₁ t slope(0) and |slope(t)| ≤ c₂ |slope(0)|. If they cannot be met within TRIES points or
    `resolution` in t, the lowest point of the last interval; one that is not finite only if none but `start` is.

    Shape: phi maps t to a Point; start is that at t = 0, with a slope below 0.
    Source: Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6.
    """

    def high(p):
        return not p.finite or p.loss > start.loss + ENOUGH * p.t * start.slope

    def flat(p):
        return abs(p.slope) <= -FLAT * start.slope

    low, p, tries = start, phi(t), iter(range(TRIES))
    for _ in tries:  # outwards, until a minimum lies between `low` and p
        if not p.finite:
            p = phi((low.t + p.t) / 2)
        elif high(p) or (low is not start and p.loss >= low.loss):
            other = p
            break
        elif flat(p):
            return p
        elif p.slope >= 0:
            low, other = p, low
            break
        else:
            low, p = p, phi(cubic_minimum(low, p, p.t + 0.01 * (p.t - low.t), 10 * p.t))
    else:
        return p if p.finite or low is start else low
    for _ in tries:  # inwards, with the lower end of the interval at `low`
        width = abs(other.t - low.t)
        if width < resolution:
            break
        left = min(low.t, other.t)
        p = phi(cubic_minimum(low, other, left + 0.1 * width, left + 0.9 * width))
        if high(p) or p.loss >= low.loss:
            other = p
        elif flat(p):
            return p
        else:
            if p.slope * (other.t - low.t) >= 0:
                other = low
            low = p
    return low


def cubic_minimum(a, b, least, most):
    """Where the cubic through two points and their slopes is least, held in [least, most]; the middle if it has no minimum.

    Source: Nocedal and Wright, "Numerical optimization" (2006), equation 3.59.
    """
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    root = d1 * d1 - a.slope * b.slope
    if not 0 <= root < inf:
        return (least + most) / 2
    d2 = sqrt(root) if b.t > a.t else -sqrt(root)
    bend = b.slope - a.slope + 2 * d2
    t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / bend if bend else nan
    return min(max(t, least), most) if isfinite(t) else (least + most) / 2
