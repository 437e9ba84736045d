"""How the edges of a picture are drawn, and where their labels stand: on their own edge, clear of all that is near."""

from bisect import bisect_left
from itertools import accumulate, pairwise
from math import dist

STRIP = 100.0  # how wide the strips are in which overlaps are looked for
TALL = 6.5  # half the height of a label
FINE = 9.0  # between the points of a curve that are looked at: no label is so low that a curve gets through unseen
PARTS = sorted(
    (k / 25 for k in range(3, 23)), key=lambda part: abs(part - 0.5)
)  # of an edge, where its label may stand
ASIDE = (0.0, -9.0, 9.0, -14.0, 14.0)  # how far above or below its edge
WRITTEN_OVER, CROSSED, OFF = (
    100.0,
    10.0,
    1.0,
)  # how bad it is if a label covers a box or a label, or an edge, or stands aside


def path(curve):
    """A Bézier curve as SVG writes it; a level or upright piece as a line."""
    (left, top), parts = curve[0], [f"M{curve[0][0]:.1f},{curve[0][1]:.1f}"]
    for (ax, ay), (bx, by), (x, y) in zip(curve[1::3], curve[2::3], curve[3::3], strict=True):
        if top == ay == by == y:
            parts.append(f"H{x:.1f}")
        elif left == ax == bx == x:
            parts.append(f"V{y:.1f}")
        else:
            parts.append(f"C{ax:.1f},{ay:.1f} {bx:.1f},{by:.1f} {x:.1f},{y:.1f}")
        left, top = x, y
    return "".join(parts)


def middle(curve):
    """The middle of the middle piece of a curve."""
    k = (len(curve) - 1) // 6 * 3
    return _point(curve[k : k + 4], 0.5)


class Taken:
    """What stands in a picture: boxes, labels and curves, in strips from left to right, so that few have to be looked at."""

    def __init__(self, curves):
        self.solid, self.thin, self.runs = {}, {}, []
        for owner, curve in enumerate(curves):
            run = []
            for k in range(0, len(curve) - 1, 3):
                piece = curve[k : k + 4]
                count = int(dist(piece[0], piece[3]) / FINE) + 4
                run += [_point(piece, t / count) for t in range(count)]
            self.runs.append([*run, curve[-1]])
            for x, y in self.runs[-1]:
                self.thin.setdefault(int(x // STRIP), []).append((x, y, owner))

    def add(self, x, y, half, tall):
        """Something solid, which reaches `half` to both sides, and `tall` up and down."""
        for strip in _strips(x, half):
            self.solid.setdefault(strip, []).append((x, y, half, tall))

    def place(self, owner, start, half):
        """Where on a curve, from `start` on, a label of twice `half` disturbs least; it is solid from then on."""
        run = self.runs[owner]
        first = run.index(start) if start in run else 0
        run = run[first:]
        lengths = [0.0, *accumulate(dist(a, b) for a, b in pairwise(run))]
        best, least = run[len(run) // 2], float("inf")
        for aside in ASIDE:
            for rank, part in enumerate(PARTS):
                x, y = run[min(bisect_left(lengths, part * lengths[-1]), len(run) - 1)]
                cost = rank / 100 + OFF * bool(aside) + self._covered(owner, x, y + aside, half)
                if cost < least:
                    best, least = (x, y + aside), cost
            if least < OFF:
                break
        self.add(*best, half, TALL)
        return best

    def _covered(self, owner, x, y, half):
        """How bad it is if a label stands there."""
        cost, crossed = 0.0, set()
        for strip in _strips(x, half):
            for a, b, wide, tall in self.solid.get(strip, ()):
                cost += WRITTEN_OVER * (abs(x - a) < half + wide and abs(y - b) < TALL + tall)
            for a, b, other in self.thin.get(strip, ()):
                if other != owner and abs(x - a) < half + 2 and abs(y - b) < TALL + 2:
                    crossed.add(other)
        return cost + CROSSED * len(crossed)


def _strips(x, half):
    return range(int((x - half) // STRIP), int((x + half) // STRIP) + 1)


def _point(piece, t):
    """A point of a cubic Bézier curve."""
    s = 1 - t
    a, b, c, d = s**3, 3 * s * s * t, 3 * s * t * t, t**3
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = piece
    return a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy
