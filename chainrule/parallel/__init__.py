"""Many workers on one model: a batch is cut into shards, their gradients are computed by threads, processes or GPUs, and added up.

cr.fit(model, loss, optimizer, data, 10, workers=4)                         # four threads
cr.fit(model, loss, optimizer, data, 10, workers=cr.parallel.init())        # under mpiexec -n 4 python train.py
with cr.backends.use(cr.parallel.init("cuda").device): ...                  # likewise, each process on a GPU of its own
"""

from .data_parallel import DataParallel
from .launch import init
from .mpi import Mpi
from .nccl import Nccl
from .workers import Alone, Threads, Workers

__all__ = ["Alone", "DataParallel", "Mpi", "Nccl", "Threads", "Workers", "init"]
