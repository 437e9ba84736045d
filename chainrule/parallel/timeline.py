"""Who computed what when, of all workers on one clock."""

from __future__ import annotations

import platform
from time import perf_counter
from typing import Any

READINGS = 5  # of the clocks of several machines, of which the middle one counts


def on_one_clock(workers, events: list[tuple[int, str, float, float]]) -> list[dict[str, Any]]:
    """The events of all workers, as dicts, in seconds from the first one.

    The processes of a machine have the same clock. Those of other machines are compared now, at the end of the events, as clocks
    drift apart: all read theirs when a barrier opens.
    """
    machine, clocks = platform.node(), []
    for _ in range(READINGS if workers.size > 1 else 1):
        workers.barrier()
        clocks.append(perf_counter())
    found = workers.gather((machine, clocks, events))
    here, reference, _ = found[0]
    ahead = [
        0.0 if machine == here else sorted(a - b for a, b in zip(clocks, reference, strict=True))[READINGS // 2]
        for machine, clocks, _ in found
    ]
    rows = [
        {"worker": rank, "thread": thread, "what": what, "start": start - ahead[rank], "end": end - ahead[rank]}
        for rank, (_, _, events) in enumerate(found)
        for thread, what, start, end in events
    ]
    first = min((row["start"] for row in rows), default=0.0)
    return [row | {"start": row["start"] - first, "end": row["end"] - first} for row in rows]
