"""In which call of which module each value was computed, and what uses it."""


def module_calls(graph):
    """For each node the modules around it, outermost first, as (path, number of the call).

    A module whose calls have other values between them is several frames or boxes, one for each call, so that no edge
    needs to run backward. Numbers, and arrays without a name that meet a computed value, are where they are used; what a
    model was called with stays outside.
    """
    modules, operands = {node.id: node.module for node in graph.nodes}, graph.operands()
    for i, user in adopted(graph, lambda node: node.kind == "constant" and not node.name, modules):
        if graph.nodes[i].is_number or any(graph.nodes[edge.source].kind == "operation" for edge in operands[user]):
            modules[i] = modules[user]
    calls = _calls(graph, modules)
    return {i: tuple((path, calls.get((path, i), 0)) for path in chain) for i, chain in modules.items()}


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


def _calls(graph, modules):
    """{(module path, node id): number of the call} of modules that are called anew after others have used what they made."""
    members = {}
    place, count = {}, 0  # of each operation among the operations
    for node in graph.nodes:
        if node.kind == "operation":
            place[node.id] = count
            count += 1
            for path in modules[node.id]:
                members.setdefault(path, []).append(node.id)
    operands, users, found = graph.operands(), uses(graph), {}
    for path, ids in members.items():
        if place[ids[-1]] - place[ids[0]] + 1 == len(ids):
            continue  # nothing else was computed in between
        calls = _numbered(ids, operands, users)
        found.update({(path, i): call for i, call in calls.items()})
        for i, node in enumerate(graph.nodes):
            if node.kind != "operation" and path in modules[i]:
                found[path, i] = min((calls[n] for n in users[i] if n in calls), default=0)
    return found


def _numbered(ids, operands, users):
    """{id: number of the call} of the operations of a module: what needs a call through other values is of a later one.

    That alone leaves a choice for what needs little: it belongs to the last call that it can.
    """
    span, inside, first, last = range(ids[0], ids[-1] + 1), set(ids), {}, {}
    for i in span:
        known = [first[e.source] + (i in inside and e.source not in inside) for e in operands[i] if e.source in first]
        if known or i in inside:
            first[i] = max(known, default=0)
    for i in reversed(span):
        known = [last[n] - (n in inside and i not in inside) for n in users[i] if n in last]
        if known or i in inside:
            last[i] = min(known, default=first.get(i))
    return {i: last[i] for i in ids}
