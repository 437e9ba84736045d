"""Recording without the garbage collector."""

from __future__ import annotations

import gc
from contextlib import contextmanager


@contextmanager
def without_collector():
    """Meanwhile the garbage collector waits: nearly all that is made stays, and looking through it again and again would take half the
    time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
