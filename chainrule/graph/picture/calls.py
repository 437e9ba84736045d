"""In which call of which module a picture shows each value."""

from ...pages.words import english, translated


def module_calls(graph):
    """For each node the module calls around it, outermost first, as (path, number of the call); 0 if there is only one.

    A parameter is in the first call that uses it. Numbers, and arrays without a name that meet a computed value, are
    where they are used; what a model was called with stays outside.
    """
    calls = {node.id: tuple(zip(node.module, node.calls, strict=False)) for node in graph.nodes}
    users, operands = uses(graph), graph.operands()
    for node in graph.nodes:
        if len(node.calls) < len(node.module):
            calls[node.id] = _first_call(node.module, [calls[i] for i in users[node.id]])
    modules = {node.id: node.module for node in graph.nodes}
    for i, user in adopted(graph, lambda node: node.kind == "constant" and not node.name, modules):
        if graph.nodes[i].is_number or any(graph.nodes[edge.source].kind == "operation" for edge in operands[user]):
            calls[i] = calls[user]
    counts = {path: number for chain in calls.values() for path, number in chain if number != 1}
    return {i: tuple((path, number if path in counts else 0) for path, number in chain) for i, chain in calls.items()}


def _first_call(module, users):
    """Of the calls around the users of a parameter the first of its module, or else of the innermost one around that."""
    for depth in range(len(module), 0, -1):
        found = [chain[: k + 1] for chain in users for k, (path, _) in enumerate(chain) if path == module[depth - 1]]
        if found:
            return (*min(found, key=lambda chain: chain[-1][1]), *((path, 1) for path in module[depth:]))
    return tuple((path, 1) for path in module)


def called(path, number):
    """What a picture calls a call of a module."""
    return english("{0}, call {1}", path, number) if number else path


def said(name):
    """The same in the language of now; a name without a number is not ours."""
    return translated(name) if " " in name else name


def uses(graph):
    """For each node the ids of the operations that use it."""
    found = [[] for _ in graph.nodes]
    for edge in graph.edges:
        found[edge.source].append(edge.target)
    return found


def adopted(graph, which, keys):
    """(id, id of a user) of the nodes that are used, and only by nodes of one key; `which` says which ones are asked."""
    for i, users in enumerate(uses(graph)):
        if users and which(graph.nodes[i]) and all(keys.get(n) == keys.get(users[0]) for n in users):
            yield i, users[0]
