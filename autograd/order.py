"""The recorded calls in order: each after its inputs."""

from .node import Node


def topological(root, sources=None):
    """The recorded calls that `root` depends on and root, each after its inputs. Iterative: a chain may be of any length.

    With `sources`, only those that depend on one of them, and they themselves.
    """
    order, seen, stack = [], set(), [root] if root.plan else []
    while stack:
        node = stack.pop()
        if node is None:  # a marker: everything below the next node is in `order`
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            if sources and node in sources:
                continue
            for parent in node.parents:
                if parent.__class__ is Node and parent.plan is not None and parent not in seen:
                    stack.append(parent)
    return leading_to(sources, order) if sources else order


def leading_to(sources, order):
    """Those of the ordered calls that are in `sources` or depend on one."""
    between = set(sources)
    for node in order:
        if any(parent in between for parent in node.parents if isinstance(parent, Node)):
            between.add(node)
    return [node for node in order if node in between]
