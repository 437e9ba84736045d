"""The update rules of the optimisers that a page offers, as programs: recorded from the rules themselves."""

from __future__ import annotations

from functools import cache
from inspect import signature

import numpy as np

from ...backends.passes import planned
from ...backends.recording import Recording
from ...backends.trace import recording_into
from ...optim import SGD, Adam
from .live import Writer

OFFERED = {"SGD": (SGD, {}), "SGD, momentum 0.9": (SGD, {"momentum": 0.9}), "Adam": (Adam, {})}


def rules(dtypes):
    """{what the page calls an optimiser: {dtype: its rule as in `live`, for arrays of one element}}.

    given: "p", "g", "lr", "t" (which update it is, from 1 on), "state 0" and so on; kept: "p" and "state", the new ones by their place.
    start: the numbers that the state begins with.
    """
    return {name: {dtype: _written(name, dtype) for dtype in dtypes} for name in OFFERED}


@cache
def _written(name, dtype):
    optimizer, chosen = OFFERED[name]
    parameters = signature(optimizer).parameters.values()
    options = {p.name: p.default for p in parameters if p.default is not p.empty} | chosen
    start = list(optimizer.state(**options).values())
    recording, one = Recording(), np.ones(1, dtype)
    with recording_into(recording):
        arrays = {name: recording.array(name, one) for name in ("p", "g", *(f"state {i}" for i in range(len(start))))}
        numbers = {name: recording.number(name, 1.0) for name in ("lr", "t")}
        asked = signature(optimizer.update).parameters
        given = {key: value for key, value in (options | numbers).items() if key in asked}
        p, *state = optimizer.update(*arrays.values(), **given)
        kept = {("p", 0): p} | {("state", i): x for i, x in enumerate(state)}
        program = planned(recording.program([], [], kept))
    wanted = {**arrays, **numbers}
    given = [(name, x.made, one) for name, x in wanted.items() if x.made in set(program.inputs)]
    return Writer(program, given).data | {"start": start}
