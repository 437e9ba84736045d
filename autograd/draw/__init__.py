"""Pictures of the recorded graph: `draw`. Only reads the tape."""

import shutil
from functools import cached_property
from pathlib import Path

from ..errors import ArgumentError
from .capture import capture
from .dot import layout, source
from .listing import listing

__all__ = ["Drawing", "draw"]

FORMS = ("dot", "svg", "png", "pdf")
INLINE = 500  # graphs of more boxes are not laid out in a notebook


def draw(x, names=None):
    """The graph that computed `x`, as a picture: operations, names, shapes, values and gradients as they are now.

    Each value is one box, each operand one edge: `x * x` has two. Operands without gradient are dashed. A gradient that
    no backward pass has left is shown as "—". A red frame marks a value or gradient with a nan or an infinity in it.
    Names come from `names`, a dict of name → Tensor such as `locals()`, and from each Tensor's own `name`.

    Raises: GraphError if `x` has no graph; ArgumentError if `x` is not a Tensor or `names` is not a dict.
    Example:
        >>> import chainrule as cr
        >>> x = cr.Value(3.0)
        >>> y = x * x + 1
        >>> y.backward()
        >>> print(cr.draw(y, names={"x": x, "y": y}))
        x   leaf              3   grad 6
        v1  multiply(x, x)    9   grad 1
        y   add(v1, 1)        10  grad 1
    """
    return Drawing(capture(x, names))


class Drawing:
    """A graph as it was when `draw` was called. Shown as a picture in a notebook, and as a list of values by `print`.

    Fields:
        boxes: the values in the order they were computed, as data (capture.py).
        source: the picture in graphviz's DOT language.
    """

    def __init__(self, boxes):
        self.boxes = boxes

    @cached_property
    def source(self):
        return source(self.boxes)

    def save(self, path):
        """Write the picture to `path`, whose suffix says how: .dot, .svg, .png or .pdf. Returns the path.

        All but .dot need the `dot` program of Graphviz.

        Raises: ArgumentError if the suffix is another; GraphError if `dot` is missing. Nothing is written then.
        """
        path = Path(path)
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMS:
            known = ", ".join(f".{f}" for f in FORMS)
            raise ArgumentError(f"draw: cannot tell the format from {path.name!r}: end the name in one of {known}")
        path.write_bytes(self.source.encode() if form == "dot" else layout(self.source, form))
        return path

    render = save

    def __str__(self):
        return listing(self.boxes)

    def __repr__(self):
        return f"<Drawing of {len(self.boxes)} values: print it, or .save('graph.svg')>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """What a notebook shows: SVG that shrinks to fit, where `dot` is installed; else text. Never raises."""
        bundle = {"text/plain": listing(self.boxes, limit=60)}
        if len(self.boxes) <= INLINE and shutil.which("dot"):
            try:
                svg = layout(self.source, "svg").decode()
            except Exception:  # a notebook that shows text is better than one that shows a traceback
                return bundle
            fitted = svg.replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)
            bundle["image/svg+xml"] = fitted[fitted.index("<svg ") :]
        return bundle
