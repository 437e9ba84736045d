"""An operation opened into its numbers: arrays as frames around their elements, operands on the left, the result beside them.

A product of matrices is drawn as one multiplies by hand: A on the left, B above, A @ B where they cross. What leads to an
element of the result runs along its row and down its column, between the boxes.
"""

from math import dist

from ..lettering import readable
from .box import brief_picture, node_picture
from .geometry import GAP, PAD, TITLE, Layout, entry
from .view import Box, Crossing, ModuleFrame, View, arrows

ACROSS, DOWN = 32.0, 44.0  # between neighbouring boxes: room for edges, and for a label on one
BETWEEN = 2 * PAD  # more, between tables that stand side by side
UNDER = 18.0  # the room of a table below its last row
FREE = 14.0  # between tables that stand above one another
ABOVE, BELOW = (
    14.0,
    20.0,
)  # how far from the boxes edges run along their rows: those to the result, and those to the rest
BESIDE = (8.0, 16.0, 24.0)  # how far from the boxes edges run down to the result: from the left, from above, from below
ENTRIES = (0.3, 0.6, 0.85)  # where they enter it, in parts of its height
ROUND = 7.0  # the corners of edges
COLUMN = 60.0  # between columns
LONG = 14  # letters of a name, or of a call
MOST = 32  # elements of an array


def elements(graph):
    """The View of an opened graph: its arrays as frames around their elements; None for another graph, or a large one."""
    opened = getattr(graph, "opened", None)
    if opened is None or max(len(table.ids) for table in opened.tables) > MOST:
        return None
    frames, around = [], {}
    for table in opened.tables:
        if table.ids[0] not in around:  # the same array may be two operands
            around |= dict.fromkeys(table.ids, len(frames))
            frames.append(ModuleFrame(table.label, _title(opened, table), None, table.label))
    boxes = [Box([node.id], frame=around.get(node.id)) for node in graph.nodes]
    return View(boxes, arrows(graph), frames, "", opened=True, crossing=_crossing(graph, opened))


def _title(opened, table):
    """`A (2, 3)`, and of the result how it was made, if that is short."""
    made = f" = {opened.call}" if table is opened.tables[-1] and len(opened.call) <= LONG else ""
    return readable(f"{table.label}{made} {table.shape or ''}".strip())


def _crossing(graph, opened):
    """How the nodes of a product of matrices or vectors stand; None for another operation."""
    left, above, *added = opened.tables[:-1] if opened.operation in ("matmul", "affine") else (None, None)
    ranks = [len(table.shape) for table in opened.tables]
    if left is None or max(ranks) > 2 or any(len(table.shape) > 1 for table in added):
        return None
    inner = left.shape[-1]
    rows, columns = len(left.ids) // inner, len(above.ids) // inner
    cells = {}
    corners = [(inner, 0, inner), (0, inner, columns), *[(inner + rows, inner, columns)] * len(added)]
    corners.append((inner, inner, columns))
    for table, (row, column, width) in zip(opened.tables, corners, strict=True):
        for k, i in enumerate(table.ids):
            cells.setdefault(i, (row + k // width, column + k % width))
    if len(graph.nodes) > len(cells):
        cells[graph.root.id] = inner + (rows - 1) / 2, inner + columns
    return Crossing([cells[i] for i in range(len(graph.nodes))], inner, rows, columns)


def pictures_of(shown, graph):
    """The Pictures of the boxes of such a View: its elements are all as wide as the widest."""
    picture = lambda node, least=0.0: brief_picture(node, _short(node), least)
    nodes = [graph.nodes[box.members[0]] for box in shown.boxes]
    widest = max(picture(node).width for node in nodes if node.operation != "rest")
    return [node_picture(node, ()) if node.operation == "rest" else picture(node, widest) for node in nodes]


def _short(node):
    """The name of an element, of a long one such as layers.0.weight[0, 1] the last part: the frame has all of it."""
    name = readable(node.name or node.label, 200)
    return name if len(name) <= LONG else readable(name.rpartition(".")[2], 24)


def columns(sizes, links, frames):
    """The Layout of the View of another operation: its operands below one another, the result beside them, in the order of
    their elements, and then the rest."""
    gap = 2 * PAD + max([COLUMN, *(link.room for link in links)])
    tall = lambda frame: PAD + TITLE + sum(sizes[i][1] + GAP for i in frame.members) - GAP + UNDER
    stacks, widest = [frames[:-1], frames[-1:]], max(sizes[i][0] for frame in frames for i in frame.members)
    whole = max(sum(map(tall, stack)) + FREE * (len(stack) - 1) for stack in stacks)
    centres, around, left = {}, [], PAD
    for stack in stacks:
        top = (whole - sum(map(tall, stack)) - FREE * (len(stack) - 1)) / 2
        for frame in stack:
            y = top + PAD + TITLE
            for i in frame.members:
                centres[i] = left + widest / 2, y + sizes[i][1] / 2
                y += sizes[i][1] + GAP
            around.append((left - PAD, top, max(widest, frame.title_width) + 2 * PAD, tall(frame)))
            top += tall(frame) + FREE
        left += max([widest, *(frame.title_width for frame in stack)]) + gap
    rest = len(sizes) - 1
    wide, high = (left - gap + PAD, whole) if rest in centres else (left + sizes[rest][0], max(whole, sizes[rest][1]))
    centres.setdefault(rest, (left + sizes[rest][0] / 2, whole / 2))
    past = any(_passes(link, frames) for link in links)
    curves = [_beside(link, centres, sizes, frames, whole + FREE) for link in links]
    return Layout(
        wide, high + 2 * FREE * past, [centres[i] for i in range(len(sizes))], curves, around, [0] * len(links)
    )


def _passes(link, frames):
    """Whether a link leads from an operand to the rest of the graph."""
    return not any(link.target in frame.members for frame in frames) and link.source not in frames[-1].members


def _beside(link, centres, sizes, frames, low):
    """The curve of a link to the next column, or below all to the one after it."""
    (x, y), (to_x, to_y) = centres[link.source], centres[link.target]
    (wide, _), (to_wide, high) = sizes[link.source], sizes[link.target]
    start, end = (x + wide / 2, y), (to_x - to_wide / 2, entry(to_y - high / 2, high, link.slot, link.slots))
    if not _passes(link, frames):
        middle = (start[0] + end[0]) / 2
        return [start, (middle, start[1]), (middle, end[1]), end]
    out, back = start[0] + PAD + 4, end[0] - 2 * PAD
    return _rounded([start, (out, start[1]), (out, low), (back, low), (back, end[1]), end])


def cross(shown, sizes, frames):
    """The Layout of the View of a product of matrices, with boxes of these sizes; `frames` as lay_out() takes them."""
    cells, inner = shown.crossing.cells, shown.crossing.inner
    last = inner + shown.crossing.columns  # the column of the rest
    wide, high = {}, {}
    for (row, column), (w, h) in zip(cells, sizes, strict=True):
        wide[column] = max(wide.get(column, 0.0), w)
        if column != last:
            high[row] = max(high.get(row, 0.0), h)
    beside = lambda a, b: ACROSS + BETWEEN * ((a < inner) != (b < inner) or b == last)
    above = lambda a, b: UNDER + FREE + TITLE + PAD if group(a, shown) != group(b, shown) else DOWN
    own = sum(wide[k] for k in range(inner)) + ACROSS * (inner - 1)
    lefts = _starts(wide, beside, PAD + max(frames[0].title_width - own, 0.0))
    tops = _starts(high, above, PAD + TITLE)
    centres = []
    for (row, column), (_, h) in zip(cells, sizes, strict=True):
        y = tops[row] + high[row] / 2 if column != last else _middle(tops, high, inner, shown.crossing.rows)
        centres.append((lefts[column] + wide[column] / 2, max(y, h / 2)))
    corners = [(x - w / 2, y - h / 2, w, h) for (x, y), (w, h) in zip(centres, sizes, strict=True)]
    around = [
        _around([corners[i] for i in frame.members], frame.title_width, to_left=k == 0)
        for k, frame in enumerate(frames)
    ]
    curves = [_rounded(_route(arrow, cells, corners, lefts, last, inner)) for arrow in shown.arrows]
    everything = [*corners, *around]
    width, height = max(x + w for x, _, w, _ in everything), max(y + h for _, y, _, h in everything)
    return Layout(width, height, centres, curves, around, [0] * len(curves))


def group(row, shown):
    """Which tables stand in a row: 0 for that above, 1 for those side by side, 2 for what is below."""
    return (row >= shown.crossing.inner) + (row >= shown.crossing.inner + shown.crossing.rows)


def _starts(lengths, gap, start):
    """{column: where it begins}"""
    found, before = {}, None
    for k in sorted(lengths):
        start += gap(before, k) if before is not None else 0.0
        found[k] = start
        start, before = start + lengths[k], k
    return found


def _middle(tops, high, first, count):
    return (tops[first] + tops[first + count - 1] + high[first + count - 1]) / 2


def _around(boxes, title, to_left):
    """(left, top, width, height) of the frame around boxes. For its title it grows to the left, or to the right."""
    left, top = min(x for x, *_ in boxes) - PAD, min(y for _, y, *_ in boxes) - PAD - TITLE
    across, down = max(x + w for x, _, w, _ in boxes) + PAD - left, max(y + h for _, y, _, h in boxes) + UNDER - top
    more = max(title + 2 * PAD - across, 0.0)
    return left - more * to_left, top, across + more, down


def _route(arrow, cells, corners, lefts, last, inner):
    """The corners of an edge: along the row that it begins in and down to the row that it ends in."""
    (x, y, wide, high), (to_x, to_y, _, to_high) = corners[arrow.source], corners[arrow.target]
    (row, column), (to_row, to_column) = cells[arrow.source], cells[arrow.target]
    if to_column == last:
        turn, lane, end = lefts[last] - ACROSS / 2, y + high + BELOW, to_y + to_high / 2
        return [(x + wide - ROUND, y + high), (x + wide - ROUND, lane), (turn, lane), (turn, end), (to_x, end)]
    side = 0 if row == to_row else 1 if row < to_row or column < inner else 2
    turn, end = lefts[to_column] - BESIDE[side], to_y + to_high * ENTRIES[side]
    if column < inner:
        return [(x + wide / 2, y), (x + wide / 2, y - ABOVE), (turn, y - ABOVE), (turn, end), (to_x, end)]
    return [(x, y + high / 2), (turn, y + high / 2), (turn, end), (to_x, end)]


def _rounded(points):
    """The Bézier points of a line with round corners."""
    curve = points[:1]
    for before, corner, behind in zip(points, points[1:], points[2:], strict=False):
        curve += _straight(curve[-1], _toward(corner, before))
        curve += [corner, corner, _toward(corner, behind)]
    return curve + _straight(curve[-1], points[-1])


def _straight(a, b):
    return [a, b, b]


def _toward(a, b):
    """The point at the distance ROUND from a, or half way to b."""
    part = min(ROUND / (dist(a, b) or 1.0), 0.5)
    return tuple(p + (q - p) * part for p, q in zip(a, b, strict=True))
