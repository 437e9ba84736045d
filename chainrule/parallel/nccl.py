"""Processes with a GPU each, whose arrays are added up by NCCL without passing through the host."""

from __future__ import annotations

import platform
from typing import Any

from ..autograd.errors import ArgumentError, DeviceError
from ..backends import get, owner
from .workers import Workers, halved

_TYPES = {"e": "NCCL_FLOAT16", "f": "NCCL_FLOAT32", "d": "NCCL_FLOAT64", "i": "NCCL_INT32", "l": "NCCL_INT64"}
_OPERATIONS = {"sum": "NCCL_SUM", "max": "NCCL_MAX"}


class Nccl(Workers):
    """The same processes as `workers`, each with a GPU of its own, `device`: with "cuda" the first process of a machine has
    "cuda", the next one "cuda:1", and so on; with a number, this process has that one.

    Arrays of the GPU go through NCCL, for which the host does not wait; all else, of the host above all, through `workers`. A
    deterministic run collects the sums of all GPUs on each of them: it needs `size` times the memory of the gradient.

    Raises: DeviceError if there is no such GPU, or if two processes have the same one; ArgumentError if NCCL is missing.
    """

    def __init__(self, workers: Workers, device: str = "cuda"):
        self.workers, self.rank, self.size = workers, workers.rank, workers.size
        name, _, number = device.partition(":")
        self._nccl = library(name)
        cuda = get(name).xp.cuda
        machines = workers.gather(platform.node())
        if not number:
            number = machines[: self.rank].count(machines[self.rank]) % cuda.runtime.getDeviceCount()
        self.device = get(f"{name}:{number}").name
        self._gpu, self._current_stream = cuda.Device(int(number)), cuda.get_current_stream
        gpus = workers.gather(cuda.runtime.getDeviceProperties(self._gpu.id)["uuid"])
        if len(set(gpus)) < self.size:
            ranks = [rank for rank, gpu in enumerate(gpus) if gpus.count(gpu) > 1]
            raise DeviceError(
                f"Nccl: each process needs a GPU of its own, but processes {ranks} share one; start no more processes on a machine "
                "than it has GPUs, or take Mpi, which sends by way of the host"
            )
        key = workers.broadcast(self._nccl.get_unique_id() if self.rank == 0 else None)
        with self._gpu:
            self._channel = self._nccl.NcclCommunicator(self.size, key, self.rank)

    def gather(self, value: Any) -> list[Any]:
        return self.workers.gather(value)

    def broadcast(self, value: Any) -> Any:
        return self.workers.broadcast(value)

    def barrier(self) -> None:
        self.workers.barrier()

    def allreduce(self, array: Any, operation: str = "sum") -> Any:
        if (kind := self._kind(array)) is None:
            return self.workers.allreduce(array, operation)
        with self._gpu:
            array, combine = _in_one_piece(array), getattr(self._nccl, _OPERATIONS[operation])
            self._channel.allReduce(
                array.data.ptr, array.data.ptr, array.size, kind, combine, self._current_stream().ptr
            )
        return array

    def tree(self, array: Any) -> Any:
        if (kind := self._kind(array)) is None:
            return self.workers.tree(array)
        with self._gpu:
            array, sums = _in_one_piece(array), owner(array).xp.empty((self.size, *array.shape), array.dtype)
            self._channel.allGather(array.data.ptr, sums.data.ptr, array.size, kind, self._current_stream().ptr)
            return halved(list(sums), lambda a, b: a + b)

    def _kind(self, array):
        """NCCL's number for the dtype of an array of the GPU; None for what NCCL does not take."""
        name = _TYPES.get(array.dtype.char)
        return None if name is None or owner(array).on_host else getattr(self._nccl, name)


def _in_one_piece(array):
    return owner(array).xp.ascontiguousarray(array).reshape(array.shape)  # the first makes (1,) of ()


def library(device: str) -> Any:
    """CuPy's module for NCCL.

    Raises: ArgumentError that says what to install.
    """
    nccl = getattr(get(device), "nccl", None)
    if nccl is None:
        raise DeviceError(f"Nccl: adds up arrays of CuPy's, not those of device {device!r}; take Mpi")
    if not nccl.available:
        raise ArgumentError(
            "Nccl: CuPy does not find NCCL; install it with `pip install nvidia-nccl-cu13`, or -cu12 with CUDA 12, or take Mpi, which "
            "sends by way of the host"
        )
    return nccl
