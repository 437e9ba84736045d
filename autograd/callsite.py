"""The user's line that made a call: cheap to note, made readable when a message or a picture asks."""

import os
import sys
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

# the files of chainrule's own code: the user's line is the nearest one outside them. In a checkout four of its folders
# are links, and their files are loaded under the names of the links
INSIDE = frozenset(
    [
        np.errstate.__call__.__code__.co_filename,  # as a decorator it stands between us and our callers
        *(
            os.path.join(folder, file)
            for folder, _, files in os.walk(Path(__file__).parent.parent, followlinks=True)
            for file in files
            if file.endswith(".py")
        ),
    ]
)


def user_line():
    """(code, instruction) of the nearest caller outside chainrule: cheap now, made readable by `describe`."""
    frame = sys._getframe(2)  # user_frame(), written out: a call more would be felt
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def user_frame():
    """The frame of the nearest caller outside chainrule."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in INSIDE and frame.f_back is not None:
        frame = frame.f_back
    return frame


# the filters of `warnings`, and the lines about which a warning was given since they were set
_warned: tuple[list | None, set] = (None, set())


def warn_once(message, category):
    """Warn at the user's line, of what `message()` says if it says anything; once for each line.

    Inside a new `warnings.catch_warnings()` each line may warn again.
    """
    global _warned
    frame = user_frame()
    if _warned[0] is not warnings.filters:
        _warned = warnings.filters, set()
    file, line, names = frame.f_code.co_filename, frame.f_lineno, frame.f_globals
    if (file, line) not in _warned[1] and (text := message()):
        registry = names.setdefault("__warningregistry__", {})
        warnings.warn_explicit(text, category, file, line, names.get("__name__"), registry)
        _warned[1].add((file, line))  # afterwards: a warning that is turned into an error is an error each time


def describe(code, instruction):
    """`file.py:12, in train` for what user_line() returned."""
    return "an unknown line" if code is None else f"{code.co_filename}:{line_of(code, instruction)}, in {code.co_name}"


def line_of(code, instruction):
    """The number of the line."""
    line = next((p[0] for i, p in enumerate(code.co_positions()) if i == instruction // 2), None)
    return line or code.co_firstlineno


@lru_cache(maxsize=256)
def short_line(code, instruction):
    """describe() without the folder: the same on every machine."""
    return os.path.basename(describe(code, instruction))
