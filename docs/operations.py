"""Write autograd/operations.pyi, which tells type checkers and editors what import makes from the declarations:
the functions of `chainrule`, and the operators and methods of Tensor and Value. Run by `make types`.

An argument without annotation is an array. Tensors in give a Tensor out, Values a Value, and plain arrays a plain array.
"""

import inspect
from pathlib import Path

import chainrule as cr
from chainrule.autograd.methods import OPERATORS, functions
from chainrule.autograd.primitive import ELEMENTWISE, REGISTRY

PATH = Path(__file__).resolve().parent.parent / "autograd" / "operations.pyi"
HEAD = '''"""The functions, and the operators and methods of Tensor and Value. Made by `make types`; do not edit."""

# fmt: off
# mypy: disable-error-code="override, overload-overlap"
from collections.abc import Sequence
from typing import Any, TypeVar, overload

{imports}
from .tensor import Tensor
from .typing import ArrayLike, Axis, Counts, DType, Shape
from .value import Value

_T = TypeVar("_T", Value, Tensor)
'''
EMPTY = inspect.Parameter.empty


class Operation:
    """One public function: its parameters as text, and which of them are arrays."""

    def __init__(self, name, function):
        self.name, self.function = name, function
        self.primitive = p = getattr(function, "primitive", None)
        signature = inspect.signature(function)
        self.parameters = list(signature.parameters.values())
        self.arrays = [q for q in self.parameters if q.annotation is EMPTY]
        if p:
            self.arrays = [q for q in self.parameters if q.kind is not q.KEYWORD_ONLY]
            self.result = "Tensor"
        else:
            self.result = signature.return_annotation
        if self.result is EMPTY or any(q.annotation is EMPTY for q in self.parameters if q not in self.arrays):
            raise TypeError(f"{name}: annotate its options and its result, for docs/operations.py")
        first, _, _ = (inspect.getdoc(function) or "").partition("\n\n")
        self.summary = '"""' + first.replace("\n", " ") + '"""'

    @property
    def test(self):
        """Whether it answers yes or no, element by element: of Values with a bool."""
        return self.primitive is not None and self.primitive.jvp is None and len(self.arrays) == len(self.parameters)

    @property
    def elementwise(self):
        """Whether it takes Values."""
        return self.test or (self.primitive.jvp == ELEMENTWISE if self.primitive else len(self.arrays) == 1)

    def text(self, types=None, method=False):
        """The parameters, with the types of arrays by name where they are not ArrayLike. A method's first is `self`."""
        words = []
        for q in self.parameters:
            annotation = (types or {}).get(q.name, "ArrayLike") if q in self.arrays else q.annotation
            star = "*" if q.kind is q.VAR_POSITIONAL else ""
            default = "" if q.default is EMPTY else f" = {q.default!r}"
            words.append(f"{star}{q.name}: {annotation}{default}")
        return ", ".join(["self", *words[1:]] if method else words)


def function_text(op):
    """One function of the module."""
    variadic = any(q.kind is q.VAR_POSITIONAL for q in op.arrays)
    forms = []
    if variadic and op.primitive:
        options = "".join(f", {q.name}: {q.annotation} = {q.default!r}" for q in op.parameters if q not in op.arrays)
        name = op.arrays[0].name
        forms.append((f"{name}: Sequence[Tensor]{options}", "Tensor"))
        forms.append((op.text({name: "Tensor"}), "Tensor"))
        forms.append((f"{name}: Sequence[ArrayLike]{options}", "Any"))
    elif op.test:
        forms += [(op.text({x.name: "Value"}), "bool") for x in op.arrays]
        forms += [(op.text({x.name: "Tensor"}), "Tensor") for x in op.arrays]
    else:
        forms += [(op.text({x.name: "_T"}), op.result.replace("Tensor", "_T")) for x in op.arrays]
    forms.append((op.text(), "Any"))
    lines = [f"@overload\ndef {op.name}({text}) -> {result}:" for text, result in forms]
    return "\n".join([f"{lines[0]}\n    {op.summary}", *(f"{line} ..." for line in lines[1:])])


def method_text(name, op, result, reflected=False):
    """One method of a class."""
    if reflected:
        return f"    def {name}(self, {op.arrays[0].name}: ArrayLike) -> {result}: ..."
    if name in ("__eq__", "__ne__"):
        return f"    def {name}(self, y: object) -> {result}: ..."
    head = f"    def {name}({op.text(method=True)}) -> {result}:"
    return f"{head} ..." if name.startswith("__") else f"{head}\n        {op.summary}"


def methods():
    """(name, operation, reflected) of the operators and methods that Tensor is given."""
    for p in REGISTRY.values():
        pair = OPERATORS.get((p.symbol, len(p.inputs)), (None, None))
        yield from ((name, Operation(p.name, p.call), name is pair[1]) for name in pair if name)
    for name, value in vars(cr.Tensor).items():
        function = value.fget if isinstance(value, property) else value
        if not inspect.isfunction(function) or function.__qualname__.startswith("Tensor."):
            continue  # Tensor's own, and what object has
        if isinstance(value, property):
            yield name, value, False
        elif not name.startswith("__") or inspect.signature(function).return_annotation is not EMPTY:
            yield name, Operation(name, function), False


def text():
    """The stub."""
    ours = {name: f for name, f in functions().items() if f.__module__.startswith("chainrule.")}
    every = {name: Operation(name, f) for name, f in ours.items() if name != "trace"}
    tensor, value = ["class TensorMethods:"], ["class ValueMethods(TensorMethods):"]
    for name, op, reflected in methods():
        if isinstance(op, property):
            tensor.append(f"    @property\n    def {name}(self) -> Tensor: ...")
            continue
        tensor.append(method_text(name, op, op.result, reflected))
        if op.elementwise and op.result == "Tensor":
            value.append(method_text(name, op, "bool" if op.test else "Value", reflected))
    imports = [
        f"from {op.function.__module__.removeprefix('chainrule.autograd')} import {name} as {name}"
        for name, op in every.items()
        if not op.arrays  # annotated in full
    ]
    parts = [
        HEAD.format(imports="\n".join(sorted(imports))),
        f"__all__ = {[*every]}",
        "\n".join(tensor),
        "\n".join(value),
    ]
    return "\n\n".join([*parts, *(function_text(op) for op in every.values() if op.arrays)]) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
