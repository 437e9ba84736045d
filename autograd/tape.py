"""What is remembered of one call: a Node. And whether anything is remembered at all: recording(), no_grad()."""

import os
import sys
from contextlib import ContextDecorator
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

_recording: ContextVar[bool] = ContextVar("chainrule_recording", default=True)
recording = _recording.get

# the modules whose forward pass is running, as (module, the same for the module around it), or None
_scope: ContextVar[tuple | None] = ContextVar("chainrule_scope", default=None)
scope = _scope.get


def enter(module):
    """What is recorded from now on, in this thread, belongs to `module`, until leave(what this returned)."""
    return _scope.set((module, _scope.get()))


leave = _scope.reset

SMALL = 64  # outputs of at most this many elements stay on the node, for pictures


class Node:
    """One recorded call, or a leaf.

    Fields:
        primitive: the Primitive that was called; None for a leaf.
        plan: which inputs are differentiated and what is kept for them (primitive.py); None for a leaf.
        parents: one entry for each operand: its Node, or what a picture needs of a constant.
        saved: the arrays and values that the rules asked for; None once backward has used and freed them.
        used: the same after backward, for pictures, where it is numbers only; else never set.
        guards: (leaf, version) for each kept array that `assign` could change.
        options: the call's keyword arguments.
        shape, dtype: of the output; dtype is None for a Python float.
        code, instruction: the user's line that made the call; `where` makes it readable.
        result: the output itself if small; for a larger one None, or a weak reference to its Tensor after retain_grad().
        scope: the modules it was called in, as `scope()` gives them; None outside all modules.
        grad: the gradient that backward() left here, for leaves and where result is not None.
        name: set by the user or by a module, for pictures and messages.
    """

    __slots__ = (
        "primitive", "plan", "parents", "saved", "used", "guards", "options", "shape", "dtype", "code", "instruction", "result",
        "scope", "grad", "_name",
    )  # fmt: skip

    @classmethod
    def leaf(cls, shape, dtype, result):
        """A node with no history: where gradients come to rest."""
        node = cls()
        node.primitive = node.plan = node.grad = node.code = node.instruction = node.scope = None
        node.parents = node.saved = node.guards = ()
        node.options = {}
        node.shape, node.dtype, node.result = shape, dtype, result
        return node

    @property
    def where(self):
        """The user's line that made the call."""
        return describe(self.code, self.instruction)

    @property
    def name(self):
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name):
        self._name = name

    @property
    def label(self):
        """The operation as pictures and messages show it."""
        return "leaf" if self.primitive is None else self.primitive.symbol or self.primitive.name

    def __repr__(self):
        return f"<Node {self.label} {self.shape}>"


class no_grad(ContextDecorator):
    """Record nothing inside the with-block or the decorated function, in this thread.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> with cr.no_grad():
        ...     (w * 2).requires_grad
        False
    """

    _state = False

    def __init__(self):
        self._tokens = []

    def __enter__(self):
        self._tokens.append(_recording.set(self._state))
        return self

    def __exit__(self, *error):
        _recording.reset(self._tokens.pop())

    def _recreate_cm(self):  # a decorated function may run in several threads: each call gets its own tokens
        return type(self)()


class enable_grad(no_grad):
    """Record again inside a `no_grad` block."""

    _state = True


# the files of chainrule's own code: the user's line is the nearest one outside them. In a checkout four of its folders
# are links, and their files are loaded under the names of the links
INSIDE = frozenset(
    os.path.join(folder, file)
    for folder, _, files in os.walk(Path(__file__).parent.parent, followlinks=True)
    for file in files
    if file.endswith(".py")
)


def user_line():
    """(code, instruction) of the nearest caller outside chainrule: cheap now, made readable by `describe`."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def describe(code, instruction):
    """`file.py:12, in train` for what user_line() returned."""
    if code is None:
        return "an unknown line"
    line = next((p[0] for i, p in enumerate(code.co_positions()) if i == instruction // 2), None)
    return f"{code.co_filename}:{line or code.co_firstlineno}, in {code.co_name}"


@lru_cache(maxsize=256)
def place(code, instruction):
    """describe() without the folder: the same on every machine."""
    return os.path.basename(describe(code, instruction))
