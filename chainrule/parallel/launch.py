"""Which workers this process belongs to."""

from __future__ import annotations

import os
import sys
import traceback
from time import monotonic, sleep

from ..autograd.errors import WorkerError
from ..backends import default
from .mpi import Mpi
from .nccl import Nccl
from .workers import Alone, Workers

# where launchers write how many processes they have started: MPICH and Intel MPI, Open MPI, MVAPICH, Slurm's srun
_SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"

PATIENCE = 1  # seconds until those who cannot go on end the others

_joined: list[Workers] = []  # the workers of this process, once there are some


def init() -> Workers:
    """The workers that this process belongs to: Mpi if `mpiexec` has started several, Nccl if these compute on a GPU
    (under `backends.use("cuda")`), else Alone. Later calls return the same.

    From then on an error that ends one of the processes ends them all, with a non-zero exit code.

    Raises: ArgumentError if mpi4py is missing where mpiexec has started several processes.
    Example:
        >>> import chainrule as cr
        >>> cr.parallel.init()
        Alone()
    """
    if not _joined:
        started = any(os.environ.get(name, "1") not in ("", "1") for name in _SIZES)
        workers = Alone() if not started else Mpi() if default().on_host else Nccl()
        if isinstance(workers, Mpi) and workers.size > 1:
            _end_together(workers)
        _joined.append(workers)
    return _joined[0]


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
