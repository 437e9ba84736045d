"""`cupy.cuda`: devices, streams, events and the capture of a graph, as records of what was asked for.

The current stream and device are those of the thread, as in CuPy. Work runs at once, so order and overlap are not
imitated. While a stream captures, what CUDA or CuPy refuses then is refused.
"""

import threading
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

from .events import note, watching

_thread = threading.local()
memory = {"free": 8 << 30}  # in bytes


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where a call of the CUDA runtime fails."""


def current_device():
    return vars(_thread).get("device") or 0


def current_stream():
    return vars(_thread).get("stream") or Stream.null


@contextmanager
def by_stream():
    """Inside the with-block, count what is asked of the device by (device number, stream, kind): a Counter."""
    used = Counter()
    with watching(lambda kind, _, count: used.update({(current_device(), current_stream(), kind): count})):
        yield used


def refuse_while_capturing(library):
    """CuPy's NotImplementedError for a library that it does not let a graph capture."""
    if current_stream().capture:
        raise NotImplementedError(f"calling {library} API during stream capture is currently unsupported")


class _Current:
    """A context that makes its object the thread's current one."""

    kind = None

    def __enter__(self):
        vars(_thread).setdefault("before", []).append(vars(_thread).get(self.kind))
        self.use()
        return self

    def __exit__(self, *error):
        vars(_thread)[self.kind] = _thread.before.pop()


class Device(_Current):
    """One of two devices, so that a test can mix them up."""

    kind = "device"
    count = 2

    def __init__(self, device=None):
        self.id = current_device() if device is None else int(device)
        if not 0 <= self.id < self.count:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def use(self):
        _thread.device = self.id

    def synchronize(self):
        note("waits", "synchronize")

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.stream = None

    done = property(lambda self: True)

    def record(self, stream=None):
        self.stream = stream or current_stream()

    def synchronize(self):
        note("waits", "synchronize")


class Stream(_Current):
    """A stream. `waited` are the events that it was told to wait for; `capture` is the Graph in the making."""

    kind = "stream"
    _made = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        Stream._made += not null
        self.ptr = 0 if null else 2 + Stream._made
        self.null, self.non_blocking, self.capture, self.waited = null, non_blocking, None, []
        self.device_id = -1 if null else current_device()

    done = property(lambda self: True)

    def use(self):
        _thread.stream = self
        return self

    def synchronize(self):
        note("waits", "synchronize")

    def record(self, event=None):
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event):
        self.waited.append(event)

    def is_capturing(self):
        return self.capture is not None

    def begin_capture(self, mode=None):
        if self.null:
            raise CUDARuntimeError(
                "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
            )
        self.capture = Graph(self)

    def end_capture(self):
        if self.capture is None:
            raise CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        graph, self.capture = self.capture, None
        graph.watch.__exit__(None, None, None)
        return graph


class Graph:
    """What a stream captured: the reasons of its launches, in order. A replay is one launch."""

    def __init__(self, stream):
        self.nodes, self.stream = [], stream
        self.watch = watching(self._capture)
        self.watch.__enter__()

    def _capture(self, kind, what, count):
        if current_stream() is not self.stream:
            return
        if kind != "launches":
            raise CUDARuntimeError(
                "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
            )
        self.nodes += [what] * count

    def launch(self, stream=None):
        note("launches", "graph")

    def upload(self, stream=None):
        pass

    def debug_dot_str(self, flags=None):
        nodes = "".join(f'"{i}"[label="{what}"];\n' for i, what in enumerate(self.nodes))
        return f"digraph dot {{\n{nodes}}}\n"


Stream.null = Stream(null=True)

cuda = SimpleNamespace(
    __name__=__package__,  # cuda.nccl is imported from there, as cupy.cuda.nccl from CuPy
    Device=Device,
    Stream=Stream,
    Event=Event,
    Graph=Graph,
    is_available=lambda: True,
    get_current_stream=current_stream,
    get_device_id=current_device,
    runtime=SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDevice=current_device,
        getDeviceCount=lambda: Device.count,
        getDeviceProperties=lambda device: {"name": b"double", "uuid": b"double of device %d" % int(Device(device))},
        setDevice=lambda device: Device(device).use(),
        memGetInfo=lambda: (memory["free"], memory["free"]),
        deviceSynchronize=lambda: note("waits", "synchronize"),
    ),
)
