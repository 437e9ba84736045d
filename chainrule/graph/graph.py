"""The graph as plain data: Node, Edge, Step and GraphData. Every view shows these, and nothing here knows the tape."""

from dataclasses import dataclass, field

from ..autograd.arguments import whole_number
from ..autograd.errors import ArgumentError
from ..pages.words import english
from .values import Values

KINDS = english("leaf"), english("constant")  # of nodes without operands
# badges that the words of a step depend on
OUTDATED = english("computed before an operand was changed")
NO_ZERO_GRAD = "no zero_grad?"
CHANGED, PERHAPS_CHANGED = english("changed since it was used"), english("perhaps changed since it was used")

# what Node.note says, or begins with
RECOMPUTED = english("recomputed: your program had freed this array")
GONE = english("not recorded: your program freed this array")


@dataclass(slots=True)
class Node:
    """One value of the graph. All text is plain; each view escapes it.

    Fields:
        id: its place in Graph.nodes; its operands stand before it.
        kind: "operation", "leaf" or "constant".
        operation: the name of the primitive, such as "multiply"; symbol: its short form, such as "*".
        name: what the user or a module calls the value, or None.
        label: what this graph calls it: its name ("#2" and so on behind a name that is taken), a number as it is written,
            or else v1, v2, …
        options: the call's keyword arguments that are not the defaults, as text.
        shape, dtype, device: of the value; dtype is "" for a Python number.
        value: None where it is unknown.
        grad: what `.grad` held when the graph was traced. None: no pass has left one, which is not 0.
        total: the gradient of one backward pass, the sum of the contributions; None where unknown.
        line: the line that made the call, as `file.py:12, in loss`.
        module: the paths of the modules it was computed in, outermost first; for a parameter, those that hold it.
        calls: for each of these modules the number of its call, from 1 on in the order of time; [] for a parameter.
        badges: what a learner should notice, in words, such as "NaN first here".
        source: the line that made the call as it is written, in three parts: before the operator or function name, that, and behind it; []: not known.
        note: where the program had freed the array: that the value was recomputed, or why it is unknown; else "".
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
    calls: list[int]
    badges: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def is_number(self) -> bool:
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
        rule: how the operation turns its gradient g into this operand's contribution, such as "dx = g · y".
        contribution: its value, in the shape of the source; None where it is unknown, and then `note` says why.
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


@dataclass(eq=False, repr=False)
class GraphData:
    """The fields of a Graph, which it describes, without its views (views.py): what each view reads."""

    nodes: list[Node]
    edges: list[Edge]
    order: list[int]
    seed: Values
    ran: bool
    modules: dict[str, str]

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def root(self) -> Node:
        return self.nodes[-1]

    def operands(self) -> list[list[Edge]]:
        """For each node, the edges that lead into it, slot by slot."""
        found: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    def node(self, name: str | int) -> Node:
        """The node of that name, label or id.

        Raises: ArgumentError, naming those that exist, if there is none, or if several have the name.
        """
        if not isinstance(name, str) and whole_number(name) and 0 <= name < len(self.nodes):
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
