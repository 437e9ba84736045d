"""Boxes and edges without frames in columns from left to right: in which column, in which order, at which height."""

from bisect import bisect_right, insort
from collections import Counter

from .geometry import GAP

SWEEPS = 8  # through the columns, to untangle edges, and again to straighten them
EFFORT = 24_000  # items that the sweeps may visit: where many long edges pass many columns, fewer sweeps have to do
LANE = 10.0  # between edges that pass a column, and between them and boxes
SOLID = ("box", "frame")  # items that need GAP between them
STIFF, LOOSE = 8.0, 1e-6  # how much an edge that passes a column, and a leaf, resist being moved; other boxes: 1


class Sheet:
    """One layout without frames inside.

    Its items are ("box", i), ("frame", i), and for what comes out of box i ("in", i) and ("out", i) where it passes the
    side of the frame that is laid out, and ("lane", i, column) where it passes a column: the links of one source run
    together until they part.

    Fields:
        sizes: {item: (width, height)}.
        segments: {link: (item, item, height of the entry from the middle of the second, source of the link)}.
        rooms: {link: how far apart its ends must be if their columns are neighbours}.
        heights: {("frame", i, source): the height from its middle at which links pass the side of a frame}.
        columns: the items from left to right, and in each from top to bottom.
        before, after: {item: [(neighbour, height from its middle, height from the item's own middle)]} on both sides.
        weights: {item: how much it resists being moved}.
        paths: {link: the items that it passes}; loads: {item: how many links pass it}.
        centres: the result, {item: (x, y)}.
        cyclic: whether an edge had to run backward.
    """

    def __init__(self):
        self.sizes, self.segments, self.rooms, self.heights = {}, {}, {}, {}
        self.columns, self.before, self.after, self.weights = [], {}, {}, {}
        self.paths, self.loads, self.centres, self.cyclic = {}, Counter(), {}, False

    def add(self, item, size=(0.0, 0.0)):
        self.sizes[item] = size

    def move(self, dx, dy):
        """Move the result."""
        self.centres = {item: (x + dx, y + dy) for item, (x, y) in self.centres.items()}

    def route(self, link):
        """The points that a link passes, as (x, y, whether another link passes it too)."""
        for item in self.paths[link]:
            (x, y), half, shared = self.centres[item], self.sizes[item][0] / 2, self.loads[item] > 1
            if half:
                yield x - half, y, shared
            yield x + half, y, shared

    def arrange(self, gap):
        """Fill `centres`; returns (width, height)."""
        self._fill_columns()
        self._untangle()
        ys = self._straightened()
        if not ys:
            return 0.0, 0.0
        top = min(y - self.sizes[item][1] / 2 for item, y in ys.items())
        low = max(y + self.sizes[item][1] / 2 for item, y in ys.items())
        x, gaps = 0.0, self.gaps(gap)
        for k, column in enumerate(self.columns):
            width = max(self.sizes[item][0] for item in column)
            for item in column:
                own, y = self.sizes[item][0], ys[item] - top
                free = item[0] == "box" and not self.before[item] and self.after[item]
                self.centres[item] = (x + width - own / 2 if free else x + width / 2, y)
                if item[0] == "lane":
                    self.sizes[item] = (width, 0.0)
            side = column[0][0] == "in" or k + 1 < len(self.columns) and self.columns[k + 1][0][0] == "out"
            x += width + gaps[k] / (1.8 if side else 1)
        return x - gaps[-1], low - top

    def gaps(self, least):
        """The room behind each column: at least `least`, and enough for the labels of links to the next."""
        place = {item: k for k, column in enumerate(self.columns) for item in column}
        gaps = [least] * len(self.columns)
        for link, room in self.rooms.items():
            a, b, *_ = self.segments[link]
            if place[b] == place[a] + 1:
                gaps[place[a]] = max(gaps[place[a]], room)
        return gaps

    # ---- which column

    def _fill_columns(self):
        """Put each item into a column behind all that lead to it, and a lane for each source into each column between."""
        ranks, lanes, joined = self.ranks(), {}, set()
        self.before, self.after = {item: [] for item in self.sizes}, {item: [] for item in self.sizes}
        for link, (a, b, into, source) in self.segments.items():
            out, into = self.heights.get((*a, source), 0.0), self.heights.get((*b, source), into)
            run, behind = lanes.setdefault(source, []), ranks[a] + 1
            for rank in range(behind + len(run), ranks[b]):
                lane = ("lane", source, rank)
                self.add(lane)
                ranks[lane], self.before[lane], self.after[lane] = rank, [], []
                self._join(*((run[-1], 0.0) if run else (a, out)), lane, 0.0)
                run.append(lane)
            passed = run[: max(ranks[b] - behind, 0)]
            self.paths[link] = [*[a] * (a[0] == "in"), *passed, *[b] * (b[0] == "out")]
            self.loads.update(self.paths[link])
            last, leave = (passed[-1], 0.0) if passed else (a, out)
            if ranks[a] >= ranks[b]:
                self.cyclic = True  # drawn, but not arranged
            elif (last, b, into) not in joined:  # else another link of the same source runs there
                joined.add((last, b, into))
                self._join(last, leave, b, into)
        filled = {rank: [] for rank in sorted(ranks.values())}
        for item, rank in ranks.items():
            filled[rank].append(item)
        self.columns = list(filled.values())

    def _join(self, one, leave, other, enter):
        """Make two items neighbours; leave, enter: at which heights from their middles."""
        self.after[one].append((other, enter, leave))
        self.before[other].append((one, leave, enter))

    def ranks(self):
        """{item: number of its column}; what nothing leads to stands just before its first use."""
        before, after = {item: [] for item in self.sizes}, {item: [] for item in self.sizes}
        for a, b, *_ in self.segments.values():
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

    def _sweeps(self):
        """How many sweeps to make: an even number, as each to one side needs one to the other."""
        return min(SWEEPS, EFFORT // max(len(self.sizes), 1) // 2 * 2)

    # ---- in which order

    def _untangle(self):
        """Reorder the columns so that few edges cross: each item goes to the mean place of its neighbours."""
        sweeps = self._sweeps()
        best, fewest = self.columns, self._crossings() if sweeps else 0
        place = {item: k / len(column) for column in self.columns for k, item in enumerate(column)}
        for sweep in range(sweeps):
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
            if sweeps == SWEEPS:
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
        columns, ys = [(column, self._offsets(column)) for column in self.columns], {}
        for column, offsets in columns:
            ys.update(zip(column, offsets, strict=True))
        weigh = lambda item: STIFF * self.loads[item] if item[0] == "lane" else 1.0 if self._follows(item) else LOOSE
        self.weights = {item: weigh(item) for item in ys}
        firm = {item: [n for n in sides if self._follows(n[0])] or sides for item, sides in self.before.items()}
        ahead = {item: self._lanes(item, sides) for item, sides in self.after.items()}
        loose = {item: [] if sides else self.after[item] for item, sides in self.before.items()}
        for sweep in range(max(self._sweeps(), 2)):
            if sweep % 2:
                self._level(columns, ys, firm)
            else:
                self._level(columns[::-1], ys, ahead)
        self._level([pair for pair in columns if any(loose[item] for item in pair[0])], ys, loose)
        return self._closed_up(ys)

    def _closed_up(self, ys):
        """The same heights without the bands that are empty from left to right, as between parts that no edge joins."""
        low, up = None, 0.0
        for item in sorted(ys, key=lambda item: ys[item] - self.sizes[item][1] / 2):
            half = self.sizes[item][1] / 2
            if low is not None:
                up += max(ys[item] - half - low - GAP - up, 0.0)
            ys[item] -= up
            low = max(ys[item] + half, ys[item] + half if low is None else low)
        return ys

    def _lanes(self, item, neighbours):
        """Of the neighbours of a lane the one that goes on, if any: where links part, the lane stays level."""
        return item[0] == "lane" and [n for n in neighbours if n[0][0] == "lane"] or neighbours

    def _follows(self, item):
        """Whether something leads to the item, if only from outside the frame; leaves can be moved to their first use."""
        return bool(self.before[item]) or item[0] == "in"

    def _level(self, columns, ys, sides):
        """Move the items of each column to the mean height of their neighbours in `sides`, as far as the others let them.

        columns: (items, how far below the first each stands at least).
        """
        for column, offsets in columns:
            wishes = []
            for item in column:
                levels = [ys[other] + at - own for other, at, own in sides[item]]
                wishes.append(sum(levels) / len(levels) if levels else ys[item])
            free = [wish - offset for wish, offset in zip(wishes, offsets, strict=True)]
            levels = _rising(free, [self.weights[item] for item in column])
            ys.update((item, level + offset) for item, level, offset in zip(column, levels, offsets, strict=True))

    def _offsets(self, column):
        """How far below the first item each stands at least, from middle to middle."""
        offsets = [0.0]
        for above, below in zip(column, column[1:], strict=False):
            solid = above[0] in SOLID and below[0] in SOLID
            half = (self.sizes[above][1] + self.sizes[below][1]) / 2
            offsets.append(offsets[-1] + half + (GAP if solid else LANE))
        return offsets


def spans(count, links):
    """How many columns all links between `count` boxes span together, which is what a layout of them costs."""
    sheet = Sheet()
    for i in range(count):
        sheet.add(("box", i))
    for i, link in enumerate(links):
        sheet.segments[i] = ("box", link.source), ("box", link.target), 0.0, link.source
    ranks = sheet.ranks()
    return sum(max(ranks[b] - ranks[a], 0) for a, b, *_ in sheet.segments.values())


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
