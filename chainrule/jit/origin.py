"""Where the instructions of a recording come from: which recorded call, and which part of it."""

from __future__ import annotations

from contextlib import contextmanager

from ..autograd.callsite import INSIDE
from ..autograd.watch import Watch, watching
from ..backends.program import Origin
from ..backends.trace import Recording
from ..nonfinite.calls import observe


class _Origins(Watch):
    """Labels what was noted since it was last told of something."""

    def __init__(self, recording):
        self.recording, self.forward, self.backward = recording, 0, 0

    def _label(self, start, call, part, line):
        for made in self.recording.instructions[start:]:
            made.origin = Origin(call, part, line)

    def called(self, p, arrays, options, out, frame, inner):
        while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
            frame = frame.f_back
        self._label(self.forward, p.symbol or p.name, "result", (frame.f_code, frame.f_lasti))
        self.forward = len(self.recording.instructions)
        return out

    def gradient(self, node, g):
        self.backward = self.forward = len(self.recording.instructions)

    def contribution(self, node, slot, part, total):
        self._label(self.backward, node.label, f"contribution to operand {slot}", (node.code, node.instruction))
        if total is not part:
            self.recording.instructions[-1].origin = Origin(node.label, "gradient so far", (node.code, node.instruction))
        self.backward = self.forward = len(self.recording.instructions)


@contextmanager
def originating(recording: Recording):
    """Inside the with-block, what `recording` notes gets its origin."""
    observe(+1)
    try:
        with watching(_Origins(recording)):
            yield
    finally:
        observe(-1)
