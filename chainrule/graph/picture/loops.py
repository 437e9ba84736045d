"""The repeats of loops: calls that come again and again in the same order, such as the time steps of a recurrent network."""

from math import ceil

import numpy as np

from ...pages.words import english
from .calls import adopted, uses

LEAST = 24  # calls that all repeats have together, at least; shorter loops are easily seen
PERIOD = 500  # calls in one repeat, at most
TOGETHER = 4  # calls in one frame, at least: repeats of fewer share one
FRAMES = 24  # within one frame, or in the whole picture, for one loop


def with_repeats(graph, chains):
    """The chains of module_calls() with a frame for each repeat of a loop inserted, as (what it is, 0).

    Short repeats share a frame, "repeats 5–8 of 40", and where there are many frames, those have frames around them.
    """
    order = [i for i in late_order(graph) if graph.nodes[i].kind == "operation"]
    if len(order) < LEAST:
        return chains
    names = {}
    calls = np.array(
        [
            names.setdefault((n.operation, n.line, tuple(path for path, _ in chains[n.id])), len(names))
            for n in (graph.nodes[i] for i in order)
        ]
    )
    place, found = {i: k for k, i in enumerate(order)}, dict(chains)
    inner = [(place[e.source], place[e.target]) for e in graph.edges if e.source in place]
    waiting, count = [(0, len(order))], 0
    while waiting:
        low, high = waiting.pop()
        loop = _longest(calls[low:high])
        if loop is None:
            continue
        start, period, repeats = loop
        start, repeats = _cut_well(low + start, period, repeats, inner)
        end = start + period * repeats
        waiting += [(end, high), (low, start)]
        count += 1
        _insert(found, chains, order[start:end], period, repeats, count)
    if not count:
        return chains
    for i, users in enumerate(uses(graph)):
        chain = chains[i]
        if chain and graph.nodes[i].kind != "operation":  # a parameter stays in the first call of its module
            around = list(dict.fromkeys(found[j] for j in users if chains[j][: len(chain)] == chain))
            if around:
                found[i] = around[0] if len(around) == 1 else around[0][: around[0].index(chain[-1]) + 1]
    for i, user in adopted(graph, lambda node: node.kind != "operation" and not chains[node.id], found):
        if not chains[user]:  # what a module was called with stays outside
            found[i] = found[user]
    return found


def late_order(graph):
    """The ids of all nodes, operands before their users, each as late as its users allow."""
    far = [0] * len(graph.nodes)
    for edge in reversed(graph.edges):  # by target, the last first
        far[edge.source] = max(far[edge.source], far[edge.target] + 1)
    return sorted(range(len(far)), key=lambda i: (-far[i], i))


def _longest(calls):
    """(start, period, repeats) of the loop that covers most of a sequence, the one of the shortest period; or None."""
    best, most = None, LEAST - 1
    for period in range(1, min(len(calls) // 3, PERIOD) + 1):
        same = np.concatenate([[0], calls[:-period] == calls[period:], [0]]).astype(int)
        edges = np.flatnonzero(np.diff(same))
        starts, lengths = edges[::2], edges[1::2] - edges[::2]
        if not len(starts):
            continue
        k = int(lengths.argmax())
        repeats = int(lengths[k]) // period + 1
        if repeats >= 3 and repeats * period > most:
            best, most = (int(starts[k]), period, repeats), repeats * period
    return best


def _cut_well(start, period, repeats, inner):
    """(start, repeats), moved by less than a period so that the fewest edges lead from one repeat to the next."""
    crossing = [0] * period  # edges over each place in a repeat: of all that begin in the second one
    for source, target in inner:
        if start + period <= source < start + 2 * period:
            for cut in range(source + 1, min(target, source + period) + 1):
                crossing[(cut - start) % period] += 1
    shift = crossing.index(min(crossing))
    return start + shift, repeats - bool(shift)


def _insert(found, chains, order, period, repeats, loop):
    """Write the frames of one loop into `found`, below the modules that are around all of it."""
    shared = 0
    while all(len(chains[i]) > shared and chains[i][shared] == chains[order[0]][shared] for i in order):
        shared += 1
    sizes = [ceil(TOGETHER / period)]  # how many repeats a frame holds, the inner ones first
    count = ceil(repeats / sizes[0])
    levels = next(n for n in range(1, 64) if FRAMES**n >= count)
    sizes += [sizes[0] * ceil(count ** (1 / levels)) ** n for n in range(1, levels)]
    for k, i in enumerate(order):
        frames = tuple((_title(k // period, size, repeats, loop), 0) for size in reversed(sizes))
        found[i] = chains[i][:shared] + frames + chains[i][shared:]


def _title(repeat, size, repeats, loop):
    """`repeat 3 of 20` or `loop 2: repeats 5–8 of 40` for the frame that holds a repeat, counted from 0."""
    first = repeat // size * size + 1
    last = min(first + size - 1, repeats)
    repeat = english("repeat {0} of {1}", first, repeats)
    if first != last:
        repeat = english("repeats {0} of {1}", f"{first}–{last}", repeats)
    return english("loop {0}: {1}", loop, repeat) if loop > 1 else repeat
