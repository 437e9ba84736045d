"""The built-in layout: boxes in columns, as Sugiyama and others draw layered graphs. Deterministic, without recursion.

A frame is laid out on its own, and then it is one box of the layout around it: so frames never overlap.
"""

from .columns import LANE, Sheet
from .geometry import PAD, TITLE, Layout, entry

LEVEL = 1.0  # smaller differences in height are not visible
TURN = 36.0  # how far an edge that runs backward goes on before it turns


def nested(sizes, links, frames, gap):
    """A Layout; see lay_out()."""
    plan = _Plan(sizes, links, frames)
    for frame in [*reversed(range(len(frames))), None]:  # the inner ones first: then their sizes are known
        plan.arrange(frame, gap)
    width, height = plan.extents[None]
    if any(sheet.cyclic for sheet in plan.sheets.values()):
        # edges that run backward go around everything: on the right, below and on the left
        plan.sheets[None].move(TURN, 0.0)
        width += 2 * TURN
    corners = plan.corners()
    centres = [plan.centre("box", i, plan.frame_of.get(i), corners) for i in range(len(sizes))]
    curves, parts = [], []
    for i in range(len(links)):
        knots, own = plan.knots(i, centres, corners)
        if knots[0][0] >= knots[-1][0]:
            height += 2 * LANE
            curves.append(_loop(knots[0], knots[-1], height))
            parts.append(0)
        else:
            curves.append(_curve(knots))
            parts.append(3 * own)
    around = [(*corners[i], *plan.extents[i]) for i in range(len(frames))]
    return Layout(width, height, centres, curves, around, parts)


class _Plan:
    """The layouts of all frames, and of the whole, which is the frame None.

    Fields:
        frame_of: {box: the frame around it}, without those that are in none.
        around: for each frame those around it, the whole first, and itself.
        sheets: for each frame what is laid out in it; extents: its size when that is done.
    """

    def __init__(self, sizes, links, frames):
        self.sizes, self.links, self.frames = sizes, links, frames
        self.frame_of = {member: i for i, frame in enumerate(frames) for member in frame.members}
        self.around = {None: (None,)}
        for i, frame in enumerate(frames):
            self.around[i] = (*self.around[frame.parent], i)
        self.sheets, self.extents = {i: Sheet() for i in self.around}, {}
        for i, size in enumerate(sizes):
            self.sheets[self.frame_of.get(i)].add(("box", i), size)
        for i, frame in enumerate(frames):
            self.sheets[frame.parent].add(("frame", i))
        for i in range(len(links)):
            self._cut(i)

    def levels(self, i):
        """(frames that link i leaves, inner ones first; the frame where its ends meet; frames that it enters)"""
        source, target = (self.around[self.frame_of.get(end)] for end in (self.links[i].source, self.links[i].target))
        pairs = zip(source, target, strict=False)
        common = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(source), len(target)))
        return source[common:][::-1], source[common - 1], target[common:]

    def _cut(self, i):
        """Cut link i into one segment for each frame that it leaves or enters, and one where its ends meet."""
        link, source = self.links[i], self.links[i].source
        left, common, entered = self.levels(i)
        height = self.sizes[link.target][1]
        a, b, into = ("box", source), ("box", link.target), entry(-height / 2, height, link.slot, link.slots)
        for frame in left:
            self.sheets[frame].add(("out", source))
            self.sheets[frame].segments[i] = a, ("out", source), 0.0, source
            a = ("frame", frame)
        for frame in reversed(entered):
            self.sheets[frame].add(("in", source))
            self.sheets[frame].segments[i] = ("in", source), b, into, source
            b, into = ("frame", frame), 0.0
        self.sheets[common].segments[i] = a, b, into, source
        self.sheets[common].rooms[i] = link.room

    def arrange(self, frame, gap):
        """Lay out what is in a frame, and tell the frame around it the size, and the heights where links pass."""
        sheet = self.sheets[frame]
        width, height = sheet.arrange(gap)
        if frame is None:
            self.extents[frame] = (width, height)
            return
        sheet.move(PAD, PAD + TITLE)
        self.extents[frame] = extent = (max(width, self.frames[frame].title_width) + 2 * PAD, height + 2 * PAD + TITLE)
        outer = self.sheets[self.frames[frame].parent]
        outer.sizes["frame", frame] = extent
        for item, (_, y) in sheet.centres.items():
            if item[0] in ("in", "out"):
                outer.heights["frame", frame, item[1]] = y - extent[1] / 2

    def centre(self, what, i, frame, corners):
        """The middle of the box or frame i, which stands in `frame`, in the whole."""
        (x, y), (left, top) = self.sheets[frame].centres[what, i], corners[frame]
        return x + left, y + top

    def corners(self):
        """{frame: (left, top)} in the whole."""
        found = {None: (0.0, 0.0)}
        for i, frame in enumerate(self.frames):
            (x, y), (width, height) = self.centre("frame", i, frame.parent, found), self.extents[i]
            found[i] = (x - width / 2, y - height / 2)
        return found

    def knots(self, i, centres, corners):
        """The points that link i passes, from the right side of its source to its entry of its target, as (points, the
        place of the one from which on no other link runs there)."""
        link = self.links[i]
        left, common, entered = self.levels(i)
        passed = []
        for frame in (*left, common, *entered):
            dx, dy = corners[frame]
            passed += [(x + dx, y + dy, shared) for x, y, shared in self.sheets[frame].route(i)]
        (x, y), (far_x, far_y) = centres[link.source], centres[link.target]
        (width, _), (into, height) = self.sizes[link.source], self.sizes[link.target]
        end = (far_x - into / 2, entry(far_y - height / 2, height, link.slot, link.slots))
        last = max((k for k, (*_, shared) in enumerate(passed) if shared), default=-1)
        knots, level, parts = [(x + width / 2, y)], y, 0
        for k, (x, y, _) in enumerate(passed):
            following = passed[k + 1][1] if k + 1 < len(passed) else end[1]
            if abs(level - y) > LEVEL or abs(following - y) > LEVEL or k == last:
                knots.append((x, y))
                level = y
            if k == last:
                parts = len(knots) - 1
        return [*knots, end], parts


def _curve(knots):
    """The Bézier points of a curve that is level at each knot."""
    curve = knots[:1]
    for (ax, ay), (bx, by) in zip(knots, knots[1:], strict=False):
        curve += [((ax + bx) / 2, ay), ((ax + bx) / 2, by), (bx, by)]
    return curve


def _loop(start, end, low):
    """The Bézier points of a curve that goes back to the left, at height `low`."""
    (ax, ay), (bx, by) = start, end
    right, left = [(ax + TURN, ay), (ax + TURN, low), (ax, low)], [(bx - TURN, low), (bx - TURN, by), end]
    return [start, *right, ((2 * ax + bx) / 3, low), ((ax + 2 * bx) / 3, low), (bx, low), *left]
