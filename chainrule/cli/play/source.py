"""A formula as the Python program that does the same."""

import ast

from ..expression import parse


class _Qualified(ast.NodeTransformer):
    """The functions of a formula as those of a module."""

    def __init__(self, module):
        self.module = module

    def visit_Call(self, node):
        self.generic_visit(node)
        node.func = ast.Attribute(ast.Name(self.module), node.func.id)
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
    taken = {*expression.inputs, *(name for name, _ in expression.steps)}
    module = "cr" if "cr" not in taken else "chainrule"
    alias = " as cr" if module == "cr" else ""
    statements = ast.parse(expression.text).body
    last = statements[-1]
    free = (name for name in ("result", "outcome", *(f"result{i}" for i in range(2, 99))) if name not in taken)
    result = last.targets[0].id if isinstance(last, ast.Assign) else next(free)
    if isinstance(last, ast.Expr):
        statements[-1] = ast.Assign([ast.Name(result)], last.value, lineno=1)
    lines = [ast.unparse(ast.fix_missing_locations(_Qualified(module).visit(node))) for node in statements]
    names = list(expression.inputs)
    learned = [name for name in names if name not in data] or names
    # a name such as print or parameter would hide what the program needs under it
    loop = next(name for name in ("parameter", "p", "each", "leaf") if name not in taken)
    return "\n".join(
        [
            f"import chainrule{alias}",
            "",
            *(f'{name} = {module}.Value({_written(values[name])}, "{name}")' for name in names),
            "",
            *lines,
            f"{result}.backward()",
            f"print({', '.join([f'{result}.data', *(f'{name}.grad' for name in names)])})",
            "",
            f"for {loop} in ({', '.join(learned)}{',' * (len(learned) == 1)}):",
            f"    {loop}.data -= {lr!r} * {loop}.grad",
            "",
            f"{module}.trace({result}).show()  # this graph, step by step",
        ]
    )


def _written(number):
    """A number as Python source; nan and the infinities have no literal."""
    text = repr(float(number))
    return text if text[-1].isdigit() else f'float("{text}")'
