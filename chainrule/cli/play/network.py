"""A network of the playground: its Python program, and that program recorded, so that the page can train it without Python.

The program is written first, run, and its step recorded by what cr.jit uses: the page goes through the same instructions.
"""

import contextlib
import inspect
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cache

import numpy as np

from ... import nn
from ...autograd import random
from ...autograd.arguments import choose
from ...autograd.errors import ArgumentError
from ...autograd.tensor import Tensor
from ...backends.passes import planned
from ...graph import trace
from ...graph.page import page as graph_page
from ...graph.page.live import Writer, functions
from ...jit.reach import Reach
from ...jit.record import record
from ...nn.activations import ACTIVATIONS
from ...nn.init import INITIALIZERS
from ...nn.mlp import RECTIFIERS
from ...optim import OPTIMIZERS
from ...pages.html import assembled, asset
from ...pages.words import language, t
from .points import DATA

SIZES = 6, 16  # layers, and neurons in one, at most
POINTS = 600  # at most
ORDER = 1000  # batches that are drawn beforehand
GRID, EDGE = 32, 1.6  # points along each side of the map, and how far it goes
OPTIONS = {
    "data": [*DATA, "own"],
    "activation": [a for a in ACTIVATIONS if a not in ("softmax", "step")],
    "init": ["by activation", *INITIALIZERS],
    # one step of these is not like another: L-BFGS looks around, and RAdam goes another way after a few steps
    "optimizer": [o for o in OPTIMIZERS if o not in ("lbfgs", "radam")],
}


@dataclass
class Settings:
    """What a network is made of, and learns.

    Fields:
        layers: the number of neurons of each hidden layer. own: points [x1, x2, y] in place of a data set.
        noise: the standard deviation that is added to the points; points: how many; train: the share that is learned from.
        dropout, l1, l2: regularisation. rate: the learning rate. seed: of points, weights and batches.
    """

    data: str = "moons"
    noise: float = 0.1
    points: int = 300
    train: float = 0.5
    layers: list[int] = field(default_factory=lambda: [6, 4])
    activation: str = "tanh"
    init: str = "by activation"
    optimizer: str = "adam"
    rate: float = 0.03
    batch: int = 16
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    seed: int = 0
    own: list = field(default_factory=list)

    def __post_init__(self):
        for name, known in OPTIONS.items():
            choose(name, getattr(self, name), dict.fromkeys(known))
        if len(self.layers) > SIZES[0] or not all(isinstance(n, int) and 1 <= n <= SIZES[1] for n in self.layers):
            raise ArgumentError(t("layers: at most {0}, of 1 to {1} neurons each, not {2}", *SIZES, self.layers))
        limits = dict(
            noise=(0, 1), points=(20, POINTS), train=(0.1, 0.9), batch=(1, 128), dropout=(0, 0.8), l1=(0, 1), l2=(0, 1)
        )
        for name, (low, high) in (limits | dict(rate=(1e-6, 100), seed=(0, 2**31))).items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value <= high:
                raise ArgumentError(t("{0} must be from {1} to {2}, not {3}", name, low, high, repr(value)))
        self.points, self.batch, self.seed = int(self.points), int(self.batch), int(self.seed)
        if self.data == "own":
            self.own = [[float(x) for x in row] for row in self.own]
            if not 4 <= len(self.own) <= POINTS or any(len(row) != 3 or not np.isfinite(row).all() for row in self.own):
                raise ArgumentError(
                    t("own points: 4 to {0} rows of three numbers, x1, x2 and y; {1} were given", POINTS, len(self.own))
                )

    @property
    def is_regression(self):
        return self.data == "regression" or (self.data == "own" and any(y not in (0, 1) for *_, y in self.own))


def source(s):
    """The Python program that learns what these Settings say."""
    if s.data == "own":
        given = f"points = np.array({json.dumps(s.own)})\nx, y = points[:, :2], points[:, 2:]\n"
    else:
        given = f"{inspect.getsource(DATA[s.data])}\n\nx, y = {s.data}({s.points}, noise={s.noise}, seed={s.seed})\n"
    init = ("he_normal" if s.activation in RECTIFIERS else "xavier_normal") if s.init == "by activation" else s.init
    layers, before = [], 2
    for n in s.layers:
        layers.append(f'    cr.nn.Linear({before}, {n}, init="{init}"), cr.nn.activation("{s.activation}"),')
        layers[-1] += f" cr.nn.Dropout({s.dropout})," * (s.dropout > 0)
        before = n
    layers.append(f'    cr.nn.Linear({before}, 1, init="xavier_normal"),')
    penalties = "".join(
        f" + {size} * cr.optim.{name}_penalty(model.parameters())"
        for name, size in (("l1", s.l1), ("l2", s.l2))
        if size
    )
    loss = "mse" if s.is_regression else "bce_with_logits"
    made = OPTIMIZERS[s.optimizer].__name__
    lines = [
        "import numpy as np",
        "import chainrule as cr",
        "",
        given,
        'x, y = cr.tensor(x, "float32"), cr.tensor(y, "float32")',
        f"train = {s.train:g}  # the share that is learned from; the others tell how good it is on new points",
        "n = round(train * len(x))",
        "",
        f"cr.random.seed({s.seed})",
        "model = cr.nn.Sequential(",
        *layers,
        ")",
        f"optimizer = cr.optim.{made}(model.parameters(), lr={s.rate:g})",
        "",
        "",
        "def step(x, y):",
        "    optimizer.zero_grad()",
        f"    loss = cr.nn.{loss}(model(x), y){penalties}",
        "    loss.backward()",
        "    optimizer.step()",
        "    return loss",
        "",
        "",
        f"# the examples of each batch, drawn at random\norder = np.random.default_rng({s.seed}).integers(0, n, ({ORDER}, {s.batch}))",
        "",
        'if __name__ == "__main__":',
        "    model.train()",
        "    for rows in order:",
        "        step(x[rows], y[rows])",
        "    model.eval()",
        f'    print("loss on new points:", cr.nn.{loss}(model(x[n:]), y[n:]).item())',
        "",
    ]
    return "\n".join(lines)


def made(settings):
    """What the page needs to train a network: programs as plain data, and what they begin with. `settings` by name.

    x, y: the points, the first `n` of which are learned from; order: the examples of each batch. step: the program of a step;
    look: that of all losses, scores and layers' outputs, on a grid. Of both, `given` and so on say what goes in and comes out, see
    _Recorded. parameters: [name, shape, where it begins in the buffer of all].

    Raises: ArgumentError if a setting is unknown or out of range.
    """
    if unknown := set(settings) - {f.name for f in fields(Settings)}:
        raise ArgumentError(f"the network has no setting {sorted(unknown)[0]!r}")
    s = Settings(**settings)
    text, names, buffer = _built(s)
    model, x, y, order = (names[name] for name in ("model", "x", "y", "order"))
    model.train()
    step = _Recorded(names["step"], buffer, x[order[0]], y[order[0]])
    model.eval()
    look = _Recorded(_look(model, s), buffer, x, y, _grid())
    return {
        "settings": asdict(s) | {"points": len(x)},
        "options": OPTIONS,
        "source": text,
        "x": x.tolist(),
        "y": y.reshape(-1).tolist(),
        "n": names["n"],
        "order": order.tolist(),
        "regression": s.is_regression,
        "start": buffer.values.tolist(),
        "step": step.data | {"gradients": step.gradients(model)},
        "look": look.data,
        "parameters": _places(model),
        "edge": EDGE,
    }


def _built(s):
    """(the program, its names after it was run but for its loop, the flat buffer of its parameters)."""
    text, names = source(s), {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), names)
    (buffer,) = Reach(names["step"]).flats
    return text, names, buffer


def _look(model, s):
    """A function of points and a grid: the losses and the scores of the points, and on the grid the outputs of the activations
    and the score."""

    def look(x, y, grid):
        score = model(x)
        each = (score - y) ** 2 if s.is_regression else nn.bce_with_logits(score, y, reduction="none")
        outputs = []
        for layer in model:
            grid = layer(grid)
            if not isinstance(layer, (nn.Linear, nn.Dropout)):
                outputs.append(grid)
        return each, score, *outputs, grid

    return look


def _grid():
    """The points of the map, row by row from the top left."""
    ticks = np.linspace(-EDGE, EDGE, GRID)
    across, down = np.meshgrid(ticks, -ticks)
    return Tensor(np.stack([across.ravel(), down.ravel()], axis=1).astype("float32"))


class _Undone(Exception):
    """Raised in a recording, so that all it has changed is as before."""


def _recorded(function, args):
    found = []

    def keep(recorded):
        found.append(recorded)
        raise _Undone

    with contextlib.suppress(_Undone):
        record(function, args, {}, Reach(function), keep)
    return found[0]


class _Recorded:
    """A call of functions of tensors, recorded and written as plain data.

    Fields:
        data: as `live` writes it. given: {"argument 0", "rate", "count", "counter": number of the input}; values: {number of an input:
            what it is at first}; begins: {number of an input: where it lies in the parameters}; drawn: how many random words a
            call draws; stores: [number of an input, number of what it is for the next call]; returned: numbers of results.
    """

    def __init__(self, function, buffer, *args):
        _, counter = random.get_state()
        self.recorded = recorded = _recorded(function, args)
        self.program = program = planned(recorded.program)
        roles = {}
        for made in program.inputs:
            kind, *found = recorded.sources.get(made, ("state", len(roles)))
            roles[made] = (
                f"{kind} {found[0][1]}" if kind == "argument" else f"{kind} {found[0]}" if kind == "state" else kind
            )
        empty = lambda made: recorded.state.get(made, np.zeros(made.shape or (), made.dtype or float))
        writer = Writer(program._replace(kept={}), [(role, made, empty(made)) for made, role in roles.items()])
        self.numbers = n = writer.numbers
        first = buffer.values.ctypes.data
        inside = {
            m: (a.ctypes.data - first) // a.itemsize
            for m, a in recorded.state.items()
            if np.shares_memory(a, buffer.values)
        }
        self.data = writer.data | {
            "arrays": {k: v for k, v in writer.data["arrays"].items() if k not in {n[made] for made in roles}},
            "given": {role: n[made] for made, role in roles.items()},
            "values": {n[m]: a.ravel().tolist() for m, a in recorded.state.items() if m not in inside and m in roles},
            "begins": {n[m]: place for m, place in inside.items() if m in roles},
            "counter": counter,
            "drawn": sum(words for *_, words in recorded.effects.draws),
            "stores": [[n[a], n[b]] for a, b in program.stores],
            "returned": [n[made] for made in program.results],
        }

    def gradients(self, model):
        """The number of the gradient of each parameter."""
        keys = [self.recorded.effects.gradients[p._node] for _, p in model.named_parameters()]
        return [self.numbers[self.program.kept[key]] for key in keys]


def _places(model):
    place, found = 0, []
    for name, p in model.named_parameters():
        found.append([name, list(p.shape), place])
        place += p.size
    return found


def example(settings, weights, point):
    """The graph of one example's loss, with these weights: all of them, in a row.

    page: that of the graph; outputs: the ids of the nodes that the network's picture has as layers, the points first; weights: those of the
    matrices between them.
    """
    s = Settings(**settings)
    _, names, buffer = _built(s)
    weights = np.asarray(weights, "float32")
    if weights.shape != buffer.values.shape or not 0 <= point < len(names["x"]):
        raise ArgumentError(
            f"the network has {buffer.values.size} weights; {weights.size} were given, with point {point}"
        )
    buffer.values[:] = weights
    model = names["model"].eval()
    x, y = names["x"][point : point + 1], names["y"][point : point + 1]
    score = model(x)
    loss = (nn.mse if s.is_regression else nn.bce_with_logits)(score, y)
    graph = trace(loss, names={"x": x, "y": y, "score": score, "loss": loss, "model": model})
    weights = [node.id for node in graph.nodes if node.label.endswith(".weight")]
    products = [edges for edges in graph.operands() if {edge.source for edge in edges} & {*weights}]
    return {
        "page": graph_page(graph),
        "outputs": [edges[0].source for edges in products] + [products[-1][0].target],
        "weights": weights,
    }


def shell(static=False):
    """The network's page. A static one trains the network of the default settings, and needs no server."""
    return _shell(static, language())


@cache
def _shell(static, in_language):
    begins = made({}) | {"alone": static}
    return assembled(
        asset(__package__, "network.html"),
        style=asset(__package__, "network.css"),
        script=functions()
        + asset("chainrule.graph.page", "arrays.js", "replay.js")
        + asset(__package__, "trainer.js", "drawing.js", "network.js"),
        data=begins,
        title=t("chainrule: a network that trains in the page"),
        inside=(example({}, begins["start"], 0)["page"],),
    )
