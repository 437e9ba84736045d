"""A formula as the Python program that does the same."""

import ast

from ..expression import parse

# what the program needs under its own name, and what Python lets nobody assign to
TAKEN = {"cr", "float", "parameter", "print", "__debug__"}


class _Written(ast.NodeTransformer):
    """The functions of a formula as those of chainrule, and its names as the program's variables."""

    def __init__(self, variables):
        self.variables = variables

    def visit_Name(self, node):
        node.id = self.variables.get(node.id, node.id)
        return node

    def visit_Call(self, node):
        node.args = [self.visit(arg) for arg in node.args]
        node.func = ast.Attribute(ast.Name("cr"), node.func.id)
        return node


def source(formula, values, data=(), lr=0.1):
    """The program as text: the values, the formula, its gradients, and one step against those that are not `data`.

    Raises: ExpressionError if the formula cannot be read.
    Example:
        >>> print(source("tanh(a*b)", {"a": 2.0, "b": -3.0}))
        import chainrule as cr
        <BLANKLINE>
        a = cr.Value(2.0, "a")
        b = cr.Value(-3.0, "b")
        <BLANKLINE>
        result = cr.tanh(a * b)
        result.backward()
        print(result.data, a.grad, b.grad)
        <BLANKLINE>
        for parameter in (a, b):
            parameter.data -= 0.1 * parameter.grad
        <BLANKLINE>
        cr.trace(result).show()  # this graph, step by step
    """
    expression = parse(formula)
    statements = ast.parse(expression.text).body
    last = statements[-1]
    variables = _variables([*expression.inputs, *(name for name, _ in expression.steps if name)])
    if isinstance(last, ast.Expr):
        result = _free("result", variables.values())
        statements[-1] = ast.Assign([ast.Name(result)], last.value, lineno=1)
    else:
        result = variables[last.targets[0].id]
    lines = [ast.unparse(ast.fix_missing_locations(_Written(variables).visit(node))) for node in statements]
    names = list(expression.inputs)
    learned = [variables[name] for name in names if name not in data] or [variables[name] for name in names]
    return "\n".join(
        [
            "import chainrule as cr",
            "",
            *(f'{variables[name]} = cr.Value({_number(values[name])}, "{name}")' for name in names),
            "",
            *lines,
            f"{result}.backward()",
            f"print({', '.join([f'{result}.data', *(f'{variables[name]}.grad' for name in names)])})",
            "",
            f"for parameter in ({', '.join(learned)}{',' * (len(learned) == 1)}):",
            f"    parameter.data -= {lr!r} * parameter.grad",
            "",
            f"cr.trace({result}).show()  # this graph, step by step",
        ]
    )


def _variables(names):
    """{name of a formula: that of its variable in the program}."""
    found = {name: name for name in names if name not in TAKEN}
    for name in names:
        if name in TAKEN:
            found[name] = _free(f"{name}_", {*found.values(), *names})
    return found


def _free(name, taken):
    while name in taken:
        name += "_"
    return name


def _number(x):
    """A number as Python source; nan and the infinities have no literal."""
    text = repr(float(x))
    return text if text[-1].isdigit() else f'float("{text}")'
