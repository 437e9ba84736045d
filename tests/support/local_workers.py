"""A kind of workers as a user might add one: the ranks are threads of this process, each with a model of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from chainrule.parallel import Workers


class Local(Workers):
    """Number `rank` of `size` threads that share `room`, a list and a barrier."""

    def __init__(self, rank, size, room):
        self.rank, self.size = rank, size
        self.values, self.all_here = room

    def gather(self, value):
        self.values[self.rank] = value
        self.all_here.wait(timeout=20)
        found = list(self.values)
        self.all_here.wait(timeout=20)
        return found


def together(size, program):
    """What program(workers) returned, or the error it raised, for each of `size` workers."""

    def run(rank):
        try:
            return program(Local(rank, size, room))
        except Exception as error:
            return error

    room = [None] * size, threading.Barrier(size)
    with ThreadPoolExecutor(size) as pool:
        return [call.result() for call in [pool.submit(copy_context().run, run, rank) for rank in range(size)]]
