"""What a program asks of the device, counted as three things: launches, uploads and waits.

- A launch is work handed to the device: a kernel, a memset, a copy from device to device, a call of cuBLAS. What CuPy does with
  several kernels counts as several (costs.py); views cost none, nor does work on no elements.
- An upload is an array, or a list of numbers, copied from host to device. Python numbers and NumPy scalars are none: they
  travel with the launch that uses them.
- A wait is the host standing still until the device has a value or is done.
"""

from collections import Counter
from contextlib import contextmanager

import pytest

MEANING = {
    "launches": "gives the device work",
    "uploads": "copies from the host to the device",
    "waits": "makes the host wait for the device",
}

_watchers = []
_only = [frozenset(MEANING)]  # the kinds of events that can be noticed where the test runs


@contextmanager
def noticing(kinds):
    """Inside the with-block, only these kinds are noticed: a test that forbids others is skipped."""
    _only.append(frozenset(kinds))
    try:
        yield
    finally:
        _only.pop()


class ForbiddenError(RuntimeError):
    """A launch, upload or wait where it must not be."""


class Seen:
    """How often each thing was done, by the reason: three Counters."""

    def __init__(self):
        self.launches, self.uploads, self.waits = Counter(), Counter(), Counter()

    def __repr__(self):
        return "; ".join(f"{sum(c.values()):,} {kind}: {dict(c.most_common())}" for kind, c in vars(self).items())


def note(kind, what, count=1):
    """Something of this kind is about to be done, `count` times."""
    if count:
        for watch in _watchers:
            watch(kind, what, count)


@contextmanager
def watching(watch):
    """Inside the with-block, watch(kind, reason, count) is called before everything that is asked of the device."""
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)


@contextmanager
def counting():
    """Inside the with-block, count what is asked of the device: a `Seen`."""
    seen = Seen()
    with watching(lambda kind, what, count: getattr(seen, kind).update({what: count})):
        yield seen


def forbid(*kinds):
    """Inside the with-block, these kinds ("launches", "uploads", "waits") raise a ForbiddenError.

    On a GPU, a test that forbids what cannot be noticed there is skipped.
    """
    if not kinds or not set(kinds) <= MEANING.keys():
        raise ValueError(f"forbid: takes some of {', '.join(MEANING)}, was given {kinds}")
    if not set(kinds) <= _only[-1]:
        pytest.skip(f"{' and '.join(kinds)} cannot be watched on this CuPy")

    def refuse(kind, what, count):
        if kind in kinds:
            raise ForbiddenError(f"{what} {MEANING[kind]}")

    return watching(refuse)
