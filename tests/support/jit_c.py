"""What the tests of `cr.jit`'s C share: many programs compiled at once, run beside NumPy, and how far apart they come out."""

import re

import numpy as np
import pytest

from chainrule.backends.c_graph import NoC
from chainrule.backends.c_library import library
from chainrule.backends.c_lowering import BEFORE, Lowered
from chainrule.backends.compiler import NoCompiler, load
from chainrule.backends.numpy_lowering import Lowered as Plain
from chainrule.jit.names import Names
from chainrule.jit.recorded import at
from chainrule.jit.unrolled import number


def _has_compiler():
    try:
        return bool(library())
    except NoCompiler:
        return False


needs_compiler = pytest.mark.skipif(not _has_compiler(), reason="no C compiler")


class Waiting(Lowered):
    """A program as C that is compiled later, with others."""

    def _compile(self):
        pass


def compiled(programs, *flags):
    """The Lowered of each (Program, state), by one run of the compiler; in its place the NoC, where there is no C of it."""
    found, text = [], [BEFORE]
    for i, (program, state) in enumerate(programs):
        try:
            found.append(Waiting(program, state))
            text.append(re.sub(r"\bnest(?=\d)", f"nest{i}_", found[-1].text.replace("int run(", f"int run{i}(")))
        except NoC as reason:
            found.append(reason)
    made = load("".join(text), flags)
    for i, lowered in enumerate(found):
        if isinstance(lowered, Lowered):
            lowered.bind(getattr(made, f"run{i}"))
    return found


def apart(a, b, least=0.0):
    """How far apart two arrays are, in units of the last place of the largest element, or of `least` if that is larger."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    if a.dtype.kind != "f" or not a.size:
        return 0.0 if (a == b).all() else np.inf
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        largest = max(np.abs(np.where(np.isfinite(a), a, 0)).max(), a.dtype.type(least))
        units = np.abs(a.astype("f8") - b) / np.spacing(largest)
        return float(np.where(same, 0, np.where(units < np.inf, units, np.inf)).max())  # nan is more than any number


def differences(replay, lowered, calls, least=0.0):
    """How far apart C and NumPy are after these calls from the same state: a list for results, kept values and state."""
    program, state, sources = replay.program, replay.recorded.state, replay.recorded.sources
    before = {given: array.copy() for given, array in state.items()}
    found, names = [], Names()
    texts = [number(names, *source) for source in replay.numbers]
    numbers = [[eval(text, names.objects) for text in texts] for _ in calls]
    for one in (Plain(program, state), lowered):
        for given, array in state.items():
            array[...] = before[given]
        left = []
        for args, taken in zip(calls, numbers, strict=True):
            for given in program.inputs:
                if given.dtype is not None and given not in state:
                    x = at((args, {}), sources[given][1])
                    one.arrays[given][...] = getattr(x, "_data", x)
            left.append(one.run(*taken))
        outputs = [one.arrays[made].copy() for made in [*program.results, *program.kept.values()]]
        found.append((left, outputs + [state[given].copy() for given, _ in program.stores]))
    for given, array in state.items():
        array[...] = before[given]
    (left, expected), (right, given) = found
    assert left == right, f"the guards that failed: {left} with NumPy, {right} in C"
    return [] if left[-1] is not None else [apart(a, b, least) for a, b in zip(expected, given, strict=True)]
