"""Where the instructions of a recording come from: which recorded call, and which part of it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import CodeType
from typing import NamedTuple

from ..autograd.callsite import INSIDE, describe
from ..autograd.watch import Watch, watching
from ..backends.program import Origin
from ..backends.recording import Recording
from ..nonfinite.calls import observe


class Line(NamedTuple):
    """A line of the user's, as `user_line` gives it, which can be printed."""

    code: CodeType
    instruction: int

    def __str__(self):
        return describe(self.code, self.instruction)


def line(frame=None) -> Line:
    """The line of the nearest caller outside chainrule: of `frame`, or of this function."""
    frame = frame or sys._getframe(1)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return Line(frame.f_code, frame.f_lasti)


class _Origins(Watch):
    """Labels what was noted since it was last told of something."""

    def __init__(self, recording):
        self.recording, self.forward, self.backward = recording, 0, 0

    def _label(self, start, call, part, line):
        for made in self.recording.instructions[start:]:
            made.origin = Origin(call, part, line)

    def calling(self, p):
        self.forward = len(self.recording.instructions)

    def called(self, p, arrays, options, out, frame, inner):
        self._label(self.forward, p.symbol or p.name, "result", line(frame))
        return out

    def gradient(self, node, g):
        self.backward = len(self.recording.instructions)

    def contribution(self, node, slot, part, total):
        where = Line(node.code, node.instruction)
        self._label(self.backward, node.label, f"contribution to operand {slot}", where)
        if total is not part:
            self.recording.instructions[-1].origin = Origin(node.label, "gradient so far", where)
        self.backward = len(self.recording.instructions)


@contextmanager
def originating(recording: Recording):
    """Inside the with-block, what `recording` notes gets its origin."""
    observe(+1)
    try:
        with watching(_Origins(recording)):
            yield
    finally:
        observe(-1)
