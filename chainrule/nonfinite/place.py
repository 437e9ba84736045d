"""Where a call stands: the user's line, the module, whether a `where` may leave its result out; and what a tensor is called."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from typing import Any, NamedTuple

from ..autograd.backward import backward
from ..autograd.callsite import INSIDE, describe
from ..autograd.forward import push
from ..autograd.grad_mode import scope
from ..autograd.primitive import COMPOSED, Primitive

RULES = backward.__code__, push.__code__  # below one of these frames, what runs is a gradient rule


class Place(NamedTuple):
    """Where an operation was called.

    Fields:
        code, instruction: the user's line.
        called: the function of chainrule that called it, or "".
        scope: the module call around it, as grad_mode.scope() gives it.
        left_out: whether it is in a branch of a `where`, which may leave the result out.
    """

    code: Any
    instruction: int
    called: str
    scope: Any
    left_out: bool = False


def placed(start):
    """(Place, what was given to the call at the frame `start`); (None, ()) inside a gradient rule."""
    given, called, lines, frame = start.f_locals, "", [], start
    while frame is not None:
        code = frame.f_code
        if code in RULES:
            return None, ()
        if code.co_filename not in INSIDE:
            lines.append((code, frame.f_lasti))
        elif not lines and not called and frame is not start:
            called = _name(frame)
        last, frame = frame, frame.f_back
    code, instruction = lines[0] if lines else (last.f_code, last.f_lasti)
    left_out = any(unchosen(*line) for line in lines)
    tensors = given["args"] if "args" in given else [given[x] for x in ("x", "y") if x in given]
    return Place(code, instruction, called, scope(), left_out), tensors


def _name(frame):
    """The public function of chainrule that runs in a frame, or ""."""
    name, module = frame.f_code.co_name, frame.f_globals.get("__name__", "")
    if name == "call":
        p, body = frame.f_locals.get("p"), frame.f_locals.get("body")
        return p.name if isinstance(p, Primitive) else getattr(body, "__name__", "")
    public = name in frame.f_globals and not name.startswith("_") and ".nn." in module
    return name if public or name in COMPOSED else ""


def source(tensor, scope):
    """What is known of a tensor that no call inside the block has made."""
    node = getattr(tensor, "_node", None)
    while node is not None and node.plan is not None and moves(node.primitive):
        node, tensor = node.parents[node.plan.tracked[0]], None
    if node is not None and node.plan is not None:
        return f"the result of {node.primitive.name} ({node.where})"
    model = outermost(scope)
    path = next((k for k, x in model.named_tensors() if x is tensor), None) if model and tensor is not None else None
    name = path or (node.name if node is not None else None)
    what = f"{'parameter' if path else 'tensor'} {name!r}" if name else "an input"
    changed = getattr(tensor, "_version", None)
    return what + (f", last changed at {describe(*changed)}" if changed else "")


def moves(p):
    """Whether an operation hands its elements on as they are."""
    return p.module.endswith((".ops.shape", ".ops.index")) or p.name in ("where", "variable", "positive")


def outermost(scope):
    module = None
    while scope is not None:
        module, scope, _ = scope
    return module


def module_of(scope):
    """`layers.1 (Linear) of MLP` for a module call, or ""."""
    if scope is None:
        return ""
    model, module = outermost(scope), scope[0]
    path = next((path for path, m in model.named_modules() if m is module), "")
    kind = type(module).__name__
    return kind if module is model else f"{path} ({kind}) of {type(model).__name__}" if path else kind


def unchosen(code, instruction):
    """Whether a call stands in a branch of a `where`, which chooses between them later."""
    if not (branches := _branches(code.co_filename)):
        return False
    line, end_line, column, end = next(p for i, p in enumerate(code.co_positions()) if i == instruction // 2)
    return None not in (line, end_line, column, end) and any(
        first <= (line, column) and (end_line, end) <= last for first, last in branches
    )


@lru_cache(maxsize=64)
def _branches(file):
    """(first, last) position of each branch of a `where` in a file, and of what is assigned to a name that is a branch."""
    text, found = "".join(linecache.getlines(file)), []
    if "where(" not in text:
        return found
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a notebook's cell may hold more than Python
        return found
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    outside = [
        line for line in tree.body if not isinstance(line, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    for body in [outside, *(function.body for function in functions)]:
        nodes = [node for line in body for node in ast.walk(line)]
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        chosen = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", None)) == "where"]
        branches = [a for call in chosen for a in [*call.args[1:], *(keyword.value for keyword in call.keywords)]]
        names = {a.id for a in branches if isinstance(a, ast.Name)}
        named = [a for a in nodes if isinstance(a, ast.Assign) and getattr(a.targets[0], "id", None) in names]
        for a in [*branches, *(a.value for a in named)]:
            found.append(((a.lineno, a.col_offset), (a.end_lineno, a.end_col_offset)))
    return found
