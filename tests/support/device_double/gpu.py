"""The real CuPy on a GPU, watched: `counting` and `forbid` see its waits and uploads, not its launches.

A wait shows in two places of CuPy: its own note that it is about to wait, made by `ndarray.get` (which is behind float(),
bool(), item, tolist, masks and so on, so that such a read may count twice) and by `Device.synchronize`; and
`Stream.synchronize`. An upload asks the allocator of pinned memory for room. Whether this works is tried out: `watched`
tells what was noticed.
"""

from contextlib import suppress
from functools import cache

from . import events


@cache
def watch(cupy):
    """Let waits and uploads of this CuPy be noted from now on."""
    from cupy._core import syncdetect

    def before(kind, what, function):
        def noted(*args, **kwargs):
            events.note(kind, what)
            return function(*args, **kwargs)

        return noted

    syncdetect._declare_synchronize = before("waits", "get", syncdetect._declare_synchronize)
    stream, event = cupy.cuda.stream._BaseStream, cupy.cuda.Event
    stream.synchronize = before("waits", "synchronize", stream.synchronize)
    event.synchronize = before("waits", "synchronize", event.synchronize)
    pool = cupy.get_default_pinned_memory_pool()
    cupy.cuda.set_pinned_memory_allocator(before("uploads", "array", pool.malloc))


@cache
def watched(cupy):
    """The kinds of events that are noticed on this GPU: each is caused once."""
    import numpy

    with suppress(AttributeError, ImportError):  # another version of CuPy
        watch(cupy)
    with events.counting() as seen:
        array = cupy.asarray(numpy.ones(3))
        float(array.sum())
    return frozenset(kind for kind, counter in vars(seen).items() if counter)
