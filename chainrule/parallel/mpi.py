"""Processes, on one machine or many, that talk through MPI (mpi4py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.errors import ArgumentError
from ..backends import owner
from .workers import Workers


class Mpi(Workers):
    """The processes of an MPI communicator, by default all that `mpiexec` has started.

    Arrays of a device are sent by way of the host; for GPUs there is Nccl.

    Raises: ArgumentError if mpi4py is missing, or finds no MPI.
    """

    def __init__(self, communicator: Any = None):
        self._mpi = imported()
        self.communicator = self._mpi.COMM_WORLD if communicator is None else communicator
        self.rank, self.size = self.communicator.rank, self.communicator.size

    def gather(self, value: Any) -> list[Any]:
        return self.communicator.allgather(value)

    def broadcast(self, value: Any) -> Any:
        return self.communicator.bcast(value)

    def barrier(self) -> None:
        self.communicator.Barrier()

    def allreduce(self, array: Any, operation: str = "sum") -> Any:
        host = self._host(array)
        self.communicator.Allreduce(self._mpi.IN_PLACE, host, self._mpi.SUM if operation == "sum" else self._mpi.MAX)
        return array if host is array else owner(array).asarray(host)

    def tree(self, array: Any) -> Any:
        """In ⌈log₂ size⌉ rounds, in each of which a worker sends its sum to one of the other half, and gets that one's."""
        host, low, high, halves = self._host(array), 0, self.size, []
        while high - low > 1:
            middle = (low + high) // 2
            halves.append((low, middle, high))
            low, high = (low, middle) if self.rank < middle else (middle, high)
        received = np.empty_like(host)
        for low, middle, high in reversed(halves):
            left = self.rank < middle
            place, pairs = self.rank - (low if left else middle), middle - low  # the right half may have one more
            if place < pairs:
                peer = (middle if left else low) + place
                self.communicator.Sendrecv(host, peer, recvbuf=received, source=peer)
                if left and place == pairs - 1 and high - middle > pairs:
                    self.communicator.Send(host, high - 1)
            else:
                self.communicator.Recv(received, middle - 1)
            with np.errstate(all="ignore"):  # an error on one worker only would leave the others waiting
                host = np.add(host, received, out=host)
        return array if host is array else owner(array).asarray(host)

    @staticmethod
    def _host(array):
        """The array as one of NumPy that can be sent, and written to: itself, where it is one."""
        backend = owner(array)
        return np.require(array if backend.on_host else backend.to_numpy(array), requirements="CW")


def imported():
    """mpi4py's MPI, which is started at its first import.

    Raises: ArgumentError that says what to install.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ArgumentError(
            f"Mpi: needs mpi4py and an MPI, and there is: {error}. `pip install mpi4py mpich` brings both; with the MPI of a "
            "cluster, load its module and install mpi4py there"
        ) from error
    return MPI
