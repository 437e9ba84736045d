"""A graph as a Python program that computes it: each number that the graph begins with, each call, and the backward pass."""

import importlib
import keyword
import re

import numpy as np

from ...autograd.errors import GraphError
from ...pages.words import english
from ..again import array_of, sources
from ..calls import Given, Place

MOST = 5000  # numbers that a program may have
_SIGNS = {"+", "-", "*", "/", "**", "//", "%", "@", "==", "!=", "<", "<=", ">", ">=", "&", "|", "~"}
_OURS = {"cr", "np", "print", "float", "slice"}


def program(graph):
    """The program as text.

    Raises: GraphError, saying why, if it cannot be written.
    Example:
        >>> import chainrule as cr
        >>> x, w = cr.Value(2.0, "x"), cr.Value(-3.0, "w")
        >>> print(program(cr.trace(cr.tanh(w * x))))
        import chainrule as cr
        <BLANKLINE>
        w = cr.Value(-3.0, "w")
        x = cr.Value(2.0, "x")
        <BLANKLINE>
        v1 = w * x
        v2 = cr.tanh(v1)
        v2.backward()
        print(v2.item(), w.grad, x.grad)
        <BLANKLINE>
        cr.trace(v2).show()  # this graph, step by step
    """
    return "".join(part if isinstance(part, str) else written(part[1].tolist()) for part in pieces(graph))


def pieces(graph):
    """The program in pieces: text, and where the numbers of a node belong (its id, its array)."""
    if not getattr(graph, "calls", None):
        raise GraphError(english("this graph was read or opened, so its calls are not known"))
    return _Program(graph).pieces()


def written(x):
    """Numbers as Python source; nan and the infinities have no literal."""
    if isinstance(x, list):
        return f"[{', '.join(map(written, x))}]"
    return repr(x) if not isinstance(x, float) or np.isfinite(x) else f'float("{x}")'


class _Program:
    def __init__(self, graph):
        self.graph, self.names, self.imports, self.given, self.calls = graph, [], {}, [], []
        self.taken, self.numbers = {*_OURS, *keyword.kwlist}, 0
        self.leaves = []
        places = sources(graph.calls, graph.operands())
        made = iter([node for node in graph.nodes if node.kind == "operation"])
        for place, entry in enumerate(graph.calls):
            if isinstance(entry, Given):
                self._begins(graph.nodes[places[place]], entry)
            else:
                node = next(made)
                call = self._call(entry)
                self.names.append(self._variable(node.label))
                self.calls.append(f"{self.names[-1]} = {call}\n")

    def pieces(self):
        root, leaves = self.names[-1], self.leaves
        shape = self.graph.root.shape
        seed = "" if not shape else f"cr.ones({shape!r}, {self.graph.root.dtype!r})"
        begin = "".join(f"from {module} import {name}\n" for name, module in sorted(self.imports.items()))
        shown = [f"{root}.item()" if not shape else f"{root}.numpy()", *(f"{name}.grad" for name in leaves)]
        numpy = "import numpy as np\n" if any("np." in call for call in self.calls) else ""
        end = (
            f"{root}.backward({seed})\nprint({', '.join(shown)})\n\ncr.trace({root}).show()  # this graph, step by step"
        )
        return [f"{numpy}import chainrule as cr\n{begin}\n", *self.given, "\n", *self.calls, end]

    def _begins(self, node, entry):
        array = array_of(node, entry)
        self.numbers += array.size
        if self.numbers > MOST:
            raise GraphError(english("it begins with more than {0} numbers, too many for a program", f"{MOST:,}"))
        name = self._variable(node.label)
        self.names.append(name)
        label = node.label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        if not node.dtype:
            before, after = ("cr.Value(", f', "{label}")') if entry.flows else ("", "")
        else:
            before, after = "cr.tensor(", f', "{node.dtype}"{", requires_grad=True" * entry.flows})'
        if 0 in array.shape:  # lists do not say how long what is in an empty one would be
            before, after = f"cr.zeros({array.shape!r}", after
            self.given.append(f"{name} = {before}{after}\n")
        else:
            self.given += [f"{name} = {before}", (node.id, array), f"{after}\n"]
        if entry.flows:
            self.leaves.append(name)

    def _variable(self, label):
        """A name that Python takes and that is free, as near to the label as possible."""
        name = re.sub(r"\W+", "_", label).strip("_") or "x"
        name = f"_{name}" if name[0].isdigit() else name
        while name in self.taken or not name.isidentifier():
            name = f"{name}_" if name.isidentifier() else "x"
        self.taken.add(name)
        return name

    def _call(self, entry):
        made, options = entry.primitive, dict(entry.options)
        operands = [self.names[x] if isinstance(x, Place) else written(x) for x in entry.operands]
        if made.name == "getitem":
            return f"{operands[0]}[{_index(options['index'])}]"
        defaults = {name: default for name, default in made.options.items() if name in made.defaults}
        options = {k: v for k, v in options.items() if k not in defaults or defaults[k] is not v}
        if made.symbol in _SIGNS and not options:
            bracketed = [f"({x})" if x.startswith("-") else x for x in operands]
            return f" {made.symbol} ".join(bracketed) if len(bracketed) == 2 else f"{made.symbol}{bracketed[0]}"
        if made.name == "einsum":
            operands.insert(0, repr(options.pop("subscripts")))
        said = [*operands, *(f"{name}={_option(value)}" for name, value in options.items())]
        return f"{self._function(made)}({', '.join(said)})"

    def _function(self, made):
        import_name = made.name
        if not made.internal and hasattr(importlib.import_module("chainrule"), import_name):
            return f"cr.{import_name}"
        if not made.module.startswith("chainrule."):
            raise GraphError(
                english("the operation {0} is the program's own, and only the program has it", import_name)
            )
        self.imports[import_name] = made.module
        self.taken.add(import_name)
        return import_name


def _index(index):
    items = index if isinstance(index, tuple) else (index,)
    return ", ".join(map(_item, items)) + "," * (isinstance(index, tuple) and len(items) == 1) or "()"


def _item(item):
    if isinstance(item, slice):
        text = ":".join("" if x is None else str(int(x)) for x in (item.start, item.stop, item.step))
        return text if item.step is not None else text.removesuffix(":") or ":"
    return "..." if item is Ellipsis else _option(item)


def _option(value):
    if isinstance(value, np.ndarray):
        return f"np.array({written(value.tolist())}, {str(value.dtype)!r})"
    if isinstance(value, np.generic):
        return written(value.item())
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return repr(np.dtype(value).name)
    if isinstance(value, tuple):
        return f"({', '.join(map(_option, value))}{',' * (len(value) == 1)})"
    if isinstance(value, (bool, int, float, str, list, slice)) or value is None or value is Ellipsis:
        return written(value) if isinstance(value, (float, list)) else repr(value)
    raise GraphError(english("an option of it is {0}, which has no form in a program", type(value).__name__))
