"""A way to observe a backward pass: each contribution and each finished gradient. Passes that are not watched cost nothing extra."""

from contextlib import contextmanager
from contextvars import ContextVar

from .guards import saved_values

_watch: ContextVar["Watch | None"] = ContextVar("chainrule_watch", default=None)
current_watch = _watch.get


class Watch:
    """What a backward pass tells, in its order. Subclass it and override what you want to know; it must not change arrays."""

    def contribution(self, node, slot, part, total):
        """`part` has arrived at the operand of `node` at position `slot`, whose gradient is `total` so far."""

    def gradient(self, node, g):
        """The gradient of a call, or of a leaf, is complete: `g`. Those of leaves come last."""

    def saved(self, node, create_graph):
        """What the rules of `node` get. Called only where `node.saved` cannot be used directly (freed, guarded, or
        create_graph); return None to skip the node."""
        return saved_values(node, create_graph)

    def failed(self, node, slot, error):
        """The rule for the operand at `slot` raised. True: go on without its contribution."""
        return False


@contextmanager
def watching(watch):
    """Every backward pass inside the with-block, in this thread, is watched by `watch`.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.autograd.watch import Watch, watching
        >>> class Print(Watch):
        ...     def contribution(self, node, slot, part, total):
        ...         print(f"{node.label} sends {part} to operand {slot}, which has {total}")
        >>> x = cr.Value(3.0)
        >>> with watching(Print()):
        ...     (x * x).backward()
        * sends 3.0 to operand 0, which has 3.0
        * sends 3.0 to operand 1, which has 6.0
    """
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)
