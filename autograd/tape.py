"""What is remembered of one call: a Node. And whether anything is remembered at all: recording(), no_grad()."""

import os
import sys
from contextlib import ContextDecorator
from contextvars import ContextVar
from weakref import ref

_recording: ContextVar[bool] = ContextVar("chainrule_recording", default=True)
recording = _recording.get

SMALL = 64  # outputs of at most this many elements stay on the node, for pictures


class Node:
    """One recorded call, or a leaf.

    Fields:
        primitive: the Primitive that was called; None for a leaf.
        plan: which inputs are differentiated and what is kept for them (primitive.py); None for a leaf.
        parents: one entry for each operand: its Node, or what a picture needs of a constant.
        saved: the arrays and values that the rules asked for; None once backward has used and freed them.
        guards: (leaf, version) for each kept array that `assign` could change.
        options: the call's keyword arguments.
        shape, dtype: of the output; dtype is None for a Python float.
        code, instruction: the user's line that made the call; `where` makes it readable.
        result: the output itself if small, else a weak reference to the Tensor that holds it.
        grad: the gradient that backward() left here, for leaves and for outputs that someone still holds.
        name: set by the user or by a module, for pictures and messages.
    """

    __slots__ = (
        "primitive", "plan", "parents", "saved", "guards", "options", "shape", "dtype", "code", "instruction", "result",
        "grad", "_name",
    )  # fmt: skip

    @classmethod
    def leaf(cls, shape, dtype, result):
        """A node with no history: where gradients come to rest."""
        node = cls()
        node.primitive = node.plan = node.grad = node.code = node.instruction = None
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

    def wanted(self):
        """Whether someone can still ask for this output's gradient: the user who holds it, or a picture."""
        return type(self.result) is not ref or self.result() is not None

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


_PACKAGES = tuple(  # the folders that hold chainrule's own code, installed or in a checkout
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), name) + os.sep
    for name in ("autograd", "nn", "optim", "backends", "chainrule")
)


class _Inside(dict):
    """file name -> whether it is chainrule's own code; filled as files are met."""

    def __missing__(self, filename):
        self[filename] = filename.startswith(_PACKAGES)
        return self[filename]


_inside = _Inside()


def user_line():
    """(code, instruction) of the nearest caller outside chainrule: cheap now, made readable by `describe`."""
    frame = sys._getframe(2)
    while _inside[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def describe(code, instruction):
    """`file.py:12, in train` for what user_line() returned."""
    if code is None:
        return "an unknown line"
    line = next((p[0] for i, p in enumerate(code.co_positions()) if i == instruction // 2), None)
    return f"{code.co_filename}:{line or code.co_firstlineno}, in {code.co_name}"
