"""A picture in blocks, like the lines of a text: what is wider than a window goes on in the next block.

No edge leads from block to block. Where a block needs a value from another, a copy of it stands beside its use, and a leaf
that several blocks need has a block to itself. So both ends of an edge and its label are always close to one another.
"""

from dataclasses import dataclass, field
from itertools import combinations, takewhile

from ..lettering import readable, width
from .box import BOLDER, picture_of
from .calls import called, uses
from .columns import Sheet
from .crossing import elements
from .geometry import GAP, Frame, Link
from .layout import lay_out
from .loops import late_order
from .view import LIMIT, View, grouping

WIDE, HIGH = 1060.0, 640.0  # of a block: in a window of 1280 × 800 its text is then at least 9 pixels high
APART = 26.0  # between blocks
FLOW, COLUMNS, LABELS = (
    11.0,
    36.0,
    16.0,
)  # the font size of labels on edges and of titles; room between columns, and beside a label
FOLDED = 600  # boxes in a picture of which most are folded
FOLDABLE = 3  # frames within one block that can be folded one by one


@dataclass(slots=True)
class Block:
    """A part of a picture that is laid out by itself.

    Fields:
        states: {names of the frames that are folded: the View that is drawn then}, first that with none folded. A View
            is None where an earlier block stands for this one too.
    """

    states: dict[tuple[str, ...], View | None]


@dataclass(slots=True)
class Flow:
    """The blocks of a picture in the order of its computation.

    Fields:
        caption: what is not shown.
        folded: the names of the frames that are folded at first; None leaves it to the page.
        units: those that "fold all" folds.
    """

    blocks: list[Block]
    caption: str = ""
    folded: list[str] | None = None
    units: list[str] = field(default_factory=list)


def flow(graph, depth=None, focus=None, folding=False):
    """The Flow of a graph: one Block if it fits into a window, else several.

    depth, focus: what is shown, see view(). With `folding` the picture has a state for each choice of folded frames, and
    `depth` only says which are folded at first.
    """
    opened = elements(graph) if focus is None else None
    if opened:
        return Flow([Block({(): opened})])
    groups = grouping(graph, None if folding else depth, focus, FOLDED if folding else LIMIT)
    whole, sizes = groups.view(), _Sizes(graph)
    if focus is not None or sizes.fits(whole):
        states = _inner(groups, list(groups.keys), {}, ()) if folding and focus is None else {}
        blocks, units = [Block({(): whole} | states)], []
    else:
        cut = _Cut(groups, sizes)
        blocks, units = cut.blocks(folding), cut.units
    if not folding:
        return Flow(blocks, whole.caption)
    if depth is None:
        return Flow(blocks, whole.caption, None, list(units))
    chains = [groups.around(i) for i in groups.keys]
    folded = dict.fromkeys(called(*chain[depth]) for chain in chains if len(chain) > depth)
    return Flow(blocks, whole.caption, list(folded), list(units))


def room(arrow):
    """The room that the label of an Arrow needs between columns."""
    return label_width(arrow) + LABELS if arrow.label else 0.0


def label_width(arrow):
    """How wide the label of an Arrow can become."""
    return max(width(arrow.label, FLOW), width(arrow.later, FLOW))


def rows(sizes, wide=WIDE):
    """Where blocks of those sizes stand, in rows that are not wider than `wide`: [(left, top)], width and height of all.

    Example:
        >>> rows([(40, 10), (40, 20), (40, 10)], wide=110)
        ([(0, 0), (66.0, 0), (0, 46.0)], 106.0, 56.0)
    """
    places, x, y, high, widest = [], 0, 0, 0, 0
    for across, down in sizes:
        if x and across and x + across > wide:
            x, y, high = 0, y + high + APART, 0
        places.append((x, y))
        x, high, widest = x + across + APART * bool(across), max(high, down), max(widest, x + across)
    return places, widest, y + high


class _Sizes:
    """Measures what is not laid out yet."""

    def __init__(self, graph):
        self.graph, self.operands, self.known = graph, graph.operands(), {}

    def of(self, box):
        """(width, height) of a box."""
        key = box.members[0], box.copy
        if box.is_group or key not in self.known:
            picture = picture_of(box, self.graph, self.operands)
            self.known[key] = picture.width, picture.height
        return self.known[key]

    def fits(self, view):
        """Whether a View fits into a block."""
        return self._may_fit(view) and (not view.frames or self._does_fit(view))

    def _does_fit(self, view):
        layout = lay_out(list(map(self.of, view.boxes)), links(view), frames(view), "built-in", COLUMNS)
        return layout.width <= WIDE and layout.height <= HIGH

    def _may_fit(self, view):
        """The same as far as can be told from its columns, of which frames take more."""
        sheet = Sheet()
        for i in range(len(view.boxes)):
            sheet.add(("box", i))
        for k, arrow in enumerate(view.arrows):
            sheet.segments[k] = ("box", arrow.source), ("box", arrow.target), 0.0, arrow.source
            sheet.rooms[k] = room(arrow)
        ranks = sheet.ranks()
        sheet.columns = [[item for item in ranks if ranks[item] == rank] for rank in sorted(set(ranks.values()))]
        columns = [[self.of(view.boxes[i]) for _, i in column] for column in sheet.columns]
        wide = sum(max(across for across, _ in column) for column in columns) + sum(sheet.gaps(COLUMNS)[:-1])
        high = max(sum(down + GAP for _, down in column) for column in columns)
        return wide <= WIDE and high <= HIGH


def links(view):
    """The arrows of a View as the layout needs them."""
    return [Link(a.source, a.target, a.slot, a.slots, room(a)) for a in view.arrows]


def frames(view):
    """The frames of a View as the layout needs them."""
    found = [Frame([], f.parent, sum(map(title_width, [*f.outer, f]))) for f in view.frames]
    for i, box in enumerate(view.boxes):
        if box.frame is not None:
            found[box.frame].members.append(i)
    return found


def title_width(frame):
    """How wide the title of a frame is, with the space behind it."""
    return width(readable(frame.title), FLOW) * BOLDER + 24


# ---- which nodes share a block


class _Cut:
    """Cuts a Grouping that does not fit into blocks.

    Fields:
        members: {key of a box: the ids of its nodes}, of those in which something is computed, in late order.
        given: {id: None} of the leaves and constants that have boxes of their own.
        users: for each node the ids of the operations that use it.
        units: {name: None} of the outermost repeats, or else modules within the model, that the blocks are in.
    """

    def __init__(self, groups, sizes):
        self.groups, self.sizes, self.users = groups, sizes, uses(groups.graph)
        self.members = {}
        for i in late_order(groups.graph):
            self.members.setdefault(groups.keys[i], []).append(i)
        computes = lambda ids: any(groups.graph.nodes[i].kind == "operation" for i in ids)
        self.given = dict.fromkeys(i for ids in self.members.values() if not computes(ids) for i in ids)
        self.members = {key: ids for key, ids in self.members.items() if computes(ids)}
        self.units = {}

    def blocks(self, folding):
        """The Blocks: leaves that several need, one by one, and then those that compute."""
        parts = list(self._parts(list(self.members), 0))
        home = {i: k for k, (ids, _) in enumerate(parts) for i in ids}
        found, cards = [], set()
        for i in self.given:
            if len({home[user] for user in self.users[i]}) > 1:
                found.append(Block({(): self.groups.part([i], frames={i: ()})}))
        for ids, around in parts:
            ids, frames = self._with_given(ids)
            states = {(): self.groups.part(ids, frames=frames)}
            if around:
                repeat = next((call for call in around if call[0] not in self.groups.graph.modules), around[:2][-1])
                self.units[called(*repeat)] = None
            for depth in range(len(around) if folding else 0):
                chain = around[: depth + 1]
                states[(called(*chain[-1]),)] = None if chain in cards else self._card(chain)
                cards.add(chain)
            found.append(Block(states | (_inner(self.groups, ids, frames, around) if folding else {})))
        return found

    def _parts(self, keys, level):
        """(ids of the nodes of a block, the chain of frames around all of it) for some boxes, in their order.

        All boxes stand in the same frames down to `level`. As many neighbours as fit share a block; what is in a frame
        is divided only if it does not fit by itself, and a repeat of a loop shares its block with nothing else.
        """
        units, frames = {}, self.groups.around(self.members[keys[0]][0])[:level]
        for key in keys:
            chain = self.groups.around(self.members[key][0])
            units.setdefault(chain[: level + 1] if len(chain) > level else key, []).append(key)
        block, count = [], 0
        for unit, boxes in units.items():
            ids = [i for key in boxes for i in self.members[key]]
            framed = len(self.groups.around(ids[0])) > level
            repeat = framed and unit[-1][0] not in self.groups.graph.modules
            if block and (repeat or count + framed > FOLDABLE or not self._fit([*block, *ids])):
                yield block, frames
                block, count = [], 0
            if framed and (repeat or not block and not self._fit(ids)):
                yield from [(ids, unit)] if self._fit(ids) else self._parts(boxes, level + 1)
            else:
                block, count = [*block, *ids], count + framed
        if block:
            yield block, frames

    def _fit(self, ids):
        ids, frames = self._with_given(ids)
        return self.sizes.fits(self.groups.part(ids, frames=frames))

    def _with_given(self, ids):
        """(some nodes and the leaves and constants that only these use, {id of such a one: the frames around its uses})"""
        inside, frames = set(ids), {}
        for i in {edge.source for k in ids for edge in self.groups.operands[k]} & self.given.keys():
            if inside.issuperset(self.users[i]):
                chains = [self.groups.around(user) for user in self.users[i]]
                frames[i] = tuple(pair[0] for pair in takewhile(lambda x: len(set(x)) == 1, zip(*chains, strict=False)))
        return sorted([*ids, *frames]), frames

    def _card(self, chain):
        """The View of all that is in a frame as one box."""
        return self.groups.part([i for i in self.groups.keys if self.groups.around(i)[: len(chain)] == chain], [chain])


def _inner(groups, ids, frames, around):
    """{names of folded frames: View} for each choice of the outer ones of the frames within `around`."""
    chains = {}
    for i in ids:
        chain = frames.get(i) or groups.around(i)
        chains.update((chain[:k], None) for k in range(len(around) + 1, len(chain) + 1))
    chosen = sorted(chains, key=len)[:FOLDABLE]
    apart = lambda folded: not any(a != b and b[: len(a)] == a for a in folded for b in folded)
    choices = [c for count in range(1, len(chosen) + 1) for c in combinations(chosen, count) if apart(c)]
    return {tuple(called(*chain[-1]) for chain in c): groups.part(ids, c, frames) for c in choices}
