"""Which workers this process belongs to."""

from __future__ import annotations

import os
import sys
import traceback
from time import monotonic, sleep

from ..autograd.errors import ArgumentError, WorkerError
from ..backends import get
from .mpi import Mpi
from .nccl import Nccl
from .workers import Alone, Workers

# where launchers write how many processes they have started: MPICH and Intel MPI, Open MPI, MVAPICH, Slurm's srun
_SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"

PATIENCE = 1  # seconds until those who cannot go on end the others

# by the device that was asked for; of several processes there is only one entry
_joined: dict[str | None, Workers] = {}


def init(device: str | None = None) -> Workers:
    """The workers that this process belongs to: Mpi if `mpiexec` has started several, else Alone. Later calls return the same.

    With a device they have a `device`, for backends.use(workers.device): with "cuda" each process of a machine has a GPU of its own,
    and they are Nccl if there are several; with "cuda:1" this process has that one.

    From then on an error that ends one of the processes ends them all, with a non-zero exit code.

    Raises: ArgumentError if mpi4py or NCCL is missing where mpiexec has started several processes, if these do not find one another,
        or if an earlier call asked for another device; DeviceError if there is no such device, or if two processes have the same GPU.
    Example:
        >>> import chainrule as cr
        >>> cr.parallel.init()
        Alone()
    """
    known, workers = next(iter(_joined.items()), (None, None))
    if workers is not None and device in (None, known):
        return workers
    if workers is not None and workers.size > 1:
        raise ArgumentError(
            f"init: this process has called init({'' if known is None else repr(known)}) before, which does not go with {device!r}; name "
            "the device in the first call"
        )
    if device not in _joined:
        _joined[device] = _join(device)
    return _joined[device]


def _join(device):
    workers: Workers = Alone()
    if any(os.environ.get(name, "1") not in ("", "1") for name in _SIZES):
        workers = Mpi()
        if workers.size == 1:
            raise ArgumentError(
                "init: the launcher says that it has started several processes, but this one finds no other: mpiexec and mpi4py belong to "
                "different MPIs; take the mpiexec of the MPI that mpi4py was installed for"
            )
        _end_together(workers)  # before anything that may fail in one of them
    if device is not None:
        backend = get(device)
        if workers.size > 1 and not backend.on_host:
            return Nccl(workers, device)
        workers.device = backend.name
    return workers


def _end_together(workers):
    """Let an error that nobody handles end all processes: the others would wait for this one for ever."""
    shown = sys.excepthook

    def hook(kind, error, trace):
        if isinstance(error, WorkerError):
            print(f"worker {workers.rank}: {error}", file=sys.stderr, flush=True)
            all_end, patience = workers.communicator.Ibarrier(), monotonic() + PATIENCE
            while not all_end.Test():  # the worker that failed is still telling why, or goes on alone
                if monotonic() > patience:
                    workers.communicator.Abort(1)
                sleep(0.01)
            return
        print(f"worker {workers.rank}:", file=sys.stderr)
        (shown if shown is not sys.__excepthook__ else traceback.print_exception)(kind, error, trace)
        sys.stderr.flush()
        sleep(0.2)  # in which mpiexec passes on what was printed, before it ends us
        workers.communicator.Abort(1)

    sys.excepthook = hook
