"""One recorded call: a Node."""

from .callsite import describe

SMALL = 64  # outputs of at most this many elements stay on the node, for pictures


class Node:
    """One recorded call, or a leaf.

    Fields:
        primitive: the Primitive that was called; None for a leaf.
        plan: which inputs are differentiated and what is kept for them (plan.py); None for a leaf.
        parents: one entry for each operand: its Node, or what a picture needs of a constant.
        saved: the arrays and values that the rules asked for; None once backward has used and freed them.
        used: the same after backward, for pictures, where it is numbers only; else never set.
        guards: (leaf, version) for each kept array that `assign` could change.
        options: the call's keyword arguments.
        shape, dtype: of the output; dtype is None for a Python float.
        code, instruction: the user's line that made the call; `where` makes it readable.
        result: the output itself if small; for a larger one None, or a weak reference to its Tensor after retain_grad().
        scope: the module call it was made in, as grad_mode.scope() gives it; None outside all modules.
        grad: the gradient that backward() left here, for leaves and where result is not None.
        total: of float16, (grad, the same before it was rounded) after several passes (accumulate.py); else never set.
        name: set by the user or by a module, for pictures and messages.
        met: the Value that `_prev` gave for it (micrograd.py); else never set.
    """

    __slots__ = (
        "primitive", "plan", "parents", "saved", "used", "guards", "options", "shape", "dtype", "code", "instruction", "result",
        "scope", "grad", "total", "_name", "met",
    )  # fmt: skip

    @classmethod
    def leaf(cls):
        """A node with no history: where gradients accumulate. Its tensor fills in shape, dtype and result."""
        node = cls()
        node.primitive = node.plan = node.grad = node.code = node.instruction = node.scope = None
        node.parents = node.saved = node.guards = ()
        node.options = {}
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
