"""Running eagerly beside a program, and comparing what both did."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.convert import raw
from ..backends.record import RecordingError
from .record import Before
from .replay import Replay


def verified(replay: Replay, function: Any, args: tuple, options: dict[str, Any]) -> tuple[bool, Any]:
    """What `replay.run` gives; then all is brought back, and the function run eagerly, whose effects stay.

    Raises: RecordingError at the first array that differs by more than the lowering's `ulps` of its largest element.
    """
    state = replay.recorded.state
    before, arrays = Before(replay.reach), {given: array.copy() for given, array in state.items()}
    counters = [(generator, generator.get_state()) for generator, *_ in replay.recorded.effects.draws]
    done, value = replay.run(args, options)
    if not done:
        return done, value
    found = {given: array.copy() for given, array in state.items()}
    for given, array in state.items():
        array[...] = arrays[given]
    before.restore()
    for generator, counter in counters:
        generator.set_state(counter)
    expected = function(*args, **options)
    for given, array in state.items():
        _compare(" ".join(map(str, given.operands[0])), found[given], array, replay.lowered.ulps)
    for i, (a, b) in enumerate(zip(_arrays(value), _arrays(expected), strict=True)):
        _compare(f"result {i}", a, b, replay.lowered.ulps)
    return done, value


def _arrays(x):
    """The arrays in what a function returns."""
    if isinstance(x, (tuple, list)):
        return [a for item in x for a in _arrays(item)]
    if isinstance(x, dict):
        return _arrays(list(x.values()))
    return [np.asarray(raw(x))] if hasattr(x, "shape") else []


def _compare(what, found, expected, ulps):
    if found.tobytes() == expected.tobytes():
        return
    same = (found == expected) | (found != found) & (expected != expected)
    if ulps and expected.dtype.kind == "f":
        with np.errstate(all="ignore"):
            largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
            same |= np.abs(found - expected) <= ulps * np.spacing(largest)
    if not same.all():
        apart = ~same
        i = tuple(np.argwhere(apart)[0].tolist())
        raise RecordingError(
            f"jit: verify: the program differs from the eager call in {what}, at element {i}: {found[i]!r}, eagerly {expected[i]!r} "
            f"({int(apart.sum())} of {apart.size} elements differ)"
        )
