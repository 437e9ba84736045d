"""A way to observe what happens: in a backward pass each contribution and each finished gradient, and each call while
chainrule/nonfinite/calls.py observes. What is not watched costs nothing extra.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from .guards import saved_values

_watch: ContextVar["Watch | None"] = ContextVar("chainrule_watch", default=None)
current_watch, set_watch = _watch.get, _watch.set
OBSERVERS: list[object] = []  # not empty while calls are told of (nonfinite/calls.py)


class Watch:
    """What is told, in the order of time. Subclass it and override what you want to know; it must not change arrays."""

    def contribution(self, node, slot, part, total):
        """`part` has arrived at the operand of `node` at position `slot`, whose gradient is `total` so far."""

    def gradient(self, node, g):
        """The gradient of a call, or of a leaf, is complete: `g`. Those of leaves come last."""

    def tangent(self, node, incoming, t):
        """In forward mode: of a call whose operands have the tangents `incoming`, {position: tangent}, that of the result is `t`."""

    def calling(self, p):
        """The array code of the primitive `p` is about to run; then `called` is told."""

    def called(self, p, arrays, options, out, frame, inner):
        """The array code of the primitive `p` gave `out`, which is to be returned. `frame` called it; `inner` is a list for the
        composed function around it, else None."""
        return out

    def returned(self, out, frame, inner):
        """A composed function returns `out`, and its calls have filled `inner`."""

    def saved(self, node, create_graph):
        """What the rules of `node` get. Called only where `node.saved` cannot be used directly (freed, guarded, or
        create_graph); return None to skip the node."""
        return saved_values(node, create_graph)

    def failed(self, node, slot, error):
        """The rule for the operand at `slot` raised. True: go on without its contribution."""
        return False


@contextmanager
def watching(watch):
    """Every pass inside the with-block, in this thread, is watched by `watch`.

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
