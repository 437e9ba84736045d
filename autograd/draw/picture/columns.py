"""Boxes and edges without frames in columns from left to right: in which column, in which order, at which height."""

from bisect import bisect_right, insort

from .layout import GAP

SWEEPS = 8  # through the columns, to untangle edges, and again to straighten them
LANE = 10.0  # between edges that pass a column, and between them and boxes
STIFF, LOOSE = 8.0, 1e-6  # how much an edge that passes a column, and a leaf, resist being moved; other boxes: 1


class Sheet:
    """One layout without frames inside.

    Its items are ("box", i), ("frame", i), and for a link i ("in", i) and ("out", i) where it passes the side of the
    frame that is laid out, and ("lane", i, column) where it passes a column.

    Fields:
        sizes: {item: (width, height)}.
        segments: (item, item, height of the entry from the middle of the second, link).
        heights: {("frame", i, link): the height from its middle at which a link passes the side of a frame}.
        columns: the items from left to right, and in each from top to bottom.
        before, after: {item: [(neighbour, height from its middle, height from the item's own middle)]} on both sides.
        weights: {item: how much it resists being moved}.
        centres, routes: the result: {item: (x, y)} and {link: points it passes}.
        cyclic: whether an edge had to run backward.
    """

    def __init__(self):
        self.sizes, self.segments, self.heights = {}, [], {}
        self.columns, self.before, self.after, self.weights = [], {}, {}, {}
        self.centres, self.routes, self.cyclic = {}, {}, False

    def add(self, item, size=(0.0, 0.0)):
        self.sizes[item] = size

    def move(self, dx, dy):
        """Move the result."""
        self.centres = {item: (x + dx, y + dy) for item, (x, y) in self.centres.items()}
        self.routes = {link: [(x + dx, y + dy) for x, y in route] for link, route in self.routes.items()}

    def arrange(self, gap):
        """Fill `centres` and `routes`; returns (width, height)."""
        self._fill_columns()
        self._untangle()
        ys = self._straightened()
        if not ys:
            return 0.0, 0.0
        top = min(y - self.sizes[item][1] / 2 for item, y in ys.items())
        low = max(y + self.sizes[item][1] / 2 for item, y in ys.items())
        self.routes, x = {link: [] for *_, link in self.segments}, 0.0
        for k, column in enumerate(self.columns):
            width = max(self.sizes[item][0] for item in column)
            for item in column:
                own, y = self.sizes[item][0], ys[item] - top
                free = item[0] == "box" and not self.before[item] and self.after[item]
                self.centres[item] = (x + width - own / 2 if free else x + width / 2, y)
                if item[0] == "lane":
                    self.routes[item[1]] += [(x, y), (x + width, y)]
                elif item[0] in ("in", "out"):
                    self.routes[item[1]].append((x, y))
            side = column[0][0] == "in" or k + 1 < len(self.columns) and self.columns[k + 1][0][0] == "out"
            x += width + gap / (1.8 if side else 1)
        return x - gap, low - top

    # ---- which column

    def _fill_columns(self):
        """Put each item into a column behind all that lead to it; longer segments get a lane in each column between."""
        ranks = self._ranks()
        self.before, self.after = {item: [] for item in self.sizes}, {item: [] for item in self.sizes}
        for a, b, into, link in self.segments:
            out = self.heights.get((*a, link), 0.0)
            into = self.heights.get((*b, link), into)
            if ranks[a] >= ranks[b]:
                self.cyclic = True  # drawn, but not arranged
                continue
            chain = [a, *(("lane", link, rank) for rank in range(ranks[a] + 1, ranks[b])), b]
            for rank, lane in enumerate(chain[1:-1], ranks[a] + 1):
                ranks[lane], self.before[lane], self.after[lane] = rank, [], []
                self.add(lane)
            for one, other in zip(chain, chain[1:], strict=False):
                leave, enter = out if one == a else 0.0, into if other == b else 0.0
                self.after[one].append((other, enter, leave))
                self.before[other].append((one, leave, enter))
        filled = {rank: [] for rank in sorted(ranks.values())}
        for item, rank in ranks.items():
            filled[rank].append(item)
        self.columns = list(filled.values())

    def _ranks(self):
        """{item: number of its column}; what nothing leads to stands just before its first use."""
        before, after = {item: [] for item in self.sizes}, {item: [] for item in self.sizes}
        for a, b, *_ in self.segments:
            if a != b:
                before[b].append(a)
                after[a].append(b)
        order = {item: k for k, item in enumerate(_ordered(before, after))}
        ranks = {}
        for item, k in order.items():
            ranks[item] = max((ranks[a] + 1 for a in before[item] if order[a] < k), default=0)
        for item in self.sizes:
            if not before[item] and after[item]:
                ranks[item] = min(ranks[b] for b in after[item]) - 1
        first, last = min(ranks.values(), default=0) - 1, max(ranks.values(), default=0) + 1
        return {item: {"in": first, "out": last}.get(item[0], rank) for item, rank in ranks.items()}

    # ---- in which order

    def _untangle(self):
        """Reorder the columns so that few edges cross: each item goes to the mean place of its neighbours."""
        best, fewest = self.columns, self._crossings()
        place = {item: k / len(column) for column in self.columns for k, item in enumerate(column)}
        for sweep in range(SWEEPS):
            if not fewest:
                break
            forward = sweep % 2 == 0
            columns = []
            for column in self.columns if forward else self.columns[::-1]:
                sides = self.before if forward else self.after
                wishes = {item: self._wish(item, sides[item], place) for item in column}
                columns.append(sorted(column, key=wishes.__getitem__))
                place.update((item, k / len(column)) for k, item in enumerate(columns[-1]))
            self.columns = columns if forward else columns[::-1]
            self._swap(place)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = self.columns, crossings
        self.columns = best

    def _swap(self, place):
        """Exchange neighbours in a column where that saves crossings."""
        for column in self.columns:
            for k in range(len(column) - 1):
                above, below = column[k : k + 2]
                if self._crossed(above, below, place) > self._crossed(below, above, place):
                    column[k : k + 2] = below, above
                    place[above], place[below] = place[below], place[above]

    def _crossed(self, above, below, place):
        """How many edges of two items of a column cross if they stand in this order."""
        total = 0
        for sides in self.before, self.after:
            highs = [(place[other], at) for other, at, _ in sides[above]]
            lows = [(place[other], at) for other, at, _ in sides[below]]
            total += sum(high > low for high in highs for low in lows)
        return total

    def _wish(self, item, neighbours, place):
        """The mean place of the neighbours, each a little higher or lower, as the edge meets it."""
        places = [place[other] + 0.01 * at / (self.sizes[other][1] + 1) for other, at, _ in neighbours]
        return sum(places) / len(places) if places else place[item]

    def _crossings(self):
        """How many pairs of edges cross."""
        total = 0
        for column, following in zip(self.columns, self.columns[1:], strict=False):
            place, seen = {item: k for k, item in enumerate(following)}, []
            for item in column:
                ends = [(place[other], into) for other, into, _ in self.after[item]]
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    # ---- at which height

    def _straightened(self):
        """{item: height of its middle}: near its neighbours, in the order of its column, apart from the next."""
        ys = {}
        for column in self.columns:
            ys.update(zip(column, self._offsets(column), strict=True))
        self.weights = {item: STIFF if item[0] == "lane" else 1.0 if self._follows(item) else LOOSE for item in ys}
        firm = {item: [n for n in sides if self._follows(n[0])] or sides for item, sides in self.before.items()}
        loose = {item: [] if sides else self.after[item] for item, sides in self.before.items()}
        for sweep in range(SWEEPS):
            if sweep % 2:
                self._level(self.columns, ys, firm)
            else:
                self._level(self.columns[::-1], ys, self.after)
        self._level(self.columns, ys, loose)
        return ys

    def _follows(self, item):
        """Whether something leads to the item, if only from outside the frame; leaves can be moved to their first use."""
        return bool(self.before[item]) or item[0] == "in"

    def _level(self, columns, ys, sides):
        """Move the items of each column to the mean height of their neighbours in `sides`, as far as the others let them."""
        for column in columns:
            wishes = []
            for item in column:
                levels = [ys[other] + at - own for other, at, own in sides[item]]
                wishes.append(sum(levels) / len(levels) if levels else ys[item])
            offsets = self._offsets(column)
            free = [wish - offset for wish, offset in zip(wishes, offsets, strict=True)]
            levels = _rising(free, [self.weights[item] for item in column])
            ys.update((item, level + offset) for item, level, offset in zip(column, levels, offsets, strict=True))

    def _offsets(self, column):
        """How far below the first item each stands at least, from middle to middle."""
        offsets = [0.0]
        for above, below in zip(column, column[1:], strict=False):
            solid = {"box", "frame"}.issuperset((above[0], below[0]))
            half = (self.sizes[above][1] + self.sizes[below][1]) / 2
            offsets.append(offsets[-1] + half + (GAP if solid else LANE))
        return offsets


def _ordered(before, after):
    """The items, each behind those that lead to it; a cycle is cut at its first item."""
    waiting = {item: len(others) for item, others in before.items()}
    ready = [item for item, count in waiting.items() if not count][::-1]
    rest, done = iter(before), {}
    while len(done) < len(before):
        item = ready.pop() if ready else next(rest)
        if item in done:
            continue
        done[item] = None
        for other in after[item]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return done


def _rising(wishes, weights):
    """The numbers nearest to the wishes, by weighted squares, that never fall: neighbours that would are pooled."""
    pools = []  # [mean, weight, count]
    for wish, weight in zip(wishes, weights, strict=True):
        pools.append([wish, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, count = pools.pop()
            below = pools[-1]
            below[0] = (below[0] * below[1] + mean * heavy) / (below[1] + heavy)
            below[1] += heavy
            below[2] += count
    return [mean for mean, _, count in pools for _ in range(count)]
