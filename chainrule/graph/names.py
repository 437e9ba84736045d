"""What the user and the modules call the values of a graph, and in which modules they were computed."""

from collections import Counter
from collections.abc import Mapping

from ..autograd.errors import ArgumentError
from ..autograd.tensor import Tensor


class Names:
    """Names and modules of recorded nodes, from the user's dict, from the models whose calls are among the nodes, and
    from `variables` {name: value}, which name what has no other name.

    Fields:
        called: {a node, or the id of a constant's array: what the user calls it, else its path in its model}.
        variables: the same for what is in a variable.
        held: {node: its Tensor} for all that have names: their arrays are alive.
        modules: {the path of a module: the name of its class}.
        asked: leaves that are expected in the graph: those of its models, and those in `names` if that is no dict of
            everything, as locals() is.
    """

    def __init__(self, names, nodes, variables=None):
        if not isinstance(names, Mapping | None):
            raise ArgumentError(
                f"trace: names must be a dict of name → Tensor, such as locals(), not {type(names).__name__}"
            )
        names = {str(name): value for name, value in (names or {}).items()}
        variables = {name: value for name, value in (variables or {}).items() if name[:1].isalpha()}
        self.called, self.held, self.modules = _called(names), {}, {}
        self.variables = {key: (name.partition(" = ")[0], False) for key, (name, _) in _called(variables).items()}
        for value in (*names.values(), *variables.values()):
            if isinstance(value, Tensor) and value._node is not None:
                self.held[value._node] = value
        chosen = {v._node for v in names.values()} if all(isinstance(v, Tensor) for v in names.values()) else set()
        self._owners = {}  # a parameter's node -> the paths of the modules that hold it, outermost first
        self._places = {}  # (id of a model, id of a module in it) -> the module's path
        self._chains = {}  # id of a module call -> (path, number) of the calls around it and of itself, outermost first
        calls = _calls(nodes)
        models = {id(module): module for module, around, _ in calls if around is None}.values()  # each once
        for title, model in _titled(models, {**variables, **names}):
            inside = {path for path, _ in model.named_modules()}
            self._explore(model, title, prefix=f"{title}." if len(models) > 1 or title in inside else "")
        self._number(calls)
        self.asked = [node for node in self.held if node.plan is None and (node in chosen or node in self._owners)]

    def of(self, node):
        """What a node is called, or None: the user's name for it comes first, then the tensor's own, a path, a variable."""
        name, is_path = self.called.get(node) or (self.variables.get(node, (None, True))[0], True)
        return node.name or name if is_path else name

    def of_constant(self, array):
        """What a constant array is called, or None."""
        return (self.called.get(id(array)) or self.variables.get(id(array), (None, True)))[0]

    def module(self, node):
        """(the paths of the modules around a node, outermost first; the numbers of their calls). A parameter has no calls."""
        if node in self._owners:
            return self._owners[node], []
        chain = self._chains.get(id(node.scope), ())
        return [path for path, _ in chain], [number for _, number in chain]

    def _explore(self, model, title, prefix):
        """Collect the names of everything in a model. Its own path is `title`, those inside begin with `prefix`."""
        chains = {}  # path inside the model -> the paths of the modules around it, and its own

        def around(path):
            """The chain of the innermost module that holds what is at `path`."""
            while path:
                path = path.rpartition(".")[0]
                if path in chains:
                    return chains[path]
            return []

        for path, module in model.named_modules():
            place = prefix + path if path else title
            self.modules[place] = type(module).__name__
            self._places[id(model), id(module)] = place
            chains[path] = [*around(path), place]
        for path, tensor in model.named_tensors():
            self.called.setdefault(tensor._node or id(tensor._data), (prefix + path, True))
            if tensor._node is not None:
                self._owners.setdefault(tensor._node, around(path))
                self.held[tensor._node] = tensor

    def _number(self, calls):
        """Fill `_chains`: find the path of each call's module, and number the calls of each path from 1 on."""
        models, counts = {}, Counter()  # id of a call -> the outermost module around it; path -> how many calls so far
        for call in calls:
            module, around, _ = call
            models[id(call)] = model = module if around is None else models[id(around)]
            chain = self._chains.get(id(around), [])
            path = self._path(model, module, chain)
            counts[path] += 1
            self._chains[id(call)] = [*chain, (path, counts[path])]

    def _path(self, model, module, chain):
        """The path of a module of a model; one that is not found among its attributes, but was made inside a forward, say,
        gets one behind that of the module around it, the last of the chain."""
        key = id(model), id(module)
        if key not in self._places:
            self._places[key] = path = free(f"{chain[-1][0]}.{type(module).__name__}", self.modules)
            self.modules[path] = type(module).__name__
        return self._places[key]


def _called(names):
    """{node, or id of a constant's array: (name, False)}: all names of a tensor; _private ones give way to others."""
    groups = {}
    for name, value in names.items():
        if isinstance(value, Tensor) and (value._node or not isinstance(value._data, float)):  # equal floats can be one
            groups.setdefault(value._node or id(value._data), []).append(name)
    return {key: (" = ".join([n for n in group if n[:1] != "_"] or group[:1]), False) for key, group in groups.items()}


def _calls(nodes):
    """The module calls in which the nodes were recorded, each once, in the order of time: behind those around it."""
    calls = {}
    for node in nodes:
        call = node.scope
        while call is not None and id(call) not in calls:
            calls[id(call)] = call
            _, call, _ = call
    return sorted(calls.values(), key=lambda call: call[2])


def _titled(models, names):
    """(title, model): the user's name for it, else that of its class, with a number where it is taken."""
    variables = {id(value): name for name, value in names.items()}
    titles = set()
    for model in models:
        title = free(variables.get(id(model), type(model).__name__), titles)
        titles.add(title)
        yield title, model


def free(name, taken):
    """The name, with "#2" and so on behind it where it is taken."""
    count, chosen = 1, name
    while chosen in taken:
        count += 1
        chosen = f"{name}#{count}"
    return chosen
