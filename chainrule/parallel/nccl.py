"""Processes with a GPU each, whose arrays are added up by NCCL without passing through the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.errors import ArgumentError, DeviceError
from ..backends import get, owner
from .mpi import Mpi
from .workers import halved

_TYPES = {"e": "NCCL_FLOAT16", "f": "NCCL_FLOAT32", "d": "NCCL_FLOAT64", "i": "NCCL_INT32", "l": "NCCL_INT64"}


class Nccl(Mpi):
    """As Mpi, each process with a GPU of its own: the first process of a machine has `cuda`, the next one `cuda:1`, and so on.

    Everything but the arrays of GPUs goes through MPI. A deterministic run collects the sums of all GPUs on each of them: it needs
    `size` times the memory of the gradient.

    Raises: ArgumentError if mpi4py or NCCL is missing; DeviceError without a GPU, or if two processes have the same one.
    """

    def __init__(self, communicator: Any = None):
        super().__init__(communicator)
        cuda = get("cuda").xp.cuda
        self._nccl = cuda.nccl
        if not cuda.nccl.available:
            raise ArgumentError(
                "Nccl: CuPy does not find NCCL; install it with `pip install nvidia-nccl-cu13` (or -cu12), or use Mpi, "
                "which sends by way of the host"
            )
        here = self.communicator.Split_type(self._mpi.COMM_TYPE_SHARED)  # the processes of this machine
        number = here.rank % cuda.runtime.getDeviceCount()
        self.device = f"cuda:{number}" if number else "cuda"
        self._gpu = cuda.Device(number)
        places = self.gather((self._mpi.Get_processor_name(), cuda.runtime.deviceGetPCIBusId(number)))
        if len(set(places)) < self.size:
            ranks = [rank for rank, place in enumerate(places) if places.count(place) > 1]
            raise DeviceError(
                f"Nccl: each process needs a GPU of its own, but processes {ranks} share one; start as many processes on a "
                "machine as it has GPUs"
            )
        with self._gpu:
            key = self.broadcast(cuda.nccl.get_unique_id() if self.rank == 0 else None)
            self._channel = cuda.nccl.NcclCommunicator(self.size, key, self.rank)

    def allreduce(self, array: Any, operation: str = "sum") -> Any:
        if owner(array).on_host:
            return super().allreduce(array, operation)
        with self._gpu as gpu:
            kind = self._nccl.NCCL_SUM if operation == "sum" else self._nccl.NCCL_MAX
            self._channel.allReduce(
                array.data.ptr, array.data.ptr, array.size, self._type(array), kind, self._stream(gpu)
            )
        return array

    def tree(self, array: Any) -> Any:
        if owner(array).on_host:
            return super().tree(array)
        with self._gpu as gpu:
            sums = owner(array).xp.empty((self.size, array.size), array.dtype)
            self._channel.allGather(array.data.ptr, sums.data.ptr, array.size, self._type(array), self._stream(gpu))
            return halved(list(sums), lambda a, b: a + b)

    def _type(self, array):
        return getattr(self._nccl, _TYPES[np.dtype(array.dtype).char])

    @staticmethod
    def _stream(gpu):
        return get("cuda").xp.cuda.get_current_stream().ptr
