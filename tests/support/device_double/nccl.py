"""`cupy.cuda.nccl`: a communicator for each process, or each thread, that works on the memory behind the pointers it is given.

As NCCL's do, its members find each other over a socket, whose port is in the id, and making one waits for all others. They
refuse two on one device. A step of theirs counts as one launch; that the host stands still meanwhile is not imitated.
"""

import ctypes
import pickle
import socket

import numpy as np

from .events import note
from .streams import current_device

available = True

NCCL_SUM, NCCL_PROD, NCCL_MAX, NCCL_MIN, NCCL_AVG = range(5)
NCCL_INT8 = NCCL_CHAR = 0
NCCL_UINT8 = 1
NCCL_INT32 = NCCL_INT = 2
NCCL_UINT32 = 3
NCCL_INT64 = 4
NCCL_UINT64 = 5
NCCL_FLOAT16 = NCCL_HALF = 6
NCCL_FLOAT32 = NCCL_FLOAT = 7
NCCL_FLOAT64 = NCCL_DOUBLE = 8
NCCL_BFLOAT16 = 9

REFUSES_DUPLICATES = True  # of a device; a test of several machines has to do with those of one
WITHIN_S = 20  # so long a member waits for another
_DTYPES = dict(enumerate("int8 uint8 int32 uint32 int64 uint64 float16 float32 float64".split()))
_COMBINE = {NCCL_SUM: np.add, NCCL_PROD: np.multiply, NCCL_MAX: np.maximum, NCCL_MIN: np.minimum}
_servers = {}  # of the ids that nobody has used yet


class NcclError(RuntimeError):
    """What CuPy raises where a call of NCCL fails."""


def get_unique_id():
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(WITHIN_S)
    key = str(server.getsockname()[1]).encode().ljust(128, b"\0")
    _servers[key] = server
    return key


class NcclCommunicator:
    _links = ()

    def __init__(self, ndev, commId, rank):
        if not isinstance(commId, bytes):
            raise TypeError(f"Argument 'commId' has incorrect type (expected bytes, got {type(commId).__name__})")
        assert len(commId) == 128
        self._size, self._rank, self._device, self._links = ndev, rank, current_device(), []
        if rank == 0:
            with _servers.pop(commId) as server:
                links = [_link(server.accept()[0]) for _ in range(ndev - 1)]
            self._links = [link for _, link in sorted((pickle.load(link), link) for link in links)]
        else:
            port = int(commId.rstrip(b"\0"))
            self._links = [_link(socket.create_connection(("127.0.0.1", port), WITHIN_S))]
            self._send(self._links[0], rank)
        if len(set(self._exchange(self._device))) < ndev and REFUSES_DUPLICATES:
            raise NcclError("NCCL_ERROR_INVALID_USAGE: invalid usage (run with NCCL_DEBUG=WARN for details)")

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):
        parts = self._step("allReduce", sendbuf, count, datatype, stream)
        total = parts[0].copy()
        for part in parts[1:]:
            _COMBINE[op](total, part, out=total)
        ctypes.memmove(recvbuf, total.ctypes.data, total.nbytes)

    def allGather(self, sendbuf, recvbuf, count, datatype, stream):
        parts = np.concatenate(self._step("allGather", sendbuf, count, datatype, stream))
        ctypes.memmove(recvbuf, parts.ctypes.data, parts.nbytes)

    def broadcast(self, sendbuff, recvbuff, count, datatype, root, stream):
        part = self._step("broadcast", sendbuff, count, datatype, stream)[root]
        ctypes.memmove(recvbuff, part.ctypes.data, part.nbytes)

    def size(self):
        return self._size

    def rank_id(self):
        return self._rank

    def device_id(self):
        return self._device

    def destroy(self):
        for link in self._links:
            link.close()
        self._links = []

    __del__ = abort = destroy

    def _step(self, what, sendbuf, count, datatype, stream):
        """What all members send."""
        if any(type(x) is not int for x in (sendbuf, count, datatype, stream)):  # C's integers, in CuPy
            raise TypeError("an integer is required")
        note("launches", what)
        dtype = np.dtype(_DTYPES[datatype])
        found = self._exchange((what, dtype, ctypes.string_at(sendbuf, count * dtype.itemsize)))
        if len({(what, dtype, len(data)) for what, dtype, data in found}) > 1:
            raise RuntimeError(
                f"the device double: on a GPU this never ends, for the members do different things: {found}"
            )
        return [np.frombuffer(data, dtype) for *_, data in found]

    def _exchange(self, value):
        """What each member gives, in order of rank, for all of them."""
        if self._rank:
            self._send(self._links[0], value)
            return pickle.load(self._links[0])
        values = [value, *map(pickle.load, self._links)]
        for link in self._links:
            self._send(link, values)
        return values

    @staticmethod
    def _send(link, value):
        pickle.dump(value, link)
        link.flush()


def _link(connection):
    connection.settimeout(WITHIN_S)
    with connection:  # which the file keeps open
        return connection.makefile("rwb")
