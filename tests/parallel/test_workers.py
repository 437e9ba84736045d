"""The kinds of workers, the fixed tree of sums, and what a new kind must define."""

import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest
from local_workers import Local, together

import chainrule as cr
from chainrule.parallel import Alone, Threads
from chainrule.parallel.workers import halved, share


@pytest.mark.parametrize("parts", range(1, 18))
def test_each_number_of_workers_adds_up_the_same_tree(parts):
    bracket = lambda a, b: f"({a} {b})"
    whole = halved([str(i) for i in range(parts)], bracket)
    for size in range(1, parts + 1):
        shares = [share(rank, size, 0, parts) for rank in range(size)]
        assert [i for first, last in shares for i in range(first, last)] == list(range(parts))
        assert halved([halved([str(i) for i in range(*each)], bracket) for each in shares], bracket) == whole


@pytest.mark.parametrize("workers", [Alone(), Threads(3)])
def test_one_process_hears_only_itself(workers):
    array = np.arange(3.0)
    assert (workers.rank, workers.size, workers.gather("a"), workers.broadcast("b")) == (0, 1, ["a"], "b")
    assert workers.allreduce(array) is workers.tree(array) is array
    assert workers.barrier() is None


def test_a_new_kind_needs_no_more_than_gather():
    def program(workers):
        array = np.array([workers.rank, 1.0])
        return (
            workers.allreduce(array).tolist(),
            workers.allreduce(array, "max").tolist(),
            workers.tree(array).tolist(),
            workers.broadcast(f"from {workers.rank}"),
            workers.barrier(),
        )

    assert together(3, program) == [([3.0, 3.0], [2.0, 1.0], [3.0, 3.0], "from 0", None)] * 3


def test_workers_without_gather_say_so():
    with pytest.raises(NotImplementedError, match="Workers must define gather"):
        cr.parallel.Workers().gather(1)


def test_threads_compute_at_the_same_time():
    both_here = threading.Barrier(2)
    assert Threads(2).map(lambda i: both_here.wait(timeout=20) >= 0, [0, 1]) == [True, True]


def test_threads_work_in_the_context_of_the_caller():
    with cr.no_grad():
        found = Threads(2).map(lambda i: (cr.ones(2) * cr.nn.Parameter([1.0, 2.0])).requires_grad, [0, 1])
    assert found == [False, False]


def test_threads_wait_for_all_before_they_raise_the_first_error():
    done = []

    def work(i):
        if i < 2:
            raise ValueError(f"number {i}")
        done.append(i)

    with pytest.raises(ValueError, match="number 0"):
        Threads(4).map(work, range(4))
    assert sorted(done) == [2, 3]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="sends POSIX signals")
def test_threads_wait_for_all_after_ctrl_c():
    both, done = threading.Barrier(2), []

    def work(i):
        both.wait(10)
        if i == 0:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        both.wait(10)
        time.sleep(0.05)
        done.append(i)

    with pytest.raises(KeyboardInterrupt):
        Threads(2).map(work, range(2))
    assert sorted(done) == [0, 1]


def test_threads_can_be_pickled_with_their_pool():
    threads = Threads(2)
    threads.map(abs, [1, 2])
    assert repr(pickle.loads(pickle.dumps(threads))) == "Threads(2)"


@pytest.mark.parametrize("n", [0, -1, 1.5, "two"])
def test_a_number_of_threads_is_a_whole_number(n):
    with pytest.raises(cr.ArgumentError, match="Threads: n must be"):
        Threads(n)


def test_this_process_is_alone_where_no_mpiexec_started_it():
    assert repr(cr.parallel.init()) == "Alone()"
    assert cr.parallel.init() is cr.parallel.init()


def test_a_process_of_several_without_mpi4py_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setattr("chainrule.parallel.launch._joined", {})
    monkeypatch.setenv("PMI_SIZE", "4")
    with pytest.raises(cr.ArgumentError, match="pip install mpi4py mpich"):
        cr.parallel.init()


def test_processes_that_do_not_find_one_another_say_so(monkeypatch):
    monkeypatch.setattr("chainrule.parallel.launch.Mpi", Alone)
    monkeypatch.setattr("chainrule.parallel.launch._joined", {})
    monkeypatch.setenv("PMI_SIZE", "4")
    with pytest.raises(cr.ArgumentError, match="mpiexec and mpi4py belong to different MPIs"):
        cr.parallel.init()


def test_workers_print_what_they_are():
    assert [repr(w) for w in (Alone(), Threads(4), Local(1, 3, ([], None)))] == [
        "Alone()",
        "Threads(4)",
        "Local(rank=1, size=3)",
    ]
