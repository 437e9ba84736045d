"""Which boxes a picture shows: `view` draws modules as frames, or as one box each, until at most LIMIT boxes are left."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field

from ...autograd.arguments import whole
from ...autograd.errors import ArgumentError
from ...pages.words import english, t
from ..graph import GraphData
from ..values import number, written
from .calls import adopted, called, module_calls, said
from .loops import with_repeats

LIMIT = 300  # boxes; larger graphs collapse by themselves
BADGES = 3  # of a group that are shown
STUBS = 24  # neighbours of an opened group that are shown one by one


@dataclass(slots=True)
class Box:
    """What is drawn as one box: a node, a group of nodes, or what stands for something drawn elsewhere: a stub, which is
    a neighbour of the group that is shown open, or a copy of a value that stands beside one of its uses.

    Fields:
        members: the ids of its nodes; a node's box has one.
        title, facts: of a group: what it is, and what is known of it, line by line.
        badges: of a group: those of its nodes, each once; of many the first, and how many more there are.
        frame: the place in View.frames of the innermost frame around it, or None.
        focus: for a group, what `view(graph, focus=...)` opens it with; None where nothing does.
        stub, copy: whether it stands for what lies outside, or for a value that has its box in another block.
        result: of a group: the id of the only value in it that is used outside, if it is one.
    """

    members: list[int]
    title: str = ""
    facts: list[str] = field(default_factory=list)
    badges: list[str] = field(default_factory=list)
    frame: int | None = None
    focus: str | None = None
    stub: bool = False
    copy: bool = False
    result: int | None = None

    @property
    def is_group(self):
        return len(self.members) > 1


@dataclass(slots=True)
class Arrow:
    """An edge of the picture, from box to box. One between nodes is one edge of the graph; others stand for several.

    Fields:
        source, target: places in View.boxes.
        edges: the ids of the edges it stands for; flows: whether gradient flows along any.
        slot, slots: which operand it is, and of how many.
        label: the local derivative if that is one number, or how many edges there are; else "".
        later: what a page may write there instead, when the gradient has passed.
    """

    source: int
    target: int
    edges: list[int]
    flows: bool
    slot: int = 0
    slots: int = 1
    label: str = ""
    later: str = ""


@dataclass(slots=True)
class ModuleFrame:
    """A module or repeat that is drawn open.

    Fields:
        path: of the module; title; parent: the place of the frame around it in View.frames, or None.
        focus: what it is called as a box, see Box.
        outer: the frames around it that hold nothing else; they are drawn as one with it.
    """

    path: str
    title: str
    parent: int | None
    focus: str
    outer: list["ModuleFrame"] = field(default_factory=list)


@dataclass(slots=True)
class Crossing:
    """How the boxes of a product of matrices stand, see crossing.py.

    Fields:
        cells: (row, column) of each box.
        inner, rows, columns: of the left matrix the columns and rows, and of the one above it the columns.
    """

    cells: list[tuple[float, int]]
    inner: int
    rows: int
    columns: int


@dataclass(slots=True)
class View:
    """The boxes, arrows and frames of a picture; the caption says what is not shown, and is "" if everything is.
    `opened`: of an opened graph; with `crossing` of a product of matrices."""

    boxes: list[Box]
    arrows: list[Arrow]
    frames: list[ModuleFrame]
    caption: str
    opened: bool = False
    crossing: Crossing | None = None


def view(graph, depth=None, focus=None):
    """The View of a graph, of at most LIMIT boxes.

    depth: how many levels of modules are drawn open, as frames; a module below is one box. None: as many as fit.
    focus: the path of a module, or what Box.focus says of another box: shows what is inside it.
    Where modules do not help, what one source line computed becomes one box, or what one function did; and in the end
    only what is nearest to the result is shown.

    Raises: ArgumentError if `depth` is not a whole number from 0 on, or nothing in the graph belongs to `focus`.
    Example:
        >>> import chainrule as cr
        >>> model = cr.nn.MLP([2, 3, 1])
        >>> graph = cr.trace(model(cr.ones((4, 2))).sum())
        >>> view(graph, depth=0).caption
        '3 of 9 nodes, depth 0'
    """
    return grouping(graph, depth, focus).view()


def grouping(graph, depth=None, focus=None, limit=LIMIT):
    """The Grouping that view() shows, of at most `limit` boxes."""
    depth = whole("draw", "depth", depth, 0, none="as many levels as fit")
    chains = with_repeats(graph, module_calls(graph))
    shown = range(len(graph.nodes)) if focus is None else _inside(graph, chains, focus)
    if focus is not None:
        chains = {i: _below(chains[i], focus) for i in shown}
    keys, caption = _grouped(graph, chains, shown, depth, limit if focus is None else limit - 2 * STUBS)
    return Grouping(graph, chains, keys, caption, graph.operands())


@dataclass(slots=True)
class Grouping:
    """Which nodes of a graph share a box.

    Fields:
        chains: {id: the modules and repeats around a node, outermost first, as (path, number of the call)}.
        keys: {id of each node that is shown: the key of its box}: its id if it has one to itself, the chain that ends
            with a module or repeat that is one box, or what else is one box, in words.
        caption: how it was grouped, in words.
        operands: for each node the edges that lead into it.
    """

    graph: GraphData
    chains: dict
    keys: dict
    caption: str
    operands: list

    def view(self):
        """The View of all that is shown."""
        return _drawn(self, self.chains, self.keys, self.caption)

    def around(self, i):
        """The chain of frames around the box of a node."""
        key = self.keys[i]
        return self.chains[i] if isinstance(key, int) else key[:-1] if isinstance(key, tuple) else ()

    def part(self, ids, folded=(), frames=None):
        """The View of some nodes, with copies of the values that they use from elsewhere.

        folded: chains that are drawn as one box. frames: {id: chain} where a node is drawn elsewhere than it belongs.
        """
        chains, keys = self.chains | (frames or {}), {}
        for i in ids:
            keys[i] = next((chain for chain in folded if chains[i][: len(chain)] == chain), self.keys[i])
        return _drawn(self, chains, keys, "", copies=True)


# ---- which nodes belong together


def _inside(graph, chains, focus):
    """The ids of the nodes of a module, a source line or a function."""
    module = [i for i, chain in chains.items() if any(focus in (call[0], called(*call)) for call in chain)]
    if module:
        return module
    found = [node.id for node in graph.nodes if node.line and focus in (node.line, _function(node.line))]
    if not found:
        known = ", ".join(graph.modules) or "no modules"
        raise ArgumentError(f"draw: nothing in this graph belongs to {focus!r}; it has {known}")
    keys = dict.fromkeys(range(len(graph.nodes))) | dict.fromkeys(found, focus)
    leaves = [i for i, user in adopted(graph, lambda node: node.kind != "operation", keys) if keys[user]]
    return sorted(found + leaves)


def _below(chain, focus):
    """The part of a chain of modules within `focus`."""
    return next((chain[k + 1 :] for k, call in enumerate(chain) if focus in (call[0], called(*call))), ())


def _function(line):
    """`file.py, in loss` of `file.py:12, in loss`: a function, whatever its line."""
    file, _, name = line.partition(", in ")
    return f"{file.rpartition(':')[0]}, in {name}"


# ---- how they are grouped


def _grouped(graph, chains, shown, depth, limit):
    """({node id: key of its box}, how it was grouped, in words); the key of a node that has a box to itself is its id."""
    deepest = max((len(chains[i]) for i in shown), default=0)
    keys = {}
    for level in range(deepest if depth is None else min(depth, deepest), -1, -1):
        keys = {i: chains[i][: level + 1] if len(chains[i]) > level else i for i in shown}
        if len(set(keys.values())) <= limit:
            return keys, t("depth {0}", level)
    for words, name in (t("by source line"), str), (t("by function"), _function):
        named = {i: name(graph.nodes[i].line) if key == i and graph.nodes[i].line else key for i, key in keys.items()}
        for i, user in adopted(graph, lambda node: node.kind != "operation", named):
            if named.get(i) == i and user in named:
                named[i] = named[user]
        if 1 < len(set(named.values())) <= limit:
            return named, words
    near = _nearest(graph, keys, limit - 1)
    return {i: key if key in near else "earlier" for i, key in keys.items()}, t("those nearest to the result")


def _nearest(graph, keys, count):
    """The keys of the boxes that are fewest steps away from the last, and then those that were computed last."""
    operands = {}
    for edge in graph.edges:
        if edge.source in keys and edge.target in keys:
            operands.setdefault(keys[edge.target], []).append(keys[edge.source])
    near, queue = {}, deque([keys[max(keys)]])
    while queue:
        key = queue.popleft()
        if key not in near:
            near[key] = None
            queue.extend(operands.get(key, ()))
    near.update((keys[i], None) for i in sorted(keys, reverse=True) if keys[i] not in near)
    return set(list(near)[:count])


# ---- the boxes, arrows and frames


def _drawn(groups, chains, keys, caption, copies=False):
    """The View, once each node has its key; where not all nodes are shown, with stubs or copies of their neighbours."""
    graph, members = groups.graph, {}
    for i, key in keys.items():
        members.setdefault(key, []).append(i)
    boxes, places, frames, ends = [], {}, {}, {}
    if len(members) < len(keys):
        ends = _ends(graph, keys)
    for key, ids in members.items():
        box = Box(ids) if len(ids) == 1 else _group(graph, key, ids, *ends[key])
        chain = key[:-1] if isinstance(key, tuple) else chains[key] if isinstance(key, int) else ()
        box.frame = _frame(graph, frames, chain)
        places.update(dict.fromkeys(ids, len(boxes)))
        boxes.append(box)
    sources, edges = {}, graph.edges
    if copies:
        edges = [edge for i in keys for edge in groups.operands[i]]
        sources = _copies(edges, boxes, places)
    elif len(keys) < len(graph.nodes):
        _stubs(graph, boxes, places)
    of = t("{0} of {1} nodes", f"{sum(not box.stub for box in boxes):,}", f"{len(keys):,}")
    hidden = any(box.is_group and not box.stub for box in boxes)
    opened, arrows = (
        [frame for _, frame in frames.values()],
        _arrows(graph, edges, boxes, places, sources, groups.operands),
    )
    if copies:
        opened = _merged(opened, boxes)
    return View(boxes, arrows, opened, f"{of}, {caption}" if hidden else "")


def _frame(graph, frames, chain):
    """The place of the innermost of a chain of modules in `frames`, {chain: (place, frame)}; missing ones are added."""
    place = None
    for k in range(1, len(chain) + 1):
        frame = ModuleFrame(chain[k - 1][0], _title(graph, *chain[k - 1]), place, called(*chain[k - 1]))
        place, _ = frames.setdefault(chain[:k], (len(frames), frame))
    return place


def _merged(frames, boxes):
    """The frames without those that hold one other frame and nothing else: they become part of that one."""
    parents = Counter(frame.parent for frame in frames)
    filled = {box.frame for box in boxes}
    gone = {i for i in range(len(frames)) if parents[i] == 1 and i not in filled}
    for frame in frames:
        if frame.parent in gone:
            around = frames[frame.parent]
            frame.outer, frame.parent = [*around.outer, around], around.parent
    places = {i: k for k, i in enumerate(i for i in range(len(frames)) if i not in gone)}
    for box in boxes:
        box.frame = places.get(box.frame)
    for i in places:
        frames[i].parent = places.get(frames[i].parent)
    return [frames[i] for i in places]


def _title(graph, path, number):
    """`layers.0 Linear`; for a model that is called like its class, the class only."""
    kind = graph.modules.get(path, "")
    return said(called(path if kind == path or not kind else f"{path} {kind}", number))


def _ends(graph, keys):
    """{key: (ids of what enters its box, ids of what leaves it)}, each once."""
    ends = {key: ({}, {}) for key in keys.values()}
    for edge in graph.edges:
        source, target = keys.get(edge.source), keys.get(edge.target)
        if source != target:
            if target is not None:
                ends[target][0][edge.source] = None
            if source is not None:
                ends[source][1][edge.source] = None
    if graph.root.id in keys:
        ends[keys[graph.root.id]][1][graph.root.id] = None
    return {key: (list(before), list(behind)) for key, (before, behind) in ends.items()}


def _group(graph, key, ids, inputs, outputs):
    """The Box of several nodes."""
    nodes = [graph.nodes[i] for i in ids]
    operations = sum(node.kind == "operation" for node in nodes)
    if isinstance(key, tuple):
        title, focus = _title(graph, *key[-1]), called(*key[-1])
    elif key == "earlier":
        title, focus = t("{0} earlier values", f"{len(ids):,}"), None
    else:
        title, focus = key, key
    facts = [t("1 operation") if operations == 1 else t("{0} operations", f"{operations:,}")]
    weights = sum(math.prod(node.shape) for node in nodes if node.kind == "leaf")
    if weights and isinstance(key, tuple):
        facts.append(t("1 parameter") if weights == 1 else t("{0} parameters", f"{weights:,}"))
    before, behind = ([graph.nodes[i].shape for i in side] for side in (inputs, outputs))
    if any(before + behind):
        facts.append(f"{_shapes(before)} → {_shapes(behind)}".strip())
    badges = list(dict.fromkeys(badge for node in nodes for badge in node.badges))
    if len(badges) > BADGES:
        badges[BADGES:] = [english("and {0} more", len(badges) - BADGES)]
    return Box(ids, title, facts, badges, focus=focus, result=outputs[0] if len(outputs) == 1 else None)


def _shapes(shapes):
    """Shapes in one line, each once, and no more than two."""
    different = [str(shape) for shape in dict.fromkeys(shapes)]
    return ", ".join(different[:2]) + (", …" if len(different) > 2 else "")


def _stubs(graph, boxes, places):
    """Add the neighbours of what is shown; where there are many, one box for all before, and one for all behind."""
    before = {e.source for e in graph.edges if e.target in places and e.source not in places}
    behind = {e.target for e in graph.edges if e.source in places and e.target not in places}
    for ids in before, behind - before:
        many = f"{len(ids):,}"
        title = t("{0} operands from outside", many) if ids is before else t("{0} uses outside", many)
        ids = sorted(ids)
        if len(ids) > STUBS:
            new = [Box(ids, title=title, stub=True)]
        else:
            new = [Box([i], stub=True) for i in ids]
        for box in new:
            places.update(dict.fromkeys(box.members, len(boxes)))
            boxes.append(box)


def _copies(edges, boxes, places):
    """Add a copy of each value from elsewhere in each frame that uses it: {(id, place of the frame): its place}."""
    sources = {}
    if len(boxes) == 1 and boxes[0].is_group:  # it says itself what enters
        return sources
    for edge in edges:
        if edge.source not in places:
            frame = boxes[places[edge.target]].frame
            if (edge.source, frame) not in sources:
                sources[edge.source, frame] = len(boxes)
                boxes.append(Box([edge.source], frame=frame, copy=True))
    return sources


def arrows(graph):
    """The arrows of a graph in which each node has a box to itself."""
    places = range(len(graph.nodes))
    return _arrows(graph, graph.edges, [Box([i]) for i in places], dict(enumerate(places)), {}, graph.operands())


def _arrows(graph, edges, boxes, places, sources, operands):
    """The arrows between the boxes: those that begin or end at a group are merged, those within a box left out."""
    arrows, merged = [], {}
    for edge in edges:
        source, target = places.get(edge.source), places.get(edge.target)
        if source is None and target is not None:
            source = sources.get((edge.source, boxes[target].frame))
        if source is None or target is None or source == target or boxes[source].stub and boxes[target].stub:
            continue
        one, other = boxes[source], boxes[target]
        if one.is_group or other.is_group or other.stub:
            if (source, target) not in merged:
                merged[source, target] = Arrow(source, target, [], False)
                arrows.append(merged[source, target])
            merged[source, target].edges.append(edge.id)
            merged[source, target].flows |= edge.flows
        else:
            arrows.append(Arrow(source, target, [edge.id], edge.flows, edge.slot, len(operands[edge.target])))
    for arrow in arrows:
        edge = graph.edges[arrow.edges[0]]
        local, part = edge.local, edge.contribution
        if len(arrow.edges) > 1:
            arrow.label = t("{0} edges", f"{len(arrow.edges):,}")
        elif local is not None and local.shape == ():
            arrow.label = f"×\u202f{written(local.items, most=6)}"
            arrow.later = number(part.items) if part is not None and part.shape == () else ""
    return arrows
